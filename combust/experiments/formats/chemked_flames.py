"""Laminar burning velocities in ChemKED files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from combust.experiments.formats.chemked_reader import Reader
from combust.experiments.formats.data import SpeedPoint, positive

KINDS = ("laminar burning velocity measurement",)
SPEED = "laminar-burning-velocity"
KEYS = {
    "temperature", "pressure", "composition", SPEED, "equivalence-ratio", "pressure-rise", "comments",
    "evaluated-standard-deviation",
}  # fmt: skip


def speed(reader: Reader, entry: Mapping[str, Any], where: str) -> SpeedPoint:
    """One burning velocity. Raises FileFormatError naming file and key."""
    reader.unknown(entry, KEYS, "datapoints[].")
    X, basis = reader.mixture(entry, where)
    T, p = reader.state(entry, where)
    place = f"{where}.{SPEED}"
    measured = reader.quantity(entry, SPEED, "velocity", where)
    reader.at(place, lambda: positive(measured, "m/s"))
    sigma = reader.spread(reader.find(entry, SPEED), measured, "velocity", place)
    phi = reader.find(entry, "equivalence-ratio")
    return SpeedPoint(
        T, p, X, measured,
        sigma=sigma or apart(reader, entry, measured, where),
        phi=None if phi is None else reader.quantity(entry, "equivalence-ratio", "amount", where),
        basis=basis,
    )  # fmt: skip


def apart(reader: Reader, entry: Mapping[str, Any], measured: float, where: str) -> float | None:
    """The standard deviation that files of version 0.4 keep apart: [{reference, kind, value: [4.42 cm/s]}]."""
    key = "evaluated-standard-deviation"
    for item in listed(reader.find(entry, key)):
        if isinstance(item, Mapping) and item.get("reference") == "laminar burning velocity":
            meta = {key: item.get("value"), f"{key}-type": item.get("kind", "absolute")}
            return reader.spread([measured, meta], measured, "velocity", where, unit="m/s")
    return None


def listed(tree: Any) -> list[Any]:
    """A list, also of nothing or one."""
    return tree if isinstance(tree, list) else [] if tree is None else [tree]
