"""Learned chemistry gone wrong: what cannot be used is refused before the first step, with one message; a solution that
is lost ends the run, and a restart goes on bit by bit.
"""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import env

from combust.__main__ import main
from combust.case.load import to_toml
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.mesh.block import Block
from combust.io.checkpoint import read_checkpoint
from combust.io.folder import Folder
from combust.io.series import read_series
from combust.parallel import Communicator
from combust.surrogates.model.model import files_of

torch.set_num_threads(1)


@pytest.fixture
def case(tiny, tmp_path):
    """A case file with a copy of the model beside it."""
    tiny.model().save(tmp_path / "tiny")
    config = tiny.case({"model": "tiny"}, stop={"steps": 6}, output={
        "directory": str(tmp_path / "out"),
        "series": {"quantities": ["T_max", "network_share", "element_error"], "every": {"steps": 1}},
        "fields": {"names": ["T", "route"], "every": {"steps": 3}}, "checkpoint": {"every": {"steps": 4}},
    })  # fmt: skip
    path = tmp_path / "flame.toml"
    path.write_text(to_toml(config))
    return path


@pytest.fixture
def call(case, monkeypatch, capsys):
    """The verb on the case in this process: exit code, and what it printed."""
    monkeypatch.setattr("combust.run.picture.plot", lambda folder: SimpleNamespace(path=folder / "flame.png"))

    def run(verb, *changes, more=()):
        sets = [part for change in changes for part in ("--set", change)]
        code = main([verb, str(case), *sets, *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def unfinished(case):
    card, _ = files_of(case.parent / "tiny")
    text = json.loads(card.read_text())
    del text["router"]
    card.write_text(json.dumps(text))
    return []


def truncated(case):
    _, weights = files_of(case.parent / "tiny")
    weights.write_bytes(weights.read_bytes()[:-40])
    return []


def missing(case):
    for path in files_of(case.parent / "tiny"):
        path.unlink()
    return []


def without_weights(case):
    files_of(case.parent / "tiny")[1].unlink()
    return []


def not_a_card(case):
    files_of(case.parent / "tiny")[0].write_text("{}")
    return []


REFUSED = {
    "missing": (missing, ["'tiny'", "no such", "combust train"]),
    "truncated": (truncated, ["tiny.safetensors", "do not match the checksum", "copy both files"]),
    "without weights": (without_weights, ["tiny.safetensors", "cannot be read", "copy both files"]),
    "not a card": (not_a_card, ["tiny.json", "not the card of a model"]),
    "unfinished": (unfinished, ["no router", "combust train with --resume"]),
    "unknown name": (lambda case: ["chemistry.model=venus"], ["'venus'", "come with combust"]),
    "other mechanism": (
        lambda case: ["gas.mechanism=gri30.yaml"], ["h2o2.yaml", "gri30.yaml", '"direct"', "10 species"]),
    "unknown field": (lambda case: ['output.fields.names=["rout"]'], ['"rout" is unknown', 'did you mean "route"']),
    "unknown quantity": (
        lambda case: ['output.series.quantities=["network_shar"]'], ["unknown", 'did you mean "network_share"']),
    "route of exact chemistry": (
        lambda case: ['chemistry={kind="direct"}'], ['needs chemistry.kind = "learned"']),
}  # fmt: skip


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_the_first_step(case, call, verb, name):
    spoil, words = REFUSED[name]
    code, out, error = call(verb, *spoil(case))
    assert code == 2 and error.count("error:") == 1 and "Traceback" not in error, (code, error)
    assert all(word in error for word in words), error
    assert not Folder(case.parent / "out").checkpoints() and not list(case.parent.glob("out/*3.vtr"))


def test_check_of_a_good_case(call):
    code, out, error = call(  # room for its flame, and cells enough
        "check", "mesh.cells=[48]", "mesh.upper=[0.0036]", "initial.position=0.0018"
    )
    assert code == 0 and not error and 'kind = "learned"' in out and "48 on 1 rank(s)" in out


@pytest.mark.parametrize("spoil", [truncated, unfinished])
def test_as_a_program(case, spoil):
    """What a user sees: one line on stderr, exit code 2."""
    spoil(case)
    words = [sys.executable, "-m", "combust.run", str(case)]
    done = subprocess.run(words, env=env(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert "learned chemistry '" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("fallback", ["direct", "none"])
def test_it_runs_and_says_what_it_did(case, call, fallback):
    code, out, error = call("run", f"chemistry.fallback={fallback}")
    assert code == 0, error
    series = read_series(case.parent / "out" / "series.csv")
    assert len(series["network_share"]) == 7 and max(series["network_share"]) > 0
    assert max(series["element_error"]) < 1e-12


FAULTS = {
    "NaN in the enthalpy": lambda flow: flow.current.U[0, 0, 0].__setitem__(9, torch.nan),
    "NaN in a species": lambda flow: flow.current.U[4, 0, 0].__setitem__(9, torch.nan),
    "NaN in T": lambda flow: flow.current.q[0, ...].flatten()[12:13].fill_(torch.nan),
    "no temperature": lambda flow: flow.current.U[0, 0, 0].__setitem__(9, 1e12),
    "negative density": lambda flow: flow.current.U[:, 0, 0, 9].mul_(-1.0),
    "negative hydrogen": lambda flow: flow.current.U[1, 0, 0].__setitem__(9, -1.0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_lost_solutions_end_with_3(case, call, monkeypatch, fault):
    advance = ReactingFlow.advance

    def broken(self, dt):
        if self.step == 4:
            FAULTS[fault](self)
        advance(self, dt)

    monkeypatch.setattr(ReactingFlow, "advance", broken)
    code, out, error = call("run")
    assert code == 3 and "Traceback" not in error, (code, out, error)
    assert f"last good checkpoint: {case.parent}/out/checkpoint_000004.h5" in out + error


def test_exact_chemistry_that_fails_ends_with_3(case, call, monkeypatch):
    """Neither the batched integrator nor CVODE gets to the end: the cell is named, and a smaller step advised."""
    from combust.kinetics.integrate import cells as integrate
    from combust.kinetics.integrate import cvode

    def failing(*_, **__):
        raise RuntimeError("CVodes: too many steps")

    monkeypatch.setattr(integrate, "MAX_STEPS", 0)
    monkeypatch.setattr(cvode.ct, "ReactorNet", failing)
    code, out, error = call("run", "chemistry.rtol=1e-12", "chemistry.atol=1e-20", "gas.pressure=2e5")
    assert code == 3 and "cannot be integrated" in out + error and "smaller time step" in out + error


def state(folder, step):
    return read_checkpoint(
        folder / f"checkpoint_{step:06d}.h5", Block.create(Communicator(), (1, 1, 32), (False, False, False))
    )


@pytest.mark.parametrize("coupling", ["sdc", "strang"])
def test_restart_is_bitwise(case, call, tmp_path, coupling):
    """Nothing that the provider remembers between steps shows in the results."""
    more = (f"numerics.coupling={coupling}",)
    assert call("run", *more)[0] == 0
    restart = str(tmp_path / "out" / "checkpoint_000004.h5")
    again = call("run", *more, f"output.directory={json.dumps(str(tmp_path / 'again'))}", more=("--restart", restart))
    assert again[0] == 0, again
    one, other = (state(tmp_path / name, 6) for name in ("out", "again"))
    assert sorted(one.arrays) == sorted(other.arrays)
    for name, value in one.arrays.items():
        assert np.array_equal(value, other.arrays[name]), name
    fields = [(tmp_path / name / "fields_000006.vtr").read_bytes() for name in ("out", "again")]
    assert fields[0] == fields[1]
    a, b = (read_series(tmp_path / name / "series.csv") for name in ("out", "again"))
    assert all(a[name][-1] == b[name][-1] for name in a)


def test_a_run_may_go_on_without_the_network(case, call):
    """A checkpoint belongs to mechanism and mesh, not to what integrates."""
    plain = ('output.fields.names=["T"]', 'output.series.quantities=["T_max"]')
    assert call("run", *plain, "stop.steps=4")[0] == 0
    code, _, error = call("run", *plain, 'chemistry={kind="direct"}', more=("--restart", "auto"))
    assert code == 0, error
