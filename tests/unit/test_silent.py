"""What is below the command line says what it has to say by reporters and report objects, never by `print`."""

import ast
from pathlib import Path

import pytest

import combust
from combust.report.meter import SILENT, Meter

ROOT = Path(combust.__file__).parent


@pytest.mark.parametrize(
    "package", ["case", "cfd", "check", "experiments", "io", "kinetics", "reduction", "run", "surrogates"]
)
def test_nothing_prints(package):
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert not found


def test_reporters(capsys):
    """The silent one says nothing of all that a meter tells."""
    for reporter in (SILENT, Meter()):
        reporter.of("pieces").reach(1, 2)
        reporter.say("said")
        reporter.warn("doubtful")
        reporter.clear()
        told = capsys.readouterr()
        assert (told.out, told.err) == (("", "") if reporter is SILENT else ("said\n", "warning: doubtful\n"))


def test_a_new_name_begins_a_new_round(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("combust.report.meter.time.monotonic", lambda: now[0])
    meter = Meter()
    for what in ("trajectories", "copies"):
        of = meter.of(what)
        for done in (0, 1, 2):
            of.reach(done, 2)
            now[0] += 15.0
    assert capsys.readouterr().err.splitlines() == ["2 of 2 trajectories, left 0 s", "2 of 2 copies, left 0 s"]
