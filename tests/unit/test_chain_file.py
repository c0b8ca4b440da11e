"""Files of combust chain: what is read, what is refused, which stages come of it; the error table and its page."""

import json
import math
import shutil
import tomllib

import pytest
from helpers import ROOT
from msgspec.structs import replace

from combust.__main__ import main
from combust.chain.chain import chain
from combust.chain.links import flows, glance, report, rounds, rows
from combust.chain.links.kinetics import without_origin
from combust.chain.links.levels import distance, fractions
from combust.chain.settings import load
from combust.chain.stage import Work
from combust.chain.stages import stages_of
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.settings.trees import of_today
from combust.surrogates.rounds.settings import load as load_rounds

CASES = ROOT / "cases"
FILES = sorted(CASES.glob("chain_*.toml"))
H2 = CASES / "chain_h2.toml"
ORDER = ["mechanism", "validate", "reduce", "sample", "train", "verify", "laminar", "laminar_exact", "turbulent",
         "turbulent_exact", "levels", "report"]  # fmt: skip


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_chains_have_all_stages_and_nothing_to_object(path, quick, tmp_path):
    stages = stages_of(load(path, quick=quick), tmp_path)
    learn = [] if path.stem == "chain_h2_rates" else ["learn"]
    expected = [*ORDER[:5], *learn, *ORDER[5:]]
    if path.stem == "chain_h2_rates":
        expected = ["constants", *ORDER[:8], "rates", *ORDER[10:]]
    assert [stage.name for stage in stages] == expected
    for stage in stages:
        stage.check()
        json.dumps(stage.settings)
        assert not stage.name.startswith(("laminar", "turbulent")) or "cells" in stage.size
        assert str(tmp_path) not in json.dumps(stage.settings)  # where the chain lies is no setting


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(tmp_path, capsys):
    assert main(["chain", str(H2), "--quick", "--dry-run", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name} " in f"\n{said}" for name in ORDER) and "not made yet" in said and "13 stages to do" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("change", "text"), [
    ("fule=H2", "fule"), ("validate.data=['nobody_1900.yaml']", "nobody_1900.yaml is neither beside this file"),
    ("mechanism=none.yaml", "mechanism file 'none.yaml' not found"),
    ("reduce.mechanism=gri30.yaml", "stands at the top"),
    ("flows.laminar.case.chemistry={kind='none'}", "flows.laminar.case.chemistry: is given by the chain"),
    ("flows.laminar.case.gas={mechanism='gri30.yaml'}", "flows.laminar.case.gas.mechanism: is given by the chain"),
    ("flows.train={case={}}", "flows.train: is the name of another stage"),
    ("needs.tran={cores=2}", "needs.tran: there is no such stage; there are mechanism, validate"),
    ("flows.laminar.case.numerics.cfl=-1", "numerics.cfl"), ("reduce.retain=['XY']", "XY"),
    ("learned.range.T=[10,3000]", "range.T"), ("learned.train.epochs=0", "epochs"),
    ("learn.explore=[{flow='bunsen'}]", "learn: bunsen is no flow of this chain; there are laminar, turbulent"),
    ("verify.only=['flams']", "verify.only: flams: unknown; known: reactors"),
    ("flows.laminar.case.mesh.cells=[8,8]", "cells, lower and upper need the same number"),
])  # fmt: skip
def test_bad_input_is_one_line_before_anything_is_done(change, text, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["chain", str(H2), "--quick", "--set", change, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert text in said and said.startswith("error: ") and said.count("\n") == 1
    assert not out.exists() or not [path for path in out.iterdir() if path.is_dir()]


def test_unknown_stages_and_options(tmp_path, capsys):
    assert main(["chain", str(H2), "--until", "trian", "--out", str(tmp_path / "out")]) == 2
    assert "--until trian: there is no such stage; there are mechanism" in capsys.readouterr().err
    assert main(["chain", str(H2), "--cores", "0", "--out", str(tmp_path / "out")]) == 2
    assert "--cores 0: must be at least 1" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"has no table \[quick\]"):
        chain(without_quick(tmp_path), quick=True)


def without_quick(folder):
    text = H2.read_text()
    path = folder / "slow.toml"
    path.write_text(text[: text.index("[quick]")])
    assert "quick" not in tomllib.loads(path.read_text())
    return path


def test_keys_that_came_later_change_nothing_where_they_say_what_was_before(tmp_path):
    """Manifests that lack keys of today, each in turn; one that is not at its default is another."""
    stages = {one.name: one for one in stages_of(load(H2), tmp_path)}
    later = [
        ("learn", "rounds", "train", "old"), ("learn", "rounds", "stop", "idle"), ("learn", "learned", "phase"),
        ("sample", "sample", "slow"), ("train", "train", "init"), ("reduce", "search", "seed"), ("verify", "quick"),
        ("validate", "hold"), ("levels", "alias"),
    ]  # fmt: skip
    for name, *tables, key in later:
        kept = json.loads(json.dumps(stages[name].settings))
        place = kept
        for table in tables:
            place = place[table]
        del place[key]
        assert of_today(kept, stages[name].settings) == json.loads(json.dumps(stages[name].settings)) != kept
    thinned = {one.name: one for one in stages_of(load(H2, ["learn.train.old=0.5"]), tmp_path)}["learn"].settings
    kept = json.loads(json.dumps(stages["learn"].settings))
    del kept["rounds"]["train"]["old"]
    assert of_today(kept, thinned) == stages["learn"].settings != thinned


def test_the_file_of_rounds_works_when_its_folder_has_its_name(tmp_path):
    half = tmp_path / "learn.partial"
    half.mkdir()
    asked = rounds.of_rounds(load(H2), Work(half, tmp_path))
    (half / "learned.toml").write_text("")
    assert asked.config == str(half / "learned.toml") and asked.explore.cases[0].case == str(half / "laminar.toml")
    half.rename(tmp_path / "learn")
    found = load_rounds(tmp_path / "learn" / "learn.toml")
    assert found.config == str(tmp_path / "learn" / "learned.toml")
    for before, now in zip(asked.explore.cases, found.explore.cases, strict=True):
        assert now == replace(before, case=str(tmp_path / "learn" / "laminar.toml"))
    assert (found.train, found.select, found.stop) == (asked.train, asked.select, asked.stop)


def test_files_of_a_flow_name_the_folder_that_it_will_lie_in(tmp_path):
    """Also those of a part that another one went on from."""
    raw = {
        "mesh": {"kind": "uniform", "cells": [8, 4], "lower": [0.0, 0.0], "upper": [0.8, 0.4]}, "stop": {"steps": 2},
        "gas": {"mechanism": "h2o2.yaml"}, "chemistry": {"kind": "none"}, "numerics": {"dt": 1e-4, "compile": "off"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": "N2:1"},
        "boundary": {"x": {"kind": "periodic"}, "y": {"kind": "periodic"}},
    }  # fmt: skip
    half = tmp_path / "x.partial" / "flow_exact.partial"
    half.mkdir(parents=True)
    flows.run(raw, "flow_exact", 1, Work(half, half.parent))
    (half / "case_2.toml").write_text(f"# continues {half}/checkpoint_000001.h5: step 1\n")
    flows.renamed(half)
    case, later, summary, state = (
        (half / name).read_text() for name in ("case.toml", "case_2.toml", "summary.json", "paraview_state.py")
    )
    own = str(half.with_name("flow_exact"))
    assert later == f"# continues {own}/checkpoint_000001.h5: step 1\n" and f"FOLDER = {own!r}" in state
    assert tomllib.loads(case)["output"]["directory"] == json.loads(summary)["config"]["output"]["directory"] == own


def test_comments_and_places_are_no_settings(tmp_path):
    other = tmp_path / "deep" / "other.toml"
    other.parent.mkdir()
    other.write_text("# another comment\n" + H2.read_text())
    one, same = (stages_of(load(path), tmp_path / name) for path, name in ((H2, "a"), (other, "b")))
    assert [stage.settings for stage in one] == [stage.settings for stage in same]


def test_a_mechanism_of_the_chain_is_copied_and_checked(tmp_path):
    found = chain(H2, tmp_path / "out", quick=True, until="mechanism")
    assert [done.stage.name for done in found.done] == ["mechanism"] and found.report is None
    copy = tmp_path / "out" / "mechanism" / "mechanism.yaml"
    assert Mechanism.load(copy).sha256 == Mechanism.load("h2o2.yaml").sha256


WRITTEN = """\
description: Reduced from h2o2.yaml
generator: YamlWriter
cantera-version: 3.2.0
date: {date}
phases:
  - name: ohmech
    species: [H2]
    combust:
      parent:
        file: h2o2.yaml
      method: ["detailed: 10 species",
      "drgep: 9 species"]
      command: {command}
    state:
      T: 300.0
species:
  - name: H2
"""


def test_a_mechanism_without_its_origin_is_the_same_text():
    one, other = (WRITTEN.format(date=date, command=command) for date, command in (("Mon", "a"), ("Tue", "b --set c")))
    assert without_origin(one) == without_origin(other)
    assert without_origin(one) == (
        "phases:\n  - name: ohmech\n    species: [H2]\n    state:\n      T: 300.0\nspecies:\n  - name: H2\n"
    )


def test_the_fresh_gas_of_an_experiment():
    assert fractions("H2:0.3, O2:0.15, N2:0.55") == pytest.approx({"H2": 0.3, "O2": 0.15, "N2": 0.55})
    assert fractions("H2:2, O2:1")["H2"] == pytest.approx(2 / 3)
    assert distance({"H2": 0.3, "O2": 0.7}, {"H2": 0.31, "O2": 0.68, "N2": 0.01}) == pytest.approx(0.02)


def test_errors_are_of_one_link_each():
    values = {"experiment": 1.0, "detailed": 1.1, "reduced": 1.045, "flow": float("nan")}
    one = rows.row("flame speed", "m/s", "here", "measured", values, {"detailed": "experiment", "reduced": "detailed",
                   "flow": "reduced"}, bar=0.05, source="validate")  # fmt: skip
    assert one.errors == pytest.approx({"detailed": 0.1, "reduced": -0.05}) and "flow" not in one.values
    hot = rows.row("T", "K", "here", "held out", {"reduced": 2000.0, "learned": 2003.0}, {"learned": "reduced"})
    assert hot.errors == {"learned": 3.0}
    found = rows.worst([one, hot])
    assert [(level, count, most) for level, _, _, count, _, most, _ in found] == [
        ("detailed", 1, pytest.approx(0.1)), ("reduced", 1, pytest.approx(0.05)), ("learned", 1, 3.0)
    ]  # fmt: skip
    assert report.cell(one, "detailed") == "1.1 m/s (+10 %)" and type(report.cell(one, "detailed")) is not str
    assert report.cell(one, "flow") == "-" and report.cell(hot, "learned") == "2003 K (+3 K)"


def test_held_out_conditions_are_marked():
    value = {"metric": "flame_speed", "detailed": 2.0, "reduced": 2.02, "error": 0.01, "tolerance": 0.02}
    cases = [{"name": name, "held_out": out, "values": [value]} for name, out in (("a", False), ("b", True))]
    found = list(rows.of_reduction({"cases": cases}))
    assert [one.seen for one in found] == ["search", "held out"]
    table = report.of_rows(found)
    assert table.rows[1][:3] == ("flame speed", "b", "held out") and "(+1 %)" in table.rows[1][4]


def test_temperatures_are_judged_in_kelvin():
    """Their tolerance is a share of the rise from the fresh gas, here 2000 K."""
    value = {"metric": "burnt_temperature", "detailed": 2300.0, "reduced": 2310.0, "error": 0.005, "tolerance": 0.02}
    cases = [{"name": "a", "held_out": False, "values": [value, value | {"error": 0.0, "reduced": 2300.0}]}]
    near, same = rows.of_reduction({"cases": cases})
    assert near.unit == "K" and near.errors["reduced"] == pytest.approx(10.0) and near.bar == pytest.approx(40.0)
    assert same.errors["reduced"] == 0.0 and same.bar is None
    table = report.of_rows([near])
    assert table.rows[0][4] == "2310 K (+10 K)" and not isinstance(table.rows[0][4], report.Over)


def test_what_was_made_stands_first(tmp_path):
    large, small = {"species": 10 * ["H2"], "reactions": 29 * [1]}, {"species": ["H2"], "reactions": []}
    found = {
        "reduce/report.json": {"stages": [large, small]},
        "learn/model.json": {"network": {"depth": 2, "width": 48}, "samples": {"rows": {"train": 7}}},
        "verify/report.json": {"targets": [{"met": True}, {"met": False}]},
    }  # fmt: skip
    for name, content in found.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "laminar").mkdir()
    (tmp_path / "laminar" / "series.csv").write_text("step,slow_share,network_share\n1,1,0\n2,0.9,0.1\n")
    lines = dict(glance.glance(load(H2), tmp_path).rows)
    assert lines["detailed mechanism"] == "h2o2.yaml: 10 species, 29 reactions"
    assert lines["network"] == "2 layers of 48, 7 training rows" and lines["report card"] == "1 of 2 targets met"
    assert lines["flow laminar"] == "cells at its end: slow 90 %, network 10 %" and "flow turbulent" not in lines


def test_learned_errors_are_those_of_the_report_card():
    delay = {"phi": 0.9, "p": 101325.0, "T": 1100.0, "name": "phi 0.9", "delay": [1e-4, 1.02e-4], "delay_error": 0.02,
             "burnt_T": [2500.0, 2501.0], "peaks": {"OH": [0.01, 0.0101]}}  # fmt: skip
    flame = {"phi": 0.9, "p": 101325.0, "T": 298.0, "mode": "router", "speed": [1.9, 1.91], "burnt_T": [2300.0, 2299.0],
             "peaks": {"H": [1e-3, 1.1e-3]}}  # fmt: skip
    run = {"mode": "router", "dt": 1e-6, "cases": [delay]}
    card = {"reactors": [run, run | {"mode": "network", "cases": []}],
            "flames": [flame, flame | {"mode": "network"}]}  # fmt: skip
    at = {"phi": 0.9, "p": 101325.0}
    levels = {"reactors": [at | {"T": 1100.0, "detailed": 9.9e-5, "reduced": 1.01e-4}],
              "flames": [at | {"T": 298.0, "detailed": {"speed": 2.0}, "reduced": {"speed": 2.04}}]}  # fmt: skip
    ignition, burnt, peak = rows.of_reactors(card, levels)
    assert ignition.errors == pytest.approx({"reduced": 1.01e-4 / 9.9e-5 - 1, "learned": 0.02})
    assert burnt.errors == pytest.approx({"learned": 1.0}) and peak.errors == pytest.approx({"learned": 0.01})
    speed, hot, radical = rows.of_flames(card, levels)
    assert speed.errors == pytest.approx({"reduced": 0.02, "exact flow": 1.9 / 2.04 - 1, "learned": 1.91 / 1.9 - 1})
    assert hot.errors == {"learned": -1.0} and radical.errors == pytest.approx({"learned": 0.1})


@pytest.mark.parametrize(("sigma", "bar"), [(0.05, 0.05), (None, None), (math.nan, None)])
def test_a_flow_stands_beside_the_measured_speed_of_its_gas_where_there_is_one(monkeypatch, tmp_path, sigma, bar):
    """Of the shipped chain of ammonia none was measured."""
    series = {"time": [0.0, 1.0, 2.0], "flame_speed": [9.0, 1.98, 2.02]}
    monkeypatch.setattr(rows, "read_series", lambda path: series)
    at = {"T": 298.0, "p": 101325.0, "phi": 1.0, "detailed": {"speed": 2.1}, "reduced": {"speed": 2.2}}
    settings = load(CASES / "chain_nh3.toml", quick=True)

    def of_laminar(levels):
        every = rows.of_flows(settings, tmp_path, rows.restored({"flows": {"laminar": levels}}))
        return next(one for one in every if one.condition.startswith("flow laminar: "))

    alone = of_laminar(at | {"experiment": None})
    assert "experiment" not in alone.values and alone.values["flow"] == pytest.approx(2.0)
    measured = {"measured": 2.0, "sigma": sigma, "data_set": "someone 2000"}
    beside = of_laminar(at | {"experiment": measured})
    assert beside.values["experiment"] == 2.0 and beside.errors["detailed"] == pytest.approx(0.05)
    assert beside.bar == (None if bar is None else pytest.approx(bar))


def test_a_page_needs_nothing_else(tmp_path):
    """No link, no script, no file but itself; pictures are within."""
    made = rows.row(
        "flame speed", "m/s", "a < b", "held out", {"detailed": 2.0, "reduced": 2.1}, {"reduced": "detailed"}
    )
    picture = tmp_path / "flame.png"
    shutil.copy(ROOT / "docs" / "pictures" / "flame.png", picture)
    parts = report.sections(load(H2), {}, [made], [report.Picture(picture, "Made by: combust run DIR")])
    page = report.html("A chain", parts)
    assert "data:image/png;base64," in page and "a &lt; b" in page and "http" not in page and "<script" not in page
    assert 'src="data:' in page and page.count("src=") == 1 and "Made by: combust run DIR" in page
