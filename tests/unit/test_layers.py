"""Initial streams beside each other, their equilibrium, hot spots: as the formulas and Cantera say."""

import cantera as ct
import msgspec
import numpy as np
import pytest

from combust.case.load import convert, load
from combust.errors import CombustError, ConfigError
from combust.kinetics.flames.counterflow import CounterflowProfile
from combust.parallel import ALONE
from combust.run.build import Builder, build

P = 101325.0
FUEL, AIR = "H2:0.45, N2:0.55", "O2:0.21, N2:0.79"
PERIODIC = {"kind": "periodic"}


def case(initial, mesh=None, boundary=None, **tables):
    mesh = mesh or {"kind": "uniform", "cells": (40,), "lower": (0,), "upper": (0.02,)}
    boundary = boundary or {"x_low": {"kind": "symmetry"}, "x_high": {"kind": "outflow"}}
    raw = {"mesh": mesh, "gas": {"mechanism": "h2o2.yaml"}, "chemistry": {"kind": "none"}, "initial": initial,
           "boundary": boundary, "numerics": {"compile": "off"}, "stop": {"steps": 1}}  # fmt: skip
    return convert({**raw, **tables}, "case.toml")


def layers(*streams, **keys):
    return {"kind": "layers", "streams": list(streams), **keys}


def made(initial, **more):
    """Centres along x, T, Y by name and velocities of the initial fields of a line."""
    builder = Builder(case(initial, **more), ALONE)
    q, u = builder.fields()
    x = builder.grid.centres[2].flatten().numpy()
    return x, q[0].numpy(), dict(zip(builder.gas.species, q[1:].numpy(), strict=True)), u


def cantera(T, Y):
    gas = ct.Solution("h2o2.yaml")
    gas.TPY = T, P, Y
    return gas


def test_strip_of_the_taylor_green_benchmark():
    """Y_H2 = 0.0556 (1 - psi), Y_O2 = 0.2329 psi; T of each cell from equilibrium; hottest at 2.27 mm with 1955 K."""
    shipped = msgspec.to_builtins(load("cases/tgv_reacting.toml").initial)
    initial = {**shipped, "reacted": "temperature", "taylor_green": None}
    line = {"kind": "uniform", "cells": (60,), "lower": (2.2e-3,), "upper": (2.35e-3,)}
    x, T, Y, _ = made(initial, mesh=line)
    R = 0.25 * np.pi * 1e-3
    psi = 0.5 * (1 + np.tanh(3 * (np.abs(x - np.pi * 1e-3) - R) / R))
    np.testing.assert_allclose(Y["H2"][0, 0], 0.0556 * (1 - psi), atol=5e-5)
    np.testing.assert_allclose(Y["O2"][0, 0], 0.2329 * psi, atol=5e-5)
    T = T[0, 0]
    hottest = int(T.argmax())
    assert x[hottest] == pytest.approx(2.2734e-3, abs=5e-6)
    assert T[hottest] == pytest.approx(1954.7, abs=0.5)
    for i in (0, hottest, 59):
        gas = ct.Solution("h2o2.yaml")
        parts = []
        for stream, share in ((FUEL, 1 - psi[i]), (AIR, psi[i])):
            gas.TPX = 300.0, P, stream
            parts.append(ct.Quantity(gas, mass=share, constant="HP"))
        whole = parts[0] + parts[1]
        whole.equilibrate("HP")
        assert T[i] == pytest.approx(whole.T, abs=0.02)


