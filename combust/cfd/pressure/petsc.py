"""Conjugate gradients by PETSc on any number of ranks, preconditioned by multigrid or by the separable problem."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from combust.cfd.mesh.block import Block, split
from combust.cfd.pressure.base import (
    FLOOR,
    UNIT_RTOL,
    Beta,
    Conductances,
    PressureGrid,
    Solution,
    compatible,
    diagonal,
    not_converged,
    zero_mean,
)
from combust.cfd.pressure.separable import Separable
from combust.cfd.pressure.torch_cg import SCALING
from combust.errors import ConfigError, DependencyError
from combust.parallel import Communicator

PREFIX = "combust_pressure_"
REBUILD_AFTER = 20  # solves that one multigrid hierarchy serves at most
REBUILD_GROWTH = 1.5  # or until it takes this many times the iterations it took when new
OPTIONS: dict[str, dict[str, str]] = {
    "separable": {"pc_type": "python"},
    "gamg": {"pc_type": "gamg", "pc_gamg_type": "agg", "mg_levels_pc_type": "jacobi"},
    # One sweep down and its mirror image up: symmetric as CG wants it, for less than the default's sweeps to and fro.
    "hypre": {
        "pc_type": "hypre",
        "pc_hypre_type": "boomeramg",
        "pc_hypre_boomeramg_relax_type_down": "SOR/Jacobi",
        "pc_hypre_boomeramg_relax_type_up": "backward-SOR/Jacobi",
    },
}
# In three directions the default coarse grids get dense: these keep a solve at 2.4 instead of 5 us per cell.
HYPRE_3D = {
    "pc_hypre_boomeramg_coarsen_type": "HMIS",
    "pc_hypre_boomeramg_interp_type": "ext+i",
    "pc_hypre_boomeramg_P_max": "4",
}


def load_petsc(comm: Communicator) -> Any:
    """The petsc4py.PETSc module, initialised on our ranks without reading the command line or taking signals.

    Raises DependencyError if petsc4py is missing.
    """
    try:
        import petsc4py
    except ImportError as error:
        raise DependencyError(
            "the pressure solve on several ranks needs petsc4py: on Debian or Ubuntu `apt-get install "
            "python3-petsc4py libpetsc-real-dev`, with conda `conda install -c conda-forge petsc4py`; "
            f"or run on one rank ({error})"
        ) from error
    petsc4py.init(["combust", "-no_signal_handler"], comm=comm.mpi)
    from petsc4py import PETSc

    return PETSc


class PetscSolver:
    """Pressure solver for any number of ranks; see PressureSolver for the problem.

    preconditioner : "hypre" or "gamg" (multigrid, kept over several solves), "separable" (the scaled
        constant-coefficient problem, solved directly), or "auto": hypre if this PETSc has it, else gamg
    On more than two ranks gamg repeats to round-off only (it sums what other ranks send in order of arrival).
    Raises ConfigError if this PETSc has no hypre, DependencyError if there is no PETSc.
    """

    def __init__(
        self,
        grid: PressureGrid,
        rtol: float = 1e-9,
        preconditioner: str = "auto",
        device: torch.device | str = "cpu",
        max_iterations: int = 500,
    ) -> None:
        self.PETSc = load_petsc(grid.block.comm)
        preconditioner = self._choose(preconditioner)
        self.grid, self.rtol, self.comm = grid, rtol, grid.block.comm
        self.device, cpu = torch.device(device), torch.device("cpu")
        self.conductances = Conductances(grid, cpu)
        self.direct = Separable(grid, cpu)
        self.volumes = self.direct.volumes
        self.unit_diagonal = diagonal(self.conductances.unit())
        self.sparsity = Sparsity(grid)
        self.matrix = self._matrix()
        self.unknown, self.load = self.matrix.createVecs()
        self.separable = ScaledSeparable(self.direct) if preconditioner == "separable" else None
        self.krylov = self._krylov(self.matrix, preconditioner, max_iterations)
        self.unit = self._unit(preconditioner, max_iterations) if grid.fixed else None
        self.forget()

    def _matrix(self) -> Any:
        matrix = self.sparsity.matrix(self.PETSc, self.comm)
        if self.grid.singular:
            matrix.setNullSpace(self.PETSc.NullSpace().create(constant=True, comm=self.comm.mpi))
        return matrix

    def _unit(self, preconditioner: str, max_iterations: int) -> Any:
        """Of L_1, where that has no direct solve: its matrix never changes, nor does what preconditions it."""
        matrix = self._matrix()
        self.sparsity.fill(matrix, self.conductances.unit(), self.unit_diagonal)
        krylov = self._krylov(matrix, preconditioner, max_iterations)
        krylov.setInitialGuessNonzero(False)
        return krylov

    def _choose(self, preconditioner: str) -> str:
        """The preconditioner to use: hypre before gamg, for half the iterations and the same bits in every run."""
        hypre = self.PETSc.Sys.hasExternalPackage("hypre")
        if preconditioner == "auto":
            return "hypre" if hypre else "gamg"
        if preconditioner not in OPTIONS:
            raise ConfigError(f"preconditioner {preconditioner!r} is not one of auto, {', '.join(OPTIONS)}")
        if preconditioner == "hypre" and not hypre:
            raise ConfigError("this PETSc was built without hypre: use preconditioner gamg or separable")
        return preconditioner

    def _krylov(self, matrix: Any, preconditioner: str, max_iterations: int) -> Any:
        ksp = self.PETSc.KSP().create(comm=self.comm.mpi)
        ksp.setOperators(matrix)
        ksp.setType("cg")
        ksp.setNormType(self.PETSc.KSP.NormType.UNPRECONDITIONED)
        ksp.setTolerances(rtol=self.rtol, atol=0.0, max_it=max_iterations)
        ksp.setInitialGuessNonzero(True)
        if self.separable is not None:
            ksp.getPC().setType("python")
            ksp.getPC().setPythonContext(self.separable)
        chosen = dict(OPTIONS[preconditioner])
        if preconditioner == "hypre" and len(self.grid.axes) == 3:
            chosen |= HYPRE_3D
        database = self.PETSc.Options(PREFIX)
        ksp.setOptionsPrefix(PREFIX)
        for name, value in chosen.items():
            database[name] = value
        ksp.setFromOptions()
        for name in chosen:
            database.delValue(name)
        return ksp

    def forget(self) -> None:
        """Builds the preconditioner anew at the next solve, as a restarted run does."""
        self.solves, self.fresh, self.latest = 0, 0, 0

    def solve_constant(self, rhs: torch.Tensor) -> torch.Tensor:
        """p of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean. Directly, unless sides are
        fixed in parts.
        """
        if self.unit is None:
            return self.direct.solve(rhs.cpu()).to(self.device)
        load = -self.volumes * rhs.cpu()
        goal = float(np.sqrt(self.comm.sum(float((load * load).sum()))[0]))
        if not np.isfinite(goal):
            raise not_converged(0, float("nan"), UNIT_RTOL)
        if self.separable is not None:
            self.separable.scale = torch.ones_like(self.volumes)
        self.load.setArray(load.numpy().ravel())
        self.unit.setTolerances(rtol=UNIT_RTOL, atol=1e-300)
        self.unit.solve(self.load, self.unknown)
        if goal > 0.0 and self.unit.getConvergedReason() <= 0:
            raise not_converged(self.unit.getIterationNumber(), self.unit.getResidualNorm() / goal, UNIT_RTOL)
        return torch.tensor(self.unknown.getArray(readonly=True)).view(load.shape).to(self.device)

    def solve(
        self, beta: Beta, rhs: torch.Tensor, guess: torch.Tensor | None = None, terms: torch.Tensor | None = None
    ) -> Solution:
        """p of L_beta p = rhs. Raises DivergenceError if rtol is not reached."""
        faces = self.conductances(tuple(None if b is None else b.cpu() for b in beta))  # type: ignore[arg-type]
        main = diagonal(faces)
        load, incompatibility = -self.volumes * rhs.cpu(), 0.0
        size = load if terms is None else self.volumes * terms.cpu()
        if self.grid.singular:
            load, incompatibility = compatible(load, self.volumes, self.comm)
        self.sparsity.fill(self.matrix, faces, main)
        if self.separable is not None:
            self.separable.scale = (self.unit_diagonal / main) ** (0.5 * SCALING)
        squares, terms_squared, healthy = self.comm.sum(
            float((load * load).sum()), float((size * size).sum()), float(main.sum())
        )
        if not np.isfinite(squares + terms_squared + healthy):
            raise not_converged(0, float("nan"), self.rtol)
        goal, round_off = np.sqrt(squares), FLOOR * np.sqrt(terms_squared)
        if goal <= round_off:
            residual = 1.0 if goal > 0.0 else 0.0
            return Solution(torch.zeros_like(load).to(self.device), 0, residual, incompatibility)
        self.krylov.setTolerances(rtol=self.rtol, atol=round_off)
        self.load.setArray(load.numpy().ravel())
        self._start(None if guess is None else guess.cpu(), goal)
        iterations, residual = self._run(goal)
        p = torch.tensor(self.unknown.getArray(readonly=True)).view(load.shape)
        if self.grid.singular:
            p = zero_mean(p, self.volumes, self.comm)
        return Solution(p.to(self.device), iterations, residual, incompatibility)

    def _start(self, guess: torch.Tensor | None, goal: float) -> None:
        """Puts the guess into `unknown`, or zero where that leaves less to do."""
        self.unknown.set(0.0)
        if guess is None:
            return
        self.unknown.setArray(guess.numpy().ravel())
        residual = self.matrix * self.unknown
        residual.axpy(-1.0, self.load)
        if not residual.norm() < goal:
            self.unknown.set(0.0)

    def _run(self, goal: float) -> tuple[int, float]:
        """Iterates, with the preconditioner at hand while it serves; (iterations, relative residual)."""
        build = self.solves == 0 or self.solves >= REBUILD_AFTER or self.latest > REBUILD_GROWTH * self.fresh
        first = self.unknown.copy()
        while True:
            self.krylov.getPC().setReusePreconditioner(not build)
            self.krylov.solve(self.load, self.unknown)
            iterations, residual = self.krylov.getIterationNumber(), self.krylov.getResidualNorm() / goal
            if self.krylov.getConvergedReason() > 0:
                break
            if build:
                self.forget()
                raise not_converged(iterations, residual, self.rtol)
            build = True
            first.copy(self.unknown)
        self.solves = 1 if build else self.solves + 1
        self.fresh, self.latest = iterations if build else self.fresh, iterations
        return iterations, residual


class ScaledSeparable:
    """b^(s/2) L_1 b^(s/2) as a PETSc preconditioner; `scale` is b^(-s/2)."""

    def __init__(self, direct: Separable) -> None:
        self.direct = direct
        self.scale = torch.ones_like(direct.volumes)

    def setUp(self, pc: Any) -> None:
        """Nothing to build: `scale` is set for each solve."""

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """y = M^-1 x."""
        field = self.scale * torch.tensor(x.getArray(readonly=True)).view(self.scale.shape)
        y.setArray((self.scale * self.direct.solve_symmetric(field)).numpy().ravel())


class Sparsity:
    """Where the entries of -V L_beta go: unknowns are numbered rank by rank, x fastest, as PETSc's DMDA does."""

    def __init__(self, grid: PressureGrid) -> None:
        block = grid.block
        cells = np.indices(block.count).reshape(3, -1) + np.array(block.start)[:, None]
        own = numbers(block, cells)
        columns, used = [own], [np.ones(own.shape, bool)]
        for axis in grid.axes:
            for step in (-1, 1):
                there = cells.copy()
                there[axis] += step
                inside = (there[axis] >= 0) & (there[axis] < block.shape[axis])
                there[axis] %= block.shape[axis]
                columns.append(numbers(block, there))
                used.append(inside | block.periodic[axis])
        total = int(np.prod(block.shape))
        self.used = np.stack(used)
        rows = np.broadcast_to(np.arange(own.size), self.used.shape)[self.used]
        # A periodic direction of two cells meets the same neighbour twice: equal places are summed.
        places, self.where = np.unique(rows * total + np.stack(columns)[self.used], return_inverse=True)
        self.columns = (places % total).astype(np.int32)
        self.starts = np.searchsorted(places // total, np.arange(own.size + 1)).astype(np.int32)
        self.size = (own.size, total)

    def matrix(self, PETSc: Any, comm: Communicator) -> Any:
        """An empty matrix with this sparsity."""
        csr = (self.starts.astype(PETSc.IntType), self.columns.astype(PETSc.IntType), np.zeros(self.columns.size))
        matrix = PETSc.Mat().createAIJ((self.size, self.size), csr=csr, comm=comm.mpi)
        matrix.setOption(PETSc.Mat.Option.SPD, True)
        return matrix

    def fill(self, matrix: Any, faces: dict[int, torch.Tensor], main: torch.Tensor) -> None:
        """Sets all values from the conductances and the diagonal."""
        entries = [main]
        for axis, face in faces.items():
            n = face.shape[axis] - 1
            entries += [-face.narrow(axis, 0, n), -face.narrow(axis, 1, n)]
        values = torch.stack(entries).numpy().reshape(len(entries), -1)[self.used]
        data = np.bincount(self.where, weights=values, minlength=self.columns.size)
        matrix.setValuesCSR(self.starts, self.columns, data)
        matrix.assemble()


def numbers(block: Block, cells: np.ndarray) -> np.ndarray:
    """Numbers of global cells (3, n) in the ordering that gives each rank one run of unknowns."""
    place, inside, count = [], [], []
    for axis in range(3):
        edges = np.array(split(block.shape[axis], block.dims[axis]))
        owner = np.searchsorted(edges, cells[axis], side="right") - 1
        place.append(owner)
        inside.append(cells[axis] - edges[owner])
        count.append(np.diff(edges))
    sizes = (count[0][:, None, None] * count[1][:, None] * count[2]).ravel()
    before = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    rank = (place[0] * block.dims[1] + place[1]) * block.dims[2] + place[2]
    return before[rank] + (inside[0] * count[1][place[1]] + inside[1]) * count[2][place[2]] + inside[2]
