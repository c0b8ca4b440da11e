"""Counterflow and burner flames: solved by Cantera, stored once, refused clearly."""

import cantera as ct
import numpy as np
import pytest

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames import burner, counterflow, stabilised
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.flames.counterflow import counterflow_flame
from combust.kinetics.mechanism.mechanism import Mechanism

P = 101325.0
AIR = "O2:0.21, N2:0.79"
JETS = ("h2o2.yaml", P, "H2:1, N2:1", 300.0, 0.3, "O2:0.21, N2:0.79", 300.0, 0.6)
BURNER = ("h2o2.yaml", 373.0, 0.05 * P, "H2:1", "O2:1, AR:5", 0.9, 0.06)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_counterflow_flame_and_its_cache(cache, monkeypatch):
    first = counterflow_flame(*JETS)
    assert 1800.0 < first.peak_temperature < 2400.0
    assert first.Y.shape == (10, len(first.x)) and np.abs(first.Y.sum(0) - 1).max() < 1e-6
    assert first.mixture_fraction[[0, -1]] == pytest.approx([1.0, 0.0], abs=1e-3)
    assert first.rho[0] * first.u[0] == pytest.approx(0.3) and first.rho[-1] * first.u[-1] == pytest.approx(-0.6)
    assert first.strain_rate == pytest.approx(np.abs(np.gradient(first.u, first.x)).max(), rel=0.1)
    monkeypatch.setattr(counterflow, "_counterflow", lambda *_: pytest.fail("computed although cached"))
    again = counterflow_flame(*JETS)
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in vars(first))
    assert [f.name.partition("-")[0] for f in cache.iterdir()] == ["counterflow"]


def test_burner_flame_loses_what_it_conducts(monkeypatch):
    flame = burner_flame(*BURNER, width=0.5, soret=True)
    gas = Mechanism.load("h2o2.yaml")
    inflow = gas.enthalpy(373.0, gas.mixture("H2:1", "O2:1, AR:5", 0.9))
    defect = float(inflow - gas.enthalpy(flame.burnt_temperature, flame.Y[:, -1])) * flame.mass_flux
    assert flame.heat_to_burner == pytest.approx(defect, rel=0.03)
    assert flame.rho * flame.u == pytest.approx(np.full(len(flame.x), 0.06), rel=1e-6)
    plain = burner_flame(*BURNER, width=0.5)
    assert abs(plain.heat_to_burner / flame.heat_to_burner - 1) > 0.05  # Soret diffusion matters here
    monkeypatch.setattr(burner, "_burner", lambda *_: pytest.fail("computed although cached"))
    assert burner_flame(*BURNER, width=0.5, soret=True).heat_to_burner == flame.heat_to_burner


def test_a_flame_burns_only_if_a_second_grid_agrees(monkeypatch):
    """The free flame of this mixture takes 1.982 kg/m2/s."""
    with pytest.raises(DivergenceError, match="2.05 kg/m2/s: the flame is blown off its burner"):
        burner_flame("h2o2.yaml", 300.0, P, "H2:1", AIR, 1.0, 2.05)
    assert burner_flame("h2o2.yaml", 300.0, P, "H2:1", AIR, 1.0, 1.9).burnt_temperature > 2300.0

    def cold(flame, loglevel):
        flame.flame.set_flat_profile("T", 310.0)

    monkeypatch.setattr(stabilised, "solve_on_grid", cold)
    with pytest.raises(DivergenceError, match="reaches 1... K on one grid, and 310 K on one twice as fine"):
        counterflow_flame(*JETS[:4], 10.0, *JETS[5:7], 20.0)

    def elsewhere(flame, loglevel):
        flame.flame.set_values("T", np.interp(flame.grid - 0.01, flame.grid, flame.T))

    monkeypatch.setattr(stabilised, "solve_on_grid", elsewhere)
    with pytest.raises(DivergenceError, match="it stands .0.[45]. widths away"):
        burner_flame("h2o2.yaml", 300.0, P, "H2:1", AIR, 1.0, 1.0)

    def nowhere(flame, loglevel):
        raise ct.CanteraError("no solution")

    monkeypatch.setattr(stabilised, "solve_on_grid", nowhere)
    with pytest.raises(DivergenceError, match="on one twice as fine Cantera finds none"):
        burner_flame("h2o2.yaml", 300.0, P, "H2:1", AIR, 1.0, 1.1)


def test_failures_say_what_was_tried():
    with pytest.raises(DivergenceError, match="30 kg/m2/s.*is out"):
        counterflow_flame(*JETS[:4], 30.0, *JETS[5:7], 60.0)
    with pytest.raises(ConfigError, match="flux_fuel = 0: must be > 0"):
        counterflow_flame(*JETS[:4], 0.0, *JETS[5:])
    with pytest.raises(ConfigError, match="CH4"):
        counterflow_flame("h2o2.yaml", P, "CH4:1", *JETS[3:])
    with pytest.raises(ConfigError, match='Soret diffusion needs transport "mixture-averaged"'):
        burner_flame(*BURNER, transport="unity-Lewis", soret=True)
    with pytest.raises(DivergenceError, match="within 20 points .tried width 0.5 and 2 m"):
        burner_flame(*BURNER, width=0.5, max_points=20)
