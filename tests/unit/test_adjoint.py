"""Derivatives of reactors' end states and of ignition delays against differences and Cantera's sensitivities."""

from __future__ import annotations

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import ConfigError, DivergenceError
from combust.kinetics import Mechanism
from combust.kinetics.integrate import adjoint, bend
from combust.kinetics.reactors import delay_gradients
from combust.kinetics.reactors.delay_gradients import differentiable_delays
from combust.kinetics.reactors.delays import Criterion
from combust.kinetics.reactors.ignition import ignition_delays
from tests import draws

TIGHT = {"rtol": 1e-11, "atol": 1e-14}
STEPS = {"T": 0.05, "p": 1000.0, "Y": 1e-4, "dt": 1e-8, "A": 5e-4, "Ea_R": 0.3}  # of differences; of A, Y: relative


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def inputs(gas):
    """Two cells on the way to ignition, and what their end states are differentiated by."""
    T = torch.tensor([1200.0, 1300.0], dtype=torch.float64)
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)[:, None].repeat(1, 2)
    dt = torch.tensor([3e-5, 5e-6], dtype=torch.float64)
    p = torch.tensor([1e5, 5e5], dtype=torch.float64)
    return {"T": T, "p": p, "Y": Y, "dt": dt, "A": gas.parameters.A, "Ea_R": gas.parameters.Ea_R}


def projection(gas, hold, weights, x, gradients=False):
    """A number made of all end states, of integrations that do not tell few cells from many."""
    changed = gas.with_parameters(A=x["A"], Ea_R=x["Ea_R"])
    end = changed.integrate(x["T"], x["p"], x["Y"], x["dt"], hold, **TIGHT, compile=False, gradients=gradients)
    return (weights * torch.cat([end.T.unsqueeze(0) / 1000.0, end.Y])).sum()


def difference(f, x, name, along):
    """Change of f when x changes along `along`, by differences of fourth order."""

    def at(share):
        return float(f(x | {name: x[name] + share * along}))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12


@pytest.mark.parametrize("hold", ["hp", "uv"])
@pytest.mark.parametrize("name", ["h2o2.yaml", "gri30.yaml"])
def test_changes_of_the_jacobian(name, hold):
    """By differences of the C++ kernels' Jacobian as by torch's derivatives, also where polynomials of species meet."""
    gas, draw = Mechanism.load(name), draws.generator(3)
    n, cells = len(gas.species), 6
    Y = torch.rand(n, cells, generator=draw, dtype=torch.float64) ** 6
    T = torch.tensor([900.0, 999.95, 1000.0, 1000.05, 1500.0, 2500.0], dtype=torch.float64)
    z = torch.cat([T.unsqueeze(0), Y / Y.sum(0)])
    u = torch.cat([torch.tensor([[5.0, 0.5, -3.0, 40.0, 0.0, 1e-3]], dtype=torch.float64),
                   1e-3 * torch.randn(n, cells, generator=draw, dtype=torch.float64) * z[1:]])  # fmt: skip
    s = 1e-3 * torch.randn(z.shape, generator=draw, dtype=torch.float64)
    held = torch.linspace(1e5, 2e6, cells, dtype=torch.float64) if hold == "hp" else torch.linspace(0.1, 5.0, cells)
    fixed = bend.Fixed(held.to(torch.float64))
    expected = bend._exact(gas.kinetics, hold, z, u, s, fixed)
    found = bend.along(gas.kinetics, hold, z, u, s, fixed)
    scale = bend.systems.linearise(gas.kinetics, hold, z, s, fixed).jacobian.abs().amax((0, 1))
    apart = (found - expected).abs().amax((0, 1)) / (scale * (u[0].abs() / T + u[1:].abs().sum(0)))
    assert float(apart.max()) < 1e-8


@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_end_states_against_differences(gas, hold):
    x = inputs(gas)
    weights = torch.randn(11, 2, generator=draws.generator(1), dtype=torch.float64)
    learnt = {name: value.clone().requires_grad_() for name, value in x.items()}
    value = projection(gas, hold, weights, learnt, gradients=True)
    assert float(value.detach()) == float(projection(gas, hold, weights, x))  # the same states
    value.backward()
    for number, (name, step) in enumerate(STEPS.items()):
        along = step * torch.randn(x[name].shape, generator=draws.generator(number), dtype=torch.float64).clamp(
            -1.5, 1.5
        )
        along = along * x[name] if name in ("A", "Y") else along
        along = along - x[name] * along.sum(0) if name == "Y" else along
        expected = difference(lambda y: projection(gas, hold, weights, y), x, name, along)
        size = float((learnt[name].grad * along).norm())
        assert abs(float((learnt[name].grad * along).sum()) - expected) < 1e-6 * size, name


