"""What a chain made, a line a stage, for who opens its report first."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from combust.chain.links import constants, flows
from combust.chain.links.learning import last
from combust.chain.settings import Chain
from combust.files import read_json
from combust.report.pages import Table

SHARES = ("slow_share", "network_share", "exact_share")


def glance(settings: Chain, out: Path) -> Table:
    """Of the stages that are there: mechanisms, network, report card, flows."""
    lines: list[tuple[str, str]] = []
    for what, file, words in parts(settings):
        path = out / file
        if path.is_file():
            lines.append((what, words(path)))
    return Table(("what", "of this chain"), lines, text=2)


def parts(settings: Chain) -> Iterator[tuple[str, str, Callable[[Path], str]]]:
    """(what, file, what to say of it)."""
    name = Path(settings.mechanism).name
    yield "fuel", "reduce/report.json", lambda path: f"{settings.fuel} in {settings.oxidizer}"
    yield "rate constants", f"{constants.NAME}/{constants.NUMBERS}", of_constants
    yield "detailed mechanism", "reduce/report.json", lambda path: f"{name}: {numbers(read_json(path)['stages'][0])}"
    yield "reduced mechanism", "reduce/report.json", lambda path: numbers(read_json(path)["stages"][-1])
    yield "network", f"{last(settings)}/model.json", of_model
    yield "report card", "verify/report.json", of_card
    for flow in settings.flows:
        yield f"flow {flow}", f"{flow}/{flows.SERIES}", of_series


def numbers(stage: dict[str, Any]) -> str:
    """Sizes of a mechanism."""
    return f"{len(stage['species'])} species, {len(stage['reactions'])} reactions"


def of_constants(path: Path) -> str:
    """What became of rates that went into the mechanism."""
    return "; ".join(constants.words(rate) for rate in read_json(path)["rates"])


def of_model(path: Path) -> str:
    """Size of a network and of what it learned from."""
    card = read_json(path)
    shape, rows = card["network"], card["samples"]["rows"]["train"]
    return f"{shape['depth']} layers of {shape['width']}, {rows} training rows"


def of_card(path: Path) -> str:
    """How many targets of the report card are met."""
    targets = read_json(path)["targets"]
    return f"{sum(one['met'] for one in targets)} of {len(targets)} targets met"


def of_series(path: Path) -> str:
    """Who did the cells in the last step of a flow."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shares = [(name.removesuffix("_share"), rows[-1][name]) for name in SHARES if rows and rows[-1].get(name)]
    words = ", ".join(f"{name} {100 * float(share):.3g} %" for name, share in shares)
    return f"cells at its end: {words}" if shares else "-"
