"""The file of a reduction: ranges, defaults, and what it says of mistakes."""

import pytest

from combust.errors import ConfigError
from combust.reduction import chain
from combust.reduction.settings import load
from combust.units import ATM

FILE = """
mechanism = "h2o2.yaml"
fuel = "H2"
[[conditions]]
kind = "ignition"
T = "1000:1200:3"
p = "1,10"
phi = [0.5, 1.0]
[[conditions]]
kind = "psr"
T = 300
p = 101325.0
held_out = true
"""


def read(tmp_path, text, *overrides):
    file = tmp_path / "case.toml"
    file.write_text(text)
    return load(file, overrides)


def test_conditions_are_all_combinations(tmp_path):
    found = read(tmp_path, FILE)
    assert len(found.cases) == 3 * 2 * 2 + 1 and found.title == "case"
    assert {case.fuel for case in found.cases} == {"H2:1"}
    assert {case.p for case in found.cases} == {ATM, 10 * ATM}
    assert [case.held_out for case in found.cases].count(True) == 1
    assert chain.tolerances(found, found.cases) == {"ignition_delay": 0.1}  # what no case of the search measures goes


def test_the_standard_set_has_reactors_and_a_flame(tmp_path):
    found = read(tmp_path, 'mechanism = "h2o2.yaml"\nfuel = "H2"\n')
    assert {case.kind for case in found.cases} == {"ignition", "psr", "flame"}
    assert set(chain.tolerances(found, found.cases)) == {"ignition_delay", "flame_speed", "extinction_time"}


@pytest.mark.parametrize("change, words", [
    ("tolerance={delay=0.1}", "tolerance.delay: unknown metric; known: ignition_delay"),
    ("graph.method=drgepp", 'Did you mean "drgep"'),
    ("qss.method=often", 'allowed "balance", "csp", "lifetime", "none"'),
    ("refit.factor=0.5", "greater than 1"),
    ("grpah.method=drg", 'Did you mean "graph"'),
])  # fmt: skip
def test_mistakes_are_named(tmp_path, change, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        read(tmp_path, FILE, change)


def test_ranges_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"conditions\[0\].T 1000:x:3"):
        read(tmp_path, FILE.replace("1000:1200:3", "1000:x:3"))


def test_a_search_needs_conditions_of_its_own(tmp_path):
    with pytest.raises(ConfigError, match="all are held out"):
        read(tmp_path, FILE.replace("phi = [0.5, 1.0]", "phi = [0.5, 1.0]\nheld_out = true"))


def test_a_tolerance_that_nothing_measures(tmp_path):
    found = read(tmp_path, FILE, "tolerance.flame_speed=0.05")
    with pytest.raises(ConfigError, match="flame_speed.*no condition of the search measures it"):
        chain.tolerances(found, found.cases)
