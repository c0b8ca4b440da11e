"""The C++ kernels of flows beside torch's: random states, all layouts, threads; and what they leave to torch."""

from pathlib import Path

import pytest
import torch

from combust import kernels, machine_code
from combust.cfd.operators import scalars
from combust.cfd.operators.native import library, stages
from combust.kinetics.mechanism.mechanism import Mechanism

HERE = Path(__file__).parent
MECHANISMS = ("h2o2.yaml", "gri30.yaml")
SHAPES = ((1, 1, 37), (1, 19, 1), (5, 1, 1), (1, 6, 131), (4, 1, 9), (3, 4, 16), (1, 1, 1))

without_it = pytest.mark.skipif(library.library() is None, reason="no C++ compiler")


@pytest.fixture(scope="module")
def gases():
    return {name: Mechanism.load(name) for name in MECHANISMS}


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def states(gas, shape, seed=0):
    """(rho h, rho Y) and T around it, on both sides of the middle of the data, with traces and absent species."""
    n = len(gas.species)
    Y = random(n, *shape, seed=seed) ** 6
    Y[n // 2] *= random(*shape, seed=seed + 1) > 0.5
    Y /= Y.sum(0)
    T = 300.0 + 2500.0 * random(*shape, seed=seed + 2)
    rho = gas.density(T, torch.full(shape, 1e5, dtype=T.dtype), Y)
    h = (Y * scalars.h_mass(gas.kinetics.thermo, T)).sum(0)
    return torch.cat([(rho * h)[None], rho * Y]), T


def near(x, reference, size=None):
    """To round-off of what it is made of: of its own size if omitted."""
    size = reference.abs().amax() if size is None else size
    return bool(((x - reference).abs() <= 2e-13 * size).all()) and bool(torch.isfinite(x).all())


def alike(result, reference):
    """Numbers of (U, (T, Y)) to round-off."""
    for x, y in zip(result, reference, strict=True):
        for row, expected in zip(x, y, strict=True):
            assert near(row, expected)


@without_it
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MECHANISMS)
def test_first_stage_is_torchs(gases, name, shape):
    gas = gases[name].kinetics.thermo
    U, T = states(gases[name], shape)
    source, rate = (random(*U.shape, seed=s) - 0.5 for s in (5, 6))
    args = U, 1e3 * U * source, 1e3 * U * rate, T + 5.0, torch.tensor(1e-6, dtype=torch.float64), gas
    expected = scalars.first_stage(*args)
    alike(stages.first_stage(None, *args), expected)
    padded = torch.full((U.shape[0], *(n + 4 for n in shape)), torch.nan, dtype=U.dtype)
    inner = padded[:, 2:-2, 2:-2, 2:-2]
    found = stages.first_stage((None, inner), *args)
    if found is not None:  # of one row across its cells they do not lie side by side
        assert found[1] is inner
        alike((found[0], inner), expected)


@without_it
@pytest.mark.parametrize("shape", SHAPES)
def test_transport_rate_is_torchs(gases, shape):
    U, _ = states(gases["h2o2.yaml"], shape)
    U0, wdot, dt = U * (1 + 1e-3 * random(*U.shape, seed=7)), U[1:] * 40.0, torch.tensor(2e-6, dtype=torch.float64)
    expected = scalars.transport_rate(U, U0, wdot, dt)
    assert near(stages.transport_rate(None, U, U0, wdot, dt), expected, U.abs() / dt)


@without_it
def test_digits_depend_on_neither_place_nor_threads(gases):
    gas = gases["gri30.yaml"].kinetics.thermo
    U, T = states(gases["gri30.yaml"], (1, 60, 201))
    step = torch.tensor(0.0, dtype=torch.float64)

    def run(part):
        given = U[..., part].contiguous(), torch.zeros_like(U[..., part]), torch.zeros_like(U[..., part])
        return stages.first_stage(None, *given, T[..., part].contiguous() + 3.0, step, gas)

    whole = run(slice(None))
    for part in (slice(0, 5), slice(3, 50), slice(100, 201), slice(200, 201)):
        for a, b in zip(run(part), whole, strict=True):
            assert torch.equal(a, b[..., part])
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert all(torch.equal(a, b) for a, b in zip(run(slice(None)), whole, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_there_is_a_library_where_a_compiler_is():
    """Else all tests of it would be passed over."""
    try:
        machine_code.compiler()
    except FileNotFoundError:
        pytest.skip("no C++ compiler")
    assert library.library() is not None


@without_it
def test_what_is_left_to_torch(gases):
    U, T = states(gases["h2o2.yaml"], (1, 1, 9))
    gas, step = gases["h2o2.yaml"].kinetics.thermo, torch.tensor(1e-6, dtype=torch.float64)
    args = U, U, U, T, step, gas
    assert stages.first_stage(None, *args) is not None
    assert stages.first_stage(None, *args[:3], T.float(), *args[4:]) is None
    assert stages.first_stage(None, U.clone().requires_grad_(), *args[1:]) is None
    assert stages.first_stage(None, *args[:5], gas._replace(molar_mass=gas.molar_mass.clone().requires_grad_())) is None
    mixed = Mechanism.load(str(HERE / "mixed_thermo.yaml")).kinetics.thermo  # NASA9
    assert stages.first_stage(None, *args[:5], mixed) is None


def test_the_seam(monkeypatch, gases):
    """C++ serves in any mode, but where it is not wanted, or where derivatives are asked for."""
    told = []

    def native(places, x):
        told.append(places)
        return None if x.dim() == 0 else x + 1.0

    kernel = kernels.compiled(lambda x: x - 1.0, native=native)
    x, place = torch.zeros(2), torch.zeros(2)
    with kernels.using("eager"):
        assert kernel(x).tolist() == [1.0, 1.0] and float(kernel(torch.zeros(()))) == -1.0
        kernel.into((place,), torch.zeros(()))
        assert place.tolist() == [-1.0, -1.0] and told == [None, None, (place,)]
        monkeypatch.setenv("COMBUST_NATIVE", "0")
        assert kernel(x).tolist() == [-1.0, -1.0] and len(told) == 3
        monkeypatch.delenv("COMBUST_NATIVE")
        torch.func.jvp(kernel, (x,), (x,))
        torch.func.vmap(kernel)(x)
        assert len(told) == 3
