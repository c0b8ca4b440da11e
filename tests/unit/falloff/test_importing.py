"""Outputs of MESS and Arkane: read with their units, checked, refused with file and line."""

import cantera as ct
import numpy as np
import pytest
from falloff_wells import N2, ho2

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError, FileFormatError
from combust.kinetics.falloff.well import table

T = np.array([400.0, 700.0, 1100.0, 1600.0, 2200.0])
P = np.array([0.1, 1.0, 10.0, 100.0])  # bar
NAMES = ("W1=HO2", "P1=H+O2")


@pytest.fixture(scope="module")
def made():
    return table(ho2(), N2, T, P * 1e5, 60)


def rows(k, last, undefined=()):
    """A block's rows, as MESS sets them."""
    lines = ["P\\T    " + "".join(f"{t:13g}" for t in T)]
    for j, p in enumerate(P):
        words = ["***" if (i, j) in undefined else f"{k[i, j]:.6g}" for i in range(len(T))]
        lines.append(f"{p:<7g}" + "".join(f"{word:>13}" for word in words))
    return [*lines, "O-O    " + "".join(f"{x:13.6g}" for x in last), ""]


@pytest.fixture
def mess(made, tmp_path):
    """Writes an output of MESS; k of dissociation is changed by `edit`."""

    def write(edit=lambda k: k, undefined=()):
        back = made.association / 6.02214076e20
        lines = ["Unimolecular Rate Units: 1/sec;  Bimolecular Rate Units: cm^3/sec", "",
                 "Pressure-Species Rate Tables:", "", "Reactant = W1   Temperature = 400 K", "",
                 "   P(bar)           P1         Loss", "", "______", "", "Temperature-Pressure Rate Tables:", "",
                 "W1->P1", "", *rows(edit(made.dissociation), made.high, undefined),
                 "P1->W1", "", *rows(back, made.high / made.equilibrium / 6.02214076e20, undefined),
                 "W1-> ", "", *rows(made.dissociation, made.high)]  # fmt: skip
        path = tmp_path / "mess.out"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.mark.parametrize("fit", ["plog", "chebyshev"])
def test_a_table_of_mess_becomes_an_entry(mess, made, tmp_path, fit):
    """k in Cantera within the stated error; the reverse is left out; both agree with the thermo."""
    found = api.read_rates(mess(), "h2o2.yaml", tmp_path / "out", names=NAMES, fit=fit)
    [one] = found.taken
    assert found.format == "MESS" and one.balance == pytest.approx(1.06, abs=0.08) and one.line == 13
    assert [reason for _, reason in found.left_out] == ["is the reverse of line 13, and follows from the thermo"]
    gas = ct.Solution(str(found.yaml))
    for i, t in enumerate(T):
        for j, p in enumerate(P * 1e5):
            gas.TPX = t, p, "HO2:1"
            assert gas.forward_rate_constants[0] == pytest.approx(made.dissociation[i, j], rel=one.error * 1.01 + 1e-4)


def test_undefined_rates_are_left_out(mess, tmp_path):
    """Two of five temperatures of a pressure may go; a pressure with two rates goes as a whole."""
    gone = {(4, 0), (3, 1), (4, 1), (2, 3), (3, 3), (4, 3)}
    [one] = api.read_rates(mess(undefined=gone), "h2o2.yaml", tmp_path / "out", names=NAMES).taken
    assert one.p == pytest.approx((1e4, 1e6))
    with pytest.raises(ConfigError, match="P-log needs two"):
        most = {(i, j) for i in range(3) for j in range(4)}
        api.read_rates(mess(undefined=most), "h2o2.yaml", tmp_path / "no", names=NAMES)


def test_what_is_off_the_thermo_is_said(mess, tmp_path):
    [one] = api.read_rates(mess(lambda k: 30 * k), "h2o2.yaml", tmp_path / "out", names=NAMES).taken
    assert one.balance > 25 and any("off the mechanism's thermo" in words for words in one.warnings)


@pytest.mark.parametrize(("edit", "words"), [
    (lambda t: t.replace("P(bar)", "P"), "unit of pressure"),
    (lambda t: t.replace("0.1    ", "0.1 x  ", 1), "line 16: .*must be numbers"),
    (lambda t: t[: t.index("P1->W1") + 200], "line 2[0-9]: "),
    (lambda t: t.replace("P\\T", "T", 1), "must follow"),
    (lambda t: t.replace("Temperature-Pressure", "Other"), "is none of MESS"),
])  # fmt: skip
def test_bad_outputs_are_named_with_their_line(mess, tmp_path, edit, words):
    path = mess()
    path.write_text(edit(path.read_text()))
    with pytest.raises(FileFormatError, match=words) as told:
        api.read_rates(path, "h2o2.yaml", tmp_path / "out", names=NAMES)
    assert "mess.out" in str(told.value)
    assert main(["falloff", "--read", str(path), "--mechanism", "h2o2.yaml", "--out", str(tmp_path / "x")]) == 2


