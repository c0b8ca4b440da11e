"""Free flames: solved by Cantera, stored once, refused clearly."""

import multiprocessing

import numpy as np
import pytest

from combust.errors import ConfigError, DivergenceError
from combust.kinetics import flame1d, flame_store
from combust.kinetics.flame1d import free_flame

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
    with pytest.raises(ConfigError, match="customary, converged"):
        free_flame(*HYDROGEN, phi=1.0, refine="best")
    with pytest.raises(ConfigError, match="CH4"):
        free_flame("h2o2.yaml", 300.0, 101325.0, "CH4:1", "O2:1", phi=1.0)
    with pytest.raises(DivergenceError, match="within 20 points"):
        free_flame(*HYDROGEN, phi=1.0, slope=0.1, curve=0.2, max_points=20)
    with pytest.raises(DivergenceError, match="from equilibrium"):
        free_flame(*HYDROGEN, phi=0.5, slope=0.1, curve=0.2, max_points=150, refine="converged")


@pytest.mark.slow
def test_lean_hydrogen_converges_to_equilibrium():
    flame = free_flame(*HYDROGEN, phi=0.5, refine="converged")
    assert abs(flame.burnt_temperature - flame.equilibrium_temperature) <= 3.0
    assert flame.speed == pytest.approx(0.436, abs=0.003)


def _profile():
    x = np.linspace(0.0, 1.0, 50)
    return flame1d.FlameProfile(("H2", "O2"), x, x, x, x, np.stack([x, x]), 1e5, 2.0, 1600.0)


def _store_and_load(path):
    stored = flame1d.compute_or_load(path, _profile)
    flame_store.write_profile(path, _profile())
    return np.array_equal(stored.Y, _profile().Y)
