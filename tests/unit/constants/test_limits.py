"""Rates beside the collisions of their reactants: by hand, what is refused, what good mechanisms have."""

import math

import cantera as ct
import numpy as np
import pytest

from combust import api
from combust.errors import ConfigError
from combust.kinetics.constants.limits import beyond_collisions
from combust.kinetics.gas.collisions import FACTOR, limit, too_fast
from combust.kinetics.mechanism import phases, places

HEAD = """units: {length: cm, quantity: mol, activation-energy: K}
phases:
- {name: rates, thermo: ideal-gas, elements: [H, O],
   species: [{h2o2.yaml/species: [H2, H, O, O2, OH, H2O, HO2, H2O2]}], kinetics: gas, reactions: all}
reactions:
"""
RANGE = "  combust: {{range: [{}, {}]}}\n"


@pytest.fixture(scope="module")
def gas():
    return ct.Solution("h2o2.yaml", transport_model=None)


def test_by_hand(gas):
    """OH (2.75 angstrom, 80 K) + H2 (2.92, 38) at 1000 K: T* = 1000 / sqrt(80 38) = 18.14, where of the three terms of
    Neufeld's fit only the first is left: 0.755; the mean relative speed is 3428 m/s.
    """
    speed = math.sqrt(8 * 8.314462618 * 1000 / (math.pi * 17.007e-3 * 2.016e-3 / 19.023e-3))
    assert speed == pytest.approx(3428, rel=1e-3)
    cross = math.pi * ((2.75e-10 + 2.92e-10) / 2) ** 2
    omega = 1.16145 * 18.137**-0.14874
    wanted = cross * speed * omega * 6.02214076e26
    assert limit(gas, ("OH", "H2"), np.array([1000.0]))[0] == pytest.approx(wanted, rel=1e-3)
    assert wanted == pytest.approx(3.9e11, rel=0.02)  # 3.9e14 cm3/mol/s


def test_argon_as_canteras_viscosity_has_it(gas):
    """pi sigma2 Omega(2,2) = 5/16 sqrt(pi m k T) / viscosity (Chapman and Enskog); a pair of equals counts once."""
    gas = ct.Solution("h2o2.yaml", transport_model="mixture-averaged")
    m = gas.molecular_weights[gas.species_index("AR")] / ct.avogadro
    for T in (300.0, 1000.0, 2000.0):
        gas.TPX = T, ct.one_atm, "AR:1"
        cross = 5 / 16 * math.sqrt(math.pi * m * ct.boltzmann * T) / gas.viscosity
        speed = math.sqrt(8 * ct.boltzmann * T / (math.pi * m / 2))
        assert limit(gas, ("AR", "AR"), np.array([T]))[0] == pytest.approx(cross * speed * ct.avogadro / 2, rel=0.015)


def test_where_there_is_no_limit(gas):
    """Ions meet from afar; three molecules, or one, are no pair; a mechanism without transport data has no sizes."""
    T = np.array([1000.0])
    ions = ct.Solution("gri30_ion.yaml", transport_model=None)
    assert limit(ions, ("HCO+", "E"), T) is None and limit(ions, ("H3O+", "H2O"), T) is None
    bare = [ct.Species(name, gas.species(name).composition) for name in ("OH", "H2")]
    for one in bare:
        one.thermo = gas.species(one.name).thermo
    assert limit(ct.Solution(thermo="ideal-gas", species=bare), ("OH", "H2"), T) is None
    assert too_fast(gas, ("H", "H", "H2"), T, [1e30]) == too_fast(gas, ("H2O2",), T, [1e30]) == ""


def test_the_factor_is_where_words_begin(gas):
    T = np.array([500.0, 1000.0])
    met = limit(gas, ("OH", "H2"), T)
    assert too_fast(gas, ("OH", "H2"), T, 0.99 * FACTOR * met) == ""
    assert "k of OH + H2 at 1000 K is 5.1 times" in too_fast(gas, ("OH", "H2"), T, met * [0.1, 1.02 * FACTOR])


def merged(folder, *entries):
    path = folder / "rates.yaml"
    path.write_text(HEAD + "".join(entries))
    return api.merge("h2o2.yaml", [path], folder / "new.yaml", force=True)


def entry(equation, A, E=0.0, more=""):
    return f"- equation: {equation}\n  rate-constant: {{A: {A!r}, b: 0.0, Ea: {E}}}\n{more}"


