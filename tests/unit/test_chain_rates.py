"""The stage of a chain that says what rate constants leave open, and chains without it."""

import csv
import json

import msgspec
import pytest
from helpers import ROOT

from combust import api
from combust.chain import settings as files
from combust.chain.links import kinetics, rates, rows
from combust.chain.stage import Work
from combust.chain.stages import stages_of
from combust.errors import ConfigError, FileFormatError

CHAIN = ROOT / "cases" / "chain_h2.toml"
GIVEN = ['uncertainty.factors="h2o2_factors.yaml"', "uncertainty.samples=16"]


def test_a_chain_without_it_is_what_it_was(tmp_path):
    """The same stages with the same settings, files and products; only the report reads one more with it."""
    plain, banded = (
        {one.name: one for one in stages_of(files.load(CHAIN, changes), tmp_path)} for changes in ((), GIVEN)
    )
    assert set(banded) - set(plain) == {"rates"} and list(plain) == [name for name in banded if name != "rates"]
    for name, one in plain.items():
        other = banded[name]
        assert (one.settings, one.files, set(one.products)) == (other.settings, other.files, set(other.products)), name
        assert one.after == other.after or name == "report", name
    assert banded["rates"].after == ("mechanism", "validate") and banded["rates"].settings["samples"] == 16
    row = rows.row("flame speed", "m/s", "here", "measured", {"detailed": 1.0}, {})
    assert "band" not in msgspec.to_builtins(row)


def test_bad_factors_are_told_before_anything_begins(tmp_path):
    with pytest.raises(ConfigError, match="a Sobol sequence wants a power of two"):
        rates.check(files.load(CHAIN, [GIVEN[0], "uncertainty.samples=100"]))
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[factors]\n"H + O2 = O + O" = 2\n')
    with pytest.raises(ConfigError, match="has no reaction"):
        rates.check(files.load(CHAIN, [f'uncertainty.factors="{wrong}"']))


ADDED = """
phases:
- {name: rates, thermo: ideal-gas, elements: [H, O], species: [{h2o2.yaml/species: [H2, O2, OH, HO2, H2O]}],
   kinetics: gas, reactions: all}
reactions:
- {equation: H2 + O2 <=> 2 OH, rate-constant: {A: 1.7e+10, b: 0, Ea: 24044 K}}
"""


def test_factors_of_a_reaction_that_constants_add_are_bound_when_it_is_there(tmp_path):
    """Refused at the start they were, as unknown; what neither the mechanism nor [constants] has still is."""
    (tmp_path / "rates.yaml").write_text(ADDED)
    own = tmp_path / "factors.toml"
    given = [f'uncertainty.factors="{own}"', "uncertainty.samples=16"]
    later = [*given, f'constants.merge=["{tmp_path / "rates.yaml"}"]']
    own.write_text('[factors]\n"OH + OH = O2 + H2" = 3\n"H + O2 = O + OH" = 1.2\n')
    rates.check(files.load(CHAIN, later))
    with pytest.raises(ConfigError, match="has no reaction 'OH . OH = O2 . H2'"):
        rates.check(files.load(CHAIN, given))
    own.write_text('[factors]\n"OH + OH = O2 + H2" = 3\n')
    rates.check(files.load(CHAIN, later))
    for wrong in ('"H2 + O2 = HO2 + HO2" = 3', '"H + O2 = O + OH" = 0.5', '"H + OH = XY" = 2'):
        own.write_text(f'[factors]\n"OH + OH = O2 + H2" = 3\n{wrong}\n')
        with pytest.raises(ConfigError, match=r"has no reaction|from 1 on|has no species"):
            rates.check(files.load(CHAIN, later))
    settings = files.load(CHAIN, later)
    merged = api.merge("h2o2.yaml", [tmp_path / "rates.yaml"], tmp_path / "new.yaml")
    own.write_text('[factors]\n"OH + OH = O2 + H2" = 3\n"H + O2 = O + OH" = 1.2\n')
    found = rates.uncertain(settings, merged.path)
    assert [group.equation for group in found.groups] == ["H + O2 <=> O + OH", "H2 + O2 <=> 2 OH"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Stages mechanism, validate and rates of a chain with one data set of delays: (settings, its folder)."""
    out = tmp_path_factory.mktemp("chain")
    settings = files.load(CHAIN, [*GIVEN, 'validate.data=["chaumeix_2007.yaml"]'])
    known = {one.name: one for one in stages_of(settings, out)}
    for name in ("mechanism", "validate", "rates"):
        (out / name).mkdir()
        known[name].work(Work(out / name, out))
    return settings, out


def test_rows_of_experiments_carry_the_band(made):
    _, out = made
    (out / "levels" / "reduced").mkdir(parents=True, exist_ok=True)
    (out / "levels" / rows.levels.REDUCED_TABLE).write_bytes((out / "validate" / kinetics.TABLE).read_bytes())
    found = list(rows.of_experiments(out))
    with (out / "validate" / kinetics.TABLE).open() as file:
        assert len(found) == len(list(csv.DictReader(file))) > 3
    for one in found:
        low, high = one.band
        assert low < one.values["detailed"] < high and high / low > 1.1
        assert msgspec.to_builtins(one)["band"] == (low, high)
    text = json.loads((out / "rates" / rates.NUMBERS).read_text())
    assert len(text["bands"]) == len(found) and text["factors"][0]["factor"] > 1


def test_bands_of_another_table_are_refused(made):
    _, out = made
    with pytest.raises(FileFormatError, match="bands for 1 rows"):
        rates.bands(out, ["one"])
    assert rates.bands(out / "nowhere", []) == {}
