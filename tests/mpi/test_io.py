"""Ranks: the same files, bit by bit, whatever their number; restarts on another number of ranks."""

import shutil

import numpy as np
import pytest
from helpers import CASE, launch, same_output

from combust.cfd.mesh.block import Block
from combust.io.checkpoint import read_checkpoint
from combust.parallel import Communicator


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial")
    (folder / "heat.toml").write_text(CASE)
    done = launch(["run", folder / "heat.toml", "--out", folder / "out"])
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def on_ranks(serial, tmp_path_factory):
    """The same run on ranks: its process and its folder; each number of ranks is run once."""
    folder, done = tmp_path_factory.mktemp("ranks"), {}

    def on(ranks):
        if ranks not in done:
            done[ranks] = launch(["run", serial / "heat.toml", "--out", folder / str(ranks)], ranks)
            assert done[ranks].returncode == 0, done[ranks].stderr
        return done[ranks], folder / str(ranks)

    return on


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_same_bytes_on_any_number_of_ranks(serial, on_ranks, ranks):
    done, out = on_ranks(ranks)
    same_output(serial / "out", out)
    assert f"{ranks} rank(s)" in done.stdout
    assert done.stdout.count("reached step 20") == 1


def test_restart_on_another_number_of_ranks(serial, on_ranks, tmp_path):
    """From the last checkpoint but one of two ranks, on three."""
    shutil.copytree(on_ranks(2)[1], tmp_path / "out")
    (tmp_path / "out" / "checkpoint_000020.h5").unlink()
    done = launch(["run", serial / "heat.toml", "--out", tmp_path / "out", "--restart", "auto"], 3, TOY_PICTURE="1")
    assert done.returncode == 0, done.stderr
    same_output(serial / "out", tmp_path / "out")
    assert (tmp_path / "out" / "flame.png").stat().st_size > 10000


def test_faces_come_back(serial):
    """The array on x faces has one entry more than cells, and a global number is one number."""
    saved = read_checkpoint(
        serial / "out" / "checkpoint_000020.h5", Block.create(Communicator(), (8, 12, 24), (True, True, True))
    )
    assert saved.arrays["flux"].shape == (8, 12, 25)
    np.testing.assert_array_equal(saved.arrays["p0"], [101345.0])
    np.testing.assert_array_equal(saved.arrays["pair"][1], -saved.arrays["T"])
