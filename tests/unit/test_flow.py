"""The flow solver: what a closed box conserves, gases under gravity, exact channel flows, symmetries."""

import math

import numpy as np
import pytest
import torch

from combust import kernels
from combust.case.load import load
from combust.cfd.initial.fields import stack
from combust.kinetics.rates.thermo import GAS_CONSTANT
from combust.parallel import Communicator
from combust.run import build as case
from validation.two_gases import CASES, PERIODIC, SLIP, VISCOSITY, WALL, Prepared, inert, steps

torch.set_num_threads(1)


def kernel(*changes, start=None):
    """The ignition kernel in a small closed box."""
    small = ["mesh.cells=[16,12]", "mesh.upper=[1.12e-3,0.96e-3]", "initial.centre=[5e-4,4e-4]", "initial.radius=2e-4"]
    config = load(CASES / "kernel.toml", [*small, *changes])
    kernels.set_mode("eager")
    builder = case.Builder(config, Communicator()) if start is None else Prepared(config, Communicator(), start=start)
    return builder.flow()


def components(flow):
    """u, v, w at cells."""
    return flow.field("u")


# --- closed boxes ---------------------------------------------------------------------------------------------------

BOXES = {
    "1-D": [
        "mesh.cells=[24]",
        "mesh.lower=[0]",
        "mesh.upper=[1.7e-3]",
        "initial.centre=[5e-4]",
        "boundary={x={kind='wall'}}",
    ],
    "2-D": [],
    "slip": ["boundary={x={kind='wall', slip=true}, y={kind='symmetry'}}"],
    "stretched": [
        "mesh={kind='stretched', x={lower=0, upper=1.12e-3, cells=16, ratio=1.06}, "
        "y={lower=0, upper=0.96e-3, cells=12, ratio=1.1, symmetric=true}}"
    ],
    "3-D": [
        "mesh.cells=[10,8,6]",
        "mesh.lower=[0,0,0]",
        "mesh.upper=[7e-4,6e-4,4e-4]",
        "initial.centre=[3e-4,3e-4,2e-4]",
        "boundary.z={kind='periodic'}",
    ],
    "one sweep": ["numerics.sweeps=1"],
    "strang": ["numerics.coupling=strang"],
}


def contents(flow):
    """int of (rho h - p0), rho Y_k over the box, [J], [kg]."""
    s = flow.current
    total = (s.U * flow.grid.volume).sum((1, 2, 3))
    total[0] -= s.p0 * flow.grid.volume.sum()
    return total


@pytest.mark.parametrize("box", BOXES)
def test_closed_box_keeps_mass_elements_and_enthalpy(box):
    flow = kernel(*BOXES[box])
    gas = flow.scheme.problem.gas
    per_mass = gas.element_matrix / gas.molar_mass
    p_start = flow.quantity("p0")
    scale = 3.5 * p_start * float(flow.grid.volume.sum())  # int rho cp T, about
    for _ in range(3):
        before = contents(flow)
        flow.advance(4e-7)
        after = contents(flow)
        assert abs(float(after[1:].sum() / before[1:].sum()) - 1) < 1e-12
        atoms = per_mass @ before[1:]
        present = atoms > 0
        assert float(((per_mass @ after[1:])[present] / atoms[present] - 1).abs().max()) < 1e-12
        assert abs(float(after[0] - before[0])) < 1e-12 * scale
    # The pressure rises, and is that of the gas law over the box.
    p0 = flow.quantity("p0")
    p_gas = (
        GAS_CONSTANT
        * flow.current.q.new_tensor(flow.field("T"))
        * (flow.current.U[1:] / gas.molar_mass.reshape(-1, 1, 1, 1)).sum(0)
    )
    assert p0 > p_start
    assert float((p_gas * flow.grid.volume).sum() / flow.grid.volume.sum()) == pytest.approx(p0, rel=1e-5)
    assert flow.quantity("eos_drift") < 1e-3 and flow.quantity("Y_min") > -1e-8


