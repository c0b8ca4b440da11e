"""Fits and entries: Cantera reads each back, and `combust merge` takes it."""

import cantera as ct
import msgspec
import numpy as np
import pytest
from falloff_wells import N2, ho2

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError
from combust.kinetics.falloff import fits
from combust.kinetics.falloff.settings import load
from combust.kinetics.falloff.well import table
from combust.kinetics.quantum import record as records

T = np.array([300.0, 450.0, 700.0, 1000.0, 1400.0, 1900.0, 2500.0])
P = np.array([0.01, 0.1, 1.0, 10.0, 100.0]) * ct.one_atm
CONFIG = """
threshold = "200.83 kJ/mol"
bath = "N2"
T = "300,450,700,1000,1400,1900,2500"
grain = 40
[well]
species = "HO2"
frequencies = [1098, 1392, 3436]
rotational = [20.36, 1.118, 1.056]
electronic = [[2, 0]]
[[fragments]]
species = "H"
electronic = [[2, 0]]
[[fragments]]
species = "O2"
frequencies = [1580]
rotational = [1.4377]
symmetry = 2
electronic = [[3, 0]]
[k_inf]
terms = [[25e-11, -0.367, 0], [7.5e-13, 0.702, 0]]
units = "cm3/molecule/s"
source = "J. Phys. Chem. A 112, 5085"
[collisions]
down = 250
exponent = 0.5
"""


@pytest.fixture(scope="module")
def made():
    return table(ho2(), N2, T, P, 40)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "ho2.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(("kind", "most"), [("troe", 0.15), ("plog", 0.12), ("chebyshev", 0.03)])
def test_fits_state_their_error(made, kind, most):
    limits = fits.Limits(made.low / made.equilibrium, made.high / made.equilibrium)
    found = fits.fitted(kind, T, P, made.association, limits)
    again = np.abs(fits.evaluated(found.rate, T, P) / made.association - 1)
    assert found.worst == pytest.approx(again.max()) and found.mean == pytest.approx(again.mean())
    assert 0 < found.worst < most
    if kind == "troe":  # holds beyond the table, at its limits
        far = fits.evaluated(found.rate, T, np.array([1e-4, 1e17]))
        assert far[:, 1] == pytest.approx(limits.high, rel=0.35)
        assert far[:, 0] == pytest.approx(limits.low * 1e-4 / (ct.gas_constant * T), rel=0.35)


def test_a_troe_rate_comes_back():
    """A fit to a Troe rate finds it: of GRI-3.0, H + CH3 (+M)."""
    rate = next(r for r in ct.Solution("gri30.yaml").reactions() if r.equation == "CH3 + H (+M) <=> CH4 (+M)").rate
    k = fits.evaluated(rate, T, P)
    limits = fits.Limits(*(np.array([law(t) for t in T]) for law in (rate.low_rate, rate.high_rate)))
    assert fits.fitted("troe", T, P, k, limits).worst < 0.02


def test_what_no_fit_can_do_is_refused(made):
    k = made.association
    for kind, rows, columns, words in (
        ("plog", 2, 5, "P-log needs 3 or more and 2 or more"),
        ("plog", 7, 1, "7 temperatures, 1 pressures: P-log needs 3 or more"),
        ("chebyshev", 2, 5, "Chebyshev needs 3 or more and 2 or more"),
        ("troe", 7, 5, "low and high"),
    ):
        with pytest.raises(ConfigError, match=words):
            fits.fitted(kind, T[:rows], P[:columns], k[:rows, :columns])
    with pytest.raises(ConfigError, match="k > 0"):
        fits.fitted("plog", T, P, -k)
    with pytest.raises(ConfigError, match="allowed troe"):
        fits.fitted("spline", T, P, k)


@pytest.mark.parametrize("kind", fits.KINDS)
def test_cantera_reads_the_entry_back(config, tmp_path, kind):
    """k of the file, in Cantera, is that of the master equation within the error that its note states."""
    report = api.falloff(config, tmp_path / "out", changes=[f"fit={kind}"])
    gas = ct.Solution(str(report.yaml))
    [entry] = gas.reactions()
    assert entry.reactants == {"H": 1, "O2": 1} and entry.products == {"HO2": 1}
    assert f"within {report.fit.worst:.1%}" in entry.input_data["note"] and "112, 5085" in entry.input_data["note"]
    about = entry.input_data["combust"]
    assert about["range"] == [300.0, 2500.0] and about["bath"] == "N2"
    for i, t in enumerate(report.table.T):
        for j, p in enumerate(report.table.p):
            gas.TPX = t, p, {"H": 1e-9, "O2": 1e-9} | {"HO2": 1.0}
            k = gas.forward_rate_constants[0]
            assert k == pytest.approx(report.table.association[i, j], rel=report.fit.worst * 1.01 + 1e-6)


