"""Thickened flames: their speed and thickness, what is left alone, what a case may ask for."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_thickened_kernels import beltrami, periodic_view

from combust.case.load import load
from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.sigma import Sigma
from combust.cfd.interaction.base import Met
from combust.cfd.interaction.charlette import efficiency
from combust.cfd.interaction.exponent import DynamicExponent
from combust.cfd.interaction.thickened import LaminarFlame, Thickened
from combust.errors import ConfigError
from combust.kinetics.flames.free import compute_or_load
from combust.parallel import ALONE
from combust.run.build import Builder, build
from validation import planar
from validation.slowed import Everywhere, by_time_alone

FLAMES = planar.CASES.parent / "tests/cases/flames"
FLAME = LaminarFlame(speed=2.0, thickness=0.5, row=0, fresh=300.0, burnt=2300.0)


def stored(name):
    """A flame of tests/cases/flames: neither Cantera's version nor its patience matters."""
    return compute_or_load(FLAMES / f"{name}.npz", lambda: pytest.fail("no such flame"))


def flat(factor, per, *more, phi=1.0):
    """A planar hydrogen flame on so many cells per thickness, and Cantera's."""
    profile = stored(f"H2_{phi:g}")
    size = factor * profile.thermal_thickness
    sets = [f"mesh.cells=[{11 * per}]", f"mesh.upper=[{11 * size!r}]", f"initial.position={4.5 * size!r}"]
    kind = ["combustion.kind=thickened", f"combustion.factor={factor}"]
    return planar.build("flame1d_h2.toml", [*sets, *kind, "numerics.compile=off", *more], profile), profile


def rise(x, T):
    """Distance [m] in which T rises from 700 to 1600 K: the steepest slope of few cells hangs on where they are."""
    low, high = np.interp([700.0, 1600.0], T, x)
    return high - low


def steepest(x, T):
    return float(np.abs(np.diff(T) / np.diff(x)).max())


def test_a_thick_flame_on_coarse_cells_has_the_speed_of_the_thin_one():
    """F = 5 on cells five times as wide as a resolved flame takes: 3 %; it is F times as thick, 5 %."""
    flow, profile = flat(5.0, 8)
    dt, start = 7e-6, flow.quantity("front")
    speeds = []
    for step in range(150):
        flow.advance(dt)
        if step >= 75:
            speeds.append(flow.quantity("flame_speed"))
    drift = (flow.quantity("front") - start) / flow.time
    assert np.mean(speeds) == pytest.approx(profile.speed, rel=0.03)
    assert profile.speed - drift == pytest.approx(profile.speed, rel=0.03)
    faces = flow.grid.faces[2]
    thick = rise(0.5 * (faces[1:] + faces[:-1]), flow.field("T")[0, 0])
    assert thick / rise(profile.x, profile.T) == pytest.approx(5.0, rel=0.05)
    assert not flow.concerns()
    assert flow.field("thickening").max() == 5.0 and flow.field("thickening")[0, 0, 0] == 1.0
    assert flow.field("efficiency").max() == 1.0  # no eddies
    assert flow.field("u_flame").max() == 0.0 and flow.quantity("wrinkling_exponent") == 0.5


def test_a_flame_of_slower_rates_is_the_same_in_other_units():
    """kappa = 1/4 everywhere: half the speed on cells twice as wide, in steps four times as long."""
    profile, found = stored("H2_1"), []
    for root in (1.0, 2.0):
        size = root * profile.thermal_thickness
        flame = replace(profile, x=root * profile.x, u=profile.u / root, speed=profile.speed / root)
        sets = [f"mesh.upper=[{11 * size!r}]", f"initial.position={4.5 * size!r}", "mesh.cells=[44]"]
        kappa = Everywhere(0.25) if root > 1 else None
        flow = planar.build("flame1d_h2.toml", [*sets, "numerics.compile=off"], flame, kappa)
        for _ in range(3):
            flow.advance(1e-6 * root**2)
        found.append(
            (flow.field("T"), flow.field("Y_H2O"), root * flow.field("u"), root * flow.quantity("flame_speed"))
        )
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-8)


def test_scaling_the_time_of_cells_alone_loses_mass():
    """By (E/F) dt without F/E on what transport does to them, source-coupled; with Strang there is no transport."""
    for coupling, lost in (("sdc", True), ("strang", False)):
        right, wrong = (flat(5.0, 5, f"numerics.coupling={coupling}")[0] for _ in range(2))
        by_time_alone(wrong)
        for flow in (right, wrong):
            flow.advance(1e-6)
        assert abs(right.quantity("mass_error")) < 1e-12
        assert (abs(wrong.quantity("mass_error")) > 1e-5) == lost
        if not lost:
            np.testing.assert_allclose(wrong.field("T"), right.field("T"), rtol=1e-12)


