"""The table of a case file about the pressure equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from combust.settings.base import Positive, Settings, doc

if TYPE_CHECKING:
    from combust.cfd.boundaries.conditions import Sides
    from combust.cfd.mesh.grid import Grid
    from combust.cfd.pressure.base import PressureSolver as Solver


class PressureSolver(Settings, frozen=True):
    """How the pressure equation is solved."""

    solver: Annotated[
        Literal["auto", "torch", "petsc"], doc("auto: torch on one rank or a GPU, PETSc on more ranks")
    ] = "auto"
    rtol: Annotated[Positive, doc("relative tolerance of the residual")] = 1e-9
    preconditioner: Annotated[
        Literal["auto", "hypre", "gamg", "separable"],
        doc("of PETSc; auto: hypre's multigrid, or PETSc's own (gamg); separable: a direct solve at constant density"),
    ] = "auto"

    def build(self, grid: Grid, boundaries: tuple[Sides, Sides, Sides]) -> Solver:
        """The solver on a grid whose sides (z, y, x) have these conditions. Raises ConfigError, DependencyError."""
        from combust.cfd.pressure.base import PressureGrid
        from combust.cfd.pressure.choice import make_solver

        ends = tuple(tuple("periodic" if side is None else side.pressure for side in pair) for pair in boundaries)
        kind = "torch" if self.solver == "auto" and grid.block.comm.size == 1 else self.solver
        problem = PressureGrid(grid.block, grid.widths, ends, grid.weights)  # type: ignore[arg-type]
        return make_solver(problem, kind, self.rtol, self.preconditioner, grid.device)
