"""What integrators ask of the C++ kernels: rates of many cells, and their integration by Rosenbrock steps."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust import machine_code
from combust.errors import MemoryLackError
from combust.graphs import tensors_of
from combust.kinetics.integrate.ending import PART, Ending
from combust.kinetics.integrate.native.library import library
from combust.kinetics.integrate.native.tables import NUMBERS, REALS, WHOLES, tables_of, usable
from combust.kinetics.integrate.rosenbrock import Method
from combust.kinetics.rates.data import Kinetics
from combust.torch_parts import plain

HOLDS = {"flow": 0, "hp": 1, "uv": 2}
PROGRESS = ctypes.CFUNCTYPE(None, ctypes.c_int64)
NARROW = 2  # cells side by side, where there are no more: a step takes 0.75 of the time of eight side by side
INT, REAL, POINTER = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class _Mechanism(ctypes.Structure):
    _fields_ = [("reals", POINTER * len(REALS)), ("wholes", POINTER * len(WHOLES)), ("numbers", INT * len(NUMBERS))]


class _Method(ctypes.Structure):
    _fields_ = [
        ("stages", INT), ("a", POINTER), ("c", POINTER), ("m", POINTER), ("e", POINTER), ("fresh", POINTER),
        ("gamma", REAL), ("error_order", REAL), ("rtol", REAL), ("atol", REAL),
    ]  # fmt: skip


class RulesOfSteps(ctypes.Structure):
    """`Rules`, for C++."""

    _fields_ = [
        *((name, REAL) for name in ("safety", "grow", "shrink", "again", "landing", "relax", "min_fraction", "slack")),
        ("max_steps", INT),
    ]


class Job(ctypes.Structure):
    """See stepper.h."""

    _fields_ = [
        ("hold", INT), ("cells", INT), ("threads", INT), ("z", POINTER), ("s", POINTER), ("held", POINTER),
        ("dt", POINTER), ("first", POINTER), ("member", POINTER), ("end", POINTER),
        ("tries", POINTER), ("rejected", POINTER), ("failed", POINTER), ("watched", INT), ("watch", POINTER),
        ("settled", POINTER), ("least", POINTER), ("part", REAL),
        ("progress", PROGRESS), ("answered", POINTER),
    ]  # fmt: skip


class Rules(NamedTuple):
    """Of step sizes, see kinetics.integrate.cells."""

    safety: float
    grow: float
    shrink: float
    again: float
    landing: float
    relax: float
    min_fraction: float
    slack: float
    max_steps: int


class Path(NamedTuple):
    """End states (1 + species, cells), steps tried and refused (cells,), whether a cell did not arrive, and what was
    recorded of the watched rows: (states, 3 + 2 rows) with cell, t, T, and value and slope of each.
    """

    z: Tensor
    tries: Tensor
    rejected: Tensor
    failed: Tensor
    record: np.ndarray | None


class Compiled:
    """The kernels for one mechanism."""

    def __init__(self, kin: Kinetics, code: ctypes.CDLL) -> None:
        self.code, self.kin = code, kin
        self.tables = tables_of(kin)
        made = _Mechanism()
        for target, names in ((made.reals, REALS), (made.wholes, WHOLES)):
            for i, name in enumerate(names):
                target[i] = np.asarray(self.tables[name]).ctypes.data
        for i, name in enumerate(NUMBERS):
            made.numbers[i] = int(self.tables[name])
        self.made = made

    def code_for(self, cells: int) -> ctypes.CDLL:
        """The kernels that are fastest for so many cells."""
        return (library(NARROW) if cells <= NARROW else None) or self.code

    def rates(self, hold: str, z: Tensor, s: Tensor | None, held: Tensor | None, member: Tensor | None) -> Tensor:
        """dz/dt (1 + species, cells) with sources s, of cells in a row."""
        z, f = z.contiguous(), torch.empty_like(z, memory_format=torch.contiguous_format)
        kept = _real(s, z.shape), _real(held, z.shape[1:])
        members = _members(member, z.shape[1:])
        outcome = self.code.combust_rates(
            ctypes.byref(self.made), HOLDS[hold], z.shape[1], threads_for(z.shape[1]), _at(z),
            *map(_at, kept), _at(members), _at(f),
        )  # fmt: skip
        self.require_memory(outcome, "rates", z)
        return f

    def linearise(
        self, hold: str, z: Tensor, s: Tensor | None, held: Tensor | None, member: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """dz/dt without sources (1 + species, cells), and its Jacobian (1 + species, 1 + species, cells) with them."""
        z, size, cells = z.contiguous(), z.shape[0], z.shape[1]
        chemical, jacobian = torch.empty_like(z), z.new_empty(size, size, cells)
        kept, members = (_real(s, z.shape), _real(held, z.shape[1:])), _members(member, z.shape[1:])
        outcome = self.code_for(cells).combust_linearise(
            ctypes.byref(self.made), HOLDS[hold], cells, threads_for(cells), _at(z), *map(_at, kept), _at(members),
            _at(chemical), _at(jacobian),
        )  # fmt: skip
        self.require_memory(outcome, "Jacobians", z)
        return chemical, jacobian

    def solve(
        self, hold: str, z: Tensor, s: Tensor, held: Tensor | None, shift: Tensor, b: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x (1 + species, cells) with (shift - J) x = b, and the sign of the determinant (cells,)."""
        whole, row = z.shape, z.shape[1:]
        given = [_real(x, shape) for x, shape in ((z, whole), (s, whole), (held, row), (shift, row), (b, whole))]
        x, sign = torch.empty(whole, dtype=z.dtype), torch.empty(row, dtype=z.dtype)
        outcome = self.code.combust_solve(
            ctypes.byref(self.made), HOLDS[hold], z.shape[1], *map(_at, given), _at(x), _at(sign)
        )
        self.require_memory(outcome, "linear systems", z)
        return x, sign

    def integrate(
        self, hold: str, method: Method, rtol: float, atol: float, rules: Rules, z: Tensor, s: Tensor, dt: Tensor,
        first: Tensor, held: Tensor | None = None, member: Tensor | None = None, watch: list[int] | None = None,
        progress: Callable[[int], None] | None = None, ending: Ending | None = None, narrow: bool = False,
    ) -> Path:  # fmt: skip
        """Every cell from z over dt with sources s, first steps `first`; `progress` is told how many cells arrived.
        `ending`: cells end with it, if it comes before dt. `narrow`: few cells may go by the kernels for few, whose
        results differ by round-off.
        """
        cells = z.shape[1]
        row = z.shape[1:]
        z, s, dt, first = (x.expand(to).contiguous() for x, to in ((z, z.shape), (s, z.shape), (dt, row), (first, row)))
        kept, members = _real(held, row), _members(member, row)
        end = torch.empty_like(z)
        tries, rejected = (torch.zeros(cells, dtype=torch.int32) for _ in range(2))
        failed = torch.zeros(cells, dtype=torch.uint8)
        rows = np.asarray(watch or [], dtype=np.int32)
        settled, least = (None, None) if ending is None else (_real(x, row) for x in (ending.settled, ending.least))
        coefficients, records = coefficients_of(method, rtol, atol), POINTER()
        code = self.code_for(cells) if narrow else self.code
        with told(progress) as (report, answered):
            job = Job(
                HOLDS[hold], cells, threads_for(cells), _at(z), _at(s), _at(kept), _at(dt), _at(first), _at(members),
                _at(end), _at(tries), _at(rejected), _at(failed), len(rows), rows.ctypes.data,
                _at(settled), _at(least), PART, report, answered,
            )  # fmt: skip
            outcome = code.combust_integrate(
                ctypes.byref(self.made), ctypes.byref(coefficients), ctypes.byref(RulesOfSteps(*rules)),
                ctypes.byref(job), ctypes.byref(records),
            )  # fmt: skip
            record = _taken(code, records, 3 + 2 * len(rows)) if records else None
        self.require_memory(outcome, "integration" + (" with the states of all steps" if len(rows) else ""), z)
        return Path(end, tries, rejected, failed.bool(), record)

    def require_memory(self, outcome: int, what: str, z: Tensor) -> None:
        """Raises MemoryLackError if that is what C++ tells (NO_MEMORY in threads.h)."""
        if outcome:
            raise MemoryLackError(
                f"{what} of {z.shape[1]} cells of {z.shape[0] - 1} species on {threads_for(z.shape[1])} threads: the "
                "system grants no more memory; allow more (ulimit -v, the limit of a job or container), integrate "
                "fewer cells at a time, or use fewer threads (OMP_NUM_THREADS)"
            )


