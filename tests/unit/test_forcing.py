"""What drives flows along periodic directions and keeps turbulence up: exact profiles, powers, restarts, refusals."""

import math

import numpy as np
import pytest
import torch

from combust.case.load import convert
from combust.case.names import need_of
from combust.cfd.closures.base import Bulk, Rates
from combust.cfd.operators.momentum import velocity_divergence
from combust.errors import ConfigError
from combust.parallel import ALONE
from combust.run.build import build
from combust.run.run import run
from tests.draws import seed

H, MU, U = 1e-3, 1e-5, 1.0  # half height [m], viscosity [Pa s], bulk velocity [m/s]
GAS = {"mechanism": "cases/nitrogen.yaml", "transport": {"kind": "constant", "viscosity": MU}}
Y = {"lower": 0.0, "upper": 2 * H, "cells": 8, "ratio": 1.2, "symmetric": True}
INITIAL = {"kind": "uniform", "composition": "N2:1", "temperature": 300.0}


def channel(source, **tables):
    """A channel between walls in y, two cells along it."""
    raw = {
        "mesh": {"kind": "stretched", "x": {"lower": 0.0, "upper": H, "cells": 2}, "y": Y},
        "gas": GAS,
        "chemistry": {"kind": "none"},
        "initial": {**INITIAL, "velocity": (0.5, 0.0)},
        "boundary": {"x": {"kind": "periodic"}, "y": {"kind": "wall"}},
        "numerics": {"compile": "off", "sweeps": 1},
        "stop": {"steps": 1},
        "sources": [source],
    }
    return convert({**raw, **tables}, "case.toml")


def poiseuille(flow, force):
    """The solution of the differences: the stress at faces is exact, the wall half a cell away."""
    f = np.array(flow.grid.faces[1])
    centres = 0.5 * (f[1:] + f[:-1])
    return np.cumsum(force * (H - f[:-1]) * np.diff(centres, prepend=f[0]) / MU)


@pytest.mark.parametrize("key", ["velocity", "mass_flux"])
def test_a_bulk_flow_is_held_at_every_step_and_its_force_becomes_the_friction(key):
    """3 mu U / h^2 of laminar flow; steps of the order of H^2/nu change neither."""
    flow = build(channel({"kind": "mass-flux", key: U}), ALONE)
    rho = float(flow.field("rho")[0, 0, 0])
    target = U if key == "velocity" else U / rho
    force = 3 * MU * target / H**2
    for n in range(25):
        flow.advance(1e-2)
        assert flow.quantity("bulk_velocity") == pytest.approx(target, rel=1e-13)
        assert n or flow.quantity("driving_force") > 2 * force  # it has been brought to its speed
    assert flow.quantity("driving_force") == pytest.approx(force, rel=0.05)
    assert flow.quantity("forcing_power") == pytest.approx(flow.quantity("driving_force") * target * 2 * H * H)
    found = flow.field("u")[0, 0, :, 0]
    np.testing.assert_allclose(found, poiseuille(flow, flow.quantity("driving_force")), rtol=1e-3)


@pytest.mark.parametrize("source", [{"gradient": -30.0}, {"friction_velocity": 0.2}])
def test_a_pressure_gradient_drives_the_flow_that_its_walls_hold(source):
    flow = build(channel({"kind": "pressure-gradient", **source}), ALONE)
    rho = float(flow.field("rho")[0, 0, 0])
    force = -source["gradient"] if "gradient" in source else rho * source["friction_velocity"] ** 2 / H
    for _ in range(60):
        flow.advance(1e-2)
    assert flow.quantity("driving_force") == pytest.approx(force, rel=1e-12)
    found = flow.field("u")[0, 0, :, 0]
    np.testing.assert_allclose(found, poiseuille(flow, force), rtol=1e-3)
    assert flow.quantity("bulk_velocity") == pytest.approx(force * H**2 / (3 * MU), rel=0.05)
    assert flow.quantity("forcing_power") == pytest.approx(force * flow.quantity("bulk_velocity") * 2 * H * H)


