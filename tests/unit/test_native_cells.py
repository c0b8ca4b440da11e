"""The C++ kernels of cells and of advection beside torch's: random states, all layouts, threads; what they leave."""

import functools

import pytest
import torch

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, cut, stretched_faces, uniform_faces
from combust.cfd.mesh.slabs import Slab, _part
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import Coefficients, density, transport_coefficients
from combust.cfd.operators.native import advection, coefficients, library, state
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator

MECHANISMS = ("h2o2.yaml", "gri30.yaml")
SHAPES = ((1, 1, 37), (1, 19, 1), (5, 1, 1), (1, 6, 131), (4, 1, 9), (3, 4, 16), (6, 5, 3))
P0 = torch.tensor(1.3e5, dtype=torch.float64)

pytestmark = pytest.mark.skipif(library.library() is None, reason="no C++ compiler")


@functools.cache
def gas(name):
    return Mechanism.load(name)


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def grid_of(shape, stretched=False, axisymmetric=False, ghosts=2):
    """With open sides, so that nothing of the metrics is alike by chance."""
    faces = []
    for a, n in enumerate(shape):
        low = 0.2 if axisymmetric and a == 1 else 0.0
        faces.append(stretched_faces(low, low + 1.0, n, 1.15) if stretched else uniform_faces(low, low + 1.0, n))
    block = Block.create(Communicator(), shape, (False, False, False))
    return Grid(block, tuple(faces), ghosts=ghosts, axisymmetric=axisymmetric)


