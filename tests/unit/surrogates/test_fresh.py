"""The fresh gas that a cell comes from: its temperature exactly where nothing diffuses, and whether it was taught."""

import argparse
import copy

import msgspec
import numpy as np
import pytest
import torch

from combust.case.load import convert
from combust.cli import train as command
from combust.errors import ConfigError, FileFormatError
from combust.io.lock import take
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator
from combust.run import build as case
from combust.surrogates import library
from combust.surrogates.model.card import taught_of
from combust.surrogates.model.model import Model, read_card, settings_of
from combust.surrogates.training import fresh_fit
from combust.surrogates.training.calibrate import taught
from combust.surrogates.trust import fresh, fresh_case
from combust.surrogates.trust.fresh import Mixing
from combust.surrogates.trust.fresh_case import Gas
from combust.surrogates.trust.parts import Parts
from combust.surrogates.trust.router import COLD, cold, trust_of

torch.set_num_threads(1)
AIR = "O2:1, N2:3.76"
MODELS = {
    "h2_air": ("H2:1", (0.35, 1.0, 3.0)),
    "ch4_air": ("CH4:1", (0.6, 1.0, 1.5)),
    "nh3_h2": ("NH3:0.6, H2:0.4", (0.6, 1.0, 1.5)),
}
STARTED = {"nh3_h2": 0.85}  # known ignitions: others start with burnt gas, of ammonia at 0.87 of all


@pytest.fixture(scope="module")
def hydrogen():
    model = library.load("h2_air")
    return Parts.of(model, Mechanism.load(model.card["mechanism"]["path"]))


@pytest.fixture(scope="module")
def own(tiny):
    return Parts.of(tiny.model(), tiny.gas)


def flame_states(gas, T, phi, fuel="H2:1", p=101325.0):
    """T, p, Y (species, points) of a coarse free flame."""
    found = free_flame(gas, T, p, fuel, AIR, phi, slope=0.1, curve=0.2)
    Y = torch.as_tensor(found.Y).clamp_min(0.0)
    T = torch.as_tensor(found.T)
    return T, torch.full_like(T, p), (Y / Y.sum(0)).contiguous()


def known(parts, T, Y):
    """(cells,) by the fresh gas alone."""
    return fresh.known(parts.fresh, parts.trust.elements, parts.gas.thermo, "hp", T, Y)


def share(parts, T, p, Y):
    """Of cells that the network may try."""
    return float(parts.covered(T, p, Y).double().mean())


# --- the temperature of the fresh gas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_fresh_and_burnt_gas_without_diffusion(name):
    """Mixtures at 250 to 1900 K, and the same burnt by Cantera: T to 0.1 K, by the straight lines of the table."""
    fuel, phis = MODELS[name]
    gas = Mechanism.load(library.load(name).card["mechanism"]["path"])
    mixing, solution = Mixing.of(gas, "hp", fuel, AIR), gas.cantera()
    for phi in phis:
        Y = gas.mixture(fuel, AIR, phi).numpy()
        for T in (250.0, 300.0, 700.0, 1000.0, 1900.0):
            solution.TPY = T, 3e5, Y
            z = solution.mixture_fraction(fuel, AIR)
            rows = [(T, Y)]
            if 300.0 <= T <= 1000.0:
                solution.equilibrate("HP")
                rows.append((solution.T, solution.Y.copy()))
            found = mixing(np.array([t for t, _ in rows]), np.stack([y for _, y in rows]))
            np.testing.assert_allclose(found[0], z, rtol=1e-9)
            np.testing.assert_allclose(found[1], T, atol=0.1)


def test_bracket():
    i, a = fresh.bracket(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.5, 1.5, 2.0, 3.0, 4.0, 9.0]))
    assert i.tolist() == [0, 0, 1, 1, 1, 1] and a.tolist() == [0.0, 0.5, 0.0, 0.5, 1.0, 1.0]


