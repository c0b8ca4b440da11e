"""Transport models by name: checks a model's numbers and builds the data that its kernels take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.transport.model import TransportModel
from combust.kinetics.transport.properties import (
    MODELS,
    ConstantTransport,
    LewisTransport,
    PowerLaw,
    SoretTransport,
    Sutherland,
)

Number: TypeAlias = "float | Mapping[str, float]"  # of a model; a table has one for each of some species

# Model -> its numbers: True where one must be given.
NUMBERS: dict[str, dict[str, bool]] = {
    "mixture-averaged": {"soret": False},
    "unity-Lewis": {},
    "constant-Lewis": {"lewis": True, "default": False},
    "constant": {"viscosity": True, "prandtl": False, "schmidt": False},
    "sutherland": dict.fromkeys(("viscosity", "temperature", "constant"), True) | {"prandtl": False, "schmidt": False},
    "power-law": dict.fromkeys(("viscosity", "temperature", "exponent"), True) | {"prandtl": False, "schmidt": False},
}


def transport_model(gas: Gas, model: str = "mixture-averaged", **numbers: Number) -> TransportModel:
    """Data of a transport model, for `transport_properties` with the same model name.

    mixture-averaged: soret (False), thermal diffusion of species lighter than 5 kg/kmol.
    constant-Lewis: lewis, species -> Lewis number; default, that of all other species.
    constant, sutherland, power-law: viscosity [Pa s] (at `temperature` [K] for the two laws), Sutherland's constant
    [K] or the exponent; prandtl (0.7), schmidt (0.7) of every species.
    Raises ConfigError for an unknown model or species, a number that is missing, out of range or belongs to another
    model; MechanismError if the mechanism lacks transport data, or light species for Soret.
    """
    _require(model, numbers)
    if model == "constant-Lewis":
        lewis, default = numbers["lewis"], numbers.get("default")
        if not isinstance(lewis, Mapping) or isinstance(default, Mapping):
            raise ConfigError(
                'transport model "constant-Lewis": lewis is a table of species and numbers, default a number'
            )
        return LewisTransport(gas.transport_data, lewis_numbers(gas, lewis, default))
    if model in ("mixture-averaged", "unity-Lewis"):
        fits = gas.transport_data
        return SoretTransport(fits, gas.soret_data) if numbers.get("soret") else fits
    value = {name: _positive(model, name, x, gas.device) for name, x in numbers.items()}
    prandtl, schmidt = (value.get(name, _tensor(0.7, gas.device)) for name in ("prandtl", "schmidt"))
    at_reference = value["viscosity"]
    law: Tensor | Sutherland | PowerLaw = at_reference
    if model == "sutherland":
        law = Sutherland(at_reference, value["temperature"], value["constant"])
    elif model == "power-law":
        law = PowerLaw(at_reference, value["temperature"], value["exponent"])
    return ConstantTransport(law, prandtl, schmidt, gas.molar_mass)


def lewis_numbers(gas: Gas, lewis: Mapping[str, float], default: float | None = None) -> Tensor:
    """Lewis numbers (species,) from a table of names; `default` stands for the species that it lacks.

    Raises ConfigError for numbers that are not finite and > 0, for unknown species (naming near matches) and for
    missing ones without a default.
    """
    for name in lewis:
        if gas.names.row(name) is None:
            raise ConfigError(f"constant-Lewis transport: {gas.unknown_species(name)}")
    given = gas.names.values(lewis)
    missing = [name for k, name in enumerate(gas.species) if k not in given]
    if missing and default is None:
        names = ", ".join(missing[:8]) + (" ..." if len(missing) > 8 else "")
        raise ConfigError(
            f"constant-Lewis transport: no Lewis number for {len(missing)} of {len(gas.species)} species ({names}); "
            "add them, or give a default"
        )
    values = [
        _positive("constant-Lewis", name, given.get(k, default), gas.device) for k, name in enumerate(gas.species)
    ]
    return torch.stack(values)


def _require(model: str, numbers: Mapping[str, Number]) -> None:
    """Raise ConfigError unless `numbers` are those of the model."""
    if model not in NUMBERS:
        raise ConfigError(f'transport model "{model}" is unknown; known: {", ".join(MODELS)}')
    foreign = [name for name in numbers if name not in NUMBERS[model]]
    if foreign:
        known = ", ".join(NUMBERS[model]) or "none"
        raise ConfigError(f'transport model "{model}" takes no {", ".join(foreign)}; it takes: {known}')
    missing = [name for name, needed in NUMBERS[model].items() if needed and name not in numbers]
    if missing:
        raise ConfigError(f'transport model "{model}" needs {", ".join(missing)}')


def _positive(model: str, name: str, value: Number | None, device: torch.device) -> Tensor:
    if value is None or isinstance(value, Mapping):
        raise ConfigError(f'transport model "{model}": {name} = {value}: must be a number')
    zero = name in ("viscosity", "exponent", "constant")  # zero: an inviscid gas, a law without that dependence
    if not (math.isfinite(value) and (value >= 0 if zero else value > 0)):
        bound = ">= 0" if zero else "> 0"
        raise ConfigError(f'transport model "{model}": {name} = {value}: must be finite and {bound}')
    return _tensor(value, device)


def _tensor(value: float, device: torch.device) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64, device=device)
