"""Rounds of learning: what flows are asked for, which states are chosen, when it ends, what a kill leaves."""

import json
import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from learned_fixture import CASE

from combust import api
from combust.case.load import convert, to_toml
from combust.cli.verbs import VERBS
from combust.errors import ConfigError, FileFormatError
from combust.interrupts import Stopped
from combust.parallel import Communicator
from combust.run import build as runs
from combust.settings.trees import tree
from combust.surrogates import settings as config
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.model import Model
from combust.surrogates.rounds import rounds as module
from combust.surrogates.rounds.explore import Visits, explore
from combust.surrogates.rounds.folders import RoundFolder
from combust.surrogates.rounds.learn import learn, require_same
from combust.surrogates.rounds.measure import errors
from combust.surrogates.rounds.record import Record, best_of, breaks_even
from combust.surrogates.rounds.select import classes, selected
from combust.surrogates.rounds.settings import FlowCase, Select, Stop, load
from combust.surrogates.rounds.stop import reason
from combust.surrogates.training.job import prepared
from combust.surrogates.training.thin import kept_of
from combust.surrogates.trust.router import misfit, trust_of

torch.set_num_threads(1)
EVERY, STEPS = 2, 5


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    """A flow of a few steps, and rounds that explore it at one mixture and are judged at another."""
    found = tmp_path_factory.mktemp("rounds")
    raw = {name: dict(table) for name, table in CASE.items()} | {"chemistry": {"kind": "direct"}}
    raw["stop"] = {"steps": STEPS}
    raw["numerics"] = raw["numerics"] | {"compile": "off"}
    (found / "flame.toml").write_text(to_toml(convert(raw, "test")))
    tiny.samples.write(found / "samples.h5")
    (found / "tiny.toml").write_text((tiny.folder / "tiny.toml").read_text())
    (found / "learn.toml").write_text(
        f"""
config = "tiny.toml"
samples = "samples.h5"
model = {str(tiny.strict)!r}
[explore]
every = {EVERY}
cases = [{{ case = "flame.toml" }}]
held_out = [{{ case = "flame.toml", set = ["numerics.dt=1.6e-6"] }}]
[select]
rows = 0.05
[train]
epochs = 1
[stop]
rounds = 1
exact_share = 0.0
""".replace("'", '"')
    )
    return found


@pytest.fixture(scope="module")
def seen(tiny, folder):
    return explore(FlowCase(case=str(folder / "flame.toml")), tiny.strict, EVERY)


# --- what flows are asked for ---------------------------------------------------------------------------------------


def test_every_cell_that_is_not_slow_is_seen_at_each_look(tiny, seen):
    """As often as the flow's own counts say, of the steps that are looked at; the flow is what it is without."""
    flow = runs.build(tiny.case(), Communicator())
    looked, trusted, fields = 0, 0, []
    for step in range(STEPS):
        flow.advance(2e-6)
        if step % EVERY == 0:
            routes = flow.scheme.chemistry.routes
            looked, trusted = looked + routes.network + routes.exact, trusted + routes.network
        fields.append(flow.field("T").copy())
    assert len(seen) == looked > 0 and int(seen.trusted.sum()) == trusted > 0
    assert seen.steps == STEPS and int(seen.routes.sum()) == STEPS * 32
    again = runs.build(tiny.case(), Communicator())
    told = []
    for step in range(STEPS):
        again.scheme.chemistry.observer = told.append
        again.advance(2e-6)
        np.testing.assert_array_equal(again.field("T"), fields[step])
    assert len(told) == STEPS
    assert np.all(seen.estimate[seen.trusted] <= 1.0) and seen.cpu > 0
    assert np.all((seen.estimate[~seen.trusted] > 1.0) | (seen.dt[~seen.trusted] < 2e-7))
    np.testing.assert_allclose(seen.Y.sum(1), 1.0, atol=1e-9)
    assert set(seen.dt.tolist()) == {2e-6} and seen.speed == flow.quantity("flame_speed") > 0


def test_errors_are_those_of_the_network_against_exact_steps(tiny, seen):
    model, k = tiny.model(), int(np.argmax(seen.T > 900))
    found = errors(model, tiny.gas, [seen])
    T, p, Y = torch.tensor(seen.T[k : k + 1]), torch.tensor(seen.p[k : k + 1]), torch.tensor(seen.Y[k : k + 1]).T
    end = tiny.gas.integrate(T, p, Y, 2e-6, "hp", 1e-9, 1e-15)
    step = tiny.learned(router=False).parts.network(T, p, Y.contiguous(), 2e-6)
    z, z1, right = (torch.cat([t[None], y]) for t, y in ((T, Y), (step.T, step.Y), (end.T, end.Y)))
    expected = float(misfit(trust_of(model, tiny.gas), z, right, z1 - right))
    assert found[k] == pytest.approx(expected, rel=1e-2) and len(found) == len(seen)


