"""A flow as the time loop, the hooks and the checkpoints see it, whatever equations it solves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from combust.cfd.mesh.block import Block


@runtime_checkable
class Timed(Protocol):
    """A flow in which something begins or ends at a known time."""

    def next_time(self) -> float:
        """The next time [s] that a step must meet exactly, infinity if none: the start of a spark, for example."""


@runtime_checkable
class Renewing(Protocol):
    """A flow that begins some of its state anew where a checkpoint does not hold it."""

    def renewed(self) -> tuple[str, ...]:
        """Names of `state` that are so, such as what another turbulence closure did not carry."""


class Flow(Protocol):
    """A flow solver as the time loop sees it. Arrays are float64, (nz, ny, nx) or (3, nz, ny, nx), owned cells only."""

    block: Block
    time: float
    """Physical time [s]; set by the loop at a restart, like `step` and `dt`."""
    step: int
    """Steps done."""
    dt: float
    """Last time step [s]."""

    def limit(self) -> tuple[float, str]:
        """Largest stable time step [s] now, over all ranks, and the name of what limits it."""

    def advance(self, dt: float) -> None:
        """One step of dt [s]; moves time, step and dt on. Raises DivergenceError on all ranks."""

    def field(self, name: str) -> np.ndarray:
        """A field by name. Raises ConfigError that lists the known names."""

    def quantity(self, name: str) -> float:
        """A global number by name, the same on all ranks. Raises ConfigError that lists the known names."""

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Global face coordinates (z, y, x) [m]."""

    def state(self) -> dict[str, tuple[np.ndarray, str]]:
        """All that a restart needs: name -> (this rank's part, "cell", "face_x", "face_y", "face_z" or "global")."""

    def restore(self, read: Callable[[str], np.ndarray]) -> None:
        """Takes the state back: read(name) is this rank's part, whatever number of ranks wrote it."""

    def concerns(self) -> dict[str, str]:
        """What is doubtful about the flow now: a name that stays the same while it lasts -> a sentence (collective).
        Raises as `require_slow`.
        """

    def step_concerns(self, dt: float) -> dict[str, str]:
        """The same about steps of dt [s]."""

    def require_slow(self) -> float:
        """The largest Mach number. Raises CombustError on all ranks where its equations do not hold (collective)."""

    def timers(self) -> dict[str, float]:
        """Wall seconds by phase since the start, this rank."""

    def identity(self) -> dict[str, str]:
        """What a checkpoint must share with this case: hashes of mechanism and mesh, names."""
