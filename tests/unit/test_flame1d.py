"""Free flames: solved by Cantera, stored once, refused clearly."""

import multiprocessing
import tempfile
from dataclasses import replace
from pathlib import Path

import cantera as ct
import numpy as np
import pytest

from combust import folders
from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames import free as flame1d
from combust.kinetics.flames import plausible
from combust.kinetics.flames import store as flame_store
from combust.kinetics.flames.free import free_flame
from combust.kinetics.flames.grids import Extrapolation, halved, widened
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.equilibrium import burnt_temperature

HYDROGEN = ("h2o2.yaml", 300.0, 101325.0, "H2:1", "O2:0.21, N2:0.79")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_hydrogen_flame_and_its_cache(cache, monkeypatch):
    first = free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2)
    assert first.speed == pytest.approx(2.33, rel=0.03)  # 2.331 m/s when converged
    assert abs(first.burnt_temperature - first.equilibrium_temperature) < 30.0
    assert first.thermal_thickness == pytest.approx(0.33e-3, rel=0.1)
    assert first.Y.shape == (10, len(first.x)) and np.abs(first.Y.sum(0) - 1.0).max() < 1e-6
    assert first.rho[0] * first.speed == pytest.approx(first.rho[-1] * first.u[-1], rel=1e-6)

    monkeypatch.setattr(flame1d, "_solve", lambda *_: pytest.fail("computed although cached"))
    again = free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2)
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in vars(first))
    assert [f.suffix for f in cache.iterdir()] == [".npz"]


def test_soret_slows_a_hydrogen_flame(cache):
    """By 9 % at phi 1; it is a flame of its own in the cache."""
    plain = free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2)
    soret = free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2, soret=True)
    assert soret.speed / plain.speed == pytest.approx(0.91, abs=0.01)
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_file_is_computed_again(tmp_path, caplog):
    profile = _profile()
    path = tmp_path / "flame.npz"
    flame_store.write_profile(path, profile)
    path.write_bytes(path.read_bytes()[:100])
    assert flame1d.compute_or_load(path, lambda: profile) is profile
    assert "damaged" in caplog.text
    assert np.array_equal(flame_store.read_profile(path, flame1d.FlameProfile).Y, profile.Y)


def test_processes_that_ask_at_once_never_see_half_a_file(tmp_path):
    path = tmp_path / "flame.npz"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert all(pool.map(_store_and_load, [path] * 24))
    assert [f.name for f in tmp_path.iterdir()] == ["flame.npz"]


def test_an_unwritable_cache_costs_only_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    profile = _profile()
    assert flame1d.compute_or_load(tmp_path / "file" / "flame.npz", lambda: profile) is profile
    assert "COMBUST_CACHE" in caplog.text


def test_failures_say_what_was_tried():
    with pytest.raises(ConfigError, match="mixture-averaged, unity-Lewis"):
        free_flame(*HYDROGEN, phi=1.0, transport="mixture")
    with pytest.raises(ConfigError, match="customary, extrapolated, converged"):
        free_flame(*HYDROGEN, phi=1.0, refine="best")
    with pytest.raises(ConfigError, match="CH4"):
        free_flame("h2o2.yaml", 300.0, 101325.0, "CH4:1", "O2:1", phi=1.0)
    with pytest.raises(DivergenceError, match="within 20 points"):
        free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2, max_points=20)
    with pytest.raises(DivergenceError, match="85 points the last change of the extrapolated speed is unknown"):
        free_flame(*HYDROGEN, phi=0.5, slope=0.1, curve=0.2, max_points=150, refine="converged")


@pytest.mark.slow
def test_lean_hydrogen_converges_to_equilibrium():
    flame = free_flame(*HYDROGEN, phi=0.5, refine="converged")
    assert abs(flame.burnt_temperature - flame.equilibrium_temperature) <= 3.0
    assert flame.grid_speed == pytest.approx(0.436, abs=0.003)
    assert flame.speed == pytest.approx(0.43933, rel=5e-4) and flame.u[0] == pytest.approx(flame.speed)
    assert flame.speed_error < 5e-4


def test_a_speed_extrapolated_from_a_coarse_grid():
    """Its customary grid is 6 % slow; 85 points, halved twice, are right to 0.05 %, and say so."""
    flame = free_flame(*HYDROGEN, phi=0.5, refine="extrapolated")
    assert flame.speed == pytest.approx(0.43933, rel=1e-3)
    assert abs(flame.speed / 0.43933 - 1) < flame.speed_error < 3e-3
    assert flame.grid_speed < 0.98 * flame.speed
    assert flame.rho * flame.u == pytest.approx(np.full(len(flame.x), flame.rho[0] * flame.speed), rel=1e-6)


def test_extrapolation_of_a_known_error():
    """An error of first and second order: what is left is of second, and the estimate is three times that."""
    found = Extrapolation(tuple(2.0 + 0.4 * h + 0.3 * h**2 for h in (1.0, 0.5, 0.25)))
    left = found.speed / 2.0 - 1
    assert left == pytest.approx(-0.3 * 0.125 / 2.0)
    assert found.error == pytest.approx(3 * abs(left) / (1 + left))
    assert found.grid_error == pytest.approx(found.speeds[-1] / found.speed - 1)
    assert Extrapolation((2.0, 2.1)).error == np.inf
    x = np.array([0.0, 1.0, 3.0])
    assert halved(x).tolist() == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert widened(x)[:3].tolist() == x.tolist() and widened(x)[-1] == 6.0 and (np.diff(widened(x)) > 0).all()