def test_friction_of_a_pipe_and_of_one_wall():
    """2 u_tau^2 / R in a pipe; beside a wall without friction only the other one holds the flow."""
    axis = {"kind": "symmetry"}
    pipe = channel(
        {"kind": "pressure-gradient", "friction_velocity": 0.1},
        mesh={"kind": "axisymmetric", "x": {"lower": 0, "upper": H, "cells": 2}, "y": {**Y, "ratio": 1.0}},
        boundary={"x": {"kind": "periodic"}, "y_low": axis, "y_high": {"kind": "wall"}},
    )
    flow = build(pipe, ALONE)
    assert flow.quantity("driving_force") == pytest.approx(flow.field("rho")[0, 0, 0] * 0.01 * 2 / (2 * H), rel=1e-12)
    half = channel(
        {"kind": "pressure-gradient", "friction_velocity": 0.1},
        boundary={"x": {"kind": "periodic"}, "y_low": axis, "y_high": {"kind": "wall"}},
    )
    flow = build(half, ALONE)
    assert flow.quantity("driving_force") == pytest.approx(flow.field("rho")[0, 0, 0] * 0.01 / (2 * H), rel=1e-12)


def test_the_mass_flux_is_held_where_density_varies():
    """Layers of hot and cold gas that mix: to what density does within a step."""
    cold, hot = ({"composition": "N2:1", "temperature": T, "velocity": (U,)} for T in (300.0, 900.0))
    layers = {"kind": "layers", "along": "y", "streams": ({**cold, "until": H, "width": 2e-4}, hot)}
    flow = build(channel({"kind": "mass-flux", "mass_flux": 0.7}, initial=layers), ALONE)
    for _ in range(10):
        flow.advance(1e-4)
        flux = float((flow.field("rho") * flow.field("u")[0] * flow.grid.volume.numpy()).sum() / (2 * H * H))
        assert flux == pytest.approx(0.7, rel=1e-6)


RUN = """
mesh = { kind = "stretched", x = { lower = 0, upper = 1e-3, cells = 4 }, y = { lower = 0, upper = 2e-3, cells = 6 } }
gas = { mechanism = "nitrogen.yaml", transport = { kind = "constant", viscosity = 1e-5 } }
chemistry = { kind = "none" }
initial = { kind = "uniform", composition = "N2:1", temperature = 300, velocity = [1.0, 0.0] }
boundary = { x = { kind = "periodic" }, y = { kind = "wall" } }
numerics = { compile = "off" }
stop = { steps = 8 }
sources = [{ kind = "mass-flux", velocity = 1.0 }]
[output]
directory = "whole"
series = { quantities = ["driving_force", "bulk_velocity", "forcing_power"], every = { steps = 1 } }
"""


