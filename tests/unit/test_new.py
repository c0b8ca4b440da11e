"""combust new: the cases that come with combust, listed and copied."""

import configparser
import tomllib
from pathlib import PurePath

import pytest
from helpers import ROOT

from combust import shipped
from combust.__main__ import main
from combust.case.load import load
from combust.chain import settings as chains
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction import settings as reduction
from combust.surrogates import settings as surrogates

FILES = {path.relative_to(ROOT / "cases").with_suffix("").as_posix(): path for path in ROOT.glob("cases/**/*.toml")}
FILES |= {f"learned/{path.stem}": path for path in (ROOT / "combust" / "surrogates" / "library").glob("*.toml")}
READ = {"run": load, "chain": chains.load, "reduce": reduction.load, "sample": surrogates.load}


def test_all_are_listed_with_a_line_each(capsys):
    assert main(["new"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, path in FILES.items():
        title = tomllib.loads(path.read_text())["title"]
        assert any(line.split() == [name, *title.split()] for line in lines), name
    assert {case.name for case in shipped.cases()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_copy_is_the_case_and_says_where_it_is_from(name, tmp_path, capsys):
    made = tmp_path / "deep" / "my.toml"
    assert main(["new", name, str(made)]) == 0
    said = capsys.readouterr().out
    first, _, rest = made.read_text().partition("\n")
    assert rest == FILES[name].read_text() and f"the case {name} of combust" in first and first.startswith("# ")
    assert str(made) in said
    verb = shipped.named(name).verb
    assert READ[verb](made).title == tomllib.loads(rest)["title"]
    assert f"combust {'check' if verb == 'run' else verb} {made}" in said


@pytest.mark.parametrize("name", [case.name for case in shipped.cases() if case.verb == "run"])
def test_a_copy_finds_its_mechanism(name, tmp_path, monkeypatch):
    """In a folder of its own, from another: what the case names beside itself is there."""
    monkeypatch.chdir(tmp_path)
    config = load(shipped.new(name, tmp_path / "own" / "my.toml"))
    gas = Mechanism.load(config.gas.mechanism, config.gas.phase)
    assert gas.sha256 == Mechanism.load(load(FILES[name]).gas.mechanism, config.gas.phase).sha256


def test_a_copy_comes_with_what_it_names_beside_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mms"]) == 0
    gas = tmp_path / "mms_gas.yaml"
    assert "beside:  mms_gas.yaml\n" in capsys.readouterr().out
    assert gas.read_bytes() == (ROOT / "cases" / "mms_gas.yaml").read_bytes()
    assert main(["check", "mms.toml", "--set", "mesh.cells=[8,8]"]) == 0
    assert main(["new", "mms", "again.toml"]) == 0  # the same file is there already
    gas.write_text("mine")
    capsys.readouterr()
    assert main(["new", "mms", "third.toml"]) == 2
    said = capsys.readouterr().err
    assert "mms_gas.yaml exists, and is not the file" in said and gas.read_text() == "mine"
    assert not (tmp_path / "third.toml").exists() and main(["new", "mms", "mms_gas.yaml", "--force"]) == 2
    assert main(["new", "mms", "third.toml", "--force"]) == 0 and gas.read_text() != "mine"


def test_what_a_case_names_beside_itself_is_package_data():
    lists = configparser.ConfigParser()
    lists.read(ROOT / "setup.cfg")
    data = lists["options.package_data"]
    packed = data["combust"].split() + [f"surrogates/{name}" for name in data["combust.surrogates"].split()]
    for case in shipped.cases():
        folder = shipped.FOLDERS[case.verb][0]
        for name in (case.name.rpartition("/")[2] + ".toml", *(name for name, _ in case.beside)):
            assert any(PurePath(f"{folder}/{name}").match(pattern) for pattern in packed), name


def test_nothing_is_replaced_unless_forced(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "flame"]) == 0
    (tmp_path / "flame.toml").write_text("mine")
    assert main(["new", "flame"]) == 2
    assert "flame.toml exists" in capsys.readouterr().err and (tmp_path / "flame.toml").read_text() == "mine"
    assert main(["new", "flame.toml", "--force"]) == 0
    assert "wrinkling" in (tmp_path / "flame.toml").read_text()
    assert shipped.new("methane").name == "methane.toml"


@pytest.mark.parametrize("arguments, text", [
    (["flam"], "case 'flam' is unknown; did you mean flame? known: bunsen, "), (["", "x.toml"], "case '' is unknown"),
    (["flame", "."], "is a folder: give the file to write"), (["flame", "file/x.toml"], "cannot be written"),
    (["flame", "nul\0.toml"], "cannot be written"),
])  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(arguments, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["new", *arguments]) == 2
    said = capsys.readouterr()
    assert text in said.err and said.err.count("\n") == 1 and said.out == ""
    with pytest.raises(ConfigError):
        shipped.new(*arguments)
