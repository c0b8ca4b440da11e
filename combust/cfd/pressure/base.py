"""What every pressure solver shares: grid, protocol, answer and the face conductances of L_beta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import torch

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import FOURTH, Layout
from combust.devices import total
from combust.errors import ConfigError, DivergenceError
from combust.parallel import Communicator

Side = Literal["periodic", "neumann", "dirichlet"]
Sides = tuple[tuple[Side, Side], tuple[Side, Side], tuple[Side, Side]]
Beta = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]

AXIS_NAMES = "zyx"
ROUND_OFF = 1e-12
UNIT_RTOL = 1e-12  # of constant-coefficient problems that cannot be solved directly
# Residuals of so many times the terms of rhs are their rounding: a dozen terms of half a unit in the last place each,
# and what is left of the mean that a singular problem drops. No iteration can tell them from zero.
FLOOR = 16 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class PressureGrid:
    """A Cartesian grid cut into blocks; all triples are in array order (z, y, x).

    widths : global 1-D float64 arrays of cell widths (m)
    sides : kind of the (low, high) end of each direction: "periodic", "neumann" (zero normal gradient) or
        "dirichlet" (zero on the face, half a cell away)
    weights : per direction weights of cells and faces (Grid.weights), None where all are 1
    fixed : of "dirichlet" ends that are so at some faces alone: by (direction, 0 or 1) which of this rank's are, an
        array that broadcasts to (nz, ny, nx); the others are "neumann"
    fourth : directions along which slopes are of fourth order (Layout.fourth): periodic, of equal cells
    Of directions that are no axes of the block width and sides are ignored. Raises ConfigError if they do not fit.
    """

    block: Block
    widths: tuple[np.ndarray, np.ndarray, np.ndarray]
    sides: Sides
    weights: tuple[tuple[np.ndarray, np.ndarray] | None, ...] = (None, None, None)
    fixed: Mapping[tuple[int, int], np.ndarray] = field(default_factory=dict)
    fourth: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for axis in self.axes:
            self._check(axis)

    def _check(self, axis: int) -> None:
        name, cells, (low, high) = AXIS_NAMES[axis], self.block.shape[axis], self.sides[axis]
        width = self.widths[axis]
        if np.shape(width) != (cells,) or not np.all(np.isfinite(width)) or np.min(width) <= 0.0:
            raise ConfigError(f"direction {name}: the pressure grid needs {cells} positive cell widths")
        for side in (low, high):
            if side not in ("periodic", "neumann", "dirichlet"):
                raise ConfigError(f"direction {name}: side {side!r} is not periodic, neumann or dirichlet")
        if (low == "periodic") != (high == "periodic") or (low == "periodic") != self.block.periodic[axis]:
            raise ConfigError(f"direction {name}: both sides, and the block, must be periodic together")

    @property
    def axes(self) -> tuple[int, ...]:
        """The active directions."""
        return self.block.axes

    @property
    def layout(self) -> Layout:
        """Of padded fields, for the slopes of fourth order."""
        ghosts = [FOURTH if a in self.fourth else int(a in self.axes) for a in range(3)]
        return Layout(self.block.count, (ghosts[0], ghosts[1], ghosts[2]), self.axes, self.fourth)

    @property
    def singular(self) -> bool:
        """True when no side fixes the pressure, so that it is known up to a constant."""
        return all(side != "dirichlet" for axis in self.axes for side in self.sides[axis])

    def inverse_distances(self, axis: int) -> np.ndarray:
        """1/d (1/m) at the n + 1 faces normal to `axis`; d between centres, half a cell at dirichlet.

        At neumann sides it is 0.
        """
        width = np.asarray(self.widths[axis], dtype=np.float64)
        distance = np.empty(width.size + 1)
        distance[1:-1] = 0.5 * (width[1:] + width[:-1])
        distance[0], distance[-1] = 0.5 * width[0], 0.5 * width[-1]
        low, high = self.sides[axis]
        if low == "periodic":
            distance[[0, -1]] = 0.5 * (width[0] + width[-1])
        inverse = 1.0 / distance
        inverse[0] *= low != "neumann"
        inverse[-1] *= high != "neumann"
        found = self.weights[axis]
        return inverse if found is None else inverse * found[1]

    def lengths(self, axis: int) -> np.ndarray:
        """What a cell's volume has of a direction: its width, times its weight."""
        width, found = np.asarray(self.widths[axis], dtype=np.float64), self.weights[axis]
        return width if found is None else width * found[0]

    def local(self, axis: int, values: np.ndarray, faces: bool = False) -> np.ndarray:
        """This rank's run of a global 1-D array of cells (or faces), shaped to multiply along `axis`."""
        start, count = self.block.start[axis], self.block.count[axis]
        shape = [1, 1, 1]
        shape[axis] = count + faces
        return np.asarray(values)[start : start + count + faces].reshape(shape)

    def volumes(self) -> np.ndarray:
        """Volumes of the local cells, (nz, ny, nx), counting active directions only."""
        result = np.ones(self.block.count)
        for axis in self.axes:
            result = result * self.local(axis, self.lengths(axis))
        return result


@dataclass(frozen=True)
class Solution:
    """p of L_beta p = rhs and how it was found.

    residual : |V (rhs - L_beta p)|_2 / |V rhs|_2 over all cells, V their volumes, as the iteration knows it; above
        rtol only where the residual is within the round-off of the terms of rhs
    incompatibility : |sum V rhs| / sum V |rhs| that a singular problem had to drop; 0 when only round-off
    """

    p: torch.Tensor
    iterations: int
    residual: float
    incompatibility: float = 0.0