# --- which states are chosen ----------------------------------------------------------------------------------------


def visits(T, estimate, trusted, tiny):
    n = len(T)
    Y = np.repeat(tiny.gas.mixture("H2:1", "O2:0.21, N2:0.79", 0.5).numpy()[None], n, 0)
    return Visits(
        np.array(T, float), np.full(n, 1e5), Y, np.full(n, 1e-6), np.array(estimate, float), np.array(trusted, bool),
        np.array([0, 1, 1]), 1, 0.1, math.nan,
    )  # fmt: skip


def test_classes_of_visited_cells(tiny):
    """Known well, flagged, lost, beyond the ranges: by the router's estimate, NaN and infinity are no small errors."""
    seen = visits(
        [1000, 1000, 1000, 1000, 1000, 1000, 9000],
        [0.1, 0.5, 3.0, 0.1, 50.0, math.inf, 0.5],
        [True, True, False, False, False, False, False],
        tiny,
    )
    found = classes(seen, tiny.config.range, Select())
    assert [name for k in range(7) for name, mask in found.items() if mask[k]] == [
        "known", "flagged", "flagged", "flagged", "lost", "lost", "beyond"
    ]  # fmt: skip
    odd = replace(seen, estimate=np.full(7, np.nan))
    assert classes(odd, tiny.config.range, Select())["lost"][:6].all()


def test_chosen_states_are_spread_and_lost_ones_are_few(tiny):
    T = np.r_[np.full(50, 1000.0), np.linspace(800, 1600, 10), np.linspace(700, 1700, 40)]
    estimate = np.r_[np.full(60, 2.0), np.full(40, 1e3)]
    seen = visits(T, estimate, np.zeros(100), tiny)
    found = selected([seen], tiny.model(), tiny.config.range, Select(lost=0.2), 10)
    assert found.counts == {"beyond": 0, "known": 0, "lost": 40, "flagged": 60, "chosen": 10}
    assert int((found.T == 1000.0).sum()) <= 1  # fifty times the same state is one
    few = selected([seen], tiny.model(), tiny.config.range, Select(lost=0.0), 1000)
    assert few.counts["chosen"] == len(set(T[:60].tolist()))  # no lost ones, none twice
    none = selected([visits([1000.0], [0.1], [True], tiny)], tiny.model(), tiny.config.range, Select(), 10)
    assert none.counts["chosen"] == 0 and len(none.T) == 0


# --- when it ends ---------------------------------------------------------------------------------------------------


@dataclass
class Judged:
    exact_share: float
    error: float


STOP = Stop(exact_share=0.1, error=1.0, times=2, progress=0.1, idle=2, rounds=4)


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        ([0.5], ""),
        ([0.5, 0.09], ""),  # once is not twice running
        ([0.5, 0.09, 0.2, 0.08], ""),
        ([0.5, 0.09, 0.08], "targets met in 2 rounds running"),
        ([0.05, 0.05], "targets met"),
        ([0.5, 0.49, 0.48], "no progress: in the last 2"),
        ([0.5, 0.49, 0.40], ""),  # the second is a gain
        ([0.5, 0.6, 0.46], "no progress"),  # better than the round before, not than the best
        ([0.5, 0.4, 0.3, 0.25], ""),
        ([0.5, 0.4, 0.3, 0.25, 0.2], "rounds used up: 4"),
    ],
)
def test_why_rounds_end(shares, found):
    said = reason([Judged(share, 0.9) for share in shares], STOP)
    assert said.startswith(found) and bool(said) == bool(found)


def test_either_target_and_either_gain_counts():
    assert reason([Judged(0.05, 2.0), Judged(0.05, 1.9)], STOP) == ""  # the error is not met
    assert reason([Judged(0.5, 2.0), Judged(0.5, 1.5), Judged(0.5, 1.2)], STOP) == ""  # it gains
    assert "no progress" in reason([Judged(0.5, 2.0), Judged(0.5, 1.9), Judged(0.5, 1.85)], STOP)
    assert reason([Judged(0.5, math.inf), Judged(0.5, math.inf), Judged(0.5, 9.0)], STOP) == ""
    assert "no progress" in reason([Judged(0.5, math.inf)] * 3, STOP)


