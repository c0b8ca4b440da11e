"""combust chain by an engine: what it is given, and by Snakemake itself where that is installed, also after kill -9."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest
import toy_chain
from helpers import ROOT, env

from combust.chain import engine
from combust.errors import ConfigError, DependencyError

INSTALLED = shutil.which("snakemake")
real = pytest.mark.skipif(INSTALLED is None, reason="Snakemake is an extra (combust[chain])")
STANDS_IN = """#!{python}
# Does what Snakemake does with the rules: in the order of the stages, those without an output.
import json, os, subprocess, sys
words = sys.argv[1:]
folder = words[words.index("--directory") + 1]
if "--unlock" in words:
    sys.exit(os.system(f"rm -r {{folder}}/.snakemake/locks"))
with open(os.path.join(folder, "plan.json")) as file:
    stages = json.load(file)["stages"]
for stage in stages:
    if not os.path.exists(os.path.join(folder, stage["name"] + ".json")):
        assert all(os.path.exists(os.path.join(folder, name + ".json")) for name in stage["after"])
        if subprocess.run(["sh", "-c", stage["command"]]).returncode:
            sys.exit(1)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", env()["PYTHONPATH"])
    given = tmp_path / "given.txt"
    given.write_text("100")
    return tmp_path / "out", given


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A small engine of the same name, that knows nothing of staleness either."""
    script = tmp_path / "bin" / "snakemake"
    script.parent.mkdir()
    script.write_text(STANDS_IN.format(python=sys.executable))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(engine, "found", lambda: [str(script)])


def test_the_engine_makes_what_the_order_makes(place, stand_in):
    by_order = place[0].with_name("order")
    toy_chain.run(by_order, place[1])
    found = toy_chain.run(*place, engine=[])
    assert toy_chain.content(place[0]) == toy_chain.content(by_order) and len(found.stale) == 4
    assert toy_chain.run(*place, engine=[]).stale == ()  # from the manifests, without the engine
    for name in toy_chain.NAMES:
        for file in ("sum.txt", "steps.txt"):
            assert (place[0] / name / file).read_bytes() == (by_order / name / file).read_bytes()


def test_the_engine_calls_only_what_is_stale(place, stand_in):
    toy_chain.run(*place)
    before = {name: (place[0] / name).stat().st_ino for name in toy_chain.NAMES}
    toy_chain.run(*place, engine=[], c=3)  # "third" is made anew, and is as before
    changed = [name for name in toy_chain.NAMES if (place[0] / name).stat().st_ino != before[name]]
    assert changed == ["third"]


def test_a_stage_that_fails_in_the_engine(place, stand_in):
    with pytest.raises(engine.EngineError, match="what is finished is kept, and the same command goes on"):
        toy_chain.run(*place, engine=[], fail="second")
    assert "first" in toy_chain.content(place[0])
    toy_chain.run(*place, engine=[])
    assert toy_chain.content(place[0])["last"] == "206"


def test_a_lock_that_an_engine_left_goes(place, stand_in):
    locks = place[0] / "engine" / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    toy_chain.run(*place, engine=[])
    assert not locks.exists()


def test_without_an_engine_the_extra_is_named(place, monkeypatch):
    monkeypatch.setenv("PATH", str(place[0]))
    monkeypatch.setattr(sys, "executable", str(place[0] / "python"))
    with pytest.raises(DependencyError, match=r'pip install "combust\[chain\]", or leave out what stands after --'):
        toy_chain.run(*place, engine=[])


def test_what_the_engine_does_not_do(place, stand_in):
    with pytest.raises(ConfigError, match="--force and --from: go without an engine"):
        toy_chain.run(*place, engine=[], force=True)


@real
@pytest.mark.slow
def test_snakemake(place):
    """All of it, then one setting."""
    found = toy_chain.run(*place, engine=[])
    assert len(found.stale) == 4 and toy_chain.content(place[0])["last"] == "206"
    before = {name: (place[0] / name).stat().st_ino for name in toy_chain.NAMES}
    toy_chain.run(*place, engine=[], c=3)
    assert [name for name in toy_chain.NAMES if (place[0] / name).stat().st_ino != before[name]] == ["third"]


@real
@pytest.mark.slow
def test_snakemake_after_a_kill(place):
    """Its lock and its marks of incomplete files stay; one plain call goes on, in the middle of the stage."""
    words = f"import toy_chain, pathlib; toy_chain.run(*map(pathlib.Path, {[*map(str, place)]}), engine=[], pause=0.5)"
    path = os.pathsep.join([str(ROOT / "tests"), env()["PYTHONPATH"]])
    process = subprocess.Popen([sys.executable, "-c", words], env=env(PYTHONPATH=path), start_new_session=True)
    steps = place[0] / "first.partial" / "steps.txt"
    while not steps.exists() or len(steps.read_text().splitlines()) < 2:
        time.sleep(0.05)
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list((place[0] / "engine" / ".snakemake" / "locks").iterdir())
    found = toy_chain.run(*place, engine=[])
    assert toy_chain.content(place[0])["last"] == "206" and found.done[0].manifest.starts == 2


@real
@pytest.mark.slow
def test_snakemake_through_a_submit_script(place, tmp_path):
    """As on a cluster: the script of docs/chain.md."""
    text = (ROOT / "docs" / "chain.md").read_text()
    script = tmp_path / "submit.sh"
    script.write_text(text[text.index("#!/bin/sh") :].partition("```")[0])
    script.chmod(0o755)
    if subprocess.run([INSTALLED, "--help"], capture_output=True, text=True).stdout.count("cluster-generic") == 0:
        pytest.skip("snakemake-executor-plugin-cluster-generic is not installed")
    options = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", str(script), "--jobs", "2"]
    toy_chain.run(*place, engine=[*options, "--latency-wait", "10"])
    assert toy_chain.content(place[0])["last"] == "206"
