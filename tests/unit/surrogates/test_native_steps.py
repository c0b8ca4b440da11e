"""Slow, corrected and responding steps in C++ beside the torch kernels, which other tests hold against exact steps."""

import numpy as np
import pytest
import torch

from combust.kinetics.integrate.cells import System, evaluate_all
from combust.kinetics.integrate.native.shared import Steps
from combust.kinetics.integrate.systems import Fixed
from combust.surrogates.model.model import Step
from combust.surrogates.trust import router
from combust.surrogates.trust.corrector import Corrector, trapezoid
from combust.surrogates.trust.references import SharedJacobians, drawn
from combust.surrogates.trust.router import allowed, corrected_step, misfit
from combust.surrogates.trust.slow import LIMIT, SlowStep

torch.set_num_threads(1)
HOLDS = ("hp", "uv", "flow")
DT = 1e-6


@pytest.fixture(scope="module")
def flame(tiny):
    """T, p, Y of all cells of the flame, with two pressures, so that there are two bins of them."""
    T, p, Y = tiny.flame(every=2)
    p = p.clone()
    p[::3] *= 1.4
    return T, p, Y


def state(tiny, flame, hold):
    """z, sources, chemical rates, what is held."""
    T, p, Y = flame
    gas = tiny.gas
    rho = gas.density(T, p, Y)
    z = torch.cat([T.unsqueeze(0), Y * rho if hold == "flow" else Y])
    fixed = None if hold == "flow" else Fixed(p if hold == "hp" else rho)
    s = torch.zeros_like(z)
    if hold == "flow":
        s[0], s[1:] = 1e9 * torch.sin(T), 50.0 * torch.cos(T) * (z[1:] - z[1:].flip(1))
    return z, s, evaluate_all(System(gas.kinetics, hold), z, torch.zeros_like(z), 2048, fixed), fixed


def both(monkeypatch, do):
    """By C++, and by torch."""
    native = do()
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    return native, do()


def alike(a, b, rtol=1e-9):
    """The same to round-off; NaN and infinity at the same places."""
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=1e-12 * float(b[b.isfinite()].abs().max()))


def jacobians(tiny, flame, hold):
    T, _, Y = flame
    return SharedJacobians(tiny.gas, hold, drawn(T, Y, 7))


@pytest.mark.parametrize("hold", HOLDS)
def test_slow_steps(tiny, flame, monkeypatch, hold):
    z, s, chemical, _ = state(tiny, flame, hold)
    p = flame[1]
    some = torch.arange(1, z.shape[1], 2)

    def do():
        slow = SlowStep(jacobians(tiny, flame, hold), router.trust_of(tiny.model(), tiny.gas))
        return slow.step(some, slow.shared.nearest(z), z, chemical, s, p, DT)

    (new, error), (other, expected) = both(monkeypatch, do)
    assert new.shape == (z.shape[0], len(some)) and (other - z[:, some]).abs().max() > 1e-3
    alike(new, other)
    alike(error, expected, 1e-6)
    assert (expected > 1).any() and (expected < 0.5).any()


def test_slow_cells_are_found_and_done_in_one_go(tiny, flame, monkeypatch):
    z, s, chemical, _ = state(tiny, flame, "flow")
    p = flame[1]
    slow = SlowStep(jacobians(tiny, flame, "flow"), router.trust_of(tiny.model(), tiny.gas))
    near, end = slow.shared.nearest(z), z.clone()
    code = slow.native(router.Durations.given(DT), z)
    cells = slow.all_slow(code, near, z, chemical, s, p, DT, end)
    tried = slow.tries(z, chemical, DT).nonzero().squeeze(-1)
    new, error = slow.step(tried, near, z, chemical, s, p, DT)
    good = error <= LIMIT
    assert torch.equal(cells, tried[good]) and 0 < len(cells) < len(tried) < z.shape[1]
    assert torch.equal(end[:, cells], new[:, good])


