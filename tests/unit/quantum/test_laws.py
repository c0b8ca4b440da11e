"""Rate constants of transition-state theory: tunnelling against quadrature, k against a sum over levels, refusals."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from combust.errors import ConfigError
from combust.kinetics.quantum.engines import levels
from combust.kinetics.quantum.rates.fit import fit
from combust.kinetics.quantum.rates.tst import rates, uncertainty
from combust.kinetics.quantum.rates.tunnelling import eckart, factor, transmission, wigner
from tests.unit.quantum.structures import H2, LEVEL, SADDLE, H, other

R, K, C = 8.31446261815324, 1.380649e-23, 1.438776877
T = np.array([300.0, 500.0, 1000.0])


def test_eckart_against_adaptive_quadrature():
    for forward, reverse, wave in (
        (37.1e3, 37.1e3, 1510.0),
        (20e3, 80e3, 970.0),
        (80e3, 20e3, 970.0),
        (4e3, 5e3, 600.0),
    ):
        for t, found in zip(T, eckart(wave, forward, reverse, T), strict=True):
            one = lambda E: (  # noqa: E731
                np.exp(transmission(np.array([E]), wave, forward, reverse)[0] + (forward - E) / (R * t))  # noqa: B023
            )
            low = max(0.0, forward - reverse)
            parts = [quad(one, a, b, epsabs=0, epsrel=1e-9, limit=400)[0]
                     for a, b in ((low, forward), (forward, forward + 40 * R * t))]  # fmt: skip
            assert found == pytest.approx(sum(parts) / (R * t), rel=1e-6)


def passed(E: float, V1: float, V2: float, L: float) -> float:
    """Transmission of V = A y / (1 + y) + B y / (1 + y)^2, y = exp(2 pi x / L), by Schroedinger's equation."""
    A, B = V1 - V2, (np.sqrt(V1) + np.sqrt(V2)) ** 2

    def V(x: float) -> float:
        y = np.exp(2 * np.pi * x / L)
        return A * y / (1 + y) + B * y / (1 + y) ** 2

    k, far, end = np.sqrt(2 * E), np.sqrt(2 * (E - A)), 5 * L
    start = [np.exp(1j * far * end), 1j * far * np.exp(1j * far * end)]
    found = solve_ivp(lambda x, p: [p[1], 2 * (V(x) - E) * p[0]], (end, -end), start, rtol=1e-9, atol=1e-12).y[:, -1]
    ahead = (found[0] + found[1] / (1j * k)) / 2
    return float(far / k / abs(ahead) ** 2)


@pytest.mark.parametrize(("V1", "V2"), [(6.0, 6.0), (3.0, 8.0), (8.0, 3.0), (0.4, 0.5)])
def test_transmission_is_that_of_schroedingers_equation(V1, V2):
    L = 4.0
    A, B = V1 - V2, (np.sqrt(V1) + np.sqrt(V2)) ** 2
    wave = np.sqrt(np.pi**2 / (2 * L**2) * (A**2 - B**2) ** 2 / B**3)  # root of the curvature at the top
    E = max(0.0, A) + V1 * np.array([0.15, 0.5, 1.0, 1.4])
    own = np.exp(transmission(E, wave / (R * C), V1, V2))
    assert np.allclose(own, [passed(one, V1, V2, L) for one in E], rtol=1e-4)


def test_h_and_h2_as_a_study_of_it_has_them():
    assert np.allclose(eckart(1510, 37.1e3, 37.1e3, T), (12.6, 2.4, 1.3), atol=0.05)
    assert np.allclose(wigner(1510, T), (3.185, 1.787, 1.197), atol=1e-3)


