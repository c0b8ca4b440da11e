"""One run, one folder: the lock, restarts with other physics, runs that fail before their first step."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from types import SimpleNamespace

import pytest
from helpers import CASE, Heat, command, env, launch

from combust.__main__ import main
from combust.case.changes import differences
from combust.case.load import convert
from combust.errors import ConfigError
from combust.io import lock
from combust.io.lock import NAME, locked, started, take

# Under nohup or behind "&" a process ignores these signals, and its children do.
HEAR = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
HOLD = """import sys, time
from pathlib import Path
from combust.io.lock import locked
with locked(Path(sys.argv[1])):
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "combust.run.build", SimpleNamespace(build=Heat))
    monkeypatch.setattr("combust.run.picture.plot", lambda folder: SimpleNamespace(path=folder / "flame.png"))
    (tmp_path / "heat.toml").write_text(CASE)

    def call(*arguments):
        code = main(["run", str(tmp_path / "heat.toml"), "--out", str(tmp_path / "runs" / "out"), *arguments])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err, folder=tmp_path / "runs" / "out")

    return call


def holder(folder, **other):
    """A lock file as another process leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {"host": socket.gethostname(), "pid": os.getpid(), "started": started(os.getpid()), "since": "then"}
    (folder / NAME).write_text(json.dumps({**own, **other}))


def holding(folder, then):
    """A process that holds the folder and then does what it is told."""
    process = subprocess.Popen([sys.executable, "-c", HEAR + HOLD + f"    {then}", str(folder)], env=env())
    for _ in range(600):
        if (folder / NAME).exists():
            return process
        time.sleep(0.05)
    raise AssertionError("no lock appeared")


def test_lock_is_whole_exclusive_and_released(tmp_path):
    folder = tmp_path / "a" / "b"
    with locked(folder):
        assert json.loads((folder / NAME).read_text())["pid"] == os.getpid()
        assert [p.name for p in folder.iterdir()] == [NAME]
        with pytest.raises(ConfigError, match=f"in use by process {os.getpid()} on this host since"):
            take(folder)
    assert not (tmp_path / "a").exists()  # made for the lock, and nothing was written
    with pytest.raises(ZeroDivisionError), locked(folder):
        (folder / "mine").write_text("")
        raise ZeroDivisionError
    assert [p.name for p in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_signals(tmp_path, number):
    """The lock goes with the process; what SIGKILL leaves is known to be stale."""
    process = holding(tmp_path / "out", "time.sleep(60)")
    with pytest.raises(ConfigError, match=f"in use by process {process.pid} on this host"):
        take(tmp_path / "out")
    process.send_signal(number)
    process.wait(timeout=30)
    assert (tmp_path / "out").exists() == (number == signal.SIGKILL)
    with locked(tmp_path / "out"):
        pass


@pytest.mark.parametrize("other", [{"pid": 2**22 + 5}, {"started": "another boot 12"}, {"pid": 1, "started": "x"}])
def test_stale_lock_is_taken_over(tmp_path, other):
    """No process of that number, or one that started at another time."""
    holder(tmp_path, **other)
    with locked(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text, says", [('{"host": "elsewhere", "pid": 7, "started": "x", "since": "then"}', "on host elsewhere since then"),
                   ("", "cannot be read; remove it"), ("[]", "cannot be read; remove it")]
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(tmp_path, text, says):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ConfigError, match=says):
        take(tmp_path)
    assert (tmp_path / NAME).read_text() == text


def test_without_hard_links(tmp_path, monkeypatch):
    def none(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    with locked(tmp_path), pytest.raises(ConfigError, match="in use by"):
        take(tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_of_many_that_come_at_once(tmp_path):
    """All find the same stale lock."""
    holder(tmp_path, pid=2**22 + 5)
    script = (
        "import sys, time; from pathlib import Path; from combust.io.lock import take\n"
        "try:\n    take(Path(sys.argv[1])); print('mine', flush=True); time.sleep(3)\nexcept Exception as e: print(e)"
    )
    many = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=env(), stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=300)[0] for process in many]
    assert sum(text == "mine\n" for text in said) == 1, said


@pytest.mark.parametrize("ranks", [0, 2])
def test_second_run_is_refused_whatever_it_is_told(tmp_path, ranks, monkeypatch, capsys):
    (tmp_path / "heat.toml").write_text(CASE)
    monkeypatch.setitem(sys.modules, "combust.run.build", SimpleNamespace(build=Heat))
    arguments = ["run", tmp_path / "heat.toml", "--out", tmp_path / "out"]
    # More steps than the others take to start, on a machine however busy.
    endless = command([*arguments, "--steps", "100000"], ranks)
    first = subprocess.Popen(endless, env=env(TOY_SLEEP="0.5"), stdout=subprocess.DEVNULL)
    for _ in range(600):
        if (tmp_path / "out" / "series.csv").exists():
            break
        time.sleep(0.05)
    for more in (["--force"],) if ranks else ([], ["--force"], ["--restart", "auto"]):
        if ranks:
            done = launch([*arguments, *more], ranks)
            code, said = done.returncode, done.stderr
        else:
            code, said = main([str(word) for word in (*arguments, *more)]), capsys.readouterr().err
        assert code == 2 and said.count("error:") == 1, said
        assert f"output folder {tmp_path}/out is in use by process" in said
    first.send_signal(signal.SIGUSR1)
    assert first.wait(timeout=300) == 4
    assert not (tmp_path / "out" / NAME).exists()
    rows = (tmp_path / "out" / "series.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(0, 2 * len(rows) - 2, 2))


def test_run_that_cannot_start_leaves_nothing(run, tmp_path, monkeypatch):
    for bad in ('output.series.quantities=["Q"]', 'output.fields.names=["Q"]'):
        assert run("--set", bad).code == 2
        assert not (tmp_path / "runs").exists()
    before = {p.name: p.read_bytes() for p in run("--steps", "5").folder.iterdir()}
    for arguments in (["--force", "--set", 'output.fields.names=["Q"]'], ["--restart", "auto", "--set", "stop.steps=0"],
                      ["--restart", "nowhere.h5"], ["--force", "--set", "gas.pressure=-1"]):  # fmt: skip
        assert run(*arguments).code == 2
        assert {p.name: p.read_bytes() for p in (tmp_path / "runs" / "out").iterdir()} == before
    monkeypatch.setattr(Heat, "limit", lambda self: 1 / 0)
    assert run("--out", str(tmp_path / "late")).code == 1  # after the initial fields were written
    assert not (tmp_path / "late").exists()


def test_restart_says_where_it_goes_on_and_keeps_the_cases(run):
    folder = run("--steps", "7").folder
    again = run("--restart", "auto", "--steps", "9")
    assert f"continues {folder}/checkpoint_000007.h5: step 7, t = " in again.out
    done = run("--restart", "auto", "--set", "numerics.cfl=0.3")
    assert done.code == 0 and "step 9" in done.out
    cases = [tomllib.loads((folder / name).read_text()) for name in ("case.toml", "case_2.toml", "case_3.toml")]
    assert [case["stop"]["steps"] for case in cases] == [7, 9, 20]
    assert (folder / "case_3.toml").read_text().startswith(f"# continues {folder}/checkpoint_000009.h5: step 9")
    assert json.loads((folder / "summary.json").read_text())["continues"]["step"] == 9
    assert run("--force", "--steps", "2").code == 0
    assert sorted(p.name for p in folder.glob("case*")) == ["case.toml"]


def test_other_physics_are_refused_unless_change(run):
    folder = run("--steps", "5").folder
    other = ["--set", "gas.pressure=2e5", "--set", 'gas.transport="unity-Lewis"']
    refused = run("--restart", "auto", *other)
    assert refused.code == 2
    assert "gas.pressure: 101325.0, now 200000.0; gas.transport: mixture-averaged, now unity-Lewis" in refused.err
    assert "--change" in refused.err and not (folder / "case_2.toml").exists()
    done = run("--restart", "auto", "--change", *other)
    assert done.code == 0 and "changed:     gas.pressure: 101325.0, now 200000.0" in done.out
    assert "# gas.pressure: 101325.0, now 200000.0\n" in (folder / "case_2.toml").read_text()
    recorded = json.loads((folder / "summary.json").read_text())["continues"]
    assert len(recorded["changes"]) == 2 and recorded["step"] == 5


@pytest.mark.parametrize(
    "change, free",
    [
        ({"numerics": {"cfl": 0.3, "dt_max": 1e-4, "compile": "off"}, "title": "other", "device": "cpu"}, True),
        ({"stop": {"steps": 50}, "output": {"log": {"every": {"steps": 1}}}}, True),
        ({"chemistry": {"kind": "direct", "rtol": 1e-5}}, True),
        ({"chemistry": {"kind": "cvode"}}, True),
        ({"chemistry": {"kind": "none"}}, False),
        ({"numerics": {"coupling": "strang"}}, False),
        ({"initial": {"kind": "uniform", "temperature": 301, "composition": "N2:1"}}, False),
        ({"gas": {"mechanism": "h2o2.yaml", "phase": "other"}}, False),
        ({"boundary": {"x": {"kind": "wall"}, "y": {"kind": "periodic"}, "z": {"kind": "periodic"}}}, False),
    ],
)
def test_what_may_change(change, free):
    from combust.case.load import to_toml

    raw = tomllib.loads(CASE)
    found = differences(to_toml(convert(raw, "then")), convert({**raw, **change}, "now"))
    assert bool(found) != free, found


def test_lock_of_a_thread(tmp_path):
    """Signals belong to the main thread; a lock does not."""
    import threading

    found = []
    thread = threading.Thread(target=lambda: [found.append((tmp_path / NAME).exists()) for _ in [0] if _hold(tmp_path)])
    thread.start()
    thread.join()
    assert found == [False] and lock.NAME == NAME


def _hold(folder):
    with locked(folder):
        return (folder / NAME).exists()


def test_inflows_of_older_checkpoints_held_values():
    """Cases of 0.1.0 have no `inlet`: T and Y were held there, and the default of today is other physics."""
    raw = tomllib.loads(CASE)
    raw["boundary"] = raw["boundary"] | {"x": None, "x_low": {"kind": "inflow", "velocity": 1.0},
                                         "x_high": {"kind": "outflow"}}  # fmt: skip
    del raw["boundary"]["x"]
    from combust.case.load import to_toml

    now = convert(raw, "now")
    older = to_toml(now).replace(', inlet = "flux"', "")
    assert differences(older, now) == ["boundary.x_low.inlet: value, now flux"]
    assert differences(to_toml(now), now) == []
