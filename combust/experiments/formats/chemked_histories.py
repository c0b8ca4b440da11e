"""Volume histories in ChemKED files: `volume-history`, or an entry of `time-histories` of type volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from combust.errors import FileFormatError
from combust.experiments.formats.chemked_reader import Reader
from combust.experiments.formats.data import VolumeHistory, volume_history
from combust.units import to_si

SIGNALS = ("light emission", "OH emission", "absorption")  # what was seen, which constrains nothing


def read(reader: Reader, entry: Mapping[str, Any], where: str) -> tuple[VolumeHistory | None, bool]:
    """The volume over time if there is one, and whether there is a history that cannot be followed instead.

    Raises FileFormatError where a table with columns and units makes no sense.
    """
    found = [(entry["volume-history"], "volume", f"{where}.volume-history")] if entry.get("volume-history") else []
    others = entry.get("time-histories") or []
    if not isinstance(others, list):
        raise FileFormatError(f"{reader.path}: {where}.time-histories: a list is needed")
    constraints = 0
    for i, table in enumerate(others):
        kind = str(table.get("type", "")) if isinstance(table, Mapping) else ""
        if kind == "volume":
            found.append((table, "quantity", f"{where}.time-histories[{i}]"))
        elif kind not in SIGNALS:
            constraints += 1
    tables = [of_table(reader, *item) for item in found]
    known = next((table for table in tables if table is not None), None)
    return known, known is None and bool(found or constraints)


def of_table(reader: Reader, table: Any, name: str, where: str) -> VolumeHistory | None:
    """Rows with the columns and units that the table names; None where it names none."""
    if not isinstance(table, Mapping):
        return None
    time, volume, values = table.get("time"), table.get(name), table.get("values")
    if not (isinstance(time, Mapping) and isinstance(volume, Mapping) and isinstance(values, list)):
        return None
    if not (time.get("units") and volume.get("units")):
        return None
    columns = [(time, 0, "time"), (volume, 1, "volume")]
    rows = []
    for i, row in enumerate(values):
        numbers = []
        for column, place, kind in columns:
            at = column.get("column", place)
            if not isinstance(row, list) or not isinstance(at, int) or not 0 <= at < len(row):
                raise FileFormatError(f"{reader.path}: {where}.values[{i}]: numbers of time and {name} are needed")
            number, unit = row[at], str(column["units"])
            numbers.append(reader.at(f"{where}.values[{i}]", lambda: to_si(as_number(number), kind, unit)))
        rows.append((numbers[0], numbers[1]))
    return reader.at(f"{where}.values", lambda: volume_history(rows))


def as_number(value: Any) -> float | str:
    """What `to_si` takes; anything else as its text, which it refuses."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
