"""Reynolds stresses of a digital filter that vary over the side: a channel's, as given at each place."""

import numpy as np
import pytest

from combust.case.load import load, to_toml
from combust.cfd.synthetic.filter import Filter
from combust.cfd.synthetic.plane import InflowPlane
from combust.cfd.synthetic.varying import VaryingFilter
from combust.errors import CombustError, ConfigError
from combust.parallel import Communicator
from combust.run.build import build

LENGTH, SPEED, HEIGHT = 0.1, 5.0, 1.2


def plane_of(cells=(16, 24)):
    """Of a channel: periodic in z, walls in y."""
    faces = tuple(np.linspace(0.0, HEIGHT, n + 1) for n in cells)
    return InflowPlane(2, 1.0, (0, 1), faces, (True, False), tuple((0, n) for n in cells), 0.05, SPEED)


def channel(places):
    """(3, 3, nz, ny): stresses that vanish at both walls and peak in between, with a shear that turns its sign."""
    y = places[1] / HEIGHT
    hump, odd = 4 * y * (1 - y), np.sin(2 * np.pi * y)
    xx, yy, zz, xy = 2.0 * hump + 0.1 * odd**2, 0.5 * hump, 0.8 * hump, -0.6 * hump * odd
    zero = 0 * y
    found = np.array([[zz, zero, zero], [zero, yy, xy], [zero, xy, xx]])
    return np.broadcast_to(found[:, :, None, :], (3, 3, len(places[0]), len(y)))


def weights_of(made, places):
    """(random numbers, components u and v, ...): what each random number has in the velocities at t = 0."""
    parts = []
    for field, moment in np.ndindex(2, 2 * made.time.width + 1):
        for place in np.ndindex(*made.count):
            unit = np.zeros(made.count)
            unit[place] = 1.0
            one = (field, moment - made.time.width)
            made._numbers = lambda f, m, one=one, unit=unit: unit if (f, m) == one else 0 * unit
            made._now, made._mean = (np.nan, {}), (np.nan, 0.0)
            parts.append([made.velocity(c, 0.0, places) for c in (2, 1)])
    return np.array(parts)


def test_stresses_are_those_given_at_every_place():
    """To round-off, by the filter's weights and not of a sample, and no net flux of any random number."""
    faces = np.linspace(0.0, HEIGHT, 13)
    plane = InflowPlane(2, 1.0, (1,), (faces,), (False,), ((0, 12),), 0.05, SPEED)

    def stresses(places):
        return channel({0: np.zeros(1), **places})[:, :, 0]

    made = VaryingFilter(plane, stresses, (LENGTH,) * 3, "gaussian", 1)
    places = {1: plane.centres[0]}
    parts = weights_of(made, places)
    found, given = np.einsum("pi...,pj...->ij...", parts, parts), stresses(places)
    for (i, j), (a, b) in {(0, 0): (2, 2), (1, 1): (1, 1), (0, 1): (2, 1)}.items():
        np.testing.assert_allclose(found[i, j], given[a, b], rtol=1e-9, atol=1e-12)
    assert np.abs(parts[:, 0] @ plane.shares[0]).max() < 1e-14 < np.abs(parts[:, 0]).max()


def test_even_stresses_are_those_of_the_even_filter_but_for_the_edges():
    """The same noise; by the mean over the side the even filter gives back the same."""
    plane = plane_of()
    even = Filter(plane, np.diag([1.0, 2.0, 1.5]), (LENGTH,) * 3, "gaussian", 3)
    table = np.diag([1.0, 2.0, 1.5])
    made = VaryingFilter(
        plane, lambda p: np.multiply.outer(table, np.ones((len(p[0]), len(p[1])))), (LENGTH,) * 3, "gaussian", 3
    )
    places = dict(zip(plane.axes, plane.centres, strict=True))
    for component in (0, 1, 2):
        np.testing.assert_allclose(
            made.velocity(component, 0.3, places), even.velocity(component, 0.3, places), atol=0.1
        )
    assert abs(plane.mean(made.velocity(2, 0.3, places))) < 1e-14