def test_species_of_a_file_need_names(mess, tmp_path):
    with pytest.raises(ConfigError, match="has no W1; give --name"):
        api.read_rates(mess(), "h2o2.yaml", tmp_path / "out", names=["P1=H+O2"])
    with pytest.raises(ConfigError, match="A=B"):
        api.read_rates(mess(), "h2o2.yaml", tmp_path / "out", names=["W1"])


PLOG = """H+O2=HO2      1.000e+00 0.000 0.000
    PLOG/ 1.0  1.0e13 -0.5  0.2 /
    PLOG/ 1.0  {second} -0.5  0.0 /
    PLOG/ 10.0 1.0e14 -0.5  0.2 /
"""
CHEB = """H+OH(+M)=H2O(+M) 1.000e+00 0.000 0.000
    TCHEB/ 300.000 2000.000 /
    PCHEB/ 0.010 100.0 /
    CHEB/ 2 2 /
    CHEB/ 10.0 1.0 /
    CHEB/ -0.5 0.1 /
"""


def chemkin(tmp_path, text, head="REACTIONS KCAL/MOLE MOLES\n"):
    path = tmp_path / "chem.inp"
    path.write_text(head + text)
    return path


def test_chem_inp_is_read_with_its_units(tmp_path):
    """Two entries at one pressure are summed; kcal, mol and cm; Chebyshev's log10 k is of cm3/mol/s."""
    found = api.read_rates(
        chemkin(tmp_path, PLOG.format(second="2.0e12") + CHEB + "END\n"), "h2o2.yaml", tmp_path / "o"
    )
    assert [(one.kind, one.line) for one in found.taken] == [("P-log", 2), ("Chebyshev", 6)]
    assert any("does not say" in words for words in found.taken[0].warnings)
    gas = ct.Solution(str(found.yaml))
    gas.TPX = 1000.0, ct.one_atm, "H2O:1"
    wanted = (1e13 * np.exp(-0.2 * 4184 / 8.31446261815324 / 1000) + 2e12) * 1000**-0.5 * 1e-3
    assert gas.forward_rate_constants[0] == pytest.approx(wanted, rel=1e-9)
    t = (2 / 1000 - 1 / 300 - 1 / 2000) / (1 / 2000 - 1 / 300)
    p = (2 * 0 - np.log10(0.01) - 2) / (2 + 2)
    assert gas.forward_rate_constants[1] == pytest.approx(10 ** (10 + p - 0.5 * t + 0.1 * t * p) * 1e-3, rel=1e-9)


def test_a_file_of_entries_alone_is_in_calories(tmp_path):
    """What Arkane appends to has no heading."""
    text = PLOG.format(second="2.0e12").replace(" 0.2 /", " 200.0 /")
    files = [(text, ""), (PLOG.format(second="2.0e12"), "REACTIONS KCAL/MOLE MOLES\n")]
    both = [
        api.read_rates(chemkin(tmp_path, *one), "h2o2.yaml", tmp_path / f"o{i}").yaml for i, one in enumerate(files)
    ]
    ks = []
    for file in both:
        gas = ct.Solution(str(file))
        gas.TPX = 700.0, ct.one_atm, "H:1"
        ks.append(gas.forward_rate_constants[0])
    assert ks[0] == pytest.approx(ks[1], rel=1e-9)


def test_negative_sums_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"line 2: the PLOG entries at 1 atm add up to -"):
        api.read_rates(chemkin(tmp_path, PLOG.format(second="-2.0e13")), "h2o2.yaml", tmp_path / "o")


def test_duplicates_are_told_from_sums(tmp_path):
    """Two entries that cross over pressure: apart they are another rate than as one with sums."""
    one = "H+O2=HO2 1 0 0\n PLOG/ 1.0 1e13 0 0/\n PLOG/ 100.0 1e9 0 0/\n DUPLICATE\n"
    other = "H+O2=HO2 1 0 0\n PLOG/ 1.0 1e9 0 0/\n PLOG/ 100.0 1e13 0 0/\n DUPLICATE\n"
    found = api.read_rates(chemkin(tmp_path, one + other), "h2o2.yaml", tmp_path / "o")
    assert len(found.taken) == 2
    [words] = [w for w in found.taken[0].warnings if "several times" in w]
    assert float(words.split("factor ")[1].split()[0]) == pytest.approx(1e13 / 2e11, rel=0.01)  # 10^11 each, or 10^13
    assert all(r.duplicate for r in ct.Solution(str(found.yaml)).reactions())