class PressureSolver(Protocol):
    """Solves for the pressure. Fields are local blocks (nz, ny, nx), float64, on one device.

    L_beta p = sum over active directions of (beta_hi (p_hi - p)/d_hi - beta_lo (p - p_lo)/d_lo)/width, or of the slope
    of beta times the slope of p where these are of fourth order (`operators.stencils`);
    beta holds, per direction (z, y, x), the n + 1 faces of the block, None where inactive; what it holds on
    neumann faces is ignored.
    With no dirichlet side the mean of rhs is dropped and p has zero mean, both weighted by volume.
    Every rank calls; each gets the same iterations and residual.
    """

    def solve(
        self, beta: Beta, rhs: torch.Tensor, guess: torch.Tensor | None = None, terms: torch.Tensor | None = None
    ) -> Solution:
        """p of L_beta p = rhs to the solver's rtol on Solution.residual, from `guess`. Raises DivergenceError.

        terms : the sum of the moduli of what rhs was summed from, |rhs| if omitted. A residual within their
            round-off, FLOOR |V terms|_2, is none: where rhs is all round-off, p is zero.
        """
        ...

    def solve_constant(self, rhs: torch.Tensor) -> torch.Tensor:
        """p of L_1 p = rhs (beta = 1 on every face): direct, or to UNIT_RTOL where sides are fixed in parts."""
        ...

    def forget(self) -> None:
        """Drops what was kept from former solves: call when a checkpoint is written.

        A run restarted from it then repeats the same numbers to the last bit.
        """
        ...


class Conductances:
    """Turns beta into c = beta area / d at the faces of a block, 0 on neumann faces: entries of -V L_beta."""

    def __init__(self, grid: PressureGrid, device: torch.device) -> None:
        self.grid = grid
        volume = grid.volumes()
        self.geometry: dict[int, torch.Tensor] = {}
        for axis in grid.axes:
            area = np.take(volume / grid.local(axis, grid.lengths(axis)), [0], axis)
            factor = area * grid.local(axis, grid.inverse_distances(axis), faces=True)
            self.geometry[axis] = torch.as_tensor(factor, device=device)
        self.shut = self._shut(device)
        for axis, side, mask in self.shut:
            self.geometry[axis].narrow(axis, side * (self.geometry[axis].shape[axis] - 1), 1).masked_fill_(mask, 0.0)

    def _shut(self, device: torch.device) -> list[tuple[int, int, torch.Tensor]]:
        """(direction, side, which faces) of this block's ends without flux on a part of them."""
        block = self.grid.block
        return [
            (axis, side, torch.as_tensor(~fixed, device=device))
            for (axis, side), fixed in self.grid.fixed.items()
            if block.at_boundary(axis, side)
        ]

    def unit(self) -> dict[int, torch.Tensor]:
        """c of beta = 1."""
        return dict(self.geometry)

    def __call__(self, beta: Beta) -> dict[int, torch.Tensor]:
        """c (n + 1 faces) for each active direction. Raises ConfigError if a shape of beta is wrong."""
        result = {}
        for axis, factor in self.geometry.items():
            value = beta[axis]
            if value is None or value.shape != factor.shape:
                shape = None if value is None else tuple(value.shape)
                wanted = tuple(factor.shape)
                raise ConfigError(f"beta of direction {AXIS_NAMES[axis]} has shape {shape}, not {wanted}")
            face = value * factor
            for side in (0, 1):
                if self.grid.block.at_boundary(axis, side) and self.grid.sides[axis][side] == "neumann":
                    face.select(axis, -side).zero_()  # whatever beta holds there, NaN included
            result[axis] = face
        for axis, side, mask in self.shut:
            result[axis].narrow(axis, side * (result[axis].shape[axis] - 1), 1).masked_fill_(mask, 0.0)
        return result


def diagonal(conductance: dict[int, torch.Tensor]) -> torch.Tensor:
    """Diagonal of -V L_beta: the sum of the conductances around each cell."""
    parts = []
    for axis, face in conductance.items():
        n = face.shape[axis] - 1
        parts += [face.narrow(axis, 0, n), face.narrow(axis, 1, n)]
    return torch.stack(parts).sum(0)


def compatible(load: torch.Tensor, volumes: torch.Tensor, comm: Communicator) -> tuple[torch.Tensor, float]:
    """(load without its mean, share of it that this dropped): what a singular problem can be solved for.

    load : V rhs of the local cells; the share is |sum| / sum of moduli over all ranks, 0 when only round-off.
    """
    local = torch.stack((load.sum(), load.abs().sum(), volumes.sum())).tolist()
    total, size, volume = comm.sum(*local)
    share = abs(total) / size if size > 0.0 else 0.0
    return load - volumes * (total / volume), share if share > ROUND_OFF else 0.0


def zero_mean(p: torch.Tensor, volumes: torch.Tensor, comm: Communicator) -> torch.Tensor:
    """p less its mean by volume over all ranks."""
    found = total(comm, torch.stack((torch.sum(p * volumes), volumes.sum())))
    return p - found[0] / found[1]


def not_converged(iterations: int, residual: float, rtol: float) -> DivergenceError:
    """The error of a pressure solve that did not reach its tolerance."""
    return DivergenceError(
        f"the pressure solve stopped after {iterations} iterations at a relative residual of {residual:.3e}, "
        f"tolerance {rtol:.1e}: check density and divergence for NaN or extreme ratios, or shorten the time step"
    )
