"""A model carried to another mechanism or range: weights by names, scales of the new rows, new species first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import training_fixture
from helpers import arguments_of
from training_fixture import task

from combust.cli import train as command
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Model, settings_of
from combust.surrogates.model.network import Network
from combust.surrogates.model.transfer import aliases, carry, species_of
from combust.surrogates.settings import load, to_toml
from combust.surrogates.training import calibrate
from combust.surrogates.training.job import check_start
from combust.surrogates.training.rows import columns
from combust.surrogates.training.state import State
from combust.surrogates.training.training import Trainer

torch.set_num_threads(1)
BOIVIN = str(Path(__file__).parents[3] / "cases" / "h2_boivin.yaml")  # no AR, species in another order
OHN = "ohn.yaml"  # N2 reacts, and there are NO, NH3 and others
ADDED = ("NO", "NH3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return training_fixture.files(tmp_path_factory.mktemp("transfer"))


def rows(path="h2o2.yaml", extra=()):
    return training_fixture.sample_set(path, ("H2O", "H2O2", *extra))


def fitted(gas, samples, folder):
    config = load(folder / "c.toml")
    T, p, dt, Y, Y1, _ = columns(samples)
    return Coordinates.fit(gas, config.network, config.range, T, p, Y, dt, Y1)


def model_of(path, samples, folder):
    """A network with weights that say something, and what a card needs of it."""
    gas = Mechanism.load(path)
    c = fitted(gas, samples, folder)
    torch.manual_seed(3)
    net = Network(c.mean.numel(), c.active.numel(), 16, 2)
    torch.nn.init.normal_(net.layers[-1].weight, std=0.1)
    torch.nn.init.normal_(net.layers[-1].bias, std=0.1)
    card = {
        "name": "parent", "species": list(gas.species), "mechanism": {"path": path, "sha256": gas.sha256},
        "hold": "hp", "config": to_toml(load(folder / "c.toml")), "network": {"width": 16, "depth": 2},
    }  # fmt: skip
    return gas, Model(c, [net], card)


def named(gas_species, c):
    """Inputs by name: species, then what else there is."""
    return [gas_species[k] for k in (*c.active.tolist(), *c.inert.tolist())] + ["T", "1/T", "p", "dt"]


def output(weights, x, c, species, names):
    """What a network says of some species (species, rows), in its scaled coordinates, of scaled inputs by name."""
    net = Network(c.mean.numel(), c.active.numel(), 16, 2)
    net.load_state_dict(weights)
    given = torch.stack([x.get(name, torch.zeros_like(x["T"])) for name in named(species, c)])
    with torch.no_grad():
        out = net(given.float().T).T
    own = [species[k] for k in c.active.tolist()]
    return out[[own.index(name) for name in names]]


def scaled(gas, c, samples):
    """Inputs of rows as a network sees them, by name."""
    T, p, dt, Y, _, _ = columns(samples)
    return dict(zip(named(gas.species, c), c.features(T, p, Y, dt), strict=True))


def compared(parent, gas, found, samples):
    """What the parent and the carried network say of the species that both know, of the same scaled inputs."""
    x, names = scaled(gas, found.coordinates, samples), list(found.species.shared)
    before = output(parent.networks[0].state_dict(), x, parent.coordinates, parent.card["species"], names)
    return before, output(found.weights[0], x, found.coordinates, gas.species, names)


def among(samples, gas, other):
    """The same states as rows of another mechanism that has all their species."""
    place = [other.species.index(name) if name in other.species else -1 for name in gas.species]
    Y, Y1 = (np.zeros((len(samples), len(other.species))) for _ in range(2))
    for k, j in enumerate(place):
        if j >= 0:
            Y[:, j], Y1[:, j] = samples.Y[:, k], samples.Y1[:, k]
    return replace(samples, Y=Y, Y1=Y1, species=other.species, mechanism=other.path, sha256=other.sha256)


def carried(parent, gas, samples, folder):
    T, p, dt, Y, Y1, _ = columns(samples)
    return carry(parent, gas, fitted(gas, samples, folder), (T, p, Y, dt), Y1)


def test_species_in_another_order_say_the_same(folder):
    """The same states as rows of both mechanisms: what a step changes of each species agrees."""
    a, parent = model_of("h2o2.yaml", rows(), folder)
    b = Mechanism.load(BOIVIN)
    same = among(rows(), a, b)
    found = carried(parent, b, same, folder)
    before, after = compared(parent, b, found, same)
    assert list(a.species) != list(b.species) and before.abs().max() > 0.1
    assert (after - before).abs().max() < 1e-5 * before.abs().max()
    names = list(found.species.shared)
    old = output(
        parent.networks[0].state_dict(), scaled(a, parent.coordinates, rows()), parent.coordinates, a.species, names
    )
    assert (old - before).abs().max() < 1e-5 * before.abs().max()  # the coordinates of the same rows are the same
    place = [[c.active.tolist().index(g.species.index(n)) for n in names] for c, g in
             ((parent.coordinates, a), (found.coordinates, b))]  # fmt: skip
    assert torch.allclose(parent.coordinates.scale[place[0]], found.coordinates.scale[place[1]], rtol=1e-9)
    assert not any(bool(mask.any()) for mask in found.new.values())
    assert found.species.shared and not found.species.added and not found.species.dropped


def test_coordinates_are_those_of_the_new_rows(folder):
    """Rows of a hundredth of the change have targets of size one, and the network says of them what it said."""
    a, parent = model_of("h2o2.yaml", rows(), folder)
    T, p, dt, Y, Y1, _ = columns(rows())
    near = Y + 0.01 * (Y1 - Y)
    config = load(folder / "c.toml")
    own = Coordinates.fit(a, config.network, config.range, T + 100.0, p, Y, dt, near)
    found = carry(parent, a, own, (T + 100.0, p, Y, dt), near)
    size = found.coordinates.target(Y, near, dt).square().mean(1).sqrt()
    assert (size - 1.0).abs().max() < 1e-12 and (found.coordinates.scale < 0.5 * parent.coordinates.scale).all()
    assert torch.equal(found.coordinates.mean, own.mean) and found.coordinates.tau == parent.coordinates.tau
    weights = parent.networks[0].state_dict()
    held = {name: value for name, value in found.weights[0].items() if name != "layers.0.weight"}
    assert all(torch.equal(value, weights[name]) for name, value in held.items())


def test_new_species_begin_at_nothing_and_are_marked(folder):
    """N2 is inert in one and reacts in the other: it keeps its column, and its output is new."""
    _, parent = model_of("h2o2.yaml", rows(), folder)
    b = Mechanism.load(OHN)
    samples = rows(OHN, ADDED)
    found = carried(parent, b, samples, folder)
    own = [b.species[k] for k in found.coordinates.active.tolist()]
    assert set(ADDED) <= set(found.species.added) and "N2" in found.species.added and "H" in found.species.shared
    new = [name in found.species.added for name in own]
    assert found.new["layers.3.bias"].bool().tolist() == new
    assert found.new["layers.3.weight"].bool().any(1).tolist() == new
    first = found.new["layers.0.weight"]
    assert first[:, : len(own)].bool().all(0).tolist() == [
        flag and name != "N2" for flag, name in zip(new, own, strict=True)
    ]
    assert not first[:, len(own) :].any() and not any(found.new[f"layers.{i}.weight"].any() for i in (1, 2))
    x = scaled(b, found.coordinates, samples)
    assert not output(found.weights[0], x, found.coordinates, b.species, found.species.added).any()
    before, after = compared(parent, b, found, samples)
    assert (after - before).abs().max() < 1e-5 * before.abs().max()


def test_species_that_are_gone_are_left_out(folder):
    _, parent = model_of(OHN, rows(OHN, ADDED), folder)
    a = Mechanism.load("h2o2.yaml")
    found = carried(parent, a, rows(), folder)
    assert set(ADDED) <= set(found.species.dropped) and not found.species.added
    before, after = compared(parent, a, found, rows())  # of those that are gone the mean, zero when scaled
    assert (after - before).abs().max() < 1e-5 * before.abs().max()


def test_an_input_that_never_changed_begins_anew(folder):
    """The pressure of the parent's rows is one: weights of its column are as they were drawn."""
    a, parent = model_of("h2o2.yaml", rows(), folder)
    T, p, dt, Y, Y1, _ = columns(rows())
    q = p * torch.linspace(1.0, 10.0, p.numel()).double()
    config = load(folder / "c.toml")
    own = Coordinates.fit(a, config.network, config.range, T, q, Y, dt, Y1)
    found = carry(parent, a, own, (T, q, Y, dt), Y1)
    assert not found.weights[0]["layers.0.weight"][:, -2].any()
    assert found.weights[0]["layers.0.weight"][:, -1].any()
    assert not any(mask.any() for mask in found.new.values())  # no new species: nothing to learn first


