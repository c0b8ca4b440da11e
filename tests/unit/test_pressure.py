"""Pressure solvers on one rank: order, singular problems, iteration counts, agreement."""

import itertools
import sys

import draws
import numpy as np
import pytest
import torch

from combust import machine_code
from combust.cfd.mesh.block import Block
from combust.cfd.pressure.base import Conductances, PressureGrid, diagonal
from combust.cfd.pressure.choice import make_solver
from combust.cfd.pressure.multigrid.library import library
from combust.cfd.pressure.torch_cg import apply
from combust.errors import ConfigError, DependencyError, DivergenceError
from combust.parallel import Communicator

P, N, D = ("periodic", "periodic"), ("neumann", "neumann"), ("dirichlet", "dirichlet")
ND, DN = ("neumann", "dirichlet"), ("dirichlet", "neumann")
KINDS = ["torch", "petsc", "multigrid"]
# A solution on [0, 1] for each pair of sides, and its derivative.
SHAPES = {
    P: (lambda x: np.sin(2 * np.pi * x), lambda x: 2 * np.pi * np.cos(2 * np.pi * x)),
    N: (lambda x: np.cos(np.pi * x), lambda x: -np.pi * np.sin(np.pi * x)),
    D: (lambda x: np.sin(np.pi * x), lambda x: np.pi * np.cos(np.pi * x)),
    ND: (lambda x: np.cos(np.pi * x / 2), lambda x: -np.pi / 2 * np.sin(np.pi * x / 2)),
    DN: (lambda x: np.sin(np.pi * x / 2), lambda x: np.pi / 2 * np.cos(np.pi * x / 2)),
}


def require(kind):
    """Skips where a kind of solver cannot be had."""
    if kind == "petsc":
        pytest.importorskip("petsc4py")
    if kind == "multigrid" and library() is None:
        pytest.skip("no C++ compiler")


def make_grid(shape, sides, stretched=False):
    """A unit box; `sides` for active directions only, in array order; also face positions per direction."""
    places = iter(sides)
    full = tuple(next(places) if n > 1 else N for n in shape)
    edges = []
    for n in shape:
        s = np.linspace(0.0, 1.0, n + 1)
        edges.append(s + 0.06 * np.sin(2 * np.pi * s) if stretched else s)
    block = Block.create(Communicator(), shape, tuple(f == P for f in full))
    return PressureGrid(block, tuple(np.diff(e) for e in edges), full), edges


def beta_at(z, y, x):
    """A smooth periodic coefficient, 0.5 to 1.5."""
    return 1.0 + 0.3 * np.sin(2 * np.pi * x + 1.0) * np.cos(2 * np.pi * y) + 0.2 * np.sin(2 * np.pi * z)


def manufactured(grid, edges, coefficient):
    """(beta, rhs, exact p): rhs is the mean over each cell of div(beta grad p), by Gauss points on its faces."""
    shape = grid.block.shape
    points, weights = np.polynomial.legendre.leggauss(4)
    centres = [0.5 * (e[1:] + e[:-1]) for e in edges]
    exact = np.ones(shape)
    for a in grid.axes:
        exact = exact * grid.local(a, SHAPES[grid.sides[a]][0](centres[a]))
    rhs, beta = np.zeros(shape), [None, None, None]
    for a in grid.axes:
        others = [o for o in grid.axes if o != a]
        flux = 0.0
        for choice in itertools.product(range(4), repeat=len(others)):
            at, weight = [c.copy() for c in centres], 1.0
            at[a] = edges[a]
            for o, k in zip(others, choice, strict=True):
                at[o] = centres[o] + 0.5 * points[k] * np.diff(edges[o])
                weight *= 0.5 * weights[k]
            value = coefficient(*np.meshgrid(*at, indexing="ij"))
            for o in grid.axes:
                value = value * grid.local(o, SHAPES[grid.sides[o]][int(o == a)](at[o]), faces=o == a)
            flux = flux + weight * value
        rhs += np.diff(flux, axis=a) / grid.local(a, grid.widths[a])
        at = list(centres)
        at[a] = edges[a]
        beta[a] = torch.as_tensor(coefficient(*np.meshgrid(*at, indexing="ij")) * np.ones(flux.shape))
    return tuple(beta), torch.as_tensor(rhs), torch.as_tensor(exact)


