"""Sources that a case names: radiation as Cantera has it, sparks whose energy is exact on any grid, balances closed."""

import shutil

import cantera as ct
import h5py
import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from combust.case import config as case_config
from combust.case.changes import put_in
from combust.case.config import admit
from combust.case.load import convert, load, to_toml
from combust.case.names import need_of
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.cfd.sources import planck
from combust.cfd.sources.settings import SourceSettings
from combust.cfd.sources.spark import Spark
from combust.errors import ConfigError
from combust.parallel import ALONE, Communicator
from combust.run.build import build
from combust.run.run import run

P = 101325.0


def test_loss_is_that_of_cantera():
    """H2O and CO2 along a guess of a methane flame at 2 bar, by Cantera's own model of its 1-D flames."""
    gas = ct.Solution("gri30.yaml")
    gas.set_equivalence_ratio(1.0, "CH4", "O2:1, N2:3.76")
    gas.TP = 300.0, 2e5
    flame = ct.FreeFlame(gas, width=0.02)
    flame.set_initial_guess()
    flame.radiation_enabled = True
    flame.eval()
    X = torch.tensor(np.stack([flame.X[gas.species_index(s)] for s in planck.RADIATING]))
    X[2:] = 0.0
    found = planck.loss(torch.tensor(flame.T), X, torch.tensor(2e5), 0.0).numpy()
    inner = slice(1, -1)  # Cantera leaves out the ends
    assert flame.flame.radiative_heat_loss[inner].max() > 1e6
    np.testing.assert_allclose(found[inner], flame.flame.radiative_heat_loss[inner], rtol=1e-12)


def test_planck_means():
    """RADCAL's fits are positive, meet at 750 K to 2 % for CO, and stay as they are at the ends of their range."""
    T = torch.linspace(300.0, 2500.0, 200, dtype=torch.float64)
    assert bool((planck.planck_means(T) > 0).all())
    low, high = planck.planck_means(torch.tensor([749.9999, 750.0001], dtype=torch.float64))[2]
    assert abs(high / low - 1) < 0.02
    beyond, ends = (
        planck.planck_means(torch.tensor(t, dtype=torch.float64)) for t in ([150.0, 3500.0], [300.0, 2500.0])
    )
    assert torch.equal(beyond, ends)


def case(**tables):
    """A periodic box of moist air."""
    raw = {
        "mesh": {"kind": "uniform", "cells": (12, 10), "lower": (0, 0), "upper": (0.004, 0.004)},
        "gas": {"mechanism": "h2o2.yaml"},
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "composition": "O2:0.2, N2:0.7, H2O:0.1", "temperature": 300.0},
        "boundary": {"x": {"kind": "periodic"}, "y": {"kind": "periodic"}},
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
    }
    return convert({**raw, **tables}, "case.toml")


@pytest.mark.parametrize("steps", [20, 40])
def test_hot_gas_cools_as_its_loss_says(steps):
    """Burnt gas at constant pressure: dT/dt = -loss/(rho cp) with Cantera's formula and gas, to first order in dt."""
    gas = ct.Solution("h2o2.yaml")
    X = "O2:0.1, N2:0.6, H2O:0.3"

    def slope(_, T):
        gas.TPX = T[0], P, X
        z = 1000.0 / T[0]
        a = -0.23093 + z * (-1.12390 + z * (9.41530 + z * (-2.99880 + z * (0.51382 - z * 1.86840e-5))))
        return [-4 * ct.stefan_boltzmann * gas["H2O"].X[0] * a * (T[0] ** 4 - 300.0**4) / (gas.density * gas.cp)]

    end = 0.05
    exact = solve_ivp(slope, (0, end), [2000.0], rtol=1e-10).y[0, -1]
    config = case(
        mesh={"kind": "uniform", "cells": (4,), "lower": (0,), "upper": (0.01,)},
        initial={"kind": "uniform", "composition": X, "temperature": 2000.0},
        boundary={"x_low": {"kind": "symmetry"}, "x_high": {"kind": "outflow"}},
        sources=[{"kind": "radiation"}],
    )
    flow = build(config, ALONE)
    before = flow.quantity("radiated")
    np.testing.assert_allclose(before, flow.field("radiative_loss")[0, 0, 0] * 0.01, rtol=1e-12)  # per m2
    for _ in range(steps):
        flow.advance(end / steps)
    assert 2000.0 - exact > 100
    assert abs(flow.quantity("T_max") - exact) < 0.06 * (2000.0 - exact) * 20 / steps
    assert abs(flow.quantity("enthalpy_error")) < 1e-13
    assert flow.quantity("radiated") < before


