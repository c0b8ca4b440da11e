"""What the gas loses by radiation where it is optically thin."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.sources import planck
from combust.cfd.sources.base import Acting, Count, Show
from combust.kernels import compiled


def mixture_loss(T: Tensor, Y: Tensor, molar_mass: Tensor, rows: Tensor, p: Tensor, surroundings: float) -> Tensor:
    """Loss [W/m3] of a gas of mass fractions Y (species, ...).

    rows : of the species of `planck.RADIATING`, -1 where the gas has none;  p [Pa];  surroundings [K]
    """
    moles = Y / molar_mass.reshape(-1, 1, 1, 1)
    present = (rows >= 0).reshape(-1, 1, 1, 1)
    X = torch.where(present, moles[rows.clamp_min(0)], 0.0) / moles.sum(0)
    return planck.loss(T, X, p, surroundings)


loss_kernel = compiled(mixture_loss)


class Radiation(Acting):
    """Loss of an optically thin gas to black surroundings.

    rows : of the species of `planck.RADIATING`, -1 where the mechanism has none;  molar_mass [kg/kmol]
    surroundings : their temperature [K]
    """

    def __init__(self, rows: Sequence[int], molar_mass: Tensor, surroundings: float) -> None:
        self.rows = torch.tensor(list(rows), device=molar_mass.device)
        self.molar_mass, self.surroundings = molar_mass, surroundings
        self._last: tuple[weakref.ref[View], Tensor] | None = None  # both calls of a step see one view

    def loss(self, view: View) -> Tensor:
        """Power lost per volume, (nz, ny, nx) [W/m3]."""
        if self._last is None or self._last[0]() is not view:
            found = loss_kernel(view.T, view.Y, self.molar_mass, self.rows, view.p0, self.surroundings)
            self._last = weakref.ref(view), found
        return self._last[1]

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """The loss of the state at the start of the step."""
        loss = self.loss(view)
        scalars = torch.zeros((1 + len(self.molar_mass), *loss.shape), dtype=loss.dtype, device=loss.device)
        scalars[0] = -loss
        return Rates(scalars)

    @property
    def fields(self) -> Mapping[str, Show]:
        return {"radiative_loss": self.loss}

    @property
    def columns(self) -> Mapping[str, Count]:
        return {"radiated": self.power}

    def power(self, view: View) -> float:
        """What the whole domain loses now [W]."""
        own = float((self.loss(view) * view.grid.volume).sum())
        return view.grid.block.comm.sum(own)[0]

    def concerns(self, view: View) -> dict[str, str]:
        """Gas beyond the range of the fits, whose coefficients are then those at its ends."""
        low, high = planck.RANGE
        hottest, coldest = view.grid.block.comm.max(float(view.T.max()), -float(view.T.min()))
        if hottest <= high and -coldest >= low * (1 - 1e-2):  # gas that is cold radiates nothing that counts
            return {}
        return {"radiation": f"radiation: the gas is {-coldest:.0f} to {hottest:.0f} K, absorption coefficients are "
                f"fits from {low:g} to {high:g} K: beyond, those at the ends are taken"}  # fmt: skip
