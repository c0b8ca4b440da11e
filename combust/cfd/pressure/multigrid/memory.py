"""A level in memory, as source/level.h has it: its fields of this rank, and tables that lead to the next level."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from combust.cfd.pressure.multigrid.hierarchy import DEEP, FIRST, Direction, Level, Step, Weights, weights

ENTRIES = 63  # members of a Level
TAPS = 5  # weights of a row's residuals: those of three cells that are joined, and of one on either side


class Span(NamedTuple):
    """This rank's part of a direction: first cell, cells, layers of ghosts, and those that are worked on on each side.

    wrap : whether it closes on itself within the rank
    """

    start: int
    n: int
    g: int
    low: int
    high: int
    wrap: bool

    @property
    def m(self) -> int:
        return self.n + 2 * self.g


def place(direction: Direction, coordinate: int, deep: int) -> Span:
    """Of the rank with that place among those along the direction."""
    start, end = direction.parts[coordinate : coordinate + 2]
    if not direction.active:
        return Span(0, 1, 0, 0, 0, False)
    if direction.ranks == 1:
        return Span(start, end - start, 1, 0, 0, direction.periodic)
    low = deep if coordinate > 0 or direction.periodic else 0
    high = deep if coordinate < direction.ranks - 1 or direction.periodic else 0
    return Span(start, end - start, deep + 1, low, high, False)


def seam(direction: Direction, own: Span) -> int:
    """The padded cell of place 0 where a period of an odd number of cells closes over ranks; 0: not here."""
    if not direction.periodic or direction.ranks == 1 or direction.cells % 2 == 0:
        return 0
    return own.g if own.start == 0 else own.g + own.n if own.start + own.n == direction.cells else 0


class Memory:
    """A level's places, fields and tables; `record` : what C++ reads of it."""

    def __init__(self, level: Level, coordinates: tuple[int, int, int], record: np.ndarray, first: bool) -> None:
        deep = FIRST if first else DEEP
        self.places = tuple(place(d, c, deep) for d, c in zip(level, coordinates, strict=True))
        self.deep, self.record = deep, record
        self.kept: list[np.ndarray] = []
        shape = tuple(p.m for p in self.places)
        # One plane more, as rows read one number beyond their end.
        self.c = [self._field(shape) for _ in range(3)]
        self.main, self.inverse, self.x, self.b = (self._field(shape) for _ in range(4))
        columns = [[getattr(p, name) for p in self.places] for name in ("n", "g", "m", "low", "high", "wrap")]
        seams = [seam(d, p) for d, p in zip(level, self.places, strict=True)]
        # Places count on at seams: before one that is a rank's first cell they are one less.
        parity = sum(p.start + (s > 0 and s == p.g) for p, s in zip(self.places, seams, strict=True))
        self.head = [*np.ravel(columns), parity, *seams]
        self.range = [(p.g, p.g + p.n) for p in self.places]  # cells that this rank itself is given

    def _field(self, shape: tuple[int, ...]) -> np.ndarray:
        flat = np.zeros(int(np.prod(shape)) + 2 * shape[2] + 16, dtype=np.float32)
        self.kept.append(flat)
        return flat[8 : 8 + int(np.prod(shape))].reshape(shape)

    def _table(self, values: np.ndarray, kind: type) -> int:
        made: np.ndarray = np.ascontiguousarray(values, dtype=kind)
        self.kept.append(made)
        return int(made.ctypes.data)

    def lead(self, level: Level, step: Step | None, following: Memory | None, next_cells: Level | None) -> None:
        """Fills the record; of the last level nothing follows."""
        own = [f.ctypes.data for f in (*self.c, self.main, self.inverse, self.x, self.b)]
        if step is None or following is None or next_cells is None:
            values = [*self.head, *[0] * 6, *own]
        else:
            ways = [
                Way(d, s, here, there, coarse)
                for d, s, here, there, coarse in zip(
                    level, step.starts, self.places, following.places, next_cells, strict=True
                )
            ]
            begin, end = [w.begin for w in ways], [w.end for w in ways]
            following.range = list(zip(begin, end, strict=True))
            tables = [
                *(self._table(w.near, np.int32) for w in ways),
                *(self._table(w.next, np.int32) for w in ways),
                *(self._table(w.own, np.float32) for w in ways),
                *(self._table(w.other, np.float32) for w in ways),
                self._table(ways[2].tap, np.int32),
                self._table(ways[2].taps, np.float32),
                *(self._table(w.first, np.int32) for w in ways),
                *(self._table(w.count, np.int32) for w in ways),
                *(self._table(w.before, np.float32) for w in ways),
                *(self._table(w.after, np.float32) for w in ways),
                self._table(np.zeros(3 * (max(self.places[2].m, following.places[2].m) + 8)), np.float32),
                self._table(np.zeros((self.places[1].m + 1) * self.places[2].m), np.float32),
            ]
            values = [*self.head, *begin, *end, *own, *tables]
        self.record[: len(values)] = values


