"""The table of a case file about its gas, and about the gas around the domain."""

from __future__ import annotations

from typing import Annotated, Literal

from combust.kinetics.mechanism.settings import Transport
from combust.settings.base import Mixture, Pressure, Settings, Temperature, Text, Vector3, doc


class Ambient(Mixture, frozen=True, kw_only=True):
    """The gas around the domain, at rest at the pressure of the case; what is omitted is the initial unburnt gas."""

    temperature: Annotated[Temperature | None, doc("that of the initial unburnt gas if omitted", "K")] = None


class Gas(Settings, frozen=True):
    """The gas: its mechanism, pressure and transport."""

    mechanism: Annotated[Text, doc("Cantera YAML file: beside the case file, a path, or one that Cantera ships")]
    phase: Annotated[Text | None, doc("name of the phase in that file; the first gas if omitted")] = None
    ions: Annotated[Literal["neutral"] | None, doc("let ions of an ionized-gas phase diffuse like neutrals")] = None
    pressure: Annotated[Pressure, doc("thermodynamic pressure at the start", "Pa")] = 101325.0
    transport: Annotated[Transport, doc("molecular transport")] = "mixture-averaged"
    gravity: Annotated[Vector3, doc("acceleration in x, y, z", "m/s2")] = (0.0, 0.0, 0.0)
    ambient: Annotated[
        Ambient | None,
        doc(
            "the gas beyond outflow sides: gravity acts on the difference to its density; if omitted the only stream "
            "that flows in, else the gas at the outflow sides at the start"
        ),
    ] = None
