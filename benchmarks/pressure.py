"""Pressure solvers on a wrinkled flame front, density ratio 7, 6 cells thick: iterations and time per cell and solve.

    python benchmarks/pressure.py                          # one rank
    scripts/mpirun.sh -n 2 python benchmarks/pressure.py   # two ranks
    python benchmarks/pressure.py --cells 128 --stretched
    python benchmarks/pressure.py --refine   # the same front on finer grids (6 cells thick on the coarsest)

Times are CPU microseconds of all ranks together per cell: `first` with set-up of the preconditioner, `later` the median
of the solves after it, all solvers in turn, the front moving a tenth of a cell each time, without a first guess.
`direct` is one constant-coefficient solve. A rank that waits in MPI on a shared core burns CPU time: one core per rank,
or read high.
"""

import time

import numpy as np
import torch
from pairs import Sheet, Spread, done, in_turn, parsed, parser

from combust.cfd.mesh.block import Block
from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.choice import make_solver
from combust.errors import CombustError
from combust.parallel import Communicator, world

OUTFLOW = (("neumann", "neumann"), ("periodic", "periodic"), ("neumann", "dirichlet"))
SMOKE = "--cells 16 --rounds 2"
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


class Later:
    """A solver whose turns are solves of a front that moves on."""

    def __init__(self, comm, grid, at, kind, preconditioner, rtol):
        self.comm, self.at, self.solver = comm, at, make_solver(grid, kind, rtol, preconditioner)
        self.name = kind if kind == "multigrid" else f"{kind:6s} {preconditioner}"
        self.solves, self.iterations = 0, 0
        self.first = self()

    def __call__(self):
        """CPU seconds of a solve, of all ranks."""
        beta, rhs = self.at(0.1 * self.solves)
        solution, seconds = cpu(self.comm, lambda: self.solver.solve(beta, rhs))
        self.solves += 1
        self.iterations = max(self.iterations, solution.iterations)
        return seconds

    def direct(self):
        """CPU seconds of one constant-coefficient solve."""
        return cpu(self.comm, lambda: self.solver.solve_constant(self.at(0.0)[1]))[1]


def arguments():
    made = parser(__doc__)
    made.add_argument("--cells", type=int, nargs="+", default=[64, 128, 256, 512])
    made.add_argument("--closed", action="store_true", help="zero gradient on all sides: singular")
    made.add_argument("--stretched", action="store_true")
    made.add_argument("--refine", action="store_true", help="keep the front's thickness, not its cells")
    made.add_argument("--rtol", type=float, default=1e-9)
    made.add_argument("--rounds", type=int, default=9)
    return made


def main(argv=None):
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    comm: Communicator = world()
    sheet = Sheet("pressure", quiet=not comm.is_root)
    kinds = [("multigrid", "auto"), ("torch", "separable")]
    kinds += [("petsc", "separable"), ("petsc", "gamg"), ("petsc", "hypre")]
    sheet.say(f"{comm.size} rank(s), rtol {options.rtol:.0e}; us per cell")
    for n in options.cells:
        thickness = 6.0 * n / options.cells[0] if options.refine else 6.0
        sides = CLOSED if options.closed else OUTFLOW
        grid, at = front_problem(comm, n, sides, options.stretched, thickness=thickness)
        solvers = {}
        for kind, preconditioner in kinds:
            try:
                made = Later(comm, grid, at, kind, preconditioner, options.rtol)
            except CombustError as error:
                sheet.say(f"{n:5d}  {kind:6s} {preconditioner:10s} {error}")
            else:
                solvers[made.name] = made
        what = ", ".join(w for w in ("refine", "closed", "stretched") if getattr(options, w)) or "6 cells thick"
        rows(sheet, f"{what}, {n}^2, {comm.size} rank(s)", solvers, 1e6 / n**2, options.rounds)
    return done(sheet, options)


def rows(sheet, label, solvers, unit, rounds):
    """The solvers of one grid."""
    later = in_turn(solvers, rounds, None)
    direct = in_turn({name: solver.direct for name, solver in solvers.items()}, rounds, None)
    sheet.say(f"{label}\n  solver             iter     first    later   direct")
    for name, solver in solvers.items():
        numbers = (unit * solver.first, Spread.of(unit * later[name]).median, Spread.of(unit * direct[name]).median)
        sheet.say(f"  {name:17s} {solver.iterations:4d}  " + " ".join(f"{x:8.3f}" for x in numbers))
        sheet.cost(f"{label}: {' '.join(name.split())}, {solver.iterations} iterations", unit * later[name], "us/cell")


if __name__ == "__main__":
    main()
