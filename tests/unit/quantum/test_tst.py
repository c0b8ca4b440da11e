"""combust tst from records: tables, entries that merge, factors, what is refused; PySCF where it is installed."""

import json

import cantera as ct
import numpy as np
import pytest

from combust.__main__ import main
from combust.errors import ConfigError, DependencyError, FileFormatError
from combust.kinetics.constants.rate import rate
from combust.kinetics.quantum import record as records
from combust.kinetics.quantum.command import tst
from combust.kinetics.quantum.engines.cclib_reader import read_log
from combust.kinetics.quantum.engines.structure import Energy, Pieces
from tests.unit.quantum.structures import H2, HARTREE_KCAL, LEVEL, QUICK, SADDLE, H, other

CONFIG = f"""
reaction = "H + H2 <=> H2 + H"
energy = "{LEVEL}"
T = [300, 2000]
species.H.record = "H.json"
species.H2.record = "H2.json"
saddle.record = "H3.json"
mechanism = "h2o2.yaml"
"""
OH_H2 = ("OH", "H2", "H2O", "H")


@pytest.fixture
def folder(tmp_path):
    for one in (H, H2, SADDLE):
        records.write(tmp_path / f"{one.species}.json", one)
    (tmp_path / "tst.toml").write_text(CONFIG)
    return tmp_path


def test_table_and_files(folder, capsys):
    assert main(["tst", str(folder / "tst.toml"), "--out", str(folder / "out")]) == 0
    said = capsys.readouterr().out
    assert "H3" not in said and "saddle: D∞h, rotation number 1; cm-1: 1510i, 917, 917, 2054" in said
    assert "H + H2 => H + H2, ccsd(t)/cbs(cc-pvtz,cc-pvqz)//" in said
    for name in ("tst.json", "rate.yaml", "rate.png", "H.json", "H2.json", "saddle.json"):
        assert (folder / "out" / name).is_file(), name


def test_entry_is_the_law_in_the_units_of_the_file(folder):
    found = tst(folder / "tst.toml", folder / "out")
    gas = ct.Solution(str(folder / "out" / "rate.yaml"))
    for one in found.record.at:
        assert gas.reaction(0).rate(one.T) == pytest.approx(one.k, rel=np.expm1(found.record.law["error"]) + 1e-9)
    about = gas.reaction(0).input_data["combust"]
    assert about["source"] == "quantum" and about["range"] == [300, 2000]
    assert about["factor"] >= found.record.at[0].factor > found.record.at[-1].factor > 1
    assert len(about["factors"]) == len(about["temperatures"])
    assert "eckart tunnelling" in gas.reaction(0).input_data["note"]


def test_rate_lists_it_with_its_band(folder):
    found = tst(folder / "tst.toml", folder / "out")
    said = rate("H + H2 = H2 + H", (), [folder / "out"], [300.0, 1000.0, 2500.0]).said
    assert [one.kind for one in said] == ["quantum"]
    assert [point.T for point in said[0].points] == [300.0, 1000.0]  # none beyond its range
    first = said[0].points[0]
    assert first.k == pytest.approx(found.record.at[0].k, rel=0.1)
    assert first.k / first.low == pytest.approx(found.record.at[0].factor, rel=1e-6)


def test_k_beyond_collisions_is_doubtful(folder, capsys):
    """A saddle far below the reactants: H + H2 in both directions."""
    assert not [words for words in tst(folder / "tst.toml", folder / "out").doubts if "collisions" in words]
    records.write(folder / "H3.json", other(SADDLE, energies={LEVEL: -1.6745 - 20 / HARTREE_KCAL}))
    words = ["tst", str(folder / "tst.toml"), "--out", str(folder / "deep"), "--set", "tunnelling=none"]
    assert main(words) == 0
    assert capsys.readouterr().out.count("doubtful: k of H + H2 at 300 K is ") == 2
    assert "k of H + H2 at 300 K" in json.loads((folder / "deep" / "tst.json").read_text())["notes"][-1]


def test_same_files_give_the_same_bytes(folder):
    tst(folder / "tst.toml", folder / "out")
    first = (folder / "out" / "tst.json").read_bytes()
    tst(folder / "tst.toml", folder / "out")
    assert (folder / "out" / "tst.json").read_bytes() == first


