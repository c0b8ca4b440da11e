"""How long the cells of a step are integrated: all of them over dt, or each over a share of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Durations(NamedTuple):
    """whole : dt [s];  share : (cells,) > 0, of it, that a cell is integrated over; None: all of it.

    A cell whose reactions are slower by a factor f than those of the mechanism, d(rho Y)/dt = Q + f W omega, ends as
    one of the mechanism that is integrated over f dt with Q / f.
    """

    whole: float
    share: Tensor | None = None

    @staticmethod
    def given(dt: float | Durations) -> Durations:
        """Those of a step of dt [s] for all cells, or as they are."""
        return dt if isinstance(dt, Durations) else Durations(dt)

    def of(self, cells: Tensor) -> Durations:
        """Those of some cells."""
        return self if self.share is None else Durations(self.whole, self.share[cells])

    @property
    def seconds(self) -> float | Tensor:
        """To multiply fields (..., cells) with: one number if it is the same for all, else (cells,)."""
        return self.whole if self.share is None else self.whole * self.share

    def by_cell(self, like: Tensor) -> Tensor:
        """Of each cell [s], of the shape, type and device of a field (cells,)."""
        return torch.full_like(like, self.whole) if self.share is None else self.whole * self.share

    def alike(self, per_octave: int = 1, nearest: bool = False) -> Tensor | None:
        """Whole numbers n (cells,) of those whose durations are about the same, None if all are: see `typical`.

        They follow from the cell's own share, so that its result does not depend on its company. A share of one has
        n = 0 and is typical of itself.
        """
        if self.share is None:
            return None
        n = per_octave * self.share.log2()
        return (n.round() if nearest else n.ceil()).to(torch.int64)

    def typical(self, n: int, per_octave: int = 1) -> float:
        """A duration [s] of the cells of number n: the longest, or, of `nearest`, the middle one."""
        return self.whole * float(2.0 ** (n / per_octave))
