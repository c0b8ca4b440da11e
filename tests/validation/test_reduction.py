"""The study of reductions makes its page of what reports say, without running anything."""

import os

from validation import reduction
from validation.report import Report


def stage(name, species, error, seconds, evaluations):
    errors = {"0": {"ignition_delay": error, "burnt_temperature": 9.0}, "1": {"ignition_delay": error / 2}}
    return {"name": name, "species": ["A"] * species, "reactions": ["A <=> B"] * 7, "errors": errors, "score": 0.5,
            "quasi_steady": ["A"], "seconds": seconds, "evaluations": evaluations}  # fmt: skip


def found():
    failed = [{"metric": "flame_speed", "error": None}, {"metric": "extinction_time", "error": 0.5}]
    return {
        "stages": [stage("detailed", 9, 0.0, 0.0, 0), stage("drg", 5, 0.04, 10.0, 20)],
        "seconds": {"samples": 1.0, "detailed mechanism": 2.0}, "tolerance": {"ignition_delay": 0.1},
        "cases": [{"held_out": False, "values": []}, {"held_out": True, "values": failed}],
        "score": {"search": 0.4, "held_out": None},
    }  # fmt: skip


def test_page():
    kept = {"wall": 300.0, "cpu": 90.0, "memory": 123.4, "workers": 1, "load": 2.0} | reduction.summary(found())
    report = Report("reduction", reduction.TITLE)
    reduction.page(report, {"methane-drg": kept, "ignition-drg": kept, "dodecane": kept})
    text = report.markdown()
    assert "| DRG | 4 | 7 | 4 % |  |  |  | 20 | 10 s |" in text  # all at search conditions
    assert "| DRG | 4 | 7 | 4 % | fails | 50 % | 20 | 10 s |" in text  # flames held out
    assert "flame speed fails; extinction time 50 % | 5.0 min | 90 s | 123 MiB | 1 | 2.0 |" in text
    assert not report.missed and "5 min | <= 30 min" in text


def test_memory_and_order(tmp_path):
    assert 10 < reduction.resident(next(reduction.family(os.getpid()))) < 1e5
    report = Report("reduction", reduction.TITLE, tmp_path)
    report.keep({"hexane": {}, "methane-drg": {}}, [each.name for each in reduction.RUNS])
    assert list(report.kept()) == ["methane-drg", "hexane"]
