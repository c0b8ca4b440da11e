"""The pressure on 1, 2 and 4 ranks is that of one rank. `check` is one rank's part."""

import draws
import numpy as np
import pytest
import torch

from combust.cfd.mesh.block import Block
from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.choice import make_solver
from combust.cfd.pressure.multigrid.library import library
from combust.parallel import Communicator

P, N, ND = ("periodic", "periodic"), ("neumann", "neumann"), ("neumann", "dirichlet")
CASES = [
    ((1, 1, 37), (N, N, ND)),
    ((1, 26, 31), (N, P, ND)),
    ((1, 26, 31), (N, N, N)),
    ((1, 40, 9), (N, N, N)),  # many enough along y for four ranks to solve it together
    ((13, 10, 12), (N, P, ND)),
    ((12, 11, 10), (P, N, P)),
]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def problem(shape, sides, ratio=7.0, stretched=0.05):
    """A stretched grid on one rank, a coefficient with a front of that ratio and a right-hand side."""
    places = [np.linspace(0.0, 1.0, n + 1) for n in shape]
    edges = [s + stretched * np.sin(2 * np.pi * s) for s in places]
    block = Block.create(Communicator(), shape, tuple(s == P for s in sides))
    grid = PressureGrid(block, tuple(np.diff(e) for e in edges), sides)
    beta = []
    for axis in range(3):
        at = [0.5 * (e[1:] + e[:-1]) for e in edges]
        at[axis] = edges[axis]
        z, y, x = np.meshgrid(*at, indexing="ij")
        where = np.cos(2 * np.pi * x) + 0.3 * np.sin(2 * np.pi * y) * np.cos(2 * np.pi * z)
        beta.append(torch.as_tensor(0.5 * (ratio + 1.0) + 0.5 * (ratio - 1.0) * np.tanh(4.0 * where)))
    rhs = torch.as_tensor(draws.rng(0).standard_normal(shape))
    return grid, tuple(beta), rhs


def cut(block, field, axis=None):
    """This rank's part of a global field of cells, or of the faces normal to `axis`."""
    box = zip(block.start, block.count, strict=True)
    return field[tuple(slice(s, s + n + (a == axis)) for a, (s, n) in enumerate(box))]


def odd_periods(comm):
    """Where a period of an odd number of cells closes, neighbours have one colour: the cycle hangs on no rank there."""
    for shape, sides in (
        ((1, 17, 6), (N, P, ND)),
        ((1, 6, 17), (N, ND, P)),
        ((1, 19, 17), (N, P, P)),
        ((9, 8, 7), (P, N, P)),
    ):
        whole, beta, rhs = problem(shape, sides, 1000.0, 0.12)
        alone = make_solver(whole, "multigrid", 1e-11).solve(beta, rhs)
        block = Block.create(comm, shape, whole.block.periodic)
        solver = make_solver(PressureGrid(block, whole.widths, sides), "multigrid", 1e-11)
        found = solver.solve(
            tuple(cut(block, b, a).contiguous() for a, b in enumerate(beta)), cut(block, rhs).contiguous()
        )
        close(found.p, cut(block, alone.p), 1e-8)
        assert found.iterations <= 1.5 * alone.iterations  # pairs of cells are others where parts are


def unfinished(comm):
    """What multigrid does not bring to its end, torch does, on all ranks."""
    shape, sides = CASES[1]
    whole, beta, rhs = problem(shape, sides)
    expected = make_solver(whole, "torch", 1e-11).solve(beta, rhs)
    block = Block.create(comm, shape, whole.block.periodic)
    solver = make_solver(PressureGrid(block, whole.widths, sides), rtol=1e-11)
    solver.max_iterations = 2
    local = tuple(cut(block, b, a).contiguous() for a, b in enumerate(beta))
    found = solver.solve(local, cut(block, rhs).contiguous())
    close(found.p, cut(block, expected.p), 1e-8)
    assert found.iterations > 2


def check(comm):
    if library() is not None:
        odd_periods(comm)
        unfinished(comm)
    for shape, sides in CASES:
        whole, beta, rhs = problem(shape, sides)
        serial = make_solver(whole, "torch", rtol=1e-11)
        expected, constant = serial.solve(beta, rhs), serial.solve_constant(rhs)
        block = Block.create(comm, shape, whole.block.periodic)
        grid = PressureGrid(block, whole.widths, sides)
        local = tuple(cut(block, b, a).contiguous() for a, b in enumerate(beta))
        mine = cut(block, rhs).contiguous()
        kinds = [("petsc", "separable"), ("petsc", "gamg"), ("petsc", "auto")]
        kinds += [("multigrid", "auto")] * (library() is not None) + [("torch", "auto")] * (comm.size > 1)
        for kind, preconditioner in kinds:
            solver = make_solver(grid, kind, 1e-11, preconditioner)
            found = solver.solve(local, mine)
            close(found.p, cut(block, expected.p), 1e-8)
            close(solver.solve_constant(mine), cut(block, constant), 1e-11)
            assert found.incompatibility == pytest.approx(expected.incompatibility, abs=1e-15)
            if (kind == "torch" or preconditioner == "separable") and len(grid.axes) > 1:
                assert abs(found.iterations - expected.iterations) <= 1
            if (
                kind == "multigrid"
            ):  # one reduction an iteration, three or four about them, two where the mean is dropped
                assert found.iterations <= 24
            nothing = solver.solve(local, 1e-16 * mine, terms=torch.ones_like(mine))  # round-off of terms like 1
            assert nothing.iterations == 0 and not nothing.p.any()
            again = solver.solve(local, mine, found.p)
            assert again.iterations <= 1
            solver.forget()
            if preconditioner == "gamg":
                close(solver.solve(local, mine).p, found.p, 1e-12)
            else:
                assert torch.equal(solver.solve(local, mine).p, found.p)


def close(found, expected, tolerance):
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= tolerance * scale
