"""The C++ kernels as a library: one file of machine code serves all grids, as levels are tables to it."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from combust import machine_code
from combust.machine_code import Code

SOURCES = Path(__file__).parent / "source"
TEXTS = machine_code.texts_of(SOURCES)
# Sums and products are not contracted: cells that two ranks hold are then the same on both. -O3 takes twice as long to
# compile, and makes nothing faster.
OPTIONS = ("-O2", "-fopenmp-simd", "-ffp-contract=off")


def code() -> Code:
    """The sources."""
    return Code("pressure", "the pressure's multigrid", "multigrid.cpp", TEXTS, OPTIONS, (SOURCES,))


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels; None where they cannot be had, with the reason in the log."""
    found = machine_code.loaded(code())
    return None if found is None else _declared(found)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    whole, pointer, real = ctypes.c_int64, ctypes.c_void_p, ctypes.c_double
    arguments = {
        "taken": [pointer, pointer, real],
        "given": [pointer, real, pointer],
        "coarsened": [pointer],
        "ready": [pointer],
        "down": [pointer],
        "up": [pointer],
        "all_ready": [pointer, whole],
        "cycle": [pointer, whole],
        "applied": [pointer] * 6,
        "advanced": [pointer] * 8,
        "remaining": [pointer] * 6,
    }
    for name, types in arguments.items():
        function = getattr(found, f"combust_pressure_{name}")
        function.argtypes, function.restype = types, None
    return found
