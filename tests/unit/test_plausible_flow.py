"""What check and run say of flows whose numbers would mean nothing: fixed steps, Mach numbers, inflows outwards."""

from pathlib import Path

import cantera as ct
import numpy as np
import pytest

from combust.__main__ import main
from combust.case.load import load
from combust.errors import DivergenceError
from combust.parallel import Communicator
from combust.run import build as case
from validation.two_gases import inert, steps

CASES = Path(__file__).resolve().parents[2] / "cases"
VORTICES = str(CASES / "taylor_green_2d.toml")
SMALL = ["mesh.cells=[8,8]", "device=cpu", "numerics.compile=off"]


def flow_of(*changes):
    return case.build(load(VORTICES, [*SMALL, *changes]), Communicator())


def test_mach_number_is_that_of_cantera():
    flow = flow_of("initial.velocity=50.0")
    gas = ct.Solution("h2o2.yaml" if "H2" in flow.scheme.problem.gas.species else flow.scheme.problem.gas.path)
    T, Y = flow.field("T")[0, 0, 0], [flow.field(f"Y_{name}")[0, 0, 0] for name in gas.species_names]
    gas.TPY = T, flow.quantity("p0"), Y
    speed = np.sqrt((flow.field("u") ** 2).sum(0))
    assert flow.field("Mach") == pytest.approx(speed / gas.sound_speed, rel=1e-9)
    assert flow.concerns() == {}


def test_too_fast_and_too_long_a_step_are_said_once(tmp_path, capsys):
    changes = [*SMALL, "initial.velocity=200.0", "numerics.dt=1e-3", "stop.steps=2", "output.fields.every={steps=1}"]
    arguments = [VORTICES, "--out", str(tmp_path), *(part for change in changes for part in ("--set", change))]
    assert main(["check", *arguments]) == 0
    said = capsys.readouterr().err
    assert "warning: numerics.dt = 0.001 s is longer than the stable step" in said and "(cfl)" in said
    assert "warning: Mach number 0." in said
    assert main(["run", *arguments]) in (0, 3)
    said = capsys.readouterr().err
    assert said.count("numerics.dt = 0.001 s is longer") == 1 and said.count("Mach number") == 1


@pytest.mark.parametrize("side, speed", [("x_low", -1.0), ("x_low", -1e-3)])
def test_an_inflow_outwards_is_refused(side, speed, capsys):
    assert main(["check", str(CASES / "flame1d_h2.toml"), "--set", f"boundary.{side}.velocity={speed}"]) == 2
    said = capsys.readouterr().err
    assert f"boundary.{side}" in said and "directed outwards" in said and said.count("\n") == 1


def test_a_vessel_that_is_filled_is_said():
    """Two inflows and no way out: allowed, but the pressure rises, by gamma p times the volume that flows in."""
    mesh, gas = {"cells": (8,), "lower": (0,), "upper": (0.01,)}, {"temperature": 300.0, "composition": "HEAVY:1"}
    low, high = ({"kind": "inflow", "velocity": u, **gas} for u in (0.3, 0.2))
    flow = inert(mesh, {"x_low": low, "x_high": high})
    said, p = flow.concerns()["filling"], flow.quantity("p0")
    assert "boundary.x_low and boundary.x_high" in said
    rise = float(said.split(" Pa/s")[0].rpartition(" ")[2])
    steps(flow, 4, 1e-5)
    assert (flow.quantity("p0") - p) / 4e-5 == pytest.approx(rise, rel=0.01) == pytest.approx(1.4 * 50 * p, rel=0.01)
    assert "filling" not in inert(mesh, {"x_low": low, "x_high": {"kind": "outflow"}}).concerns()


@pytest.mark.parametrize("viscosity, prandtl, what", [(1e6, 0.7, "diffusivity"), (1e6, 1e9, "kinematic viscosity")])
def test_an_absurd_viscosity_is_named(viscosity, prandtl, what):
    """Not the step alone: 1e6 Pa s over 20.31 kg/m3 is no gas; the step that is offered is one that is taken."""

    def flow():
        walls = {"x": {"kind": "periodic"}, "y": {"kind": "periodic"}}
        return inert({"cells": (4, 4), "lower": (0, 0), "upper": (0.01, 0.01)}, walls, viscosity=viscosity,
                     prandtl=prandtl, schmidt=prandtl)  # fmt: skip

    with pytest.raises(DivergenceError, match=f"the largest {what} is (.*) m2/s.*check gas.transport") as error:
        steps(flow(), 1, 1e-3)
    value = float(str(error.value).split(f"the largest {what} is ")[1].split()[0])
    assert value == pytest.approx(viscosity / 20.31 / (prandtl if what == "diffusivity" else 1), rel=1e-2)
    longest = float(str(error.value).split("to at most ")[1].split()[0])
    steps(flow(), 1, 0.95 * longest)


def test_a_pressure_beyond_gases_is_refused(capsys):
    changes = ["--set", "gas.pressure=1e9", "--set", "mesh.cells=[8,8]", "--set", "chemistry.kind=direct"]
    assert main(["check", VORTICES, *changes]) == 2
    assert "gas.pressure: 1e+09 Pa at 300 K: an ideal gas of 401 kmol/m3 would be denser" in capsys.readouterr().err
