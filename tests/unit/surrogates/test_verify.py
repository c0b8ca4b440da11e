"""combust verify and combust models: what a report card says, what it calls missed, what is damaged."""

import argparse
import copy
import json
import math
import shutil

import numpy as np
import pytest
import torch
from helpers import arguments_of

from combust.cli import models as listing
from combust.cli import verify as command
from combust.errors import ConfigError, FileFormatError, MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.places import find as find_mechanism
from combust.parallel import Communicator
from combust.surrogates import library
from combust.surrogates.judge import conditions, flames, models, reactors, report, steps, targets, verify
from combust.surrogates.judge.conditions import Effort, Flame, Reactor
from combust.surrogates.judge.targets import Target
from combust.surrogates.model.model import files_of
from combust.surrogates.provider.learned import Learned
from combust.surrogates.provider.mapped import Mapped, Still
from combust.surrogates.trust.parts import Parts

EFFORT = Effort(1, (0.5,), 1, 80, 110, False, 2, 60)
RANGES = {"p": [5e4, 1e6], "phi": [0.3, 4.0], "dt": [1e-7, 5e-6], "T": [280.0, 3200.0]}


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def arguments(model, out, **more):
    given = {"model": str(model), "out": str(out), "quick": True, "force": False, "only": None, "coupling": False,
             "steps": None}  # fmt: skip
    return argparse.Namespace(**given | more)


def run(*given, **more):
    """The exit code of the command."""
    return command.call(arguments(*given, **more), Communicator())


@pytest.fixture(scope="module")
def card(tiny, tmp_path_factory):
    """Exit code, folder, numbers and text of a whole report card, with the controls."""
    out = tmp_path_factory.mktemp("card")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "QUICK", EFFORT)
        patch.setattr(steps, "TIMED", 64)
        patch.setattr(steps, "BY_CVODE", 4)
        patch.setattr(steps, "CELLS", 64)
        patch.setattr(steps, "WARM", 1)
        patch.setattr(flames, "AHEAD", 2)
        patch.setattr(flames, "BEHIND", 2)
        code = run(tiny.path, out, coupling=True)
    return code, out, json.loads((out / "report.json").read_text()), (out / "report.md").read_text()


# --- the whole ------------------------------------------------------------------------------------------------------


def test_the_exit_code_says_whether_all_targets_are_met(card):
    code, _, found, text = card
    missed = [t for t in found["targets"] if not t["met"]]
    assert code == (1 if missed else 0)
    assert text.count("**MISSED**") == len(missed)
    assert {"flame speed, worst", "burnt T of flames, worst", "peak radicals of flames, worst"} <= {
        t["name"] for t in found["targets"]
    }


def test_reactors_with_the_router_on_and_off(card):
    _, _, found, text = card
    runs = {(run["mode"], run["dt"]): run for run in found["reactors"]}
    on, off = runs["router", 1e-6], runs["network", 1e-6]
    assert on["steps"] == EFFORT.steps and on["drift"] <= 1e-12
    case = on["cases"][0]
    assert case["delay"][0] <= EFFORT.induction * 1e-6 * 1.1 and abs(case["delay_error"]) < 0.1
    assert sum(case["routes"]["ignition"].values()) == pytest.approx(1)
    assert off["cases"][0]["routes"]["ignition"]["exact"] == 0
    assert "Router off" in text and "Router on" in text


def test_flames_beside_exact_chemistry_and_controls(card):
    _, folder, found, _ = card
    modes = {flame["mode"]: flame for flame in found["flames"]}
    assert set(modes) == {"router", "network", "coupling", "still"}
    assert len({flame["speed"][0] for flame in modes.values()}) == 1
    for flame in modes.values():
        assert flame["element_error"] < 1e-12 and not flame["failure"]
    assert abs(modes["router"]["speed_error"]) < 0.01 and abs(modes["coupling"]["speed_error"]) < 0.01
    assert modes["network"]["routes"]["network"] == 1
    assert list(folder.glob("flame_*.png")) and (folder / "delays.png").is_file()


