"""The batched Rosenbrock integrator against CVODE, and its order."""

import math

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import progress, w_method
from combust.kinetics.integrate.blocks import blocks
from combust.kinetics.integrate.cells import Tolerance
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.mechanism.mechanism import Mechanism


def ignition_states(gas, T0, X, count):
    """States (1 + species, count) along an ignition at constant volume, closer together where it is fast."""
    solution = gas.cantera()
    solution.TPX = T0, 101325.0, X
    reactor = ct.IdealGasReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    states = []
    while reactor.T < 2400.0:
        network.step()
        states.append(np.append(reactor.T, solution.density * solution.Y))
    pick = np.linspace(5, len(states) - 1, count).astype(int)
    return torch.tensor(np.array(states)[pick].T.copy())


@pytest.fixture(scope="module")
def hydrogen():
    gas = Mechanism.load("h2o2.yaml")
    return gas, ignition_states(gas, 1100.0, "H2:2, O2:1, N2:3.76", 10)


def reference(gas, z, s, dt):
    cell = CellIntegrator(gas, 1e-12, 1e-20)
    return torch.stack([cell(i, z[:, i], s[:, i], dt) for i in range(z.shape[1])], 1)


def distance(gas, a, b):
    """Largest error of T (relative) and of mass fractions."""
    rho = b[1:].sum(0)
    return max(float(((a[0] - b[0]) / b[0]).abs().max()), float(((a[1:] - b[1:]) / rho).abs().max()))


def integrate(gas, method, z, s, dt, rtol):
    first = torch.full_like(z[0], dt)
    system = ode.System(gas.kinetics)
    return ode.integrate_cells(system, METHODS[method], Tolerance(rtol, 1e-8 * rtol), z, s, dt, first, 1024)


@pytest.mark.parametrize("method", METHODS)
def test_order_on_a_stiff_state(hydrogen, method):
    """Fixed steps through the middle of a hydrogen ignition, where the fastest chemical time is 1e-8 s."""
    gas, states = hydrogen
    at = int((states[0] - 1500.0).abs().argmin())
    z, dt = states[:, at : at + 1], 4e-6
    s = torch.zeros_like(z)
    exact = reference(gas, z, s, dt)
    errors = []
    for steps in (16, 32, 64, 128):
        y, h = z, torch.full_like(z[0], dt / steps)
        for _ in range(steps):
            block = ode.linearise_block(ode.System(gas.kinetics), METHODS[method], y, s, h)
            y, _ = ode.rosenbrock_step(ode.System(gas.kinetics), METHODS[method], Tolerance(), block, s)
        errors.append(distance(gas, y, exact))
    orders = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert max(orders) >= METHODS[method].order - 0.2, (errors, orders)
    assert errors[-1] < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_hydrogen_ignition_equals_cvode(hydrogen, method):
    gas, z = hydrogen
    s = torch.zeros_like(z)
    exact = reference(gas, z, s, 2e-6)
    for rtol in (1e-3, 1e-6):
        result = integrate(gas, method, z, s, 2e-6, rtol)
        assert not result.failed.numel()
        assert distance(gas, result.z, exact) < rtol


def test_ignition_from_unburnt_gas_has_the_delay_of_cvode(hydrogen):
    """Radicals grow from nothing by twelve orders of magnitude: a fixed floor would lose them."""
    gas, _ = hydrogen
    T = torch.tensor([1200.0, 1400.0], dtype=torch.float64)
    Y = gas.composition("H2:2, O2:1, N2:3.76")[:, None].expand(-1, 2)
    z = torch.cat([T[None], gas.density(T, 101325.0, Y) * Y])
    s = torch.zeros_like(z)
    result = integrate(gas, "rodas3", z, s, 2e-5, 1e-4)
    assert distance(gas, result.z, reference(gas, z, s, 2e-5)) < 1e-2


def test_methane_ignition_equals_cvode():
    gas = Mechanism.load("gri30.yaml")
    z = ignition_states(gas, 1500.0, "CH4:1, O2:2, N2:7.52", 5)
    s = torch.zeros_like(z)
    exact = reference(gas, z, s, 1e-5)
    result = integrate(gas, "rodas3", z, s, 1e-5, 1e-5)
    assert distance(gas, result.z, exact) < 1e-5


