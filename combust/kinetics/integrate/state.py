"""The state of a cell as the integrators see it: z = (T, rho Y_1 .. rho Y_n), with its checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from combust.errors import StateError
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.integrate.durations import Durations
from combust.torch_parts import numbers

T_MIN, T_MAX = 50.0, 6000.0  # K, where extrapolated NASA polynomials still mean something


@dataclass(frozen=True)
class StartState:
    """z (1 + species, cells) at the start of a step of these durations."""

    z: Tensor
    durations: Durations


class Kept:
    """A function of z that keeps its last value: a flow asks for rates where a step ends, and the next begins there."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self._last: tuple[Tensor, Tensor] | None = None

    def __call__(self, z: Tensor) -> Tensor:
        """function(z)."""
        return self.at(z)[1]

    def at(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z, or the same as it was given before, and function(z)."""
        if self._last is None or not (self._last[0].shape == z.shape and torch.equal(self._last[0], z)):
            self._last = None
            self._last = (z, self.function(z))
        return self._last

    def given_up(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """As `at`, and forgets both: their memory is the caller's."""
        found = self.at(z)
        self._last = None
        return found


def pack(T: Tensor, rhoY: Tensor) -> Tensor:
    """(1 + species, cells)."""
    return torch.cat([T.unsqueeze(0), rhoY])


def as_packed(T: Tensor, rhoY: Tensor) -> Tensor:
    """`pack`, and no copy of what are rows of one array already: it is for the caller not to change that."""
    rows = T.is_contiguous() and rhoY.is_contiguous() and T.dtype == rhoY.dtype
    one = rows and T.untyped_storage().data_ptr() == rhoY.untyped_storage().data_ptr()
    if one and T.storage_offset() + T.numel() == rhoY.storage_offset():
        return T.as_strided((1 + rhoY.shape[0], T.numel()), (T.numel(), 1))
    return pack(T, rhoY)


class Check(NamedTuple):
    """Where a value (...cells) is good, and what to say where it is not."""

    good: Tensor
    value: Tensor
    what: str
    allowed: str


def require(*checks: Check) -> None:
    """Raise StateError naming the first cell that is not good, and its value, of the first check that fails.

    The host waits for the device once.
    """
    seen = [numbers(check.good) for check in checks]  # of all members of a batch by torch.vmap
    if bool(torch.stack([good.all() for good in seen]).all()):
        return
    good, check = next(pair for pair in zip(seen, checks, strict=True) if not bool(pair[0].all()))
    if good.shape != check.good.shape:
        raise StateError(f"{check.what} of a cell of a batch by torch.vmap: must be {check.allowed}")
    cell = tuple(int(i) for i in (~good).nonzero()[0])
    raise StateError(f"{check.what} {float(check.value[cell])} in cell {cell}: must be {check.allowed}")


def check_state(gas: Gas, z: Tensor) -> None:
    """Raise StateError naming the first cell whose T or rhoY is not finite or out of range."""
    rho = z[1:].sum(0)
    good = (z[0] >= T_MIN) & (z[0] <= T_MAX) & (rho > 0.0) & torch.isfinite(rho)
    if bool(good.all()):
        return
    cell = int((~good).nonzero()[0])
    values = ", ".join(f"{name} {float(x):.4g}" for name, x in zip(gas.species, z[1:, cell], strict=True))
    raise StateError(
        f"chemistry: cell {cell} has T = {float(z[0, cell]):.6g} K (allowed {T_MIN:g} to {T_MAX:g}), "
        f"density {float(rho[cell]):.6g} kg/m3 (allowed > 0); partial densities: {values}"
    )


def started(gas: Gas, T: Tensor, rhoY: Tensor, dt: float | Durations) -> StartState:
    """The state that a step of dt [s] starts from. Raises StateError as `check_state`."""
    z = pack(T, rhoY)
    check_state(gas, z)
    return StartState(z, Durations.given(dt))


def check_source(s: Tensor) -> None:
    """Raise StateError naming the first cell whose transport source s = (Qh, Q) is not finite."""
    bad = ~torch.isfinite(s).all(0)
    if bool(bad.any()):
        cell = int(bad.nonzero()[0])
        values = ", ".join(f"{float(x):.4g}" for x in s[:, cell])
        raise StateError(
            f"chemistry: the transport source (Qh, Q) of cell {cell} is not finite: {values}; "
            "look for a NaN in the fluxes or the transport properties there"
        )
