"""Fits of NASA polynomials: against Cantera, against mechanisms' own, at the joint; what is refused."""

import cantera as ct
import numpy as np
import pytest

from combust.errors import ConfigError
from combust.kinetics.quantum.thermochemistry import nasa7

R = 8.31446261815324
GAS = ct.Solution("gri30.yaml")
T = np.arange(200.0, 3001.0, 20.0)


def vibrating(T, *waves):
    """Cp/R of a bent molecule with vibrations at wave numbers [1/cm]."""
    x = 1.438776877 * np.array(waves)[:, None] / T
    return 4 + (x**2 * np.exp(-x) / (1 - np.exp(-x)) ** 2).sum(0)


def test_cantera_reads_the_same_numbers():
    """Cp, H and S of a species that Cantera makes of the entry, on both sides of the joint."""
    found = nasa7.fit(T, R * vibrating(T, 1600, 3650, 3750), -241_826.0, 188.83)
    made = ct.Species.from_dict({"name": "X", "composition": {"H": 2, "O": 1}, "thermo": found.entry()}).thermo
    at = np.array([200.0, 298.15, 999.0, 1000.0, 1001.0, 3000.0])
    for value, of, unit in ((found.cp, made.cp, 1), (found.h, made.h, at), (found.s, made.s, 1)):
        theirs = np.array([of(t) for t in at]) / (ct.gas_constant * unit)
        assert np.abs(value(at) / theirs - 1).max() < 1e-10


def test_enthalpy_and_entropy_are_those_given():
    found = nasa7.fit(T, R * vibrating(T, 1600, 3650), -241_826.0, 188.83)
    assert float(found.h(298.15)) * R * 298.15 == pytest.approx(-241_826.0, rel=1e-12)
    assert float(found.s(298.15)) * R == pytest.approx(188.83, rel=1e-12)


def test_a_heat_capacity_without_slope_has_all_its_coefficients():
    """Of an atom the powers of T may be exactly zero."""
    assert nasa7.monomials(np.array([2.5, 0.0, 0.0, 0.0, 0.0]), 1000.0) == (2.5, 0.0, 0.0, 0.0, 0.0)
    assert nasa7.monomials(np.array([1.0, 2.0, 3.0, 0.0, 0.0]), 1.0) == pytest.approx((2.0, -4.0, 3.0, 0.0, 0.0))


@pytest.mark.parametrize("middle", [800.0, 1000.0, 1400.0])
def test_ranges_join(middle):
    """Cp, its slope, H and S, to 1e-10, whichever the joint."""
    found = nasa7.fit(T, R * vibrating(T, 500, 900, 1600, 3000, 3650), 1e5, 250.0, middle)
    low, high = ([*one] for one in (found.low, found.high))
    powers = middle ** np.arange(5)
    assert np.dot(low[:5], powers) == pytest.approx(np.dot(high[:5], powers), abs=1e-10)
    slopes = [sum(k * a[k] * middle**k for k in range(1, 5)) for a in (low, high)]
    assert slopes[0] == pytest.approx(slopes[1], abs=1e-10)
    enthalpies = [sum(a[k] * middle**k / (k + 1) for k in range(5)) + a[5] / middle for a in (low, high)]
    assert enthalpies[0] == pytest.approx(enthalpies[1], abs=1e-10)
    assert nasa7.entropy(low, middle) == pytest.approx(nasa7.entropy(high, middle), abs=1e-10)


@pytest.mark.parametrize("name", ["H2O", "CH4", "HO2", "H2O2", "NH3", "OH"])
def test_a_polynomial_is_found_again(name):
    """Those of GRI-Mech's species, whose slopes jump at 1000 K, nearly; the fit's own, which join, to round-off."""
    thermo = GAS.species(name).thermo
    cp = np.array([thermo.cp(t) for t in T]) / 1000
    found = nasa7.fit(T, cp, thermo.h(298.15) / 1000, thermo.s(298.15) / 1000)
    assert found.error < 0.02
    for t in (300.0, 1500.0, 2900.0):
        assert float(found.h(t)) * R * t == pytest.approx(thermo.h(t) / 1000, abs=40)
        assert float(found.s(t)) * R == pytest.approx(thermo.s(t) / 1000, abs=0.04)
    again = nasa7.fit(T, R * found.cp(T), R * 298.15 * float(found.h(298.15)), R * float(found.s(298.15)))
    assert again.error < 1e-12
    assert np.abs(again.h(T) / found.h(T) - 1).max() < 1e-10 and np.abs(again.s(T) / found.s(T) - 1).max() < 1e-10


def test_vibrations_are_within_two_hundredths():
    """Of R, to 3000 K: a diatomic, water and a molecule of many modes; the stated error is the largest there is."""
    for waves in ((4300,), (1600, 3650, 3750), (300, 900, 1100, 1300, 1600, 2900, 3100)):
        found = nasa7.fit(T, R * vibrating(T, *waves), 0.0, 200.0)
        errors = np.abs(found.cp(T) - vibrating(T, *waves))
        assert found.error == pytest.approx(errors.max(), abs=1e-9) and found.error < 0.02


def test_weights_lessen_the_largest_error():
    """Beside least squares without weights, by the same factors."""
    x = T / 1000 - 1
    cp = vibrating(T, 4300)
    own = np.stack([x**2, x**3, x**4], 1)
    matrix = np.hstack([np.ones((len(x), 1)), x[:, None], own * (x <= 0)[:, None], own * (x > 0)[:, None]])
    plain = np.abs(matrix @ np.linalg.lstsq(matrix, cp, rcond=None)[0] - cp).max()
    assert nasa7.fit(T, R * cp, 0.0, 130.0).error < 0.85 * plain


@pytest.mark.parametrize(
    ("T", "cp", "said"),
    [
        (np.arange(200.0, 1101.0, 100.0), None, "9 temperatures to 1000 K, 1 above"),
        (np.arange(300.0, 3000.0, 20.0), None, "must hold 298.15 K"),
        (np.repeat([250.0, 1500.0], 20), None, "1 temperatures to 1000 K, 1 above"),
        (T, np.full(len(T), np.nan), "finite"),
        (T, np.full(len(T), -1.0), "> 0"),
        (T, np.ones(3), "as many"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted(T, cp, said):
    with pytest.raises(ConfigError, match=said):
        nasa7.fit(T, np.full(len(T), 30.0) if cp is None else cp, 0.0, 100.0)