def test_cells_do_not_see_their_company(hydrogen):
    gas, z = hydrogen
    s = torch.zeros_like(z)
    together = integrate(gas, "rodas3", z, s, 1e-5, 1e-4).z
    again = integrate(gas, "rodas3", z, s, 1e-5, 1e-4).z
    assert torch.equal(together, again)
    order = torch.randperm(z.shape[1], generator=draws.generator(3))
    shuffled = integrate(gas, "rodas3", z[:, order], s, 1e-5, 1e-4).z
    assert distance(gas, shuffled, together[:, order]) < 1e-11
    alone = torch.cat([integrate(gas, "rodas3", z[:, i : i + 1], s[:, :1], 1e-5, 1e-4).z for i in range(3)], 1)
    assert distance(gas, alone, together[:, :3]) < 1e-11


@pytest.mark.compile
def test_blocks_hold_every_cell_once(monkeypatch):
    for mode in ("0", "1"):
        monkeypatch.setenv("COMBUST_COMPILE", mode)
        for total in (0, 1, 7, 100, 1025, 3000):
            index = torch.arange(total) * 3
            pieces = [cells[:count] for cells, count in blocks(index, 1024)]
            assert torch.equal(torch.cat(pieces) if pieces else index, index)


@pytest.mark.parametrize("linearised_at", [None, 0, -1])
def test_step_with_a_shared_matrix_has_second_order_whatever_the_matrix(hydrogen, linearised_at):
    """None, the Jacobian of the freshest, that of the most burnt state: only the error changes."""
    gas, states = hydrogen
    z = states[:, (states[0] > 1200.0) & (states[0] < 2000.0)]
    s, unit = torch.zeros_like(z), torch.eye(z.shape[0], dtype=torch.float64)
    J = torch.zeros_like(unit) if linearised_at is None else ode.jacobian_at(gas.kinetics, states[:, linearised_at])
    length, errors = 2e-7, []
    exact = reference(gas, z, s, length)
    for steps in (16, 32, 64):
        y, h = z, length / steps
        M = torch.linalg.inv(unit - (1 - 0.5**0.5) * h * J)
        for _ in range(steps):
            chemical = ode.evaluate(ode.System(gas.kinetics), y, s)
            y, _ = w_method.slow_step(
                ode.System(gas.kinetics), Tolerance(), M, y, chemical, s, torch.tensor(h, dtype=torch.float64)
            )
        errors.append(distance(gas, y, exact))
    assert math.log2(errors[-2] / errors[-1]) > 1.8, errors
    elements = gas.element_matrix / gas.molar_mass
    change = (elements @ (y[1:] - z[1:])).abs() / (elements @ z[1:]).clamp_min(1e-300)
    assert float(change.max()) < 1e-12


def test_few_steps_are_refused_in_an_initial_layer(hydrogen, monkeypatch):
    """Burnt gas with too much H2O2: the error does not fall with the step until that resolves its 0.1 us."""
    gas, _ = hydrogen
    burnt = gas.cantera()
    burnt.set_equivalence_ratio(0.8, "H2:1", "O2:1, N2:3.76")
    burnt.TP = 300.0, 101325.0
    burnt.equilibrate("HP")
    Y = torch.tensor(burnt.Y.copy())
    Y[gas.index("H2O2")] += 3e-6
    z = torch.cat([torch.tensor([burnt.T], dtype=Y.dtype), burnt.density * Y]).unsqueeze(1)
    first = torch.full((1,), 4e-6, dtype=Y.dtype)

    def rejected():
        system, method = ode.System(gas.kinetics), METHODS["rodas3"]
        tolerance, still = Tolerance(1e-4, 1e-8), torch.zeros_like(z)
        return ode.integrate_cells(system, method, tolerance, z, still, 4e-6, first, 8).rejected

    few = rejected()
    monkeypatch.setattr(progress, "AGAIN", 1.0)
    assert few < 0.5 * rejected()
