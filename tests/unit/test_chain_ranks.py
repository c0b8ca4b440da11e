"""Flows of a chain on several ranks: what is refused, what they say, what the engine is told, and one on two ranks."""

import io
import json
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest
from helpers import ROOT, env

from combust.chain import engine, manifest, order, ranks
from combust.chain.digests import Digests
from combust.chain.links import flows
from combust.chain.settings import load
from combust.chain.stage import Asked, Stage, Work
from combust.chain.stages import stages_of
from combust.errors import ConfigError, DependencyError, DivergenceError, OutputError
from combust.interrupts import Stopped
from combust.report.meter import Reporter

H2 = ROOT / "cases" / "chain_h2.toml"


class Heard(Reporter):
    def __init__(self):
        self.said, self.warned = [], []

    def say(self, line):
        self.said.append(line)

    def warn(self, line):
        self.warned.append(line)


def test_ranks_are_no_setting_and_stand_in_the_manifest(tmp_path):
    one, two = ({stage.name: stage for stage in stages_of(load(H2, changes), tmp_path)}
                for changes in ((), ("flows.turbulent.ranks=2",)))  # fmt: skip
    assert {name: stage.settings for name, stage in one.items()} == {
        name: stage.settings for name, stage in two.items()
    }
    own = two["turbulent_exact"]
    assert (own.ranks, own.cores, two["turbulent"].ranks, two["laminar"].ranks) == (2, 2, 2, 1)
    assert own.command.startswith("mpirun -n 2 combust run ") and own.size.endswith(", 2 ranks")
    stage = Stage("flow", "a stage", lambda work: (work.folder / "x").write_text("1"), ranks=2)
    (done,) = order.run((stage,), tmp_path, Digests(tmp_path))
    assert manifest.read(tmp_path / "flow") == done.manifest and done.manifest.ranks == 2
    (again,) = order.run((Stage("flow", "a stage", stage.work),), tmp_path, Digests(tmp_path))
    assert not again.made and again.manifest.ranks == 2  # what two ranks made is not made anew by one


def test_engines_hear_of_ranks():
    asked = Asked(ROOT, 1, lambda stage: ["true"])
    plain, several = (Stage("flow", "", lambda work: None, ranks=count) for count in (1, 4))
    planned = [engine.Planned(stage, None, None, ("new",)) for stage in (plain, several)]
    first, second = engine.plan_of(planned, asked)["stages"]
    assert first["threads"] == 1 and set(first["resources"]) == {"mem_mb", "runtime"}
    assert second["threads"] == 4 and second["resources"]["tasks"] == 4
    assert (second["resources"]["mpi"], second["resources"]["cpus_per_task"]) == ("mpirun", 1)


def test_numbers_that_cannot_be(tmp_path):
    with pytest.raises(ConfigError, match="flows.turbulent.ranks = 0: allowed a whole number at least 1"):
        load(H2, ["flows.turbulent.ranks=0"])
    with pytest.raises(ConfigError, match="flows.laminar.rank: unknown key; known: case, exact, ranks"):
        load(H2, ["flows.laminar.rank=2"])
    stages = {stage.name: stage for stage in stages_of(load(H2, ["flows.laminar.ranks=1000"]), tmp_path)}
    for name in ("laminar", "laminar_exact"):  # before anything is done, as every check of a stage
        with pytest.raises(ConfigError, match="flows.laminar.ranks: 1000 ranks cannot share a grid of"):
            stages[name].check()


