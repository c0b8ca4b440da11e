"""C++ compiled on the machine that runs it, once, and loaded.

One file of machine code serves all runs; it takes seconds to compile and stays in the user's cache, under a name made
of the sources, the compiler and the processor. `COMBUST_NATIVE=0` does without. `combust.machine_code_ahead` compiles
several at once, before they are asked for.
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from combust import folders, processor

logger = logging.getLogger(__name__)

DIGEST = 32  # bytes that follow the machine code in its file, and that loaders do not read
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi",
    "-fPIC", "-shared", "-pthread",
)  # fmt: skip


class Code(NamedTuple):
    """Sources of one file of machine code. what : its name in messages, "the integrator"

    texts : of files by name, of which `main` is compiled and includes others, read when the Python that calls them was
    options : more of the compiler's;  files : where texts were read, files and folders
    """

    name: str
    what: str
    main: str
    texts: Mapping[str, str]
    options: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def wanted() -> bool:
    """Whether C++ may serve: not with COMBUST_NATIVE=0."""
    return os.environ.get("COMBUST_NATIVE", "1") != "0"


def texts_of(*files: Path) -> dict[str, str]:
    """Contents of source files, and of those of folders, by name."""
    every = [path for file in files for path in (sorted(file.iterdir()) if file.is_dir() else [file])]
    return {path.name: path.read_text(encoding="utf-8") for path in every if path.suffix in (".h", ".cpp")}


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


def loaded(code: Code) -> ctypes.CDLL | None:
    """The code as a library; None where it cannot be had, with the reason in the log."""
    try:
        _require_unchanged(code)
        return ctypes.CDLL(str(made(code)))
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        logger.warning(
            "%s in C++ cannot be had, torch's slower kernels serve instead: %s", code.what, said.strip()[-400:]
        )
        return None


def _require_unchanged(code: Code) -> None:
    """Raises OSError where sources are no longer those that were read: modules of another version may have been loaded
    since, and what they hand to this machine code would end the process or give wrong numbers.
    """
    now = texts_of(*code.files)
    if {**code.texts, **now} != code.texts:
        raise OSError("its sources were changed while this process ran, as by an update of combust: start it anew")


def made(code: Code, wait: bool = True) -> Path:
    """Its file, compiled where it is not there. Raises OSError, subprocess.SubprocessError where it cannot be.

    wait : until another process that compiles it is through; else BlockingIOError
    """
    path = file_of(code)
    if not whole(path):
        with _one_at_a_time(path, wait):
            if not whole(path):
                _build(code, compiler(), path)
    return path


def file_of(code: Code) -> Path:
    """Where its file is or will be. Raises OSError without such a place, or without a compiler."""
    return place(f"{code.name}-{key(code, compiler())}.so")


def _folders() -> list[Path]:
    """Where torch keeps compiled kernels if that is set, else the user's cache; then a folder for temporary files."""
    given, cache = os.environ.get("TORCHINDUCTOR_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    first = Path(given) if given else Path(cache) / "combust" if cache else folders.home_cache()
    return [folder for folder in (first, folders.temporary()) if folder is not None]


def place(name: str) -> Path:
    """Of a file in the first of the folders that has it or can be written. Raises OSError without one."""
    for folder in _folders():
        if whole(folder / name):
            return folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder / name
    tried = " nor ".join(map(str, _folders()))
    raise OSError(f"neither {tried} can be written: name a folder in TORCHINDUCTOR_CACHE_DIR")


def whole(path: Path) -> bool:
    """Whether a file of machine code is all there: loading a part of one may end the process."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-DIGEST]).digest() == content[-DIGEST:]


@contextlib.contextmanager
def _one_at_a_time(path: Path, wait: bool = True) -> Iterator[None]:
    """Of the processes of a machine one compiles and the others wait for it, where its files can be locked; not
    waiting raises BlockingIOError.
    """
    with open(path.with_suffix(".lock"), "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield


def key(code: Code, compiler: list[str]) -> str:
    """What tells the machine code of these sources, of this compiler and processor from others."""
    parts = [
        _version(*compiler),
        _processor(),
        " ".join([*compiler[1:], *FLAGS, *code.options]),
        *(f"{name}\n{text}" for name, text in code.texts.items()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


@functools.cache
def _version(*compiler: str) -> str:
    return subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True).stdout


@functools.cache
def _processor() -> str:
    """What it can do, in the system's words."""
    return next((value for key, value in processor.fields() if key in ("flags", "Features")), "")


def _build(code: Code, compiler: list[str], path: Path) -> None:
    """Compiles into a file of its own, then renames: processes that do so at once do not meet."""
    start = time.perf_counter()
    logger.info("compiling %s, once on this machine ...", code.what)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name, text in code.texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        made = Path(folder) / path.name
        command = [*compiler, *FLAGS, *code.options, "-o", str(made), str(Path(folder) / code.main)]
        subprocess.run(command, capture_output=True, text=True, check=True)
        content = made.read_bytes()
        made.write_bytes(content + hashlib.sha256(content).digest())
        made.replace(path)
    logger.info("compiled %s in %.1f s", code.what, time.perf_counter() - start)
