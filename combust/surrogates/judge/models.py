"""The learned chemistries that come with combust, whether their files are whole, what each is for."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from combust.errors import FileFormatError, MechanismError
from combust.kinetics.mechanism.places import find as find_mechanism
from combust.report.pages import Table
from combust.surrogates import library
from combust.surrogates.judge import card as report_card
from combust.surrogates.judge.card import beside, usual_folder
from combust.surrogates.judge.conditions import FULL
from combust.surrogates.judge.report import lines, target_table
from combust.surrogates.judge.targets import Target, conclusions
from combust.surrogates.model.card import stated_of
from combust.surrogates.model.model import Model, files_of, read_card
from combust.surrogates.model.source import digest, locate
from combust.timers import clock
from combust.units import ATM

ORIGIN = ".origin"  # NAME.origin: where a fetched model came from, as JSON


@dataclass(frozen=True)
class Entry:
    """A model's files as they are found."""

    path: Path  # without ending
    card: dict[str, Any] | None  # None if it cannot be read
    size: int  # bytes of both files
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """By which a case names it."""
        known = (library.FOLDER, library.own_folder())
        return self.path.name if self.path.parent in known else str(self.path)


def shipped() -> list[Entry]:
    """The models of which there is a card or weights in the library, examined."""
    cards = {path.stem for path in library.FOLDER.glob("*.json") if not path.stem.endswith(".report")}
    return [examine(library.FOLDER / name) for name in sorted(cards | set(library.names()))]


def available() -> list[Entry]:
    """The shipped models, and those that were fetched to the user's own folder, examined."""
    folder = library.own_folder()
    own = [] if folder is None else [name for name in library.fetched() if name not in library.names()]
    return [*shipped(), *(examine(folder / name) for name in own if folder is not None)]


def named(name: str | Path) -> Entry:
    """A model by name or path, examined. Raises FileFormatError where there is none."""
    return examine(files_of(library.find(name))[0].with_suffix(""))


def examine(path: Path) -> Entry:
    """Reads and checks the files of a model: checksum, content, and the mechanism that it belongs to."""
    files, problems, card = files_of(path), [], None
    try:
        card = read_card(files[0])
        Model.load(path)
    except FileFormatError as error:
        problems.append(str(error))
    if card is not None:
        problems += mechanism_problems(card, path.parent)
        known = fetched_from(path)
        if known is not None and known.get("weights") != card["weights"]["sha256"]:
            problems.append(
                "its weights are not those that were fetched: fetch it again (combust models --fetch --force)"
            )
    size = sum(file.stat().st_size for file in files if file.is_file())
    return Entry(path, card, size, tuple(problems))