def test_extremes_of_rows_around_nodes():
    """A row counts at the nodes around it and the next; nodes without rows have their neighbour's."""
    nodes = np.arange(7.0)
    found = fresh_fit.extremes(nodes, np.array([2.5, 2.5, 4.0]), np.array([10.0, 12.0, 7.0]), 1)
    assert found.tolist() == [12.0, 12.0, 12.0, 12.0, 12.0, 7.0, 7.0]
    found = fresh_fit.extremes(nodes, np.array([2.5, 4.0]), np.array([10.0, 7.0]), -1)
    assert found.tolist() == [10.0, 10.0, 7.0, 7.0, 7.0, 7.0, 7.0]


# --- cells ------------------------------------------------------------------------------------------------------------


def test_states_of_the_training_are_known(tiny, own):
    """All flames; and all ignitions but those that start with burnt gas, whose enthalpy is less than fresh gas has."""
    T, Y, kind = taught(tiny.samples)
    _, cold = Mixing.of(tiny.gas, "hp", tiny.config.fuel, tiny.config.oxidizer)(T, Y)
    good = known(own, torch.as_tensor(T), torch.as_tensor(Y.T.copy())).numpy()
    assert good[kind == "flame"].all()
    assert good[(kind == "ignition") & (cold >= tiny.config.range.T_ignition[0] - 1.0)].all()
    assert bool(known(own, *(tiny.flame()[k] for k in (0, 2))).all())  # which was not among them


def test_hotter_and_colder_fresh_gas_of_a_small_model(tiny, own):
    """Trained from 300 to 301 K. A flame of 450 K is not known, nor one that lost or gained heat at its temperature."""
    T, _, Y = flame_states(tiny.gas, 450.0, 0.5)
    assert float(known(own, T, Y).double().mean()) < 0.02
    T, _, Y = tiny.flame()
    front = T > 900.0
    for change in (-150.0, 150.0):
        assert not bool(known(own, T[front] + change, Y[:, front]).any()), change


def test_hydrogen_flames_within_the_range_are_known_and_hotter_ones_not(hydrogen):
    for T in (300.0, 690.0):
        for phi in (0.5, 1.4):
            assert share(hydrogen, *flame_states(hydrogen.gas, T, phi)) == 1.0, (T, phi)
    for phi in (0.5, 1.4):
        assert share(hydrogen, *flame_states(hydrogen.gas, 850.0, phi)) < 0.1, phi


@pytest.mark.slow
def test_methane_flames_within_the_range_are_known_and_hotter_ones_not():
    model = library.load("ch4_air")
    methane = Parts.of(model, Mechanism.load(model.card["mechanism"]["path"]))
    assert share(methane, *flame_states(methane.gas, 590.0, 0.9, "CH4:1")) == 1.0
    assert share(methane, *flame_states(methane.gas, 800.0, 0.9, "CH4:1")) == 0.0


def test_ignitions_are_known_and_what_lies_between_is_not(hydrogen):
    """Fresh gas of 300 to 700 K and of 900 to 1600 K was taught, 800 and 1700 K not."""
    Y = hydrogen.gas.mixture("H2:1", AIR, 1.0).unsqueeze(1).expand(-1, 6).contiguous()
    T = torch.tensor([300.0, 700.0, 800.0, 900.0, 1600.0, 1700.0], dtype=torch.float64)
    assert known(hydrogen, T, Y).tolist() == [True, True, False, True, True, False]


def test_the_last_bit_does_not_matter(hydrogen):
    """States of flames within the range are far from its edges, by the margin."""
    T, p, Y = flame_states(hydrogen.gas, 690.0, 1.4)
    for factor in (1 - 1e-9, 1 + 1e-9):
        assert share(hydrogen, T * factor, p, Y * factor) == 1.0


def test_nan_and_no_cells(hydrogen):
    T, p, Y = flame_states(hydrogen.gas, 300.0, 0.5)
    T[3], Y[2, 5] = torch.nan, torch.nan
    found = hydrogen.covered(T, p, Y)
    assert not found[3] and not found[5] and bool(found[6:].all())
    assert hydrogen.covered(T[:0], p[:0], Y[:, :0]).shape == (0,)


