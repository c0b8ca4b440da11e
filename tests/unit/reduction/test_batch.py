"""Ignition delays of many parts in one batch, against each part as a mechanism of its own in Cantera."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from combust.errors import ConfigError
from combust.kinetics import Mechanism
from combust.reduction.cases.batch import delays
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.evaluate import Evaluator
from combust.reduction.cases.ignition_case import outcome, reference
from combust.reduction.cases.measures import Watch
from combust.reduction.submechanism import Parent, Subset

KEPT = (
    "H2 H O O2 OH H2O HO2 H2O2 CH2 CH2(S) CH3 CH4 CO CO2 HCO CH2O CH3O CH3OH C2H4 C2H5 C2H6 C2H3 N2 AR CH2OH"
).split()  # fmt: skip
AIR = "O2:0.21, N2:0.79"
WATCH = Watch(burnt=False, rtol=1e-8, atol=1e-14)
CASES = (
    ReductionCase("ignition", "CH4:1", AIR, 1300.0, 1e5),
    ReductionCase("ignition", "CH4:1", AIR, 1700.0, 1e6, 0.5, hold="hp"),
)


@pytest.fixture(scope="module")
def parent():
    return Parent(Mechanism.load("gri30.yaml"))


@pytest.fixture(scope="module")
def found(parent):
    """Parts, Cantera's references of the whole, and delays in a batch."""
    rows = [parent.gas.index(name) for name in KEPT]
    without = [(), ("CH3OH", "CH2OH"), ("C2H3",), ("H2O2",), ("C2H6", "C2H5"), ("CH3",), ("CH4",)]
    subsets = [parent.keep(k for k in rows if parent.gas.species[k] not in gone) for gone in without]
    # A part without some reactions, and with others faster and slower, falloff reactions among them.
    whole = subsets[0]
    falloff = [i for i in whole.reactions if "falloff" in parent.reactions[i].reaction_type][:4]
    factors = [(i, 1.5) for i in falloff] + [(whole.reactions[n], 0.6) for n in (2, 20, 60)]
    subsets.append(Subset(whole.species, whole.reactions[:100] + whole.reactions[102:], tuple(sorted(factors))))
    known = [reference(parent.gas, case, WATCH) for case in CASES]
    patience = [3.0 * one.number("delay") for one in known]
    rise = [0.5 * one.number("rise") for one in known]
    return subsets, known, delays(parent, subsets, CASES, patience, rise=rise)


def test_delays_are_those_of_each_part_alone(parent, found):
    subsets, known, batched = found
    assert batched.shape == (8, 2)
    for i in (0, 1, 2, 3, 4, 7):
        solution = parent.cantera(subsets[i], transport=False)
        for j, case in enumerate(CASES):
            alone = outcome(solution, case, known[j], WATCH).values["ignition_delay"]
            assert abs(float(batched[i, j]) / alone - 1) < 5e-3
    spread = batched[[1, 2, 3, 4, 7]] / batched[0] - 1
    assert (spread.abs().amax(1) > 2e-3).sum() >= 3  # what is gone counts


def test_no_ignition_and_no_fuel_are_nan(found):
    _, _, batched = found
    assert torch.isnan(batched[5]).all()  # without CH3 methane does not ignite in time
    assert torch.isnan(batched[6]).all()  # without CH4 there is no mixture
    assert torch.isfinite(batched[[0, 1, 2, 3, 4, 7]]).all()


def test_company_does_not_matter(parent, found):
    subsets, known, batched = found
    alone = delays(parent, [subsets[2]], CASES[1:], 3.0 * known[1].number("delay"))
    np.testing.assert_allclose(float(alone), float(batched[2, 1]), rtol=2e-4)


def test_other_cases_are_refused_and_empty_parts_do_not_ignite(parent):
    with pytest.raises(ConfigError, match="flame"):
        delays(parent, [parent.whole], [replace(CASES[0], kind="flame")], 1.0)
    empty = parent.keep(parent.gas.index(name) for name in ("CH4", "O2", "N2"))
    assert torch.isnan(delays(parent, [empty], CASES, 1e-3)).all()


def test_both_engines_judge_alike(parent, found, tmp_path):
    subsets = [*found[0][:2], found[0][5]]
    watch, tolerance = Watch(burnt=False), {"ignition_delay": 0.1}
    scores = []
    for engine in ("cantera", "batched"):
        with Evaluator(parent, CASES[1:], tolerance, watch, 1, tmp_path, engine=engine) as evaluator:
            judged = evaluator.judge(subsets)
            assert evaluator.evaluations == 3
            assert evaluator.judge(subsets[::-1]) == judged[::-1] and evaluator.evaluations == 3
            scores.append([judgement.score for judgement in judged])
    np.testing.assert_allclose(*scores, atol=0.005 / 0.1)
    assert np.isinf(scores[1][2])
