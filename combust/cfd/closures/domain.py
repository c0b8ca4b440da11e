"""What closures and sources see of a grid and its sides: it does not change from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Sides
from combust.cfd.closures.box_filter import Box, box
from combust.cfd.closures.names import Filter
from combust.cfd.closures.near_walls import sides_with_friction, where, where_friction
from combust.cfd.closures.nearest_wall import Nearest, inverse_square_excess, nearest
from combust.cfd.mesh.grid import ROUND_OFF, Faces, Grid, along
from combust.cfd.mesh.halo import Field, Halo, copy_edge
from combust.cfd.mesh.slabs import Slab, slabs
from combust.errors import ConfigError
from combust.parallel import collective


@dataclass(frozen=True)
class Domain:
    """What does not change from step to step: grid, sides, and what follows from them, computed when first asked for.

    boundaries : per axis (z, y, x) the conditions at the low and high side, None where periodic or inactive
    """

    grid: Grid
    boundaries: tuple[Sides, Sides, Sides]

    @cached_property
    def halo(self) -> Halo:
        """What fills ghosts of a field that is no part of the state."""
        return Halo(self.grid)

    def padded(self, field: Tensor) -> Tensor:
        """A field of owned cells (..., nz, ny, nx) with ghosts: those of other ranks and of the other end of periodic
        directions; beyond sides each repeats the cell at the side, as for a zero gradient (collective).
        """
        grid, rows = self.grid, field.shape[:-3]
        collective(grid.block.comm, None, f"ghosts of {tuple(rows)}")
        flat = field.reshape(-1, *field.shape[-3:])
        data = grid.padded(flat.shape[0])
        along(data, grid.layout, 2, 0, 0).copy_(flat)
        self.halo.fill(Field(data, None, self._repeat))
        return data.reshape(*rows, *data.shape[-3:])

    def _repeat(self, data: Tensor, axis: int, side: int) -> None:
        copy_edge(data, axis, side, self.grid.ghosts)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks of a tensor of one shape, to the same bits on each (collective)."""
        comm = self.grid.block.comm
        collective(comm, None, f"the sum of {tuple(values.shape)}")
        if comm.size == 1:
            return values.to(torch.float64, copy=True)
        total = torch.from_numpy(comm.sum_array(values.detach().to("cpu", torch.float64).numpy()))
        return total.to(values.device)

    def max(self, values: Tensor) -> Tensor:
        """The largest of all ranks of each number in a tensor of one shape (collective)."""
        comm = self.grid.block.comm
        collective(comm, None, f"the largest of {tuple(values.shape)}")
        most = comm.max(*values.reshape(-1).tolist())
        return torch.tensor(most, dtype=torch.float64, device=values.device).reshape(values.shape)

    @cached_property
    def filter_width(self) -> Tensor:
        """Geometric mean of a cell's widths over the active directions, (nz, ny, nx) [m]: V^(1/3) in three."""
        axes = self.grid.layout.axes
        product = torch.ones(self.grid.layout.n, dtype=torch.float64, device=self.grid.device)
        for a in axes:
            product = product * self.grid.metrics[a].width  # type: ignore[union-attr]
        return product ** (1.0 / len(axes))

    @cached_property
    def scotti_width(self) -> Tensor:
        """The width V^(1/3) f that keeps the energy balance of isotropic turbulence on cells of unequal sides,
        (nz, ny, nx) [m]: f = cosh((4/27 (a^2 - a b + b^2))^(1/2)), a and b the logarithms of the two shorter sides over
        the longest. Raises ConfigError in fewer than three dimensions.

        Scotti, Meneveau, Lilly, Phys. Fluids A 5 (1993) 2306. doi:10.1063/1.858537
        """
        axes = self.grid.layout.axes
        if len(axes) < 3:
            raise ConfigError(
                f'turbulence.filter = "scotti": is of cells in three dimensions, this mesh has {len(axes)}; use '
                '"volume"'
            )
        logs = torch.stack([self.grid.metrics[a].width.log().expand(self.grid.layout.n) for a in axes])  # type: ignore[union-attr]
        a, b, _ = (logs - logs.amax(0)).sort(0)[0].unbind()
        return self.filter_width * (4.0 / 27.0 * (a * a - a * b + b * b)).sqrt().cosh()

    def width(self, filter: Filter) -> Tensor:
        """The width (nz, ny, nx) [m] of the filter of that name."""
        return self.scotti_width if filter == "scotti" else self.filter_width

    @cached_property
    def slabs(self) -> tuple[Slab, ...]:
        """The parts of the block that kernels of dozens of fields take in turn."""
        return slabs(self.grid.layout, self.grid.metrics, fine=True)

    @cached_property
    def box(self) -> Box:
        """The wider filter of dynamic closures, along all directions that end at no wall with friction. Raises
        ConfigError where there is none.
        """
        ends_at_walls = {a for a, _ in sides_with_friction(self.boundaries)}
        free = tuple(a for a in self.grid.layout.axes if a not in ends_at_walls)
        if not free:
            raise ConfigError(
                "turbulence: a dynamic closure filters along directions without walls, and this case has walls with "
                'friction in all; use kind = "wale" or "sigma"'
            )
        return box(self.grid, free)

    @cached_property
    def wall_distance(self) -> Tensor:
        """Distance of cell centres from the nearest wall with friction, (nz, ny, nx) [m]; infinite without one."""
        return self.nearest_wall.distance

    @cached_property
    def friction(self) -> dict[tuple[int, int], Tensor]:
        """(axis, side) -> where there is a wall with friction (`NearWall`), of the sides with one that this block
        touches.
        """
        return {
            (a, s): where_friction(self.boundaries[a][s], a, self.grid)
            for a, s in sides_with_friction(self.boundaries)
            if self.grid.block.at_boundary(a, s)
        }

    @cached_property
    def nearest_wall(self) -> Nearest:
        """Of the owned cells the nearest piece of a wall with friction."""
        return nearest(self.grid, self.boundaries)

    @cached_property
    def inverse_square_excess(self) -> Tensor:
        """Of the owned cells, see `nearest_wall` [1/m4]."""
        return inverse_square_excess(self.grid, self.boundaries, self.wall_distance)

    @cached_property
    def slope_weights(self) -> Faces:
        """Per axis the weight that the slope at a cell's high face has in that at its centre, to broadcast; the rest is
        the low face's. None along inactive axes.

        A slope stands midway between the two places whose values it comes from: of these the boundary is one where it
        has friction. Where it has none, the slope there is zero, at the boundary itself.
        """
        return tuple(self._slope_weight(a) if a in self.grid.layout.axes else None for a in range(3))

    def _slope_weight(self, axis: int) -> Tensor:
        grid, n, metric = self.grid, self.grid.layout.n[axis], self.grid.metrics[axis]
        assert metric is not None
        away = 0.5 / metric.per_distance
        to = [away.narrow(axis, 0, n), away.narrow(axis, 1, n)]
        at = torch.arange(n, device=grid.device).reshape([-1 if a == axis else 1 for a in range(3)])
        for end, side in enumerate(self.boundaries[axis]):
            if side is not None and grid.block.start[axis] + end * n == end * grid.block.shape[axis]:
                free = (at == end * (n - 1)) & where(side, axis, grid, lambda condition: condition.slip)
                to[end] = torch.where(free, 2.0 * to[end], to[end])
        low, high = to
        equal = (low - high).abs() <= ROUND_OFF * (low + high)  # cells of a uniform mesh differ by that
        return torch.where(equal, 0.5, low / (low + high))
