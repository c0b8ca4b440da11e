"""The studies of ignition delays and of rates and Jacobians, on a few states."""

from dataclasses import replace

import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from validation import kinetics
from validation.pasr import Reactors, states_of


def test_hydrogen_ignites_when_cantera_says():
    case = next(case for case in kinetics.IGNITIONS if case.fuel == "H2")
    [(T, ours, exact, moved)] = kinetics.compare(replace(case, temperatures=(1400.0,), t_end=1e-4))
    assert T == 1400.0 and 1e-5 < exact < 3e-5
    assert ours == pytest.approx(exact, rel=kinetics.DELAY)
    assert abs(moved) < kinetics.SETTLED


@pytest.fixture(scope="module")
def hydrogen():
    gas = Mechanism.load("h2o2.yaml")
    reactors = Reactors("h2o2.yaml", "H2", 4, 5, 5e-4)
    return gas, reactors, states_of(gas, reactors)


def test_states_are_fresh_burnt_and_between(hydrogen):
    gas, reactors, (T, p, Y) = hydrogen
    assert T.shape == p.shape == Y.shape[1:] == (reactors.states,)
    assert float(T.min()) < 1000.0 < 2500.0 < float(T.max())
    assert bool((Y >= 0).all()) and Y.sum(0).numpy() == pytest.approx(1.0)
    assert set(p.tolist()) == {101325.0, 1013250.0}
    again = states_of(gas, reactors)
    assert torch.equal(T, again[0]) and torch.equal(Y, again[2])


def test_particles_keep_the_elements_of_their_phi(hydrogen):
    """Inflow, mixing and reaction leave H/O of a reactor as it is."""
    gas, reactors, (_, _, Y) = hydrogen
    atoms = gas.element_matrix @ (Y / gas.molar_mass[:, None])
    ratio = (atoms[gas.elements.index("H")] / atoms[gas.elements.index("O")]).reshape(-1, reactors.particles)
    phi = torch.tensor([phi for _, phi, _ in reactors.conditions]).repeat(2 * reactors.steps)
    assert torch.allclose(ratio, (2 * phi[:, None]).to(ratio.dtype).expand(ratio.shape), rtol=1e-6)


def test_rates_and_jacobians_agree(hydrogen):
    gas, _, (T, p, Y) = hydrogen
    found = kinetics.measure(gas, T, p, Y, 200)
    assert found.rates < kinetics.RATES
    assert found.derivatives < kinetics.DERIVATIVES
    assert float(found.norms.max()) < kinetics.NORM
    assert found.norms.shape == T.shape and 0 < float(found.whole.max()) < 1e-9


def test_a_wrong_entry_is_found(hydrogen, monkeypatch):
    gas, _, (T, p, Y) = hydrogen
    right = Mechanism.jacobian

    def wrong(self, *state):
        J = right(self, *state).clone()
        J[1, 2] *= 1 + 1e-6
        return J

    monkeypatch.setattr(Mechanism, "jacobian", wrong)
    norms, _ = kinetics.jacobian_errors(gas, T[:20], p[:20], Y[:, :20])
    assert float(norms.min()) > 0.9e-4  # %