def test_nitrogen_is_inert_unless_the_fuel_holds_it():
    """GRI-Mech 3.0 at phi 0.75: with thermal NO, 1 s and more behind the flame, equilibrium is lower."""
    gas = ct.Solution("gri30.yaml")
    gas.TP = 300.0, 101325.0
    gas.set_equivalence_ratio(0.75, "CH4:1", "O2:0.21, N2:0.79")
    fresh = gas.TPX
    inert = burnt_temperature(gas)
    assert gas.T == fresh[0] and np.array_equal(gas.X, fresh[2])
    gas.equilibrate("HP")
    assert 1.0 < inert - gas.T < 20.0
    gas.TP = 300.0, 101325.0
    gas.set_equivalence_ratio(0.75, "NH3:1", "O2:0.21, N2:0.79")
    found = burnt_temperature(gas)
    gas.equilibrate("HP")
    assert found == pytest.approx(gas.T, abs=1e-6)


@pytest.mark.parametrize("fuel, oxidizer", [("N2:1", "O2:0.21, N2:0.79"), ("H2:1", "O2:0.001, N2:0.999")])
def test_what_does_not_burn_is_refused(fuel, oxidizer):
    """Cantera returns 0.0046 and -1.4e-5 m/s."""
    with pytest.raises(DivergenceError, match="does not burn: its equilibrium is"):
        free_flame("h2o2.yaml", 300.0, 101325.0, fuel, oxidizer, phi=1.0)


def test_a_gas_that_ignites_by_itself_has_no_flame():
    """Cantera returns 255065 m/s at 1050 K."""
    with pytest.raises(DivergenceError, match="ignites by itself after 0.000143 s, and is .* s on its way"):
        free_flame(HYDROGEN[0], 1050.0, *HYDROGEN[2:], phi=1.0)


@pytest.mark.slow
def test_a_warm_gas_keeps_its_domain():
    """On the domain that Cantera widens to 0.64 m the gas half ignites on its way, and seems to burn at 53 m/s."""
    warm = free_flame(HYDROGEN[0], 950.0, *HYDROGEN[2:], phi=1.0, refine="extrapolated")
    assert warm.speed == pytest.approx(19.16, rel=5e-3)


def test_solutions_that_are_no_flames():
    """Judged by their profiles alone: cold, backwards, cut off by the domain, faster than sound."""
    flame = free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2)
    fresh = _fresh()
    plausible.require_free_flame(fresh, flame)
    cold = replace(flame, T=300.0 + 0.1 * (flame.T - 300.0))
    with pytest.raises(DivergenceError, match="the solution reaches 5.. K, and equilibrium is 2387 K"):
        plausible.require_free_flame(fresh, cold)
    with pytest.raises(DivergenceError, match="its speed would be -2.3"):
        plausible.require_free_flame(fresh, replace(flame, u=-flame.u))
    inside = (flame.T > 400.0) & (flame.T < 2000.0)
    cut = replace(flame, x=flame.x[inside], T=flame.T[inside], u=flame.u[inside], Y=flame.Y[:, inside])
    with pytest.raises(DivergenceError, match="does not fit its domain: thermal thickness 0.* mm in"):
        plausible.require_free_flame(fresh, cut)
    with pytest.raises(DivergenceError, match="unburnt gas would move at 47.*faster than sound"):
        plausible.require_free_flame(fresh, replace(flame, u=200 * flame.u))
    with pytest.raises(DivergenceError, match="the burnt gas would move at"):
        plausible.require_free_flame(fresh, replace(flame, u=100 * flame.u))


def test_a_cache_of_an_earlier_format_is_not_read(cache, monkeypatch):
    """Its "converged" meant another thing, and it may hold what is now refused."""
    mixture = 300.0, 1e5, "H2:1", "O2:1", 1.0
    query = flame1d.FlameQuery("0" * 64, "gas", *mixture, "unity-Lewis", 0.02, 0.1, 0.2, 100, "converged")
    assert flame_store.file_of("flame", query) != flame_store.file_of("flame", replace(query, format=1))


def _fresh():
    solution = ct.Solution("h2o2.yaml")
    solution.TP = 300.0, 101325.0
    solution.set_equivalence_ratio(1.0, *HYDROGEN[3:])
    return plausible.FreshGas.of("free flame", Mechanism.load("h2o2.yaml"), solution)


def _profile():
    x = np.linspace(0.0, 1.0, 50)
    return flame1d.FlameProfile(("H2", "O2"), x, x, x, x, np.stack([x, x]), 1e5, 2.0, 1600.0)


def _store_and_load(path):
    stored = flame1d.compute_or_load(path, _profile)
    flame_store.write_profile(path, _profile())
    return np.array_equal(stored.Y, _profile().Y)


def test_profiles_of_a_user_without_a_home_have_a_place(tmp_path, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("COMBUST_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert flame_store.cache_folder().parent == tmp_path
    monkeypatch.setattr(folders, "temporary", lambda: None)
    with pytest.raises(ConfigError, match="set COMBUST_CACHE"):
        flame_store.cache_folder()