def test_one_step_errors_beside_a_model_that_changes_nothing(card):
    steps = card[2]["steps"]["not slow"]
    assert steps["T_mean"] < steps["zero_T_mean"] and steps["within_10"] > steps["zero_within_10"]
    assert 0 < steps["relative_L1"]["H2O"] < 1
    cost = card[2]["cost"]
    assert 0 < cost["network"] and 0 < cost["exact"] and cost["cells"] == 64


def test_a_report_is_not_replaced_unasked(card, tiny):
    with pytest.raises(ConfigError, match="--force"):
        run(tiny.path, card[1])


def test_only_adds_to_an_earlier_report_of_the_same_weights(card, tiny, tmp_path, monkeypatch, capsys):
    """Parts that are there already only by --force; a report of other weights is not added to."""
    _, folder, before, text = card
    out = shutil.copytree(folder, tmp_path / "out")
    before = copy.deepcopy(before)
    off = next(flame for flame in before["flames"] if flame["mode"] == "network")
    off |= {"failure": "lost", "speed_error": None, "burnt_error": None, "peak_error": None}
    (out / "report.json").write_text(
        json.dumps(
            {k: v for k, v in before.items() if k != "steps"}
            | {"made": {k: "2026-01-01 00:00 UTC" for k in before["made"] if k != "steps"}}
        )
    )
    monkeypatch.setattr(verify, "QUICK", EFFORT)
    run(tiny.path, out, only="steps")
    after = json.loads((out / "report.json").read_text())
    of_all, before_all = ({t["name"]: t for t in found["targets"]} for found in (after, before))
    lost = {name for name in of_all if name.startswith("network alone: ") and "delay" not in name}
    assert after["steps"] == before["steps"] and of_all.keys() == before_all.keys()
    assert all(of_all[name] == before_all[name] for name in of_all.keys() - lost)
    assert len(lost) == 3 and not any(of_all[name]["met"] for name in lost)  # what was lost has no error
    assert after["flames"] == before["flames"] and after["seconds"] > before["seconds"]
    assert "kept of an earlier report of these weights: reactors, flames, cost, speed, ends" in capsys.readouterr().out
    page = (out / "report.md").read_text()
    assert "Made in parts: reactors 2026-01-01" in page and "**lost**" in page
    assert page.count("](") == text.count("](") >= 2  # pictures
    with pytest.raises(ConfigError, match="--force"):
        run(tiny.path, out, only="steps,flames")
    after["model"]["sha256"] = "0"
    (out / "report.json").write_text(json.dumps(after))
    with pytest.raises(ConfigError, match="--force"):
        run(tiny.path, out, only="steps")
    run(tiny.path, out, only="steps", force=True)
    assert "flames" not in json.loads((out / "report.json").read_text())


def test_bad_input(tiny, tmp_path):
    with pytest.raises(ConfigError, match="--only flame: unknown; known: reactors, flames, steps, cost, speed, ends"):
        run(tiny.path, tmp_path / "out", only="flame")
    with pytest.raises(ConfigError, match="--only : unknown"):
        run(tiny.path, tmp_path / "out", only="")
    with pytest.raises(FileFormatError, match="no such file"):
        run(tmp_path / "none" / "model", tmp_path / "out")


def test_what_was_finished_before_a_stop_is_written(tiny, tmp_path, monkeypatch, capsys):
    def stop(work, parts, coupling):
        work.found["flames"] = []
        raise KeyboardInterrupt

    monkeypatch.setattr(verify, "compute", stop)
    assert run(tiny.path, tmp_path) == 4
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["stopped"] and not found["made"]  # `--only` keeps none of it
    assert "stopped" in capsys.readouterr().out and "Stopped before the end" in (tmp_path / "report.md").read_text()


# --- conditions -----------------------------------------------------------------------------------------------------


def test_conditions_follow_the_ranges():
    found = conditions.flames({"ranges": RANGES}, (300.0, 310.0), conditions.FULL)
    assert [f.phi for f in found] == [0.5, 0.7, 1.0, 1.4, 2.0, 0.7]
    assert [round(f.p / 101325, 2) for f in found] == [1, 1, 1, 1, 1, 5]
    methane = {"ranges": RANGES | {"p": [50662.5, 506625.0], "phi": [0.5, 1.6]}}
    found = conditions.flames(methane, (300.0, 310.0), conditions.FULL)
    assert [(f.phi, round(f.p / 101325, 1)) for f in found] == [(0.7, 1), (0.9, 1), (1.2, 1), (0.9, 3.1)]
    assert len(conditions.flames(methane, (300.0, 310.0), conditions.QUICK)) == 1


