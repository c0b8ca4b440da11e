"""Where a verb writes: a folder, or the one file that --out names."""

import json
import math

import pytest

from combust.__main__ import main
from combust.errors import ConfigError, OutputError
from combust.report.charts import picture
from combust.report.tables import places, write_table

NAMES = ("ignite.csv", "ignite.png")
IGNITE = ["ignite", "h2o2.yaml", "--fuel", "H2", "--T", "500,1400", "--time", "1e-3"]


@pytest.mark.parametrize(
    "out, table, picture",
    [("there", "there/ignite.csv", "there/ignite.png"), ("a/x.csv", "a/x.csv", None), ("x.JSON", "x.JSON", None),
     ("x.png", None, "x.png"), ("x.pdf", None, "x.pdf"), ("v1.2", "v1.2/ignite.csv", "v1.2/ignite.png")],
)  # fmt: skip
def test_places(tmp_path, out, table, picture):
    found = places(tmp_path / out, NAMES, False)
    assert found == [None if name is None else tmp_path / name for name in (table, picture)]


def test_what_is_there(tmp_path):
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"x.csv exists.*--force"):
        places(tmp_path / "x.csv", NAMES, False)
    assert places(tmp_path / "x.csv", NAMES, True) == [tmp_path / "x.csv", None]
    (tmp_path / "log.txt").write_text("mine")
    with pytest.raises(ConfigError, match="log.txt: is a file; a file to write ends with .csv, .json, .png"):
        places(tmp_path / "log.txt", NAMES, True)
    (tmp_path / "old.csv").mkdir()  # a folder stays one, whatever it is called
    assert places(tmp_path / "old.csv", NAMES, False)[0] == tmp_path / "old.csv" / "ignite.csv"


def test_what_cannot_be_written(tmp_path):
    for name, says in (("x.xlsx", "ends with .csv, .json, .png"), ("a" * 300 + ".csv", "File name too long"),
                       ("a" * 300, "File name too long")):  # fmt: skip
        with pytest.raises(ConfigError, match=says):
            places(tmp_path / name, NAMES, False)
    (tmp_path / "ignite.csv").mkdir()
    with pytest.raises(ConfigError, match="ignite.csv cannot be written"):
        places(tmp_path, NAMES, True)
    for name in ("x.csv", "x.json"):
        with pytest.raises(OutputError, match=f"{name} cannot be written: No such file"):
            write_table(tmp_path / "gone" / name, ("a",), [(1,)])
    with pytest.raises(OutputError, match="x.png cannot be written: No such file"):
        picture(tmp_path / "gone" / "x.png", lambda: (tmp_path / "gone" / "x.png").write_bytes(b""))


def test_json_has_no_nan(tmp_path):
    write_table(tmp_path / "x.json", ("a", "b"), [(1.5, math.nan), (2, "why")])
    assert json.loads((tmp_path / "x.json").read_text()) == [{"a": 1.5, "b": None}, {"a": 2, "b": "why"}]


def test_a_verb_writes_one_file(tmp_path, capsys):
    assert main([*IGNITE, "--out", str(tmp_path / "delays.json")]) == 0
    cold, hot = json.loads((tmp_path / "delays.json").read_text())
    assert cold["delay_s"] is None and 0 < hot["delay_s"] < 1e-3
    shown = capsys.readouterr().out
    assert f"table:   {tmp_path / 'delays.json'}" in shown and "picture" not in shown
    assert main([*IGNITE, "--out", str(tmp_path / "delays.svg")]) == 0
    assert (tmp_path / "delays.svg").read_text().lstrip().startswith("<?xml")
    assert "table:" not in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["delays.json", "delays.svg"]