def test_restart_is_bit_by_bit(tmp_path):
    """What is thickened is a function of the state at the start of a step."""
    one, _ = flat(4.0, 5, "combustion.exponent={ kind = 'dynamic' }", "combustion.efficiency=saturated")
    other, _ = flat(4.0, 5, "combustion.exponent={ kind = 'dynamic' }", "combustion.efficiency=saturated")
    for _ in range(2):
        one.advance(5e-6)
    saved = {name: array.copy() for name, (array, _) in one.state().items()}
    other.restore(lambda name: saved[name])
    other.time, other.step, other.dt = one.time, one.step, one.dt
    for flow in (one, other):
        flow.advance(5e-6)
    assert (one.field("T") == other.field("T")).all()


def test_gas_that_does_not_burn_is_left_alone():
    """The same bits as without."""
    plain, thick = (
        build(load(planar.CASES / "tgv2d.toml", ["mesh.cells=[12,12]", "numerics.compile=off", *more]), ALONE)
        for more in ([], ["combustion={kind='thickened',speed=1.0,thickness=1e-4,fresh=310.0,burnt=2000.0}"])
    )
    for flow in (plain, thick):
        for _ in range(2):
            flow.advance(2e-5)
    for name in ("T", "u", "p"):
        assert (plain.field(name) == thick.field(name)).all(), name


def hot_view(n=16):
    """Eddies of known strength in gas with a flame in its middle."""
    T = lambda z, y, x: 300.0 + 2000.0 / (1.0 + torch.exp(-8.0 * (x - math.pi)))  # noqa: E731
    view = periodic_view(n, beltrami(1.0), T)
    return view.__class__(**{**view.__dict__, "q": view.padded(view.q), "rho": torch.ones(n, n, n).double()})


def test_factors_of_a_step():
    """E/F of rates, E F of the gas diffusion, 1 - Omega of eddies; E by the Reynolds number of a given viscosity."""
    view = hot_view()
    nu = torch.full((16, 16, 16), 0.01).double()
    h = 2.0 * math.pi / 16
    met = Met(view, EddyFields(nu, nu, nu, energy=6.0 * torch.ones_like(nu), width=torch.full_like(nu, h)))
    model = Thickened(FLAME._replace(viscosity=0.1), None, 5.0, form="saturated", exponent=0.4, of_closure=True)
    found, factors = model.thickening(met), model.update(met)
    F = found.factor
    torch.testing.assert_close(F, 1.0 + 4.0 * found.sensor)
    assert float(F.max()) == 5.0 and float(F.min()) < 1.01
    torch.testing.assert_close(factors.rates * F, found.efficiency)
    torch.testing.assert_close(factors.molecular / F, found.efficiency)
    torch.testing.assert_close(factors.eddy, 1.0 - found.sensor)
    u = 2.0 * (F * 0.5 / h) ** (1.0 / 3.0)
    torch.testing.assert_close(found.velocity, u)
    wanted = efficiency(u / 2.0, F, u * F * 0.5 / 0.1, torch.tensor(0.4).double(), True)
    torch.testing.assert_close(found.efficiency, wanted)
    assert 1.2 < float(wanted.max()) < 5.0**0.4
    assert Thickened(FLAME, None, 5.0, form="none").update(Met(view, None)).eddy is None


def test_eddies_of_a_closure_are_those_below_its_own_width():
    """Twice the width, so that of the same energy less is left to the flame: (1/2)^(1/3). Of averages none is known."""
    view = hot_view()
    nu = torch.full((16, 16, 16), 0.01).double()
    eddies = EddyFields(nu, nu, nu, energy=6.0 * torch.ones_like(nu), width=view.filter_width)
    model = Thickened(FLAME, None, 5.0, of_closure=True)
    one, two = (model.thickening(Met(view, eddies._replace(width=w * view.filter_width))).velocity for w in (1.0, 2.0))
    torch.testing.assert_close(two, 0.5 ** (1.0 / 3.0) * one)
    with pytest.raises(ConfigError, match="of all eddies: choose one of large eddies"):
        model.update(Met(view, eddies._replace(width=None)))
    found = Sigma(1.35, 0.7, 0.7, "scotti").update(view)
    assert found.width is view.width("scotti")


