"""The table of a case file about the pressure equation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Literal

from combust.settings.base import Positive, Settings, doc

if TYPE_CHECKING:
    import numpy as np

    from combust.cfd.boundaries.conditions import Side, Sides
    from combust.cfd.mesh.grid import Grid
    from combust.cfd.pressure.base import PressureSolver as Solver

logger = logging.getLogger(__name__)


class PressureSolver(Settings, frozen=True):
    """How the pressure equation is solved."""

    solver: Annotated[
        Literal["auto", "multigrid", "torch", "petsc"],
        doc(
            "auto: multigrid in C++ where a compiler is and widths of cells differ little; else torch on one rank, in "
            "three dimensions and on GPUs, PETSc on more ranks"
        ),
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

        ends = tuple(tuple(_end(side) for side in pair) for pair in boundaries)
        fixed = _fixed(grid, boundaries)
        if fixed:
            names = " and ".join(f"{'zyx'[axis]}_{('low', 'high')[side]}" for axis, side in fixed)
            logger.info("pressure: fixed on a part of %s, so that no solve of it is direct: all are iterative", names)
        problem = PressureGrid(grid.block, grid.widths, ends, grid.weights, fixed, grid.layout.fourth)  # type: ignore[arg-type]
        return make_solver(problem, self.solver, self.rtol, self.preconditioner, grid.device)


def _end(side: Side) -> str:
    """The kind of a side; that of one whose parts differ is "dirichlet", where `fixed` of the grid says."""
    if side is None:
        return "periodic"
    return "dirichlet" if side.pressure == "mixed" else side.pressure


def _fixed(grid: Grid, boundaries: tuple[Sides, Sides, Sides]) -> dict[tuple[int, int], np.ndarray]:
    """Which faces of this block fix the pressure, of sides whose parts differ in it (PressureGrid.fixed)."""
    import numpy as np

    from combust.cfd.boundaries.conditions import Parts
    from combust.cfd.boundaries.patches import fit

    found = {}
    for axis in grid.layout.axes:
        for side, parts in enumerate(boundaries[axis]):
            if isinstance(parts, Parts) and parts.pressure == "mixed":
                opens = np.array([condition.pressure == "dirichlet" for condition in parts.conditions])
                own = opens[fit(parts, grid.faces[parts.over])]
                start, count = grid.block.start[parts.over], grid.block.count[parts.over]
                shape = [1, 1, 1]
                shape[parts.over] = count
                found[axis, side] = own[start : start + count].reshape(shape)
    return found
