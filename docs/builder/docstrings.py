"""Docstrings of combust are plain text; Sphinx wants reStructuredText. Also what is worth a place on a page."""

from __future__ import annotations

import inspect
import io
import re
import textwrap
import tokenize
from typing import Any

PARAMETER = re.compile(r"^(\w[\w, .*]*) : (.*)$")  # "radiation : of H2O and CO2, ..."
ITEM = re.compile(r"^(?:[-*] |\d+\. )")


def as_restructured_text(app, what: str, name: str, it: Any, options, lines: list[str]) -> None:  # noqa: ANN001
    """Sphinx's `autodoc-process-docstring`: paragraphs, lists, parameters and what stands indented; then the fields."""
    lines[:] = converted(lines)
    if what == "class":
        lines += fields(it)


def converted(lines: list[str]) -> list[str]:
    """reStructuredText that shows the text as it is: code in backticks, tables and formulas where they are indented."""
    made: list[str] = []
    literal = item = False
    for line in lines:
        text = line.strip()
        indented = line.startswith("    ")
        if not text:
            made.append("")
            item = False
        elif indented and not literal and (item or (made and made[-1] and not made[-1].endswith(":"))):
            made.append(("  " if item else "") + inline(text))
        elif indented:
            made += [] if literal else ["", "::", ""]
            literal = True
            made.append(line)
        else:
            made += [""] if literal or (made and made[-1] and starts(text)) else []
            literal = False
            item = item and not starts(text) or starts(text)
            if found := PARAMETER.match(text):
                made.append(f"* **{inline(found[1])}** : {inline(found[2])}")
            elif ITEM.match(text):
                made.append("* " + inline(ITEM.sub("", text)))
            else:
                made += [""] if item and not starts(text) else []
                item = False
                made.append(inline(text))
    return made + [""]


def starts(text: str) -> bool:
    """Whether a line begins an item."""
    return bool(PARAMETER.match(text) or ITEM.match(text))


def inline(text: str) -> str:
    """Code between backticks; all else without a meaning to docutils."""
    parts = re.split(r"(``?[^`]+``?)", text)
    return "".join(f"``{p.strip('`')}``" if p.startswith("`") and p.endswith("`") else escaped(p) for p in parts)


def escaped(text: str) -> str:
    return re.sub(r"([\\*|`]|_(?=\W|$))", r"\\\1", text)


def fields(it: Any) -> list[str]:
    """What trailing comments say of the fields of a class: shapes and units."""
    try:
        source = textwrap.dedent(inspect.getsource(it))
    except (OSError, TypeError):
        return []
    found = re.findall(r"^    (\w+): ([^\n]*?)  # (.+)$", source, re.MULTILINE)
    comments = {t.string.removeprefix("# ") for t in tokenize.generate_tokens(io.StringIO(source).readline)
                if t.type == tokenize.COMMENT}  # fmt: skip
    rows = [f"* **{escaped(n)}** : {inline(text)}" for n, _, text in found if text in comments and "noqa" not in text]
    return ["", *rows, ""] if rows else []


def is_noise(app, what: str, name: str, it: Any, skip: bool, options) -> bool | None:  # noqa: ANN001
    """Sphinx's `autodoc-skip-member`: fields of named tuples without a word of their own, and what Python adds."""
    text = inspect.getdoc(it) or ""
    return True if text.startswith("Alias for field number") else None
