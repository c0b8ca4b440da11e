"""What thickened flames are made of: efficiency function, sensor, velocity of the eddies, exponent of wrinkling."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from combust.cfd.closures.view import Domain, View
from combust.cfd.interaction import charlette, fluctuation
from combust.cfd.interaction.exponent import DynamicExponent
from combust.cfd.interaction.sensor import flame_sensor
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, Layout, uniform_faces
from combust.cfd.operators.momentum import curl
from combust.parallel import Communicator
from tests.draws import generator

VELOCITIES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
# Gamma and E of D/d (key) and u'/S_L (column) where d = 4 nu/S_L: the formula of the paper, evaluated by other code.
TABLE = {
    2.0: ((0.1193, 1.0294), (0.2991, 1.1398), (0.5524, 1.4508), (0.8833, 1.7321), (1.0656, 1.7321), (1.1935, 1.7321)),
    5.0: ((0.1902, 1.0465), (0.4861, 1.2191), (0.9503, 1.7031), (1.6308, 2.4495), (2.0585, 2.4495), (2.3936, 2.4495)),
    10.0: ((0.2201, 1.0536), (0.6119, 1.2696), (1.2970, 1.8958), (2.3871, 3.3166), (3.1150, 3.3166), (3.7134, 3.3166)),
    20.0: ((0.2426, 1.0589), (0.7329, 1.3164), (1.7056, 2.1003), (3.4212, 4.2551), (4.6388, 4.5826), (5.6801, 4.5826)),
    50.0: ((0.2664, 1.0645), (0.8883, 1.3741), (2.3622, 2.3926), (5.4502, 5.3152), (7.8539, 7.1414), (10.006, 7.1414)),
}


def number(x):
    return torch.tensor(x, dtype=torch.float64)


def strain_and_efficiency(velocity, width, beta=0.5, saturated=False):
    given = number(velocity), number(width), 4.0 * number(velocity) * number(width)
    return charlette.strain(*given), charlette.efficiency(*given, number(beta), saturated)


@pytest.mark.parametrize("width", TABLE)
def test_values_of_charlettes_function(width):
    for velocity, (gamma, efficiency) in zip(VELOCITIES, TABLE[width], strict=True):
        found = strain_and_efficiency(velocity, width)
        assert float(found[0]) == pytest.approx(gamma, abs=6e-5 if gamma < 10 else 6e-4)
        assert float(found[1]) == pytest.approx(efficiency, abs=6e-5)


def test_no_eddies_or_no_room_for_them_change_nothing():
    for saturated in (False, True):
        assert float(strain_and_efficiency(0.0, 7.0, saturated=saturated)[1]) == 1.0
        assert float(strain_and_efficiency(3.0, 1.0, saturated=saturated)[1]) == 1.0
        assert float(strain_and_efficiency(3.0, 0.3, saturated=saturated)[1]) == 1.0


def test_limits_of_strong_turbulence():
    """(1 + D/d)^beta as in the paper, (D/d)^beta of the saturated form; a fast flame is not wrinkled."""
    assert float(strain_and_efficiency(1e3, 8.0, 0.4)[1]) == pytest.approx(9.0**0.4)
    assert float(strain_and_efficiency(1e3, 8.0, 0.4, saturated=True)[1]) == pytest.approx(8.0**0.4)
    assert 1.0 < float(strain_and_efficiency(0.01, 8.0)[1]) < 1.001


def test_grows_with_the_eddies_and_with_their_size():
    v, w = torch.meshgrid(torch.logspace(-2, 2, 40).double(), torch.linspace(1, 40, 40).double(), indexing="ij")
    for saturated in (False, True):
        E = charlette.efficiency(v, w, 4.0 * v * w, number(0.5), saturated)
        assert (E.diff(dim=0) >= -1e-12).all() and (E.diff(dim=1) >= -1e-12).all()
        assert (E >= 1.0).all()


# --- sensor ---------------------------------------------------------------------------------------------------------


def sensed(T, edge=0.05, g=2, axes=(0, 1, 2)):
    n = tuple(s - 2 * g if a in axes else s for a, s in enumerate(T.shape))
    layout = Layout(n, tuple(g if a in axes else 0 for a in range(3)), axes)
    return flame_sensor(T, number(300.0), number(2300.0), number(edge), layout)


def test_sensor_is_one_in_the_flame_and_zero_outside():
    c = torch.linspace(0.0, 1.0, 401, dtype=torch.float64)
    found = sensed((300.0 + 2000.0 * c).reshape(1, 1, -1), axes=(2,)).reshape(-1)
    inside = c[2:-2]
    assert (found[(inside >= 0.05) & (inside <= 0.95)] == 1.0).all()
    assert float(sensed(torch.full((1, 1, 9), 300.0).double(), axes=(2,)).max()) == 0.0
    assert float(sensed(torch.full((1, 1, 9), 2400.0).double(), axes=(2,)).max()) == 0.0  # hotter than burnt gas


def test_sensor_reaches_a_cell_beyond_in_every_direction():
    T = torch.full((9, 9, 9), 300.0).double()
    T[4, 4, 4] = 1300.0
    found = sensed(T)
    wanted = torch.zeros_like(found)
    wanted[1:4, 1:4, 1:4] = 1.0
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert sensed(T, g=3).sum() == 27


# --- eddies -----------------------------------------------------------------------------------------------------------


def periodic_view(n, velocity, T=None, length=2.0 * math.pi):
    """A flow in a periodic cube; velocity : per axis (z, y, x) a function of z, y, x."""
    shape = (n, n, n)
    grid = Grid(Block.create(Communicator(), shape, (True,) * 3), (uniform_faces(0.0, length, n),) * 3)
    h, u = length / n, []
    for a in range(3):
        data = grid.padded(None, stagger=a)
        at = [h * (torch.arange(s).double() - 2 + (0.0 if b == a else 0.5)) for b, s in enumerate(data.shape)]
        u.append(data.copy_(velocity[a](*torch.meshgrid(*at, indexing="ij"))))
    at = [h * (torch.arange(n).double() + 0.5)] * 3
    q = torch.zeros(1, *shape) if T is None else T(*torch.meshgrid(*at, indexing="ij"))[None]
    nothing = torch.full(shape, torch.nan, dtype=torch.float64)
    return View(Domain(grid, ((None, None),) * 3), tuple(u), q, nothing, nothing, 0.0, 1.0)


def velocity_of(view, size):
    vorticity = view.padded(curl(view.gradients))
    return fluctuation.resolved(vorticity, view.filter_width, number(size), view.grid.layout, view.grid.metrics)


def beltrami(k):
    """An ABC flow of wavenumber k: curl u = k u, lap curl u = -k^3 u."""
    return (
        lambda z, y, x: 0.7 * torch.sin(k * y) + 0.9 * torch.cos(k * x),
        lambda z, y, x: 0.9 * torch.sin(k * x) + 1.1 * torch.cos(k * z),
        lambda z, y, x: 1.1 * torch.sin(k * z) + 0.7 * torch.cos(k * y),
    )


def test_velocity_of_eddies_of_a_known_flow():
    """2 h^3 k^3 |u| (n/10)^(1/3), of second order."""
    errors = []
    for n in (16, 32):
        view, h = periodic_view(n, beltrami(1.0)), 2.0 * math.pi / n
        z, y, x = torch.meshgrid(*[h * (torch.arange(n).double() + 0.5)] * 3, indexing="ij")
        speed = torch.stack([u(z, y, x) for u in beltrami(1.0)]).pow(2).sum(0).sqrt()
        wanted = 2.0 * h**3 * speed * (6.0 / 10.0) ** (1.0 / 3.0)
        errors.append(float((velocity_of(view, 6.0 * h) / wanted - 1.0).abs().median()))
    assert errors[0] < 0.1
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)


def test_expansion_has_no_eddies():
    """A potential flow, as gas that expands has: sin has a curl of round-off alone."""
    view = periodic_view(16, tuple((lambda z, y, x, a=a: torch.sin((z, y, x)[a])) for a in range(3)))
    assert float(velocity_of(view, 1.0).max()) < 1e-12


def test_velocity_of_eddies_of_a_closure():
    """sqrt(2 k/3) at the filter's width, by the third root to another size."""
    k, h = number(6.0), number(0.5)
    assert float(fluctuation.of_closure(k, h, h)) == pytest.approx(2.0)
    assert float(fluctuation.of_closure(k, h, 8.0 * h)) == pytest.approx(4.0)


