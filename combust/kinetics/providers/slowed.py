"""Chemistry whose rates are multiplied by a factor in each cell, whoever provides it.

    d(rho Y_k)/dt = Q_k + f W_k omega_k,    rho c dT/dt = Qh - sum_k e_k (Q_k + f W_k omega_k)

In the time f t that is the chemistry behind, with Q/f and Qh/f: so it integrates each cell over f dt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.state import as_packed
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.providers.chemistry import Chemistry, Result, columns_of, fields_of, require_step
from combust.parallel import Communicator

LEAST = 2.0**-60  # of a factor: over this share of a step nothing reacts, and its transport is added to round-off


@dataclass(frozen=True)
class SlowedStep:
    """A step begun with these factors; None: of one everywhere."""

    inner: object
    factor: Tensor | None


class Slowed:
    """A chemistry provider around another one; `factor` (cells,) is set before a step and for `rates`."""

    def __init__(self, chemistry: Chemistry) -> None:
        self.chemistry, self.gas = chemistry, chemistry.gas
        self.hold: Hold = getattr(chemistry, "hold", "flow")
        self.fields: Mapping[str, Callable[[], Tensor]] = fields_of(chemistry)
        self.columns: Mapping[str, Callable[[Communicator], float]] = columns_of(chemistry)
        self.factor: Tensor | None = None

    @property
    def concerns(self) -> dict[str, str]:
        """Of the chemistry behind."""
        return dict(getattr(self.chemistry, "concerns", {}))

    def doubts(self, dt: float, p0: float, comm: Communicator) -> dict[str, str]:
        """Of the chemistry behind, in steps of dt [s] (collective)."""
        asked = getattr(self.chemistry, "doubts", None)
        return {} if asked is None else dict(asked(dt, p0, comm))

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates (species, cells) kg/m3/s that act: those of the chemistry behind, multiplied."""
        found = self.chemistry.rates(T, rhoY)
        return found if self.factor is None else self._of(T) * found

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> SlowedStep:
        """Prepare a step of dt [s] from T, rhoY with the present factors; see `Chemistry`."""
        if self.factor is None:
            return SlowedStep(self.chemistry.begin(T, rhoY, dt, Q, Qh), None)
        factor, given = self._of(T).clamp_min(LEAST), Durations.given(dt)
        share = factor if given.share is None else factor * given.share
        sources = (None, None) if Q is None or Qh is None else (Q / factor, Qh / factor)
        return SlowedStep(self.chemistry.begin(T, rhoY, Durations(given.whole, share), *sources), factor)

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """The step's result with constant Q [kg/m3/s], Qh [W/m3]; see `Chemistry`."""
        step = require_step(step, SlowedStep, self)
        if step.factor is None:
            return self.chemistry.advance(step.inner, Q, Qh)
        s = as_packed(Qh, Q) / step.factor
        return self.chemistry.advance(step.inner, s[1:], s[0])

    def _of(self, T: Tensor) -> Tensor:
        """The factors of these cells. Raises ConfigError for another number of cells."""
        assert self.factor is not None
        if self.factor.shape != T.shape:
            raise ConfigError(f"chemistry: factors of {self.factor.numel()} cells, but there are {T.numel()}")
        return self.factor
