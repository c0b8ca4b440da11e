"""combust thermo on records of small molecules: enthalpies of formation, treatments, files, what is refused."""

import math
import shutil
from pathlib import Path

import cantera as ct
import msgspec
import numpy as np
import pytest
from helpers import ROOT

from combust.__main__ import main
from combust.errors import ConfigError, FileFormatError
from combust.kinetics.quantum import record as records
from combust.kinetics.quantum.constants import GAS
from combust.kinetics.quantum.partition import gas, vibration
from combust.kinetics.quantum.thermochemistry import anchors, low_modes, treatments
from combust.kinetics.quantum.thermochemistry.cantera_file import write_species
from combust.kinetics.quantum.thermochemistry.settings import RotorSettings, SpeciesThermo, Thermo
from combust.kinetics.quantum.thermochemistry.thermo import grid, thermo

DATA = ROOT / "tests" / "data" / "quantum" / "thermo"
RADICALS = ("OH", "HO2", "CH3", "NH2")
T = np.array([298.15, 300.0, 301.0, 1000.0])


@pytest.fixture(scope="module")
def report():
    """Of the shipped records, H2O2 with its rotor."""
    return thermo(DATA / "thermo.toml")


@pytest.mark.parametrize("name", ["H2O", "H2O2", *RADICALS])
def test_enthalpies_of_formation_are_those_of_active_tables(report, name):
    """Within 6 kJ/mol, and within the stated error; the anchor of the species itself takes no part."""
    one = report[name]
    off = abs(one.formed.H298 - anchors.ANCHORS[name].H298)
    assert off < 6 and off < one.formed.error and one.formed.way == "isogyric"
    assert len(one.formed.others) == 5 and one.formed.level.startswith("ccsd(t)/cbs")


def test_enthalpies_do_not_hang_on_the_zero_of_energies(tmp_path):
    """Energies of atoms that are shifted, the same for all molecules, leave all reactions what they are."""
    shift = {"H": 0.3, "C": -1.1, "N": 2.0, "O": 0.7}
    for path in DATA.glob("*.json"):
        one = records.read(path)
        moved = {level: e + sum(shift[x] for x in one.elements) for level, e in one.energies.items()}
        records.write(tmp_path / path.name, msgspec.structs.replace(one, energies=moved))
    names = [*RADICALS, "H2O"]
    mine, theirs = thermo(DATA, only=names), thermo(tmp_path, only=names)
    assert [one.formed.H298 for one in mine.species] == pytest.approx(
        [one.formed.H298 for one in theirs.species], abs=1e-6
    )


def test_a_reaction_is_solved(report):
    """CH3 + H2 => CH4 + H, put together here from the records."""
    one = report["CH3"]
    assert one.formed.reaction == "CH3 + H2 => CH4 + H"
    energy = {}
    for name in ("CH3", "H2", "CH4", "H"):
        found = records.read(DATA / f"{name}.json")
        heat = 6.1965e-3 if name == "H" else float(gas(found, [298.15]).enthalpy[0]) / 1e6  # 5/2 RT of an atom, MJ/mol
        energy[name] = 2.6254996395 * found.energy(report.level) + heat
    change = 1e3 * (energy["CH4"] + energy["H"] - energy["CH3"] - energy["H2"])
    table = {name: one.H298 for name, one in anchors.ANCHORS.items()}
    assert one.formed.H298 == pytest.approx(table["CH4"] + table["H"] - table["H2"] - change, abs=2e-3)


def test_elements_are_zero_unless_they_are_asked_for(report):
    assert report["H2"].formed.way == "anchor" and report["O2"].formed.H298 == 0
    asked = {"H2": SpeciesThermo(enthalpy="isogyric")}
    one = thermo([DATA / f"{n}.json" for n in ("H2", "OH", "H2O", "H")], only=["H2"], species=asked)["H2"]
    assert one.formed.way == "isogyric" and 0 < abs(one.formed.H298) < 6 and one.formed.error is None


def test_other_ways(tmp_path):
    found = thermo(DATA, only=["H2O"], enthalpy="atomisation", level="CCSD(T)/cc-pVTZ")["H2O"]
    assert (
        found.formed.reaction == "H2O => 2 H + O" and found.formed.H298 > -241.8 + 16
    )  # what isogyric reactions avoid
    given = thermo(DATA, only=["OH"], species={"OH": SpeciesThermo(enthalpy=37.3)})["OH"]
    assert float(given.fit.h(298.15)) * GAS * 298.15 == pytest.approx(37_300, rel=1e-10)
    (tmp_path / "own.csv").write_text("species,multiplicity,H298,uncertainty,source\nOH,2,40,0.5,mine\n")
    assert thermo(DATA, only=["OH"], enthalpy="anchor", anchors=str(tmp_path / "own.csv"))["OH"].formed.H298 == 40


