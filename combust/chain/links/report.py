"""The report of a chain: one page of HTML that needs nothing else, the same as Markdown, and all numbers as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from combust import __version__
from combust.chain import manifest
from combust.chain.digests import of_text
from combust.chain.links import constants, flows, kinetics
from combust.chain.links.glance import glance
from combust.chain.links.rows import HELD_OUT, LEVELS, Row, rows, worst
from combust.chain.manifest import Manifest
from combust.chain.order import size
from combust.chain.settings import Chain
from combust.chain.stage import Stage, Work
from combust.report.numbers import finite
from combust.report.pages import Block, Listing, Over, Picture, Section, Table, html, markdown
from combust.timers import clock

NUMBERS = "report.json"
LEARN, ROUNDS = "learn", "rounds.txt"  # folder of a stage that not every chain has, and its table
PAGES = ("report.html", "report.md")


def stage(settings: Chain, out: Path, before: tuple[Stage, ...]) -> Stage:
    """Reads all others, their times as well."""
    names = tuple(one.name for one in before)
    return Stage(
        "report", "one page of all of it", lambda work: write(settings, names, work), {"title": settings.title}, (),
        names, {NUMBERS: numbers_of_report}, command=f"combust chain FILE --only report --out {out}",
    )  # fmt: skip


def numbers_of_report(path: Path) -> str:
    """The error table: what does not hang on the machine."""
    return of_text(json.loads(path.read_text(encoding="utf-8"))["rows"])


def write(settings: Chain, names: Sequence[str], work: Work) -> None:
    """report.json, report.html, report.md and the pictures that the latter names."""
    made = {name: manifest.read(work.out / name) for name in names}
    table = rows(settings, work.out)
    found = document(settings, made, table) | constants.document(work.out)
    (work.folder / NUMBERS).write_text(json.dumps(finite(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    rounds = work.out / LEARN / ROUNDS
    learned = rounds.read_text(encoding="utf-8") if rounds.is_file() else ""
    drawn = pictures(settings, made, work)
    first = [glance(settings, work.out)]
    parts = sections(settings, made, table, drawn, learned, first, constants.section(work.out))
    (work.folder / PAGES[0]).write_text(html(settings.title, parts), encoding="utf-8")
    (work.folder / PAGES[1]).write_text(markdown(settings.title, parts), encoding="utf-8")


def document(settings: Chain, made: dict[str, Manifest], table: Sequence[Row]) -> dict[str, Any]:
    """All numbers, as plain trees."""
    return {
        "title": settings.title,
        "version": __version__,
        "levels": list(LEVELS),
        "stages": {name: msgspec.to_builtins(one) for name, one in made.items()},
        "cpu_seconds": sum(one.cpu_seconds for one in made.values()),
        "wall_seconds": sum(one.wall_seconds for one in made.values()),
        "bytes": sum(one.bytes for one in made.values()),
        "rows": msgspec.to_builtins(list(table)),
    }


def pictures(settings: Chain, made: dict[str, Manifest], work: Work) -> list[Picture]:
    """What stages drew, copied beside the page, each with the command that makes it again."""
    wanted = [("validate", kinetics.PICTURE, "Published experiments and the detailed mechanism")]
    wanted += [
        ("reduce", f"report_{name}.png", f"Reduction: {name.replace('_', ' ')}") for name in ("delays", "flame_speeds")
    ]
    for name, flow in settings.flows.items():
        wanted.append(
            (name, "flame.png", f"Flow {name} with the learned chemistry: temperature and route of each cell")
        )
        if flow.exact:
            wanted.append((name + flows.EXACT, "flame.png", f"Flow {name} with exact chemistry"))
    found = []
    for stage, file, text in wanted:
        source = work.out / stage / file
        if source.is_file():
            copy = work.folder / f"{stage}_{file}"
            copy.write_bytes(source.read_bytes())
            found.append(Picture(copy, f"{text}. {remade(made[stage])}"))
    return found


def remade(own: Manifest) -> str:
    """The command of a picture; DIR is any folder."""
    then = ""
    if flows.SUMMARY in own.outputs:
        fields = flows.pictured(own.settings, own.stage)
        then = "; combust plot DIR" + (f" --fields {','.join(fields)}" if fields else "")
    return f"Made by: {own.command}{then}"


def sections(
    settings: Chain, made: dict[str, Manifest], table: Sequence[Row], drawn: Sequence[Picture], rounds: str = "",
    first: Sequence[Table] = (), rates: Sequence[Section] = (),
) -> list[Section]:  # fmt: skip
    """Of the page, in order;  rounds : of learning, as a table for people;  first : what was made;  rates : new ones"""
    told = [BANDS] if any(isinstance(one.band, tuple) for one in table) else []
    return [
        Section("What was made", [CHAIN, *first]),
        *rates,
        Section("Error of each link", [INTRODUCTION, *told, summary(table), MARKS]),
        *(Section(title, [of_rows(own)]) for title, own in parts_of(table) if own),
        *([Section("Rounds of learning", [Listing("by round", rounds)])] if rounds else []),
        Section("Pictures", list(drawn)),
        Section("Stages", list(stage_blocks(made))),
        Section("Settings", [Listing(name, json.dumps(one.settings, indent=1)) for name, one in made.items()]),
    ]


CHAIN = (
    "From a mechanism to flames in a flow, link by link: the detailed mechanism beside published experiments, a "
    "smaller one of it, a network that learned its steps, and flows in which cells are slow (exact rates in one "
    "cheap step), the network's, or exact (integrated) where the network is not trusted."
)
MARKS = (
    "In the tables below bold stands for what is beyond the measurement's own uncertainty, where its file says one, or "
    "beyond the tolerance of the reduction. Seen by: 'search', a condition that the reduction looked at; 'held out', "
    "one that it did not; 'not trained on', one that is chosen from the ranges of the network, not from its samples."
)
INTRODUCTION = (
    "Each value is compared with that of the level before it in the chain: the detailed mechanism with the experiment, "
    "the reduced with the detailed one, the flow solver with exact chemistry with Cantera's flame of the same "
    "mechanism, the network with exact chemistry in the same reactor or flow. Errors are not multiplied: the same "
    "quantity stands there on every level."
)


BANDS = (
    "Behind a value of the detailed mechanism stands, in brackets, 95 % of what it may be by what its rate constants "
    "may be off by (combust uncertainty): an experiment within them says nothing against its rate constants."
)


def summary(table: Sequence[Row]) -> Table:
    """Of each link and quantity how large its errors are."""
    lines = [
        (level, quantity, str(count), error(mean, unit, ""), error(most, unit, ""), where.condition)
        for level, quantity, unit, count, mean, most, where in worst(table)
    ]
    return Table(("link ends at", "quantity", "conditions", "mean error", "largest", "where it is largest"),
                 [(a, b, c, d, e, f) for a, b, c, d, e, f in lines], text=2)  # fmt: skip


def parts_of(table: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows by the stage that they are of."""
    titles = {"validate": "Published experiments", "reduce": "Reduction", "verify": "Learned chemistry"}
    for source, title in titles.items():
        yield title, [one for one in table if one.source == source]
    yield "Flows", [one for one in table if one.source not in titles]


