"""flame.png is drawn in one, two and three dimensions, with and without a history."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from combust.__main__ import main
from combust.cfd.mesh.block import Block
from combust.errors import ConfigError
from combust.io.vtr import Snapshot, read_pvd, write_pvd, write_vtr
from combust.parallel import Communicator
from combust.run.picture import label, of_columns, plot


def fill(folder, shape, step=7, time=1e-4):
    block = Block.create(Communicator(), shape, (False, False, False))
    faces = [np.linspace(0, 1e-3 * n, n + 1) for n in shape]
    z, y, x = np.meshgrid(*(f[1:] for f in faces), indexing="ij")
    T = 300 + 1500 / (1 + np.exp((shape[2] * 5e-4 - x + 0.1 * y + 0.1 * z) / 1e-3))
    fields = {"T": T, "u": np.stack([T, -T, 0 * T]) / 300, "Y_OH": T * 1e-6}
    fields["route"] = np.select([T < 600, T < 1000, T < 1500], [0.0, 1.0, 2.0], 0.0)
    name = f"fields_{step:06d}.vtr"
    write_vtr(folder / name, block, faces, fields, time, step)
    write_pvd(folder / "fields.pvd", [*read_pvd(folder / "fields.pvd"), (time, name)])


@pytest.mark.parametrize(
    "shape, history", [((1, 1, 30), True), ((1, 8, 30), False), ((1, 30, 8), True), ((4, 8, 20), False)]
)
def test_draws(tmp_path, shape, history):
    fill(tmp_path, shape)
    if history:
        rows = "".join(f"{i},{i}e-5,1e-5,{1800 + i},nan,{1e-5 * i}\n" for i in range(8))
        (tmp_path / "series.csv").write_text("step,time,dt,T_max,flame_speed,eos_drift\n" + rows)
    path = plot(tmp_path).path
    assert path == tmp_path / "flame.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_chosen_fields_and_errors(tmp_path):
    fill(tmp_path, (1, 8, 8))
    plot(tmp_path, ["T", "u_x", "speed"])
    with pytest.raises(ConfigError, match="--fields Y_H: not in the snapshot; known: T, Y_OH, route, speed, u_x"):
        plot(tmp_path, ["Y_H"])


@pytest.mark.parametrize(
    "folder, text",
    [
        ("nowhere", "nowhere: no such folder; give the output folder of a run"),
        ("case.toml", r"case.toml is a file; give the output folder of a run: .*"),
        (".", "is no output folder of a run: it holds no fields.pvd"),
        ("begun", "fields.pvd: names no snapshot; the run has written none yet"),
    ],
)
def test_what_is_no_output_of_a_run(tmp_path, capsys, folder, text):
    (tmp_path / "case.toml").touch()
    (tmp_path / "begun").mkdir()
    write_pvd(tmp_path / "begun" / "fields.pvd", [])
    assert main(["plot", str(tmp_path / folder)]) == 2
    said = capsys.readouterr()
    assert re.search(text, said.err) and said.err.count("\n") == 1 and said.out == ""
    assert not (tmp_path / "nowhere").exists()


def test_time_takes_the_nearest_output_and_says_so(tmp_path, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "combust.run.picture.draw", lambda figure, shot, scalars, history, units: drawn.append(shot.step)
    )
    for step, time in ((0, 0.0), (20, 2e-4), (41, 4e-4)):
        fill(tmp_path, (1, 1, 30), step, time)
    for time, step, said in (
        (None, 41, ""),
        ("2e-4", 20, ""),
        ("1.1e-4", 20, "nearest to 110 µs is the output at 200 µs (of 3 from 0 µs to 400 µs)\n"),
        ("1", 41, "nearest to 1 s is the output at 400 µs (of 3 from 0 µs to 400 µs)\n"),
    ):
        assert main(["plot", str(tmp_path), *(["--time", time] if time else [])]) == 0
        assert (drawn.pop(), capsys.readouterr().err) == (step, said)
    assert main(["plot", str(tmp_path), "--time", "210 us", "--out", str(tmp_path / "x.jpg")]) == 2
    assert "a picture ends with .png" in capsys.readouterr().err
    assert main(["plot", str(tmp_path), "--time", "210 us"]) == 0
    assert "output at 200 µs" in capsys.readouterr().err
    assert main(["plot", str(tmp_path), "--time", "nan"]) == 2
    assert "--time nan" in capsys.readouterr().err


def test_out_is_a_picture_or_a_folder(tmp_path, capsys):
    fill(tmp_path, (1, 1, 30))
    for out, made in (("a.png", "a.png"), ("new/b.svg", "new/b.svg"), ("pictures", "pictures/flame.png")):
        assert main(["plot", str(tmp_path), "--out", str(tmp_path / out)]) == 0
        assert capsys.readouterr().out == f"{tmp_path / made}\n" and (tmp_path / made).stat().st_size > 1000
    assert not (tmp_path / "flame.png").exists()
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["plot", str(tmp_path), "--out", str(tmp_path / "notes.txt")]) == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert main(["plot", str(tmp_path), "--out", str(tmp_path / "notes.txt" / "a.png")]) == 1
    assert "a.png cannot be written: File exists" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(1, 8, 40), (1, 1, 40)])
def test_routes_are_named(tmp_path, shape):
    """As text in the picture, one flat colour each: no number, no colour between two."""
    fill(tmp_path, shape)
    with plt.rc_context({"svg.fonttype": "none"}):
        drawn = plot(tmp_path, ["T", "route"], tmp_path / "a.svg").path.read_text()
    for route in ("slow", "network", "exact"):
        assert f">{route}</text>" in drawn


def test_labels():
    assert label("T") == "temperature [K]"
    assert label("flame_speed") == "flame speed [m/s]"
    assert label("heat_release") == "heat release [GW/m³]"


@pytest.mark.parametrize(
    "shape, kind, unit",
    [((4, 8, 12), "uniform", "W"), ((1, 8, 12), "uniform", "W/m"), ((1, 1, 12), "uniform", "W/m²"),
     ((1, 8, 12), "axisymmetric", "W"), ((1, 8, 12), None, "W/m")],
)  # fmt: skip
def test_units_of_integrals(tmp_path, shape, kind, unit):
    """Those of a planar case are per metre of depth, of one direction per square metre."""
    shot = Snapshot(0.0, 0, tuple(np.linspace(0.0, 1.0, n + 1) if n > 1 else np.zeros(1) for n in shape), {})
    case = tmp_path / "case.toml"
    if kind:
        case.write_text(f'[mesh]\nkind = "{kind}"\n')
    assert label("heat_release", of_columns(shot, case)) == f"heat release [{unit}]"
