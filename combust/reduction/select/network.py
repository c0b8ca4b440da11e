"""Search for the smallest part of a mechanism by a network that learns what passes: DeePMR.

Parts are Boolean masks of the species that may go. A first set, made by random deletions, is judged by simulation; the
network learns the errors from it and screens tens of thousands of other masks; the most promising are judged by
simulation and join the data; and so on. Wang et al. 2022, doi 10.48550/arXiv.2201.02025. The result is always one that
simulation has judged: the network only says where to look.

Nothing here knows chemistry; see combust.reduction.select.search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy.special import ndtr

from combust.reduction.select.search import Judge, Judgement, Say
from combust.reduction.select.surrogate import HIGH, Surrogate
from combust.reduction.submechanism import Subset
from combust.report.meter import SILENT

Terms = Callable[[Judgement], Mapping[str, float]]

BATCH = (8, 24)  # masks judged in a round
ROUNDS = 14  # that a budget is spread over, within these bounds
QUIET = 8  # rounds without a better mask, after which the search ends
SCREENED, GENERATIONS = 4096, 4  # masks that the network sees: in each of the generations of a round
PARENTS = 24  # judged masks that proposals are made of
NEAR = 3.0  # score of a mask that fails, below which it is a parent nevertheless
ELITE = 64  # proposals that the next generation is made of as well
DOUBT = 0.15  # of a predicted log10 score, besides the spread of the members
NEUTRAL = 0.3  # worth of a mask that passes with as many species as the best, in species
LEAST_REACH, REACH, MOST_REACH = 2, 4, 12  # species fewer than the best that a mask may have


def overall(judgement: Judgement) -> Mapping[str, float]:
    """What the network learns if nothing finer is given."""
    return {"score": judgement.score}


def search(
    start: Judgement,
    candidates: Sequence[int],
    keep: Callable[[Iterable[int]], Subset],
    judge: Judge,
    budget: int,
    seed: int = 0,
    say: Say = SILENT.say,
    importance: Mapping[int, float] | None = None,
    terms: Terms = overall,
) -> Judgement:
    """The best part found with at most `budget` judgements: it passes, has fewest species, then the smallest score.

    candidates: species that may go, or come if `start` lacks them; all others of `start` stay. importance: in [0, 1];
    what matters little is removed more often. terms: errors over tolerances of a judgement, by name; those that a
    judgement lacks are unknown. Returns `start` if nothing better passes. The same arguments give the same result.
    """
    state = _Search(start, candidates, keep, judge, budget, seed, importance or {}, terms)
    if not state.candidates:
        return start
    state.judge(state.first())
    size = min(max(BATCH[0], math.ceil(budget / ROUNDS)), BATCH[1])
    quiet, number = 0, 1
    state.summarise(say, 0)
    while state.left and quiet < QUIET:
        before = state.rank(state.best)
        chosen = state.chosen(min(size, state.left), quiet)
        if not chosen:
            say("network: every mask within reach has been judged")
            break
        state.judge(chosen)
        state.summarise(say, number)
        better = state.rank(state.best) < before
        fewer = state.rank(state.best)[1] < before[1]
        state.reach = min(2 * state.reach, MOST_REACH) if fewer else max(state.reach // 2, LEAST_REACH)
        quiet, number = 0 if better else quiet + 1, number + 1
    return state.judged[state.best]


class _Search:
    """Masks judged so far (True: the candidate is kept), and where to look next."""

    def __init__(
        self, start: Judgement, candidates: Sequence[int], keep: Callable[[Iterable[int]], Subset], judge: Judge,
        budget: int, seed: int, importance: Mapping[int, float], terms: Terms,
    ) -> None:  # fmt: skip
        self.candidates = tuple(dict.fromkeys(candidates))
        self.fixed = tuple(k for k in start.subset.species if k not in set(self.candidates))
        self.keep, self._judge, self.terms, self.seed = keep, judge, terms, seed
        self.left, self.reach = budget, REACH
        self.random = np.random.default_rng(seed)
        inside = set(start.subset.species)
        self.masks = [np.array([k in inside for k in self.candidates], dtype=bool)]
        self.judged = [start]
        self.seen = {self.masks[0].tobytes()}
        self.last = 0  # masks of the last round, and those of them that pass
        # The less a species matters, the more often it is removed; none is safe from it.
        self.ease = np.array([1.05 - min(max(importance.get(k, 0.0), 0.0), 1.0) for k in self.candidates])
        self.surrogate: Surrogate | None = None

    @property
    def best(self) -> int:
        """Place of the best."""
        return min(range(len(self.judged)), key=self.rank)

    def rank(self, place: int) -> tuple[bool, int, float]:
        """Smaller is better."""
        found = self.judged[place]
        return not found.passes, len(found.subset.species), found.score

    def judge(self, masks: Sequence[np.ndarray]) -> None:
        """Judges masks, and counts them."""
        subsets = [self.keep([*self.fixed, *np.array(self.candidates)[mask].tolist()]) for mask in masks]
        self.judged += self._judge(subsets)
        self.masks += masks
        self.seen |= {mask.tobytes() for mask in masks}
        self.left -= len(masks)
        self.last = len(masks)

    def summarise(self, say: Say, number: int) -> None:
        """One line for a round."""
        passed = sum(found.passes for found in self.judged[len(self.judged) - self.last :])
        best = self.judged[self.best]
        say(
            f"network, round {number}: {passed} of {self.last} pass, {len(self.judged) - 1} judged; best: "
            f"{best.subset}, score {best.score:.3f} ({best.why})"
        )

    def first(self) -> list[np.ndarray]:
        """Masks to begin with: each species removed alone, the easiest first, then random ones together."""
        start = self.masks[0]
        alone = self._singles(start)[: math.ceil(self.left / 2)]
        count = len(alone) + math.ceil(min(self.left / 6, start.sum() / 2))
        # Deep deletions teach something only where it is known what matters little.
        most = max(3, int(start.sum()) // 4) if np.ptp(self.ease) else 3
        together = self._proposals(np.array([start]), 8 * count, 0.2, (2, most))
        return self._unseen([*alone, *together], min(count, self.left))

    def chosen(self, count: int, quiet: int) -> list[np.ndarray]:
        """Up to `count` new masks, those of most worth.

        Where rounds were in vain, a part of them are the best mask without one more species, whatever is predicted, so
        that a network in error cannot hide them.
        """
        self._learn()
        pool = self._pool()
        if not len(pool):
            return self._unseen(self._singles(self.masks[self.best]), count)
        assert self.surrogate is not None
        predicted = self.surrogate.predict(~pool)
        singles = self._singles(self.masks[self.best]) if quiet else []
        if singles:
            order = self.surrogate.predict(~np.array(singles)).mean(0).argsort(kind="stable")
            singles = [singles[i] for i in order][: max(1, count // 3)]
        # The surest with one species fewer, the most promising, and those that a member alone likes best: each is a
        # guess as good as any (Thompson sampling), and the favourites differ.
        sure, bold, *guesses = (
            (-worth).argsort(kind="stable")[:count]
            for worth in (
                self._worth(pool, predicted, most=1.0), self._worth(pool, predicted),
                *(self._worth(pool, one[None]) for one in predicted),
            )
        )  # fmt: skip
        part = math.ceil(count / 4)
        taken = [pool[i] for i in (*sure[:part], *bold[:part])]
        taken += [pool[i] for among in zip(*guesses, strict=True) for i in among]
        return self._unseen([*singles, *taken], count)

    def _learn(self) -> None:
        found = [self.terms(judgement) for judgement in self.judged]
        names = sorted({name for one in found for name in one})
        if self.surrogate is None or self.surrogate.outputs != len(names):
            self.surrogate = Surrogate(len(self.candidates), len(names), self.seed)
        value = np.array([[one.get(name, math.nan) for name in names] for one in found])
        with np.errstate(divide="ignore"):
            value = np.clip(np.log10(value), -HIGH, HIGH)
        self.surrogate.learn(~np.array(self.masks), value)

    def _pool(self) -> np.ndarray:
        """Masks (masks, candidates) that were not judged, bred from the best judged by their predicted worth."""
        assert self.surrogate is not None
        parents = self._parents()
        least = int(self.masks[self.best].sum()) - self.reach
        pool = np.zeros((0, len(self.candidates)), dtype=bool)
        for _ in range(GENERATIONS):
            new = self._proposals(parents, SCREENED, 0.5)
            new = new[new.sum(1) >= least]
            pool = _unique(np.concatenate([pool, new]))
            if not len(pool):
                return pool
            worth = self._worth(pool, self.surrogate.predict(~pool))
            parents = np.concatenate([parents[: 2 * PARENTS], pool[(-worth).argsort(kind="stable")[:ELITE]]])
        return np.array([mask for mask in pool if mask.tobytes() not in self.seen]).reshape(-1, len(self.candidates))

    def _parents(self) -> np.ndarray:
        """Masks of the best judged, and of those that fail by least: what they lack may be little."""
        order = sorted(range(len(self.judged)), key=self.rank)
        passing = [i for i in order if self.judged[i].passes][:PARENTS]
        failing = [i for i in range(len(self.judged)) if 1.0 < self.judged[i].score < NEAR]
        failing.sort(key=lambda i: (self.judged[i].score, i))
        places = [*passing, *failing[: PARENTS // 4]] or [0]
        return np.array([self.masks[i] for i in places])

    def _worth(self, masks: np.ndarray, predicted: np.ndarray, most: float = math.inf) -> np.ndarray:
        """Expected gain (masks,) in species: the probability to pass times the number fewer than the best.

        A gain counts as `most` at most.
        """
        doubt = np.sqrt(predicted.var(0) + DOUBT**2)
        gain = int(self.masks[self.best].sum()) - masks.sum(1) + NEUTRAL
        return ndtr(-predicted.mean(0) / doubt) * np.clip(gain, 0.0, most)

    def _singles(self, mask: np.ndarray) -> list[np.ndarray]:
        """The mask without one more species, the easiest first; those not judged yet."""
        found = []
        for bit in sorted(np.flatnonzero(mask), key=lambda i: -self.ease[i]):
            one = mask.copy()
            one[bit] = False
            if one.tobytes() not in self.seen:
                found.append(one)
        return found

    def _proposals(self, parents: np.ndarray, count: int, back: float, depth: tuple[int, int] = (1, 3)) -> np.ndarray:
        """Masks (count, candidates) of mixed parents less some species, with one put back now and then.

        depth: least and most species removed; back: the probability that one comes back.
        """
        bits = parents.shape[1]
        masks = parents[self.random.integers(len(parents), size=count)].copy()
        other = parents[self.random.integers(len(parents), size=count)]
        mixed = (self.random.random((count, 1)) < 0.3) & (self.random.random((count, bits)) < 0.5)
        masks = np.where(mixed, other, masks)
        # The largest of log(ease) + Gumbel noise: draws without replacement, with probabilities as the ease.
        noise = self.random.gumbel(size=(count, bits))
        key = np.where(masks, np.log(self.ease) + noise, -np.inf)
        away = key.argsort(1)[:, ::-1]
        add = np.where(masks, -np.inf, noise).argmax(1)
        rows = np.arange(count)
        returned = (self.random.random(count) < back) & ~masks[rows, add]
        times = self.random.integers(depth[0], depth[1] + 1, size=count)
        for i in range(min(depth[1], bits)):
            masks[rows[times > i], away[times > i, i]] = False
        masks[rows[returned], add[returned]] = True
        return masks

    def _unseen(self, masks: Iterable[np.ndarray], count: int) -> list[np.ndarray]:
        """The first `count` masks that are new."""
        new = {mask.tobytes(): mask for mask in masks}
        return [mask for name, mask in new.items() if name not in self.seen][:count]


def _unique(masks: np.ndarray) -> np.ndarray:
    """Different rows, in an order that depends on nothing but these."""
    _, first = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)
    return masks[first]
