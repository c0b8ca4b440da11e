"""Numbers with units in every kind of file, their schema, and the pages of keys."""

import argparse
import json
import math
import re
from pathlib import Path

import pytest

from combust.__main__ import main
from combust.case.load import convert
from combust.case.load import load as load_case
from combust.cli.options import number
from combust.cli.reference import markdown, schema_of
from combust.errors import ConfigError, FileFormatError
from combust.reduction.settings import load as load_reduction
from combust.settings.quantities import ALONG, KINDS, SAME, _pattern
from combust.settings.ranges import pressures, quantities
from combust.surrogates.settings import load as load_learned
from combust.units import TABLES, names, to_si

ROOT = Path(__file__).parents[2]
ATM = 101325.0
LEARNED = """
mechanism = "h2o2.yaml"
fuel = "H2:1"
[range]
p = ["0.5 atm", "10 bar"]
T = [280.0, "3200 K"]
phi = [0.5, 2.0]
dt = ["0.2 us", "5 us"]
T_fresh = ["26.85 degC", 700]
[sample]
temperature = "50 K"
"""


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ("gas.pressure=1 atm", "gas.pressure", ATM),
        ('gas.pressure="10 bar"', "gas.pressure", 1e6),
        ("initial.temperature=26.85 degC", "initial.temperature", 300.0),
        ("numerics.dt=2 us", "numerics.dt", 2e-6),
        ("stop.time=0.5ms", "stop.time", 5e-4),
        ('mesh.upper=["19.2 mm", 0.0128]', "mesh.upper", (0.0192, 0.0128)),
        ('gas.gravity=["-981 cm/s2", 0, 0]', "gas.gravity", (-9.81, 0.0, 0.0)),
        ('boundary.x_low={kind="inflow", velocity="50 cm/s"}', "boundary.x_low.velocity", 0.5),
        ('boundary.x_low={kind="inflow", velocity="flame-speed"}', "boundary.x_low.velocity", "flame-speed"),
        ('gas.transport={kind="constant", viscosity="0.0185 cP"}', "gas.transport.viscosity", 1.85e-5),
        ("stop.wall=90s", "stop.wall", "90s"),
    ],
)
def test_a_case_takes_texts_with_units_and_keeps_si(change, place, value):
    found = load_case(ROOT / "cases" / "flame.toml", [change])
    for name in place.split("."):
        found = getattr(found, name)
    assert found == pytest.approx(value) if isinstance(value, tuple) else found == value


def test_learned_chemistry_takes_units_and_writes_si(tmp_path):
    from combust.surrogates.settings import to_toml

    (tmp_path / "a.toml").write_text(LEARNED)
    found = load_learned(tmp_path / "a.toml")
    assert found.range.p == (50662.5, 1e6) and found.range.dt == (2e-7, 5e-6)
    assert found.range.T_fresh == (300.0, 700.0) and found.sample.temperature == 50.0
    assert "p = [50662.5, 1000000.0]" in to_toml(found) and "dt = [2e-07, 5e-06]" in to_toml(found)


def test_differences_of_temperature_have_no_zero_of_their_own(tmp_path):
    (tmp_path / "a.toml").write_text(LEARNED)
    with pytest.raises(ConfigError, match="sample.temperature = \"20 degC\": unit 'degC' of a temperature difference"):
        load_learned(tmp_path / "a.toml", ["sample.temperature=20 degC"])


def reduction(tmp_path, **keys):
    lines = [f"{key} = {value}" for key, value in ({"kind": '"ignition"', "T": 1000.0, "p": ATM} | keys).items()]
    path = tmp_path / "r.toml"
    path.write_text("\n".join(['mechanism = "h2o2.yaml"', 'fuel = "H2"', "[[conditions]]", *lines]))
    return load_reduction(path)


@pytest.mark.parametrize(
    ("p", "expected"),
    [("101325", [ATM]), ('"1,10 atm"', [ATM, 10 * ATM]), ('"1:3:3 bar"', [1e5, 2e5, 3e5]),
     ('["1 atm", 2e5]', [ATM, 2e5]), ('"2 bar"', [2e5]), ('"1 atm, 10 bar"', [ATM, 1e6])],
)  # fmt: skip
def test_a_reduction_takes_the_same(tmp_path, p, expected, caplog):
    assert [case.p for case in reduction(tmp_path, p=p).cases] == expected
    assert not caplog.records


def test_temperatures_of_a_reduction_may_have_units(tmp_path):
    found = reduction(tmp_path, T='"726.85:926.85:3 degC"')
    assert [case.T for case in found.cases] == pytest.approx([1000.0, 1100.0, 1200.0])


def test_a_text_of_pressures_without_a_unit_is_told(tmp_path, caplog):
    """It was in atm before there was one rule for all files."""
    assert [case.p for case in reduction(tmp_path, p='"1,10"').cases] == [ATM, 10 * ATM]
    assert 'conditions[0].p = "1,10" says no unit and is read as atm: write "1,10 atm"' in caplog.text
    with pytest.raises(ConfigError, match='conditions.0..p = "101325": allowed 100 to 1e.09 Pa. A text needs its unit'):
        reduction(tmp_path, p='"101325"').cases  # noqa: B018


