"""Differences of fourth order: their order, what they conserve to round-off, where they are refused."""

import math

import numpy as np
import pytest
import torch
from test_energy import on_faces_of

from combust.case.load import load
from combust.cfd.boundaries.fill import Filler
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, along, uniform_faces
from combust.cfd.operators import momentum
from combust.cfd.operators.reconstruction import named
from combust.cfd.pressure.base import Conductances, PressureGrid
from combust.cfd.pressure.choice import make_solver
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import Builder
from combust.timers import Timers
from tests.draws import generator
from validation import manufactured_3d
from validation.two_gases import PERIODIC, SLIP, inert, steps

ONE = np.array([0.0, 1.0])
ROUND = 2 * math.pi
# Directions (z, y, x) of a mixed grid: stretched and periodic, walls, equal and periodic.
MIXED = {"y": SLIP, "x": PERIODIC}


def box(n, stretched=(), ghosts=4, order=4):
    """A periodic box of n (z, y, x) cells; widths along `stretched` axes swing by 60 %."""
    faces = []
    for axis, cells in enumerate(n):
        s = uniform_faces(0.0, 1.0, cells)
        faces.append(s - 0.6 / ROUND * np.sin(ROUND * s) if axis in stretched else s)
    return Grid(Block.create(Communicator(), n, tuple(c > 1 for c in n)), tuple(faces), ghosts=ghosts, order=order)


def filler(grid):
    return Filler(grid, ((None, None),) * 3, Timers())


def drawn(grid, count=3):
    return list(torch.randn((count, *grid.layout.n), generator=generator(), dtype=torch.float64))


# --- what is conserved ---


@pytest.mark.parametrize("stretched", [(), (1,)])
def test_convection_keeps_kinetic_energy_of_any_density(stretched):
    """d(rho u)/dt = conv with density that follows the mass fluxes: u conv - u^2 / 2 d(rho)/dt sums to zero."""
    grid = box((6, 5, 8), stretched)
    layout, metrics = grid.layout, grid.metrics
    assert layout.fourth == tuple(a for a in range(3) if a not in stretched)
    u, mass = on_faces_of(grid, drawn(grid)), on_faces_of(grid, [f.flip(0) for f in drawn(grid)])
    rate = filler(grid).pressure(-momentum.velocity_divergence(mass, layout, metrics))
    total = size = 0.0
    for a, conv in enumerate(momentum.convection(u, mass, layout, metrics, "conserving")):
        n, own = layout.n[a], along(u[a], layout, a, 0, 1)
        volume = grid.volume / metrics[a].width / metrics[a].per_momentum.narrow(a, 0, n)
        gained = own * conv - 0.5 * own * own * momentum.face_density(rate, layout, metrics, a)
        gained = gained.narrow(a, 0, n) * volume
        total, size = total + float(gained.sum()), size + float(gained.abs().sum())
    assert abs(total) < 1e-13 * size


def test_pressure_does_no_work_on_what_has_no_divergence():
    """The divergence is the gradient's transpose: sum u grad p = - sum p div u."""
    grid = box((4, 5, 6))
    layout, metrics = grid.layout, grid.metrics
    u, p = on_faces_of(grid, drawn(grid)), filler(grid).pressure(drawn(grid)[0].flip(1))
    work = [along(u[a], layout, a, 0, 1) * momentum.gradient(p, layout, metrics, a) for a in range(3)]
    work = torch.stack([w.narrow(a, 0, layout.n[a]) for a, w in enumerate(work)])
    other = along(p, layout, 2, 0, 0) * momentum.velocity_divergence(u, layout, metrics)
    assert abs(float(work.sum() + other.sum())) < 1e-12 * float(work.abs().sum())