# --- cases ------------------------------------------------------------------------------------------------------------


def preheated(T, **chemistry):
    """A small flame of hydrogen with fresh gas of T [K]."""
    return convert({
        "mesh": {"kind": "uniform", "cells": [48], "lower": [-1e-3], "upper": [2e-3]},
        "gas": {"mechanism": "h2o2.yaml", "pressure": 101325.0},
        "chemistry": {"kind": "learned", "model": "h2_air"} | chemistry,
        "initial": {"kind": "flame", "fuel": "H2:1", "oxidizer": AIR, "phi": 0.5, "temperature": T, "position": 0.0},
        "boundary": {"x_low": {"kind": "inflow", "velocity": "flame-speed"}, "x_high": {"kind": "outflow"}},
        "numerics": {"dt": 9e-7}, "stop": {"steps": 1},
    }, "test")  # fmt: skip


def test_a_flow_of_hotter_fresh_gas_is_exact_and_says_so():
    flow = case.build(preheated(850.0), Communicator())
    said = flow.concerns()["initial.temperature"]
    assert said.startswith("initial.temperature = 850 K: fresh gas hotter than what learned chemistry 'h2_air'")
    assert "flames of 300 to 700 K" in said and "go to exact chemistry" in said
    assert not any(name.startswith("boundary") for name in flow.concerns())
    for _ in range(8):
        flow.advance(9e-7)
        assert flow.quantity("network_share") == 0.0
    assert flow.quantity("exact_share") > 0.0


def test_a_flow_within_the_range_says_nothing():
    flow = case.build(preheated(690.0), Communicator())
    assert "initial.temperature" not in flow.concerns() and "fresh gas" not in flow.concerns()
    for _ in range(3):
        flow.advance(9e-7)
    assert flow.quantity("network_share") > 0.02
    assert flow.scheme.chemistry.routes.outside == 0


def mixture(parts, phi=0.5):
    return parts.gas.mixture("H2:1", AIR, phi).numpy()


def test_gases_of_a_case_in_words(hydrogen):
    """Fresh, burnt, diluted, cold, and air: what counts is how hot it was when it was fresh."""
    solution = hydrogen.gas.cantera()
    solution.TPY = 300.0, 101325.0, mixture(hydrogen)
    solution.equilibrate("HP")
    burnt = solution.Y.copy()
    air = hydrogen.gas.composition(AIR).numpy()

    def judged(*gases, fallback="direct", router=True):
        return fresh_case.judge(hydrogen, [Gas("here", *gas) for gas in gases], fallback, router)

    fine = [(300.0, mixture(hydrogen), True), (solution.T, burnt, False), (900.0, burnt, False), (300.0, air, False),
            (1000.0, mixture(hydrogen), False)]  # fmt: skip
    assert judged(*fine) == fresh_case.Verdict(True)
    assert judged() == fresh_case.Verdict(True)
    found = judged((850.0, air, False))
    assert not found.trusted and "other than" in found.words["here"] and "exact chemistry" in found.words["here"]
    assert judged((850.0, air, False), fine[0]).trusted  # cell by cell
    assert not judged((1000.0, mixture(hydrogen), True), fine[0]).trusted  # a flame of gas that ignites by itself
    assert "colder" in judged((200.0, air, False)).words["here"]
    assert "hotter" in judged((1900.0, air, False)).words["here"]
    assert "do not react" in judged((850.0, air, False), fallback="none").words["here"]
    unchecked = judged((850.0, air, False), router=False)
    assert "all the same" in unchecked.words["here"]


# --- cards ------------------------------------------------------------------------------------------------------------


def test_a_model_made_before_has_the_range_of_its_gases_alone(hydrogen):
    model = library.load("h2_air")
    del model.card["fresh"]
    old = Parts.of(model, hydrogen.gas)
    assert old.fresh is None
    T, p, Y = flame_states(hydrogen.gas, 690.0, 1.4)
    assert share(old, T, p, Y) == 1.0
    found = fresh_case.judge(old, [Gas("here", 850.0, mixture(old), True)], "direct", True)
    assert not found.trusted and "flames of 300 to 700 K" in found.words["here"]
    assert "--range" in found.words["fresh gas"]