def test_equilibrium_keeps_elements_and_enthalpy():
    streams = ({"composition": FUEL, "temperature": 300.0, "until": 0.01, "width": 0.002},
               {"composition": AIR, "temperature": 400.0})  # fmt: skip
    _, cold, fresh, _ = made(layers(*streams))
    _, hot, burnt, _ = made(layers(*streams, reacted="all"))
    gas, both = ct.Solution("h2o2.yaml"), []
    for T, Y in ((cold, fresh), (hot, burnt)):
        Y = np.stack([Y[name][0, 0] for name in gas.species_names])
        assert Y.min() >= 0
        np.testing.assert_allclose(Y.sum(0), 1.0, atol=1e-14)
        rows = []
        for t, y in zip(T[0, 0], Y.T, strict=True):
            gas.TPY = t, P, y
            rows.append([gas.enthalpy_mass / 1e6, *(gas.elemental_mass_fraction(e) for e in ("H", "O", "N"))])
        both.append(rows)
    np.testing.assert_allclose(both[0], both[1], atol=1e-8)
    assert hot.max() > 1800 > cold.max()
    # enthalpy, not T, is mixed like the mass fractions
    share = 0.5 * (1 + np.tanh((np.arange(40) * 5e-4 + 2.5e-4 - 0.01) / 0.002))
    ends = []
    for T, X in ((300.0, FUEL), (400.0, AIR)):
        gas.TPX = T, P, X
        ends.append(gas.enthalpy_mass / 1e6)
    np.testing.assert_allclose(np.array(both[0])[:, 0], ends[0] + share * (ends[1] - ends[0]), atol=1e-9)


def test_three_streams_and_their_velocities():
    """Fuel, pilot and co-flow: shares are products, so that none is negative whatever the widths are."""
    jet = layers(
        {"composition": "H2:1", "temperature": 300.0, "velocity": (30.0, 1.0), "until": 0.004, "width": 0.0002},
        {"composition": "N2:1", "temperature": 300.0, "velocity": (10.0,), "until": 0.006, "width": 0.003},
        {"composition": "O2:1", "temperature": 300.0, "velocity": (1.0,)},
        along="y",
    )
    mesh = {"kind": "uniform", "cells": (4, 50), "lower": (0, 0), "upper": (0.01, 0.02)}
    boundary = {"x": PERIODIC, "y": {"kind": "wall", "slip": True}}
    builder = Builder(case(jet, mesh=mesh, boundary=boundary), ALONE)
    q, u = builder.fields()
    Y = dict(zip(builder.gas.species, q[1:, 0].numpy(), strict=True))
    y = np.arange(50) * 4e-4 + 2e-4
    first, second = (0.5 * (1 + np.tanh((y - e) / w)) for e, w in ((0.004, 0.0002), (0.006, 0.003)))
    np.testing.assert_allclose(Y["H2"][:, 2], 1 - first, atol=1e-14)
    np.testing.assert_allclose(Y["O2"][:, 2], first * second, atol=1e-14)
    assert min(f.min() for f in Y.values()) >= 0
    exact = 30 * (1 - first) + 10 * first * (1 - second) + first * second
    np.testing.assert_allclose(u[2][0, :, 1].numpy(), exact, rtol=1e-13)
    faces = 0.5 * (1 - np.tanh((np.arange(51) * 4e-4 - 0.004) / 0.0002))
    np.testing.assert_allclose(u[1][0, :, 0].numpy(), faces, atol=1e-14)


def test_linear_gradient_of_temperature():
    cold = {"composition": AIR, "temperature": 300.0, "until": 0.01, "width": 0.01}
    x, T, _, _ = made(layers(cold, {"composition": AIR, "temperature": 900.0}, shape="linear", mix="temperature"))
    np.testing.assert_allclose(T[0, 0], 300 + 600 * np.clip((x - 0.005) / 0.01, 0, 1), rtol=1e-13)


def test_burnt_gas_beyond_a_place():
    """A triple flame's start: fresh below, equilibrium above, of each mixture."""
    streams = ({"composition": FUEL, "temperature": 300.0, "until": 0.01, "width": 0.002},
               {"composition": AIR, "temperature": 300.0})  # fmt: skip
    mesh = {"kind": "uniform", "cells": (10, 30), "lower": (0, 0), "upper": (0.02, 0.03)}
    boundary = {"x": {"kind": "symmetry"}, "y_low": {"kind": "symmetry"}, "y_high": {"kind": "outflow"}}
    burnt = {"along": "y", "beyond": 0.02, "width": 0.001}
    builder = Builder(case(layers(*streams, burnt=burnt), mesh=mesh, boundary=boundary), ALONE)
    q, _ = builder.fields()
    fresh, hot = q[:, 0, 2], q[:, 0, -1]
    np.testing.assert_allclose(fresh[0].numpy(), 300.0, rtol=1e-9)
    for i in (1, 5, 8):
        gas = cantera(300.0, fresh[1:, i].numpy())
        gas.equilibrate("HP", rtol=1e-10)
        assert float(hot[0, i]) == pytest.approx(gas.T, abs=0.05)
        np.testing.assert_allclose(hot[1:, i].numpy(), gas.Y, atol=1e-6)
    np.testing.assert_allclose(q[1:].sum(0).numpy(), 1.0, atol=1e-14)


