"""What gas, eddies and scheme take of the kinetic energy: balances by hand, orders, upwinding, what has no balance."""

import math

import numpy as np
import pytest
import torch

from combust.case.load import convert, load
from combust.case.names import has, need_of
from combust.cfd.lowmach import momentum
from combust.errors import ConfigError
from combust.parallel import ALONE
from combust.run.build import build

BOX = ["device=cpu", "numerics.compile=off", "mesh.cells=[12,12,12]"]
GAS = {"mechanism": "cases/nitrogen.yaml", "transport": {"kind": "constant", "viscosity": 2e-5, "prandtl": 0.7}}
NAME = "numerical_dissipation"


def vortices(closure="none", viscosity=2.84496e-6, changes=()):
    gas = f"gas.transport={{kind='constant',viscosity={viscosity:g}}}"
    return build(load("cases/tgv3d_les.toml", [*BOX, gas, f"turbulence={{kind='{closure}'}}", *changes]), ALONE)


def energy(flow):
    """Of the velocities on faces of a periodic box of one density [J]."""
    rho = float(flow.diagnostics.density().mean())
    total = 0.0
    for a, face in enumerate(flow.scheme.block_faces(flow.current.u)):
        total += float((face.narrow(a, 0, face.shape[a] - 1) ** 2).mean())
    return 0.5 * rho * total * float(flow.grid.volume.sum())


def lost(flow, dt, until, name=NAME):
    """The sum of a quantity over steps of one length."""
    total = 0.0
    for _ in range(round(until / dt)):
        flow.advance(dt)
        total += dt * flow.quantity(name)
    return total


def test_nothing_is_known_before_a_step():
    assert math.isnan(vortices().quantity(NAME))


@pytest.mark.parametrize("closure", ["none", "sigma", "k-equation"])
def test_the_budget_closes_and_the_scheme_takes_next_to_nothing(closure):
    """Against the energy by hand and the columns of the gas at both ends of a step and of the eddies at its start."""
    flow, dt = vortices(closure), 1e-5
    for _ in range(4):
        flow.advance(dt)
    gas, both = (flow.quantity(f"{which}_dissipation") for which in ("resolved", "viscous"))
    eddies = 0.0 if closure == "none" else flow.quantity("modelled_dissipation")
    assert gas + eddies == pytest.approx(both, rel=1e-9)
    before = energy(flow)
    flow.advance(dt)
    taken = eddies + 0.5 * (gas + flow.quantity("resolved_dissipation"))
    by_hand = (before - energy(flow)) / dt - taken
    assert flow.quantity(NAME) == pytest.approx(by_hand, abs=0.02 * taken)
    assert abs(flow.quantity(NAME)) < 1e-3 * taken


@pytest.mark.parametrize("order", [2, 4])
def test_what_a_central_scheme_takes_without_viscosity_is_of_second_order_in_time(order):
    changes = ["mesh.cells=[8,8,8]", f"numerics.order={order}"] + (
        ["numerics.reconstruction=central"] if order == 4 else []
    )
    found = [lost(vortices(viscosity=1e-12, changes=changes), dt, 8e-5) for dt in (2e-5, 1e-5)]
    assert abs(found[0]) < 1e-3 * energy(vortices())
    assert 3.0 < found[0] / found[1] < 10.0