def test_box_heats_at_constant_volume():
    """Uniform reacting gas in a closed box: Cantera's reactor of constant volume gives the same T and p."""
    import cantera as ct

    text = ["mesh.cells=[4,4]", "initial.radius=1.0", "initial.hot_temperature=1600.0"]

    def fresh_but_hot(builder, fields):
        Y = builder.mixture(builder.config.initial)
        return stack(builder.grid, 1500.0, Y), fields[1]

    flow = steps(kernel(*text, start=fresh_but_hot), 25, 1e-6)
    solution = flow.scheme.problem.gas.cantera()
    solution.TPX = 1500.0, 101325.0, "H2:1.4, O2:1, N2:3.761904761904762"
    reactor = ct.IdealGasReactor(solution)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    network.advance(25e-6)
    assert reactor.T > 1700.0
    assert flow.quantity("T_max") == pytest.approx(reactor.T, rel=2e-4)
    assert flow.quantity("p0") == pytest.approx(reactor.thermo.P, rel=2e-4)
    assert np.ptp(flow.field("T")) < 1e-8 and np.abs(components(flow)).max() < 1e-9


def test_cold_wall_cools_the_box():
    cold = {"kind": "wall", "temperature": 300.0}
    flow = inert(
        {"cells": (12, 8), "lower": (0, 0), "upper": (1e-3, 1e-3)},
        {"x_low": cold, "x_high": WALL, "y": SLIP},
        temperature=600.0,
    )
    before = contents(flow)
    steps(flow, 20, 2e-5)
    assert flow.quantity("T_min") > 300.0 and flow.quantity("T_max") < 600.0
    assert flow.quantity("p0") < 1.013e7 and float(contents(flow)[0]) < float(before[0])
    assert abs(flow.quantity("enthalpy_error")) < 1e-12 and abs(flow.quantity("mass_error")) < 1e-12
    T = flow.field("T")[0]
    assert np.diff(T, axis=1).min() > -1e-9 and np.ptp(T, axis=0).max() < 1e-6


def test_cooling_by_a_wall_is_the_error_function():
    """At constant pressure rho and k/rho cp follow T; for 1 % of difference T = T_w + dT erf(x / 2 sqrt(a t))."""
    cold = {"kind": "wall", "temperature": 300.0}
    flow = inert(
        {"cells": (48,), "lower": (0,), "upper": (2e-3,)},
        {"x_low": cold, "x_high": {"kind": "outflow"}},
        temperature=303.0,
    )
    a = VISCOSITY / 0.7 / float(flow.field("density").mean())
    time = 0.1 * (2e-3) ** 2 / a / 16
    steps(flow, 20, time / 20)
    x = flow.grid.centres[2].flatten().numpy()
    exact = 300.0 + 3.0 * np.array([math.erf(v / (2 * math.sqrt(a * time))) for v in x])
    assert np.abs(flow.field("T").ravel() - exact).max() < 0.02 * 3.0


# --- gravity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gravity", [(0.0, -9.81, 0.0), (4.0, -9.0, 2.0)])
def test_uniform_gas_rests_on_its_pressure(gravity):
    # No friction: in the first step, which does not know its pressure, no-slip walls would drag at falling gas.
    flow = inert(
        {"cells": (6, 8, 5), "lower": (0, 0, 0), "upper": (0.06, 0.1, 0.05)},
        {"x": SLIP, "y": SLIP, "z": {"kind": "symmetry"}},
        gravity=gravity,
    )
    steps(flow, 3, 1e-3)
    assert np.abs(components(flow)).max() < 1e-10  # a free fall would have reached 0.03 m/s
    z, y, x = flow.grid.centres
    head = float(flow.field("density").mean()) * (gravity[0] * x + gravity[1] * y + gravity[2] * z).numpy()
    np.testing.assert_allclose(flow.field("p"), head - head.mean(), atol=1e-6 * np.ptp(head))


def test_layers_at_rest_stay_at_rest():
    """Warm gas above cold, hardly conducting: nothing moves."""

    def layers(builder, fields):
        y = builder.grid.centres[1]
        return stack(builder.grid, 300.0 + 5000.0 * y, fields[0][1:]), fields[1]

    flow = inert(
        {"cells": (6, 12), "lower": (0, 0), "upper": (0.06, 0.06)},
        {"x": WALL, "y": WALL},
        layers,
        viscosity=1e-12,
        gravity=(0.0, -9.81, 0.0),
    )
    steps(flow, 10, 5e-3)
    assert np.abs(components(flow)).max() < 1e-9  # against sqrt(g L) = 0.77 m/s


