"""A case on several ranks, from a stage that is one process: `combust run` by mpirun, heard and stopped."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from combust.errors import CombustError, ConfigError, DependencyError, DivergenceError, OutputError
from combust.interrupts import STOPPED, Stopped
from combust.io.lock import locked
from combust.report.meter import Reporter

NAMES = ("mpirun", "mpiexec")
HELP = "combust doctor says how to get it, and without ranks in the chain's file the flow runs on one"
PASSED_ON = signal.SIGUSR1  # mpirun gives it to the ranks, which then write a checkpoint; SIGTERM it follows by SIGKILL
PR_SET_PDEATHSIG = 1
# One thread a rank; a rank of Open MPI that waits lets others have its core: beside other jobs a step of two ranks took
# seconds without.
DEFAULTS = {"OMP_NUM_THREADS": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}
PATIENCE = 60.0  # s that ranks whose stage was killed have for their last step and checkpoint
LAST_WORDS = ("ParaView:", "picture:", "continue with")  # of combust run: where it worked is not where it will lie
KINDS: dict[int, type[CombustError]] = {1: OutputError, 2: ConfigError, 3: DivergenceError}


def launcher() -> list[str]:
    """The words that start ranks here, as far as their number. Raises DependencyError without mpirun or mpi4py."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        raise DependencyError(f"more than one rank needs {' or '.join(NAMES)} on the path; {HELP}")
    if importlib.util.find_spec("mpi4py") is None:
        raise DependencyError(f"more than one rank needs mpi4py; {HELP}")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    flags = ["--oversubscribe"] if "Open MPI" in said else []
    return [path, *flags, *(["--allow-run-as-root"] if flags and os.geteuid() == 0 else []), "-n"]


def words(ranks: int, case: Path, changes: Sequence[str]) -> list[str]:
    """The command that runs a case, or goes on from its last checkpoint."""
    sets = [word for change in changes for word in ("--set", change)]
    return [*launcher(), str(ranks), sys.executable, "-m", "combust", "run", str(case), "--restart", "auto", *sets]


def run(ranks: int, case: Path, changes: Sequence[str], folder: Path, reporter: Reporter) -> None:
    """Runs the case in `folder`, to its end. Raises what `combust run` ended with, Stopped on a signal."""
    until_free(folder)
    # The variables of this process's start: MPI, where it was used in here, puts some of its own beside them.
    environment = {**DEFAULTS, **os.environ}
    with subprocess.Popen(
        words(ranks, case, changes), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env=environment, start_new_session=True, preexec_fn=stop_with_parent,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        try:
            error = heard(child.stdout, reporter)
            code = child.wait()
        except BaseException:
            child.send_signal(PASSED_ON)
            child.stdout.read()  # a full pipe would hold the ranks
            child.wait()
            raise
    if code == STOPPED:
        raise Stopped("stopped")
    if code:
        raise KINDS.get(code, OutputError)(error or f"mpirun ended with {code}")


def heard(lines: Iterable[str], reporter: Reporter) -> str:
    """Passes on what the ranks say; their error, of which only the first counts, is returned."""
    error = ""
    for line in map(str.rstrip, lines):
        rank, _, text = line.rpartition("error: ") if "error: " in line else ("", "", "")
        if text and not error and (not rank or rank.startswith("[rank ")):
            error = text
        elif line.startswith("warning: "):
            reporter.warn(line.removeprefix("warning: "))
        elif line and not error and not line.startswith(LAST_WORDS):
            reporter.say(line)
    return error


def until_free(folder: Path) -> None:
    """Waits for the ranks of a stage that was killed, which end by themselves. Raises ConfigError for others."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(ConfigError), locked(folder):
            return
        time.sleep(0.5)
    with locked(folder):
        return


def stop_with_parent() -> None:
    """In the child: mpirun gets the signal when this process is gone, however that ends (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, PASSED_ON)