def test_restart_with_a_bulk_flow(tmp_path, monkeypatch):
    """Bit by bit as the run in one piece; the force that it begins with is that of the last step before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.toml").write_text(RUN)
    (tmp_path / "nitrogen.yaml").write_text(NITROGEN)
    run("case.toml")
    run("case.toml", overrides=["output.directory=parts", "stop.steps=4"])
    done = run("case.toml", overrides=["output.directory=parts"], restart="auto")
    assert (tmp_path / "whole/series.csv").read_text() == (tmp_path / "parts/series.csv").read_text()
    ends = [sorted((tmp_path / name).glob("fields_*.vtr"))[-1].read_bytes() for name in ("whole", "parts")]
    assert ends[0] == ends[1]
    assert done.summary["sources"]["bulk_velocity"] == pytest.approx(1.0, rel=1e-13)


with open("cases/nitrogen.yaml", encoding="utf-8") as file:
    NITROGEN = file.read()


def box(source, cells=(8, 8, 8), **tables):
    """A periodic box of turbulence."""
    size = tuple(2e-3 * n / 8 for n in cells)
    raw = {
        "mesh": {"kind": "uniform", "cells": cells, "lower": (0.0,) * len(cells), "upper": size},
        "gas": GAS,
        "chemistry": {"kind": "none"},
        "initial": {
            **INITIAL,
            "velocity": (3.0, 0.0),
            "turbulence": {"spectrum": {"kind": "passot-pouquet", "u_rms": 1.0, "length": 4e-4}, "seed": seed(1)},
        },
        "boundary": {axis: {"kind": "periodic"} for axis in "xyz"[: len(cells)]},
        "numerics": {"compile": "off", "sweeps": 1},
        "stop": {"steps": 1},
        "sources": [source],
    }
    return convert({**raw, **tables}, "case.toml")


@pytest.mark.parametrize("cells", [(8, 8, 8), (12, 8)])
def test_linear_forcing_has_its_power_and_moves_nothing_else(cells):
    """k + P dt after the force alone, whatever the step; the mean velocity stays."""
    source = {"kind": "linear-forcing", "u_rms": 2.0, "length": 4e-4}
    flow = build(box(source, cells), ALONE)
    view, grid = flow.diagnostics.view(), flow.grid
    power = 2.0**3 / 4e-4
    for dt in (1e-6, 1e-3):
        rates = flow.scheme.problem.sources[0].rates(view, 0.0, dt)
        before = after = 0.0
        for a in grid.layout.axes:
            n = grid.layout.n[a]
            u = flow.scheme.block_faces(view.u)[a].narrow(a, 0, n)
            moved = u + dt * rates.acceleration[a].narrow(a, 0, n)
            assert float(moved.mean()) == pytest.approx(float(u.mean()), abs=1e-12)
            before, after = before + 0.5 * float(u.var(correction=0)), after + 0.5 * float(moved.var(correction=0))
        assert after == pytest.approx(before + power * dt, rel=1e-12)
    assert flow.quantity("forcing_power") == pytest.approx(power * flow.field("rho")[0, 0, 0] * grid.volume.sum())
    assert flow.quantity("turbulence_u_rms") == pytest.approx(math.sqrt(2 * before / len(cells)), rel=1e-12)
    assert flow.scheme.problem.sources[0].rates(view, 0.0, 0.0) == Rates()


def test_linear_forcing_of_a_part_of_a_flow_that_passes():
    """Between inflow and outflow: power and mean are those of the part, and nothing is pushed elsewhere."""
    source = {"kind": "linear-forcing", "u_rms": 2.0, "length": 4e-4, "x": (2.1e-4, 6.1e-4)}
    sides = {"x_low": {"kind": "inflow", "velocity": 1.0}, "x_high": {"kind": "outflow"}, "y": {"kind": "periodic"}}
    flow = build(box(source, (8, 8), boundary=sides), ALONE)
    view, grid = flow.diagnostics.view(), flow.grid
    inside = ((grid.centres[2] > 2.1e-4) & (grid.centres[2] < 6.1e-4)).flatten()
    volume = float(grid.volume[..., inside].sum())
    assert flow.quantity("forcing_power") == pytest.approx(2.0**3 / 4e-4 * flow.field("rho")[0, 0, 0] * volume)
    force = flow.scheme.problem.sources[0].rates(view, 0.0, 1e-6).acceleration
    assert not force[1][..., ~inside].any() and force[1][..., inside].any()
    faces = grid.face_points(2)[2].flatten()
    assert not force[2][..., (faces < 2.1e-4) | (faces > 6.1e-4)].any()
    assert abs(float(force[1][:, :-1][..., inside].sum())) < 1e-9 * float(force[1].abs().sum())
    steps = flow.quantity("turbulence_u_rms")
    flow.advance(1e-6)
    assert flow.quantity("turbulence_u_rms") != steps


@pytest.mark.slow
def test_linear_forcing_settles_at_its_power():
    """With eddies below the grid: what the force puts in is what viscosity takes, and u' is near what was asked."""
    from combust.cfd.sources.linear import NATURAL

    source = {"kind": "linear-forcing", "u_rms": 2.0}
    flow = build(box(source, (12, 12, 12), turbulence={"kind": "smagorinsky"}), ALONE)
    turnover = NATURAL * 2e-3 * 12 / 8 / 2.0
    found = []
    while flow.time < 12 * turnover:
        flow.advance(min(flow.limit()[0], 1.0))
        if flow.time > 6 * turnover:
            found.append((flow.quantity("turbulence_u_rms"), flow.quantity("viscous_dissipation")))
    u_rms, dissipation = np.mean(found, 0)
    print(u_rms, dissipation / flow.quantity("forcing_power"))
    assert dissipation == pytest.approx(flow.quantity("forcing_power"), rel=0.15)
    assert u_rms == pytest.approx(2.0, rel=0.2)


def test_sums_of_rates():
    one, two = torch.ones(1), 2 * torch.ones(1)
    held = (None, None, Bulk(velocity=1.0))
    total = Rates(acceleration=(None, None, one)) + Rates(acceleration=(one, None, two), bulk=held)
    assert total.acceleration[0] is one and total.acceleration[1] is None
    assert float(total.acceleration[2]) == 3.0
    assert total.bulk == held and total.momentum is None


