"""Convection with a radial velocity on axisymmetric meshes, against exact solutions: scalars by characteristics, in
a stagnation flow and in rings of vorticity, and the momentum of these rings.
"""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.special import j0, j1, jn_zeros
from test_axisymmetric import cylinder, density, orders, sides
from test_view import with_problem

from combust import kernels
from combust.cfd.closures.base import Rates
from combust.cfd.operators import scalars
from validation.two_gases import PERIODIC, SLIP, VISCOSITY, inert

torch.set_num_threads(1)
FAINT = 1e-6  # mass fraction of the gas that is carried, so little that the density stays


@pytest.fixture(autouse=True)
def eager():
    with kernels.using("eager"):
        yield


def with_trace(q, k, value):
    """(T, Y) with so much of species k, and less of the other."""
    q = q.clone()
    q[1:] *= 1.0 - value
    q[1 + k] += value
    return q


def errors_of(found, exact, volume):
    """Mean and largest."""
    error = (found - exact).abs()
    return float((error * volume).sum() / volume.sum()), float(error.max())


def on_faces(grid, axis):
    """x and r of the faces normal to an axis."""
    _, r, x = grid.face_points(axis)
    return torch.broadcast_tensors(x, r)


# --- a scalar in a stagnation flow, u_x = 2 x, u_r = -r ---


def front(x, r, t):
    """What a front, once at x = 0.35 and at r = 0.6, has become: it falls towards both and is flat at all sides."""
    along, across = torch.erfc((x * math.exp(-2 * t) - 0.35) / 0.11), torch.erfc((r * math.exp(t) - 0.6) / 0.11)
    return 0.25 * along * across


def carried(n, reconstruction, end=0.3):
    """Errors of the front after `end`, by the operator of scalars alone and a Runge-Kutta method of order four."""
    flow = inert(cylinder(n, n, 1.0, 1.0), sides(SLIP, SLIP), numerics={"reconstruction": reconstruction})
    s, grid, k = flow.scheme, flow.grid, flow.scheme.problem.gas.index("LIGHT")
    _, r, x = grid.centres
    u = tuple(None if f is None else torch.zeros_like(f) for f in flow.current.u)
    for axis, face in zip((1, 2), s.block_faces(u)[1:], strict=True):
        xf, rf = on_faces(grid, axis)
        face.copy_(-rf if axis == 1 else 2 * xf)
    pure, fixed = s.inner(flow.current.q), (s.thermo, s.layout, s.metrics, reconstruction, s.filler.areas)
    p0, rho = flow.current.p0, density(flow)

    def rate(Y):
        q = s.filler.scalars(with_trace(pure, k, FAINT * Y))
        return scalars.advection(q, u, p0, *fixed)[0][1 + k] / (rho * FAINT)

    Y, dt = front(x, r, 0.0), end / n
    for _ in range(n):
        k1 = rate(Y)
        k2 = rate(Y + 0.5 * dt * k1)
        k3 = rate(Y + 0.5 * dt * k2)
        Y = Y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + rate(Y + dt * k3))
    return errors_of(Y, front(x, r, end), grid.volume)


@pytest.mark.parametrize("reconstruction", ["central", "van-leer"])
def test_a_scalar_follows_its_characteristics(reconstruction):
    mean, largest = zip(*(carried(n, reconstruction) for n in (32, 64)), strict=True)
    assert mean[-1] < 1e-3 and min(orders(mean)) > 1.9 and min(orders(largest)) > 1.8, (mean, largest)


# --- rings of vorticity, which carry themselves and a scalar ---

R, L, A = 1e-3, 1.5e-3, 0.3  # m, m, m/s
B, K = jn_zeros(1, 1)[0] / R, 2 * math.pi / L


def velocity(x, r):
    """u_x, u_r [m/s] of rings between slip walls, without divergence."""
    return A * B / K * np.cos(K * x) * j0(B * r), A * np.sin(K * x) * j1(B * r)


def vorticity(x, r):
    """1/s; the viscous force on the rings is -mu (B^2 + K^2) times the velocity."""
    return A * (K**2 + B**2) / K * np.cos(K * x) * j1(B * r)


def marked(x, r):
    """A scalar to begin with."""
    return 1.0 + np.cos(K * x + 0.4) * np.cos(math.pi * r / R)


def start_of(x, r, time):
    """Where gas that is at x, r now was before a time in which the rings kept their strength."""

    def back(_, place):
        return -np.concatenate([u.ravel() for u in velocity(*np.split(place, 2))])

    place = np.concatenate([x.ravel(), r.ravel()])
    found = solve_ivp(back, (0.0, time), place, method="DOP853", rtol=1e-9, atol=1e-12).y[:, -1]
    return [part.reshape(x.shape) for part in np.split(found, 2)]


def turned(n, reconstruction, end=1.2e-3):
    """Largest errors of u_x and u_r, relative to A, and mean and largest one of the scalar, after 0.4 turns."""

    def start(builder, fields):
        q, u = fields
        for axis in (1, 2):
            u[axis].copy_(torch.as_tensor(velocity(*(f.numpy() for f in on_faces(builder.grid, axis)))[2 - axis]))
        _, r, x = builder.grid.centres
        value = FAINT * torch.as_tensor(marked(*np.broadcast_arrays(x.numpy(), r.numpy())))
        return with_trace(q, builder.gas.index("LIGHT"), value), u

    flow = inert(
        cylinder(n + n // 2, n, L, R), sides(PERIODIC, SLIP), start=start, schmidt=1e12,
        numerics={"reconstruction": reconstruction},
    )  # fmt: skip
    rho, grid = density(flow), flow.grid
    decay = VISCOSITY / rho * (B**2 + K**2)

    class Turn:
        """rho omega x u: with the gradient of u^2/2, the pressure's, what convects their momentum."""

        def rates(self, view, t, dt):
            strength = rho * math.exp(-2 * decay * (t + 0.5 * dt))
            force = []
            for axis, sign in ((1, 1.0), (2, -1.0)):
                x, r = (f.numpy() for f in on_faces(grid, axis))
                force.append(torch.as_tensor(sign * strength * vorticity(x, r) * velocity(x, r)[axis - 1]))
            return Rates(momentum=(None, *force))

    flow = with_problem(flow, sources=(Turn(),))
    for _ in range(2 * n):
        flow.advance(end / (2 * n))
    found = []
    for axis, face in zip((2, 1), flow.scheme.block_faces(flow.current.u)[:0:-1], strict=True):
        x, r = (f.numpy() for f in on_faces(grid, axis))
        exact = math.exp(-decay * end) * velocity(x, r)[2 - axis]
        found.append(np.abs(face.numpy() - exact).max() / A)
    _, r, x = (c.numpy() for c in grid.centres)
    x, r = np.broadcast_arrays(x, r)
    exact = torch.as_tensor(marked(*start_of(x, r, (1 - math.exp(-decay * end)) / decay)))
    return *found, *errors_of(torch.as_tensor(flow.field("Y_LIGHT")) / FAINT, exact, grid.volume)


@pytest.mark.parametrize("reconstruction, cells", [("central", (8, 16)), ("van-leer", (16, 32))])
def test_rings_carry_themselves_and_a_scalar(reconstruction, cells):
    along, across, mean, _ = zip(*(turned(n, reconstruction) for n in cells), strict=True)
    assert min(orders(mean)) > 1.9, mean
    if max(cells) > 16:  # on fewer the rings are 0.05 off
        assert max(along[-1], across[-1]) < 5e-3 and min(orders(along) + orders(across)) > 1.8, (along, across)
