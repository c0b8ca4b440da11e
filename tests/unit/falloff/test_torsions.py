"""Parts that turn about a bond: their states in wells; ethane, of the file that comes with combust."""

from dataclasses import replace
from pathlib import Path

import cantera as ct
import numpy as np
import pytest
from helpers import ROOT

from combust import api
from combust.errors import ConfigError
from combust.kinetics.falloff import falloff as verb
from combust.kinetics.falloff.densities import KT, Molecule, count, levels, partition
from combust.kinetics.falloff.settings import load
from combust.kinetics.falloff.well import grained, of_collisions, table
from combust.kinetics.quantum.constants import CM_KJ
from combust.kinetics.quantum.partition import gas
from combust.kinetics.quantum.record import read
from combust.kinetics.quantum.thermochemistry.rotor import Rotor, cosine
from combust.kinetics.quantum.thermochemistry.treatments import turning

LIBRARY = Path(verb.__file__).parent / "library"
ETHANE = LIBRARY / "c2h6.toml"
T = np.array([300.0, 700.0, 1500.0])
GRAIN = 60
INERTIA = 2.6e-47  # kg m2, about that of two methyl groups


@pytest.fixture(scope="module")
def ethane():
    given, mechanism = load(ETHANE), ct.Solution("gri30.yaml")
    return verb.of_settings(given, mechanism), verb.collider_of(given, mechanism)


def test_without_a_barrier_levels_are_those_of_a_free_rotor():
    """B m^2, each but the lowest twice; of three equal places each counts a third."""
    rotor = Rotor(INERTIA, cosine(0.0, 3), 3)
    found = np.array(levels(rotor, 12000.0))
    B = rotor.constant / (1e3 * CM_KJ)
    m = np.concatenate([[0], np.repeat(np.arange(1, 60), 2)])
    wanted = B * m**2
    assert len(found) == (wanted < 12000).sum()
    assert found[:, 1] == pytest.approx(wanted[: len(found)], rel=1e-9, abs=1e-6)
    assert np.all(found[:, 0] == 1 / 3)


def test_behind_a_high_barrier_levels_are_those_of_the_mode():
    """In threes, one for each well, less the anharmonicity of a cosine: v w - 9 B / 8 v (v + 1) to first order."""
    rotor = Rotor(INERTIA, cosine(2e6, 3), 3)
    found = np.array(levels(rotor, 4.5 * rotor.wavenumber))[:, 1].reshape(5, 3)
    assert np.ptp(found, axis=1).max() < 1e-3
    v, B = np.arange(5), rotor.constant / (1e3 * CM_KJ)
    assert found[:, 0] == pytest.approx(v * rotor.wavenumber - 9 / 8 * B * v * (v + 1), rel=1e-3, abs=1e-6)


def test_states_of_a_part_are_convolved_with_all_others():
    """Sums of states times Boltzmann factors, with it over without it: its own partition function."""
    rotor, cells = Rotor(INERTIA, cosine(12e3, 3), 3), 60000
    weight = np.exp(-np.arange(cells)[:, None] / (KT * T))
    plain, turned = (
        (count((500.0, 900.0), (), ladders, cells)[:, None] * weight).sum(axis=0)
        for ladders in ((), (levels(rotor, float(cells)),))
    )
    assert turned / plain == pytest.approx(np.exp(rotor.part(T).log), rel=2e-3)


def test_the_partition_function_is_that_of_thermochemistry(ethane):
    """Of the same record and rotor, but for the mass, which is the mechanism's here."""
    molecule, asked = ethane[0].molecule, load(ETHANE).well
    one = turning(read(asked.record), asked.rotors, Path())
    wanted = gas(one.record, T, modes=one.rest, rotations=[rotor.part(T) for rotor in one.rotors]).volume
    heavier = 1.5 * np.log(molecule.mass / one.record.mass)
    assert np.log(partition(molecule, T)) == pytest.approx(wanted + heavier, abs=1e-9)


@pytest.mark.parametrize("active", ["K", "all"])
def test_states_of_ethane_add_up_to_its_partition_function(ethane, active):
    """With the inactive rotors put back."""
    well = replace(ethane[0], active=active)
    whole = grained(well, T, GRAIN).partition
    for one in well.molecule.inactive(active):
        whole = whole * one.scale * (KT * T) ** (one.dimension / 2)
    assert whole == pytest.approx(partition(well.molecule, T) / partition(Molecule(well.molecule.mass), T), rel=0.01)