def test_the_verb_writes_what_merge_takes(config, tmp_path, capsys):
    """The five third-body reactions of h2o2.yaml go, one Troe comes; k at 1 atm in N2 is its."""
    out = tmp_path / "out"
    assert main(["falloff", str(config), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "K/mech." in said and "troe fit: within" in said
    assert (out / "falloff.png").stat().st_size > 5000
    assert len((out / "falloff.csv").read_text().splitlines()) == 1 + 7 * 5
    new = tmp_path / "new.yaml"
    assert main(["merge", "h2o2.yaml", str(out / "falloff.yaml"), "--out", str(new)]) == 0
    assert "replaced" in capsys.readouterr().out
    base, gas = ct.Solution("h2o2.yaml"), ct.Solution(str(new))
    sides = lambda r: (dict(r.reactants), dict(r.products))  # noqa: E731
    old = [i for i, r in enumerate(base.reactions()) if sides(r) == ({"H": 1, "O2": 1}, {"HO2": 1})]
    assert len(old) > 2 and gas.n_reactions == base.n_reactions - len(old) + 1
    merged = api.merge("h2o2.yaml", [out / "falloff.yaml"], tmp_path / "again.yaml")
    [change] = merged.changes
    base.TPX = gas.TPX = 1000.0, ct.one_atm, "N2:1"
    third = base.third_body_concentrations
    k = sum(base.forward_rate_constants[i] * third[i] for i in old)
    [new_one] = [i for i, r in enumerate(gas.reactions()) if sides(r) == ({"H": 1, "O2": 1}, {"HO2": 1})]
    ratio = dict((t, r) for t, r, _ in change.ratios)[1000.0]
    assert ratio == pytest.approx(gas.forward_rate_constants[new_one] / k, rel=1e-9)


def test_a_record_can_stand_for_a_table(config, tmp_path):
    """Frequencies and constants of a record of a structure give the same as those of a table."""
    from combust.kinetics.quantum.record import Record, write

    made = Record(species="HO2", level="test", elements=("O", "O", "H"), multiplicity=2, energies={"test": -150.9},
                  coordinates=((0.0, 0.0, 0.0), (1.33, 0.0, 0.0), (-0.24, 0.94, 0.0)),
                  frequencies=(1098.0, 1392.0, 3436.0))  # fmt: skip
    write(tmp_path / "HO2.json", made)
    constants = [float(x) for x in made.rotor.constants]
    text = CONFIG.replace("rotational = [20.36, 1.118, 1.056]", f"rotational = {constants}")
    config.write_text(text)
    plain = api.falloff(config)
    head, _, tail = text.partition('[well]\nspecies = "HO2"\n')
    config.write_text(head + '[well]\nspecies = "HO2"\nrecord = "HO2.json"\n' + tail[tail.index("[[fragments]]") :])
    named = api.falloff(config)
    assert named.table.association == pytest.approx(plain.table.association, rel=1e-9)


@pytest.mark.parametrize(("change", "words"), [
    ("bath=\"XE\"", "is not in the mechanism"), ("threshold=\"200 furlongs\"", "unit must be one of"),
    ("p=\"1,10\"", "needs its unit"), ("well.rotational=[1.0,2.0]", "none \\(an atom\\)"),
    ("fit=\"spline\"", "troe"), ("collisions.up=3", "up"),
])  # fmt: skip
def test_bad_files_are_named(config, change, words):
    with pytest.raises(ConfigError, match=words):
        api.falloff(config, changes=[change])
    assert main(["falloff", str(config), "--set", change, "--out", str(config.parent / "x")]) == 2


def test_a_threshold_can_come_from_thermo(config):
    """Without one the equilibrium constant at 1000 K is that of the mechanism."""
    given = CONFIG.replace('threshold = "200.83 kJ/mol"\n', "")
    config.write_text(given)
    report = api.falloff(config)
    assert report.equilibrium[list(report.table.T).index(1000.0)] == pytest.approx(1.0, rel=2e-3)
    config.write_text(CONFIG)
    assert api.falloff(config).equilibrium[3] == pytest.approx(1.0, rel=0.15)


def test_efficiencies_and_factor_stand_in_the_entry(config, tmp_path):
    report = api.falloff(config, tmp_path / "out", changes=["efficiencies={ H2O = 12.0 }", "factor=2.0"])
    [entry] = ct.Solution(str(report.yaml)).reactions()
    assert entry.third_body.efficiencies == {"H2O": 12.0} and entry.input_data["combust"]["factor"] == 2.0
    with pytest.raises(ConfigError, match="only a Troe entry"):
        api.falloff(config, changes=["efficiencies={ H2O = 12.0 }", "fit=plog"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("threshold=-5", "allowed energies above 0"),
        ("threshold=0", "allowed energies above 0"),
        ('threshold="5000 kJ/mol"', "allowed energies above 0"),
        ('T="1000"', "1 temperatures, 5 pressures: a Troe fit needs 4 or more and 2 or more"),
        ('p="1 atm"', "7 temperatures, 1 pressures"),
        ("efficiencies={FOO=2}", "species FOO: is not in the mechanism"),
        ("efficiencies={N2=3}", "k is computed in N2, whose efficiency is 1"),
        ("well.frequencies=[1098,1392]", "HO2: 3 atoms with 2 frequencies and three rotational constants"),
        ("well.frequencies=[1098,1392,1500,3436]", "HO2: 3 atoms with 4 frequencies"),
        ("well.rotational=[]", "HO2: 3 atoms with 3 frequencies and none, as an atom"),
        ("well.species=H2O2", "fragments: H . O2 have other atoms than H2O2"),
        ("k_inf.terms=[[25e-11,-0.367,1e6]]", "the way out begins"),
        ("k_inf.terms=[[-25e-11,-0.367,0],[7.5e-13,0.702,0]]", "at a negative rate at some energies"),
        ("k_inf.terms=[[0.0,0,0]]", "the well has no way out"),
    ],
)
def test_wells_that_cannot_be_are_refused(config, change, said):
    """A message, neither a traceback nor a number; nothing is computed for a form that has too few points."""
    with pytest.raises(ConfigError, match=said):
        api.falloff(config, changes=[change])


def test_k_beyond_collisions_at_high_pressure_is_said(config):
    few = ['T="900:1500:4"', 'p="1,10 atm"']
    assert not [words for words in api.falloff(config, changes=few).warnings if "collisions" in words]
    found = api.falloff(config, changes=[*few, "k_inf.terms=[[2e-8,0,0]]"])
    assert any(words.startswith("at high pressure k of H + O2 at 900 K is ") for words in found.warnings)


def test_a_record_of_another_molecule_is_refused(config, tmp_path):
    records.write(tmp_path / "O2.json", records.Record(
        species="O2", level="a/b", elements=("O", "O"), coordinates=((0, 0, 0), (0, 0, 1.2)), multiplicity=3,
        energies={"a/b": -150.0}, frequencies=(1580.0,),
    ))  # fmt: skip
    given = load(config)
    well = msgspec.structs.replace(given.well, record=str(tmp_path / "O2.json"), frequencies=(), rotational=())
    with pytest.raises(ConfigError, match=r"O2.json: is a record of O2, HO2 is H1 O2"):
        api.falloff(msgspec.structs.replace(given, well=well))


@pytest.mark.parametrize(
    ("frequencies", "barrier", "said"),
    [
        ("[1098, 1392, 3436]", "18000", "saddle: 3 atoms with 3 frequencies"),
        ("[1098, 1392]", "-1000", "saddle.barrier = -1000.0: allowed energies above 0"),
        ("[1098, 1392]", "18000", None),
    ],
)
def test_a_saddle_has_a_vibration_less_and_a_barrier(config, frequencies, barrier, said):
    text = CONFIG[: CONFIG.index("[k_inf]")] + CONFIG[CONFIG.index("[collisions]") :]
    config.write_text(
        f"{text}[saddle]\nbarrier = {barrier}\n[saddle.structure]\nfrequencies = {frequencies}\n"
        "rotational = [20.36, 1.118, 1.056]\nelectronic = [[2, 0]]\n"
    )
    if said is None:
        assert (api.falloff(config, changes=['T="900:1500:4"', 'p="1,10 atm"']).table.high > 0).all()
        return
    with pytest.raises(ConfigError, match=said):
        api.falloff(config)