WRONG = [
    (channel, {"kind": "mass-flux", "axis": "y", "velocity": 1.0}, r'sources\[0\]: axis = "y": the sides in y are not'),
    (channel, {"kind": "mass-flux", "axis": "z", "velocity": 1.0}, "the mesh has no cells to tell apart in z"),
    (channel, {"kind": "mass-flux"}, "give velocity or mass_flux, one of the two"),
    (channel, {"kind": "pressure-gradient", "gradient": 1.0, "friction_velocity": 1.0}, "one of the two"),
    (channel, {"kind": "linear-forcing", "u_rms": 1.0}, "needs a periodic box; the sides in y are not"),
    (box, {"kind": "pressure-gradient", "friction_velocity": 1.0}, "no wall with friction lies along x"),
    (box, {"kind": "linear-forcing", "u_rms": 0.0}, "u_rms"),
    (box, {"kind": "spectral-forcing", "u_rms": 1.0}, "has fewer than 8 cells .* at most 1 on this mesh"),
    (channel, {"kind": "spectral-forcing", "u_rms": 1.0}, "needs a periodic box; the sides in y are not"),
    (box, {"kind": "linear-forcing", "u_rms": 1.0, "x": (2e-3, 1e-3)}, "must rise"),
    (box, {"kind": "linear-forcing", "u_rms": 1.0, "x": (1.0, 2.0)}, "no cell has its centre there"),
    (channel, {"kind": "linear-forcing", "u_rms": 1.0, "x": (0.0, 1e-3)}, "the sides in y are not"),
]


@pytest.mark.parametrize("made, source, message", WRONG)
def test_wrong_forcing(made, source, message):
    with pytest.raises(ConfigError, match=message):
        build(made(source), ALONE)


def test_two_sources_hold_one_flow():
    two = [{"kind": "mass-flux", "velocity": v} for v in (1.0, 2.0)]
    with pytest.raises(ConfigError, match='two sources hold the flow along "x"'):
        channel(None, sources=two)


def test_doubts_and_names():
    flow = build(box({"kind": "linear-forcing", "u_rms": 1.0, "length": 1e-4}), ALONE)
    assert "0.19 of the side" in flow.concerns()["forcing_length"]
    still = build(box({"kind": "linear-forcing", "u_rms": 1.0}, initial=INITIAL), ALONE)
    assert "there is none" in still.concerns()["forcing"]
    assert "mass-flux" in need_of("driving_force") and "pressure-gradient" in need_of("driving_force")
    with pytest.raises(ConfigError, match='"driving_force" needs sources'):
        flow.quantity("driving_force")


def test_spectral_forcing_pushes_its_waves_alone():
    """Those with at most two of their lengths in the box; its power is exact, its divergence and mean are none."""
    source = {"kind": "spectral-forcing", "u_rms": 2.0, "length": 4e-4}
    flow = build(box(source, (16, 16, 16)), ALONE)
    view, grid, forcing = flow.diagnostics.view(), flow.grid, flow.scheme.problem.sources[0]
    k0, dt = 1.5 * 2.0**2, 1e-5
    assert forcing.power_per_mass(k0) == pytest.approx(2.0**3 / 4e-4, rel=1e-12)
    rates = forcing.rates(view, 0.0, dt)
    number = np.fft.fftfreq(16, 1 / 16)
    size = np.sqrt(number[:, None, None] ** 2 + number[:, None] ** 2 + number**2)
    band, before, after = (size > 0) & (size <= 2), 0.0, 0.0
    for a in range(3):
        force = rates.acceleration[a]
        assert torch.allclose(force.select(a, 0), force.select(a, -1), rtol=0, atol=1e-9 * float(force.abs().max()))
        u = flow.scheme.block_faces(view.u)[a].narrow(a, 0, 16).numpy()
        hat, own = np.fft.fftn(u) / 16**3, np.fft.fftn(force.narrow(a, 0, 16).numpy()) / 16**3
        rate = (own * hat.conj())[band].sum().real / (np.abs(hat[band]) ** 2).sum()  # the same for all of its waves
        np.testing.assert_allclose(own[band], rate * hat[band], rtol=0, atol=1e-12 * np.abs(own).max())
        assert np.abs(own[~band]).max() < 1e-12 * np.abs(own).max()
        before, after = before + 0.5 * u.var(), after + 0.5 * (u + dt * force.narrow(a, 0, 16).numpy()).var()
    assert after - before == pytest.approx(forcing.power_per_mass(before) * dt, rel=1e-9)
    faces = flow.scheme.filler.velocity(flow.scheme.filler.pad_faces(rates.acceleration))
    found = velocity_divergence(faces, grid.layout, grid.metrics).abs().max()
    assert float(found) < 1e-9 * float(rates.acceleration[2].abs().max()) * 16 / 4e-3
