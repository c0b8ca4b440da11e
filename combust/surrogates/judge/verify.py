"""Verification: the report card of a learned chemistry, beside exact chemistry, where it was not trained."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cantera as ct
import torch

from combust import __version__, kernels
from combust.errors import ConfigError, FileFormatError
from combust.interrupts import stoppable
from combust.report.meter import SILENT, Reporter
from combust.report.numbers import finite, restored
from combust.report.pages import Picture, markdown
from combust.report.tables import outputs
from combust.surrogates import library
from combust.surrogates.judge import card, targets
from combust.surrogates.judge import report as pages
from combust.surrogates.judge.conditions import FULL, QUICK, Effort, shortened
from combust.surrogates.judge.parts import PARTS, Work, compute
from combust.surrogates.judge.targets import Target
from combust.surrogates.model.model import Model, files_of, settings_of
from combust.surrogates.model.source import mechanism
from combust.surrogates.origin import now
from combust.surrogates.provider.learned import Learned
from combust.timers import clock

REPORT = ("report.md", "report.json")


@dataclass(frozen=True, eq=False)
class Verification:
    """A report card, written."""

    report: Path  # Markdown; beside it report.json and pictures
    numbers: dict[str, Any]  # as report.json has them, but that NaN is NaN
    targets: tuple[Target, ...]
    stopped: bool  # by a signal: only what was finished is judged

    @property
    def missed(self) -> int:
        """How many targets are."""
        return sum(not target.met for target in self.targets)

    def words(self) -> str:
        """The targets as a table, what follows from those that are missed, the verdict; for people."""
        judged = self.targets
        made = [pages.lines(pages.target_table(judged))] if judged else []
        made += [f"- {sentence}" for sentence in targets.conclusions(judged)]
        stopped = "stopped: only what was finished is judged; " if self.stopped else ""
        met = f"{len(judged) - self.missed} of {len(judged)} targets met" if judged else "no target was judged"
        return "\n".join([*made, f"{stopped}{met}, {clock(self.numbers['seconds'])}"])


def verify(
    model: str | Path,
    out: str | Path | None = None,
    *,
    quick: bool = False,
    steps: int | None = None,
    only: Sequence[str] | None = None,
    coupling: bool = False,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Verification:
    """Judges a learned chemistry by reactors and flames beside exact chemistry, and writes its report card.

    model : name of a shipped model, or path
    out : the folder; runs/verify_<name> if omitted
    quick : a small subset, in about a minute
    steps : of reactors in all, by which their longest delay is bounded too; 50000 if omitted, the longest part
    only : of PARTS; an earlier report of the same weights keeps its others
    coupling : flames also with exact chemistry, and nothing, in the place of the network
    force : replace the files of an earlier report

    A signal ends it with what was finished (`stopped`). Raises FileFormatError, ConfigError, MechanismError for a model
    or options that cannot be used, DivergenceError where nothing ignites.
    """
    begin = time.monotonic()
    path = library.find(model)
    found = Model.load(path)
    stem = files_of(path)[0].with_suffix("")
    gas = mechanism(found.card, stem.parent)
    Learned(found, gas)  # refuses what cannot be used
    parts = chosen(only)
    folder = Path(out) if out else card.usual_folder(stem)
    effort = shortened(QUICK if quick else FULL, steps)
    kept = earlier(folder / REPORT[1], found, effort, reporter) if only else {}
    report, numbers = outputs(folder, REPORT, force or bool(kept) and not set(parts) & set(kept["made"]))
    work = Work(found, stem, gas, settings_of(found), effort, folder, reporter)
    restore(work, kept, parts)
    stopped = not finished(work, parts, coupling)
    work.found = heading(work, quick, begin) | {"stopped": stopped, "made": work.made} | work.found
    work.found["seconds"] += kept.get("seconds", 0.0)
    return Verification(report, work.found, tuple(write(work, report, numbers)), stopped)


def finished(work: Work, parts: Sequence[str], coupling: bool) -> bool:
    """Computes the parts; False where a signal stopped that."""
    try:
        with kernels.using("eager"), stoppable():
            compute(work, parts, coupling)
    except KeyboardInterrupt:
        return False
    finally:
        work.reporter.clear()
    return True


def chosen(only: Sequence[str] | None) -> list[str]:
    """Parts of the card. Raises ConfigError for an unknown one."""
    asked = list(PARTS if only is None else only)
    for name in asked:
        if name not in PARTS:
            raise ConfigError(f"--only {name}: unknown; known: {', '.join(PARTS)}")
    return asked


def earlier(numbers: Path, model: Model, effort: Effort, reporter: Reporter) -> dict[str, Any]:
    """What an earlier report of the same weights and effort found, which `only` adds to; {} where there is none."""
    try:
        found = card.read(numbers)
    except FileFormatError as error:
        if numbers.exists():
            reporter.warn(f"the earlier report is not kept: {error}")
        return {}
    same = (found.get("model", {}).get("sha256"), found.get("effort")) == (
        model.card["weights"]["sha256"],
        json.loads(json.dumps(asdict(effort))),
    )
    return found if same and "made" in found else {}


def restore(work: Work, kept: dict[str, Any], parts: Sequence[str]) -> None:
    """Parts and pictures of an earlier report that are not asked for now."""
    if not kept:
        return
    old = [part for part in kept["made"] if part not in parts]
    work.found |= {part: restored(kept[part]) for part in old}
    work.made |= {part: kept["made"][part] for part in old}
    work.pictures |= {
        name: Picture(work.folder / file, caption)
        for name, (file, caption) in kept["pictures"].items()
        if pages.part_of(name) in old
    }
    work.reporter.say(f"kept of an earlier report of these weights: {', '.join(old) or 'nothing'}")


def write(work: Work, report: Path, numbers: Path) -> list[Target]:
    """Both files; the targets that were judged."""
    judged = targets.of_card(work.found)
    work.found["targets"] = [asdict(t) | {"met": t.met} for t in judged]
    work.found["pictures"] = {name: [p.path.name, p.caption] for name, p in work.pictures.items()}
    numbers.write_text(json.dumps(finite(work.found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    text = markdown(f"Report card: {work.model.name}", pages.sections(work.found, judged, work.pictures))
    report.write_text(text, encoding="utf-8")
    return judged


def heading(work: Work, quick: bool, begin: float) -> dict[str, Any]:
    """What was judged, by what, when."""
    card = work.model.card
    return {
        "model": {
            "name": work.model.name, "title": card.get("title", ""), "fuel": card["fuel"], "oxidizer": card["oxidizer"],
            "sha256": card["weights"]["sha256"], "mechanism": card["mechanism"]["path"],
            "mechanism_sha256": work.gas.sha256, "ranges": card["ranges"],
        },
        "quick": quick, "effort": asdict(work.effort),
        "date": now(),
        "versions": {"combust": __version__, "cantera": ct.__version__, "torch": torch.__version__},
        "seconds": time.monotonic() - begin,
        "trained": {"errors": card.get("errors"), "router": card.get("router"), "training": card.get("training")},
    }  # fmt: skip
