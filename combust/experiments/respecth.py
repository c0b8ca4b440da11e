"""ReSpecTh files: ignition delays in XML of the ReSpecTh Kinetics Data format, version 2 (respecth.hu)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from combust.errors import FileFormatError
from combust.experiments.data import P_RANGE, T_RANGE, Criterion, DataSet, IgnitionPoint, normalised, plausible
from combust.files import read_bytes
from combust.units import to_si

R = TypeVar("R")

KINDS = {"temperature": "temperature", "pressure": "pressure", "ignition delay": "time", "pressure rise": "rate"}
COMPOSITION = ("initial composition", "composition")
SPREAD = ("evaluated standard deviation", "uncertainty")  # the first one given counts


def read_respecth(path: str | Path) -> DataSet:
    """Ignition delays of a ReSpecTh file.

    Raises FileFormatError naming file and element for what is missing, damaged or not an ignition delay.
    """
    try:
        root = ElementTree.fromstring(read_bytes(path))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise FileFormatError(f"{path}: not valid XML: {error}") from error
    if root.tag != "experiment":
        raise FileFormatError(f"{path}: root <{root.tag}>: a ReSpecTh experiment has <experiment>")
    kind = text(root, "experimentType")
    if not kind.lower().startswith("ignition delay"):
        raise FileFormatError(f"{path}: experimentType '{kind}': only 'ignition delay measurement' is read")
    reader = Reader(str(path))
    points = reader.points(root)
    return DataSet(
        name=Path(path).stem,
        path=str(path),
        reference=reference(root),
        apparatus=text(root, "apparatus/kind"),
        points=tuple(points),
        inchi=reader.inchi,
        notes=tuple(reader.notes),
    )


def text(root: Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


def reference(root: Element) -> str:
    author = text(root, "bibliographyLink/details/author").replace(";", ",").split(",")[0]
    words = " ".join(filter(None, (author, text(root, "bibliographyLink/details/year"))))
    doi = text(root, "bibliographyLink/referenceDOI")
    return ", ".join(filter(None, (words, f"doi {doi}" if doi else "")))


class Reader:
    """Reads the points of one file and keeps notes, each once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self.inchi: dict[str, str] = {}

    def note(self, message: str) -> None:
        if message not in self.notes:
            self.notes.append(message)

    def at(self, where: str, action: Callable[[], R]) -> R:
        """action(), with file and element in front of its error."""
        try:
            return action()
        except FileFormatError as error:
            raise FileFormatError(f"{self.path}: {where}: {error}") from None

    def points(self, root: Element) -> list[IgnitionPoint]:
        """All rows of the data group, completed by the common properties."""
        group, history = self.data_group(root)
        shared = root.findall("commonProperties/property")
        criteria = self.criteria(root.find("ignitionType"))
        rows = group.findall("dataPoint")
        if not rows:
            raise FileFormatError(f"{self.path}: dataGroup: no dataPoint")
        columns = group.findall("property")
        for item in (*shared, *columns):
            name = item.get("name", "")
            if name not in (*KINDS, *COMPOSITION, *SPREAD):
                self.note(f"{self.path}: property '{name}' is unknown and was passed over")
        return [
            self.point(self.row(shared, columns, row, f"dataPoint[{i}]"), criteria, history, f"dataPoint[{i}]")
            for i, row in enumerate(rows)
        ]

    def data_group(self, root: Element) -> tuple[Element, bool]:
        """The group with the delays, and whether another one holds a volume history."""
        names = {id(g): {p.get("name", "") for p in g.findall("property")} for g in root.findall("dataGroup")}
        groups = [g for g in root.findall("dataGroup") if "ignition delay" in names[id(g)]]
        if len(groups) != 1:
            raise FileFormatError(f"{self.path}: dataGroup: one with property 'ignition delay' is needed")
        return groups[0], any("volume" in found for found in names.values())

    def row(
        self, shared: list[Element], columns: list[Element], row: Element, where: str
    ) -> list[tuple[Element, str | None]]:
        """Properties of a point with their texts; columns come first, since they overrule what is common."""
        found: list[tuple[Element, str | None]] = []
        for column in columns:
            cell = next((child for child in row if child.tag == column.get("id")), None)
            if cell is None:
                raise FileFormatError(f"{self.path}: {where}: <{column.get('id')}> is missing")
            found.append((column, (cell.text or "").strip()))
        return [*found, *((item, item.findtext("value")) for item in shared)]

    def point(
        self, row: list[tuple[Element, str | None]], criteria: tuple[Criterion, ...], history: bool, where: str
    ) -> IgnitionPoint:
        T = self.number(row, "temperature", where)
        p = self.number(row, "pressure", where)
        delay = self.number(row, "ignition delay", where)
        self.at(f"{where}.temperature", lambda: plausible(T, "temperature", T_RANGE, "K"))
        self.at(f"{where}.pressure", lambda: plausible(p, "pressure", P_RANGE, "Pa"))
        if not delay > 0:
            raise FileFormatError(f"{self.path}: {where}.ignition delay: {delay:g} s is not positive")
        X, basis = self.composition(row, where)
        rises = any(item.get("name") == "pressure rise" for item, _ in row)
        return IgnitionPoint(
            T, p, X, delay,
            sigma=self.sigma(row, delay, where),
            criteria=criteria,
            pressure_rise=self.number(row, "pressure rise", where) if rises else 0.0,
            basis="mass" if basis == "mass" else "mole",
            history=history,
        )  # fmt: skip

    def number(self, row: list[tuple[Element, str | None]], name: str, where: str) -> float:
        """A property of a point in SI."""
        for item, value in row:
            if item.get("name") == name and value:
                content = value
                return self.at(f"{where}.{name}", lambda: to_si(parsed(content), KINDS[name], item.get("units", "")))
        raise FileFormatError(f"{self.path}: {where}.{name}: missing, neither in the row nor in commonProperties")

    def composition(self, row: list[tuple[Element, str | None]], where: str) -> tuple[dict[str, float], str]:
        """Fractions by name, and whether they are of mole or mass; components stand in a list or in columns."""
        amounts: dict[str, float] = {}
        basis = "mole"
        for item, value in row:
            if item.get("name") not in COMPOSITION:
                continue
            components = [(c.find("speciesLink"), c.findtext("amount"), unit_of(c)) for c in item.findall("component")]
            if item.find("speciesLink") is not None:
                components.append((item.find("speciesLink"), value, item.get("units", "")))
            for link, content, unit in components:
                name = "" if link is None else link.get("preferredKey") or link.get("chemName") or ""
                if link is None or not name or not content or name in amounts:
                    raise FileFormatError(f"{self.path}: {where}.composition: species '{name}' without name or amount, "
                                          "or given twice")  # fmt: skip
                basis = "mass" if "mass" in unit else basis
                number = content
                amounts[name] = self.at(f"{where}.{name}", lambda: to_si(parsed(number), "amount", unit))
                if link.get("InChI"):
                    self.inchi[name] = link.get("InChI", "")
        return self.at(f"{where}.composition", lambda: normalised(amounts)), basis

    def sigma(self, row: list[tuple[Element, str | None]], delay: float, where: str) -> float | None:
        """Standard deviation of ln(delay); an uncertainty of unstated coverage counts as one standard deviation."""
        for name in SPREAD:
            for item, value in row:
                if item.get("name") != name or item.get("reference") != "ignition delay" or not value:
                    continue
                unit, content = item.get("units", ""), value
                if item.get("kind") == "absolute":
                    return self.at(f"{where}.{name}", lambda: to_si(parsed(content), "time", unit)) / delay or None
                return self.at(f"{where}.{name}", lambda: to_si(parsed(content), "amount", unit)) or None
        return None

    def criteria(self, item: Element | None) -> tuple[Criterion, ...]:
        if item is None:
            return ()
        kind, amount = item.get("type", "").strip(), item.get("amount")
        names = [name.strip() for name in item.get("target", "").split(";") if name.strip()]
        if not kind or not names:
            raise FileFormatError(f"{self.path}: ignitionType: target and type are needed")
        value = None if amount is None else self.at("ignitionType.amount", lambda: parsed(amount))
        return tuple(Criterion(name, kind, value) for name in names)


def unit_of(component: Element) -> str:
    amount = component.find("amount")
    return "" if amount is None else amount.get("units", "")


def parsed(content: str) -> float:
    """A finite number. Raises FileFormatError."""
    try:
        number = float(content)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FileFormatError(f"'{content}' is not a finite number")
    return number
