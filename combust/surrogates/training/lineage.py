"""The card of a trained model: what it is for, what its rows covered, where it comes from."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from combust import __version__
from combust.errors import MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.sample_set import SPLITS, STREAMS, SampleSet
from combust.surrogates.model.model import Model
from combust.surrogates.model.transfer import Species
from combust.surrogates.origin import now, revision
from combust.surrogates.settings import Surrogate, decades, to_toml
from combust.surrogates.training.state import State

NEAR = 0.02  # of the logarithm of a range: rows that come so close cover its end


def card(
    settings: Surrogate, gas: Mechanism, samples: SampleSet, state: State, init: str | None, minutes: float | None
) -> dict[str, Any]:
    """What the model is and where it comes from."""
    learned = samples.split == SPLITS.index("train")
    Y = samples.Y[learned]
    moles = Y @ (gas.element_matrix / gas.molar_mass).cpu().numpy().T
    atoms = moles / moles.sum(1, keepdims=True)
    ions = {"ions": gas.ions} if gas.ions else {}
    return {
        "title": settings.title,
        "mechanism": {"path": mechanism_path(gas), "sha256": gas.sha256, "phase": gas.name, **ions},
        "fuel": settings.fuel,
        "oxidizer": settings.oxidizer,
        "species": list(gas.species),
        "hold": samples.hold,
        "ranges": {
            "T": [float(samples.T[learned].min()), float(samples.T[learned].max())],
            "p": covered(samples.p[learned], settings.range.p), "dt": covered(samples.dt[learned], settings.range.dt),
            "phi": list(settings.range.phi),
            "atoms": {e: [float(atoms[:, k].min()), float(atoms[:, k].max())] for k, e in enumerate(gas.elements)},
        },
        "labels": msgspec.to_builtins(settings.sample.labels) | {"audit": samples.audit.get("summary", {})},
        "samples": {
            "rows": {name: int((samples.split == k).sum()) for k, name in enumerate(SPLITS)},
            "streams": {name: int((samples.stream == k).sum()) for k, name in enumerate(STREAMS)},
            "rounds": int(samples.round.max()), "slow": float(samples.slow.mean()),
            "trajectories": len(samples.groups), "revision": samples.revision,
        },
        "sampler": samples.config,
        "config": to_toml(settings),
        "training": {
            "epochs": [int(line[1]) for line in last_lines(state)], "rows_seen": state.rows,
            "seconds": round(state.seconds, 1), "seed": settings.train.seed,
            "init": Path(init).name if init else None, "minutes": minutes,
        },
        "versions": {"combust": __version__, "torch": torch.__version__, "revision": revision()},
        "written": now(),
    }  # fmt: skip


def others(also: SampleSet) -> dict[str, Any]:
    """Rows of other fuels that the network learned from, and trajectories of each kind."""
    kinds = Counter(group["kind"] for group in also.groups)
    return {"rows": {name: int((also.split == k).sum()) for k, name in enumerate(SPLITS)}, "trajectories": dict(kinds)}


def parent(start: Model, species: Species) -> dict[str, Any]:
    """The model that a training started from, by the digest of its weights, and what it knew of the species."""
    known = start.card["mechanism"]
    return {
        "name": start.name, "weights": start.card["weights"]["sha256"],
        "mechanism": {"path": known["path"], "sha256": known["sha256"]},
        "species": {name: list(names) for name, names in species._asdict().items()},
        "parent": start.card.get("training", {}).get("parent"),
    }  # fmt: skip


def covered(values: np.ndarray, asked: tuple[float, float]) -> list[float]:
    """Lowest and highest value of the rows; a bound that was asked for where they come near it, as random draws do."""
    room = 1.0 + NEAR * decades(asked) + 1e-9
    found = zip(asked, (float(values.min()), float(values.max())), strict=True)
    return [bound if bound / room <= value <= bound * room else value for bound, value in found]


def last_lines(state: State) -> list[list[float]]:
    """Of the loss curve, the last of each network."""
    return list({line[0]: line for line in state.history}.values())


def mechanism_path(gas: Mechanism) -> str:
    """The bare name of a mechanism's file if it is found by that, else the path."""
    name = Path(gas.path).name
    with suppress(MechanismError):
        if Mechanism.load(name, gas.name, ions=gas.ions).sha256 == gas.sha256:
            return name
    return gas.path
