"""The C++ kernels of a flow as a library: one file of machine code serves all gases and grids."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from combust import machine_code
from combust.errors import MemoryLackError
from combust.kinetics.integrate.native.library import SOURCES as INTEGRATOR
from combust.machine_code import Code

SOURCES = Path(__file__).parent / "source"
FILES = (SOURCES, INTEGRATOR / "lanes.h", INTEGRATOR / "threads.h")
TEXTS = machine_code.texts_of(*FILES)


def code() -> Code:
    """The sources."""
    return Code("flow", "kernels of flows", "flow.cpp", TEXTS, files=FILES)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels; None where they cannot be had, with the reason in the log."""
    found = machine_code.loaded(code())
    return None if found is None else _declared(found)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    whole, real, pointer = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
    for name, arguments in {
        "combust_diffusion": [pointer, pointer, pointer, whole],
        "combust_first_stage": [pointer, pointer, whole, pointer, real],
        "combust_transport_rate": [pointer, whole, pointer, whole, real],
        "combust_primitive": [pointer, pointer, whole, pointer, whole],
        "combust_divergence_source": [pointer, pointer, whole, pointer],
        "combust_compressibility": [pointer, pointer, whole, pointer, real],
        "combust_equation_of_state_error": [pointer, pointer, whole, pointer, real],
        "combust_diffusivity": [pointer, pointer, whole, pointer],
        "combust_mean_rates": [pointer, whole, pointer, whole, real],
        "combust_ahead": [whole, whole, pointer, pointer, real],
        "combust_coefficients": [pointer, pointer, pointer, whole, pointer],
        "combust_advection": [pointer, pointer],
    }.items():
        function = getattr(found, name)
        function.restype, function.argtypes = whole, arguments
    return found


def require_memory(outcome: int, what: str, threads: int) -> None:
    """Raises MemoryLackError if that is what C++ tells (NO_MEMORY in threads.h)."""
    if outcome:
        raise MemoryLackError(
            f"{what} on {threads} threads: the system grants no more memory; allow more (ulimit -v, the limit of a job "
            "or container), or use fewer threads (OMP_NUM_THREADS)"
        )
