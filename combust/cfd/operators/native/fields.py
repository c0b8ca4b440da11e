"""Tensors as the C++ kernels see them: where numbers begin, and how far apart components, planes and rows are."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from combust.kinetics.rates.thermo import Thermo
from combust.torch_parts import plain

INT, REAL, POINTER = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
ROWS = 6  # coefficients of the enthalpies that the kernels know: NASA7 and constant heat capacities
CELLS_OF_A_THREAD = 2048
KEPT = 16


class _Gas(ctypes.Structure):
    """See gas.h."""

    _fields_ = [
        ("species", INT), ("T_mid", POINTER), ("low", POINTER), ("high", POINTER), ("molar_mass", POINTER),
        ("r_molar_mass", POINTER), ("lowest", REAL), ("highest", REAL),
    ]  # fmt: skip


_gases: dict[int, tuple[Thermo, _Gas | None]] = {}


def gas_of(thermo: Thermo) -> _Gas | None:
    """Tables of a gas; None for what the kernels do not know: NASA9 data, more than two ranges, derivatives."""
    known = _gases.get(id(thermo))
    if known is None or known[0] is not thermo:
        if len(_gases) >= KEPT:
            _gases.clear()
        known = _gases[id(thermo)] = thermo, _tables(thermo)
    return known[1]


def _tables(thermo: Thermo) -> _Gas | None:
    if not all(map(plain, thermo)) or thermo.h_low.shape[0] != ROWS or thermo.upper.shape[0]:
        return None
    W = thermo.molar_mass.contiguous()
    kept = [thermo.T_mid.contiguous(), *(h.T.contiguous() for h in (thermo.h_low, thermo.h_high)), W, 1.0 / W]
    made = _Gas(W.shape[0], *(x.data_ptr() for x in kept), float(thermo.T_mid.min()), float(thermo.T_mid.max()))
    made.kept = kept  # the arrays it points to
    return made


def axes_of(x: Tensor) -> tuple[int, ...]:
    """Directions of a field (..., z, y, x) in which it has more than one cell; x where there is none."""
    return tuple(a for a in range(3) if x.shape[a - 3] > 1) or (2,)


def extent(x: Tensor, axes: tuple[int, ...]) -> ctypes.Array[ctypes.c_int64]:
    """Planes, rows and cells: the last direction that counts is that of cells, whatever its name."""
    return (INT * 3)(*[1] * (3 - len(axes)), *(x.shape[a - 3] for a in axes))


def fields(axes: tuple[int, ...], tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64] | None:
    """`Field` of vectors.h of each; None where the cells of one do not lie side by side."""
    flat: list[int] = []
    for x in tensors:
        strides = x.stride()
        apart = [strides[a - 3] for a in axes]
        if apart.pop() != 1:
            return None
        flat += [x.data_ptr(), strides[0] if len(strides) > 3 else 0, *[0] * (2 - len(apart)), *apart]
    return (INT * len(flat))(*flat)


def threads(cells: int) -> int:
    """As many as torch has, while each has some thousand cells."""
    return max(1, min(torch.get_num_threads(), cells // CELLS_OF_A_THREAD))
