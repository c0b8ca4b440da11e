"""Ensembles: many mechanisms that differ by factors of their rates, integrated in one batch."""

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.errors import MechanismError, StateError
from combust.kinetics import Mechanism
from combust.kinetics.integrate import systems
from combust.kinetics.reactors.ignition import ignition_delays


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def state(gas, n, seed=0):
    rng = draws.rng(seed)
    T = torch.tensor(rng.uniform(1000.0, 2500.0, n))
    Y = torch.tensor(rng.dirichlet(np.ones(len(gas.species)), n).T.copy())
    return T, Y


@pytest.mark.parametrize("file", ["h2o2.yaml", "gri30.yaml", "example_data/ammonia-CO-H2-Alzueta-2023.yaml"])
def test_rates_are_those_of_cantera_with_multipliers(file):
    gas = Mechanism.load(file)
    n = gas.rates.order.shape[0]
    rng = draws.rng(1)
    factors = torch.tensor(rng.uniform(0.0, 2.0, (n, 3)))
    T, Y = state(gas, 6)
    members = torch.tensor([0, 1, 2, 2, 1, 0])
    C = gas.mole_fractions(Y) * (2e5 / (ct.gas_constant * T))
    from combust.kinetics.rates.production import production_rates

    found = production_rates(gas.ensemble(factors).kinetics, T, C, members)
    solution = gas.cantera()
    for i, member in enumerate(members.tolist()):
        solution.TPY = float(T[i]), 2e5, Y[:, i].numpy()
        for r in range(n):
            solution.set_multiplier(float(factors[r, member]), r)
        expected = solution.net_production_rates
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found[:, i].numpy(), expected, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_jacobian_is_the_derivative(gas, hold):
    n = gas.rates.order.shape[0]
    rng = draws.rng(2)
    many = gas.ensemble(torch.tensor(rng.uniform(0, 2, (n, 2))), torch.tensor(rng.uniform(0, 2, (n, 2))))
    T, Y = state(gas, 2, seed=3)
    z = torch.cat([T.unsqueeze(0), Y])
    fixed = systems.Fixed(torch.full_like(T, 2e5 if hold == "hp" else 0.5), torch.tensor([1, 0]))
    zero = torch.zeros_like(z)
    found = systems.linearise(many.kinetics, hold, z, zero, fixed).jacobian
    for cell in range(2):
        part = fixed.of(slice(cell, cell + 1))
        exact = torch.func.jacfwd(lambda x: systems.rate(many.kinetics, hold, x[:, None], zero[:, :1], part)[:, 0])(
            z[:, cell]
        )
        torch.testing.assert_close(found[..., cell], exact, rtol=1e-9, atol=1e-9 * float(exact.abs().max()))


def test_a_member_without_a_species_is_the_smaller_mechanism(gas):
    """Removing a species' reactions from a member gives the delay of the mechanism without it."""
    solution = gas.cantera()
    gone = "H2O2"
    keep = [gone not in {**r.reactants, **r.products} for r in solution.reactions()]
    factors = torch.stack([torch.ones(len(keep)), torch.tensor(keep, dtype=torch.float64)], 1)
    T = torch.tensor([1000.0, 1000.0, 1200.0, 1200.0])
    Y = gas.mixture("H2:1", "O2:0.21, N2:0.79", 1.0)
    found = ignition_delays(gas.ensemble(factors), T, 1e5, Y, 0.01, member=torch.tensor([0, 1, 0, 1]))
    whole = ignition_delays(gas, T[[0, 2]], 1e5, Y, 0.01)
    torch.testing.assert_close(found[[0, 2]], whole, rtol=1e-12, atol=0.0)
    smaller = ct.Solution(
        thermo="ideal-gas", kinetics="gas", species=[s for s in solution.species() if s.name != gone],
        reactions=[_without(r, gone, solution) for r, kept in zip(solution.reactions(), keep, strict=True) if kept],
    )  # fmt: skip
    for T0, delay in ((1000.0, found[1]), (1200.0, found[3])):
        assert abs(float(delay) / _delay(smaller, T0) - 1) < 2e-3
        assert abs(float(delay) / _delay(gas.cantera(), T0) - 1) > 1e-4  # the species counts


def _without(r, gone, solution):
    data = dict(r.input_data)
    if gone not in data.get("efficiencies", {}):
        return r
    data["efficiencies"] = {k: v for k, v in data["efficiencies"].items() if k != gone}
    return ct.Reaction.from_dict(data, solution)


def _delay(solution, T):
    solution.TP = T, 1e5
    solution.set_equivalence_ratio(1.0, "H2:1", "O2:0.21, N2:0.79")
    network = ct.ReactorNet([ct.IdealGasMoleReactor(solution, clone=False)])
    network.rtol, network.atol = 1e-9, 1e-16
    t, Ts = [0.0], [T]
    while network.time < 0.01:
        network.step()
        t.append(network.time)
        Ts.append(solution.T)
    return t[int(np.argmax(np.gradient(Ts, t)))]


def test_members_must_be_given_and_known(gas):
    many = gas.ensemble(torch.ones(gas.rates.order.shape[0], 2))
    Y = gas.mixture("H2:1", "O2:1", 1.0)
    with pytest.raises(StateError, match="member"):
        many.integrate(1000.0, 1e5, Y, 1e-6)
    with pytest.raises(StateError, match="member"):
        gas.integrate(1000.0, 1e5, Y, 1e-6, member=0)
    with pytest.raises(StateError, match="0 to 1"):
        many.integrate(1000.0, 1e5, Y, 1e-6, member=2)
    with pytest.raises(MechanismError, match="one per reaction"):
        gas.ensemble(torch.ones(3, 2))