def test_without_mpirun_or_mpi4py(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(ranks.shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(DependencyError, match="needs mpi4py; combust doctor says how to get it"):
        ranks.launcher()
    monkeypatch.setattr(ranks.shutil, "which", lambda name: None)
    stages = {stage.name: stage for stage in stages_of(load(H2, ["flows.turbulent.ranks=2"]), tmp_path)}
    with pytest.raises(DependencyError, match="more than one rank needs mpirun or mpiexec on the path"):
        stages["turbulent"].check()


def test_what_ranks_say():
    heard = Heard()
    lines = [
        "warning: thin\n",
        "  step 1\n",
        "ParaView: x\n",
        "[rank 1] error: NaN in T\n",
        "error: the root\n",
        "---\n",
    ]
    assert ranks.heard(io.StringIO("".join(lines)), heard) == "NaN in T"
    assert (heard.said, heard.warned) == (["  step 1"], ["thin"])
    assert ranks.heard(["1 of 2 had an error: none\n"], heard) == "" and heard.said[-1].startswith("1 of 2")


STANDS_IN = """#!{python}
import pathlib, signal, sys, time
if "--version" in sys.argv: sys.exit(print("Open MPI"))
folder = pathlib.Path({folder!r})
(folder / "words").write_text(" ".join(sys.argv[1:]))
{body}
"""


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """launched(body) puts a program in the place of mpirun."""

    def put(body):
        script = tmp_path / "mpirun"
        script.write_text(STANDS_IN.format(python=sys.executable, folder=str(tmp_path), body=body))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(ranks.shutil, "which", lambda name: str(script))
        monkeypatch.setattr(ranks.importlib.util, "find_spec", lambda name: name)
        return tmp_path

    return put


@pytest.mark.parametrize(("code", "kind"), [(1, OutputError), (2, ConfigError), (3, DivergenceError), (4, Stopped)])
def test_how_ranks_end_is_how_the_stage_ends(launched, code, kind):
    folder = launched(f'print("error: lost", file=sys.stderr); sys.exit({code})')
    with pytest.raises(kind, match="lost" if code != 4 else "stopped"):
        ranks.run(3, folder / "flow.toml", ["a=1"], folder / "half", Heard())
    words = (folder / "words").read_text()
    assert "--oversubscribe" in words and f"-n 3 {sys.executable} -m combust run {folder / 'flow.toml'}" in words
    assert words.endswith("--restart auto --set a=1")


def test_a_signal_reaches_the_ranks_which_end_by_themselves(launched):
    """Also where the stage is killed: the next one waits until they have."""
    folder = launched(
        "def stop(*_): (folder / 'asked').write_text('1'); sys.exit(4)\n"
        "signal.signal(signal.SIGUSR1, stop)\n(folder / 'ready').write_text('1')\ntime.sleep(60)"
    )
    script = (
        f"import shutil; from pathlib import Path; from combust.chain import ranks; from combust.interrupts import "
        f"stoppable\nranks.launcher = lambda: [{str(folder / 'mpirun')!r}]\nfrom combust.report.meter import SILENT\n"
        f"with stoppable():\n ranks.run(2, Path('case.toml'), [], Path({str(folder / 'half')!r}), SILENT)"
    )
    for end in (signal.SIGTERM, signal.SIGKILL):
        for name in ("ready", "asked"):
            (folder / name).unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", script], env=env(), stderr=subprocess.DEVNULL)
        until(lambda: (folder / "ready").exists())
        process.send_signal(end)
        process.wait(30)
        until(lambda: (folder / "asked").exists())


def until(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_flow_on_two_ranks_is_that_of_one(tmp_path):
    """To round-off, from an interrupted start too; its manifest says two."""
    pytest.importorskip("mpi4py")
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on this machine")
    raw = {
        "mesh": {"kind": "uniform", "cells": [32], "lower": [0.0], "upper": [2.4e-3]}, "stop": {"steps": 6},
        "gas": {"mechanism": "h2o2.yaml", "pressure": 101325.0}, "chemistry": {"kind": "direct"},
        "initial": {"kind": "flame", "fuel": "H2:1", "oxidizer": "O2:0.21, N2:0.79", "phi": 0.5, "temperature": 300.0,
                    "position": 1.2e-3},
        "boundary": {"x_low": {"kind": "inflow", "velocity": "flame-speed"}, "x_high": {"kind": "outflow"}},
        "numerics": {"dt": 2e-6, "compile": "off"},
    }  # fmt: skip
    found = {}
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        flows.run(raw, "flow_exact", count, Work(folder, tmp_path, reporter=Heard()))
        found[count] = json.loads((folder / flows.SUMMARY).read_text())
        assert flows.end_of_summary(folder / flows.SUMMARY)
    assert found[1]["identity"] == found[2]["identity"] and found[1]["step"] == found[2]["step"] == 6
    rows = [(tmp_path / str(count) / flows.SERIES).read_text().splitlines() for count in (1, 2)]
    assert rows[0][0] == rows[1][0] and len(rows[0]) == len(rows[1])
    for a, b in zip(rows[0][-1].split(","), rows[1][-1].split(","), strict=True):
        assert float(a) == pytest.approx(float(b), rel=1e-6, abs=1e-9)
