"""The one seam between chemistry and flow: what a solver may ask of chemistry, whoever provides it.

A solver integrates, in each cell and over one time step, with transport held as a constant source:

    d(rho Y_k)/dt = Q_k + W_k omega_k(T, rho Y)
    rho cp dT/dt  = Qh - sum_k h_k (Q_k + W_k omega_k)

`begin` does once per time step all that does not depend on the transport; `advance` may then be called several times
(once per sweep), each from the same start state with better Q and Qh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.mechanism.mechanism import Mechanism


@dataclass(frozen=True)
class Result:
    """State at the end of the step: T (cells,) K, rhoY (species, cells) kg/m3, and what it took."""

    T: Tensor
    rhoY: Tensor
    stats: Statistics


class Chemistry(Protocol):
    """Direct, reduced or learned chemistry. Cells are flat: T (cells,), rhoY and Q (species, cells), Qh (cells,)."""

    gas: Mechanism

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates W_k omega_k (species, cells) kg/m3/s at T [K] and partial densities rhoY [kg/m3]."""
        ...

    def begin(self, T: Tensor, rhoY: Tensor, dt: float, Q: Tensor | None = None, Qh: Tensor | None = None) -> Any:
        """Prepare a step of dt [s] from T, rhoY; Q [kg/m3/s] and Qh [W/m3] are best guesses of what `advance` gets.

        Raises StateError naming the first cell whose state is not finite or out of range.
        """
        ...

    def advance(self, step: Any, Q: Tensor, Qh: Tensor) -> Result:
        """Integrate over the step that `begin` prepared, with constant Q [kg/m3/s] and Qh [W/m3].

        Raises DivergenceError naming the cell that no integrator could take to the end of the step.
        """
        ...