def test_names_without_regard_to_capitals():
    assert aliases(["h2", "Ar"]) == ["H2", "AR"]
    assert aliases(["CH2s", "CH2S", "O"]) == ["CH2s", "CH2S", "O"]


# --- the loop --------------------------------------------------------------------------------------------------------


def transfer_task(folder, out, *changes):
    _, parent = model_of("h2o2.yaml", rows(), folder)
    gas, samples = Mechanism.load(OHN), rows(OHN, ADDED)
    made = task(gas, samples, folder, "mechanism=ohn.yaml", *changes, out=out)
    found = carried(parent, gas, samples.of("train"), folder)
    made.core = made.core._replace(coordinates=found.coordinates)
    made.start, made.new = found.weights, found.new
    return made


def test_new_species_are_learned_first(folder, tmp_path):
    made = transfer_task(folder, tmp_path, "train.new_first=0.4")
    seen = []
    made.after_epoch = lambda state: seen.append((state.epoch, {k: v.clone() for k, v in state.network.items()}))
    Trainer(made, State()).run()
    by_epoch = dict(seen)
    for epoch in (1, 2):
        for name, value in by_epoch[epoch].items():
            old, mask = made.start[0][name], made.new[name].bool()
            assert torch.equal(value[~mask], old[~mask])
            assert not mask.any() or not torch.equal(value[mask], old[mask])
    third, kept = by_epoch[3], made.start[0]
    assert all(not torch.equal(third[name], kept[name]) for name in kept)
    # the rest joins with moments that begin anew: its first step is no longer than the learning rate
    steps = len(made.rows) // 64
    assert (third["layers.1.weight"] - kept["layers.1.weight"]).abs().max() < 1.01 * steps * 2e-3


