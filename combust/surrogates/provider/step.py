"""A step of learned chemistry in a flow: what its cells begin with, their routes, and how they go to another rank."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.kinetics.integrate.blocks import take
from combust.kinetics.integrate.durations import Durations


@dataclass
class LearnedStep:
    """What `begin` prepared and the first `advance` decided."""

    z: Tensor
    chemical: Tensor  # dz/dt at z without transport
    near: Tensor  # references (cells,)
    p: Tensor
    durations: Durations
    slow: Tensor | None = None  # cells of each route, known after the first `advance`
    network: Tensor | None = None
    exact: Tensor | None = None
    last: tuple[Tensor, Tensor] | None = None  # source and end of the last `advance`

    def packed(self, cells: Tensor, s: Tensor) -> Tensor:
        """Some cells and their sources s as one field (rows, cells), which says all that their steps hang on."""
        rows = [take(self.z, cells), take(self.chemical, cells), take(s, cells), self.p[cells].unsqueeze(0)]
        rows.append(self.near[cells].to(self.z.dtype).unsqueeze(0))
        share = self.durations.of(cells).share
        return torch.cat(rows if share is None else [*rows, share.unsqueeze(0)])

    @staticmethod
    def unpacked(given: Tensor, species: int, whole: float) -> tuple[LearnedStep, Tensor]:
        """The cells of `packed`, of this rank or another, and their sources; whole : dt [s]."""
        n = 1 + species
        z, chemical, s = (given[k * n : (k + 1) * n].contiguous() for k in range(3))
        p, near, *share = given[3 * n :]
        return LearnedStep(z, chemical, near.long(), p, Durations(whole, share[0] if share else None)), s
