"""A V-cycle over levels that ranks share and, below them, levels that each rank has whole."""

from __future__ import annotations

import ctypes

import numpy as np

from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.multigrid.hierarchy import directions, hierarchy
from combust.cfd.pressure.multigrid.memory import ENTRIES, Memory
from combust.cfd.pressure.multigrid.messages import Ghosts, Ranks, Union, merged


class Cycle:
    """Levels of a grid in memory. Of the load `b` of the first it makes, in `x`, an approximate solution: a symmetric
    positive operation that keeps nothing from call to call.
    """

    def __init__(self, grid: PressureGrid, kernels: ctypes.CDLL) -> None:
        self.kernels, block = kernels, grid.block
        levels, steps = hierarchy(directions(grid))
        self.records = np.zeros((len(levels), ENTRIES), dtype=np.int64)
        self.at = [int(record.ctypes.data) for record in self.records]
        self.ranks = ranks = Ranks(block.comm.mpi, block.dims, block.coords)
        self.levels = [Memory(levels[0], ranks.place, self.records[0], True)]
        self.unions: list[Union | None] = [None]
        self.loads: list[Ghosts] = []
        self.links: list[Ghosts] = []
        for number, step in enumerate(steps, 1):
            self._share(ranks)
            memory = Memory(levels[number], merged(ranks, step.joined).place, self.records[number], False)
            self.levels[-1].lead(levels[number - 1], step, memory, levels[number])
            self.levels.append(memory)
            union = Union(ranks, step.joined, memory) if step.joined else None
            self.unions.append(union)
            ranks = ranks if union is None else union.ranks
        self.levels[-1].lead(levels[-1], None, None, None)
        self.shared = len(self.loads)  # levels that ranks share: the first ones
        self.answer = Ghosts(self.ranks, self.levels[0].places, [self.levels[0].x], 1)

    def _share(self, ranks: Ranks) -> None:
        """Messages of the last level made so far, if `ranks` share it."""
        if ranks.counts == (1, 1, 1):
            return
        memory = self.levels[-1]
        self.loads.append(Ghosts(ranks, memory.places, [memory.b], memory.deep))
        self.links.append(Ghosts(ranks, memory.places, memory.c, memory.deep + 1))

    def prepare(self, fine: int, factor: float) -> None:
        """Makes the operators of all levels from the conductances that the record at `fine` names, taken `factor` times
        (collective).
        """
        by, count = self.kernels, len(self.at)
        by.combust_pressure_taken(self.at[0], fine, factor)
        for level in range(self.shared):
            self.links[level].fill()
            by.combust_pressure_ready(self.at[level])
            by.combust_pressure_coarsened(self.at[level])
            union = self.unions[level + 1]
            if union is not None:
                union.gather(self.levels[level + 1].c, 1)
        by.combust_pressure_all_ready(self.at[self.shared], count - self.shared)

    def run(self) -> None:
        """x of the first level from its b; ghosts that ranks share are filled (collective)."""
        by, count = self.kernels, len(self.at)
        for level in range(self.shared):
            self.loads[level].fill()
            by.combust_pressure_down(self.at[level])
            union = self.unions[level + 1]
            if union is not None:
                union.gather([self.levels[level + 1].b], 0)
        by.combust_pressure_cycle(self.at[self.shared], count - self.shared)
        for level in reversed(range(self.shared)):
            by.combust_pressure_up(self.at[level])
        self.answer.fill()
