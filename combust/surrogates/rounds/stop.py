"""When rounds end, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from combust.surrogates.rounds.settings import Stop


class Judged(Protocol):
    """A round, by its held-out flows."""

    @property
    def exact_share(self) -> float: ...
    @property
    def error(self) -> float: ...


def met(one: Judged, stop: Stop) -> bool:
    """Whether a round meets both targets."""
    return one.exact_share <= stop.exact_share and one.error <= stop.error


def gained(rounds: Sequence[Judged], number: int, progress: float) -> bool:
    """Whether a round is better than the best before it by `progress` of that, in one of both."""
    before, now = rounds[:number], rounds[number]
    for name in ("exact_share", "error"):
        best, value = min(getattr(one, name) for one in before), getattr(now, name)
        if value < best and (math.isinf(best) or best - value >= progress * best):
            return True
    return False


def reason(rounds: Sequence[Judged], stop: Stop) -> str:
    """Why no other round follows these, of which the first is the network that was given; empty if one does."""
    done = len(rounds) - 1
    if len(rounds) >= stop.times and all(met(one, stop) for one in rounds[-stop.times :]):
        again = f" in {stop.times} rounds running" if stop.times > 1 else ""
        return (
            f"targets met{again}: {100 * rounds[-1].exact_share:.3g} % exact cells (target "
            f"{100 * stop.exact_share:g} %), error {rounds[-1].error:.3g} (target {stop.error:g})"
        )
    if done >= stop.idle and not any(gained(rounds, k, stop.progress) for k in range(done + 1 - stop.idle, done + 1)):
        return (
            f"no progress: in the last {stop.idle} round(s) neither the share of exact cells nor the error fell by "
            f"{100 * stop.progress:g} % below the best before"
        )
    if done >= stop.rounds:
        return f"rounds used up: {stop.rounds} (stop.rounds), targets not met"
    return ""
