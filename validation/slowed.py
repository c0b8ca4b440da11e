"""Reactions slowed in a cell, for studies: by the same factor everywhere, and wrongly, by the cell's time alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.interaction.base import Interaction, Interplay, Met
from combust.cfd.lowmach.flow import ReactingFlow
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.providers.chemistry import Result, require_step
from combust.kinetics.providers.slowed import Slowed, SlowedStep


@dataclass(frozen=True)
class Everywhere(Interaction):
    """PaSR of one kappa: a flame whose rates are kappa times theirs is kappa^(1/2) times as fast."""

    kappa: float

    def update(self, met: Met) -> Interplay:
        """kappa, of all rates."""
        return Interplay(rates=torch.full_like(met.view.rho, self.kappa))


class TimeAlone(Slowed):
    """Cells are integrated over f dt with what transport does to them as it is, not over f: what is not to be done."""

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> SlowedStep:
        """See `Slowed`."""
        step = super().begin(T, rhoY, dt)
        return SlowedStep(step.inner, None)

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """See `Slowed`."""
        return self.chemistry.advance(require_step(step, SlowedStep, self).inner, Q, Qh)


def by_time_alone(flow: ReactingFlow) -> ReactingFlow:
    """The same flow, wrongly slowed from now on."""
    flow.scheme.chemistry = TimeAlone(flow.scheme.plain)
    return flow
