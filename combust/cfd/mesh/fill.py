"""Pads owned arrays with ghosts: one call per kind of field, and sums over physical boundaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Boundary, Sides
from combust.cfd.mesh.grid import Grid, along
from combust.cfd.mesh.halo import BoundaryFill, Field, Halo, copy_edge, ghosts_of
from combust.cfd.operators.momentum import Faces
from combust.cfd.operators.scalars import Areas
from combust.timers import Timers


class Filler:
    """Ghosts of scalars, velocities and pressure by the problem's boundary conditions."""

    def __init__(self, grid: Grid, boundaries: tuple[Sides, Sides, Sides], timers: Timers):
        self.grid, self.layout, self.boundaries, self.timers = grid, grid.layout, boundaries, timers
        self.halo = Halo(grid)
        self.areas = self.areas_of(lambda condition: True)
        self.diffusion_areas = self.areas_of(lambda condition: condition.diffusion_counts)

    def areas_of(self, chosen: Callable[[Boundary], bool]) -> Areas:
        """Face areas of the block's ends per axis, zero where an end is no physical boundary of the chosen ones."""
        return tuple(self._areas(a, chosen) if a in self.layout.axes else None for a in range(3))

    def _areas(self, axis: int, chosen: Callable[[Boundary], bool]) -> tuple[Tensor, Tensor]:
        metric = self.grid.metrics[axis]
        assert metric is not None
        area = self.grid.volume * metric.per_width
        n = self.layout.n[axis]
        ends = []
        for side, index in ((0, 0), (1, n - 1)):
            end = area.narrow(axis, index, 1)
            counts = self.grid.block.at_boundary(axis, side) and chosen(self._condition(axis, side))
            ends.append(end if counts else torch.zeros_like(end))
        return ends[0], ends[1]

    def _condition(self, axis: int, side: int) -> Boundary:
        condition = self.boundaries[axis][side]
        assert condition is not None
        return condition

    def pad(self, inner: Tensor) -> Tensor:
        """A padded copy of owned cells, ghosts not yet set."""
        data = self.grid.padded(inner.shape[0] if inner.dim() == 4 else None)
        along(data, self.layout, 2, 0, 0).copy_(inner)
        return data

    def pad_faces(self, u: Faces) -> Faces:
        """Padded copies of the block's faces 0..n per axis, ghosts not yet set."""
        result: list[Tensor | None] = [None] * 3
        for a in self.layout.axes:
            face = u[a]
            assert face is not None
            data = self.grid.padded(None, stagger=a)
            along(data, self.layout, a, 0, 1).copy_(face)
            result[a] = data
        return tuple(result)

    def scalars(self, q: Tensor) -> Tensor:
        """(T, Y) of the owned cells, padded."""
        with self.timers.phase("halo"):
            data = self.pad(q)
            self.halo.fill(
                Field(data, None, lambda d, a, s: self._condition(a, s).fill_scalars(d, a, s, self.grid.ghosts))
            )
            return data

    def sides(self) -> Iterator[tuple[int, int, Boundary]]:
        """(axis, side, condition) of the physical boundaries that this block touches."""
        for axis in self.layout.axes:
            for side in (0, 1):
                if self.grid.block.at_boundary(axis, side):
                    yield axis, side, self._condition(axis, side)

    def streams(self, q: Tensor) -> Tensor:
        """Padded (T, Y) with what flows in beyond inflow sides, in place: what advection takes."""
        for axis, side, condition in self.sides():
            condition.fill_stream(q, axis, side, self.grid.ghosts)
        return q

    def thermal_diffusion(self, data: Tensor) -> None:
        """Padded coefficients of thermal diffusion: those beyond sides that no species diffuses through, in place."""
        for axis, side, condition in self.sides():
            condition.fill_thermal_diffusion(data, axis, side, self.grid.ghosts)

    def velocity(self, u: Faces) -> Faces:
        """Padded velocities with boundary faces and ghosts set, in place."""
        with self.timers.phase("halo"):
            self.halo.fill(*self._velocity_fields(u))
            return u

    def velocity_boundaries(self, u: Faces) -> Faces:
        """Padded velocities with boundary faces and the ghosts beyond them set, in place; others are left."""
        with self.timers.phase("halo"):
            self.halo.fill_boundaries(*self._velocity_fields(u))
            return u

    def _velocity_fields(self, u: Faces) -> list[Field]:
        return [Field(f, a, self._velocity_fill(a)) for a, f in enumerate(u) if f is not None]

    def _velocity_fill(self, component: int) -> BoundaryFill:
        return lambda d, a, s: self._condition(a, s).fill_velocity(d, a, s, self.grid.ghosts, component)

    def pressure(self, p: Tensor) -> Tensor:
        """Owned pressure, padded: zero beyond a side of fixed pressure, else zero gradient."""

        def at_boundary(data: Tensor, axis: int, side: int) -> None:
            if self._condition(axis, side).pressure == "dirichlet":
                ghosts_of(data, axis, side, self.grid.ghosts).zero_()
            else:
                copy_edge(data, axis, side, self.grid.ghosts)

        with self.timers.phase("halo"):
            data = self.pad(p)
            self.halo.fill(Field(data, None, at_boundary))
            return data

    def momentum_inputs(self, rho_old: Tensor, rho_new: Tensor, mass: Faces, u: Faces) -> tuple[Tensor, Tensor, Faces]:
        """Both densities and the mass fluxes, padded, their boundaries repeating their edge; in the same exchange the
        ghosts of the padded velocities, in place.
        """

        def repeat(data: Tensor, axis: int, side: int) -> None:
            copy_edge(data, axis, side, self.grid.ghosts)

        with self.timers.phase("halo"):
            old, new, faces = self.pad(rho_old), self.pad(rho_new), self.pad_faces(mass)
            fields = [Field(old, None, repeat), Field(new, None, repeat)]
            fields += [Field(f, a, repeat) for a, f in enumerate(faces) if f is not None]
            self.halo.fill(*fields, *self._velocity_fields(u))
            return old, new, faces

    def outflow(self, u: Faces) -> float:
        """Volume that leaves through this block's physical boundaries per second [m3/s]."""
        total = 0.0
        for a in self.layout.axes:
            face, areas = u[a], self.areas[a]
            assert face is not None and areas is not None
            owned = along(face, self.layout, a, 0, 1)
            n = owned.shape[a]
            total += float((owned.narrow(a, n - 1, 1) * areas[1]).sum() - (owned.narrow(a, 0, 1) * areas[0]).sum())
        return total
