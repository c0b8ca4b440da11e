"""Models from elsewhere: what verifies is kept and found by its name, what does not leaves nothing."""

import hashlib
import http.server
import json
import shutil
import threading
from functools import partial

import pytest

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError, FileFormatError
from combust.surrogates import library
from combust.surrogates.judge.fetch import fetch
from combust.surrogates.model.model import Model
from combust.surrogates.training.provenance import origin


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "ftp://localhost/model.json")
            self.end_headers()
            return
        super().do_GET()


@pytest.fixture(scope="module")
def given(tiny, tmp_path_factory):
    """A folder that is served: model.json, model.safetensors."""
    folder = tmp_path_factory.mktemp("served")
    for name in ("model.json", "model.safetensors"):
        shutil.copy(tiny.folder / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def address(given):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(given)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's folder of models."""
    monkeypatch.setenv(library.PLACE, str(tmp_path / "models"))
    return tmp_path / "models"


def digest(given):
    return hashlib.sha256((given / "model.safetensors").read_bytes()).hexdigest()


def test_a_model_is_fetched_and_found_by_its_name(given, address, own, capsys):
    assert main(["models", "--fetch", f"{address}/model.json", "--name", "mine", "--sha256", digest(given)]) == 0
    said = capsys.readouterr().out
    assert digest(given) in said and "mine" in said
    assert library.find("mine") == own / "mine" and "mine" in library.fetched()
    assert Model.load("mine" if (own / "nothing").exists() else library.find("mine")).name == "mine"
    about = json.loads((own / "mine.origin").read_text())
    assert about["source"] == f"{address}/model.json" and about["weights"] == digest(given)
    assert about["card"] == hashlib.sha256((given / "model.json").read_bytes()).hexdigest()
    assert [entry.name for entry in api.models()] == [*library.names(), "mine"]
    assert main(["models", "mine"]) == 0
    assert f"fetched from {address}/model.json" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["path", "stem", "weights", "uri"])
def test_files_are_sources_too(given, own, form):
    source = {
        "path": given / "model.json", "stem": given / "model", "weights": given / "model.safetensors",
        "uri": (given / "model.json").as_uri(),
    }[form]  # fmt: skip
    found = api.fetch(source)
    assert found.name == "model" and found.problems == () and library.find("model") == own / "model"
    with pytest.raises(ConfigError, match="model.json exists: choose another --name, or --force"):
        fetch(source)
    assert fetch(source, force=True).problems == ()


def test_what_does_not_verify_leaves_nothing(given, address, own, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(given, bad)
    weights = bytearray((bad / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (bad / "model.safetensors").write_bytes(weights)
    with pytest.raises(FileFormatError, match="do not match the checksum"):
        fetch(bad / "model.json")
    (bad / "model.safetensors").write_bytes(bytes(weights) + b"more")
    with pytest.raises(FileFormatError, match="is larger than"):
        fetch(bad / "model.json")
    (bad / "model.safetensors").unlink()
    with pytest.raises(FileFormatError, match="model.safetensors: cannot be fetched"):
        fetch(bad / "model.json")
    with pytest.raises(FileFormatError, match="it is another model"):
        fetch(f"{address}/model.json", sha256="0" * 64)
    with pytest.raises(FileFormatError, match="cannot be fetched"):
        fetch(f"{address}/nothing.json")
    with pytest.raises(FileFormatError, match="neither http nor https: not followed"):
        fetch(f"{address}/away.json")
    (bad / "model.json").write_text("import os")
    with pytest.raises(FileFormatError, match="not a card"):
        fetch(bad / "model.json")
    assert not own.exists()


def test_names_and_addresses_that_cannot_be(given, own, monkeypatch):
    for name, message in (("../up", "letters, digits"), ("h2_air", "comes with combust"), (".hidden", "letters")):
        with pytest.raises(ConfigError, match=message):
            fetch(given / "model.json", name)
    with pytest.raises(ConfigError, match="ftp is not known; allowed are http, https, file"):
        fetch("ftp://somewhere/model.json")
    assert main(["models", "--name", "x"]) == 2 and main(["models", "h2_air", "--fetch", "x.json"]) == 2
    with pytest.raises(FileFormatError, match="combust models --fetch"):
        library.find("nobody")


def test_a_fetched_model_whose_weights_were_changed_is_named(given, own):
    found = fetch(given / "model.json", "mine")
    assert found.problems == ()
    model = Model.load(own / "mine")
    model.card["title"] = "another"
    model.tables["trust.limit"] += 1.0
    model.save(own / "mine")
    [entry] = [entry for entry in api.models() if entry.name == "mine"]
    assert "not those that were fetched" in entry.problems[0]


def test_a_mechanism_says_what_it_was_made_from(tmp_path):
    text = "description: x\ncombust:\n  parent:\n    file: gri30.yaml\n    phase: gri30\n    sha256: {}\n"
    text += "  command: combust reduce a.toml\nphases: []\n"
    (tmp_path / "a.yaml").write_text(text.format("ab" * 32))
    assert origin(tmp_path / "a.yaml") == {
        "parent": {"file": "gri30.yaml", "sha256": "ab" * 32}, "command": "combust reduce a.toml",
    }  # fmt: skip
    phase = "phases:\n- name: x\n  combust:\n    parent:\n      file: gri30.yaml\n      sha256: {}\n"
    (tmp_path / "c.yaml").write_text(phase.format("cd" * 32))  # as Cantera writes it for combust merge
    assert origin(tmp_path / "c.yaml") == {"parent": {"file": "gri30.yaml", "sha256": "cd" * 32}}
    (tmp_path / "b.yaml").write_text("phases: []\n")
    assert origin(tmp_path / "b.yaml") == {} == origin(tmp_path / "nothing.yaml")
