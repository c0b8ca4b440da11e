"""Burning velocities, reactors, flames on a burner and compression machines: files, comparison, the verb."""

import csv
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from combust.__main__ import main
from combust.errors import DivergenceError, FileFormatError, MechanismError
from combust.experiments import simulate, tables
from combust.experiments.formats.data import Amount, DataSet, FlamePoint, NotCoveredError, OutletPoint, SpeedPoint
from combust.experiments.formats.read import read
from combust.experiments.matching import Names
from combust.kinetics.flames import burner_profile
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.mechanism.mechanism import Mechanism

DATA = Path(__file__).parents[1] / "data" / "experiments"
AIR = {"H2": 0.3, "O2": 0.15, "N2": 0.55}


@pytest.fixture(scope="module")
def h2o2():
    return Mechanism.load("h2o2.yaml")


def changed(tmp_path, name, *changes):
    text = (DATA / name).read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / name
    path.write_text(text)
    return path


# --- files ----------------------------------------------------------------------------------------------------------


def test_burning_velocities_of_both_formats():
    found = read(DATA / "kwon_2001.yaml")
    assert (found.kind, len(found.points), found.notes) == ("burning velocity", 9, ())
    first = found.points[0]
    assert (first.T, first.p, first.speed, first.sigma) == pytest.approx((298.0, 101325.0, 0.82, 0.0442))
    assert first.X == pytest.approx({"H2": 0.2011973, "O2": 0.1677187, "N2": 0.631084}, rel=1e-6)
    found = read(DATA / "milton_1984.xml")
    assert [(p.p / 101325, p.speed, p.sigma) for p in found.points] == [
        pytest.approx((2, 0.65, 0.0065)), pytest.approx((4, 0.43, 0.005))]  # fmt: skip
    found = read(DATA / "mei_2021.xml")
    assert found.kind == "burning velocity" and len(found.points) == 8
    point = found.points[3]
    assert (point.phi, point.speed, point.sigma) == pytest.approx((1.0, 0.3566, 0.00744))
    assert point.X["NH3"] == pytest.approx(0.12069, rel=1e-4)


def test_sigma_of_burning_velocities(tmp_path):
    apart = "- reference: laminar burning velocity\n      kind: absolute\n      value: [3 cm/s]"
    path = changed(tmp_path, "kwon_2001.yaml",
                   (", {evaluated-standard-deviation: 4.42 cm/s, evaluated-standard-deviation-type: absolute}", ""),
                   ("common-properties:", f"common-properties:\n  evaluated-standard-deviation:\n    {apart}"),
                   )  # fmt: skip
    assert read(path).points[0].sigma == pytest.approx(0.03)
    path = changed(tmp_path, "mei_2021.xml", ("evaluated standard deviation", "something else"))
    found = read(path)
    assert found.points[0].sigma == pytest.approx(0.0097) and "'something else' is unknown" in found.notes[0]
    relative = ('kind="absolute" sourcetype', 'kind="relative" sourcetype')
    path = changed(tmp_path, "milton_1984.xml", relative, ('"cm/s" reference', '"unitless" reference'))
    assert read(path).points[0].sigma == pytest.approx(0.65 * 0.65)


def test_reactors_of_both_formats():
    found = read(DATA / "lecong_2009.yaml")
    assert (found.kind, len(found.points)) == ("stirred reactor", 10)
    point = found.points[4]
    assert (point.T, point.p, point.tau) == (925.0, 101325.0, 0.12)
    assert point.amounts == (Amount("H2", 0.00387, 0.00045), Amount("H2O", 0.00622, 0.00031))
    found = read(DATA / "dagaut_2003.xml")
    assert (found.kind, len(found.points)) == ("stirred reactor", 9)
    point = found.points[1]
    assert (point.T, point.tau) == (899.0, 0.12) and sum(point.X.values()) == pytest.approx(1.0)
    assert [a.species for a in point.amounts] == ["H2", "CO", "CO2"]
    assert point.amounts[2].sigma == pytest.approx(0.00132 * 0.068645268)
    found = read(DATA / "loeffler_2000.xml")
    assert (found.kind, found.points[3].tau, found.points[3].T) == ("flow reactor", 0.303, 1023.0)
    assert found.points[3].amounts == (Amount("N2O", pytest.approx(179e-6), pytest.approx(9e-6)),)


