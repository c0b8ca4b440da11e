"""Extinction by strain: the turning point against flames of Cantera that are strained until they go out."""

import csv
import math

import cantera as ct
import numpy as np
import pytest

from combust.__main__ import main
from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames import extinction as module
from combust.kinetics.flames.continuation import Point, next_length, vertex
from combust.kinetics.flames.extinction import COLUMNS, extinction_strain

P = 101325.0
FUEL, AIR = "H2:0.2, N2:0.8", "O2:0.21, N2:0.79"
JETS = ("h2o2.yaml", P, FUEL, AIR)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))


def strained(strain, width=0.02):
    """Cantera alone: jets of equal momentum flux at a global strain rate."""
    gas = ct.Solution("h2o2.yaml")
    densities = []
    for X in (FUEL, AIR):
        gas.TPX = 300.0, P, X
        densities.append(gas.density)
    flame = ct.CounterflowDiffusionFlame(gas, width=width)
    flame.P = P
    u = strain * width / 4
    for inlet, X, rho in zip((flame.fuel_inlet, flame.oxidizer_inlet), (FUEL, AIR), densities, strict=True):
        inlet.T, inlet.X = 300.0, X
        inlet.mdot = rho * u * math.sqrt(densities[1] / rho)
    return flame


def by_bisection():
    """Global strain rate between a flame that burns and one that goes out, to 0.1 %, on one fine grid."""
    low = 200.0
    flame = strained(low)
    flame.set_refine_criteria(ratio=3.0, slope=0.1, curve=0.2, prune=0.0)
    flame.solve(loglevel=0, auto=True)
    for low in (300.0, 450.0, 600.0, 750.0):  # each from the one before: none is found from nothing
        strain_to(flame, low)
        if low == 750.0:
            flame.set_refine_criteria(ratio=2.0, slope=0.03, curve=0.05, prune=0.0)
        flame.solve(loglevel=0)
    assert flame.T.max() > 1200
    burning, high = flame.to_array(), None
    while high is None or high / low > 1.001:
        tried = 1.03 * low if high is None else math.sqrt(low * high)
        flame.from_array(burning)
        strain_to(flame, tried)
        try:
            flame.solve(loglevel=0, refine_grid=False)
            burns = flame.T.max() > 1000
        except ct.CanteraError:
            burns = False
        if burns:
            low, burning = tried, flame.to_array()
        else:
            high = tried
    return math.sqrt(low * high), float(np.max(burning.T))


def strain_to(flame, strain):
    other = strained(strain)
    flame.fuel_inlet.mdot, flame.oxidizer_inlet.mdot = other.fuel_inlet.mdot, other.oxidizer_inlet.mdot


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("COMBUST_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield extinction_strain(*JETS)
    patch.undo()


def test_turning_point_is_where_cantera_alone_goes_out(found):
    strain, T = by_bisection()
    assert found.strain_error < 0.005
    assert found.strain == pytest.approx(strain, rel=0.01)
    assert found.T_max == pytest.approx(T, abs=30.0)  # steep there: the last flame that burns is above it


def test_branch_turns_back_at_one_ratio(found):
    strain, T = found.column("strain"), found.column("T_max")
    top = int(strain.argmax())
    assert 0 < top < len(strain) - 2 and strain[-1] < 0.95 * strain[top]
    assert (np.diff(T) < 0).all()  # past the turning point the strain falls, and the temperature goes on falling
    assert found.column("momentum_ratio") == pytest.approx(1.0, abs=0.02)
    assert found.strain == pytest.approx(strain[top], rel=0.05)
    assert found.strain == pytest.approx(2 / 0.02 * found.u_oxidizer * (1 + math.sqrt(found.momentum_ratio)), rel=1e-3)
    assert found.strain_fuel < found.strain < found.strain_max


def test_cache_and_verb(tmp_path, monkeypatch, capsys):
    given = ["extinction", "h2o2.yaml", "--fuel", FUEL, "--oxidizer", AIR, "--out", str(tmp_path / "out")]
    cold = [*given, "--T-fuel", "26.85degC,350K", "--width", "2cm", "--max-points", "300"]
    calls = []

    def solve(gas, query, tell):
        calls.append(query)
        if query.T_fuel == 350.0:
            raise DivergenceError(f"{query}: no flame burns")
        row = np.array([[1.0] * len(COLUMNS), [2.0] * len(COLUMNS)])
        return module.Extinction(*[100.0, 0.01, 101.0, 200.0, 50.0, 40.0, 1200.0, 2.0, 1.0, 1.0, 300.0], row)

    monkeypatch.setattr(module, "_solve", solve)
    assert main(cold) == 3  # one of two; the other is kept
    shown = capsys.readouterr().out
    assert "no flame burns" in shown and "1 of 2 extinctions were not found" in shown and "2 u_o/L" in shown
    with (tmp_path / "out" / "extinction.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["strain_per_s"]) == 100.0 and rows[1]["reason"].endswith("no flame burns")
    assert (tmp_path / "out" / "extinction.png").exists()
    assert len((tmp_path / "out" / "extinction_curve.csv").read_text().splitlines()) == 3
    assert main([*given, "--max-points", "300", "--force"]) == 0 and len(calls) == 2  # from the cache


def test_what_does_not_burn_is_refused():
    with pytest.raises(DivergenceError, match="the jets do not burn"):
        extinction_strain("h2o2.yaml", P, "N2:1", AIR)
    with pytest.raises(DivergenceError, match="a jet is too hot: no mixture is in equilibrium more than 62 K hotter"):
        extinction_strain("h2o2.yaml", P, "H2:0.15, N2:0.85", AIR, T_oxidizer=1400.0)
    with pytest.raises(DivergenceError, match="no flame burns at strain rates of"):
        extinction_strain("h2o2.yaml", P, "H2:0.06, N2:0.94", AIR, strain=2000.0)


@pytest.mark.parametrize(
    "change, message",
    [(["--width", "0"], "--width 0"), (["--strain", "-1"], "--strain -1"), (["--fuel", "CH4"], "no species 'CH4'"),
     (["--momentum-ratio", "nan"], "--momentum-ratio nan"), (["--T-fuel", "hot"], "--T-fuel"),
     (["--emissivity", "0.5"], "counts with radiation only"), (["--width", "1e3"], "from 1e-06 to 100 m"),
     (["--T-fuel", "300furlong"], "unit 'furlong' of a temperature"), (["--max-points", "5"], "at least 20"),
     (["--p", "1e6"], "denser than its molecules allow")],
)  # fmt: skip
def test_bad_input(tmp_path, capsys, change, message):
    assert main(["extinction", "h2o2.yaml", "--fuel", "H2", *change, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    with pytest.raises(ConfigError, match="width = 0"):
        extinction_strain(*JETS, width=0.0)


def test_steps_and_vertex():
    assert next_length(0.15, 1.0) == 1.0 and next_length(1.0, 1.0) == 0.5 and next_length(1e-3, 1e-3) == 1.5
    T = (1250.0, 1200.0, 1170.0)
    three = [Point(*[900 - 0.01 * (t - 1190) ** 2] * 4, t, 5.0, 4.0, 1.0) for t in T]
    top = vertex(*three)
    assert (top.strain, top.T_max, top.u_fuel) == pytest.approx((900.0, 1190.0, 5.0))
