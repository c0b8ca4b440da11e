"""Synthetic turbulence at inflows: stresses, lengths, net flux and divergence of what comes in, whoever asks for it."""

import math

import numpy as np
import pytest
import torch
from draws import rng, seed
from scipy.integrate import trapezoid

from combust.case.load import load, to_toml
from combust.cfd.synthetic import spectra
from combust.cfd.synthetic.filter import KERNELS, Filter, Line, factors
from combust.cfd.synthetic.frozen import FrozenModes
from combust.cfd.synthetic.plane import InflowPlane
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import build

LENGTH, SPEED = 0.1, 5.0
STRESSES = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, -0.5], [0.2, -0.5, 1.5]])  # z, y, x
CORRELATIONS = {
    "gaussian": lambda s: np.exp(-0.25 * math.pi * s**2),
    "exponential": lambda s: (1 + 2 * s) * np.exp(-2 * s),
}


def plane_of(cells, side=1.2, periodic=True, part=None, inwards=1.0):
    """Of a domain that gas enters along x."""
    axes = {1: (1,), 2: (0, 1)}[len(cells)]
    faces = tuple(np.linspace(0.1, 0.1 + side, n + 1) for n in cells)
    own = tuple((0, n) for n in cells) if part is None else part
    return InflowPlane(2, inwards, axes, faces, (periodic,) * len(cells), own, side / cells[-1], SPEED)


def places(plane, component=2, ghosts=0):
    """Cells of the whole side, for a component along it the faces normal to it."""
    found = {}
    for a, faces, periodic in zip(plane.axes, plane.faces, plane.periodic, strict=True):
        at = faces if a == component else 0.5 * (faces[1:] + faces[:-1])
        found[a] = np.concatenate([at[-ghosts:], at, at[:ghosts]]) if ghosts and periodic else at
    return found


MADE = {
    "filter": lambda plane: Filter(plane, STRESSES, (LENGTH,) * 3, "gaussian", seed()),
    "exponential": lambda plane: Filter(plane, STRESSES, (LENGTH,) * 3, "exponential", seed()),
    "modes": lambda plane: FrozenModes(plane, spectra.passot_pouquet(1.0, LENGTH, 1 + len(plane.axes)), seed()),
}


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("period", [None, 1.37])
def test_filters_have_their_variance_and_correlation_at_any_place(kind, period):
    """Of the weights themselves, not of a sample: 1 everywhere, and the kernel's with an integral of one length."""
    line = Line(KERNELS[kind], LENGTH, period)
    x, s = rng(1).uniform(-0.3, 0.9, 400), np.linspace(0.0, 3.0, 301)
    for start in x[:20]:
        w = line.weights(start + LENGTH * s)
        first = w.first.min()
        held = np.zeros((len(s), w.first.max() + line.width - first))
        for row, (begin, values) in enumerate(zip(w.first, w.values, strict=True)):
            held[row, begin - first : begin - first + line.width] = values
        np.testing.assert_allclose((held**2).sum(1), 1.0, rtol=1e-12)
        found = held @ held[0]
        np.testing.assert_allclose(found, CORRELATIONS[kind](s), atol=0.012 if kind == "exponential" else 1e-3)
        assert trapezoid(found, s) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "stresses", [STRESSES, np.diag([0.0, 1.0, 2.0]), np.array([[1.0, 1.0, 0], [1, 1, 0], [0, 0, 0]])]
)
def test_factors_give_the_stresses(stresses):
    a = factors(stresses)
    np.testing.assert_allclose(a @ a.T, stresses, atol=1e-14)
    assert np.all(np.triu(a, 1) == 0)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("kind", MADE)