def test_burnt_gas_that_flows_cools_as_in_cantera(tmp_path):
    """Steam and CO2 from 1800 K at 0.3 m/s: Cantera's 1-D flow with its radiation, and this one, to 1 % of the fall."""
    kept = [s for s in ct.Species.list_from_file("gri30.yaml") if s.name in ("H2O", "CO2", "N2")]
    gas = ct.Solution(thermo="ideal-gas", kinetics="gas", transport_model="mixture-averaged", species=kept)
    gas.write_yaml(tmp_path / "burnt.yaml")
    T, u, X, length, cells = 1800.0, 0.3, "H2O:0.18, CO2:0.09, N2:0.73", 0.03, 18
    gas.TPX = T, P, X
    exact = ct.BurnerFlame(gas, grid=np.linspace(0.0, length, 601))
    exact.burner.T, exact.burner.X, exact.burner.mdot = T, X, gas.density * u
    exact.radiation_enabled, exact.boundary_emissivities = True, (0.0, 0.0)
    exact.solve(loglevel=0, refine_grid=False)
    config = case(
        mesh={"kind": "uniform", "cells": (cells,), "lower": (0,), "upper": (length,)},
        gas={"mechanism": str(tmp_path / "burnt.yaml")},
        initial={"kind": "uniform", "composition": X, "temperature": T, "velocity": (u,)},
        boundary={"x_low": {"kind": "burner", "velocity": u, "temperature": T}, "x_high": {"kind": "outflow"}},
        sources=[{"kind": "radiation", "surroundings": 0.0}],
    )
    flow = build(config, ALONE)
    while flow.time < 2.0 * length / u:
        flow.advance(flow.limit()[0])
    x = (np.arange(cells) + 0.5) * length / cells
    fall = T - exact.T[-1]
    assert fall > 500.0
    np.testing.assert_allclose(flow.field("T")[0, 0], np.interp(x, exact.grid, exact.T), rtol=0, atol=0.01 * fall)
    radiated = np.sum(exact.flame.radiative_heat_loss[1:] * np.diff(exact.grid))
    np.testing.assert_allclose(flow.quantity("radiated"), radiated, rtol=0.01)


GRIDS = {
    "line": ((1, 1, 30), (0.0, 0.0, 0.4), {}),
    "plane": ((1, 20, 24), (0.0, 0.1, 0.95), {"periodic": (False, False, True)}),
    "box": ((9, 10, 12), (0.3, 0.2, 0.7), {}),
    "axis": ((1, 12, 16), (0.0, 0.0, 0.5), {"axisymmetric": True}),
    "thin": ((1, 20, 24), (0.0, 0.512, 0.49), {"radius": 1e-4}),
}


def grid_of(shape, dims, coords, periodic, axisymmetric):
    block = Block(ALONE, shape, dims, coords, periodic)
    faces = [stretched_faces(0.0, 1.0, n, 1.05) if n > 1 else uniform_faces(0.0, 1.0, 1) for n in shape]
    return Grid(block, tuple(faces), axisymmetric=axisymmetric)


@pytest.mark.parametrize("name", GRIDS)
def test_energy_of_a_spark_is_exact(name):
    """On stretched grids, around an axis, across periodic sides, thinner than a cell; the same bits on cut grids."""
    shape, centre, more = GRIDS[name]
    radius, axisymmetric = more.get("radius", 0.15), more.get("axisymmetric", False)
    periodic = more.get("periodic", (False, False, False))

    def share(dims, coords):
        grid = grid_of(shape, dims, coords, periodic, axisymmetric)
        spark = Spark(grid, centre, radius, 2.0, 1e-3, 1e-4)
        return spark.share, grid.volume

    whole, volume = share((1, 1, 1), (0, 0, 0))
    assert abs(float((whole * volume).sum()) - 1) < 1e-13
    if name == "plane":  # as strong beyond the periodic side as before it
        x = int(whole[0, 2].argmax())
        assert float(whole[0, 2, 0] / whole[0, 2, x]) > 0.3
    parts = [share((1, 1, 2), (0, 0, c))[0] for c in (0, 1)]
    assert torch.equal(torch.cat(parts, 2), whole)


