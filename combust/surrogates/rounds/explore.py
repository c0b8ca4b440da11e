"""A flow with a network, and the cells that it is asked for on the way."""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from combust import kernels
from combust.case.config import Config
from combust.case.load import load
from combust.case.running import Every
from combust.cfd.lowmach.flow import ReactingFlow
from combust.errors import ConfigError, at
from combust.parallel import ALONE
from combust.report.meter import SILENT, Reach, Reporter
from combust.run.build import build
from combust.run.compilation import Compilation
from combust.run.course import limits_of
from combust.run.hooks import Guard, Scheduled
from combust.run.simulation import Simulation, has_quantity
from combust.surrogates.provider.flow import Asked, LearnedFlow
from combust.surrogates.provider.settings import LearnedChemistry
from combust.surrogates.rounds.settings import FlowCase

LARGEST_LOOK = 20_000  # cells of a look that are kept, evenly picked


@dataclass(frozen=True, eq=False)
class Visits:
    """Cells whose rates are not slow, as a flow asked the network for them, and what the flow cost."""

    T: np.ndarray  # (cells,) K
    p: np.ndarray  # (cells,) Pa
    Y: np.ndarray  # (cells, species)
    dt: np.ndarray  # (cells,) s
    estimate: np.ndarray  # (cells,) of the error over the limit of trust; infinite if the network is lost there
    trusted: np.ndarray  # (cells,) whether they were the network's
    routes: np.ndarray  # (3,) cells of all steps that were slow, the network's, exact
    steps: int
    cpu: float  # s
    speed: float  # m/s, of the flame at the end; NaN where there is none

    def __len__(self) -> int:
        return len(self.T)

    @property
    def exact_share(self) -> float:
        """Exact cells of those that are not slow, over all steps."""
        _, network, exact = self.routes.tolist()
        return exact / max(network + exact, 1)

    def arrays(self) -> dict[str, Any]:
        """By name, for a file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, stored: dict[str, np.ndarray]) -> Visits:
        """From `arrays`, as they were read again."""
        return cls(**stored | {"steps": int(stored["steps"]), **{k: float(stored[k]) for k in ("cpu", "speed")}})  # type: ignore[arg-type]


def explore(flow: FlowCase, model: Path, every: int, reporter: Reporter = SILENT) -> Visits:
    """Runs a case to its end with a model and looks at its cells every so many steps. It writes no files.

    Raises ConfigError for a case that cannot be run so, DivergenceError for a flow that is lost, KeyboardInterrupt
    where a signal ends it.
    """
    config = with_model(flow, model)
    with at(flow.case), kernels.using(kernels.mode()), closing(Compilation(config)) as compilation:
        built = build(config, ALONE)
        if not isinstance(built, ReactingFlow) or not isinstance(built.scheme.chemistry, LearnedFlow):
            raise ConfigError("a flow without reactions: nothing to learn there")
        watch = Watch(every, built.scheme.chemistry, reporter.of(f"steps of {flow.name}").reach)
        sim = Simulation(built, [compilation, Guard(Every(steps=10)), watch], limits_of(config))
        begin = time.process_time()
        outcome = sim.run()
        cpu = time.process_time() - begin
    reporter.clear()
    if outcome.reason == "signal":
        raise KeyboardInterrupt
    speed = built.quantity("flame_speed") if has_quantity(built, "flame_speed") else math.nan
    return watch.visits(built.step, cpu, speed)


def with_model(flow: FlowCase, model: Path) -> Config:
    """The case with this learned chemistry, behind which cells are exact. Raises ConfigError."""
    config = load(flow.case, flow.set)
    own = config.chemistry if isinstance(config.chemistry, LearnedChemistry) else LearnedChemistry(model="any")
    chemistry = msgspec.structs.replace(own, model=str(model), fallback="direct", router=True)
    return msgspec.structs.replace(config, chemistry=chemistry)


class Watch(Scheduled):
    """Collects what the network is asked for, and counts the routes of all steps."""

    name = "watch"

    def __init__(self, every: int, chemistry: LearnedFlow, reach: Reach) -> None:
        super().__init__(Every(steps=every))
        self.chemistry, self.reach = chemistry, reach
        self.seen: list[Asked] = []
        self.routes = np.zeros(3, np.int64)

    def __call__(self, sim: Simulation) -> None:
        routes = self.chemistry.routes
        self.routes += [routes.slow, routes.network, routes.exact]
        limits, flow = sim.limits, sim.flow
        done = max(flow.step / limits.stop_steps, flow.time / limits.stop_time)
        self.reach(flow.step, max(flow.step, round(flow.step / max(done, 1e-9))))
        super().__call__(sim)

    def act(self, sim: Simulation) -> None:
        """The next step is looked at."""
        self.chemistry.observer = self.look

    def look(self, asked: Asked) -> None:
        """Takes the cells of a step, and looks no more."""
        self.chemistry.observer = None
        count = asked.T.numel()
        some = torch.arange(count)
        if count > LARGEST_LOOK:
            some = torch.linspace(0, count - 1, LARGEST_LOOK).long()
        self.seen.append(Asked(*(x[..., some].cpu() for x in asked)))

    def visits(self, steps: int, cpu: float, speed: float) -> Visits:
        """All that was seen."""
        species = len(self.chemistry.gas.species)
        T, p, Y, dt, estimate, _, trusted = (
            torch.cat(parts, -1).numpy() for parts in zip(*self.seen, strict=True)
        ) if self.seen else (np.zeros((species, 0)) if k == 2 else np.zeros(0) for k in range(7))  # fmt: skip
        rows = np.ascontiguousarray(Y.T)
        return Visits(T, p, rows, dt, estimate, trusted.astype(bool), self.routes, steps, cpu, speed)
