"""When a reactor whose steepest rise is looked for need not be followed further.

It is over once what is left of the rise of temperature to equilibrium is less than a quarter of what T has risen, and
all watched slopes are below a quarter of the largest that they have had. Cool flames and the first stages of lean and
rich ignitions leave more of the rise (docs/kinetics.md has how much). T may overshoot its equilibrium; then all of the
rise is behind it. The C++ integrator has the same rule.
"""

from __future__ import annotations

import torch
from torch import Tensor

PART = 0.25


class Ending:
    """Of cells that start at T, with `settled`, their equilibrium temperature, NaN where a cell has to go on, and
    `least`, what T has to rise; all (cells,) K.
    """

    def __init__(self, T: Tensor, settled: Tensor, least: Tensor) -> None:
        self.settled, self.least = settled, least
        self._start, self._hottest = T, T.clone()
        self._steepest: Tensor | None = None

    def of(self, cells: slice[int, int, None]) -> Ending:
        """That of some cells, from their start."""
        return Ending(self._start[cells], self.settled[cells], self.least[cells])

    def reached(self, record: Tensor) -> Tensor:
        """Whether the cells of states that an `Observer` sees are over, (states,); each cell at most once."""
        cells, T, slopes = record[:, 0].to(torch.int64), record[:, 2], record[:, 4::2]
        if self._steepest is None:
            self._steepest = T.new_zeros(self._start.shape[0], slopes.shape[1])
        self._steepest[cells] = torch.maximum(self._steepest[cells], slopes)
        self._hottest[cells] = torch.maximum(self._hottest[cells], T)
        rise = self._hottest[cells] - self._start[cells]
        near = (rise >= self.least[cells]) & (self.settled[cells] - T < PART * rise)
        return near & (slopes < PART * self._steepest[cells]).all(1)
