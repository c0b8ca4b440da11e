"""Checkpoints: exact, checked, and refused when they are damaged or belong to something else."""

from dataclasses import replace

import draws
import h5py
import numpy as np
import pytest

from combust.cfd.mesh.block import Block
from combust.errors import FileFormatError
from combust.io.checkpoint import DamagedFileError, checksum, read_checkpoint, require_complete, write_checkpoint
from combust.parallel import Communicator

SHAPE = (4, 5, 6)
IDENTITY = {"mechanism": "abc", "mesh": "def"}


def block(shape=SHAPE):
    return Block.create(Communicator(), shape, (True, False, False))


@pytest.fixture
def written(tmp_path):
    rng = draws.rng(2)
    state = {
        "T": (rng.normal(size=SHAPE), "cell"),
        "rhoY": (rng.normal(size=(3, *SHAPE)), "cell"),
        "u": (rng.normal(size=(4, 5, 7)), "face_x"),
        "v": (rng.normal(size=(4, 6, 6)), "face_y"),
        "w": (rng.normal(size=(5, 5, 6)), "face_z"),
        "p0": (np.array(101325.0), "global"),
        "totals": (rng.normal(size=7), "global"),
    }
    meta = {"step": 3, "time": 1.0 / 3.0, "identity": IDENTITY, "loop": {"free_dt": float("inf")}}
    path = tmp_path / "checkpoint_000003.h5"
    write_checkpoint(path, block(), state, meta)
    return path, state, meta


def test_exact(written):
    path, state, meta = written
    saved = read_checkpoint(path, block(), IDENTITY)
    assert saved.meta == meta
    assert saved.places == {name: place for name, (_, place) in state.items()}
    for name, (array, _) in state.items():
        assert saved.arrays[name].dtype == np.float64
        np.testing.assert_array_equal(saved.arrays[name], array)


def test_no_temporary_file_stays(written):
    assert [p.name for p in written[0].parent.iterdir()] == ["checkpoint_000003.h5"]


def test_same_bytes_when_written_again(written, tmp_path):
    path, state, meta = written
    write_checkpoint(tmp_path / "again.h5", block(), state, meta)
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()


def test_wrong_shape_is_a_bug(tmp_path):
    with pytest.raises(ValueError, match="does not end in"):
        write_checkpoint(tmp_path / "a.h5", block(), {"T": (np.zeros((4, 5, 7)), "cell")}, {"identity": {}})


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_truncated(written, keep):
    path = written[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    with pytest.raises(DamagedFileError, match=r"checkpoint_000003\.h5"):
        read_checkpoint(path, block(), IDENTITY)


@pytest.mark.parametrize("name", ["T", "rhoY", "w", "p0"])
def test_one_flipped_bit_is_seen(written, name):
    path = written[0]
    with h5py.File(path) as file:
        offset = file["state"][name].id.get_offset()
    raw = bytearray(path.read_bytes())
    raw[offset + 3] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DamagedFileError, match=f"checksum of '{name}'"):
        read_checkpoint(path, block(), IDENTITY)


def test_damaged_description_is_seen(written):
    path = written[0]
    path.write_bytes(path.read_bytes().replace(b'"mechanism": "abc"', b'"mechanism": "abd"'))
    with pytest.raises(DamagedFileError, match="checksum of its description"):
        read_checkpoint(path, block(), IDENTITY)


def test_swapped_values_are_seen():
    comm, a = Communicator(), np.arange(12.0).reshape(3, 4)
    assert checksum(comm, a, a.shape, (0, 0)) != checksum(comm, a[:, ::-1], a.shape, (0, 0))


def test_checksum_does_not_depend_on_the_decomposition():
    a = draws.rng(3).normal(size=(2, 6, 7))
    whole = checksum(Communicator(), a, a.shape, (0, 0, 0))
    parts = [
        checksum(Communicator(), a[:, i : i + 3, j:k], a.shape, (0, i, j)) for i in (0, 3) for j, k in ((0, 4), (4, 7))
    ]
    assert sum(parts) % 2**64 == whole


def test_other_case_is_refused(written):
    path = written[0]
    with pytest.raises(FileFormatError, match="its mechanism is abc, that of this case is xyz") as error:
        read_checkpoint(path, block(), {**IDENTITY, "mechanism": "xyz"})
    assert not isinstance(error.value, DamagedFileError)
    with pytest.raises(FileFormatError, match="its mesh is def"):
        read_checkpoint(path, block((4, 5, 8)), {**IDENTITY, "mesh": "ghi"})


def test_what_earlier_checkpoints_lack(written):
    """Heat through walls since 0.2, what holds a flame, what sparks have put in: the flow begins anew with these."""
    path, state, meta = written
    meta = {**meta, "loop": {"time": 0.1, "step": 3, "dt": 0.1, "free_dt": 0.1, "wall": 0.0}, "hooks": {}}
    saved = replace(read_checkpoint(path, block()), meta=meta)
    later = {name: (np.zeros(2), "global") for name in ("heat_out", "follower", "clock", "so_far_spark_energy")}
    require_complete(path, saved, block(), {**state, **later})
    with pytest.raises(DamagedFileError, match="lacks 'S'"):
        require_complete(path, saved, block(), {**state, "S": state["T"]})


def test_other_kinds_are_refused(tmp_path, written):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(FileFormatError, match="not a combust checkpoint"):
        read_checkpoint(other, block())
    with h5py.File(written[0], "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(FileFormatError, match="format 99; this combust reads format 1"):
        read_checkpoint(written[0], block())
    with pytest.raises(FileFormatError, match="no such file"):
        read_checkpoint(tmp_path / "none.h5", block())
