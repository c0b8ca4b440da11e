"""Small flows of two inert gases of very different density, whose fields a function may make: for studies and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from combust import kernels
from combust.case.load import convert
from combust.cfd.initial.fields import Fields
from combust.cfd.lowmach.flow import ReactingFlow
from combust.parallel import Communicator
from combust.run import build as case

CASES = Path(__file__).resolve().parents[1] / "cases"
PERIODIC, WALL, SLIP = {"kind": "periodic"}, {"kind": "wall"}, {"kind": "wall", "slip": True}
OPEN, MIRROR = {"kind": "outflow"}, {"kind": "symmetry"}
VISCOSITY = 2e-5


Start = Callable[[case.Builder, Fields], Fields]


@dataclass(frozen=True)
class Prepared(case.Builder):
    """A case whose initial fields are made by a function of its builder."""

    start: Start | None = None

    def fields(self) -> Fields:
        made = case.Builder.fields(self)
        return made if self.start is None else self.start(self, made)


def inert(
    mesh: dict[str, Any],
    boundary: dict[str, Any],
    start: Start | None = None,
    composition: str = "HEAVY:1",
    viscosity: float = VISCOSITY,
    gravity: tuple[float, ...] = (0.0, 0.0, 0.0),
    ambient: dict[str, Any] | None = None,
    prandtl: float = 0.7,
    schmidt: float = 0.7,
    numerics: dict[str, Any] | None = None,
    turbulence: dict[str, Any] | None = None,
    **initial: Any,
) -> ReactingFlow:
    """Two gases without reactions: molar masses 5 and 1, cp = 3.5 R/W, 20.31 and 4.06 kg/m3 at 300 K."""
    gas = {
        "mechanism": str(CASES / "mms_gas.yaml"),
        "gravity": gravity,
        "pressure": 1.013e7,
        "transport": {"kind": "constant", "viscosity": viscosity, "prandtl": prandtl, "schmidt": schmidt},
    }
    raw = {
        "mesh": {"kind": "uniform", **mesh} if "cells" in mesh else {"kind": "stretched", **mesh},
        "gas": gas if ambient is None else {**gas, "ambient": ambient},
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": composition, **initial},
        "boundary": boundary,
        "numerics": numerics or {},
        "turbulence": turbulence or {"kind": "none"},
        "stop": {"steps": 1},
    }
    kernels.set_mode("eager")
    return Prepared(convert(raw, "two gases"), Communicator(), start=start).flow()


def steps(flow: ReactingFlow, count: int, dt: float) -> ReactingFlow:
    """The flow after so many steps of dt [s]."""
    for _ in range(count):
        flow.advance(dt)
    return flow
