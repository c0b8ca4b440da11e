"""What an ignition delay is: the quantity that is watched, the event in it, and how its time is read from a history.

Experiments say when something happened in a signal: pressure, temperature, the light of OH*. The kinds, and what they
are called in ChemKED (10.1002/kin.21142) and ReSpecTh files:

| kind                   | time of                                           | in files                              |
|------------------------|---------------------------------------------------|---------------------------------------|
| max slope              | the steepest rise                                 | d/dt max                              |
| max                    | the largest value                                 | max                                   |
| half max               | half way from the first to the largest value      | 1/2 max                               |
| N% max                 | N percent of that way                             | relative concentration                |
| max slope extrapolated | where the tangent at the steepest rise crosses    | d/dt max extrapolated, baseline ...   |
|                        | the first value                                   | intercept from d/dt                   |
| min slope              | the steepest fall, of the fuel for example        | d/dt min                              |

A species counts by its mass fraction: at constant volume that is in proportion to its concentration, which is what
light shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from combust.errors import ConfigError

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism

KINDS = ("max slope", "max", "half max", "N% max", "max slope extrapolated", "min slope")
SAME = {  # as ChemKED and ReSpecTh say it
    "d/dt max": "max slope",
    "d/dt max extrapolated": "max slope extrapolated",
    "baseline max intercept from d/dt": "max slope extrapolated",
    "baseline min intercept from d/dt": "max slope extrapolated",
    "1/2 max": "half max",
    "half rise": "half max",
    "d/dt min": "min slope",
}
SIGNALS = {"temperature": "T", "pressure": "p"}
SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*% max")
EXCITED = re.compile(r"(?P<ground>[A-Za-z0-9]+?)(\*|EX|V|\(A\)|-A)", re.IGNORECASE)  # OH*, OHEX, CH(A), ...
MARKS = ("*", "EX", "V", "(A)", "-A", "S")  # how mechanisms mark electronically excited species
LEAST_RISE = 1.0  # K: less is no ignition


@dataclass(frozen=True)
class Criterion:
    """What marks the ignition: the quantity "T", "p" or a species of the mechanism, and the kind of event."""

    quantity: str
    kind: str
    share: float = 0.5  # of the way from the first value to the largest, of the kind "half max"

    def __str__(self) -> str:
        kind = self.kind if self.kind != "half max" or self.share == 0.5 else f"{100 * self.share:g}% max"
        return f"{self.quantity} {kind}"

    @classmethod
    def parse(cls, text: str, gas: Mechanism, hold: str) -> Criterion:
        """Of "T max slope", "OH* max", "p half max"; raises ConfigError or MechanismError saying what is allowed."""
        quantity, _, kind = text.strip().partition(" ")
        kind = " ".join(kind.split())
        kind, share = SAME.get(kind, kind), 0.5
        if part := SHARE.fullmatch(kind):
            kind, share = "half max", float(part[1]) / 100
        if kind not in KINDS or kind == "N% max" or not 0 < share < 1:
            raise ConfigError(
                f'ignition criterion "{text}": allowed is a quantity (T, p or a species), then {" | ".join(KINDS)}'
            )
        quantity = SIGNALS.get(quantity, quantity)
        if quantity == "p" and hold == "hp":
            raise ConfigError(f'ignition criterion "{text}": the pressure of an "hp" reactor is constant; use "uv"')
        return cls(quantity if quantity in ("T", "p") else signal_species(gas, quantity, kind), kind, share)


def signal_species(gas: Mechanism, name: str, kind: str = "max") -> str:
    """The mechanism's species of that name, an excited one under any of its marks.

    Raises ConfigError for an excited species that the mechanism lacks, which names its ground state as a proxy;
    MechanismError for any other unknown species.
    """
    row = gas.names.row(name)
    if row is not None:
        return gas.species[row]
    excited = EXCITED.fullmatch(name)
    ground = excited["ground"] if excited is not None else ""
    if excited is None or gas.names.row(ground) is None:
        gas.index(name)  # which says what there is
    found = excited_species(gas, ground)
    if found is None:
        looked = ", ".join(ground + mark for mark in MARKS)
        raise ConfigError(
            f"{gas.path}: no electronically excited {ground} (looked for {looked}). {ground} in its ground state is a "
            f'common proxy: say so with "{ground} {kind}"'
        )
    return found


def excited_species(gas: Mechanism, ground: str) -> str | None:
    """The mechanism's electronically excited species of `ground`, e.g. OHV of OH; None if there is none."""
    row = gas.names.row(ground)
    atoms = gas.element_matrix[:, row] if row is not None else None
    for mark in MARKS:
        there = gas.names.row(ground + mark)
        if there is not None and (atoms is None or bool((gas.element_matrix[:, there] == atoms).all())):
            return gas.species[there]
    return None


