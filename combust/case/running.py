"""Tables of a case file that say when a run ends and how often something is done."""

from __future__ import annotations

from typing import Annotated

from combust.settings.base import Count, Duration, NotNegative, Positive, Settings, Text, doc


class Steady(Settings, frozen=True, kw_only=True):
    """The flow is steady when a quantity has changed by less than `change` within the last `window` of time."""

    quantity: Annotated[Text, doc("a quantity, as of output.series: T_max, front, flame_speed, max(speed), ...")] = (
        "T_max"
    )
    change: Annotated[Positive, doc("largest less smallest value in the window, over the larger of their moduli")] = (
        1e-4
    )
    window: Annotated[Positive, doc("physical time that is looked back on", "s")]
    after: Annotated[NotNegative, doc("physical time before which nothing counts", "s")] = 0.0


class Stop(Settings, frozen=True):
    """When the run ends: at the first of these."""

    time: Annotated[Positive | None, doc("physical time, met exactly", "s")] = None
    steps: Annotated[Count | None, doc("steps, counted from the start of the case")] = None
    wall: Annotated[Duration | None, doc('wall time of this run: seconds, "90s", "30min", "23h"')] = None
    steady: Annotated[Steady | None, doc("when nothing changes any more; beside one of the others")] = None

    def __post_init__(self) -> None:
        if self.time is None and self.steps is None and self.wall is None:
            raise ValueError("needs at least one of time, steps, wall")


class Every(Settings, frozen=True):
    """A schedule: exactly one of steps, time, wall."""

    steps: Annotated[Count | None, doc("steps")] = None
    time: Annotated[Positive | None, doc("physical time", "s")] = None
    wall: Annotated[Duration | None, doc('wall time: seconds, or "90s", "30min", "2h"')] = None
    exact: Annotated[bool, doc("shorten time steps to meet the times exactly (with time)")] = False

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.steps, self.time, self.wall)) != 1:
            raise ValueError("needs exactly one of steps, time, wall")
        if self.exact and self.time is None:
            raise ValueError("exact goes with time")
