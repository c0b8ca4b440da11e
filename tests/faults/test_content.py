"""Content is validated at every door: what is wrong is named, and nothing of it is obeyed."""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cantera as ct
import fuzz_files
import h5py
import mutations
import numpy as np
import pytest
from helpers import CASE, Heat
from safetensors.torch import load_file, save_file

from combust.__main__ import main
from combust.errors import ConfigError, FileFormatError, MechanismError
from combust.io.checkpoint import checksum
from combust.io.folder import Folder
from combust.kinetics.mechanism import text as mechanism_text
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.usable import require_usable
from combust.parallel import Communicator
from combust.settings.ranges import values
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.model import Model

H2O2 = (Path(ct.get_data_directories()[-1]) / "h2o2.yaml").read_text()


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "heat.toml"
    path.write_text(CASE)
    return path


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(sys.modules, "combust.run.build", SimpleNamespace(build=Heat))
    monkeypatch.setattr("combust.run.picture.plot", lambda folder: SimpleNamespace(path=folder / "flame.png"))


# --- checkpoints ----------------------------------------------------------------------------------------------------


def without_a_field(file):
    del file["state/pair"]


def without_loop(file):
    meta = json.loads(file["meta"][...].tobytes())
    del meta["loop"]
    rewrite(file, meta)


def rewrite(file, meta):
    import zlib

    text = json.dumps(meta).encode()
    del file["meta"]
    file.create_dataset("meta", data=np.frombuffer(text, np.uint8)).attrs["crc32"] = zlib.crc32(text)


def with_nan(file):
    data = file["state/T"]
    new = data[...]
    new[0, 0, 0] = np.nan
    data[...] = new
    data.attrs["checksum"] = np.uint64(checksum(Communicator(), new, new.shape, (0, 0, 0)))


def without_description(file):
    del file["meta"]


def without_format(file):
    del file.attrs["format"]


DAMAGES = {"pair": without_a_field, "loop": without_loop, "not finite": with_nan, "description": without_description,
           "not a combust checkpoint": without_format}  # fmt: skip


@pytest.mark.parametrize("word", DAMAGES)
def test_restart_takes_the_older_whole_checkpoint(toy, case, tmp_path, capsys, word):
    out = tmp_path / "out"
    assert main(["run", str(case), "--out", str(out), "--steps", "12"]) == 0
    newest, before = Folder(out).checkpoints()
    with h5py.File(newest, "r+") as file:
        DAMAGES[word](file)
    capsys.readouterr()
    said = {}
    for door in (["info", str(newest)], ["run", str(case), "--out", str(out), "--restart", str(newest)]):
        code = main(door)
        said[door[0]] = capsys.readouterr().err
        assert code == 2
        assert word in said[door[0]] and str(newest) in said[door[0]]
    assert main(["run", str(case), "--out", str(out), "--restart", "auto"]) == 0
    warned = capsys.readouterr().err
    assert str(newest) in warned and word in warned and "trying the one before" in warned
    assert before.name == "checkpoint_000010.h5"


def test_info_verifies_every_data_set(toy, case, tmp_path, capsys):
    assert main(["run", str(case), "--out", str(tmp_path / "out"), "--steps", "5"]) == 0
    path = Folder(tmp_path / "out").checkpoints()[0]
    assert main(["info", str(path)]) == 0
    assert "all checksums are right" in capsys.readouterr().out
    with h5py.File(path, "r+") as file:
        file["state/flux"][0, 0, 0] += 1.0
    assert main(["info", str(path)]) == 2
    assert "checksum of 'flux'" in capsys.readouterr().err


def test_an_index_cannot_name_files_elsewhere(tmp_path):
    """The files it names may be removed at a restart."""
    path = tmp_path / "fields.pvd"
    fuzz_files.write_pvd(path)
    path.write_text(path.read_text().replace("fields_000010.vtr", "../../precious.vtr"))
    with pytest.raises(FileFormatError, match="line 5"):
        fuzz_files.read_pvd(path)


# --- case files -----------------------------------------------------------------------------------------------------