def test_a_spark_is_a_gaussian():
    grid = grid_of((1, 40, 40), (1, 1, 1), (0, 0, 0), (False, False, False), False)
    share = Spark(grid, (0.0, 0.5, 0.5), 0.1, 1.0, 0.0, 1.0).share
    away = (grid.centres[1] - 0.5) ** 2 + (grid.centres[2] - 0.5) ** 2
    exact = torch.exp(-away / 0.1**2) / (torch.pi * 0.1**2)
    assert float((share[0] - exact[0]).abs().max()) < 0.02 * float(exact.max())


SPARK = {"kind": "spark", "centre": (0.002, 0.001), "radius": "0.5 mm", "energy": "1 mJ", "start": "30 us",
         "duration": "100 us"}  # fmt: skip
RUN = """
mesh = { kind = "uniform", cells = [12, 10], lower = [0, 0], upper = [0.004, 0.004] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
initial = { kind = "uniform", composition = "O2:0.21, N2:0.79", temperature = 300 }
boundary = { x = { kind = "periodic" }, y = { kind = "periodic" } }
numerics = { compile = "off", dt_max = 2e-5 }
stop = { time = 1.5e-4 }
[[sources]]
kind = "spark"
centre = [0.002, 0.001]
radius = "0.5 mm"
energy = "1 mJ"
start = "30 us"
duration = "100 us"
[output]
directory = "out"
series = { quantities = ["spark_power", "spark_energy", "enthalpy_error", "eos_drift", "p0"], every = { steps = 1 } }
"""


def test_a_run_meets_the_spark(tmp_path, monkeypatch):
    """Steps end where it begins and where it ends, its energy is in the gas, in series and summary."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spark.toml"
    path.write_text(RUN)
    report = run(path)
    rows = np.genfromtxt("out/series.csv", delimiter=",", names=True)
    assert np.abs(rows["time"] - 3e-5).min() < 1e-18
    assert np.abs(rows["time"] - 1.3e-4).min() < 1e-18
    inside = (rows["time"] > 3.01e-5) & (rows["time"] < 1.3001e-4)
    assert inside.sum() >= 20
    np.testing.assert_allclose(rows["spark_power"][rows["time"] < 2.9e-5], 0.0)
    assert rows["spark_power"][inside][:-1] == pytest.approx(10.0)
    assert rows["spark_energy"][-1] == pytest.approx(1e-3, rel=1e-12)
    assert np.abs(rows["enthalpy_error"]).max() < 1e-14
    assert rows["eos_drift"].max() < 1e-7
    # closed box of constant volume: energy raises p0 by (gamma - 1) E / V
    air = ct.Solution("h2o2.yaml")
    air.TPX = 300.0, P, "O2:0.21, N2:0.79"
    rise = (air.cp / air.cv - 1) * 1e-3 / 0.004**2
    assert rows["p0"][-1] - P == pytest.approx(rise, rel=2e-3)
    assert report.summary["sources"] == {"spark_energy": rows["spark_energy"][-1], "spark_power": 0.0}
    again = load("out/case.toml")
    assert again.sources == load(path).sources
    # another spark is another case
    path.write_text(RUN.replace("1 mJ", "2 mJ").replace("1.5e-4", "1.6e-4"))
    with pytest.raises(ConfigError, match="sources.0.energy: 0.001, now 0.002"):
        run(path, restart="auto")
    path.write_text(RUN.replace("1.5e-4", "1.6e-4"))
    assert run(path, restart="auto").reason == "done"


def test_restart_within_a_spark(tmp_path, monkeypatch):
    """Bit by bit as the run in one piece."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spark.toml"
    path.write_text(RUN)
    whole = run(path, overrides=["output.directory=whole"])
    run(path, overrides=["output.directory=parts", "stop.steps=8"])
    parts = run(path, overrides=["output.directory=parts"], restart="auto")
    assert whole.step == parts.step
    ends = [sorted((tmp_path / name).glob("fields_*.vtr"))[-1].read_bytes() for name in ("whole", "parts")]
    assert ends[0] == ends[1]
    assert (tmp_path / "whole/series.csv").read_text() == (tmp_path / "parts/series.csv").read_text()


