"""Runs a script on several ranks, with what Open MPI wants as root or on few cores.

As a script: the part of one rank in `check(comm)` of each of the modules that are named, one after the other.
"""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from combust.parallel import Communicator, all_or_none, world


def run_ranks(script: str, ranks: int, *arguments: str, timeout: float = 300.0) -> str:
    """Standard output of `python script arguments` on `ranks` ranks; the test fails with its errors if it fails."""
    done = _done(script, ranks, *arguments, timeout=timeout)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def said_by_ranks(script: str, ranks: int, *arguments: str, timeout: float = 900.0) -> str:
    """The same, and the errors if it fails."""
    done = _done(script, ranks, *arguments, timeout=timeout)
    return done.stdout if done.returncode == 0 else f"{done.stdout}\n{done.stderr}"


def _done(script: str, ranks: int, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    launcher = shutil.which("mpirun")
    if launcher is None:
        pytest.skip("no mpirun on this machine")
    version = subprocess.run([launcher, "--version"], capture_output=True, text=True).stdout
    flags = ["--oversubscribe"] if "Open MPI" in version else []
    if "Open MPI" in version and os.geteuid() == 0:
        flags.append("--allow-run-as-root")
    command = [launcher, *flags, "-n", str(ranks), sys.executable, script, *arguments]
    # A test that used MPI in this process left its variables in the C environment, which would break the launch:
    # os.environ, taken at start, is free of them.
    tests, root = map(str, Path(__file__).resolve().parents[1:3])
    path = os.pathsep.join(filter(None, [root, tests, os.environ.get("PYTHONPATH")]))
    # Ranks share two cores: one that waits must yield.
    environment = {"OMPI_MCA_mpi_yield_when_idle": "1", **os.environ, "PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)


def as_script(check: Callable[[Communicator], None], word: str) -> None:
    """What a rank of `run_ranks` does: check(comm), and the root says `word` when all have."""
    import torch

    torch.set_num_threads(1)
    comm = world()
    with all_or_none(comm):
        check(comm)
        comm.barrier()
    if comm.is_root:
        print(word, flush=True)


if __name__ == "__main__":
    for module in sys.argv[1:]:
        as_script(importlib.import_module(module).check, f"{module}: done")
