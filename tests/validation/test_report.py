"""Long runs of a study: what is kept of them, what is made anew, and what a signal leaves."""

import pytest

from validation.report import Report, UnknownRun


def test_long_runs_go_on_where_they_stopped(tmp_path):
    report, made = Report("study", "A study", tmp_path), []

    def make(name):
        if name == "c" and "c" not in made:
            made.append("c")
            raise KeyboardInterrupt
        made.append(name)
        return {"value": len(made)}

    def found(*only):
        made.clear()
        return {name: run["value"] for name, run in report.resumed(iter("abcd"), only, make, str).items()}

    assert found() == {"a": 1, "b": 2} == {name: run["value"] for name, run in report.kept().items()}
    report.keep({"b": {"value": 7}}, "abcd")
    assert found() == {"b": 7, "a": 1} and made == ["a", "c"]
    assert found("b", "a") == {"a": 1, "b": 2} and made == ["a", "b"]
    with pytest.raises(UnknownRun, match="known: a, b, c, d"):
        found("x")
