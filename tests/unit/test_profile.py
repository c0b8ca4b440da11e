"""combust profile: phases, bytes and the trace of a case; what it refuses, and that it leaves nothing else behind."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conduction_model import Conduction

from combust import kernels
from combust.__main__ import main
from combust.case import config
from combust.cli import run as cli_run
from combust.io.folder import Folder
from combust.parallel import ALONE
from combust.profiling import recorder as names
from combust.profiling.command import pooled, profile
from combust.profiling.memory import ENTRIES, Touched, bandwidth
from combust.profiling.recorder import Recorder
from combust.run.summary import RunReport
from combust.timers import Timers

CASE = Path(__file__).resolve().parents[2] / "cases" / "tgv2d.toml"
SMALL = ["mesh.cells=[12,12]", "device=cpu", "numerics.compile=off"]
SETS = [part for change in SMALL for part in ("--set", change)]
N = 4096


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("combust.profiling.memory.ENTRIES", 2**16)
    return tmp_path


def test_phases_and_trace(folder, capsys):
    before = dict(Timers().seconds)
    report = profile(CASE, overrides=SMALL, steps=3, warm=1, trace="t.json", operations=True)
    assert [p.name for p in folder.iterdir()] == ["t.json"] and before == {} and Timers.watch is None
    assert (report.ranks, report.cells, report.steps, report.device) == (1, 144, 3, "cpu") and not report.reads
    rows = {phase.name: phase for phase in report.phases}
    assert {"pressure", "halo", "diffusion", "advection", "rest", "agree", "time step"} <= set(rows)
    # Phases are apart: together they are the step, and each has its share of memory.
    assert sum(p.of("wall").mean for p in report.phases) == pytest.approx(report.total.of("wall").mean)
    assert report.total.of("wall").mean <= report.seconds * (1 + 1e-9)  # what lies between steps is no phase's
    assert rows["rest"].of("calls").mean == rows["agree"].of("calls").mean == 1
    assert report.bandwidth.mean * rows["pressure"].floor == pytest.approx(rows["pressure"].of("touched").mean)
    assert rows["pressure"].of("touched").mean > 20 * 8 * 144 and report.total.of("kernels").mean > 10
    assert report.total.of("messages").mean == report.total.of("reductions").mean == 0
    judge_trace(json.loads(Path("t.json").read_text()), report)


def judge_trace(trace, report):
    """As chrome://tracing and Perfetto read it: complete events with a place in time, phases within their step."""
    assert set(trace) == {"traceEvents", "displayTimeUnit", "otherData"} and trace["displayTimeUnit"] in ("ms", "ns")
    events = trace["traceEvents"]
    assert {e["ph"] for e in events} == {"X", "M"}
    for e in events:
        assert isinstance(e["name"], str) and e["pid"] == 0 and e["tid"] in (0, 1)
        if e["ph"] == "X":
            assert e["dur"] >= 0 and e["ts"] >= -1.0
    slices = [(e["name"], e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X" and e["tid"] == 0]
    steps = sorted(s for s in slices if s[0].startswith("step "))
    assert [s[0] for s in steps] == ["step 2", "step 3", "step 4"]
    assert 1e-6 * sum(e - b for _, b, e in steps) == pytest.approx(
        report.total.of("wall").mean * report.steps, rel=1e-4
    )
    assert all(any(b <= low + 2e-3 and high <= e + 2e-3 for _, b, e in steps) for _, low, high in slices)
    calls = sum(p.of("calls").mean for p in report.phases) * report.steps
    assert len(slices) == round(calls)
    operations = [e for e in events if e["tid"] == 1 and e["ph"] == "X"]
    assert any(e["name"] == "aten::mul" for e in operations) and min(e["ts"] for e in operations) >= steps[-1][2]


def test_the_command(folder, capsys):
    assert main(["profile", str(CASE), *SETS, "--steps", "1", "--warm", "0", "--json", "numbers.json"]) == 0
    said = capsys.readouterr().out
    assert "144 cells, 1 rank(s)" in said and "host synchronisations: none" in said and "messages" not in said
    numbers = json.loads(Path("numbers.json").read_text())
    assert numbers["steps"] == 1 and {p["name"] for p in numbers["phases"]} >= {"pressure", "momentum"}
    assert sorted(p.name for p in folder.iterdir()) == ["numbers.json", "trace.json"]
    with pytest.raises(SystemExit) as end:
        main(["profile", str(CASE), "--out", "x"])
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--steps", "0"], "steps 0: must be at least 1"),
        (["--warm", "-1"], "warm -1: must not be negative"),
        (["--trace", "there.json"], "--trace there.json: exists"),
        (["--trace", "no/t.json"], "there is no folder no"),
        (["--trace", "."], "is a folder"),
        (["--json", "there.json"], "--json there.json: exists"),
        (["--trace", "t.json", "--json", "./t.json"], "--json ./t.json: is the file of --trace, too"),
        (["--trace", str(CASE), "--force"], "is the file of case, too"),
        (["--set", "mesh.cells=[0,4]"], "mesh.cells"),
    ],
)
def test_refusals(folder, capsys, more, what):
    Path("there.json").write_text("mine")
    assert main(["profile", str(CASE), *SETS, *more]) == 2
    assert what in capsys.readouterr().err
    assert [p.name for p in folder.iterdir()] == ["there.json"] and Path("there.json").read_text() == "mine"