def test_flames_of_the_hottest_fresh_gas_are_judged_too():
    found = conditions.flames({"ranges": RANGES}, (300.0, 700.0), conditions.FULL)
    assert [f.phi for f in found if f.T == 700.0] == [0.5, 1.0, 2.0]
    assert len(found) == 9 and [str(f) for f in found[-2:]] == ["phi 1, 1 atm, 700 K", "phi 2, 1 atm, 700 K"]
    assert str(found[0]) == "phi 0.5, 1 atm"


def test_narrow_ranges_leave_one_pressure():
    card = {"ranges": RANGES | {"p": [2e5, 2.1e5], "phi": [0.9, 1.1]}}
    assert conditions.pressures(card) == [2e5]
    assert [f.phi for f in conditions.flames(card, (300.0, 310.0), conditions.FULL)] == [0.99]


@pytest.mark.parametrize(("span", "dt"), [([1e-7, 5e-6], 1e-6), ([2e-6, 8e-6], 4e-6), ([1e-9, 1e-7], 1e-8)])
def test_the_time_step_is_a_usual_one_or_the_middle(span, dt):
    assert conditions.step_of({"ranges": {"dt": span}}) == pytest.approx(dt)


# --- references -----------------------------------------------------------------------------------------------------


def test_delay_by_a_parabola_is_of_second_order():
    errors = []
    for dt in (2e-6, 1e-6):
        t = np.arange(0, 2e-4, dt)
        errors.append(abs(reactors.delay(t, 1000 + 1000 * np.tanh((t - 1.0037e-4) / 1e-5)) - 1.0037e-4))
    assert max(errors) < 2e-8


def test_no_ignition_has_no_delay():
    t = np.linspace(0, 1, 50)
    assert math.isnan(reactors.delay(t, 1000 + 10 * t))
    assert math.isnan(reactors.delay(t, 1000 + 1000 * t**2))  # steepest at the end: not there yet


def test_temperatures_have_delays_within_the_span(tiny, gas):
    solution, span = gas.cantera(), (2e-5, 2e-4)
    for T in reactors.temperatures(solution, tiny.config, 0.5, 101325.0, "hp", span, 3):
        found = reactors.ignition(solution, tiny.config, Reactor(0.5, 101325.0, T), "hp", 1.0)
        assert 0.9 * span[0] < found < 1.1 * span[1]


def test_radicals(gas):
    assert [gas.species[k] for k in reactors.radicals(gas)] == ["H", "O", "OH", "HO2"]
    methane = Mechanism.load("gri30.yaml")
    names = {methane.species[k] for k in reactors.radicals(methane)}
    assert {"H", "O", "OH", "HO2", "CH3", "HCO", "C2H5"} <= names
    assert not names & {"CH4", "CO", "H2O", "O2", "N2", "NO", "CH2O", "C2H4"}


# --- reactors -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ignition(tiny, gas):
    """A reactor at 1 atm and its trajectory; H peaks within a few us."""
    at = Reactor(0.5, 101325.0, 1250.0)
    return at, reactors.by_cvode(gas.cantera(), tiny.config, at, "hp", 2e-4)


def shifted(found, dt, late, steps, hotter=0.0):
    """As if by a chemistry that ignites later by `late` [s]: samples of the reference."""
    t = dt * np.arange(steps + 1)
    places = (t - late).clip(min=0.0)
    Y = np.stack([found.fractions(places, k) for k in range(found.Y.shape[1])])
    T = found.temperatures(places) + hotter * (t > t[-1] / 2)
    return reactors.History(dt, T[:, None], Y.max(1)[:, None], routes=np.ones((steps, 1), np.int8))


@pytest.mark.parametrize("late", [0.0, 0.37e-6, 1.5e-6, -0.8e-6])
@pytest.mark.parametrize("dt", [1e-6, 2e-6])
def test_a_late_ignition_is_an_error_of_the_delay_alone(gas, ignition, late, dt):
    at, reference = ignition
    case = reactors.compare(gas, at, 0, reference, shifted(reference, dt, late, round(1.5e-4 / dt)))
    exact = reactors.delay_of(reference)
    assert case["delay_error"] == pytest.approx(late / exact, abs=4e-4)
    assert case["peak_error"] < 2e-3
    assert case["routes"]["ignition"]["network"] == 1