def test_stresses_of_what_comes_in(kind, periodic):
    """Within six standard errors; with net flux taken off and given back to the rest."""
    plane = plane_of((40,), periodic=periodic)
    made, T = MADE[kind](plane), LENGTH / SPEED
    times = rng(2).uniform(0, 1e4, 30 if kind == "exponential" else 80) * T  # hardly two of them correlated
    u = np.stack([[made.velocity(c, t, places(plane)) for c in (2, 1)] for t in times])  # v at cells too
    wanted = STRESSES[:0:-1, :0:-1] if kind != "modes" else np.eye(2)
    cells = 1.2 / (2 * LENGTH)
    error = 6 * 2 * math.sqrt(2 / (cells * len(times)))
    products = np.einsum("tip,tjp->ij", u, u) / (u.shape[0] * u.shape[2])
    np.testing.assert_allclose(products, wanted, atol=error)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize(
    "cells, part", [((30,), None), ((12, 16), None), ((12, 16), ((0, 12), (3, 9))), ((30,), ((4, 20),))]
)
def test_no_net_flux_and_the_same_bits_whoever_asks(kind, cells, part):
    plane = plane_of(cells, 1.2 if len(cells) == 1 else 2.4, part=part)
    one, other = MADE[kind](plane), MADE[kind](plane)
    for t in (0.0, 0.0173, 3.1):
        u = one.velocity(2, t, places(plane))
        inside = u[tuple(slice(i, i + n) for i, n in plane.cells)]
        assert abs(inside.mean()) < 1e-13 and u.std() > 0.05
    for component in (2, *plane.axes):
        where = places(plane, component, ghosts=2)
        whole = other.velocity(component, 0.0173, where)  # of another object, asked at another time first
        assert np.array_equal(whole, one.velocity(component, 0.0173, where))
        part_of = {a: x[3:-4] for a, x in where.items()}
        cut = whole[tuple(slice(3, -4) for _ in plane.axes)]
        assert np.array_equal(one.velocity(component, 0.0173, part_of), cut)
        for i, a in enumerate(plane.axes):  # periodic: ghosts are cells of the other end
            if a != component:
                assert np.array_equal(np.take(whole, [0, 1], i), np.take(whole, [cells[i], cells[i] + 1], i))


@pytest.mark.parametrize("cells", [(48,), (24, 20)])
@pytest.mark.parametrize("inwards", [1.0, -1.0])
def test_modes_have_no_divergence_and_filters_have(cells, inwards):
    """Of the frozen field, in a cell before the side."""

    def divergence(made, plane):
        d, t, out = plane.depth, 0.7, {}
        for component in (2, *plane.axes):
            out[component] = places(plane, component)
        gone = inwards * (made.velocity(2, t, out[2]) - made.velocity(2, t + d / SPEED, out[2])) / d
        for i, a in enumerate(plane.axes):
            across = made.velocity(a, t + 0.5 * d / SPEED, out[a])
            gone = gone + np.diff(across, axis=i) / (plane.faces[i][1] - plane.faces[i][0])
        return float(np.abs(gone).max())

    plane = plane_of(cells, inwards=inwards)
    assert divergence(MADE["modes"](plane), plane) < 1e-11 / plane.depth
    assert divergence(MADE["filter"](plane), plane) > 1.0 / LENGTH


def test_modes_have_the_energy_of_their_spectrum():
    plane = plane_of((48,))
    made = FrozenModes(plane, spectra.von_karman_pao(1.0, LENGTH, None, 2), seed(1))
    both = np.where(made.modes[-1] == 0, 0.5, 2.0)  # of the wave along the plane that is none the real part counts
    energy = 0.5 * sum((np.abs(a) ** 2 * both).sum() for a in made.amplitudes.values())
    assert energy == pytest.approx(float(made.spectrum.between(0.0, made.largest)), rel=1e-12)


CASE = """
[mesh]
kind = "uniform"
cells = [16, 24]
lower = [0, 0]
upper = ["10 mm", "15 mm"]
[gas]
mechanism = "h2o2.yaml"
[chemistry]
kind = "none"
[initial]
kind = "uniform"
composition = "N2:1"
temperature = 300
velocity = [2.0, 0.0]
[boundary]
x_low = { kind = "inflow", velocity = 2.0 }
x_high = { kind = "outflow" }
y = { kind = "periodic" }
[stop]
steps = 5
"""
FILTER = "boundary.x_low.fluctuations={kind='digital-filter', u_rms=0.5, length='2 mm', seed=3}"
WALLS = "boundary.y={kind='wall', slip=true}"
MODES = ("boundary.x_low.fluctuations={kind='random-modes', seed=3, "
         "spectrum={kind='passot-pouquet', u_rms=0.5, length='2 mm'}}")  # fmt: skip


@pytest.fixture
def path(tmp_path):
    (tmp_path / "inlet.toml").write_text(CASE)
    return tmp_path / "inlet.toml"


def at_side(flow, axis=2, end=0):
    """Velocities (z, y, x) that the condition of a side holds now, and that the flow has there."""
    [patch] = [p for p in flow.scheme.filler.patches() if (p.at.axis, p.at.side) == (axis, end)]
    return patch.at.now.velocity, flow.scheme.block_faces(flow.current.u)[axis].select(axis, -end)


