"""Energy spectra of fields in periodic boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import equal_cells
from combust.cfd.mesh.transpose import Transpose
from combust.errors import ConfigError
from combust.parallel import Communicator

BITS = 36  # of whole numbers that add up 2^27 = 1.3e8 of which in a shell without an overflow


def require_box(faces: Sequence[np.ndarray], block: Block) -> None:
    """Raises ConfigError unless all directions with several cells are periodic and their cells equal."""
    for axis, (name, f) in enumerate(zip("zyx", faces, strict=True)):
        if block.shape[axis] == 1:
            continue
        if not block.periodic[axis]:
            raise ConfigError(f"spectra are those of periodic boxes: the sides in {name} are not periodic")
        if not equal_cells(f):
            raise ConfigError(f"spectra need equal cells in each direction: those in {name} are stretched")


class Box:
    """A periodic box of all ranks' cells, and the modes of fields in it. No rank holds a field of the whole box: where
    blocks are cut, lines of cells are traded for pencils.

    lengths : of the box, (z, y, x) [m].  Collective.
    """

    def __init__(self, block: Block, lengths: Sequence[float]) -> None:
        self.block = block
        self.cut = {a: Transpose(block, a) for a in range(3) if block.dims[a] > 1}
        shape = block.shape
        active = [a for a in range(3) if shape[a] > 1]
        self.dk = 2.0 * np.pi / max(lengths[a] for a in active) if active else 2.0 * np.pi / lengths[2]
        own = [slice(s, s + n) for s, n in zip(block.start, block.count, strict=True)]
        waves = [np.fft.fftfreq(n, length / n) * 2.0 * np.pi for n, length in zip(shape, lengths, strict=True)]
        self.count = 1 + self._shell(*(np.abs(k).max() for k in waves)).item()
        z, y, x = (k[part] for k, part in zip(waves, own, strict=True))
        self.shell = self._shell(z[:, None, None], y[:, None], x)

    def _shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Numbers of the shells of wave vectors."""
        return np.asarray(np.floor(np.sqrt(z**2 + y**2 + x**2) / self.dk + 0.5).astype(int))

    def modes(self, field: np.ndarray) -> np.ndarray:
        """Fourier coefficients (nz, ny, nx) of this rank's place, of a field of owned cells (collective)."""
        found = field.astype(complex)
        for axis in (2, 1, 0):
            line = self._traded(found, axis, "pencil")
            line = np.fft.fft(line, axis=axis)
            found = self._traded(line, axis, "block")
        return found / np.prod(self.block.shape)

    def _traded(self, field: np.ndarray, axis: int, to: str) -> np.ndarray:
        cut = self.cut.get(axis)
        if cut is None:
            return field
        trade = cut.pencil if to == "pencil" else cut.block
        real, imaginary = (trade(torch.from_numpy(np.ascontiguousarray(part))) for part in (field.real, field.imag))
        return np.asarray(real.numpy() + 1j * imaginary.numpy())

    def shells(self, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Wave numbers k [1/m] and E(k) of a field of this rank's cells, (nz, ny, nx) or a vector (3, nz, ny, nx), the
        same bits on all ranks and on any number of them (collective).

        The sum of E dk over all shells but the first (k = 0, the mean) is half the variance, of a velocity the kinetic
        energy per mass of its fluctuations. dk = 2 pi / L of the longest direction with several cells; a shell has the
        modes within dk/2 of its k.  S. B. Pope, Turbulent Flows (2000), 6.5
        """
        rows = field if field.ndim == 4 else field[None]
        energy = np.zeros(self.block.count)
        for row in rows:
            modes = self.modes(row)
            energy += 0.5 * (modes.real**2 + modes.imag**2)
        total = sums_by(self.block.comm, energy, self.shell, self.count)
        return self.dk * np.arange(self.count), total / self.dk


def sums_by(comm: Communicator, values: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """Sums (count,) of values that are not negative, by their places, over all ranks (collective).

    They do not depend on the order, nor on who has what: each is added up in whole numbers, units of 2^-72 or less of
    the largest value of its place. NaN where a value is not finite.
    """
    largest = np.zeros(count)
    with np.errstate(invalid="ignore"):
        np.maximum.at(largest, place, values)
    largest = np.array(comm.max(*largest))
    values = np.where(np.isfinite(values), values, 0.0)
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 0.0))
    scaled = np.ldexp(values, BITS - exponent[place])
    upper = np.floor(scaled)
    lower = np.floor(np.ldexp(scaled - upper, BITS))
    found = np.zeros((2, count), dtype=np.int64)
    for row, part in zip(found, (upper, lower), strict=True):
        np.add.at(row, place, part.astype(np.int64))
    high, low = comm.sum_counts(found)
    total = np.ldexp(high + np.ldexp(low.astype(float), -BITS), exponent - BITS)
    return np.where(np.isfinite(largest), total, np.nan)