def test_errors_of_burnt_gas_and_of_peaks_are_seen(gas, ignition):
    at, reference = ignition
    found = shifted(reference, 1e-6, 0.0, 150, hotter=3.0)
    found.peak[gas.index("OH")] *= 1.1
    case = reactors.compare(gas, at, 0, reference, found)
    assert case["burnt_error"] == pytest.approx(3.0, abs=0.2) and case["peak_error"] == pytest.approx(0.1, abs=3e-3)


def test_what_does_not_ignite_has_no_delay(gas, ignition):
    at, reference = ignition
    dead = reactors.History(
        1e-6, np.full((151, 1), at.T), reference.Y[0][:, None].copy(), routes=np.zeros((150, 1), np.int8)
    )
    case = reactors.compare(gas, at, 0, reference, dead)
    assert math.isnan(case["delay_error"]) and case["peak_error"] == pytest.approx(1, abs=1e-3)
    assert case["burnt_error"] < -1000


# --- the stand-ins for the network ----------------------------------------------------------------------------------


def test_stand_ins(tiny, gas):
    T, p, Y, *_ = tiny.rows("train", 20, slow=False)
    exact = gas.integrate(T, p, Y, 1e-6, "hp", 1e-9, 1e-14)
    done = Mapped.of(tiny.model(), gas).network(T, p, Y, 1e-6)
    torch.testing.assert_close(done.T, exact.T, rtol=1e-6, atol=0)
    torch.testing.assert_close(done.Y, exact.Y, rtol=1e-3, atol=1e-9)
    still = Still.of(tiny.model(), gas).network(T, p, Y, 1e-6)
    assert torch.equal(still.T, T) and torch.equal(still.Y, Y)
    assert Mapped.of(tiny.model(), gas).network(T[:0], p[:0], Y[:, :0], 1e-6).Y.shape == (len(gas.species), 0)
    assert isinstance(Mapped.of(tiny.model(), gas), Parts)


def test_a_flame_that_diverges_is_missed(gas):
    shape = {"x": np.zeros(2), "T": np.ones(2), "Y": np.ones((len(gas.species), 2)), "route": np.zeros(2),
             "speed": 1.0, "spread": 0.0, "shares": {}, "element_error": 0.0, "Y_min": 0.0, "cost": 0.0}  # fmt: skip
    exact = flames.Run("exact", **shape)
    lost = flames.compare(gas, Flame(1.0, 1e5), exact, flames.Run("router", **shape, failure="step 3: NaN"))
    assert math.isnan(lost["speed_error"]) and math.isnan(lost["burnt_error"])
    found = {"flames": [lost], "model": {"fuel": "H2:1"}}
    assert not [t for t in targets.of_card(found) if t.met and t.name.startswith("flame speed")]


# --- targets --------------------------------------------------------------------------------------------------------


def test_targets():
    assert Target("a", 0.004, 0.005, "%").met and not Target("a", math.nan, 0.005).met
    assert Target("a", 0.0, 0.0, least=True).met and not Target("a", -1e-20, 0.0, least=True).met
    assert Target("a", 0.0041, 0.005, "%").numbers() == ("0.41 %", "\u2264 0.5 %")
    assert Target("a", math.nan, 5.0, "K").numbers()[0] == "none"
    assert math.isnan(report.worst([1.0, math.nan])) and math.isnan(report.worst([]))


@pytest.mark.parametrize(("fuel", "limit"), [("H2:1", 0.005), ("CH4:1", 0.01), ("CH4:0.5, H2:0.5", 0.01)])
def test_the_limit_of_flame_speeds_depends_on_the_fuel(fuel, limit):
    flame = {"mode": "router", "speed_error": 0.007, "burnt_error": 0.0, "peak_error": 0.0, "routes": {"exact": 0.0},
             "element_error": 0.0}  # fmt: skip
    first = targets.of_card({"flames": [flame], "model": {"fuel": fuel}})[0]
    assert first.limit == limit and first.met == (limit > 0.007)