def test_tunnelling_has_its_limits():
    high = 4e6 * np.ones(1)  # J/mol: a parabola, (u/2) / sin(u/2)
    half = C * 500.0 / T / 2
    assert np.allclose(
        [eckart(500, high[0], high[0], np.array([t]))[0] for t in T[1:]], (half / np.sin(half))[1:], rtol=2e-2
    )
    assert np.allclose(eckart(1000, 40e3, 70e3, T), eckart(1000, 70e3, 40e3, T), rtol=1e-9)  # detailed balance
    assert (factor("none", 1000, 40e3, 70e3, T) == 1).all()
    E = np.linspace(1.0, 3e5, 2000)
    assert (np.diff(transmission(E, 1000.0, 4e4, 4e4)) >= -1e-12).all()
    with pytest.raises(ConfigError, match="has no Eckart factor; choose none or wigner"):
        factor("eckart", 1000, 40e3, -1e3, T)


def by_hand(t: float) -> float:
    """k of H + H2 without tunnelling [m3/kmol/s], from formulas of a textbook alone."""
    h, u, c = 6.62607015e-34, 1.66053906660e-27, 2.99792458e10
    m = 1.0078250319 * u
    per = lambda mass: (2 * np.pi * mass * K * t / h**2) ** 1.5  # noqa: E731
    linear = lambda moment, sigma: 8 * np.pi**2 * moment * K * t / (sigma * h**2)  # noqa: E731
    vib = lambda waves: np.prod([1 / (1 - np.exp(-h * c * w / (K * t))) for w in waves])  # noqa: E731
    q_ts = per(3 * m) * linear(2 * m * 0.930e-10**2, 1)  # two paths
    q_ts *= vib((917, 917.1, 2054)) * 2
    q_h2 = per(2 * m) * linear(m / 2 * 0.7414e-10**2, 2) * vib((4401,))
    q_h = per(m) * 2
    e0 = 9.61 * 4184 + R * C * ((917 + 917.1 + 2054) - 4401) / 2
    return K * t / h * q_ts / (q_h * q_h2) * np.exp(-e0 / (R * t)) * 6.02214076e26


def test_k_against_formulas_by_hand():
    found = rates([H, H2], [H2, H], SADDLE, LEVEL, T, "none")
    assert np.allclose(found.k, [by_hand(t) for t in T], rtol=1e-6)
    tunnelled = rates([H, H2], [H2, H], SADDLE, LEVEL, T, "eckart")
    assert np.allclose(tunnelled.k / found.k, tunnelled.kappa)
    assert tunnelled.k[-1] / 6.02214076e26 * 1e6 == pytest.approx(2.2e-12, rel=0.1)  # cm3, of the same study


def test_forward_over_reverse_is_the_equilibrium_constant():
    from combust.kinetics.quantum.partition import gas

    moved = other(H2, species="D", energies={LEVEL: -1.19})  # another energy: products of their own
    saddle = other(SADDLE, connects=())
    ahead = rates([H, H2], [moved, H], saddle, LEVEL, T)
    back = rates([moved, H], [H, H2], saddle, LEVEL, T)
    logs = gas(moved, T).volume - gas(H2, T).volume
    change = (moved.energy(LEVEL) - H2.energy(LEVEL)) * 4.3597447222071e-18
    assert np.allclose(ahead.k / back.k, np.exp(logs - change / (K * T)), rtol=1e-8)


def test_equal_paths_count_once():
    base = rates([H, H2], [H2, H], SADDLE, LEVEL, T).k
    for change, ratio in (({"symmetry": 2}, 0.5), ({"mirrors": 2}, 2.0), ({"mode": ()}, 0.5)):
        assert np.allclose(rates([H, H2], [H2, H], other(SADDLE, **change), LEVEL, T).k / base, ratio)


