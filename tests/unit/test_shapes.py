"""Inflow profiles by name: their form against exact solutions, and the flow rate of their cells to round-off."""

import math
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from combust import kernels, planes
from combust.case.load import convert, to_toml
from combust.cfd.boundaries.conditions import Inflow
from combust.cfd.boundaries.patches import Patch
from combust.cfd.boundaries.shapes import Span, parabola, power_law
from combust.cfd.boundaries.values import largest
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run import build as case

torch.set_num_threads(1)
AIR, FUEL = "O2:0.21, N2:0.79", "H2:1, N2:1"
WALL, SYMMETRY, PERIODIC = {"kind": "wall"}, {"kind": "symmetry"}, {"kind": "periodic"}
ACROSS = {"lower": 1e-4, "upper": 1.1e-3, "cells": 9, "ratio": 1.15}
DEPTH = {"lower": 0.0, "upper": 6e-4, "cells": 5}
LENGTH = {"lower": 0.0, "upper": 1e-3, "cells": 4}


def config_of(inflow, kind="stretched", y=ACROSS, depth=None, **sides):
    mesh = {"kind": kind, "x": LENGTH, "y": y, **({"z": depth} if depth else {})}
    raw = {
        "mesh": mesh,
        "gas": {"mechanism": "h2o2.yaml", "transport": "unity-Lewis"},
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": AIR},
        "boundary": {"x_low": inflow, "x_high": {"kind": "outflow"}, **({"y": WALL} | ({"z": WALL} if depth else {})),
                     **sides},
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
    }  # fmt: skip
    if "y_low" in sides:
        del raw["boundary"]["y"]
    return convert(raw, "test")


def flow_of(*args, **sides):
    kernels.set_mode("eager")
    return case.Builder(config_of(*args, **sides), Communicator()).flow()


def inlet(flow):
    """Speeds at the faces of the low x side, and the areas of these."""
    return flow.scheme.block_faces(flow.current.u)[2][..., 0], flow.scheme.filler.areas[2][0][..., 0]


def fed(**profile):
    return {"kind": "inflow", "velocity": profile}


SHAPES = [{"shape": "plug"}, {"shape": "parabolic"}, {"shape": "power-law"}, {"shape": "power-law", "exponent": 5}]
MESHES = {
    "planes": {},
    "half": {"y_low": SYMMETRY, "y_high": WALL},
    "pipe": {"kind": "axisymmetric", "y": {**ACROSS, "lower": 0.0}, "y_low": SYMMETRY, "y_high": WALL},
    "annulus": {"kind": "axisymmetric"},
    "duct": {"depth": DEPTH},
    "span": {"depth": DEPTH, "z": PERIODIC},
}


@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_flow_rate_is_the_mean(shape, mesh):
    """Of the discrete profile, by the areas of its faces: 2.5 m/s to round-off; no cell lets gas out."""
    flow = flow_of(fed(**shape, mean=2.5), **MESHES[mesh])
    speeds, areas = inlet(flow)
    assert float((speeds * areas).sum() / areas.sum()) == pytest.approx(2.5, rel=1e-14)
    assert float(speeds.min()) > 0 and float(speeds.max()) < 6.0


def at(**coordinates):
    return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in coordinates.items()}


