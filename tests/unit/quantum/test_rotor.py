"""Hindered rotors: Mathieu's functions, free and harmonic limits, published tables, moments; what is refused."""

import math

import numpy as np
import pytest
from scipy.special import mathieu_a, mathieu_b

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import AVOGADRO, DALTON, GAS, LIGHT, PLANCK
from combust.kinetics.quantum.partition import vibration
from combust.kinetics.quantum.thermochemistry import rotor

# Pitzer and Gwinn 1942 (doi:10.1063/1.1723744), read in a public Fortran program that has their tables:
# 1/Q of the free rotor, V/RT, (H - H0)/T and S [cal/mol/K]
PITZER_GWINN = [
    (0.05, 1.0, 1.660, 6.828), (0.05, 3.0, 2.049, 6.163), (0.05, 5.0, 1.971, 5.515), (0.05, 10.0, 1.787, 4.643),
    (0.05, 20.0, 1.646, 3.892), (0.15, 1.0, 1.495, 4.648), (0.15, 3.0, 1.777, 3.995), (0.15, 5.0, 1.631, 3.359),
    (0.15, 10.0, 1.335, 2.511), (0.15, 20.0, 1.061, 1.807), (0.25, 1.0, 1.344, 3.638), (0.25, 3.0, 1.535, 3.008),
    (0.25, 5.0, 1.344, 2.396), (0.25, 10.0, 0.982, 1.593), (0.25, 20.0, 0.660, 0.975), (0.40, 3.0, 1.224, 2.138),
    (0.40, 5.0, 1.002, 1.579), (0.40, 10.0, 0.608, 0.872),
]  # fmt: skip
CALORIE = 4.184
H2O2 = np.array([[0.0, 0.715, -0.058], [0.0, -0.715, -0.058], [0.79, 0.89, 0.46], [-0.79, -0.89, 0.46]])
OXYGEN, HYDROGEN = 15.9949146, 1.00782503


def inertia_of(B):
    """The moment of a rotor whose hbar^2 / 2I is B [J/mol]."""
    return (PLANCK / (2 * math.pi)) ** 2 * AVOGADRO / (2 * B)


@pytest.mark.parametrize(
    ("barrier", "n", "B"), [(0.0, 3, 60.0), (4000.0, 3, 60.0), (12_000.0, 2, 250.0), (900.0, 1, 90.0)]
)
def test_levels_are_those_of_mathieus_equation(barrier, n, B):
    """With phi = 2x/n the equation is y'' + (a - 2q cos 2x) y = 0; of all solutions those that close after a turn.

    Functions of period 2 pi in phi are of any Floquet number m/n in x; those of 0 and 1 are the characteristic ones.
    """
    levels = rotor.Rotor(inertia_of(B), rotor.cosine(barrier, n)).levels(300.0)
    q = -barrier / (B * n**2)  # of V/2 (1 - cos): minus, which a and b do not mind but for the odd orders' names
    orders = range(0, 8, 2)
    exact = [mathieu_a(m, abs(q)) for m in orders] + [mathieu_b(m, abs(q)) for m in orders if m]
    for a in exact:
        energy = B * n**2 / 4 * a + barrier / 2
        assert np.abs(levels - energy).min() < 1e-6 * B * n**2


def test_a_free_rotor():
    """S, H and Cp are the classical ones where levels lie close, and the symmetry number takes ln of itself off."""
    T, B = np.array([300.0, 1000.0]), 12.0
    one = rotor.Rotor(inertia_of(B), rotor.cosine(0.0, 3), 3).part(T)
    q = np.sqrt(np.pi * GAS * T / B) / 3
    assert one.log == pytest.approx(np.log(q), abs=1e-10)
    assert one.entropy == pytest.approx(np.log(q) + 0.5, abs=1e-10)
    assert one.heat == pytest.approx([0.5, 0.5], abs=1e-10) and one.energy == pytest.approx([0.5, 0.5], abs=1e-10)


def test_a_high_barrier_is_an_oscillator():
    """n wells in n equal ones: those of a vibration; the difference falls with the barrier."""
    T, differences = np.array([300.0, 600.0]), []
    for barrier in (1e5, 4e5, 1.6e6):
        B = 8.0
        inertia = inertia_of(B)
        wave = 3 * math.sqrt(barrier * B) / (AVOGADRO * PLANCK * LIGHT)
        assert rotor.barrier_of(wave, inertia, 3) == pytest.approx(barrier, rel=1e-10)
        one = rotor.Rotor(inertia, rotor.cosine(barrier, 3), 3)
        assert one.wavenumber == pytest.approx(wave, rel=1e-6)
        found = one.part(T)
        exact = vibration([wave], T)
        differences.append(max(np.abs(found.entropy - exact.entropy).max(), np.abs(found.heat - exact.heat).max()))
    assert differences[2] < 2e-3 and differences[1] < 0.3 * differences[0] and differences[2] < 0.3 * differences[1]


