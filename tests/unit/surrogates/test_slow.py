"""The step for slow cells: its order, what it keeps, its error estimate, the growth that it must not miss; and the
Jacobians that cells share.
"""

import learned_fixture
import numpy as np
import pytest
import torch

from combust import kernels
from combust.kinetics.integrate.cells import System, Tolerance, evaluate_all
from combust.kinetics.integrate.systems import Fixed, linearise
from combust.kinetics.integrate.w_method import GAMMA
from combust.kinetics.providers.direct import Direct
from combust.surrogates.trust import references as shared
from combust.surrogates.trust import router
from combust.surrogates.trust.corrector import trapezoid
from combust.surrogates.trust.references import References, SharedJacobians, burnt_and_fresh, drawn
from combust.surrogates.trust.slow import LIMIT, RATES, TRIED, SlowStep, damped

torch.set_num_threads(1)
TOLERANCE = Tolerance(1e-3, 1e-8)


@pytest.fixture(scope="module")
def references(tiny):
    return burnt_and_fresh(tiny.gas, learned_fixture.FUEL, learned_fixture.AIR, [0.5], 300.0, learned_fixture.P)


@pytest.fixture(scope="module")
def flame(tiny):
    T, p, Y = tiny.flame(every=2)
    return torch.cat([T.unsqueeze(0), Y]), p


def stepper(tiny, references, hold="hp"):
    return SlowStep(SharedJacobians(tiny.gas, hold, references), router.trust_of(tiny.model(), tiny.gas))


def chemical(gas, z, p, hold="hp"):
    held = Fixed(p if hold == "hp" else gas.density(z[0], p, z[1:]))
    return evaluate_all(System(gas.kinetics, hold), z, torch.zeros_like(z), 2048, None if hold == "flow" else held)


def stepped(slow, gas, z, p, dt, cells=None):
    cells = torch.arange(z.shape[1]) if cells is None else cells
    return slow.step(cells, slow.shared.nearest(z), z, chemical(gas, z, p, slow.hold), torch.zeros_like(z), p, dt)


def exact(gas, z, p, dt, rtol=1e-12, atol=1e-18, hold="hp"):
    end = gas.integrate(z[0], p, z[1:], dt, hold, rtol, atol)
    return torch.cat([end.T.unsqueeze(0), end.Y])


@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_second_order_with_a_foreign_jacobian(tiny, references, flame, hold):
    """Cells of the flame, with the Jacobians of fresh and burnt gas: a step's error falls as dt^3."""
    z, p = flame
    z, p = z[:, 40:120:10].contiguous(), p[:8]
    slow, errors = stepper(tiny, references, hold), []
    for dt in (5e-9, 2.5e-9):
        new, _ = stepped(slow, tiny.gas, z, p, dt)
        errors.append(TOLERANCE.error(z, new - exact(tiny.gas, z, p, dt, hold=hold)))
    order = torch.log2(errors[0] / errors[1])
    assert float(order.min()) > 2.8 and float(order.max()) < 3.3, order


def test_elements_and_mass_to_round_off(tiny, references, flame):
    z, p = flame
    atoms = torch.cat([torch.zeros(4, 1), tiny.gas.element_matrix / tiny.gas.molar_mass], 1).double()
    for dt in (1e-7, 2e-6):
        new, _ = stepped(stepper(tiny, references), tiny.gas, z, p, dt)
        assert float((atoms @ (new - z)).abs().max()) < 1e-15
        assert float((new[1:].sum(0) - 1.0).abs().max()) < 1e-13


def test_error_estimate_covers_the_true_error(tiny, references, flame):
    """In units of what the router allows; cells that it lets stand are within that."""
    z, p = flame
    slow, f, taken = stepper(tiny, references), chemical(tiny.gas, *flame), 0
    for dt in (2e-7, 1e-6, 2e-6):
        new, error = stepped(slow, tiny.gas, z, p, dt)
        true = router.misfit(slow.trust, z, new, new - exact(tiny.gas, z, p, dt, 1e-10, 1e-16))
        assert bool((true <= 2.0 * error + 0.01)[error <= 1.0].all()), dt  # never far below it
        good = slow.tries(z, f, dt) & (error <= LIMIT)
        taken += int(good.sum())
        assert float(true[good].max()) <= 2.0 * LIMIT, dt
    assert taken > 100


def test_tries_is_the_rate_test(tiny, references, flame):
    z, p = flame
    f = chemical(tiny.gas, z, p)
    scale = RATES.rtol * z.abs() + RATES.atol * torch.cat([z[:1], torch.ones_like(z[1:])])
    expected = (1e-6 * f / scale).square().mean(0).sqrt() <= TRIED
    assert torch.equal(stepper(tiny, references).tries(z, f, 1e-6), expected) and 0 < int(expected.sum()) < z.shape[1]


