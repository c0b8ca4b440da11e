"""Files of planes: read back to the bit, by NumPy too, continued at a restart, damage named."""

import numpy as np
import pytest

from combust import planes
from combust.__main__ import main
from combust.errors import FileFormatError, OutputError
from combust.io.info import info

GRID = {"x": np.array([0.25]), "y": np.linspace(0.1, 0.9, 5), "z": np.linspace(0.0, 1.0, 3)}
NAMES = ("u", "T", "Y_CH2(S)")


def values(step):
    return {name: np.arange(15.0).reshape(3, 5, 1) + 100 * step + i / 3 for i, name in enumerate(NAMES)}


def written(path, steps):
    planes.begin(path, planes.record_type(GRID, NAMES))
    for step in steps:
        planes.append(path, planes.record(step, 1e-3 * step, GRID, values(step)))
    return path


def test_what_is_written_is_read_to_the_bit(tmp_path):
    path = written(tmp_path / "planes.npy", range(1, 12))
    found = planes.read(path)
    assert found.normal == "x" and found.names == NAMES and list(found.steps) == list(range(1, 12))
    assert np.array_equal(found.times, [1e-3 * step for step in range(1, 12)])
    for axis in "xyz":
        assert np.array_equal(getattr(found, axis), GRID[axis])
    assert found.field("T").shape == (11, 3, 5, 1)
    for i in (0, 10, -1):
        for name, wanted in values(found.steps[i]).items():
            assert np.array_equal(found.at(i)[name], wanted) and np.array_equal(found.field(name)[i], wanted)
    plain = np.load(path)
    assert plain["time"][3] == 4e-3 and np.array_equal(plain["T"], found.field("T"))
    with pytest.raises(FileFormatError, match="has no field 'p'; it has u, T"):
        found.field("p")


def test_an_empty_file_has_no_record(tmp_path):
    found = planes.read(written(tmp_path / "planes.npy", ()))
    assert len(found.times) == 0 and found.names == NAMES


def test_a_restart_keeps_the_records_before_it(tmp_path):
    wanted = written(tmp_path / "one.npy", range(10)).read_bytes()
    path = written(tmp_path / "two.npy", range(8))
    with open(path, "ab") as file:
        file.write(b"half a record")  # the crash came here
    planes.begin(path, planes.record_type(GRID, NAMES), keep_until=4)
    assert list(planes.read(path).steps) == [0, 1, 2, 3, 4]
    for step in range(5, 10):
        planes.append(path, planes.record(step, 1e-3 * step, GRID, values(step)))
    assert path.read_bytes() == wanted
    planes.begin(path, planes.record_type(GRID, NAMES), keep_until=-1)
    assert len(planes.read(path).steps) == 0
    planes.begin(tmp_path / "none.npy", planes.record_type(GRID, NAMES), keep_until=3)
    with pytest.raises(FileFormatError, match="other fields or another plane"):
        planes.begin(path, planes.record_type(GRID, ("u",)), keep_until=3)
    with pytest.raises(OutputError, match="cannot write"):
        planes.append(tmp_path / "no" / "file.npy", planes.record(0, 0.0, GRID, values(0)))


def test_half_a_record_is_written_over(tmp_path):
    path = written(tmp_path / "planes.npy", range(2))
    with open(path, "ab") as file:
        file.write(b"half")
    planes.append(path, planes.record(2, 2e-3, GRID, values(2)))
    assert np.array_equal(planes.read(path).at(2)["T"], values(2)["T"])


def test_damage_is_named(tmp_path):
    path = written(tmp_path / "planes.npy", range(3))
    whole = path.read_bytes()
    path.write_bytes(whole[:-12] + b"\0" + whole[-11:])
    with pytest.raises(FileFormatError, match="the checksum of record 2 is wrong"):
        planes.read(path).at(2)
    planes.read(path).at(1)
    path.write_bytes(whole[:-40])
    with pytest.raises(FileFormatError, match="is no file of planes"):
        planes.read(path)
    np.save(path, np.zeros(3))
    with pytest.raises(FileFormatError, match="does not begin as a .npy file of records"):
        planes.read(path)
    with pytest.raises(FileFormatError, match="no such file"):
        planes.read(tmp_path / "missing.npy")
    bad = planes.record(0, 0.0, GRID, {**values(0), "T": np.full((3, 5, 1), np.nan)})
    planes.begin(path, bad.dtype)
    planes.append(path, bad)
    with pytest.raises(FileFormatError, match="record 0: T holds numbers that are not finite"):
        planes.read(path).at(0)
    planes.begin(path, bad.dtype)
    for time in (1.0, 0.5):
        planes.append(path, planes.record(0, time, GRID, values(0)))
    with pytest.raises(FileFormatError, match="not finite numbers that rise"):
        planes.read(path)


def test_info_says_what_is_in_it(tmp_path, capsys):
    path = written(tmp_path / "planes_a.npy", range(1, 4))
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 plane(s) at x = 0.25 m, 1 x 5 x 3 cells (x, y, z), t = 0.001 to 0.003 s; all checksums")
    assert "  T                scalar  100.333 to 314.333\n" in said
    planes.begin(path, planes.record_type(GRID, NAMES))
    with pytest.raises(FileFormatError, match="holds no record yet"):
        info(path)
