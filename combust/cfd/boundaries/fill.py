"""Pads owned arrays with ghosts: one call per kind of field, and sums over physical boundaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Boundary, ConvectiveOutflow, Sides, Stream, Wall, conditions_of
from combust.cfd.boundaries.patches import Patch, any_unsteady, patches
from combust.cfd.mesh.grid import Areas, Faces, Grid, along, near
from combust.cfd.mesh.halo import BoundaryFill, Field, Halo, copy_edge, ghosts_of
from combust.parallel import together
from combust.timers import Timers


class Filler:
    """Ghosts of scalars, velocities and pressure by the problem's boundary conditions, as they are at a time: `at`."""

    def __init__(self, grid: Grid, boundaries: tuple[Sides, Sides, Sides], timers: Timers, rows: int | None = None):
        """rows : of T and Y, if that is to be checked. Raises ConfigError for parts that do not fit their side, or
        values on another device or of another shape.
        """
        self.grid, self.layout, self.timers = grid, grid.layout, timers
        self.halo = Halo(grid)
        sides = [(a, s, boundaries[a][s]) for a in self.layout.axes for s in (0, 1)]
        self._patches = {
            (a, s): patches(grid, a, s, condition, rows)
            for a, s, condition in sides
            if condition and grid.block.at_boundary(a, s)
        }
        self.unsteady = any(any_unsteady(condition) for _, _, condition in sides)
        self.heated = any(c.heated for _, _, side in sides for c in conditions_of(side))
        self.holds_temperature = any(
            isinstance(c, Wall) and c.scalars is not None for _, _, side in sides for c in conditions_of(side)
        )
        self.functions = any(c.functions for _, _, side in sides for c in conditions_of(side))
        self.areas = self.areas_of(lambda condition: True)
        self.diffusion_areas = self.areas_of(lambda condition: condition.diffusion_counts)
        self.convects = any(isinstance(c, ConvectiveOutflow) for _, _, side in sides for c in conditions_of(side))
        self.convective_area = self._area(ConvectiveOutflow) if self.convects else 0.0
        self._set(0.0)

    def at(self, t: float) -> None:
        """From here on boundaries hold what they do at time t [s]. Raises ConfigError for a function that fails."""
        if self.unsteady:
            self._set(t)

    def _set(self, t: float) -> None:
        """A function that fails on one rank fails on all: the others would wait for its ghosts."""

        def each() -> None:
            for patch in self.patches():
                patch.set(t)

        if self.functions:
            together(self.grid.block.comm, each)

    def patches(self) -> Iterator[Patch]:
        """The conditions that this block touches, on their sides or parts of them."""
        for found in self._patches.values():
            yield from found

    def open_patches(self, axis: int) -> list[Patch]:
        """Those that gas passes as the flow has it, on the sides normal to an axis."""
        return [p for side in (0, 1) for p in self._patches.get((axis, side), ()) if p.condition.opens]

    def areas_of(self, chosen: Callable[[Boundary], bool]) -> Areas:
        """Face areas of the block's ends per axis, zero where an end is no physical boundary of the chosen ones."""
        return tuple(self._areas(a, chosen) if a in self.layout.axes else None for a in range(3))

    def _areas(self, axis: int, chosen: Callable[[Boundary], bool]) -> tuple[Tensor, Tensor]:
        metric = self.grid.metrics[axis]
        assert metric is not None
        area = self.grid.volume * metric.per_volume
        n = self.layout.n[axis]
        ends = []
        for side, index in ((0, 0), (1, n - 1)):
            whole = area.narrow(axis, index, 1)
            if metric.face is not None:
                whole = whole * near(metric.face, axis, n + 1).narrow(axis, index + side, 1)
            end = torch.zeros_like(whole)
            for patch in self._patches.get((axis, side), ()):
                if chosen(patch.condition):
                    patch.owned(end).copy_(patch.owned(whole))
            ends.append(end)
        return ends[0], ends[1]

    def _area(self, kind: type[Boundary]) -> float:
        """Of all sides of a kind, over all ranks [m2]."""
        own = self.areas_of(lambda condition: isinstance(condition, kind))
        plane = torch.zeros(self.layout.n, dtype=torch.float64, device=self.grid.device)
        ends = [(a, end) for a, pair in enumerate(own) if pair is not None for end in pair]
        return self.grid.block.comm.sum(sum(float((plane.narrow(a, 0, 1) + end).sum()) for a, end in ends))[0]

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
            return self._with_ghosts(self.pad(q))

    def scalar_ghosts(self, q: Tensor) -> Tensor:
        """Padded (T, Y) with their ghosts set, in place."""
        with self.timers.phase("halo"):
            return self._with_ghosts(q)

    def nearest_ghosts(self, q: Tensor) -> Tensor:
        """Padded (T, Y) with those of their ghosts set that diffusion takes, in place."""
        with self.timers.phase("halo"):
            self.halo.fill_nearest(Field(q, None, self._scalar_fill))
            return q

    def _with_ghosts(self, q: Tensor) -> Tensor:
        self.halo.fill(Field(q, None, self._scalar_fill))
        return q

    def _scalar_fill(self, data: Tensor, axis: int, side: int) -> None:
        for patch in self._patches[axis, side]:
            patch.condition.fill_scalars(patch.view(data), patch.at)

    def streams(self, q: Tensor, u: Faces) -> Tensor:
        """Padded (T, Y) with what flows in, in place: what advection takes. Beyond inflow sides, and beyond open ones
        where the padded velocities u point inwards.
        """
        for patch in self.patches():
            axis = patch.at.axis
            normal = u[axis]
            if patch.condition.opens and patch.at.now.stream is not None and normal is not None:
                place = self.layout.g[axis] + patch.at.side * self.layout.n[axis]
                end = patch.view(normal.narrow(axis, place, 1))
                patch.condition.fill_backflow(patch.view(q), patch.at, (1 - 2 * patch.at.side) * end > 0)
            else:
                patch.condition.fill_stream(patch.view(q), patch.at)
        return q

    def thermal_diffusion(self, data: Tensor) -> None:
        """Padded coefficients of thermal diffusion: those beyond sides that no species diffuses through, in place."""
        for patch in self.patches():
            patch.condition.fill_thermal_diffusion(patch.view(data), patch.at)

    def eddies(self, diffusivities: Tensor, laws: Mapping[tuple[int, int], slice] = MappingProxyType({})) -> Tensor:
        """Those of the owned cells (rows, nz, ny, nx), padded: as the conditions say, at walls with friction as laws of
        the wall do. laws : (axis, side) -> the rows that hold what they say beside it, the same on all ranks
        """

        def fill(data: Tensor, axis: int, side: int) -> None:
            for patch in self._patches[axis, side]:
                patch.condition.fill_eddies(patch.view(data), patch.at, laws.get((axis, side)))

        with self.timers.phase("halo"):
            data = self.pad(diffusivities)
            self.halo.fill(Field(data, None, fill))
            return data

    def carried(self, f: Tensor, walls: Tensor | None, given: Stream) -> Tensor:
        """Padded quantities that a closure carries with their ghosts set, in place; walls, given : as the conditions'
        `fill_carried` takes them.
        """

        def at_boundary(data: Tensor, axis: int, side: int) -> None:
            for patch in self._patches[axis, side]:
                held = None if walls is None else patch.view(walls)
                patch.condition.fill_carried(patch.view(data), patch.at, held, given)

        with self.timers.phase("halo"):
            self.halo.fill(Field(f, None, at_boundary))
            return f

    def velocity(self, u: Faces) -> Faces:
        """Padded velocities with boundary faces and ghosts set, in place."""
        with self.timers.phase("halo"):
            self.halo.fill(*self._velocity_fields(u))
            return u

    def neighbours(self, u: Faces) -> Faces:
        """Padded velocities with the ghosts that are cells of neighbours or of the other end, in place."""
        with self.timers.phase("halo"):
            self.halo.fill(*(Field(f, a, lambda data, axis, side: None) for a, f in enumerate(u) if f is not None))
            return u

    def velocity_boundaries(self, u: Faces) -> Faces:
        """Padded velocities with boundary faces and the ghosts beyond them set, in place; others are left."""
        with self.timers.phase("halo"):
            self.halo.fill_boundaries(*self._velocity_fields(u))
            return u

    def _velocity_fields(self, u: Faces) -> list[Field]:
        return [Field(f, a, self._velocity_fill(a)) for a, f in enumerate(u) if f is not None]

    def _velocity_fill(self, component: int) -> BoundaryFill:
        def fill(data: Tensor, axis: int, side: int) -> None:
            for patch in self._patches[axis, side]:
                patch.condition.fill_velocity(patch.view(data, component), patch.at, component)

        return fill

    def pressure(self, p: Tensor) -> Tensor:
        """Owned pressure, padded: zero beyond sides and parts of sides of fixed pressure, else zero gradient."""

        def at_boundary(data: Tensor, axis: int, side: int) -> None:
            for patch in self._patches[axis, side]:
                if patch.condition.pressure == "dirichlet":
                    ghosts_of(patch.view(data), axis, side, self.grid.ghosts).zero_()
                else:
                    copy_edge(patch.view(data), axis, side, self.grid.ghosts)

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

    def outflow(self, u: Faces) -> Tensor:
        """Volume that leaves through this block's physical boundaries per second [m3/s], 0-d."""
        total = torch.zeros((), dtype=torch.float64, device=self.grid.device)
        for a in self.layout.axes:
            face, areas = u[a], self.areas[a]
            assert face is not None and areas is not None
            owned = along(face, self.layout, a, 0, 1)
            n = owned.shape[a]
            total = total + ((owned.narrow(a, n - 1, 1) * areas[1]).sum() - (owned.narrow(a, 0, 1) * areas[0]).sum())
        return total
