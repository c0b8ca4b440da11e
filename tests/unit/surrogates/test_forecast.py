"""What `combust sample` says beforehand: rows, time, and whether learning is likely to pay."""

import argparse
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from combust.cli import sample as command
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator
from combust.surrogates.data import streams
from combust.surrogates.judge import forecast, steps
from combust.surrogates.settings import load

CONFIG = """
mechanism = "h2o2.yaml"
fuel = "H2:1"
oxidizer = "O2:0.21, N2:0.79"
[range]
p = ["0.9 atm", "1.1 atm"]
T = [280.0, 2900.0]
phi = [0.45, 0.56]
dt = ["0.2 us", "2 us"]
T_fresh = [300.0, 301.0]
[sample]
rows = 30_000
trajectories = { ignition = 12, flame = 0, extinction = 0, counterflow = 0, burner = 0 }
[network]
width = 16
depth = 1
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG)
    return tmp_path / "c.toml"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for module, name, value in ((forecast, "CELLS", 64), (forecast, "PAIRS", 1), (forecast, "MEASURED", 32),
                                (steps, "WARM", 1)):  # fmt: skip
        monkeypatch.setattr(module, name, value)


SPEED = {"ratio": 3.2, "exact": 70.0, "learned": 22.0, "compiled": True}
MADE = forecast.Forecast(
    400_000, 132, {"trajectories": 600.0, "copies": 60.0, "end states": 120.0}, 28, SPEED,
    {"threads": 2, "processor": "some processor"})  # fmt: skip


def test_words_follow_from_what_was_measured():
    words = MADE.words()
    assert "400000 rows of 132 trajectories, about 13 min 00 s (trajectories 10 min 00 s, copies" in words
    assert "2 thread(s) of some processor" in words and "28 species: a step costs 70.0 us" in words
    assert "at best 3.2 times as fast" in words and "warning" not in words
    slow = replace(MADE, speed=SPEED | {"ratio": 1.1}, species=10).words()
    assert "warning: learning is not likely to pay for 10 species" in slow and 'chemistry.kind = "direct"' in slow
    assert "whether learning pays is not known: lost" in replace(MADE, why="lost").words()


def test_check_says_it_and_writes_nothing(config, tmp_path, capsys):
    args = argparse.Namespace(
        config=str(config), set=[], out=str(tmp_path / "o" / "s.h5"), resume=False, force=False, check=True
    )
    assert command.call(args, Communicator()) == 0
    text = capsys.readouterr().out
    assert "30000 rows of 12 trajectories, about" in text and "10 species: a step costs" in text
    assert not (tmp_path / "o").exists()


def test_seconds_are_those_of_the_first_times_their_number(config, monkeypatch):
    """A clock that counts: each look is one second later, so that what is between two looks took one."""
    clock = iter(np.arange(1e6)).__next__
    monkeypatch.setattr(forecast.time, "process_time", clock)
    made = forecast.forecast(Mechanism.load("h2o2.yaml"), load(config), False)
    assert made.seconds["trajectories"] == 12.0
    assert made.seconds["end states"] == pytest.approx(30_000 / 32)
    assert made.seconds["copies"] == pytest.approx(0.2 * 30_000 / 32)  # evolved and multiscale
    assert made.speed["ratio"] > 0 and not made.why


def test_of_a_flame_the_untrained_network_takes_what_is_not_slow(config):
    """As a case reads it: every cell is slow, or the network's, which changes nothing and is trusted."""
    gas, settings = Mechanism.load("h2o2.yaml"), load(config, ["sample.trajectories.flame=1"])
    states, seconds = forecast.trajectories(gas, settings)
    assert seconds["trajectories"] > 0 and len(states) > 100
    dt = np.full(len(states), 1e-6)
    _, Y1 = forecast.integrated(gas, settings, states, dt, 1e-4, 1e-9)
    model = forecast.untrained(gas, settings, states, dt, Y1)
    found = forecast.speed(gas, settings, model, states, False)
    assert found["routes"]["network"] > 0.05 and found["routes"]["slow"] > 0.3
    assert found["routes"]["exact"] < 0.5 * found["routes"]["network"]
    assert math.isfinite(found["ratio"])
    T, p, Y = (torch.as_tensor(np.ascontiguousarray(x)) for x in (states.T, states.p, states.Y.T))
    step = model.step(gas, T, p, Y, torch.full_like(T, 1e-6))
    assert (step.T - T).abs().max() < 1e-6 and (step.Y - Y).abs().max() < 1e-12


def test_a_kind_that_does_not_burn_is_passed_over(config):
    gas, settings = Mechanism.load("h2o2.yaml"), load(config, ["range.T_ignition=[400, 401]"])
    states, seconds = forecast.one(gas, gas.cantera(), settings, streams.conditions(settings)[:1])
    assert states is None and seconds > 0


def test_flames_of_the_cache_take_no_time(config, monkeypatch):
    """Of ten flames three lie in the cache: seven are still to be computed."""
    took, now = iter([0.01, 0.02, 0.01, 5.0]), [0.0]

    def flame(gas, solution, settings, at):
        now[0] += next(took)
        return np.full(3, 300.0), np.full(3, 1e5), np.ones((3, 10))

    monkeypatch.setitem(streams.KIND, "flame", flame)
    monkeypatch.setattr(forecast.time, "process_time", lambda: now[0])
    gas, settings = Mechanism.load("h2o2.yaml"), load(config, ["sample.trajectories.flame=10"])
    flames = [c for c in streams.conditions(settings) if c.kind == "flame"]
    assert forecast.one(gas, gas.cantera(), settings, flames)[1] == pytest.approx(7 * 5.0)