def test_a_file_that_comes_with_combust_is_found_by_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert tst("oh_h2.toml", "out").record.equation == "H2 + OH => H + H2O"
    (tmp_path / "oh_h2.toml").write_text("reaction = 1")  # one that lies here comes first
    with pytest.raises(ConfigError, match="reaction"):
        tst("oh_h2.toml", "out")
    assert main(["tst", "oh_h3.toml", "--out", "none"]) == 2
    said = capsys.readouterr().err
    assert "oh_h3.toml is not here, nor comes with combust, which has " in said and ", oh_h2.toml" in said


@pytest.mark.parametrize("inside", ["", "sub", "sub/more"])
def test_a_folder_that_cannot_be_is_bad_input(folder, inside, capsys):
    plain = folder / "plain"
    plain.write_text("mine")
    assert main(["tst", str(folder / "tst.toml"), "--out", str(plain / inside)]) == 2
    said = capsys.readouterr().err
    assert said.count("error:") == 1 and f"{plain} is a file, where a folder is wanted" in said
    assert plain.read_text() == "mine"


def test_a_record_of_another_reaction_is_refused(folder, capsys):
    """And one of the reverse without a mechanism, whose thermo it needs."""
    found = tst(folder / "tst.toml", folder / "out")
    words = ["rate", "OH + H2 = H2O + H", "--record", str(found.folder), "--out", str(folder / "rate")]
    assert main(words) == 2
    assert "is of H + H2 => H + H2, not of H2 + OH => H + H2O" in capsys.readouterr().err
    assert not (folder / "rate" / "rate.csv").exists()
    other = tst("oh_h2.toml", folder / "oh_h2").folder
    with pytest.raises(ConfigError, match="is of the reverse, H2 . OH => H . H2O: name a mechanism"):
        rate("H2O + H = OH + H2", (), [other])
    few = tst("oh_h2.toml", folder / "few")
    raw = json.loads((few.folder / "tst.json").read_text())
    (few.folder / "tst.json").write_text(json.dumps(raw | {"law": None, "at": raw["at"][:3]}))
    with pytest.raises(ConfigError, match="holds at fewer than four temperatures"):
        rate("OH + H2 = H2O + H", ("h2o2.yaml",), [few.folder])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["energy=hf/cc-pvtz"], "Hartree-Fock has barriers"),
        (["energy=wb97x-d3bj/def2-svp"], "has no energy of wb97x-d3bj/def2-svp"),
        (["reaction=H + H2 <=> H3"], r"\[species\] has no H3"),
        (["reaction=H <=> H"], "H2 is not in the reaction"),
        (["reaction=H + H2 (+M) <=> H2 + H (+M)"], "does not hang on M: leave it out"),
        (["species.H.multiplicity=2"], "go with atoms: a record or a log has its own"),
        (["T=[300, 200]"], "lowest and highest temperature"),
        (["tunnelling=large"], "must be none, wigner or eckart"),
        (["saddle.record=H2.json"], "is no saddle: no mode is imaginary"),
        (["saddle.atoms=H 0 0 0"], "give one of atoms, record and log"),
        (["species.H.spin_orbit=-20.0"], "H: spin-orbit coupling is half there"),
        (["species.H2.record=none.json"], "none.json: cannot be read"),
        (["error=1000"], r"k may be off by a factor exp.* state a smaller error"),
    ],
)
def test_what_cannot_be_is_refused(folder, change, said):
    with pytest.raises((ConfigError, FileFormatError), match=said):
        tst(folder / "tst.toml", folder / "out", overrides=change)
    assert not (folder / "out" / "tst.json").exists()


ATOMS = """
reaction = "H + H2 <=> H2 + H"
species.H = {{ atoms = "H 0 0 0", multiplicity = {mult} }}
species.H2.atoms = "{h2}"
saddle = {{ atoms = "H 0 0 -0.93; H 0 0 0; H 0 0 0.93", multiplicity = 2 }}
level = "hf/sto-3g"
energy = "ccsd(t)/cc-pvdz"
"""


class Broken:
    """An engine that nothing may reach."""

    version = "none"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"mult": 1, "h2": "H 0 0 0; H 0 0 0.74"},
            "1 electrons .charge 0. cannot have multiplicity 1: it must be even",
        ),
        ({"mult": 2, "h2": "H 0 0; H 0 0 0.74"}, "must be an element and three numbers in angstrom"),
    ],
)
def test_first_geometries_are_checked_before_an_engine_runs(tmp_path, values, said):
    (tmp_path / "tst.toml").write_text(ATOMS.format(**values))

    class Atom(Broken):
        def energy(self, structure, level):
            return Energy(-0.5, 0.75)

    with pytest.raises(ConfigError, match=said):
        tst(tmp_path / "tst.toml", tmp_path / "out", engine=Atom())


