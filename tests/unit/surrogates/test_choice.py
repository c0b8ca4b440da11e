"""Which states lend their Jacobians: by farthest points, by the error that is left; and that no draw decides it."""

from dataclasses import replace
from itertools import combinations

import draws
import msgspec
import numpy as np
import pytest
import torch

from combust.surrogates.training.calibrate import TRAIN, mixture_references, own_states, references_of
from combust.surrogates.trust import choice
from combust.surrogates.trust.choice import Rows, by_error, farthest, greedy, of_flame, step_errors
from combust.surrogates.trust.references import References, SharedJacobians, place
from combust.surrogates.trust.router import trust_of

torch.set_num_threads(1)


def radius(points, chosen):
    return float(torch.cdist(points, points[list(chosen)]).amin(1).max())


def test_farthest_of_a_line():
    line = torch.tensor([0.0, 1.0, 2.0, 4.0, 10.0]).unsqueeze(1)
    assert farthest(line, 3) == [0, 4, 3]
    assert farthest(line, 2, known=1) == [4, 3]
    assert farthest(line, 9, known=5) == []  # all are known
    assert len(farthest(torch.zeros(4, 2), 3)) == 1  # the same state thrice


def test_farthest_covers_within_twice_the_best():
    """Gonzalez's bound, against all choices of four of twelve points."""
    points = torch.as_tensor(draws.rng(3).normal(size=(12, 2)))
    best = min(radius(points, some) for some in combinations(range(12), 4))
    assert radius(points, farthest(points, 4)) <= 2.0 * best


def total(loss, distance, columns):
    near = np.asarray(columns)[distance[:, columns].argmin(1)]
    return loss[np.arange(len(loss)), near].sum()


def test_greedy_takes_each_time_what_lowers_the_loss_most():
    rng = draws.rng(5)
    loss, distance = rng.uniform(size=(40, 9)), rng.uniform(size=(40, 9))
    found = greedy(loss, distance, 2, 9)
    columns = [0, 1]
    for one in found:
        best = min(total(loss, distance, [*columns, k]) for k in range(2, 9))
        assert total(loss, distance, [*columns, one]) == pytest.approx(best)
        assert best < total(loss, distance, columns)
        columns.append(one)
    assert all(total(loss, distance, [*columns, k]) >= total(loss, distance, columns) - 1e-12 for k in range(9))
    assert greedy(loss, distance, 2, 1) == found[:1]


def test_a_nearer_but_worse_reference_is_not_taken():
    loss = np.array([[0.1, 0.9, 0.0]] * 3)
    distance = np.array([[2.0, 1.0, 3.0]] * 3)  # the third is the best, but never the nearest
    assert greedy(loss, distance, 1, 3) == []


@pytest.fixture(scope="module")
def judged(tiny):
    s = tiny.samples
    own = (s.split == TRAIN) & own_states(s)
    rows = Rows(s.T, s.p, s.Y, s.dt)
    return rows.of(np.flatnonzero(own & ~s.slow)), rows.of(np.flatnonzero(own)).evenly(150)


def test_chosen_references_leave_less_error_than_drawn_ones(tiny, judged):
    """In sum over the states, each with its nearest, as it is judged by; the median of ten draws of as many."""
    candidates, states = judged
    trust, known = trust_of(tiny.model(), tiny.gas), mixture_references(tiny.gas, tiny.config)

    def left(references):
        error = step_errors(tiny.gas, "hp", trust, references, states)
        near = SharedJacobians(tiny.gas, "hp", references).nearest(
            torch.cat([torch.as_tensor(states.T).unsqueeze(0), torch.as_tensor(states.Y).T])
        )
        own = error[np.arange(len(states)), near.numpy()]
        return float((own / (own + choice.LIMIT)).mean())

    count = 16
    made = by_error(tiny.gas, "hp", trust, known, candidates, states, count)
    first = known.T.numel()
    assert first < made.T.numel() <= first + count and torch.equal(made.Y[:, :first], known.Y)
    offered = candidates.references
    some = [draws.rng(k).permutation(len(candidates))[: made.T.numel() - first] for k in range(10)]
    drawn = [left(known.joined(References(offered.T[k], offered.Y[:, k]))) for k in some]
    assert left(made) < float(np.median(drawn)) and left(made) < left(known)


def test_errors_are_those_of_the_step(tiny, judged):
    """Of one state and one reference alone, and of all at once."""
    candidates, states = judged
    trust = trust_of(tiny.model(), tiny.gas)
    few = replace(states.evenly(5), dt=np.full(5, 1e-6))
    offered = candidates.evenly(3).references
    whole = step_errors(tiny.gas, "hp", trust, offered, few)
    for i in range(5):
        for j in range(3):
            one = References(offered.T[j : j + 1], offered.Y[:, j : j + 1])
            alone = step_errors(tiny.gas, "hp", trust, one, few.of(np.array([i])))
            assert whole[i, j] == pytest.approx(alone[0, 0], rel=1e-6, abs=1e-12)


def test_no_seed_decides(tiny):
    """Another seed of the training: the same references."""
    trust, train = trust_of(tiny.model(), tiny.gas), tiny.config.train
    one, other = (
        references_of(tiny.model(), tiny.gas, tiny.samples, msgspec.structs.replace(tiny.config, train=own), trust)
        for own in (train, msgspec.structs.replace(train, seed=7))
    )
    assert torch.equal(one.T, other.T) and torch.equal(one.Y, other.Y)


def test_a_flame_finds_its_references_in_itself(tiny):
    """Whatever ten draws of rows the model brings: where a flame's cells are, one of its own states is near."""
    T, _, Y = tiny.flame()
    own = of_flame(References(torch.cat([T[:1], T[-1:], T]), torch.cat([Y[:, :1], Y[:, -1:], Y], 1)), 24, 12)
    assert 30 < own.T.numel() <= 38 and own.T[:2].tolist() == [float(T[0]), float(T[-1])]
    here = place(T, Y).T
    reach = torch.cdist(here, place(*own).T).amin(1)
    level = torch.linspace(float(T[0]), float(T[-1]), 38, dtype=torch.float64)
    even = (T.unsqueeze(1) - level).abs().argmin(0)
    before = torch.cdist(here, here[even]).amin(1)
    assert float(reach.max()) < 0.7 * float(before.max())  # as many levels of T leave the burnt gas far from any
    rows = tiny.samples.rows(own_states(tiny.samples))
    z = torch.cat([T.unsqueeze(0), Y])
    for seed in range(10):
        some = draws.rng(seed).permutation(len(rows))[:32]
        drawn = References(torch.as_tensor(rows.T[some]), torch.as_tensor(rows.Y[some]).T.contiguous())
        near = SharedJacobians(tiny.gas, "hp", drawn.joined(own)).nearest(z)
        foreign = float((near < 32).double().mean())
        assert foreign < 0.35, (seed, foreign)
