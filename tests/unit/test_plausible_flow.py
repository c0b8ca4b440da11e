"""What check and run say of flows whose numbers would mean nothing: fixed steps, Mach numbers, inflows outwards."""

from pathlib import Path

import cantera as ct
import numpy as np
import pytest

from combust import case
from combust.__main__ import main
from combust.config import load
from combust.parallel import Communicator

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
