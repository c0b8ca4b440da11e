"""Global mechanisms of methane, with orders below one, burn in the flow: the flames of Cantera's free-flame solver."""

from pathlib import Path

import pytest

from combust.case.load import load
from combust.parallel import Communicator
from combust.run import build as case

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "tests" / "faults" / "inputs"


def flame(mechanism, chemistry, *changes):
    """cases/flame1d_ch4.toml by another mechanism, at time zero."""
    start = [f"gas.mechanism={INPUTS / mechanism}", f"chemistry.kind={chemistry}", "numerics.compile=off"]
    fields = ["output.fields.names=['T']", "initial.phi=0.8", "mesh.cells=[100]", "mesh.lower=[0.0015]",
              "mesh.upper=[0.0065]"]  # fmt: skip
    return case.build(load(ROOT / "cases" / "flame1d_ch4.toml", [*start, *fields, *changes]), Communicator())


@pytest.mark.parametrize("mechanism, chemistry", [
    ("global_two.yaml", "direct"), ("global_four.yaml", "direct"), ("global_four.yaml", "cvode")])  # fmt: skip
def test_flame_of_a_global_mechanism(mechanism, chemistry):
    """The speed of Cantera's customary grid, itself some percent off, from twelve steps of 4 us."""
    flow = flame(mechanism, chemistry)
    speed = flow.scheme.problem.boundaries[2][0].velocity[2]
    for _ in range(12):
        flow.advance(4e-6)
    # CVODE keeps elements to its own tolerance.
    elements = 1e-12 if chemistry == "direct" else 1e-7
    assert flow.quantity("flame_speed") == pytest.approx(speed, rel=0.05)
    assert flow.quantity("mass_error") == pytest.approx(0.0, abs=1e-12)
    assert flow.quantity("element_error") == pytest.approx(0.0, abs=elements)
    assert flow.quantity("Y_min") > -1e-5 and 1990 < flow.quantity("T_max") < 2020


def test_kernel_of_one_step():
    """A kernel whose fresh gas leaves: its burning rate is that of a flame, not a share of no difference."""
    kernel = (
        'initial={kind="kernel", fuel="CH4:1", oxidizer="O2:0.21, N2:0.79", phi=0.8, temperature=300, '
        "hot_temperature=2000, centre=[0.0015], radius=0.001, thickness=0.0003}"
    )
    sides = ['boundary={x_low={kind="symmetry"}, x_high={kind="outflow"}}', "numerics={cfl=0.5, dt_max=2e-6}"]
    flow = flame("global_one.yaml", "direct", kernel, *sides)
    for _ in range(12):
        flow.advance(min(flow.limit()[0], 2e-6))
    assert 0.0 <= flow.quantity("flame_speed") < 20.0
    assert flow.quantity("mass_error") == pytest.approx(0.0, abs=1e-12)
    assert flow.quantity("Y_min") > -1e-5
