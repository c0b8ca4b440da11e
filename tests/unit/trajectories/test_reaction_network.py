"""combust network: from files to a page, a record and a Cantera file; what is refused."""

import csv
import math
from pathlib import Path

import cantera as ct
import numpy as np
import pytest

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError
from combust.kinetics.trajectories.formats.reading import Given
from combust.kinetics.trajectories.record import Counting, read_network
from validation import synthetic_trajectories as made

FIXTURE = Path(__file__).parents[2] / "data" / "trajectories" / "h2_oh.reaxff.gz"
LAW = {T: 1.5e12 * math.exp(-6000.0 / T) for T in (1800.0, 2200.0, 2600.0, 3200.0)}
FORWARD = "H2 + OH => H + H2O"


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Files of four temperatures whose rate constants follow a law."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(21)
    for T, k in LAW.items():
        one = made.simulate(rng, made.gas(3, 8, 3, 2), {made.FORWARD: k, made.REVERSE: k}, 6e-12, made.Noise())
        (folder / f"{T:g}").write_text(made.table_text(one.changes))
    return folder


@pytest.fixture(scope="module")
def found(tables):
    given = [Given(("H", "O"), T, made.FRAME, made.VOLUME) for T in LAW]
    return api.network([tables / f"{T:g}" for T in LAW], tables / "out", given=given, mechanism="h2o2.yaml")


def reaction(record, equation):
    return next(one for one in record.reactions if one.equation == equation)


def test_rates_of_files_are_those_they_were_made_with(found):
    one = reaction(found.record, FORWARD)
    assert [rate.T for rate in one.at] == sorted(LAW) and one.count > 15
    assert sum(rate.low <= LAW[rate.T] <= rate.high for rate in one.at) >= 3
    for rate in one.at:
        assert rate.low < rate.k < rate.high and rate.k == pytest.approx(rate.count / rate.exposure)
    assert one.law is not None and (one.law.T_low, one.law.T_high) == (1800.0, 3200.0)
    assert abs(one.law.E / 8314.46 - 6000.0) < 4 * one.law.error_ER


def test_the_mechanism_stands_beside(found):
    """k of h2o2.yaml by Cantera's own forward rate constants."""
    gas = ct.Solution("h2o2.yaml")
    one = reaction(found.record, FORWARD)
    index = next(i for i, r in enumerate(gas.reactions()) if set(r.reactants) == {"OH", "H2"})
    for rate in one.at:
        gas.TP = rate.T, 1e5
        assert rate.mechanism == pytest.approx(gas.forward_rate_constants[index], rel=1e-9)
    back = reaction(found.record, "H + H2O => H2 + OH")
    gas.TP = back.at[0].T, 1e5
    assert back.at[0].mechanism == pytest.approx(gas.reverse_rate_constants[index], rel=1e-9)
    assert {s.name: s.mechanism for s in found.record.species}["H2O"] == "H2O"


def test_a_network_without_an_event_of_it_is_not_passed_over(found):
    (said,) = (one for one in api.rate(FORWARD, ["h2o2.yaml"], [found.page.parent]).said if one.kind == "trajectories")
    assert said.points
    with pytest.raises(ConfigError, match=r"counts no event of H \+ O2 => O \+ OH; it has H2 \+ OH => H \+ H2O"):
        api.rate("H + O2 = O + OH", ["h2o2.yaml"], [found.page.parent])


def test_both_errors_are_said(found):
    one, judged = reaction(found.record, FORWARD), found.record.benchmark
    assert judged.equation in ("H2 + OH <=> H + H2O", "H + H2O <=> H2 + OH")
    ratios = [abs(math.log(rate.k / rate.mechanism)) for rate in reaction(
        found.record, judged.equation.replace("<=>", "=>")).at if rate.count]  # fmt: skip
    assert judged.factor == pytest.approx(math.exp(max(ratios)))
    assert one.counting > 1 and one.factor == pytest.approx(one.counting * judged.factor)


def test_cantera_reads_the_rates(found):
    gas = ct.Solution(str(found.mechanism))
    one = reaction(found.record, FORWARD)
    entry = next(r for r in gas.reactions() if set(r.reactants) in ({"H2", "OH"}, {"H", "H2O"}))
    more = one if set(entry.reactants) == {"H2", "OH"} else reaction(found.record, "H + H2O => H2 + OH")
    gas.TP = 2200.0, 1e5
    law = more.law.A * math.exp(-more.law.E / (ct.gas_constant * 2200.0))
    assert entry.rate(2200.0) == pytest.approx(law, rel=1e-9)
    about = entry.input_data["combust"]
    assert about["factor"] >= more.factor > 0.99 * about["factor"] and about["counts"] == [r.count for r in more.at]
    assert "by the forces" in entry.input_data["note"]