REFUSED = [
    (
        {"imaginary": (), "frequencies": (900, 917, 918, 2054), "mode": ()},
        "is no saddle: no mode is imaginary. .*barrier",
    ),
    ({"imaginary": (1510, 300), "frequencies": (917, 2054)}, r"is a saddle of order 2 \(1510i, 300i cm-1\)"),
    ({"imaginary": (60,)}, "its imaginary mode of 60i cm-1 is weaker than 100i"),
    ({"s2": {LEVEL: 0.9}}, r"<S2> is 0\.900 where s\(s \+ 1\) = 0\.75: spins are mixed"),
    ({"multiplicity": 4, "s2": {}}, "has multiplicity 4, its reactants can have 2: another surface"),
    ({"elements": ("H", "H", "F"), "multiplicity": 2}, "reactants H . H2 have H3, the saddle F1 H2"),
    ({"connects": ("H + H2", "H3")}, "leads to H . H2 and H3, not to"),
    ({"scale": 0.9}, "scaled by several factors"),
    ({"level": "hf/x"}, "geometries are of several levels"),
    ({"energies": {}}, "has no energy of ccsd"),
    ({"spin_orbit": -30.0}, "spin-orbit coupling is half there"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_structures_that_are_no_reaction_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        rates([H, H2], [H2, H], other(SADDLE, **change), LEVEL, T)


def test_a_minimum_with_an_imaginary_mode_is_refused():
    with pytest.raises(ConfigError, match="H2: is no minimum: it has an imaginary mode of 50i"):
        rates([H, other(H2, frequencies=(), imaginary=(50,))], [H2, H], SADDLE, LEVEL, T)


def test_levels():
    assert levels.parsed("CCSD(T)/CBS(cc-pVTZ, cc-pVQZ)").pair == ("cc-pvtz", "cc-pvqz")
    errors = {
        "ccsd(t)/cbs(cc-pvtz,cc-pvqz)": 1,
        "ccsd(t)/cc-pvtz": 2,
        "wb97x-d3bj/def2-tzvp": 4,
        "b3lyp-d3bj/def2-svp": 7,
    }
    for text, error in errors.items():
        assert levels.error(text) == error
    for text, said in (("hf/cc-pvtz", "Hartree-Fock has barriers"), ("b3lyp", "must be method/basis"),
                       ("b3lyp/cbs(cc-pvtz,cc-pvqz)", "only energies of"), ("ccsd(t)/cbs(cc-pvtz)", "names two bases"),
                       ("ccsd(t)/cbs(cc-pvdz,cc-pvqz)", "next larger"),
                       ("ccsd(t)/cbs(def2-svp,cc-pvtz)", "family")):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            levels.error(text)


def test_extrapolation_is_exact_for_its_laws():
    mean = [-1.0 + 3.0 * (n + 1) * np.exp(-9 * np.sqrt(n)) for n in (3, 4)]
    own = [-0.2 + 0.5 / n**3 for n in (3, 4)]
    assert levels.extrapolated(3, tuple(mean), tuple(own)) == pytest.approx(-1.2, abs=1e-12)


def test_factors_join_independent_errors():
    f = uncertainty(1.0, np.log(np.array([2.0, 1.0, 1.0])), 0.3, T)
    parts = [(4184 / (R * 300.0)), np.log(2.0), np.log(1.09)]
    assert f[0] == pytest.approx(np.exp(np.sqrt(np.sum(np.square(parts)))))
    assert (uncertainty(2.0, 0 * T, 0.3, T) > uncertainty(1.0, 0 * T, 0.3, T)).all()


def test_law_is_found_again():
    at = 1 / np.linspace(1 / 300, 1 / 2500, 20)
    law = fit(at, 2.89e3 * at**2.122 * np.exp(-1493 / at))
    assert (law.A, law.b, law.E) == pytest.approx((2.89e3, 2.122, 1493), rel=1e-8)
    assert law.error < 1e-10
    table = np.exp(-1493 / at) * (1 + 0.1 * np.sin(at / 100))
    bent = fit(at, table)
    assert bent.error == pytest.approx(np.abs(np.log(bent.k(at) / table)).max())
    with pytest.raises(ConfigError, match="at least 4 temperatures"):
        fit(at[:3], at[:3])


@pytest.mark.parametrize(("shift", "kind"), [(5.0, "eckart"), (-5.0, "wigner")])
def test_what_no_number_holds_is_said_with_temperatures_and_barrier(shift, kind, recwarn):
    far = other(SADDLE, energies={name: value + shift for name, value in SADDLE.energies.items()})
    with pytest.raises(
        ConfigError, match=r"k is beyond what a number can hold from 300 to \d+ K: its barrier is -?\d+"
    ):
        rates([H, H2], [H2, H], far, LEVEL, T, kind)
    assert not recwarn.list
