"""Steps of cells that share matrices made of Jacobians, in C++: what they are given and what they give back."""

from __future__ import annotations

import ctypes
import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.integrate.native.integrator import HOLDS, INT, POINTER, REAL, Compiled, threads_for

ELEMENTS = 12  # of corrected.h: mechanisms with more go through torch's kernels
NUMBERS = (
    "kelvin", "share", "relative", "cold", "grown", "accelerating", "growth", "scarce", "fallen", "faint", "faint_cold",
    "release",
)  # fmt: skip


class _Limits(ctypes.Structure):
    _fields_ = [("peak", POINTER), *((name, REAL) for name in NUMBERS)]


class _Cells(ctypes.Structure):
    _fields_ = [
        *((name, INT) for name in ("hold", "stride", "count", "threads", "matrices")),
        *((name, POINTER) for name in ("cell", "row", "matrix", "z", "chemical", "source", "before", "held")),
        *((name, REAL) for name in ("dt", "tried", "rtol", "atol")),
    ]  # fmt: skip


class _Rule(ctypes.Structure):
    _fields_ = [
        *((name, INT) for name in ("actives", "elements", "rounds")),
        *((name, POINTER) for name in ("active", "atoms", "fourth")),
        *((name, REAL) for name in ("defect", "negative", "coldest", "hottest")),
    ]  # fmt: skip


class Rule(NamedTuple):
    """What a correction keeps: species that react (actives,), atoms (elements, actives) kmol/kg of them; corrections of
    a step; largest defect of elements and energy, relative, and mass fraction below zero; T [K] from and to.
    """

    active: Tensor
    atoms: Tensor
    rounds: int
    defect: float
    negative: float
    T: tuple[float, float]


class Allowed(NamedTuple):
    """What error of a step is allowed: peaks of mass fractions (species,), and the numbers of NUMBERS."""

    peak: Tensor
    numbers: tuple[float, ...]


class Alike(NamedTuple):
    """Some cells of fields (..., all cells), and the matrices of each: rows (cells,) of (matrices, size, any)."""

    cells: Tensor
    row: Tensor
    matrices: tuple[Tensor, ...]


class Tried(NamedTuple):
    """Tolerances that chemistry may change a slow cell by in a step, and these."""

    most: float
    rtol: float
    atol: float


ALL = Tried(math.inf, 1.0, 1.0)


