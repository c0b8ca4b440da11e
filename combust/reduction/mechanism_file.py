"""The file of a reduced mechanism, with where it comes from."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cantera as ct

from combust import __version__
from combust.errors import MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction import chain
from combust.reduction.select import qss
from combust.reduction.select.search import Judgement


def write_mechanism(path: Path, progress: chain.Progress, held_out: Judgement | None, command: str) -> None:
    """The YAML file with its origin; it is read again, by Cantera and by combust, before anyone relies on it."""
    subset, parent = progress.best.subset, progress.parent
    origin, title = provenance(progress, held_out, command), f"Reduced from {Path(parent.gas.path).name}"
    if subset.qss:
        text, module = qss.export(parent, subset, subset.qss, origin, title)
        path.with_name("qss_cantera.py").write_text(module, encoding="utf-8")
    else:
        text = parent.yaml(subset, origin, title)
    path.write_text(text, encoding="utf-8")
    again = ct.Solution(str(path))
    Mechanism.load(path, ions=parent.gas.ions)
    if subset.qss:
        return  # reactions that are not linear in QSS species are gone
    if (again.n_species, again.n_reactions) != (len(subset.species), len(subset.reactions)):
        raise MechanismError(f"{path}: holds {again.n_species} species and {again.n_reactions} reactions, not {subset}")


def provenance(progress: chain.Progress, held_out: Judgement | None, command: str) -> dict[str, Any]:
    """Where a reduced mechanism comes from; the same for the same work, but for the date."""
    gas = progress.parent.gas
    return {
        "parent": {"file": Path(gas.path).name, "phase": gas.name, "sha256": gas.sha256},
        "method": [f"{s.name}: {s.judgement.subset}" for s in progress.stages],
        "targets": progress.targets,
        "tolerance": progress.tolerance,
        "errors": {
            "search": worst_errors(progress.best),
            "held-out": worst_errors(held_out) if held_out is not None else None,
        },
        "command": command,
        "combust": __version__,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def worst_errors(judgement: Judgement) -> dict[str, float | str]:
    """Greatest error of each metric over the cases."""
    found: dict[str, float] = {}
    for errors in judgement.errors.values():
        for metric, error in errors.items():
            found[metric] = max(found.get(metric, 0.0), error)
    return {metric: error if math.isfinite(error) else "fails" for metric, error in found.items()}
