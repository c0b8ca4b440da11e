"""Every study and every kind of trust runs to its table and its verdict on tiny sizes, and leaves docs as they are."""

import os
import types
from pathlib import Path

import pytest

from combust import kernels
from validation import trust
from validation.__main__ import main, smoke, studies
from validation.report import ROOT

LONG = {
    "family",
    "reduction",
    "learned",
    "manufactured",
    "open_flames",
    "order",
    "rounds",
    "scaling",
    "time_step",
    "trust_across_scales",  # the quick chain of hydrogen, through all stages
}  # slow; all but the second and third, and these kinds,
# call what other studies call, too, or what has tests of its own
LONG_KINDS = {"training", "folders", "plausible", "trivial"}
UNLEARNED = {"training"}  # two epochs, of which no promise holds


def chosen(names, long):
    return [pytest.param(name, marks=pytest.mark.slow) if name in long else name for name in names]


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    """Files of docs and runs stay as they are; so do the kernels' mode and the variables of the process."""

    def seen():
        # What another process of the tests imports from docs leaves compiled modules there.
        there = (path for name in ("docs", "runs") for path in (ROOT / name).rglob("*"))
        own = (path for path in there if "__pycache__" not in path.parts)
        return {path: path.stat().st_mtime_ns if path.is_file() else None for path in own}

    monkeypatch.setenv("COMBUST_DUMP", os.environ["COMBUST_DUMP"])
    before = seen()
    with kernels.using(kernels.mode()):
        yield
    assert seen() == before


def judged(report):
    """Has a table, and a verdict for each target."""
    text = report.markdown()
    assert "\n| --- |" in text.partition("## Targets")[0]
    assert report.targets and all(verdict in ("met", "**missed**") for *_, verdict in report.targets)
    return report


@pytest.mark.parametrize("name", chosen((name for name in studies() if name != "trust"), LONG))
def test_study(name):
    judged(smoke(name, studies()[name], []))


@pytest.mark.parametrize("name", chosen(trust.kinds(), LONG_KINDS))
def test_kind_of_trust(name):
    report = judged(smoke("trust", trust, [name]))
    [row] = [target for target in report.targets if target[0].startswith(f"{name}:")]
    assert float(row[1]) > 0 or name in UNLEARNED, report.markdown()  # some member came out right


def test_what_is_no_study_is_no_half_of_one():
    """A module with a title but without a run, or with members but no kind, would be passed over in silence."""
    import validation

    for path in Path(validation.__file__).parent.rglob("[a-z]*.py"):
        names = set(path.read_text().splitlines())
        titled = any(line.startswith("TITLE = ") for line in names)
        runs = any(line.startswith("def run(report") for line in names)
        assert titled == runs or path.parent.name == "trust", path
    assert set(trust.kinds()) == {path.stem for path in Path(trust.__file__).parent.glob("[a-z]*.py")}
    assert isinstance(studies()["trust"], types.ModuleType)


def test_command_line(capsys):
    assert main(["--smoke", "taylor_green"]) == 0
    assert "taylor_green" in capsys.readouterr().out.splitlines()[-1]
    assert main(["--smoke", "nothing"]) == 2
    for study in ("trust", "learned", "reduction", "ignition_ends"):
        assert main([study, "--only", "nothing"]) == 2
        assert "no run of that name" in capsys.readouterr().err
