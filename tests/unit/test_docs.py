"""Commands and files that README and docs show: each is one that combust takes."""

import re
import shlex

import pytest
from helpers import ROOT

from combust.__main__ import parser
from combust.config import load
from combust.reduction import settings as reduction
from combust.surrogates import settings as surrogates

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.S)
INLINE = re.compile(r"`(combust [^`]+)`")
SHAPE = re.compile(r"\b(NAME|FILE|DATA|MODEL|CONFIG)\b|\.\.\.|^\[")  # stands for what a user has
OWN_MODEL = ("syngas_mechanism.toml", "syngas.toml", "flame_syngas.toml")


def commands(text):
    """Arguments of combust in a line of a shell."""
    for part in text.split("&&"):
        words = shlex.split(part, comments=True)
        if "combust" in words[:1]:
            yield words[1:]
        elif "combust.run" in words:
            yield ["run", *words[words.index("combust.run") + 1 :]]


def shown(page):
    text = page.read_text()
    blocks = [body for kind, body in FENCE.findall(text) if kind == "sh"]
    return [line for body in blocks for line in body.splitlines()] + INLINE.findall(FENCE.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_ones_that_combust_takes(page, capsys):
    for line in shown(page):
        for arguments in commands(line):
            verb_alone = len(arguments) < 2  # prose that names a verb
            if arguments and not verb_alone and not any(SHAPE.search(a) for a in arguments):
                try:
                    parser().parse_args(arguments)
                except SystemExit as end:
                    assert end.code == 0, f"{line}\n{capsys.readouterr().err}"


def test_every_verb_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    verbs = next(a for a in parser()._actions if a.dest == "verb").choices
    missing = [verb for verb in verbs if not re.search(rf"combust[ .]{verb}\b|`{verb}`", text)]
    assert not missing


def test_files_of_the_own_model_are_valid(tmp_path):
    page = (ROOT / "docs" / "own_model.md").read_text()
    files = [body for kind, body in FENCE.findall(page) if kind == "toml"]
    assert len(files) == len(OWN_MODEL)
    for name, body in zip(OWN_MODEL, files, strict=True):
        assert f"`{name}`" in page
        (tmp_path / name).write_text(body)
    assert len(reduction.load(tmp_path / OWN_MODEL[0]).cases) == 21
    assert surrogates.load(tmp_path / OWN_MODEL[1]).sample.rows == 150_000
    assert load(tmp_path / OWN_MODEL[2]).chemistry.model.endswith("runs/syngas/model")
