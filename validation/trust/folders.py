"""One run, one folder."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from combust.__main__ import main
from combust.io.lock import NAME, started
from validation.trust import Member

KIND = (
    "Two commands never write into one folder; a restart with other physics is refused unless --change says so; a run "
    "that cannot start leaves nothing and destroys nothing."
)
CASE = """
mesh = { kind = "uniform", cells = [32], lower = [0], upper = [0.01] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
initial = { kind = "uniform", temperature = 300, composition = "N2:1" }
boundary = { x_low = { kind = "wall" }, x_high = { kind = "outflow" } }
numerics = { dt = 1e-7, compile = "off" }
stop = { steps = 4 }
"""
OTHER_PHYSICS = ("gas.pressure=2e5", 'gas.transport="unity-Lewis"', "initial.temperature=310",
                 'boundary.x_low={kind="symmetry"}', 'chemistry={kind="direct"}', 'numerics.coupling="strang"',
                 "mesh.cells=[16]", "gas.mechanism=gri30.yaml")  # fmt: skip
SAME_PHYSICS = ("numerics.dt=2e-7", "stop.steps=8", "output.log.every={steps=1}", 'chemistry={kind="none"}')
FAILING = ('output.series.quantities=["Q"]', 'output.fields.names=["Q"]', 'initial.composition="XX:1"',
           "gas.mechanism=none.yaml")  # fmt: skip
SMOKE = {
    "OTHER_PHYSICS": OTHER_PHYSICS[:1], "SAME_PHYSICS": SAME_PHYSICS[:1], "FAILING": FAILING[:1],
    "_run": lambda folder, *more: _run_here(folder, *more),  # not a process each
}  # fmt: skip
LONG = ["--set", "stop.steps=1000000", "--set", "output.series.every={steps=1}"]


def members() -> Iterator[Member]:
    """Locks, restarts and failures, by the command line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "still.toml").write_text(CASE, encoding="utf-8")
        yield from _beside_a_live_run(folder)
        yield from _stale(folder)
        yield from _restarts(folder)
        yield from _failures(folder)


def _command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "combust", "run", str(folder / "still.toml"), "--out", str(folder / "out"), *more]


def _run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(folder, *more), capture_output=True, text=True, check=False, timeout=120)


def _run_here(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command, out, err = _command(folder, *more), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(command[3:])
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def _judged(tried: str, right: str, done: subprocess.CompletedProcess[str], code: int, text: str) -> Member:
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    first = re.sub(r"/\S*?/(?=out\b|new\b|still)", "", said[0])[:150] if said else ""
    holds = done.returncode == code and text in done.stdout + done.stderr and "Traceback" not in done.stderr
    return Member(tried, right, f"exit {done.returncode}: {first}", holds)


def _beside_a_live_run(folder: Path) -> Iterator[Member]:
    live = subprocess.Popen(_command(folder, *LONG), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / "out" / "series.csv").exists() and live.poll() is None:
        time.sleep(0.1)
    for more in ((), ("--force",), ("--restart", "auto")):
        done = _run(folder, *more)
        yield _judged(
            f"beside a live run: {' '.join(more) or 'the same command'}",
            "exit 2, host and process",
            done,
            2,
            "in use by",
        )
    live.send_signal(signal.SIGTERM)
    live.wait(timeout=60)
    left = (folder / "out" / NAME).exists()
    yield Member(
        "SIGTERM to that run",
        "exit 4, no lock",
        f"exit {live.returncode}, lock {'left' if left else 'gone'}",
        live.returncode == 4 and not left,
    )


def _stale(folder: Path) -> Iterator[Member]:
    live = subprocess.Popen(_command(folder, "--force", *LONG), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / "out" / NAME).exists() and live.poll() is None:
        time.sleep(0.1)
    live.kill()
    live.wait(timeout=60)
    yield _judged("after SIGKILL of a run", "runs: its process is gone", _run(folder, "--force"), 0, "reached step 4")
    own = {"host": socket.gethostname(), "pid": os.getpid(), "started": "earlier", "since": "then"}
    for what, other, code, text in (
        ("a lock of a number that is another process now", {}, 0, "reached step 4"),
        ("a lock of another host", {"host": "elsewhere", "started": started(os.getpid())}, 2, "remove"),
    ):
        (folder / "out" / NAME).write_text(json.dumps({**own, **other}), encoding="utf-8")
        right = "runs" if code == 0 else "exit 2, and what to do"
        yield _judged(what, right, _run(folder, "--force"), code, text)
        (folder / "out" / NAME).unlink(missing_ok=True)


def _restarts(folder: Path) -> Iterator[Member]:
    _run(folder, "--force")
    again = ("--restart", "auto", "--steps", "6")
    yield _judged("restart", "says from where", _run(folder, *again), 0, "step 4, t = 4")
    for change in OTHER_PHYSICS:
        yield _judged(
            f"restart with {change}", "exit 2, the difference", _run(folder, *again, "--set", change), 2, ", "
        )
    for change in SAME_PHYSICS:
        yield _judged(f"restart with {change}", "goes on", _run(folder, *again, "--set", change), 0, "continues")
    done = _run(folder, "--restart", "auto", "--steps", "9", "--change", "--set", "gas.pressure=2e5")
    kept = sorted(path.name for path in (folder / "out").glob("case*.toml"))
    noted = "gas.pressure" in (folder / "out" / kept[-1]).read_text(encoding="utf-8").splitlines()[1]
    member = _judged("restart with another pressure and --change", "goes on, recorded", done, 0, "changed:")
    yield Member(member.tried, member.right, f"{member.outcome}; {len(kept)} cases kept", member.holds and noted)


def _failures(folder: Path) -> Iterator[Member]:
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    for change in FAILING:
        done = _run(folder, "--force", "--set", change)
        same = {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before
        member = _judged(f"--force with {change}", "exit 2, earlier files stay", done, 2, "error:")
        yield Member(
            member.tried, member.right, f"{member.outcome}; files {'stay' if same else 'LOST'}", member.holds and same
        )
        done = _run(folder, "--out", str(folder / "new" / "one"), "--set", change)
        clean = not (folder / "new").exists()
        yield Member(
            f"a new folder with {change}",
            "exit 2, no folder",
            f"exit {done.returncode}, {'none' if clean else 'LEFT'}",
            done.returncode == 2 and clean,
        )