class Steps:
    """The kernels for one mechanism, thing held and measure of errors."""

    def __init__(self, code: Compiled, hold: str, allowed: Allowed) -> None:
        self.code, self.hold = code, hold
        self.peak = allowed.peak.contiguous()
        self.limits = _Limits(self.peak.data_ptr(), *allowed.numbers)

    def slow(
        self, alike: Alike, z: Tensor, chemical: Tensor, s: Tensor, dt: float, held: Tensor | None,
        among: Tensor | None = None, tried: Tried = ALL,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Ends (1 + species, cells) of steps of the W-method over dt [s] with sources s, and their errors (cells,),
        infinite where chemistry changes a cell by more tolerances than `tried`; ends of all cells, `among` which those
        of these are put, are given back if they are passed in.
        """
        count = alike.cells.numel()
        end, error = z.new_empty(z.shape[0], count) if among is None else among, z.new_empty(count)
        assert end.is_contiguous()
        given = [x.contiguous() for x in (alike.cells, alike.row, alike.matrices[0], z, chemical, s)]
        kept = None if held is None else held.contiguous()
        cells = self._cells(alike, given, dt, held=kept, tried=tried)
        outcome = self.code.code.combust_slow(
            ctypes.byref(self.code.made), ctypes.byref(self.limits), ctypes.byref(cells), among is not None,
            end.data_ptr(), error.data_ptr(),
        )  # fmt: skip
        self.code.require_memory(outcome, "steps of slow cells", end)
        return end, error

    def respond(self, alike: Alike, z: Tensor, s: Tensor, before: Tensor, dt: float, end: Tensor) -> Tensor:
        """Moves the ends of steps (1 + species, all cells), in place, by the change of the sources from `before` to s,
        to first order; the size of that, (cells,), in units of what is allowed.
        """
        assert end.is_contiguous()
        size = z.new_empty(alike.cells.numel())
        given = [x.contiguous() for x in (alike.cells, alike.row, alike.matrices[0], z, z, s)]
        old = before.contiguous()
        cells = self._cells(alike, given, dt, before=old)
        outcome = self.code.code.combust_respond(
            ctypes.byref(self.code.made), ctypes.byref(self.limits), ctypes.byref(cells), end.data_ptr(),
            size.data_ptr(),
        )  # fmt: skip
        self.code.require_memory(outcome, "responses", z)
        return size

    def corrected(
        self, alike: Alike, rule: Rule, z: Tensor, guess: Tensor, chemical: Tensor, s: Tensor, dt: float,
        held: Tensor | None, begun: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Steps to `guess` (1 + species, all cells) corrected by the second and tested by the first of the matrices:
        ends and errors in units of what is allowed, those of species that grow, whether they are sound; begun: whether
        the steps were (all cells,). Other cells than those of `alike` are left empty.
        """
        end, error, grown = torch.empty_like(z), torch.empty_like(z[0]), torch.empty_like(z[0])
        sound, own = torch.zeros(z.shape[1], dtype=torch.bool), begun.contiguous()
        given = [x.contiguous() for x in (alike.cells, alike.row, alike.matrices[0], z, chemical, s)]
        more = [x.contiguous() for x in (rule.active.to(torch.int32), rule.atoms, alike.matrices[1], guess)]
        kept = None if held is None else held.contiguous()
        cells = self._cells(alike, given, dt, held=kept)
        asked = _Rule(
            rule.active.numel(), rule.atoms.shape[0], rule.rounds, *(x.data_ptr() for x in more[:3]), rule.defect,
            rule.negative, *rule.T,
        )  # fmt: skip
        outcome = self.code.code.combust_correct(
            ctypes.byref(self.code.made), ctypes.byref(self.limits), ctypes.byref(asked), ctypes.byref(cells),
            *(x.data_ptr() for x in (more[3], own, end, error, grown, sound)),
        )  # fmt: skip
        self.code.require_memory(outcome, "corrections", z)
        return end, error, grown, sound

    def _cells(
        self, alike: Alike, given: list[Tensor], dt: float, before: Tensor | None = None, held: Tensor | None = None,
        tried: Tried = ALL,
    ) -> _Cells:  # fmt: skip
        at = [x.data_ptr() for x in given]
        rest = [None if x is None else x.data_ptr() for x in (before, held)]
        count = alike.cells.numel()
        return _Cells(
            HOLDS[self.hold],
            given[3].shape[1],
            count,
            threads_for(count),
            len(alike.matrices[0]),
            *at,
            *rest,
            dt,
            *tried,
        )


def nearest(code: Compiled, places: Tensor, scale: tuple[float, float, float, float], z: Tensor) -> Tensor:
    """Rows (cells,) of the places (references, 1 + species) nearest to z (1 + species, cells): T over scale[0], and
    scale[2] (Y + scale[3])^scale[1].
    """
    found, numbers, z = torch.empty(z.shape[1], dtype=torch.int64), (REAL * 4)(*scale), z.contiguous()
    cells = z.shape[1]
    outcome = code.code.combust_nearest(
        z.shape[0], len(places), cells, threads_for(cells), places.data_ptr(), ctypes.addressof(numbers), z.data_ptr(),
        found.data_ptr(),
    )  # fmt: skip
    code.require_memory(outcome, "nearest references", z)
    return found


def single(values: Tensor) -> bool:
    """Whether all entries are the same; so of none."""
    return not values.numel() or bool((values == values[0]).all())