@pytest.mark.parametrize("change", [FILTER, MODES])
def test_a_flow_gets_them(path, change):
    """At the time of each step, mass balanced, the net flux that of the mean; a case reads again as it was."""
    config = load(path, [change])
    path.with_name("again.toml").write_text(to_toml(config))
    assert load(path.with_name("again.toml")).boundary == config.boundary
    flow = build(config, Communicator())
    seen = []
    for _ in range(3):
        flow.advance(2e-4)
        held, found = at_side(flow)
        assert torch.allclose(held[2].flatten()[2:-2], found.flatten(), rtol=0, atol=1e-14)
        assert float(found.mean()) == pytest.approx(2.0, rel=1e-12) and float(found.std()) > 0.1
        seen.append(found.clone())
    assert not torch.equal(seen[0], seen[2]) and abs(flow.quantity("mass_error")) < 1e-13
    again = build(config, Communicator())
    for _ in range(3):
        again.advance(2e-4)
    assert torch.equal(again.current.u[2], flow.current.u[2])


@pytest.mark.parametrize("change", [FILTER, MODES])
def test_restart_is_bitwise(path, change):
    """Nothing of what fluctuates is in a checkpoint."""
    config = load(path, [change])
    whole, first = build(config, Communicator()), build(config, Communicator())
    for i in range(4):
        whole.advance(1.7e-4)
        if i < 2:
            first.advance(1.7e-4)
    again = build(config, Communicator())
    saved = {name: array for name, (array, _) in first.state().items()}
    again.time, again.step = first.time, first.step
    again.restore(saved.__getitem__)
    for _ in range(2):
        again.advance(1.7e-4)
    found = again.state()
    for name, (array, _) in whole.state().items():
        assert np.array_equal(found[name][0], array), name


def test_high_sides_profiles_and_parts(path):
    """On a profile the pattern comes in with its mean; a part has no net flux of its own; gas may enter at high x."""
    profile = "velocity={over='y', at=[0, 0.01], values=[4.0, 0.0]}"
    parts = ("boundary={x_low={kind='outflow'}, y={kind='wall'}, x_high=["
             f"{{kind='inflow', where={{y=[0, 0.01]}}, {profile}, tangential={{y=0.5}}, "
             "fluctuations={kind='digital-filter', u_rms=0.2, length=[2e-3, 1e-3], kernel='exponential'}}, "
             "{kind='wall', where={y=[0.01, 0.015]}}]}")  # fmt: skip
    config = load(path, [parts, "initial.velocity=[0, 0]"])
    flow = build(config, Communicator())
    patch = next(p for p in flow.scheme.filler.patches() if p.functions)
    made = patch.condition.velocity[2].made
    assert made.plane.speed == pytest.approx(2.0, rel=1e-12) and made.plane.inwards == -1.0
    assert made.time.length == pytest.approx(1e-3) and made.lines[0].length == pytest.approx(1e-3)
    patch.set(1.3e-3)
    normal = patch.inner(patch.at.now.velocity[2]).flatten()
    assert float(normal.mean()) == pytest.approx(-2.0, rel=1e-12)
    assert float(patch.inner(patch.at.now.velocity[1]).mean()) == pytest.approx(0.5, abs=0.4)


@pytest.mark.parametrize("shape", ["'plug'", "'parabolic'", "'power-law', exponent=7", "'tanh', values=[1.0, 3.0],"
                                   " centre=7e-3, thickness=2e-3"])  # fmt: skip
def test_on_profiles_by_name(path, shape):
    """The pattern comes in with the mean of the profile."""
    mean = "" if "values" in shape else ", mean=2.0"
    flow = build(load(path, [FILTER, f"boundary.x_low.velocity={{shape={shape}{mean}}}", WALLS]), Communicator())
    patch = next(p for p in flow.scheme.filler.patches() if p.functions and p.at.axis == 2)
    assert patch.condition.velocity[2].made.plane.speed == pytest.approx(2.0, rel=0.05)
    flow.advance(1e-4)