FLAME = {"mode": "router", "speed_error": 0.0, "burnt_error": 0.0, "peak_error": 0.0, "element_error": 0.0}


def judged(**found):
    """Targets by name."""
    return {t.name: t for t in targets.of_card({"model": {"fuel": "CH4:1"}} | found)}


def test_the_exact_share_is_of_the_cells_that_react():
    """3 % of all cells, but 30 % of those that are not slow: the others would flatter it."""
    flame = FLAME | {"routes": {"slow": 0.9, "network": 0.07, "exact": 0.03}}
    target = judged(flames=[flame])["exact cells, of those that are not slow, in flames, worst"]
    assert target.value == pytest.approx(0.3) and target.limit == 0.1 and not target.met
    assert targets.exact_of_active(FLAME | {"routes": {"slow": 1.0, "exact": 0.0}}) == 0.0
    assert math.isnan(targets.exact_of_active(FLAME | {"routes": {}}))


def test_nitric_oxide_is_judged_where_there_is_some():
    """Its own target, in flames and reactors; of a card without it there is none."""
    good, bad = (FLAME | {"routes": {"slow": 1.0, "exact": 0.0}, "NO_error": error} for error in (0.01, 0.06))
    target = judged(flames=[good, bad])["peak NO of flames, worst"]
    assert target.value == 0.06 and target.limit == 0.05 and not target.met
    lost = judged(flames=[good, bad | {"NO_error": math.nan}])["peak NO of flames, worst"]
    assert math.isnan(lost.value) and not lost.met
    assert not [name for name in judged(flames=[FLAME | {"routes": {}}]) if "NO" in name]


def test_peaks_of_nitric_oxide():
    """Found by what it is made of; too little of it has no error, and a mechanism without it none either."""
    ammonia, hydrogen = Mechanism.load("ammonia_cfd.yaml"), Mechanism.load("h2o2.yaml")
    place = ammonia.index("NO")
    found = reactors.nitric_oxide(ammonia, lambda k: [0.01, 0.0105] if k == place else [1.0, 2.0])
    assert found["NO"] == [0.01, 0.0105] and found["NO_error"] == pytest.approx(0.05)
    assert reactors.nitric_oxide(ammonia, lambda _: [1e-7, 1.0]) == {}
    assert reactors.nitric_oxide(hydrogen, lambda _: [1.0, 1.0]) == {}


def test_fewer_steps_of_reactors():
    """Their delays end within them; the card says so, and too few are refused."""
    less = conditions.shortened(conditions.FULL, 5000)
    assert (less.steps, less.induction, less.temperatures) == (5000, 2000, conditions.FULL.temperatures)
    assert conditions.shortened(conditions.QUICK, None) is conditions.QUICK
    with pytest.raises(ConfigError, match="--steps 20: reactors need at least 500"):
        conditions.shortened(conditions.FULL, 20)
    card = {"quick": False, "effort": {"steps": 5000}}
    assert models.less_effort(card) == "reactors for 5000 steps"
    assert models.less_effort(card | {"quick": True}) == "quick"
    assert models.less_effort({"quick": False, "effort": {"steps": conditions.FULL.steps}}) == ""


def ticks(*seconds):
    """A clock that goes on by so many seconds from one look to the next, then again."""
    times = np.cumsum([0.0, *(seconds * 100)])
    return iter(times.tolist()).__next__


@pytest.mark.parametrize(("exact", "learned", "ratio", "met"), [(3.0, 1.0, 3.0, True), (0.98, 1.0, 0.98, False)])
def test_the_verdict_on_cost_follows_from_the_times_of_pairs(exact, learned, ratio, met):
    calls = []
    clock = ticks(exact, learned, 0.25)  # 0.25 between two pairs
    found = steps.in_turn(lambda: calls.append("exact"), lambda: calls.append("learned"), 1000, 5, clock)
    assert calls == ["exact", "learned"] * 6  # the first pair makes the kernels
    assert [found[name] for name in ("ratio", "least", "greatest")] == pytest.approx([ratio] * 3)
    assert found["exact"] == pytest.approx(1e3 * exact) and found["learned"] == pytest.approx(1e3 * learned)
    found |= {"failure": ""}
    target = judged(speed={"flames": [found, found | {"ratio": 9.0}]})[
        "times as fast as exact chemistry in the same flame, least"
    ]
    assert target.value == pytest.approx(ratio) and target.met is met
    assert any("does not pay" in line for line in targets.conclusions([target])) is not met


