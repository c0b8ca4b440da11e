"""The numbers of a report card (report.json): where they lie, and that each entry which is shown is there and fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from combust.errors import FileFormatError
from combust.files import fit, read_json
from combust.surrogates.judge.conditions import USUAL_T

Number = float | None  # null stands for NaN
Two = tuple[Number, Number]
Shares = dict[str, Number]


class Judged(Struct):
    """A target."""

    name: str
    value: Number
    limit: float
    unit: str = ""
    least: bool = False
    advice: str = ""


class Of(Struct):
    """The model."""

    name: str
    title: str
    sha256: str
    mechanism: str
    fuel: str


class Routes(Struct):
    """Of a reactor, before and after its ignition."""

    ignition: Shares
    burnt: Shares


class ReactorCase(Struct):
    """One reactor of a run."""

    name: str
    lost: bool
    delay: Two
    delay_error: Number
    burnt_T: Two
    burnt_error: Number
    peaks: dict[str, Two]
    peak_error: Number
    routes: Routes
    NO_error: Number | UnsetType = UNSET  # where there is nitric oxide


class ReactorRun(Struct):
    """Reactors of one time step."""

    mode: Literal["router", "network"]
    dt: float
    steps: int
    long: bool
    cases: tuple[ReactorCase, ...]
    drift: Number
    Y_min: Number
    seconds: float


class FlameRun(Struct):
    """A flame."""

    phi: float
    p: float
    dt: float
    mode: Literal["router", "network", "coupling", "still"]
    failure: str
    speed: Two
    speed_error: Number
    burnt_error: Number
    peaks: dict[str, Two]
    peak_error: Number
    routes: Shares
    network_of_active: Number
    element_error: Number
    Y_min: Two
    cost: Two
    T: float = USUAL_T
    NO_error: Number | UnsetType = UNSET  # where there is nitric oxide


class StepErrors(Struct):
    """Of rows of one kind."""

    rows: int
    within_10: Number
    zero_within_10: Number
    states_within_10: Number
    zero_states_within_10: Number
    recall: Number
    T_mean: Number
    zero_T_mean: Number
    T_99: Number
    relative_L1: dict[str, Number]


class Cost(Struct):
    """Of a step."""

    network: Number
    exact: Number
    cvode: Number
    cells: int
    dt: float
    threads: int
    routed: Number = None
    processor: str = ""


class Beside(Struct):
    """A step of a flame by both chemistries; without what was measured where it failed."""

    phi: float
    p: float
    T: float
    dt: float
    compiled: bool
    failure: str
    exact: Number = None
    learned: Number = None
    ratio: Number = None
    least: Number = None
    greatest: Number = None
    pairs: int = 0
    cells: int = 0
    routes: Shares = {}

    def __post_init__(self) -> None:
        if not self.failure and None in (self.exact, self.learned, self.ratio, self.least, self.greatest):
            raise ValueError("neither measured nor failed")


class Speed(Struct):
    """Cost beside exact chemistry."""

    processor: str
    threads: int
    flames: tuple[Beside, ...]


class Ends(Struct):
    """At the ends of the ranges."""

    reactors: ReactorRun
    flames: tuple[FlameRun, ...]


class Versions(Struct):
    """Of what made it."""

    combust: str


class Report(Struct):
    """All of it that is shown or kept; the steps by kinds of rows."""

    model: Of
    targets: tuple[Judged, ...]
    date: str
    quick: bool
    effort: dict[str, Any]
    versions: Versions
    seconds: float
    made: dict[str, str]
    stopped: bool
    pictures: dict[str, tuple[str, str]] = {}
    reactors: tuple[ReactorRun, ...] | UnsetType = UNSET
    flames: tuple[FlameRun, ...] | UnsetType = UNSET
    cost: Cost | UnsetType = UNSET
    steps: dict[str, StepErrors] | UnsetType = UNSET
    speed: Speed | UnsetType = UNSET
    ends: Ends | UnsetType = UNSET


def beside(model: Path) -> Path:
    """Where the report of a model is kept, given the path of its files without ending."""
    return model.with_name(model.name + ".report.json")


def usual_folder(model: Path) -> Path:
    """Where `combust verify` writes, given the path of the model's files without ending."""
    return Path("runs") / f"verify_{model.parent.name if model.name == 'model' else model.name}"


def read(path: Path) -> dict[str, Any]:
    """The tree of a report. Raises FileFormatError naming the entry that is missing or cannot be."""
    found = read_json(path)
    report = fit(found, Report, path)
    for name in report.made:
        if name not in found:
            raise FileFormatError(f"{path}: made.{name}: the report has no such part")
    steps = {} if isinstance(report.steps, UnsetType) else report.steps
    reactors = () if isinstance(report.reactors, UnsetType) else report.reactors
    flames = () if isinstance(report.flames, UnsetType) else report.flames
    if not isinstance(report.ends, UnsetType):
        reactors, flames = (*reactors, report.ends.reactors), (*flames, *report.ends.flames)
    if len({tuple(rows.relative_L1) for rows in steps.values()}) != (report.steps is not UNSET):
        raise FileFormatError(f"{path}: steps: relative_L1 has other species for some of the rows, or there are none")
    judged: tuple[ReactorCase | FlameRun, ...] = (*(case for run in reactors for case in run.cases), *flames)
    for case in judged:
        if not case.peaks or 0.0 in (exact for exact, _ in case.peaks.values()):
            raise FileFormatError(f"{path}: peaks: no species, or one that is never there")
    return dict(found)
