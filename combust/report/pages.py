"""Pages of a report, as Markdown and as one HTML file that needs nothing else: text, tables and pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #1c1c1c; background: #fff;
       max-width: 68rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; font-weight: 600; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; font-weight: 600; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-size: .86rem; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .18rem .7rem .18rem 0; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; border-bottom: 1px solid #888; vertical-align: bottom; white-space: normal; }
tr + tr td { border-top: 1px solid #eee; }
th.text, td.text { text-align: left; white-space: normal; } td.text { min-width: 6rem; }
td.wide { white-space: normal; overflow-wrap: anywhere; }
td.over { color: #a40000; background: #fdecea; font-weight: 600; }
figure { margin: .8rem 0; } figcaption { font-size: .86rem; color: #555; } img { max-width: 100%; }
pre, code { font: .82rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; white-space: pre-wrap; }
.scroll { overflow-x: auto; } summary { cursor: pointer; }
""".strip()


class Over(str):
    """A cell whose number is beyond what is allowed."""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first `text` columns hold words, the others numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1


@dataclass(frozen=True)
class Picture:
    """A PNG file, and what it shows."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Listing:
    """Long text that is folded away in HTML."""

    title: str
    text: str


Block = str | Table | Picture | Listing


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


def html(title: str, sections: Iterable[Section]) -> str:
    """The page, with pictures inside it."""
    body = "\n".join(
        f"<h2>{escape(section.title)}</h2>\n" + "\n".join(_html(block) for block in section.blocks)
        for section in sections
    )
    head = f'<meta charset="utf-8">\n<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>'
    page = f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>"
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n{page}\n</html>\n'


def _html(block: Block) -> str:
    if isinstance(block, Table):
        return _html_table(block)
    if isinstance(block, Picture):
        data = base64.b64encode(block.path.read_bytes()).decode()
        caption = escape(block.caption)
        image = f'<img src="data:image/png;base64,{data}" alt="{caption}" style="width: {_width(block.path)}px">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    if isinstance(block, Listing):
        return f"<details><summary>{escape(block.title)}</summary><pre>{escape(block.text)}</pre></details>"
    return f"<p>{escape(block)}</p>"


def _width(path: Path) -> int:
    """Of a PNG file, in pixels of a page: the files have more, for sharp screens and print."""
    return int.from_bytes(path.read_bytes()[16:20], "big") * 96 // 160


def _html_table(table: Table) -> str:
    def cell(tag: str, place: int, text: str) -> str:
        kinds = [*(["text"] if place < table.text else []), *(["over"] if isinstance(text, Over) else [])]
        kinds += ["wide"] if len(text) > 60 else []
        mark = f' class="{" ".join(kinds)}"' if kinds else ""
        return f"<{tag}{mark}>{escape(text)}</{tag}>"

    def row(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(cell(tag, place, text) for place, text in enumerate(cells)) + "</tr>"

    lines = [row("th", table.header), *(row("td", cells) for cells in table.rows)]
    return '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def markdown(title: str, sections: Iterable[Section]) -> str:
    """The same as Markdown; pictures are named by their files."""
    parts = [f"# {title}"]
    for section in sections:
        parts += [f"## {section.title}", *(_markdown(block) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Table):
        rule = [":---" if place < block.text else "---:" for place in range(len(block.header))]
        rows = [[f"**{text}**" if isinstance(text, Over) else text for text in row] for row in block.rows]
        return "\n".join("| " + " | ".join(_bar(text) for text in row) + " |" for row in (block.header, rule, *rows))
    if isinstance(block, Picture):
        return f"![{block.caption}]({block.path.name})"
    if isinstance(block, Listing):
        return f"### {block.title}\n\n```\n{block.text}\n```"
    return block


def _bar(text: str) -> str:
    """A bar inside a cell does not end it."""
    return text.replace("|", "\\|")
