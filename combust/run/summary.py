"""What is left to say of a run: its report, and summary.json: what was run, with what, how fast, and how it ended."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from combust import __version__
from combust.case.config import Config, plain
from combust.io.blocks import write_text
from combust.io.folder import Folder
from combust.machine import peak_memory

if TYPE_CHECKING:
    from combust.cfd.model.flow import Flow
    from combust.run.simulation import Outcome, Simulation

PACKAGES = ("numpy", "torch", "cantera", "msgspec", "h5py", "mpi4py", "petsc4py")


@dataclass(frozen=True)
class ContinuedRun:
    """The checkpoint that a run continues, and what is other in its case, each as "key: value then, now value"."""

    checkpoint: str
    step: int
    time: float
    changes: list[str]


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    reason : "done", "signal", "wall" or "diverged", and a sentence about it;  exit_code : that of `combust run`
    folder : of its files;  step, time [s] : where it ended;  seconds : wall time of this run
    flame_speed : [m/s] at the end, NaN where there is none;  summary : what is in summary.json
    source : the checkpoint that it continues, None for a new run
    """

    reason: str
    message: str
    exit_code: int
    folder: Folder
    step: int
    time: float
    seconds: float
    flame_speed: float
    summary: dict[str, Any]
    source: ContinuedRun | None


def summarize(sim: Simulation, config: Config, outcome: Outcome) -> dict[str, Any]:
    """Collects the summary over all ranks (collective)."""
    flow, comm = sim.flow, sim.comm
    cells = int(np.prod(flow.block.shape))
    steps = flow.step - sim.first_step
    phases = {**flow.timers(), "io": sim.hook_seconds}
    names = sorted({name for own in comm.gather(sorted(phases)) for name in own})
    wall, memory, *seconds = comm.max(sim.wall, peak_memory(), *(phases.get(name, 0.0) for name in names))
    per_cell = 1e6 / (cells * max(steps, 1))
    return {
        "exit": {"reason": outcome.reason, "message": outcome.message, "code": outcome.exit_code},
        "title": config.title,
        "time": flow.time,
        "step": flow.step,
        "steps_of_this_run": steps,
        "cells": cells,
        "ranks": comm.size,
        "blocks_xyz": list(reversed(flow.block.dims)),
        "identity": flow.identity(),
        **({"sources": shown} if (shown := of_sources(flow, config)) else {}),
        "wall_seconds": wall,
        "wall_seconds_with_earlier_runs": sim.wall_before + wall,
        "us_per_cell_and_step": wall * per_cell,
        # Largest over the ranks; wall time, so that more ranks make it smaller.
        "phases": {
            n: {"seconds": s, "us_per_cell_and_step": s * per_cell} for n, s in zip(names, seconds, strict=True)
        },
        "peak_memory_bytes_per_rank": int(memory),
        "versions": versions(),
        "config": plain(config),
    }


def of_sources(flow: Flow, config: Config) -> dict[str, float]:
    """What the sources of the case count of themselves at the end, by name (collective)."""
    counts = [getattr(table, "COLUMNS", {}) for table in config.sources]
    found: dict[str, float] = {}
    for name, about in sorted({name: about for one in counts for name, about in one.items()}.items()):
        places = [number for number, one in enumerate(counts) if name in one]
        apart = about.apart and len(places) > 1
        found |= {each: flow.quantity(each) for each in ([f"{name}[{n}]" for n in places] if apart else [name])}
    return found


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Writes the summary in one piece. Raises OutputError."""
    write_text(path, json.dumps(summary, indent=2) + "\n")


def versions() -> dict[str, str]:
    """Versions of combust, Python and the libraries that are installed, without loading them."""
    found = {"combust": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
