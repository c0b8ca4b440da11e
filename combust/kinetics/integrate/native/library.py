"""The C++ kernels compiled on the machine that runs them, once, and loaded.

One file of machine code serves all mechanisms, as they are tables to it; it takes seconds to compile and stays in the
user's cache, under a name made of the sources, the compiler and the processor.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from combust import processor
from combust.kinetics.integrate.native.tables import header

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "source"
MAIN = "integrate.cpp"
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi",
    "-fPIC", "-shared", "-pthread",
)  # fmt: skip


def compiler() -> str | None:
    """Path of the C++ compiler: CXX, else g++ or clang++; None without one."""
    named = os.environ.get("CXX")
    return next((found for name in ([named] if named else ["g++", "clang++"]) if (found := shutil.which(name))), None)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels; None where they cannot be had, with the reason in the log."""
    found = compiler()
    if found is None:
        return None
    try:
        path = _folder() / f"integrate-{_key(found)}.so"
        if not path.exists():
            _build(found, path)
        return _declared(ctypes.CDLL(str(path)))
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        logger.warning(
            "the integrator in C++ cannot be had, torch's slower kernels serve instead: %s", said.strip()[-400:]
        )
        return None


def _folder() -> Path:
    """Where torch keeps compiled kernels if that is set, else the user's cache, else a folder for temporary files.

    Raises OSError where none can be written.
    """
    given = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    usual = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "combust"
    spare = Path(tempfile.gettempdir()) / f"combust-{os.getuid()}"
    for folder in (usual, spare):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        strange = folder is spare and folder.stat().st_uid != os.getuid()  # anyone may make it in a shared place
        if os.access(folder, os.W_OK | os.X_OK) and not strange:
            return folder
    raise OSError(f"neither {usual} nor {spare} can be written: name a folder in TORCHINDUCTOR_CACHE_DIR")


def _sources() -> dict[str, str]:
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(SOURCES.iterdir())
        if path.suffix in (".h", ".cpp")
    }
    return {**texts, "fields.h": header()}


def _key(compiler: str) -> str:
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    flags = next((value for key, value in processor.fields() if key in ("flags", "Features")), "")
    parts = [version, flags, " ".join(FLAGS), *(f"{name}\n{text}" for name, text in _sources().items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _build(compiler: str, path: Path) -> None:
    """Compiles into a file of its own, then renames: processes that do so at once do not meet."""
    start = time.perf_counter()
    logger.info("compiling the integrator, once on this machine ...")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name, text in _sources().items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        made = Path(folder) / path.name
        command = [compiler, *FLAGS, "-o", str(made), str(Path(folder) / MAIN)]
        subprocess.run(command, capture_output=True, text=True, check=True)
        made.replace(path)
    logger.info("compiled the integrator in %.1f s", time.perf_counter() - start)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    whole, pointer = ctypes.c_int64, ctypes.c_void_p
    found.combust_integrate.restype = pointer
    found.combust_integrate.argtypes = [pointer] * 4
    found.combust_recorded.restype = whole
    found.combust_recorded.argtypes = [pointer, pointer]
    found.combust_forget.restype = found.combust_rates.restype = found.combust_solve.restype = None
    found.combust_forget.argtypes = [pointer]
    found.combust_rates.argtypes = [pointer, whole, whole, whole, *[pointer] * 5]
    found.combust_solve.argtypes = [pointer, whole, whole, *[pointer] * 7]
    return found
