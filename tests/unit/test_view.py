"""What closures and sources see of the flow, and what becomes of what they say."""

import numpy as np
import pytest
import torch

from combust.case.load import load
from combust.cfd.boundaries.conditions import Parts, Wall
from combust.cfd.closures.base import CELLS, EddyFields, Rates
from combust.cfd.closures.domain import Domain
from combust.cfd.closures.view import View
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.errors import ConfigError, StateError
from combust.parallel import Communicator
from combust.run.build import build
from tests.draws import generator
from validation.two_gases import MIRROR, OPEN, PERIODIC, SLIP, WALL, inert, steps

ONE = np.array([0.0, 1.0])


def linear_view(A, shape=(4, 4, 4), ghosts=2):
    """u_i = sum_j A_ij x_j on a unit grid of that many cells, A in the order x, y, z; ghosts hold the same function."""
    faces = tuple(uniform_faces(0.0, n, n) if n > 1 else ONE for n in shape)
    block = Block.create(Communicator(), shape, (True, True, True))
    grid = Grid(block, faces, ghosts=ghosts)
    nothing = torch.full((1,), torch.nan, dtype=torch.float64)
    return View(Domain(grid, ((None, None),) * 3), linear_faces(grid, A), nothing, nothing, nothing, 0.0, 1.0)


def linear_faces(grid, A):
    """Padded face velocities of u = A x on cells of width 1."""
    A = torch.tensor(A, dtype=torch.float64).flip(0, 1)  # to the order z, y, x
    u = [None] * 3
    for a in grid.layout.axes:
        data = grid.padded(None, stagger=a)
        points = []
        for b in range(3):
            edge = 0.0 if b == a else 0.5
            points.append(torch.arange(data.shape[b], dtype=torch.float64) - grid.layout.g[b] + edge)
        z, y, x = torch.meshgrid(*points, indexing="ij")
        u[a] = A[a, 0] * z + A[a, 1] * y + A[a, 2] * x
    return tuple(u)


@pytest.mark.parametrize("ghosts", [2, 3])
def test_gradients_of_linear_flow_are_exact(ghosts):
    A = torch.randn(3, 3, generator=generator(), dtype=torch.float64)
    found = linear_view(A.tolist(), ghosts=ghosts).gradients
    wanted = A.flip(0, 1).reshape(3, 3, 1, 1, 1).expand_as(found)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


def test_gradients_are_second_order_on_stretched_grids():
    errors = []
    for n in (16, 32):
        x = np.linspace(0, 1, n + 1)
        x = x + 0.1 * np.sin(2 * np.pi * x) / (2 * np.pi)
        block = Block.create(Communicator(), (1, n, n), (False, True, True))
        grid = Grid(block, (ONE, x, x))
        s = inert({"x": {"faces": x.tolist()}, "y": {"faces": x.tolist()}}, {"x": PERIODIC, "y": PERIODIC}).scheme
        u = [None] * 3
        for a in (1, 2):
            _, y, xx = grid.face_points(a)
            u[a] = torch.sin(2 * np.pi * (xx + 2 * y))
        q = s.filler.scalars(torch.ones(3, 1, n, n, dtype=torch.float64))
        u = s.filler.velocity(s.filler.pad_faces(tuple(u)))
        found = s.view(u, q, q[:, :, 2:-2, 2:-2], q[0], 0.0, 0.0).gradients
        _, y, xx = grid.centres
        slope = 2 * np.pi * torch.cos(2 * np.pi * (xx + 2 * y))
        errors.append([float((found[i, j] - f * slope).pow(2).mean().sqrt())
                       for i in (1, 2) for j, f in ((1, 2.0), (2, 1.0))])  # fmt: skip
    assert min(np.log2(errors[0]) - np.log2(errors[1])) > 1.9


def shear(n, ratio):
    """du/dy less that of u = y (2 - y) between a side at rest and a mirror, per cell, over 2 1/s."""
    wide = {"lower": 0, "upper": 1, "cells": 4}
    mesh = {"x": wide, "y": {"lower": 0, "upper": 1, "cells": n, "ratio": ratio}}
    s = inert(mesh, {"x": PERIODIC, "y_low": WALL, "y_high": MIRROR}).scheme
    u = [None] * 3
    for a in (1, 2):
        _, y, x = s.grid.face_points(a)
        u[a] = (y * (2 - y) if a == 2 else 0 * y) + 0 * x
    u = s.filler.velocity(s.filler.pad_faces(tuple(u)))
    q = s.filler.scalars(torch.ones(3, *s.grid.layout.n, dtype=torch.float64))
    found = s.view(u, q, q[:, :, 2:-2, 2:-2], q[0], 0.0, 0.0).gradients[2, 1]
    return (found - 2 * (1 - s.grid.centres[1])) / 2, s


