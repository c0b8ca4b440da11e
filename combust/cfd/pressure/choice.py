"""Chooses the pressure solver: conjugate gradients in C++ with multigrid, in torch, or in PETSc."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from combust import machine_code
from combust.errors import ConfigError, DependencyError

if TYPE_CHECKING:
    from combust.cfd.pressure.base import PressureGrid, PressureSolver

KINDS = ("auto", "multigrid", "torch", "petsc")
# Widths of cells, the largest by the smallest (see `stretch`): beyond it points are no good smoother, and the separable
# problem is the better preconditioner.
STRETCHED = 16.0


def compiles() -> bool:
    """Whether C++ kernels can be expected here; nothing is compiled."""
    try:
        return machine_code.wanted() and shutil.which(machine_code.compiler()[0]) is not None
    except FileNotFoundError:
        return False


def takes_multigrid(
    kind: str, preconditioner: str, directions: int, fourth: bool, device: str = "cpu", stretch: float = 1.0
) -> bool:
    """Whether the choices of `make_solver` lead to multigrid where C++ kernels can be had, of a grid of so many
    directions, some of `fourth` order, with cells of such widths.
    """
    if kind != "auto" or fourth or preconditioner != "auto":
        return kind == "multigrid"
    return directions > 1 and stretch <= STRETCHED and device in ("auto", "cpu")


def takes_petsc(kind: str, preconditioner: str, ranks: int, directions: int, fourth: bool, device: str = "cpu") -> bool:
    """Whether the choices of `make_solver` lead to PETSc, of a grid of so many directions, some of `fourth` order,
    where multigrid does not serve.

    In three directions the separable problem preconditions better than PETSc's multigrid does: a third of its time on
    two cores. In two it takes more iterations where the front is thin. On another device than a CPU all of it stays
    there.
    """
    if kind != "auto" or fourth:
        return kind == "petsc"
    stays = directions == 3 or device not in ("auto", "cpu")
    return ranks > 1 and not (stays and preconditioner == "auto")


def stretch(grid: PressureGrid) -> float:
    """How much the widths of cells differ: the ratio of the largest to the smallest, of each direction and these
    multiplied, or of all directions together.
    """
    most, least = ([float(f(grid.widths[a])) for a in grid.axes] for f in (np.max, np.min))
    return max(float(np.prod(most) / np.prod(least)), max(most) / min(least))


def make_solver(
    grid: PressureGrid, kind: str = "auto", rtol: float = 1e-9, preconditioner: str = "auto", device: str = "cpu"
) -> PressureSolver:
    """The pressure solver for `grid` (collective).

    kind : "multigrid" (C++, on CPUs), "torch", "petsc" (on the host, wherever fields are), or "auto": multigrid on CPUs
        but for cells of very different widths, where it can be compiled; else torch on one rank, for three directions
        and on a GPU, else petsc
    rtol : |V (rhs - L_beta p)|_2 / |V rhs|_2 to reach
    preconditioner : of PETSc: "hypre", "gamg", "separable", or "auto", the first of them there is
    Raises ConfigError for a choice that cannot be, DependencyError if what it needs is missing.
    """
    if kind not in KINDS:
        raise ConfigError(f"pressure solver {kind!r} is not one of {', '.join(KINDS)}")
    if grid.fourth:
        return _of_fourth_order(grid, kind, rtol, preconditioner, device)
    if takes_multigrid(kind, preconditioner, len(grid.axes), False, device, stretch(grid)):
        found = _multigrid(grid, rtol, kind == "multigrid", device)
        if found is not None:
            return found
    ranks = grid.block.comm.size
    if takes_petsc(kind, preconditioner, ranks, len(grid.axes), False, device):
        from combust.cfd.pressure.petsc import PetscSolver

        return PetscSolver(grid, rtol, preconditioner, device)
    return _torchs(grid, rtol, device)


def _torchs(grid: PressureGrid, rtol: float, device: str) -> PressureSolver:
    """That of any device, by the separable problem."""
    if grid.block.comm.size > 1:
        from combust.cfd.pressure.ranks import RanksSolver

        return RanksSolver(grid, rtol, device)
    from combust.cfd.pressure.torch_cg import TorchSolver

    return TorchSolver(grid, rtol, device)


def _of_fourth_order(grid: PressureGrid, kind: str, rtol: float, preconditioner: str, device: str) -> PressureSolver:
    if kind in ("auto", "torch") and preconditioner in ("auto", "separable"):
        from combust.cfd.pressure.wide import WideSolver

        return WideSolver(grid, rtol, device)
    raise ConfigError(
        f'numerics.pressure: solver = "{kind}", preconditioner = "{preconditioner}": PETSc\'s matrix and '
        "multigrid are of second order; differences of order 4 have a solver of their own: leave both keys out"
    )


def _multigrid(grid: PressureGrid, rtol: float, asked: bool, device: str) -> PressureSolver | None:
    """None where it cannot be had on all ranks; an error if it was asked for."""
    if asked and device not in ("auto", "cpu"):
        raise ConfigError(f'numerics.pressure: solver = "multigrid" is of processors, not of device {device!r}')
    from combust.cfd.pressure.multigrid.library import library

    kernels = library() if machine_code.wanted() else None
    if grid.block.comm.max(float(kernels is None))[0]:
        if asked:
            raise DependencyError('numerics.pressure: solver = "multigrid" needs a C++ compiler, which is not there')
        return None
    from combust.cfd.pressure.multigrid.solver import MultigridSolver

    assert kernels is not None
    return MultigridSolver(grid, kernels, rtol, otherwise=None if asked else lambda: _torchs(grid, rtol, "cpu"))