def test_pieces_are_kept_whole_and_for_their_inputs(tmp_path):
    pieces, calls = Pieces(tmp_path), []

    def make():
        calls.append(1)
        return {"energy": 1.0 + len(calls)}

    assert pieces.get("one", [1, "a"], make) == pieces.get("one", [1, "a"], make) == {"energy": 2.0}
    assert pieces.get("one", [2, "a"], make) == {"energy": 3.0}  # other inputs
    path = tmp_path / "one.json"
    path.write_text(path.read_text().replace("3.0", "4.0"))
    assert pieces.get("one", [2, "a"], make) == {"energy": 4.0} and len(calls) == 3  # edited: made anew
    raw = json.loads(path.read_text())
    assert raw["is"] == {"energy": 4.0}


def test_without_the_extra_it_is_said_what_to_install(tmp_path, monkeypatch):
    import importlib

    real = importlib.import_module

    def lacking(name, *rest):
        if name.startswith(("pyscf", "cclib")):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", lacking)
    (tmp_path / "tst.toml").write_text(ATOMS.format(mult=2, h2="H 0 0 0; H 0 0 0.74"))
    with pytest.raises(DependencyError, match=r"needs pyscf.*pip install 'combust\[quantum\]'"):
        tst(tmp_path / "tst.toml", tmp_path / "out")
    (tmp_path / "a.log").write_text("nothing")
    with pytest.raises(DependencyError, match=r"needs cclib"):
        read_log(tmp_path / "a.log", "H2")


def test_pyscf_from_atoms_and_after_a_kill(tmp_path):
    """Seconds of Hartree-Fock geometries; a run whose last pieces are gone ends with the same bytes."""
    for name in ("pyscf", "geometric"):
        pytest.importorskip(name)
    (tmp_path / "tst.toml").write_text(QUICK + "cvt = {}\n")
    found = tst(tmp_path / "tst.toml", tmp_path / "out")
    saddle = found.structures["saddle"]
    assert saddle.connects == ("H + H2", "H + H2") and len(saddle.imaginary) == 1 and saddle.sigma == 1
    assert saddle.geometric.group == "D∞h"
    # CCSD(T)/cc-pVDZ: 10.31 kcal/mol at its own saddle, a little more at this one
    assert found.record.electrons / 4.184 == pytest.approx(10.4, abs=0.5)
    assert found.structures["H2"].frequencies[0] == pytest.approx(4650, abs=80)
    # both sides are alike, and so is the way down; the top is the best place by symmetry
    behind, ahead = saddle.path[:3], saddle.path[3:]
    assert all(one.cvt == pytest.approx(1, abs=1e-3) for one in found.record.at)
    falls = [(one.s, one.energy - saddle.energies["hf/6-31g"]) for one in (*behind[::-1], *ahead)]
    for (s, fall), (back, same) in zip(falls[3:], falls[:3], strict=True):
        assert fall / same == pytest.approx((s / back) ** 2, rel=0.05)
    assert behind[2].frequencies == pytest.approx(ahead[0].frequencies, rel=2e-3)
    first = (tmp_path / "out" / "tst.json").read_bytes()
    pieces = sorted((tmp_path / "out" / "pieces").iterdir(), key=lambda one: one.stat().st_mtime_ns)
    for one in pieces[len(pieces) // 2 :]:
        one.unlink()
    (tmp_path / "out" / "tst.json").unlink()
    tst(tmp_path / "tst.toml", tmp_path / "out")
    assert (tmp_path / "out" / "tst.json").read_bytes() == first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw.update(at=[]), "holds no temperature"),
        (lambda raw: raw["at"][0].update(factor=0.0), "a factor must be 1 or more"),
        (lambda raw: raw["at"][0].update(k=10 * raw["at"][0]["k"]), "law: is not that of the table"),
        (lambda raw: raw["law"].update(A=-1.0), "law: is not that of the table"),
        (lambda raw: raw["law"].pop("E"), "law: has A, b, error, T_low, T_high, not A, b, E"),
    ],
)
def test_edited_rates_are_refused(folder, change, said):
    tst(folder / "tst.toml", folder / "out")
    path = folder / "out" / "tst.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(FileFormatError, match=said):
        rate("H + H2 = H2 + H", (), [folder / "out"], [1000.0])
