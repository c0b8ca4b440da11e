"""Events as minimal sets of atoms, and complexes taken out of them."""

import numpy as np
import pytest

from combust.kinetics.trajectories.bonds import Changes, lasting
from combust.kinetics.trajectories.events import contracted, history
from combust.kinetics.trajectories.rates import reactions


def trajectory(elements, start, flips, end=1000):
    """Changes of a list of (step, i, j)."""
    n = len(elements)
    ordered = sorted((step, i * n + j) for step, i, j in flips)
    step, pair = np.array([s for s, _ in ordered], np.int64), np.array([p for _, p in ordered], np.int64)
    begin = np.array(sorted(i * n + j for i, j in start), np.int64)
    return Changes(tuple(elements), 0, end, end + 1, 1, begin, step, pair, lasting(step, pair))


def said(found):
    names = lambda side: " + ".join(kind.formula for kind in side)  # noqa: E731
    return {f"{names(a)} => {names(b)}": n for (a, b), n in reactions(found).items()}


TWO = ("OHHH" * 2, [(0, 1), (2, 3), (4, 5), (6, 7)])  # OH + H2, twice


def test_two_reactions_at_one_step_are_two_events():
    flips = [(10, 0, 2), (10, 2, 3), (10, 4, 6), (10, 6, 7)]
    found = history(trajectory(*TWO, flips), 0)
    assert [e.step for e in found.events] == [10, 10] and said(found) == {"H2 + OH => H + H2O": 2}
    assert sorted(sorted(a for m in e.reactants for a in found.molecules[m].atoms) for e in found.events) == [
        [0, 1, 2, 3], [4, 5, 6, 7]]  # fmt: skip


@pytest.mark.parametrize("form, break_", [(10, 13), (13, 10), (10, 10)])
def test_an_exchange_is_one_event_whichever_bond_is_first(form, break_):
    raw = history(trajectory(*TWO, [(form, 0, 2), (break_, 2, 3)]), 0)
    found = contracted(raw, 8)
    assert said(found) == {"H2 + OH => H + H2O": 1} and found.events[0].step == 13 or form == break_
    assert len(raw.events) == (1 if form == break_ else 2)


def test_a_complex_that_falls_back_is_no_event():
    raw = history(trajectory(*TWO, [(10, 0, 2), (15, 0, 2)]), 0)
    assert len(raw.events) == 2 and said(contracted(raw, 8)) == {} and contracted(raw, 8).recrossed == 1
    assert said(contracted(raw, 5)) == {"H2 + OH => H3O": 1, "H3O => H2 + OH": 1}


def test_a_listed_complex_goes_however_long_it_lasts():
    raw = history(trajectory(*TWO, [(10, 0, 2), (600, 2, 3)]), 0)
    assert said(contracted(raw, 8)) == {"H2 + OH => H3O": 1, "H3O => H + H2O": 1}
    found = contracted(raw, 8, lambda kind: kind.formula == "H3O")
    assert said(found) == {"H2 + OH => H + H2O": 1} and found.events[0].step == 600


def test_one_that_is_there_at_the_end_stays():
    found = contracted(history(trajectory(*TWO, [(995, 0, 2)]), 0), 8, lambda kind: kind.formula == "H3O")
    assert said(found) == {"H2 + OH => H3O": 1}


def test_fast_reactions_after_each_other_stay_two():
    """OH + H2 => H2O + H, and that H with another OH's... H2 4 steps later: both are whole."""
    elements, bonds = "OHHHHH", [(0, 1), (2, 3), (4, 5)]
    flips = [(10, 0, 2), (10, 2, 3), (14, 3, 4), (14, 4, 5)]
    found = contracted(history(trajectory(elements, bonds, flips), 0), 8)
    assert len(found.events) == 2 and said(found) == {"H2 + OH => H + H2O": 1}  # H + H2 => H2 + H changes nothing


def test_an_isomer_is_an_event_another_bond_within_is_not():
    elements = "OOHH"
    found = history(trajectory(elements, [(0, 1), (0, 2), (1, 3)], [(10, 0, 3), (10, 1, 3)]), 0)
    (sides,) = reactions(found)
    assert [kind.graph for side in sides for kind in side] == ["OH-OH", "O-OH2"]
    mirrored = history(trajectory("OOH", [(0, 1), (0, 2)], [(10, 0, 2), (10, 1, 2)]), 0)
    assert not mirrored.events and len(mirrored.molecules) == 1


def test_lives_add_up_to_all_atoms_at_any_step():
    rng = np.random.default_rng(2)
    flips = [(int(s), *sorted(rng.choice(12, 2, replace=False).tolist())) for s in rng.integers(1, 999, 300)]
    flips = list({(s, i, j): None for s, i, j in flips})
    for found in (raw := history(trajectory("OHH" * 4, [(0, 1), (0, 2)], flips), 0), contracted(raw, 8)):
        for step in rng.integers(0, 1000, 50):
            there = [found.molecules[m].atoms for m in range(len(found.molecules))
                     if found.lives(m)[0] <= step < found.lives(m)[1]]  # fmt: skip
            assert sorted(atom for atoms in there for atom in atoms) == list(range(12))
