"""How certain the limit of trust is that a training ends with, and words where it is not.

The rows that it is chosen by come from a few whole trajectories, and at a quantile of 98 % the first two misjudged rows
of a hundred decide. Too low a limit costs time, since cells become exact; too high a one breaks the stated error. What
another draw of as many trajectories would have given is seen by drawing from these with replacement: Efron (1979),
doi:10.1214/aos/1176344552.
"""

from __future__ import annotations

from typing import Any

import numpy as np

DRAWS = 200
ENDS = (0.05, 0.95)  # quantiles of the draws that are shown
FEWEST = 8  # trajectories, of which anything can be said
WIDEST = 2.0  # highest over lowest limit
LEAST = 0.25  # of the rows, that a network is worth having for


def accepted(estimate: np.ndarray, true: np.ndarray, quantile: float) -> tuple[float, float]:
    """Largest share of rows, those of the smallest estimates, of which `quantile` have a true error of at most one; and
    the estimate that bounds them (zero if there are none).
    """
    order = np.argsort(estimate, kind="stable")
    good = np.cumsum(true[order] <= 1.0) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(good >= quantile)
    if not len(enough):
        return 0.0, 0.0
    return float((enough[-1] + 1) / len(order)), float(estimate[order[enough[-1]]])


def certainty(estimate: np.ndarray, true: np.ndarray, trajectory: np.ndarray, quantile: float) -> dict[str, Any]:
    """Of rows with these estimates, true errors and trajectories, all (rows,): how many trajectories, and what 90 % of
    draws of as many lie between: the limit, and the accepted share of the rows. The draws are the same each time.
    """
    own = [np.flatnonzero(trajectory == k) for k in np.unique(trajectory)]
    if not own:
        return {"trajectories": 0, "limit": [0.0, 0.0], "accepted": [0.0, 0.0]}
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        rows = np.concatenate([own[k] for k in rng.integers(0, len(own), len(own))])
        found.append(accepted(estimate[rows], true[rows], quantile))
    share, limit = (np.quantile(np.array(x), ENDS).tolist() for x in zip(*found, strict=True))
    return {"trajectories": len(own), "limit": limit, "accepted": share}


def verdict(router: dict[str, Any]) -> str:
    """What to know before a model with this router is used, and what to do about it; empty where all is well."""
    known, asked, words = router["certainty"], router["asked"], []
    share = router["ranking"]["estimate"]["accepted"]
    low, high = known["limit"]
    if not asked:
        return (
            "no validation row asks for the network, so that it is never trusted and every cell that reacts is exact: "
            "sample more trajectories (sample.trajectories), or lower sample.slow"
        )
    if known["trajectories"] < FEWEST or high > WIDEST * low:
        a, b = (round(100 * x) for x in known["accepted"])
        words.append(
            f"its limit of trust, {router['limit']:.2f}, hangs on a few rows: {asked} of {known['trajectories']} "
            f"validation trajectories. By the trajectories it lies between {low:.2f} and {high:.2f}, and {a} to {b} % "
            "of the rows are the network's. Too high, errors of a step beyond the stated one are let pass; too low, "
            "cells are exact without need. Sample more trajectories (sample.trajectories, sample.rows), then train "
            "again, or fit the limit alone (--init MODEL --calibrate)"
        )
    if share < LEAST and known["accepted"][1] < 2 * LEAST:
        words.append(
            f"only {share:.0%} of the rows that it is asked for are the network's, the others exact: train longer "
            "(train.epochs), on more rows (sample.rows), with a larger network (network.width), or state a larger "
            "error ([router])"
        )
    return "; ".join(words)
