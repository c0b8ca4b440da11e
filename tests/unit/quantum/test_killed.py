"""combust tst killed at once (SIGKILL), in a search and in a single point, and begun again: PySCF where it is there."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.unit.quantum.structures import QUICK

RECORDS = ("tst.json", "H.json", "H2.json", "saddle.json")
# What is finished when the signal comes, and what is under way then.
MOMENTS = (("saddle_gradient_001", "the search for the saddle"), ("saddle_hessian", "the single point of the saddle"))


def begin(folder, out):
    """The verb in a process of its own, one thread."""
    words = [sys.executable, "-m", "combust", "tst", str(folder / "tst.toml"), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def kill(running, piece):
    """As soon as this piece is finished."""
    end = time.monotonic() + 300
    while not piece.is_file():
        assert running.poll() is None, running.stderr.read()
        assert time.monotonic() < end, f"{piece.name} did not come"
        time.sleep(0.001)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    return running.returncode


def pieces(out):
    """What is finished: content, and the file itself (one that is made anew is another)."""
    return {one.name: (one.read_bytes(), one.stat().st_ino) for one in (out / "pieces").glob("*.json")}


def numbers(value, at=""):
    """All numbers of a record, by their places."""
    if isinstance(value, dict):
        return {k: v for key, one in value.items() for k, v in numbers(one, f"{at}.{key}").items()}
    if isinstance(value, list):
        return {k: v for i, one in enumerate(value) for k, v in numbers(one, f"{at}.{i}").items()}
    return {at: value} if isinstance(value, float | int) and not isinstance(value, bool) else {}


def test_killed_in_a_search_and_in_single_points(tmp_path):
    for name in ("pyscf", "geometric"):
        pytest.importorskip(name)
    (tmp_path / "tst.toml").write_text(QUICK)
    whole, out = tmp_path / "whole", tmp_path / "killed"
    running = begin(tmp_path, whole)
    errors = running.communicate(timeout=300)[1]
    assert running.returncode == 0, errors
    before = {}
    for name, work in MOMENTS:
        code = kill(begin(tmp_path, out), out / "pieces" / f"{name}.json")
        assert code == -signal.SIGKILL and not (out / "tst.json").exists(), work
        found = pieces(out)
        assert before.items() <= found.items(), work  # nothing that was finished was made again
        before = found
    running = begin(tmp_path, out)
    errors = running.communicate(timeout=300)[1]
    assert running.returncode == 0, errors
    after = pieces(out)
    assert before.items() <= after.items() and len(before) < len(after)
    assert after.keys() == pieces(whole).keys()  # and no more searching than without a kill
    for name in RECORDS:
        there, here = (numbers(json.loads((folder / name).read_text())) for folder in (whole, out))
        assert here == pytest.approx(there, rel=1e-9, abs=1e-9), name