def _taken(code: ctypes.CDLL, records: ctypes.c_void_p, width: int) -> np.ndarray:
    values = ctypes.POINTER(REAL)()
    count = code.combust_recorded(records, ctypes.byref(values))
    taken = np.ctypeslib.as_array(values, (count,)).copy() if count else np.zeros(0)
    code.combust_forget(records)
    return taken.reshape(-1, width)


@contextlib.contextmanager
def told(progress: Callable[[int], None] | None = None) -> Iterator[tuple[Callable[[int], None], int]]:
    """What C++ calls now and then, and where it looks whether that was answered: not so where `progress` raises or the
    user interrupts, which is raised at the end.
    """
    raised: list[BaseException] = []
    answered = INT()

    def report(arrived: int) -> None:
        if progress is not None:
            progress(arrived)
        answered.value = 1  # where this raises it stays 0, and C++ stops

    with _caught(report, raised):
        yield PROGRESS(report), ctypes.addressof(answered)
    if raised:
        raise raised[0]


@contextlib.contextmanager
def _caught(function: Callable[[int], None], raised: list[BaseException]) -> Iterator[None]:
    """Keeps what a function raises that C++ calls, which would be told and lost: above all an interrupt, which comes
    as the function begins, before any `try` in it.
    """
    usual = sys.unraisablehook

    def keep(lost: sys.UnraisableHookArgs) -> None:
        at = lost.exc_traceback
        if at is not None and at.tb_frame.f_code is function.__code__ and lost.exc_value is not None:
            raised.append(lost.exc_value)
        else:
            usual(lost)

    sys.unraisablehook = keep
    try:
        yield
    finally:
        sys.unraisablehook = usual


