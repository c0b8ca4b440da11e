"""Readers of ChemKED and ReSpecTh: what they take, what they refuse and how they say it."""

from pathlib import Path

import pytest

from combust.errors import FileFormatError
from combust.experiments.formats.data import Criterion
from combust.experiments.formats.read import read, read_all

DATA = Path(__file__).parent / "experiments"
HEAD = """
experiment-type: ignition delay
apparatus: {kind: shock tube}
reference: {authors: [{name: A. B. Author}], year: 1999}
"""
POINT = """
  - temperature: {T}
    pressure: {p}
    ignition-delay: {delay}
    composition: {X}
    ignition-type: {ignition}
"""
USUAL = {
    "T": "[1000 K]",
    "p": "[1 atm]",
    "delay": "[10 us]",
    "X": "{kind: mole fraction, species: [{species-name: H2, amount: [0.4]}, {species-name: O2, amount: [0.6]}]}",
    "ignition": "{target: pressure, type: d/dt max}",
}


@pytest.fixture
def chemked(tmp_path):
    def write(*points, head=HEAD):
        path = tmp_path / "set.yaml"
        path.write_text(head + "datapoints:" + "".join(POINT.format(**(USUAL | point)) for point in points))
        return path

    return write


@pytest.fixture
def respecth(tmp_path):
    def write(*changes):
        text = (DATA / "keromnes_2013.xml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "set.xml"
        path.write_text(text)
        return path

    return write


def test_chaumeix():
    found = read(DATA / "chaumeix_2007.yaml")
    assert (found.name, found.apparatus, len(found.points)) == ("chaumeix_2007", "shock tube", 5)
    assert found.reference == "Chaumeix 2007, doi 10.1016/j.ijhydene.2007.04.008"
    point = found.points[4]
    assert (point.T, point.p, point.delay) == (1519.18, 220e3, pytest.approx(88.11e-6))
    assert point.X == pytest.approx({"H2": 0.00444, "O2": 0.00556, "Ar": 0.99})
    assert point.criteria == (Criterion("pressure", "d/dt max"),) and point.sigma is None
    assert found.inchi["Ar"] == "1S/Ar" and found.notes == ()


def test_keromnes():
    found = read(DATA / "keromnes_2013.xml")
    assert (found.apparatus, len(found.points)) == ("shock tube", 9)
    assert found.reference == "Keromnes 2013, doi 10.1016/j.combustflame.2013.01.001"
    point = found.points[0]
    # The pressure of the row overrules the common one.
    assert (point.T, point.p, point.delay) == (1227.0, pytest.approx(33.15 * 101325), pytest.approx(322e-6))
    assert point.X == pytest.approx({"AR": 0.98, "O2": 0.0125, "H2": 0.0075})
    assert point.criteria == (Criterion("OH", "d/dt max"),)


def test_chemked_in_many_spellings(chemked):
    listed = "[{species: H2, InChI: 1S/H2/h1H, mole-fraction: 0.4}, {species: O2, mole-fraction: 0.6}]"
    percent = "{kind: mole percent, species: [{species-name: H2, amount: [40]}, {species-name: O2, amount: [60]}]}"
    mass = "{kind: mass fraction, species: [{species-name: H2, amount: [0.1]}, {species-name: O2, amount: [0.9]}]}"
    tagged = USUAL["X"].replace("kind: mole fraction", "kind: !!python/object/apply:other.Kind [mole fraction]")
    found = read(
        chemked(
            {"T": "1000 kelvin", "p": "760 Torr", "X": listed},
            {"T": "{value: 1000, units: K}", "p": "{value: 101.325, units: kPa}", "X": percent},
            {"p": "[1.01325 bar]", "delay": "[0.01 ms]", "X": tagged},
            {"delay": "[1.0e-5 s]", "X": mass},
        )
    )
    assert found.reference == "Author 1999"
    for point in found.points:
        assert (point.T, point.p, point.delay) == pytest.approx((1000.0, 101325.0, 1e-5))
    assert [point.X for point in found.points] == 3 * [pytest.approx({"H2": 0.4, "O2": 0.6})] + [{"H2": 0.1, "O2": 0.9}]
    assert [point.basis for point in found.points] == ["mole", "mole", "mole", "mass"]


def test_chemked_uncertainty_targets_and_rise(chemked):
    evaluated = "[10 us, {evaluated-standard-deviation: '0.39', evaluated-standard-deviation-type: relative}]"
    absolute = "[10 us, {uncertainty-type: absolute, uncertainty: 2 us}]"
    found = read(
        chemked(
            {"delay": evaluated, "ignition": "{target: p;, type: d/dt max}\n    pressure-rise: [0.1 1/ms]"},
            {"delay": absolute, "ignition": "{target: OHEX, type: relative concentration, amount: 0.5}"},
            {"delay": "[10 us, {uncertainty-type: relative, uncertainty: 0.2}]", "ignition": "{target: CH*; OH*, "
             "type: max}"},
            {"ignition": "[{target: CH*, type: max}, {target: temperature, type: d/dt max}]"},
        )
    )  # fmt: skip
    assert [point.sigma for point in found.points] == [0.39, pytest.approx(0.2), 0.2, None]
    assert found.points[0].pressure_rise == pytest.approx(100.0)
    assert found.points[0].criteria == (Criterion("p", "d/dt max"),)
    assert found.points[1].criteria == (Criterion("OHEX", "relative concentration", 0.5),)
    assert found.points[2].criteria == (Criterion("CH*", "max"), Criterion("OH*", "max"))
    assert found.points[3].criteria == (Criterion("CH*", "max"), Criterion("temperature", "d/dt max"))


def test_anchors_may_be_reused(chemked, recwarn):
    found = read(chemked({"p": "&p [1 atm]"}, {"p": "*p"}, {"p": "&p [2 atm]"}, {"p": "*p"}))
    assert [round(point.p / 101325) for point in found.points] == [1, 1, 2, 2] and not recwarn.list


def test_unknown_keys_cost_one_note_each(chemked):
    head = HEAD + "laboratory: x\ncommon-properties:\n  pressure: [2 atm]\n"
    path = chemked({"ignition": "{target: p, type: max}\n    colour: red"}, {"p": "", "ignition": "\n    colour: red"},
                   head=head)  # fmt: skip
    found = read(path)
    assert found.notes == (
        f"{path}: key 'laboratory' is unknown and was passed over",
        f"{path}: key 'datapoints[].colour' is unknown and was passed over",
    )
    assert found.points[1].p == 2 * 101325.0 and found.points[1].criteria == ()  # from common-properties; none


def test_compression_machines(chemked):
    table = "{target: p, type: max}\n    volume-history: {values: [[0, 1], [1, 2]]}"
    machine = "\n    rcm-data: {compressed-temperature: [900 K], compressed-pressure: [20 bar]}"
    found = read(chemked({"ignition": table}, {"ignition": table + machine}))
    assert [point.history for point in found.points] == [True, False]
    assert (found.points[1].T, found.points[1].p) == (900.0, 20e5) and "compressed state" in found.notes[0]


@pytest.mark.parametrize(
    "point, text",
    [
        ({"T": "[1000]"}, "datapoints[0].temperature: unit ''"),
        ({"T": "[15.6 K]"}, "datapoints[0].temperature: temperature 15.6 K is outside 200"),
        ({"p": ""}, "datapoints[0].pressure: missing"),
        ({"p": "[1 stone]"}, "unit 'stone' of a pressure is unknown; known: Pa"),
        ({"delay": "[0 us]"}, "datapoints[0].ignition-delay: 0 s is not positive"),
        ({"delay": "[soon]"}, "datapoints[0].ignition-delay: 'soon' is not a number"),
        ({"X": "{kind: volume, species: []}"}, "composition.kind: 'volume' is unknown; known: mole fraction"),
        ({"X": "[{species: H2, mole-fraction: 0.4}]"}, "datapoints[0].composition: fractions H2 0.4 sum to 0.4"),
        ({"X": "[{species: H2}]"}, "composition.species[0]: species-name and amount"),
        ({"ignition": "{target: p}"}, "datapoints[0].ignition-type: target and type"),
    ],
)
def test_malformed_chemked_names_file_and_key(chemked, point, text):
    path = chemked(point)
    with pytest.raises(FileFormatError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ") and text in str(error.value)


def test_respecth_variants(respecth):
    spread = '<property name="evaluated standard deviation" reference="ignition delay" kind="relative" ' \
             'units="unitless"><value>0.1</value></property>'  # fmt: skip
    rise = '<property name="pressure rise" units="1/ms"><value>0.03</value></property>'
    found = read(
        respecth(
            ("<commonProperties>", f"<commonProperties>{spread}{rise}<property name='velocity' units='m/s'/>"),
            ('target="OH" type="d/dt max"', 'target="OHEX;" type="relative concentration" amount="0.5"'),
        )
    )
    assert found.points[0].sigma == 0.1 and found.points[0].pressure_rise == pytest.approx(30.0)
    assert found.points[0].criteria == (Criterion("OHEX", "relative concentration", 0.5),)
    assert found.notes == (f"{found.path}: property 'velocity' is unknown and was passed over",)
    column = '<property name="uncertainty" id="x4" reference="ignition delay" kind="absolute" units="us"/>'
    found = read(respecth(("</x3></dataPoint>", "</x3><x4>32.2</x4></dataPoint>"),
                          ("    <dataPoint><x1>1227<", f"    {column}<dataPoint><x1>1227<")))  # fmt: skip
    assert found.points[0].sigma == pytest.approx(0.1)


@pytest.mark.parametrize(
    "old, new, text",
    [
        ("<experiment>", "<experiment", "not valid XML"),
        ("ignition delay measurement", "laminar burning velocity measurement", "experimentType 'laminar"),
        ('name="ignition delay"', 'name="delay"', "dataGroup: one with property 'ignition delay'"),
        ("<x1>1224</x1>", "", "dataPoint[1]: <x1> is missing"),
        ("<x1>1224</x1>", "<x1>hot</x1>", "dataPoint[1].temperature: 'hot' is not a finite number"),
        ('units="us"', 'units="fortnight"', "dataPoint[0].ignition delay: unit 'fortnight'"),
        ("0.0125", "0.5", "composition: fractions"),
        ('type="d/dt max"', "", "ignitionType: target and type"),
        ("initial composition", "initial mixture", "composition: fractions (none)"),
    ],
)
def test_malformed_respecth_names_file_and_element(respecth, old, new, text):
    path = respecth((old, new))
    with pytest.raises(FileFormatError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ") and text in str(error.value)


def test_a_bad_file_does_not_stop_the_others(chemked, tmp_path):
    chemked({})
    (tmp_path / "broken.yaml").write_text("a: [1")
    (tmp_path / "list.yml").write_text("- 1")
    (tmp_path / "notes.txt").write_text("no data")
    sets, errors = read_all([tmp_path, DATA / "keromnes_2013.xml", tmp_path / "none.yaml", tmp_path / "notes.txt"])
    assert [found.name for found in sets] == ["set", "keromnes_2013"]
    assert [str(error).split(": ")[1] for error in errors] == [
        "not valid YAML", "no ChemKED file", "no such file", "experiments are read from .yaml, .yml, .xml",
    ]  # fmt: skip