def test_ethane_has_its_limits_and_detailed_balance(ethane):
    """The given k at high pressure, k0 [M] at low pressure, K = k_diss / k_assoc, all rates above zero."""
    well, collider = ethane
    p = np.array([1e-9, 1.0, 1e16]) * ct.one_atm
    found = table(well, collider, T, p, GRAIN)
    assert (found.dissociation > 0).all() and np.isfinite(found.association).all()
    assert found.dissociation[:, -1] == pytest.approx(found.high, rel=1e-6)
    assert found.high / found.equilibrium == pytest.approx(well.way.k(T), rel=0.01)
    assert found.dissociation[:, 0] == pytest.approx(found.low * of_collisions(T, p)[:, 0], rel=1e-4)
    ratio = found.dissociation / found.association / found.equilibrium[:, None]
    assert ratio == pytest.approx(np.ones_like(ratio), rel=1e-14)


def test_the_file_of_ethane_becomes_an_entry(tmp_path):
    """Two CH3 on one side; k of Cantera is that of the master equation within the stated error."""
    changes = ["grain=100", 'T="600:1800:4"', 'p="0.1,10 atm"']
    found = api.falloff(ETHANE, tmp_path / "out", changes=changes)
    mechanism = ct.Solution(str(found.yaml))
    [entry] = mechanism.reactions()
    assert entry.reactants == {"CH3": 2} and entry.products == {"C2H6": 1}
    assert "GRI-Mech 3.0" in entry.input_data["note"] and not [text for text in found.warnings if "mode" in text]
    for i, t in enumerate(found.table.T):
        mechanism.TPX = t, found.table.p[1], "C2H6:1"
        assert mechanism.forward_rate_constants[0] == pytest.approx(
            found.table.association[i, 1], rel=found.fit.worst * 1.01 + 1e-6
        )


@pytest.mark.parametrize(("rotors", "said"), [
    ("[{ bond = [1, 5], mode = 1, symmetry = 3 }, { bond = [5, 1], mode = 1, symmetry = 3 }]", "each goes once"),
    ("[{ bond = [1, 5], mode = 1, symmetry = 3 }, { bond = [5, 1], mode = 2, symmetry = 3 }]", "a bond turns once"),
    ("[{ bond = [1, 6], mode = 1, symmetry = 3 }]", "are not bonded"),
    ("[{ bond = [1, 5], mode = 19, symmetry = 3 }]", "there are 18"),
    ("[{ bond = [1, 5], mode = 1 }]", "periodicity"),
])  # fmt: skip
def test_rotors_that_cannot_be_are_refused(rotors, said):
    with pytest.raises(ConfigError, match=said):
        api.falloff(ETHANE, changes=[f"well.rotors={rotors}"])


def test_a_grain_that_steps_do_not_reach_across_is_refused_and_a_coarse_one_told():
    """At 600 K <dE>down is 415 2^0.85 = 748 cm-1."""
    asked = ['T="600:1800:4"', 'p="0.1,10 atm"', "fit='plog'"]
    with pytest.raises(ConfigError, match="grain = 800 cm-1.* 748 cm-1: allowed up to 187"):
        api.falloff(ETHANE, changes=[*asked, "grain=800"])
    said = {grain: api.falloff(ETHANE, changes=[*asked, f"grain={grain}"]).warnings for grain in (180, 300)}
    assert [any("is coarse" in text for text in said[grain]) for grain in (180, 300)] == [False, True]


def test_a_rotor_on_another_mode_is_doubtful_and_one_without_a_record_refused():
    given = load(ETHANE, ["well.rotors=[{ bond = [1, 5], mode = 2, barrier = 11.0, symmetry = 3 }]"])
    assert any("is it another mode" in text for text in verb.of_rotors(given))
    with pytest.raises(ConfigError, match="rotors: need a record"):
        load(ETHANE, ["fragments=[{species='CH3', rotors=[{bond=[1,2],symmetry=3}]}, {species='CH3'}]"])


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.toml")), ids=lambda path: path.stem)
def test_files_that_come_with_combust_are_wells(file):
    """By name from any folder; their records are those that other tests know, where these have them."""
    given = load(file.name)
    assert verb.of_settings(given, ct.Solution(given.mechanism)).threshold > 1e4
    for one in (given.well, *given.fragments):
        other = ROOT / "tests" / "data" / "quantum" / "thermo" / Path(one.record).name
        assert not other.is_file() or read(other).digest == read(one.record).digest