def states(name, shape, seed=0):
    """(T, Y) on both sides of the middle of the data, with traces and absent species."""
    n = len(gas(name).species)
    Y = random(n, *shape, seed=seed) ** 6
    Y[n // 2] *= random(*shape, seed=seed + 1) > 0.5
    return torch.cat([300.0 + 2500.0 * random(1, *shape, seed=seed + 2), Y / Y.sum(0)])


def conserved(name, q):
    """(rho h, rho Y)."""
    thermo = gas(name).kinetics.thermo
    rho = density(thermo, q[0], q[1:], P0)
    return rho * torch.cat([(q[1:] * scalars.h_mass(thermo, q[0])).sum(0)[None], q[1:]])


def padded(grid, name, seed=0):
    """(T, Y) with its ghosts."""
    n, g = grid.layout.n, grid.layout.g
    return states(name, tuple(a + 2 * b for a, b in zip(n, g, strict=True)), seed)


def near(x, reference, size=None):
    """To round-off of what it is made of: of its own row's size if omitted."""
    size = reference.abs().amax() if size is None else size
    return x.shape == reference.shape and bool(((x - reference).abs() <= 1e-12 * size).all())


def rows_near(x, reference):
    return all(near(a, b) for a, b in zip(x, reference, strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_primitive_is_torchs(name, shape):
    q = states(name, shape)
    U, thermo, guess = conserved(name, q), gas(name).kinetics.thermo, q[0] + 20.0 * (random(*shape) - 0.5)
    found = state.primitive(None, U, guess, thermo, 2)
    assert rows_near(found, scalars.primitive(U, guess, thermo, 2))
    wide = torch.full((U.shape[0], *(n + 4 for n in shape)), torch.nan, dtype=U.dtype)
    inner = wide[:, 2:-2, 2:-2, 2:-2]
    if state.primitive((inner,), U, guess, thermo, 2) is not None:  # None where its cells do not lie side by side
        assert torch.equal(inner, found)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_divergence_source_is_torchs(name, shape):
    grid, thermo = grid_of(shape), gas(name).kinetics.thermo
    q = padded(grid, name)
    U = conserved(name, cut(q, grid.layout))
    rate, wdot = 1e3 * U * (random(*U.shape, seed=5) - 0.5), 1e3 * U[1:] * (random(*U[1:].shape, seed=6) - 0.5)
    args = rate, wdot, q, U[1:].sum(0), thermo, grid.layout
    assert near(state.divergence_source(None, *args), scalars.divergence_source(*args))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_numbers_of_a_state_are_torchs(name, shape):
    grid, thermo, n = grid_of(shape), gas(name).kinetics.thermo, len(gas(name).species)
    q = padded(grid, name)
    U, T = conserved(name, cut(q, grid.layout)), cut(q, grid.layout)[0] * 1.01
    args = q, P0, thermo, grid.layout
    assert near(state.compressibility(None, *args), scalars.compressibility(*args))
    args = U, T, P0, thermo
    assert near(state.equation_of_state_error(None, *args), scalars.equation_of_state_error(*args), 1.0)
    like = q[0].shape
    c = Coefficients(random(*like), random(*like, seed=3), 1e-4 * random(n, *like, seed=4))
    args = U, q, c, thermo, grid.layout
    assert near(state.diffusive_rate(None, *args), scalars.diffusive_rate(*args))
    cut(c.mole_diffusivity, grid.layout)[n - 1, -1, -1, -1] = torch.nan
    assert bool(state.diffusive_rate(None, *args).isnan())


@pytest.mark.parametrize("shape", SHAPES)
def test_what_reactions_did_and_what_is_ahead_are_torchs(shape):
    a, b, c = (random(11, *shape, seed=s) for s in (1, 2, 3))
    dt, w = (torch.tensor(x, dtype=torch.float64) for x in (2e-6, 0.7))
    assert near(state.mean_rates(None, a[1:], b, c, dt), scalars.mean_rates(a[1:], b, c, dt))
    now, before = ((Coefficients(x[0].clone(), x[1].clone(), x[2:]), x, x[3].clone()) for x in (a, b))
    for x, y in zip(state.ahead(None, now, before, w)[0], scalars.ahead(now, before, w)[0], strict=True):
        assert (x is None and y is None) or near(x, y)
    for x, y in zip(state.ahead(None, now, before, w)[1:], scalars.ahead(now, before, w)[1:], strict=True):
        assert near(x, y)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_transport_coefficients_are_torchs(name, shape):
    data, thermo, q = gas(name).transport_data, gas(name).kinetics.thermo, states(name, shape)
    q[1:, 0, 0, 0] = 0.0
    q[2, 0, 0, 0] = 1.0  # a pure species
    q[3, -1, -1, -1] = -1e-9
    expected = transport_coefficients(data, thermo, q, "mixture-averaged")
    found = coefficients.transport_coefficients(None, data, thermo, q, "mixture-averaged")
    for x, y in zip(found[:3], expected[:3], strict=True):
        assert near(x, y, y.abs())
    assert found.thermal_diffusion is None


def advected(name, grid, scheme, q=None):
    """Arguments of advection: velocities of either sign."""
    n, g, axes = grid.layout.n, grid.layout.g, grid.layout.axes
    q = padded(grid, name) if q is None else q
    u = [None] * 3
    for a in axes:
        u[a] = random(*(n[b] + 2 * g[b] + (b == a) for b in range(3)), seed=a) - 0.4
    ends = [[1 if b == a else n[b] for b in range(3)] for a in range(3)]
    areas = tuple((random(*ends[a], seed=7), random(*ends[a], seed=8)) if a in axes else None for a in range(3))
    return q, tuple(u), P0, gas(name).kinetics.thermo, grid.layout, grid.metrics, scheme, areas


def same_advection(found, expected):
    rate, mass, out = expected
    assert rows_near(found[0], rate)
    for x, y in zip(found[1], mass, strict=True):
        assert (x is None and y is None) or near(x, y)
    assert near(found[2], out)


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize("scheme", advection.SCHEMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_advection_is_torchs(shape, scheme, stretched):
    args = advected("h2o2.yaml", grid_of(shape, stretched), scheme)
    same_advection(advection.advection(None, *args), scalars.advection(*args))


def test_advection_of_many_species_and_on_an_axisymmetric_mesh_is_torchs():
    for args in (
        advected("gri30.yaml", grid_of((1, 7, 21)), "van-leer"),
        advected("h2o2.yaml", grid_of((1, 7, 21), stretched=True, axisymmetric=True), "van-leer"),
        advected("h2o2.yaml", grid_of((1, 7, 21), ghosts=3), "koren"),
    ):
        same_advection(advection.advection(None, *args), scalars.advection(*args))


def test_a_slab_is_advected_as_part_of_its_block():
    grid = grid_of((9, 6, 10), stretched=True)
    q, u, p0, thermo, layout, metrics, scheme, areas = advected("h2o2.yaml", grid, "van-leer")
    whole, g = advection.advection(None, q, u, p0, thermo, layout, metrics, scheme, areas), layout.g[0]
    part = Slab(3, 4, layout._replace(n=(4, *layout.n[1:])), (_part(metrics[0], 3, 4, g), *metrics[1:]), False)
    args = part.padded(q), part.padded_faces(u), p0, thermo, part.layout, part.metrics, scheme, part.areas(areas, 9)
    found = advection.advection(None, *args)
    assert torch.equal(found[0], whole[0][:, 3:7])
    same_advection(found, scalars.advection(*args))


def test_digits_depend_on_neither_place_nor_threads():
    name, thermo = "gri30.yaml", gas("gri30.yaml").kinetics.thermo
    grid = grid_of((1, 90, 131))
    q = padded(grid, name)
    U, data = conserved(name, cut(q, grid.layout)), gas(name).transport_data

    def all_of():
        T = cut(q, grid.layout)[0] + 3.0
        args = advected(name, grid, "van-leer", q)
        c = coefficients.transport_coefficients(None, data, thermo, q, "mixture-averaged")
        rate, mass, out = advection.advection(None, *args)
        source = state.divergence_source(None, rate, rate[1:], q, U[1:].sum(0), thermo, grid.layout)
        return state.primitive(None, U, T, thermo, 2), *c[:3], rate, mass[1], mass[2], out, source

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = all_of()
        torch.set_num_threads(3)
        assert all(torch.equal(a, b) for a, b in zip(alone, all_of(), strict=True))
    finally:
        torch.set_num_threads(before)
    few = slice(5, 18)
    moved = q[..., few].contiguous()
    c = coefficients.transport_coefficients(None, data, thermo, moved, "mixture-averaged")
    assert torch.equal(c.mole_diffusivity, alone[3][..., few]) and torch.equal(c.viscosity, alone[1][..., few])
    part = U[..., few].contiguous()
    T = cut(q, grid.layout)[0][..., few] + 3.0
    assert torch.equal(state.primitive(None, part, T, thermo, 2), alone[0][..., few])


def test_they_leave_to_torch_what_they_do_not_know():
    grid = grid_of((1, 6, 9), ghosts=3)
    assert advection.advection(None, *advected("h2o2.yaml", grid, "weno5")) is None
    q, data, thermo = states("h2o2.yaml", (1, 2, 9)), gas("h2o2.yaml").transport_data, gas("h2o2.yaml").kinetics.thermo
    assert coefficients.transport_coefficients(None, data, thermo, q, "unity-Lewis") is None
    U = conserved("h2o2.yaml", q)
    assert state.primitive(None, U.requires_grad_(), q[0], thermo, 2) is None
    single = q.float()
    assert coefficients.transport_coefficients(None, data, thermo, single, "mixture-averaged") is None