def test_reactor_of_version_04(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("""
experiment-type: jet stirred reactor measurement
apparatus: {kind: stirred reactor}
common-properties: {residence-time: [1000 ms], pressure: [10 atm]}
datapoints:
- temperature: [820 K]
  composition: {kind: mole fraction, species: [{species-name: H2, amount: [0.4]}, {species-name: O2, amount: [0.6]}]}
  measured-composition:
    kind: mole fraction
    species:
    - {species-name: H2, amount: [0.00927]}
    - species-name: H2O
      amount: [0.00166, {evaluated-standard-deviation: 2.6e-4, evaluated-standard-deviation-type: absolute}]
""")
    found = read(path)
    point = found.points[0]
    assert (found.kind, point.T, point.tau) == ("stirred reactor", 820.0, 1.0)
    assert point.amounts == (Amount("H2", 0.00927, None), Amount("H2O", 0.00166, 2.6e-4))


def test_flames_on_a_burner_of_both_formats():
    flames_of = (("cattolica_1989.yaml", 20, 0.04984, "NO"), ("martin_1990.xml", 5, 0.3148, "N2"))
    for name, count, flux, species in flames_of:
        found = read(DATA / name)
        (point,) = found.points
        assert (found.kind, len(point.amounts), point.flux) == ("burner flame", count, flux)
        assert point.amounts[0][1].species == species and len(point.profile) == count + 1
        assert point.profile[0] == (0.0, point.T)
    assert point.amounts[0] == (pytest.approx(0.674e-3), Amount("N2", pytest.approx(71.97e-6), pytest.approx(24e-6)))
    assert point.profile[1] == (pytest.approx(0.674e-3), 1662.0)


def test_volume_histories_of_both_formats(tmp_path):
    point = read(DATA / "mittal_2006.yaml").points[0]
    assert (point.T, point.delay, point.history) == (297.4, 1e-3, False)
    assert point.volume.end == pytest.approx(0.030) and point.volume.v[30] == pytest.approx(49.194375 / 547.669375)
    old = changed(tmp_path, "mittal_2006.yaml", ("time-histories:\n      - type: volume\n        time:",
                  "volume-history:\n        time:"), ("quantity: {units: cm3", "volume: {units: cm3"))  # fmt: skip
    assert read(old).points[0].volume == point.volume
    source = (Path(__file__).parent / "experiments" / "keromnes_2013.xml").read_text()
    head, _, tail = source.partition("<dataPoint>")
    single = head + "<dataPoint>" + tail.partition("</dataPoint>")[0] + "</dataPoint>\n</dataGroup>"
    table = '<dataGroup id="dg2"><property name="time" id="t" units="ms"/>' \
            '<property name="volume" id="v" units="cm3"/>' \
            "<dataPoint><t>0</t><v>30</v></dataPoint><dataPoint><t>20</t><v>3</v></dataPoint></dataGroup>"  # fmt: skip
    path = tmp_path / "machine.xml"
    path.write_text(single + table + tail[tail.index("</dataGroup>") + len("</dataGroup>") :])
    table = read(path).points[0].volume
    assert table.t == pytest.approx((0.0, 0.02)) and table.v == pytest.approx((1.0, 0.1))


@pytest.mark.parametrize(
    "name, old, new, text",
    [
        ("kwon_2001.yaml", "820 mm/s", "820 parsec", "laminar-burning-velocity: unit 'parsec' of a velocity"),
        ("kwon_2001.yaml", "[820 mm/s", "[-820 mm/s", "-0.82 m/s is not positive"),
        ("kwon_2001.yaml", "deviation: 4.42", "deviation: -4.42", "is negative"),
        ("milton_1984.xml", "<x2>65</x2>", "", "dataPoint[0]: <x2> is missing"),
        ("milton_1984.xml", 'name="laminar burning velocity" id', 'name="speed" id', "velocity' is needed"),
        ("lecong_2009.yaml", "[800.0, 0.0108]", "[800.0]", "values[0]: a list of 2 numbers"),
        ("lecong_2009.yaml", "[800.0, 0.0108]", "[8.0, 0.0108]", "temperature 8 K is outside"),
        ("lecong_2009.yaml", "[800.0, 0.0108]", "[800.0, 10.8]", "mole fraction 10.8"),
        ("lecong_2009.yaml", "units: K, ", "", "units are missing"),
        ("dagaut_2003.xml", 'name="temperature"', 'name="heat"', "temperature: missing"),
        ("mittal_2006.yaml", "[1.0e-3, ", "[-1.0e-3, ", "times must rise"),
        ("mittal_2006.yaml", "[1.0e-3, 546", "[1.0e-3, -546", "volumes from"),
        ("mittal_2006.yaml", "units: cm3", "units: acres", "unit 'acres' of a volume"),
        ("cattolica_1989.yaml", "0.04984 kg", "0 kg", "flow-rate: 0 kg/m2/s is not positive"),
        ("martin_1990.xml", "<x1>0.674</x1>", "<x1>1.058</x1>", "martin_1990.xml"),
        ("martin_1990.xml", "<x1>0.674</x1>", "<x1>-0.6</x1>", "distance -0.0006 m is negative"),
    ],
)  # fmt: skip
def test_malformed_files_name_file_and_place(tmp_path, name, old, new, text):
    path = changed(tmp_path, name, (old, new))
    if name == "martin_1990.xml" and "1.058" in new:  # two samples at one place have one temperature
        assert len(read(path).points[0].profile) == 5
        return
    with pytest.raises(FileFormatError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ") and text in str(error.value)


@pytest.mark.parametrize(
    "name, old, new, text",
    [
        ("lecong_2009.yaml", "speciation measurement", "rate coefficient", "experiment-type 'rate coefficient'"),
        ("lecong_2009.yaml", "jet stirred reactor", "shock tube", "apparatus 'shock tube'"),
        ("lecong_2009.yaml", "residence-time: [120 ms]", "comments: []", "without a residence time"),
        ("lecong_2009.yaml", "name: temperature", "name: equivalence-ratio", "along 'equivalence-ratio'"),
        ("cattolica_1989.yaml", "flow-rate: ", "reactor-length: ", "without flow-rate"),
        ("dagaut_2003.xml", "jet stirred reactor measurement", "concentration time profile measurement",
         "'concentration time profile measurement' is not covered"),
        ("dagaut_2003.xml", '"residence time"', '"length"', "without a residence time"),
        ("martin_1990.xml", '"flow rate"', '"speed"', "without a common flow rate"),
    ],
)  # fmt: skip
def test_what_is_not_covered_is_said(tmp_path, name, old, new, text):
    path = changed(tmp_path, name, (old, new))
    with pytest.raises(NotCoveredError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ") and text in str(error.value)


# --- comparison -----------------------------------------------------------------------------------------------------


def speeds(*points):
    return DataSet("made", "made.xml", "Author 1999", "flame", points, {}, kind="burning velocity")


def test_statistics_of_burning_velocities(h2o2):
    def solve(gas, T, p, mixture, oxidizer, phi, **options):
        if T > 400:
            raise DivergenceError(f"free flame of {mixture}: no deflagration")
        assert (oxidizer, options) == ("", {"refine": "customary"}) and mixture.startswith("H2:0.3, O2:0.15, N2:0.55")
        return SimpleNamespace(speed=2.2, speed_error=0.01)

    states = ((300.0, 2.0, 0.16), (350.0, 2.0, None), (500.0, 3.0, 0.1))
    points = [SpeedPoint(T, 1e5, AIR, speed, sigma) for T, speed, sigma in states]
    (found,) = simulate.speeds(speeds(*points), Names(h2o2), solve, refine="customary")
    assert (len(found.rows), found.failed) == (3, 1) and "no deflagration" in found.rows[2].failure
    assert (found.bias, found.mean_deviation, found.error, found.within) == pytest.approx((0.1, 0.1, 1.25**2, 1.0))
    assert found.rows[0].sigmas == pytest.approx(1.25) and math.isnan(found.rows[1].sigmas)


def test_a_real_flame_of_a_mixture_is_that_of_fuel_and_oxidizer(h2o2, tmp_path, monkeypatch):
    from combust.kinetics.flames.free import free_flame

    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path))
    X = {"H2": 2 / 6.76, "O2": 1 / 6.76, "N2": 3.76 / 6.76}
    (found,) = simulate.speeds(speeds(SpeedPoint(300.0, 101325.0, X, 2.3, None)), Names(h2o2), free_flame)
    same = free_flame(h2o2, 300.0, 101325.0, "H2:1", "O2:1, N2:3.76", 1.0)
    assert found.rows[0].simulated == pytest.approx(same.speed, rel=1e-6)
    assert not list(tmp_path.glob("*oxidizer*")) and len(list(tmp_path.glob("flame-*.npz"))) == 2


def test_a_species_of_which_nothing_was_measured(h2o2):
    """All amounts zero: there is nothing to compare the deviation with."""
    points = tuple(OutletPoint(T, 1e5, AIR, 0.1, (Amount("H2O", 0.0, 1e-4),)) for T in (900.0, 950.0))
    data = DataSet("made", "made.xml", "", "", points, {}, kind="stirred reactor")
    (found,) = simulate.outlets(data, Names(h2o2), lambda gas, *state: gas.composition("H2O:0.001, N2:0.999"))
    assert math.isnan(found.bias) and math.isnan(found.mean_deviation) and found.error == pytest.approx(100.0)
    assert " - " in f"{tables.number(found.bias)} "


def test_species_of_a_reactor(h2o2):
    def solve(gas, T, p, Y, tau):
        if T > 1000:
            raise DivergenceError("reactor: not at rest")
        return gas.composition("H2:0.1, H2O:0.3, N2:0.6")

    calls = []

    def counted(*state):
        calls.append(state)
        return solve(*state)

    amounts = (Amount("H2", 0.12, 0.01), Amount("H2O", 0.3, None), Amount("C2H6", 0.1, None))
    points = [OutletPoint(T, 1e5, AIR, 0.1, amounts[i : i + 2]) for i, T in ((0, 900.0), (1, 900.0), (0, 1100.0))]
    data = DataSet("made", "made.xml", "", "", tuple(points), {}, kind="stirred reactor")
    hydrogen, water = simulate.outlets(data, Names(h2o2), counted)
    assert len(calls) == 2  # one state is simulated once
    assert (hydrogen.quantity, water.quantity, hydrogen.failed, water.failed) == ("H2", "H2O", 1, 1)
    assert hydrogen.rows[0].simulated == pytest.approx(0.1) and hydrogen.error == pytest.approx(4.0)
    assert hydrogen.bias == pytest.approx(-0.02 / 0.12)
    assert "species 'C2H6' is not in h2o2.yaml: left out" in hydrogen.notes
    assert water.rows[2].failure == "reactor: not at rest" and water.notes == ()
    with pytest.raises(MechanismError, match="made.xml: none of its measured species"):
        alone = DataSet("made", "made.xml", "", "", (OutletPoint(900.0, 1e5, AIR, 0.1, amounts[2:]),), {})
        simulate.outlets(alone, Names(h2o2), solve)


def test_flame_of_given_temperature_is_that_of_the_energy_equation(h2o2, tmp_path, monkeypatch):
    """Given the temperatures that the energy equation yields, the species are the same."""
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path))
    X, state = "H2:0.306, O2:0.1735, AR:0.5205", (373.0, 10132.0)
    free = burner_flame(h2o2, *state, X, "", 1.0, 0.05, width=0.075, slope=0.02, curve=0.04)
    profile = tuple(zip(free.x.tolist(), free.T.tolist(), strict=True))
    held = burner_profile.burner_species(h2o2, *state, X, 0.05, 0.03, profile)
    for name in ("H2", "H2O", "H", "HO2"):
        there, here = free.Y[h2o2.index(name)], held.Y[h2o2.index(name)]
        inside = free.x < 0.04
        assert np.abs(np.interp(free.x, held.x, here) - there)[inside].max() < 0.01 * there.max()
    sample = ((0.01, Amount("H2O", 0.2, 0.01)), (0.02, Amount("H2O", 0.2, 0.01)))
    point = FlamePoint(*state, {"H2": 0.306, "O2": 0.1735, "Ar": 0.5205}, 0.05, sample, profile)
    data = DataSet("made", "made.xml", "", "", (point,), {}, kind="burner flame")
    (found,) = simulate.flames(data, Names(h2o2), burner_profile.burner_species)
    moles = free.Y / h2o2.molar_mass.numpy()[:, None]
    there = np.interp(0.02, free.x, moles[h2o2.index("H2O")] / moles.sum(0))
    assert found.rows[1].simulated == pytest.approx(there, rel=0.01) and found.notes == (simulate.HELD,)


