"""The fresh gas of a case that burns, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Unburnt:
    """The fresh gas and its burnt equilibrium, which flame speeds and progress refer to.

    density [kg/m3], temperatures [K]; Y, burnt_Y : (species,); fuel : index of the main fuel species
    streams : (2, species) mass fractions of oxidizer and fuel
    thickness : thermal thickness [m] of the free flame, None where none was solved
    """

    density: float
    Y: torch.Tensor
    fuel: int
    burnt_Y: torch.Tensor
    temperature: float
    burnt_temperature: float
    streams: torch.Tensor
    thickness: float | None = None
