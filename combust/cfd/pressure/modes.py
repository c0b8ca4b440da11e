"""Modes of the 1-D operators: what fast diagonalisation transforms with, direction by direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from combust.cfd.pressure.base import PressureGrid

# Cells above which a fast transform beats a matmul on one core (0.8 times its time at 128 cells, 0.3 at 512).
FAST_FROM = 96


class Modes(Protocol):
    """Q' of -V L = Q'^-T diag(eigenvalues) Q'^-1 along one direction, V the cell widths."""

    eigenvalues: np.ndarray

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """Amplitudes of the modes, (nz, ny, nx) with the mode number in place of the cell."""
        ...

    def backward(self, field: torch.Tensor) -> torch.Tensor:
        """The field that has these amplitudes."""
        ...


def modes(grid: PressureGrid, axis: int, device: torch.device) -> Modes:
    """The faster of both kinds: trigonometric for many equal cells on a CPU, else dense."""
    width = grid.lengths(axis)
    if device.type == "cpu" and width.size >= FAST_FROM and np.ptp(width) <= 1e-13 * width[0]:
        return TrigonometricModes(grid, axis)
    return DenseModes(grid, axis, device)


class DenseModes:
    """Any widths and sides: eigenvectors of the operator made symmetric by sqrt(width), applied as a matmul."""

    def __init__(self, grid: PressureGrid, axis: int, device: torch.device) -> None:
        self.axis = axis
        self.eigenvalues, vectors = diagonalise(grid, axis)
        root = np.sqrt(grid.lengths(axis))
        self.basis = torch.as_tensor(np.ascontiguousarray(vectors.T / root), device=device)

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """One matmul along the direction."""
        return along(self.basis, field, self.axis)

    def backward(self, field: torch.Tensor) -> torch.Tensor:
        """One matmul along the direction."""
        return along(self.basis.T, field, self.axis)


class TrigonometricModes:
    """Equal widths: cosines and sines by fast transforms, on the CPU.

    Zero normal gradient at both ends gives DCT-II, zero on both faces DST-II, one of each DCT-IV or DST-IV.
    G. Strang, SIAM Review 41 (1999) 135, https://doi.org/10.1137/S0036144598336745
    """

    def __init__(self, grid: PressureGrid, axis: int) -> None:
        from scipy import fft, fftpack

        n = grid.block.shape[axis]
        width = float(np.mean(grid.widths[axis]))
        options: dict[str, Any] = {"axis": axis}
        low, high = grid.sides[axis]
        index = np.arange(n)
        self._forward: Callable[..., np.ndarray]
        if low == "periodic":
            # Real and imaginary parts of one wave share an eigenvalue, so their packing does not matter.
            self._forward, self._backward, half_angle = fftpack.rfft, fftpack.irfft, np.pi * ((index + 1) // 2) / n
        else:
            cosine = low == "neumann"
            options |= {"type": 2 if low == high else 4, "norm": "ortho"}
            shift = 0.5 if low != high else 0.0 if cosine else 1.0
            self._forward, self._backward = (fft.dct, fft.idct) if cosine else (fft.dst, fft.idst)
            half_angle = 0.5 * np.pi * (index + shift) / n
        self.options, self.width = options, width
        step = 2.0 * np.sin(half_angle)
        if axis in grid.fourth:
            step = (27.0 * step - 2.0 * np.sin(3.0 * half_angle)) / 24.0
        self.eigenvalues = (step / width) ** 2

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """One fast transform along the direction."""
        return torch.from_numpy(self._forward(field.numpy(), **self.options))

    def backward(self, field: torch.Tensor) -> torch.Tensor:
        """One fast transform along the direction; carries the 1/width of both ways."""
        return torch.from_numpy(self._backward(field.numpy() / self.width, **self.options))


def diagonalise(grid: PressureGrid, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (1/m2, ascending) and vectors (columns) of -L along one direction, made symmetric."""
    root = np.sqrt(grid.lengths(axis))
    values, vectors = np.linalg.eigh(stiffness(grid, axis) / np.outer(root, root))
    if "dirichlet" not in grid.sides[axis]:
        # The constant is known exactly; eigh has it to round-off only, which 1/eigenvalue would magnify.
        values[0], vectors[:, 0] = 0.0, root / np.linalg.norm(root)
    return values, vectors


def eigen(matrix: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and basis (modes, cells) Q of a part of -V L: Q matrix Q^T = diag(values), Q diag(width) Q^T = 1."""
    root = np.sqrt(width)
    values, vectors = np.linalg.eigh(matrix / np.outer(root, root))
    return values, np.ascontiguousarray(vectors.T / root)


def stiffness(grid: PressureGrid, axis: int) -> np.ndarray:
    """-V L along one direction."""
    inverse = grid.inverse_distances(axis)
    return _fourth(inverse[:-1]) if axis in grid.fourth else _second(inverse, grid.sides[axis][0] == "periodic")


def _second(inverse: np.ndarray, periodic: bool) -> np.ndarray:
    """-V L of second order from inverse distances at all faces."""
    matrix = np.diag(inverse[:-1] + inverse[1:])
    inner = np.arange(inverse.size - 2)
    matrix[inner, inner + 1] -= inverse[1:-1]
    matrix[inner + 1, inner] -= inverse[1:-1]
    if periodic:
        matrix[0, -1] -= inverse[0]
        matrix[-1, 0] -= inverse[0]
    return matrix


def _fourth(inverse: np.ndarray) -> np.ndarray:
    """-V L of fourth order from inverse distances at the low faces of cells, which are equal and periodic."""
    face, slope = np.arange(inverse.size), np.zeros((inverse.size, inverse.size))
    for away, share in ((-2, 1.0), (-1, -27.0), (0, 27.0), (1, -1.0)):
        np.add.at(slope, (face, (face + away) % inverse.size), share / 24.0)
    return slope.T @ (inverse[:, None] * slope)


def along(matrix: torch.Tensor, field: torch.Tensor, axis: int) -> torch.Tensor:
    """matrix applied to `field` (nz, ny, nx) along one axis."""
    if axis == 2:
        return field @ matrix.T
    if axis == 1:
        return matrix @ field
    return (matrix @ field.reshape(field.shape[0], -1)).view(matrix.shape[0], *field.shape[1:])