def test_a_flame_on_unequal_cells_starts_as_thick_as_each_will_make_it():
    """dx/ds = F of the cells there, by short steps from the middle; the widest cells far from it do not count."""
    mesh = (
        "mesh={kind='stretched', x={lower=0.0, upper=0.03, cells=60, ratio=1.05}, y={lower=0.0, upper=2e-4, cells=4}}"
    )
    case = [mesh, "initial.position=0.006", "numerics.compile=off"]
    config = load(planar.CASES / "flame.toml", [*case, "combustion={kind='thickened', cells=9}"])
    builder = Builder(config, ALONE)
    builder.__dict__["free_flame"] = profile = stored("H2_0.5")
    model, thick, widths = builder.interaction(), builder.profile, builder.grid.widths[2]
    half = 0.5 * (profile.T[0] + profile.T[-1])
    ends = model.flame.burnt - model.flame.fresh
    c = ((profile.T - model.flame.fresh) / ends).clip(0.0, 1.0)
    sensor = np.minimum(c * (1.0 - c) / (0.05 * 0.95), 1.0)
    faces = builder.grid.faces[2]
    centres, at = 0.5 * (faces[1:] + faces[:-1]), np.interp(half, profile.T, profile.x)
    for end in (profile.x[c > 0.05][0], profile.x[c < 0.95][-1]):
        s, x = np.linspace(at, end, 2001), 0.006
        for step, omega in zip(np.diff(s), np.interp(0.5 * (s[1:] + s[:-1]), profile.x, sensor), strict=True):
            F = 9.0 * np.interp(x, centres, widths) / model.flame.thickness
            x += step * (1.0 + (F - 1.0) * omega)
        found = np.interp(end, profile.x, thick.x) - np.interp(half, profile.T, thick.x)
        assert found == pytest.approx(x - 0.006, rel=2e-3)
    widest = 9.0 * widths.max() / model.flame.thickness
    assert steepest(profile.x, profile.T) / steepest(thick.x, thick.T) < 0.5 * widest


def test_cells_over_the_thickness_count_by_their_widest_side():
    sets = ["mesh.cells=[40,8]", "mesh.upper=[0.004,0.0004]", "initial.position=0.002", "numerics.compile=off"]
    config = load(planar.CASES / "flame.toml", [*sets, "combustion.kind=thickened", "combustion.cells=9"])
    builder = Builder(config, ALONE)
    builder.__dict__["free_flame"] = profile = stored("H2_0.5")
    model = builder.interaction()
    largest = 9.0 * 1e-4 / profile.thermal_thickness
    assert float(model.largest(builder.grid).max()) == pytest.approx(largest)
    thick = builder.profile
    assert steepest(profile.x, profile.T) / steepest(thick.x, thick.T) == pytest.approx(largest, rel=1e-3)
    assert thick.speed == profile.speed and thick.thermal_thickness == pytest.approx(9e-4, rel=0.02)
    assert model._across(builder.grid) == pytest.approx(9.0)
    fine = Thickened(FLAME._replace(thickness=1e-2), 5.0, None)
    assert float(fine.largest(builder.grid).max()) == 1.0  # such a flame is resolved


KNOWN = "speed=1.0,thickness=1e-4"
WRONG = [
    ("kind='thickened',cells=5,factor=4.0", "give cells or factor, one of the two"),
    ("kind='thickened',factor=0.5", "factor"),
    ("kind='thickened',edge=0.6", "edge"),
    (f"kind='thickened',{KNOWN}", "nothing says which flame is thickened"),
    (f"kind='thickened',{KNOWN},fresh=300.0,burnt=300.0", "both are 300"),
    (f"kind='thickened',{KNOWN},fresh=1.0,burnt=0.0,progress='fuel'", "nothing says which flame"),
    ("kind='thickened',flame={fuel='XX:1',oxidizer='N2:1',phi=1.0},progress='fuel'", "flame"),
    (f"kind='thickened',{KNOWN},fresh=300.0,burnt=2000.0,fluctuation='closure'", 'fluctuation = "closure" needs'),
]


@pytest.mark.parametrize("table, message", WRONG)
def test_wrong_tables(table, message):
    with pytest.raises(ConfigError, match=message):
        sets = ["mesh.cells=[8,8]", "numerics.compile=off", f"combustion={{{table}}}"]
        build(load(planar.CASES / "tgv2d.toml", sets), ALONE)


def test_sensor_by_the_fuel_and_other_numbers_of_a_flame():
    config = load(
        planar.CASES / "flame1d_h2.toml",
        ["combustion={kind='thickened',progress='fuel',speed=3.0,exponent={kind='dynamic',ratio=2.0}}"],
    )
    builder = Builder(config, ALONE)
    builder.__dict__["free_flame"] = profile = stored("H2_1")
    model = builder.interaction()
    k = builder.gas.index("H2")
    assert model.flame[:4] == (3.0, profile.thermal_thickness, 1 + k, float(profile.Y[k, 0]))
    assert model.flame.burnt == float(profile.Y[k, -1]) and model.exponent == DynamicExponent(2.0)
    assert isinstance(builder.profile.x, np.ndarray)