@pytest.mark.parametrize("n, ratio", [(16, 1.0), (32, 1.0), (12, 1.2), (12, 0.8)])
def test_gradients_at_walls_and_mirrors_are_exact_for_parabolas(n, ratio):
    """The face's slope at a wall stands a quarter of a cell off it: the mean of both faces' is 1/(4 n) off."""
    error, s = shear(n, ratio)
    assert float(error.abs().max()) < 1e-12
    weight = s.domain.slope_weights[1].flatten()
    if ratio == 1.0:  # exactly, so that equal cells have the bits of the mean
        assert float(weight[0]) == pytest.approx(1 / 3, rel=1e-12) and bool((weight[1:] == 0.5).all())


def test_gradients_know_the_parts_of_a_side():
    """Half a wall with friction, half without: there the slope is zero at the side itself."""
    ends = uniform_faces(0.0, 1.0, 4)
    grid = Grid(Block.create(Communicator(), (1, 4, 4), (False,) * 3), (ONE, ends, ends))
    for part in (Parts(2, [(0.0, 0.5), (0.5, 1.0)], [Wall(), Wall(slip=True)]), Wall(), Wall(slip=True)):
        free = [0.5 if getattr(part, "slip", x > 1) else 1 / 3 for x in range(4)]
        weights = Domain(grid, ((None, None), (part, part), (None, None))).slope_weights
        found = weights[1].expand(1, 4, 4)[0]
        wanted = torch.tensor([free, [0.5] * 4, [0.5] * 4, [1 - w for w in free]], dtype=torch.float64)
        torch.testing.assert_close(found, wanted)
    assert weights[0] is None


def test_inactive_directions_have_no_gradient():
    view = linear_view([[1.0, 2.0, 0.0], [3.0, -1.0, 0.0], [0.0, 0.0, 0.0]], (1, 4, 4))
    found = view.gradients[:, :, 0, 1, 1]
    assert torch.equal(found, torch.tensor([[0, 0, 0], [0, -1, 3], [0, 2, 1]], dtype=torch.float64))


def test_filter_width_is_the_mean_over_active_directions():
    x, y = stretched_faces(0.0, 1.0, 4, 1.3), uniform_faces(0.0, 1.0, 5)
    grid = Grid(Block.create(Communicator(), (1, 5, 4), (False,) * 3), (ONE, y, x))
    found = Domain(grid, ((None, None),) * 3).filter_width
    torch.testing.assert_close(found[0, 2], torch.from_numpy(np.sqrt(0.2 * np.diff(x))))
    cube = Grid(Block.create(Communicator(), (2, 5, 4), (False,) * 3), (np.array([0.0, 0.3, 1.0]), y, x))
    torch.testing.assert_close(Domain(cube, ((None, None),) * 3).filter_width, cube.volume ** (1 / 3))


def test_ghosts_of_a_field_repeat_at_sides_and_wrap_around_periodic_directions():
    x = uniform_faces(0.0, 1.0, 5)
    grid = Grid(Block.create(Communicator(), (1, 4, 5), (True, False, True)), (ONE, uniform_faces(0.0, 1.0, 4), x))
    view = View(Domain(grid, ((None, None), (Wall(), Wall(slip=True)), (None, None))), *(None,) * 4, 0.0, 1.0)
    f = torch.randn(2, 3, 1, 4, 5, generator=generator(), dtype=torch.float64)
    found = view.padded(f)
    wanted = np.pad(f.numpy(), [(0, 0)] * 3 + [(2, 2), (0, 0)], mode="edge")
    wanted = np.pad(wanted, [(0, 0)] * 4 + [(2, 2)], mode="wrap")
    assert np.array_equal(found.numpy(), wanted) and torch.equal(view.padded(f[0, 0]), found[0, 0])
    assert torch.equal(view.sum(f[0, 0]), f[0, 0])
    with pytest.raises(ConfigError, match="knows no transport coefficients"):
        view.kinematic_viscosity  # noqa: B018