def test_flame_without_temperatures_solves_the_energy_equation(h2o2):
    asked = {}

    def solve(gas, T, p, X, flux, reach, profile, **options):
        asked.update(reach=reach, profile=profile)
        raise DivergenceError("burner flame: the flame is blown off its burner")

    point = FlamePoint(300.0, 1e4, AIR, 0.1, ((0.004, Amount("H2", 0.1, None)), (0.002, Amount("H2", 0.2, None))))
    data = DataSet("made", "made.xml", "", "", (point,), {}, kind="burner flame")
    (found,) = simulate.flames(data, Names(h2o2), solve)
    assert asked == {"reach": 0.004, "profile": ()} and found.failed == 2 and found.notes == (simulate.FREE,)


# --- the verb -------------------------------------------------------------------------------------------------------


@pytest.fixture
def verb(tmp_path, capsys):
    def call(*arguments):
        code = main(["validate", *map(str, arguments), "--out", str(tmp_path / "out")])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err, folder=tmp_path / "out")

    return call


def test_a_folder_of_all_kinds(verb, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    for path in DATA.iterdir():
        if path.stem not in ("mei_2021", "milton_1984", "dagaut_2003", "loeffler_2000"):  # h2o2 lacks their species
            (folder / path.name).write_text(path.read_text())
    (folder / "old.xml").write_text((DATA / "dagaut_2003.xml").read_text().replace("jet stirred", "concentration time"))
    (folder / "rates.xml").write_text("<kdetermination/>")

    def flame(gas, T, p, X, *_, **options):
        if X.startswith("H2:0.653"):
            raise DivergenceError("free flame of H2: Cantera found no solution")
        return SimpleNamespace(speed=2.0, speed_error=0.002)

    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", flame)
    monkeypatch.setattr("combust.kinetics.reactors.stirred.stirred", lambda gas, T, p, Y, tau: torch.as_tensor(Y))
    done = verb("h2o2.yaml", folder, "--points")
    assert done.code == 3 and "1 points could not be simulated" in done.out
    rows = list(csv.DictReader((done.folder / "validate.csv").open()))
    assert len({tuple(row) for row in rows}) == 1  # one table
    kinds = ["ignition delay"] + 9 * ["burning velocity"] + 20 * ["stirred reactor"]
    assert [row["experiment"] for row in rows] == kinds
    assert float(rows[0]["ratio"]) == pytest.approx(1.75, rel=0.01) and rows[0]["criterion"] == "p max slope"
    assert 1035 < float(rows[0]["compressed_temperature_K"]) < 1050 and "compressed: 104" in done.out
    assert [rows[1][key] for key in ("quantity", "unit", "measured", "sigma", "simulated", "ratio")] == [
        "burning velocity", "m/s", "0.82", "0.0442", "2", ""]  # fmt: skip
    assert float(rows[1]["deviation_in_sigma"]) == pytest.approx((2 - 0.82) / 0.0442)
    assert rows[9]["simulated"] == "nan" and "no solution" in rows[9]["reason"]
    assert rows[10]["quantity"] == "H2" and rows[10]["residence_time_s"] == "0.12"
    assert (done.folder / "validate.png").stat().st_size > 10_000
    assert "3 data sets compared, 4 left out" in done.out
    assert "not covered: " in done.err and "'concentration time reactor measurement' is not covered" in done.err
    assert "rates.xml: a rate coefficient" in done.err and "species 'NO' is not in h2o2.yaml" in done.err
    heads = [line.split()[0] for line in done.out.splitlines() if " points " in line and " E" in line]
    assert heads == ["data", "burning", "stirred"]


def test_missing_paths_and_empty_folders(verb, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, text in (("nowhere", "no such file or folder"), ("none.xml", "no such file"),
                       ("empty", "no file of .yaml, .yml, .xml in this folder")):  # fmt: skip
        done = verb("h2o2.yaml", tmp_path / path)
        assert done.code == 2 and f"{path}: {text}" in done.err and "data set " not in done.out


def test_names_fit_their_column():
    assert tables.fitted("short: H2O") == "short: H2O" and len(tables.fitted("a" * 40)) == 28
    assert tables.fitted("a" * 40 + ": CH3OH") == "a" * 18 + "...: CH3OH"
