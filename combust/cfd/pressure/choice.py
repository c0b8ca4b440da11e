"""Chooses the pressure solver: PETSc on several ranks, conjugate gradients in torch on one, or for fourth order."""

from __future__ import annotations

from combust.cfd.pressure.base import PressureGrid, PressureSolver
from combust.errors import ConfigError


def make_solver(
    grid: PressureGrid, kind: str = "auto", rtol: float = 1e-9, preconditioner: str = "auto", device: str = "cpu"
) -> PressureSolver:
    """The pressure solver for `grid`.

    kind : "torch" (one rank, CPU or GPU), "petsc" (any number of ranks), or "auto": torch on one rank, else petsc
    rtol : |V (rhs - L_beta p)|_2 / |V rhs|_2 to reach
    preconditioner : of PETSc: "hypre", "gamg", "separable", or "auto", the first of them there is; torch has its own
    Raises ConfigError for a choice that cannot be, DependencyError if petsc is needed and missing.
    """
    ranks = grid.block.comm.size
    if kind not in ("auto", "torch", "petsc"):
        raise ConfigError(f"pressure solver {kind!r} is not one of auto, torch, petsc")
    if grid.fourth and kind != "petsc" and preconditioner in ("auto", "separable"):
        from combust.cfd.pressure.wide import WideSolver

        return WideSolver(grid, rtol, device)
    if grid.fourth:
        raise ConfigError(
            f'numerics.pressure: solver = "{kind}", preconditioner = "{preconditioner}": PETSc\'s matrix is of second '
            "order; differences of order 4 have a solver of their own on any number of ranks: leave both keys out"
        )
    if kind == "petsc" or (kind == "auto" and ranks > 1):
        from combust.cfd.pressure.petsc import PetscSolver

        return PetscSolver(grid, rtol, preconditioner, device)
    if ranks > 1:
        raise ConfigError(f"the torch pressure solver runs on one rank, not on {ranks}: use auto or petsc")
    from combust.cfd.pressure.torch_cg import TorchSolver

    return TorchSolver(grid, rtol, device)