def record(number, share, error=1.0, step=1e-3, spent=2.0):
    return Record(
        number=number, added=5, rows=100, exact_share=share, exact_of_all=share / 2, error=error, within=0.5,
        step_cpu=step, counts={}, cpu={"train": spent}, weights="0" * 64,
    )  # fmt: skip


def test_best_round_and_break_even():
    rounds = [record(0, 0.5), record(1, 0.2, 2.0, 0.5e-3), record(2, 0.2, 1.0, 2e-3)]
    assert best_of(rounds) == 2 and best_of(rounds[:2]) == 1 and best_of([record(0, 0.1), record(1, 0.1)]) == 0
    assert breaks_even(rounds, 1) == pytest.approx(2.0 / 0.5e-3)
    assert breaks_even(rounds, 2) == math.inf


# --- all of it ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(folder):
    return learn(folder / "learn.toml", folder / "out")


def test_a_round_explores_labels_trains_and_judges(tiny, folder, learned):
    first, second = learned.records
    assert first.number == 0 and first.added == 0 and first.rows == int((tiny.samples.split == 0).sum())
    rows = SampleSet.read(folder / "out" / "round_1" / "rows.h5")
    assert second.added == len(rows) > 0 and second.rows == first.rows + len(rows)
    assert second.added <= 0.05 * first.rows + 1 and set(rows.round.tolist()) == {1}
    assert {name for name, value in second.cpu.items() if value > 0} == {"explore", "label", "train", "judge"}
    exact = tiny.gas.integrate(rows.T, rows.p, rows.Y.T.copy(), torch.tensor(rows.dt), "hp", 1e-9, 1e-15)
    np.testing.assert_allclose(rows.T1, exact.T, atol=0.05)
    assert sorted(set(np.round(rows.dt / 2e-6, 6).tolist())) == [0.25, 1.0]
    model = Model.load(folder / "out" / "model")
    assert model.card["rounds"]["seen"] == ["flame"] and model.card["rounds"]["best"] == learned.best
    assert learned.reason.startswith("rounds used up: 1") and not learned.targets_met
    assert "rounds used up" in (folder / "out" / "rounds.txt").read_text()
    manifest = RoundFolder(folder / "out", 1).manifest()
    assert set(manifest.outputs) >= {"rows.h5", "model.json", "model.safetensors", "losses.csv"}
    assert not list((folder / "out").glob("*.partial"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "at", ["train", *(pytest.param(name, marks=pytest.mark.slow) for name in ("explore", "labelled", "measured"))]
)
def test_a_killed_round_goes_on_to_the_same_network(folder, learned, tmp_path, monkeypatch, at):
    """Killed before or after each phase of it; what was done is not done again."""
    real, calls = getattr(module, at), []

    def once(*args, **options):
        if at == "measured" and not calls:
            calls.append(1)
            return real(*args, **options)  # of round 0
        raise Killed

    def after(*args, **options):
        calls.append(1)
        return real(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, at, once)
        with pytest.raises(Killed):
            learn(folder / "learn.toml", tmp_path / "out")
    with pytest.raises(ConfigError, match=r"exists: choose another --out, --resume .*--force"):
        learn(folder / "learn.toml", tmp_path / "out")
    explored = []
    monkeypatch.setattr(module, "explore", lambda flow, *more: explored.append(flow.name) or explore(flow, *more))
    found = learn(folder / "learn.toml", tmp_path / "out", resume=True)
    one, two = (Model.load(out / "model").networks[0].state_dict() for out in (folder / "out", tmp_path / "out"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert found.records[1].weights == learned.records[1].weights and found.best == learned.best
    assert ("flame" in explored) == (at == "explore")
    with pytest.raises(ConfigError, match="select.low was 0.2 in .* and is 0.3 now"):
        learn(folder / "learn.toml", tmp_path / "out", changes=["select.low=0.3"], resume=True)


def test_what_is_whole_is_not_done_again_and_not_trusted_blindly(folder, learned, tmp_path, monkeypatch):
    shutil.copytree(folder / "out", tmp_path / "out")
    monkeypatch.setattr(module, "explore", lambda *more: pytest.fail("it explores again"))
    lax = ["stop.exact_share=1.0", "stop.error=1e9"]
    again = learn(folder / "learn.toml", tmp_path / "out", changes=lax, resume=True)
    assert again.records == learned.records and again.targets_met and again.reason.startswith("targets met")
    (tmp_path / "out" / "round_1").rename(tmp_path / "out" / "round_1.partial")  # killed before it got its name
    assert learn(folder / "learn.toml", tmp_path / "out", resume=True).records == learned.records
    rows = tmp_path / "out" / "round_1" / "rows.h5"
    rows.write_bytes(rows.read_bytes() + b"x")
    with pytest.raises(FileFormatError, match="rows.h5: is not as the round left it; put back"):
        learn(folder / "learn.toml", tmp_path / "out", resume=True)


def test_a_signal_says_how_to_go_on(folder, tmp_path, monkeypatch):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "explore", stop)
    with pytest.raises(Stopped, match="the same command with --resume continues"):
        learn(folder / "learn.toml", tmp_path / "out")


def test_what_cannot_be_learned_is_refused_before_anything_runs(folder, tmp_path):
    path = folder / "learn.toml"
    for change, message in (
        ('explore.held_out=[{case="flame.toml"}]', "held_out: flame is explored too"),
        ("select.low=30.0", "needs low < high"),
        ('samples="nothing.h5"', "no such file"),
        ('explore.cases=[{case="nothing.toml"}]', "nothing.toml"),
        ('explore.cases=[{case="flame.toml", set=["gas.mechanism=gri30.yaml"]}]', "is another one than"),
        ("explore.cases=[]", "explore.cases"),
        ('explore.cases=[{case="flame.toml", set=["stop={wall=3600}"]}]', "neither stop.steps nor stop.time"),
    ):
        with pytest.raises((ConfigError, FileFormatError), match=message):
            learn(path, tmp_path / "out", changes=[change])
        assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="rounds.json|learn.json"):
        learn(path, tmp_path / "out", resume=True)


def test_a_verb_and_a_function(folder, capsys):
    assert api.learn is learn and "learn" in [verb.name for verb in VERBS]
    from combust.__main__ import main

    assert main(["learn", str(folder / "learn.toml"), "--out", str(folder / "out")]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["learn", str(folder / "learn.toml"), "--out", str(folder / "out"), "--resume"]) == 1
    assert "rounds used up" in capsys.readouterr().out
    settings = load(folder / "learn.toml")
    assert Path(settings.samples).is_absolute() and msgspec.structs.asdict(settings)["train"].epochs == 1
    assert (folder / "out" / "learn.json").is_file()


@pytest.mark.parametrize("old", [0.0, 0.25, 1.0])
def test_a_share_of_the_old_rows(tiny, folder, tmp_path, old):
    """The network learns from it and from all new rows; ranges and router are of all, each draw is another."""
    every = tiny.samples.rows(np.arange(0, len(tiny.samples), 4))
    sources = [tmp_path / f"{name}.h5" for name in ("samples", "new")]
    every.write(sources[0])
    every.rows(np.flatnonzero(every.split == 0)[:30]).write(sources[1])
    given = config.given(folder / "tiny.toml", ())
    job = prepared(given, tmp_path, sources, tiny.strict, old=old)
    before = int((every.split == 0).sum())
    taught = job.taught
    assert int((taught.split == 0).sum()) == kept_of(before, old) + 30 and len(job.samples) == len(every) + 30
    assert (taught.split != 0).sum() == (every.split != 0).sum()
    np.testing.assert_array_equal(taught.T[-30:], job.samples.T[-30:])
    again = replace(job, sets=3).taught
    assert len(again) == len(taught) and (np.array_equal(again.T, taught.T) == (old != 0.25))
    assert (job.identity == prepared(given, tmp_path, sources, tiny.strict).identity) == (old == 1.0)


def test_rounds_hand_the_share_on(folder, tmp_path, monkeypatch):
    asked = []

    def stop(*_, **options):
        asked.append(options["old"])
        raise Killed

    monkeypatch.setattr(module, "train", stop)
    settings = load(folder / "learn.toml", ["train.old=0.5"])
    assert settings.train.old == 0.5 and load(folder / "learn.toml").train.old == 1.0
    place = RoundFolder(tmp_path, 1)
    place.half.mkdir(parents=True)
    with pytest.raises(Killed):
        module.trained(config.load(folder / "tiny.toml"), place, [], tmp_path / "model", old=settings.train.old)
    assert asked == [0.5]
    with pytest.raises(ConfigError, match="old"):
        load(folder / "learn.toml", ["train.old=1.5"])


def test_rounds_that_began_before_a_key_was_there(folder):
    """They go on where the key says what was before."""
    now, other = (tree(load(folder / "learn.toml", changes)) for changes in ((), ("train.old=0.5",)))
    before = json.loads(json.dumps({"settings": now}))
    del before["settings"]["train"]["old"]
    require_same(before, {"settings": now}, folder)
    with pytest.raises(ConfigError, match=r"train.old was 1.0 in .* and is 0.5 now"):
        require_same(before, {"settings": other}, folder)