def test_viscosity_takes_what_enstrophy_and_dissipation_say():
    """Of velocities without divergence: sum u (div tau) = - sum tau : grad u = - mu sum |curl u|^2."""
    from combust.cfd.diagnostics import motion

    grid = box((6, 5, 8))
    layout, metrics = grid.layout, grid.metrics
    u = without_divergence_of_fourth_order(grid)
    mu = torch.full([n + 8 for n in layout.n], 0.3, dtype=torch.float64)
    force = momentum.viscous_force(u, mu, layout, metrics)
    power = sum(float((along(u[a], layout, a, 0, 1) * force[a]).narrow(a, 0, layout.n[a]).sum()) for a in range(3))
    taken = float(motion.viscous_dissipation(u, mu, layout, metrics).sum())
    assert power == pytest.approx(-taken, rel=1e-12)
    assert taken == pytest.approx(2 * 0.3 * float(motion.enstrophy(u, layout, metrics).sum()), rel=1e-12)


def without_divergence_of_fourth_order(grid):
    """Random velocities, projected."""
    pressure = PressureGrid(grid.block, grid.widths, (("periodic",) * 2,) * 3, fourth=grid.layout.fourth)
    u = on_faces_of(grid, drawn(grid))
    div = momentum.velocity_divergence(u, grid.layout, grid.metrics)
    phi = filler(grid).pressure(make_solver(pressure).solve_constant(div))
    for a in range(3):
        along(u[a], grid.layout, a, 0, 1).sub_(momentum.gradient(phi, grid.layout, grid.metrics, a))
    u = filler(grid).velocity(u)
    assert float(momentum.velocity_divergence(u, grid.layout, grid.metrics).abs().max()) < 1e-11
    return u


def between_walls(start, **numerics):
    return inert({"cells": (10, 8), "lower": (0, 0), "upper": (0.5, 0.4)}, MIXED, start,
                 numerics={"order": 4, **numerics}, velocity=(1.0, 0.0))  # fmt: skip


@pytest.mark.parametrize("reconstruction", ["central", "weno5"])
def test_mass_elements_and_enthalpy_are_kept(reconstruction):
    """Gases of density ratio five and other temperatures, walls in y and periodic in x."""

    def start(builder, fields):
        q, u = fields
        _, y, x = builder.grid.centres
        share = 0.5 + 0.4 * torch.sin(ROUND * x / 0.5) * torch.cos(ROUND * y / 0.4)
        return torch.stack([q[0] + 50 * share, 1 - share, share]), u

    flow = between_walls(start, reconstruction=reconstruction)
    assert flow.grid.layout.fourth == (2,)
    steps(flow, 5, 2e-3)
    for name in ("mass_error", "element_error", "enthalpy_error"):
        assert abs(flow.quantity(name)) < 1e-12, name
    assert flow.quantity("eos_drift") < 1e-3


def test_uniform_gas_stays_uniform():
    """In a flow that is not: T and Y, whatever carries them."""

    def start(builder, fields):
        q, u = fields
        _, y, x = builder.grid.face_points(2)
        return q, (None, u[1], u[2] + torch.cos(ROUND * y / 0.4) + 0.0 * x)

    flow = steps(between_walls(start, reconstruction="weno5"), 4, 2e-3)
    assert np.ptp(flow.field("T")) < 1e-9
    assert np.ptp(flow.field("density")) < 1e-11


# --- orders ---


def orders(errors):
    return [math.log2(a / b) for a, b in zip(*errors, strict=True)]


@pytest.mark.parametrize("name, least", [("central", 3.8), ("weno5", 4.8)])
@pytest.mark.parametrize("direction", [1, -1])
def test_values_between_points(name, least, direction):
    """sin(2 pi x) at faces from its values at centres, away from its extrema."""
    found = []
    for n in (32, 64):
        grid = box((1, 1, n))
        x = grid.centres[2].flatten()
        q = filler(grid).scalars(torch.sin(ROUND * x).reshape(1, 1, 1, -1))
        u = torch.full((1, 1, n + 1), float(direction), dtype=torch.float64)
        faces = named(name).points(q, u, grid.layout, grid.metrics[2], 2).flatten()
        at = torch.linspace(0, 1, n + 1, dtype=torch.float64)
        away = torch.cos(ROUND * at).abs() > 0.5
        found.append([float((faces - torch.sin(ROUND * at))[away].abs().max())])
    assert orders(found)[0] > least