def test_radicals_that_grow_are_seen(tiny, references):
    """Hot fresh gas with next to no radicals: slow by every tolerance, and it ignites within a few steps. The error of
    its radicals is next to nothing in shares of their peaks.
    """
    gas = tiny.gas
    Y = gas.mixture(learned_fixture.FUEL, learned_fixture.AIR, 0.5).unsqueeze(1).expand(-1, 4).clone()
    z = torch.cat([torch.tensor([[1200.0, 1100.0, 1000.0, 400.0]], dtype=torch.float64), Y])
    z[1 + gas.index("H"), :3] = 1e-14
    p = torch.full((4,), learned_fixture.P, dtype=torch.float64)
    slow = stepper(tiny, references)
    new, error = stepped(slow, gas, z, p, 2e-6)
    assert bool(slow.tries(z, chemical(gas, z, p), 2e-6).all())
    true = new - exact(gas, z, p, 2e-6)
    assert float(router.misfit(slow.trust, z, new, true).max()) < 0.1
    assert (error <= LIMIT).tolist() == [False, False, False, True]


def test_some_cells_in_small_blocks(tiny, references, flame, monkeypatch):
    """Of chosen cells, in their order, whatever the block."""
    z, p = flame
    cells = torch.tensor([100, 3, 50, 51, 7, 120])
    whole = stepped(stepper(tiny, references), tiny.gas, z, p, 1e-6)
    for block in (2, 5):
        monkeypatch.setattr(shared, "BLOCK", block)
        some = stepped(stepper(tiny, references), tiny.gas, z, p, 1e-6, cells)
        np.testing.assert_allclose(some[0], whole[0][:, cells], rtol=1e-12, atol=1e-18)
        np.testing.assert_allclose(some[1], whole[1][cells], rtol=1e-6, atol=1e-9)
    none = stepped(stepper(tiny, references), tiny.gas, z, p, 1e-6, cells[:0])
    assert [tuple(x.shape) for x in none] == [(11, 0), (0,)]


def test_transport_as_a_source(tiny, references, flame):
    """ "flow": cells with sources, against exact integration of the same cells."""
    z, p = flame
    gas, dt = tiny.gas, 1e-6
    z = z[:, 90:].contiguous()
    rho = gas.density(z[0], p[90:], z[1:])
    z = torch.cat([z[:1], rho * z[1:]])
    Q = 1e3 * rho * (z[1:].roll(1, 1) - z[1:]) / z[1:].sum(0)
    Q[:, 0] = 0.0
    Qh = 1e6 * torch.cos(torch.linspace(0.0, 9.0, z.shape[1], dtype=torch.float64))
    s = torch.cat([Qh.unsqueeze(0), Q])
    slow = stepper(tiny, references, "flow")
    cells = torch.arange(z.shape[1])
    f = chemical(gas, z, p[90:], "flow")
    new, error = slow.step(cells, slow.shared.nearest(z), z, f, s, p[90:], dt)
    tight = Direct(gas, 1e-10, 1e-16)
    end = tight.advance(tight.begin(z[0], z[1:], dt), Q, Qh)
    true = router.misfit(slow.trust, z, new, new - torch.cat([end.T.unsqueeze(0), end.rhoY]))
    good = error <= LIMIT
    assert int(good.sum()) > 10 and float(true[good].max()) <= LIMIT
    assert bool((true <= 2.0 * error + 0.01).all())


def test_nan_is_no_small_error(tiny, references, flame):
    z, p = flame
    z = z.clone()
    z[3, 5] = torch.nan
    _, error = stepped(stepper(tiny, references), tiny.gas, z, p, 1e-6)
    assert bool(error[5].isnan()) and not bool(error[torch.arange(len(error)) != 5].isnan().any())


# --- shared Jacobians -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", ["hp", "uv", "flow"])
def test_matrices_are_those_of_the_references(tiny, references, hold):
    """(1 - gamma dt J)^-1, J from the mechanism at the pressure of the bin; kept for the last time step."""
    gas, made, dt = tiny.gas, SharedJacobians(tiny.gas, hold, references), 1e-6
    solves, p = made.matrices(100, dt, damped), 1e5  # 20 bins to a decade
    assert len(solves) == 2 and made.matrices(100, dt, damped) is solves
    for solve, T, Y in zip(solves, references.T, references.Y.T, strict=True):
        rho = float(gas.density(T, p, Y))
        z = torch.cat([T.reshape(1), (rho if hold == "flow" else 1.0) * Y]).unsqueeze(1)
        held = None if hold == "flow" else Fixed(torch.full((1,), p if hold == "hp" else rho, dtype=torch.float64))
        J = linearise(gas.kinetics, hold, z, torch.zeros_like(z), held).jacobian[..., 0]
        expected = np.linalg.inv(np.eye(len(z)) - GAMMA * dt * J.numpy())
        np.testing.assert_allclose(solve, expected, rtol=1e-9, atol=1e-15 * np.abs(expected).max())
    assert made.matrices(100, dt, trapezoid) is not solves and made.matrices(100, dt, damped) is solves
    made.matrices(100, 2e-6, damped)
    again = made.matrices(100, dt, damped)
    assert again is not solves and all(map(torch.equal, again, solves))