HOT = {"centre": (0.019, 0.002), "radius": 0.002, "temperature": 1500.0}


def test_a_jet_between_what_its_gas_burns_to():
    """A stream that has burnt is the equilibrium of its gas at constant enthalpy; between them the enthalpy is one."""
    gas = {"fuel": "H2:1", "oxidizer": AIR, "phi": 0.8, "temperature": 320.0}
    fresh = {**gas, "velocity": [9.0], "until": 4e-3, "width": 4e-4}
    x, T, Y, u = made(layers(fresh, {**gas, "velocity": [-9.0], "burnt": True}, mirror=0.01))
    solution = ct.Solution("h2o2.yaml")
    solution.set_equivalence_ratio(0.8, "H2", AIR)
    solution.TP = 320.0, P
    h = solution.enthalpy_mass
    assert T[0, 0, 19] == pytest.approx(320.0, abs=1e-3)
    solution.equilibrate("HP")
    for i in (0, 39):
        assert T[0, 0, i] == pytest.approx(solution.T, abs=0.01)
        assert Y["H2O"][0, 0, i] == pytest.approx(solution["H2O"].Y[0], rel=1e-5)
    for i in range(12, 30):
        solution.TPY = T[0, 0, i], P, [Y[k][0, 0, i] for k in solution.species_names]
        assert solution.enthalpy_mass == pytest.approx(h, abs=20.0)
    assert float(u[2][0, 0, 0]) == pytest.approx(-9.0) and float(u[2][0, 0, 20]) == pytest.approx(9.0)


@pytest.mark.parametrize("kind", ["uniform", "layers"])
def test_hot_spot(kind):
    """A bump in T that reaches across a periodic side; the gas keeps its composition, and rho follows."""
    if kind == "uniform":
        initial = {"kind": "uniform", "composition": AIR, "temperature": 300.0, "hot_spot": HOT}
    else:
        low = {"composition": AIR, "temperature": 300.0, "until": 0.004, "width": 0.001}
        high = {"composition": "O2:1", "temperature": 400.0}
        initial = layers(low, high, along="y", mix="temperature", hot_spot=HOT)
    mesh = {"kind": "uniform", "cells": (40, 20), "lower": (0, 0), "upper": (0.02, 0.01)}
    boundary = {"x": PERIODIC, "y": {"kind": "wall", "slip": True}}
    flow = build(case(initial, mesh=mesh, boundary=boundary), ALONE)
    T = flow.field("T")[0]
    x, y = (np.arange(n) * 5e-4 + 2.5e-4 for n in (40, 20))
    away = np.minimum(np.abs(x - 0.019), 0.02 - np.abs(x - 0.019))
    before = 300.0 if kind == "uniform" else 350 + 50 * np.tanh((y[:, None] - 0.004) / 0.001)
    bump = np.exp(-(away**2 + (y[:, None] - 0.002) ** 2) / 0.002**2)
    np.testing.assert_allclose(T, before + (1500 - before) * bump, rtol=1e-12)
    gas = cantera(T[4, 37], [flow.field(f"Y_{s}")[0, 4, 37] for s in ct.Solution("h2o2.yaml").species_names])
    assert flow.field("rho")[0, 4, 37] == pytest.approx(gas.density, rel=1e-12)
    assert np.abs(flow.field("eos_drift")).max() < 1e-12


