"""A few reactors in C++, checked, integrated and with their energy kept in one call."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.integrate.native.integrator import (
    HOLDS,
    INT,
    POINTER,
    REAL,
    Compiled,
    Job,
    Rules,
    RulesOfSteps,
    coefficients_of,
    told,
)  # fmt: skip
from combust.kinetics.integrate.rosenbrock import Method

ELSE = 2  # of Outcome in threads.h


class Limits(NamedTuple):
    """What is usual: temperatures [K], the sum of mass fractions; the tests of the explicit step (few.h); round-off of
    elements.
    """

    low: float
    high: float
    off: float
    slow: float
    faint: float
    first_change: float
    round_off: float


class Ends(NamedTuple):
    """T (cells) K, Y (species, cells), and how many took the explicit step, implicit steps taken and refused."""

    T: Tensor
    Y: Tensor
    skipped: int
    steps: int
    rejected: int


class _Few(ctypes.Structure):
    _fields_ = [
        ("hold", INT), ("cells", INT), *((name, POINTER) for name in ("T", "p", "Y", "dt", "heat", "feed")),
        *((name, REAL) for name in Limits._fields), ("atoms", POINTER), ("elements", INT),
        ("T_end", POINTER), ("Y_end", POINTER), *((name, INT) for name in ("skipped", "steps", "rejected")),
    ]  # fmt: skip


def advance(
    native: Compiled, hold: str, method: Method, tolerances: tuple[float, float], rules: Rules, limits: Limits,
    atoms: Tensor, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor, source: tuple[Tensor, Tensor] | None,
) -> Ends | None:  # fmt: skip
    """Reactors at T, p, Y over dt, with `atoms` per mass (elements, species), contiguous; None where a state is not as
    usual, a cell does not arrive or ends below zero, or elements are to be put right.
    """
    cells = T.numel()
    T_end, Y_end = torch.empty_like(T), torch.empty_like(Y)
    heat, feed = (None, None) if source is None else (x.data_ptr() for x in source)
    few = _Few(
        HOLDS[hold], cells, T.data_ptr(), p.data_ptr(), Y.data_ptr(), dt.data_ptr(), heat, feed, *limits,
        atoms.data_ptr(), atoms.shape[0], T_end.data_ptr(), Y_end.data_ptr(), 0, 0, 0,
    )  # fmt: skip
    coefficients = coefficients_of(method, *tolerances)
    with told() as (report, answered):
        job = Job(progress=report, answered=answered)
        outcome = native.code_for(cells).combust_few(
            ctypes.byref(native.made), ctypes.byref(coefficients), ctypes.byref(RulesOfSteps(*rules)),
            ctypes.byref(few), ctypes.byref(job),
        )  # fmt: skip
    if outcome == ELSE:
        return None
    if outcome:
        native.require_memory(outcome, "integration", Y.reshape(len(Y), -1))
    return Ends(T_end, Y_end, few.skipped, few.steps, few.rejected)
