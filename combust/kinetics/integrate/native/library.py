"""The C++ kernels as a library: one file of machine code serves all mechanisms, as they are tables to it."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from combust import machine_code
from combust.kinetics.integrate.native.names import header
from combust.machine_code import Code

SOURCES = Path(__file__).parent / "source"
TEXTS = {**machine_code.texts_of(SOURCES), "fields.h": header()}
LANES = 8  # that fill the widest registers, and hide how long an operation takes


def code(lanes: int = LANES) -> Code:
    """The sources, for so many cells side by side."""
    return Code("integrate", "the integrator", "integrate.cpp", TEXTS, (f"-DLANES={lanes}",), (SOURCES,))


@functools.cache
def library(lanes: int = LANES) -> ctypes.CDLL | None:
    """The kernels for so many cells side by side; None where they cannot be had, with the reason in the log."""
    found = machine_code.loaded(code(lanes))
    return None if found is None else _declared(found)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    whole, pointer = ctypes.c_int64, ctypes.c_void_p
    found.combust_integrate.argtypes = found.combust_few.argtypes = [pointer] * 5
    found.combust_recorded.restype = whole
    found.combust_recorded.argtypes = [pointer, pointer]
    found.combust_integrate.restype = found.combust_rates.restype = found.combust_solve.restype = whole
    found.combust_few.restype = found.combust_linearise.restype = whole
    found.combust_slow.restype = found.combust_respond.restype = found.combust_correct.restype = whole
    found.combust_correct.argtypes = [pointer] * 10
    found.combust_nearest.restype, found.combust_nearest.argtypes = whole, [whole] * 4 + [pointer] * 4
    found.combust_respond.argtypes = [pointer] * 5
    found.combust_slow.argtypes = [pointer, pointer, pointer, whole, pointer, pointer]
    found.combust_linearise.argtypes = [pointer, whole, whole, whole, *[pointer] * 6]
    for name in ("combust_slow_steps", "combust_slow_changes", "combust_chemical_changes"):
        getattr(found, name).restype, getattr(found, name).argtypes = whole, [pointer, pointer]
    found.combust_forget.restype = None
    found.combust_forget.argtypes = [pointer]
    found.combust_rates.argtypes = [pointer, whole, whole, whole, *[pointer] * 5]
    found.combust_solve.argtypes = [pointer, whole, whole, *[pointer] * 7]
    return found
