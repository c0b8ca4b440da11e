"""Temperature from enthalpy wherever a mechanism can hold it, and what is said of temperatures beyond its data."""

import logging
from pathlib import Path

import cantera as ct
import numpy as np
import pytest
import torch

from combust.__main__ import main
from combust.errors import MechanismError, StateError
from combust.kinetics.gas import data_range
from combust.kinetics.mechanism import reactions
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import temperature
from combust.kinetics.rates.thermo import h_mass, thermo_from_cantera

NINE = ("h2o2.yaml", "gri30.yaml", "airNASA9.yaml", "nDodecane_Reitz.yaml", "SiF4_NH3_mec.yaml")
TURNING = """
phases:
- {name: gas, thermo: ideal-gas, elements: [Si, H, N], species: [SIH4, N2]}
species:
- name: SIH4
  composition: {Si: 1, H: 4}
  thermo:
    model: NASA7
    temperature-ranges: [300.0, 1000.0, 2000.0]
    data:
    - [1.45, 0.01399, -4.23e-06, -2.36e-09, 1.37e-12, 3113.4, 12.34]
    - [4.22, 9.0e-3, -3.0e-06, 0.0, 0.0, 2112.4, -2.8638]
- name: N2
  composition: {N: 2}
  thermo:
    model: NASA7
    temperature-ranges: [300.0, 1000.0, 5000.0]
    data:
    - [3.298677, 1.4082404e-03, -3.963222e-06, 5.641515e-09, -2.444854e-12, -1020.8999, 3.950372]
    - [2.92664, 1.4879768e-03, -5.68476e-07, 1.0097038e-10, -6.753351e-15, -922.7977, 5.980528]
"""


@pytest.fixture
def silane(tmp_path):
    """A polynomial like those of silane in common files: beyond its 2000 K the heat capacity turns negative."""
    path = tmp_path / "silane.yaml"
    path.write_text(TURNING)
    return Mechanism.load(path)


def found_again(gas, T, Y):
    return gas.temperature(gas.enthalpy(T, Y), Y)


@pytest.mark.parametrize("path", NINE)
def test_pure_species_over_the_range_of_their_data(path):
    gas = Mechanism.load(path)
    n, points = len(gas.species), 20
    share = torch.linspace(0, 1, points, dtype=torch.float64)
    low, high = gas.T_limits
    T = (low[:, None] + (high - low)[:, None] * share).reshape(-1)
    Y = torch.eye(n, dtype=torch.float64).repeat_interleave(points, 1)
    assert torch.allclose(found_again(gas, T, Y), T, rtol=1e-11, atol=0)


def test_polynomials_that_turn_beyond_their_range(silane):
    T = torch.linspace(300.0, 2000.0, 200, dtype=torch.float64)
    assert float(silane.cp(6000.0, [1.0, 0.0])) < 0 and float(silane.enthalpy(6000.0, [1.0, 0.0])) < float(
        silane.enthalpy(300.0, [1.0, 0.0])
    )
    for share in (1.0, 0.5, 1e-9):
        Y = torch.tensor([[share], [1 - share]], dtype=torch.float64).expand(2, 200)
        assert torch.allclose(found_again(silane, T, Y), T, rtol=1e-11, atol=0)


def test_mixtures_reach_as_far_as_their_enthalpy_rises(silane):
    """Of a trace of silane in nitrogen the other 4000 K are still there; of pure silane they are not."""
    T = torch.linspace(2000.0, 4500.0, 50, dtype=torch.float64)
    Y = torch.tensor([[1e-6], [1 - 1e-6]], dtype=torch.float64).expand(2, 50)
    assert torch.allclose(found_again(silane, T, Y), T, rtol=1e-11, atol=0)
    h = torch.tensor([1.0, 1e8], dtype=torch.float64) * silane.enthalpy(1500.0, [1.0, 0.0])
    with pytest.raises(StateError, match=r"in cell \(1,\) belongs to no temperature: .* J/kg at 50 K to .* at 34.. K"):
        silane.temperature(h, torch.tensor([[1.0], [0.0]], dtype=torch.float64).expand(2, 2))


def test_a_cold_state_is_not_found_on_the_falling_branch(silane):
    """Below 300 K the same enthalpy stands at 6000 K too."""
    T = torch.tensor([120.0, 250.0], dtype=torch.float64)
    Y = torch.tensor([[1.0], [0.0]], dtype=torch.float64).expand(2, 2)
    assert torch.allclose(found_again(silane, T, Y), T, rtol=1e-10, atol=0)


