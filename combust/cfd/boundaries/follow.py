"""Inflows whose velocity follows the flame: as fast as it consumes, or so that it stays in place."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from combust.cfd.boundaries.conditions import Inflow
from combust.errors import ConfigError, DivergenceError


class Burning(Protocol):
    """What a velocity is chosen by: the state at the start of a step, and the length of the one before [s]."""

    dt: float

    def quantity(self, name: str) -> float:
        """A number about the flow, the same on all ranks."""


class Follower(Protocol):
    """Chooses the velocity of `inflow`, at low x, once a step."""

    inflow: Inflow

    def begin(self, flow: Burning) -> None:
        """Takes what it refers to from the flow at time zero."""

    def update(self, flow: Burning) -> None:
        """Sets the velocity for the step to come. Raises DivergenceError where there is no flame to follow."""

    def state(self) -> np.ndarray:
        """What a restart needs beside the velocity; empty if nothing."""

    def restore(self, state: np.ndarray) -> None:
        """Takes it back."""


class Balanced:
    """As fast as the flame consumes."""

    def __init__(self, inflow: Inflow):
        self.inflow = inflow

    def begin(self, flow: Burning) -> None:
        """Nothing to take."""

    def update(self, flow: Burning) -> None:
        """The consumption speed of the fuel."""
        self.inflow.velocity[2] = flow.quantity("flame_speed")

    def state(self) -> np.ndarray:
        """Nothing."""
        return np.zeros(0)

    def restore(self, state: np.ndarray) -> None:
        """Nothing."""


class Hold:
    """Holds the front at a place: u = u_I - 2 e/tau, du_I/dt = -e/tau^2, with e the front's distance from there.

    A front that burns at the speed S moves by de/dt = u - S, so that e and u - S die out as exp(-t/tau), critically
    damped, and u ends at S whatever it began with. measure : quantity that says where the front is [m]
    position : to hold it at, None where it is at the start;  time : tau [s];  the velocity of `inflow` is the first u_I
    """

    def __init__(self, inflow: Inflow, position: float | None, time: float, measure: str):
        self.inflow, self.target, self.time, self.measure = inflow, position, time, measure
        first = inflow.velocity[2]
        assert not callable(first)
        self.integral = float(first)

    def begin(self, flow: Burning) -> None:
        """Where the front is, if no position was given. Raises ConfigError without a front."""
        if self.target is None:
            self.target = flow.quantity(self.measure)
        if not math.isfinite(self.target):
            raise ConfigError('boundary.x_low.velocity = "hold-flame": there is no front to hold at the start')

    def update(self, flow: Burning) -> None:
        """One step of the controller; the speed is not below zero, where its integral waits."""
        assert self.target is not None
        error = flow.quantity(self.measure) - self.target
        if not math.isfinite(error):
            raise DivergenceError(
                'boundary.x_low.velocity = "hold-flame": there is no front any more to hold: the flame went out, or '
                "left the domain; begin nearer to its speed (hold.start), or with a shorter hold.time"
            )
        integral = self.integral - error / self.time**2 * flow.dt
        speed = integral - 2 * error / self.time
        if speed > 0 or error < 0:
            self.integral = integral
        self.inflow.velocity[2] = max(speed, 0.0)

    def state(self) -> np.ndarray:
        """Integral [m/s] and place [m]."""
        return np.array([self.integral, self.target])

    def restore(self, state: np.ndarray) -> None:
        """Those of a checkpoint."""
        self.integral, self.target = (float(value) for value in state)
