"""Turbulence in a box: its spectrum, its discrete divergence, and the same bits however the box is cut."""

import math

import numpy as np
import pytest
import torch
from draws import seed

from combust.cfd.mesh.block import Block, choose_dims
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.cfd.synthetic import draws, spectra
from combust.cfd.synthetic.box import Box
from combust.errors import ConfigError
from combust.parallel import Communicator

LENGTH, SIDE = 0.1, 1.0  # m
KINDS = {
    "von-karman-pao": lambda d: spectra.von_karman_pao(2.0, LENGTH, 1e-3, d),
    "inviscid": lambda d: spectra.von_karman_pao(2.0, LENGTH, None, d),
    "passot-pouquet": lambda d: spectra.passot_pouquet(2.0, LENGTH, d),
    "table": lambda d: spectra.of_table([5.0, 20.0, 40.0, 400.0], [0.01, 0.2, 0.1, 1e-4], d),
}
SHAPES = ((1, 64, 48), (24, 24, 24), (20, 36, 24))


def grid_of(shape, ranks=1, rank=0, sides=(SIDE, SIDE, SIDE)):
    """The block of one of `ranks` ranks, without any of the others."""
    faces = tuple(uniform_faces(0.0, side if n > 1 else 1.0, n) for n, side in zip(shape, sides, strict=True))
    dims = choose_dims(ranks, shape, (True, True, True))
    coords = (rank // (dims[2] * dims[1]), rank // dims[2] % dims[1], rank % dims[2])
    return Grid(Block(Communicator(), shape, dims, coords, (True, True, True)), faces)


def inner(u, axes):
    """The faces of a periodic box, each once."""
    return {a: u[a].narrow(a, 0, u[a].shape[a] - 1).numpy() for a in axes}


def divergence(u, d):
    return sum(torch.diff(f, dim=a) / d[a] for a, f in enumerate(u) if f is not None)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_energy_and_divergence(kind, shape):
    """All energy of the spectrum up to pi/dx, to round-off; no divergence."""
    grid, spectrum = grid_of(shape), KINDS[kind](2 if shape[0] == 1 else 3)
    box = Box(grid, spectrum, seed())
    u = box.velocity()
    energy = 0.5 * sum(float((f**2).mean()) for f in inner(u, grid.layout.axes).values())
    assert energy == pytest.approx(float(spectrum.between(0.0, box.largest)), rel=1e-10)
    assert float(divergence(u, box.d).abs().max()) < 1e-12 * spectrum.u_rms / min(box.d)
    for a in grid.layout.axes:  # periodic, bit by bit
        assert torch.equal(u[a].select(a, 0), u[a].select(a, -1))


@pytest.mark.parametrize("shape", [(1, 96, 96), (48, 48, 48)])
def test_spectrum_by_shell(shape):
    """Within 10 % of E(k) dk from the third shell up, u' alike in all directions, du/dx without skewness."""
    d = 2 if shape[0] == 1 else 3
    grid, spectrum = grid_of(shape), spectra.von_karman_pao(1.0, LENGTH, 2e-3, d)
    box = Box(grid, spectrum, seed(1))
    faces = inner(box.velocity(), grid.layout.axes)
    k = 2 * math.pi / SIDE * np.sqrt(sum(np.meshgrid(*[(n * np.fft.fftfreq(n)) ** 2 for n in shape], indexing="ij")))
    shells = np.rint(k / box.shell).astype(int)
    held = sum(np.bincount(shells.ravel(), 0.5 * np.abs(np.fft.fftn(f, norm="forward").ravel()) ** 2)
               for f in faces.values())  # fmt: skip
    numbers = np.arange(3, shape[2] // 2 - 1)
    np.testing.assert_allclose(held[numbers], spectrum.density(numbers * box.shell) * box.shell, rtol=0.1)
    for a, f in faces.items():
        slope = np.diff(f, axis=a)
        independent = slope.size / (LENGTH / box.d[2]) ** d
        assert abs((slope**3).mean() / (slope**2).mean() ** 1.5) < 6 * math.sqrt(6 / independent) + 0.05
        assert f.std() == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("shape", [(1, 32, 24), (12, 16, 20)])
@pytest.mark.parametrize("ranks", [2, 4])
def test_same_bits_however_it_is_cut(shape, ranks):
    spectrum = spectra.passot_pouquet(1.0, LENGTH, 2 if shape[0] == 1 else 3)

    def window(axis, x):
        return np.sin(math.pi * x) ** 2

    whole = Box(grid_of(shape), spectrum, seed(2)).velocity(window)
    for rank in range(ranks):
        grid = grid_of(shape, ranks, rank)
        part, start, count = Box(grid, spectrum, seed(2)).velocity(window), grid.block.start, grid.block.count
        for a in grid.layout.axes:
            cut = whole[a]
            for b in range(3):
                cut = cut.narrow(b, start[b], count[b] + (a == b))
            assert torch.equal(part[a], cut)


def test_large_eddies_are_the_same_on_any_grid():
    """Where no mode is cut off the finer grid has the coarser one's eddies, but for the modified wave numbers."""
    spectrum = spectra.passot_pouquet(1.0, 0.2, 2)
    coarse, fine = (Box(grid_of((1, n, n)), spectrum, seed(3)).velocity()[2][0].numpy() for n in (32, 64))
    assert np.abs(0.5 * (fine[::2, ::2] + fine[1::2, ::2]) - coarse).max() < 0.05


def test_windows_leave_no_divergence():
    grid = grid_of((10, 12, 14))
    box = Box(grid, spectra.passot_pouquet(1.0, LENGTH, 3), seed(4))
    u = box.velocity(lambda axis, x: x**2 * (1 - x) if axis == 2 else np.ones_like(x))
    assert float(divergence(u, box.d).abs().max()) < 1e-12 / min(box.d)
    assert float(u[2][..., 0].abs().max()) == float(u[2][..., -1].abs().max()) == 0.0


def test_spectra_have_their_energy_and_length():
    for d in (2, 3):
        for make in (spectra.passot_pouquet, lambda *a: spectra.von_karman_pao(*a[:2], 1e-3, a[2])):
            found = make(3.0, LENGTH, d)
            assert found.u_rms == pytest.approx(3.0, rel=1e-12) and found.length == pytest.approx(LENGTH, rel=1e-6)
    # The published constants: k0 = sqrt(2 pi)/L; k_e = 0.746834/L and 1.452762 at infinite Reynolds number.
    k = np.array([3.0, 10.0, 40.0])
    k0, ke = math.sqrt(2 * math.pi) / LENGTH, 0.746834 / LENGTH
    exact = 16 * math.sqrt(2 / math.pi) / k0 * (k / k0) ** 4 * np.exp(-2 * (k / k0) ** 2)
    np.testing.assert_allclose(spectra.passot_pouquet(1.0, LENGTH, 3).density(k), exact, rtol=1e-5)
    exact = 1.452762 / ke * (k / ke) ** 4 / (1 + (k / ke) ** 2) ** (17 / 6)
    np.testing.assert_allclose(spectra.von_karman_pao(1.0, LENGTH, None, 3).density(k), exact, rtol=1e-5)
    table = spectra.of_table([1.0, 10.0, 100.0], [1.0, 1e-2, 1e-4], 3)  # k^-2
    assert table.energy == pytest.approx(0.99, rel=1e-4) and float(table.between(10.0, 1e9)) == pytest.approx(
        0.09, 1e-3
    )
    assert float(table.density(np.array([0.5]))[0]) == 0.0
    assert table.scaled(2.0).u_rms == pytest.approx(2.0)
    with pytest.raises(ConfigError, match="no such spectrum below"):
        spectra.von_karman_pao(1.0, LENGTH, 0.2, 3)


def test_draws_are_even_and_of_a_place_alone():
    i = np.arange(200_000)
    n = math.sqrt(len(i))
    for values, mean, deviation in (
        (draws.uniform(seed(5), i), 0.5, math.sqrt(1 / 12)),
        (draws.bell(seed(5), i), 0, 1),
    ):
        assert abs(values.mean() - mean) < 6 * deviation / n and values.std() == pytest.approx(deviation, rel=0.02)
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 6 / n
    assert np.array_equal(draws.uniform(7, i, -i)[500:510], draws.uniform(7, i[500:510], -i[500:510]))
    assert not np.array_equal(draws.uniform(7, i), draws.uniform(8, i))
    assert float(draws.uniform(7, 3, 4)) != float(draws.uniform(7, 4, 3))


def test_refused():
    spectrum = spectra.passot_pouquet(1.0, LENGTH, 2)
    with pytest.raises(ConfigError, match="one of a single direction"):
        Box(grid_of((1, 1, 20)), spectrum, 0)
    block = Block.create(Communicator(), (1, 8, 8), (True, True, True))
    faces = (uniform_faces(0, 1, 1), stretched_faces(0, 1, 8, 1.1), uniform_faces(0, 1, 8))
    with pytest.raises(ConfigError, match="equal cells: those in y"):
        Box(Grid(block, faces), spectrum, 0)