def test_results_do_not_depend_on_company_or_threads(tiny, flame):
    z, s, chemical, _ = state(tiny, flame, "flow")
    slow = SlowStep(jacobians(tiny, flame, "flow"), router.trust_of(tiny.model(), tiny.gas))
    near = slow.shared.nearest(z)
    whole, errors = slow.step(torch.arange(z.shape[1]), near, z, chemical, s, flame[1], DT)
    some = torch.tensor([3, 50, 11])
    few, of_few = slow.step(some, near, z, chemical, s, flame[1], DT)
    assert torch.equal(few, whole[:, some]) and torch.equal(of_few, errors[some])
    torch.set_num_threads(3)
    try:
        several, _ = slow.step(torch.arange(z.shape[1]), near, z, chemical, s, flame[1], DT)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(several, whole)
    none, _ = slow.step(torch.arange(0), near, z, chemical, s, flame[1], DT)
    assert none.shape == (z.shape[0], 0)


@pytest.mark.parametrize("hold", HOLDS)
def test_corrected_steps(tiny, flame, monkeypatch, hold):
    """Of a network whose steps are fair, bad, of no element balance and no numbers."""
    z, s, chemical, fixed = state(tiny, flame, hold)
    p = flame[1]
    generator = torch.Generator().manual_seed(5)
    z1 = z + DT * chemical * (1 + 0.3 * torch.randn(z.shape, generator=generator, dtype=z.dtype))
    z1[1:] = z1[1:].clamp_min(0.0)
    z1[:, 4] = torch.nan
    z1[1:, 7] *= 30.0
    defect, factor = torch.zeros_like(p), torch.zeros_like(p)
    defect[9], factor[12] = 1e-3, 0.5
    step = Step(z1[0], z1[1:], factor, defect)
    trust = router.trust_of(tiny.model(), tiny.gas)

    def do():
        shared = jacobians(tiny, flame, hold)
        corrector = Corrector(tiny.model().core(tiny.gas), System(tiny.gas.kinetics, hold), shared)
        return corrected_step(trust, corrector, z, z1, step, chemical, s, shared.nearest(z), p, DT, fixed)

    native, other = both(monkeypatch, do)
    assert torch.equal(native.sound, other.sound) and not native.sound[[4, 9, 12]].any() and native.sound.any()
    good = other.sound
    alike(native.z[:, good], other.z[:, good])
    alike(native.error[good], other.error[good], 1e-6)
    alike(native.grown[good], other.grown[good], 1e-6)
    one = torch.ones(1, dtype=torch.float64)
    accepted = other.accepted(one)
    assert torch.equal(native.accepted(one), accepted) and accepted.any() and not accepted.all()


def test_responses(tiny, flame, monkeypatch):
    z, s, chemical, _ = state(tiny, flame, "flow")
    p, trust = flame[1], router.trust_of(tiny.model(), tiny.gas)
    shared, before = jacobians(tiny, flame, "flow"), 0.7 * s
    last = z + DT * chemical
    code = SlowStep(shared, trust).native(router.Durations.given(DT), z)
    assert isinstance(code, Steps)
    end, size = last.clone(), torch.empty_like(p)
    for places, some in shared.alike(torch.arange(len(p)), shared.nearest(z), p, DT, trapezoid):
        size[places] = code.respond(some, z, s, before, DT, end)
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    corrector = Corrector(tiny.model().core(tiny.gas), System(tiny.gas.kinetics), shared)
    change = corrector.respond(z, s - before, shared.nearest(z), p, DT)
    assert change.abs().max() > 1e-6
    alike(end, last + change)
    alike(size, misfit(trust, z, last + change, change), 1e-6)


def test_nearest_references(tiny, flame, monkeypatch):
    """The one by torch, or another as near in single precision."""
    z, *_ = state(tiny, flame, "hp")
    shared = jacobians(tiny, flame, "hp")
    native, other = both(monkeypatch, lambda: shared.nearest(z))
    assert native.dtype == other.dtype and (native == other).double().mean() > 0.98
    z[:, 3] = torch.nan
    assert 0 <= int(shared.nearest(z)[3]) < 7


def test_what_is_allowed(tiny):
    trust = router.trust_of(tiny.model(), tiny.gas)
    found = allowed(trust)
    assert found.numbers[:3] == tuple(trust.stated.tolist()) and found.numbers[3] == float(trust.cold)
    assert torch.equal(found.peak, trust.peak)
