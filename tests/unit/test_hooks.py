"""Time steps, schedules and hooks, on the toy flow, without files where these do not matter."""

import math
import os
import signal

import numpy as np
import pytest
from helpers import CASE, Heat

from combust.case.load import convert
from combust.case.running import Every
from combust.errors import DivergenceError
from combust.io.folder import Folder
from combust.io.series import read_series
from combust.parallel import Communicator
from combust.report.meter import Meter
from combust.run.course import simulation
from combust.run.hooks import Concerns, Guard, Schedule, Series
from combust.run.simulation import Limits, Simulation


@pytest.fixture
def flow():
    import tomllib

    return Heat(convert(tomllib.loads(CASE), "case"), Communicator())


class Recorder(Guard):
    """Keeps (step, time, dt)."""

    def __init__(self, every):
        super().__init__(every)
        self.seen = []

    def act(self, sim):
        self.seen.append((sim.flow.step, sim.flow.time, sim.flow.dt))


def run(flow, limits, every=None):
    every = every or Every(steps=1)
    recorder = Recorder(every)
    outcome = Simulation(flow, [recorder], limits).run()
    return outcome, recorder.seen


def test_stop_time_is_met_exactly_and_the_last_two_steps_are_alike(flow):
    outcome, seen = run(flow, Limits(stop_time=0.0123))
    assert outcome.reason == "done" and outcome.exit_code == 0
    assert abs(flow.time - 0.0123) < 1e-15
    assert math.isclose(seen[-1][2], seen[-2][2], rel_tol=1e-9)
    assert min(dt for _, _, dt in seen[1:]) > 0.4 * max(dt for _, _, dt in seen)


def test_steps_grow_slowly_and_stay_below_all_limits(flow):
    flow.limit = lambda: (1e-3 if flow.step > 3 else 1e-5, "made up")
    _, seen = run(flow, Limits(stop_steps=60, growth=1.1, dt_max=5e-4))
    steps = [dt for _, _, dt in seen[1:]]
    assert all(b <= 1.1 * a * (1 + 1e-12) for a, b in zip(steps, steps[1:], strict=False))
    assert max(steps) == 5e-4


def test_steps_grow_from_the_first_one(flow):
    _, seen = run(flow, Limits(stop_steps=10, growth=1.2, dt_first=1e-6))
    assert [dt for _, _, dt in seen[1:]] == pytest.approx([1e-6 * 1.2**n for n in range(10)], rel=1e-12)


def test_fixed_step(flow):
    _, seen = run(flow, Limits(stop_steps=5, dt_fixed=1e-4))
    assert [dt for _, _, dt in seen[1:]] == [1e-4] * 5


def test_output_times_are_met_only_if_asked(flow):
    _, seen = run(flow, Limits(stop_time=0.01), Every(time=2e-3, exact=True))
    np.testing.assert_allclose([t for _, t, _ in seen], np.arange(6) * 2e-3, atol=1e-15)


def test_output_times_without_exact(flow):
    _, seen = run(flow, Limits(stop_time=0.01), Every(time=2e-3))
    times = [t for _, t, _ in seen]
    assert len(times) == 6 and any(abs(t / 2e-3 - round(t / 2e-3)) > 1e-3 for t in times[1:-1])
    assert all(k * 2e-3 <= t * (1 + 1e-12) for k, t in enumerate(times))


def test_a_short_step_for_an_output_does_not_slow_the_next_ones(flow):
    flow.limit = lambda: (3e-4, "made up")
    _, seen = run(flow, Limits(stop_steps=12), Every(time=1e-3, exact=True))
    assert max(dt for _, _, dt in seen) <= 3e-4
    assert flow.time > 11 * 2.4e-4


def test_no_stable_step_is_a_divergence(flow):
    flow.limit = lambda: (math.nan, "diffusion")
    with pytest.raises(DivergenceError, match="after step 0: no stable time step"):
        run(flow, Limits(stop_steps=3))


def test_signal_ends_the_run_after_the_step(flow):
    before = signal.getsignal(signal.SIGTERM)
    advance = flow.advance

    def kill(dt):
        if flow.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        advance(dt)

    flow.advance = kill
    outcome, _ = run(flow, Limits(stop_steps=100))
    assert (outcome.reason, outcome.exit_code, flow.step) == ("signal", 4, 3)
    assert "SIGTERM" in outcome.message
    assert signal.getsignal(signal.SIGTERM) == before


def test_wall_limit(flow):
    outcome, _ = run(flow, Limits(stop_wall=1e-6))
    assert (outcome.reason, outcome.exit_code) == ("wall", 4)


def test_schedules(flow):
    sim = Simulation(flow, [], Limits())
    never, steps, time, wall = (Schedule(e) for e in (None, Every(steps=3), Every(time=0.1), Every(wall="1min")))
    due = []
    for step in range(1, 8):
        flow.step, flow.time, sim.wall = step, 0.05 * step, 25.0 * step
        due.append([schedule.due(sim) for schedule in (never, steps, time, wall)])
    never_, steps_, time_, wall_ = zip(*due, strict=True)
    assert not any(never_)
    assert [i + 1 for i, d in enumerate(steps_) if d] == [3, 6]
    assert [i + 1 for i, d in enumerate(time_) if d] == [2, 4, 6]
    assert [i + 1 for i, d in enumerate(wall_) if d] == [3, 5]


def test_guard_names_the_place(flow):
    flow.T[1, 2, 3] = np.inf
    with pytest.raises(DivergenceError, match=r"after step 0: T at cell \(x, y, z\) = \(3, 2, 1\) on rank 0 is inf"):
        Simulation(flow, [Guard(Every(steps=10))], Limits(stop_steps=3)).run()


def test_unknown_names_are_refused_before_the_first_step(flow, tmp_path):
    hook = Series(Folder(tmp_path), ["T_min"], Every(steps=1))
    with pytest.raises(Exception, match="known: T_max, T_mean"):
        Simulation(flow, [hook], Limits(stop_steps=3)).run()
    assert flow.step == 0


def test_state_of_all_hooks_goes_round(flow, tmp_path):
    import json
    import tomllib

    config = convert(tomllib.loads(CASE), "case")
    sim = simulation(flow, config, Folder(tmp_path))
    sim.run()
    saved = json.loads(json.dumps(sim.state()))
    again = simulation(Heat(config, Communicator()), config, Folder(tmp_path))
    arrays = {name: array for name, (array, _) in flow.state().items()}
    again.restore(saved, arrays)
    assert again.state() == sim.state()
    assert len(read_series(tmp_path / "series.csv")["step"]) == 11


def test_each_concern_is_said_once(flow, capsys):
    flow.concerns = lambda: {"a": "this lasts", **({"b": "this came later"} if flow.step > 2 else {})}
    Simulation(flow, [Concerns(Every(steps=1), Meter())], Limits(stop_steps=5)).run()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[0].endswith("this lasts") and said[1].endswith("this came later")
    assert said[0].startswith("warning: t = 0 s")


def test_a_restart_says_its_concerns_at_its_start(flow, capsys):
    """And not at its end alone, where one that acts rarely comes to them next."""
    flow.concerns = lambda: {"a": "this lasts"}
    hook = Concerns(Every(steps=100), Meter())
    hook.restore({"last": 0, "count": 1}, {})
    seen = []

    class Look(Recorder):
        def start(self, sim):
            seen.append(capsys.readouterr().err)

    Simulation(flow, [hook, Look(Every(steps=100))], Limits(stop_steps=2)).run()
    assert "this lasts" in seen[0] and not capsys.readouterr().err
