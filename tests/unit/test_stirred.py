"""Reactors of given temperature against Cantera's own."""

import math

import cantera as ct
import numpy as np
import pytest

from combust.errors import DivergenceError, StateError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors import stirred

X = "H2:0.0108, O2:0.025, N2:0.9642"


@pytest.fixture(scope="module")
def h2o2():
    return Mechanism.load("h2o2.yaml")


def cantera_stirred(gas, T, p, X, tau):
    """Cantera's reactor at constant pressure with its energy equation off, in and out by mass flow controllers."""
    solution = gas.cantera()
    solution.TPX = T, p, X
    inflow, outflow = (ct.Reservoir(solution, clone=True) for _ in range(2))
    reactor = ct.IdealGasConstPressureReactor(solution, energy="off", clone=False)
    reactor.volume = 1.0
    flow = reactor.mass / tau
    ct.MassFlowController(inflow, reactor, mdot=flow)
    ct.MassFlowController(reactor, outflow, mdot=flow)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    network.advance(2000 * tau)
    return reactor.phase.Y


@pytest.mark.parametrize("T, tau", [(850.0, 0.12), (900.0, 0.12), (950.0, 0.12), (1050.0, 0.12), (1200.0, 1e-3)])
def test_stirred_reactor_is_that_of_cantera(h2o2, T, tau):
    ours = stirred.stirred(h2o2, T, ct.one_atm, h2o2.composition(X), tau).numpy()
    theirs = cantera_stirred(h2o2, T, ct.one_atm, X, tau)
    assert np.abs(ours - theirs).max() < 1e-8 and ours.sum() == pytest.approx(1.0, abs=1e-10)
    kept = theirs > 1e-12
    assert ours[kept] == pytest.approx(theirs[kept], rel=1e-4)


def test_plug_flow_is_a_reactor_in_time(h2o2):
    T, p, tau = 1000.0, 1e5, 2e-2
    solution = h2o2.cantera()
    solution.TPX = T, p, X
    network = ct.ReactorNet([ct.IdealGasConstPressureReactor(solution, energy="off", clone=False)])
    network.rtol, network.atol = 1e-10, 1e-18
    network.advance(tau)
    ours = stirred.plug_flow(h2o2, T, p, h2o2.composition(X), tau).numpy()
    assert np.abs(ours - solution.Y).max() < 1e-7 and ours[h2o2.index("H2O")] > 1e-4


def test_first_order_reaction_of_both(tmp_path):
    """A -> B with rate k: Y_A is 1 / (1 + k tau) when stirred, exp(-k tau) in plug flow."""
    path = tmp_path / "ab.yaml"
    thermo = "{model: constant-cp, h0: 0, s0: 200, cp0: 29}"
    path.write_text(f"""
units: {{length: m, quantity: mol, time: s}}
phases: [{{name: gas, thermo: ideal-gas, elements: [O], species: [A, B], kinetics: gas}}]
species:
- {{name: A, composition: {{O: 2}}, thermo: {thermo}}}
- {{name: B, composition: {{O: 2}}, thermo: {thermo}}}
reactions: [{{equation: A => B, rate-constant: {{A: 40.0, b: 0, Ea: 0}}}}]
""")
    gas = Mechanism.load(path)
    Y = gas.composition("A:1")
    assert float(stirred.stirred(gas, 800.0, 1e5, Y, 0.05)[0]) == pytest.approx(1 / 3, rel=1e-9)
    assert float(stirred.plug_flow(gas, 800.0, 1e5, Y, 0.05)[0]) == pytest.approx(math.exp(-2), rel=1e-5)


@pytest.mark.parametrize("T, tau", [(900.0, -1.0), (900.0, math.nan), (math.nan, 0.1), (20000.0, 0.1)])
def test_states_that_cannot_be(h2o2, T, tau):
    for reactor in (stirred.stirred, stirred.plug_flow):
        with pytest.raises(StateError, match="residence time|temperature"):
            reactor(h2o2, T, 1e5, h2o2.composition(X), tau)


def test_a_reactor_that_does_not_come_to_rest(h2o2, monkeypatch):
    monkeypatch.setattr(stirred.Isothermal, "steady", lambda self, Y: None)
    monkeypatch.setattr(stirred, "MARCHES", (0.1, 0.2))
    with pytest.raises(DivergenceError, match="not at rest after 0.2 residence times"):
        stirred.stirred(h2o2, 900.0, 1e5, h2o2.composition(X), 0.1)
