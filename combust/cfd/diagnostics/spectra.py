"""Energy spectra of fields in periodic boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import equal_cells
from combust.errors import ConfigError


def require_box(faces: Sequence[np.ndarray], block: Block) -> None:
    """Raises ConfigError unless all directions with several cells are periodic and their cells equal."""
    for axis, (name, f) in enumerate(zip("zyx", faces, strict=True)):
        if block.shape[axis] == 1:
            continue
        if not block.periodic[axis]:
            raise ConfigError(f"spectra are those of periodic boxes: the sides in {name} are not periodic")
        if not equal_cells(f):
            raise ConfigError(f"spectra need equal cells in each direction: those in {name} are stretched")


def whole(field: np.ndarray, block: Block) -> np.ndarray | None:
    """A field of all ranks' cells on the root, None elsewhere (collective); field : owned cells (..., nz, ny, nx)."""
    parts = block.comm.collect((block.start, field))
    if not parts:
        return None
    found = np.empty((*field.shape[:-3], *block.shape))
    for start, part in parts:
        cut = tuple(slice(s, s + n) for s, n in zip(start, part.shape[-3:], strict=True))
        found[(..., *cut)] = part
    return found


def shells(field: np.ndarray, lengths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Wave numbers k [1/m] and E(k) of a field of the whole box, (nz, ny, nx) or a vector (3, nz, ny, nx).

    lengths : of the box, (z, y, x) [m].  The sum of E dk over all shells but the first (k = 0, the mean) is half the
    variance, of a velocity the kinetic energy per mass of its fluctuations. dk = 2 pi / L of the longest direction with
    several cells; a shell has the modes within dk/2 of its k.  S. B. Pope, Turbulent Flows (2000), 6.5
    """
    shape = field.shape[-3:]
    active = [a for a in range(3) if shape[a] > 1]
    dk = 2.0 * np.pi / max(lengths[a] for a in active) if active else 2.0 * np.pi / lengths[2]
    modes = np.fft.fftn(field, axes=(-3, -2, -1)) / np.prod(shape)
    energy = 0.5 * np.abs(modes) ** 2
    if field.ndim == 4:
        energy = energy.sum(0)
    k = [np.fft.fftfreq(n, length / n) * 2.0 * np.pi for n, length in zip(shape, lengths, strict=True)]
    magnitude = np.sqrt(k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2)
    shell = np.floor(magnitude / dk + 0.5).astype(int)
    found = np.bincount(shell.reshape(-1), energy.reshape(-1)) / dk
    return dk * np.arange(len(found)), found