@functools.lru_cache(maxsize=64)
def coefficients_of(method: Method, rtol: float, atol: float) -> _Method:
    """For C++."""
    a, c = (np.zeros((method.stages, method.stages)) for _ in range(2))
    for i in range(method.stages):
        a[i, : len(method.a[i])], c[i, : len(method.c[i])] = method.a[i], method.c[i]
    kept = [a, c, np.array(method.m), np.array(method.e), np.array(method.fresh, dtype=np.int32)]
    made = _Method(method.stages, *(x.ctypes.data for x in kept), method.gamma, method.error_order, rtol, atol)
    made.kept = kept  # the arrays it points to
    return made


def _real(x: Tensor | None, shape: torch.Size) -> Tensor | None:
    return None if x is None else x.expand(shape).contiguous()


def _members(x: Tensor | None, shape: torch.Size) -> Tensor | None:
    return None if x is None else x.expand(shape).to(torch.int32).contiguous()


def _at(x: Tensor | None) -> int | None:
    return None if x is None else x.data_ptr()


def threads_for(cells: int) -> int:
    """As many as torch has, while each has some blocks of cells."""
    return max(1, min(torch.get_num_threads(), cells // 32))


def compiled_for(kin: object, *tensors: Tensor | None) -> Compiled | None:
    """The kernels for a mechanism and such tensors; None where they do not serve.

    They serve on CPUs, in double precision, without derivatives, with a C++ compiler, and unless COMBUST_NATIVE=0.
    """
    if not machine_code.wanted() or not usable(kin) or not all(map(plain, tensors)):
        return None
    code = library()
    try:
        return None if code is None else _found(_Itself(kin), code)
    except _Unfit:
        return None


class _Unfit(Exception):
    """A mechanism whose parameters are no plain numbers: on a GPU, or followed by derivatives."""


class _Itself(NamedTuple):
    """Kinetics told apart by what they are, as hashing hundreds of tensors takes longer than a step."""

    kin: Kinetics

    def __hash__(self) -> int:
        return id(self.kin)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.kin is other.kin


@functools.lru_cache(maxsize=16)
def _found(itself: _Itself, code: ctypes.CDLL) -> Compiled:
    return _compiled(itself.kin, code)


@functools.lru_cache(maxsize=16)
def _compiled(kin: Kinetics, code: ctypes.CDLL) -> Compiled:
    """Raises _Unfit, which no cache keeps: what torch.func wraps is another tensor each time."""
    if not all(plain(x) for x in tensors_of(kin) if x.is_floating_point()):
        raise _Unfit
    return Compiled(kin, code)
