"""Rates of progress and net production rates against Cantera."""

from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import production as rates
from combust.kinetics.rates.jacobian import rate_derivatives
from combust.kinetics.rates.thermo import GAS_CONSTANT

OWN = [str(Path(__file__).parent / f"{name}_rates.yaml") for name in ("special", "pressure", "falloff", "linear_burke")]
MECHANISMS = ["h2o2.yaml", "gri30.yaml", "ohn.yaml", "air.yaml", *OWN]
TOLERANCE = 1e-10


def random_states(gas, count, seed=0):
    """T 250-3500 K, p 0.1-100 atm, mass fractions of which a fifth are exactly zero."""
    rng = draws.rng(seed)
    T, p = rng.uniform(250, 3500, count), ct.one_atm * 10 ** rng.uniform(-1, 2, count)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), count).T
    Y[rng.random(Y.shape) < 0.2] = 0
    Y[:, Y.sum(0) == 0] = 1
    return T, p, Y / Y.sum(0)


@pytest.fixture(scope="module", params=MECHANISMS, ids=lambda path: Path(path).stem)
def case(request):
    gas = Mechanism.load(request.param)
    T, p, Y = random_states(gas, 1000)
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TPY = T, p, Y.T
    return gas, (T, p, Y), states


def gross(states):
    """Sum of the absolute terms in each species' rate, (species, states): what round-off scales with."""
    solution = states._phase
    forward, reverse = np.abs(states.forward_rates_of_progress.T), np.abs(states.reverse_rates_of_progress.T)
    nu = solution.reactant_stoich_coeffs + solution.product_stoich_coeffs
    return nu @ (forward + reverse)


def test_rates_of_progress(case):
    gas, state, states = case
    forward, reverse = (x.numpy() for x in gas.rates_of_progress(*state))
    for ours, theirs in ((forward, states.forward_rates_of_progress.T), (reverse, states.reverse_rates_of_progress.T)):
        assert np.all(np.abs(ours - theirs) <= TOLERANCE * np.abs(theirs) + 1e-250)


def test_net_production_rates(case):
    gas, state, states = case
    ours = gas.net_production_rates(*state).numpy()
    assert np.all(np.abs(ours - states.net_production_rates.T) <= TOLERANCE * gross(states) + 1e-250)


def test_states_of_an_ignition_and_a_flame():
    gas = Mechanism.load("gri30.yaml")
    reference = gas.cantera()
    reference.TPX = 1200.0, 10 * ct.one_atm, "CH4:1, O2:2, N2:7.52"
    reactor = ct.IdealGasConstPressureReactor(reference)
    net = ct.ReactorNet([reactor])
    states = ct.SolutionArray(reference)
    while net.time < 0.1:
        net.step()
        states.append(T=reactor.T, P=reactor.thermo.P, Y=reactor.Y)
    ours = gas.net_production_rates(states.T, states.P, np.abs(states.Y.T) / np.abs(states.Y).sum(1)).numpy()
    states.TPY = states.T, states.P, np.abs(states.Y)
    assert states.T.max() > 2500
    assert np.all(np.abs(ours - states.net_production_rates.T) <= TOLERANCE * gross(states))


def test_cells_take_any_shape():
    gas = Mechanism.load("h2o2.yaml")
    T, p, Y = random_states(gas, 24)
    flat = gas.net_production_rates(T, p, Y)
    shaped = gas.net_production_rates(T.reshape(2, 3, 4), p.reshape(2, 3, 4), Y.reshape(-1, 2, 3, 4))
    assert torch.equal(shaped, flat.reshape(-1, 2, 3, 4))
    single = gas.net_production_rates(T[0], p[0], Y[:, 0])
    assert torch.allclose(single, flat[:, 0], rtol=1e-13)


def test_blocks_do_not_show():
    gas = Mechanism.load("h2o2.yaml")
    T, p, Y = random_states(gas, 2345)
    C = gas.mole_fractions(torch.tensor(Y)) * torch.tensor(p / (GAS_CONSTANT * T))
    whole = rates.production_rates(gas.kinetics, torch.tensor(T), C)
    assert torch.all((gas.net_production_rates(T, p, Y) - whole).abs() <= 1e-12 * whole.abs().amax(0))


@pytest.mark.parametrize("path", ["h2o2.yaml", *OWN], ids=lambda path: Path(path).stem)
def test_negative_concentrations_are_smooth(path):
    """Integer orders are polynomials through C = 0; other orders are zero below; nothing is NaN."""
    gas = Mechanism.load(path)
    T, p, Y = random_states(gas, 200)
    C = gas.mole_fractions(torch.tensor(Y)) * torch.tensor(p / (GAS_CONSTANT * T))
    small = 1e-9 * C.sum(0)

    def omega(at_zero):
        return rates.production_rates(gas.kinetics, torch.tensor(T), torch.where(C == 0, at_zero, C))

    below, zero, above = omega(-small), omega(torch.zeros_like(small)), omega(small)
    assert torch.isfinite(below).all()
    if path == "h2o2.yaml":
        bend, change = (above - 2 * zero + below).abs().amax(0), (above - zero).abs().amax(0)
        assert torch.all(bend <= 1e-5 * change + 1e-13 * zero.abs().amax(0))


def test_elements_are_conserved():
    gas = Mechanism.load("gri30.yaml")
    T, p, Y = random_states(gas, 300)
    omega = gas.net_production_rates(T, p, Y)
    made = gas.element_matrix @ omega
    assert torch.all(made.abs() <= 1e-13 * (gas.element_matrix @ omega.abs()) + 1e-13 * omega.abs().amax(0))


def test_gradients_by_state_and_parameters():
    """Reverse mode: by concentrations the analytic derivative, by ln A the reaction's own contribution."""
    gas = Mechanism.load("h2o2.yaml")
    T, p, Y = (torch.tensor(x) for x in random_states(gas, 1))
    C = gas.mole_fractions(Y) * (p / (GAS_CONSTANT * T))
    W = gas.molar_mass

    def omega(C, ln_A):
        kin = gas.kinetics._replace(rates=gas.rates._replace(A=gas.rates.A * torch.exp(ln_A)))
        return rates.production_rates(kin, T, C)[:, 0]

    by_C, by_A = torch.func.jacrev(omega, argnums=(0, 1))(C, torch.zeros_like(gas.rates.A))
    exact = rate_derivatives(gas.kinetics, T, C)[2][..., 0] * W / W[:, None]
    assert torch.all((by_C[..., 0] - exact).abs() <= 1e-12 * exact.abs().amax(1, keepdim=True))
    forward, reverse = (x[gas.rates.order, 0] for x in rates.rates_of_progress(gas.kinetics, T, C))
    solution = gas.cantera()
    net = torch.tensor(solution.product_stoich_coeffs - solution.reactant_stoich_coeffs)[:, gas.rates.order]
    assert torch.all((by_A - net * (forward - reverse)).abs() <= 1e-12 * (forward + reverse))


@pytest.mark.compile
def test_compiled_equals_eager(monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    from combust.kernels import compiled

    gas = Mechanism.load("h2o2.yaml")
    T, p, Y = (torch.tensor(x) for x in random_states(gas, 64))
    C = gas.mole_fractions(Y) * (p / (GAS_CONSTANT * T))
    eager = rates.production_rates(gas.kinetics, T, C)
    fused = compiled(rates.production_rates)(gas.kinetics, T, C)
    assert torch.all((fused - eager).abs() <= 1e-12 * eager.abs().amax(0))
