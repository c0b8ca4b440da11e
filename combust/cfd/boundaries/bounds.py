"""What bounds a side: where walls stand that a profile by name goes to, and its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combust.cfd.boundaries import settings
from combust.cfd.boundaries.shapes import Span
from combust.cfd.mesh.grid import NAMES, ROUND_OFF

Reach = tuple[float, float]


@dataclass(frozen=True)
class Bounds:
    """faces : global face coordinates (z, y, x) [m];  sides : table of each side;  round : the mesh is axisymmetric."""

    faces: tuple[np.ndarray, np.ndarray, np.ndarray]
    sides: Mapping[str, Any]
    round: bool

    @property
    def nothing(self) -> str:
        """Why there is no profile, in words."""
        return "the side has no direction along which a profile could go from wall to wall"

    def even(self, name: str, reach: Reach) -> bool:
        """Whether nothing bounds the flow along a coordinate: it is periodic, or between two planes of symmetry."""
        return isinstance(self.sides.get(f"{name}_low"), settings.Periodic) or all(self._mirrored(name, reach))

    def span(self, name: str, reach: Reach) -> Span:
        """From wall to wall of what the side or its part has, `reach`; beyond a plane of symmetry is its image."""
        low, high = reach
        if self.round and name == "y":
            return Span(low if low > ROUND_OFF * high else 0.0, high, True)
        mirrored = self._mirrored(name, reach)
        return Span(low - (high - low) * mirrored[0], high + (high - low) * mirrored[1])

    def _mirrored(self, name: str, reach: Reach) -> tuple[bool, bool]:
        """Whether the low and the high end of a reach is a plane of symmetry."""
        ends = self.faces[NAMES.index(name)][[0, -1]]
        near = ROUND_OFF * float(ends[1] - ends[0])
        low, high = (
            abs(reach[i] - ends[i]) <= near and isinstance(self.sides.get(f"{name}_{end}"), settings.Symmetry)
            for i, end in enumerate(("low", "high"))
        )
        return low, high

    def cells(self, name: str, reach: Reach) -> tuple[Tensor, Tensor]:
        """Centres and weights of the cells of the side, or its part, along a coordinate."""
        faces = self.faces[NAMES.index(name)]
        centres, width = 0.5 * (faces[1:] + faces[:-1]), np.diff(faces)
        own = (centres >= reach[0]) & (centres < reach[1])
        weight = width * centres if self.round and name == "y" else width
        return torch.tensor(centres[own], dtype=torch.float64), torch.tensor(weight[own], dtype=torch.float64)