def test_heavy_gas_falls_and_energy_is_kept():
    """Heavy gas beside light: it falls, and what it loses in height appears as motion."""

    def beside(builder, fields):
        x = builder.grid.centres[2]
        Y = 0.5 * (1 - torch.tanh((x - 0.05) / 0.008)) + 0.0 * builder.grid.centres[1]
        return stack(builder.grid, 300.0, torch.stack([Y, 1 - Y])), fields[1]

    flow = inert(
        {"cells": (24, 20), "lower": (0, 0), "upper": (0.1, 0.08)},
        {"x": SLIP, "y": SLIP},
        beside,
        viscosity=1e-9,
        gravity=(0.0, -9.81, 0.0),
    )
    y, volume = flow.grid.centres[1].numpy(), flow.grid.volume.numpy()

    def potential():
        return float((flow.field("density") * 9.81 * y * volume).sum())

    start = potential()
    steps(flow, 40, 1e-3)
    lost, gained = start - potential(), flow.quantity("kinetic_energy")
    left = components(flow)[1][:, :, :8].mean()
    assert left < -0.02 and components(flow)[1][:, :, -8:].mean() > 0.02
    assert lost > 0 and gained == pytest.approx(lost, rel=0.05)


# --- channels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mesh", ["uniform", "stretched"])
def test_sliding_wall_drags_the_gas(mesh):
    """Couette flow: the series in time, then the straight line."""
    h, n, speed = 1e-3, 12, 1e-4
    lid = {"kind": "wall", "velocity": (speed, 0.0, 0.0)}
    grid = (
        {"cells": (4, n), "lower": (0, 0), "upper": (4e-4, h)}
        if mesh == "uniform"
        else {"x": {"lower": 0, "upper": 4e-4, "cells": 4}, "y": {"lower": 0, "upper": h, "cells": n, "ratio": 0.93}}
    )
    flow = inert(grid, {"x": PERIODIC, "y_low": WALL, "y_high": lid})
    unit = h**2 * float(flow.field("density").mean()) / VISCOSITY
    y = flow.grid.centres[1].flatten().numpy() / h

    def exact(t):
        modes = np.arange(1, 60)[:, None]
        waves = (-1.0) ** modes / modes * np.exp(-((modes * math.pi) ** 2) * t) * np.sin(modes * math.pi * y)
        return y + 2 / math.pi * waves.sum(0)

    # The lid starts at once, and a Runge-Kutta-Chebyshev step damps the sharpest waves of that by little: many steps.
    steps(flow, 50, 0.1 * unit / 50)
    assert np.abs(components(flow)[0][0, :, 1] / speed - exact(0.1)).max() < 0.004
    steps(flow, 40, 0.03 * unit)
    assert np.abs(components(flow)[0][0, :, 1] / speed - y).max() < 1e-5
    assert np.abs(components(flow)[1]).max() < 1e-9 * speed


def test_channel_flow_becomes_a_parabola():
    """Poiseuille flow: uniform inflow at Re = 4 develops the profile 6 U y (1 - y) and its pressure gradient."""
    h, n, speed = 1e-3, 12, 4 * VISCOSITY / 20.31 / 1e-3
    inflow = {"kind": "inflow", "velocity": speed, "composition": "HEAVY:1", "temperature": 300.0}
    flow = inert(
        {"cells": (24, n), "lower": (0, 0), "upper": (2 * h, h)},
        {"x_low": inflow, "x_high": {"kind": "outflow"}, "y": WALL},
        velocity=(speed,),
    )
    rho = float(flow.field("density").mean())
    steps(flow, 60, 0.6 * (h / n) / speed)
    y = flow.grid.centres[1].flatten().numpy() / h
    u, p = components(flow)[0][0], flow.field("p")[0]
    np.testing.assert_allclose(u.mean(0), speed, rtol=1e-7)
    assert np.abs(u[:, -4] / speed - 6 * y * (1 - y)).max() < 0.02
    slope = (p[:, -6] - p[:, -10]).mean() / (4 * h / n)
    assert slope == pytest.approx(-12 * VISCOSITY * speed / h**2, rel=0.02)
    assert rho * speed * h / VISCOSITY == pytest.approx(4.0, rel=1e-3)


# --- symmetries -----------------------------------------------------------------------------------------------------

BURNING = ("T", "density", "Y_OH", "p")


def same(one, other, tolerance=1e-9):
    scale = np.abs(one).max()
    assert np.abs(one - other).max() <= tolerance * scale, np.abs(one - other).max() / scale


