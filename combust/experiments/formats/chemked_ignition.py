"""Ignition delays in ChemKED files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from combust.errors import FileFormatError
from combust.experiments.formats import chemked_histories
from combust.experiments.formats.chemked_reader import Reader, single
from combust.experiments.formats.data import Criterion, IgnitionPoint, positive
from combust.units import split

POINT_KEYS = {
    "temperature", "pressure", "composition", "ignition-delay", "ignition-type", "pressure-rise", "equivalence-ratio",
    "first-stage-ignition-delay", "rcm-data", "volume-history", "time-histories", "comments",
}  # fmt: skip


def point(reader: Reader, entry: Mapping[str, Any], where: str) -> IgnitionPoint:
    """An ignition delay."""
    reader.unknown(entry, POINT_KEYS, "datapoints[].")
    X, basis = reader.mixture(entry, where)
    volume, history = chemked_histories.read(reader, entry, where)
    T, p, history = reactor(reader, entry, where, history)
    delay = reader.quantity(entry, "ignition-delay", "time", where)
    reader.at(f"{where}.ignition-delay", lambda: positive(delay, "s"))
    rise = reader.find(entry, "pressure-rise")
    measured, place = reader.find(entry, "ignition-delay"), f"{where}.ignition-delay"
    return IgnitionPoint(
        T, p, X, delay,
        sigma=reader.spread(measured, delay, "time", place, over=delay),
        criteria=criteria(reader, reader.find(entry, "ignition-type"), f"{where}.ignition-type"),
        pressure_rise=0.0 if rise is None else reader.quantity(entry, "pressure-rise", "rate", where),
        basis=basis, history=history, volume=volume,
    )  # fmt: skip


def reactor(reader: Reader, entry: Mapping[str, Any], where: str, history: bool) -> tuple[float, float, bool]:
    """State where a simulation begins, that after compression where only it helps; whether a history is lacking."""
    machine = entry.get("rcm-data")
    names = ("compressed-temperature", "compressed-pressure")
    known = isinstance(machine, Mapping) and all(name in machine for name in names)
    if isinstance(machine, Mapping) and known and (history or not has_history(entry)):
        reader.note(f"{reader.path}: simulated from the compressed state, without heat loss")
        return *reader.state(machine, f"{where}.rcm-data", names), False
    return *reader.state(entry, where), history


def criteria(reader: Reader, tree: Any, where: str) -> tuple[Criterion, ...]:
    entries = [] if tree is None else tree if isinstance(tree, list) else [tree]
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not entry.get("target") or not entry.get("type"):
            raise FileFormatError(f"{reader.path}: {where}: target and type are needed")
        amount = entry.get("amount")
        value = None if amount is None else reader.at(f"{where}.amount", lambda: split(str(single(amount)))[0])
        found += [Criterion(target, str(single(entry["type"])).strip(), value) for target in targets(entry)]
    return tuple(found)


def has_history(entry: Mapping[str, Any]) -> bool:
    """Whether a point comes with a table of time."""
    return any(entry.get(key) for key in ("volume-history", "time-histories"))


def targets(entry: Mapping[str, Any]) -> list[str]:
    """Names of one or several targets: "OH*", "p;", "CH*; OH*"."""
    return [name.strip() for name in str(single(entry["target"])).split(";") if name.strip()]