def test_a_phase_within_another_is_charged_to_itself_alone():
    found, timers = Recorder(), Timers()
    with timers.phase("before"):
        pass
    with found.watching(), found.phase("outer", "step 1"):
        found.add(names.MESSAGES)
        with timers.phase("inner"):
            found.add(names.MESSAGES, 2)
            found.add(names.KERNELS)  # not in a step that is timed
        found.add(names.SENT, 10)
    found.add(names.MESSAGES)  # outside of all
    outer, inner = found.counts["outer"], found.counts["inner"]
    assert set(found.counts) == {"outer", "inner"} and [s.name for s in found.slices] == ["inner", "step 1"]
    assert (outer[names.MESSAGES], inner[names.MESSAGES], outer[names.SENT], inner[names.KERNELS]) == (1, 2, 10, 0)
    whole = found.slices[1].end - found.slices[1].begin
    assert outer[names.WALL] + inner[names.WALL] == pytest.approx(whole)


def test_what_runs_elsewhere_is_waited_for_at_the_ends_of_phases():
    found, waits = Recorder(), []
    found.settle = lambda: waits.append(1)
    with found.watching(), found.phase("a"), Timers().phase("b"):
        pass
    assert len(waits) == 4
    with found.watching(timed=False), found.phase("a"):
        pass
    assert len(waits) == 4


SLAB = """
model = { kind = "conduction", diffusivity = 2e-5 }
mesh = { kind = "uniform", cells = [40], lower = [0.0], upper = [0.01] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
initial = { kind = "uniform", composition = "N2:1", temperature = 300.0 }
boundary = { x = { kind = "wall", temperature = 400.0 } }
stop = { steps = 2 }
numerics = { dt = 1e-3 }
output = { fields = { names = ["T"] }, series = { quantities = ["T_max"] } }
"""


def test_another_model(folder, monkeypatch):
    """More steps than the case has: a profile takes what it is asked for."""
    monkeypatch.setattr(config, "_whole", config.Config)
    config.admit("model", Conduction)
    Path("slab.toml").write_text(SLAB)
    report = profile("slab.toml", steps=4, warm=0)
    assert {p.name for p in report.phases} >= {"rest", "time step", "agree", "guard", "halo"}
    assert [p.name for p in folder.iterdir()] == ["slab.toml"]


@kernels.compiled
def thrice(x, y):
    return x + y + x


@kernels.compiled
def outer(x, y):
    return thrice(x, y) * 2.0


@pytest.mark.parametrize(
    ("work", "arrays"),
    [
        (lambda a, b: a + b, 3),
        (lambda a, b: a.add_(b), 3),
        (lambda a, b: a.copy_(b), 2),
        (lambda a, b: a.zero_(), 1),
        (lambda a, b: torch.add(a, b, out=torch.empty_like(a)), 3),
        (lambda a, b: a.view(64, 64).T, 0),
        (lambda a, b: torch.empty(N), 0),
        (lambda a, b: a[:1].expand(N) + b, 2),
        (lambda a, b: outer(a, b), 3),
    ],
)
def test_bytes_that_are_touched(work, arrays):
    found = Recorder()
    a, b = torch.ones(N), torch.ones(N)
    with kernels.using("eager"), found.watching(timed=False), found.phase("all"), Touched(found) as touched:
        with kernels.watched(touched.kernel):
            work(a, b)
    moved = found.counts.get("all", {}).get(names.TOUCHED, 0.0)
    assert moved == pytest.approx(arrays * a.nbytes, abs=8)


def test_kernels_are_watched_for_a_while_only():
    found = Recorder()
    with kernels.using("eager"), found.watching(timed=False), found.phase("all"), Touched(found) as touched:
        with kernels.watched(touched.kernel):
            outer(torch.ones(3), torch.ones(3))
        outer(torch.ones(3), torch.ones(3))
    row = found.counts["all"]
    assert row[names.KERNELS] == 1 and row[names.OPERATIONS] == 2 + 2 + 3


def test_cells_that_moved_are_those_of_the_chemistry_within():
    def flow(chemistry):
        return SimpleNamespace(scheme=SimpleNamespace(chemistry=chemistry))

    balanced = SimpleNamespace(sharing=SimpleNamespace(moved=7), chemistry=None)
    pooling = SimpleNamespace(pool=SimpleNamespace(stats=SimpleNamespace(moved=3)))
    assert pooled(flow(balanced)) == pooled(flow(SimpleNamespace(chemistry=balanced))) == 7
    assert pooled(flow(pooling)) == 3 and pooled(flow(SimpleNamespace())) == pooled(object()) == 0


def test_bandwidth(monkeypatch):
    assert 3 * 8 * ENTRIES > 1.5e8  # beyond what caches hold
    monkeypatch.setattr("combust.profiling.memory.ENTRIES", 2**12)
    assert 1e7 < bandwidth(ALONE, "cpu") < 1e14


def test_no_picture_of_a_snapshot_that_one_process_should_not_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli_run, "DRAWN", 10)
    folder = Folder(tmp_path)
    folder.fields(3).write_bytes(bytes(11))
    cli_run.summarise(RunReport("done", "reached step 3", 0, folder, 3, 0.1, 1.0, float("nan"), {}, None))
    said = capsys.readouterr().out
    assert "which one process would read: combust plot" in said and not folder.picture.exists()
