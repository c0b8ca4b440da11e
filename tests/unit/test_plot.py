"""flame.png is drawn in one, two and three dimensions, with and without a history."""

import numpy as np
import pytest

from combust.cfd.block import Block
from combust.errors import ConfigError, FileFormatError
from combust.io.vtr import write_pvd, write_vtr
from combust.parallel import Communicator
from combust.plot import label, plot


def fill(folder, shape):
    block = Block.create(Communicator(), shape, (False, False, False))
    faces = [np.linspace(0, 1e-3 * n, n + 1) for n in shape]
    z, y, x = np.meshgrid(*(f[1:] for f in faces), indexing="ij")
    T = 300 + 1500 / (1 + np.exp((shape[2] * 5e-4 - x + 0.1 * y + 0.1 * z) / 1e-3))
    fields = {"T": T, "u": np.stack([T, -T, 0 * T]) / 300, "Y_OH": T * 1e-6}
    write_vtr(folder / "fields_000007.vtr", block, faces, fields, 1e-4, 7)
    write_pvd(folder / "fields.pvd", [(1e-4, "fields_000007.vtr")])


@pytest.mark.parametrize(
    "shape, history", [((1, 1, 30), True), ((1, 8, 30), False), ((1, 30, 8), True), ((4, 8, 20), False)]
)
def test_draws(tmp_path, shape, history):
    fill(tmp_path, shape)
    if history:
        rows = "".join(f"{i},{i}e-5,1e-5,{1800 + i},nan,{1e-5 * i}\n" for i in range(8))
        (tmp_path / "series.csv").write_text("step,time,dt,T_max,flame_speed,eos_drift\n" + rows)
    path = plot(tmp_path)
    assert path == tmp_path / "flame.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_chosen_fields_and_errors(tmp_path):
    with pytest.raises(FileFormatError, match="names no snapshot"):
        plot(tmp_path)
    fill(tmp_path, (1, 8, 8))
    plot(tmp_path, ["T", "u_x", "speed"])
    with pytest.raises(ConfigError, match="--fields Y_H: not in the snapshot; known: T, Y_OH, speed, u_x"):
        plot(tmp_path, ["Y_H"])


def test_labels():
    assert label("T") == "temperature [K]"
    assert label("flame_speed") == "flame speed [m/s]"
