"""combust reduce: files, provenance, report; bad input ends with one message; what was interrupted continues."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest

from combust.__main__ import main
from combust.errors import ConfigError
from combust.reduction.cases import psr_case
from combust.reduction.reduce import reduce
from combust.reduction.report.graph import apart, layout
from combust.reduction.settings import load
from combust.report.meter import Meter
from combust.report.pages import Over, Section, Table, html, markdown

HERE = Path(__file__).parent
CASES = HERE.parents[2] / "cases" / "reduction"
CONFIG = """
mechanism = "h2o2.yaml"
fuel = "H2"
oxidizer = "O2:1, N2:3.76"
retain = ["N2"]
reactions.method = "contribution"
search.workers = 1
tolerance = { ignition_delay = 0.1, extinction_time = 0.1, "peak H" = 0.3 }

[[conditions]]
kind = "ignition"
T = "1000,1300"
p = "1"

[[conditions]]
kind = "psr"
T = 300.0
p = "1"

[[conditions]]
kind = "ignition"
T = 1150.0
p = "2"
held_out = true
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing of earlier runs; relative paths, so that commands are the same in all tests."""
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h2.toml").write_text(CONFIG)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The output folder of a whole run."""
    where = tmp_path_factory.mktemp("finished")
    (where / "h2.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        patch.setenv("COMBUST_CACHE", str(where / "cache"))
        assert main(["reduce", "h2.toml"]) == 0
    return where / "runs" / "h2"


def test_the_same_from_python(finished, tmp_path, capsys):
    """Silent, with a report object; a run that has ended is judged from what is kept."""
    shutil.copytree(finished.parents[1], tmp_path, dirs_exist_ok=True)
    before = ct.Solution(str(finished / "reduced.yaml"))
    found = reduce("h2.toml", resume=True)
    said = capsys.readouterr()
    assert not said.out and not said.err
    assert found.mechanism == Path("runs/h2/reduced.yaml") and found.report.is_file()
    assert ct.Solution(str(found.mechanism)).species_names == before.species_names
    assert len(found.best.subset.species) == before.n_species and found.best.score <= 1.0
    assert found.stages[-1].judgement is found.best and found.held_out is not None
    with pytest.raises(ConfigError, match="changes: go with the path of a file"):
        reduce(load("h2.toml"), changes=["search.workers=2"])


def without_dates(path):
    lines = path.read_text().splitlines()
    return [line for line in lines if not re.match(r"\s*(date|written):", line)]


def test_mechanism_carries_origin_transport_and_notes(finished):
    gas, whole = ct.Solution(str(finished / "reduced.yaml")), ct.Solution("h2o2.yaml")
    assert "AR" not in gas.species_names and "N2" in gas.species_names
    assert gas.n_reactions < whole.n_reactions
    assert gas.T == pytest.approx(300.0)
    for species in gas.species():
        before = whole.species(species.name)
        assert species.transport.well_depth == before.transport.well_depth
        assert species.input_data.get("note") == before.input_data.get("note")
    origin = gas.input_data["combust"]
    assert origin["parent"]["file"] == "h2o2.yaml" and len(origin["parent"]["sha256"]) == 64
    assert origin["command"] == "combust reduce h2.toml"
    assert origin["method"][-1] == f"reactions: {gas.n_species} species, {gas.n_reactions} reactions"
    assert 0 < origin["errors"]["search"]["ignition_delay"] <= 0.1
    assert origin["errors"]["held-out"]["ignition_delay"] > 0
    assert origin["tolerance"] == {"ignition_delay": 0.1, "extinction_time": 0.1, "peak H": 0.3}


def test_numbers_of_report_are_those_of_the_mechanism(finished):
    report = json.loads((finished / "report.json").read_text())
    gas = ct.Solution(str(finished / "reduced.yaml"))
    last = report["stages"][-1]
    assert last["species"] == gas.species_names
    assert len(last["reactions"]) == gas.n_reactions
    assert [stage["name"] for stage in report["stages"]] == ["detailed", "drgep", "sensitivity", "reactions"]
    assert [case["held_out"] for case in report["cases"]] == [False, False, False, True]
    values = [value for case in report["cases"] for value in case["values"]]
    delays = [value for value in values if value["metric"] == "ignition_delay"]
    assert len(delays) == 3
    for value in delays:
        assert value["error"] == pytest.approx(abs(value["reduced"] / value["detailed"] - 1))
        assert value["error"] <= value["tolerance"] == 0.1
    worst = max(v["error"] / v["tolerance"] for c in report["cases"][:3] for v in c["values"] if v["tolerance"])
    assert report["score"]["search"] == pytest.approx(worst)
    assert report["total_seconds"] == pytest.approx(sum(report["seconds"].values()))


def test_pages_hold_all_and_need_no_network(finished):
    page, text = (finished / "report.html").read_text(), (finished / "report.md").read_text()
    for case in json.loads((finished / "report.json").read_text())["cases"]:
        assert case["name"] in page and case["name"] in text
    assert "http" not in page and "src=" in page
    assert page.count("<img") == page.count("data:image/png;base64,") == text.count("![") >= 4
    for name in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (finished / name).stat().st_size > 5000
    assert page.index("conditions of the search</h2>") < page.index("held-out conditions</h2>")


def test_cells_beyond_tolerance_are_marked():
    table = Table(("case", "error"), [("a | b", Over("12")), ("<c>", "3")])
    assert '<td class="over">12</td>' in html("t", [Section("s", [table])])
    assert "&lt;c&gt;" in html("t", [Section("s", [table])])
    assert "| a \\| b | **12** |" in markdown("t", [Section("s", [table])])


def test_wide_tables_are_not_cut():
    """Words and headers wrap; what is still too wide scrolls. Numbers stay whole."""
    page = html("t", [Section("s", [Table(("condition", "after reactions [%]"), [("ignition " * 30, "0.1")])])])
    rules = dict(re.findall(r"([^{}]+?)\s*{([^}]*)}", page[page.index("<style>") : page.index("</style>")]))
    rules = {name.strip(): text for name, text in rules.items()}
    assert "white-space: normal" in rules["th"] and "white-space: normal" in rules["th.text, td.text"]
    assert "overflow-x: auto" in rules[".scroll"] and '<div class="scroll"><table>' in page
    assert "white-space: nowrap" in rules["th, td"]


def test_without_matplotlib_there_are_tables(tmp_path, monkeypatch, capsys):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["reduce", "h2.toml", "--set", "sensitivity.method=none", "--set", "reactions.method=none"]) == 0
    assert "no pictures" in capsys.readouterr().err
    assert "<img" not in (tmp_path / "runs/h2/report.html").read_text()


