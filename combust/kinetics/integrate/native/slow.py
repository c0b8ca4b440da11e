"""Steps of slow cells that share a matrix in C++, see combust.kinetics.integrate.w_method."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from torch import Tensor

from combust.kinetics.integrate.native.integrator import HOLDS, INT, POINTER, REAL, Compiled, threads_for


class _Slow(ctypes.Structure):
    """See slow.h."""

    _fields_ = [
        *((name, INT) for name in ("hold", "total", "count", "threads")),
        *((name, POINTER) for name in ("cells", "z", "s", "chemical", "matrix")),
        *((name, REAL) for name in ("dt", "rtol", "atol")),
        *((name, POINTER) for name in ("end", "error", "source", "last")),
    ]  # fmt: skip


class SlowCells(NamedTuple):
    """Cells of z (1 + species, total): `cells`, None for all, and the kernels of what is held; tolerances."""

    native: Compiled
    hold: str
    tolerances: tuple[float, float]
    z: Tensor
    cells: Tensor | None = None

    def step(self, s: Tensor, chemical: Tensor, matrix: Tensor, dt: float, end: Tensor) -> Tensor:
        """Errors (cells,) of the steps of `w_method.slow_step`, which go into `end`; s, end (1 + species, total),
        chemical (1 + species, cells).
        """
        return self._called("combust_slow_steps", dt, end, s=s, chemical=chemical, matrix=matrix)

    def change(self, s: Tensor, source: Tensor, last: Tensor, matrix: Tensor, end: Tensor) -> Tensor:
        """Sizes (cells,) of the changes of the ends `last` by `w_method.slow_change`, by that of the source to s."""
        return self._called("combust_slow_changes", 0.0, end, s=s, source=source, last=last, matrix=matrix)

    def sizes(self, chemical: Tensor, dt: float) -> Tensor:
        """Of dt times `chemical`, in tolerances."""
        return self._called("combust_chemical_changes", dt, None, chemical=chemical)

    def _called(self, name: str, dt: float, end: Tensor | None, **given: Tensor) -> Tensor:
        total, cells = self.z.shape[1], self.cells
        count = total if cells is None else cells.numel()
        error = self.z.new_empty(count)
        z, kept = self.z.contiguous(), {key: x.contiguous() for key, x in given.items()}
        places = {key: x.data_ptr() for key, x in kept.items()}
        rtol, atol = self.tolerances
        job = _Slow(
            hold=HOLDS[self.hold], total=total, count=count, threads=threads_for(count), z=z.data_ptr(),
            cells=None if cells is None else cells.data_ptr(), dt=dt, rtol=rtol, atol=atol,
            end=None if end is None else end.data_ptr(), error=error.data_ptr(), **places,
        )  # fmt: skip
        outcome = getattr(self.native.code, name)(ctypes.byref(self.native.made), ctypes.byref(job))
        self.native.require_memory(outcome, "steps of slow cells", z)
        return error
