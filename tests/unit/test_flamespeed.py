"""combust flamespeed: ranges, rows that fail, files, exit codes."""

import csv
import math

import numpy as np
import pytest

from combust.__main__ import main
from combust.errors import DivergenceError, StateError
from combust.kinetics.flames import speeds
from combust.kinetics.flames.free import FlameProfile


@pytest.fixture
def asked(monkeypatch):
    """Flames that are made up: speed phi p / T, none below phi 0.2."""
    calls = []

    def made_up(gas, T, p, fuel, oxidizer, phi, **options):
        calls.append((T, p, fuel, oxidizer, phi, options))
        if phi < 0.2:
            raise DivergenceError(f"free flame of {fuel}, phi {phi:g}, {T:g} K, {p:g} Pa: no solution, for a reason")
        x = np.linspace(0.0, 1e-2, 11)
        T_profile = np.linspace(T, 2000.0, 11)
        speeds = phi * p / T, 2010.0, 0.002, phi * p / (T - 1)
        return FlameProfile(gas.species, x, T_profile, x, x, np.ones((10, 11)), p, *speeds)

    monkeypatch.setattr(speeds, "free_flame", made_up)
    return calls


def rows_of(folder):
    with (folder / "flamespeed.csv").open() as file:
        return list(csv.DictReader(file))


def test_table_file_and_picture(asked, tmp_path, capsys):
    arguments = ["flamespeed", "h2o2.yaml", "--fuel", "H2", "--phi", "0.5:1.5:3,0.1", "--T", "300,400", "--p", "2bar"]
    assert main([*arguments, "--out", str(tmp_path / "new")]) == 3  # the flame at phi 0.1 is not found
    said = capsys.readouterr()
    rows = rows_of(tmp_path / "new")
    assert [(float(r["phi"]), float(r["temperature_K"])) for r in rows] == [
        (phi, T) for T in (300, 400) for phi in (0.5, 1.0, 1.5, 0.1)
    ]
    assert float(rows[1]["flame_speed_m_per_s"]) == pytest.approx(2e5 / 300)
    assert math.isnan(float(rows[3]["flame_speed_m_per_s"])) and rows[3]["reason"].startswith("free flame of H2:1")
    assert asked[0][:5] == (300.0, 2e5, "H2:1", "O2:1, N2:3.76", 0.5)
    assert asked[0][5] == {
        "transport": "mixture-averaged", "refine": "extrapolated", "soret": False, "width": 0.02, "max_points": 6000,
    }  # fmt: skip
    assert float(rows[1]["speed_error"]) == 0.002 and float(rows[1]["grid_speed_m_per_s"]) == pytest.approx(2e5 / 299)
    assert (tmp_path / "new" / "flamespeed.png").stat().st_size > 5000
    lines = said.out.splitlines()
    assert "S_L [m/s]" in lines[0] and "  0.2 %  +0.33 %" in lines[2]
    assert lines[4].endswith("nan  no solution, for a reason")
    assert "2 of 8 flames were not found" in said.out
    assert said.err.splitlines()[-1].startswith("8 of 8 flames")


def test_a_flame_that_fails_in_another_way_loses_no_other(monkeypatch, tmp_path):
    """A state beyond the mechanism, or a mechanism that breaks in the middle: rows too."""
    x = np.linspace(0.0, 1e-2, 11)

    def made_up(gas, T, p, fuel, oxidizer, phi, **options):
        if phi > 1:
            raise StateError("temperature nan in cell 0")
        return FlameProfile(gas.species, x, 300 + x, x, x, np.ones((10, 11)), p, 1.0, 2010.0)

    monkeypatch.setattr(speeds, "free_flame", made_up)
    arguments = ["flamespeed", "h2o2.yaml", "--fuel", "H2", "--phi", "2,1", "--out", str(tmp_path)]
    assert main([*arguments, "--refine", "customary"]) == 3
    first, second = rows_of(tmp_path)
    assert first["reason"] == "temperature nan in cell 0" and second["reason"] == ""
    assert float(second["flame_speed_m_per_s"]) == 1.0 and math.isinf(float(second["speed_error"]))


def test_files_are_not_replaced_unless_forced(asked, tmp_path, capsys):
    arguments = ["flamespeed", "h2o2.yaml", "--fuel", "H2", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err and len(asked) == 1
    assert main([*arguments, "--force", "--soret"]) == 0
    assert asked[1][5]["soret"] is True


def test_no_flame_at_all(asked, tmp_path):
    assert main(["flamespeed", "h2o2.yaml", "--fuel", "H2", "--phi", "0.05,0.1", "--out", str(tmp_path)]) == 3
    assert len(rows_of(tmp_path)) == 2 and not (tmp_path / "flamespeed.png").exists()


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--fuel", "CH4"], "no species 'CH4'"),
        (["--fuel", "H2", "--phi", "0.5:2"], "--phi 0.5:2"),
        (["--fuel", "H2", "--phi", "0"], "--phi 0: 0 is not positive"),
        (["--fuel", "H2", "--p", "1stone"], "unit 'stone' is unknown"),
        (["--fuel", "H2:x"], "'H2:x' is not of the form"),
        (["--fuel", "H2", "--soret", "--transport", "unity-Lewis"], "Soret diffusion needs"),
        (["--fuel", "H2", "--width", "0"], "--width 0: must be"),
        (["--fuel", "H2", "--max-points", "5"], "--max-points 5: must be"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(asked, tmp_path, capsys, arguments, text):
    assert main(["flamespeed", "h2o2.yaml", *arguments, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert text in said and said.count("\n") == 1 and asked == []


def test_a_real_flame(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))
    assert main(["flamespeed", "h2o2.yaml", "--fuel", "H2", "--out", str(tmp_path)]) == 0
    row = rows_of(tmp_path)[0]
    assert float(row["flame_speed_m_per_s"]) == pytest.approx(2.3296, rel=5e-4)  # 2.32963 from 1521 points
    assert float(row["speed_error"]) < 3e-3
    assert float(row["thermal_thickness_m"]) == pytest.approx(0.33e-3, rel=0.1)
