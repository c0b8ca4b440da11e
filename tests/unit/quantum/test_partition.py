"""Partition functions: against sums over levels, Cantera's thermo and each other's derivatives."""

import cantera as ct
import msgspec
import numpy as np
import pytest

from combust.errors import ConfigError
from combust.kinetics.quantum.partition import electronic, gas, rotation, vibration
from combust.kinetics.quantum.record import Record
from tests.unit.quantum.test_record import WATER

K = 1.438776877  # cm K
AT = np.array([300.0, 1000.0, 2500.0])


def by_levels(energies: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln q, mean energy over kT and its variance, by a sum over levels [cm-1]."""
    x = K * energies[:, None] / AT
    shares = weights[:, None] * np.exp(-x)
    q = shares.sum(0)
    mean = (shares * x).sum(0) / q
    return np.log(q), mean, (shares * x**2).sum(0) / q - mean**2


def test_vibration_is_the_sum_over_its_levels():
    n = np.arange(400)
    found = vibration([1595.0], AT)
    for own, other in zip((found.log, found.energy, found.heat), by_levels(1595.0 * n, np.ones(400)), strict=True):
        assert np.allclose(own, other, rtol=1e-8, atol=1e-12)


def test_rotation_is_the_limit_of_the_sum_over_its_levels():
    co = Record(species="CO", level="x", elements=("C", "O"), coordinates=((0, 0, 0), (0, 0, 1.128323)),
                energies={"x": 0.0}, frequencies=(2170,))  # fmt: skip
    J = np.arange(400)
    log, energy, heat = by_levels(co.rotor.constants[0] * J * (J + 1), 2 * J + 1)
    found = rotation(co.rotor, 1, AT)
    assert np.allclose(found.log, log, atol=4e-3)  # theta / 3 T at 300 K
    assert np.allclose(found.energy, energy, atol=4e-3)
    assert np.allclose(found.heat, heat, atol=1e-4)


def test_electronic_levels():
    levels = ((2, 0.0), (2, 139.7))
    found = electronic(levels, AT)
    others = by_levels(np.array([0.0, 139.7]), np.array([2, 2]))
    for own, other in zip((found.log, found.energy, found.heat), others, strict=True):
        assert np.allclose(own, other, rtol=1e-8, atol=1e-9)


def test_atoms_are_those_of_cantera():
    thermo = ct.Solution("h2o2.yaml")
    for name, multiplicity in (("H", 2), ("AR", 1)):
        atom = Record(species=name, level="x", elements=(name.title(),), coordinates=((0, 0, 0),),
                      multiplicity=multiplicity, energies={"x": 0.0})  # fmt: skip
        found = gas(atom, AT)
        for i, T in enumerate(AT):
            thermo.TP = T, ct.one_atm
            own = thermo.species_index(name)
            S = thermo.standard_entropies_R[own] * ct.gas_constant / 1e3
            assert found.entropy[i] == pytest.approx(S, abs=0.12)  # H's are of 1 bar, argon's of 1 atm: 0.11 apart
            assert found.heat[i] == pytest.approx(thermo.standard_cp_R[own] * ct.gas_constant / 1e3, abs=1e-3)


def test_derivatives_agree():
    T = np.array([300.0, 700.0, 2000.0])
    step = 1e-3 * T
    low, mid, high = (gas(WATER, T + one) for one in (-step, 0 * T, step))
    assert np.allclose((high.enthalpy - low.enthalpy) / (2 * step), mid.heat, rtol=1e-6)
    assert np.allclose((high.entropy - low.entropy) / (2 * step), mid.heat / T, rtol=1e-5)
    # T^2 d ln(q/V) / dT = U / R, H = U + RT
    R = 8.31446261815324
    assert np.allclose(R * T**2 * (high.volume - low.volume) / (2 * step) + R * T, mid.enthalpy, rtol=1e-5)


def test_water_is_near_the_mechanism_s():
    thermo = ct.Solution("h2o2.yaml")
    found = gas(WATER, [300.0, 1000.0])  # measured fundamentals: 0.6 J/mol/K of the tabulated ones
    for i, T in enumerate((300.0, 1000.0)):
        thermo.TP = T, 1e5
        own = thermo.species_index("H2O")
        assert found.entropy[i] == pytest.approx(thermo.standard_entropies_R[own] * ct.gas_constant / 1e3, abs=0.6)
        assert found.heat[i] == pytest.approx(thermo.standard_cp_R[own] * ct.gas_constant / 1e3, abs=0.6)


def test_symmetry_and_mirror_images_count_once():
    R = 8.31446261815324
    base = gas(WATER, 300.0).entropy[0]
    whole = gas(msgspec.structs.replace(WATER, symmetry=1), 300.0).entropy[0]
    images = gas(msgspec.structs.replace(WATER, mirrors=2), 300.0).entropy[0]
    assert whole - base == pytest.approx(R * np.log(2))
    assert images - base == pytest.approx(R * np.log(2))


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="temperatures must be positive"):
        gas(WATER, [300.0, 0.0])
    with pytest.raises(ConfigError, match="H2O: has no frequencies"):
        gas(msgspec.structs.replace(WATER, frequencies=()), 300.0)