def test_files_that_come_with_combust_say_their_units(caplog):
    for path in (ROOT / "cases" / "reduction").glob("*.toml"):
        load_reduction(path)
    assert not caplog.records


# --- numbers --------------------------------------------------------------------------------------------------------


def test_a_text_is_the_number_that_it_says():
    """Rounded once: what is written in other units is the same bits, and finds what was computed before."""
    for k in range(1, 200):
        assert to_si(f"{k} us", "time") == float(f"{k}e-6")
        assert to_si(f"{k / 10} mm", "length") == float(f"{k / 10}e-3")
    assert to_si("0.5 atm", "pressure") == 50662.5 and to_si("2 1/mm", "wave number") == 2000.0
    assert to_si("1 P", "viscosity") == 0.1 and to_si("1 cm/s2", "acceleration") == 0.01


def test_ranges_with_units():
    assert quantities("1,10 bar", "pressure") == [1e5, 1e6]
    assert quantities("1atm,10 bar, 2", "pressure") == [ATM, 1e6, 2.0]
    assert quantities("1000:1200:3", "temperature") == [1000.0, 1100.0, 1200.0]
    assert pressures("1,10bar") == [ATM, 1e6]  # of the command line: a number alone is in atm
    with pytest.raises(ConfigError, match="--T 300 furlong: unit 'furlong' of a temperature is unknown; known: K"):
        quantities("300 furlong", "temperature", "--T")


def test_numbers_of_options_may_have_units():
    assert number("length")("2cm") == 0.02 and number("time")("10") == 10.0
    with pytest.raises(argparse.ArgumentTypeError, match="unknown"):
        number("length")("2 s")


# --- schema and pages -----------------------------------------------------------------------------------------------


def test_schema_allows_texts_where_a_unit_is_named():
    found = schema_of("case")["$defs"]["Gas"]["properties"]
    kinds = [option["type"] for option in found["pressure"]["anyOf"]]
    text = found["pressure"]["anyOf"][1]["pattern"]
    assert kinds == ["number", "string"] and found["pressure"]["anyOf"][0]["minimum"] == 100
    assert re.search(text, "1 atm") and re.search(text, "1e5Pa") and not re.search(text, "1 s")
    initial = str(schema_of("case")["$defs"]["UniformInitial"]["properties"]["temperature"]["anyOf"])
    assert "degC" in initial and "kelvin" in initial
    pair = schema_of("train")["$defs"]["Range"]["properties"]["p"]
    assert all({"anyOf"} == set(entry) for entry in pair["prefixItems"])
    assert schema_of("sample") == schema_of("verify") and "graph" in str(schema_of("reduce"))
    assert "anyOf" not in schema_of("case")["$defs"]["Numerics"]["properties"]["cfl"]


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_schema_allows_every_unit_that_is_read(kind):
    for unit in names(kind):
        assert math.isfinite(to_si(f"2 {unit}", kind)) and re.search(_pattern(kind), f"2 {unit}")
    assert not re.search(_pattern(kind), "2 parsec")


def test_a_number_too_large_in_si_is_refused():
    with pytest.raises(FileFormatError, match="too large"):
        to_si("1e307 min", "time")


def test_every_unit_of_a_key_can_be_converted():
    for file in ("case", "reduce", "sample", "tst", "thermo", "falloff", "uncertainty"):
        for found in re.findall(r'"x-(?:kind|unit)": "([^"]+)"', json.dumps(schema_of(file))):
            assert KINDS.get(found, found) in TABLES or found in (ALONG, SAME)


@pytest.mark.parametrize(
    ("file", "page"),
    [
        ("reduce", "keys_reduce.md"),
        ("sample", "keys_learned.md"),
        ("learn", "keys_learn.md"),
        ("chain", "keys_chain.md"),
        ("tst", "keys_tst.md"),
        ("thermo", "keys_thermo.md"),
        ("falloff", "keys_falloff.md"),
        ("uncertainty", "keys_factors.md"),
    ],
)
def test_pages_of_keys_are_up_to_date(file, page):
    """python -m combust schema --for reduce --markdown > docs/keys_reduce.md"""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == markdown(file) + "\n"


def test_schema_of_a_verb(capsys):
    assert main(["schema", "--for", "reduce"]) == 0
    assert json.loads(capsys.readouterr().out)["$defs"]["SearchSettings"]
    assert main(["schema", "--for", "train", "--markdown"]) == 0
    text = capsys.readouterr().out
    assert "## `train.loss`" in text and "| `p` | a list of 2 entries [Pa] | required | pressure |" in text


def test_the_same_case_by_texts_and_by_numbers():
    raw = {"mesh": {"kind": "uniform", "cells": [4], "lower": [0.0], "upper": ["1 mm"]},
           "gas": {"mechanism": "h2o2.yaml", "pressure": "2 atm"},
           "initial": {"kind": "uniform", "composition": "H2:1", "temperature": "400 K"},
           "boundary": {"x": {"kind": "periodic"}}, "stop": {"time": "1 us"}}  # fmt: skip
    plain = json.loads(json.dumps(raw).replace('"1 mm"', "1e-3").replace('"2 atm"', "202650.0"))
    plain["initial"]["temperature"], plain["stop"]["time"] = 400.0, 1e-6
    assert convert(raw, "texts") == convert(plain, "numbers")
