"""Tensors as the C++ kernels see them: where numbers begin, and how far apart components, planes and rows are."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Layout
from combust.kinetics.rates.thermo import Thermo
from combust.torch_parts import plain

INT, REAL, POINTER = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
REAL_BYTES = 8
ROWS = 6  # coefficients of the enthalpies that the kernels know: NASA7 and constant heat capacities
CELLS_OF_A_THREAD = 2048
KEPT = 64
T = TypeVar("T")


class Kept(Generic[T]):
    """What is made of arguments that stay the same objects from call to call, known again by that."""

    def __init__(self, make: Callable[..., T]) -> None:
        self.make = make
        self._found: dict[tuple[int, ...], tuple[tuple[Any, ...], T]] = {}

    def of(self, *arguments: Any) -> T:
        """What `make` gives, made once. The arguments are kept, so that none else has their places."""
        key = tuple(map(id, arguments))
        if key not in self._found:
            if len(self._found) >= KEPT:
                self._found.clear()
            self._found[key] = arguments, self.make(*arguments)
        return self._found[key][1]


class _Gas(ctypes.Structure):
    """See gas.h."""

    _fields_ = [
        ("species", INT), ("T_mid", POINTER), ("low", POINTER), ("high", POINTER), ("molar_mass", POINTER),
        ("r_molar_mass", POINTER), ("lowest", REAL), ("highest", REAL),
    ]  # fmt: skip


def _tables(thermo: Thermo) -> _Gas | None:
    if not all(map(plain, thermo)) or thermo.h_low.shape[0] != ROWS or thermo.upper.shape[0]:
        return None
    W = thermo.molar_mass.contiguous()
    kept = [thermo.T_mid.contiguous(), *(h.T.contiguous() for h in (thermo.h_low, thermo.h_high)), W, 1.0 / W]
    made = _Gas(W.shape[0], *(x.data_ptr() for x in kept), float(thermo.T_mid.min()), float(thermo.T_mid.max()))
    made.kept = kept  # the arrays it points to
    return made


_gases: Kept[_Gas | None] = Kept(_tables)


def gas_of(thermo: Thermo) -> _Gas | None:
    """Tables of a gas; None for what the kernels do not know: NASA9 data, more than two ranges, derivatives."""
    return _gases.of(thermo)


def by_reference(gas: _Gas | None) -> Any:
    """For C++."""
    assert gas is not None
    return ctypes.byref(gas)


def axes_of(x: Tensor) -> tuple[int, ...]:
    """Directions of a field (..., z, y, x) in which it has more than one cell; x where there is none."""
    return tuple(a for a in range(3) if x.shape[a - 3] > 1) or (2,)


def extent(x: Tensor, axes: tuple[int, ...]) -> ctypes.Array[ctypes.c_int64]:
    """Planes, rows and cells: the last direction that counts is that of cells, whatever its name."""
    return (INT * 3)(*[1] * (3 - len(axes)), *(x.shape[a - 3] for a in axes))


def fields(axes: tuple[int, ...], tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64] | None:
    """`Field` of vectors.h of each; None where the cells of one do not lie side by side."""
    flat: list[int] = []
    last, others = axes[-1] - 3, [a - 3 for a in axes[:-1]]
    before = [0] * (2 - len(others))
    for x in tensors:
        apart = x.stride()
        if apart[last] != 1:
            return None
        flat += x.data_ptr(), apart[0] if len(apart) > 3 else 0, *before, *(apart[a] for a in others)
    return (INT * len(flat))(*flat)


def begins(found: ctypes.Array[ctypes.c_int64] | None, layout: Layout) -> ctypes.Array[ctypes.c_int64] | None:
    """`fields` with ghosts, moved to their first owned cell."""
    if found is not None:
        ghosts = [0] * (3 - len(layout.axes)) + [layout.g[a] for a in layout.axes]
        for i in range(0, len(found), 4):
            found[i] += REAL_BYTES * (ghosts[0] * found[i + 2] + ghosts[1] * found[i + 3] + ghosts[2])
    return found


def threads(cells: int) -> int:
    """As many as torch has, while each has some thousand cells."""
    return max(1, min(torch.get_num_threads(), cells // CELLS_OF_A_THREAD))