def test_the_entry_in_cantera(report, tmp_path, capsys):
    """Cantera reads the file; Cp, S and H are those of the data within the fit, and of the fit to 1e-10."""
    assert main(["thermo", str(DATA / "thermo.toml"), "--out", str(tmp_path), "--set", "mechanism='h2o2.yaml'"]) == 0
    said = capsys.readouterr().out
    assert "HO2 + H2O => H2O2 + OH" in said and "less h2o2.yaml" in said
    species = {one.name: one for one in ct.Solution(str(tmp_path / "thermo.yaml")).species()}
    assert set(species) == {one.name for one in report.species}
    for one in report.species:
        theirs, at = species[one.name].thermo, np.array([200.0, 298.15, 999.0, 1000.0, 1001.0, 3000.0])
        for mine, of, unit in ((one.fit.cp, theirs.cp, 1), (one.fit.h, theirs.h, at), (one.fit.s, theirs.s, 1)):
            assert mine(at) == pytest.approx(
                np.array([of(t) for t in at]) / (ct.gas_constant * unit), rel=1e-10, abs=1e-9
            )
        assert one.fit.error < 0.02 and species[one.name].input_data["combust"]["record"] == one.record.digest[:16]
    assert len((tmp_path / "thermo.csv").read_text().splitlines()) == 1 + 30 * len(report.species)


def test_entropy_is_the_integral_of_the_heat(report):
    for one in report.species:
        for way in one.treated:
            mean = way.gas.heat / one.T
            rise = ((mean[1:] + mean[:-1]) / 2 * np.diff(one.T)).sum()
            assert way.gas.entropy[-1] - way.gas.entropy[0] == pytest.approx(rise, abs=2e-2)


def test_low_modes_between_oscillator_and_rotor():
    """High modes are oscillators, the lowest bounded where an oscillator's S has no end; S, Cp, H fit."""
    high = low_modes.quasi_harmonic([1500.0, 3000.0], T)
    assert high.entropy == pytest.approx(vibration([1500.0, 3000.0], T).entropy, abs=1e-3)
    soft = [float(low_modes.quasi_harmonic([w], T).entropy[0]) for w in (1e-3, 1e-4)]
    stiff = [float(vibration([w], T).entropy[0]) for w in (1e-3, 1e-4)]
    assert stiff[1] - stiff[0] == pytest.approx(math.log(10), abs=1e-2) and 0 < soft[1] - soft[0] < 0.1
    at_cut = low_modes.quasi_harmonic([100.0], T)
    middle = (vibration([100.0], T).entropy + low_modes.rotor_entropy(100.0, T)) / 2
    assert at_cut.entropy == pytest.approx(middle, rel=1e-12)
    slope = 300.5 * (at_cut.entropy[2] - at_cut.entropy[1])
    assert slope == pytest.approx((at_cut.heat[1] + at_cut.heat[2]) / 2, rel=1e-5)
    assert at_cut.energy[2] * 301 - at_cut.energy[1] * 300 == pytest.approx(slope, rel=1e-5)


def test_treatments_and_their_difference():
    """H2O2 with its torsion made 60 cm-1: quasi-harmonic by itself, the others beside."""
    found = records.read(DATA / "H2O2.json")
    soft = msgspec.structs.replace(found, frequencies=(60.0, *found.frequencies[1:]))
    ways = treatments.treatments(soft, T, SpeciesThermo(), "auto", 100.0, 1e5, DATA)
    assert [one.name for one in ways] == ["quasi", "rrho"] and treatments.low_modes(soft) == [58.5]
    assert float(ways[1].gas.entropy[0] - ways[0].gas.entropy[0]) > 1.0
    turn = SpeciesThermo(rotors=(RotorSettings(bond=(1, 2), scan="h2o2_scan.csv", mirrored=True),))
    ways = treatments.treatments(soft, T, turn, "auto", 100.0, 1e5, DATA)
    assert [one.name for one in ways] == ["rotor", "rrho", "quasi"] and "is it another mode" in ways[0].doubts[0]


def test_the_torsion_of_hydrogen_peroxide(report):
    """Its levels, split by the low barrier, put 0.7 J/mol/K on the entropy of an oscillator of two images."""
    one = report["H2O2"]
    assert one.chosen.name == "rotor" and not one.chosen.doubts
    other = next(way for way in one.treated if way.name == "rrho")
    assert 0.3 < one.at(298.15, "entropy") - one.at(298.15, "entropy", other) < 1.2


def test_a_cosine_as_stiff_as_the_mode(tmp_path):
    """Where a barrier is high, a rotor is the vibration that it replaces."""
    found = records.read(DATA / "H2O2.json")
    stiff = msgspec.structs.replace(found, frequencies=(1000.0, *found.frequencies[1:]))
    one = RotorSettings(bond=(1, 2), periodicity=1)
    ways = treatments.treatments(stiff, T, SpeciesThermo(rotors=(one,)), "rotor", 100.0, 1e5, tmp_path)
    assert ways[0].gas.entropy[:3] == pytest.approx(ways[1].gas.entropy[:3], abs=0.05)
    assert abs(ways[0].zero) < 0.1


