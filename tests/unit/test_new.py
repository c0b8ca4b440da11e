"""combust new: the cases that come with combust, listed and copied."""

import tomllib

import pytest
from helpers import ROOT

from combust import shipped
from combust.__main__ import main
from combust.case.load import load
from combust.errors import ConfigError
from combust.reduction import settings as reduction
from combust.surrogates import settings as surrogates

FILES = {path.relative_to(ROOT / "cases").with_suffix("").as_posix(): path for path in ROOT.glob("cases/**/*.toml")}
FILES |= {f"learned/{path.stem}": path for path in (ROOT / "combust" / "surrogates" / "library").glob("*.toml")}
READ = {"run": load, "reduce": reduction.load, "sample": surrogates.load}


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
    (["flam"], "case 'flam' is unknown; did you mean flame? known: flame, "), (["", "x.toml"], "case '' is unknown"),
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
