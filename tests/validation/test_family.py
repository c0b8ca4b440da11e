"""What the study of a pretrained family reads out of runs, on figures whose savings are known."""

import pytest

from validation import family
from validation.family import ALL, MIDDLE, SEEDS, SHARES, Arm, gain, line, page, saved
from validation.report import Report


def run_of(rows, cpu=1.0, lost=False):
    """A run whose errors go with the root of the rows."""
    error = 100.0 / rows**0.5
    failure = "step 7: lost" if lost else ""
    return {
        "step": error, "species": 0.01 * error, "rollout": 3 * error, "within": 0.5, "accepted": 0.7, "cpu": cpu,
        "parent": 50.0, "steps": 100, "network": {"T": 10.0, "failure": failure},
    }  # fmt: skip


@pytest.fixture
def kept():
    """A family that is worth four times the rows, and a parent of moved labels that is worth nothing."""
    nothing = {Arm(s, "nothing", x).name: run_of(Arm(s, "nothing", x).rows) for s in SEEDS for x in (*SHARES, ALL)}
    own = {Arm(s, "family", x).name: run_of(4 * Arm(s, "family", x).rows, 2.0) for s in SEEDS for x in SHARES[:2]}
    moved = {Arm(s, "moved", MIDDLE).name: run_of(Arm(s, "moved", MIDDLE).rows, lost=True) for s in SEEDS}
    return nothing | own | moved


def test_savings_are_rows_and_cpu_at_equal_error(kept):
    for measure in family.MEASURES:
        rows, cpu = saved(0, ("family", MIDDLE, 1.0), measure, kept)
        assert rows == pytest.approx(4.0, rel=1e-6) and cpu == pytest.approx(0.5)
        assert saved(0, ("moved", MIDDLE, 1.0), measure, kept)[0] == pytest.approx(1.0)
    assert saved(0, ("hydrogen", MIDDLE, 1.0), "step", kept) is None
    del kept[Arm(0, "nothing", ALL).name]
    assert saved(0, ("family", MIDDLE, 1.0), "step", kept) is None  # no curve to read it from


def test_gain_of_a_control(kept):
    own, whole = gain(1, "moved", "rollout", kept)
    assert own == pytest.approx(0.0, abs=1e-12) and whole == pytest.approx(0.5 * 1.3862943611198906)
    assert gain(1, "hydrogen", "rollout", kept) is None


def test_page_of_what_there_is(kept, tmp_path):
    report = Report("family", family.TITLE, tmp_path)
    page(report, kept)
    verdicts = {what: verdict for what, *_, verdict in report.targets}
    assert len(verdicts) == 3 and set(verdicts.values()) == {"met"}
    text = report.markdown()
    assert "| family, labels moved | 3200 | 3 |" in text and "lost in step 7; lost in step 7" in text
    assert f"**Not run yet**: {len(family.arms()) - len(kept)} of {len(family.arms())}" in text
    assert (tmp_path / "docs" / "pictures" / "family.png").is_file()
    assert line(("hydrogen", MIDDLE, 1.0), kept) == []
