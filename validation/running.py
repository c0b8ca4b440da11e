"""Cases run to their ends as a user runs them, by the command line."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from combust.__main__ import main
from validation.report import ROOT


def run_case(case: str, out: Path, changes: Sequence[str] = (), ranks: int = 1) -> Path:
    """`python -m combust.run cases/CASE` into `out`, on several ranks by mpirun; returns `out`.

    Raises RuntimeError with the end of what it said if it fails.
    """
    launcher = [str(ROOT / "scripts" / "mpirun.sh"), "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, sys.executable, "-m", "combust.run", *_arguments(f"cases/{case}", out, changes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return _done(out, done.returncode, done.stdout + done.stderr)


def run_here(case: str, out: Path, changes: Sequence[str] = (), ranks: int = 1) -> Path:
    """The same in this process, on one rank whatever is asked for: for smoke runs, which start no processes."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["run", *_arguments(str(ROOT / "cases" / case), out, changes)])
    return _done(out, code, said.getvalue())


def _arguments(case: str, out: Path, changes: Sequence[str]) -> list[str]:
    return [case, "--force", "--out", str(out), *(word for change in changes for word in ("--set", change))]


def _done(out: Path, code: int, said: str) -> Path:
    if code:
        raise RuntimeError(f"run into {out}: exit code {code}:\n{said[-2000:]}")
    return out
