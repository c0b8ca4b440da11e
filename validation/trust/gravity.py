"""Members of the kind "gravity in open domains"."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from combust import kernels
from combust.case.load import load
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run import build as case
from validation import buoyancy
from validation.report import percent
from validation.trust import Member
from validation.two_gases import MIRROR, OPEN, PERIODIC, WALL, inert, steps

KIND = (
    "Gas at rest stays at rest (1e-15 m/s) under gravity, whatever combination of outflow, wall, symmetry and periodic "
    "sides a domain has; what gravity cannot mean is refused; buoyancy is that of exact solutions."
)
INPUTS = Path(__file__).resolve().parents[2] / "tests" / "faults" / "inputs"
G, STILL = buoyancy.G, 1e-15
BOX = {"cells": (6, 5), "lower": (0, 0), "upper": (0.06, 0.1)}
PAIRS = [(PERIODIC, PERIODIC), *product((WALL, MIRROR, OPEN), repeat=2)]
STEPS, CYLINDER, WAVE = 30, (32, 64), (16, 32)  # of gas at rest; cells
SMOKE = {"STEPS": 2, "PAIRS": PAIRS[-1:], "CYLINDER": (8,), "WAVE": (8,)}


def members() -> Iterator[Member]:
    yield _air("quiet_gravity.toml: 3-D, outflow below and above")
    for sides in (
        "x={kind='outflow'}, y={kind='periodic'}, z={kind='wall'}",
        "x={kind='outflow'}, y={kind='symmetry'}, z_low={kind='wall'}, z_high={kind='outflow'}",
        "x={kind='wall'}, y={kind='wall'}, z={kind='wall'}",
        "x={kind='periodic'}, y={kind='periodic'}, z={kind='periodic'}",
    ):
        yield _air(f"the same with {sides}", f"boundary={{{sides}}}")
    for gravity in ((0.0, -G, 0.0), (4.0, -9.0, 0.0)):
        worst = max(_pairs(x, y, gravity) for x, y in product(PAIRS, PAIRS))
        yield Member(
            f"2-D, g = {gravity[:2]}: all {len(PAIRS) ** 2} combinations of periodic, wall, symmetry and outflow sides",
            "still: at most 1e-15 m/s", f"at most {worst:.1e} m/s", worst <= STILL)  # fmt: skip
    for mesh, gravity, sides, what in (
        (BOX, (0.0, 0.0, -G), {"x": WALL, "y": WALL}, "gravity in z of a 2-D case"),
        ({"cells": (8,), "lower": (0,), "upper": (1,)}, (0.0, -G, 0.0), {"x": OPEN}, "gravity in y of a 1-D case"),
        ({"cells": (8, 1), "lower": (0, 0), "upper": (1, 1)}, (0.0, -G, 0.0), {"x": OPEN, "y": WALL},
         "gravity along a direction of one cell"),
    ):  # fmt: skip
        yield _refused(what, mesh, gravity, sides)
    for cells in CYLINDER:
        error = buoyancy.cylinder(cells)[0] - 1
        yield Member(f"light cylinder set free, {cells} cells a side", "potential flow, to 0.5 % at 64 cells",
                     percent(error, 3), abs(error) < 0.005 * (64 / cells) ** 2)  # fmt: skip
    for cells, mu in product(WAVE, (0.0, 0.02)):
        error = buoyancy.rayleigh_taylor(cells, mu)[0] - 1
        yield Member(f"Rayleigh-Taylor wave, {cells} cells, mu = {mu:g} Pa s", "linear theory, to 0.3 % at 32 cells",
                     percent(error, 3), abs(error) < 0.003 * (32 / cells) ** 2)  # fmt: skip


def _air(tried: str, *changes: str) -> Member:
    kernels.set_mode("eager")
    flow = case.Builder(load(INPUTS / "quiet_gravity.toml", changes), Communicator()).flow()
    speed = steps(flow, STEPS, 1e-4).quantity("speed_max")
    return Member(tried, "still: at most 1e-15 m/s", f"{speed:.1e} m/s", speed <= STILL)


def _pairs(x: tuple[Any, Any], y: tuple[Any, Any], gravity: tuple[float, ...]) -> float:
    sides = dict(zip(("x_low", "x_high", "y_low", "y_high"), (*x, *y), strict=True))
    return steps(inert(BOX, sides, gravity=gravity), 3, 1e-3).quantity("speed_max")


def _refused(what: str, mesh: dict[str, Any], gravity: tuple[float, ...], sides: dict[str, Any]) -> Member:
    try:
        inert(mesh, sides, gravity=gravity)
    except ConfigError as error:
        return Member(what, "refused by name", str(error), "gas.gravity" in str(error))
    return Member(what, "refused by name", "accepted", False)
