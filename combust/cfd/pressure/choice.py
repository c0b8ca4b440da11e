"""Chooses the pressure solver: conjugate gradients in torch, or in PETSc with multigrid where that pays."""

from __future__ import annotations

from combust.cfd.pressure.base import PressureGrid, PressureSolver
from combust.errors import ConfigError


def takes_petsc(kind: str, preconditioner: str, ranks: int, directions: int, fourth: bool, device: str = "cpu") -> bool:
    """Whether the choices of `make_solver` lead to PETSc, of a grid of so many directions, some of `fourth` order.

    In three directions the separable problem preconditions better than multigrid does: a third of its time on two
    cores. In two it takes more iterations where the front is thin. On another device than a CPU all of it stays there.
    """
    if kind != "auto" or fourth:
        return kind == "petsc"
    stays = directions == 3 or device not in ("auto", "cpu")
    return ranks > 1 and not (stays and preconditioner == "auto")


def make_solver(
    grid: PressureGrid, kind: str = "auto", rtol: float = 1e-9, preconditioner: str = "auto", device: str = "cpu"
) -> PressureSolver:
    """The pressure solver for `grid`.

    kind : "torch", "petsc" (on the host, wherever fields are), or "auto": torch on one rank, for three directions and
        on a GPU, else petsc
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
    if takes_petsc(kind, preconditioner, ranks, len(grid.axes), False, device):
        from combust.cfd.pressure.petsc import PetscSolver

        return PetscSolver(grid, rtol, preconditioner, device)
    if ranks > 1:
        from combust.cfd.pressure.ranks import RanksSolver

        return RanksSolver(grid, rtol, device)
    from combust.cfd.pressure.torch_cg import TorchSolver

    return TorchSolver(grid, rtol, device)
