"""Derivatives and batches by torch.func go through kernels that may compile: these stand aside, and nothing is lost."""

import draws
import pytest
import torch
from torch.autograd import forward_ad

from combust import kernels
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import blocks


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture
def compiling(monkeypatch):
    """Compiling is allowed, and pays for any number of cells."""
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    monkeypatch.setattr(blocks, "COMPILE_FROM", 0)
    monkeypatch.setattr(blocks, "block_of", lambda kin: 3)


@pytest.fixture
def no_graphs(compiling, monkeypatch):
    """A kernel that is compiled is an error."""

    def refuse(fn, dynamic):
        raise AssertionError(f"{fn.__qualname__} would be compiled")

    monkeypatch.setattr(kernels, "_fuse", refuse)


def states(gas, cells=3):
    rng = draws.rng(7)
    T = torch.tensor(rng.uniform(900.0, 2500.0, cells))
    Y = torch.tensor(rng.dirichlet([1.0] * len(gas.species), cells).T.copy())
    return T, Y


def functions(gas):
    """Of T (cells,) and Y (species, cells), each as a kernel and as it is: rates, thermo, transport."""

    def rates(T, Y):
        return blocks.in_blocks(kernel_of_rates, gas.kinetics, T, gas.density(T, 1e5, Y) * Y)

    kernel_of_rates = kernels.compiled(blocks.production_kernel.eager)

    def thermo(T, Y):
        h = gas.enthalpy(T, Y)
        return torch.stack([gas.density(T, 1e5, Y), h, gas.cp(T, Y), gas.temperature(h, Y)])

    def transport(T, Y):
        mu, conductivity, D = gas.transport(T, 1e5, Y)[:3]
        return torch.cat([mu[None], conductivity[None], D])

    return {"rates": rates, "thermo": kernels.compiled(thermo), "transport": kernels.compiled(transport)}


@pytest.mark.compile
@pytest.mark.parametrize("what", ["rates", "thermo", "transport"])
def test_all_transforms_agree(gas, no_graphs, what):
    """Forward, backward and batched derivatives of a kernel, and differences of its eager self."""
    f, (T, Y) = functions(gas)[what], states(gas)
    dT, dY = torch.full_like(T, 2.0), 1e-3 * Y.flip(0)
    with kernels.using("eager"):
        value = f(T, Y)
        slope = (f(T + 1e-4 * dT, Y + 1e-4 * dY) - f(T - 1e-4 * dT, Y - 1e-4 * dY)) / 2e-4
    size = slope.abs().amax(1, keepdim=True) + 1e-9 * value.abs().amax(1, keepdim=True)

    primal, tangent = torch.func.jvp(f, (T, Y), (dT, dY))
    assert torch.equal(primal, value)
    assert torch.all((tangent - slope).abs() <= 1e-6 * size)
    with forward_ad.dual_level():
        dual = f(forward_ad.make_dual(T, dT), forward_ad.make_dual(Y, dY))
        assert torch.equal(forward_ad.unpack_dual(dual).tangent, tangent)

    _, pull = torch.func.vjp(f, T, Y)
    seed = 1.0 / torch.where(size > 0.0, size, torch.ones_like(size)).expand(value.shape)
    got = sum((a * b).sum() for a, b in zip(pull(seed), (dT, dY), strict=True))
    torch.testing.assert_close(got, (seed * tangent).sum(), rtol=1e-9, atol=1e-9)
    forward, backward = torch.func.jacfwd(f, (0, 1))(T, Y), torch.func.jacrev(f, (0, 1))(T, Y)
    for a, b in zip(forward, backward, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12 * float(a.abs().max()))
    whole = (forward[0] * dT).sum(-1) + (forward[1] * dY).sum((-2, -1))
    assert torch.all((whole - tangent).abs() <= 1e-9 * size)

    two = torch.vmap(f)(torch.stack([T, T + 50.0]), torch.stack([Y, Y]))
    with kernels.using("eager"):
        expected = torch.stack([value, f(T + 50.0, Y)])
    torch.testing.assert_close(two, expected, rtol=1e-12, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.compile
def test_public_rates_have_tangents_where_they_compile(gas, no_graphs):
    T, Y = states(gas, 6)
    _, tangent = torch.func.jvp(lambda T: gas.net_production_rates(T, 1e5, Y), (T,), (torch.ones_like(T),))
    with kernels.using("eager"):
        up, down = (gas.net_production_rates(T + step, 1e5, Y) for step in (1e-2, -1e-2))
    slope = (up - down) / 2e-2
    assert torch.all((tangent - slope).abs() <= 1e-6 * slope.abs().amax(1, keepdim=True))


@pytest.mark.slow
@pytest.mark.compile
@pytest.mark.parametrize("cells", [200_500, 1_000_003])
def test_rates_of_many_cells(gas, monkeypatch, cells):
    """Compiled for full blocks, the rest eager: as all eager; and with a tangent."""
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    T, Y = (x.repeat_interleave(cells // 100 + 1, -1)[..., :cells] for x in states(gas, 100))
    fused = gas.net_production_rates(T, 1e5, Y)
    _, tangent = torch.func.jvp(lambda T: gas.net_production_rates(T, 1e5, Y), (T,), (torch.ones_like(T),))
    with kernels.using("eager"):
        eager = gas.net_production_rates(T, 1e5, Y)
        few = slice(None, None, 9973)
        Y = Y[:, few].contiguous()
        _, sample = torch.func.jvp(lambda T: gas.net_production_rates(T, 1e5, Y), (T[few],), (torch.ones_like(T[few]),))
    size = eager.abs().amax(1, keepdim=True)
    assert torch.all((fused - eager).abs() <= 1e-10 * size)
    assert torch.all((tangent[:, few] - sample).abs() <= 1e-10 * sample.abs().amax(1, keepdim=True))
