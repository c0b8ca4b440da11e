"""What closures, forcing and interactions are given that cannot be, and what they show where there is no turbulence."""

import numpy as np
import pytest
import torch

from combust.case.load import convert
from combust.case.names import has, need_of
from combust.cfd.closures import dynamic_smagorinsky
from combust.cfd.interaction import edc, times
from combust.errors import ConfigError, DivergenceError
from combust.parallel import ALONE
from combust.run.build import build
from combust.run.summary import of_sources

SIZE = 2e-3
GAS = {"mechanism": "cases/nitrogen.yaml", "transport": {"kind": "constant", "viscosity": 1e-5}}
EVEN = {"kind": "uniform", "composition": "N2:1", "temperature": 300.0, "velocity": (3.0, 0.0)}
VORTICES = {"kind": "taylor-green", "composition": "N2:1", "temperature": 300.0, "velocity": 1.0}
STIRRED = {**EVEN, "turbulence": {"spectrum": {"kind": "passot-pouquet", "u_rms": 1.0, "length": 4e-4}, "seed": 1}}
EDDIES = {"intensity": 0.05, "length": 1e-4}


def box(dimensions=2, cells=8, **tables):
    """A periodic box of nitrogen."""
    raw = {
        "mesh": {
            "kind": "uniform", "cells": (cells,) * dimensions, "lower": (0.0,) * dimensions,
            "upper": (SIZE,) * dimensions,
        },
        "gas": GAS,
        "chemistry": {"kind": "none"},
        "initial": EVEN,
        "boundary": {axis: {"kind": "periodic"} for axis in "xyz"[:dimensions]},
        "numerics": {"compile": "off", "sweeps": 1},
        "stop": {"steps": 1},
    }  # fmt: skip
    return convert({**raw, **tables}, "case.toml")


def made(dimensions=2, **tables):
    return build(box(dimensions, **tables), ALONE)


# --- forcing of what there is not -----------------------------------------------------------------------------------


def test_an_even_stream_is_not_forced_and_no_power_is_told():
    for kind in ("linear-forcing", "spectral-forcing"):
        flow = made(cells=16, sources=[{"kind": kind, "u_rms": 2.0}])
        assert "it adds nothing" in flow.concerns()["forcing"]
        assert flow.quantity("forcing_power") == flow.quantity("turbulence_u_rms") == 0.0
        for u in flow.current.u[1:]:  # round-off, as a few steps leave it
            u += 1e-15 * torch.sin(torch.arange(u.numel(), dtype=torch.float64)).reshape(u.shape)
        flow.advance(1e-6)
        assert np.ptp(flow.field("u"), axis=(1, 2, 3)).max() < 1e-13
        assert flow.quantity("forcing_power") == 0.0 and "it adds nothing" in flow.concerns()["forcing"]


def test_waves_that_the_motion_has_none_of_are_not_forced():
    """Taylor and Green's vortices are waves of 1/sqrt(2) of the side: longer ones are round-off."""
    source = {"kind": "spectral-forcing", "u_rms": 2.0, "length": 1e-5}
    empty, full = (made(cells=16, initial=VORTICES, sources=[{**source, "waves": w}]) for w in (1.3, 2.0))
    free = made(cells=16, initial=VORTICES)
    assert "none so long" in empty.concerns()["forcing"] and "forcing" not in full.concerns()
    assert empty.quantity("forcing_power") == 0.0 < full.quantity("forcing_power")
    for flow in (empty, full, free):
        for _ in range(3):
            flow.advance(1e-6)
    np.testing.assert_array_equal(empty.field("u"), free.field("u"))
    assert full.quantity("turbulence_u_rms") > 1.1 * free.quantity("speed_max") / 2
    with pytest.raises(ConfigError, match='"forcing_power" needs sources'):
        free.quantity("forcing_power")


def test_several_sources_of_one_column_are_asked_apart():
    sources = [{"kind": "pressure-gradient", "axis": axis, "gradient": g} for axis, g in (("x", -30.0), ("y", 20.0))]
    config = box(initial=STIRRED, sources=[*sources, {"kind": "linear-forcing", "u_rms": 2.0}])
    flow = build(config, ALONE)
    said = r'"driving_force": sources\[0\], sources\[1\] show it.*ask for "driving_force\[0\]", "driving_force\[1\]"'
    with pytest.raises(ConfigError, match=said):
        flow.quantity("driving_force")
    assert [flow.quantity(f"driving_force[{n}]") for n in (0, 1)] == [30.0, -20.0]
    assert flow.quantity("bulk_velocity[0]") == pytest.approx(3.0)
    assert abs(flow.quantity("bulk_velocity[1]")) < 1e-12
    with pytest.raises(ConfigError, match=r'"bulk_velocity\[2\]": there is bulk_velocity\[0\], bulk_velocity\[1\]'):
        flow.quantity("bulk_velocity[2]")
    powers = [flow.quantity(f"forcing_power[{n}]") for n in range(3)]
    assert flow.quantity("forcing_power") == pytest.approx(sum(powers)) and powers[0] == pytest.approx(90 * SIZE**2)
    shown = of_sources(flow, config)
    assert shown["driving_force[1]"] == -20.0 and "driving_force" not in shown
    assert shown["turbulence_u_rms"] == flow.quantity("turbulence_u_rms")
    assert has(config, need_of("bulk_velocity[1]"))


