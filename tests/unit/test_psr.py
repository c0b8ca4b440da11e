"""Perfectly stirred reactors: steady states against Cantera's reactor in time, extinction against it and print."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import DivergenceError, StateError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.psr import Reactor, extinction, psr

AIR = "O2:1, N2:3.76"
P = 101325.0


def load(name, fuel, phi=1.0):
    gas = Mechanism.load(name)
    return gas, gas.mixture(fuel, AIR, phi)


@pytest.fixture(scope="module")
def hydrogen():
    return load("h2o2.yaml", "H2:1")


@pytest.fixture(scope="module")
def out(hydrogen):
    gas, Y = hydrogen
    return extinction(gas, 300.0, P, Y)


def long_run(gas, Y_in, tau, state):
    """Temperature of Cantera's reactor after 200 residence times, from a state (T, Y) at the same inflow."""
    solution = gas.cantera()
    solution.TPY = 300.0, P, Y_in.numpy()
    upstream = ct.Reservoir(solution)
    solution.TPY = state.T, P, state.Y.numpy()
    reactor, downstream = ct.IdealGasReactor(solution), ct.Reservoir(solution)
    inlet = ct.MassFlowController(upstream, reactor, mdot=lambda _: reactor.mass / tau)
    outlet = ct.PressureController(reactor, downstream, primary=inlet, K=1e-3)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-9, 1e-14
    network.advance(200 * tau)
    assert outlet is not None
    return reactor.T


def test_jacobian_is_the_derivative(hydrogen):
    gas, Y = hydrogen
    reactor = Reactor(gas, 300.0, P, Y)
    z = torch.cat([reactor.equilibrium(), torch.tensor([-9.0], dtype=torch.float64)])
    z[:-2] = 0.7 * z[:-2] + 0.3 * Y
    _, J = reactor.residual(z)
    for i in range(len(z)):
        step = torch.zeros_like(z)
        step[i] = 1e-6
        slope = (reactor.residual(z + step)[0] - reactor.residual(z - step)[0]) / 2e-6
        assert torch.allclose(J[:, i], slope, rtol=1e-5, atol=1e-7 * float(J.abs().max()))


@pytest.mark.parametrize("factor", [1.01, 1.5, 100.0])
def test_steady_states_are_those_of_a_reactor_in_time(hydrogen, out, factor):
    gas, Y = hydrogen
    state = psr(gas, 300.0, P, Y, factor * out.tau)
    assert state.tau == pytest.approx(factor * out.tau) and float(state.Y.sum()) == pytest.approx(1.0, abs=1e-12)
    assert long_run(gas, Y, state.tau, state) == pytest.approx(state.T, abs=1e-4)


def test_a_reactor_in_time_goes_out_just_below(hydrogen, out):
    gas, Y = hydrogen
    assert long_run(gas, Y, 0.999 * out.tau, out) < 400.0
    above = psr(gas, 300.0, P, Y, 1.0005 * out.tau)
    assert above.T > out.T and long_run(gas, Y, above.tau, above) == pytest.approx(above.T, abs=1e-3)


def test_branch(hydrogen, out):
    gas, _ = hydrogen
    assert np.all(np.diff(out.curve_tau.numpy()) < 0) and np.all(np.diff(out.curve_T.numpy()) < 0)
    assert float(out.curve_tau[0]) == 1.0 and float(out.curve_tau[-1]) == pytest.approx(out.tau)
    element = gas.element_matrix / gas.molar_mass
    assert torch.allclose(element @ out.Y, element @ gas.mixture("H2:1", AIR, 1.0), rtol=1e-9)


def test_long_residence_is_equilibrium(hydrogen):
    gas, Y = hydrogen
    solution = gas.cantera()
    solution.TPY = 300.0, P, Y.numpy()
    solution.equilibrate("HP")
    assert psr(gas, 300.0, P, Y, 50.0).T == pytest.approx(solution.T, abs=0.05)


def test_methane_extinction_as_published():
    # CH4/air, phi 1, 1 atm, 300 K: 7.899e-5 s (MARS), 7.895e-5 s (pyMARS)
    gas, Y = load("gri30.yaml", "CH4:1")
    found = extinction(gas, 300.0, P, Y)
    assert found.tau == pytest.approx(7.895e-5, rel=1.5e-3)
    assert found.T == pytest.approx(1709.0, abs=1.0)


def test_what_cannot_go_out_or_burn(hydrogen):
    gas, Y = hydrogen
    with pytest.raises(DivergenceError, match="does not burn at residence time 1e-05 s; its branch ends at 1.51"):
        psr(gas, 300.0, P, Y, 1e-5)
    with pytest.raises(DivergenceError, match="no burning branch: equilibrium is at 300 K"):
        extinction(gas, 300.0, P, gas.composition("N2:1"))
    with pytest.raises(DivergenceError, match="without turning back"):
        extinction(gas, 1600.0, P, gas.mixture("H2:1", AIR, 0.2))
    with pytest.raises(StateError, match="residence time"):
        psr(gas, 300.0, P, Y, 0.0)
    with pytest.raises(StateError, match="temperature"):
        extinction(gas, -300.0, P, Y)