A = {"composition": AIR, "temperature": 300.0, "until": 0.01, "width": 0.001}
B = {"composition": "O2:1", "temperature": 300.0}
WRONG = [
    (layers(A), "streams"),
    (layers(A, A), "last stream goes on to the end"),
    (layers(A, {**A, "until": 0.005}, B), "until must rise"),
    (layers(B, B), "all streams but the last need until and width"),
    (layers({**A, "width": None}, B), "until and width go together"),
    (layers({"temperature": 300.0, "until": 0.01, "width": 0.001}, B), "needs composition"),
    (layers({**A, "until": -0.01}, B, mirror=0.0), "greater than 0"),
    (layers(A, B, along="y"), "initial.along: the mesh has no cells along y"),
    (layers({**A, "velocity": (1.0, 2.0)}, B), "a velocity along y"),
    (layers({**A, "composition": "XY:1"}, B), r"initial.streams\[0\]"),
    (layers(A, B, reacted="all", burnt={"along": "x", "beyond": 0.01, "width": 0.001}), "burnt goes with"),
    ({"kind": "uniform", "composition": AIR, "temperature": 300.0, "hot_spot": {**HOT, "centre": (0.0, 0.0, 0.0)}},
     "hot_spot.centre: needs 1 number"),
]  # fmt: skip


@pytest.mark.parametrize("initial, message", WRONG)
def test_wrong_layers(initial, message):
    with pytest.raises(CombustError, match=message):
        Builder(case(initial), ALONE).fields()


def test_inflow_without_a_gas():
    boundary = {"x_low": {"kind": "inflow", "velocity": 1.0, "composition": AIR}, "x_high": {"kind": "outflow"}}
    with pytest.raises(ConfigError, match='boundary.x_low: initial.kind = "layers" names no one gas'):
        case(layers(A, B), boundary=boundary)


def test_doubts_of_layers():
    flow = build(case(layers({**A, "width": 2e-4}, B), boundary={"x": PERIODIC}), ALONE)
    said = flow.concerns()
    assert "less than 3 cells thick" in said["thin_layers"]
    assert "meets the first with a jump" in said["jump"]


def test_a_layer_is_judged_by_the_cells_that_show_it():
    """Cells of 0.1 to 0.9 mm from y = 0: a layer of 0.4 mm is shown beside y = 0.5 mm, and not at 8 mm."""
    rising = {"lower": 0.0, "upper": 0.01, "cells": 24, "ratio": 1.1}
    mesh = {"kind": "stretched", "x": {"lower": 0.0, "upper": 0.01, "cells": 4}, "y": rising}
    walls = {"x": PERIODIC, "y": {"kind": "wall"}}
    for until, thin in ((5e-4, False), (8e-3, True)):
        table = layers({**A, "until": until, "width": 4e-4}, B) | {"along": "y"}
        builder = Builder(case(table, mesh=mesh, boundary=walls), ALONE)
        assert ("thin_layers" in builder.config.initial.doubts(builder.grid)) == thin


X = np.linspace(0, 0.02, 201)
PLANE = {"kind": "uniform", "cells": (40, 8), "lower": (0, 0), "upper": (0.02, 0.01)}
AXIS = {
    "kind": "axisymmetric",
    "x": {"lower": 0, "upper": 0.02, "cells": 40},
    "y": {"lower": 0, "upper": 0.01, "cells": 8},
}
OPPOSED = {"kind": "counterflow", "fuel": FUEL, "oxidizer": AIR, "velocity_fuel": 1.0, "velocity_oxidizer": 1.0}
JETS = {
    "x_low": {"kind": "inflow", "velocity": 1.0, "temperature": 300.0, "composition": FUEL},
    "x_high": {"kind": "inflow", "velocity": 1.0, "temperature": 300.0, "composition": AIR},
    "y_low": {"kind": "symmetry"},
    "y_high": {"kind": "outflow"},
}


@pytest.fixture
def cold_jets(monkeypatch):
    """In the place of Cantera's flame: u = cos(pi x/W), 2 V = -du/dx, T and Y that change along x."""

    def found(gas, p, fuel, T_fuel, flux_fuel, oxidizer, T_oxidizer, flux_oxidizer, width, **_):
        Z = 0.5 * (1 + np.cos(np.pi * X / width))
        ends = [gas.composition(X).numpy()[:, None] for X in (fuel, oxidizer)]
        Y = Z * ends[0] + (1 - Z) * ends[1]
        V = 0.5 * np.pi / width * np.sin(np.pi * X / width)
        T = 300 + 1500 * np.sin(np.pi * X / width) ** 2
        return CounterflowProfile(
            gas.species, X, T, np.cos(np.pi * X / width), V, 0 * X, Y, Z, p, 157.0, 0.0)  # fmt: skip

    monkeypatch.setattr("combust.kinetics.flames.counterflow.counterflow_flame", found)


