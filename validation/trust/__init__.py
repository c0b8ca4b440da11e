"""Trust: kinds of fault that users met, each with its members tried and the outcome.

A module of this package is a kind: `KIND`, a sentence on what must hold, `members()`, which yields a Member for each
input as it is tried, and `SMOKE` as of a study. A later `--only NAME` repeats the kinds whose modules begin so; the
others keep their rows.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from validation.report import Report, chosen

TITLE = "Kinds of fault, their members, and what happens to each"
SMOKE: dict[str, Any] = {}  # its kinds have their own
FOLDERS = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")  # of the machine that ran the study


@dataclass(frozen=True)
class Member:
    """One input of a kind: what was tried, what is right (and says who), what came out, and whether that is right."""

    tried: str
    right: str
    outcome: str
    holds: bool


def kinds() -> dict[str, Any]:
    """The modules of this package by name."""
    return {m.name: importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)}


def run(report: Report, only: list[str]) -> None:
    """A table of each kind; figures of kinds that are not repeated come from the last run."""
    kept, found, wanted = report.kept(), {}, chosen(kinds(), only)
    for name, module in kinds().items():
        found[name] = [asdict(m) for m in _tried(report, name, module)] if name in wanted else kept.get(name, [])
    report.keep(found, found)
    for name, module in kinds().items():
        members = [Member(**row) for row in found[name]]
        right = sum(m.holds for m in members)
        report.parts.append(f"## {name}")
        report.text(module.KIND)
        report.table(["tried", "right", "outcome", ""],
                     [[m.tried, m.right, m.outcome, "" if m.holds else "WRONG"] for m in members])  # fmt: skip
        report.target(f"{name}: members that come out right", right, max(len(members), 1), at_least=True)


def _tried(report: Report, name: str, module: Any) -> Iterator[Member]:
    for member in module.members():
        member = replace(member, outcome=FOLDERS.sub("", member.outcome), holds=bool(member.holds))
        report.progress(f"{name}: {member.tried}: {member.outcome}{'' if member.holds else '   WRONG'}")
        yield member