REFUSED = {
    "cells = [24, 12, 8]": [
        ("cells = [1000000000000, 12, 8]", ["mesh: 1000000000000 x 12 x 8 cells", "GB", "fewer cells"]),
        ("cells = [99999999999999999999, 12, 8]", ["mesh.cells[0]", "2^63"]),
        ("cells = [" + "[" * mutations.DEEP, ["nested too deeply"]),
        ("cells = [" + "9" * 5000 + "]", ["not valid TOML"]),
    ],
    "upper = [2.4, 1.2, 0.8]": [("upper = [1e300, 1.2, 0.8]", ["mesh.upper[0] = 1e+300", "at most 1e+30"])],
    '"h2o2.yaml"': [
        ('"h2o2\\u0000.yaml"', ["gas.mechanism", "NUL"]), ('"' + "x" * 5000 + '.yaml"', ["not found"]),
    ],
    '"N2:1"': [
        ('"N3:1"', ["initial.composition", "no species 'N3'"]), ('"N2"', ["initial.composition", "NAME:AMOUNT"]),
        ('"N2:1e308, O2:1e308"', ["initial.composition", "1e-30 to 1e30"]),
    ],
    "steps = 20": [("steps = 20, time = nan", ["stop.time = nan", "finite"])],
}  # fmt: skip


