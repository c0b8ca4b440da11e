"""Computed rate constants as the first stage of a chain: mechanism, records, the card of the model; chains without."""

import json
import shutil

import cantera as ct
import msgspec
import pytest
from helpers import ROOT

from combust.chain import settings as files
from combust.chain.chain import chain
from combust.chain.digests import sha256
from combust.chain.links import constants, glance, kinetics
from combust.chain.manifest import read
from combust.chain.stages import stages_of
from combust.errors import ConfigError, FileFormatError
from combust.kinetics.constants.merge import merge
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.quantum import record as records
from combust.kinetics.quantum.command import tst
from combust.reduction.submechanism import Parent
from combust.surrogates.judge.models import made_of
from combust.surrogates.training.provenance import rates as stated

CHAIN = ROOT / "cases" / "chain_h2.toml"
RATES = ROOT / "cases" / "chain_h2_rates.toml"
LIBRARY = ROOT / "combust" / "kinetics" / "quantum" / "library"
GIVEN = ['constants.tst=["oh_h2.toml"]']
EQUATION = "H2 + OH <=> H + H2O"


def test_a_chain_without_it_is_what_it_was(tmp_path):
    """The same stages with the same settings, files and products; with it, only where the mechanism is from differs."""
    plain, other = ({one.name: one for one in stages_of(files.load(CHAIN, changes), tmp_path)}
                    for changes in ((), GIVEN))  # fmt: skip
    assert list(other) == ["constants", *plain]
    for name, one in plain.items():
        now = other[name]
        assert (one.settings, set(one.products)) == (now.settings, set(now.products)), name
        if name not in ("mechanism", "report"):
            assert (one.files, one.after) == (now.files, now.after), name
    first = plain["mechanism"]
    assert first.after == () and [file.rpartition("/")[2] for file in first.files] == ["h2o2.yaml"]
    assert other["mechanism"].after == ("constants",) and other["mechanism"].files == ()
    assert constants.section(tmp_path) == [] and constants.document(tmp_path) == {}
    assert stated(Mechanism.load("h2o2.yaml")) == {}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The stages constants and mechanism of the shipped quick chain: its folder."""
    out = tmp_path_factory.mktemp("chain")
    assert [one.stage.name for one in chain(RATES, out, quick=True, until="mechanism").done] == [
        "constants",
        "mechanism",
    ]
    return out


def test_the_mechanism_is_that_of_the_two_verbs(made, tmp_path):
    """combust tst, then combust merge, by hand: the same reactions with the same numbers."""
    tst(LIBRARY / "oh_h2.toml", tmp_path / "oh_h2")
    merge("h2o2.yaml", [tmp_path / "oh_h2" / "rate.yaml"], tmp_path / "byhand.yaml")
    own = made / "mechanism" / "mechanism.yaml"
    before, now, hand = (ct.Solution(str(file)) for file in ("h2o2.yaml", own, tmp_path / "byhand.yaml"))
    assert [one.input_data for one in now.reactions()] == [one.input_data for one in hand.reactions()]
    for gas in (before, now):
        gas.TPX = 1000.0, ct.one_atm, "N2:1"
    apart = abs(now.forward_rate_constants / before.forward_rate_constants - 1) > 1e-12
    assert [now.reaction(i).equation for i in apart.nonzero()[0]] == [EQUATION]


def test_the_manifest_has_digests_of_records_and_of_their_files(made):
    own, after = (read(made / name) for name in ("constants", "mechanism"))
    shipped = {name: LIBRARY / f"{name}.json" for name in ("OH", "H2", "H2O", "H")}
    for name, path in shipped.items():
        assert own.products[f"oh_h2/{name}.json"] == records.read(path).digest
    for path in (*shipped.values(), LIBRARY / "OH_H2_saddle.json"):
        assert sha256(path) in own.files.values()
    assert after.inputs["constants"] == own.products and len(own.products) == 7
    assert own.products["oh_h2/saddle.json"] == records.read(LIBRARY / "OH_H2_saddle.json").digest


def test_what_was_replaced_and_by_how_much(made):
    found = json.loads((made / "constants" / "constants.json").read_text())
    assert [(one["equation"], one["action"], one["was"]) for one in found["rates"]] == [
        (EQUATION, "replaced", [EQUATION])
    ]
    before, now = (ct.Solution(str(file)) for file in ("h2o2.yaml", made / "mechanism" / "mechanism.yaml"))
    number = before.reaction_equations().index(EQUATION)
    for T, ratio, holds in found["rates"][0]["ratios"]:
        before.TP, now.TP = (T, ct.one_atm), (T, ct.one_atm)
        assert ratio == pytest.approx(now.forward_rate_constants[number] / before.forward_rate_constants[number])
        assert holds == (T <= 2500.0)
    (section,) = constants.section(made)
    table, digests = section.blocks[1:]
    assert table.rows[0][:3] == (EQUATION, "oh_h2.toml", "replaced") and table.header[-1] == "3000 K"
    assert table.rows[0][-1].startswith("(") and len(digests.rows) == 5
    line = dict(glance.glance(files.load(RATES), made).rows)["rate constants"]
    assert line.startswith(f"{EQUATION} replaced, k times ")


def test_records_reach_the_card_through_the_reduction(made, tmp_path):
    """A part of the mechanism, as reductions write and chains keep it, still says what its rate constants are from."""
    parent = Parent(Mechanism.load(made / "mechanism" / "mechanism.yaml"))
    text = kinetics.without_origin(parent.yaml(parent.whole, {"parent": {"file": "x"}, "written": "now"}, "Reduced"))
    assert "written" not in text
    (tmp_path / "reduced.yaml").write_text(text)
    (rate,) = stated(Mechanism.load(tmp_path / "reduced.yaml"))["rates"]
    saddle = records.read(LIBRARY / "OH_H2_saddle.json").digest
    assert rate["equation"] == EQUATION and rate["source"] == "quantum" and saddle[:16] in rate["digests"]
    card = {"provenance": {"mechanism": {"file": "a", "sha256": "0" * 64, "rates": [rate]}, "samples": [],
                           "settings": "1" * 64}}  # fmt: skip
    said = made_of(tmp_path / "model.json", card)
    assert any(EQUATION in line and saddle[:16] in line for line in said)


def own_files(folder, change=None):
    """The shipped records and a chain beside them, with a change of the file of combust tst."""
    for path in LIBRARY.glob("*.json"):
        shutil.copy(path, folder)
    text = (LIBRARY / "oh_h2.toml").read_text()
    (folder / "mine.toml").write_text(text if change is None else change(text))
    shutil.copy(RATES, folder / "chain.toml")
    shutil.copy(ROOT / "cases" / "h2o2_factors.yaml", folder)
    return folder / "chain.toml"


def test_what_makes_it_anew(tmp_path):
    """Not a comment; another record does, and so what hangs on it."""
    config, out = own_files(tmp_path), tmp_path / "out"
    go = lambda: chain(config, out, changes=['constants.tst=["mine.toml"]'], quick=True, until="mechanism")  # noqa: E731
    first = [done.manifest.products for done in go().done]
    (tmp_path / "mine.toml").write_text("# a comment\n" + (tmp_path / "mine.toml").read_text())
    assert go().stale == ()
    shipped = records.read(tmp_path / "OH_H2_saddle.json")
    level = "ccsd(t)/cbs(cc-pvtz,cc-pvqz)"
    higher = msgspec.structs.replace(shipped, energies={**shipped.energies, level: shipped.energies[level] + 1e-3})
    records.write(tmp_path / "OH_H2_saddle.json", higher)
    again = go()
    assert [one.stage.name for one in again.stale] == ["constants", "mechanism"]
    assert "OH_H2_saddle.json has another content" in again.stale[0].words()
    second = [done.manifest.products for done in again.done]
    assert second[1]["mechanism.yaml"] != first[1]["mechanism.yaml"]
    assert second[0]["mine/saddle.json"] == higher.digest != first[0]["mine/saddle.json"]


def test_it_is_the_same_when_it_is_made_again(made, tmp_path):
    """No date, place or folder is in what later stages read."""
    found = chain(RATES, tmp_path / "elsewhere", quick=True, until="constants").done[0].manifest
    assert found.products == read(made / "constants").products


@pytest.mark.parametrize(("change", "text"), [
    ("constants.tst=['nothing.toml']", "constants.tst: nothing.toml is neither beside this file nor here, nor"),
    ("constants.merge=['nothing.yaml']", "constants.merge: nothing.yaml is neither beside this file nor here"),
    ("constants={}", "name files in tst or merge"),
    ("constants.tst=['oh_h2.toml', 'oh_h2.toml']", "have the name oh_h2"),
    ("phase='ohmech'", "leave phase out"),
    ("mechanism='nitrogen.yaml'", "has no species H, H2, H2O, OH"),
])  # fmt: skip
def test_bad_input_is_told_before_anything_is_done(change, text, tmp_path):
    with pytest.raises(ConfigError, match=text):
        chain(RATES, tmp_path / "out", changes=[change], quick=True, until="mechanism")
    assert not (tmp_path / "out" / "constants").exists()


@pytest.mark.parametrize(("edit", "text"), [
    (lambda text: text.replace("OH + H2 <=> H2O + H", "OH + H2 <=> H2O2 + H"), "H2O2"),
    (lambda text: text.replace("ccsd(t)/cbs(cc-pvtz,cc-pvqz)", "b3lyp/cc-pvtz"), "b3lyp/cc-pvtz"),
    (lambda text: text.replace('"OH.json"', '"absent.json"'), "absent.json"),
    (lambda text: text.replace("reaction", "raction"), "raction"),
])  # fmt: skip
def test_bad_files_of_rates(edit, text, tmp_path):
    config = own_files(tmp_path, edit)
    with pytest.raises((ConfigError, FileFormatError), match=text):
        chain(config, tmp_path / "out", changes=['constants.tst=["mine.toml"]'], quick=True, until="mechanism")
    assert not (tmp_path / "out" / "mechanism").exists()


def test_an_edited_record_is_refused(tmp_path):
    config = own_files(tmp_path)
    path = tmp_path / "OH_H2_saddle.json"
    path.write_text(path.read_text().replace('"scale": 0.975', '"scale": 0.976'))
    with pytest.raises(FileFormatError, match="was edited"):
        chain(config, tmp_path / "out", changes=['constants.tst=["mine.toml"]'], quick=True, until="mechanism")


def test_rates_of_files_go_in_as_well_and_what_does_not_fit_is_told(tmp_path):
    """A file of rates of other species beside a computed one: these are named; alone they are an error."""
    gas = ct.Solution("gri30.yaml")
    some = [gas.species(name) for name in ("CH4", "CH3", "H", "H2", "O", "OH")]
    wanted = [one for one in gas.reactions() if one.equation in ("CH4 + H <=> CH3 + H2", "H2 + O <=> H + OH")]
    made = ct.Solution(thermo="ideal-gas", kinetics="gas", species=some, reactions=wanted)
    made.write_yaml(str(tmp_path / "rates.yaml"))
    out, changes = tmp_path / "out", [f"constants.merge=['{tmp_path}/rates.yaml']"]
    chain(RATES, out, changes=changes, quick=True, until="mechanism")
    found = json.loads((out / "constants" / "constants.json").read_text())
    sources = {one["equation"]: one["source"] for one in found["rates"]}
    assert sources == {EQUATION: "oh_h2.toml", "H2 + O <=> H + OH": "rates.yaml"}
    assert [one["equation"] for one in found["refused"]] == ["CH4 + H <=> CH3 + H2"]
    (section,) = constants.section(out)
    assert section.blocks[-1] == ("Left out: CH4 + H <=> CH3 + H2 of rates.yaml: the mechanism has no species CH3, CH4")
    odd = [one for one in wanted if "CH4" in one.equation]
    only = ct.Solution(thermo="ideal-gas", kinetics="gas", species=some, reactions=odd)
    only.write_yaml(str(tmp_path / "methane.yaml"))
    alone = ["constants.tst=[]", f"constants.merge=['{tmp_path}/methane.yaml']"]
    with pytest.raises(ConfigError, match="no rate goes into"):
        chain(RATES, tmp_path / "alone", changes=alone, quick=True, until="mechanism")


def test_a_computed_rate_that_the_mechanism_has_otherwise_is_refused(tmp_path):
    """Here the mechanism goes one way through a third body."""
    text = kinetics.source_of(files.load(RATES))
    gas = ct.Solution(text)
    given = gas.reactions()
    number = gas.reaction_equations().index(EQUATION)
    given[number] = ct.Reaction(equation="H2 + OH + M <=> H + H2O + M", rate=given[number].rate)
    ct.Solution(thermo="ideal-gas", kinetics="gas", species=gas.species(), reactions=given).write_yaml(
        str(tmp_path / "odd.yaml"))  # fmt: skip
    both = [f"mechanism='{tmp_path}/odd.yaml'", "constants.merge=[]"]
    with pytest.raises(ConfigError, match="third body"):
        chain(RATES, tmp_path / "out", changes=both, quick=True, until="mechanism")
