"""A mechanism against experiments: names, criteria, statistics per data set, the verb."""

import csv
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import ignition_reference
import numpy as np
import pytest
import torch

from combust.__main__ import main
from combust.errors import ConfigError, FileFormatError, MechanismError, StateError
from combust.experiments.compare import compare
from combust.experiments.formats.data import Criterion, DataSet, IgnitionPoint
from combust.experiments.formats.read import read
from combust.experiments.matching import Names, detector, mass_fractions, rises
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays

DATA = Path(__file__).parent / "experiments"
HYDROGEN = {"H2": 0.2, "O2": 0.1, "ar": 0.7}


@pytest.fixture(scope="module")
def h2o2():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture(scope="module")
def gri30():
    return Mechanism.load("gri30.yaml")


def point(*criteria, X=HYDROGEN, **other):
    return IgnitionPoint(**{"T": 1000.0, "p": 1e5, "X": X, "delay": 1e-5, "sigma": None, "criteria": criteria} | other)


def data_set(*points, name="made", inchi=None):
    return DataSet(name, f"{name}.yaml", "Author 1999", "shock tube", points, inchi or {})


def doubled(gas, T, p, Y, t_end, **_):
    """A simulator that ignites after twice 10 us, and not at all below 900 K."""
    return torch.where(T < 900.0, math.nan, torch.full_like(T, 2e-5))


@pytest.mark.parametrize("simulate", [ignition_reference.ignition_delays, ignition_delays])
@pytest.mark.parametrize("name, low, high, deviation", [("chaumeix_2007.yaml", 1.9, 2.45, 0.764),
                                                        ("keromnes_2013.xml", 1.2, 1.65, 0.341)])  # fmt: skip
def test_published_hydrogen_delays(h2o2, name, low, high, deviation, simulate):
    found = compare(read(DATA / name), Names(h2o2), simulate)
    assert all(low < result.ratio < high for result in found.results) and found.missing == 0
    assert found.mean_deviation == pytest.approx(deviation, rel=0.02) == math.log(found.mean_ratio)
    assert math.isnan(found.error) and 0.05 < found.spread < 0.15


def test_statistics(h2o2):
    hot = [point(delay=delay, sigma=sigma) for delay, sigma in ((1e-5, 0.5), (2e-5, None), (4e-5, 0.1))]
    found = compare(data_set(*hot, point(T=800.0, sigma=0.1)), Names(h2o2), doubled)
    assert (len(found.results), found.missing) == (4, 1)
    assert found.mean_ratio == pytest.approx(1.0) and found.mean_deviation == pytest.approx(2 / 3 * math.log(2))
    assert found.spread == pytest.approx(math.log(2))
    assert found.error == pytest.approx(np.mean([(math.log(2) / s) ** 2 for s in (0.5, 0.1)]))
    none = compare(data_set(point(T=800.0)), Names(h2o2), doubled)
    assert none.missing == 1 and math.isnan(none.mean_ratio) and math.isnan(none.spread)


def test_each_criterion_is_one_call(h2o2):
    calls = []

    def simulate(gas, T, p, Y, t_end, hold, criterion, atol):
        calls.append((criterion, T.tolist(), t_end.tolist(), hold))
        return T * 1e-8

    T = [1000.0, 1100.0, 1200.0]
    points = [point(Criterion(t, "d/dt max"), T=T[i]) for i, t in enumerate(("OH", "pressure", "OH"))]
    found = compare(data_set(*points), Names(h2o2), simulate, within=10.0)
    t_end = pytest.approx([1e-4])
    assert calls == [("OH max slope", [1000.0, 1200.0], [*2 * [pytest.approx(1e-4)]], "uv"),
                     ("p max slope", [1100.0], t_end, "uv")]  # fmt: skip
    assert [result.delay for result in found.results] == pytest.approx([1e-5, 1.1e-5, 1.2e-5])


@pytest.mark.parametrize(
    "target, kind, amount, simulated, note",
    [
        ("pressure", "d/dt max", None, "p max slope", None),
        ("p", "max", None, "p max", None),
        ("temperature", "1/2 max", None, "T half max", None),
        ("OH", "d/dt max", None, "OH max slope", None),
        ("oh", "max", None, "OH max", None),
        ("OH*", "max", None, "OH max", "OH in its ground state stands in"),
        ("OHEX", "relative concentration", 0.5, "OH half max", "ground state"),
        ("OH", "relative concentration", 0.1, "OH 10% max", None),
        ("OH", "concentration", 1e-9, "OH half max", "not the concentration"),
        ("H2", "d/dt min", None, "H2 min slope", None),
        ("pressure", "1/2 max", None, "p half max", None),
        ("CH*", "d/dt max", None, "p max slope", "pressure stands in"),
        ("OH", "d/dt max extrapolated", None, "OH max slope extrapolated", None),
        ("pressure", "baseline max intercept from d/dt", None, "p max slope extrapolated", None),
        ("H2", "d/dt max", None, "p max slope", "the target is consumed"),
        ("OH", "first bend", None, "OH max slope", "not known"),
    ],
)
def test_criteria(h2o2, target, kind, amount, simulated, note):
    found, notes = detector(point(Criterion(target, kind, amount)), Names(h2o2), "uv")
    assert found == simulated
    assert (notes == []) if note is None else (note in " ".join(notes))


