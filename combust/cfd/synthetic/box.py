"""Turbulence of a given spectrum in a box: random Fourier modes whose divergence on the staggered grid is zero.

Every wave vector of the box below pi/dx has a vector potential on edges, normal to its modified wave number 2/dx
sin(k dx/2); the velocity on faces is its discrete curl, so that it has no divergence whatever the potential is
multiplied with (Saad et al. 2017, doi:10.2514/1.J055230, take modes normal to the same wave number). Phases and
directions are hashed from seed and wave vector: the same on any number of ranks, and for large eddies on any grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from combust.cfd.mesh.block import Block, Triple
from combust.cfd.mesh.grid import NAMES, ROUND_OFF, Faces, Grid, equal_cells
from combust.cfd.synthetic import draws
from combust.cfd.synthetic.spectra import Spectrum
from combust.errors import ConfigError

CHUNK = 2**18  # wave vectors that are held at once
MODES = 16  # tag of messages
PHASES, TURN = (0, 1), 2  # what the draws of a wave vector are for
Window = Callable[[int, np.ndarray], np.ndarray]


def spacing(grid: Grid) -> tuple[float, float, float]:
    """Width of the cells in z, y, x [m]. Raises ConfigError where it is not one, or there is one direction only."""
    axes = grid.layout.axes
    if len(axes) < 2 or grid.axisymmetric:
        what = "an axisymmetric one" if grid.axisymmetric else "one of a single direction"
        raise ConfigError(f"needs a mesh in two or three directions, without an axis; this is {what}")
    for a in axes:
        widths = grid.widths[a]
        if not equal_cells(grid.faces[a]):
            raise ConfigError(
                f"needs equal cells: those in {NAMES[a]} are {widths.min():.4g} to {widths.max():.4g} m wide"
            )
    z, y, x = (float(f[-1] - f[0]) / (len(f) - 1) for f in grid.faces)
    return z, y, x


class Box:
    """The modes of a spectrum in the box of a grid, periodic in all its directions."""

    def __init__(self, grid: Grid, spectrum: Spectrum, seed: int):
        """Raises ConfigError for a grid without equal cells, or of one direction."""
        self.grid, self.spectrum, self.seed = grid, spectrum, seed
        self.axes, self.d, self.n = grid.layout.axes, spacing(grid), grid.block.shape
        whole = [n * np.fft.fftfreq(n) for n in self.n]
        whole[2] = np.arange(self.n[2] // 2 + 1, dtype=float)
        self.modes = [np.rint(m).astype(np.int64) for m in whole]
        self.k = [2 * math.pi * m / (n * d) for m, n, d in zip(self.modes, self.n, self.d, strict=True)]
        self.largest = math.pi / max(self.d[a] for a in self.axes)
        self.shell = max(2 * math.pi / (self.n[a] * self.d[a]) for a in self.axes)
        rows = max(1, CHUNK // (self.n[0] * self.n[1]))
        self.chunks = [slice(i, min(i + rows, len(self.k[2]))) for i in range(0, len(self.k[2]), rows)]
        self._per_shell = self._normalised()

    def velocity(self, window: Window | None = None) -> Faces:
        """On the faces of this block [m/s]; window(axis, x) : factors of the potential along an axis, at places [m]."""
        normals = [a for a in range(3) if len(self.axes) == 3 or a not in self.axes]
        A = {c: self._potential(c, window) for c in normals}
        u: list[torch.Tensor | None] = [None] * 3
        for a in self.axes:
            total: np.ndarray | None = None
            for c, along, sign in ((a - 2, a - 1, 1.0), (a - 1, a - 2, -1.0)):  # (curl A)_a; array order z, y, x is odd
                normal, axis = c % 3, along % 3
                if normal in A and axis in self.axes:
                    part = sign * np.diff(A[normal], axis=axis) / self.d[axis]
                    total = part if total is None else total + part
            u[a] = torch.tensor(total, dtype=torch.float64, device=self.grid.device)
        return tuple(u)

    # --- amplitudes ---------------------------------------------------------------------------------------------

    def _wave(self, chunk: slice) -> list[np.ndarray]:
        return [self.k[0][:, None, None], self.k[1][:, None], self.k[2][chunk]]

    def _strength(self, chunk: slice) -> tuple[np.ndarray, np.ndarray]:
        """E(k) / k^(d-1) of the wave vectors that count, else 0, and their shells."""
        k = np.sqrt(sum((wave**2 for wave in self._wave(chunk)), np.zeros(())))
        counts = (k > 0) & (k < self.largest * (1 - ROUND_OFF))
        k = np.where(counts, k, 1.0)
        strength = np.where(counts, self.spectrum.density(k) / k ** (len(self.axes) - 1), 0.0)
        return strength, np.maximum(np.rint(k / self.shell).astype(np.int64), 1)

    def _normalised(self) -> np.ndarray:
        """What makes the modes of each shell hold the spectrum's energy between its bounds."""
        count = int(np.rint(self.largest / self.shell)) + 2
        comm, held = self.grid.block.comm, np.zeros(count)
        parts = np.zeros((len(self.chunks), count))
        for i, chunk in enumerate(self.chunks):
            if i % comm.size == comm.rank:
                strength, shell = self._strength(chunk)
                strength = strength * np.where(self.modes[2][chunk] == 0, 1.0, 2.0)  # k_x below 0 is not in the array
                parts[i] = np.bincount(shell.ravel(), strength.ravel(), count)
        for part in comm.sum_array(parts):
            held += part
        edges = np.append((np.arange(count) - 0.5) * self.shell, math.inf).clip(0.0, self.largest)
        edges[1] = 0.0
        wanted = self.spectrum.between(edges[:-1], edges[1:])
        return np.divide(wanted, held, out=np.zeros(count), where=held > 0)

    def _amplitude(self, chunk: slice, component: int) -> np.ndarray:
        """Fourier coefficients of the potential along an axis at its edges, those of k_x >= 0."""
        strength, shell = self._strength(chunk)
        kappa = [2.0 / d * np.sin(0.5 * k * d) for k, d in zip(self._wave(chunk), self.d, strict=True)]
        size2 = np.asarray(sum(k**2 for k in kappa))
        size = np.sqrt(2.0 * strength * self._per_shell[shell] / np.where(size2 > 0, size2, 1.0))
        places, sign = self._places(chunk)
        first, second = (2j * math.pi * draws.uniform(self.seed, *places, which) for which in PHASES)
        if len(self.axes) == 2:
            hat = size * np.exp(first)
        else:
            turn = 2 * math.pi * draws.uniform(self.seed, *places, TURN)
            one, two = (e[component] for e in _normals(kappa, sign))
            hat = size * (one * np.cos(turn) * np.exp(first) + two * np.sin(turn) * np.exp(second))
        hat = np.where(sign > 0, hat, np.conj(hat))
        half = 0.5 * self._wave(chunk)[component] * self.d[component] * (component in self.axes)
        return np.asarray(hat * np.exp(1j * half))

    def _places(self, chunk: slice) -> tuple[list[np.ndarray], np.ndarray]:
        """Whole numbers that stand for each wave vector and its opposite alike, and which of the two it is."""
        z, y, x = self.modes[0][:, None, None], self.modes[1][:, None], self.modes[2][chunk]
        opposite = (x == 0) & ((z < 0) | ((z == 0) & (y < 0)))
        sign = np.where(opposite, -1, 1)
        return [sign * z, sign * y, sign * x], sign

    # --- in space -----------------------------------------------------------------------------------------------

    def _potential(self, component: int, window: Window | None) -> np.ndarray:
        """On this block's edges along an axis: its cells along it, its faces along the others."""
        block, factors = self.grid.block, []
        for a in range(3):
            own = self._own(block, a, component)
            edges = self.grid.faces[a]
            x = edges[own] if a in self.axes and a != component else 0.5 * (edges[own] + edges[own + 1])
            factors.append(window(a, x) if window is not None and a in self.axes else np.ones(len(own)))
        where = self._own(block, 2, component) % self.n[2]
        found = np.stack([self._along_x(row, where) for row in self._lines(component)])
        return np.asarray(found * factors[0][:, None, None] * factors[1][:, None] * factors[2])

    def _own(self, block: Block, axis: int, component: int) -> np.ndarray:
        """Numbers of a block's edges along a direction."""
        faces = axis in self.axes and axis != component
        return np.arange(block.start[axis], block.start[axis] + block.count[axis] + faces)

    def _lines(self, component: int) -> np.ndarray:
        """Along z and y at the block's places, along x still Fourier coefficients. Each chunk is transformed by one
        rank, which sends all others what they need of it (collective).
        """
        comm = self.grid.block.comm
        found = [
            part
            for first in range(0, len(self.chunks), comm.size)
            for part in self._shared(component, self.chunks[first : first + comm.size])
        ]
        return np.concatenate(found, -1)

    def _shared(self, component: int, chunks: Sequence[slice]) -> list[np.ndarray]:
        """This block's part of chunks of which each rank, from the first on, transforms one."""
        comm, mine = self.grid.block.comm, self._rows_of(component, self.grid.block.coords)
        plane = self._plane(chunks[comm.rank], component) if comm.rank < len(chunks) else None
        if comm.size == 1:
            assert plane is not None
            return [plane[np.ix_(*mine)]]
        shape = (len(mine[0]), len(mine[1]))
        found = [np.empty((*shape, chunk.stop - chunk.start), dtype=complex) for chunk in chunks]
        requests = [comm.mpi.Irecv(part.view(float), source=rank, tag=MODES) for rank, part in enumerate(found)]
        kept = []
        for rank in range(comm.size if plane is not None else 0):
            assert plane is not None
            kept.append(plane[np.ix_(*self._rows_of(component, self.grid.block.coords_of(rank)))])
            requests.append(comm.mpi.Isend(kept[-1].view(float), dest=rank, tag=MODES))
        for request in requests:
            request.Wait()
        return found

    def _rows_of(self, component: int, coords: Triple) -> list[np.ndarray]:
        """Places along z and y of the edges of the block at `coords`."""
        block = replace(self.grid.block, coords=coords)
        return [self._own(block, a, component) % self.n[a] for a in (0, 1)]

    def _plane(self, chunk: slice, component: int) -> np.ndarray:
        """A chunk along all of z and y."""
        hat = np.fft.ifft(self._amplitude(chunk, component), axis=0, norm="forward")
        return np.asarray(np.fft.ifft(hat, axis=1, norm="forward"))

    def _along_x(self, plane: np.ndarray, where: np.ndarray) -> np.ndarray:
        return np.asarray(np.fft.irfft(plane, self.n[2], axis=-1, norm="forward")[:, where])


def _normals(kappa: Sequence[np.ndarray], sign: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two unit vectors normal to each wave vector and to each other; those of its opposite are the same."""
    z, y, x = (sign * k for k in kappa)
    flat2 = y**2 + x**2
    across, size = np.sqrt(flat2), np.sqrt(flat2 + z**2)
    upright = flat2 == 0
    across, size = np.where(upright, 1.0, across), np.where(size > 0, size, 1.0)
    one = [np.zeros_like(across), np.where(upright, 1.0, x / across), -y / across]
    two = [across / size, -z * y / (across * size), -z * x / (across * size)]
    return one, [np.where(upright, 0.0, two[0]), np.where(upright, 0.0, two[1]), np.where(upright, 1.0, two[2])]
