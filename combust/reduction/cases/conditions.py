"""What a reduced mechanism is sampled from and judged by: reactors and flames at given conditions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from combust.units import ATM

Kind = Literal["ignition", "psr", "flame", "counterflow"]
KINDS: tuple[Kind, ...] = ("ignition", "psr", "flame", "counterflow")


@dataclass(frozen=True)
class ReductionCase:
    """One reactor or flame; fuel and oxidizer are mole fractions such as "CH4:1" and "O2:0.21, N2:0.79".

    An ignition begins at T; a stirred reactor, a free flame and both jets of a counterflow flame enter at T. A held-out
    case judges the result but takes no part in the search.
    """

    kind: Kind
    fuel: str
    oxidizer: str
    T: float  # K
    p: float  # Pa
    phi: float = 1.0  # no meaning for a counterflow flame
    hold: Literal["uv", "hp"] = "uv"  # of an ignition
    strain: float = 0.0  # 1/s, of a counterflow flame: 2 u_fuel / width
    held_out: bool = False

    def __str__(self) -> str:
        where = f"{self.T:g} K, {self.p / ATM:.4g} atm"
        if self.kind == "counterflow":
            return f"counterflow {self.fuel} against {self.oxidizer}, {where}, {self.strain:g} 1/s"
        volume = {"uv": " at constant volume", "hp": " at constant pressure"}[self.hold]
        return f"{self.kind} {self.fuel} phi {self.phi:g}, {where}" + (volume if self.kind == "ignition" else "")

    @property
    def digest(self) -> str:
        """SHA-256 of all that determines the case; not of the use that is made of it."""
        content = {name: value for name, value in asdict(self).items() if name != "held_out"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
