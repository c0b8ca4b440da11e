"""Models of learned chemistry: files that come back bit by bit or are refused with advice, steps that conserve."""

import json
import re
from pathlib import Path

import draws
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import combust.surrogates
from combust.errors import ConfigError, FileFormatError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import h_mass
from combust.surrogates import library
from combust.surrogates.model.conserve import correct
from combust.surrogates.model.model import Model, atoms_of, files_of, step, temperature
from combust.surrogates.model.network import Network, apply

torch.set_num_threads(1)


@pytest.fixture
def copy(tiny, tmp_path):
    """The stem of files that a test may damage."""
    return files_of(tiny.model().save(tmp_path / "copy"))


# --- files ----------------------------------------------------------------------------------------------------------


def test_save_and_load_are_bit_equal(tiny, tmp_path):
    model = tiny.model()
    card = model.save(tmp_path / "sub" / "again")
    assert card == tmp_path / "sub" / "again.json" and not list(tmp_path.glob("**/*.tmp"))
    for path in (card, card.with_suffix(".safetensors"), card.with_suffix("")):
        other = Model.load(path)
        assert other.card == model.card and other.name == "again"
        for a, b in zip(model.coordinates, other.coordinates, strict=True):
            assert torch.equal(a, b) and a.dtype == b.dtype if isinstance(a, torch.Tensor) else a == b
        assert model.tables.keys() == other.tables.keys()
        assert all(torch.equal(x, other.tables[name]) for name, x in model.tables.items())
        given = tiny.rows("validation", 50)[:4]
        with torch.no_grad():
            for a, b in zip(model.step(tiny.gas, *given), other.step(tiny.gas, *given), strict=True):
                assert torch.equal(a, b)
    before = card.with_suffix(".safetensors").read_bytes()
    other.save(tmp_path / "third")
    assert (tmp_path / "third.safetensors").read_bytes() == before


def test_a_name_with_dots_and_its_neighbours(tiny, tmp_path):
    tiny.model().save(tmp_path / "h2.v1")
    assert Model.load(tmp_path / "h2.v1").name == "h2.v1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h2.v1.json", "h2.v1.safetensors"]


def refused(path, *words):
    with pytest.raises(FileFormatError) as found:
        Model.load(path)
    assert all(word in str(found.value) for word in (*words, str(Path(path).parent))), found.value


def test_damaged_weights(copy):
    card, weights = copy
    data = weights.read_bytes()
    weights.write_bytes(data[:-100])
    refused(card, "damaged", f"{len(data) - 100} bytes", f"{len(data)} bytes", "copy both files of the model again")
    middle = len(data) // 2
    weights.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    refused(card, "damaged", "checksum", "copy both files of the model again")
    weights.write_bytes(b"")
    refused(card, "0 bytes")
    weights.unlink()
    refused(card, "cannot be read", "copy both files", "combust train")


