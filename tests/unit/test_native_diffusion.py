"""Diffusion of blocks in C++ beside torch's: meshes of all kinds, thermal diffusion, ends, threads, places; and what
fluxes keep.
"""

import math

import numpy as np
import pytest
import torch

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid
from combust.cfd.mesh.slabs import slabs
from combust.cfd.operators import rkc, scalars
from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.native import diffusion, library
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator

pytestmark = pytest.mark.skipif(library.library() is None, reason="no C++ compiler")

MECHANISMS = ("h2o2.yaml", "gri30.yaml")
# cells (z, y, x), ghosts, whether y is the distance from an axis; those beyond 128 go in several tiles
MESHES = {
    "along x": ((1, 1, 37), 2, False),
    "along y": ((1, 21, 1), 3, False),
    "along z": ((9, 1, 1), 2, False),
    "along r": ((1, 23, 1), 2, True),
    "a few cells": ((1, 3, 2), 2, False),
    "plane": ((1, 12, 45), 2, False),
    "wide plane": ((1, 7, 301), 3, False),
    "of tiles": ((1, 3, 256), 2, False),
    "across": ((6, 1, 131), 2, False),
    "standing": ((5, 9, 1), 2, False),
    "pipe": ((1, 11, 40), 2, True),
    "box": ((8, 6, 9), 2, False),
    "wide box": ((4, 3, 130), 3, False),
}


@pytest.fixture(scope="module")
def gases():
    return {name: Mechanism.load(name) for name in MECHANISMS}


def random(draw, *shape):
    return torch.rand(shape, generator=draw, dtype=torch.float64)


def grid_of(name):
    n, ghosts, axisymmetric = MESHES[name]
    draw = np.random.default_rng(1)
    faces = tuple(1e-4 * np.concatenate([[0.0], np.cumsum(draw.uniform(0.5, 2.0, c))]) for c in n)
    block = Block(Communicator(), n, (1, 1, 1), (0, 0, 0), (False, False, True))
    return Grid(block, faces, ghosts=ghosts, axisymmetric=axisymmetric)