def test_a_restart_with_another_spark_keeps_what_was_put_in(tmp_path, monkeypatch):
    """1 mJ over 100 us until step 8, then 3 mJ over 50 us: the energy goes on from what there is, and is in the gas."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spark.toml"
    path.write_text(RUN)
    run(path, overrides=["stop.steps=8"])
    path.write_text(RUN.replace("1 mJ", "3 mJ").replace('"100 us"', '"50 us"'))
    done = run(path, restart="auto", change=True, overrides=["stop.steps=12"])
    run(path, restart="auto")  # again within the second one, with nothing changed
    rows = np.genfromtxt("out/series.csv", delimiter=",", names=True)
    first, there = rows[rows["step"] == 8][0], rows[rows["step"] == 12][0]
    assert 0 < first["spark_energy"] < 1e-3 and first["time"] < done.time < 8e-5
    put_in = first["spark_energy"] + 3e-3 * (done.time - first["time"]) / 5e-5
    assert there["spark_energy"] == pytest.approx(put_in, rel=1e-12)
    left = 3e-3 * (8e-5 - first["time"]) / 5e-5
    assert rows["spark_energy"][-1] == pytest.approx(first["spark_energy"] + left, rel=1e-12)
    assert np.abs(rows["enthalpy_error"]).max() < 1e-14


def of_an_earlier_version(checkpoint):
    """The checkpoint as versions wrote it that did not hold what sparks had put in."""
    with h5py.File(checkpoint, "r+") as file:
        state = file["state"]
        del state["so_far_spark_energy"]
        names = str(state.attrs["names"]).split("\n")
        state.attrs["names"] = "\n".join(name for name in names if not name.startswith("so_far_"))


def test_a_restart_of_an_earlier_version_keeps_what_sparks_put_in(tmp_path, monkeypatch):
    """With the same spark, the bits of the run in one piece; with another one, and with none, what there was."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spark.toml"
    path.write_text(RUN)
    run(path, overrides=["output.directory=whole", "stop.steps=12"])
    run(path, overrides=["stop.steps=8"])
    of_an_earlier_version("out/checkpoint_000008.h5")
    shutil.copytree("out", "parts")
    run(path, overrides=["output.directory=parts", "stop.steps=12"], restart="auto")
    assert (tmp_path / "whole/series.csv").read_text() == (tmp_path / "parts/series.csv").read_text()
    rows = np.genfromtxt("out/series.csv", delimiter=",", names=True)
    time, energy = rows["time"][-1], rows["spark_energy"][-1]
    assert 0 < energy < 1e-3
    path.write_text(RUN.replace("1 mJ", "3 mJ").replace('"100 us"', '"50 us"'))
    old = "out/checkpoint_000008.h5"
    done = run(path, restart=old, change=True, overrides=["output.directory=other", "stop.steps=12"])
    put_in = energy + 3e-3 * (done.time - time) / 5e-5
    assert done.summary["sources"]["spark_energy"] == pytest.approx(put_in, rel=1e-12)
    begin = RUN.index("[[sources]]")
    none = RUN[:begin] + RUN[RUN.index("[output]") :].replace('"spark_power", "spark_energy", ', "")
    path.write_text(none)
    run(path, restart=old, change=True, overrides=["output.directory=none", "stop.steps=10"])
    done = run(path, restart="auto", overrides=["output.directory=none", "stop.steps=12"])
    assert "spark_energy" not in done.summary.get("sources", {})
    path.write_text(RUN.replace("30 us", "100 us"))
    overrides = ["output.directory=later", "stop.steps=13"]
    done = run(path, restart="none/checkpoint_000012.h5", change=True, overrides=overrides)
    assert done.time < 1e-4
    assert done.summary["sources"]["spark_energy"] == energy