@pytest.mark.parametrize("mesh", [PLANE, AXIS], ids=["plane", "axis"])
def test_counterflow_on_the_grid(mesh, cold_jets):
    """T and Y of the profile, its u, and sideways what leaves: the divergence is zero to second order."""
    builder = Builder(case(OPPOSED, mesh=mesh, boundary=JETS), ALONE)
    (q, u), grid = builder.fields(), builder.grid
    x, y = (grid.centres[a].flatten().numpy() for a in (2, 1))
    np.testing.assert_allclose(q[0, 0, 3].numpy(), 300 + 1500 * np.sin(np.pi * x / 0.02) ** 2, rtol=1e-4)
    np.testing.assert_allclose(u[2][0, 0].numpy(), np.cos(np.pi * grid.faces[2] / 0.02), atol=1e-4)
    sideways = u[1][0, -1].numpy()  # at y = 0.01
    factor = 2 if mesh is PLANE else 1
    np.testing.assert_allclose(sideways, factor * 0.25 * np.pi * np.sin(np.pi * x / 0.02), rtol=1e-3)
    np.testing.assert_allclose(q[1:].sum(0).numpy(), 1.0, atol=1e-14)
    dx, dy = 5e-4, 0.01 / 8
    if mesh is AXIS:
        r = grid.faces[1]
        out = np.diff(r[:, None] * u[1][0].numpy(), axis=0) / (y[:, None] * dy)
    else:
        out = np.diff(u[1][0].numpy(), axis=0) / dy
    divergence = np.diff(u[2][0].numpy(), axis=1) / dx + out
    assert np.abs(divergence).max() < 2e-3 * np.pi / 0.02


def test_counterflow_needs_a_plane(cold_jets):
    with pytest.raises(ConfigError, match="the gas leaves along y"):
        Builder(case(OPPOSED), ALONE).fields()


@pytest.mark.parametrize("turned", [False, True])
def test_flamelet(turned, cold_jets):
    """Streams side by side: T and Y of the flame at the mixture fraction of the cell, whichever is the fuel."""
    streams = [{"composition": FUEL, "temperature": 300.0}, {"composition": AIR, "temperature": 300.0}]
    streams = streams[::-1] if turned else streams
    streams[0] |= {"until": 0.01, "width": 0.004}
    jets = {"velocity_fuel": 1.0, "velocity_oxidizer": 1.0}
    x, T, Y, _ = made(layers(*streams, flamelet=jets))
    Z = 0.5 * (1 - np.tanh((x - 0.01) / 0.004))
    Z = 1 - Z if turned else Z
    np.testing.assert_allclose(T[0, 0], 300 + 1500 * (1 - (2 * Z - 1) ** 2), atol=2.0)
    np.testing.assert_allclose(Y["H2"][0, 0], Z * Y["H2"].max() / Z.max(), atol=1e-5)
    with pytest.raises(ConfigError, match="flamelet goes with two streams"):
        case(layers(*streams, flamelet=jets, reacted="all"))


@pytest.mark.slow
@pytest.mark.parametrize("mesh", [PLANE, AXIS], ids=["plane", "axis"])
def test_counterflow_of_cantera(mesh, tmp_path, monkeypatch):
    """Hydrogen against air: the flow's first velocities are Cantera's to 3 %, its hottest cell that of the profile."""
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path))
    mesh = {**mesh, "cells": (100, 12)} if mesh is PLANE else {**mesh, "x": {"lower": 0, "upper": 0.02, "cells": 100}}
    given = {**OPPOSED, "velocity_fuel": 0.7, "velocity_oxidizer": 0.5}
    sides = {**JETS, "x_low": {**JETS["x_low"], "velocity": 0.7}, "x_high": {**JETS["x_high"], "velocity": 0.5}}
    builder = Builder(case(given, mesh=mesh, boundary=sides, chemistry={"kind": "direct"}), ALONE)
    flow, profile = builder.flow(), builder.config.initial.profile(builder)
    x = flow.grid.centres[2].flatten().numpy()
    assert np.abs(flow.field("u")[0][0, 0] - np.interp(x, profile.x, profile.u)).max() < 0.03 * 0.7
    assert flow.quantity("T_max") == pytest.approx(profile.peak_temperature, rel=0.01)