def edited(edit):
    card = copy.deepcopy(library.load("h2_air").card)
    edit(card["fresh"])
    return card


@pytest.mark.parametrize(("edit", "words"), [
    (lambda x: x.pop("coldest"), "coldest"), (lambda x: x.update(margin="wide"), "margin"),
    (lambda x: x["hottest"].pop(), "hottest: needs"), (lambda x: x["coldest"].append(1.0), "coldest: needs"),
    (lambda x: x.update(temperature=[300.0, 200.0]), "temperature: needs"),
    (lambda x: x.update(flames=[700.0, 300.0]), "flames = "), (lambda x: x.update(premixed={"lowest": []}), "highest"),
    (lambda x: x.update(other=1), "other"), (lambda x: x["mixture"].insert(0, -1.0), "mixture: needs"),
])  # fmt: skip
def test_a_damaged_range_is_refused(edit, words):
    with pytest.raises(FileFormatError, match=words) as error:
        taught_of(edited(edit), "some.json")
    assert "some.json" in str(error.value)


def test_a_range_of_other_elements_is_refused(hydrogen):
    model = library.load("h2_air")
    model.card["fresh"]["even"]["lowest"].pop()
    with pytest.raises(FileFormatError, match="ratios"):
        Parts.of(model, hydrogen.gas)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_models_have_the_range(name, tmp_path):
    """Lists of numbers stand in a line of the card, which is read back as it was."""
    model = library.load(name)
    found = taught_of(model.card, name)
    assert found.known["flame"] == found.known["burner"] == 1.0 and found.known["ignition"] > STARTED.get(name, 0.9)
    model.save(tmp_path / "again")
    assert read_card(tmp_path / "again.json")["fresh"] == model.card["fresh"]
    assert len((tmp_path / "again.json").read_text().splitlines()) < 600


def test_below_what_temperature_nothing_ignites():
    """Above fresh gas of flames, below ignitions."""
    assert cold(library_settings("ch4_air")) == 620.0 and cold(library_settings("h2_air")) == 700.0
    model = library.load("ch4_air")
    gas = Mechanism.load(model.card["mechanism"]["path"])
    assert trust_of(model, gas).cold.tolist() == [620.0]
    settings = library_settings("h2_air")
    low = msgspec.structs.replace(settings.range, T_ignition=(650.0, 1000.0))
    assert cold(msgspec.structs.replace(settings, range=low)) == COLD


def library_settings(name):
    return settings_of(library.load(name))


# --- combust train --range --------------------------------------------------------------------------------------------


def test_the_range_is_added_to_a_model(tiny, tmp_path, capsys):
    """By its configuration alone: weights and router stay, flames are known; another configuration is refused."""
    model = tiny.model()
    model.card.pop("fresh", None)
    model.save(tmp_path / "old")

    def args(**other):
        return argparse.Namespace(**{
            "config": str(tiny.folder / "tiny.toml"), "set": [], "init": str(tmp_path / "old"), "out": str(tmp_path),
            "minutes": None, "processes": 1, "resume": False, "calibrate": False, "force": False, "range": True,
            "samples": None, "also": [], "tensorboard": False} | other)  # fmt: skip

    def run(given):
        return command.call(given, Communicator())

    with pytest.raises(ConfigError, match="range is"):
        run(args(set=["range.T_fresh=[300, 400]"]))
    with pytest.raises(ConfigError, match="--range: needs --init"):
        run(args(init=None))
    held = take(tmp_path)
    with pytest.raises(ConfigError, match="is in use by process"):
        run(args())
    held.release()
    assert run(args()) == 0
    assert "flame 100 %" in capsys.readouterr().out
    made = Model.load(tmp_path / "model")
    assert made.card["weights"]["sha256"] == model.card["weights"]["sha256"]
    assert made.card["router"] == model.card["router"] and made.card["fresh"]["flames"] == [300.0, 301.0]