def test_one_slow_pair_does_not_make_the_verdict():
    """Another program takes the machine during one learned step."""
    clock = iter(np.cumsum([0.0, 2, 1, 1, 2, 9, 1, 2, 1, 1]).tolist()).__next__
    found = steps.in_turn(lambda: None, lambda: None, 1, 3, clock)
    assert found["ratio"] == pytest.approx(2.0) and found["least"] == pytest.approx(2 / 9)


def test_a_flame_that_could_not_be_timed_has_no_verdict():
    assert not judged(speed={"flames": [{"failure": "lost"}]}).popitem()[1].met
    assert not judged(speed={"flames": []}).popitem()[1].met


def test_the_network_alone_is_judged():
    off = FLAME | {"mode": "network", "speed_error": 0.06, "burnt_error": -24.0, "peak_error": 0.2, "routes": {}}
    found = judged(flames=[off], reactors=[{"mode": "network", "cases": [{"delay_error": -0.3}]}])
    assert {name: (t.value, t.met) for name, t in found.items()} == {
        "network alone: ignition delay, worst": (0.3, False), "network alone: flame speed, worst": (0.06, False),
        "network alone: burnt T of flames, worst": (24.0, True),
        "network alone: peak radicals of flames, worst": (0.2, True)}  # fmt: skip


def test_the_ends_of_the_ranges_are_judged():
    flame = FLAME | {"speed_error": 0.02, "routes": {"slow": 0.5, "network": 0.5, "exact": 0.0}}
    found = judged(ends={"flames": [flame], "reactors": {"cases": [{"delay_error": 0.06}]}})
    missed = [name for name, t in found.items() if not t.met]
    assert missed == ["ends of the ranges: ignition delay, worst", "ends of the ranges: flame speed, worst"]
    assert not judged(ends={"flames": [], "reactors": {"cases": []}})


def test_ends_are_of_the_ranges_and_not_where_there_are_none():
    found = conditions.ends({"ranges": RANGES}, (300.0, 700.0), conditions.FULL)
    assert [(f.phi, f.p, f.T) for f in found] == [
        (0.3, 101325.0, 300.0),
        (4.0, 101325.0, 300.0),
        (1.1, 5e4, 300.0),
        (1.1, 1e6, 300.0),
    ]
    assert len(conditions.ends({"ranges": RANGES}, (300.0, 700.0), conditions.QUICK)) == 2
    narrow = {"ranges": RANGES | {"p": [2e5, 2e5], "phi": [1.0, 1.0]}}
    assert conditions.ends(narrow, (300.0, 310.0), conditions.FULL) == []


def test_what_is_timed_and_judged_is_in_the_report(card):
    _, _, found, text = card
    flame = found["speed"]["flames"][0]
    assert flame["ratio"] > 0 and flame["cells"] >= 64 and not flame["compiled"]
    assert sum(flame["routes"].values()) == pytest.approx(1)
    assert found["speed"]["processor"] and found["speed"]["processor"] in text and "1 thread(s)" in text
    assert [f["phi"] for f in found["ends"]["flames"]] == [0.45, 0.5]
    assert "Ends of the ranges" in text and "What follows" in text


# --- combust models -------------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tiny, card, tmp_path, monkeypatch):
    """A folder of shipped models with one, and its report."""
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    tiny.model().save(tmp_path / "tiny_h2")
    shutil.copy(card[1] / "report.json", tmp_path / "tiny_h2.report.json")
    shutil.copy(tiny.folder / "tiny.toml", tmp_path / "tiny_h2.toml")
    return tmp_path


def listed(capsys, name=None):
    code = listing.call(arguments_of(listing, *([name] if name else [])), Communicator())
    return code, capsys.readouterr().out


def test_models_lists_what_there_is(shelf, capsys):
    code, text = listed(capsys)
    assert code == 0
    row = next(line for line in text.splitlines() if line.startswith("tiny_h2"))
    assert "h2o2.yaml" in row and "0.45 to 0.56" in row and "whole" in row and "the same" in row
    assert "report" not in row