def test_large_aromatics_and_all_of_a_large_mechanism():
    """Every species of the NASA database, pure, and mixtures of three, over the range of their data."""
    solution = ct.Solution(thermo="ideal-gas", species=ct.Species.list_from_file("nasa_gas.yaml"))
    data, limits = thermo_from_cantera(solution), torch.tensor(reactions.temperature_limits(solution))
    where = temperature.ranges(data, limits)
    rng, n = np.random.default_rng(0), solution.n_species
    for rows in (np.arange(n)[:, None], rng.integers(0, n, (400, 3))):
        Y = torch.zeros(n, len(rows), dtype=torch.float64)
        Y[rows, np.arange(len(rows))[:, None]] = torch.tensor(rng.dirichlet(np.ones(rows.shape[1]), len(rows)))
        low, high = limits[0][rows].amax(1), limits[1][rows].amin(1)
        for share in (0.0, 0.1, 0.5, 1.0):
            T = low + share * (high - low)
            h = (Y * h_mass(data, T)).sum(0)
            assert torch.allclose(temperature.solve_temperature(data, where, h, Y), T, rtol=1e-10, atol=0)


def test_shapes_and_slightly_negative_fractions():
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.composition("H2:2, O2:1").reshape(-1, 1, 1).repeat(1, 2, 3)
    Y[gas.index("H")] = -1e-9
    T = torch.linspace(400.0, 2900.0, 6, dtype=torch.float64).reshape(2, 3)
    assert torch.allclose(found_again(gas, T, Y / Y.sum(0)), T, rtol=1e-11, atol=0)
    one = found_again(gas, 777.0, gas.composition("N2:1"))
    assert one.shape == () and float(one) == pytest.approx(777.0, rel=1e-12)


# --- ranges of the data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ends", ["-200.0, 1000.0, 2000.0", "2000.0, 1000.0, 300.0", "300.0, 2500.0, 2000.0", "300.0, 100.0, 2000.0"]
)
def test_ranges_that_are_negative_or_reversed_are_refused(ends, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(TURNING.replace("300.0, 1000.0, 2000.0", ends))
    with pytest.raises(MechanismError, match="species SIH4: thermo data whose temperatures .* are negative or"):
        Mechanism.load(path)


def test_a_reactor_says_once_that_it_leaves_the_data(caplog, monkeypatch):
    monkeypatch.setattr(data_range, "_warned", set())
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.composition("H2:2, O2:1, N2:3.76, AR:0.1")
    with caplog.at_level(logging.WARNING):
        gas.integrate(1200.0, 1e5, Y, 1e-9)
        assert not caplog.messages
        for _ in range(3):
            gas.integrate(3600.0, 1e5, Y, 1e-9)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("reactor: 3600 K lies above the data of H2 (3500 K), O2 (3500 K)")
    assert "AR" not in caplog.messages[0].split(":")[1] and "N2" not in caplog.messages[0].split(":")[1]


def test_a_case_says_which_stream_and_gas_leave_the_data(tmp_path, capsys):
    case = tmp_path / "case.toml"
    case.write_text("""
mesh = { kind = "uniform", cells = [16], lower = [0.0], upper = [0.01] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
initial = { kind = "uniform", temperature = 250, composition = "N2:1", velocity = [1.0] }
stop = { steps = 3 }
[boundary]
x_low = { kind = "inflow", velocity = 1.0, temperature = 150, composition = "N2:1, O2:0.2" }
x_high = { kind = "outflow" }
""")
    assert main(["check", str(case)]) == 0
    said = capsys.readouterr().err
    assert "warning: boundary.x_low: 150 K lies below the data of N2 (300 K), O2 (200 K)" in said
    assert "warning: the gas: 250 K lies below the data of N2 (300 K): h2o2.yaml does not say" in said
    assert main(["run", str(case), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert said.count("lies below the data of") == 2


def test_limits_are_those_of_the_file():
    gas = Mechanism.load("h2o2.yaml")
    limits = dict(zip(gas.species, gas.T_limits.T.tolist(), strict=True))
    assert limits["H2"] == [200.0, 3500.0] and limits["AR"] == [300.0, 5000.0] and gas.T_range == (200.0, 5000.0)
    assert Path(gas.path).name == "h2o2.yaml"
