"""The file that `combust learn` takes: which flows explore, what of them is learned, and when it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from combust.settings.base import Count, Positive, Settings, Text, doc
from combust.settings.config import beside, checked, read
from combust.surrogates.settings import Share


class FlowCase(Settings, frozen=True):
    """A flow case, on one process; its table of chemistry is replaced."""

    case: Annotated[Text, doc("case file (TOML)")]
    set: Annotated[tuple[Text, ...], doc("changes to it, each as table.key=value")] = ()
    title: Annotated[Text | None, doc("in tables; the name of the file and the changes if omitted")] = None

    @property
    def name(self) -> str:
        return self.title or " ".join([Path(self.case).stem, *self.set])


Flows = Annotated[tuple[FlowCase, ...], Meta(min_length=1)]


class Explore(Settings, frozen=True):
    """Where the network is tried."""

    cases: Annotated[Flows, doc("flows whose states are harvested")]
    held_out: Annotated[Flows, doc("flows by which each round is judged; nothing is harvested there")]
    every: Annotated[Count, doc("steps between two looks at the cells")] = 10


class Select(Settings, frozen=True):
    """Which states are learned, by the router's estimate of a step's error over its limit."""

    low: Annotated[Positive, doc("cells of the network below it are known well enough")] = 0.2
    high: Annotated[Positive, doc("above it a cell is lost: a state that a bad network made")] = 20.0
    rows: Annotated[Positive, doc("most rows of a round, over those of the first sample set")] = 0.2
    lost: Annotated[Share, doc("of the rows of a round, from lost cells, at most")] = 0.05

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low:g}, high = {self.high:g}: needs low < high")


class Retrain(Settings, frozen=True):
    """How each round is trained: from the last weights; else as the learned chemistry's file says."""

    epochs: Annotated[Count, doc("passes over all rows")] = 10
    rate: Annotated[Positive, doc("learning rate at the start, over that of the first training")] = 0.5
    old: Annotated[
        Share, doc("of the rows of before the round, that it learns from, drawn anew each time; range and router: all")
    ] = 1.0


class Stop(Settings, frozen=True):
    """When it is enough, by the flows that are held out."""

    exact_share: Annotated[Share, doc("target: exact cells, of those that are not slow")] = 0.1
    error: Annotated[
        Positive, doc("target: error of the network's own step, 90 % quantile, in units of what the router allows")
    ] = 1.0
    times: Annotated[Count, doc("rounds in a row that must meet both")] = 2
    progress: Annotated[Share, doc("least gain of either over the best before, as a share of it")] = 0.1
    idle: Annotated[Count, doc("rounds in a row without such a gain that end it")] = 2
    rounds: Annotated[Count, doc("at most")] = 4


class Learn(Settings, frozen=True):
    """Rounds of learning."""

    config: Annotated[Text, doc("file of the learned chemistry, as of combust train")]
    samples: Annotated[Text, doc("its samples, as of combust sample")]
    model: Annotated[Text, doc("its first network: a shipped model (combust models), or the path of one")]
    explore: Annotated[Explore, doc("flows")]
    select: Annotated[Select, doc("choice of states")] = Select()
    train: Annotated[Retrain, doc("training of a round")] = Retrain()
    stop: Annotated[Stop, doc("end of the rounds")] = Stop()

    def __post_init__(self) -> None:
        seen = {(flow.case, flow.set) for flow in self.explore.cases}
        for flow in self.explore.held_out:
            if (flow.case, flow.set) in seen:
                raise ValueError(
                    f"explore.held_out: {flow.name} is explored too: it would be judged by what was learned"
                )


def load(path: str | Path, overrides: Sequence[str] = ()) -> Learn:
    """The rounds in a TOML file, with "table.key=value" overrides; files beside it get their full paths.

    Raises ConfigError that names file, key, value and what is allowed.
    """
    path = Path(path)
    found = checked(read(path, overrides), str(path), Learn)
    replace = msgspec.structs.replace

    def placed(flows: tuple[FlowCase, ...]) -> tuple[FlowCase, ...]:
        return tuple(replace(flow, title=flow.name, case=beside(path, flow.case)) for flow in flows)

    explore = replace(found.explore, cases=placed(found.explore.cases), held_out=placed(found.explore.held_out))
    files = {name: beside(path, getattr(found, name)) for name in ("config", "samples", "model")}
    stem = Path(found.model)
    if files["model"] == found.model and (path.parent / stem.with_suffix(".json")).is_file():
        files["model"] = str(path.parent / stem)
    return replace(found, explore=explore, **files)
