"""Convection of momentum as case files name it, `numerics.momentum`; loads nothing."""

from __future__ import annotations

from typing import Literal

Momentum = Literal["central", "conserving"]
ABOUT_MOMENTUM = (
    "velocity at faces in the convection of momentum; central: linear interpolation, which conserves kinetic energy on "
    "uniform grids; conserving: the mean of two, which conserves it on stretched ones too"
)