def test_sources_of_a_case_that_cannot_be_read():
    """They are not known, which is another thing than none."""
    text = to_toml(case(sources=[SPARK, {**SPARK, "energy": 0.5}]))
    assert put_in(text, 1.0) == {"spark_energy": 1e-3 + 0.5}
    assert put_in(to_toml(case()), 1.0) == {}
    assert put_in("", 1.0) == {}
    assert put_in(text.replace('"spark"', '"match"'), 1.0) is None


WRONG = [
    ([{**SPARK, "centre": (0.002,)}], r"sources\[0\]: centre: needs 2 number"),
    ([{"kind": "radiation"}, {**SPARK, "centre": (0.002, 0.005)}], r"sources\[1\]: centre: 0.005 m lies outside"),
    ([{"kind": "radiation"}] * 2, 'sources: kind = "radiation" is there twice'),
    ([{"kind": "sparks"}], "sources"),
    ([{**SPARK, "energy": -1.0}], "energy"),
    ([{**SPARK, "energy": "1 cal"}], "unit 'cal' of a energy is unknown"),
    ([{**SPARK, "power": 1.0}], "power"),
]


@pytest.mark.parametrize("sources, message", WRONG)
def test_wrong_sources(sources, message):
    with pytest.raises(ConfigError, match=message):
        build(case(sources=sources), Communicator())


def test_nothing_radiates():
    transport = {"kind": "constant", "viscosity": 2e-5, "prandtl": 0.7, "schmidt": 0.7}
    gas = {"mechanism": "cases/mms_gas.yaml", "transport": transport}
    initial = {"kind": "uniform", "composition": "HEAVY:1", "temperature": 300.0}
    with pytest.raises(ConfigError, match="H2O, CO2, CO, CH4 radiate, and cases/mms_gas.yaml has none"):
        build(case(gas=gas, initial=initial, sources=[{"kind": "radiation"}]), Communicator())


def test_names_of_sources():
    assert need_of("radiative_loss") == 'sources = [{ kind = "radiation", ... }]'
    flow = build(case(), Communicator())
    for ask, name in ((flow.field, "radiative_loss"), (flow.quantity, "spark_energy")):
        with pytest.raises(ConfigError, match=rf'"{name}" needs sources'):
            ask(name)
    for ask, name, absent in ((flow.field, "sparks", "radiative_loss"), (flow.quantity, "radiation", "spark_power")):
        with pytest.raises(ConfigError, match=f'"{name}" is unknown; known: ') as unknown:
            ask(name)
        assert absent not in str(unknown.value)  # none of this case
    both = build(case(sources=[SPARK, {**SPARK, "energy": 0.5}]), Communicator())
    assert both.quantity("spark_energy") == 0.0
    assert "spark" not in both.concerns()


def test_doubts():
    thin = build(case(sources=[{**SPARK, "radius": 1e-4}]), Communicator())
    assert "less than a cell" in thin.concerns()["spark"]
    hot = {"kind": "uniform", "composition": "O2:0.2, N2:0.7, H2O:0.1", "temperature": 2600.0}
    beyond = build(case(initial=hot, sources=[{"kind": "radiation"}]), Communicator())
    assert "2600 K" in beyond.concerns()["radiation"]


class Heater(SourceSettings, frozen=True, tag_field="kind", tag="heater"):
    """One of a script's own."""

    power: float = 1.0

    def build(self, case):
        return Spark(case.grid, (0.0, 0.002, 0.002), 1e-3, self.power, 0.0, 1.0)


def test_a_source_of_ones_own(monkeypatch):
    monkeypatch.setattr(case_config, "_whole", case_config.Config)
    admit("sources", Heater)
    config = case(sources=[{"kind": "heater"}, SPARK])
    assert isinstance(config.sources[0], Heater)
    assert "heater" in to_toml(config)
    flow = build(config, Communicator())
    flow.advance(1e-5)
    assert flow.quantity("spark_energy") == pytest.approx(1e-5)