def front(n, ratio=7.0, cells=6.0, sides=(P, ND)):
    """A wrinkled flame `cells` cells thick on n x n: (grid, beta, rhs), rhs its expansion with some noise."""
    grid, edges = make_grid((1, n, n), sides)
    face, centre = edges[2], 0.5 * (edges[2][1:] + edges[2][:-1])

    def progress(y, x):
        y = y[:, None]
        wrinkle = 0.1 * np.sin(2 * np.pi * y) + 0.04 * np.sin(6 * np.pi * y)
        return 0.5 * (1.0 + np.tanh(2.0 * n / cells * (x - 0.5 - wrinkle)))

    places = ((face, centre), (centre, face))
    beta = [None] + [torch.as_tensor(1.0 + (ratio - 1.0) * progress(y, x))[None] for y, x in places]
    c = progress(centre, centre)
    noise = draws.rng(1).standard_normal(c.shape)
    return grid, tuple(beta), torch.as_tensor(n * 4.0 * c * (1.0 - c) + 0.1 * noise)[None]


def residual(grid, beta, rhs, p):
    """|V (rhs - L_beta p)| / |V rhs| evaluated afresh."""
    faces = Conductances(grid, p.device)(beta)
    volumes = torch.as_tensor(grid.volumes())
    periodic = tuple(a for a in grid.axes if grid.sides[a] == P)
    r = volumes * rhs + apply(faces, diagonal(faces), periodic, p)
    return float(torch.linalg.vector_norm(r) / torch.linalg.vector_norm(volumes * rhs))


CASES = [
    *(((1, 1, 32), (s,)) for s in SHAPES),
    ((1, 32, 1), (ND,)),
    ((1, 24, 24), (P, ND)),
    ((1, 24, 24), (N, N)),
    ((1, 24, 24), (D, DN)),
    ((24, 1, 24), (N, P)),
    ((12, 12, 12), (P, N, ND)),
    ((12, 12, 12), (N, N, N)),
    ((12, 12, 12), (DN, D, P)),
]
# Long enough for fast transforms where widths are equal.
LONG = [((1, 100, 97), (s, t)) for s, t in ((P, N), (D, ND), (DN, P))]
LONG += [((4, 100, 5), (N, P, D)), ((100, 4, 5), (P, N, N))]


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize(("shape", "sides"), CASES)
def test_second_order(shape, sides, stretched):
    errors = []
    for factor in (1, 2):
        fine = tuple(n * factor if n > 1 else 1 for n in shape)
        grid, edges = make_grid(fine, sides, stretched)
        beta, rhs, exact = manufactured(grid, edges, beta_at)
        solution = make_solver(grid, "torch", rtol=1e-11).solve(beta, rhs)
        volumes = torch.as_tensor(grid.volumes())
        error = solution.p - exact
        if grid.singular:
            error = error - (error * volumes).sum()
            assert solution.incompatibility == 0.0
            assert abs(float((solution.p * volumes).sum())) < 1e-14
        errors.append(float(torch.sqrt((volumes * error**2).sum())))
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.6


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize(("shape", "sides"), CASES + LONG)
def test_constant_coefficient_is_direct(shape, sides, stretched):
    grid, _ = make_grid(shape, sides, stretched)
    rhs = torch.as_tensor(draws.rng(0).standard_normal(shape))
    volumes = torch.as_tensor(grid.volumes())
    if grid.singular:
        rhs = rhs - (rhs * volumes).sum() / volumes.sum()
    ones = (np.ones([n + (k == a) for k, n in enumerate(shape)]) for a in range(3))
    beta = tuple(torch.as_tensor(one) for one in ones)
    p = make_solver(grid, "torch").solve_constant(rhs)
    assert residual(grid, beta, rhs, p) < 1e-12


def test_beta_on_neumann_faces_is_ignored():
    grid, beta, rhs = front(24)
    solver = make_solver(grid, "torch")
    p = solver.solve(beta, rhs).p
    beta[2][..., 0] = torch.nan
    assert torch.equal(solver.solve(beta, rhs).p, p)


def test_singular_problem_drops_and_reports_the_mean():
    grid, beta, rhs = front(32, sides=(N, N))
    solver = make_solver(grid, "torch")
    mean = (rhs * torch.as_tensor(grid.volumes())).sum()
    solution = solver.solve(beta, rhs)
    size = (rhs.abs() * torch.as_tensor(grid.volumes())).sum()
    assert solution.incompatibility == pytest.approx(float(mean / size))
    assert residual(grid, beta, rhs - mean, solution.p) < 1e-8
    assert solver.solve(beta, rhs - mean).incompatibility == 0.0


