"""Which cells of the global grid this rank owns. All triples are in array order: (z, y, x)."""

from __future__ import annotations

from dataclasses import dataclass

from combust.errors import ConfigError
from combust.parallel import Communicator

Triple = tuple[int, int, int]
AXES = {"z": 0, "y": 1, "x": 2}


@dataclass(frozen=True)
class Block:
    """A rank's box of cells in a Cartesian decomposition.

    shape : global cells;  dims : ranks per direction;  coords : this rank's place among them
    start, count : first owned cell and owned cells;  periodic : per direction
    open : directions that count as axes even with one cell, since something passes their sides
    Ranks are numbered with x fastest, as PETSc's DMDA numbers them.
    """

    comm: Communicator
    shape: Triple
    dims: Triple
    coords: Triple
    periodic: tuple[bool, bool, bool]
    open: tuple[bool, bool, bool] = (False, False, False)

    @staticmethod
    def create(
        comm: Communicator,
        shape: Triple,
        periodic: tuple[bool, bool, bool],
        open: tuple[bool, bool, bool] = (False, False, False),
    ) -> Block:
        """Decomposes `shape` (nz, ny, nx) over the ranks of `comm` with the least work for halos.

        Raises ConfigError if a direction cannot give every rank at least 4 cells.
        """
        dims = choose_dims(comm.size, shape, periodic)
        return Block(comm, shape, dims, place_of(comm.rank, dims), periodic, open)

    @property
    def axes(self) -> tuple[int, ...]:
        """The directions in which fields may vary or gas may move; x if there is none."""
        return tuple(a for a in range(3) if self.shape[a] > 1 or self.open[a]) or (2,)

    @property
    def start(self) -> Triple:
        return tuple(split(n, p)[c] for n, p, c in zip(self.shape, self.dims, self.coords, strict=True))  # type: ignore[return-value]

    @property
    def count(self) -> Triple:
        edges = [split(n, p) for n, p in zip(self.shape, self.dims, strict=True)]
        return tuple(e[c + 1] - e[c] for e, c in zip(edges, self.coords, strict=True))  # type: ignore[return-value]

    def rank_of(self, coords: Triple) -> int:
        return coords[2] + self.dims[2] * (coords[1] + self.dims[1] * coords[0])

    def coords_of(self, rank: int) -> Triple:
        """The place of a rank: undoes `rank_of`."""
        return place_of(rank, self.dims)

    def neighbour(self, axis: int, side: int) -> int | None:
        """Rank across the low (side 0) or high (side 1) face, itself if alone and periodic, None at a boundary."""
        place = self.coords[axis] + (1 if side else -1)
        if not 0 <= place < self.dims[axis]:
            if not self.periodic[axis]:
                return None
            place %= self.dims[axis]
        coords = list(self.coords)
        coords[axis] = place
        return self.rank_of((coords[0], coords[1], coords[2]))

    def at_boundary(self, axis: int, side: int) -> bool:
        """True if that face of the block lies on a physical (not periodic) boundary of the domain."""
        return self.neighbour(axis, side) is None

    def faces(self, axis: int) -> tuple[Triple, Triple, Triple]:
        """(global shape, start, count) of the faces normal to `axis`, each face written by exactly one rank.

        The global array has one face more than cells, in periodic directions too.
        """
        shape, start, count = list(self.shape), self.start, list(self.count)
        shape[axis] += 1
        count[axis] += self.coords[axis] == self.dims[axis] - 1
        return (shape[0], shape[1], shape[2]), start, (count[0], count[1], count[2])


def place_of(rank: int, dims: Triple) -> Triple:
    """Of a rank among so many per direction, x fastest."""
    return (rank // (dims[2] * dims[1]), rank // dims[2] % dims[1], rank % dims[2])


def split(cells: int, parts: int) -> list[int]:
    """Edges of `parts` nearly equal runs of `cells`; the longer runs come first, as in PETSc."""
    base, extra = divmod(cells, parts)
    return [i * base + min(i, extra) for i in range(parts + 1)]


def choose_dims(
    ranks: int, shape: Triple, periodic: tuple[bool, bool, bool] = (False, False, False), least: int = 4
) -> Triple:
    """Ranks per direction (z, y, x) with the least work for halos: the area of cut faces, those normal to x fourfold.

    Along x every row gives its two ghosts from a cache line of its own; the other directions give whole rows.
    """
    nz, ny, nx = shape
    area = (ny * nx, nz * nx, 4 * nz * ny)
    best: tuple[int, Triple] | None = None
    for pz in divisors(ranks):
        for py in divisors(ranks // pz):
            dims = (pz, py, ranks // pz // py)
            if any(p > 1 and n // p < least for n, p in zip(shape, dims, strict=True)):
                continue
            work = sum(a * (p if wraps and p > 1 else p - 1) for a, p, wraps in zip(area, dims, periodic, strict=True))
            if best is None or work < best[0]:
                best = (work, dims)
    if best is None:
        raise ConfigError(
            f"{ranks} ranks cannot share a grid of {shape[2]} x {shape[1]} x {shape[0]} cells: "
            f"each rank needs at least {least} cells in every direction that is cut; use fewer ranks or more cells"
        )
    return best[1]


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
