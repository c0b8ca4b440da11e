"""What may look at an integration on its way: the states that steps start from."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from combust.kinetics.integrate.ending import Ending


class Observer(Protocol):
    """Sees the states that steps start from, in order of time for each cell: rows cell, t, T, and value and slope (of
    dz/dt without sources) of each watched row of z (-1: of T sum y/W), as (states, 3 + 2 rows).

    ending : where cells end before their dt, if anywhere
    """

    rows: list[int]
    ending: Ending | None

    def __call__(self, record: Tensor) -> None: ...


def watched(row: int, z: Tensor, f: Tensor, molar_mass: Tensor) -> tuple[Tensor, Tensor]:
    """Value and slope of a row of z; of -1: of p/(rho R), whose scale does not matter."""
    if row >= 0:
        return z[row], f[row]
    moles, change = ((x[1:] / molar_mass.unsqueeze(1)).sum(0) for x in (z, f))
    return z[0] * moles, f[0] * moles + z[0] * change
