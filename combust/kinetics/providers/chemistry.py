"""The one seam between chemistry and flow: what a solver may ask of chemistry, whoever provides it.

A solver integrates, in each cell and over one time step, with transport held as a constant source:

    d(rho Y_k)/dt = Q_k + W_k omega_k(T, rho Y)
    rho c dT/dt   = Qh - sum_k e_k (Q_k + W_k omega_k)

`hold` says which c and e_k: "flow", those of a low-Mach flow, whose cells keep their enthalpy (cp, h_k) while their
pressure is the flow's; "uv", those of cells that keep volume and internal energy (cv, u_k).

`begin` does once per time step all that does not depend on the transport; `advance` may then be called several times
(once per sweep), each from the same start state with better Q and Qh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator

Step = TypeVar("Step")


@dataclass(frozen=True)
class Result:
    """State at the end of the step: T (cells,) K, rhoY (species, cells) kg/m3, and what it took."""

    T: Tensor
    rhoY: Tensor
    stats: Statistics


@runtime_checkable
class Shows(Protocol):
    """A chemistry that shows more of itself in output: names, and what gives their values after a step.

    Fields are (cells,) of the cells of the last `advance`, empty before; columns are numbers over all ranks, which all
    ask for together. A kind of chemistry in case files declares the meaning of its names in its settings
    (`combust.case.names` has them all).
    """

    fields: Mapping[str, Callable[[], Tensor]]
    columns: Mapping[str, Callable[[Communicator], float]]


def fields_of(chemistry: object) -> Mapping[str, Callable[[], Tensor]]:
    """Those that a provider shows, if any."""
    return chemistry.fields if isinstance(chemistry, Shows) else {}


def columns_of(chemistry: object) -> Mapping[str, Callable[[Communicator], float]]:
    """Those that a provider shows, if any."""
    return chemistry.columns if isinstance(chemistry, Shows) else {}


def require_cell(hold: str) -> None:
    """Raises ConfigError if it is neither "flow" nor "uv"."""
    if hold not in ("flow", "uv"):
        raise ConfigError(f'chemistry: hold = "{hold}"; allowed: "flow" (enthalpy, at the flow\'s pressure), "uv"')


def require_hold(chemistry: object, hold: Hold, what: str) -> None:
    """Raises ConfigError for a provider whose cells keep something else than what a solver needs."""
    found = getattr(chemistry, "hold", "flow")
    if found != hold:
        name = type(chemistry).__name__
        raise ConfigError(f'chemistry {name}: its cells keep "{found}", {what} needs "{hold}": give it hold="{hold}"')


def require_step(step: object, kind: type[Step], chemistry: object) -> Step:
    """The step, which `begin` of the same provider has made. Raises ConfigError for another one."""
    if not isinstance(step, kind):
        name = type(chemistry).__name__
        raise ConfigError(f"chemistry {name}: step is {type(step).__name__}, not what its `begin` returns")
    return step


class Chemistry(Protocol):
    """Direct, reduced or learned chemistry. Cells are flat: T (cells,), rhoY and Q (species, cells), Qh (cells,)."""

    gas: Mechanism
    hold: Hold

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates W_k omega_k (species, cells) kg/m3/s at T [K] and partial densities rhoY [kg/m3]."""
        ...

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> object:
        """Prepare a step of dt [s] from T, rhoY; Q [kg/m3/s] and Qh [W/m3] are best guesses of what `advance` gets.
        Of `Durations` each cell is integrated over its own share of dt.

        What it returns is the provider's own; a solver only hands it to `advance`.

        Raises StateError naming the first cell whose state is not finite or out of range.
        """
        ...

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """Integrate over the step that `begin` prepared, with constant Q [kg/m3/s] and Qh [W/m3], which must not be
        changed before its last `advance`: they may be kept.

        Raises ConfigError as `require_step`, DivergenceError naming the cell that no integrator could take to the end
        of the step.
        """
        ...
