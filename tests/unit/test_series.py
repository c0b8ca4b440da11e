"""series.csv: exact numbers, whole rows, continued at a restart."""

import math

import pytest

from combust.errors import FileFormatError, OutputError
from combust.io.series import append_row, read_series, start_series


def test_numbers_come_back_exactly(tmp_path):
    path = tmp_path / "series.csv"
    start_series(path, ["T_max"])
    append_row(path, 0, [0.0, 0.0, math.nan])
    append_row(path, 7, [1.0 / 3.0, 1e-300, 2000.0])
    found = read_series(path)
    assert found["step"] == [0, 7] and found["time"] == [0.0, 1.0 / 3.0] and found["dt"] == [0.0, 1e-300]
    assert math.isnan(found["T_max"][0]) and found["T_max"][1] == 2000.0


def test_restart_drops_later_and_broken_rows(tmp_path):
    path = tmp_path / "series.csv"
    start_series(path, ["a"])
    for step in range(4):
        append_row(path, step, [0.1 * step, 0.1, step])
    kept = path.read_text().splitlines(keepends=True)[:3]
    with open(path, "a") as file:
        file.write("4,0.4")  # the crash came here
    start_series(path, ["a"], keep_until=1)
    assert path.read_text() == "".join(kept)
    start_series(path, ["a"])
    assert path.read_text() == "step,time,dt,a\n"


def test_other_columns_are_refused(tmp_path):
    start_series(tmp_path / "series.csv", ["a"])
    with pytest.raises(FileFormatError, match="has columns step, time, dt, a; this case writes step, time, dt, b"):
        start_series(tmp_path / "series.csv", ["b"], keep_until=0)


def test_missing_file_starts_anew_and_unwritable_is_named(tmp_path):
    start_series(tmp_path / "series.csv", ["a"], keep_until=5)
    assert read_series(tmp_path / "series.csv") == {"step": [], "time": [], "dt": [], "a": []}
    with pytest.raises(OutputError, match="cannot write .*series.csv"):
        append_row(tmp_path / "none" / "series.csv", 0, [1.0])
    (tmp_path / "x.csv").write_text("a,b\n")
    with pytest.raises(FileFormatError, match="not a series"):
        read_series(tmp_path / "x.csv")
