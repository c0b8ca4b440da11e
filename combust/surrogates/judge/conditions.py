"""At which conditions a learned chemistry is judged: chosen from the ranges of its card, not from its samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from combust.errors import ConfigError
from combust.units import ATM

WIDE = 6.0  # largest over smallest equivalence ratio, from which flames are judged at five of them
WIDE_PHI, NARROW_PHI = (0.5, 0.7, 1.0, 1.4, 2.0), (0.7, 0.9, 1.2)
EDGE = 1.2  # flames keep this factor from the ends of the range: in the front phi is not that of the fresh gas
RAISED = 0.7  # of the logarithm from 1 atm to the highest pressure
USUAL_DT = 1e-6  # s
USUAL_T = 300.0  # K
PREHEATED = 1.2  # hottest over coldest fresh gas, from which flames of the hottest are judged too


@dataclass(frozen=True)
class Reactor:
    """A homogeneous ignition at constant pressure (or volume, if the model keeps that)."""

    phi: float
    p: float  # Pa
    T: float  # K

    def __str__(self) -> str:
        return f"phi {self.phi:.3g}, {self.p / ATM:.3g} atm, {self.T:.0f} K"


@dataclass(frozen=True)
class Flame:
    """A planar free flame."""

    phi: float
    p: float  # Pa
    T: float = USUAL_T  # K, of the fresh gas

    def __str__(self) -> str:
        heated = "" if self.T == USUAL_T else f", {self.T:g} K"
        return f"phi {self.phi:g}, {self.p / ATM:.3g} atm{heated}"


@dataclass(frozen=True)
class Effort:
    """How much is computed."""

    temperatures: int  # of reactors, at each phi and p
    mixtures: tuple[float, ...]  # phi of reactors, as shares of the logarithm of the range
    pressures: int
    induction: int  # steps, the longest delay
    steps: int  # of reactors in all
    all_flames: bool  # or that in the middle of the range alone
    flame_steps: int
    rows: int  # of the one-step test


FULL = Effort(4, (0.25, 0.5, 0.8), 2, 12_000, 50_000, True, 300, 4000)
QUICK = Effort(2, (0.5,), 2, 250, 600, False, 60, 600)
FEWEST = 500  # steps of reactors: some delays of some dozen steps, and what follows


def shortened(effort: Effort, steps: int | None) -> Effort:
    """With so many steps of reactors, of which the longest delay takes 0.4. Raises ConfigError for too few."""
    if steps is None:
        return effort
    if steps < FEWEST:
        raise ConfigError(f"--steps {steps}: reactors need at least {FEWEST}")
    return replace(effort, steps=steps, induction=min(effort.induction, int(0.4 * steps)))


def step_of(card: dict[str, Any]) -> float:
    """1e-6 s, or the middle of the range if that does not hold it."""
    low, high = card["ranges"]["dt"]
    return USUAL_DT if 1.5 * low <= USUAL_DT <= high / 1.5 else float(f"{math.sqrt(low * high):.1g}")


def mixtures(card: dict[str, Any], effort: Effort) -> list[tuple[float, float]]:
    """(phi, p) of reactors."""
    low, high = card["ranges"]["phi"]
    phis = [float(f"{low * (high / low) ** share:.2g}") for share in effort.mixtures]
    return [(phi, p) for phi in phis for p in pressures(card)[: effort.pressures]]


def pressures(card: dict[str, Any]) -> list[float]:
    """1 atm (or what comes next to it), and one well above; one only if the range is narrow."""
    low, high = card["ranges"]["p"]
    base = min(max(ATM, low), high)
    raised = ATM * float(f"{(base * (high / base) ** RAISED) / ATM:.2g}")
    return [base, raised] if low <= raised <= high and raised > 1.2 * base else [base]


def flames(card: dict[str, Any], T_fresh: tuple[float, float], effort: Effort) -> list[Flame]:
    """Over phi at 1 atm, one at a higher pressure, and the leanest, middle and richest with the hottest fresh gas."""
    low, high = card["ranges"]["phi"]
    usual = WIDE_PHI if high / low > WIDE else NARROW_PHI
    phis = [phi for phi in usual if EDGE * low <= phi <= high / EDGE] or [float(f"{math.sqrt(low * high):.2g}")]
    base, *raised = pressures(card)
    cold, hot = T_fresh
    if not effort.all_flames:
        return [Flame(phis[len(phis) // 2], base, cold)]
    some = sorted({phis[0], phis[len(phis) // 2], phis[-1]}) if hot > PREHEATED * cold else []
    return [
        *(Flame(phi, base, cold) for phi in phis),
        *(Flame(phis[len(phis) // 3], p, cold) for p in raised),
        *(Flame(phi, base, hot) for phi in some),
    ]


NARROW = 1.05  # highest over lowest phi or pressure, up to which a range has no two ends


def ends(card: dict[str, Any], T_fresh: tuple[float, float], effort: Effort) -> list[Flame]:
    """Flames at the ends of phi (usual pressure) and of p (middle mixture), of the coldest fresh gas; the leanest and
    that of the highest pressure alone where only some flames are asked for.
    """
    phis, ps = (card["ranges"][name] for name in ("phi", "p"))
    base, middle = pressures(card)[0], float(f"{math.sqrt(phis[0] * phis[1]):.2g}")
    by_phi = [Flame(phi, base, T_fresh[0]) for phi in phis] if phis[1] > NARROW * phis[0] else []
    by_p = [Flame(middle, p, T_fresh[0]) for p in ps] if ps[1] > NARROW * ps[0] else []
    return by_phi + by_p if effort.all_flames else by_phi[:1] + by_p[-1:]
