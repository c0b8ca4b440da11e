"""Every block of code of the tutorials is run, in one folder for each; those that reduce or train are slow tests."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from combust.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
SHORT = ("first_flame", "own_mechanism", "paraview")
LONG = ("reduce", "learn")  # they reduce and train
MISSED = {"verify": (0, 1)}  # exit codes: 1 says that a target is missed, as that of its cost is with few species
FILE = re.compile(r"`([\w.]+\.(?:toml|yaml))`")
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def blocks(name):
    """(language, text, the file that the prose named last) of each block of a page."""
    page = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    for found in BLOCK.finditer(page):
        named = FILE.findall(re.sub(BLOCK, "", page[: found.start()]))
        yield found[1], found[2], named[-1] if named else None


def shell(text):
    """Runs the lines of a block as a user would; verbs of combust in this process, which has loaded them."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["combust"]:
            assert main(words[1:]) in MISSED.get(words[1], (0,)), line
        elif words:
            subprocess.run(words, check=True, timeout=600, env={**os.environ, "PYTHONPATH": str(ROOT)})


def follow(name, folder, monkeypatch):
    """Does what a tutorial says, in an empty folder."""
    monkeypatch.chdir(folder)
    space = {"__name__": "__main__"}
    for language, text, file in blocks(name):
        if language == "sh":
            shell(text)
        elif language in ("toml", "yaml"):
            (folder / file).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, f"{name}.md", "exec"), space)  # noqa: S102
        else:
            assert language == "text", f"{name}.md: a block of {language or 'no language'}: nothing runs it"


@pytest.mark.parametrize("name", SHORT)
def test_a_tutorial(name, tmp_path, monkeypatch, capsys):
    follow(name, tmp_path, monkeypatch)
    sys.stdout.flush()
    said = capsys.readouterr().out
    assert "reached t" in said and ("picture" in said or "flame.png" in said)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_tutorial(name, tmp_path, monkeypatch):
    follow(name, tmp_path, monkeypatch)


def test_all_tutorials_are_followed():
    assert {path.stem for path in TUTORIALS.glob("*.md")} == {*SHORT, *LONG, "index"}
    assert all(any(language in ("sh", "python") for language, *_ in blocks(name)) for name in (*SHORT, *LONG))