def test_end_states_against_cantera(gas):
    A = gas.parameters.A.clone().requires_grad_()
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
    changed = gas.with_parameters(A=A, A_low=gas.parameters.A_low * A / gas.parameters.A)  # all of a falloff rate
    end = changed.integrate(1200.0, 1e5, Y, 3e-5, **TIGHT, gradients=True)
    row = gas.index("H")
    (found,) = torch.autograd.grad(end.Y[row], A)
    found = (found * A).detach().numpy() / float(end.Y[row].detach())
    solution = gas.cantera(transport=False)
    solution.TPY = 1200.0, 1e5, Y.numpy()
    reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    for i in range(solution.n_reactions):
        reactor.add_sensitivity_reaction(i)
    network.rtol, network.atol = 1e-11, 1e-17
    network.rtol_sensitivity, network.atol_sensitivity = 1e-8, 1e-8
    network.advance(3e-5)
    expected = np.array([network.sensitivity("H", i) for i in range(solution.n_reactions)])
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-4  # CVODES differentiates by differences
    assert expected.max() > 1.0  # chain branching


def test_sources_slow_cells_and_windows(gas, monkeypatch):
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)[:, None].repeat(1, 2)
    T = torch.tensor([300.0, 1250.0], dtype=torch.float64)  # the first takes one explicit step
    heat = torch.tensor([1e-3, 1e9], dtype=torch.float64)

    def end(T, heat, gradients=False):
        return gas.integrate(T, 1e5, Y, 2e-5, source=(heat, 0.0 * Y), rtol=1e-9, atol=1e-12, gradients=gradients)

    given = T.clone().requires_grad_(), heat.clone().requires_grad_()
    result = end(*given, gradients=True)
    assert result.stats.skipped == 1
    total = result.T.sum() + 1e6 * result.Y[1].sum()
    found = torch.autograd.grad(total, given, retain_graph=True)
    for k, cell, step in ((0, 0, 0.05), (0, 1, 0.05), (1, 1, 1e5)):
        moved = [x.clone() for x in (T, heat)]
        values = []
        for sign in (1, -1):
            moved[k][cell] = (T, heat)[k][cell] + sign * step
            one = end(*moved)
            values.append(float(one.T.sum() + 1e6 * one.Y[1].sum()))
        assert float(found[k][cell]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)
    assert float(found[1][0]) == pytest.approx(2e-5 / float(gas.cp(300.0, Y[:, 0])), rel=1e-6)
    monkeypatch.setattr(adjoint, "WINDOW", 3e5)  # many windows
    again = torch.autograd.grad(total, given)
    assert all(torch.allclose(x, y, rtol=1e-10) for x, y in zip(found, again, strict=True))


def test_ensembles(gas):
    factors = torch.ones(29, 2, dtype=torch.float64).requires_grad_()
    Y, member = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)[:, None].repeat(1, 2), torch.tensor([0, 1])
    end = gas.ensemble(factors).integrate(1200.0, 1e5, Y, 1e-5, member=member, gradients=True)
    (found,) = torch.autograd.grad(end.Y[1].sum(), factors)
    A = gas.parameters.A.clone().requires_grad_()
    changed = gas.with_parameters(A=A, A_low=gas.parameters.A_low * A / gas.parameters.A)
    (one,) = torch.autograd.grad(changed.integrate(1200.0, 1e5, Y[:, 0], 1e-5, gradients=True).Y[1], A)
    assert torch.allclose(found, (one * A).detach()[:, None].expand(-1, 2), rtol=1e-6, atol=1e-9 * float(found.norm()))


