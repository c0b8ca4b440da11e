"""Fields of one grid on another: integrals stay to round-off, nothing overshoots, second order; a run from a run."""

import logging
import shutil

import h5py
import numpy as np
import pytest
from draws import rng

from combust.case.load import load
from combust.cfd.initial import remap
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.errors import CombustError, ConfigError, FileFormatError, OutputError
from combust.io.folder import Folder
from combust.parallel import ALONE
from combust.run.build import Builder, build
from combust.run.earlier import earlier, keep
from combust.run.run import run

GRIDS = {
    "finer": (uniform_faces(0, 1, 10), uniform_faces(0, 1, 30)),
    "coarser": (uniform_faces(0, 1, 30), uniform_faces(0, 1, 10)),
    "other": (stretched_faces(0, 1, 17, 1.1), stretched_faces(0, 1, 23, 0.93)),
    "same": (stretched_faces(0, 1, 17, 1.1),) * 2,
    "part": (uniform_faces(0, 1, 20), uniform_faces(0.213, 0.71, 13)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_line(name):
    old, new = GRIDS[name]
    one = remap.line(old, new)
    values = rng(3).random((2, len(old) - 1)) + 0.1
    made = remap.along(values[:, one.first : one.last], -1, one)
    if name != "part":
        np.testing.assert_allclose(made @ np.diff(new), values @ np.diff(old), rtol=1e-14)
    if name == "same":
        np.testing.assert_allclose(made, values, rtol=1e-15)
    assert made.min() >= values.min() - 1e-15 and made.max() <= values.max() + 1e-15
    even = remap.along(np.full((1, one.last - one.first), 3.0), -1, one)
    np.testing.assert_allclose(even, 3.0, rtol=1e-14)
    # pieces of the new grid have the same bits
    cut = len(new) // 2
    parts = []
    for edges in (new[: cut + 1], new[cut:]):
        part = remap.line(old, edges)
        parts.append(remap.along(values[:, part.first : part.last], -1, part))
    assert np.array_equal(np.concatenate(parts, 1), made)


def test_order():
    """A sine over 16, 32, 64 cells on three halves as many: the error falls fourfold."""
    errors = []
    for n in (16, 32, 64):
        old, new = uniform_faces(0, 1, n), uniform_faces(0, 1, 3 * n // 2)
        means = [np.diff(-np.cos(2 * f + 0.3)) / (2 * np.diff(f)) for f in (old, new)]
        one = remap.line(old, new)
        errors.append(np.abs(remap.along(means[0], -1, one) - means[1])[2:-2].mean())
    assert np.log2(errors[0] / errors[1]) > 1.8
    assert np.log2(errors[1] / errors[2]) > 1.8


CASE = """
mesh = { kind = "uniform", cells = [12, 10], lower = [0, 0], upper = [0.004, 0.004] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
boundary = { x = { kind = "periodic" }, y = { kind = "wall", slip = true } }
numerics = { compile = "off", dt = 1e-5 }
stop = { steps = 3 }
output = { directory = "first", checkpoint = { every = { steps = 1 }, keep = 9 } }
[initial]
kind = "layers"
along = "x"
mirror = 0.002
taylor_green = 2.0
streams = [
  { composition = "H2:0.5, N2:0.5", temperature = 300, until = 0.001, width = 0.0005 },
  { composition = "O2:0.21, N2:0.79", temperature = 900 },
]
"""
AGAIN = ["output.directory=second", "initial.folder=first", "initial.kind=run"]
FINER = (
    "mesh={kind='stretched',x={lower=0,upper=0.004,cells=20,ratio=1.05},y={lower=0,upper=0.004,cells=16,ratio=0.95}}"
)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "case.toml").write_text(CASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("case.toml")
    return folder


def content(flow):
    return (flow.current.U * flow.grid.volume).sum((1, 2, 3)).numpy()


def at_end(folder):
    flow = build(load(folder / "case.toml"), ALONE)
    for _ in range(3):
        flow.advance(1e-5)
    return flow


@pytest.mark.parametrize("mesh", [FINER, "mesh.cells=[6,5]", "mesh.cells=[12,10]"])
def test_another_grid(first, monkeypatch, mesh):
    """Mass, species, enthalpy to round-off; p0 of the closed box; positive, sums of one; it runs on."""
    monkeypatch.chdir(first)
    old, new = at_end(first), build(load("case.toml", [*AGAIN, mesh]), ALONE)
    np.testing.assert_allclose(content(new), content(old), rtol=1e-13, atol=1e-20)
    assert float(new.current.p0) == float(old.current.p0)
    Y = new.current.U[1:] / new.current.U[1:].sum(0)
    assert float(Y.min()) >= 0.0
    T = new.field("T")
    assert old.field("T").min() * 0.999 < T.min() and T.max() < old.field("T").max() * 1.001
    assert np.abs(new.field("eos_drift")).max() < (2e-2 if "[6,5]" in mesh else 5e-3)
    energies = [flow.quantity("kinetic_energy") for flow in (old, new)]
    assert energies[1] == pytest.approx(energies[0], rel=0.4 if "[6,5]" in mesh else 0.12)
    for _ in range(3):
        new.advance(1e-5)
    assert np.abs(new.field("eos_drift")).max() < 2e-3
    assert abs(new.quantity("mass_error")) < 1e-13
    assert abs(new.quantity("enthalpy_error")) < 1e-13


def test_the_same_grid_is_the_same_state(first, monkeypatch):
    monkeypatch.chdir(first)
    old, new = at_end(first), build(load("case.toml", AGAIN), ALONE)
    for name in ("T", "Y_H2", "u"):
        np.testing.assert_allclose(new.field(name), old.field(name), rtol=1e-8, atol=1e-8)


def test_what_the_closure_carries_goes_on(first, monkeypatch, tmp_path, caplog):
    """Its integral over the mass to round-off; that of another kind begins anew, which is told."""
    monkeypatch.chdir(first)
    caplog.set_level(logging.INFO, logger="combust")
    eddies, words = "turbulence={kind='k-equation',initial={k=4.0}}", "the earlier run has no k_t of this closure"
    where = [eddies, f"output.directory={tmp_path / 'eddies'}", "stop.steps=1"]
    run("case.toml", overrides=where)
    old = build(load("case.toml", where), ALONE)
    old.advance(1e-5)
    given = [f"initial.folder={tmp_path / 'eddies'}", AGAIN[2], "output.directory=second"]
    new = build(load("case.toml", [*given, FINER, "turbulence.kind=k-equation"]), ALONE)
    amounts = [float((f.field("density") * f.field("k_t") * f.grid.volume.numpy()).sum()) for f in (old, new)]
    assert amounts[1] == pytest.approx(amounts[0], rel=1e-13) and 3 < new.field("k_t").min() < old.field("k_t").max()
    new.advance(1e-5)
    assert 3 < new.field("k_t").min() and words not in caplog.text
    for changes in ([*given, "turbulence={kind='k-epsilon'}"], [*AGAIN, "turbulence.kind=k-equation"]):
        caplog.clear()
        anew = build(load("case.toml", changes), ALONE)
        assert words.replace("k_t", ", ".join(anew.scheme.carrier.names)) in caplog.text
        assert anew.field("k_t").max() < 1.0


def test_time_and_file(first, monkeypatch):
    monkeypatch.chdir(first)
    gas = build(load("case.toml"), ALONE).scheme.problem.gas
    assert earlier("first", None, gas, ALONE).time == pytest.approx(3e-5)
    assert earlier("first", 1.2e-5, gas, ALONE).time == pytest.approx(1e-5)
    file = "first/checkpoint_000002.h5"
    assert earlier(file, None, gas, ALONE).place == file
    with pytest.raises(ConfigError, match="omit the key"):
        earlier(file, 1e-5, gas, ALONE)
    with pytest.raises(ConfigError, match="nowhere holds no checkpoint"):
        earlier("nowhere", None, gas, ALONE)


def test_a_restart_needs_its_own_folder_alone(first, monkeypatch, tmp_path):
    """The earlier run is gone: it goes on, in its folder or into another, to the same bits."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(first / "first", "first")
    shutil.copy(first / "case.toml", "case.toml")
    given = [*AGAIN[1:], "mesh.cells=[8,8]"]
    out = "output.directory={}".format

    def to(folder, steps, **more):
        run("case.toml", overrides=[out(folder), *given, f"stop.steps={steps}"], **more)
        return folder

    to("whole", 3)
    shutil.copytree(to("out", 2), "kept")
    shutil.rmtree("first")
    to("out", 3, restart="auto")
    to("on", 3, restart="kept/checkpoint_000002.h5")
    with h5py.File("whole/checkpoint_000003.h5") as whole:
        for folder in ("out", "on"):
            assert (tmp_path / folder / "start.h5").is_file()
            with h5py.File(f"{folder}/checkpoint_000003.h5") as file:
                assert all(np.array_equal(file["state"][name], whole["state"][name]) for name in whole["state"])
    (tmp_path / "kept" / "start.h5").unlink()
    with pytest.raises(ConfigError, match="first holds no checkpoint"):
        to("kept", 3, restart="auto")


def test_the_start_in_its_own_folder(first, monkeypatch, tmp_path):
    """A run that begins anew would delete it: refused while it is there, by a link to it too; no other copy is lost."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(first / "first", "first")
    shutil.copy(first / "case.toml", "case.toml")
    given = ["output.directory=out", *AGAIN[1:], "stop.steps=1"]
    run("case.toml", overrides=given)
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "checkpoint_000001.h5").symlink_to(tmp_path / "out" / "start.h5")
    for place in ("out", "out/start.h5", "out/checkpoint_000001.h5", "links", "links/checkpoint_000001.h5"):
        with pytest.raises(ConfigError, match="initial.folder: .* is in this run's own output folder, .* --out"):
            run("case.toml", overrides=[*given, f"initial.folder={place}"], force=True)
        assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    run(
        "case.toml", overrides=[*given[:-1], "stop.steps=2", "initial.folder=out/start.h5"], restart="auto", change=True
    )
    case = load("case.toml", [*given, "initial.folder=first"])
    with pytest.raises(OutputError, match="first cannot be copied to new/start.h5: "):
        keep(case, Folder("new"))


def test_a_run_from_a_run(first, monkeypatch, tmp_path):
    """From the command's function on: output, restart; a restart on another grid names this way."""
    monkeypatch.chdir(first)
    where = [f"output.directory={tmp_path / 'out'}", *AGAIN[1:], "mesh.cells=[8,8]"]
    assert run("case.toml", overrides=where).step == 3
    assert run("case.toml", overrides=[*where, "stop.steps=5"], restart="auto").step == 5
    with pytest.raises(
        FileFormatError, match='initial = { kind = "run", folder = "first/checkpoint_000003.h5" }'
    ) as no:
        run("case.toml", overrides=["mesh.cells=[8,8]", "stop.steps=9"], restart="auto")
    assert "its mesh is another one (mesh.cells.0: 12, now 8; mesh.cells.1: 10, now 8); restart" in str(no.value)
    with pytest.raises(FileFormatError, match=r"its mechanism is another one \(h2o2.yaml, now gri30.yaml\); restart"):
        run("case.toml", overrides=["gas.mechanism=gri30.yaml", "stop.steps=9"], restart="auto")


def test_the_pressure_of_a_run(first, monkeypatch):
    """Of a closed box it is that of the earlier run, which is told; an outflow has its own, which is refused."""
    monkeypatch.chdir(first)
    same, other = ([*AGAIN, f"gas.pressure={p}"] for p in (at_end(first).quantity("p0"), 2e5))
    assert "pressure" not in build(load("case.toml", same), ALONE).concerns()
    told = build(load("case.toml", other), ALONE).concerns()["pressure"]
    assert "is that of the earlier run, 10135" in told and "gas.pressure = 200000 Pa is not" in told
    sides = "boundary.x={ kind = 'outflow' }"
    with pytest.raises(ConfigError, match="the earlier run of initial.folder has p0 = 10135"):
        build(load("case.toml", [*other, sides]), ALONE)


WRONG = [
    ("mesh.upper=[0.005,0.004]", "its domain is from 0 to 0.004 m in x, that of this case from 0 to 0.005 m"),
    ("gas.mechanism=gri30.yaml", "its species are not those of this case"),
    ("initial.folder=nowhere", "holds no checkpoint"),
]


@pytest.mark.parametrize("change, message", WRONG)
def test_what_cannot_be_carried(first, monkeypatch, change, message):
    monkeypatch.chdir(first)
    with pytest.raises(CombustError, match=message):
        Builder(load("case.toml", [*AGAIN, change]), ALONE).fields()


def test_around_an_axis():
    """Volumes are those of rings: r^2/2 is the coordinate."""
    old, new = uniform_faces(0, 1, 7), uniform_faces(0, 1, 12)
    one = remap.line(0.5 * old**2, 0.5 * new**2)
    values = rng(4).random(7)
    made = remap.along(values, -1, one)
    grids = [Grid(Block.create(ALONE, (1, n, 4), (False,) * 3), (uniform_faces(0, 1, 1), f, uniform_faces(0, 1, 4)),
                  axisymmetric=True) for n, f in ((7, old), (12, new))]  # fmt: skip
    totals = [float((g.volume.numpy() * v.reshape(1, -1, 1)).sum()) for g, v in zip(grids, (values, made), strict=True)]
    assert totals[1] == pytest.approx(totals[0], rel=1e-14)