def test_matrices_of_many_durations_are_kept_up_to_a_number_of_bytes(tiny, references, monkeypatch):
    """Of the durations that cells of slowed chemistry have in steps of one length, those that were asked for last."""
    gas, dt = tiny.gas, 1e-6
    size = 8 * (1 + len(gas.species)) ** 2 * references.T.numel()
    monkeypatch.setattr("combust.surrogates.trust.references.KEPT", 3 * size + 1)
    made = SharedJacobians(gas, "hp", references)
    first = made.matrices(100, dt, damped, dt)
    for n in range(1, 9):
        made.matrices(100, dt / 2**n, damped, dt)
        assert made.matrices(100, dt, damped, dt) is first and len(made._matrices) <= 3
    made.matrices(100, dt / 3, damped, dt)
    made.matrices(100, dt / 5, damped, dt)
    made.matrices(100, dt / 7, damped, dt)
    again = made.matrices(100, dt, damped, dt)
    assert again is not first and all(map(torch.equal, again, first))


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_blocks_hold_each_cell_once_with_its_own_matrix(tiny, flame, mode, monkeypatch):
    """Of the nearest reference, at the cell's own pressure, whoever else is in the block; padding changes nothing."""
    z, p = flame
    p = p * torch.where(torch.arange(p.numel()) % 3 == 0, 2.0, 1.0)
    references = drawn(z[0], z[1:], 12, seed=1)
    made = SharedJacobians(tiny.gas, "hp", references)

    def place(T, Y):
        return np.vstack([T / 300.0, 6.0 * (np.maximum(Y, 0.0) + 1e-12) ** 0.1])

    here, there = (place(T.numpy(), Y.numpy()) for T, Y in ((z[0], z[1:]), references))
    near = made.nearest(z)
    np.testing.assert_array_equal(near, ((here[:, :, None] - there[:, None, :]) ** 2).sum(0).argmin(1))
    assert len(set(near.tolist())) > 8
    rho = tiny.gas.density(z[0], p, z[1:])
    flow = SharedJacobians(tiny.gas, "flow", references)
    assert torch.equal(flow.nearest(torch.cat([z[:1], rho * z[1:]])), near)

    monkeypatch.setattr(kernels, "mode", lambda: mode)
    for size in (2048, 64, 24):
        monkeypatch.setattr(shared, "BLOCK", size)
        found, seen = torch.full_like(z, torch.nan), torch.zeros(p.numel(), dtype=torch.int64)
        for block in made.blocks(near, p):
            own = block.cells[: block.count]
            assert len(block.cells) % (8 if mode == "compiled" else 1) == 0 and len(own) <= size
            seen[own] += 1
            found[:, own] = made.solve(block, 1e-6, damped, z[:, block.cells])[:, : block.count]
        assert bool((seen == 1).all())
        for cell in range(p.numel()):
            matrix = made.matrices(round(20 * np.log10(float(p[cell]))), 1e-6, damped)[near[cell]]
            np.testing.assert_allclose(found[:, cell], matrix @ z[:, cell], rtol=1e-9, atol=1e-13)
    assert list(made.blocks(near[:0], p[:0])) == []


def test_references_of_mixtures(tiny):
    found = burnt_and_fresh(tiny.gas, learned_fixture.FUEL, learned_fixture.AIR, [0.5, 1.0], 320.0, 1e5)
    solution = tiny.gas.cantera()
    for k, phi in enumerate((0.5, 1.0)):
        solution.set_equivalence_ratio(phi, learned_fixture.FUEL, learned_fixture.AIR)
        solution.TP = 320.0, 1e5
        np.testing.assert_allclose(found.Y[:, 2 * k], solution.Y, atol=1e-14)
        solution.equilibrate("HP")
        np.testing.assert_allclose(found.T[2 * k + 1], solution.T, rtol=1e-8)
        np.testing.assert_allclose(found.Y[:, 2 * k + 1], solution.Y, atol=1e-10)
    both = found.joined(References(found.T[:1], found.Y[:, :1]))
    assert both.T.shape == (5,) and torch.equal(both.Y[:, 4], found.Y[:, 0])


def test_drawn_states_repeat(flame):
    z, _ = flame
    one, other = drawn(z[0], z[1:], 5), drawn(z[0], z[1:], 5)
    assert torch.equal(one.T, other.T) and one.Y.shape == (10, 5) and len(set(one.T.tolist())) == 5
    assert drawn(z[0], z[1:], 10**6).T.numel() == z.shape[1]