def test_gas_may_flow_out_at_all_points_of_a_rank(path):
    """Turbulence that is stronger than its stream is no inflow that was given outwards."""
    flow = build(load(path, [FILTER.replace("u_rms=0.5", "u_rms=50"), WALLS]), Communicator())
    [patch] = [p for p in flow.scheme.filler.patches() if p.functions and p.at.axis == 2]
    patch.points = {s: points[:, :, 2:3] for s, points in patch.points.items()}  # those of a rank of one cell
    moving = patch.condition.velocity[2]
    assert moving._places(patch.points[None]) is moving._places(patch.points[None])  # off the device once
    assert "at times gas flows out there" in flow.concerns()["boundary.x_low.fluctuations"]
    assert "boundary.x_low.fluctuations" not in build(load(path, [FILTER, WALLS]), Communicator()).concerns()
    least = 0.0
    for i in range(40):
        patch.set(1e-3 * (i + 1))
        least = min(least, float(patch.at.now.velocity[2].max()))
    assert least < 0.0


REFUSED = {
    "fluctuations={kind='digital-filter', length=1e-3}": "give u_rms or stresses",
    "fluctuations={kind='digital-filter', length=1e-3, u_rms=1, stresses={xx=1, yy=1}}": "give u_rms or stresses",
    "fluctuations={kind='digital-filter', length=0, u_rms=1}": "length = 0",
    "fluctuations={kind='digital-filter', length=1e-3, stresses={xx=-1, yy=1}}": "stresses.xx = -1",
    "fluctuations={kind='digital', length=1e-3, u_rms=1}": 'fluctuations.kind = "digital"',
    "fluctuations={kind='random-modes', spectrum={kind='passot-pouquet', length=1}}": "give u_rms or energy",
}
REFUSED_ON_MESH = {
    "fluctuations={kind='digital-filter', length=1e-3, stresses={xx=1, yy=1, xy=2}}": "no motion has these",
    "fluctuations={kind='digital-filter', length=1e-3, stresses={xx=0, yy=1, xy=0.5}}": "no motion has these",
    "fluctuations={kind='digital-filter', length=[1e-3, 4e-3], u_rms=1}": "in a periodic direction of 0.015 m",
    "velocity=0": "no gas flows in on the mean: give convection",
    "velocity={over='time', at=[0, 1], values=[1, 2]}": "the velocity changes with time: give convection",
}


@pytest.mark.parametrize("change", REFUSED)
def test_refused(path, change):
    with pytest.raises(ConfigError) as error:
        load(path, [f"boundary.x_low.{change}"])
    assert REFUSED[change] in str(error.value)


@pytest.mark.parametrize("speed", ["balanced", "hold-flame"])
def test_refused_where_the_velocity_follows_a_flame(path, speed):
    with pytest.raises(ConfigError, match=f'fluctuations go with a velocity that is given, "{speed}" is found anew'):
        load(path, [FILTER, f"boundary.x_low.velocity={speed}"])


@pytest.mark.parametrize("change", REFUSED_ON_MESH)
def test_refused_on_this_mesh(path, change):
    added = [] if "fluctuations" in change else [FILTER]
    with pytest.raises(ConfigError) as error:
        build(load(path, [*added, f"boundary.x_low.{change}"]), Communicator())
    assert REFUSED_ON_MESH[change] in str(error.value)
    assert str(error.value).startswith("boundary.x_low.fluctuations")


def test_refused_elsewhere(path):
    closed = ["boundary.y.kind=wall", "boundary.x_low.fluctuations={kind='digital-filter', u_rms=1, length=1.0}"]
    with pytest.raises(ConfigError, match="more than half of the fluctuations"):
        build(load(path, closed), Communicator())
    uneven = (
        "mesh={kind='stretched', x={lower=0, upper=0.01, cells=16}, y={lower=0, upper=0.015, cells=24, ratio=1.05}}"
    )
    with pytest.raises(ConfigError, match="random modes need equal cells along the side; those in y are not"):
        build(load(path, [uneven, MODES]), Communicator())
    build(load(path, [uneven, FILTER]), Communicator()).advance(1e-5)
    around = "mesh={kind='axisymmetric', x={lower=0, upper=0.01, cells=16}, y={lower=0, upper=0.01, cells=8}}"
    sides = ("boundary={x_low={kind='inflow', velocity=1.0, fluctuations={kind='digital-filter', u_rms=1, length=1e-3}}"
             ", x_high={kind='outflow'}, y_low={kind='symmetry'}, y_high={kind='wall'}}")  # fmt: skip
    with pytest.raises(ConfigError, match="without an axis; this one has an axis"):
        build(load(path, [around, sides, "initial.velocity=[0]"]), Communicator())
    unsteady = ["boundary.x_low.velocity={over='time', at=[0, 1], values=[1, 2]}", FILTER]
    build(load(path, [*unsteady, "boundary.x_low.fluctuations.convection=1.5"]), Communicator()).advance(1e-5)
