"""Convection of momentum and order as case files name them, `numerics.momentum` and `.order`; loads nothing."""

from __future__ import annotations

from typing import Literal

Momentum = Literal["central", "conserving"]
Order = Literal[2, 4]
ABOUT_ORDER = (
    "of differences in space along periodic directions of equal cells: 4 for momentum, pressure, diffusion and, with "
    "reconstruction weno5 or central, scalars; along other directions it is 2"
)
ABOUT_MOMENTUM = (
    "velocity at faces in the convection of momentum; central: linear interpolation, which conserves kinetic energy on "
    "uniform grids; conserving: the mean of two, which conserves it on stretched ones too"
)
