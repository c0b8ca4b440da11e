"""Ignition delays and laminar burning velocities in ReSpecTh files."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from combust.errors import FileFormatError
from combust.experiments.formats.data import (
    Criterion,
    IgnitionPoint,
    SpeedPoint,
    VolumeHistory,
    positive,
    volume_history,
)
from combust.experiments.formats.respecth_reader import Reader, Row, names_of, parsed

IGNITION, SPEED = "ignition delay", "laminar burning velocity"


def ignitions(reader: Reader, root: Element) -> tuple[IgnitionPoint, ...]:
    """All ignition delays of a file."""
    found = criteria(reader, root.find("ignitionType"))
    rows = list(reader.rows(root, reader.group(root, IGNITION)))
    tables = [group for group in root.findall("dataGroup") if "volume" in names_of(group)]
    # A table belongs to its point: with several points nothing says to which.
    volume = history(reader, tables[0]) if len(rows) == len(tables) == 1 else None
    return tuple(ignition(reader, row, where, found, volume, bool(tables)) for row, where in rows)


def ignition(
    reader: Reader, row: Row, where: str, found: tuple[Criterion, ...], volume: VolumeHistory | None, tables: bool
) -> IgnitionPoint:
    """One ignition delay; tables : whether the file has volume histories."""
    T, p = reader.state(row, where)
    delay = reader.number(row, IGNITION, where)
    reader.at(f"{where}.{IGNITION}", lambda: positive(delay, "s"))
    X, basis = reader.composition(row, where)
    rises = any(item.get("name") == "pressure rise" for item, _ in row)
    return IgnitionPoint(
        T, p, X, delay,
        sigma=reader.spread(row, IGNITION, "time", delay, where, over=delay),
        criteria=found,
        pressure_rise=reader.number(row, "pressure rise", where) if rises else 0.0,
        basis=basis,
        history=tables and volume is None,
        volume=volume,
    )  # fmt: skip


def speeds(reader: Reader, root: Element) -> tuple[SpeedPoint, ...]:
    """All burning velocities of a file."""
    return tuple(speed(reader, row, where) for row, where in reader.rows(root, reader.group(root, SPEED)))


def speed(reader: Reader, row: Row, where: str) -> SpeedPoint:
    """One burning velocity."""
    T, p = reader.state(row, where)
    measured = reader.number(row, SPEED, where)
    reader.at(f"{where}.{SPEED}", lambda: positive(measured, "m/s"))
    X, basis = reader.composition(row, where)
    sigma = reader.spread(row, SPEED, "velocity", measured, where)
    known = any(item.get("name") == "equivalence ratio" for item, _ in row)
    phi = reader.number(row, "equivalence ratio", where) if known else None
    return SpeedPoint(T, p, X, measured, sigma, phi, basis)


def history(reader: Reader, group: Element) -> VolumeHistory | None:
    """The volume of a compression machine over time; None where the group has no time."""
    if "time" not in names_of(group):
        return None
    rows = []
    for i, row in enumerate(group.findall("dataPoint")):
        where = f"dataPoint[{i}] of the volume history"
        cells = reader.cells(group.findall("property"), row, where)
        rows.append((reader.number(cells, "time", where), reader.number(cells, "volume", where)))
    return reader.at("the volume history", lambda: volume_history(rows))


def criteria(reader: Reader, item: Element | None) -> tuple[Criterion, ...]:
    """How ignition was detected; several targets are several criteria."""
    if item is None:
        return ()
    kind, amount = item.get("type", "").strip(), item.get("amount")
    names = [name.strip() for name in item.get("target", "").split(";") if name.strip()]
    if not kind or not names:
        raise FileFormatError(f"{reader.path}: ignitionType: target and type are needed")
    value = None if amount is None else reader.at("ignitionType.amount", lambda: parsed(amount))
    return tuple(Criterion(name, kind, value) for name in names)