@pytest.mark.parametrize(
    "change, message",
    [
        (["graph.targets={XX=1.0}"], "no species 'XX'"),
        (["graph.targets={H2=2.0}"], "weight 2.0"),
        (["fuel=CH4"], "no species 'CH4'"),
        (['retain=["H3"]'], "no species 'H3'"),
        (["tolerance.flame_speed=0.05"], "no condition of the search measures it"),
        (["tolerance.delay=0.05"], "unknown metric"),
        (['tolerance={"peak XX"=0.1}'], "no species 'XX'"),
        (["search.worker=1"], "search.worker"),
        (["mechanism=nowhere.yaml"], "nowhere.yaml"),
        (["mechanism=still.yaml", 'conditions=[{kind="flame",T=300,p="1 atm"}]'], "needs transport data"),
    ],
)  # fmt: skip
def test_bad_input(tmp_path, capsys, change, message):
    text = (Path(ct.get_data_directories()[-1]) / "h2o2.yaml").read_text()
    Path("still.yaml").write_text(re.sub(r"\n  transport:( .*|(\n    .*)+)", "", text))
    given = [word for text in change for word in ("--set", text)]
    assert main(["reduce", "h2.toml", *given, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("error:") == 1
    assert not (tmp_path / "out").exists()


def test_folder_must_be_empty(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert main(["reduce", "h2.toml", "--out", "out"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["reduce", "h2.toml", "--out", "out", "--resume"]) == 2
    assert "holds no reduction" in capsys.readouterr().err
    assert main(["reduce", "h2.toml", "--out", "out/notes.txt"]) == 2
    assert "is a file" in capsys.readouterr().err


def test_tolerance_that_cannot_be_met(monkeypatch, capsys):
    exact = psr_case.outcome

    def worse(*given):
        found = exact(*given)
        found.values["extinction_time"] *= 1.01
        return found

    monkeypatch.setattr(psr_case, "outcome", worse)
    assert main(["reduce", "h2.toml", "--set", "tolerance.extinction_time=0.005"]) == 2
    error = capsys.readouterr().err
    assert "smallest error reached" in error and "is 2 times its tolerance" in error and "off by 1 %" in error


def test_killed_run_continues(tmp_path, finished, capsys):
    """SIGKILL in the middle; what was found is used, and the result is that of a run in one go."""
    store = tmp_path / "cache" / "reduction"
    process = subprocess.Popen([sys.executable, "-m", "combust", "reduce", "h2.toml"], stdout=subprocess.DEVNULL,
                               env={**os.environ, "PYTHONPATH": str(HERE.parents[2])})  # fmt: skip
    while process.poll() is None and not any(
        file.read_bytes().count(b"\n[") >= 10 or file.read_bytes().count(b"\n\n") >= 10
        for file in store.glob("*/evaluations.jsonl")
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    out = tmp_path / "runs" / "h2"
    assert (out / "samples.h5").exists() and not (out / "reduced.yaml").exists()
    assert main(["reduce", "h2.toml"]) == 2
    assert main(["reduce", "h2.toml", "--resume", "--set", "tolerance.ignition_delay=0.2"]) == 2
    assert "tolerance.ignition_delay was 0.1" in capsys.readouterr().err
    assert main(["reduce", "h2.toml", "--resume"]) == 0
    assert without_dates(out / "reduced.yaml") == without_dates(finished / "reduced.yaml")
    evaluations = [
        sum(stage["evaluations"] for stage in json.loads((folder / "report.json").read_text())["stages"])
        for folder in (out, finished)
    ]
    assert evaluations[0] < evaluations[1]


def test_interrupted_run_says_how_to_continue(monkeypatch, capsys):
    def stop(*_):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("combust.reduction.reduce.sampled", stop)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["reduce", "h2.toml"]) == 4
    assert "--resume continues" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) is before


def test_meter_says_now_and_then_what_is_left(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("combust.report.meter.time.monotonic", lambda: now[0])
    meter = Meter()
    for done in range(1, 11):
        now[0] += 5.0
        meter.reach(done, 10)
    assert capsys.readouterr().err.splitlines() == [
        "5 of 10 evaluations, left 25 s", "9 of 10 evaluations, left 5 s",
    ]  # fmt: skip


def test_labels_of_graph_do_not_overlap():
    strength = draws.rng(1).random((30, 30)) ** 4
    place = apart(layout(np.maximum(strength, strength.T)) * [9.0, 7.0], np.full(30, 0.6), 0.3)
    d = np.abs(place[:, None] - place[None]) + 1e-6
    free = (d[..., 0] >= 0.6 * 0.98) | (d[..., 1] >= 0.3 * 0.98)
    assert free[~np.eye(30, dtype=bool)].all()


@pytest.mark.parametrize("path", sorted(CASES.glob("*.toml")), ids=lambda path: path.stem)
def test_examples_can_be_read(path):
    assert load(path).cases
