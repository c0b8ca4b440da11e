"""Search for the smallest part of a mechanism whose errors are within their tolerances.

The functions here know nothing of chemistry: `judge` takes parts of a mechanism and says how bad each is; 1 is the
worst score that is allowed, and a part that cannot burn has an infinite one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from combust.reduction.submechanism import Subset
from combust.report.meter import SILENT


@dataclass(frozen=True)
class Judgement:
    """Errors of a part: by case, by metric."""

    subset: Subset
    score: float  # largest error over its tolerance
    errors: dict[int, dict[str, float]] = field(default_factory=dict)
    why: str = ""  # the case and metric of the largest, or why it failed

    @property
    def passes(self) -> bool:
        return self.score <= 1.0


NOTHING = 0.01  # a change of the score that is none
HOPELESS = 20.0  # a score from which a species is not tried again

Judge = Callable[[Sequence[Subset]], list[Judgement]]
Say = Callable[[str], None]


def smallest(nested: Sequence[Subset], judge: Judge, look: int, width: int = 3) -> Judgement | None:
    """The smallest of nested parts (ascending sizes) that passes; None if even the last fails.

    The error is not monotone in the size: once the interval between a failure and a success is closed, `look` sizes
    below the success are tried too, and again below each new success. width: candidates judged at once.
    """
    best = judge([nested[-1]])[0]
    if not best.passes:
        return None
    low, high = -1, len(nested) - 1  # fails (or is empty), passes
    while high - low > 1:
        inner = sorted({low + round((high - low) * (i + 1) / (width + 1)) for i in range(width)} - {low, high})
        for at, found in zip(inner, judge([nested[i] for i in inner]), strict=True):
            if found.passes and at < high:
                best, high = found, at
        # Above the smallest that passes there may be failures; below it, the largest failure bounds the search.
        low = max([low, *(at for at in inner if at < high)])
    while look and high > 0:
        below = list(range(max(0, high - look), high))
        passed = [
            (at, found) for at, found in zip(below, judge([nested[i] for i in below]), strict=True) if found.passes
        ]
        if not passed:
            break
        high, best = passed[0]
    return best


def greedy(
    start: Judgement,
    candidates: Sequence[int],
    without: Callable[[Subset, int], Subset],
    judge: Judge,
    say: Say = SILENT.say,
    name: Callable[[int], str] = str,
) -> Judgement:
    """Removes one candidate after the other, each time the one whose removal leaves the smallest score.

    Those that change nothing, alone and all together, go in one round.
    """
    best, left = start, list(candidates)
    while left:
        found = judge([without(best.subset, k) for k in left])
        idle = [k for k, f in zip(left, found, strict=True) if f.score <= best.score + NOTHING]
        if len(idle) > 1:
            together = judge([functools.reduce(without, idle, best.subset)])[0]
            if together.score <= best.score + NOTHING:
                best, left = together, [k for k in left if k not in idle]
                say(f"without {', '.join(map(name, idle))}: {best.subset}, score {best.score:.3f} ({best.why})")
                continue
        score, place = min((f.score, i) for i, f in enumerate(found))
        if score > 1.0:
            say(f"no further removal passes; the best would have a score of {score:.3g} ({found[place].why})")
            break
        best = found[place]
        say(f"without {name(left[place])}: {best.subset}, score {score:.3f} ({best.why})")
        # What fails badly on its own seldom passes later, when more is gone.
        left = [k for i, k in enumerate(left) if i != place and found[i].score <= HOPELESS]
    return best


def initial(
    start: Judgement,
    candidates: Sequence[int],
    without: Callable[[Subset, int], Subset],
    judge: Judge,
    say: Say = SILENT.say,
    name: Callable[[int], str] = str,
) -> Judgement:
    """Removes candidates in the order of the score that each alone leaves, passing over those that would fail."""
    found = judge([without(start.subset, k) for k in candidates])
    ranked = [k for score, k in sorted((f.score, k) for f, k in zip(found, candidates, strict=True))
              if math.isfinite(score)]  # fmt: skip
    best = start
    for k in ranked:
        tried = judge([without(best.subset, k)])[0]
        if tried.passes:
            best = tried
            say(f"without {name(k)}: {best.subset}, score {best.score:.3f} ({best.why})")
    return best