def test_upwinding_takes_what_it_diffuses(monkeypatch):
    """Upwind differences are central ones and a viscosity |u| h/2: here of one speed, in each direction."""
    speed, central = 3.0, momentum.convection_kernel

    def upwind(u, mass, layout, metrics, scheme):
        found = list(central(u, mass, layout, metrics, scheme))
        for a, f in enumerate(found):
            n, own = f.shape[a] - 1, momentum.along(u[a], layout, a, 0, 1)
            for b in range(3):
                cells = own.narrow(a, 0, n)
                more = cells.roll(1, b) + cells.roll(-1, b) - 2 * cells
                more = 0.5 * speed * rho / h * torch.cat([more, more.narrow(a, 0, 1)], a)
                f = f + more
            found[a] = f
        return tuple(found)

    flow = vortices(viscosity=1e-12)
    rho, h = float(flow.diagnostics.density().mean()), float(flow.grid.widths[0][0])
    monkeypatch.setattr(momentum, "convection_kernel", upwind)
    for _ in range(3):
        flow.advance(2e-6)
    u = [f.narrow(a, 0, 12).numpy() for a, f in enumerate(flow.scheme.block_faces(flow.current.u))]
    squares = sum(((f - np.roll(f, 1, b)) ** 2).mean() for f in u for b in range(3))
    wanted = 0.5 * speed * rho / h * squares * float(flow.grid.volume.sum())
    assert flow.quantity(NAME) == pytest.approx(wanted, rel=0.01)
    assert wanted > 0


def test_gas_of_two_densities_under_gravity_and_forces_between_walls():
    """Pressure, gravity and a force along the walls do work; what is left falls with the square of the step."""
    raw = {
        "mesh": {"kind": "stretched", "x": {"lower": 0.0, "upper": 0.02, "cells": 12},
                 "y": {"lower": 0.0, "upper": 0.02, "cells": 12, "ratio": 1.05, "symmetric": True}},
        "gas": {**GAS, "gravity": (0.0, -9.81, 0.0)},
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "composition": "N2:1", "temperature": 300.0,
                    "hot_spot": {"temperature": 900.0, "centre": (0.01, 0.008), "radius": 0.004}},
        "boundary": {"x": {"kind": "periodic"}, "y": {"kind": "wall"}},
        "numerics": {"compile": "off", "momentum": "conserving"},
        "stop": {"steps": 1},
        "sources": [{"kind": "mass-flux", "axis": "x", "velocity": 0.5}],
    }  # fmt: skip
    found = {}
    for dt in (4e-4, 2e-4):
        flow = build(convert(raw, "case.toml"), ALONE)
        flow.advance(dt)  # brings the gas to its speed at once
        found[dt] = lost(flow, dt, 1.6e-2)
    taken = 1.6e-2 * flow.quantity("viscous_dissipation")
    print(found, taken)
    assert abs(found[2e-4]) < 0.02 * taken
    assert abs(found[2e-4]) < 0.4 * abs(found[4e-4])


OPEN = {
    "an outflow": {"x_low": {"kind": "inflow", "velocity": 1.0}, "x_high": {"kind": "outflow"}, "y": {"kind": "wall"}},
    "a sliding wall": {"x": {"kind": "periodic"}, "y_low": {"kind": "wall"},
                       "y_high": {"kind": "wall", "velocity": (1.0, 0.0, 0.0)}},
    "an axis": None,
}  # fmt: skip


@pytest.mark.parametrize("what", OPEN)
def test_refused_where_energy_passes_the_sides(what):
    raw = {
        "mesh": {"kind": "uniform", "cells": [4, 4], "lower": [0.0, 0.0], "upper": [1e-3, 1e-3]},
        "gas": GAS,
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "composition": "N2:1", "temperature": 300.0},
        "boundary": OPEN[what],
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
    }
    if what == "an axis":
        axis = dict.fromkeys("xy", {"lower": 0.0, "upper": 1e-3, "cells": 4})
        sides = {"x": {"kind": "wall"}, "y_low": {"kind": "symmetry"}, "y_high": {"kind": "wall"}}
        raw |= {"mesh": {"kind": "axisymmetric", **axis}, "boundary": sides}
    config = convert(raw, "case.toml")
    flow = build(config, ALONE)
    with pytest.raises(ConfigError, match='"numerical_dissipation" needs a domain that kinetic energy neither enters'):
        flow.quantity(NAME)
    assert not has(config, need_of(NAME))
    assert has(load("cases/channel.toml"), need_of(NAME))
