"""The search for the smallest part, with judges that know nothing of chemistry; and what is kept on disk."""

import json
import math

import numpy as np
import pytest

from combust.reduction.cases.store import Store
from combust.reduction.select import refit, search
from combust.reduction.select.search import Judgement
from combust.reduction.submechanism import Subset


def part(*species):
    return Subset(tuple(sorted(species)), ())


class Judge:
    """Scores by a function of the set of species, and counts what it was asked."""

    def __init__(self, score):
        self.score, self.asked = score, []

    def __call__(self, parts):
        self.asked += parts
        return [Judgement(p, self.score(set(p.species)), why="fake") for p in parts]


def nested(n):
    return [part(*range(count)) for count in range(1, n + 1)]


def without(subset, k):
    return part(*(j for j in subset.species if j != k))


@pytest.mark.parametrize("needed", [1, 2, 17, 30, 40])
def test_smallest_finds_the_border(needed):
    judge = Judge(lambda s: 0.5 if len(s) >= needed else math.inf)
    assert len(search.smallest(nested(40), judge, look=3).subset.species) == needed
    assert len(judge.asked) < 30


def test_smallest_looks_past_failures():
    """Sizes 12 and 13 fail, 10 and 11 pass again: the error of real mechanisms is not monotone."""
    passes = {10, 11, *range(14, 41)}
    judge = Judge(lambda s: 0.5 if len(s) in passes else 3.0)
    assert len(search.smallest(nested(40), judge, look=0).subset.species) in (10, 11, 14)
    assert len(search.smallest(nested(40), judge, look=4).subset.species) == 10


def test_smallest_says_that_nothing_passes():
    assert search.smallest(nested(10), Judge(lambda s: 1.01), look=4) is None


def test_greedy_keeps_the_essential_and_removes_the_irrelevant():
    essential = {0, 3, 4}
    judge = Judge(lambda s: math.inf if not essential <= s else 0.1 * (8 - len(s)))
    start = judge([part(*range(8))])[0]
    found = search.greedy(start, range(1, 8), without, judge, say=lambda line: None)
    assert set(found.subset.species) == essential and found.passes


def test_greedy_survives_candidates_that_fail():
    """A failed candidate has an infinite error and the search goes on."""
    judge = Judge(lambda s: math.inf if 5 not in s else 0.2)
    start = judge([part(*range(6))])[0]
    found = search.greedy(start, range(6), without, judge, say=lambda line: None)
    assert found.subset.species == (5,)


def test_initial_ranks_once():
    harm = {0: 0.9, 1: 0.05, 2: 0.3, 3: 0.4}
    judge = Judge(lambda s: sum(h for k, h in harm.items() if k not in s))
    start = judge([part(0, 1, 2, 3)])[0]
    found = search.initial(start, range(4), without, judge, say=lambda line: None)
    assert found.subset.species == (0,)  # 1, 2, 3 together cost 0.75
    assert len(judge.asked) == 1 + 4 + 4


def test_store_survives_a_torn_line(tmp_path):
    path = tmp_path / "evaluations.jsonl"
    store = Store(path)
    store["a"], store["b"] = {"x": 1.5}, "two"
    with open(path, "ab") as file:
        file.write(b'\n["c", {"x": 1')  # killed while writing
    again = Store(path)
    assert again["a"] == {"x": 1.5} and again["b"] == "two" and "c" not in again
    again["d"] = 4
    assert Store(path)["d"] == 4 and "c" not in Store(path)
    lines = [line for line in path.read_text().splitlines() if line]
    assert sum(json.loads(line)[0] == "a" for line in lines if line.endswith("]")) == 1


def test_refit_step_solves_the_bounded_problem():
    """Two metrics, three rates: the rate that only one metric responds to takes its error away, within its bound."""
    S = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    x = refit.step(np.array([0.2, 5.0]), S, np.zeros(3), bound=0.5)
    assert x[0] == pytest.approx(-0.1, rel=0.1)
    assert x[1] == pytest.approx(-0.5)  # the bound
    assert x[2] == 0.0
