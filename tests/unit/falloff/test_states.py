"""States, collisions and rates at one energy: exact counts, classical limits, Cantera's collision integral."""

import itertools
import math

import cantera as ct
import numpy as np
import pytest
from falloff_wells import HO2, O2, SELLEVAG, H, T, ho2
from scipy.constants import N_A
from scipy.integrate import solve_ivp

from combust.errors import ConfigError
from combust.kinetics.falloff import collisions
from combust.kinetics.falloff.densities import HERTZ, KT, Molecule, Rotor, count, partition
from combust.kinetics.falloff.microcanonical import Law, Saddle, eckart
from combust.kinetics.falloff.well import Well, grained, table
from combust.kinetics.gas.collisions import omega22

ONE = (((1.0, 0.0),),)


def test_vibrations_are_counted_one_by_one():
    """Every combination of quanta of four oscillators, two of them alike, below 5000 1/cm."""
    modes, top = (310, 310, 725, 1490), 5000
    wanted = np.zeros(top)
    for quanta in itertools.product(*(range(top // mode + 1) for mode in modes)):
        if (energy := sum(n * mode for n, mode in zip(quanta, modes, strict=True))) < top:
            wanted[energy] += 1
    assert np.array_equal(count(tuple(map(float, modes)), (), ONE, top), wanted)


def test_electronic_levels_and_levels_of_rotors_are_convolved():
    """Of OH-like levels, a quantum rotor of two dimensions: counted by hand."""
    wanted = np.zeros(400)
    for g, e in ((2, 0), (2, 140)):
        for J in range(30):
            if e + 18 * J * (J + 1) < 400:
                wanted[e + 18 * J * (J + 1)] += g * (2 * J + 1)
    found = count((), (Rotor(2, 18.0, 1.0, True),), (((2.0, 0.0), (2.0, 140.0)),), 400)
    assert np.array_equal(np.add.reduceat(found, range(0, 400, 2)), np.add.reduceat(wanted, range(0, 400, 2)))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_levels_of_a_rotor_tend_to_the_classical_number(dimension):
    energy = np.array([3e4, 1e5])
    quantum, classical = (Rotor(dimension, 2.0, 2.0, q).below(energy) for q in (True, False))
    assert quantum == pytest.approx(classical, rel=0.012)
    assert abs(quantum[1] / classical[1] - 1) < abs(quantum[0] / classical[0] - 1) + 1e-3


@pytest.mark.parametrize("active", ["K", "all"])
def test_counted_states_sum_to_the_partition_function(active):
    """With the inactive rotors put back; harmonic oscillators and classical rotors have it in closed form."""
    made = grained(ho2(active), T, 10)
    whole = made.partition * math.prod(one.scale for one in HO2.inactive(active))
    whole = whole * (KT * T) ** (sum(one.dimension for one in HO2.inactive(active)) / 2)
    internal = partition(HO2, T) / partition(Molecule(HO2.mass), T)
    if active == "K":  # classical rotors in 1 and 2 dimensions are the one in 3
        assert whole == pytest.approx(internal, rel=5e-4)
    assert whole == pytest.approx(internal, rel=2e-3)


def test_collision_integral_is_that_of_canteras_viscosity():
    gas = ct.Solution("h2o2.yaml")
    gas.transport_model = "mixture-averaged"
    data = gas.species("AR").transport
    for T0 in (300.0, 700.0, 1500.0):
        gas.TPX = T0, ct.one_atm, "AR:1"
        mass = gas.mean_molecular_weight / (1e3 * N_A)
        cross = 5 / 16 * math.sqrt(math.pi * mass * ct.boltzmann * T0) / (math.pi * data.diameter**2 * gas.viscosity)
        star = T0 * ct.boltzmann / data.well_depth
        assert float(omega22(np.array(star))) == pytest.approx(cross, rel=0.01)


def dense(kernel):
    """P of one temperature from its parts, and its Boltzmann distribution."""
    n = len(kernel.step)
    u = np.exp(np.cumsum(np.concatenate([[0.0], -np.log(kernel.step[1:, 0])])))
    f = np.cumprod(np.concatenate([[1.0], kernel.ratio[1:, 0]]))
    P = np.zeros((n, n))
    for j in range(n):
        P[: j + 1, j] = kernel.down[j, 0] * u[: j + 1] / u[j]
        P[j, :j] = P[:j, j] * f[j] / f[:j]
    return P, f


def test_collisions_are_normalised_and_in_detailed_balance():
    """Every column adds up to one above the bottom, and P f is symmetric; steps down fall off exponentially."""
    made = grained(ho2(), np.array([1000.0]), 200)
    kernel = collisions.exponential(made.energy, made.ratio, np.array([450.0]))
    P, f = dense(kernel)
    bottom = int(kernel.bottom[0])
    assert bottom < 6 and (P >= 0).all()
    assert P.sum(axis=0)[bottom:] == pytest.approx(1.0, rel=1e-12)
    assert P * f[None, :] == pytest.approx((P * f[None, :]).T, rel=1e-10)
    j = 40
    assert P[j - 1, j] / P[j, j] == pytest.approx(math.exp(-200 / 450), rel=1e-12)


def test_a_law_comes_back_at_high_pressure():
    """Inverse Laplace transform and back: association, two terms; dissociation with and without T^n, E."""
    made = table(ho2(), collider(), T, np.array([1e5]), 50)
    assert made.high / made.equilibrium == pytest.approx(SELLEVAG.k(T), rel=2e-3)
    for law in (Law(((1e13, 0.0, 24000.0),), False), Law(((3e15, 0.7, 24100.5),), False)):
        for active in ("K", "all"):
            found = table(Well(HO2, (H, O2), 16788.0, law, active), collider(), T, np.array([1e5]), 50)
            assert found.high == pytest.approx(law.k(T), rel=2e-3)


def collider():
    return collisions.Collider(15.15, 3.54e-10, 102.3, 250.0, 0.5)


def test_a_saddle_gives_transition_state_theory_at_high_pressure():
    """kT / h Q* / Q exp(-E / kT), with the ratio of the inactive rotors."""
    states = Molecule(33.0, (600.0, 1500.0), (15.0, 0.9, 0.8), 1.0, ((2.0, 0.0),))
    saddle = Saddle(states, 15000.0)
    wanted = KT * T * HERTZ * partition(states, T) / partition(Molecule(HO2.mass, HO2.frequencies, HO2.rotational,
             1.0, HO2.electronic), T) * np.exp(-15000.0 / (KT * T)) * (HO2.mass / 33.0) ** 1.5  # fmt: skip
    for active in ("K", "all"):
        found = table(Well(HO2, (H, O2), 14000.0, saddle, active), collider(), T, np.array([1e5]), 50)
        assert found.high == pytest.approx(wanted, rel=2e-3)


def test_eckart_joins_its_limits():
    """Of a slow barrier a step; symmetric, half at the top when high; and k with it is k times its mean."""
    energy = np.array([-3000.0, -1.0, 0.0, 1.0, 3000.0])
    assert eckart(energy, 6000.0, 9000.0, 1e-2) == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-3)
    assert float(eckart(np.array([0.0]), 8000.0, 8000.0, 900.0)[0]) == pytest.approx(0.5, abs=0.02)
    states = Molecule(33.0, (600.0, 1500.0), (15.0, 0.9, 0.8), 1.0, ((2.0, 0.0),))
    plain, through = (
        table(
            Well(HO2, (H, O2), 9000.0, Saddle(states, 15000.0, imaginary, 6000.0)), collider(), T, np.array([1e5]), 50
        )
        for imaginary in (0.0, 1200.0)
    )
    fine = np.arange(-6000, 40000, 0.25)
    passing = eckart(fine, 15000.0, 6000.0, 1200.0)
    kappa = [float((passing * np.exp(-fine / (KT * t))).sum() * 0.25 / (KT * t)) for t in T]
    assert through.high / plain.high == pytest.approx(kappa, rel=5e-3)
    assert kappa[0] > 10


def test_eckarts_probability_solves_schroedingers_equation():
    """A wave behind the barrier, integrated back to where it came from; wave numbers, steps of 1 / (2 pi / L)."""
    forward, reverse, imaginary = 900.0, 1500.0, 500.0
    A, B = forward - reverse, (math.sqrt(forward) + math.sqrt(reverse)) ** 2
    kappa = imaginary**2 * 4 * B**3 / (A * A - B * B) ** 2  # hbar^2 / 2 m of that curvature at the top

    def potential(x):
        y = math.exp(min(x, 200.0))
        return A * y / (1 + y) + B * y / (1 + y) ** 2

    for above in (-500.0, -100.0, 150.0):
        energy = forward + above
        back, front = math.sqrt(energy / kappa), math.sqrt((energy - A) / kappa)
        start = np.exp(25j * front) * np.array([1, 1j * front])
        slope = lambda x, u, e=energy: [u[1], (potential(x) - e) / kappa * u[0]]  # noqa: E731
        end = solve_ivp(slope, (25.0, -25.0), start, rtol=1e-9, atol=1e-12).y[:, -1]
        incoming = abs(end[0] + end[1] / (1j * back)) / 2
        wanted = front / back / incoming**2
        found = float(eckart(np.array([above]), forward, reverse, imaginary)[0])
        assert found == pytest.approx(wanted, rel=1e-5)


def test_laws_without_a_transform_are_refused():
    with pytest.raises(ConfigError, match="E >= 0"):
        table(ho2(law=Law(((1e10, 0.0, -50.0),))), collider(), T, np.array([1e5]), 50)
    with pytest.raises(ConfigError, match="needs n >="):
        table(ho2(law=Law(((1e10, -2.0, 0.0),))), collider(), T, np.array([1e5]), 50)