def test_guess_saves_iterations_and_cannot_harm():
    grid, beta, rhs = front(48)
    solver = make_solver(grid, "torch")
    cold = solver.solve(beta, rhs)
    assert solver.solve(beta, rhs, cold.p).iterations == 0
    assert solver.solve(beta, rhs, cold.p * 1.001).iterations < cold.iterations
    assert solver.solve(beta, rhs, cold.p * 1e9).iterations == cold.iterations


def test_zero_rhs_gives_zero():
    grid, beta, rhs = front(16)
    solution = make_solver(grid, "torch").solve(beta, torch.zeros_like(rhs), rhs)
    assert solution.iterations == 0 and not solution.p.any()


def roundings(grid, size):
    """The same last digit in all cells, its sign by chance, and the same once more on top: what is left of terms of
    `size` that cancel.
    """
    signs = torch.as_tensor(draws.rng(3).integers(-1, 2, grid.block.shape).astype(float))
    unit = size * torch.finfo(torch.float64).eps
    return [unit * torch.ones_like(signs), unit * signs, unit * (1.0 + 1e-15 * signs)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sides", [(P, P), (N, N), (N, P), (P, ND)])
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
def test_what_is_all_round_off_is_zero(kind, sides, size):
    """The mean that a singular problem drops leaves roundings of the roundings, which no p fits."""
    require(kind)
    grid, beta, _ = front(16, sides=sides)
    if sides[1] == P:
        beta[2][..., -1] = beta[2][..., 0]  # one face
    solver, terms = make_solver(grid, kind), torch.full((1, 16, 16), size, dtype=torch.float64)
    for rhs in roundings(grid, size):
        solution = solver.solve(beta, rhs, terms=terms)
        assert solution.iterations == 0 and not solution.p.any()
        if grid.singular:  # rhs alone says how large the mean was
            assert bool(torch.isfinite(solver.solve(beta, rhs).p).all())


@pytest.mark.parametrize("kind", KINDS)
def test_little_beside_a_large_mean_is_solved(kind):
    """Of a right-hand side that is nearly all mean, what is left is solved to the round-off of the mean."""
    require(kind)
    grid, beta, rhs = front(32, sides=(N, N))
    rhs = rhs - rhs.mean()
    expected = make_solver(grid, "torch", 1e-11).solve(beta, rhs).p
    for share in (1e-6, 1e-9, 1e-12):
        found = make_solver(grid, kind).solve(beta, rhs + float(rhs.abs().max()) / share).p
        error = float((found - expected).abs().max()) / float(expected.abs().max())
        assert error < 1e-8 + 100 * torch.finfo(torch.float64).eps / share


@pytest.mark.parametrize("sides", [(P, ND), (N, N)])
@pytest.mark.parametrize("preconditioner", ["auto", "gamg", "separable"])
def test_petsc_agrees_with_torch(preconditioner, sides):
    pytest.importorskip("petsc4py")
    grid, beta, rhs = front(48, sides=sides)
    expected = make_solver(grid, "torch", rtol=1e-11).solve(beta, rhs)
    solver = make_solver(grid, "petsc", 1e-11, preconditioner)
    found = solver.solve(beta, rhs)
    assert float((found.p - expected.p).abs().max()) < 1e-9 * float(expected.p.abs().max())
    assert found.incompatibility == pytest.approx(expected.incompatibility)
    assert solver.solve(beta, rhs, found.p).iterations <= 1
    assert not solver.solve(beta, torch.zeros_like(rhs), rhs).p.any()


@pytest.mark.parametrize(
    ("kind", "preconditioner", "most", "growth"),
    [("petsc", "auto", 20, 3), ("petsc", "gamg", 20, 3), ("torch", "separable", 26, 10), ("multigrid", "auto", 16, 3)],
)
def test_iterations_hardly_depend_on_the_grid(kind, preconditioner, most, growth):
    """Density ratio 7, front of 6 cells. Thinner fronts cost the scaled separable problem some iterations."""
    require(kind)
    counts = []
    for n in (64, 128, 256):
        grid, beta, rhs = front(n)
        counts.append(make_solver(grid, kind, 1e-9, preconditioner).solve(beta, rhs).iterations)
    assert max(counts) <= most and counts[-1] - counts[0] <= growth, counts


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize(("shape", "sides"), CASES + LONG)
def test_multigrid_agrees_with_torch(shape, sides, stretched):
    """Also where cells are odd in number, many times as long as wide, or one direction has two of them."""
    require("multigrid")
    for grid, edges in (make_grid(shape, sides, stretched), make_grid(tuple(n // 3 * 2 + 1 for n in shape), sides)):
        beta, _, _ = manufactured(grid, edges, beta_at)
        rhs = torch.as_tensor(draws.rng(0).standard_normal(grid.block.shape))
        expected = make_solver(grid, "torch", rtol=1e-11).solve(beta, rhs)
        solver = make_solver(grid, "multigrid", rtol=1e-11)
        found = solver.solve(beta, rhs)
        assert float((found.p - expected.p).abs().max()) < 1e-8 * float(expected.p.abs().max())
        assert found.residual <= 1e-11 and abs(found.incompatibility - expected.incompatibility) < 1e-12
        assert torch.equal(solver.solve(beta, rhs).p, found.p)  # it keeps nothing
        assert solver.solve(beta, rhs, found.p).iterations <= 1


@pytest.mark.parametrize("sides", [(P, ND), (N, N)])
@pytest.mark.parametrize("n", [16, 27])
def test_the_cycle_is_symmetric_and_positive(n, sides):
    """As conjugate gradients want it, up to the single precision that it works in."""
    require("multigrid")
    grid, beta, rhs = front(n, sides=sides)
    solver = make_solver(grid, "multigrid")
    solver.solve(beta, rhs)
    first, rng = solver.cycle.levels[0], draws.rng(5)
    inner = tuple(slice(p.g, p.g + p.n) for p in first.places)
    loads = [rng.standard_normal((1, n, n)) for _ in range(2)]
    loads = [load - load.mean() if grid.singular else load for load in loads]
    answers = []
    for load in loads:
        first.b[inner] = load
        solver.cycle.run()
        answers.append(first.x[inner].astype(float))
    scale = np.linalg.norm(loads[0]) * np.linalg.norm(answers[1])
    assert abs((loads[0] * answers[1]).sum() - (loads[1] * answers[0]).sum()) < 1e-5 * scale
    assert all((load * answer).sum() > 0.0 for load, answer in zip(loads, answers, strict=True))


# Cells of equal widths: a few in one direction, of which coarse levels have one, many in others.
SLENDER = [
    ((1, 2, 300), (P, ND)),
    ((2, 64, 64), (P, P, ND)),
    ((4, 4, 256), (P, P, ND)),
    ((1, 8, 400), (P, P)),
    ((3, 2, 101), (N, D, N)),
]


@pytest.mark.parametrize(("shape", "sides"), SLENDER)
def test_multigrid_of_slender_domains(shape, sides):
    """Directions of two cells hold no level back, where their coupling outgrows the others'."""
    require("multigrid")
    block = Block.create(Communicator(), shape, tuple(s == P for s in (N, *sides)[-3:]))
    grid = PressureGrid(block, tuple(np.ones(n) for n in shape), (N, *sides)[-3:])
    z, y, x = (np.arange(n) / n for n in shape)
    where = np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y)[:, None] + np.cos(2 * np.pi * z)[:, None, None]
    inside = torch.as_tensor(4.0 + 3.0 * np.tanh(4.0 * where))
    beta = []
    for axis in range(3):
        padded = torch.cat([inside.narrow(axis, shape[axis] - 1, 1), inside, inside.narrow(axis, 0, 1)], axis)
        beta.append(0.5 * (padded.narrow(axis, 0, shape[axis] + 1) + padded.narrow(axis, 1, shape[axis] + 1)))
    rhs = torch.as_tensor(draws.rng(3).standard_normal(shape))
    assert make_solver(grid, "multigrid").solve(tuple(beta), rhs).iterations <= 25


def test_multigrid_is_taken_where_it_serves(monkeypatch):
    def kind(shape, sides, stretch=1.0, **options):
        grid, _ = make_grid(shape, sides)
        widths = (grid.widths[0], grid.widths[1], np.geomspace(1.0, stretch, shape[2]) / shape[2])
        return type(make_solver(PressureGrid(grid.block, widths, grid.sides), **options)).__name__

    require("multigrid")
    assert kind((1, 16, 16), (P, ND)) == "MultigridSolver"
    assert kind((1, 16, 16), (P, ND), 15.0) == "MultigridSolver"
    assert kind((1, 16, 16), (P, ND), 17.0) == kind((1, 1, 16), (ND,)) == "TorchSolver"
    monkeypatch.setattr(machine_code, "wanted", lambda: False)
    assert kind((1, 16, 16), (P, ND)) == "TorchSolver"
    with pytest.raises(DependencyError, match="compiler"):
        kind((1, 16, 16), (P, ND), kind="multigrid")
    with pytest.raises(ConfigError, match="processors"):
        make_solver(front(16)[0], "multigrid", device="pretend")


def test_multigrid_is_kept_and_rebuilt():
    pytest.importorskip("petsc4py")
    grid, beta, rhs = front(32)
    solver = make_solver(grid, "petsc")
    counts = [solver.solve(beta, rhs).iterations for _ in range(22)]
    assert len(set(counts)) == 1 and solver.solves == 2
    flipped = (None, *(8.0 - b for b in beta[1:]))
    kept = solver.solve(flipped, rhs).iterations  # with the hierarchy of another problem
    assert kept > 1.5 * counts[0]
    assert solver.solve(flipped, rhs).iterations < kept / 1.5 and solver.solves == 1


def test_missing_petsc_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "petsc4py", None)
    with pytest.raises(DependencyError, match="apt-get install.*conda install"):
        make_solver(front(16)[0], "petsc")


@pytest.mark.parametrize("kind", KINDS)
def test_failure_speaks(kind):
    require(kind)
    grid, beta, rhs = front(16)
    solver = make_solver(grid, kind)
    rhs[0, 3, 3] = torch.nan
    with pytest.raises(DivergenceError, match="tolerance"):
        solver.solve(beta, rhs)
    with pytest.raises(ConfigError, match="direction y"):
        solver.solve((None, beta[2], beta[2]), rhs)


def test_failure_in_one_direction_speaks():
    grid, _ = make_grid((1, 1, 8), (ND,))
    beta = torch.full((1, 1, 9), torch.nan, dtype=torch.float64)
    with pytest.raises(DivergenceError):
        make_solver(grid).solve((None, None, beta), torch.ones(1, 1, 8))


def test_bad_choices_are_refused():
    grid = front(16)[0]
    for kind, preconditioner in (("hypre", "auto"), ("petsc", "ilu")):
        with pytest.raises(ConfigError, match="gamg|torch"):
            make_solver(grid, kind, preconditioner=preconditioner)


def test_bad_grids_are_refused():
    block = Block.create(Communicator(), (1, 8, 8), (False, True, False))
    width = np.full(8, 0.1)
    with pytest.raises(ConfigError, match="direction y"):
        PressureGrid(block, (np.ones(1), width, width), (N, N, N))
    with pytest.raises(ConfigError, match="direction x"):
        PressureGrid(block, (np.ones(1), width, -width), (N, P, N))


@pytest.mark.parametrize("sides", [(P, N), (ND, P), (N, N)])
def test_multigrid_of_constant_density_is_solved_directly(sides):
    """As of any other density to the tolerance; a little off uniform it iterates."""
    require("multigrid")
    grid, edges = make_grid((1, 24, 20), sides, stretched=True)
    beta, rhs, _ = manufactured(grid, edges, lambda z, y, x: 0.4 + 0.0 * (x + y + z))
    solver = make_solver(grid, "multigrid", 1e-9)
    found = solver.solve(beta, rhs)
    assert found.iterations == 0 and found.residual < 1e-9
    other = make_solver(grid, "torch", 1e-11).solve(beta, rhs)
    torch.testing.assert_close(found.p, other.p, rtol=0, atol=1e-8 * float(other.p.abs().max()))
    nearly, rhs, _ = manufactured(grid, edges, lambda z, y, x: 0.4 + 1e-6 * beta_at(z, y, x))
    assert solver.solve(nearly, rhs).iterations > 0


def test_what_multigrid_does_not_end_torch_solves(caplog):
    """Said once; where multigrid was asked for it is an error, and numbers that are not finite are nobody's."""
    require("multigrid")
    grid, beta, rhs = front(32)
    expected = make_solver(grid, "torch").solve(beta, rhs)
    solver = make_solver(grid)
    solver.max_iterations = 2
    for _ in range(2):
        found = solver.solve(beta, rhs)
        assert torch.equal(found.p, expected.p) and found.iterations == expected.iterations > 2
    assert caplog.text.count("Such steps are solved by torch") == 1 and "after 2 iterations" in caplog.text
    with pytest.raises(DivergenceError, match="nan"):
        solver.solve(beta, rhs * float("nan"))
    asked = make_solver(grid, "multigrid")
    asked.max_iterations = 2
    with pytest.raises(DivergenceError, match="after 2 iterations"):
        asked.solve(beta, rhs)
