"""The order of the site, read off the lists of its section pages, which stay plain Markdown."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

LISTED = re.compile(r"^(?:- |\| )\[[^]]*\]\(([\w./-]+\.md)\)", re.MULTILINE)  # first in an item or in a row
ROOT = Path(__file__).resolve().parents[2]
CARDS = {str(path.relative_to(ROOT)): path.stem for path in sorted((ROOT / "combust").glob("**/library/*.md"))}
OUTSIDE = {"CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog", **CARDS}  # copies lie in generated/
TOP = ("tutorials/index", "howto", "generated/gallery", "explanation", "reference", "validation", "performance",
       "generated/contributing", "generated/changelog")  # fmt: skip
# Section -> the pages below it that are made when the site is built, so that nothing on disk can link to them.
MADE: dict[str, tuple[str, ...]] = {
    "tutorials/index": (), "howto": (), "explanation": (), "validation": (),
    "reference": ("generated/cli", "generated/keys_case", "generated/api/index",
                  *(f"generated/{card}" for card in CARDS.values())),
}  # fmt: skip


def add(app, name: str, source: list[str]) -> None:  # noqa: ANN001
    """Sphinx's `source-read`: links to files outside docs/ go to their copies; sections get their contents."""
    for file, copy in OUTSIDE.items():
        copied = os.path.relpath(f"generated/{copy}.md", PurePosixPath(name).parent)
        source[0] = re.sub(rf"\]\((?:\.\./)+{file}\)", f"]({copied})", source[0])
    if name == "index":
        source[0] += contents(TOP, ":hidden:")
    elif name in MADE:
        listed = [os.path.normpath(PurePosixPath(name).parent / link) for link in LISTED.findall(source[0])]
        source[0] += contents([page.removesuffix(".md") for page in listed], ":hidden:")
        source[0] += contents(MADE[name], ":maxdepth: 2")


def contents(pages: tuple[str, ...] | list[str], option: str) -> str:
    """A table of contents, nothing without pages."""
    entries = "\n".join(f"/{page}" for page in pages)
    return f"\n\n```{{toctree}}\n{option}\n\n{entries}\n```\n" if pages else ""
