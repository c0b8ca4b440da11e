"""Tables of a case file that say which transport properties a gas has, and the data that the kernels take of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from combust.settings.base import NotNegative, Positive, Settings, doc

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.transport.model import TransportModel


class ConstantTransport(Settings, frozen=True, tag_field="kind", tag="constant"):
    """One viscosity and constant Prandtl and Schmidt numbers."""

    viscosity: Annotated[NotNegative, doc("dynamic viscosity", "Pa s")]
    prandtl: Annotated[Positive, doc("Prandtl number")] = 0.7
    schmidt: Annotated[Positive, doc("Schmidt number of every species")] = 0.7


class MixtureAveraged(Settings, frozen=True, tag_field="kind", tag="mixture-averaged"):
    """Mixture-averaged diffusion, with or without thermal diffusion."""

    soret: Annotated[bool, doc("thermal diffusion of species lighter than 5 kg/kmol")] = False


class ConstantLewis(Settings, frozen=True, tag_field="kind", tag="constant-Lewis"):
    """Mixture-averaged viscosity and conductivity, and a Lewis number for each species."""

    lewis: Annotated[dict[str, float], doc("Lewis numbers by species")]
    default: Annotated[Positive | None, doc("of all other species; without it every species needs a number")] = None

    def __post_init__(self) -> None:
        for name, value in self.lewis.items():
            if not value > 0:
                raise ValueError(f"lewis.{name} = {value}: must be greater than 0")


class SutherlandTransport(Settings, frozen=True, tag_field="kind", tag="sutherland"):
    """Sutherland's law of viscosity and constant Prandtl and Schmidt numbers."""

    viscosity: Annotated[Positive, doc("dynamic viscosity at the reference temperature", "Pa s")]
    temperature: Annotated[Positive, doc("reference temperature", "K")]
    constant: Annotated[NotNegative, doc("Sutherland's constant", "K", "temperature difference")]
    prandtl: Annotated[Positive, doc("Prandtl number")] = 0.7
    schmidt: Annotated[Positive, doc("Schmidt number of every species")] = 0.7


class PowerLawTransport(Settings, frozen=True, tag_field="kind", tag="power-law"):
    """Viscosity in proportion to a power of temperature, and constant Prandtl and Schmidt numbers."""

    viscosity: Annotated[Positive, doc("dynamic viscosity at the reference temperature", "Pa s")]
    temperature: Annotated[Positive, doc("reference temperature", "K")]
    exponent: Annotated[NotNegative, doc("power of temperature")]
    prandtl: Annotated[Positive, doc("Prandtl number")] = 0.7
    schmidt: Annotated[Positive, doc("Schmidt number of every species")] = 0.7


Transport = (
    Literal["mixture-averaged", "unity-Lewis"]
    | MixtureAveraged
    | ConstantLewis
    | ConstantTransport
    | SutherlandTransport
    | PowerLawTransport
)


def build(table: Transport, gas: Mechanism) -> tuple[str, TransportModel]:
    """Name and data of a table's transport model, for `transport_properties`. Raises ConfigError, MechanismError."""
    from combust.kinetics.mechanism.transport_models import transport_model

    if isinstance(table, str):
        return table, transport_model(gas, table)
    model = str(type(table).__struct_config__.tag)
    numbers = {name: value for name, value in msgspec.structs.asdict(table).items() if value is not None}
    return model, transport_model(gas, model, **numbers)


def of_flames(table: Transport) -> tuple[Literal["mixture-averaged", "unity-Lewis"], bool] | None:
    """Name of the transport model and whether with thermal diffusion, if Cantera's free flame knows it."""
    if isinstance(table, str):
        return table, False
    return ("mixture-averaged", table.soret) if isinstance(table, MixtureAveraged) else None


def has_soret(table: Transport) -> bool:
    """Whether temperature gradients drive species."""
    return isinstance(table, MixtureAveraged) and table.soret
