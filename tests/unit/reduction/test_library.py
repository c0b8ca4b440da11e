"""Mechanisms that come with combust: found by name, alone in plain Cantera, and what their report cards say."""

import cantera as ct
import pytest

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.places import LIBRARY
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import Watch
from combust.reduction.cases.outcome import errors, outcome, reference

FILES = sorted(path.name for path in LIBRARY.glob("*.yaml"))
CASES = [
    ReductionCase("ignition", "CH4:1", "O2:0.21, N2:0.79", 1500.0, 5 * ct.one_atm, 0.8),
    ReductionCase("psr", "CH4:1", "O2:0.21, N2:0.79", 300.0, 2 * ct.one_atm, 0.9),
]


def test_there_are_some():
    assert "methane_cfd.yaml" in FILES


@pytest.mark.parametrize("name", FILES)
def test_file_is_whole(name):
    solution = ct.Solution(str(LIBRARY / name))
    origin = solution.input_data["combust"]
    gas = Mechanism.load(name)
    assert gas.cantera().species_names == list(gas.species) and set(gas.species) | set(gas.qss) == set(
        solution.species_names
    )
    assert origin["parent"]["sha256"] == Mechanism.load(origin["parent"]["file"]).sha256
    assert all(species.transport is not None for species in solution.species())
    card = (LIBRARY / name).with_suffix(".md").read_text()
    assert origin["parent"]["sha256"] in card


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_methane_keeps_its_errors_elsewhere(case):
    watch = Watch(burnt=False)
    whole = reference(Mechanism.load("gri30.yaml"), case, watch)
    found = errors(outcome(Mechanism.load("methane_cfd.yaml").cantera(), case, whole, watch), whole.outcome)
    assert found["ignition_delay" if case.kind == "ignition" else "extinction_time"] < 0.1