# --- exponent ---------------------------------------------------------------------------------------------------------

REST = (lambda z, y, x: torch.zeros_like(x),) * 3


def test_a_planar_flame_has_no_wrinkles():
    view = periodic_view(32, REST)
    x = (torch.arange(32).double() + 0.5) / 32
    c = (0.5 * (torch.tanh((x - 0.25) * 32) - torch.tanh((x - 0.75) * 32))).expand(32, 32, 32).clone()
    assert 0.0 <= float(DynamicExponent(1.5).value(view, c, 3.0)) < 2e-3
    assert float(DynamicExponent(1.5).value(view, torch.zeros_like(c), 3.0)) == 0.0


def test_exponent_is_that_of_a_gaussian_filter_of_the_same_width():
    n, cells = 32, 3.0
    view = periodic_view(n, REST)
    z, y, x = torch.meshgrid(*[(torch.arange(n).double() + 0.5) / n] * 3, indexing="ij")
    phase = 2.0 * math.pi * torch.rand(4, generator=generator()).double()
    front = 0.5 + 0.1 * torch.sin(4 * math.pi * y + phase[0]) + 0.1 * torch.sin(4 * math.pi * z + phase[1])
    c = 0.5 * (torch.tanh((x - front + 0.25) * 16) - torch.tanh((x - front - 0.25) * 16))
    test = DynamicExponent(1.5)
    deviation = math.sqrt(0.5 * 2 * test.rounds(cells))
    assert test.gain(cells) == pytest.approx(math.sqrt(1.0 + 12.0 * deviation**2 / cells**2))
    filtered = gaussian_filter(c.numpy(), deviation, mode="wrap")

    def surface(f):
        slopes = [(np.roll(f, -1, a) - np.roll(f, 1, a)) / 2.0 for a in range(3)]
        return np.sqrt(sum(s * s for s in slopes)).sum()

    wanted = math.log(surface(c.numpy()) / surface(filtered)) / math.log(test.gain(cells))
    assert 0.1 < wanted < 0.9
    assert float(test.value(view, c, cells)) == pytest.approx(wanted, rel=0.02)