def test_symmetry_plane_is_half_of_a_symmetric_box():
    changes = ["boundary.x={kind='wall', slip=true}", "initial.centre=[5.6e-4,4e-4]"]
    whole = steps(kernel(*changes), 4, 4e-7)
    half = [
        "mesh.cells=[8,12]",
        "mesh.lower=[5.6e-4,0]",
        "boundary={x_low={kind='symmetry'}, x_high={kind='wall', slip=true}, y={kind='wall'}}",
    ]
    part = steps(kernel(*half, "initial.centre=[5.6e-4,4e-4]"), 4, 4e-7)
    for name in BURNING:
        same(whole.field(name)[:, :, 8:], part.field(name))
        same(whole.field(name)[:, :, 7::-1], part.field(name))
    same(components(whole)[:, :, :, 8:], components(part))


def test_x_and_y_are_alike():
    one = steps(kernel("boundary.x={kind='symmetry'}"), 3, 4e-7)
    two = steps(
        kernel(
            "mesh.cells=[12,16]",
            "mesh.upper=[0.96e-3,1.12e-3]",
            "initial.centre=[4e-4,5e-4]",
            "boundary.y={kind='symmetry'}",
        ),
        3,
        4e-7,
    )
    for name in BURNING:
        same(one.field(name), two.field(name).swapaxes(1, 2))
    same(components(one)[0], components(two)[1].swapaxes(1, 2))


def test_three_dimensions_repeat_two():
    """A cylinder of burnt gas along z, with walls in x and y: every plane is the plane problem, and w = 0.

    Cells are long in z, so that the diffusion in z asks for no more Runge-Kutta-Chebyshev stages.
    """
    flat = steps(kernel(), 3, 4e-7)

    def cylinder(builder, fields):
        whole = kernel().current.q
        q = whole[:, :, 2:-2, 2:-2].expand(*fields[0].shape).contiguous()
        return q, fields[1]

    solid = kernel(
        "mesh.cells=[16,12,4]",
        "mesh.lower=[0,0,0]",
        "mesh.upper=[1.12e-3,0.96e-3,0.4]",
        "initial.centre=[5e-4,4e-4,1e-4]",
        "boundary.z={kind='periodic'}",
        start=cylinder,
    )
    steps(solid, 3, 4e-7)
    for name in BURNING:
        same(np.broadcast_to(flat.field(name), solid.field(name).shape), solid.field(name), 1e-7)
    same(np.broadcast_to(components(flat)[:2], components(solid)[:2].shape), components(solid)[:2], 1e-7)
    assert np.abs(components(solid)[2]).max() < 1e-7 * np.abs(components(solid)).max()


def test_a_periodic_direction_has_no_origin():
    def shifted(cells):
        def start(builder, fields):
            q, u = fields
            return torch.roll(q, cells, 2), u

        return start

    periodic = "boundary.y={kind='periodic'}"
    one, two = (steps(kernel(periodic, start=shifted(n)), 3, 4e-7) for n in (0, 5))
    for name in BURNING:
        same(np.roll(one.field(name), 5, 1), two.field(name))
    same(np.roll(components(one), 5, 2), components(two))


def test_a_moving_frame_changes_nothing():
    """Gas that moves as a whole across periodic sides stays as it was: uniform velocity, uniform pressure."""
    flow = inert(
        {"cells": (8, 6, 5), "lower": (0, 0, 0), "upper": (0.1, 0.1, 0.1)},
        {"x": PERIODIC, "y": PERIODIC, "z": PERIODIC},
        velocity=(2.0, -1.0, 0.5),
    )
    steps(flow, 5, 2e-3)
    for component, speed in zip(components(flow), (2.0, -1.0, 0.5), strict=True):
        np.testing.assert_allclose(component, speed, rtol=1e-12)
    assert np.abs(flow.field("p")).max() < 1e-9 and np.ptp(flow.field("T")) < 1e-9


# --- kernels --------------------------------------------------------------------------------------------------------


@pytest.mark.compile
@pytest.mark.slow
def test_compiled_kernels_give_the_same_flow(monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    eager = steps(kernel(), 3, 4e-7)
    compiled = kernel()
    kernels.set_mode("compiled")
    try:
        steps(compiled, 3, 4e-7)
    finally:
        kernels.set_mode("eager")
    for name in BURNING:
        same(eager.field(name), compiled.field(name))
