"""Every verb of the command line as a function: it takes paths and numbers in SI, prints nothing and returns a report.

    from combust import api

    table = api.ignite("h2o2.yaml", "H2", phi=[0.5, 1.0], T=[1100.0, 1300.0])
    for row in table.rows:
        print(row.phi, row.T, row.delays[0])

What a function needs is loaded when it is first asked for. All raise combust.errors.CombustError for what cannot be
done.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from combust.chain.chain import chain as chain
    from combust.check.command import check as check
    from combust.cli.reference import kinds as kinds
    from combust.cli.reference import schema_of as schema  # noqa: F401
    from combust.experiments.validate import validate as validate
    from combust.installation import doctor as doctor
    from combust.io.info import info as info
    from combust.kinetics.constants.merge import merge as merge
    from combust.kinetics.constants.rate import rate as rate
    from combust.kinetics.dynamics.run import md as md
    from combust.kinetics.falloff.falloff import falloff as falloff
    from combust.kinetics.falloff.importing import read_rates as read_rates
    from combust.kinetics.flames.extinctions import extinction as extinction
    from combust.kinetics.flames.speeds import flamespeed as flamespeed
    from combust.kinetics.quantum.command import tst as tst
    from combust.kinetics.quantum.thermochemistry.thermo import thermo as thermo
    from combust.kinetics.reactors.ignite import ignite as ignite
    from combust.kinetics.trajectories.network import network as network
    from combust.kinetics.uncertainty.uncertainty import uncertainty as uncertainty
    from combust.profiling.command import profile as profile
    from combust.reduction.reduce import reduce as reduce
    from combust.run.picture import plot as plot
    from combust.run.run import run as run
    from combust.shipped import cases as cases
    from combust.shipped import new as new
    from combust.surrogates.data.sample import sample as sample
    from combust.surrogates.judge.fetch import fetch as fetch
    from combust.surrogates.judge.models import available as models  # noqa: F401
    from combust.surrogates.judge.verify import verify as verify
    from combust.surrogates.rounds.learn import learn as learn
    from combust.surrogates.training.train import train as train

FUNCTIONS = {  # name -> module and name there
    "cases": ("combust.shipped", "cases"),
    "new": ("combust.shipped", "new"),
    "run": ("combust.run.run", "run"),
    "check": ("combust.check.command", "check"),
    "profile": ("combust.profiling.command", "profile"),
    "info": ("combust.io.info", "info"),
    "schema": ("combust.cli.reference", "schema_of"),
    "plot": ("combust.run.picture", "plot"),
    "ignite": ("combust.kinetics.reactors.ignite", "ignite"),
    "flamespeed": ("combust.kinetics.flames.speeds", "flamespeed"),
    "extinction": ("combust.kinetics.flames.extinctions", "extinction"),
    "validate": ("combust.experiments.validate", "validate"),
    "merge": ("combust.kinetics.constants.merge", "merge"),
    "rate": ("combust.kinetics.constants.rate", "rate"),
    "thermo": ("combust.kinetics.quantum.thermochemistry.thermo", "thermo"),
    "tst": ("combust.kinetics.quantum.command", "tst"),
    "network": ("combust.kinetics.trajectories.network", "network"),
    "falloff": ("combust.kinetics.falloff.falloff", "falloff"),
    "read_rates": ("combust.kinetics.falloff.importing", "read_rates"),  # `combust falloff --read`
    "md": ("combust.kinetics.dynamics.run", "md"),
    "uncertainty": ("combust.kinetics.uncertainty.uncertainty", "uncertainty"),
    "reduce": ("combust.reduction.reduce", "reduce"),
    "sample": ("combust.surrogates.data.sample", "sample"),
    "train": ("combust.surrogates.training.train", "train"),
    "learn": ("combust.surrogates.rounds.learn", "learn"),
    "verify": ("combust.surrogates.judge.verify", "verify"),
    "chain": ("combust.chain.chain", "chain"),
    "fetch": ("combust.surrogates.judge.fetch", "fetch"),  # `combust models --fetch`
    "models": ("combust.surrogates.judge.models", "available"),
    "doctor": ("combust.installation", "doctor"),
    "kinds": ("combust.cli.reference", "kinds"),  # `combust list`
}
__all__ = tuple(FUNCTIONS)


def __getattr__(name: str) -> Any:
    """The function, loaded now."""
    if name not in FUNCTIONS:
        raise AttributeError(f"module 'combust.api' has no attribute {name!r}; it has {', '.join(FUNCTIONS)}")
    module, own = FUNCTIONS[name]
    return getattr(importlib.import_module(module), own)


def __dir__() -> list[str]:
    return sorted((*globals(), *FUNCTIONS))