def fetched_from(path: Path) -> dict[str, Any] | None:
    """Where a fetched model came from (`combust.surrogates.judge.fetch`); None of one that was not."""
    with suppress(OSError, ValueError):
        found = json.loads(path.with_name(path.name + ORIGIN).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def mechanism_problems(card: dict[str, Any], folder: Path) -> list[str]:
    """What is wrong with the mechanism that a card names, of a model in `folder`."""
    try:
        file = find_mechanism(locate(card, folder))
    except MechanismError as error:
        return [f"its mechanism is not found: {error}"]
    if digest(file) != card["mechanism"]["sha256"]:
        return [
            f"its mechanism {card['mechanism']['path']} is another one here ({file}): the model cannot be used with "
            "it; put the version that it was trained on beside the model, or train again (combust train)"
        ]
    return []


def listing(entries: list[Entry]) -> str:
    """A table, what is wrong, and what to do next."""
    if not entries:
        return "no models come with this combust; train one: combust sample, combust train (docs/learned.md)"
    rows = [row(entry) for entry in entries]
    head = ["name", "mechanism", "species", "p [atm]", "T [K]", "phi", "dt [s]", "kB", "files", "mechanism file",
            "targets met"]  # fmt: skip
    text = [lines(Table(head, rows, 2))]
    text += [f"{entry.name}: {problem}" for entry in entries for problem in entry.problems]
    text.append("combust models NAME explains one; combust verify NAME judges it beside exact chemistry.")
    return "\n".join(text)


def row(entry: Entry) -> list[str]:
    """Of the table."""
    size = f"{entry.size / 1000:.0f}"
    if entry.card is None:
        return [entry.name, *["?"] * 6, size, "DAMAGED", "?", "?"]
    card, ranges = entry.card, entry.card["ranges"]
    foreign = bool(mechanism_problems(card, entry.path.parent))
    damaged = len(entry.problems) > foreign
    return [
        entry.name, card["mechanism"]["path"], str(len(card["species"])), span(ranges["p"], 1 / ATM),
        span(ranges["T"], form=".0f"), span(ranges["phi"]), span(ranges["dt"]), size,
        "DAMAGED" if damaged else "whole", "ANOTHER" if foreign else "the same",
        in_short(entry.path, card)]  # fmt: skip


def in_short(path: Path, card: dict[str, Any]) -> str:
    """What its report card says: 20 of 26, 2026-11-29."""
    file = report_of(path)
    if file is None:
        return "not judged"
    try:
        found = report_card.read(file)
    except FileFormatError:
        return "DAMAGED"
    judged = judged_again(found)
    part = f" ({less})" if (less := less_effort(found)) else ""
    other = " (OTHER weights)" if found["model"]["sha256"] != card["weights"]["sha256"] else ""
    return f"{sum(t.met for t in judged)} of {len(judged)}, {found['date'].partition(' ')[0]}{part}{other}"


def less_effort(found: dict[str, Any]) -> str:
    """What a report card judged less than usual; empty if nothing."""
    steps = found["effort"].get("steps", FULL.steps)
    return "quick" if found["quick"] else "" if steps == FULL.steps else f"reactors for {steps} steps"


def report_of(path: Path) -> Path | None:
    """The report of a model: beside it, or where `combust verify` writes it if it is not told otherwise."""
    places = beside(path), usual_folder(path) / "report.json"
    return next((file for file in places if file.is_file()), None)


def judged_again(found: dict[str, Any]) -> list[Target]:
    """The targets of a report as it was read."""
    names = ("name", "value", "limit", "unit", "least", "advice")
    judged = [Target(**{k: t[k] for k in names if k in t}) for t in found["targets"]]
    return [t if t.value is not None else replace(t, value=math.nan) for t in judged]


def span(pair: list[float], factor: float = 1.0, form: str = ".3g") -> str:
    """0.5 to 10."""
    return " to ".join(f"{factor * x:{form}}" for x in pair)


# --- one model ----------------------------------------------------------------------------------------------------


def explain(path: Path, entry: Entry, card: dict[str, Any]) -> str:
    """In plain words: what it covers, how well, how to use and to make it."""
    parts = [
        [f"{entry.name}: {card.get('title') or card['name']}", *(f"PROBLEM: {p}" for p in entry.problems)],
        what(card),
        how_well(path, entry.name),
        trust(card),
        made_of(path, card),
        use(entry.name, card),
        reproduce(path, entry.name),
        [
            "files",
            *(f"  {file}" for file in files_of(path)),
            f"  weights {card['weights']['sha256']}",
            f"  mechanism {card['mechanism']['sha256'][:16]} (SHA-256)",
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def what(card: dict[str, Any]) -> list[str]:
    """What it does and for which states."""
    ranges, shape = card["ranges"], card["network"]
    kept = {"hp": "enthalpy and pressure", "uv": "energy and volume"}[card.get("hold", "hp")]
    count = shape.get("ensemble", 1)
    networks = "a network" if count == 1 else f"the mean of {count} networks"
    samples, training = card.get("samples", {}), card.get("training", {})
    made = (
        [f"  learned from {samples['rows']['train']} states of {samples['trajectories']} reactors and flames"]
        if (samples)
        else []
    )
    if made and training.get("seconds"):
        made[0] += f", in {clock(training['seconds'])}"
    return [
        f"It advances the {len(card['species'])} species of {card['mechanism']['path']} over one time step at constant "
        f"{kept}, by {networks} of {shape['depth']} layers of {shape['width']} neurons.",
        f"  pressure           {span(ranges['p'], 1 / ATM)} atm",
        f"  temperature        {span(ranges['T'], form='.0f')} K",
        f"  equivalence ratio  {span(ranges['phi'])} of {card['fuel']} in {card['oxidizer']}",
        f"  time step          {span(ranges['dt'])} s",
        *made,
        "The network keeps elements and energy to round-off, and no mass fraction below zero. States that it does not "
        "cover, or whose step disagrees with the exact rates, go to exact chemistry, cell by cell, and are counted; so "
        "do time steps below the range; longer ones are cut by Learned.advance, and are exact in a flow.",
    ]  # fmt: skip


def how_well(path: Path, name: str) -> list[str]:
    """The targets of its report card, and what follows where they are missed."""
    file = report_of(path)
    if file is None:
        return ["how well", f"  no report is kept with it: combust verify {name}"]
    try:
        found = report_card.read(file)
    except FileFormatError as error:
        return ["how well", f"  its report is damaged: {error}: combust verify {name}"]
    judged = judged_again(found)
    other = found["model"]["sha256"] != read_card(files_of(path)[0])["weights"]["sha256"]
    table = lines(target_table(judged)).splitlines()
    return [
        f"how well: {sum(t.met for t in judged)} of {len(judged)} targets met (report card of {found['date']}"
        + (f", {less}" if (less := less_effort(found)) else "")
        + (", of OTHER weights)" if other else ")"),
        *(f"  {line}" for line in table),
        *(f"  - {sentence}" for sentence in conclusions(judged)),
    ]


def trust(card: dict[str, Any]) -> list[str]:
    """What the router allows."""
    if not card.get("router"):
        return ["It has no router: its training was not finished, and it cannot be used."]
    try:
        stated = stated_of(card, "PROBLEM: the card")
    except FileFormatError as error:
        return [str(error)]
    share = stated.of_change
    return [
        "A step of the network is trusted if it agrees with the exact rates at both its ends; the limit is set so that "
        f"{100 * stated.quantile:g} % of the trusted steps of validation rows are within {stated.T_K:g} K and "
        f"{100 * stated.Y_of_peak:g} % of the peak of every species"
        + (f", give or take {100 * share:g} % of what the step changes." if share else "."),
        *([f"Warning of its training: {words}."] if (words := card["router"].get("verdict")) else []),
    ]


def made_of(path: Path, card: dict[str, Any]) -> list[str]:
    """Each stage that it hangs on, from the rate constants on, by the digest (SHA-256) of what went in."""
    known, text = card.get("provenance"), []
    if isinstance(known, dict):
        mechanism = known["mechanism"]
        parent, command = mechanism.get("parent"), mechanism.get("command")
        if parent:
            by = f" by {command}" if command else ""
            text.append(f"  made from {parent['file']} {parent['sha256'][:16]}{by}")
        text.append(f"  mechanism {mechanism['file']} {mechanism['sha256'][:16]}")
        text += [
            f"  rate constant of {rate['equation']} ({rate['source']}) {', '.join(rate['digests'])}"
            for rate in mechanism.get("rates", [])
        ]
        text += [f"  samples {digest[:16]}" for digest in known["samples"]]
        text.append(f"  settings {known['settings'][:16]}")
        text += [f"  from the network {known['network'][:16]}"] if known.get("network") else []
    for one in card.get("rounds", {}).get("records", [])[1:]:
        text.append(f"  round {one['number']}: {one['added']} rows, network {one['weights'][:16]}")
    if (origin := fetched_from(path)) is not None:
        text.append(f"  fetched from {origin.get('source')} on {origin.get('fetched')}")
    return ["made of", *text] if text else []


def use(name: str, card: dict[str, Any]) -> list[str]:
    """Snippets."""
    return [
        "in a case", "  [gas]", f'  mechanism = "{card["mechanism"]["path"]}"', "  [chemistry]", '  kind  = "learned"',
        f'  model = "{name}"', "", "in Python", "  from combust.surrogates import Learned",
        f'  chem = Learned.load("{name}", fallback="direct")',
        "  T, Y, route, stats = chem.advance(T, p, Y, dt)   # T, p (cells,), Y (species, cells), dt [s]"]  # fmt: skip


def reproduce(path: Path, name: str) -> list[str]:
    """The commands, where the configuration lies beside the model."""
    config = path.with_suffix(".toml")
    if not config.is_file():
        return ["made from the configuration in the card (key config); judge it again: combust verify " + name]
    folder = f"runs/{path.name}"
    return [
        "make it again", f"  combust sample {config}", f"  combust train {config}",
        f"  combust verify {folder}/model"]  # fmt: skip
