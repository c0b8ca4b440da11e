"""The end of a training: scores, the router's limits, the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from combust.report.meter import Reporter
from combust.surrogates.data.sample_set import SPLITS
from combust.surrogates.model.model import Model
from combust.surrogates.training import scores
from combust.surrogates.training.calibrate import calibrate
from combust.surrogates.training.job import MODEL, Job
from combust.surrogates.training.rows import peaks
from combust.timers import clock


@dataclass(frozen=True, eq=False)
class Trained:
    """A learned chemistry that was made or changed, and its files."""

    path: Path  # of the card; the weights lie beside it
    model: Model
    losses: Path | None = None  # the curve; None where nothing was trained
    picture: Path | None = None  # of the curve; None without matplotlib


def finish(model: Model, job: Job, reporter: Reporter) -> None:
    """Scores, the router's limits, the files."""
    peak = peaks(job.samples.of("train"), model.coordinates)
    errors = {split: scores.errors(model, job.gas, job.samples.of(split), peak) for split in SPLITS[1:]}
    model.card["errors"] = errors
    calibrate(model, job.gas, job.samples, job.settings)
    model.save(job.folder / MODEL)
    reporter.say(scores.table(errors))
    training = model.card["training"]
    reporter.say(f"{training['rows_seen']} rows seen in {clock(training['seconds'])}")
    reporter.say(trusted(model.card["router"]))
    if model.card["router"].get("verdict"):
        reporter.say(f"warning: {model.card['router']['verdict']}")


def trusted(router: dict[str, Any]) -> str:
    """What the router lets the network have, and how well the estimate that decides it ranks the true errors."""
    if not router["asked"]:
        return "router: no validation row asks for the network"
    used, within = router["ranking"]["estimate"], router["ranking"].get("within what is stated")
    low, high = (100 * x for x in router["certainty"]["accepted"])
    words = [
        f"router: accepts {100 * used['accepted']:.0f} % of {router['asked']} validation rows ({low:.0f} to {high:.0f} "
        f"% by other draws of the trajectories), limit {router['limit']:.2f}"
    ]
    if "rank_correlation" in used:
        words.append(
            f"the estimated error of a step and the true one have rank correlation {used['rank_correlation']:.2f}"
        )
    if within is not None:
        words.append(
            f"within the stated error are {100 * within['network']:.0f} % of the network's steps, "
            f"{100 * within['kept']:.0f} % of those that are kept"
        )
    return "; ".join(words)
