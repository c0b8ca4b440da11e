"""The command line: verbs, messages, exit codes; what a run leaves behind."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from helpers import CASE, Heat, env, same_output

from combust.__main__ import main
from combust.case.load import load
from combust.io.folder import Folder


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "combust.run.build", SimpleNamespace(build=Heat))
    path = tmp_path / "heat.toml"
    path.write_text(CASE)
    return path


@pytest.fixture
def run(case, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("combust.run.picture.plot", lambda folder: SimpleNamespace(path=folder / "flame.png"))

    def call(*arguments, out="out"):
        code = main(["run", str(case), "--out", str(tmp_path / out), *arguments])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err, folder=tmp_path / out)

    return call


def test_help_and_imports_are_light():
    heavy = ["torch", "mpi4py", "matplotlib", "cantera", "h5py", "numpy"]
    code = (
        "import sys, combust, combust.__main__ as m\n"
        "try: m.main(['--help'])\nexcept SystemExit: pass\n"
        f"assert not [n for n in {heavy} if n in sys.modules]"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "exit codes" in done.stdout and "doctor" in done.stdout


def test_run_leaves_its_files_and_says_where(run, case):
    done = run()
    assert (done.code, done.err) == (0, "")
    assert "reached step 20" in done.out and str(done.folder / "fields.pvd") in done.out and "flame.png" in done.out
    names = {p.name for p in done.folder.iterdir()}
    assert names == {f"fields_{s:06d}.vtr" for s in range(0, 21, 5)} | {
        "fields.pvd",
        "paraview_state.py",
        "series.csv",
        "summary.json",
        "case.toml",
        "checkpoint_000015.h5",
        "checkpoint_000020.h5",
    }
    assert load(done.folder / "case.toml") == load(case, [f'output.directory="{done.folder}"'])
    summary = json.loads((done.folder / "summary.json").read_text())
    assert summary["exit"] == {"reason": "done", "message": "reached step 20", "code": 0}
    assert (summary["cells"], summary["ranks"], summary["step"]) == (24 * 12 * 8, 1, 20)
    assert set(summary["phases"]) == {"diffusion", "io"}
    assert summary["versions"]["numpy"] and summary["config"]["gas"]["pressure"] == 101325.0
    assert summary["identity"]["mechanism"] == "h2o2.yaml" and summary["peak_memory_bytes_per_rank"] > 1e6


def test_folder_that_is_not_empty(run, tmp_path):
    first = run("--steps", "5")
    (first.folder / "notes.txt").write_text("mine")
    refused = run("--steps", "5")
    assert refused.code == 2
    assert "is not empty" in refused.err and "--force" in refused.err and refused.err.count("\n") == 1
    forced = run("--steps", "4", "--force")
    assert forced.code == 0
    assert (first.folder / "notes.txt").read_text() == "mine"
    assert [p.name for p in Folder(first.folder).checkpoints()] == ["checkpoint_000004.h5"]


def test_restart_is_exact(run):
    whole = run(out="whole")
    run("--steps", "7", out="parts")
    again = run("--restart", "auto", out="parts")
    assert again.code == 0
    same_output(whole.folder, again.folder)


def test_restart_from_an_older_file_drops_what_came_later(run):
    whole = run(out="whole")
    run(out="parts")
    older = run("--restart", str(whole.folder / "checkpoint_000015.h5"), out="parts")
    assert older.code == 0
    same_output(whole.folder, older.folder)


def test_restart_auto_begins_when_there_is_nothing(run):
    assert run("--restart", "auto", "--steps", "2").code == 0
    assert run("--restart", "nowhere.h5").code == 2


def test_other_series_columns_at_restart(run):
    run("--steps", "5")
    done = run("--restart", "auto", "--set", 'output.series.quantities=["T_mean"]')
    assert done.code == 2 and "has columns" in done.err


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--set", "numerics.sweeps=3"], "numerics.sweeps = 3: allowed 1, 2"),
        (["--set", 'output.fields.names=["T", "Q"]'], "'Q' is unknown; known: T, u"),
        (["--set", 'output.series.quantities=["Q"]'], "'Q' is unknown; known: T_max, T_mean"),
        (["--set", "mesh.cells=[3]"], "mesh"),
        (["--steps", "0"], "stop.steps = 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(run, arguments, text):
    done = run(*arguments)
    assert done.code == 2
    assert text in done.err and done.err.startswith("error: ") and done.err.count("\n") == 1


def test_check(case, capsys, tmp_path):
    assert main(["check", str(case), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "[numerics]\n" in said and "2304 on 1 rank(s)" in said and "first dt: 0.001 s (diffusion" in said
    assert not (tmp_path / "out").exists()
    assert main(["check", str(case), "--set", 'output.fields.names=["Q"]']) == 2


def test_info(run, capsys, tmp_path):
    folder = run().folder
    for name, text in [
        ("checkpoint_000020.h5", "checkpoint of step 20"),
        ("fields_000020.vtr", "24 x 12 x 8 cells"),
        ("fields.pvd", "fields_000015.vtr"),
    ]:
        assert main(["info", str(folder / name)]) == 0
        assert text in capsys.readouterr().out
    assert main(["info", "h2o2.yaml"]) == 0
    assert "10 species, 29 reactions" in capsys.readouterr().out
    for name in ("none.yaml", "none.h5", "series.csv"):
        assert main(["info", str(folder / name)]) == 2


def test_schema_and_list(capsys):
    assert main(["schema"]) == 0
    assert "$defs" in json.loads(capsys.readouterr().out)
    assert main(["schema", "--markdown"]) == 0
    assert "## `numerics`" in capsys.readouterr().out
    assert main(["list", "boundary"]) == 0
    assert "outflow" in capsys.readouterr().out
    assert main(["list", "boundry"]) == 2
