"""Face values: the order each scheme states, bounds, ghosts, names."""

import math

import numpy as np
import pytest
import torch

from combust.cfd.boundaries.fill import Filler
from combust.cfd.lowmach.problem import LowMachNumerics
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, along, uniform_faces
from combust.cfd.operators import reconstruction, scalars
from combust.cfd.operators.reconstruction import ABOUT, NAMES, named
from combust.cfd.operators.reconstruction.base import Reconstruction
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.parallel import Communicator
from combust.timers import Timers
from tests.draws import generator
from validation.two_gases import PERIODIC, SLIP, WALL, inert, steps

ONE = np.array([0.0, 1.0])
# On uneven grids van Leer's slopes may pass the value of a neighbour that is narrower than their own cell.
BOUNDED = [("uniform", name) for name in NAMES if named(name).bounded != "nowhere"]
BOUNDED += [("uneven", name) for name in NAMES if named(name).bounded == "everywhere"]


def periodic(x, ghosts=2):
    block = Block.create(Communicator(), (1, 1, len(x) - 1), (False, False, True))
    return Grid(block, (ONE, ONE, x), ghosts=max(2, ghosts))


def padded(grid, rows):
    """Rows of cell values (rows, n) with periodic ghosts."""
    filler = Filler(grid, ((None, None),) * 3, Timers())
    return filler.scalars(rows.reshape(rows.shape[0], 1, 1, -1))


def faces_of(name, x, f_mean, direction):
    """Values at the faces 0..n of a periodic line from the means of its cells."""
    scheme = named(name)
    grid = periodic(x, scheme.ghosts)
    q = padded(grid, torch.stack([f_mean, f_mean]))
    u = torch.full((1, 1, len(x)), float(direction), dtype=torch.float64)
    return scheme.values(q, u, grid.layout, grid.metrics[2], 2)[0].flatten()


def uneven(n):
    """Faces whose widths alternate and grow: no smooth map."""
    widths = np.where(np.arange(n) % 2, 1.0, 1.4) * (1 + 0.5 * np.arange(n) / n)
    return np.concatenate([[0.0], np.cumsum(widths) / widths.sum()])


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("mesh", ["uniform", "uneven"])
@pytest.mark.parametrize("name", NAMES)
def test_face_values_have_the_stated_order(name, mesh, direction):
    """Means of sin(2 pi x) over cells, exact values at faces; where the slope is small limiters lose order."""
    scheme, found = named(name), []
    for n in (64, 128):
        x = uniform_faces(0.0, 1.0, n) if mesh == "uniform" else uneven(n)
        edge = torch.from_numpy(-np.cos(2 * np.pi * x) / (2 * np.pi))
        mean = edge.diff() / torch.from_numpy(x).diff()
        away = np.abs(np.cos(2 * np.pi * x)) > 0.5
        if mesh == "uneven":
            away &= (x > 0.05) & (x < 0.95)  # the periodic end joins a wide cell to a narrow one
        exact = torch.from_numpy(np.sin(2 * np.pi * x))
        found.append(float((faces_of(name, x, mean, direction) - exact)[away].abs().max()))
    order = math.log2(found[0] / found[1])
    assert order > (scheme.order if mesh == "uniform" else scheme.order_stretched) - 0.15, (order, found)


@pytest.mark.parametrize("name", NAMES)
def test_uniform_fields_stay_uniform(name):
    x = uneven(12)
    assert float((faces_of(name, x, torch.full((12,), 0.3, dtype=torch.float64), 1) - 0.3).abs().max()) < 1e-15


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("mesh, name", BOUNDED)
def test_limited_values_lie_between_their_neighbours(mesh, name, direction):
    n = 200
    mean = torch.rand(n, generator=generator(), dtype=torch.float64)
    mean[40:80] = (mean[40:80] > 0.5).to(torch.float64)
    value = faces_of(name, uniform_faces(0.0, 1.0, n) if mesh == "uniform" else uneven(n), mean, direction)
    left, right = torch.roll(mean, 1), mean
    for i in range(n):
        low, high = sorted((float(left[i]), float(right[i])))
        assert low - 1e-15 <= float(value[i]) <= high + 1e-15, i


def test_every_scheme_is_described_where_it_is_chosen():
    assert all(f" {name}: " in ABOUT for name in NAMES)


def test_unknown_names_are_refused_with_what_there_is():
    known = ", ".join(NAMES)
    with pytest.raises(ConfigError, match=f'reconstruction = "vanleer" is unknown; known: {known}'):
        named("vanleer")
    flow = inert({"cells": (6,), "lower": (0,), "upper": (1,)}, {"x": PERIODIC})
    s = flow.scheme
    with pytest.raises(ConfigError, match='reconstruction = "quick" is unknown; known'):
        type(s)(s.grid, s.problem, LowMachNumerics(reconstruction="quick"), s.chemistry, s.pressure, s.transport_data)


