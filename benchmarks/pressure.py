"""Pressure solvers on a wrinkled flame front, density ratio 7, 6 cells thick: iterations and time per cell and solve.

    python benchmarks/pressure.py                      one rank
    mpirun -n 2 python benchmarks/pressure.py          two ranks
    python benchmarks/pressure.py --cells 128 --stretched
    python benchmarks/pressure.py --refine             the same front on finer grids (6 cells thick on the coarsest)

Times are CPU microseconds of all ranks together per cell: `first` with set-up of the preconditioner, `later` the least
of the solves after it, the front moving a tenth of a cell each time, without a first guess. `direct` is one
constant-coefficient solve. A rank that waits in MPI on a shared core burns CPU time: one core per rank, or read high.
"""

import argparse
import time

import numpy as np
import torch

from combust.cfd.block import Block
from combust.cfd.pressure import PressureGrid, make_solver
from combust.errors import CombustError
from combust.parallel import Communicator, world

OUTFLOW = (("neumann", "neumann"), ("periodic", "periodic"), ("neumann", "dirichlet"))
CLOSED = (("neumann", "neumann"),) * 3


def front_problem(comm, n, sides=OUTFLOW, stretched=False, ratio=7.0, thickness=6.0):
    """(grid, at): at(shift) gives (beta, rhs) of an n x n box with its front `shift` cells further on."""
    s = np.linspace(0.0, 1.0, n + 1)
    edges = s + 0.06 * np.sin(2 * np.pi * s) if stretched else s
    shape = (1, n, n)
    block = Block.create(comm, shape, tuple(side[0] == "periodic" for side in sides))
    width = np.diff(edges) if stretched else np.full(n, 1.0 / n)
    grid = PressureGrid(block, (np.ones(1), width, width), sides)
    centres = 0.5 * (edges[1:] + edges[:-1])
    local = [slice(a, a + c) for a, c in zip(block.start, block.count, strict=True)]
    faces = [slice(part.start, part.stop + 1) for part in local]

    def progress(y, x, shift):
        wrinkle = 0.1 * np.sin(2 * np.pi * y) + 0.04 * np.sin(6 * np.pi * y)
        return 0.5 * (1.0 + np.tanh(2.0 * n / thickness * (x - 0.5 - shift / n - wrinkle[:, None])))

    def at(shift):
        hot_y = progress(edges[faces[1]], centres[local[2]], shift)
        hot_x = progress(centres[local[1]], edges[faces[2]], shift)
        c = progress(centres[local[1]], centres[local[2]], shift)
        noise = np.random.default_rng(1).standard_normal(shape)[tuple(local)]
        beta = tuple(torch.as_tensor(1.0 + (ratio - 1.0) * hot)[None] for hot in (hot_y, hot_x))
        return (None, *beta), torch.as_tensor(4.0 * n * c * (1.0 - c))[None] + 0.1 * torch.as_tensor(noise)

    return grid, at


def cpu(comm, work):
    """(result, CPU seconds of all ranks)."""
    comm.barrier()
    start = time.process_time()
    result = work()
    return result, comm.sum(time.process_time() - start)[0]


def measure(comm, grid, at, kind, preconditioner, rtol):
    """One printed row."""
    n, cells = grid.block.shape[2], float(np.prod(grid.block.shape))
    solver = make_solver(grid, kind, rtol, preconditioner)
    times, iterations = [], 0
    for step in range(6):
        beta, rhs = at(0.1 * step)
        solution, seconds = cpu(comm, lambda: solver.solve(beta, rhs))
        times.append(seconds)
        iterations = max(iterations, solution.iterations)
    direct = min(cpu(comm, lambda: solver.solve_constant(rhs))[1] for _ in range(5))
    first, later, direct = (1e6 * t / cells for t in (times[0], min(times[1:]), direct))
    return f"{n:5d}  {kind:6s} {preconditioner:10s} {iterations:4d}  {first:8.3f} {later:8.3f} {direct:8.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--closed", action="store_true", help="zero gradient on all sides: singular")
    parser.add_argument("--stretched", action="store_true")
    parser.add_argument("--refine", action="store_true", help="keep the front's thickness, not its cells")
    parser.add_argument("--rtol", type=float, default=1e-9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    comm: Communicator = world()
    solvers = [("petsc", "separable"), ("petsc", "gamg"), ("petsc", "hypre")]
    if comm.size == 1:
        solvers.insert(0, ("torch", "separable"))
    if comm.is_root:
        print(f"{comm.size} rank(s), rtol {options.rtol:.0e}; us per cell")
        print("    n  solver             iter     first    later   direct")
    for n in options.cells:
        thickness = 6.0 * n / options.cells[0] if options.refine else 6.0
        grid, at = front_problem(
            comm, n, CLOSED if options.closed else OUTFLOW, options.stretched, thickness=thickness)
        for kind, preconditioner in solvers:
            try:
                row = measure(comm, grid, at, kind, preconditioner, options.rtol)
            except CombustError as error:
                row = f"{n:5d}  {kind:6s} {preconditioner:10s} {error}"
            if comm.is_root:
                print(row, flush=True)


if __name__ == "__main__":
    main()
