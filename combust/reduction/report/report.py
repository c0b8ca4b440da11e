"""The report of a reduction: report.json holds all numbers, report.md and report.html are made from it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cantera as ct
import msgspec

from combust import __version__
from combust.errors import DependencyError
from combust.reduction.cases.evaluate import Evaluator
from combust.reduction.cases.outcome import Outcome, Reference
from combust.reduction.chain import Progress, Stage, retained_rows
from combust.reduction.report import graph as report_graph
from combust.reduction.report import pictures as report_pictures
from combust.reduction.report.pictures import PLOTS, Compared
from combust.reduction.report.sections import sections
from combust.reduction.select.search import Judgement
from combust.report.meter import SILENT, Reporter
from combust.report.numbers import finite
from combust.report.pages import Picture, html, markdown

DRAWN = 60  # species in the picture of the graph, at most
PICTURES = ("delays", "flame_speeds", "extinction", "counterflow", "profiles", "stages", "graph")
FILES = ("report.json", "report.md", "report.html", *(f"report_{name}.png" for name in PICTURES))


def write(
    folder: Path,
    progress: Progress,
    evaluator: Evaluator,
    held_out: Judgement | None,
    command: str,
    seconds: dict[str, float],
    reporter: Reporter = SILENT,
) -> dict[str, Any]:
    """Writes FILES in `folder`; what cannot be drawn is left out. Returns the content of report.json.

    held_out: judgement at the held-out cases, if there are any. seconds: of parts of the work that are no steps.
    """
    references = evaluator.references()
    outcomes = [evaluator.outcome(progress.best.subset, place) for place in range(len(progress.cases))]
    found = document(progress, references, outcomes, held_out, command, seconds)
    text = json.dumps(finite(found), indent=1, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    compared = [
        _compared(case, reference.outcome, outcome)
        for case, reference, outcome in zip(progress.cases, references, outcomes, strict=True)
    ]
    parts = sections(found, pictures(folder, progress, compared, reporter))
    (folder / "report.md").write_text(markdown(found["title"], parts), encoding="utf-8")
    (folder / "report.html").write_text(html(found["title"], parts), encoding="utf-8")
    return found


def document(
    progress: Progress,
    references: Sequence[Reference],
    outcomes: Sequence[Outcome],
    held_out: Judgement | None,
    command: str,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """All that is known of the reduction, as plain dicts, lists, numbers and texts; failures have infinite errors."""
    gas, best = progress.parent.gas, progress.best
    errors = best.errors | (held_out.errors if held_out else {})
    spent = seconds | {stage.name: stage.seconds for stage in progress.stages[1:]}
    return {
        "title": f"Reduction: {progress.settings.title}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": command,
        "versions": {"combust": __version__, "cantera": ct.__version__},
        "parent": {
            "file": Path(gas.path).name, "phase": gas.name, "sha256": gas.sha256,
            "species": len(gas.species), "reactions": len(progress.parent.reactions),
        },
        "settings": msgspec.to_builtins(progress.settings),
        "tolerance": dict(progress.tolerance),
        "targets": dict(progress.targets),
        "stages": stages(progress),
        "cases": [
            {"name": str(case), **asdict(case), "reason": outcome.reason,
             "values": values(reference.outcome, outcome, errors.get(place, {}), progress)}
            for place, (case, reference, outcome) in enumerate(zip(progress.cases, references, outcomes, strict=True))
        ],
        "score": {"search": best.score, "held_out": held_out.score if held_out else None},
        "worst": {"search": best.why, "held_out": held_out.why if held_out else None},
        "seconds": spent,
        "total_seconds": sum(spent.values()),
    }  # fmt: skip


def stages(progress: Progress) -> list[dict[str, Any]]:
    """Each step: what it left, what it took away, its errors by number of the case, and what it cost."""
    found = []
    before: Stage | None = None
    for stage in progress.stages:
        subset = stage.judgement.subset
        lost = set(before.judgement.subset.species) - set(subset.species) if before else set()
        found.append(
            {
                "name": stage.name,
                "species": list(progress.parent.names(subset)),
                "reactions": [progress.parent.reactions[i].equation for i in subset.reactions],
                "quasi_steady": [progress.parent.gas.species[k] for k in subset.qss],
                "removed": [progress.parent.gas.species[k] for k in sorted(lost)],
                "factors": {str(i): factor for i, factor in subset.factors},
                "score": stage.judgement.score,
                "worst": stage.judgement.why,
                "errors": {str(place): errors for place, errors in stage.judgement.errors.items()},
                "seconds": stage.seconds,
                "evaluations": stage.evaluations,
            }
        )
        before = stage
    return found


def values(detailed: Outcome, reduced: Outcome, errors: dict[str, float], progress: Progress) -> list[dict[str, Any]]:
    """Every metric of a case: both values (None for a profile), error and tolerance (None for what is not held)."""
    return [
        {
            "metric": metric,
            "detailed": detailed.values.get(metric),
            "reduced": reduced.values.get(metric),
            "error": errors.get(metric, math.inf),
            "tolerance": progress.tolerance.get(metric),
        }
        for metric in (*detailed.values, *detailed.profiles)
    ]


def _compared(case: Any, detailed: Outcome, reduced: Outcome) -> Compared:
    profiles = {name: (x, reduced.profiles.get(name)) for name, x in detailed.profiles.items()}
    return Compared(case, detailed.values, reduced.values, profiles)


def pictures(folder: Path, progress: Progress, compared: Sequence[Compared], reporter: Reporter) -> dict[str, Picture]:
    """Draws what there is to draw; without matplotlib a warning, as the tables hold the same."""
    try:
        return _pictures(folder, progress, compared)
    except DependencyError as error:
        reporter.warn(f"no pictures: {error}")
        return {}


def _pictures(folder: Path, progress: Progress, compared: Sequence[Compared]) -> dict[str, Picture]:
    path = {name: folder / f"report_{name}.png" for name in PICTURES}
    found = {}
    for name, plot in zip(PICTURES, PLOTS, strict=False):
        if report_pictures.values_picture(path[name], plot, compared):
            caption = f"{plot.label.capitalize()}: detailed (lines) and reduced mechanism (markers)."
            found[name] = Picture(path[name], caption)
    if report_pictures.profiles_picture(path["profiles"], compared):
        found["profiles"] = Picture(path["profiles"], "Heat release over the progress of the temperature.")
    subsets = [stage.judgement.subset for stage in progress.stages]
    report_pictures.stages_picture(
        path["stages"], [s.name for s in progress.stages], [len(s.species) - len(s.qss) for s in subsets],
        [len(s.reactions) for s in subsets],
    )  # fmt: skip
    found["stages"] = Picture(path["stages"], "Species and reactions after each step.")
    if progress.graph is not None and len(progress.best.subset.species) > 1:
        found["graph"] = _graph(path["graph"], progress)
    return found


def _graph(path: Path, progress: Progress) -> Picture:
    assert progress.graph is not None and progress.ranking is not None
    gas, all_kept = progress.parent.gas, set(progress.best.subset.species)
    kept = sorted([k for k in progress.ranking.species if k in all_kept][:DRAWN])
    names = [gas.species[k] for k in kept]
    fixed = {gas.species[k] for k in retained_rows(progress)}
    strength = report_graph.mean_strength(progress.graph, kept)
    least = report_graph.graph_picture(path, names, strength, set(progress.targets), fixed)
    which = "kept species" if len(kept) == len(all_kept) else f"the {len(kept)} most important kept species"
    return Picture(
        path,
        f"How strongly {which} depend on each other: {progress.graph.method.upper()} coefficients of the detailed "
        f"mechanism, averaged over the sampled states; wider is stronger, from {least:.2g} on.",
    )