@pytest.mark.parametrize(
    ("rotor", "said"),
    [
        ({"bond": (1, 9), "symmetry": 3}, "there are 4 atoms"),
        ({"bond": (3, 4), "symmetry": 3}, "not bonded"),
        ({"bond": (1, 3), "symmetry": 3}, "nothing to turn"),
        ({"bond": (1, 2), "symmetry": 3, "mode": 7}, "there are 6"),
        ({"bond": (1, 2), "scan": "absent.csv"}, "absent.csv"),
    ],
)  # fmt: skip
def test_rotors_that_cannot_be(rotor, said):
    found = records.read(DATA / "H2O2.json")
    asked = SpeciesThermo(rotors=(RotorSettings(**rotor),))
    with pytest.raises((ConfigError, FileFormatError), match=said):
        treatments.treatments(found, T, asked, "auto", 100.0, 1e5, DATA)


def test_a_scan_that_is_none(tmp_path):
    (tmp_path / "scan.csv").write_text("angle,energy\n0,1\n30,x\n")
    with pytest.raises(FileFormatError, match="line 3"):
        treatments.read_scan(tmp_path / "scan.csv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "XY"], "no record has it"),
        (["--level", "B3LYP/x", "--only", "OH"], "no energy of B3LYP/x"),
        (["--T", "warm"], "LOW:HIGH"),
        (["--T", "300:3000"], "T_low < 298.15"),
        (["--set", "cut=3"], "none is given"),
        (["--anchors", "absent.csv"], "absent.csv"),
        (["--mechanism", "absent.yaml"], "absent.yaml"),
        (["--method", "rotor", "--only", "OH"], "bonds that turn"),
    ],
)  # fmt: skip
def test_what_is_refused(arguments, said, tmp_path, capsys):
    """One message, exit code 2, no files."""
    out = tmp_path / "out"
    assert main(["thermo", str(DATA), "--out", str(out), *arguments]) == 2
    assert said in capsys.readouterr().err and not out.exists()


def test_records_that_do_not_fit(tmp_path, capsys):
    """A second one of a name, an empty folder, an edited file, no level in common; a species alone is left out."""
    shutil.copy(DATA / "OH.json", tmp_path / "a.json")
    shutil.copy(DATA / "OH.json", tmp_path / "b.json")
    with pytest.raises(ConfigError, match="a second time"):
        thermo(tmp_path)
    with pytest.raises(ConfigError, match="holds no records"):
        thermo(empty(tmp_path / "none"))
    (tmp_path / "b.json").write_text((DATA / "H2.json").read_text().replace("0.975", "0.976"))
    with pytest.raises(FileFormatError, match="was edited"):
        thermo(tmp_path)
    with pytest.raises(ConfigError, match="no isogyric reaction"):
        thermo(tmp_path / "a.json")
    (tmp_path / "tst.json").write_text("{}")  # what else combust tst leaves
    other = msgspec.structs.replace(records.read(DATA / "H2.json"), energies={"HF/x": -1.0})
    records.write(tmp_path / "b.json", other)
    with pytest.raises(ConfigError, match="no level in common: .* lack"):
        thermo(tmp_path)


def empty(path: Path) -> Path:
    path.mkdir()
    return path


def test_temperatures_of_tables_are_there_whatever_the_ends():
    for low, high in ((200.0, 3000.0), (205.0, 2996.5), (137.0, 1234.5)):
        T = grid(Thermo(records=("x",), T_low=low, T_high=high, T_middle=995.0))
        assert (T[0], T[-1]) == (low, high) and (np.diff(T) > 0).all() and np.diff(T).max() <= 10.0
        assert {298.15, 300.0, 995.0, *np.arange(300.0, high, 100.0)} <= set(T.tolist())


def test_another_pressure_stands_in_the_file_and_does_not_go_into_a_mechanism_of_one_atmosphere(tmp_path, capsys):
    """Entropies at 10 bar are lower by R ln 10; taken as at 1 atm, constants of equilibrium would be ten times off."""
    found = thermo(DATA / "thermo.toml", changes=["pressure=1e6", 'only=["H2", "O2"]'])
    write_species(tmp_path / "thermo.yaml", found)
    one = next(each for each in ct.Species.list_from_file(str(tmp_path / "thermo.yaml")) if each.name == "H2")
    assert one.thermo.reference_pressure == 1e6
    assert one.thermo.s(298.15) / 1e3 == pytest.approx(found["H2"].at(298.15, "entropy"), rel=1e-6)
    said = ["merge", "h2o2.yaml", "--thermo", str(tmp_path / "thermo.yaml"), "--out", str(tmp_path / "new.yaml")]
    assert main(said) == 2
    assert "is for 1e+06 Pa" in capsys.readouterr().err