def test_what_has_no_derivatives_is_refused(gas, monkeypatch):
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
    monkeypatch.setattr("combust.kinetics.integrate.gradients.QssKinetics", type(gas.kinetics))
    with pytest.raises(ConfigError, match="gradients=True and species in quasi-steady state"):
        gas.integrate(1300.0, 1e5, Y, 1e-5, gradients=True)
    monkeypatch.undo()
    monkeypatch.setattr("combust.kinetics.integrate.cells.MAX_STEPS", 3)
    with pytest.raises(DivergenceError, match="cell 0 went to CVODE, whose steps have no derivatives"):
        gas.integrate(1300.0, 1e5, Y, 1e-5, gradients=True)


SLOW = [pytest.param(criterion, marks=pytest.mark.slow) for criterion in ("p half max", "OH max")]


@pytest.mark.parametrize("criterion", ["T max slope", *SLOW])
def test_delays_against_differences(gas, criterion):
    T = torch.tensor([1100.0], dtype=torch.float64)
    rtol = 1e-10 if criterion == "OH max" else 1e-8  # a flat maximum moves with the error
    p, Y = torch.full_like(T, 2e5), gas.mixture("H2:1", "O2:1, AR:10", 1.0)[:, None]
    along = {"T": 0.5 + 0.0 * T, "A": 1e-3 * gas.parameters.A * draws.rng(2).choice([-1.0, 1.0], 29)}

    def ln_delay(x):
        changed = gas.with_parameters(A=x["A"])
        return torch.log(differentiable_delays(changed, x["T"], p, Y, 1e-3, "uv", criterion, rtol=rtol)).sum()

    x = {"T": T, "A": gas.parameters.A}
    learnt = {name: value.clone().requires_grad_() for name, value in x.items()}
    value = ln_delay(learnt)
    found = dict(zip(learnt, torch.autograd.grad(value, list(learnt.values())), strict=True))
    moved = [ln_delay({name: value + sign * along[name] for name, value in x.items()}) for sign in (1, -1)]
    changes = torch.cat([found[name] * along[name] for name in x])
    assert abs(float(changes.sum() - (moved[0] - moved[1]) / 2)) < 1e-4 * float(changes.norm())
    read = ignition_delays(gas, T, p, Y, 1e-3, "uv", criterion)
    assert float(value.detach()) == pytest.approx(float(torch.log(read)), abs=1e-3)


def test_delays_whose_rise_is_hardly_steeper_than_its_neighbours(gas):
    """Newton's method once went astray there: v'' was that of a last step as long as its tolerance allows."""
    T, p = torch.tensor([1155.0, 1227.0], dtype=torch.float64), 31.4 * 101325.0
    Y = gas.composition("H2:0.0075, O2:0.0125, AR:0.98")[:, None].repeat(1, 2)
    given = Y, 0.04, "uv", "OH max slope", 1e-8, 1e-14
    with torch.no_grad():
        found = differentiable_delays(gas, T, p, *given)
    assert torch.allclose(found, ignition_delays(gas, T, p, *given), rtol=1e-3)


@pytest.mark.parametrize("criterion", ["T max slope", "OH max"])
def test_delays_from_a_poor_guess(gas, criterion):
    """Newton's steps lead away from an event that is far, as v'' is no line: times on both sides of it hold them."""
    T, p = torch.tensor([1100.0, 1300.0], dtype=torch.float64), torch.full((2,), 2e5, dtype=torch.float64)
    Y = gas.mixture("H2:1", "O2:1, AR:10", 1.0)[:, None].expand(-1, 2)
    with torch.no_grad():
        good = differentiable_delays(gas, T, p, Y, 1e-3, "uv", criterion)
        event = delay_gradients.Event(gas, Criterion.parse(criterion, gas, "uv"), T, p, Y, 1e-3, "uv", 1e-8, 1e-15)
        for off in (0.8, 1.3):
            assert torch.allclose(event.time(off * good), good, rtol=1e-6)


def test_delays_without_ignition(gas):
    T = torch.tensor([500.0, 1300.0], dtype=torch.float64).requires_grad_()
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)[:, None].repeat(1, 2)
    tau = differentiable_delays(gas, T, 1e5, Y, 1e-3)
    assert torch.isnan(tau[0]) and tau[1] > 0
    (found,) = torch.autograd.grad(tau[1], T)
    assert found[0] == 0 and found[1] < 0
    with pytest.raises(ConfigError, match="has no derivatives here"):
        differentiable_delays(gas, T, 1e5, Y, 1e-3, criterion="T max slope extrapolated")