GOOD = entry("O + H2 <=> OH + H", 1e13, 4000.0)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (entry("OH + H2 <=> H2O + H", 1e16), r"k of H2 \+ OH at 500 K is 32.4 times their .*, 3.09e\+14 cm3"),
        (entry("H2O + H <=> OH + H2", 1e16, 5e3), r"k of H2 \+ OH at 500 K is 1.5e\+03"),  # backwards
        (entry("H2O2 (+M) <=> OH + OH (+M)", 1e20, 24000.0).replace("rate-constant", "high-P-rate-constant")
         + "  low-P-rate-constant: {A: 1.0e+17, b: 0.0, Ea: 22000.0}\n  type: falloff\n", "k of OH . OH at"),
        ("- equation: H + O2 <=> HO2\n  type: pressure-dependent-Arrhenius\n  rate-constants:\n"
         "  - {P: 1 atm, A: 1.0e+12, b: 0, Ea: 0}\n  - {P: 100 atm, A: 1.0e+17, b: 0, Ea: 0}\n", r"k of H \+ O2 at"),
        ("- equation: H + O2 <=> O + OH\n  type: pressure-dependent-Arrhenius\n  rate-constants:\n"
         "  - {P: 1 atm, A: 1.0e+17, b: 0, Ea: 0}\n  - {P: 100 atm, A: 1.0e+12, b: 0, Ea: 8000}\n", r"k of H \+ O2 at"),
        ("- equation: H + O2 <=> O + OH\n  type: Chebyshev\n  temperature-range: [500, 3000]\n"
         "  pressure-range: [0.1 atm, 10 atm]\n  data: [[14.0, -3.0], [0.0, 0.0]]\n", r"k of H \+ O2 at"),
        (entry("OH + H2 <=> H2O + H", -1e12, more="  negative-A: true\n"), "must be a number, 0 or more"),
    ],
)  # fmt: skip
def test_what_is_faster_than_collisions_is_left_out_with_the_reason(tmp_path, bad, said):
    with pytest.raises(ConfigError, match=said):
        merged(tmp_path, bad)
    found = merged(tmp_path, GOOD, bad)
    assert [one.equation for one in found.changes] == ["H2 + O <=> H + OH"] and len(found.refused) == 1


def test_only_the_temperatures_of_the_rate_count(tmp_path):
    """The second term of H2O2 + OH of GRI-Mech and h2o2.yaml is for temperatures below 1300 K: 40 times at 3000 K."""
    fast = entry("H2O2 + OH <=> H2O + HO2", 1.7e18, 14799.0)
    assert merged(tmp_path, fast + RANGE.format(300, 1300)).changes
    with pytest.raises(ConfigError, match=r"k of H2O2 \+ OH at 3000 K is 4\d times"):
        merged(tmp_path, fast)


def test_a_duplicate_does_not_go_in_alone(tmp_path):
    two = [entry("H2O2 + OH <=> H2O + HO2", A, E, "  duplicate: true\n") for A, E in ((1.7e18, 14799.0), (2e12, 215.0))]
    with pytest.raises(ConfigError, match="give one rate for each"):
        merged(tmp_path, *two)


def test_chemically_activated_ones_are_fastest_at_low_pressure(gas):
    text = """{equation: "OH + OH (+M) <=> O + H2O (+M)", type: chemically-activated,
               low-P-rate-constant: {A: %g, b: 0, Ea: 0}, high-P-rate-constant: {A: 1.0e+6, b: 0, Ea: 0}}"""  # m, kmol
    said = [beyond_collisions(gas, gas.species(), ct.Reaction.from_yaml(text % A, gas), (1000.0, 2000.0))
            for A in (1e10, 1e13)]  # fmt: skip
    assert said[0] == "" and "k of OH + OH at 1000 K is" in said[1]


@pytest.mark.parametrize(
    ("mechanism", "T", "known"),
    [
        ("h2o2.yaml", (500.0, 3000.0), ["H2O2 + OH <=> H2O + HO2"]),
        ("ammonia_cfd.yaml", (500.0, 3000.0), []),
        ("gri30.yaml", (300.0, 3000.0), ["C2H2 + O <=> C2H + OH", "H2O2 + OH <=> H2O + HO2"]),
    ],
)
def test_good_mechanisms_raise_no_alarm(mechanism, T, known):
    """But for that term beyond its temperatures, and a reverse by thermo."""
    gas = phases.solution(places.find(mechanism), transport=False)
    found = [one.equation for one in gas.reactions() if beyond_collisions(gas, gas.species(), one, T)]
    assert found == known


@pytest.mark.parametrize("ends", [(0, 1000), (300, ".inf")])
def test_a_range_from_absolute_zero_or_without_an_end_is_refused(tmp_path, ends):
    with pytest.raises(ConfigError, match="the lowest and the highest temperature, above 0 K"):
        merged(tmp_path, GOOD + RANGE.format(*ends))


@pytest.mark.parametrize("text", ["OH+H2=H2O+H", "OH + H2 <=> H2O + H"])
def test_each_equation_that_is_asked_for_must_be_there(tmp_path, text):
    """Also one beside others that are."""
    (tmp_path / "rates.yaml").write_text(HEAD + GOOD)
    with pytest.raises(ConfigError, match="is in none of the files of rates"):
        api.merge("h2o2.yaml", [tmp_path / "rates.yaml"], tmp_path / "new.yaml", only=["O + H2 = OH + H", text])


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        ("{T: [500, 1000], f: [2]}", "a factor for each temperature"), ("{T: [], f: []}", "a factor for each"),
        ("{T: 500, f: 3}", "a factor for each"), ("{T: [500, 1000], f: [a, 3]}", "a factor for each"),
        ("{T: [500, 1000], f: [0.5, 3]}", "factors 1 or more"), ("{T: [500, 500], f: [2, 3]}", "T must differ"),
        ("{T: [0, 500], f: [2, 3]}", "above 0 K"), ("true", "must be a number"),
    ],
)  # fmt: skip
def test_stated_factors_that_cannot_be_are_refused(tmp_path, factor, said):
    """By merge and by rate."""
    stated = f"{GOOD}  combust: {{factor: {factor}}}\n"
    with pytest.raises(ConfigError, match=said):
        merged(tmp_path, stated)
    with pytest.raises(ConfigError, match=said):
        api.rate("O + H2 = OH + H", (str(tmp_path / "rates.yaml"),), T=(1000.0,))
