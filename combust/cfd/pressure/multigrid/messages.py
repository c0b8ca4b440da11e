"""What ranks tell each other of a level: ghosts of the parts beside theirs, and parts that become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from combust.cfd.pressure.multigrid.memory import Memory, Span
from combust.parallel import start_all


class Ranks(NamedTuple):
    """Those that share a level: their communicator (None for one), how many along each direction, and this one's place
    among them. Ranks are numbered with x fastest.
    """

    mpi: Any
    counts: tuple[int, int, int]
    place: tuple[int, int, int]

    def number(self, place: Sequence[int]) -> int:
        """Of the rank at a place."""
        return place[2] + self.counts[2] * (place[1] + self.counts[1] * place[0])

    def beside(self, axis: int, side: int) -> int:
        """The rank on a side of this one, around the end if need be."""
        place = list(self.place)
        place[axis] = (place[axis] + (1 if side else -1)) % self.counts[axis]
        return self.number(place)


Strips = tuple[np.ndarray, list[np.ndarray]]  # a message, and what it holds of each field


class Ghosts:
    """Fills shared ghosts of fields of one kind of number, direction after direction, so that corners come as well.

    The messages are made once. deep : layers
    """

    def __init__(self, ranks: Ranks, places: Sequence[Span], fields: Sequence[np.ndarray], deep: int) -> None:
        self.steps: list[tuple[list[Strips], list[Strips], list[Any]]] = []
        for axis in (2, 1, 0):
            if ranks.counts[axis] == 1:
                continue
            place, sends, receives, requests = places[axis], [], [], []
            for side in (0, 1):
                if not (place.high if side else place.low):
                    continue
                ghost, edge = self._strips(place, axis, side, deep)
                there, here = [f[ghost] for f in fields], [f[edge] for f in fields]
                come, go = (np.empty((len(fields), *there[0].shape), there[0].dtype) for _ in range(2))
                sends.append((go, here))
                receives.append((come, there))
                other = ranks.beside(axis, side)
                requests.append(ranks.mpi.Recv_init(come, source=other, tag=2 * axis + side))
                requests.append(ranks.mpi.Send_init(go, dest=other, tag=2 * axis + 1 - side))
            self.steps.append((sends, receives, requests))

    @staticmethod
    def _strips(place: Span, axis: int, side: int, deep: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        begin, end = place.g, place.g + place.n
        ghost, edge = [slice(None)] * 3, [slice(None)] * 3
        ghost[axis] = slice(end, end + deep) if side else slice(begin - deep, begin)
        edge[axis] = slice(end - deep, end) if side else slice(begin, begin + deep)
        return tuple(ghost), tuple(edge)

    def fill(self) -> None:
        """From the ranks beside this one."""
        for sends, receives, requests in self.steps:
            from mpi4py import MPI

            for go, here in sends:
                for k, strip in enumerate(here):
                    go[k] = strip
            start_all(requests)
            MPI.Prequest.Waitall(requests)
            for come, there in receives:
                for k, strip in enumerate(there):
                    strip[...] = come[k]


def merged(ranks: Ranks, joined: Sequence[tuple[int, int]]) -> Ranks:
    """The places of ranks after so many along each direction have become one; without a communicator."""
    place, counts = list(ranks.place), list(ranks.counts)
    for axis, factor in joined:
        place[axis], counts[axis] = place[axis] // factor, counts[axis] // factor
    return Ranks(None, (counts[0], counts[1], counts[2]), (place[0], place[1], place[2]))


class Union:
    """Ranks whose parts become one on a level: each gets the cells that the others have."""

    def __init__(self, ranks: Ranks, joined: Sequence[tuple[int, int]], memory: Memory) -> None:
        self.rounds: list[tuple[Any, int, list[tuple[int, int]]]] = []
        self.range, own = list(memory.range), list(memory.range)
        for axis, factor in joined:
            now, after = merged(ranks, [(axis, factor)]), ranks.place[axis] % factor
            number = now.number(now.place)
            members = ranks.mpi.Split(number, after)
            ranges = members.allgather(own[axis])
            own[axis] = (min(low for low, _ in ranges), max(high for _, high in ranges))
            self.rounds.append((members, axis, ranges))
            left = ranks.mpi.Split(after, number) if now.counts != (1, 1, 1) else None
            ranks = now._replace(mpi=left)
        self.ranks = ranks

    def gather(self, fields: Sequence[np.ndarray], more: int) -> None:
        """The fields, each in all cells that became one; more : layers beyond the high ends that are wanted as well."""
        now = list(self.range)
        for members, axis, ranges in self.rounds:
            boxes = [self._box(now, axis, part, more, fields[0].shape) for part in ranges]
            shapes = [tuple(s.stop - s.start for s in box) for box in boxes]
            own = boxes[members.Get_rank()]
            send = np.stack([f[own] for f in fields])
            sizes = [len(fields) * int(np.prod(shape)) for shape in shapes]
            came = np.empty(sum(sizes), send.dtype)
            members.Allgatherv(send, (came, sizes))
            for part, box, shape in zip(np.split(came, np.cumsum(sizes)[:-1]), boxes, shapes, strict=True):
                for f, values in zip(fields, part.reshape(len(fields), *shape), strict=True):
                    f[box] = values
            now[axis] = (min(low for low, _ in ranges), max(high for _, high in ranges))

    @staticmethod
    def _box(
        now: list[tuple[int, int]], axis: int, part: tuple[int, int], more: int, shape: tuple[int, ...]
    ) -> tuple[slice, ...]:
        ends = [part if a == axis else now[a] for a in range(3)]
        return tuple(slice(low, min(high + more, n)) for (low, high), n in zip(ends, shape, strict=True))