OUTPUT = """# Arkane
pdepreaction(
    reactants = ['H', 'O2'],
    products = ['HO2'],
    kinetics = Chebyshev(
        coeffs = [
            [10.0, 1.0],
            [-0.5, 0.1],
        ],
        kunits = 'cm^3/(mol*s)',
        Tmin = (300, 'K'),
        Tmax = (2000, 'K'),
        Pmin = (0.01, 'bar'),
        Pmax = (100, 'bar'),
    ),
)
pdepreaction(
    reactants = ['HO2'],
    products = ['H', 'O2'],
    kinetics = PDepArrhenius(
        pressures = ([0.1, 10], 'bar'),
        arrhenius = [
            Arrhenius(A=(1e10, 's^-1'), n=0.5, Ea=(200, 'kJ/mol'), T0=(1, 'K')),
            MultiArrhenius(arrhenius=[
                Arrhenius(A=(1e12, 's^-1'), n=0.5, Ea=(200, 'kJ/mol'), T0=(300, 'K')),
                Arrhenius(A=(2e12, 's^-1'), n=0.0, Ea=(48, 'kcal/mol'), T0=(1, 'K')),
            ]),
        ],
    ),
)
"""


def test_output_py_is_parsed_not_run(tmp_path):
    path = tmp_path / "output.py"
    path.write_text(OUTPUT + f"\nopen({str(tmp_path / 'run')!r}, 'w')\n")
    found = api.read_rates(path, "h2o2.yaml", tmp_path / "o")
    assert not (tmp_path / "run").exists() and found.format == "Arkane's output.py"
    [one] = found.taken  # the second is its reverse
    assert one.T == (300.0, 2000.0) and one.balance > 2
    gas = ct.Solution(str(found.yaml))
    gas.TPX = 1000.0, 1e5, "H:1"
    t = (2 / 1000 - 1 / 300 - 1 / 2000) / (1 / 2000 - 1 / 300)
    assert gas.forward_rate_constants[0] == pytest.approx(10 ** (10 + 0 - 0.5 * t) * 1e-3, rel=1e-9)

    path.write_text(OUTPUT[: OUTPUT.index("pdepreaction")] + OUTPUT[OUTPUT.rindex("pdepreaction") :])
    file = api.read_rates(path, "h2o2.yaml", tmp_path / "second").yaml
    gas = ct.Solution(str(file))
    gas.TPX = 1200.0, 1e6, "H:1"
    R = 8.31446261815324
    wanted = 1e12 * 2 * np.exp(-2e5 / R / 1200) + 2e12 * np.exp(-48 * 4184 / R / 1200)
    assert gas.forward_rate_constants[0] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("edit", "words"), [
    (lambda t: t.replace("'cm^3/(mol*s)'", "'furlong'"), "line 2: pdepreaction cannot be read"),
    (lambda t: t.replace("Chebyshev(", "Lindemann("), "line 2: kinetics Lindemann"),
    (lambda t: t[:400], "is no output of Arkane"),
    (lambda t: t.replace("[10.0, 1.0]", "[__import__('os').getpid(), 1.0]"), "cannot be read"),
])  # fmt: skip
def test_bad_output_py(tmp_path, edit, words):
    path = tmp_path / "output.py"
    path.write_text(edit(OUTPUT))
    with pytest.raises(FileFormatError, match=words):
        api.read_rates(path, "h2o2.yaml", tmp_path / "o")


@pytest.mark.parametrize("text", [
    "H+O2=HO2 1 0 0\n PLOG/ 1.0 abc 0 0/\n",
    "H+O2=HO2 1 0 0\n CHEB/ 2 2 1.0/\n",
])  # fmt: skip
def test_bad_chem_inp(tmp_path, text):
    with pytest.raises(FileFormatError, match=r"chem.inp: line 2"):
        api.read_rates(chemkin(tmp_path, text), "h2o2.yaml", tmp_path / "o")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("H+O2=HO2 1e13 0 0\nPLOG/ 0 1e10 0 0/\nPLOG/ 1 1e12 0 0/\n", "pressures must be positive, not 0 Pa"),
        ("H+O2(+M)=HO2(+M) 1 0 0\nTCHEB/ 2500 300/\nPCHEB/ 0.01 100/\nCHEB/ 1 1 12.0/\n", "must ascend: 2500, 300"),
        ("H+O2(+M)=HO2(+M) 1 0 0\nTCHEB/ 300 2500/\nPCHEB/ 100 0.01/\nCHEB/ 1 1 12.0/\n", "pressures of its polynom"),
    ],
)
def test_ranges_that_cannot_be_are_refused(tmp_path, text, said):
    """Cantera takes all of them; at P = 0 k is not a number, in a reversed range the polynomial is another one."""
    path = tmp_path / "chem.inp"
    path.write_text(f"REACTIONS\n{text}END\n")
    with pytest.raises(ConfigError, match=said):
        api.read_rates(path, "h2o2.yaml", tmp_path)
    assert not (tmp_path / "falloff.yaml").exists()
