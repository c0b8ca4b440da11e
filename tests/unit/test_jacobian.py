"""The analytic Jacobian against forward-mode differentiation and against Cantera's exact derivatives."""

from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.kinetics.integrate import systems
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import jacobian as jac
from combust.kinetics.rates.production import production_rates
from combust.kinetics.rates.thermo import GAS_CONSTANT, cp_mass, h_mass

OWN = [str(Path(__file__).parent / f"{name}_rates.yaml") for name in ("special", "pressure", "falloff", "linear_burke")]
MECHANISMS = ["h2o2.yaml", "gri30.yaml", "ohn.yaml", "air.yaml", *OWN]
TOLERANCE = 1e-8


def random_state(gas, count, seed=0, zeros=0.2):
    """T, rhoY, Q, Qh: random states, sources of the size of a flame's."""
    rng = draws.rng(seed)
    T, p = rng.uniform(250, 3500, count), ct.one_atm * 10 ** rng.uniform(-1, 2, count)
    Y = rng.dirichlet(np.full(len(gas.species), 0.5), count).T
    Y[rng.random(Y.shape) < zeros] = 0
    T, p, Y = torch.tensor(T), torch.tensor(p), torch.tensor(Y / Y.sum(0))
    Q = torch.tensor(rng.normal(size=Y.shape) * 100.0)
    return T, gas.density(T, p, Y) * Y, Q, torch.tensor(rng.normal(size=count) * 1e8)


def per_cell(f, *cells):
    """f's Jacobian with respect to its first argument, cell by cell: (cells, out, in)."""
    columns = [torch.func.jacfwd(f)(*(x[..., i] for x in cells)) for i in range(cells[0].shape[-1])]
    return torch.stack(columns)


def flow_jacobian(gas, T, rhoY, Q, Qh):
    """Jacobian of a "flow" cell, (1 + species, 1 + species, ...cells)."""
    z, s = torch.cat([T[None], rhoY]), torch.cat([Qh[None], Q])
    return systems.linearise(gas.kinetics, "flow", z, s).jacobian


def agree(ours, exact):
    """Each entry to 1e-8 of itself, or of what round-off leaves of the largest entry in its row and column unit."""
    return torch.all((ours - exact).abs() <= TOLERANCE * exact.abs() + 1e-12 * exact.abs().amax((-1), keepdim=True))


@pytest.mark.parametrize("path", MECHANISMS, ids=lambda path: Path(path).stem)
def test_source_jacobian_is_the_derivative_of_source(path):
    gas = Mechanism.load(path)
    T, rhoY, Q, Qh = random_state(gas, 12)
    rhoY = torch.where(torch.rand(rhoY.shape, generator=draws.generator(0)) < 0.1, -1e-9, rhoY)

    def f(z, Q, Qh):
        return systems.rate(gas.kinetics, "flow", z[:, None], torch.cat([Qh[None], Q])[:, None])[:, 0]

    exact = per_cell(f, torch.cat([T[None], rhoY]), Q, Qh)
    assert agree(flow_jacobian(gas, T, rhoY, Q, Qh).movedim(-1, 0), exact)


@pytest.mark.parametrize("hold", ["hp", "uv"])
@pytest.mark.parametrize("path", ["h2o2.yaml", "gri30.yaml"])
def test_reactor_jacobian(path, hold):
    gas = Mechanism.load(path)
    T, rhoY, *_ = random_state(gas, 6, seed=1)
    rho = rhoY.sum(0)
    Y = rhoY / rho
    p = rho * GAS_CONSTANT * T / gas.mean_molar_mass(Y)
    W = gas.molar_mass

    def f(z, p, rho):
        T, Y = z[0], z[1:]
        rho = p / (GAS_CONSTANT * T * (Y / W).sum()) if hold == "hp" else rho
        omega = production_rates(gas.kinetics, T[None], (rho * Y / W)[:, None])[:, 0]
        e, c = h_mass(gas.thermo, T[None])[:, 0], cp_mass(gas.thermo, T[None])[:, 0]
        if hold == "uv":
            e, c = e - GAS_CONSTANT * T / W, c - GAS_CONSTANT / W
        rate = W * omega / rho
        return torch.cat([(-(e * rate).sum() / (Y * c).sum())[None], rate])

    exact = per_cell(f, torch.cat([T[None], Y]), p, rho)
    assert agree(gas.jacobian(T, p, Y, hold=hold).movedim(-1, 0), exact)


def without_falloff(path):
    full = ct.Solution(path)
    kept = [r for r in full.reactions() if not isinstance(r.rate, ct.FalloffRate)]
    return ct.Solution(thermo="ideal-gas", kinetics="gas", species=full.species(), reactions=kept)


@pytest.mark.parametrize("path", ["h2o2.yaml", "gri30.yaml", "ohn.yaml"])
def test_concentration_derivatives_against_cantera(path, tmp_path):
    """Cantera differentiates falloff by finite differences, so its reference is exact only without it."""
    reference = without_falloff(path)
    reference.write_yaml(tmp_path / "plain.yaml")
    gas = Mechanism.load(tmp_path / "plain.yaml")
    W = gas.molar_mass.numpy()
    T, rhoY, *_ = random_state(gas, 50, seed=2, zeros=0.0)
    C = rhoY / gas.molar_mass[:, None]
    ours = jac.rate_derivatives(gas.kinetics, T, C)[2].numpy() * (W / W[:, None])[..., None]
    for i in range(50):
        reference.TD = float(T[i]), float(rhoY[:, i].sum())
        reference.set_unnormalized_mass_fractions(rhoY[:, i].numpy() / rhoY[:, i].sum().numpy())
        exact = reference.net_production_rates_ddCi
        assert np.all(np.abs(ours[..., i] - exact) <= TOLERANCE * np.abs(exact).max(1, keepdims=True))


def test_cells_of_any_shape():
    gas = Mechanism.load("h2o2.yaml")
    T, rhoY, Q, Qh = random_state(gas, 6)
    flat = flow_jacobian(gas, T, rhoY, Q, Qh)
    boxed = flow_jacobian(gas, *(x.reshape(*x.shape[:-1], 2, 3) for x in (T, rhoY, Q, Qh)))
    assert torch.allclose(boxed.reshape(11, 11, 6), flat, rtol=1e-12)


@pytest.mark.compile
def test_compiled_equals_eager(monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    from combust.kernels import compiled

    gas = Mechanism.load("h2o2.yaml")
    T, rhoY, Q, Qh = random_state(gas, 64)
    z, s = torch.cat([T[None], rhoY]), torch.cat([Qh[None], Q])
    eager = systems.linearise(gas.kinetics, "flow", z, s).jacobian
    fused = compiled(systems.linearise)(gas.kinetics, "flow", z, s).jacobian
    assert torch.all((fused - eager).abs() <= 1e-11 * eager.abs().amax(1, keepdim=True))
