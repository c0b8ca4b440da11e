"""Hysteresis and persistence of bonds."""

import numpy as np
import pytest

from combust.kinetics.trajectories.bonds import Hysteresis, changes, lasting
from combust.kinetics.trajectories.formats.frames import Frame


def frames(*rows, elements=("H", "H", "O"), volume=None):
    """A frame of each row {pair: strength}."""
    for step, row in enumerate(rows):
        pairs = np.array(sorted(row), np.int64)
        yield Frame(elements, step, pairs, np.array([row[p] for p in sorted(row)], float), volume)


def test_hysteresis():
    rows = [{1: 0.9}, {1: 0.4}, {1: 0.29}, {1: 0.5}, {1: 0.61, 2: 0.59}, {1: 0.31, 2: 0.6}, {2: 0.9}]
    found = changes(frames(*rows), Hysteresis(0.6, 0.3), "x")
    assert found.start.tolist() == [1] and found.frames == 7 and (found.begin, found.end) == (0, 6)
    assert list(zip(found.step.tolist(), found.pair.tolist(), strict=True)) == [(2, 1), (4, 1), (5, 2), (6, 1)]


def test_volume_and_its_swing():
    def moving():
        for i, frame in enumerate(frames({1: 1.0}, {1: 1.0}, {1: 1.0})):
            yield frame._replace(volume=[0.9, 1.0, 1.1][i])

    found = changes(moving(), Hysteresis(0.6, 0.3), "x")
    assert found.volume == pytest.approx(1.0) and found.swing == pytest.approx(0.1)


def brute(step, least):
    """What is left of one pair's changes once the shortest stay is wiped out, again and again."""
    left = list(step)
    while len(left) > 1:
        stays = np.diff(left)
        i = int(stays.argmin())
        if stays[i] >= least:
            break
        del left[i : i + 2]
    return left


def test_persistence_is_as_by_wiping_out_one_by_one():
    rng = np.random.default_rng(5)
    for _ in range(200):
        # no two stays alike, nor sums of them: which goes first is then told
        step = np.cumsum(rng.permutation(2 ** np.arange(rng.integers(1, 12))))
        last = lasting(step, np.full(len(step), 7))
        for least in (0, 1, 3, 10, 60, 400):
            assert step[last >= least].tolist() == brute(step, least)


def test_pairs_do_not_mix():
    step, pair = np.array([1, 2, 3, 9, 30]), np.array([4, 5, 4, 5, 4])
    assert lasting(step, pair).tolist() == [2, 7, 2, 7, np.inf]
    assert lasting(np.empty(0, int), np.empty(0, int)).size == 0


def test_flicker_of_a_bond_that_forms_is_one_change():
    """Off, then on 30, off 5, on 30, off 5, on for good: a bond forms at the first."""
    step = np.array([100, 130, 135, 165, 170])
    assert step[lasting(step, np.zeros(5, int)) >= 40].tolist() == [100]
