"""Whether a learned chemistry was taught the gases that a case starts with and lets in; said in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from combust.cfd.boundaries.conditions import Inflow, Sides, conditions_of
from combust.cfd.initial.settings import FlameInitial, KernelInitial
from combust.surrogates.model.card import Pair, taught_of
from combust.surrogates.model.model import settings_of
from combust.surrogates.trust.fresh import MARGIN, SAME, Mixing
from combust.surrogates.trust.parts import Parts


@dataclass(frozen=True)
class Gas:
    """A gas of a case: the key that gives its temperature, T [K], Y (species,), whether a flame is to burn in it."""

    where: str
    T: float
    Y: np.ndarray
    flame: bool


def gases(table: Any, mixture: Callable[[Any], Tensor], boundaries: tuple[Sides, Sides, Sides]) -> list[Gas]:
    """The gas of the table `initial`, and what flows in; mixture: Y of a table, boundaries: along z, y and x."""
    found: list[Gas] = []
    if table.one_gas:
        flame = isinstance(table, FlameInitial | KernelInitial)
        found.append(Gas("initial.temperature", table.temperature, mixture(table).cpu().numpy(), flame))
    for axis, pair in zip("zyx", boundaries, strict=True):
        for end, side in zip(("low", "high"), pair, strict=True):
            for stream in (s for c in conditions_of(side) if isinstance(c, Inflow) for s in c.streams):
                T, Y = float(stream[0]), stream[1:].cpu().numpy()
                if not any(gas.T == T and np.array_equal(gas.Y, Y) for gas in found):
                    found.append(Gas(f"boundary.{axis}_{end}.temperature", T, Y, False))
    return found


@dataclass(frozen=True)
class Verdict:
    """Whether the network may be asked at all, and what is to be said."""

    trusted: bool
    words: dict[str, str] = field(default_factory=dict)  # by what they are about


TAUGHT = Verdict(True)


def judge(parts: Parts, gases: Sequence[Gas], fallback: str, router: bool) -> Verdict:
    """Of the gases of a case. The network is asked nothing where none of them was taught, or not that of the flame."""
    flames, ignitions = taught(parts)
    card, model = parts.model.card, parts.model.name
    mixing = Mixing.of(parts.gas, parts.model.hold, card["fuel"], card["oxidizer"])
    words: dict[str, str] = {}
    strange = []
    for gas in gases:
        _, found = mixing(np.array([gas.T]), gas.Y[None])
        side = beyond(gas, float(found[0]), flames, ignitions)
        if side:
            strange.append(gas)
            words[gas.where] = (
                f"{gas.where} = {gas.T:g} K: fresh gas {side} than what learned chemistry '{model}' was taught "
                f"({spans(flames, ignitions)}): {fate(fallback, router)}. Train a model for it (range.T_fresh, combust "
                'train), or set chemistry.kind = "direct"'
            )
    if parts.fresh is None:
        words["fresh gas"] = (
            f"learned chemistry '{model}' does not know the fresh gas of its training from cell to cell; only the gases"
            " of the case are compared. `combust train CONFIG --init MODEL --range` adds it"
        )
    lost = bool(strange) and (len(strange) == len(gases) or any(gas.flame for gas in strange))
    return Verdict(not lost, words)


def taught(parts: Parts) -> tuple[Pair | None, Pair | None]:
    """Fresh gas of flames and of ignitions [K], by the card; of an older one by the configuration in it."""
    found = taught_of(parts.model.card, parts.model.name)
    if found is not None:
        return found.flames, found.ignitions
    settings = settings_of(parts.model)
    asked = settings.sample.trajectories
    flames = asked.flame or asked.counterflow or asked.burner or asked.extinction
    return settings.range.T_fresh if flames else None, settings.range.T_ignition if asked.ignition else None


def beyond(gas: Gas, fresh: float, flames: Pair | None, ignitions: Pair | None) -> str:
    """How a gas, `fresh` [K] when it was fresh, differs from what was taught; "" where it does not. Burnt gas that has
    lost heat does not.
    """
    ranges = [pair for pair in (flames, None if gas.flame else ignitions) if pair is not None]
    if not ranges or any(low - MARGIN <= fresh <= high + MARGIN for low, high in ranges):
        return ""
    if fresh < min(low for low, _ in ranges):
        return "colder" if abs(fresh - gas.T) < SAME else ""
    return "hotter" if fresh > max(high for _, high in ranges) else "other"


def spans(flames: Pair | None, ignitions: Pair | None) -> str:
    """In words."""
    given = ((flames, "flames of {:g} to {:g} K"), (ignitions, "ignitions from {:g} to {:g} K"))
    return ", ".join(text.format(*pair) for pair, text in given if pair is not None)


def fate(fallback: str, router: bool) -> str:
    """What becomes of the cells."""
    if not router:
        return "router = false gives its cells to the network all the same"
    return "its cells do not react" if fallback == "none" else "its cells go to exact chemistry"
