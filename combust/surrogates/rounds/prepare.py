"""What rounds of learning are asked for, checked before anything long is computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from combust.case.config import Config
from combust.case.load import to_toml as case_toml
from combust.errors import ConfigError, at
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.settings.trees import tree
from combust.surrogates import library
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.model import Model, files_of
from combust.surrogates.rounds.explore import with_model
from combust.surrogates.rounds.folders import sha256
from combust.surrogates.rounds.settings import Learn
from combust.surrogates.settings import Surrogate
from combust.surrogates.settings import load as load_surrogate
from combust.surrogates.training.job import check_samples, check_start, content_of


@dataclass(frozen=True, eq=False)
class Prepared:
    """Settings of the rounds and of the learned chemistry, its mechanism, samples and first network."""

    settings: Learn
    surrogate: Surrogate
    gas: Mechanism
    samples: Path
    rows: int  # that are trained on before any round
    start: Path
    identity: dict[str, Any]


def prepared(settings: Learn) -> Prepared:
    """Raises the errors of the files that are named, and ConfigError where they do not fit together."""
    with at(settings.config):
        surrogate = load_surrogate(settings.config)
    gas = Mechanism.load(surrogate.mechanism, surrogate.phase, ions=surrogate.ions)
    samples, start = Path(settings.samples), library.find(settings.model)
    rows = SampleSet.read(samples)
    check_samples(surrogate, gas, rows, samples)
    model = Model.load(start)
    check_start(surrogate, gas, model, rows, True)
    if "router" not in model.card:
        raise ConfigError(f"model: {settings.model} has no router: its training was not finished")
    cases = {flow.name: with_model(flow, start) for flow in (*settings.explore.cases, *settings.explore.held_out)}
    for name, case in cases.items():
        check_case(name, case, gas)
    identity = {
        "settings": tree(settings), "mechanism": gas.sha256, "samples": content_of(samples),
        "config": sha256(Path(settings.config)), "model": sha256(files_of(start)[1]),
        "cases": {name: of_case(case) for name, case in cases.items()},
    }  # fmt: skip
    trained = int((rows.split == 0).sum())
    return Prepared(settings, surrogate, gas, samples, trained, start, identity)


def check_case(name: str, case: Config, gas: Mechanism) -> None:
    """Raises ConfigError for a flow of another mechanism, or one that does not end."""
    own = Mechanism.load(case.gas.mechanism, case.gas.phase, ions=case.gas.ions)
    if own.sha256 != gas.sha256:
        raise ConfigError(
            f"{name}: its mechanism {case.gas.mechanism} is another one than that of the learned chemistry"
        )
    if case.stop.steps is None and case.stop.time is None:
        raise ConfigError(f"{name}: says neither stop.steps nor stop.time: an exploration has to end by itself")


def of_case(case: Config) -> str:
    """SHA-256 of what a case says, but for title, output and where the model lies."""
    raw = msgspec.structs.replace(case, title="", output=type(case.output)())
    chemistry = msgspec.structs.replace(case.chemistry, model="any")
    return hashlib.sha256(case_toml(msgspec.structs.replace(raw, chemistry=chemistry)).encode()).hexdigest()