def test_momentum_operators():
    """Convection, viscous force with a viscosity that varies, and the velocity gradient, in two directions."""
    from sympy import Symbol, cos, diff, lambdify, pi, sin

    y, x = Symbol("y"), Symbol("x")
    k, at = 2 * pi, (y, x)
    u = (cos(k * x + 0.1) * sin(k * y) + 0.3, sin(k * x) * cos(k * y) + 0.2 * sin(k * (x + y)))
    mu, div = 1 + sin(k * x) * cos(k * y) / 2, sum(diff(u[i], at[i]) for i in range(2))
    exact = []
    for i in range(2):
        exact.append(-sum(diff(u[i] * u[j], at[j]) for j in range(2)))
        strains = (diff(u[i], at[j]) + diff(u[j], at[i]) - (2 * div / 3 if i == j else 0) for j in range(2))
        exact.append(sum(diff(mu * s, at[j]) for j, s in enumerate(strains)))
    gradients = [diff(u[i], at[j]) for i in range(2) for j in range(2)]

    def of(expression, points):
        return lambdify(at, expression, modules=[{"sin": torch.sin, "cos": torch.cos}, "math"])(*points[1:])

    errors = []
    for n in (16, 32):
        grid = box((1, n, n))
        layout, metrics = grid.layout, grid.metrics
        own = [grid.face_points(a) for a in (1, 2)]
        values = (None, *(of(u[i], own[i]) for i in range(2)))
        velocity = filler(grid).velocity(filler(grid).pad_faces(values))
        viscosity = filler(grid).pressure(of(mu, grid.centres))
        conv = momentum.convection(velocity, velocity, layout, metrics)
        force = momentum.viscous_force(velocity, viscosity, layout, metrics)
        found = [f[i + 1] for i in range(2) for f in (conv, force)]
        gradient = momentum.velocity_gradient(velocity, layout, metrics, (None,) * 3)
        error = [float((f - of(e, own[i // 2])).abs().max()) for i, (f, e) in enumerate(zip(found, exact, strict=True))]
        cells = [gradient[1 + i, 1 + j] for i in range(2) for j in range(2)]
        error += [float((f - of(e, grid.centres)).abs().max()) for f, e in zip(cells, gradients, strict=True)]
        errors.append(error)
    assert min(orders(errors)) > 3.7, orders(errors)


def vortices(cells, count):
    """Root-mean-square error of the velocity over its peak: Taylor-Green vortices in 2-D at Re = 16 after tau / 4."""
    changes = [f"mesh.cells=[{cells},{cells}]", "gas.transport.viscosity=2.84496e-4", "numerics.compile=off",
               'numerics.reconstruction="central"', "numerics.order=4", "device=cpu"]  # fmt: skip
    flow = Builder(load("cases/tgv2d.toml", changes), Communicator()).flow()
    for _ in range(count):
        flow.advance(0.25 * 2.5e-4 / count)
    error = []
    for axis, sign in ((2, 4.0), (1, -4.0)):
        _, y, x = (f / 1e-3 for f in flow.grid.face_points(axis))
        wave = torch.sin(x) * torch.cos(y) if axis == 2 else torch.cos(x) * torch.sin(y)
        exact = sign * math.exp(-2 * 0.25 / 16) * wave
        error.append(float((flow.scheme.block_faces(flow.current.u)[axis] - exact).pow(2).mean()))
    return [math.sqrt(sum(error))]


def test_the_whole_flow_of_constant_density():
    found = [vortices(8, 6), vortices(16, 24)]
    assert orders(found)[0] > 3.5, found


@pytest.mark.slow
@pytest.mark.parametrize("which", ["Fourth order, central", "Fourth order, WENO5"])
def test_the_whole_flow_of_variable_density(which):
    coarse, fine = (manufactured_3d.errors(n, manufactured_3d.WAYS[which]) for n in (16, 24))
    found = [math.log(a / b) / math.log(1.5) for a, b in zip(coarse, fine, strict=True)]
    assert min(found) > 3.5, found


# --- the pressure ---


@pytest.mark.parametrize("sides, parts", [
    (("periodic", "neumann"), False), (("neumann", "dirichlet"), False), (("neumann", "dirichlet"), True)])  # fmt: skip
def test_pressure_solver(sides, parts):
    """Along x of fourth order, along y of the sides given, open on a part of one, coefficients that vary fivefold."""
    n, periodic = (1, 6, 7), (False, sides[0] == "periodic", True)
    pair = ("periodic",) * 2 if periodic[1] else sides
    y = np.diff(uniform_faces(0, 1, 6) if periodic[1] else np.array([0, 0.1, 0.3, 0.45, 0.6, 0.85, 1.0]))
    fourth = (1, 2) if periodic[1] else (2,)
    grid = PressureGrid(Block.create(Communicator(), n, periodic), (np.ones(1), y, np.full(7, 1 / 7)),
                        (("neumann",) * 2, pair, ("periodic",) * 2), fourth=fourth,
                        fixed={(1, 1): np.arange(7).reshape(1, 1, 7) < 4} if parts else {})  # fmt: skip
    random = generator()
    beta = [None, *(0.5 + 2 * torch.rand([m + (a == b) for b, m in enumerate(n)], generator=random,
                                         dtype=torch.float64) for a in (1, 2))]  # fmt: skip
    for axis in fourth:
        beta[axis].select(axis, -1).copy_(beta[axis].select(axis, 0))
    solver, rhs = make_solver(grid, rtol=1e-11), torch.randn(n, generator=random, dtype=torch.float64)
    if grid.singular:
        rhs -= rhs.mean()
    p = solver.solve(tuple(beta), rhs).p
    faces = solver._beyond(Conductances(grid, torch.device("cpu"))(tuple(beta)))
    matrix = torch.stack([solver.apply(faces, e.view(n)).flatten() for e in torch.eye(42, dtype=torch.float64)])
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-12)
    torch.testing.assert_close(matrix @ p.flatten(), -(solver.volumes * rhs).flatten(), rtol=0, atol=1e-10)
    one = tuple(None if b is None else torch.ones_like(b) for b in beta)
    found = solver.solve(one, rhs)
    # The second only where the norm that products of the first predict is lost in their rounding, 1e-8 of the load.
    assert parts or found.iterations <= 2
    torch.testing.assert_close(found.p, solver.solve_constant(rhs), rtol=0, atol=1e-12)


# --- where it is refused ---


@pytest.mark.parametrize("changes, message", [
    (['numerics.reconstruction="van-leer"'], "reconstruction.*order 2.*needs one of \"central\", \"weno5\""),
    (['boundary={x={kind="wall",slip=true},y={kind="wall",slip=true}}', 'initial={kind="uniform",temperature=300,'
      'composition="N2:1"}'], "no such direction"),
    (['numerics.pressure={solver="petsc"}'], "solver of their own"),
    (["numerics.order=3"], "numerics.order"),
])  # fmt: skip
def test_refused_by_name(changes, message):
    changes = ["mesh.cells=[8,8]", "numerics.order=4", 'numerics.reconstruction="weno5"', *changes]
    with pytest.raises(ConfigError, match=message):
        Builder(load("cases/tgv2d.toml", changes), Communicator()).flow()


def test_refused_around_an_axis_and_with_too_few_ghosts():
    block = Block.create(Communicator(), (1, 4, 4), (False, False, True))
    faces = (ONE, uniform_faces(0, 1, 4), uniform_faces(0, 1, 4))
    with pytest.raises(ConfigError, match="axisymmetric"):
        Grid(block, faces, ghosts=3, axisymmetric=True, order=4)
    with pytest.raises(ConfigError, match="need 3 layers"):
        Grid(block, faces, order=4)
    with pytest.raises(ConfigError, match="order 2 or 4"):
        Grid(block, faces, order=3)