@pytest.mark.parametrize(("inverse", "V", "H", "S"), PITZER_GWINN)
def test_published_tables(inverse, V, H, S):
    """Within 0.02 cal/mol/K: half a percent of R, that of their own interpolation."""
    T, n = 298.15, 3
    B = math.pi * GAS * T / (n / inverse) ** 2
    found = rotor.Rotor(inertia_of(B), rotor.cosine(V * GAS * T, n), n).part(T)
    assert float(found.energy[0]) * GAS / CALORIE == pytest.approx(H, abs=0.02)
    assert float(found.entropy[0]) * GAS / CALORIE == pytest.approx(S, abs=0.02)


def test_heat_is_the_slope_of_the_enthalpy():
    T = np.array([299.0, 300.0, 301.0])
    one = rotor.Rotor(inertia_of(100.0), rotor.Potential((0.0, -2000.0, -500.0), (300.0, 0.0, 0.0), -2600.0)).part(T)
    slope = (one.energy[2] * 301 - one.energy[0] * 299) / 2
    assert one.heat[1] == pytest.approx(slope, rel=1e-5)
    rise = 300 * (one.entropy[2] - one.entropy[0]) / 2
    assert one.heat[1] == pytest.approx(rise, rel=1e-5)


def test_a_scan_is_its_series():
    """A scan of a known potential gives the same levels, over a turn or a period, and with noise its residual."""
    exact = rotor.cosine(12_000.0, 3)
    angles = np.arange(0, 360, 15.0)
    whole = rotor.from_scan(angles, exact(np.radians(angles)) + 5e4)
    part = rotor.from_scan(np.arange(0, 120, 12.0), exact(np.radians(np.arange(0, 120, 12.0))), 3)
    levels = [rotor.Rotor(inertia_of(60.0), one).levels(500.0) for one in (exact, whole, part)]
    first = [one[:60] for one in levels]
    assert first[1] == pytest.approx(first[0], abs=1e-6) and first[2] == pytest.approx(first[0], abs=1e-6)
    assert whole.barrier == pytest.approx(12_000.0, abs=1e-6) and whole.residual < 1e-6
    noisy = exact(np.radians(np.repeat(angles, 2))) + np.tile([30.0, -30.0], len(angles))
    assert rotor.from_scan(np.repeat(angles, 2), noisy).residual == pytest.approx(30.0, abs=1e-6)


def test_a_lopsided_potential_has_its_minimum_at_zero():
    one = rotor.from_scan(
        phi := np.arange(0, 360, 10.0), 3000 * np.cos(np.radians(phi + 20)) + 900 * np.sin(np.radians(2 * phi))
    )
    fine = one(np.linspace(0, 2 * math.pi, 20001))
    assert fine.min() == pytest.approx(0.0, abs=1e-3) and fine.max() == pytest.approx(one.barrier, abs=1e-3)


def test_moments_of_tops():
    """Coaxial symmetric tops have I1 I2 / (I1 + I2); either side may turn; axes do not matter."""
    h = 1.02 * np.array([[math.cos(a), math.sin(a), 0] for a in np.radians([0, 120, 240])])
    far = 1.02 * np.array([[math.cos(a), math.sin(a), 0] for a in np.radians([60, 180, 300])])
    ethane = np.vstack([[[0, 0, -0.765], [0, 0, 0.765]], h - [0, 0, 1.16], far + [0, 0, 1.16]])
    weights = np.array([12.0, 12.0] + [HYDROGEN] * 6)
    exact = 3 * HYDROGEN * 1.02**2 / 2 * DALTON * 1e-20
    assert rotor.reduced_inertia(weights, ethane, (0, 1), (2, 3, 4)) == pytest.approx(exact, rel=1e-10)
    own = np.array([OXYGEN, OXYGEN, HYDROGEN, HYDROGEN])
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    moments = [
        rotor.reduced_inertia(own, x, (0, 1), top) for x in (H2O2, H2O2 @ turned + 5) for top in ((0, 2), (1, 3), (2,))
    ]
    assert moments == pytest.approx([moments[0]] * 6, rel=1e-9)
    assert 0.4 < moments[0] / (DALTON * 1e-20) < 0.5  # of each O-H 0.9 u A2, half of it


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rotor.cosine(-1.0, 3), "barrier"),
        (lambda: rotor.cosine(1.0, 0), "periodicity"),
        (lambda: rotor.from_scan([0, 60, 120], [0, 1, 0]), "at least 6"),
        (lambda: rotor.from_scan([0, 10, 20, 30, 40, 50, 60], [0] * 7), "nothing for 300 degrees after 60"),
        (lambda: rotor.from_scan(range(0, 360, 30), [math.nan] * 12), "finite"),
        (lambda: rotor.from_scan(range(0, 360, 30), [0.0] * 11), "as many"),
        (lambda: rotor.Rotor(0.0, rotor.cosine(1.0, 3)), "inertia"),
        (lambda: rotor.Rotor(1e-42, rotor.cosine(1.0, 3)).levels(3000.0), "treat so heavy a rotor as free"),
    ],
)  # fmt: skip
def test_what_is_refused(call, said):
    with pytest.raises(ConfigError, match=said):
        call()