def test_the_rates_go_into_a_mechanism(found, tmp_path):
    """Where the law holds, k of the new mechanism is that of the record."""
    merged = api.merge("h2o2.yaml", [found.mechanism], tmp_path / "new.yaml")
    (one,) = merged.changes
    ahead = set(one.equation.split(" <=> ")[0].split(" + ")) == {"H2", "OH"}
    counted = reaction(found.record, FORWARD if ahead else "H + H2O => H2 + OH")
    assert one.action == "replaced" and one.factor >= counted.factor
    inside = {T for T, _, there in one.ratios if there}
    assert inside == {2000.0, 2500.0, 3000.0}
    gas = ct.Solution(str(merged.path))
    entry = next(r for r in gas.reactions() if "combust" in r.input_data)
    law = counted.law.A * math.exp(-counted.law.E / (ct.gas_constant * 2000.0))
    assert entry.rate(2000.0) == pytest.approx(law, rel=1e-9)


def test_files_that_are_written(found):
    record = read_network(found.page.parent)
    assert record == found.record and read_network(found.page.with_name("network.json")) == record
    page = found.page.read_text()
    assert "Upper bounds" in page and FORWARD.replace(">", "&gt;") in page and page.count("<img") == 4
    rows = list(csv.DictReader(found.page.with_name("events.csv").open()))
    assert len(rows) == sum(one.count for one in record.reactions)
    assert {row["reactants"] for row in rows} >= {"H2 + OH", "H + H2O"}


def test_the_stored_piece_of_a_reaxff_box(tmp_path):
    """41 frames of a run of LAMMPS: two reactions, which stay two from 40 to 160 fs or are told unstable."""
    given = Given(("H", "O"), 2500.0, 0.2e-15, 3.4e-27)
    record = api.network([FIXTURE], tmp_path, given=given, mechanism="h2o2.yaml", model_factor=7.0).record
    assert {one.equation: one.count for one in record.reactions if one.count} == {
        "OH + OH => H2O + O": 1, FORWARD: 1}  # fmt: skip
    assert record.events[0] > record.events[3] and record.trajectories[0].frames == 41
    assert record.benchmark.factor == 7.0 and not (tmp_path / "rates.yaml").exists()


def test_without_a_mechanism_complexes_can_be_named(tmp_path):
    given = Given(("H", "O"), 2500.0, 0.2e-15, 3.4e-27)
    record = api.network([FIXTURE], tmp_path, given=given, counting=Counting(complexes=("H3O",))).record
    assert record.benchmark is None and record.mechanism is None
    assert any("no benchmark" in line for line in record.warnings)
    assert all(one.model is None and one.mechanism is None for one in record.reactions)


BASE = [str(FIXTURE), "--elements", "H,O", "--step", "0.2fs", "--T", "2500", "--volume", "3400 angstrom3"]


@pytest.mark.parametrize("change, said", [
    (["--T", "2500,3000"], "2 temperatures for 1 trajectories"),
    (["--T", "-5"], "is not positive"),
    (["--elements", "H"], "has atoms of type 2"),
    (["--benchmark", "N2 + H <=> NH + N", "--mechanism", "h2o2.yaml"], "was not counted"),
    (["--benchmark", "nonsense", "--mechanism", "h2o2.yaml"], "must be an equation"),
    (["--mechanism", "none.yaml"], "none.yaml"),
    (["--alias", "H3O", "--mechanism", "h2o2.yaml"], "must be MOLECULE=SPECIES"),
    (["--model-factor", "0.5"], "must be >= 1"),
    (["--on", "0.2"], "off <= on"),
    (["--step", "0"], "must be > 0"),
    (["--persistence", "-1"], "persistence"),
])  # fmt: skip
def test_bad_input_ends_in_one_message(tmp_path, capsys, change, said):
    assert main(["network", *BASE, *change, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_what_is_missing_is_asked_for(tmp_path, capsys):
    for option in ("--T", "--step", "--volume", "--elements"):
        at = BASE.index(option)
        assert main(["network", *BASE[:at], *BASE[at + 2 :], "--out", str(tmp_path)]) == 2
        assert option in capsys.readouterr().err


def test_the_command_prints_both_errors(tmp_path, capsys):
    assert main(["network", *BASE, "--mechanism", "h2o2.yaml", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "H2 + OH => H + H2O" in said and "error of the forces: a factor" in said
    assert main(["network", *BASE, "--out", str(tmp_path)]) == 2  # what is there stays
    assert "--force" in capsys.readouterr().err


def test_trajectories_must_be_as_many_as_what_is_given(tmp_path):
    with pytest.raises(ConfigError, match="must be as many"):
        api.network([FIXTURE], tmp_path, given=[Given(), Given()])