def test_a_training_that_goes_on_across_the_stages_has_the_same_bits(folder, tmp_path):
    from combust.surrogates.training import state as training_state

    whole = Trainer(transfer_task(folder, tmp_path / "a", "train.new_first=0.4"), State()).run()[0].state_dict()
    for stop in (1, 2, 3):
        out = tmp_path / str(stop)
        made = transfer_task(folder, out, "train.new_first=0.4")

        def halt(state, stop=stop):
            if state.epoch == stop:
                raise KeyboardInterrupt

        made.after_epoch = halt
        with pytest.raises(KeyboardInterrupt):
            Trainer(made, State()).run()
        state, _ = training_state.read(made.checkpoint)
        again = Trainer(transfer_task(folder, out, "train.new_first=0.4"), state).run()[0].state_dict()
        assert all(torch.equal(whole[name], again[name]) for name in whole)


# --- the command -----------------------------------------------------------------------------------------------------


def run(folder, out, *changes, **options):
    words = [str(folder / "c.toml"), "--samples", str(folder / "s.h5"), "--out", str(out)]
    for change in changes:
        words += ["--set", change]
    args = arguments_of(command, *words)
    vars(args).update(options)
    return command.call(args, Communicator())


@pytest.fixture
def no_limits(monkeypatch):
    """The search for the limit takes longer than all else and is tested with the router."""
    found = (0.5, 40, {"estimate": {"accepted": 0.5}},
             {"trajectories": 9, "limit": [0.4, 0.6], "accepted": [0.4, 0.6]})  # fmt: skip
    monkeypatch.setattr(calibrate, "choose", lambda *_: found)


def test_command_carries_a_model_and_the_card_says_from_where(folder, tmp_path, no_limits, capsys):
    assert run(folder, folder / "first") == 0  # beside the configuration
    rows(BOIVIN).write(tmp_path / "b.h5")
    changes = (f"mechanism={BOIVIN}", "train.init=first", "train.epochs=2")
    assert run(folder, tmp_path / "b", *changes, samples=str(tmp_path / "b.h5")) == 0
    assert "start: learned chemistry 'model', 8 species by name" in capsys.readouterr().out
    start, model = Model.load(folder / "first" / "model"), Model.load(tmp_path / "b" / "model")
    about = model.card["training"]["parent"]
    assert about["weights"] == start.card["weights"]["sha256"] and about["mechanism"]["path"] == "h2o2.yaml"
    assert sorted(about["species"]["shared"]) == sorted(["H2", "H", "O", "O2", "OH", "H2O", "HO2", "H2O2"])
    assert about["parent"] is None and settings_of(model).train.init == str((folder / "first" / "model.json").resolve())
    model.require(Mechanism.load(BOIVIN))
    again = ("train.epochs=1", f"mechanism={BOIVIN}")
    given = {"samples": str(tmp_path / "b.h5"), "init": str(tmp_path / "b" / "model")}
    assert run(folder, tmp_path / "c", *again, **given) == 0
    third = Model.load(tmp_path / "c" / "model")
    assert third.card["training"]["parent"]["parent"] == about
    assert torch.equal(third.coordinates.scale, model.coordinates.scale)  # same mechanism and range: as it is
    with pytest.raises(ConfigError, match="--init: learned chemistry 'model' was trained on h2o2.yaml, not on"):
        run(folder, tmp_path / "d", again[1], **given | {"init": str(folder / "first" / "model"), "calibrate": True})


def test_models_that_cannot_be_carried_are_refused(folder):
    gas, parent = model_of("h2o2.yaml", rows(), folder)
    samples = rows(BOIVIN)
    b = Mechanism.load(BOIVIN)

    def refused(match, *changes, gas=b, samples=samples):
        with pytest.raises(ConfigError, match=match):
            check_start(load(folder / "c.toml", changes), gas, parent, samples, same=False)

    check_start(load(folder / "c.toml"), b, parent, samples, same=False)
    refused("network.depth of the model is 2, of the configuration 3: add --set network.depth=2", "network.depth=3")
    refused(
        "network.power of the model is 0.1, of the configuration 0.2: add --set network.power=0.1", "network.power=0.2"
    )
    refused("network.output of the model is box-cox", "network.output=linear")
    refused("network.floor of the model is 1e-12", "network.floor=1e-10")
    parent.card["species"] = [f"{name}x" for name in gas.species]
    refused(r"no species that reacts in .*h2_boivin.yaml has the name of one of learned chemistry 'parent' \(H2x, Hx")
    parent.card["species"] = list(gas.species)
    assert species_of(parent, gas, parent.coordinates.active).added == ()
