"""What closures of averaged flow, with equations of k and a scale, have in common: their start."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from combust.cfd.closures.speed import largest_speed
from combust.cfd.closures.view import View
from combust.errors import ConfigError
from combust.settings.eddies import Eddies

INTENSITY, LENGTH = 0.05, 0.07  # of a start that says nothing: u' over the largest speed, length over the least extent


def start(view: View, initial: Eddies | None, names: tuple[Literal["k", "epsilon", "omega"], ...]) -> Tensor:
    """(rows, nz, ny, nx) of the quantities of these names, the same everywhere (collective); None: those of INTENSITY
    and LENGTH. Raises ConfigError where nothing moves.
    """
    speed, given = largest_speed(view), initial
    if given is None:
        faces = view.grid.faces
        least = min(float(faces[a][-1] - faces[a][0]) for a in view.grid.layout.axes)
        given = Eddies(intensity=INTENSITY, length=LENGTH * least)
    rows = [float(given.value(name, speed, "turbulence.initial")) for name in names]
    if not all(row > 0 and math.isfinite(row) for row in rows):
        raise ConfigError("turbulence.initial: nothing moves at the start: give k, and length, epsilon or omega")
    found = torch.tensor(rows, dtype=torch.float64, device=view.grid.device).reshape(-1, 1, 1, 1)
    return found.expand(len(rows), *view.grid.layout.n).clone()
