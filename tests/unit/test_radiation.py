"""Radiation of flames: as Cantera alone gives it, in balance with the enthalpy, and apart in the cache."""

import cantera as ct
import pytest
from scipy.integrate import trapezoid

from combust.__main__ import main
from combust.cli.options import emissivities
from combust.errors import ConfigError
from combust.kinetics import Mechanism
from combust.kinetics.flames import free as flame1d
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.flames.counterflow import counterflow_flame
from combust.kinetics.flames.free import FlameQuery, free_flame
from combust.kinetics.flames.radiation import check_radiation
from combust.kinetics.flames.store import digest

P = 101325.0
LEAN = ("h2o2.yaml", 300.0, P, "H2:1", "O2:1, N2:3.76", 0.6)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def plain(flame, radiation=True, refine=True):
    """Cantera alone, as its users do it: everything on, refined."""
    flame.transport_model = "mixture-averaged"
    flame.set_refine_criteria(ratio=3.0, slope=0.05, curve=0.1)
    flame.radiation_enabled = radiation
    flame.solve(loglevel=0, auto=True, refine_grid=refine)
    return flame


@pytest.mark.slow
def test_burner_flame_as_cantera_alone():
    """At 10 atm and a tenth of the flame's flux, so that the loss is tens of kelvins."""
    asked = ("h2o2.yaml", 300.0, 10 * P, "H2:1", "O2:1, N2:3.76", 1.0, 0.5)
    ours = burner_flame(*asked, width=0.02, radiation=True)
    gas = ct.Solution("h2o2.yaml")
    gas.TP = 300.0, 10 * P
    gas.set_equivalence_ratio(1.0, "H2:1", "O2:1, N2:3.76")
    theirs = ct.BurnerFlame(gas, grid=ours.x)
    theirs.burner.mdot = 0.5
    plain(theirs, refine=False)
    assert ours.T == pytest.approx(theirs.T, abs=1.0)
    lost = trapezoid(theirs.flame.radiative_heat_loss, theirs.grid)
    assert ours.radiated == pytest.approx(lost, rel=1e-3)
    without = burner_flame(*asked, width=0.02)
    assert without.radiated == 0.0 and without.burnt_temperature - ours.burnt_temperature > 15.0
    # what the gas has lost is what went into the burner and what was radiated
    mechanism = Mechanism.load("h2o2.yaml")
    inflow = mechanism.enthalpy(300.0, mechanism.mixture("H2:1", "O2:1, N2:3.76", 1.0))
    defect = float(inflow - mechanism.enthalpy(ours.burnt_temperature, ours.Y[:, -1])) * 0.5
    assert ours.heat_to_burner + ours.radiated == pytest.approx(defect, rel=0.03)


def test_free_flame_extrapolates_and_is_stored_apart(cache, monkeypatch):
    quiet = free_flame(*LEAN, refine="extrapolated")
    hot = free_flame(*LEAN, refine="extrapolated", radiation=True)
    assert hot.speed_error < 3e-3 and 0.97 < hot.speed / quiet.speed < 1.0
    assert hot.burnt_temperature < quiet.burnt_temperature and hot.radiated > 0
    assert hot.thermal_thickness == pytest.approx(quiet.thermal_thickness, rel=0.05)
    assert len(list(cache.iterdir())) == 2
    gas = ct.Solution("h2o2.yaml")
    gas.TP = 300.0, P
    gas.set_equivalence_ratio(0.6, "H2:1", "O2:1, N2:3.76")
    theirs = ct.FreeFlame(gas, grid=hot.x)
    plain(theirs, radiation=False, refine=False)
    theirs.radiation_enabled = True
    theirs.solve(loglevel=0, refine_grid=False)
    assert hot.grid_speed == pytest.approx(theirs.velocity[0], rel=5e-3)
    monkeypatch.setattr(flame1d, "_solve", lambda *_: pytest.fail("computed although cached"))
    assert free_flame(*LEAN, refine="extrapolated", radiation=True).radiated == hot.radiated


def test_counterflow_flame_loses_heat():
    jets = ("h2o2.yaml", 5 * P, "H2:1, N2:1", 300.0, 0.1, "O2:0.21, N2:0.79", 300.0, 0.2)
    hot, quiet = (counterflow_flame(*jets, radiation=radiation) for radiation in (True, False))
    assert hot.radiated > 0 and 100.0 < quiet.peak_temperature - hot.peak_temperature < 200.0  # at 20 1/s


def test_the_digest_without_radiation_stays():
    query = ("0" * 64, "gas", 300.0, P, "H2:1", "O2:1", 1.0, "mixture-averaged", 0.02, 0.03, 0.06, 6000, "customary")
    old = digest(FlameQuery(*query, cantera="3.2.0"))
    assert old == digest(FlameQuery(*query, False, False, (0.0, 0.0), cantera="3.2.0"))
    assert len({old, *(digest(FlameQuery(*query, False, True, (0.0, e), cantera="3.2.0")) for e in (0.0, 0.5))}) == 3


def test_what_is_refused(tmp_path):
    gas = Mechanism.load("h2o2.yaml")
    check_radiation("flame", gas, True, (0.0, 1.0))
    with pytest.raises(ConfigError, match="emissivity .* from 0 to 1"):
        check_radiation("flame", gas, True, (0.0, 1.5))
    with pytest.raises(ConfigError, match="counts with radiation only"):
        check_radiation("flame", gas, False, (0.0, 0.5))
    dry = Mechanism.load("SiF4_NH3_mec.yaml", "gas")
    with pytest.raises(ConfigError, match="H2O and CO2 only, and .* has neither"):
        check_radiation("flame", dry, True)
    assert emissivities("0,0.5") == (0.0, 0.5) and emissivities("0.3") == (0.3, 0.3)
    with pytest.raises(ConfigError, match="give one number"):
        emissivities("0,0,0")
    more = ["--radiation", "--emissivity", "2", "--out", str(tmp_path)]
    assert main(["flamespeed", "h2o2.yaml", "--fuel", "H2", *more]) == 2