def test_missing_and_foreign_cards(copy, tmp_path):
    card, weights = copy
    text = card.read_text()
    refused(tmp_path / "nowhere", "no such file", "combust models", "combust train")
    card.write_text(text[: len(text) // 2])
    refused(weights, "damaged")
    card.write_bytes(b"\xff\xfe\x00garbage")
    refused(weights, "damaged")
    for other in ("[1, 2]", '"card"', "null", '{"format": "something else"}'):
        card.write_text(other)
        refused(card, "not the card of a model")
    card.unlink()
    refused(weights, "no such file")
    card.mkdir()
    refused(weights, "cannot be read")


def test_edited_cards(copy):
    card, _ = copy
    whole = json.loads(card.read_text())

    def edited(**changes):
        card.write_text(json.dumps({k: v for k, v in (whole | changes).items() if v is not None}))

    edited(version=99)
    refused(card, "version 99", "reads 1")
    for key in ("weights", "species", "mechanism", "coordinates", "network", "ranges"):
        edited(**{key: None})
        refused(card, "the card lacks", key)
    edited(weights={"file": "copy.safetensors"})
    refused(card, "sha256")
    for broken in ("copy.safetensors", 7):
        edited(weights=broken)
        refused(card, "weights.sha256")
    edited(network=whole["network"] | {"width": 33})
    refused(card, "cannot be understood")
    edited(network=whole["network"] | {"ensemble": 2})
    refused(card, "cannot be understood")
    edited(coordinates={"power": 0.1})
    refused(card, "cannot be understood")
    edited(coordinates=whole["coordinates"] | {"output": "quadratic"})
    refused(card, "quadratic")
    edited()
    Model.load(card)


def test_weights_of_another_model_with_a_matching_checksum(copy):
    """Tensors of other names or shapes are no model, even if the checksum is right."""
    import hashlib

    card, weights = copy
    text = json.loads(card.read_text())
    tensors = load_file(weights)
    for broken in (
        {k: v for k, v in tensors.items() if k != "networks.0.layers.1.weight"},
        tensors | {"networks.0.layers.1.weight": torch.zeros(3, 3)},
        {k: v for k, v in tensors.items() if k != "coordinates.mean"},
    ):
        save_file(broken, weights)
        text["weights"]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        card.write_text(json.dumps(text))
        refused(card, "cannot be understood")
    weights.write_bytes(b"not safetensors at all")
    text["weights"]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    card.write_text(json.dumps(text))
    refused(card, "cannot be understood")


def test_a_failed_save_leaves_the_old_files(copy, tiny, monkeypatch):
    card, weights = copy
    before = card.read_bytes(), weights.read_bytes()
    monkeypatch.setattr("combust.atomic.os.replace", None)
    with pytest.raises(TypeError):
        tiny.model().save(card)
    assert (card.read_bytes(), weights.read_bytes()) == before
    assert len(list(card.parent.iterdir())) == 2


def test_unknown_names_list_what_there_is():
    with pytest.raises(FileFormatError, match="no such model among those that come with combust"):
        library.load("h2_venus")
    with pytest.raises(FileFormatError, match="no such file"):
        library.load("nowhere/h2.json")


def test_a_folder_is_the_model_in_it(tmp_path):
    with pytest.raises(FileFormatError, match="a folder without a model.json"):
        library.load(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    assert library.find(tmp_path) == tmp_path / "model"


def test_nothing_here_is_pickled():
    """A model from a stranger must not be able to run code."""
    folder = Path(combust.surrogates.__file__).parent
    for path in folder.rglob("*.py"):
        code = path.read_text()
        assert not re.search(r"torch\.(load|save)\b|\bpickle\b|\bshelve\b|\bjoblib\b|allow_pickle=True", code), path
        for call in re.findall(r"np\.load\([^)]*\)", code):
            assert "allow_pickle=False" in call, (path, call)


# --- whose mechanism ------------------------------------------------------------------------------------------------


def changed(tmp_path, change, name="other.yaml"):
    """h2o2.yaml with its text changed."""
    import cantera

    text = next(p for d in cantera.get_data_directories() if (p := Path(d) / "h2o2.yaml").is_file()).read_text()
    new = change(text)
    assert new != text
    (tmp_path / name).write_text(new)
    return Mechanism.load(tmp_path / name)


def unlike(tiny, gas, *words):
    with pytest.raises(ConfigError) as found:
        tiny.model().require(gas, "here: ")
    said = str(found.value)
    assert all(word in said for word in ("here: ", "h2o2.yaml", gas.path, 'chemistry.kind = "direct"', *words)), said


def test_the_same_mechanism_is_taken(tiny, tmp_path):
    tiny.model().require(tiny.gas)


def test_other_mechanisms_are_refused(tiny, tmp_path):
    unlike(tiny, Mechanism.load("gri30.yaml"), "10 species", "53", "only in one of them", "C2H2")
    order = "[H2, H, O, O2, OH, H2O, HO2, H2O2, AR, N2]"
    swapped = order.replace("H2, H,", "H, H2,")
    unlike(tiny, changed(tmp_path, lambda text: text.replace(order, swapped)), "another order")
    rate = "A: 3.87e+04"
    unlike(tiny, changed(tmp_path, lambda text: text.replace(rate, "A: 3.88e+04")), "rates or thermo data")


def test_rates_changed_in_memory_are_refused(tiny):
    for gas in (
        tiny.gas.ensemble(torch.full((29, 2), 1.1, dtype=torch.float64)),
        tiny.gas.with_parameters(A=1.1 * tiny.gas.parameters.A),
    ):
        unlike(tiny, gas, "changed in memory")
    tiny.model().require(tiny.gas.with_parameters(**tiny.gas.parameters._asdict()))  # the same


# --- the step -------------------------------------------------------------------------------------------------------


def test_step_conserves_and_is_not_negative(tiny):
    T, p, Y, dt, _, _ = tiny.rows("validation", 300)
    with torch.no_grad():
        found = tiny.model().step(tiny.gas, T, p, Y, dt)
    atoms = tiny.gas.element_matrix / tiny.gas.molar_mass
    np.testing.assert_allclose(atoms @ found.Y, atoms @ Y, rtol=1e-14, atol=1e-18)
    h0, h1 = ((Z * h_mass(tiny.gas.thermo, t)).sum(0) for t, Z in ((T, Y), (found.T, found.Y)))
    cpT = tiny.gas.cp(T, Y) * T
    assert float(((h1 - h0).abs() / cpT).max()) < 1e-13
    assert float(found.Y.min()) >= 0 and float(found.defect.max()) < 1e-13
    inert = [tiny.gas.index(name) for name in ("N2", "AR")]
    assert torch.equal(found.Y[inert], Y[inert])


def test_step_of_states_as_transport_leaves_them(tiny):
    """Slightly negative, not normalised: the elements and the energy are those of Y as it is."""
    T, p, Y, dt, _, _ = tiny.rows("validation", 100, slow=False)
    k = tiny.gas.index("HO2")
    Y[k, ::2] = -1e-9
    Y = Y * torch.linspace(0.99, 1.01, Y.shape[1], dtype=torch.float64)
    with torch.no_grad():
        found = tiny.model().step(tiny.gas, T, p, Y, dt)
    atoms = tiny.gas.element_matrix / tiny.gas.molar_mass
    np.testing.assert_allclose(atoms @ found.Y, atoms @ Y, rtol=1e-13, atol=1e-18)
    np.testing.assert_allclose(found.Y.sum(0), Y.sum(0), rtol=1e-13)
    good = found.factor < 1
    assert bool(good.any()) and float(found.Y[:, good].min()) >= 0


def test_untrained_networks_change_nothing(tiny):
    """Their output is zero: what is not negative stays."""
    model = tiny.model()
    c = model.coordinates
    model.networks = [Network(c.mean.numel(), c.active.numel(), 8, 1)]
    T, p, Y, dt, _, _ = tiny.rows("validation", 50)
    with torch.no_grad():
        found = model.step(tiny.gas, T, p, Y, dt)
    np.testing.assert_allclose(found.Y, Y, rtol=1e-9, atol=1e-24)
    np.testing.assert_allclose(found.T, T, rtol=1e-12)


def test_an_ensemble_takes_the_mean_of_its_outputs(tiny):
    T, p, Y, dt, _, _ = tiny.rows("validation", 50)
    model, c = tiny.model(), tiny.model().coordinates
    torch.manual_seed(draws.seed(1))
    others = [Network(c.mean.numel(), c.active.numel(), 32, 2) for _ in range(2)]
    for net in others:
        torch.nn.init.normal_(net.layers[-1].weight, std=0.02)
    model.networks = [*model.networks, *others]
    with torch.no_grad():
        found = model.step(tiny.gas, T, p, Y, dt)
        x = c.features(T, p, Y, dt)
        mean = sum(net(x.float().T).T for net in model.networks) / 3
        atoms = atoms_of(tiny.gas, c.active)
        y, factor, _ = correct(atoms, Y[c.active], c.decode(Y, mean.double(), dt))
    # The networks' rows are summed in another order, in single precision.
    np.testing.assert_allclose(found.Y[c.active], y, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(found.factor, factor, rtol=1e-3, atol=1e-5)


def test_fields_and_rows_give_the_same_network():
    torch.manual_seed(draws.seed(0))
    net = Network(7, 5, 16, 3)
    torch.nn.init.normal_(net.layers[-1].weight)
    x = torch.randn(11, 7)
    torch.testing.assert_close(apply(net.weights(), x.T).T, net(x), rtol=1e-5, atol=1e-6)
    wide = tuple((W.double(), b.double()) for W, b in net.weights())
    torch.testing.assert_close(apply(wide, x.T).T, net.double()(x.double()), rtol=1e-12, atol=1e-13)


def test_gradients_reach_weights_and_state(tiny):
    model = tiny.model()
    T, p, Y, dt, T1, Y1 = tiny.rows("train", 40, slow=False)
    T.requires_grad_()
    found = model.step(tiny.gas, T, p, Y, dt)
    ((found.T - T1).square().mean() + (found.Y - Y1).square().sum()).backward()
    for x in (T, *(w for net in model.networks for w in net.parameters())):
        assert x.grad is not None and bool(torch.isfinite(x.grad).all()) and float(x.grad.abs().max()) > 0


def test_temperature_from_far_away(tiny):
    """Newton's five steps span the whole range of a flame; what has no temperature says so."""
    gas = tiny.gas
    fresh, burnt = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0), None
    solution = gas.cantera()
    solution.TPY = 300.0, 101325.0, fresh.numpy()
    solution.equilibrate("HP")
    burnt = torch.tensor(solution.Y.copy())
    T = torch.tensor([300.0, float(solution.T)], dtype=torch.float64)
    Y, Y1 = torch.stack([fresh, burnt], 1), torch.stack([burnt, fresh], 1)
    found, defect = temperature(gas.thermo, "hp", T, Y, Y1)
    np.testing.assert_allclose(found, [float(solution.T), 300.0], rtol=1e-6)
    assert float(defect.max()) < 1e-13
    cold = torch.zeros_like(fresh)
    cold[gas.index("H")] = 1.0  # atoms instead of molecules at the same enthalpy: no such temperature
    _, defect = temperature(gas.thermo, "hp", T[:1], fresh.unsqueeze(1), cold.unsqueeze(1))
    assert float(defect) > 1e-3


def test_nan_stays_visible(tiny):
    core = tiny.model().core(tiny.gas)
    T, p, Y, dt, _, _ = tiny.rows("validation", 6)
    T[1], Y[0, 2] = torch.nan, torch.nan
    found = step(core, T, p, Y, dt)
    bad = torch.tensor([False, True, True, False, False, False])
    assert torch.equal(~torch.isfinite(found.T + found.Y.sum(0) + found.defect), bad)