def test_criteria_of_other_mechanisms_and_files(h2o2, gri30):
    methane = {"CH4": 0.1, "O2": 0.2, "AR": 0.7}
    found, notes = detector(point(Criterion("CH*", "max"), X=methane), Names(gri30), "uv")
    assert found == "CH max" and "ground state" in notes[0]
    found = detector(point(Criterion("CH*", "max"), X=methane), Names(gri30, ["CH*=CH"]), "uv")
    assert found == ("CH max", ["CH* max: CH stands in (alias)"])
    found, notes = detector(point(), Names(h2o2), "uv")
    assert found == "p max slope" and "no ignition criterion" in notes[0]
    found, notes = detector(point(Criterion("p", "d/dt max"), Criterion("OH", "max")), Names(h2o2), "hp")
    assert found == "T max slope" and "first of 2" in notes[0] and "temperature stands in" in notes[1]
    assert rises([point(pressure_rise=30.0), point()])[0].endswith("1 of 2 points, up to 0.03 1/ms")


def test_species_are_found_or_named(h2o2, gri30):
    names = Names(h2o2, ["argon = AR"])
    assert (names.find("Ar"), names.find("argon"), names.find("h2O"), names.find("CH4")) == ("AR", "AR", "H2O", None)
    data = data_set(point(X={"propane": 1.0}), inchi={"propane": "1S/C3H8/c1-3-2/h3H2,1-2H3"})
    with pytest.raises(MechanismError, match="made.yaml: species 'propane'.*formula: C3H8.*--alias \"propane=C3H8\""):
        compare(data, Names(gri30), doubled)
    for alias in ("argon", "=AR", "argon="):
        with pytest.raises(ConfigError, match="--alias"):
            Names(h2o2, [alias])
    with pytest.raises(MechanismError, match="no species 'KR'"):
        Names(h2o2, ["krypton=KR"])


def test_fractions_of_mole_and_mass(h2o2):
    X = {"H2": 0.5, "O2": 0.5}
    points = [point(X=X), replace(point(X=X), basis="mass")]
    Y = mass_fractions(points, data_set(*points), Names(h2o2))
    assert torch.allclose(Y[:, 0], h2o2.composition("H2:1, O2:1"), rtol=1e-14)
    assert Y[h2o2.index("H2"), 1] == Y[h2o2.index("O2"), 1] == 0.5


def test_volume_histories_are_left_out(h2o2):
    found = compare(data_set(point(), point(history=True)), Names(h2o2), doubled)
    assert len(found.results) == 1 and "1 points left out" in found.notes[0]
    with pytest.raises(FileFormatError, match="all 1 points need their volume history"):
        compare(data_set(point(history=True)), Names(h2o2), doubled)


@pytest.fixture
def verb(monkeypatch, tmp_path, capsys):
    def call(*arguments, simulate=doubled, out="out"):
        stand_in = SimpleNamespace(ignition_delays=simulate)
        monkeypatch.setitem(sys.modules, "combust.kinetics.reactors.ignition", stand_in)
        code = main(["validate", *map(str, arguments), "--out", str(tmp_path / out)])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err, folder=tmp_path / out)

    return call


def test_table_file_and_picture(verb, tmp_path):
    cold = (DATA / "chaumeix_2007.yaml").read_text().replace("1164.97 kelvin", "850 kelvin")
    (tmp_path / "cold.yaml").write_text(cold.replace("file-version", "file-colour"))
    (tmp_path / "methane.yaml").write_text(cold.replace("species-name: H2", "species-name: CH4"))
    (tmp_path / "broken.yaml").write_text("a: [1")
    done = verb("h2o2.yaml", DATA / "keromnes_2013.xml", tmp_path, "--points")
    assert done.code == 0
    rows = list(csv.DictReader((done.folder / "validate.csv").open()))
    assert [row["data_set"] for row in rows] == 9 * ["keromnes_2013"] + 5 * ["cold"]
    assert float(rows[0]["ratio"]) == pytest.approx(2e-5 / 322e-6) and rows[0]["criterion"] == "OH max slope"
    assert math.isnan(float(rows[10]["delay_simulated_s"])) and rows[0]["sigma_ln"] == ""
    assert (done.folder / "validate.png").stat().st_size > 10_000
    lines = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    assert lines["keromnes_2013"][1:3] == ["9", "0"] and lines["cold"][1:3] == ["5", "1"]
    assert "note: key 'file-colour' is unknown" in done.out and "no ignition, p max slope" in done.out
    assert "2 data sets compared, 2 left out" in done.out
    assert "broken.yaml: not valid YAML" in done.err and "methane.yaml: species 'CH4' is not in h2o2.yaml" in done.err


def test_failures(verb, tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1")
    nothing = verb("h2o2.yaml", tmp_path / "broken.yaml")
    assert nothing.code == 2 and "none of 1 data sets could be compared" in nothing.err
    assert verb("h2o2.yaml", DATA, "--within", "0.5").code == 2

    def broken(gas, T, p, Y, t_end, criterion, **_):
        if criterion.startswith("OH"):
            raise StateError("temperature nan in cell 0")
        return t_end

    partly = verb("h2o2.yaml", DATA, simulate=broken)
    assert partly.code == 0 and "temperature nan in cell 0" in partly.err and "1 left out" in partly.out
    again = verb("h2o2.yaml", DATA)
    assert again.code == 2 and "--force" in again.err
    assert verb("h2o2.yaml", DATA, "--force").code == 0