class Given:
    """Random fields of a gas in a mesh, with NaN where ghosts touch edges, and all that a stage takes."""

    def __init__(self, gas, mesh, thermal=False, uniform=False, seed=0):
        self.grid, self.thermo = grid_of(mesh), gas.kinetics.thermo
        layout, n = self.grid.layout, len(gas.species)
        draw = torch.Generator().manual_seed(seed)
        padded = tuple(c + 2 * g for c, g in zip(layout.n, layout.g, strict=True))
        Y = random(draw, n, *padded) ** 5
        Y[n // 2] *= random(draw, *padded) > 0.5
        T = 300.0 + 2500.0 * random(draw, *padded)
        T[T > 2000] = 1000.0  # the middle of most data
        if uniform:
            Y, T = Y[:, :1, :1, :1].expand_as(Y).clone(), torch.full_like(T, 1234.5)
        self.q = torch.cat([T[None], Y / Y.sum(0)])
        D = 1e-5 * (random(draw, n, *padded) - 0.5) if thermal else None
        self.c = Coefficients(
            random(draw, *padded), 0.05 + random(draw, *padded), 1e-4 + 1e-3 * random(draw, n, *padded),
            None if D is None else D - D.mean(0),
        )  # fmt: skip
        self.areas = tuple(
            None if a not in layout.axes else tuple(
                1e-8 * random(draw, *(1 if b == a else c for b, c in enumerate(layout.n))) * (a + side != 1)
                for side in range(2)
            )
            for a in range(3)
        )  # fmt: skip
        inner = tuple(slice(g, g + c) for c, g in zip(layout.n, layout.g, strict=True))
        self.inner = (slice(None), *inner)
        self._poison(padded, inner, layout)
        Y, T = self.q[self.inner][1:], self.q[self.inner][0]
        rho = gas.density(T, torch.full_like(T, 1e5), Y)
        h = (Y * scalars.h_mass(self.thermo, T)).sum(0)
        self.U = torch.cat([(rho * h)[None], rho * Y])

        def around(x, by):
            return x * (1.0 + by * (random(draw, *x.shape) - 0.5))

        self.U0, self.U2 = around(self.U, 1e-3), around(self.U, 1e-3)
        self.rate0, self.source = 1e3 * around(self.U, 2.0) - 1e3 * self.U, 2e3 * around(self.U, 2.0) - 2e3 * self.U

    def _poison(self, padded, inner, layout):
        """No flux reads cells that are ghosts in two directions, or second ghosts."""
        read = torch.zeros(padded, dtype=torch.bool)
        for a in layout.axes:
            part = list(inner)
            part[a] = slice(layout.g[a] - 1, layout.g[a] + layout.n[a] + 1)
            read[tuple(part)] = True
        for x in (self.q, *self.c):
            if x is not None:
                x[..., ~read] = torch.nan

    @property
    def fixed(self):
        return self.thermo, self.grid.layout, self.grid.metrics, self.areas

    def stage(self, row):
        """Arguments of `scalars.stage`, over so little that no cell is emptied."""
        rate = scalars.diffusion(self.q, self.c, *self.fixed)[0][1:]
        dt = 0.01 * float(self.U[1:].sum(0).min() / rate.abs().amax()) * torch.ones((), dtype=torch.float64)
        return row, self.U0, self.U, self.U2, self.rate0, self.source, self.q, dt, self.c, *self.fixed


def near(x, reference, tolerance=1e-12, size=0.0):
    """Row by row, to round-off of the largest number of each, or of `size`."""
    scale = reference.abs().flatten(1).amax(1).clamp_min(size) if reference.dim() > 1 else reference.abs()
    error = (x - reference).abs()
    error = error.flatten(1).amax(1) if error.dim() > 1 else error
    return bool(torch.isfinite(x).all()) and bool((error <= tolerance * scale).all())


@pytest.mark.parametrize("thermal", [False, True])
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_rates_are_torchs(gases, name, mesh, thermal):
    given = Given(gases[name], mesh, thermal)
    rate, out = diffusion.diffusion(None, given.q, given.c, *given.fixed)
    expected, leaves = scalars.diffusion(given.q, given.c, *given.fixed)
    assert near(rate, expected)
    assert near(out, leaves, 1e-11, 1e-12 * float(leaves.abs().max()))


@pytest.mark.parametrize("thermal", [False, True])
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_stages_are_torchs(gases, name, mesh, thermal):
    """In new places, and where those of the last but one stage and of the last (T, Y) are taken."""
    given, row = Given(gases[name], mesh, thermal), rkc.coefficients(5)[3]
    args = given.stage(row)
    expected = scalars.stage(*args)
    found = diffusion.stage(None, *args)
    assert near(found[0], expected[0]) and near(found[1], expected[1])
    assert near(found[2], expected[2], 1e-11, 1e-12 * float(expected[2].abs().max()))
    again = diffusion.stage((given.U2, given.q[given.inner], None), *args)
    assert again[0] is given.U2 and torch.equal(given.q[given.inner], found[1])
    assert torch.equal(again[0], found[0]) and torch.equal(again[2], found[2])


@pytest.mark.parametrize("mesh", MESHES)
def test_last_stages_are_torchs(gases, mesh):
    given, row = Given(gases["h2o2.yaml"], mesh), rkc.coefficients(5)[4]
    args = given.stage(row)
    args = *args[:8], 3e3 * given.source[1:], *args[8:]
    expected = scalars.last_stage(*args)
    found = diffusion.last_stage(None, *args)
    for k in range(given.U.shape[0]):
        # It is a difference of these.
        size = given.U0[k].abs().amax() / args[7] + given.rate0[k].abs().amax()
        assert float((found[0][k] - expected[0][k]).abs().max()) <= 1e-12 * float(size)
    assert near(found[1], expected[1], 1e-11, 1e-12 * float(expected[1].abs().max()))
    again = diffusion.last_stage((given.U2, None), *args)
    assert again[0] is given.U2 and torch.equal(again[0], found[0]) and torch.equal(again[1], found[1])


@pytest.mark.parametrize("mesh", ["plane", "wide plane", "wide box", "box", "along x"])
def test_threads_change_no_digit(gases, mesh, monkeypatch):
    row, results = rkc.coefficients(5)[3], []
    for threads in (1, 3):
        monkeypatch.setattr(diffusion, "threads", lambda cells, threads=threads: threads)
        given = Given(gases["h2o2.yaml"], mesh)
        found = diffusion.stage((given.U2, given.q[given.inner], None), *given.stage(row))
        results.append((*(x.clone() for x in found), *diffusion.diffusion(None, given.q, given.c, *given.fixed)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_block_and_its_slabs_have_the_same_digits(gases):
    """A cell's do not hang on the block that it is in."""
    given = Given(gases["h2o2.yaml"], "wide box")
    layout, metrics = given.grid.layout, given.grid.metrics
    whole = diffusion.diffusion(None, given.q, given.c, *given.fixed)[0]
    none = tuple((torch.zeros(()), torch.zeros(())) for _ in range(3))
    for parts in (((0, 3), (0, 3), (0, 57)), ((1, 3), (1, 2), (50, 80)), ((3, 1), (0, 2), (129, 1))):
        cut = tuple(slice(start, start + count + 2 * g) for (start, count), g in zip(parts, layout.g, strict=True))
        q, c = given.q[:, *cut].contiguous(), Coefficients(*(None if x is None else x[..., *cut] for x in given.c))
        some = tuple(
            m._replace(
                per_distance=m.per_distance.narrow(a, start, count + 1), right=m.right.narrow(a, start, count + 1),
                per_volume=m.per_volume.narrow(a, start, count),
            )
            for a, (m, (start, count)) in enumerate(zip(metrics, parts, strict=True))
        )  # fmt: skip
        here = layout._replace(n=tuple(count for _, count in parts))
        rate, _ = diffusion.diffusion(None, q, c, given.thermo, here, some, none)
        assert torch.equal(rate, whole[:, *(slice(start, start + count) for start, count in parts)])


@pytest.mark.parametrize("thermal", [False, True])
@pytest.mark.parametrize("mesh", ["plane", "box", "pipe", "along y"])
def test_elements_and_mass_are_kept(gases, mesh, thermal):
    """Fluxes of species sum to zero, so those of rho do; what leaves the cells is what leaves the ends."""
    gas = gases["gri30.yaml"]
    given = Given(gas, mesh, thermal)
    full = {}
    for a in given.grid.layout.axes:  # every end counts
        metric = given.grid.metrics[a]
        area = given.grid.volume * metric.per_volume
        n = given.grid.layout.n[a]
        weights = [1.0, 1.0]
        if metric.face is not None:
            g = given.grid.layout.g[a]
            weights = metric.face.flatten()[[g, g + n]].tolist()
        full[a] = tuple(area.narrow(a, i, 1) * w for i, w in zip((0, n - 1), weights, strict=True))
    areas = tuple(full.get(a) for a in range(3))
    rate, out = diffusion.diffusion(None, given.q, given.c, given.thermo, given.grid.layout, given.grid.metrics, areas)
    size = rate[1:].abs().sum(0)
    assert bool((rate[1:].sum(0).abs() <= 1e-13 * size).all())
    changed = (rate * given.grid.volume).flatten(1).sum(1)
    moved = (rate.abs() * given.grid.volume).flatten(1).sum(1)
    assert bool(((changed + out[:-6]).abs() <= 1e-12 * moved).all())
    assert math.isclose(float(out[0]), float(out[-6:].sum()), rel_tol=1e-10, abs_tol=1e-12 * float(moved[0]))


def test_uniform_gas_stays(gases):
    """To the bit, on any mesh."""
    for mesh in ("wide plane", "box", "pipe"):
        given = Given(gases["gri30.yaml"], mesh, uniform=True)
        rate, out = diffusion.diffusion(None, given.q, given.c, *given.fixed)
        assert not rate.any() and not out.any()


def test_slabs_and_what_is_left_to_torch(gases):
    given = Given(gases["h2o2.yaml"], "box")
    layout, metrics = given.grid.layout, given.grid.metrics
    assert slabs(layout, metrics)[0].whole and diffusion.serves(given.q, given.c, given.thermo, layout)
    assert not diffusion.serves(given.q, given.c, given.thermo, layout._replace(fourth=(2,)))
    assert not diffusion.serves(given.q.float(), given.c, given.thermo, layout)
    assert not diffusion.serves(given.q.clone().requires_grad_(), given.c, given.thermo, layout)
    assert diffusion.diffusion(None, given.q.permute(0, 1, 3, 2), given.c, *given.fixed) is None
