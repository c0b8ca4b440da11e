"""One reactor, or a few, by one call of the C++ kernels: as `reactor` has it, which takes what is not as usual."""

import pytest
import torch

from combust.errors import StateError
from combust.kinetics.integrate import few
from combust.kinetics.integrate.native import integrator, library
from combust.kinetics.mechanism import mechanism
from combust.kinetics.mechanism.mechanism import Mechanism

pytestmark = pytest.mark.skipif(library.library() is None, reason="no C++ compiler")


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture
def usual(monkeypatch):
    """How often `reactor` was asked instead."""
    asked = []
    monkeypatch.setattr(mechanism, "integrate", lambda *x, by=mechanism.integrate: asked.append(1) or by(*x))
    return asked


def states(gas, cells):
    """T, p, Y of unburnt, igniting and burnt gas, and of gas that is too cold to react."""
    T = torch.tensor([1200.0, 1500.0, 2800.0, 300.0, 1100.0, 1300.0, 2000.0, 400.0], dtype=torch.float64)[:cells]
    p = torch.linspace(1e5, 2e6, cells, dtype=torch.float64)
    fresh = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
    burnt = gas.composition("H2O:2, N2:3.76, OH:0.1, H2:0.1, O2:0.05, H:0.02, O:0.01")
    share = torch.linspace(0.0, 1.0, cells, dtype=torch.float64)
    return T, p, fresh.unsqueeze(1) * (1 - share) + burnt.unsqueeze(1) * share


@pytest.mark.parametrize("hold", ["hp", "uv"])
@pytest.mark.parametrize("cells", [1, 2, 3, 8])
@pytest.mark.parametrize("fed", [False, True])
def test_is_what_many_reactors_take(gas, usual, hold, cells, fed):
    """States, and the counts of steps; both widths of the kernels."""
    T, p, Y = states(gas, cells)
    heat = 1e7 * torch.ones(cells, dtype=torch.float64)
    feed = torch.zeros_like(Y)
    feed[gas.index("H2O")], feed[gas.index("N2")] = 5.0, -5.0
    source = (heat, feed) if fed else None
    dt = torch.logspace(-6, -4, cells, dtype=torch.float64)
    quick = gas.integrate(T, p, Y, dt, hold, source=source)
    assert not usual
    slow = gas.integrate(T, p, Y, dt, hold, source=source, compile=False)
    assert len(usual) == 1 and quick.stats == slow.stats
    torch.testing.assert_close(quick.T, slow.T, rtol=1e-9, atol=0)
    torch.testing.assert_close(quick.Y, slow.Y, rtol=1e-8, atol=1e-14)


def test_shapes_are_those_of_the_cells(gas, usual):
    T, p, Y = states(gas, 4)
    one = gas.integrate(1200.0, 1e5, Y[:, 0], 1e-5)
    square = gas.integrate(T.reshape(2, 2), 1e5, Y.reshape(-1, 2, 2), 1e-5)
    assert one.T.shape == () and one.Y.shape == Y[:, 0].shape and square.T.shape == (2, 2)
    listed = gas.integrate(1200.0, 1e5, Y[:, 0].tolist(), 1e-5)
    assert torch.equal(listed.Y, one.Y) and not usual


@pytest.mark.parametrize(
    ("T", "p", "off", "dt", "said"),
    [
        (-1.0, 1e5, 0.0, 1e-6, "temperature -1.0"),
        (float("nan"), 1e5, 0.0, 1e-6, "temperature nan"),
        (100.0, 1e5, 0.0, 1e-6, "temperature 100.0.*must be within the mechanism"),
        (1200.0, -1e5, 0.0, 1e-6, "pressure -100000.0"),
        (1200.0, 1e5, 1e-3, 1e-6, "sum of mass fractions"),
        (1200.0, 1e5, 0.0, 0.0, "dt 0.0"),
        (1200.0, 1e5, 0.0, float("inf"), "dt inf"),
    ],
)
def test_refusals_are_those_of_many(gas, T, p, off, dt, said):
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
    with pytest.raises(StateError, match=said):
        gas.integrate(T, p, Y * (1 + off), dt)


def test_what_is_not_usual_goes_the_usual_way(gas, usual, monkeypatch, caplog):
    """Temperatures beyond some data, which are told; cells that do not arrive; derivatives; too many cells."""
    T, p, Y = states(gas, 3)
    gas.integrate(250.0, 1e5, Y[:, 0], 1e-6)
    twice = Y[:, :1].expand(-1, few.MOST + 1)
    gas.integrate(1200.0, 1e5, twice, 1e-6)
    gas.integrate(1200.0, 1e5, Y[:, 0].clone().requires_grad_(), 1e-6, gradients=True)
    gas.integrate(torch.tensor(1200.0, requires_grad=True).detach(), 1e5, Y[:, 0], 1e-6, source=(torch.zeros(()), 0.0))
    assert len(usual) == 3
    monkeypatch.setattr(integrator, "library", lambda lanes=8, by=library.library: None if lanes < 8 else by())
    narrow = gas.integrate(T, p, Y, 1e-5)
    assert torch.allclose(gas.integrate(T[:1], p[:1], Y[:, :1], 1e-5).Y, narrow.Y[:, :1], rtol=1e-8, atol=1e-14)
    monkeypatch.setattr(few.ode, "MAX_STEPS", 2)
    before = len(usual)
    gas.integrate(1200.0, 1e5, Y[:, 0], 1e-4)
    assert len(usual) == before + 1


def test_an_ensemble_needs_a_member(gas):
    family = gas.ensemble(torch.full((29, 2), 2.0, dtype=torch.float64))
    Y = gas.mixture("H2:1", "O2:1", 1.0)
    with pytest.raises(StateError, match="needs the member"):
        family.integrate(1500.0, 1e5, Y, 1e-6)
