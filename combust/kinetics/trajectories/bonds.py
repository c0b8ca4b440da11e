"""Bonds that form and break: hysteresis of order or distance, and how long each change lasts."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from combust.errors import FileFormatError
from combust.kinetics.trajectories.formats.frames import Frame


@dataclass(frozen=True)
class Hysteresis:
    """A pair is bonded once its strength is at least `on`, and until it is below `off`."""

    on: float
    off: float


@dataclass(frozen=True)
class Changes:
    """What bonds did over a trajectory, 24 bytes a change whatever the number of frames.

    elements : of the atoms;  begin, end : first and last step;  frames : how many;  between : most steps between two
    start (bonds,) : pairs bonded at the start, as i * atoms + j
    step, pair, lasting (changes,) : when which pair formed or broke a bond, in the order of steps; the shortest time
        [steps] that would wipe the change out, infinite for one that stays
    volume : mean [m3], None if no frame has one;  swing : largest relative departure from it
    """

    elements: tuple[str, ...]
    begin: int
    end: int
    frames: int
    between: int
    start: np.ndarray
    step: np.ndarray
    pair: np.ndarray
    lasting: np.ndarray
    volume: float | None = None
    swing: float = 0.0

    def persistent(self, least: int) -> tuple[np.ndarray, np.ndarray]:
        """(steps, pairs) of the changes that last at least `least` steps."""
        use = self.lasting >= least
        return self.step[use], self.pair[use]


def changes(frames: Iterable[Frame], by: Hysteresis, source: str) -> Changes:
    """Reads all frames. Raises FileFormatError for fewer than two, or what the frames raise."""
    now = start = np.empty(0, np.int64)
    when: list[np.ndarray] = []
    which: list[np.ndarray] = []
    count, begin, between, last = 0, 0, 0, 0
    volumes = [0.0, np.inf, -np.inf]
    elements: tuple[str, ...] = ()
    for frame in frames:
        strong = frame.strength >= by.on
        if count == 0:
            elements, begin = frame.elements, frame.step
            now = start = frame.pairs[frame.strength >= 0.5 * (by.on + by.off)]
        else:
            held = (frame.strength >= by.off) & ~strong
            if held.any():
                strong[held] = among(frame.pairs[held], now)
            between = max(between, frame.step - last)
            then, now = now, frame.pairs[strong]
            if len(then) != len(now) or not np.array_equal(then, now):
                changed = np.setxor1d(then, now, assume_unique=True)
                which.append(changed)
                when.append(np.full(len(changed), frame.step, np.int64))
        if frame.volume is not None:
            volumes = [volumes[0] + frame.volume, min(volumes[1], frame.volume), max(volumes[2], frame.volume)]
        last = frame.step
        count += 1
    if count < 2:
        raise FileFormatError(f"{source}: {count} frame: at least two are needed")
    mean = volumes[0] / count if volumes[0] else None
    swing = max(volumes[2] / mean - 1, 1 - volumes[1] / mean) if mean else 0.0
    step = np.concatenate(when) if when else np.empty(0, np.int64)
    pair = np.concatenate(which) if which else np.empty(0, np.int64)
    return Changes(elements, begin, last, count, between, start, step, pair, lasting(step, pair), mean, swing)


def among(some: np.ndarray, all_: np.ndarray) -> np.ndarray:
    """Whether each of `some` is in `all_`, which ascends."""
    if not len(all_):
        return np.zeros(len(some), bool)
    return all_[np.searchsorted(all_, some).clip(max=len(all_) - 1)] == some


def lasting(step: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """How long the state lasts that each change begins or ends, whichever is shorter, once shorter ones are gone.

    The shortest stay of a pair in one state is wiped out first, with both its changes; the stays around it become one.
    What is left at any least duration is then the same as if one had begun with that.
    """
    found = np.full(len(step), np.inf)
    way = np.lexsort((step, pair))
    begin = np.flatnonzero(np.diff(pair[way], prepend=-1))
    size = np.diff(np.append(begin, len(way)))
    two = begin[size == 2]
    found[way[two]] = found[way[two + 1]] = step[way[two + 1]] - step[way[two]]
    for first, count in zip(begin[size > 2].tolist(), size[size > 2].tolist(), strict=True):
        group = way[first : first + count]
        found[group] = durations(step[group])
    return found


def durations(step: np.ndarray) -> np.ndarray:
    """`lasting` of one pair, whose changes are at these steps."""
    n = len(step)
    at = [int(one) for one in step]
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    found = np.full(n, np.inf)
    gone = [False] * n
    heap = [(at[i + 1] - at[i], i, i + 1) for i in range(n - 1)]
    heapq.heapify(heap)
    while heap:
        length, i, j = heapq.heappop(heap)
        if gone[i] or gone[j] or after[i] != j:
            continue
        found[i] = found[j] = length
        gone[i] = gone[j] = True
        left, right = before[i], after[j]
        if left >= 0:
            after[left] = right
        if right < n:
            before[right] = left
        if left >= 0 and right < n:
            heapq.heappush(heap, (at[right] - at[left], left, right))
    return found
