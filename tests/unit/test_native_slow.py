"""The C++ steps of slow cells beside torch's: one matrix for all, errors in tolerances, corrections."""

import functools

import pytest
import torch

from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import w_method
from combust.kinetics.integrate.linear import inverse
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.native.slow import SlowCells
from combust.kinetics.integrate.systems import transport_rate
from combust.kinetics.mechanism.mechanism import Mechanism

DT = 2e-6
TOLERANCE = ode.Tolerance(1e-4, 1e-8)


@functools.cache
def mechanism(name):
    return Mechanism.load(name)


def random(*shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cells(name, hold, count=45):
    """Warm gas with traces of radicals, its sources, and (1 - gamma dt J)^-1 of the first cell with its J."""
    gas = mechanism(name)
    n = len(gas.species)
    Y = 1e-7 * random(n, count, seed=1)
    for k, share in (("O2", 0.2), ("N2", 0.7), ("H2", 0.02)):
        Y[gas.index(k)] = share * (1 + 0.1 * random(count, seed=2))
    T = 300.0 + 900.0 * random(count, seed=3)
    y = Y / Y.sum(0) * (0.5 if hold == "flow" else 1.0)
    z = torch.cat([T[None], y])
    s = torch.cat([1e7 * (random(1, count, seed=4) - 0.5), 50.0 * y * (random(n, count, seed=5) - 0.5)])
    system = ode.System(gas.kinetics, hold)
    J = ode.jacobian_at(gas.kinetics, z[:, 0], hold)
    M = inverse(torch.eye(n + 1, dtype=z.dtype) - w_method.GAMMA * DT * J)
    return system, z, s, J, M


def native(system, z, some=None):
    found = compiled_for(system.kin, z)
    if found is None:
        pytest.skip("no C++ compiler")
    return SlowCells(found, system.hold, (TOLERANCE.rtol, TOLERANCE.atol), z, some)


def near(x, y):
    """To round-off of the largest of each row."""
    return bool(((x - y).abs() <= 1e-12 * y.abs().amax(-1, keepdim=True)).all())


@pytest.mark.parametrize("hold", ["flow", "uv"])
@pytest.mark.parametrize("name", ["h2o2.yaml", "gri30.yaml"])
@pytest.mark.parametrize("every", [1, 3])
def test_a_step_is_torchs(name, hold, every):
    system, z, s, _, M = cells(name, hold)
    some = torch.arange(0, z.shape[1], every)
    fixed = None
    zero = torch.zeros_like(z)
    chemical = ode.rate_kernel.eager(system.kin, system.hold, z, zero, fixed)[:, some]
    dt = torch.tensor(DT, dtype=z.dtype)
    argument, k1 = w_method.slow_first(system.kin.thermo, M, z[:, some], chemical, s[:, some], dt, system.hold)
    f = ode.rate_kernel.eager(system.kin, system.hold, argument, s[:, some], fixed)
    expected, defect = w_method.completed(z[:, some], k1, M @ (f - 2.0 * k1), dt)
    end = torch.full_like(z, torch.nan)
    error = native(system, z, some).step(s, chemical, M, DT, end)
    assert near(end[:, some], expected)
    assert torch.allclose(error, TOLERANCE.error(z[:, some], defect), rtol=1e-9)
    assert int(end.isnan().any(0).sum()) == z.shape[1] - some.numel()


@pytest.mark.parametrize("hold", ["flow", "uv"])
@pytest.mark.parametrize("name", ["h2o2.yaml", "gri30.yaml"])
def test_a_correction_is_torchs(name, hold):
    system, z, s, J, M = cells(name, hold)
    last, source, response = 1e-3 * s * DT, s * (1 + 0.01 * random(*s.shape, seed=6)), w_method.response(M, J, DT)
    moved = response @ transport_rate(system.kin.thermo, z, s - source, system.hold)
    some = torch.tensor([*range(9), *range(20, 45)])
    end = last.clone()
    size = native(system, z, some).change(s, source, last, response, end)
    assert near(end[:, some], (last + moved)[:, some])
    assert torch.allclose(size, TOLERANCE.error(z, moved)[some], rtol=1e-9)


def test_sizes_are_torchs():
    system, z, s, _, _ = cells("gri30.yaml", "flow")
    s[3, 7] = torch.nan
    sizes, expected = native(system, z).sizes(s, DT), TOLERANCE.error(z, DT * s)
    assert torch.allclose(sizes, expected, rtol=1e-12, equal_nan=True) and bool(sizes[7].isnan())