def test_wall_distance_is_to_the_nearest_wall_with_friction():
    x, y = uniform_faces(0.0, 2.0, 4), stretched_faces(-1.0, 1.0, 5, 1.2)
    grid = Grid(Block.create(Communicator(), (1, 5, 4), (False,) * 3), (ONE, y, x))
    sides = ((None, None), (Wall(), Wall(slip=True)), (None, Wall()))
    found = Domain(grid, sides).wall_distance
    _, yc, xc = grid.centres
    torch.testing.assert_close(found, torch.minimum(yc + 1.0, 2.0 - xc))
    part = Parts(2, [(0.0, 1.0), (1.0, 2.0)], [Wall(), Wall(slip=True)])
    found = Domain(grid, ((None, None), (part, None), (None, None))).wall_distance
    torch.testing.assert_close(found, ((yc + 1.0) ** 2 + (xc - 1.0).clamp_min(0.0) ** 2).sqrt())
    assert bool(torch.isinf(Domain(grid, ((None, None),) * 3).wall_distance).all())


# --- sources --------------------------------------------------------------------------------------------------------


class Heater:
    """Constant heat [W/m3] and a force along x; remembers when it was asked."""

    def __init__(self, heat=0.0, force=0.0):
        self.heat, self.force, self.asked = heat, force, []

    def rates(self, view, t, dt):
        self.asked.append((view.t, t, dt))
        scalars = torch.zeros(len(view.q), *view.grid.layout.n, dtype=torch.float64)
        scalars[0] = self.heat
        faces = [None] * 3
        faces[2] = torch.full_like(view.u[2][:, 2:-2, 2:-2], self.force)
        return Rates(scalars, tuple(faces))


def with_problem(flow, **changes):
    """The same flow with another problem: its scheme made anew."""
    from dataclasses import replace

    s = flow.scheme
    problem = replace(s.problem, **changes)
    flow.scheme = LowMach(s.grid, problem, s.numerics, s.chemistry, s.pressure, s.transport_data)
    flow.diagnostics = type(flow.diagnostics)(flow)
    return flow


BOX = ({"cells": (6, 5), "lower": (0, 0), "upper": (0.1, 0.1)}, {"x": PERIODIC, "y": MIRROR})


def test_sources_heat_and_push_and_are_asked_once_per_step():
    """A closed box: dT/dt = heat / (rho cv); momentum grows by force over density."""
    heater = Heater(heat=1e6, force=5.0)
    flow = with_problem(inert(*BOX), sources=(heater,))
    rho, p = flow.field("density").mean(), flow.quantity("p0")
    cv = 2.5 * p / rho / 300.0
    heater.asked.clear()
    steps(flow, 4, 1e-3)
    assert heater.asked == [
        pair for i in range(4) for t in (flow_time(i),) for pair in ((t, t, 1e-3), (t, t + 1e-3, 0.0))
    ]
    np.testing.assert_allclose(flow.field("T"), 300.0 + 1e6 * flow.time / (rho * cv), rtol=1e-6)
    np.testing.assert_allclose(flow.field("u")[0], 5.0 * flow.time / rho, rtol=1e-9)


def flow_time(count):
    """The clock after so many steps of 1 ms, as the flow adds it up."""
    t = 0.0
    for _ in range(count):
        t += 1e-3
    return t


def test_sources_add_up():
    one = with_problem(inert(*BOX), sources=(Heater(heat=3e5), Heater(heat=7e5, force=5.0)))
    other = with_problem(inert(*BOX), sources=(Heater(heat=1e6, force=5.0),))
    for flow in (one, other):
        steps(flow, 2, 1e-3)
    np.testing.assert_allclose(one.field("T"), other.field("T"), rtol=1e-14)
    np.testing.assert_allclose(one.field("u"), other.field("u"), rtol=0, atol=1e-15)


def test_a_case_takes_sources_from_python():
    config = load("cases/taylor_green_2d.toml", ["mesh.cells=[6,6]", "device=cpu", "numerics.compile=off"])
    flow = build(config, Communicator(), sources=(Heater(heat=1e5),))
    flow.advance(1e-5)
    assert flow.field("T").min() > 300.0


class Wrong:
    """Gives fields of the wrong shape."""

    def update(self, view):
        good = torch.zeros(view.grid.layout.n, dtype=torch.float64)
        return EddyFields(good, good, good[..., 1:])

    def rates(self, view, t, dt):
        return Rates(torch.zeros(2, *view.grid.layout.n, dtype=torch.float64))


def test_fields_of_wrong_shape_are_named():
    flow = with_problem(inert(*BOX), closure=Wrong())
    with pytest.raises(ConfigError, match=r"Wrong.update: species: has shape \(1, 5, 5\), must have \(1, 5, 6\)"):
        flow.advance(1e-3)
    flow = with_problem(inert(*BOX), sources=(Wrong(),))
    with pytest.raises(ConfigError, match=r"rates of a source: scalars: has shape \(2, 1, 5, 6\), must have \(3, 1"):
        flow.advance(1e-3)