@pytest.mark.parametrize("old, new, words", [(old, *new) for old, all_ in REFUSED.items() for new in all_])
def test_case_beyond_use_is_exit_2_with_file_and_key(case, capsys, old, new, words):
    case.write_text(CASE.replace(old, new, 1))
    assert main(["check", str(case)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "heat.toml" in said
    assert all(word in said for word in words), said


def test_escapes_of_a_file_are_shown(toy, case, tmp_path, capsys):
    case.write_text(CASE.replace('"heat"', '"\\u001b[2J\\u001b]0;owned\\u0007 \\u009b31m \\u202e"'))
    for door in (["run", str(case), "--out", str(tmp_path / "out")], ["check", str(case)]):
        assert main(door) == 0
    assert main(["info", str(Folder(tmp_path / "out").checkpoints()[0])]) == 0
    said = capsys.readouterr().out
    assert "owned" in said and not set("\x1b\x07\x9b\u202e") & set(said)
    assert "\x1b" not in str(ConfigError("a \x1b[31m"))


def test_ranges_are_bounded():
    with pytest.raises(ConfigError, match="whole number from 2 to"):
        values("1:2:100000000000")


# --- learned chemistry ----------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    fuzz_files.write_model(tmp_path / "m.json")
    return tmp_path / "m.json"


def test_nan_weights_are_refused(model):
    weights = model.with_suffix(".safetensors")
    tensors = load_file(weights)
    tensors["networks.0.layers.1.weight"][2, 3] = np.nan
    save_file(tensors, weights)
    card = json.loads(model.read_text())
    import hashlib

    card["weights"]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    model.write_text(json.dumps(card))
    with pytest.raises(FileFormatError, match=r"m\.json.*networks\.0\.layers\.1\.weight holds NaN"):
        Model.load(model)


def test_every_entry_of_a_card_dropped_or_of_another_type(model):
    """What a card lacks or has wrong is named, or is not needed; 4 edits of each entry, by every door."""
    whole = json.loads(model.read_text())
    refused = edits = 0
    for place in list(mutations.places(whole)):
        for value in (None, "x", [], {}):
            card = json.loads(json.dumps(whole))
            *above, key = place
            node = card
            for name in above:
                node = node[name]
            if value is None:
                del node[key]
            else:
                node[key] = value
            model.write_text(json.dumps(card))
            edits += 1
            try:
                fuzz_files.read_model(model)
            except (FileFormatError, ConfigError) as error:
                assert "m.json" in str(error) or "learned chemistry 'm'" in str(error) or "trained on" in str(error)
                refused += 1
    assert edits > 200 and refused > edits / 2


def test_nan_labels_do_not_train(tmp_path):
    path = tmp_path / "samples.h5"
    fuzz_files.write_samples(path)
    whole = SampleSet.read(path)
    whole.Y1[2, 1] = np.nan
    whole.write(path)
    with pytest.raises(FileFormatError, match=r"samples\.h5.*Y1\[2\]"):
        SampleSet.read(path)


# --- mechanisms -----------------------------------------------------------------------------------------------------

PLOG = """
- equation: H + O2 <=> O + OH
  type: pressure-dependent-Arrhenius
  duplicate: true
  rate-constants:
  - {P: %s, A: 1.0e+13, b: 0, Ea: 1000}
  - {P: 1.0 atm, A: 1.0e+13, b: 0, Ea: 1000}
"""
BURKE = """
- equation: H + OH <=> H2O
  type: linear-Burke
  colliders: []
"""
BOMB = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]" for i in range(8)) + "\n"
TEXTS = {
    "plog": (H2O2 + PLOG % "-1.0 atm", ["line", "pressure P: -1.0", "positive"]),
    "plog_nan": (H2O2 + PLOG % ".nan", ["pressure P: .nan"]),
    "burke": (H2O2 + BURKE, ["colliders: empty"]),
    "bomb": (BOMB + H2O2, ["aliases"]),
    "own": ("a: &a [*a]\n" + H2O2, ["alias *a"]),
    "nested": ("a: " + "[" * mutations.DEEP + "\n" + H2O2, ["Cantera cannot read"]),
    "latin": (H2O2.encode().replace(b"description:", b"description: \xe9", 1), ["UTF-8"]),
    "chemkin": ("! a comment\nELEMENTS\nH O\nEND\n", ["ck2yaml --input=", "--output=chemkin.yaml"]),
    "rate": (H2O2.replace("A: 2.65e+16", "A: 2.65e+216"), ["H + O2 <=> O + OH", "rate constant", "beyond use"]),
    "nasa": (H2O2.replace("2.34433112", "2.34433112e+200", 1), ["species H2", "cp/R", "beyond use"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_mechanisms_that_cannot_be_used(tmp_path, name):
    """By the API; what would end the process or take minutes is refused within a second."""
    text, words = TEXTS[name]
    path = tmp_path / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    begin = time.process_time()
    with pytest.raises(MechanismError) as error:
        Mechanism.load(path)
    assert time.process_time() - begin < 2.0
    assert name in str(error.value) and all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("suffix, command", [(".inp", "ck2yaml"), (".cti", "cti2yaml"), (".xml", "ctml2yaml")])
def test_older_formats_are_recognised(tmp_path, suffix, command):
    path = tmp_path / f"gas{suffix}"
    path.write_text("ELEMENTS\nH\nEND\n")
    for door in (["info", str(path)], ["ignite", str(path), "--fuel", "H2", "--out", str(tmp_path)]):
        assert main(door) == 2
    with pytest.raises(MechanismError, match=f"`{command} .*gas"):
        Mechanism.load(path)


def test_what_cantera_ships_is_read(tmp_path):
    """No rule above refuses a published file."""
    for file in Path(ct.get_data_directories()[-1]).glob("*.yaml"):
        mechanism_text.require_readable(file)
    gas = ct.Solution("gri30.yaml", transport_model=None)
    require_usable(Path("gri30.yaml"), gas)


def test_lower_case_names_and_the_default_oxidizer(tmp_path, capsys):
    """Cantera finds O2 by "o2" and the other way round; the default "O2:1, N2:3.76" works for such a file."""
    gas = ct.Solution("h2o2.yaml")
    species = [ct.Species.from_dict(s.input_data | {"name": s.name.lower()}) for s in gas.species()]
    lower = ct.Solution(thermo="ideal-gas", kinetics="gas", species=species, reactions=[])
    path = tmp_path / "lower.yaml"
    lower.write_yaml(path)
    names = {s.name for s in species}
    assert "o2" in names and "O2" not in names
    Y = Mechanism.load(path).mixture("H2:1", "O2:1, N2:3.76", 1.0)
    np.testing.assert_allclose(Y.numpy(), Mechanism.load("h2o2.yaml").mixture("H2:1", "O2:1, N2:3.76", 1.0).numpy())
