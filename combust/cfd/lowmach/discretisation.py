"""What the parts of a low-Mach step share: the grid with its ghosts, the problem, the numerical choices."""

from __future__ import annotations

from torch import Tensor

from combust.cfd.boundaries import outflow
from combust.cfd.boundaries.conditions import conditions_of
from combust.cfd.boundaries.fill import Filler
from combust.cfd.closures.domain import Domain
from combust.cfd.lowmach.problem import LowMachNumerics, Problem
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import NAMES, Faces, Grid, along, weighted
from combust.cfd.mesh.require import same_device
from combust.cfd.mesh.slabs import Joined, of_cells, slabs
from combust.cfd.operators import rkc, scalars
from combust.cfd.operators.native import state as cells
from combust.cfd.operators.reconstruction import layers_of_ghosts
from combust.cfd.operators.stencils import STIFFER, blend, pair_sum
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.timers import Timers

MARGIN = 1.2  # of local bounds, which are those of cells: for momentum volumes between cells of other sizes

compressibility_kernel = compiled(scalars.compressibility, native=cells.compressibility)
state_error_kernel = compiled(scalars.equation_of_state_error, native=cells.equation_of_state_error)


def require_fitting(grid: Grid, problem: Problem) -> None:
    """Raises ConfigError naming what of the problem does not go with the grid."""
    device = problem.gas.thermo.molar_mass.device
    if not same_device(device, grid.device):
        raise ConfigError(f"problem.gas: lies on {device}, the grid on {grid.device}")
    for name in ("boundaries", "gravity"):
        if len(getattr(problem, name)) != 3:
            raise ConfigError(f"problem.{name}: has {len(getattr(problem, name))} entries, needs three: z, y, x")
    for a in grid.layout.axes:
        for side, end in enumerate(("low", "high")):
            given = problem.boundaries[a][side] is not None
            if given == grid.block.periodic[a]:
                what = "is periodic and has a condition" if given else "has no condition and is not periodic"
                raise ConfigError(f"problem.boundaries: the {end} side in {NAMES[a]} {what}")
    outflow.require_convection(problem.boundaries, grid.layout.axes)
    if grid.axisymmetric and not getattr(problem.closure, "axisymmetric", True):
        raise ConfigError(f"problem.closure: {problem.name('closure')} does not go with an axisymmetric grid")


class Discretisation:
    """A problem on one grid; holds no fields."""

    def __init__(self, grid: Grid, problem: Problem, numerics: LowMachNumerics):
        """Raises ConfigError for a gas or sides that do not go with the grid, or too few ghosts for the scheme."""
        needs = layers_of_ghosts(numerics.reconstruction, grid.order)
        if needs > grid.ghosts:
            raise ConfigError(
                f'reconstruction = "{numerics.reconstruction}" reads {needs} layers of ghost cells, the grid has '
                f"{grid.ghosts}: make it with Grid(..., ghosts={needs})"
            )
        require_fitting(grid, problem)
        self.grid, self.problem, self.numerics = grid, problem, numerics
        self.layout, self.metrics, self.thermo = grid.layout, grid.metrics, problem.gas.thermo
        self.slabs = slabs(self.layout, self.metrics)
        z, y, x = (pair if a in grid.layout.axes else (None, None) for a, pair in enumerate(problem.boundaries))
        self.domain = Domain(grid, (z, y, x))  # across one cell nothing varies: walls there take nothing
        self.timers = Timers()
        self.filler = Filler(grid, problem.boundaries, self.timers, 1 + len(problem.gas.species))
        self.comm = grid.block.comm
        self.closed = not any(
            c.opens for a in self.layout.axes for b in problem.boundaries[a] for c in conditions_of(b)
        )
        # Where no pressure is fixed, as much must leave as comes in and expands: convective outflows see to it.
        self.lets_out = self.filler.convects and not any(
            c.pressure == "dirichlet" for a in self.layout.axes for b in problem.boundaries[a] for c in conditions_of(b)
        )
        # Eddies of averaged flow diffuse a thousand times more than the gas, and far from the narrow cells at walls.
        self.bounds_locally = bool(getattr(problem.closure, "averaged", False))
        self.volume = self.comm.sum(float(grid.volume.sum()))[0]
        self.min_width = [None if a not in self.layout.axes else float(grid.widths[a].min()) for a in range(3)]

    def inner(self, f: Tensor) -> Tensor:
        """The owned cells of a padded array."""
        return along(f, self.layout, 2, 0, 0)

    def joined(self, into: Tensor | None = None) -> Joined:
        """A field of the owned cells that slabs are put into."""
        return Joined(self.layout.n[0], into)

    def block_faces(self, u: Faces) -> Faces:
        """Faces 0..n of the block, per axis, of padded face arrays."""
        return tuple(None if f is None else along(f, self.layout, a, 0, 1) for a, f in enumerate(u))

    def reference_density(self, rho: Tensor) -> float:
        """What gravity is measured against [kg/m3]: the gas outside, or the mean of `rho`, the owned cells."""
        reference = self.problem.reference_density
        if reference is None:
            reference = self.comm.sum(float((rho * self.grid.volume).sum()))[0] / self.volume
        return reference

    def compressibility(self, q: Tensor, p0: Tensor) -> Tensor:
        """1/(gamma p0) of the owned cells [1/Pa], from padded (T, Y)."""
        joined = self.joined()
        for slab in self.slabs:
            joined.put(slab.start, compressibility_kernel(slab.padded(q), p0, self.thermo, slab.layout))
        return joined.whole

    def pressure_error(self, s: State) -> Tensor:
        """(p_eos - p0) / p0 of the owned cells of a state."""
        return of_cells(state_error_kernel, (s.U, self.inner(s.q)[0]), (s.p0, self.thermo))

    def local_stiffness(self, diffusivity: Tensor, largest: float) -> float:
        """The same by a bound of each cell's own (Gershgorin's), on padded diffusivities of which `largest` is the
        largest of all ranks (collective): eddies are large where cells are wide. That of `stiffness` where it is less.
        """
        total: Tensor | None = None
        for a in self.layout.axes:
            metric = self.metrics[a]
            assert metric is not None
            at_faces = blend(along(diffusivity, self.layout, a, -1, 1), a, metric.right) * metric.per_distance
            row = 2.0 * pair_sum(weighted(at_faces, metric, a), a) * metric.per_volume
            row = row * (STIFFER if a in self.layout.fourth else 1.0)
            total = row if total is None else total + row
        assert total is not None
        return min(MARGIN * self.comm.max(float(total.max()))[0], self.stiffness(largest))

    def stages_within(self, radius: float, dt: float, what: str, value: float) -> int:
        """Of diffusion over dt [s], as `rkc.stages_within`. Raises DivergenceError."""
        return rkc.stages_within(self.numerics.max_stages, radius, dt, what, value, self.problem.models)

    def stiffness(self, diffusivity: float) -> float:
        """Spectral radius [1/s] of diffusion with this diffusivity [m2/s] on the narrowest cells."""
        return diffusivity * sum(
            4.0 / w**2 * (STIFFER if a in self.layout.fourth else 1.0)
            for a, w in enumerate(self.min_width)
            if w is not None
        )