def read_delays(
    criterion: Criterion, t: Tensor, value: Tensor, slope: Tensor, T: Tensor, rise: Tensor | float = LEAST_RISE
) -> Tensor:
    """Delays (cells,) s from t, value, slope, T (cells, visits), NaN after the last visit of a cell.

    NaN where T rises by less than `rise` [K], or the quantity has no such event before the end.
    """
    hotter = torch.nan_to_num(T, nan=0.0).amax(1) - T[:, 0] >= rise
    kind = criterion.kind
    if kind in ("max slope", "min slope"):
        at = _steepest(t, slope if kind == "max slope" else -slope)[0]
    elif kind == "max slope extrapolated":
        at = _intercept(t, value, slope)
    elif kind == "half max":
        at = _part_way(t, value, slope, criterion.share)
    else:
        at = _maximum(t, value, slope)
    return torch.where(hotter, at, torch.nan)


def _pick(x: Tensor, at: Tensor) -> Tensor:
    return x.gather(1, at.unsqueeze(1)).squeeze(1)


def _interior(score: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the largest entry of each row, kept away from the ends, and whether it lay away from them."""
    last = (~torch.isnan(score)).sum(1) - 1
    at = torch.nan_to_num(score, nan=-torch.inf).argmax(1)
    inside = (at > 0) & (at < last)
    return torch.where(inside, at, torch.ones_like(at)), inside


def _steepest(t: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Time of the largest slope, by a parabola through three; that slope; and the visit next to it."""
    if t.shape[1] < 3:
        nothing = torch.full_like(t[:, 0], torch.nan)
        return nothing, nothing, torch.zeros_like(nothing, dtype=torch.int64)
    at, inside = _interior(slope)
    (t0, t1, t2), (g0, g1, g2) = ([_pick(x, at + i) for i in (-1, 0, 1)] for x in (t, slope))
    left, right = (g1 - g0) / (t1 - t0), (g1 - g2) / (t2 - t1)  # of the secants; both positive at a maximum
    vertex = t1 + 0.5 * (left * (t2 - t1) - right * (t1 - t0)) / (left + right)
    largest = g1 + (left + right) / (t2 - t0) * (vertex - t1) ** 2
    return torch.where(inside, vertex, torch.nan), largest, at


def _intercept(t: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """Time at which the tangent at the steepest rise passes the first value; NaN where it does before the start."""
    when, largest, at = _steepest(t, slope)
    if t.shape[1] < 3:
        return when
    after = torch.where(when < _pick(t, at), at, at + 1)
    there = _cubic(t, value, slope, after)((when - _pick(t, after - 1)) / (_pick(t, after) - _pick(t, after - 1)))
    found = when - (there - value[:, 0]) / largest
    return torch.where(found > t[:, 0], found, torch.nan)


def _maximum(t: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """Time of the largest value: where the slope, taken linear between visits, passes zero."""
    if t.shape[1] < 3:
        return torch.full_like(t[:, 0], torch.nan)
    at, inside = _interior(value)
    start = torch.where(_pick(slope, at) >= 0, at, at - 1)
    (t0, t1), (d0, d1) = ([_pick(x, start + i) for i in (0, 1)] for x in (t, slope))
    return torch.where(inside, t0 + d0 / (d0 - d1) * (t1 - t0), torch.nan)


def _cubic(t: Tensor, value: Tensor, slope: Tensor, after: Tensor) -> Callable[[Tensor], Tensor]:
    """The value between the visits after - 1 and after, as a function of the way from one to the other."""
    (t0, t1), (v0, v1), (d0, d1) = ([_pick(x, after + i) for i in (-1, 0)] for x in (t, value, slope))
    h = t1 - t0
    return lambda x: (
        v0 * (1 + 2 * x) * (1 - x) ** 2 + v1 * x**2 * (3 - 2 * x) + h * x * (1 - x) * (d0 * (1 - x) - d1 * x)
    )


def _part_way(t: Tensor, value: Tensor, slope: Tensor, share: float) -> Tensor:
    """First time at which the value, a cubic between visits, is that share of the way from its start to its largest."""
    if t.shape[1] < 2:
        return torch.full_like(t[:, 0], torch.nan)
    level = (1 - share) * value[:, 0] + share * torch.nan_to_num(value, nan=-torch.inf).amax(1)
    above = value >= level.unsqueeze(1)
    after = above.to(torch.int8).argmax(1).clamp_min(1)
    t0, t1, cubic = _pick(t, after - 1), _pick(t, after), _cubic(t, value, slope, after)
    low, high = torch.zeros_like(t0), torch.ones_like(t0)
    for _ in range(50):
        x = 0.5 * (low + high)
        below = cubic(x) < level
        low, high = torch.where(below, x, low), torch.where(below, high, x)
    return torch.where(above.any(1), t0 + (t1 - t0) * x, torch.nan)
