"""What a low-Mach problem consists of: gas, boundaries, gravity, forcing, and the numerical choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from combust.cfd.boundaries import Boundary
from combust.cfd.momentum import Faces
from combust.kinetics.mechanism import Mechanism

Sides = tuple[Boundary | None, Boundary | None]


@dataclass(frozen=True)
class Forcing:
    """Sources of a manufactured or forced problem at a time [s].

    scalars : (1 + species, nz, ny, nx) of rho h and rho Y;  momentum : per axis on the block's faces [N/m3]
    """

    scalars: Callable[[float], torch.Tensor]
    momentum: Callable[[float], Faces]


@dataclass(frozen=True)
class Problem:
    """The physics. boundaries : per axis (z, y, x) the low and high side, None where periodic or inactive."""

    gas: Mechanism
    boundaries: tuple[Sides, Sides, Sides]
    transport: Any = "mixture-averaged"
    gravity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    reference_density: float = 0.0
    forcing: Forcing | None = None


@dataclass(frozen=True)
class Numerics:
    """The choices of the scheme; see docs/numerics in the case reference."""

    coupling: str = "sdc"
    sweeps: int = 2
    cfl: float = 0.5
    advection: str = "van-leer"
    eos_limit: float = 0.05
    max_stages: int = 60


@dataclass
class Unburnt:
    """The fresh gas that flame speeds refer to."""

    density: float
    Y: torch.Tensor
    fuel: int
    burnt_Y: torch.Tensor | None = None
    temperature: float = 300.0
    burnt_temperature: float = 0.0
    oxygen: int | None = None
    extra: dict[str, float] = field(default_factory=dict)
