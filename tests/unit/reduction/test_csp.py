"""Computational singular perturbation and the criteria for quasi-steady states."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import ConfigError
from combust.kinetics import Mechanism
from combust.kinetics.integrate.systems import Fixed, rate
from combust.reduction.select import csp, qss_ranking


@pytest.fixture(scope="module")
def igniting():
    """Methane mechanism, T (states,) and Y (species, states) along an ignition at 1 bar."""
    gas = Mechanism.load("gri30.yaml")
    solution = gas.cantera()
    solution.TPX = 1500.0, 1e5, "CH4:1, O2:2, N2:7.52"
    reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    states, last = [], 0.0
    while network.time < 2e-3:
        network.step()
        if abs(reactor.T - last) > 100.0:
            states.append([reactor.T, *solution.Y])
            last = reactor.T
    states = torch.tensor(np.array(states)).T
    return gas, states[0], states[1:] / states[1:].sum(0)


def test_modes_rebuild_jacobian_and_rates(igniting):
    gas, T, Y = igniting
    modes = csp.modes(gas, T, 1e5, Y)
    J = gas.jacobian(T, 1e5, Y).permute(2, 0, 1)
    again = modes.right @ torch.diag_embed(modes.eigenvalues) @ modes.left
    assert float((again.real - J).abs().amax((1, 2)).div(J.abs().amax((1, 2))).max()) < 1e-7
    z = torch.cat([T[None], Y])
    g = rate(gas.kinetics, "hp", z, torch.zeros_like(z), Fixed(torch.full_like(T, 1e5))).T
    sums = (modes.right @ modes.amplitudes.unsqueeze(-1)).squeeze(-1)
    assert float(((sums.real - g).abs().amax(1) / g.abs().amax(1)).max()) < 1e-7
    speed = modes.eigenvalues.abs()
    assert bool((speed[:, :-1] >= speed[:, 1:]).all())


def test_exhausted_modes(igniting):
    """What M promises holds; pairs stay together; a projection is its own square; more tolerance, more modes."""
    gas, T, Y = igniting
    modes = csp.modes(gas, T, 1e5, Y)
    M = modes.exhausted
    assert 1 <= int(M.min()) and int(M.max()) < len(gas.species)
    z = torch.cat([T[None], Y])
    g = rate(gas.kinetics, "hp", z, torch.zeros_like(z), Fixed(torch.full_like(T, 1e5))).T
    moved = (modes.fast @ g.unsqueeze(-1)).squeeze(-1)
    states = torch.arange(T.numel())
    tau = 1.0 / modes.eigenvalues[states, M].abs()
    assert bool((tau[:, None] * moved.abs() <= 1.01 * (csp.RTOL * z.T.abs() + csp.ATOL)).all())
    last, following = modes.eigenvalues[states, M - 1], modes.eigenvalues[states, M]
    assert not bool(((last.imag != 0) & (last.conj() == following)).any())
    assert float((modes.fast @ modes.fast - modes.fast).abs().max()) < 1e-3 * float(modes.fast.abs().max())
    assert bool((csp.modes(gas, T, 1e5, Y, rtol=1e-2).exhausted >= M).all())


def test_pointers_name_the_fast_species(igniting):
    gas, T, Y = igniting
    middle = (T > 1700.0) & (T < 2600.0)
    pointer = csp.pointers(gas, T[middle], 1e5, Y[:, middle]).mean(1)
    assert float(pointer[gas.index("CH2(S)")]) > 0.95
    assert abs(float(pointer[gas.index("CO2")])) < 0.1 and abs(float(pointer[gas.index("AR")])) < 1e-9
    M = csp.modes(gas, T[middle], 1e5, Y[:, middle])
    trace = torch.diagonal(M.fast, dim1=1, dim2=2).sum(1)
    assert torch.allclose(trace, M.exhausted.double(), atol=1e-5)  # a projection's trace is its rank


def test_importance(igniting):
    """Shares of a whole: between 0 and 1; chain branching matters, much of the mechanism does not while it ignites."""
    gas, T, Y = igniting
    T, Y = T[T < 2000.0], Y[:, T < 2000.0]
    index = csp.importance(gas, T, 1e5, Y, [gas.index(k) for k in ("CH4", "O2", "H2O", "CO")])
    equations = gas.cantera().reaction_equations()
    assert index.shape == (len(equations),) and float(index.min()) >= 0.0 and float(index.max()) <= 1.0
    assert float(index[equations.index("H + O2 <=> O + OH")]) > 0.1
    assert float(index[equations.index("N + NO <=> N2 + O")]) < 1e-3
    assert int((index < 1e-3).sum()) > len(equations) // 3


def test_rankings(igniting):
    """Each criterion puts radicals known for it first and main species last; inert ones are left out."""
    gas, T, Y = igniting
    for criterion in qss_ranking.CRITERIA:
        ranked = qss_ranking.rank(gas, T, 1e5, Y, criterion)
        names = [name for name, _ in ranked]
        values = [value for _, value in ranked]
        assert values == sorted(values) and "AR" not in names
        assert names.index("CH2(S)") < len(names) // 2, criterion
        assert {"CO2", "H2O"} <= set(names[len(names) // 2 :]), criterion
    with pytest.raises(ConfigError, match="allowed: balance, csp, lifetime"):
        qss_ranking.rank(gas, T, 1e5, Y, "smallest")


def test_production_and_consumption(igniting):
    gas, T, Y = igniting
    P, C = qss_ranking.production_and_consumption(gas, T, torch.full_like(T, 1e5), Y)
    omega = gas.net_production_rates(T, 1e5, Y)
    assert torch.allclose(P - C, omega, rtol=1e-8, atol=1e-12 * float(P.max()))
    assert float(P.min()) >= 0.0 and float(C.min()) >= 0.0