def of_rows(own: Sequence[Row]) -> Table:
    """Values of all levels with the error of each; what is beyond its bar is marked, and so is what was held out."""
    levels = [level for level in LEVELS if any(level in one.values for one in own)]
    lines = [(one.quantity, one.condition, one.seen, *(cell(one, level) for level in levels)) for one in own]
    return Table(("quantity", "condition", "seen by", *levels), lines, text=3)


def cell(one: Row, level: str) -> str:
    """A value and its error; beyond the bar of the row's own link it is marked."""
    if level not in one.values:
        return "-"
    unit = "" if one.unit == "1" else f" {one.unit}"
    text = f"{one.values[level]:.4g}{unit}"
    if level == "detailed" and isinstance(one.band, tuple):
        text += f" [{one.band[0]:.4g}, {one.band[1]:.4g}]"
    if level not in one.errors:
        return text
    text = f"{text} ({error(one.errors[level], one.unit)})"
    barred = {"measured": "detailed"}.get(one.seen, "reduced" if one.source == "reduce" else "")
    over = one.bar is not None and level == barred and abs(one.errors[level]) > one.bar
    return Over(text) if over else text


def error(value: float, unit: str, sign: str = "+") -> str:
    """In K for temperatures, else in percent."""
    if not math.isfinite(value):
        return "-"
    number, name = (value, "K") if unit == "K" else (100.0 * value, "%")
    return f"{number:{sign}.{0 if abs(number) >= 100 else 3}{'f' if abs(number) >= 100 else 'g'}} {name}"


def stage_blocks(made: dict[str, Manifest]) -> Iterator[Block]:
    """Sizes, times, what each was made of."""
    lines = [
        (name, one.command, clock(one.wall_seconds), clock(one.cpu_seconds), size(one.bytes), str(one.starts),
         "-" if one.seed is None else str(one.seed), one.started)
        for name, one in made.items()
    ]  # fmt: skip
    yield Table(("stage", "by itself", "wall", "CPU", "size", "starts", "seed", "begun"), lines, text=2)
    given = [(name, path, digest) for name, one in made.items() for path, digest in one.files.items()]
    yield Table(("stage", "file", "SHA-256"), given, text=3)
    products = [(name, product, digest) for name, one in made.items() for product, digest in one.products.items()]
    yield Table(("stage", "what later stages read", "digest of its content"), products, text=3)


__all__ = ("HELD_OUT", "NUMBERS", "PAGES", "document", "sections", "stage", "write")
