"""One reader of equations: Cantera's own of several mechanisms, and other ways to write them."""

import cantera as ct
import pytest

from combust.errors import ConfigError
from combust.kinetics.gas.equations import NoSpecies, listed, parse, sides_of


@pytest.mark.parametrize("mechanism", ["h2o2.yaml", "gri30.yaml", "airNASA9.yaml"])
def test_what_cantera_writes(mechanism):
    """Ions and electrons, too; colliders that are named stand on both sides, as people write them."""
    gas = ct.Solution(mechanism)
    for one in gas.reactions():
        body = one.third_body
        explicit = body is not None and body.name != "M" and "(+" not in one.equation
        added = [body.name] if explicit else []
        wanted = [tuple(sorted([*listed(side), *added])) for side in (one.reactants, one.products)]
        read = parse(one.equation, lambda name: name if name in gas.species_names else None)
        assert [read.left, read.right] == wanted == list(sides_of(one.equation))
        assert read.both_ways == one.reversible
        assert read.third == (body.name if body is not None and not explicit else "M" if "(+M)" in one.equation else "")


@pytest.mark.parametrize("text", ["2 OH (+M) = H2O2 (+M)", "H2O2 + M <=> OH + OH + M", "H2O2 +M => 2 OH+ M"])
def test_third_bodies_and_counts(text):
    left, right = sorted(sides_of(text))
    assert (left, right) == (("H2O2",), ("OH", "OH"))


def test_plus_signs_of_ions():
    assert sides_of("H3O+ + E- <=> H2O + H") == (("E-", "H3O+"), ("H", "H2O"))
    species = {"H3O+", "E-", "H2O", "H"}
    assert parse("H3O++E-=H2O+H", lambda name: name if name in species else None).left == ("E-", "H3O+")


def test_what_is_no_equation():
    for text in ("OH + H2", "= OH", "OH + H2 =", "M = M", "H (+M) + O2 (+AR) = HO2", "H2 O = OH", "H + O2 (+M) = HO2",
                 "H + O2 + M = HO2", "H + H = H2 + M", "H + H + M (+M) = H2 + M (+M)"):  # fmt: skip
        with pytest.raises(ConfigError, match="equation|reactants|no species"):
            sides_of(text)
    with pytest.raises(NoSpecies) as said:
        parse("OH + XX = H2O + H", lambda name: name if name in ("OH", "H2O", "H") else None)
    assert said.value.name == "XX"
