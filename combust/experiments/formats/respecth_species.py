"""Species in ReSpecTh files: at the outlet of stirred and flow reactors, and along flames on a burner."""

from __future__ import annotations

from functools import partial
from xml.etree.ElementTree import Element

from combust.errors import FileFormatError
from combust.experiments.formats.data import (
    Amount,
    FlamePoint,
    NotCoveredError,
    OutletPoint,
    fraction,
    positive,
    temperature_profile,
)
from combust.experiments.formats.respecth_reader import INITIAL, Reader, Row, inchi_of, name_of, names_of, parsed
from combust.units import to_si


def reactors(reader: Reader, root: Element) -> tuple[OutletPoint, ...]:
    """What left a reactor, a point for each row; species in groups of their own have points of their own."""
    found = []
    for group in groups(reader, root):
        for row, where in reader.rows(root, group):
            if not any(item.get("name") == "residence time" for item, _ in row):
                raise NotCoveredError(f"{reader.path}: without a residence time the reactor is not covered")
            T, p = reader.state(row, where)
            X, basis = reader.composition(inflow(row), where)
            tau = reader.number(row, "residence time", where)
            reader.at(f"{where}.residence time", partial(positive, tau, "s"))
            found.append(OutletPoint(T, p, X, tau, amounts(reader, row, where), basis))
    return tuple(found)


def flames(reader: Reader, root: Element) -> tuple[FlamePoint, ...]:
    """The flame of a file."""
    common: Row = [(item, item.findtext("value")) for item in root.findall("commonProperties/property")]
    names = {item.get("name") for item, _ in common}
    for needed in ("temperature", "pressure", "flow rate"):
        if needed not in names:
            raise NotCoveredError(f"{reader.path}: a flame on a burner without a common {needed} is not covered")
    where = "commonProperties"
    T, p = reader.state(common, where)
    X, basis = reader.composition(inflow(common), where)
    flux = reader.number(common, "flow rate", where)
    reader.at(f"{where}.flow rate", lambda: positive(flux, "kg/m2/s"))
    samples: list[tuple[float, Amount]] = []
    temperatures: dict[float, float] = {}
    for group in root.findall("dataGroup"):
        columns = names_of(group)
        if "distance" not in columns or not columns & {"composition", "temperature"}:
            continue
        for row, place in reader.rows(root, group):
            x = reader.number(row, "distance", place)
            samples += [(x, amount) for amount in amounts(reader, row, place)]
            if "temperature" in columns:
                temperatures[x] = reader.number(row, "temperature", place)
    if not samples:
        raise FileFormatError(f"{reader.path}: dataGroup: one with distance and composition is needed")
    profile = reader.at("dataGroup", lambda: temperature_profile(list(temperatures.items()), T))
    return (FlamePoint(T, p, X, flux, tuple(samples), profile, basis),)


def groups(reader: Reader, root: Element) -> list[Element]:
    """The data groups with measured species."""
    found = [group for group in root.findall("dataGroup") if "composition" in names_of(group)]
    if not found:
        raise FileFormatError(f"{reader.path}: dataGroup: one with composition is needed")
    return found


def inflow(row: Row) -> Row:
    """What says the composition of the inflow: "initial composition", or one that lists all components."""
    return [(item, value) for item, value in row if item.get("name") == INITIAL or item.find("component") is not None]


def amounts(reader: Reader, row: Row, where: str) -> tuple[Amount, ...]:
    """The measured species of a row."""
    found = []
    for item, value in row:
        link = item.find("speciesLink")
        if item.get("name") != "composition" or link is None or item.find("component") is not None:
            continue
        name, unit = name_of(link), item.get("units", "")
        if "mass" in unit:
            raise NotCoveredError(f"{reader.path}: {where}.{name}: mass fractions are not covered, only mole fractions")
        if not name:
            raise FileFormatError(f"{reader.path}: {where}.composition: a species without name")
        size = reader.at(f"{where}.{name}", partial(amount_of, value or "", unit))
        reader.inchi |= inchi_of(name, link)
        found.append(Amount(name, size, reader.spread(row, "composition", "amount", size, where, name)))
    return tuple(found)


def amount_of(content: str, unit: str) -> float:
    """A mole fraction. Raises FileFormatError."""
    return fraction(to_si(parsed(content), "amount", unit))
