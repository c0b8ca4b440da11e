"""A model made ready for a mechanism: what the API and the flow share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from combust.errors import ConfigError
from combust.kernels import compiled
from combust.kinetics.integrate.blocks import by_blocks
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import Thermo
from combust.surrogates.model.card import taught_of
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Core, Model, Step, step_kernel
from combust.surrogates.trust import fresh
from combust.surrogates.trust.fresh import FreshGas
from combust.surrogates.trust.references import References
from combust.surrogates.trust.router import Trust, covered_kernel, like_training, trust_of

Precision = Literal["fp32", "bf16", "fp64"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp64": torch.float64}


def taught(
    c: Coordinates, trust: Trust, gas: FreshGas, thermo: Thermo, hold: Hold, T: Tensor, p: Tensor, Y: Tensor
) -> Tensor:
    """Whether cells T, p (cells,), Y (species, cells) are like the training rows and come from such fresh gas."""
    y = fresh.normalised(Y)
    ratio = fresh.ratios(trust.elements, y)
    return like_training(c, trust, T, p, y, ratio) & fresh.from_fresh(gas, thermo, hold, T, y, ratio)


taught_kernel = compiled(taught, dynamic=None)


@dataclass
class Parts:
    """A model made ready for a mechanism: what the API and the flow share."""

    model: Model
    gas: Mechanism
    core: Core
    trust: Trust
    fresh: FreshGas | None = None  # none of a model that was made before this was part of its range

    @classmethod
    def of(cls, model: Model, gas: Mechanism, precision: Precision = "fp32") -> Parts:
        """Raises ConfigError if model and mechanism do not belong together, or for a model without its router."""
        model.require(gas)
        if "router" not in model.card or "references.T" not in model.tables:
            raise ConfigError(
                f"learned chemistry '{model.name}' has no router: its training was not finished; run combust train "
                "with --resume"
            )
        if precision not in DTYPES:
            raise ConfigError(f'precision "{precision}": known are {", ".join(DTYPES)}')
        found, card = taught_of(model.card, model.name), model.card
        table = None if found is None else fresh.tables(found, gas, model.hold, card["fuel"], card["oxidizer"])
        return cls(model, gas, model.core(gas, DTYPES[precision]), trust_of(model, gas), table)

    @property
    def references(self) -> References:
        """States whose Jacobians others share, as the model brings them."""
        return References(self.model.tables["references.T"], self.model.tables["references.Y"])

    def covered(self, T: Tensor, p: Tensor, Y: Tensor) -> Tensor:
        """Cells (cells,) that are like the training rows."""
        own = (self.core.coordinates, self.trust)
        if self.fresh is None:
            good = by_blocks(partial(covered_kernel, *own), T, p, Y)
        else:
            good = by_blocks(partial(taught_kernel, *own, self.fresh, self.gas.thermo, self.model.hold), T, p, Y)
        low, high = self.model.p_range
        return good & (p >= low) & (p <= high)

    def network(self, T: Tensor, p: Tensor, Y: Tensor, dt: float | Tensor) -> Step:
        """The network's step of dt [s], one or (cells,)."""
        h = dt if isinstance(dt, Tensor) else torch.full_like(T, dt)
        return Step(*by_blocks(partial(step_kernel, self.core), T, p, Y, h))
