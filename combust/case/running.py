"""Tables of a case file that say how it is solved and run."""

from __future__ import annotations

from typing import Annotated

from combust.settings.base import Count, Duration, Positive, Settings, Text, doc


class Stop(Settings, frozen=True):
    """When the run ends: at the first of these."""

    time: Annotated[Positive | None, doc("physical time, met exactly", "s")] = None
    steps: Annotated[Count | None, doc("steps, counted from the start of the case")] = None
    wall: Annotated[Duration | None, doc('wall time of this run: seconds, "90s", "30min", "23h"')] = None

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


class FieldsOutput(Settings, frozen=True):
    """Fields for ParaView: the first, the last and the scheduled states."""

    names: Annotated[
        tuple[Text, ...], doc("T, u, p, rho, Y_<species>, X_<species>, heat_release, vorticity, ...: see Fields")
    ] = ("T", "u", "p")
    every: Annotated[Every | None, doc("schedule; first and last state only if omitted")] = None


class SeriesOutput(Settings, frozen=True):
    """Columns of series.csv."""

    quantities: Annotated[
        tuple[Text, ...], doc("T_max, flame_speed, mass_error, eos_drift, max(FIELD), ...: see Quantities")
    ] = ("T_max",)
    every: Annotated[Every, doc("schedule")] = Every(steps=10)


class CheckpointOutput(Settings, frozen=True):
    """Files from which a run continues bit by bit."""

    every: Annotated[Every, doc("schedule; one more is written when the run ends")] = Every(wall="30min")
    keep: Annotated[Count, doc("newest files kept")] = 2


class LogOutput(Settings, frozen=True):
    """Lines on the terminal."""

    every: Annotated[Every, doc("schedule")] = Every(steps=10)


class MixtureFraction(Settings, frozen=True):
    """What mixture fraction, scalar dissipation and flame index refer to."""

    fuel: Annotated[Text, doc("mole fractions of the stream where it is 1")]
    oxidizer: Annotated[Text, doc("mole fractions of the stream where it is 0")]


class Progress(Settings, frozen=True):
    """The progress variable (S - fresh)/(burnt - fresh), where S is T, or a sum of mass fractions."""

    species: Annotated[
        Text | None, doc('S by weights of mass fractions, "H2O:1" or "CO2:1, CO:1"; the temperature [K] if omitted')
    ] = None
    fresh: Annotated[float | None, doc("S of the fresh gas; that of the unburnt mixture of `initial` if omitted")] = (
        None
    )
    burnt: Annotated[float | None, doc("S of the burnt gas; that of its equilibrium if omitted")] = None

    def __post_init__(self) -> None:
        if self.fresh is not None and self.fresh == self.burnt:
            raise ValueError("fresh and burnt must differ")

    @property
    def complete(self) -> bool:
        """Whether it needs nothing of the initial gas."""
        return self.fresh is not None and self.burnt is not None


class Output(Settings, frozen=True):
    """What is written, where and when."""

    directory: Annotated[Text | None, doc("output folder; runs/<name of the case file> if omitted")] = None
    fields: Annotated[FieldsOutput, doc("fields_NNNNNN.vtr and fields.pvd")] = FieldsOutput()
    series: Annotated[SeriesOutput, doc("series.csv")] = SeriesOutput()
    checkpoint: Annotated[CheckpointOutput, doc("checkpoint_NNNNNN.h5")] = CheckpointOutput()
    log: Annotated[LogOutput, doc("progress on the terminal")] = LogOutput()
    mixture_fraction: Annotated[
        MixtureFraction | None, doc("streams of the mixture fraction; those of `initial` if omitted")
    ] = None
    progress: Annotated[Progress, doc("definition of the progress variable")] = Progress()