# --- where there is no turbulence -----------------------------------------------------------------------------------


def test_round_off_has_no_dynamic_constant():
    """C is a ratio of what is round-off in an even stream: there were eddies of the viscosity of a jet."""
    noise = torch.sin(torch.arange(3 * 6**3, dtype=torch.float64)).reshape(3, 6, 6, 6)
    rows = torch.zeros(10, 6, 6, 6, dtype=torch.float64)
    rows[0], rows[1:4], rows[4:7] = 1.2, 10.0 + 1e-15 * noise, 1e-12 * noise
    sixth = torch.tensor(1 / 6, dtype=torch.float64)
    width = torch.full((4, 4, 4), 1e-3, dtype=torch.float64)
    args = width, 4.0, ((sixth, sixth),) * 3
    assert not dynamic_smagorinsky.contractions(rows, *args).any()
    rows[1:4], rows[4:7] = 10.0 + 1e-3 * noise, noise
    assert dynamic_smagorinsky.contractions(rows, *args)[1].min() > 0


def test_numbers_of_vanishing_eddies_stay_bounded():
    """Da and tau* go to zero and kappa to one with the eddies, from Re_t = 1 on; nothing changes above."""
    nu, D = torch.tensor(1.5e-5, dtype=torch.float64), 1e-4
    nu_t = torch.logspace(-200, -3, 300, dtype=torch.float64)
    k = (nu_t / (0.094 * D)) ** 2
    epsilon = 1.048 * k**1.5 / D
    Re, rate = times.turbulent_reynolds(nu, k, epsilon), torch.tensor(1e4, dtype=torch.float64)
    Da = times.damkoehler(nu, k, epsilon, rate)
    found = edc.fine_structures("2005", nu, k, epsilon, (edc.C_GAMMA, edc.C_TAU))
    diffusion = D * D / nu
    assert float(Da.max()) < 2 * float(diffusion * rate) and float(found.time.max()) < 2 * float(diffusion)
    assert float(Da[0]) == float(found.time[0]) == 0.0 and bool((found.kappa[Re < 1] == 1.0).all())
    there = Re >= 1
    torch.testing.assert_close(Da[there], (k / epsilon * rate)[there])
    torch.testing.assert_close(found.time[there], 0.4083 * (nu / epsilon[there]).sqrt())


def test_all_of_an_even_stream_is_resolved():
    flow = made(3, cells=6, turbulence={"kind": "wale"}, initial={**EVEN, "velocity": (3.1, 1.7, 0.3)})
    for u in flow.current.u:
        u += 1e-15 * torch.sin(torch.arange(u.numel(), dtype=torch.float64)).reshape(u.shape)
    assert flow.field("resolution").min() == 1.0


# --- what is refused ------------------------------------------------------------------------------------------------

IN = {"kind": "inflow", "velocity": 3.0, "turbulence": EDDIES}
OPEN = {"x_low": IN, "x_high": {"kind": "outflow"}, "y": {"kind": "periodic"}}
FLUCTUATING = {**IN, "fluctuations": {"kind": "digital-filter", "u_rms": 0.1, "length": 5e-4}}
AVERAGED = {"kind": "k-epsilon", "initial": EDDIES}
RANGES = [
    ({"turbulence": {"kind": "k-equation", "initial": {"k": 1.0, "intensity": 0.1}}}, "say the same: give one"),
    ({"turbulence": {**AVERAGED, "initial": {"intensity": 5.0, "length": 1e-4}}}, r"initial\.intensity"),
    ({"turbulence": {"kind": "k-equation", "initial": {"k": 1e6}}},
     r"turbulence\.initial: k = 1e\+06 m2/s2 is of eddies of 816 m/s, faster .* 353 m/s.*at most 1\.87e\+05 m2/s2"),
    ({"turbulence": AVERAGED, "boundary": {**OPEN, "x_low": {**IN, "turbulence": {"k": 1e6, "length": 1e-4}}}},
     r"boundary\.x_low\.turbulence: k = 1e\+06 m2/s2 is of eddies of 816 m/s"),
    ({"turbulence": AVERAGED, "boundary": {**OPEN, "x_low": FLUCTUATING}},
     r'boundary\.x_low\.fluctuations: is of eddies that are resolved, and turbulence\.kind = "k-epsilon" stands'),
    ({"turbulence": AVERAGED, "initial": STIRRED}, r"initial\.turbulence: is of eddies that are resolved"),
]  # fmt: skip