def test_parabolas_are_laminar_flow():
    """Their peaks over their means: 1.5 between planes, 2 in a pipe; annulus and duct by their equations."""
    planes, pipe = parabola({"y": Span(-1.0, 3.0)}), parabola({"y": Span(0.0, 2.0, True)})
    np.testing.assert_allclose(planes(at(y=[-1.0, 0.0, 1.0, 3.0])), [0.0, 0.75, 1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(pipe(at(y=[0.0, 1.0, 2.0])), [1.0, 0.75, 0.0], atol=1e-15)
    ring, k, h = parabola({"y": Span(0.4, 2.0, True)}), 0.4, 1e-4
    r = torch.linspace(0.41, 1.99, 50).double()

    def pull(s):  # (r u')' / r, which is one constant along r
        u = [ring(at(y=s + d)) for d in (-h, 0.0, h)]
        return ((s + h / 2) * (u[2] - u[1]) - (s - h / 2) * (u[1] - u[0])) / h**2 / s

    assert float(pull(r).std() / pull(r).mean().abs()) < 1e-5
    assert float(ring(at(y=[0.4, 2.0])).abs().max()) < 1e-14
    assert float(ring(at(y=torch.linspace(k, 2.0, 4001).double())).max()) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("ratio, wanted", [(1.0, 2.0962), (2.0, 1.9918), (10.0, 1.6007)])
def test_the_flow_of_a_duct_is_the_series(ratio, wanted):
    """Peak over mean: for a square 2.0962 (Shah & London 1978); zero at the walls; Poisson's equation within."""
    duct = parabola({"y": Span(0.0, 1.0), "z": Span(0.0, ratio)})
    y, wy = np.polynomial.legendre.leggauss(24)
    a, b = np.meshgrid(0.5 * (y + 1), 0.5 * ratio * (y + 1), indexing="ij")
    mean = float((duct(at(y=a, z=b)) * torch.as_tensor(np.outer(wy, wy))).sum()) / 4
    assert 1.0 / mean == pytest.approx(wanted, rel=2e-3)
    assert float(duct(at(y=0.5, z=0.5 * ratio))) == pytest.approx(1.0)
    assert float(duct(at(y=[0.0, 0.5], z=[0.3, 0.0])).abs().max()) < 1e-6
    h = 1e-3

    def laplacian(y, z):
        u = [float(duct(at(y=y + i, z=z + j))) for i, j in ((h, 0), (-h, 0), (0, h), (0, -h), (0, 0))]
        return (sum(u[:4]) - 4 * u[4]) / h**2

    assert laplacian(0.3, 0.4 * ratio) == pytest.approx(laplacian(0.6, 0.7 * ratio), rel=1e-3)


def test_power_laws_and_peaks():
    law = power_law({"y": Span(0.0, 2.0, True)}, 7.0)
    assert float(law(at(y=1.0))) == pytest.approx(0.5 ** (1 / 7)) and float(law(at(y=0.0))) == 1.0
    mean = quad(lambda r: 2 * r * (1 - r) ** (1 / 7), 0, 1)[0]
    assert mean == pytest.approx(49 / 60)  # of the 1/7 law, by which the mean of many cells is judged
    fine = {"kind": "axisymmetric", "y": {"lower": 0.0, "upper": 1e-3, "cells": 200}, "y_low": SYMMETRY, "y_high": WALL}
    speeds, areas = inlet(flow_of(fed(shape="power-law", peak=1.0), **fine))
    assert float((speeds * areas).sum() / areas.sum()) == pytest.approx(49 / 60, rel=2e-3)
    y = 0.5 * (np.linspace(0, 1e-3, 5)[1:] + np.linspace(0, 1e-3, 5)[:-1])
    four = {"lower": 0.0, "upper": 1e-3, "cells": 4}
    speeds, _ = inlet(flow_of(fed(shape="parabolic", peak="3 m/s"), y=four))
    np.testing.assert_allclose(speeds[0], 3.0 * (1 - (2 * y / 1e-3 - 1) ** 2), rtol=1e-14)


def test_layers_of_speed_temperature_and_gas():
    """A shear layer, and a slot: values far away, half way at the layer, and the slope there by the thickness."""
    y = {"lower": 0.0, "upper": 1e-3, "cells": 100}
    layer = {"shape": "tanh", "centre": "0.5 mm", "thickness": "0.1 mm"}
    slot = {**layer, "width": "0.4 mm"}
    flow = flow_of(
        {
            "kind": "inflow",
            "velocity": {**layer, "values": [1.0, 3.0]},
            "temperature": {**layer, "values": ["300 K", 600.0]},
            "composition": {**slot, "over": "y", "values": [AIR, FUEL]},
        },
        y=y,
    )
    speeds, _ = inlet(flow)
    centres = (np.arange(100) + 0.5) * 1e-5
    np.testing.assert_allclose(speeds[0], 2.0 + np.tanh(2 * (centres - 5e-4) / 1e-4), rtol=1e-13)
    assert (speeds[0, 50] - speeds[0, 49]) / 1e-5 == pytest.approx(2.0 / 1e-4, rel=1e-2)
    patch = next(p for p in flow.scheme.filler.patches() if p.at.now.stream is not None)
    stream, gas = patch.inner(patch.at.now.stream)[:, 0, :, 0], flow.scheme.problem.gas
    np.testing.assert_allclose(stream[0], 450.0 + 150.0 * np.tanh(2 * (centres - 5e-4) / 1e-4), rtol=1e-13)
    H2 = stream[1 + gas.index("H2")] / gas.composition(FUEL)[gas.index("H2")]
    assert float(H2[50]) > 0.999 and float(H2[0]) < 1e-4 and float(H2[-1]) < 1e-4
    assert float(H2[29]) == pytest.approx(0.5, abs=0.06) and float(stream[1:].sum(0).sub(1).abs().max()) < 1e-13
    flow.advance(1e-6)
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12


def test_shapes_on_parts_and_in_written_cases():
    """Each part has its own from edge to edge; what is written of a case reads as the same."""
    parts = [
        {**fed(shape="parabolic", mean=2.0), "where": {"y": [0.0, 4e-4]}},
        {**fed(shape="plug", mean=0.5), "where": {"y": [4e-4, 1e-3]}},
    ]
    y = {"lower": 0.0, "upper": 1e-3, "cells": 10}
    config = config_of(parts, y=y, y_low=SYMMETRY, y_high=WALL)
    assert convert(tomllib.loads(to_toml(config)), "again") == config
    kernels.set_mode("eager")
    speeds, _ = inlet(case.Builder(config, Communicator()).flow())
    whole = 1 - (np.arange(4) + 0.5) ** 2 / 16
    np.testing.assert_allclose(speeds[0], [*(2.0 * whole / whole.mean()), *[0.5] * 6], rtol=1e-14)


@pytest.mark.parametrize("profile, words", [
    ({"shape": "parabolic"}, "give mean or peak"),
    ({"shape": "parabolic", "mean": 1.0, "peak": 2.0}, "give mean or peak"),
    ({"shape": "parabolic", "mean": -1.0}, "mean"),
    ({"shape": "cubic", "mean": 1.0}, "parabolic"),
    ({"shape": "plug", "mean": 1.0, "exponent": 7}, "exponent is for"),
    ({"shape": "plug", "mean": 1.0, "width": 1e-4}, "width is for"),
    ({"shape": "parabolic", "mean": 1.0, "over": "time"}, "nor time"),
    ({"shape": "parabolic", "mean": 1.0, "over": "x"}, '"x" is no direction'),
    ({"shape": "tanh", "values": [1.0, 2.0]}, "centre and thickness"),
    ({"shape": "tanh", "values": [1.0, -2.0], "centre": 5e-4, "thickness": 1e-4}, r"values\[1\] = -2"),
    ({"shape": "tanh", "values": [1.0, 2.0], "centre": 5e-4, "thickness": 0.0}, "thickness"),
    ({"over": "y", "at": [0.0, 1e-3], "values": [1.0, 1.0], "mean": 1.0}, "mean is for a shape"),
    ({"mean": 1.0}, "over is missing"),
])  # fmt: skip
def test_bad_shapes_are_named(profile, words):
    with pytest.raises(ConfigError, match=words) as caught:
        flow_of(fed(**profile))
    assert "boundary.x_low" in str(caught.value)


def test_a_parabola_needs_walls_and_a_velocity():
    with pytest.raises(ConfigError, match="from wall to wall"):
        flow_of(fed(shape="parabolic", mean=1.0), y_low=SYMMETRY, y_high=SYMMETRY)
    warm = {"kind": "inflow", "velocity": 1.0, "temperature": {"shape": "parabolic", "peak": 400.0}}
    with pytest.raises(ConfigError, match='allowed here: "tanh"'):
        flow_of(warm)


# --- planes of an earlier run -----------------------------------------------------------------------------------------


def test_a_plane_of_an_earlier_run_flows_in(tmp_path):
    """All components, T and Y, linear between its times and cells, begun again with repeat; restarts are bitwise."""
    names = ("u", "v", "T", "Y_N2", "Y_O2")
    where = {"x": np.array([0.0]), "y": (np.arange(5) + 0.5) * 2e-4, "z": np.array([0.5])}
    y = where["y"].reshape(1, 5, 1)

    def fields(t):
        share = 0.2 + 100 * y
        return dict(zip(names, (2 + 1e3 * y + 1e3 * t, 5e2 * y, 300 + 1e5 * y, share, 1 - share), strict=True))

    path = tmp_path / "exit.npy"
    planes.begin(path, planes.record_type(where, names))
    for step, t in enumerate((4e-3, 5e-3, 7e-3)):  # time zero of the run that reads it is 4 ms
        planes.append(path, planes.record(step, t, where, fields(t - 4e-3)))
    given = {"file": str(path), "repeat": True}
    inflow = {"kind": "inflow", "velocity": given, "temperature": given, "composition": given}
    even = {"lower": 0.0, "upper": 1e-3, "cells": 10}
    whole, again = flow_of(inflow, y=even), flow_of(inflow, y=even)
    centres = whole.grid.centres[1].reshape(-1).numpy()
    inside = slice(1, 9)  # half a cell at its ends holds the last value
    for t, shown in ((0.0, 0.0), (5e-4, 5e-4), (2.5e-3, 2.5e-3), (3.5e-3, 5e-4)):
        whole.scheme.filler.at(t)
        (patch,) = (p for p in whole.scheme.filler.patches() if p.at.now.stream is not None)
        u = patch.inner(patch.at.now.velocity[2])[0, :, 0].numpy()
        np.testing.assert_allclose(u[inside], (2 + 1e3 * centres + 1e3 * shown)[inside], rtol=1e-12)
        stream, gas = patch.inner(patch.at.now.stream)[:, 0, :, 0].numpy(), whole.scheme.problem.gas
        np.testing.assert_allclose(stream[0][inside], (300 + 1e5 * centres)[inside], rtol=1e-12)
        np.testing.assert_allclose(stream[1 + gas.index("N2")][inside], (0.2 + 100 * centres)[inside], rtol=1e-12)
        assert np.abs(stream[1:].sum(0) - 1).max() < 1e-14
        v = patch.at.now.velocity[1]
        assert float(v.max()) > 0.4
    for _ in range(3):
        whole.advance(2e-5)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    again.time, again.step = whole.time, whole.step
    again.restore(saved.__getitem__)
    for flow in (whole, again):
        flow.advance(2e-5)
    assert all(np.array_equal(again.state()[name][0], array) for name, (array, _) in whole.state().items())
    assert abs(whole.quantity("mass_error")) < 1e-12 and whole.quantity("element_error") < 1e-12
    assert "temperature" not in str(whole.concerns())  # streams of a plane are judged, and these are sound
    [side] = [c for c in whole.scheme.problem.boundaries[2] if isinstance(c, Inflow)]
    streams = torch.stack(side.streams)
    assert float(streams[:, 0].min()) == pytest.approx(310) and float(streams[:, 0].max()) == pytest.approx(390)
    assert largest(side.velocity[2]) == pytest.approx(2 + 0.9 + 3)  # of all planes, not of the first


@pytest.mark.parametrize("cells", [8, 12])
def test_a_part_of_which_a_rank_has_ghosts_alone(cells):
    """Three layers of ghosts reach beyond a part's edge: such a rank owns nothing of it, and says so."""
    for first, count in ((0, 3), (0, 2), (cells - 1, 3), (3, 3)):
        patch = object.__new__(Patch)
        object.__setattr__(patch, "over", 1)
        object.__setattr__(patch, "cells", (first, count))
        layout = SimpleNamespace(axes=(1, 2), g=(0, 3, 3), n=(1, cells, 4))
        object.__setattr__(patch, "grid", SimpleNamespace(layout=layout))
        object.__setattr__(patch, "at", SimpleNamespace(axis=2))
        own = set(range(3, 3 + cells)) & set(range(first, first + count))
        found = patch.inner(torch.arange(first, first + count).reshape(1, count, 1))
        assert found.flatten().tolist() == sorted(own)


# --- several streams --------------------------------------------------------------------------------------------------

STREAMS = """
[[boundary.x_low]]             # fuel jet
kind        = "inflow"
where       = { y = ["0 mm", "0.4 mm"] }
velocity    = { shape = "parabolic", mean = "3 m/s" }
composition = "H2:1, N2:1"

[[boundary.x_low]]             # pilot: hot products
kind        = "inflow"
where       = { y = ["0.4 mm", "0.6 mm"] }
velocity    = { shape = "plug", mean = "5 m/s" }
composition = "H2O:2, N2:3.76"
temperature = 1500.0

[[boundary.x_low]]             # co-flow
kind        = "inflow"
where       = { y = ["0.6 mm", "1 mm"] }
velocity    = { shape = "power-law", mean = "0.5 m/s" }
composition = "O2:0.21, N2:0.79"
"""


@pytest.mark.parametrize("kind", ["stretched", "axisymmetric"])
def test_three_streams_on_one_side(kind):
    """Fuel, pilot and co-flow: what enters is the mass flow of each, species by species, to round-off."""
    parts = tomllib.loads(STREAMS)["boundary"]["x_low"]
    page = Path(__file__).resolve().parents[2] / "docs" / "boundaries.md"
    assert STREAMS.strip() in page.read_text(encoding="utf-8")
    even = {"lower": 0.0, "upper": 1e-3, "cells": 10}
    flow = flow_of(parts, kind, y=even, y_low=SYMMETRY, y_high=WALL)
    dt, steps, gas, filler = 2e-6, 3, flow.scheme.problem.gas, flow.scheme.filler
    for name in ("areas", "diffusion_areas"):  # of the balance, that of this side alone
        low, high = getattr(filler, name)[2]
        setattr(filler, name, (None, getattr(filler, name)[1], (low, torch.zeros_like(high))))
    for _ in range(steps):
        flow.advance(dt)
    wanted = torch.zeros(len(gas.species), dtype=torch.float64)
    for part, mean in zip(parts, (3.0, 5.0, 0.5), strict=True):
        low, high = (float(text.split()[0]) * 1e-3 for text in part["where"]["y"])
        area = math.pi * (high**2 - low**2) if kind == "axisymmetric" else high - low
        Y = gas.composition(part["composition"])
        T = torch.tensor(part.get("temperature", 300.0), dtype=torch.float64)
        wanted += float(gas.density(T, 101325.0, Y)) * mean * area * dt * steps * Y
    np.testing.assert_allclose(-flow.current.balance[1:], wanted, rtol=1e-12, atol=1e-16 * float(wanted.sum()))
