"""A planar H2/air flame on a coarse grid: speed, burnt gas and balances, in seconds rather than minutes."""

import pytest

from combust.kinetics import Mechanism
from combust.kinetics.flames import grids as flame_grids
from combust.kinetics.flames.free import free_flame
from validation import planar
from validation.reference import PRESSURE, T_UNBURNT, query_of, reference, settled
from validation.report import Report

THICKNESS = 0.329e-3  # m
S_L = 2.3296  # m/s, docs/validation/flame_speed.md: Cantera's free flame, extrapolated to zero spacing


@pytest.fixture(scope="module")
def flame():
    profile = free_flame("h2o2.yaml", 300.0, 101325.0, "H2:1", "O2:0.21, N2:0.79", 1.0, slope=0.03, curve=0.05)
    faces = planar.graded_faces(THICKNESS / 10, (-2 * THICKNESS, 2 * THICKNESS), (-0.0015, 0.0025), 1.1, 2 * THICKNESS)
    flow = planar.build("flame1d_h2.toml", [planar.mesh_override(faces), "initial.position=0.0"], profile)
    rows = planar.follow(flow, 1e-6, 2.4e-4)
    return flow, rows, planar.speeds(flow, rows, profile.speed, 1.5e-4)


def test_front_and_consumption_speed(flame):
    speeds = flame[2]
    assert speeds.displacement == pytest.approx(S_L, rel=0.01)
    assert speeds.consumption == pytest.approx(S_L, rel=0.01)


def test_burnt_gas_is_hot_and_still_recombining(flame):
    flow, _, speeds = flame
    assert -230.0 < speeds.burnt_temperature - flow.unburnt.burnt_temperature < -150.0  # -186 K at 2.5 mm (Cantera)
    assert flow.quantity("T_max") <= flow.unburnt.burnt_temperature


def test_balances_and_bounds(flame):
    flow, _, speeds = flame
    assert speeds.eos_drift <= 1e-3
    assert speeds.Y_min > -1e-8
    assert speeds.element_error < 1e-12
    assert abs(flow.quantity("mass_error")) < 1e-12


def test_references_are_solved_to_the_end(monkeypatch):
    """Cantera's own tolerances leave 3e-4 of this speed, which extrapolation doubles; and the speed of the page."""
    found = reference("h2o2.yaml", "H2:1", 0.5, 0.02)
    monkeypatch.setattr(flame_grids, "STEADY_TOLERANCE", (1e-8, 1e-13))
    gas, fine = Mechanism.load("h2o2.yaml"), found.finest
    tighter = settled(query_of(gas, T_UNBURNT, PRESSURE, "H2:1", 0.5, fine), gas, fine)
    assert fine.speed == pytest.approx(tighter.speed, rel=3e-5)
    assert found.speed == pytest.approx(0.43937, rel=1e-3)


@pytest.mark.slow
def test_soret_changes_the_speed_as_in_cantera():
    """Cantera moves all species by thermal diffusion (2.121 m/s, 2.330 without it), we those with a light partner."""
    profile = free_flame(
        "h2o2.yaml", 300.0, 101325.0, "H2:1", "O2:0.21, N2:0.79", 1.0, slope=0.03, curve=0.06, soret=True
    )
    faces = planar.graded_faces(THICKNESS / 10, (-2 * THICKNESS, 2 * THICKNESS), (-0.0015, 0.0025), 1.1, 2 * THICKNESS)
    soret = 'gas.transport={kind="mixture-averaged", soret=true}'
    flow = planar.build("flame1d_h2.toml", [planar.mesh_override(faces), "initial.position=0.0", soret], profile)
    speeds = planar.speeds(flow, planar.follow(flow, 1e-6, 2.4e-4), profile.speed, 1.5e-4)
    assert profile.speed == pytest.approx(2.121, rel=0.005)
    assert speeds.consumption == pytest.approx(profile.speed, rel=0.01)
    assert speeds.displacement == pytest.approx(profile.speed, rel=0.015)


def test_graded_faces_rise_and_end_where_they_should():
    faces = planar.graded_faces(1e-5, (-1e-3, 1e-3), (-2e-3, 8e-3), 1.06, 2e-4)
    widths = faces[1:] - faces[:-1]
    assert faces[0] == pytest.approx(-2e-3) and faces[-1] == pytest.approx(8e-3)
    assert widths.min() > 0.5e-5 and widths.max() < 2.1e-4
    assert (widths[1:] / widths[:-1]).max() < 1.12


def test_a_report_names_what_missed(tmp_path):
    report = Report("toy", "A toy", tmp_path)
    report.table(["a"], [[1]])
    report.target("small", 0.5, 1.0, " %")
    report.target("order", 1.5, 1.8, at_least=True)
    text = report.write().read_text()
    assert report.missed == ["order"]
    assert "python -m validation toy" in text and "**missed**" in text and "| a |" in text
