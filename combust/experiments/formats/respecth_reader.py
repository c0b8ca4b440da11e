"""What all ReSpecTh files share: rows of data groups with common properties, quantities, compositions, deviations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from combust.errors import FileFormatError
from combust.experiments.formats.data import Basis, Notes, normalised, plausible_state
from combust.units import to_si

Row = list[tuple[Element, str | None]]
"""Properties of a point with their texts; columns come first, since they overrule what is common."""

KINDS = {
    "temperature": "temperature", "pressure": "pressure", "ignition delay": "time", "pressure rise": "rate",
    "laminar burning velocity": "velocity", "residence time": "time", "distance": "length", "flow rate": "mass flux",
    "time": "time", "volume": "volume", "equivalence ratio": "amount",
}  # fmt: skip
INITIAL = "initial composition"
COMPOSITION = (INITIAL, "composition")
SPREAD = ("evaluated standard deviation", "uncertainty")  # the first one given counts


def text(root: Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


class Reader(Notes):
    """Reads one file and keeps notes, each once."""

    def __init__(self, path: str, said: str) -> None:
        """said : the experiment's type, for messages"""
        super().__init__(path)
        self.said = said

    def group(self, root: Element, name: str) -> Element:
        """The one data group with this property."""
        groups = [group for group in root.findall("dataGroup") if name in names_of(group)]
        if len(groups) != 1:
            raise FileFormatError(
                f"{self.path}: dataGroup: one with property '{name}' is needed for experimentType '{self.said}'"
            )
        return groups[0]

    def rows(self, root: Element, group: Element) -> Iterator[tuple[Row, str]]:
        """All rows of a data group, completed by the common properties, with their places."""
        shared = root.findall("commonProperties/property")
        found = group.findall("dataPoint")
        if not found:
            raise FileFormatError(f"{self.path}: dataGroup: no dataPoint")
        columns = group.findall("property")
        for item in (*shared, *columns):
            name = item.get("name", "")
            if name not in (*KINDS, *COMPOSITION, *SPREAD):
                self.note(f"{self.path}: property '{name}' is unknown and was passed over")
        common = [(item, item.findtext("value")) for item in shared]
        for i, row in enumerate(found):
            yield [*self.cells(columns, row, f"dataPoint[{i}]"), *common], f"dataPoint[{i}]"

    def cells(self, columns: list[Element], row: Element, where: str) -> Row:
        """The columns of a row with their texts."""
        found: Row = []
        for column in columns:
            cell = next((child for child in row if child.tag == column.get("id")), None)
            if cell is None:
                raise FileFormatError(f"{self.path}: {where}: <{column.get('id')}> is missing")
            found.append((column, (cell.text or "").strip()))
        return found

    def number(self, row: Row, name: str, where: str) -> float:
        """A property of a point in SI."""
        for item, value in row:
            if item.get("name") == name and value:
                content = value
                return self.at(f"{where}.{name}", lambda: to_si(parsed(content), KINDS[name], item.get("units", "")))
        raise FileFormatError(f"{self.path}: {where}.{name}: missing, neither in the row nor in commonProperties")

    def state(self, row: Row, where: str) -> tuple[float, float]:
        """Temperature [K] and pressure [Pa]."""
        T, p = self.number(row, "temperature", where), self.number(row, "pressure", where)
        self.at(where, lambda: plausible_state(T, p))
        return T, p

    def composition(self, row: Row, where: str) -> tuple[dict[str, float], Basis]:
        """Fractions of the gas by name, and whether of mole or mass; components stand in a list or in columns."""
        amounts: dict[str, float] = {}
        basis: Basis = "mole"
        for item, value in row:
            if item.get("name") not in COMPOSITION:
                continue
            components = [(c.find("speciesLink"), c.findtext("amount"), unit_of(c)) for c in item.findall("component")]
            if item.find("speciesLink") is not None:
                components.append((item.find("speciesLink"), value, item.get("units", "")))
            for link, content, unit in components:
                name = "" if link is None else name_of(link)
                if link is None or not name or not content or name in amounts:
                    raise FileFormatError(f"{self.path}: {where}.composition: species '{name}' without name or amount, "
                                          "or given twice")  # fmt: skip
                basis = "mass" if "mass" in unit else basis
                number = content
                amounts[name] = self.at(f"{where}.{name}", lambda: to_si(parsed(number), "amount", unit))
                self.inchi |= inchi_of(name, link)
        return self.at(f"{where}.composition", lambda: normalised(amounts)), basis

    def spread(
        self, row: Row, name: str, kind: str, size: float, where: str, species: str = "", over: float = 1.0
    ) -> float | None:
        """Standard deviation in SI of property `name` of `size`; an uncertainty of unstated coverage counts as one.

        species : whose composition it is; over : what it is divided by
        """
        for key in SPREAD:
            for item, value in row:
                link = item.find("speciesLink")
                of = "" if link is None else name_of(link)
                if item.get("name") != key or item.get("reference") != name or of != species or not value:
                    continue
                absolute, unit, content = item.get("kind") == "absolute", item.get("units", ""), value
                found = self.at(
                    f"{where}.{key}", lambda: to_si(parsed(content), kind if absolute else "amount", unit)
                )  # fmt: skip
                if found < 0:
                    raise FileFormatError(f"{self.path}: {where}.{key}: {found:g} is negative")
                return (found / over if absolute else found * (abs(size) / over)) or None
        return None


def names_of(group: Element) -> set[str]:
    """Names of the columns of a data group."""
    return {item.get("name", "") for item in group.findall("property")}


def name_of(link: Element) -> str:
    """The name of a species."""
    return link.get("preferredKey") or link.get("chemName") or ""


def inchi_of(name: str, link: Element) -> dict[str, str]:
    """The InChI of a species by its name, where the file has it."""
    found = link.get("InChI", "")
    return {name: found} if found else {}


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
