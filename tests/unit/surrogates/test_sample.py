"""combust sample: rows whose elements are kept, whose trajectories are split, which continue after a kill."""

import argparse
import tomllib
from pathlib import Path

import draws
import h5py
import msgspec
import numpy as np
import pytest

from combust.cfd.mesh.block import Block
from combust.cli import sample as command
from combust.errors import ConfigError, DivergenceError, FileFormatError, MechanismError
from combust.io.checkpoint import write_checkpoint
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator
from combust.surrogates.data import labels, sample, streams
from combust.surrogates.data.harvest import read_cells
from combust.surrogates.data.sample_set import SPLITS, STREAMS, SampleSet
from combust.surrogates.data.streams import Condition
from combust.surrogates.settings import Surrogate, load

CONFIG = """
title = "tiny"
mechanism = "h2o2.yaml"
fuel = "H2:1"
[range]
p = [5e4, 2e5]
T = [280.0, 3300.0]
phi = [0.5, 2.0]
dt = [1e-7, 1e-5]
[sample]
rows = 300
trajectories = { ignition = 2, flame = 1, extinction = 0, counterflow = 0, burner = 0 }
labels = { audit = 8 }
"""


def arguments(out, *, resume=False, force=False, change=()):
    config = Path(out).parent / "tiny.toml"
    config.write_text(CONFIG)
    return argparse.Namespace(
        config=str(config), set=list(change), out=str(out), resume=resume, force=force, check=False
    )


def code_of(args):
    """The exit code of the command."""
    return command.call(args, Communicator())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture(scope="module")
