"""A second model in a few lines, for tests of the seam: heat conducts in a gas that stays at rest, explicitly in time.

It shares mesh, blocks, halos, boundaries, mechanism and initial fields with the low-Mach solver, and the time loop,
output and checkpoints with every model. `admit("model", Conduction)` is all that case files need to name it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch

from combust.cfd.boundaries.fill import Filler
from combust.cfd.mesh.grid import along
from combust.cfd.model.case import Case
from combust.cfd.model.settings import ModelSettings
from combust.cfd.operators import momentum
from combust.errors import ConfigError
from combust.settings.base import Positive, doc
from combust.timers import Timers


class Conduction(ModelSettings, frozen=True, tag_field="kind", tag="conduction"):
    """Heat conducts in a gas at rest whose density and heat capacity stay what they were."""

    diffusivity: Annotated[Positive, doc("of temperature: alpha [m2/s]")] = 1e-4

    def build(self, case: Case) -> Still:
        """The flow at time zero."""
        return Still(case, self.diffusivity)


class Still:
    """dT/dt = alpha laplace T."""

    def __init__(self, case: Case, diffusivity: float) -> None:
        self.grid, self.block, self.diffusivity = case.grid, case.grid.block, diffusivity
        self.filler = Filler(case.grid, case.boundaries, Timers())
        self.q, self._identity = case.fields()[0], case.identity
        self.time, self.step, self.dt = 0.0, 0, 0.0

    def limit(self) -> tuple[float, str]:
        rate = sum((1 / self.grid.widths[a].min()) ** 2 for a in self.grid.layout.axes)
        return 0.4 / (self.diffusivity * rate), "conduction"

    def advance(self, dt: float) -> None:
        layout, padded, change = self.grid.layout, self.filler.scalars(self.q), torch.zeros_like(self.q[0])
        for axis in layout.axes:
            metric = self.grid.metrics[axis]
            slope = momentum.difference(along(padded[0], layout, axis, -1, 1), axis) * metric.per_distance
            change += self.diffusivity * momentum.difference(slope, axis) * metric.per_width
        self.q = torch.cat([(self.q[0] + dt * change)[None], self.q[1:]])
        self.time, self.step, self.dt = self.time + dt, self.step + 1, dt

    def field(self, name: str) -> np.ndarray:
        if name != "T":
            raise ConfigError(f"output.fields.names: {name!r} is unknown; known: T")
        return self.q[0].cpu().numpy()

    def quantity(self, name: str) -> float:
        if name not in ("T_max", "mean(T)"):
            raise ConfigError(f"output.series.quantities: {name!r} is unknown; known: T_max, mean(T)")
        volume = self.grid.volume.expand_as(self.q[0])
        total, whole = self.block.comm.sum(float((self.q[0] * volume).sum()), float(volume.sum()))
        return self.block.comm.max(float(self.q[0].max()))[0] if name == "T_max" else total / whole

    def coordinates(self) -> tuple[np.ndarray, ...]:
        return self.grid.faces

    def state(self) -> dict[str, tuple[np.ndarray, str]]:
        return {"q": (self.q.cpu().numpy(), "cell")}

    def restore(self, read: Callable[[str], np.ndarray]) -> None:
        self.q = torch.as_tensor(np.ascontiguousarray(read("q")))

    def concerns(self) -> dict[str, str]:
        return {}

    def step_concerns(self, dt: float) -> dict[str, str]:
        return {}

    def require_slow(self) -> float:
        return 0.0

    def timers(self) -> dict[str, float]:
        return {}

    def identity(self) -> dict[str, str]:
        return self._identity
