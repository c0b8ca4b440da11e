"""Trainings of one recipe with ten seeds, with weights moved in their last digits, and of a recipe as users have it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from combust.surrogates.data import sample
from combust.surrogates.model.model import Model
from combust.surrogates.model.network import Network
from combust.surrogates.training import train
from validation.trust import Member

KIND = (
    "Trainings of one recipe are equally good whatever the seed and the last bit; where the limit of trust hangs on "
    "few rows, `combust train` says so."
)
SEEDS = range(10)
MOVED = 1e-7  # of the first weights: what another processor's arithmetic does within a few steps
RECIPE = Path(__file__).parents[2] / "tests" / "data" / "learned" / "tiny.toml"
TINY = ("sample.rows=3500", "sample.trajectories.ignition=4", "sample.trajectories.flame=3", "sample.temperature=100.0",
        "sample.exponent=0.1", "network.width=32")  # fmt: skip
MORE = ("sample.rows=12000", "sample.trajectories.ignition=40", "sample.trajectories.flame=12", "train.epochs=30")
FEW: tuple[str, ...] = ()  # changes of the tiny recipe
SMOKE = {
    "SEEDS": range(1),
    "FEW": ("sample.rows=300", "train.epochs=2", "network.width=8", "router.references=8"),
    "MORE": ("sample.rows=300", "sample.trajectories.ignition=6", "train.epochs=2", "network.width=8"),
}


def members() -> Iterator[Member]:
    """The tiny recipe, ten seeds and ten neighbours; more trajectories, three seeds."""
    with tempfile.TemporaryDirectory() as folder:
        config, samples = Path(folder) / "c.toml", Path(folder) / "samples.h5"
        config.write_text(RECIPE.read_text(encoding="utf-8"))
        sampled(config, samples, FEW)
        tried = [trained(config, samples, (*FEW, f"train.seed={seed}"), 0.0) for seed in SEEDS]
        yield few("two validation trajectories, seeds 0 to 9", tried)
        tried = [trained(config, samples, FEW, MOVED, seed) for seed in SEEDS]
        yield few("the same, ten neighbours of the first weights (1e-7)", tried)
        sampled(config, samples, MORE)
        yield many([trained(config, samples, (*MORE, f"train.seed={seed}"), 0.0) for seed in SEEDS[:3]])


def sampled(config: Path, out: Path, changes: tuple[str, ...]) -> None:
    sample.sample(config, out, changes=[*TINY, *changes], force=True)


def trained(config: Path, samples: Path, changes: tuple[str, ...], noise: float, number: int = 0) -> dict[str, Any]:
    """The card's router, and the first, best and last validation loss."""
    begin, random = train.Trainer._begin, torch.Generator().manual_seed(number)

    def moved(self: Any) -> Network:
        network = begin(self)
        with torch.no_grad():
            for x in network.parameters():
                x.mul_(1.0 + noise * torch.randn(x.shape, generator=random))
        return network

    out = config.parent / "out"
    with patch.object(train.Trainer, "_begin", moved):
        train.train(config, out, samples=samples, changes=[*TINY, *changes], force=True)
    loss = np.loadtxt(out / "losses.csv", delimiter=",", skiprows=1)[:, 6]
    return Model.load(out / "model").card["router"] | {"loss": (loss[0], loss.min(), loss[-1])}


def told(tried: list[dict[str, Any]]) -> str:
    """Ranges over the trainings."""

    def span(values: list[float]) -> str:
        return f"{min(values):.3g} to {max(values):.3g}"

    shares = [100 * r["ranking"]["estimate"]["accepted"] for r in tried]
    warned = sum(bool(r["verdict"]) for r in tried)
    return (
        f"validation loss {span([r['loss'][2] for r in tried])}, kept steps within the stated error "
        f"{span([100 * r['ranking']['within what is stated']['kept'] for r in tried])} %, limit "
        f"{span([r['limit'] for r in tried])}, accepted {span(shares)}"
        f" % of {span([r['asked'] for r in tried])} rows; warned: {warned} of {len(tried)}"
    )


def alike(tried: list[dict[str, Any]]) -> bool:
    """All have learned, ended near their best, and are within a quarter of each other."""
    last = [r["loss"][2] for r in tried]
    learned = all(r["loss"][2] < 0.7 * r["loss"][0] and r["loss"][2] < 1.1 * r["loss"][1] for r in tried)
    return learned and max(last) < 1.25 * min(last)


def few(what: str, tried: list[dict[str, Any]]) -> Member:
    return Member(what, "losses alike; each warned", told(tried), alike(tried) and all(r["verdict"] for r in tried))


def many(tried: list[dict[str, Any]]) -> Member:
    shares = [r["ranking"]["estimate"]["accepted"] for r in tried]
    ends = [r["certainty"]["limit"] for r in tried]
    sure = all(bool(r["verdict"]) == (high > 2 * low) for r, (low, high) in zip(tried, ends, strict=True))
    n = tried[0]["certainty"]["trajectories"]
    return Member(f"{n} validation trajectories, seeds 0 to 2", "losses alike, accepted shares within a factor of two; "
                  "warned only where the ends of the limit differ by more than two", told(tried),
                  alike(tried) and max(shares) < 2 * min(shares) and sure)  # fmt: skip
