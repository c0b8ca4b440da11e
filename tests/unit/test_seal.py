"""Files with a checksum: no changed byte goes unnoticed, other programs read them, HDF5 never opens a damaged one."""

import shutil
from pathlib import Path

import draws
import fuzz_files
import h5py
import numpy as np
import pytest

from combust.cfd.mesh.block import Block
from combust.errors import FileFormatError
from combust.io import hdf5
from combust.io.checkpoint import DamagedFileError, open_checkpoint
from combust.io.seal import Apart, checksum, require_sealed, seal, sealed, unsealed
from combust.io.vtr import read_vtr, write_vtr
from combust.parallel import Communicator
from combust.reduction.cases.samples import Samples
from combust.surrogates.data.sample_set import SampleSet

KINDS = {kind.name: kind for kind in fuzz_files.KINDS}
SEALED = ("checkpoint_000003.h5", "samples.h5", "states.h5", "fields_000003.vtr", "fields.pvd")
ENDLESS = Path(__file__).parents[1] / "faults/inputs/endless.h5"  # HDF5 1.14 searches its attributes for ever


@pytest.mark.parametrize("name", SEALED)
def test_every_changed_byte_is_seen(tmp_path, name, monkeypatch):
    """At evenly spaced places and in the last line; what HDF5 would make of it is never asked."""
    path, kind = tmp_path / name, KINDS[name]
    kind.write(path)
    kind.read(path)
    whole = path.read_bytes()
    monkeypatch.setattr(hdf5, "require_end", lambda path: pytest.fail("is not taken for a file with a checksum"))
    for place in {*range(0, len(whole), max(len(whole) // 40, 1)), len(whole) - 1, len(whole) - 90}:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(FileFormatError, match=name):
            kind.read(path)
    for bad in (whole[:-1], whole[:-30], whole + b"x", whole[: len(whole) // 2]):
        path.write_bytes(bad)
        with pytest.raises(FileFormatError, match=name):
            kind.read(path)


def test_a_finite_number_in_a_snapshot(tmp_path):
    """It went unnoticed: the message names the file and what to do."""
    path, shape = tmp_path / "fields_000003.vtr", (2, 3, 4)
    block = Block.create(Communicator(), shape, (False, False, False))
    fields = {"T": np.full(shape, 300.0), "u": np.arange(72.0).reshape(3, *shape)}
    write_vtr(path, block, [np.arange(n + 1.0) for n in shape], fields, 0.5, 3)
    whole = path.read_bytes()
    for there, other in ((300.0, 301.0), (71.0, 17.0)):
        path.write_bytes(whole.replace(np.float64(there).tobytes(), np.float64(other).tobytes(), 1))
        with pytest.raises(FileFormatError, match=r"fields_000003\.vtr: damaged: its content is not what was written"):
            read_vtr(path)


def test_files_of_earlier_versions(tmp_path):
    """Without the line they are read as before."""
    for name in SEALED:
        path, kind = tmp_path / name, KINDS[name]
        kind.write(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.rindex(b"<!-- combust checksum")])
        assert not require_sealed(path)
        kind.read(path)


def test_copies_and_other_programs(tmp_path):
    """A renamed copy keeps the checksum; h5py reads the file, and cuts the checksum off when it changes something."""
    path, copy = tmp_path / "states.h5", tmp_path / "copy.h5"
    fuzz_files.write_states(path)
    shutil.copy(path, copy)
    path.rename(tmp_path / "other.h5")
    assert require_sealed(copy) and require_sealed(tmp_path / "other.h5")
    with h5py.File(copy, "r") as file:
        assert file["T"][1] == 950.0
    with h5py.File(copy, "r+") as file:
        file.attrs["note"] = "mine"
    assert not require_sealed(copy)
    assert list(Samples.read(copy).T) == [900.0, 950.0]


@pytest.mark.parametrize("read", [open_checkpoint, SampleSet.read, Samples.read])
def test_an_old_file_that_keeps_hdf5_in_a_loop(monkeypatch, read):
    """In a child of limited time."""
    monkeypatch.setattr(hdf5, "SECONDS", 1)
    with pytest.raises(FileFormatError, match=r"endless\.h5.*does not come to an end with its content within 1 s"):
        read(ENDLESS)


def test_what_to_do_about_a_damaged_checkpoint(tmp_path):
    path = tmp_path / "checkpoint_000003.h5"
    fuzz_files.write_checkpoint(path)
    whole = bytearray(path.read_bytes())
    whole[120] ^= 1  # in the root group
    path.write_bytes(whole)
    with pytest.raises(DamagedFileError, match=r"its content is not what was written .*--restart auto"):
        open_checkpoint(path)


def test_numbers_apart(tmp_path):
    """They may be written after the line; their place and their sum are part of it."""
    path, values = tmp_path / "file", np.linspace(0.0, 1.0, 7)
    path.write_bytes(b"a" * 11 + bytes(56) + b"b" * 5)
    seal(path, [Apart(11, 56, checksum(Communicator(), values, (7,), (0,)))])
    with open(path, "r+b") as file:
        file.seek(11)
        file.write(values.tobytes())
    assert require_sealed(path) and unsealed(path.read_bytes()) == b"a" * 11 + values.tobytes() + b"b" * 5
    whole = path.read_bytes()
    for old, new in ((b" 11+56=", b" 12+56="), (b" 11+56=", b" 11+99999999="), (values[:2].tobytes(), bytes(16))):
        with pytest.raises(ValueError, match="not what was written"):
            unsealed(whole.replace(old, new))
    assert unsealed(sealed(b"text\n")) == b"text\n"


def test_checksum_in_pieces():
    """Large arrays are summed piece by piece: the definition, element by element."""
    a = draws.rng(5).normal(size=(3, 40, 30, 5))

    def one(bits: int, number: int) -> int:
        x = bits ^ ((number + 1) * 0x9E3779B97F4A7C15 % 2**64)
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    expected = sum(one(int(bits), number) for number, bits in enumerate(a.view(np.uint64).reshape(-1))) % 2**64
    assert a.size > 2**13
    assert checksum(Communicator(), a, a.shape, (0, 0, 0, 0)) == expected
    parts = [checksum(Communicator(), a[:, i : i + 20], a.shape, (0, i, 0, 0)) for i in (0, 20)]
    assert sum(parts) % 2**64 == expected
