"""Learned chemistry whose rates are multiplied: a network's step over its share of dt, with Q and Qh to match, and
which cells it has then.
"""

import numpy as np
import torch
from test_learned_flow import DT, cells, limited, middle, provider, tiny  # noqa: F401 (fixtures)

from combust.kinetics.providers.direct import Direct
from combust.kinetics.providers.slowed import Slowed
from combust.surrogates.trust.routes import EXACT, NETWORK, SLOW


def stepped(chemistry, factor, state, dt, sweeps=(1.0,)):
    """End state and routes of the step with these factors (None: plain), after sweeps with parts of the sources."""
    T, rhoY, Q, Qh = state
    slow = Slowed(chemistry)
    slow.factor = factor
    begun = slow.begin(T, rhoY, dt)
    for part in sweeps:
        done = slow.advance(begun, part * Q, part * Qh)
    return done, None if isinstance(chemistry, Direct) else chemistry.route.clone()


def test_it_is_the_plain_step_of_another_length(provider, cells):  # noqa: F811
    """With rates halved over dt a cell is the plain one over dt/2 with Q and Qh doubled: the same routes and ends."""
    T, rhoY, Q, Qh = cells
    half = torch.full_like(T, 0.5)
    for sweeps in ((0.98, 1.0), (0.5, 1.0)):
        found, routes = stepped(provider, half, cells, DT, sweeps)
        plain, wanted = stepped(provider, None, (T, rhoY, 2.0 * Q, 2.0 * Qh), 0.5 * DT, sweeps)
        assert torch.equal(routes, wanted) and min(int((routes == r).sum()) for r in (SLOW, NETWORK)) > 1
        same(found, plain)
    ones, routes = stepped(provider, torch.ones_like(T), cells, DT)
    plain, wanted = stepped(provider, None, cells, DT)
    same(ones, plain)
    assert torch.equal(routes, wanted)


def same(found, plain):
    torch.testing.assert_close(found.T, plain.T, rtol=1e-11, atol=0)
    torch.testing.assert_close(found.rhoY, plain.rhoY, rtol=1e-9, atol=1e-15)


def test_cells_of_many_factors_against_exact_integration(tiny, provider, cells):  # noqa: F811
    """Each with its own: the network keeps what it keeps of the plain flame, elements come from the transport alone."""
    T, rhoY, Q, Qh = cells
    factor = torch.linspace(0.2, 1.0, T.numel(), dtype=torch.float64)[torch.arange(T.numel()) * 7 % T.numel()]
    atoms = tiny.gas.element_matrix / tiny.gas.molar_mass
    wanted, _ = stepped(Direct(tiny.gas, 1e-7, 1e-12), factor, cells, DT)
    for sweeps in ((1.0,), (0.98, 1.0)):
        done, routes = stepped(provider, factor, cells, DT, sweeps)
        assert min(int((routes == r).sum()) for r in (SLOW, NETWORK, EXACT)) > 1
        assert float((done.T - wanted.T).abs().max()) < 3.0
        np.testing.assert_allclose(atoms @ done.rhoY, atoms @ (rhoY + DT * Q), rtol=1e-12, atol=1e-16)


def test_the_router_sees_the_share_of_the_step(tiny, provider, cells):  # noqa: F811
    """A cell whose share of dt was not taught is not the network's, whatever dt is."""
    T = cells[0]
    low, high = provider.parts.model.dt_range
    _, plain = stepped(provider, None, cells, DT)
    assert int((plain == NETWORK).sum()) > 1
    _, routes = stepped(provider, torch.full_like(T, 0.5 * low / DT), cells, DT)
    assert not bool((routes == NETWORK).any()) and bool((routes == SLOW).any())
    # a step that is too long for it, of which thickened cells take a part that is not
    _, routes = stepped(provider, None, cells, 4.0 * DT)
    assert not bool((routes == NETWORK).any()) and 4.0 * DT > high
    factor = torch.where(torch.arange(T.numel()) % 2 == 0, 0.25, 1.0).to(torch.float64)
    _, routes = stepped(provider, factor, cells, 4.0 * DT)
    assert bool((routes[::2] == NETWORK).any()) and not bool((routes[1::2] == NETWORK).any())


def test_a_factor_of_zero_receives_its_transport(provider, cells):  # noqa: F811
    T, rhoY, Q, Qh = cells
    done, routes = stepped(provider, torch.zeros_like(T), cells, DT)
    assert bool((routes == SLOW).all())
    np.testing.assert_allclose(done.rhoY, rhoY + DT * Q, rtol=1e-11, atol=1e-15)