# --- ghosts ---------------------------------------------------------------------------------------------------------


def wide_values(q, u, layout, metric, axis):
    """Central, sixth order on uniform grids: three cells on either side."""
    parts = [along(q, layout, axis, i - 1, i) for i in range(-2, 4)]
    weights = (1 / 60, -8 / 60, 37 / 60, 37 / 60, -8 / 60, 1 / 60)
    return sum(w * part for w, part in zip(weights, parts, strict=True))


WIDE = Reconstruction(wide_values, ghosts=3, order=6, order_stretched=1)


def test_a_wide_scheme_gets_its_ghosts(monkeypatch):
    monkeypatch.setitem(reconstruction._loaded, "wide", WIDE)
    errors = []
    for n in (16, 32):
        x = uniform_faces(0.0, 1.0, n)
        edge = torch.from_numpy(-np.cos(2 * np.pi * x) / (2 * np.pi))
        mean = edge.diff() * n
        errors.append(float((faces_of("wide", x, mean, 1) - torch.from_numpy(np.sin(2 * np.pi * x))).abs().max()))
    assert math.log2(errors[0] / errors[1]) > 5.9


BOXES = {
    "periodic and walls": ((10, 8), {"x": PERIODIC, "y": WALL}),
    "through": ((10, 8), {"x_low": {"kind": "inflow", "velocity": 0.3, "composition": "LIGHT:1", "temperature": 350},
                          "x_high": {"kind": "outflow"}, "y": {"kind": "symmetry"}}),
    "3-D": ((6, 5, 2), {"x": PERIODIC, "y_low": {"kind": "wall", "temperature": 330}, "y_high": SLIP, "z": PERIODIC}),
}  # fmt: skip


def moving(box):
    cells, sides = BOXES[box]
    return steps(
        inert({"cells": cells, "lower": (0,) * len(cells), "upper": (1e-2,) * len(cells)}, sides,
              velocity=(0.3, 0.0, 0.0)), 3, 1e-3)  # fmt: skip


@pytest.mark.parametrize("box", BOXES)
def test_more_ghosts_than_needed_change_no_bit(box, monkeypatch):
    """van Leer's scheme, said to need three and four layers: the same state, bit by bit."""
    found = [moving(box)]
    scheme = named("van-leer")
    for ghosts in (3, 4):
        monkeypatch.setitem(reconstruction._loaded, "van-leer", scheme._replace(ghosts=ghosts))
        found.append(moving(box))
        assert found[-1].grid.layout.g[2] == ghosts
    for name, (array, _) in found[0].state().items():
        for other in found[1:]:
            assert np.array_equal(array, other.state()[name][0]), name


@pytest.mark.parametrize("box", BOXES)
def test_a_wide_scheme_runs_at_every_kind_of_side(box, monkeypatch):
    monkeypatch.setenv("COMBUST_POISON", "1")
    monkeypatch.setattr("combust.cfd.mesh.grid.POISON", True)
    monkeypatch.setitem(reconstruction._loaded, "van-leer", WIDE)
    flow = moving(box)
    assert np.isfinite(flow.field("T")).all() and abs(flow.quantity("mass_error")) < 1e-12


def test_grids_with_too_few_ghosts_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="ghosts = 1: a grid needs at least 2"):
        Grid(Block.create(Communicator(), (1, 1, 8), (False, False, True)), (ONE, ONE, uniform_faces(0, 1, 8)),
             ghosts=1)  # fmt: skip
    flow = inert({"cells": (6,), "lower": (0,), "upper": (1,)}, {"x": PERIODIC})
    s = flow.scheme
    monkeypatch.setitem(reconstruction._loaded, "wide", WIDE)
    with pytest.raises(ConfigError, match=r'"wide" reads 3 layers of ghost cells, the grid has 2.*ghosts=3'):
        type(s)(s.grid, s.problem, LowMachNumerics(reconstruction="wide"), s.chemistry, s.pressure, s.transport_data)


@pytest.mark.compile
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_compiled_schemes_are_eager_ones(name, monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    flow = inert({"cells": (8, 6), "lower": (0, 0), "upper": (1, 1)}, {"x": PERIODIC, "y": WALL},
                 numerics={"reconstruction": name})  # fmt: skip
    s, scheme = flow.current, flow.scheme
    arguments = (s.q, scheme.block_faces(s.u)[2], s.p0, scheme.thermo, scheme.layout, scheme.metrics[2], 2, name)
    from combust import kernels

    with kernels.using("compiled"):
        found = compiled(scalars.advective_flux)(*arguments)
    torch.testing.assert_close(found, scalars.advective_flux(*arguments), rtol=1e-13, atol=1e-13)
