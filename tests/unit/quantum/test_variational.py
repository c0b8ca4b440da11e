"""Canonical variational theory: against a path in closed form; what is refused."""

import msgspec
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from combust.errors import ConfigError
from combust.kinetics.quantum.path import Point
from combust.kinetics.quantum.rates.tst import rates
from combust.kinetics.quantum.rates.variational import far, variational
from tests.unit.quantum import surface
from tests.unit.quantum.structures import H2, LEVEL, SADDLE, H, other

KELVIN, HARTREE_K = 1.438776877, 315775.0248  # K per cm-1 and per hartree
T = np.array([200.0, 300.0, 500.0, 1000.0, 2000.0, 2500.0])


def exact(T):
    """Smallest k(T, u) over k(T, 0) of the surface without bend, and its u: harmonic modes, classical rotation."""
    waves, moment = surface.exact(0.0)

    def log(u):
        w, m = surface.exact(u)
        quanta = np.log(np.sinh(KELVIN * w / T / 2) / np.sinh(KELVIN * waves / T / 2)).sum()
        return np.log(m / moment) - quanta - (surface.hill(u) - surface.hill(0.0)) * HARTREE_K / T

    found = minimize_scalar(log, bounds=(-0.3, 0.3), method="bounded", options={"xatol": 1e-10})
    return np.exp(found.fun), found.x


def known(step, count, **changes):
    """The saddle with points of the closed form."""
    made = [step * i for i in range(-count, count + 1) if i]
    points = tuple(
        Point(s=s, coordinates=surface.rounded(surface.at(s, 0.0)), energy=float(surface.hill(s)),
              frequencies=tuple(surface.exact(s)[0])) for s in made
    )  # fmt: skip
    return other(surface.saddle(surface.Surface()), path=points, **changes)


def test_six_points_give_the_smallest_rate_of_a_path_in_closed_form():
    wanted = np.array([exact(t) for t in T]).T
    assert wanted[0].min() < 0.93 and wanted[1].max() < -0.05  # there is something to find
    found = variational(known(0.1, 3), T)
    assert found.factor == pytest.approx(wanted[0], abs=3e-4)
    assert found.s == pytest.approx(wanted[1], abs=3e-3)
    closer = variational(known(0.05, 6), T)
    assert closer.factor == pytest.approx(wanted[0], abs=3e-5)


def test_points_need_not_be_even():
    whole = known(0.05, 6)
    some = [0, 1, 3, 5, 6, 8, 9, 11]  # -0.3, -0.25, -0.15, -0.05, 0.05, 0.15, 0.2, 0.3
    found = variational(other(whole, path=tuple(whole.path[i] for i in some)), T)
    assert found.factor == pytest.approx([exact(t)[0] for t in T], abs=5e-4)


def flat(*rises, waves=(917.0, 917.0, 2054.0)):
    """H + H2 with points 0.1 apart that lie `rises` [hartree] above the saddle, modes as there."""
    n = len(rises) // 2
    s = [0.1 * i for i in range(-n, n + 1) if i]
    points = tuple(Point(s=a, coordinates=SADDLE.coordinates, energy=SADDLE.energies[LEVEL] + rise, frequencies=waves)
                   for a, rise in zip(s, rises, strict=True))  # fmt: skip
    return other(SADDLE, path=points)


def test_a_saddle_that_is_the_best_place_keeps_its_rate():
    found = variational(flat(-0.004, -0.001, -0.001, -0.004), T)
    assert found.factor == pytest.approx(np.ones_like(T), abs=1e-3) and np.abs(found.s).max() < 0.01
    assert (found.factor <= 1).all()


def test_k_has_the_factor_where_it_is_asked_for():
    saddle = flat(-0.004, -0.0005, -0.001, -0.004, waves=(1100.0, 917.0, 2054.0))
    plain, best = (rates([H, H2], [H2, H], saddle, LEVEL, T, cvt=asked) for asked in (False, True))
    assert plain.cvt is None and best.cvt.factor.max() < 0.99
    assert best.k == pytest.approx(best.cvt.factor * plain.k, rel=1e-12)
    assert best.kappa == pytest.approx(plain.kappa) and best.factor == pytest.approx(plain.factor)
    assert far(plain.cvt) == [] and "away from the saddle, k 0." in far(best.cvt)[0]


@pytest.mark.parametrize(
    ("saddle", "said"),
    [
        (SADDLE, "wants 2 points or more.* the record has 0 along its mode and 0 against it"),
        (flat(-0.001, -0.001), "the record has 1 along its mode and 1 against it"),
        (known(0.05, 2), r"at \d+ K the free energy is highest at s = -0.1 bohr u.1/2, the end of the way"),
        (flat(0.004, 0.001, -0.001, -0.004), "at 200 K the free energy is highest at s = -0.2"),
    ],
)
def test_what_has_no_maximum_within_is_refused(saddle, said):
    with pytest.raises(ConfigError, match=said):
        variational(saddle, T)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p[::-1], "s must ascend"),
        (lambda p: (*p[:1], msgspec.structs.replace(p[0], s=0.0)), "without the saddle itself"),
        (lambda p: (p[0], msgspec.structs.replace(p[1], s=p[0].s * (1 - 1e-12))), "0.001 bohr u.1/2 or more apart"),
        (lambda p: (msgspec.structs.replace(p[0], coordinates=((0.0, 0.0, 0.0),) * 3),), "are 0 angstrom from each"),
        (lambda p: (msgspec.structs.replace(p[0], coordinates=p[0].coordinates[:2]),), "at s = -0.2 .* 2 of 3 atoms"),
        (lambda p: (msgspec.structs.replace(p[0], frequencies=(900.0,)),), "at s = -0.2 there are 1 modes of 3"),
    ],
)
def test_records_of_half_a_path_are_refused(change, said):
    whole = flat(-0.004, -0.001, -0.001, -0.004)
    with pytest.raises(ValueError, match=said):
        other(whole, path=change(whole.path))
    with pytest.raises(ValueError, match="only a saddle"):
        other(H2, path=whole.path)
