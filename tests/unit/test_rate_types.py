"""Rate constants of every type against Cantera, and their derivatives against forward-mode differentiation.

T 300-3000 K, p 0.01-100 atm; mixtures in which every species is present, so that every term counts.
"""

from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import production as rates
from combust.kinetics.rates.jacobian import rate_derivatives
from combust.kinetics.rates.pressure_rates import ln_plog, plog_derivatives
from combust.kinetics.rates.thermo import GAS_CONSTANT

HERE = Path(__file__).parent
NAMES = ("special_rates", "pressure_rates", "falloff_rates", "linear_burke_rates", "mixed_thermo")
MECHANISMS = [str(HERE / f"{name}.yaml") for name in NAMES]
TOLERANCE = 1e-10


def random_states(gas, count, seed=0):
    rng = draws.rng(seed)
    T, p = rng.uniform(300, 3000, count), ct.one_atm * 10 ** rng.uniform(-2, 2, count)
    return T, p, rng.dirichlet(np.full(len(gas.species), 0.8), count).T


def concentrations(gas, T, p, Y):
    return gas.mole_fractions(torch.tensor(Y)) * torch.tensor(p / (GAS_CONSTANT * T))


@pytest.fixture(scope="module", params=MECHANISMS, ids=lambda path: Path(path).stem)
def gas(request):
    return Mechanism.load(request.param)


def test_forward_rate_constants(gas):
    T, p, Y = random_states(gas, 2000)
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TPY = T, p, Y.T
    C = concentrations(gas, T, p, Y)
    k = rates.forward_constants(gas.kinetics, torch.tensor(T), C)
    factor = rates.factor_table(gas.rates, torch.tensor(T), C)[gas.rates.factor]
    is_falloff = gas.rates.factor > gas.rates.efficiency.shape[0]
    ours = torch.where(is_falloff[:, None], k * factor, k).numpy()  # third bodies count as concentrations
    theirs = states.forward_rate_constants.T[gas.rates.order]
    assert np.all(np.abs(ours - theirs) <= TOLERANCE * np.abs(theirs))


def test_net_production_rates(gas):
    T, p, Y = random_states(gas, 2000, seed=1)
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TPY = T, p, Y.T
    terms = gas.cantera()
    nu = terms.reactant_stoich_coeffs + terms.product_stoich_coeffs
    gross = nu @ np.abs(states.forward_rates_of_progress.T) + nu @ np.abs(states.reverse_rates_of_progress.T)
    ours = gas.net_production_rates(T, p, Y).numpy()
    assert np.all(np.abs(ours - states.net_production_rates.T) <= TOLERANCE * gross)


def test_derivatives(gas):
    """With respect to T and every concentration, to 1e-10 of the largest terms that the derivative is a sum of."""
    T, p, Y = random_states(gas, 25, seed=2)
    C, T = concentrations(gas, T, p, Y), torch.tensor(T)
    W = gas.molar_mass
    _, dT, dC = rate_derivatives(gas.kinetics, T, C)
    dC = dC * (W / W[:, None])[..., None]

    def q(T, C):
        forward, reverse = rates.progress(gas.kinetics, T, C)
        return rates.subtract_tail(forward, reverse)[:, 0]

    solution = gas.cantera()
    nu = torch.tensor(solution.product_stoich_coeffs - solution.reactant_stoich_coeffs)[:, gas.rates.order]
    for i in range(T.shape[0]):
        q_T, q_C = torch.func.jacfwd(q, argnums=(0, 1))(T[i : i + 1], C[:, i : i + 1])
        for ours, q_x in ((dT[:, i], q_T[:, 0]), (dC[..., i], q_C[..., 0])):
            assert torch.all((ours - nu @ q_x).abs() <= TOLERANCE * (nu.abs() @ q_x.abs()))


@pytest.mark.parametrize(
    "path, phase",
    [
        ("ammonia-CO-H2-Alzueta-2023.yaml", "baseline"),
        ("ammonia-CO-H2-Alzueta-2023.yaml", "linear-Burke"),
        ("n-hexane-NUIG-2015.yaml", None),
    ],
)
def test_mechanisms_with_p_log(path, phase):
    """Forward and reverse rates of progress, each reaction's own."""
    gas = Mechanism.load(f"example_data/{path}", phase)
    T, p, Y = random_states(gas, 100, seed=3)
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TPY = T, p, Y.T
    forward, reverse = (x.numpy() for x in gas.rates_of_progress(T, p, Y))
    for ours, theirs in ((forward, states.forward_rates_of_progress.T), (reverse, states.reverse_rates_of_progress.T)):
        assert np.all(np.abs(ours - theirs) <= TOLERANCE * np.abs(theirs) + 1e-250)


def test_one_cell_without_an_axis(gas):
    T, p, Y = random_states(gas, 3)
    row = gas.net_production_rates(T, p, Y)
    single = gas.net_production_rates(T[1], p[1], Y[:, 1])
    assert torch.allclose(single, row[:, 1], rtol=1e-12, atol=0)
    assert gas.jacobian(T[1], p[1], Y[:, 1]).shape == (1 + Y.shape[0], 1 + Y.shape[0])


def test_p_log_at_its_own_pressures():
    """A table's derivative jumps there; analytic and automatic ones both take the side of higher pressure."""
    plog = Mechanism.load(HERE / "pressure_rates.yaml").rates.plog
    T = torch.tensor([900.0, 1700.0], dtype=torch.float64)
    for node in plog.ln_p.flatten().unique():
        ln_p = node.repeat(1, 2)
        value, _, slope = plog_derivatives(plog, T, ln_p)
        primal, tangent = torch.func.jvp(lambda x: ln_plog(plog, T, x), (ln_p,), (torch.ones_like(ln_p),))
        assert torch.equal(primal, value) and torch.allclose(tangent, slope, rtol=1e-13, atol=1e-13)
        above = ln_plog(plog, T, ln_p + 1e-6) - value
        assert torch.all((slope - above / 1e-6).abs() <= 1e-6 * (1 + slope.abs()))


def test_a_phase_without_reactions():
    gas = Mechanism.load("airNASA9.yaml")
    Y = torch.full((len(gas.species), 2), 1 / len(gas.species), dtype=torch.float64)
    assert torch.equal(gas.net_production_rates(1000.0, 1e5, Y), torch.zeros_like(Y))
    assert torch.equal(gas.jacobian(1000.0, 1e5, Y), torch.zeros(12, 12, 2, dtype=torch.float64))
