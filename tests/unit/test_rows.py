"""Rows that are solved together: one that fails takes no other with it."""

import csv
import math
from pathlib import Path

import pytest

from combust.__main__ import main
from combust.errors import StateError
from combust.rows import each_row

DATA = Path(__file__).parent / "experiments" / "chaumeix_2007.yaml"


def test_halves_find_the_rows_that_fail():
    calls = []

    def solve(rows):
        calls.append(len(rows))
        for row in rows:
            if row in (3, 60):
                raise StateError(f"row {row}")
        return [10.0 * row for row in rows]

    values, errors = each_row(solve, range(64))
    assert {row: str(error) for row, error in errors.items()} == {3: "row 3", 60: "row 60"}
    assert all(values[row] == 10.0 * row for row in range(64) if row not in errors)
    assert math.isnan(values[3]) and len(calls) < 30
    assert each_row(solve, [1, 2]) == ({1: 10.0, 2: 20.0}, {})


def test_ignite_keeps_the_rows_beside_one_that_fails(tmp_path, capsys):
    arguments = ["ignite", "h2o2.yaml", "--fuel", "H2", "--T", "1200,30000", "--time", "0.01", "--out", str(tmp_path)]
    assert main(arguments) == 3
    said = capsys.readouterr().out
    assert "1 of 2 reactors failed; the table says why" in said and "nan  temperature 30000" in said
    good, bad = list(csv.DictReader((tmp_path / "ignite.csv").open()))
    assert 0 < float(good["delay_s"]) < 0.01 and good["reason"] == ""
    assert math.isnan(float(bad["delay_s"])) and "must be within the mechanism's" in bad["reason"]


def test_validate_keeps_the_points_beside_one_that_fails(tmp_path, capsys):
    hot = tmp_path / "hot.yaml"
    hot.write_text(DATA.read_text().replace("1164.97 kelvin", "5500 kelvin"))
    assert main(["validate", "h2o2.yaml", str(hot), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().out
    assert "1 points could not be simulated" in said and "not simulated: temperature 5500" in said
    rows = list(csv.DictReader((tmp_path / "out" / "validate.csv").open()))
    assert [bool(row["reason"]) for row in rows] == [float(row["temperature_K"]) == 5500.0 for row in rows]
    assert sum(math.isfinite(float(row["ratio"])) for row in rows) == 4


@pytest.mark.parametrize("T", ["30000", "30000,40000"])
def test_rows_that_all_fail_are_bad_input(tmp_path, capsys, T):
    assert main(["ignite", "h2o2.yaml", "--fuel", "H2", "--T", T, "--out", str(tmp_path)]) == 2
    assert "must be within the mechanism's" in capsys.readouterr().err