def small_chunks():
    """Also a fixed revision: someone may commit between two runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "CHUNK", 100)
        patch.setattr(sample, "revision", lambda: "abc")
        yield


@pytest.fixture(scope="module")
def made(folder, small_chunks):
    assert code_of(arguments(folder / "tiny.h5")) == 0
    return SampleSet.read(folder / "tiny.h5")


def test_all_streams_in_their_shares(made):
    counts = {name: int((made.stream == k).sum()) for k, name in enumerate(STREAMS)}
    assert counts == {"base": 105, "perturbed": 75, "mixed": 60, "evolved": 30, "multiscale": 30, "flow": 0}
    assert np.isfinite(made.T1).all() and (made.Y >= 0).all() and (made.Y1 >= 0).all()


def test_no_trajectory_lies_in_two_splits(made):
    assert {group["split"] for group in made.groups} == set(SPLITS)
    for number, group in enumerate(made.groups):
        assert set(made.split[made.group == number]) <= {SPLITS.index(group["split"])}
    assert sum(len(made.of(name)) for name in SPLITS) == len(made)


def test_elements_and_enthalpy_are_kept(made, gas):
    atoms = (gas.element_matrix / gas.molar_mass).numpy().T
    np.testing.assert_allclose(made.Y1 @ atoms, made.Y @ atoms, rtol=0, atol=1e-10)
    h0, h1 = (gas.enthalpy(T, Y.T.copy()).numpy() for T, Y in ((made.T, made.Y), (made.T1, made.Y1)))
    np.testing.assert_allclose(h1, h0, rtol=0, atol=1.0)


def test_copies_stay_in_what_trajectories_cover(made, gas):
    moles = made.Y @ (gas.element_matrix / gas.molar_mass).numpy().T
    share = moles / moles.sum(1, keepdims=True)
    base = made.stream == 0
    # Trajectories have more states than were drawn: their proportions are a little wider than those of the rows.
    assert (share[~base] >= share[base].min(0) * 0.9 - 1e-12).all()
    assert (share[~base] <= share[base].max(0) * 1.1 + 1e-12).all()
    assert made.T.min() >= 280 and made.T.max() <= 3300
    assert made.p.min() >= 5e4 and made.p.max() <= 2e5
    assert made.dt.min() >= 1e-7 and made.dt.max() <= 1e-5
    assert made.slow.mean() <= 0.25


def test_audit_is_there_and_small(made):
    summary = made.audit["summary"]
    assert summary["rows"] == len(made.audit["row"]) == 8
    assert summary["T"] < 0.01 and summary["within_10"] > 0.97
    half = made.rows(np.arange(len(made)) < 150)
    kept = made.audit["row"] < 150
    assert half.audit["summary"]["rows"] == kept.sum()
    np.testing.assert_array_equal(half.audit["T"], made.audit["T"][kept])


def test_lineage(made, gas):
    made.require(gas)
    assert load_toml(made.config) == load_toml(CONFIG) | {"mechanism": made.mechanism}
    with pytest.raises(ConfigError, match="another mechanism"):
        made.require(Mechanism.load("gri30.yaml"))


def load_toml(text):
    return msgspec.to_builtins(msgspec.convert(tomllib.loads(text), Surrogate))


def test_a_run_killed_twice_continues_to_the_same_file(folder, made, small_chunks, monkeypatch):
    killed, real, calls = folder / "killed.h5", labels.label, []

    def stop(*args):
        calls.append(1)
        if len(calls) in (1, 3):  # before the first chunk, then in the second
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(labels, "label", stop)
    assert code_of(arguments(killed)) == 4
    monkeypatch.setattr(streams, "trajectories", None)  # not computed again
    assert code_of(arguments(killed, resume=True)) == 4
    with pytest.raises(ConfigError, match="other settings"):
        code_of(arguments(killed, resume=True, change=["sample.seed=1"]))
    (folder / "killed.h5.parts" / "stream_mixed.npz").write_bytes(b"damaged")
    assert code_of(arguments(killed, resume=True)) == 0
    assert len(calls) == 5
    assert killed.read_bytes() == (folder / "tiny.h5").read_bytes()
    assert not Path(f"{killed}.parts").exists()


def test_outputs_are_not_replaced_unasked(folder, made):
    with pytest.raises(ConfigError, match="--force"):
        code_of(arguments(folder / "tiny.h5"))
    with pytest.raises(ConfigError, match="no interrupted sampling"):
        code_of(arguments(folder / "none.h5", resume=True))


def test_damaged_file_is_refused(folder, made, tmp_path):
    path = tmp_path / "damaged.h5"
    made.write(path)
    with h5py.File(path, "r+") as file:
        file["Y1"][3, 2] += 1e-9
    with pytest.raises(FileFormatError, match="checksum"):
        SampleSet.read(path)
    path.write_bytes((folder / "tiny.h5").read_bytes()[:5000])
    with pytest.raises(FileFormatError, match="damaged"):
        SampleSet.read(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(FileFormatError, match="not a sample set"):
        SampleSet.read(path)
    with pytest.raises(FileFormatError, match="no such file"):
        SampleSet.read(tmp_path / "none.h5")


def test_join(made, tmp_path):
    twice = SampleSet.join([made, made])
    assert len(twice) == 2 * len(made) and len(twice.groups) == 2 * len(made.groups)
    assert twice.audit["summary"]["rows"] == 2 * made.audit["summary"]["rows"]
    assert twice.audit["summary"]["error"] == made.audit["summary"]["error"]
    twice.write(tmp_path / "twice.h5")
    again = SampleSet.read(tmp_path / "twice.h5")
    np.testing.assert_array_equal(again.group, twice.group)
    with pytest.raises(ConfigError, match="nothing to join"):
        SampleSet.join([])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (["fuel=H3:1"], MechanismError, "H3"),
        (["range.T=[100.0, 9000.0]"], ConfigError, "range.T"),
        (["sample.flows=['nowhere']"], ConfigError, "nowhere holds no checkpoint"),
        (["mechanism=none.yaml"], MechanismError, "none.yaml"),
    ],
)
def test_bad_input(folder, tmp_path, change, error, text):
    with pytest.raises(error, match=text):
        code_of(arguments(tmp_path / "bad.h5", change=change))


def test_a_flame_that_fails_is_noted(gas, folder, monkeypatch):
    settings = load(arguments(folder / "x.h5").config, ["sample.trajectories.flame=0"])
    real, calls = streams.KIND["ignition"], []

    def fail(*args):
        calls.append(1)
        if len(calls) % every == 0:
            raise DivergenceError("no solution")
        return real(*args)

    monkeypatch.setitem(streams.KIND, "ignition", fail)
    every = 2
    states, groups, notes = streams.trajectories(gas, settings)
    assert len(groups) == 1 and len(notes) == 1 and "no solution" in notes[0] and (states.group == 0).all()
    every = 1
    with pytest.raises(DivergenceError, match="2 of 2 trajectories of kind ignition"):
        streams.trajectories(gas, settings)


@pytest.mark.parametrize("kind", ["extinction", "burner", "counterflow"])
def test_other_trajectories(gas, folder, kind):
    settings = load(arguments(folder / "y.h5").config)
    T, p, Y = streams.KIND[kind](gas, gas.cantera(), settings, Condition(kind, 1.0, 1e5, 300.0, 0.5))
    assert len(T) == len(p) == len(Y) > 150 and (p == 1e5).all()
    np.testing.assert_allclose(Y.sum(1), 1.0, atol=1e-6)
    assert T.max() > (1500 if kind == "extinction" else 1800)
    if kind == "extinction":
        assert abs(T[-1] - 300.0) < 1.0  # it goes out


def test_conditions_fill_the_range_and_repeat(folder):
    settings = load(arguments(folder / "z.h5").config, ["sample.trajectories.ignition=64"])
    found = [c for c in streams.conditions(settings) if c.kind == "ignition"]
    assert found == [c for c in streams.conditions(settings) if c.kind == "ignition"]
    quarter = sum(c.phi < 0.5 * (2.0 / 0.5) ** 0.25 for c in found)
    assert len(found) == 64 and quarter == 16
    assert min(c.T for c in found) < 920 and max(c.T for c in found) > 1680


def checkpoint(path, gas, mechanism):
    rng = draws.rng(3)
    Y = rng.dirichlet(np.ones(len(gas.species)), (1, 1, 40)).transpose(3, 0, 1, 2)
    q = np.concatenate([rng.uniform(500, 2000, (1, 1, 1, 40)), Y])
    U = np.concatenate([np.zeros((1, 1, 1, 40)), 0.7 * Y])
    state = {"U": (U, "cell"), "q": (q, "cell"), "p0": (np.array(101325.0), "global")}
    meta = {"step": 3, "time": 1e-3, "identity": {"mechanism": mechanism}, "loop": {}}
    write_checkpoint(path, Block.create(Communicator(), (1, 1, 40), (False, False, False)), state, meta)
    return q


def test_harvest(gas, folder, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    q = checkpoint(run / "checkpoint_000003.h5", gas, gas.sha256)
    T, p, Y = read_cells(run / "checkpoint_000003.h5", gas)
    np.testing.assert_array_equal(T, q[0, 0, 0])
    np.testing.assert_allclose(Y, q[1:, 0, 0].T, atol=1e-14)
    change = [f"sample.flows=['{run}']", "sample.trajectories.flame=0", "sample.rows=100", "sample.labels.audit=2"]
    assert code_of(arguments(tmp_path / "flow.h5", change=change)) == 0
    made = SampleSet.read(tmp_path / "flow.h5")
    own = made.stream == STREAMS.index("flow")
    assert own.sum() == 20 and set(made.round[own]) == {1} and set(made.round[~own]) == {0}
    assert set(made.split[own]) == {0} and made.groups[-1]["kind"] == "flow"
    assert np.isin(made.T[own], T).all()
    checkpoint(run / "checkpoint_000003.h5", gas, "0" * 64)
    with pytest.raises(FileFormatError, match="another mechanism"):
        code_of(arguments(tmp_path / "flow2.h5", change=change))
