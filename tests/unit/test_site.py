"""What the site is made of, without Sphinx: every page has a place, verbs and options are there, docstrings convert."""

import os
import sys
from pathlib import PurePosixPath

import pytest
from documented import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from builder import api, cli, docstrings, gallery, toctrees  # noqa: E402


def listed(section):
    """Pages that a section's lists name, from docs/."""
    source = [(ROOT / "docs" / f"{section}.md").read_text(encoding="utf-8")]
    toctrees.add(None, section, source)
    return {line.removeprefix("/") for line in source[0].splitlines() if line.startswith("/")}


def test_every_page_has_a_place():
    there = {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in (ROOT / "docs").rglob("*.md")}
    placed = set().union(*map(listed, ("index", *toctrees.MADE)))
    assert {page for page in there if not page.startswith("generated")} - {"index"} <= placed
    assert {page for page in placed if not page.startswith("generated")} <= there


def test_links_to_files_of_the_root_lead_to_their_copies():
    source = ["see [how](../../CONTRIBUTING.md)"]
    toctrees.add(None, "tutorials/none", source)
    assert source == ["see [how](../generated/contributing.md)"]


def test_command_line():
    page = cli.page()
    assert "## flamespeed" in page and "| `--refine`" in page and "auto\\|FILE" in page


def test_a_page_for_each_package():
    made = api.pages(ROOT / "combust")
    assert {"index.md", "combust.rst", "combust.kinetics.flames.rst"} <= set(made)
    assert "combust.kinetics.flames.free" in made["combust.kinetics.flames.rst"]


def test_gallery_lists_every_case():
    page = gallery.page(ROOT)
    assert all(path.name in page for path in (ROOT / "cases").rglob("*.toml"))
    assert "200 cells, 200 steps" in page
    pictures = [PurePosixPath(line.partition("](../")[2].rstrip(")")) for line in page.splitlines() if line[:2] == "!["]
    assert pictures and all(os.path.exists(ROOT / "docs" / picture) for picture in pictures)


@pytest.mark.parametrize(("text", "made"), [
    (["T [K] of `Y`, |x| * 2"], ["T [K] of ``Y``, \\|x\\| \\* 2", ""]),
    (["width : of it,", "    in m"], ["* **width** : of it,", "  in m", ""]),
    (["A table:", "", "    a  b"], ["A table:", "", "", "::", "", "    a  b", ""]),
])  # fmt: skip
def test_docstrings(text, made):
    assert docstrings.converted(text) == made


def test_units_of_fields_are_shown():
    from combust.kinetics.flames.free import FlameProfile

    assert "* **T** : (points,) K" in docstrings.fields(FlameProfile)
