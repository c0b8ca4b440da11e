"""What mixture fraction and progress of a case refer to, from its tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from combust.case.config import Config
from combust.case.names import streams_of
from combust.cfd.diagnostics.mixture import Definitions, Progress, coupling_function
from combust.cfd.initial.settings import LayersInitial
from combust.cfd.initial.unburnt import Unburnt
from combust.errors import ConfigError, at
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import pairs_of

Mixtures = Callable[[Any, str], torch.Tensor]  # Y of a table that names a gas, and its place for messages


def definitions(config: Config, gas: Mechanism, fresh: Unburnt | None, mixture: Mixtures) -> Definitions:
    """Streams and progress variable. Raises ConfigError, MechanismError for those that are none."""
    return Definitions(streams(config, gas, fresh, mixture), progress(config, gas, fresh))


def streams(config: Config, gas: Mechanism, fresh: Unburnt | None, mixture: Mixtures) -> torch.Tensor | None:
    """(2, species) mass fractions of oxidizer and fuel: those asked for, or that burn, or the ends of layers."""
    asked = config.output.mixture_fraction
    if asked is None and fresh is not None:
        return fresh.streams
    named = streams_of(config)
    if named is None:
        return of_layers(config.initial, gas, mixture) if isinstance(config.initial, LayersInitial) else None
    table = "initial" if asked is None else "output.mixture_fraction"
    rows = []
    for key, composition in zip(("oxidizer", "fuel"), reversed(named), strict=True):
        with at(f"{table}.{key}"):
            rows.append(gas.composition(composition))
    found = torch.stack(rows)
    oxidizer, fuel = found @ coupling_function(gas)
    if asked is not None and not float(fuel - oxidizer) > 1e-6 * float(fuel.abs() + oxidizer.abs()):
        raise ConfigError(
            f'output.mixture_fraction: fuel = "{named[0]}" has no more C and H over O than oxidizer = "{named[1]}": '
            "a mixture fraction needs a stream that burns and one that it burns with"
        )
    return found


def of_layers(initial: LayersInitial, gas: Mechanism, mixture: Mixtures) -> torch.Tensor | None:
    """Of several streams those with most to burn, and with most to burn it; None if they are alike."""
    gases = torch.stack([mixture(table, f"initial.streams[{i}]") for i, table in enumerate(initial.streams)])
    ends = gases @ coupling_function(gas)
    if not float(ends.max() - ends.min()) > 1e-6 * float(ends.abs().max()):
        return None
    return gases[[int(ends.argmin()), int(ends.argmax())]]


def progress(config: Config, gas: Mechanism, fresh: Unburnt | None) -> Progress | None:
    """The progress variable, None where its ends are not known."""
    asked = config.output.progress
    if fresh is None and not asked.complete:
        return None
    weights = torch.zeros(1 + len(gas.species), dtype=torch.float64, device=gas.molar_mass.device)
    if asked.species is None:
        weights[0] = 1.0
    else:
        with at("output.progress.species"):
            for name, weight in pairs_of(asked.species):
                weights[1 + gas.index(name)] = weight
    ends = []
    for key, T, Y in (
        ("fresh", fresh and fresh.temperature, fresh and fresh.Y),
        ("burnt", fresh and fresh.burnt_temperature, fresh and fresh.burnt_Y),
    ):
        given = getattr(asked, key)
        if given is None:
            assert T is not None and isinstance(Y, torch.Tensor)
            given = T if asked.species is None else float(weights[1:] @ Y)
        ends.append(given)
    if ends[0] == ends[1]:
        raise ConfigError(
            f"output.progress: is {ends[0]:g} in the fresh gas and in the burnt: give other species, or fresh and burnt"
        )
    return Progress(weights, *ends)
