"""The C++ kernels compiled on the machine that runs them, once, and loaded.

One file of machine code serves all mechanisms, as they are tables to it; it takes seconds to compile and stays in the
user's cache, under a name made of the sources, the compiler and the processor.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from combust import folders, processor
from combust.kinetics.integrate.native.tables import header

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "source"
MAIN = "integrate.cpp"
LANES = 8  # that fill the widest registers, and hide how long an operation takes
DIGEST = 32  # bytes that follow the machine code in its file, and that loaders do not read
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi",
    "-fPIC", "-shared", "-pthread",
)  # fmt: skip


def compiler() -> list[str]:
    """The C++ compiler with its first options: CXX, as "ccache g++", else g++ or clang++.

    Raises FileNotFoundError without one.
    """
    named = os.environ.get("CXX", "").strip()
    choices = [[named], named.split()] if named else [["g++"], ["clang++"]]  # the first: a path with blanks
    for program, *options in choices:
        if found := shutil.which(program):
            return [found, *options]
    tried = f'CXX = "{named}" names no program' if named else "neither g++ nor clang++ is there"
    raise FileNotFoundError(f"no C++ compiler, as {tried}: install g++ or name one in CXX")


@functools.cache
def library(lanes: int = LANES) -> ctypes.CDLL | None:
    """The kernels for so many cells side by side; None where they cannot be had, with the reason in the log."""
    try:
        found = compiler()
        path = _place(f"integrate-{_key(found, lanes)}.so")
        if not _whole(path):
            with _one_at_a_time(path):
                if not _whole(path):
                    _build(found, path, lanes)
        return _declared(ctypes.CDLL(str(path)))
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        logger.warning(
            "the integrator in C++ cannot be had, torch's slower kernels serve instead: %s", said.strip()[-400:]
        )
        return None


def _folders() -> list[Path]:
    """Where torch keeps compiled kernels if that is set, else the user's cache; then a folder for temporary files."""
    given, cache = os.environ.get("TORCHINDUCTOR_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    first = Path(given) if given else Path(cache) / "combust" if cache else folders.home_cache()
    return [folder for folder in (first, folders.temporary()) if folder is not None]


def _place(name: str) -> Path:
    """Of a file in the first of the folders that has it or can be written. Raises OSError without one."""
    for folder in _folders():
        if _whole(folder / name):
            return folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder / name
    tried = " nor ".join(map(str, _folders()))
    raise OSError(f"neither {tried} can be written: name a folder in TORCHINDUCTOR_CACHE_DIR")


def _whole(path: Path) -> bool:
    """Whether a file of machine code is all there: loading a part of one may end the process."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-DIGEST]).digest() == content[-DIGEST:]


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Of the ranks of a machine one compiles and the others wait for it, where its files can be locked."""
    with open(path.with_suffix(".lock"), "w", encoding="utf-8") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sources() -> dict[str, str]:
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(SOURCES.iterdir())
        if path.suffix in (".h", ".cpp")
    }
    return {**texts, "fields.h": header()}


def _key(compiler: list[str], lanes: int = LANES) -> str:
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True).stdout
    flags = next((value for key, value in processor.fields() if key in ("flags", "Features")), "")
    parts = [
        version,
        flags,
        " ".join([*compiler[1:], *FLAGS, str(lanes)]),
        *(f"{name}\n{text}" for name, text in _sources().items()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _build(compiler: list[str], path: Path, lanes: int = LANES) -> None:
    """Compiles into a file of its own, then renames: processes that do so at once do not meet."""
    start = time.perf_counter()
    logger.info("compiling the integrator, once on this machine ...")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name, text in _sources().items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        made = Path(folder) / path.name
        command = [*compiler, *FLAGS, f"-DLANES={lanes}", "-o", str(made), str(Path(folder) / MAIN)]
        subprocess.run(command, capture_output=True, text=True, check=True)
        code = made.read_bytes()
        made.write_bytes(code + hashlib.sha256(code).digest())
        made.replace(path)
    logger.info("compiled the integrator in %.1f s", time.perf_counter() - start)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    whole, pointer = ctypes.c_int64, ctypes.c_void_p
    found.combust_integrate.argtypes = found.combust_few.argtypes = [pointer] * 5
    found.combust_recorded.restype = whole
    found.combust_recorded.argtypes = [pointer, pointer]
    found.combust_integrate.restype = found.combust_rates.restype = found.combust_solve.restype = whole
    found.combust_few.restype = found.combust_linearise.restype = whole
    found.combust_linearise.argtypes = [pointer, whole, whole, whole, *[pointer] * 6]
    found.combust_forget.restype = None
    found.combust_forget.argtypes = [pointer]
    found.combust_rates.argtypes = [pointer, whole, whole, whole, *[pointer] * 5]
    found.combust_solve.argtypes = [pointer, whole, whole, *[pointer] * 7]
    return found
