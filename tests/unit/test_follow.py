"""Inflows that hold a flame in place: the controller's answer, a flame that began 10 % off, restarts, faults."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from combust import kernels
from combust.case.load import load
from combust.cfd.boundaries.conditions import Inflow
from combust.cfd.boundaries.follow import Hold
from combust.errors import ConfigError, DivergenceError
from combust.parallel import Communicator
from combust.run import build as case

torch.set_num_threads(1)
FLAME = Path(__file__).resolve().parents[1] / "faults" / "inputs" / "flame_on_inlet.toml"
SPEED = 'boundary.x_low.velocity="hold-flame"'


class Front:
    """A front that burns at S against a stream, without a width."""

    def __init__(self, hold, S, x=0.0):
        self.hold, self.S, self.x, self.dt = hold, S, x, 0.0

    def quantity(self, name):
        assert name == "front"
        return self.x

    def run(self, end, dt):
        for _ in range(round(end / dt)):
            self.hold.update(self)
            self.x += dt * (self.hold.inflow.velocity[2] - self.S)
            self.dt = dt
        return self


@pytest.mark.parametrize("first", [0.9, 1.1, 0.0, 3.0])
def test_the_controller_is_critically_damped(first):
    """e(t) = (u_I - S) t exp(-t/tau) where it began at its place; both die out, u at S."""
    tau, S = 2e-3, 1.0
    hold = Hold(Inflow(velocity=[0.0, 0.0, first]), None, tau, "front")
    front = Front(hold, S)
    hold.begin(front)
    front.run(tau, tau / 2000)
    assert front.x == pytest.approx((first - S) * tau * math.exp(-1), rel=5e-3)
    front.run(20 * tau, tau / 200)
    assert abs(front.x) < 1e-6 * tau and hold.inflow.velocity[2] == pytest.approx(S, rel=1e-6)


def test_a_speed_below_zero_is_none_and_a_lost_front_ends_the_run():
    hold = Hold(Inflow(velocity=[0.0, 0.0, 1.0]), 0.0, 1e-3, "front")
    front = Front(hold, 1.0, x=0.1)
    hold.update(front)
    assert hold.inflow.velocity[2] == 0.0 and hold.integral == 1.0
    front.run(0.2, 1e-5)
    assert abs(front.x) < 1e-4 and hold.inflow.velocity[2] == pytest.approx(1.0, rel=1e-3)
    front.x = math.nan
    with pytest.raises(DivergenceError, match="no front any more"):
        hold.update(front)
    with pytest.raises(ConfigError, match="no front to hold at the start"):
        Hold(Inflow(velocity=[0.0, 0.0, 1.0]), None, 1e-3, "front").begin(front)


def flame(*changes):
    config = load(FLAME, ["mesh.cells=[40]", "initial.position=0.003", SPEED, *changes])
    kernels.set_mode("eager")
    return case.Builder(config, Communicator()).flow()


@pytest.mark.slow
def test_a_flame_that_began_slow_is_held():
    """H2/O2/Ar on 0.2 mm cells: from 0.9 of its speed it comes to the speed it burns at, and stands where it was."""
    first = 0.9 * flame().follower.inflow.velocity[2]
    flow = flame(f"boundary.x_low.hold={{time=1.2e-3, start={first}}}")
    place, far = flow.quantity("front"), 0.0
    while flow.time < 0.015:
        flow.advance(1e-4)
        far = max(far, abs(flow.quantity("front") - place))
    assert flow.quantity("inflow_speed") == pytest.approx(flow.quantity("flame_speed"), rel=0.01)
    assert flow.quantity("inflow_speed") > 1.08 * first
    assert far == pytest.approx(0.1 * first / 0.9 * 1.2e-3 / math.e, rel=0.3)  # as of a front without a width
    assert abs(flow.quantity("front") - place) < 0.01 * 2e-4  # of a cell
    assert abs(flow.quantity("mass_error")) < 1e-12


EDDIES = ["turbulence={kind='k-equation'}", "boundary.x_low.turbulence={intensity=0.3}"]  # as fast as the inflow is


@pytest.mark.parametrize("more", [[], EDDIES])
def test_restarts_of_a_held_flame_are_bitwise(more):
    changes = ["boundary.x_low.hold={measure='burnt-volume', time=1e-3, start=0.2}", *more]
    whole, again = flame(*changes), flame(*changes)
    for _ in range(3):
        whole.advance(6e-5)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    again.time, again.step, again.dt = whole.time, whole.step, whole.dt
    again.restore(saved.__getitem__)
    for flow in (whole, again):
        for _ in range(2):
            flow.advance(6e-5)
    assert all(np.array_equal(again.state()[name][0], array) for name, (array, _) in whole.state().items())
    assert whole.follower.integral != 0.2


@pytest.mark.parametrize("changes, words", [
    (["boundary.x_low.velocity=0.1", "boundary.x_low.hold={time=1e-3}"], 'hold is for velocity = "hold-flame"'),
    (["boundary.x_low.hold={time=0}"], "boundary.x_low.hold.time"),
    (["boundary.x_low.hold={position=0.04}"], "hold.position: 0.04 m lies outside the domain"),
    (["initial={kind='uniform', composition='H2:1', temperature=300}"], 'needs initial.kind = "flame"'),
    (['boundary.x_low=[{kind="inflow", velocity="hold-flame", where={y=[0,1]}}]'], r"boundary.x_low\[0\].velocity"),
    (["boundary.x_low.velocity=0.1", "boundary.x_high={kind='inflow', velocity='hold-flame'}"], "only x_low faces"),
])  # fmt: skip
def test_what_cannot_be_held_is_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        flame(*changes)
