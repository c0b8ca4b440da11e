"""Search by a network, on problems whose smallest part is known."""

import math

import draws

from combust.kinetics import Mechanism
from combust.reduction import chain
from combust.reduction.cases.evaluate import Evaluator
from combust.reduction.cases.samples import sample
from combust.reduction.select import search
from combust.reduction.select.network import search as by_network
from combust.reduction.select.search import Judgement
from combust.reduction.settings import Conditions, ReactionSettings, Reduction, SearchSettings
from combust.reduction.submechanism import Subset

FIXED = (100, 101)  # never candidates


def keep(species):
    return Subset(tuple(sorted(species)), ())


class Problem:
    """`bits` species: the first `needed` may not go; traps of three want the first, or the other two, of them.

    To remove the first of a trap costs least, so that greedy removal takes it and is left with two instead of one.
    """

    def __init__(self, bits, needed, traps, seed=0):
        rng = draws.rng(seed)
        place = rng.permutation(bits)
        self.bits, self.needed = bits, set(place[:needed].tolist())
        self.traps = place[needed : needed + 3 * traps].reshape(-1, 3).tolist()
        self.cost = rng.uniform(0.3, 0.9, bits) / bits
        for first, *_ in self.traps:
            self.cost[first] = 0.01 / bits
        self.calls, self.seen = 0, set()

    @property
    def least(self):
        return len(FIXED) + len(self.needed) + len(self.traps)

    def terms(self, kept):
        gone = set(range(self.bits)) - kept
        burns = self.needed <= kept
        values = {"cost": sum(self.cost[k] for k in gone)}
        for i, (a, b, c) in enumerate(self.traps):
            values[f"trap {i}"] = 0.0 if a in kept or (b in kept and c in kept) else 8.0
        return {name: value if burns else math.inf for name, value in values.items()}

    def __call__(self, subsets):
        found = []
        for subset in subsets:
            assert set(FIXED) <= set(subset.species)
            self.calls += 1
            self.seen.add(subset)
            values = self.terms(set(subset.species))
            found.append(Judgement(subset, max(values.values()), {0: values}))
        return found

    def start(self):
        return self([keep([*FIXED, *range(self.bits)])])[0]

    def search(self, budget, seed=0, **more):
        start = self.start()
        self.calls, self.seen = 0, set()
        return by_network(start, range(self.bits), keep, self, budget, draws.seed(seed), lambda line: None, **more)


def test_finds_the_smallest_where_greedy_is_trapped():
    """Each search gets out of traps; the better of two has one species too many at most."""
    beyond = []
    for seed in (0, 1):
        problem = Problem(20, 7, 3, seed)
        start = problem.start()
        greedy = search.greedy(
            start, range(20), lambda s, k: keep(j for j in s.species if j != k), problem, lambda line: None
        )
        assert len(greedy.subset.species) == problem.least + 3
        found = problem.search(100, seed, terms=lambda judgement: judgement.errors[0])
        assert found.passes
        assert len(found.subset.species) < len(greedy.subset.species)
        beyond.append(len(found.subset.species) - problem.least)
    assert min(beyond) <= 1


def test_a_network_of_the_score_alone_finds_it_too():
    problem = Problem(20, 8, 1)
    found = problem.search(90)
    assert found.passes and len(found.subset.species) <= problem.least + 1


def test_same_seed_same_search():
    first, again, other = Problem(16, 6, 1), Problem(16, 6, 1), Problem(16, 6, 1)
    results = [problem.search(30, seed) for problem, seed in ((first, 3), (again, 3), (other, 4))]
    assert results[0] == results[1] and first.seen == again.seen
    assert first.seen != other.seen


def test_budget_is_kept_and_nothing_is_judged_twice():
    problem = Problem(20, 8, 1)
    problem.search(37)
    assert problem.calls == len(problem.seen) == 37
    small = Problem(4, 1, 1)
    found = small.search(400)  # more than there are masks
    assert small.calls == len(small.seen) <= 15
    assert len(found.subset.species) == small.least


def test_the_start_is_returned_where_nothing_passes():
    problem = Problem(12, 12, 0)
    found = problem.search(30)
    assert found == problem.start()
    assert by_network(found, (), keep, problem, 30) == found


def test_species_that_the_start_lacks_may_come():
    """The start keeps two of each trap; only with the third, which it lacks, can both go: without it, by removal alone,
    three species too many are left.
    """
    problem = Problem(18, 6, 3)
    away = {first for first, *_ in problem.traps}
    start = problem([keep([*FIXED, *(set(range(18)) - away)])])[0]
    assert start.passes
    found = by_network(start, range(18), keep, problem, 90, terms=lambda j: j.errors[0], say=lambda line: None)
    assert found.passes and len(found.subset.species) < problem.least + 3 and away & set(found.subset.species)


def test_unknown_terms_are_no_obstacle():
    """What was skipped, as flames are where reactors fail, is left out of the errors."""
    problem = Problem(16, 6, 1)

    def some(judgement):
        values = judgement.errors[0]
        return {name: x for name, x in values.items() if name != "cost" or judgement.passes}

    lines = []
    found = by_network(problem.start(), range(16), keep, problem, 60, 1, lines.append, terms=some)
    assert found.passes and len(found.subset.species) <= problem.least + 1
    assert "pass" in lines[0] and len(lines) > 3


def test_important_species_are_removed_seldom():
    problem = Problem(24, 10, 0)
    importance = {k: 1.0 if k in problem.needed else 0.0 for k in range(24)}
    found = problem.search(60, importance=importance)
    assert len(found.subset.species) <= problem.least + 1


def test_as_a_step_of_the_chain_and_resumed(tmp_path):
    gas = Mechanism.load("h2o2.yaml")
    settings = Reduction(
        mechanism="h2o2.yaml", fuel="H2:1", tolerance={"ignition_delay": 0.2},
        conditions=(Conditions(kind="ignition", T="1100,1400", p="1"),),
        reactions=ReactionSettings(method="none"), search=SearchSettings(method="network", budget=20),
    )  # fmt: skip
    samples = sample(gas, settings.cases)
    found = []
    for _ in range(2):
        progress = chain.begin(settings, gas, samples)
        watch = chain.watch_of(settings, progress.tolerance)
        with Evaluator(progress.parent, progress.cases, progress.tolerance, watch, 1, tmp_path) as evaluator:
            evaluator.references()
            chain.reduce(progress, evaluator, lambda line: None)
            found.append((progress.best, evaluator.evaluations))
        assert [stage.name for stage in progress.stages] == ["detailed", "drgep", "network"]
        assert chain.fixed_rows(progress) <= set(progress.best.subset.species)
    (first, work), (again, none) = found
    assert first.passes and len(first.subset.species) < len(gas.species)
    assert first == again and work > 0 and none == 0  # a run that was cut off continues where it was