class Way:
    """From a level to the next along a direction, in padded cells of this rank: see level.h for the tables."""

    def __init__(self, direction: Direction, starts: np.ndarray, here: Span, there: Span, coarse: Direction) -> None:
        self.here, self.there, self.cells, self.coarse = here, there, direction.cells, coarse
        found, n = weights(direction, starts), starts.size - 1
        place, inside = self._global(direction.periodic)
        parent, side = found.parent[place], found.side[place]
        self.near, there_is = self._local(parent)
        self.next, beside = self._local((parent + side) % n if direction.periodic else np.clip(parent + side, 0, n - 1))
        self.own = np.where(inside & there_is, found.own[place], 0.0)
        self.other = np.where(inside & beside, found.other[place], 0.0)
        low = int(np.searchsorted(starts, here.start))
        high = int(np.searchsorted(starts, here.start + here.n))
        self.begin = low - there.start + there.g
        self.end = high - there.start + there.g
        self._joined(starts, low, high, direction.periodic)
        self._taps(found, starts, low, high, direction.periodic)

    def _global(self, periodic: bool) -> tuple[np.ndarray, np.ndarray]:
        """(cell of the whole grid, whether there is one) of each padded cell."""
        place = self.here.start + np.arange(self.here.m) - self.here.g
        return place % self.cells, (0 <= place) & (place < self.cells) | periodic

    def _local(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(padded cell, whether this rank holds it) of cells of the next level: their image nearest to its own."""
        n, there = self.coarse.cells, self.there
        images = place[:, None] - there.start + there.g + n * np.array([0, -1, 1])
        beyond = np.maximum(there.g - images, images - (there.g + there.n - 1)).clip(0)
        if not self.coarse.periodic or there.wrap or not there.g:
            beyond[:, 1:] = there.m + n
        best = images[np.arange(place.size), np.argmin(beyond, axis=1)]
        held = (0 <= best) & (best < there.m)
        return np.where(held, best, 0), held

    def _joined(self, starts: np.ndarray, low: int, high: int, periodic: bool) -> None:
        size, n, places = np.diff(starts), starts.size - 1, self.there.m + 2
        self.first, self.count = np.zeros(places, int), np.ones(places, int)
        self.before, self.after = np.zeros(places), np.zeros(places)
        part = {1: 0.0, 2: 0.5, 3: 1.0}
        for cell in range(low, high + 1):
            at = cell - low + self.begin
            self.first[at] = starts[cell] - self.here.start + self.here.g
            if cell < n:
                self.count[at] = size[cell]
            if not self.here.g:
                continue
            if cell > 0 or periodic:
                self.before[at] = part[int(size[cell - 1])]
            if cell < n or (periodic and not self.here.wrap):
                self.after[at] = part[int(size[cell % n])]

    def _taps(self, found: Weights, starts: np.ndarray, low: int, high: int, periodic: bool) -> None:
        n, places = starts.size - 1, self.there.m
        self.tap, self.taps = np.zeros(places, int), np.zeros((TAPS, places))
        for cell in range(low, high):
            at, begin = cell - low + self.begin, int(starts[cell]) - 1
            self.tap[at] = max(begin - self.here.start + self.here.g, 0)
            for k in range(TAPS):
                place = self.tap[at] - self.here.g + self.here.start + k
                if not (periodic or 0 <= place < self.cells) or place > starts[cell + 1]:
                    continue
                within = starts[cell] <= place < starts[cell + 1]
                place %= self.cells
                if within:
                    self.taps[k, at] += found.own[place]
                beside = found.side[place] != 0 and (found.parent[place] + found.side[place]) % n == cell
                if beside and within == (n == 1):
                    self.taps[k, at] += found.other[place]
