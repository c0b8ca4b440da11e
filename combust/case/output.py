"""Tables of a case file that say what a run writes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from combust.case.running import Every
from combust.settings.base import Count, NotNegative, Positive, Settings, Text, Vector, doc

FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$", max_length=60)]


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


class PointProbe(Settings, frozen=True, tag_field="kind", tag="points"):
    """Values at points, linear between the centres of cells: rows of probe_NAME.csv."""

    name: Annotated[FileName, doc("of the file: letters, digits, - and _")]
    points: Annotated[tuple[Vector, ...], Meta(min_length=1), doc("x, y, z of each", "m")]
    fields: Annotated[tuple[Text, ...], Meta(min_length=1), doc("names of fields; Y: of all species")] = ("T", "u")
    every: Annotated[Every, doc("schedule")] = Every(steps=1)


class LineProbe(Settings, frozen=True, tag_field="kind", tag="line"):
    """Values at equally spaced points of a straight line: rows of probe_NAME.csv."""

    name: Annotated[FileName, doc("of the file: letters, digits, - and _")]
    start: Annotated[Vector, doc("first point", "m")]
    end: Annotated[Vector, doc("last point", "m")]
    count: Annotated[Annotated[int, Meta(ge=2, le=100_000)], doc("points")] = 100
    fields: Annotated[tuple[Text, ...], Meta(min_length=1), doc("names of fields; Y: of all species")] = ("T", "u")
    every: Annotated[Every, doc("schedule")] = Every(steps=10)


class PlaneProbe(Settings, frozen=True, tag_field="kind", tag="plane"):
    """Values on a plane, linear between the two layers of cells beside it: records of planes_NAME.npy."""

    name: Annotated[FileName, doc("of the file: letters, digits, - and _")]
    normal: Annotated[Literal["x", "y", "z"], doc("direction that the plane is normal to")]
    at: Annotated[float, doc("place of the plane in that direction", "m")]
    fields: Annotated[
        tuple[Text, ...], Meta(min_length=1), doc("names of fields; Y: of all species. An inflow needs u, T and Y")
    ] = ("u", "T", "Y")
    every: Annotated[Every, doc("schedule")] = Every(steps=1)


Probe = PointProbe | LineProbe | PlaneProbe


class Averages(Settings, frozen=True):
    """Means over time, Reynolds and Favre, and root mean squares about them: averages_NNNNNN.vtr and averages.pvd."""

    names: Annotated[tuple[Text, ...], Meta(min_length=1), doc("fields: T, u, Y_<species>, ...")] = ("T", "u")
    start: Annotated[NotNegative, doc("physical time from which they are taken", "s")] = 0.0
    window: Annotated[
        Positive | None,
        doc("length: means are written when it is over, and begin anew; one that ends with the run if omitted", "s"),
    ] = None
    every: Annotated[Every, doc("how often the fields are taken; each counts for the time since the last")] = Every(
        steps=1
    )


FRACTIONS = ("mixture_fraction", "progress")  # between 0 and 1


class ConditionalMeans(Settings, frozen=True):
    """Means of fields over the gas that has a given mixture fraction, progress, ...: rows of conditional_FIELD.csv."""

    on: Annotated[Text, doc("the field that is given: mixture_fraction, progress, T, ...")] = "mixture_fraction"
    fields: Annotated[tuple[Text, ...], Meta(min_length=1), doc("names of fields, scalars")] = ("T",)
    between: Annotated[
        tuple[float, float] | None, doc("range of the given field; 0 to 1 of mixture_fraction and progress if omitted")
    ] = None
    bins: Annotated[Annotated[int, Meta(ge=1, le=10_000)], doc("equal parts of that range")] = 50
    every: Annotated[Every, doc("schedule")] = Every(steps=100)

    def __post_init__(self) -> None:
        if self.between is None and self.on not in FRACTIONS:
            raise ValueError(f"between: give the range of {self.on}, as in between = [300, 2400]")
        if not self.range[0] < self.range[1]:
            raise ValueError("between must rise")
        if self.on in self.fields:
            raise ValueError(f"fields: {self.on} is what is given")

    @property
    def range(self) -> tuple[float, float]:
        """Of the given field."""
        return (0.0, 1.0) if self.between is None else self.between


class Spectra(Settings, frozen=True):
    """Energy spectra over shells of wave numbers, of periodic boxes with equal cells: rows of spectra.csv."""

    fields: Annotated[tuple[Text, ...], Meta(min_length=1), doc("u (its energy), or scalars (half their variance)")] = (
        "u",
    )
    every: Annotated[Every, doc("schedule")] = Every(steps=100)


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
    probes: Annotated[
        tuple[Probe, ...], doc("values at points, lines and planes: [[output.probes]] tables, each with a kind")
    ] = ()
    averages: Annotated[Averages | None, doc("means over time; none if omitted")] = None
    conditional: Annotated[tuple[ConditionalMeans, ...], doc("conditional means: [[output.conditional]] tables")] = ()
    spectra: Annotated[Spectra | None, doc("energy spectra; none if omitted")] = None
    log: Annotated[LogOutput, doc("progress on the terminal")] = LogOutput()
    mixture_fraction: Annotated[
        MixtureFraction | None, doc("streams of the mixture fraction; those of `initial` if omitted")
    ] = None
    progress: Annotated[Progress, doc("definition of the progress variable")] = Progress()