def test_any_part_of_the_points_has_the_same_bits():
    """As ranks ask for them."""
    plane = plane_of()
    made = VaryingFilter(plane, channel, (LENGTH,) * 3, "gaussian", 1)
    places = dict(zip(plane.axes, plane.centres, strict=True))
    whole = made.velocity(2, 0.1, places)
    for part in (slice(0, 5), slice(5, 24)):
        other = VaryingFilter(plane, channel, (LENGTH,) * 3, "gaussian", 1)
        assert np.array_equal(other.velocity(2, 0.1, {0: places[0], 1: places[1][part]}), whole[:, part])


CASE = """
mesh = { kind = "uniform", cells = [6, 24], lower = [0, 0], upper = [0.005, 0.02] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
initial = { kind = "uniform", temperature = 300, composition = "O2:0.21, N2:0.79", velocity = [10.0, 0.0] }
numerics = { compile = "off" }
stop = { steps = 1 }
[boundary]
y = { kind = "wall" }
x_high = { kind = "outflow" }
[boundary.x_low]
kind = "inflow"
velocity = { over = "y", at = [0.0, 0.01, 0.02], values = [0.0, "10 m/s", 0.0] }
[boundary.x_low.fluctuations]
kind = "digital-filter"
length = "2 mm"
seed = 1
[boundary.x_low.fluctuations.stresses]
xx = { over = "y", file = "stresses.csv" }
yy = 0.5
xy = { over = "y", at = [0, 0.02], values = [0, 0] }
"""


def case(tmp_path, *changes, rows="0,0\n10,4\n20,0\n"):
    (tmp_path / "stresses.csv").write_text("y [mm],xx [m2/s2]\n" + rows)
    (tmp_path / "case.toml").write_text(CASE)
    return load(tmp_path / "case.toml", changes)


def test_tables_of_a_case(tmp_path):
    """From the file of the case to what comes in."""
    config = case(tmp_path)
    (tmp_path / "again.toml").write_text(to_toml(config))
    assert load(tmp_path / "again.toml") == config  # with what the file holds
    flow = build(config, Communicator())
    [patch] = [p for p in flow.scheme.filler.patches() if p.at.axis == 2 and p.at.side == 0]
    inlet = patch.condition.velocity[2].made
    y = (np.arange(24) + 0.5) * 0.02 / 24
    np.testing.assert_allclose(inlet.stresses({1: y})[2, 2], 4 * (1 - np.abs(y / 0.01 - 1)), rtol=1e-12)
    assert np.all(inlet.stresses({1: y})[1, 1] == 0.5)
    samples = np.array([inlet.velocity(2, t, {1: y}) for t in np.arange(20) * 1e-3])
    assert np.abs(samples.mean(1)).max() < 1e-12 < np.abs(samples).max()
    flow.advance(1e-5)
    assert abs(flow.quantity("mass_error")) < 1e-13


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("stresses.xx=-1", "stresses.xx"),
        ("stresses.xx={over='y',at=[0,0.02],values=[1,-1]}", r"stresses.xx.values\[1\] = -1: must be at least 0"),
        ("stresses.xx={over='time',at=[0,1],values=[1,1]}", "not over time"),
        ("stresses.xx={over='y',at=[0,0.01],values=[1,1]}", "must cover it"),
        ("stresses.xy={over='y',at=[0,0.02],values=[0,3]}", r"fluctuations: stresses: at y = .* no motion has these"),
        ("length=0.05", "go with the net flux"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, change, words):
    with pytest.raises(CombustError, match=words) as caught:
        build(case(tmp_path, f"boundary.x_low.fluctuations.{change}"), Communicator())
    assert caught.value.exit_code == ConfigError.exit_code