@pytest.mark.parametrize("tables, words", RANGES)
def test_eddies_that_cannot_be_are_refused_by_name(tables, words):
    with pytest.raises(ConfigError, match=words):
        made(**tables)


FLAME = {"kind": "thickened", "speed": 0.4, "thickness": 4e-4, "fresh": 300.0, "burnt": 2200.0}
FLAMES = [
    ({"fresh": 2200.0, "burnt": 300.0}, "fresh, burnt: 2200 and 300 K; burnt gas must be the hotter one"),
    ({"fresh": -5.0}, "fresh, burnt: -5 and 2200 K; burnt gas must be the hotter one"),
    ({"factor": 1e6}, r"factor = 1e\+06: makes the flame 400 m thick, and the domain is 0\.002 m long: at most 5"),
    ({"cells": 9.0}, r"cells = 9: makes the flame 0\.00225 m thick, .* at most 8"),
    ({"thickness": 0.4}, r"thickness: of the flame, 0\.4 m, is more than the domain is long, 0\.002 m"),
]


@pytest.mark.parametrize("keys, words", FLAMES)
def test_flames_that_cannot_be_are_refused_by_name(keys, words):
    with pytest.raises(ConfigError, match=f"combustion: {words}"):
        made(combustion={**FLAME, **keys})


def test_walls_that_there_are_not_have_no_friction():
    flow = made(boundary={"x": {"kind": "periodic"}, "y": {"kind": "wall", "slip": True}})
    for name in ("y_plus", "max(y_plus)", "friction_velocity_y_low"):
        with pytest.raises(ConfigError, match="needs a wall with friction"):
            flow.field(name) if name == "y_plus" else flow.quantity(name)
    walls = {"x": {"kind": "periodic"}, "y_low": {"kind": "wall"}, "y_high": {"kind": "wall", "slip": True}}
    config = box(boundary=walls)
    shown = {
        name: has(config, need_of(name)) for name in ("y_plus", "friction_velocity_y_low", "friction_velocity_y_high")
    }
    assert list(shown.values()) == [True, True, False]
    assert build(config, ALONE).quantity("friction_velocity_y_low") > 0


@pytest.mark.parametrize(
    "source", [{"kind": "mass-flux", "velocity": -1e4}, {"kind": "linear-forcing", "u_rms": 1e4, "length": 1e-3}]
)
def test_motion_faster_than_sound_is_not_asked_of_sources(source):
    flow = made(initial=STIRRED, sources=[source])
    with pytest.raises(ConfigError, match=r"Mach number 28: .*Lower the velocities of the case .*sources"):
        flow.concerns()


@pytest.mark.parametrize("kind", ["k-epsilon", "k-omega-sst"])
def test_walls_across_one_cell_are_none(kind):
    """The mesh has no direction there; laws of walls asked for its widths."""
    mesh = {"kind": "uniform", "cells": (6, 1), "lower": (0.0, 0.0), "upper": (SIZE, 1e-4)}
    sides = {"x": {"kind": "periodic"}, "y": {"kind": "wall"}}
    flow = made(mesh=mesh, boundary=sides, turbulence={"kind": kind, "initial": EDDIES})
    flow.advance(1e-6)
    assert np.ptp(flow.field("u")[0]) == 0.0 and not flow.quantity("wall_heat")
    with pytest.raises(ConfigError, match="needs a wall with friction"):
        flow.field("y_plus")


def test_messages_say_it_in_the_words_of_the_case():
    flow = made(turbulence=AVERAGED, initial={**EVEN, "velocity": (30.0, 0.0)})
    with pytest.raises(DivergenceError, match=r'with turbulence\.kind = "k-epsilon", while .* check turbulence\.kind'):
        flow.current.carried[1] *= 1e-12
        flow.advance(1e-4)
    frozen = made(turbulence={"kind": "smagorinsky"}, combustion={"kind": "pasr"})
    assert frozen.concerns()["no reactions"].startswith('combustion: kind = "pasr" acts on reactions')
