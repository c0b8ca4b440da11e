"""Sources of the manufactured solution, by Taylor's coefficients, against torch's own derivatives of the solution."""

import draws
import pytest
import torch

from combust.cfd.initial.manufactured import Wave
from combust.cfd.initial.taylor import ONE, Taylor

WAVE = Wave(rho0=5.0, rho1=1.0, k=2.0, w=2.0, uf=0.5, vf=0.4, mu=1e-3, schmidt=0.7)


def derivative(f, which):
    """The pointwise derivative of f(x, y, t) by argument `which`, in forward mode."""

    def df(*args):
        at = [a.contiguous() for a in torch.broadcast_tensors(*args)]
        others = lambda a: f(*(a if i == which else b for i, b in enumerate(at)))  # noqa: E731
        return torch.func.jvp(others, (at[which],), (torch.ones_like(at[which]),))[1]

    return df


def points():
    random = draws.rng(3)
    return tuple(torch.as_tensor(random.random(shape)) for shape in ((1, 7), (5, 1), ()))


def mixed(x, y, t):
    return 2 - (x * y).sin() * (x - 3 * t).cos() / (1.5 + y * t * x) + 1 / (2 + x)


@pytest.mark.parametrize(
    "part, by", [("x", (0,)), ("y", (1,)), ("t", (2,)), ("xx", (0, 0)), ("xy", (0, 1)), ("yy", (1, 1))]
)
def test_derivatives(part, by):
    x, y, t = points()
    wanted = mixed
    for which in by:
        wanted = derivative(wanted, which)
    found = mixed(Taylor(x, x=ONE), Taylor(y, y=ONE), Taylor(t, t=ONE))
    torch.testing.assert_close(found.f, mixed(x, y, t), rtol=1e-13, atol=0)
    torch.testing.assert_close(getattr(found, part), wanted(x, y, t), rtol=1e-12, atol=1e-13)


def test_source_of_species():
    """d(rho Z)/dt + div(rho u Z) - div(mu/Sc grad Z)."""

    def flux(which, c):
        diffusive = derivative(WAVE.Z, which)
        return lambda *a: WAVE.rho(*a) * c(*a) * WAVE.Z(*a) - WAVE.mu / WAVE.schmidt * diffusive(*a)

    wanted = derivative(lambda *a: WAVE.rho(*a) * WAVE.Z(*a), 2)(*points())
    for which, c in enumerate((WAVE.u, WAVE.v)):
        wanted = wanted + derivative(flux(which, c), which)(*points())
    found = WAVE.species_source(*points())
    assert (found - wanted).abs().max() < 1e-13 * wanted.abs().max()


@pytest.mark.parametrize("component", [0, 1])
def test_source_of_momentum(component):
    """d(rho u_i)/dt + div(rho u u_i) + d(rho u v / 2)/dx_i - div tau_i."""
    velocities = (WAVE.u, WAVE.v)
    ui = velocities[component]

    def flux(j, uj):
        def of(*a):
            strain = derivative(ui, j)(*a) + derivative(uj, component)(*a)
            if j == component:
                strain = strain - 2.0 / 3.0 * (derivative(WAVE.u, 0)(*a) + derivative(WAVE.v, 1)(*a))
            return WAVE.rho(*a) * ui(*a) * uj(*a) - WAVE.mu * strain

        return of

    wanted = derivative(lambda *a: WAVE.rho(*a) * ui(*a), 2)(*points())
    wanted = wanted + derivative(lambda *a: 0.5 * WAVE.rho(*a) * WAVE.u(*a) * WAVE.v(*a), component)(*points())
    for j, uj in enumerate(velocities):
        wanted = wanted + derivative(flux(j, uj), j)(*points())
    found = WAVE.momentum_source(component, *points())
    assert (found - wanted).abs().max() < 1e-13 * wanted.abs().max()


def test_continuity_of_the_solution():
    """d rho/dt + div(rho u) = 0, which no source mends."""
    x, y, t = points()
    at = (Taylor(x, x=ONE), Taylor(y, y=ONE), Taylor(t, t=ONE))
    rho = WAVE.rho(*at)
    assert (rho.t + (rho * WAVE.u(*at)).x + (rho * WAVE.v(*at)).y).abs().max() < 1e-12 * rho.t.abs().max()