def test_models_explains_one(shelf, capsys):
    code, text = listed(capsys, "tiny_h2")
    assert code == 0
    for part in ('kind  = "learned"', 'model = "tiny_h2"', 'Learned.load("tiny_h2"', "flame speed, worst",
                 "equivalence ratio  0.45 to 0.56", "combust sample"):  # fmt: skip
        assert part in text, part


def test_models_explains_a_file(tiny, capsys):
    code, text = listed(capsys, str(tiny.path))
    assert code == 0 and "no report is kept with it" in text and f'model = "{tiny.path}"' in text


def test_models_knows_the_report(shelf, card, capsys):
    """Beside the model, or where verify writes; the list says how many targets are met, and when."""
    found = card[2]
    met, day = sum(t["met"] for t in found["targets"]), found["date"].split()[0]
    short = f"{met} of {len(found['targets'])}, {day} (quick)"
    assert short in next(line for line in listed(capsys)[1].splitlines() if line.startswith("tiny_h2"))
    text = listed(capsys, "tiny_h2")[1]
    assert f"how well: {met} of {len(found['targets'])} targets met" in text and "does not pay" in text
    (shelf / "tiny_h2.report.json").unlink()
    assert "not judged" in listed(capsys)[1]


def test_models_finds_what_verify_wrote(tiny, card, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny.model().save(tmp_path / "mine" / "model")
    assert "no report" in listed(capsys, "mine/model")[1]
    shutil.copytree(card[1], tmp_path / "runs" / "verify_mine")
    assert "targets met (report card of" in listed(capsys, "mine/model")[1]


def test_the_mechanism_beside_the_model_is_found(tiny, tmp_path, monkeypatch, capsys):
    """By content: a model and its mechanism are copied to where the path on the card leads nowhere."""
    model, file = tiny.model(), tmp_path / "given" / "renamed.yaml"
    model.card["mechanism"]["path"] = "/elsewhere/h2.yaml"
    model.save(tmp_path / "given" / "model")
    at = str(tmp_path / "given" / "model")
    with pytest.raises(MechanismError, match=r"'/elsewhere/h2.yaml' not found.*beside the model"):
        run(at, tmp_path / "out")
    assert listed(capsys, at)[0] == 1
    shutil.copy(find_mechanism("h2o2.yaml"), file)
    monkeypatch.setattr(verify, "compute", lambda work, parts, coupling: work.found.update(at=work.gas.path))
    assert run(at, tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["at"] == str(file)
    assert listed(capsys, at)[0] == 0 and Learned.load(at).gas.path == str(file)
    file.write_text(file.read_text() + "\n# changed\n")
    with pytest.raises(MechanismError, match="beside the model"):
        Learned.load(at)


def test_damaged_models_are_told(shelf, capsys):
    weights = files_of(shelf / "tiny_h2")[1]
    weights.write_bytes(weights.read_bytes()[:-8] + b"\0" * 8)
    code, text = listed(capsys)
    assert code == 1 and "DAMAGED" in text and "checksum" in text
    code, text = listed(capsys, "tiny_h2")
    assert code == 1 and "PROBLEM" in text
    weights.unlink()
    code, text = listed(capsys)
    assert code == 1 and "cannot be read" in text
    (shelf / "tiny_h2.json").write_text("{")
    code, text = listed(capsys)
    assert code == 1 and "damaged, not a card" in text


def test_a_mechanism_that_is_another_one_is_told(shelf, capsys):
    file = shelf / "tiny_h2.json"
    card = json.loads(file.read_text())
    card["mechanism"]["sha256"] = "0" * 64
    file.write_text(json.dumps(card))
    code, text = listed(capsys)
    assert code == 1 and "ANOTHER" in text and "whole" in text and "combust train" in text


def test_a_report_of_other_weights_is_told(shelf, capsys):
    file = shelf / "tiny_h2.report.json"
    found = json.loads(file.read_text())
    found["model"]["sha256"] = "0" * 64
    file.write_text(json.dumps(found))
    assert "of OTHER weights" in listed(capsys, "tiny_h2")[1]
    file.write_text("{}")
    assert "is damaged" in listed(capsys, "tiny_h2")[1]


def test_without_models_it_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    assert listed(capsys)[0] == 0
