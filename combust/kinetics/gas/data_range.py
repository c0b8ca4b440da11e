"""Says where temperatures leave the range of the thermodynamic data: the polynomials are then extrapolated."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from combust.kinetics.gas.protocol import Gas
from combust.kinetics.rates.thermo import column

LEAST = 1e-4  # mass fraction from which a species counts
SLACK = 1e-3  # of a temperature: 299.9 K is not beyond data from 300 K
SHOWN = 6

logger = logging.getLogger(__name__)
_warned: set[tuple[str, str, str]] = set()


def excess(limits: Tensor, T: Tensor, Y: Tensor) -> Tensor:
    """How far the coldest and the hottest cells lie beyond the data of each species that is there, (2, species) K.

    limits (2, species), T (...cells), Y (species, ...cells); zero for species within their range.
    """
    if not T.numel():
        return torch.zeros_like(limits)
    if within(limits, T):
        return torch.zeros_like(limits)
    low, high = (column(x, T) for x in limits)
    below = torch.where((Y >= LEAST) & (T < (1 - SLACK) * low), low - T, 0.0)
    above = torch.where((Y >= LEAST) & (T > (1 + SLACK) * high), T - high, 0.0)
    return torch.stack([x.reshape(x.shape[0], -1).amax(1) for x in (below, above)])


def within(limits: Tensor, T: Tensor) -> bool:
    """Whether the data of all species reach over all T (...cells); limits (2, species)."""
    return bool((T.min() >= limits[0].max()) & (T.max() <= limits[1].min()))


def sentence(gas: Gas, beyond: Tensor) -> str:
    """What `excess` means, in words; empty where there is none."""
    parts = []
    for end, sign in ((0, -1), (1, 1)):
        limits, over = gas.T_limits[end].tolist(), beyond[end].tolist()
        rows = [k for k, x in enumerate(over) if x > 0]
        if not rows:
            continue
        T = max(rows, key=lambda k: sign * limits[k] + over[k])
        names = [f"{gas.species[k]} ({limits[k]:g} K)" for k in sorted(rows, key=lambda k: sign * limits[k])]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        reached = limits[T] + sign * over[T]
        way = "above" if sign > 0 else "below"
        parts.append(f"{reached:.5g} K lies {way} the data of {', '.join(names[:SHOWN])}{more}")
    if not parts:
        return ""
    return f"{'; '.join(parts)}: {gas.path} does not say how hot such gas is, its polynomials are extrapolated"


def warn(gas: Gas, where: str, T: Tensor, Y: Tensor) -> None:
    """Warns of temperatures (...cells) beyond the data of species that are there (species, ...cells), once a place."""
    if not T.numel() or within(gas.T_limits, T):
        return
    beyond = excess(gas.T_limits, T, Y)
    if bool((beyond > 0).any()) and (key := (gas.sha256, gas.name, where)) not in _warned:
        _warned.add(key)
        logger.warning("%s: %s", where, sentence(gas, beyond))