class Even:
    """The same eddies everywhere."""

    def __init__(self, nu, alpha, D):
        self.values = (nu, alpha, D)

    def update(self, view):
        return EddyFields(*(torch.full(view.grid.layout.n, v, dtype=torch.float64) for v in self.values))


def test_even_eddies_are_more_molecular_diffusion():
    """nu_t = nu, alpha_t = alpha, D_t = D in gas of one density: as if viscosity were twice as large."""

    def layers(builder, fields):
        z, y, x = builder.grid.centres
        wave = 1e-6 * torch.sin(2 * np.pi * x / 0.1) + 0 * y
        u = [None, None, None]
        _, fy, fx = builder.grid.face_points(2)
        u[2] = 0.01 * torch.sin(2 * np.pi * fy / 0.1) + 0 * fx
        _, fy, fx = builder.grid.face_points(1)
        u[1] = 0 * fy + 0 * fx
        q = torch.cat([300.0 + 300 * wave[None], 0.5 + wave[None], 0.5 - wave[None]])
        return q, tuple(u)

    box = ({"cells": (12, 12), "lower": (0, 0), "upper": (0.1, 0.1)}, {"x": PERIODIC, "y": PERIODIC})
    heavy = inert(*box, layers, viscosity=2e-3)
    light = inert(*box, layers, viscosity=1e-3)
    nu = 1e-3 / float(light.field("density").mean())
    light = with_problem(light, closure=Even(nu, nu / 0.7, nu / 0.7))
    for flow in (light, heavy):
        steps(flow, 6, 2e-2)
    for name in ("u", "T", "Y_HEAVY"):
        one, two = light.field(name), heavy.field(name)
        change = np.abs(two - inert(*box, layers).field(name)).max()
        assert np.abs(one - two).max() < 1e-3 * change, name


def test_eddies_vanish_at_walls_with_friction():
    flow = inert({"cells": (4, 6), "lower": (0, 0), "upper": (1, 1)}, {"x": PERIODIC, "y_low": WALL, "y_high": SLIP})
    data = flow.scheme.filler.eddies(torch.ones(3, 1, 6, 4, dtype=torch.float64))
    assert bool((data[:, :, :2] == 0).all()) and bool((data[:, :, 2:] == 1).all())


def test_eddies_vanish_at_burners():
    """What a plug takes is conduction alone, whatever the eddies of the cell beside it."""
    burner = {"kind": "burner", "velocity": 0.1, "temperature": 350.0, "composition": "HEAVY:1"}
    box = ({"cells": (6, 5), "lower": (0, 0), "upper": (0.1, 0.1)}, {"x_low": burner, "x_high": OPEN, "y": MIRROR})
    flow = inert(*box)
    data = flow.scheme.filler.eddies(torch.ones(3, 1, 5, 6, dtype=torch.float64))
    assert bool((data[..., 2:-2, :2] == 0).all()) and bool((data[..., 2:-2, 2:] == 1).all())
    alone = flow.quantity("heat_to_burner")
    assert alone < -1.0  # the plug is the hotter one
    assert with_problem(flow, closure=Even(1e-3, 1e-3, 1e-3)).quantity("heat_to_burner") == alone


class Says(Even):
    """One value that is not like the others: of the eddies' row, or of the sources' (scalars, momentum)."""

    def __init__(self, row, value):
        self.row, self.value = row, value

    def update(self, view):
        fields = {name: torch.full(view.grid.layout.n, 1e-3, dtype=torch.float64) for name in CELLS}
        fields[self.row][0, 2, 3] = self.value
        return EddyFields(**fields)

    def rates(self, view, t, dt):
        scalars = torch.zeros(len(view.q), *view.grid.layout.n, dtype=torch.float64)
        force = torch.zeros_like(view.u[2][:, 2:-2, 2:-2])
        {"scalars": scalars[0], "momentum": force}[self.row][..., 2, 3] = self.value
        return Rates(scalars, (None, None, force))


@pytest.mark.parametrize("row", CELLS)
@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_eddies_that_cannot_be_are_named(row, value):
    flow = with_problem(inert(*BOX), closure=Says(row, value))
    with pytest.raises(StateError, match=rf"Says.update: {row}: is {value:.5g} at \(0, 2, 3\).*finite and at least 0"):
        flow.advance(1e-3)


@pytest.mark.parametrize("row, where", [("scalars", "scalars"), ("momentum", "momentum along x")])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_rates_that_cannot_be_are_named(row, where, value):
    flow = with_problem(inert(*BOX), sources=(Says(row, value),))
    with pytest.raises(StateError, match=rf"rates of a source: {where}: is {value:.5g} at .*must be finite"):
        flow.advance(1e-3)
