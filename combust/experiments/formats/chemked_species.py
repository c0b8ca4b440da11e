"""Species in ChemKED files: stirred and flow reactors, and flames on a burner.

Files of version 0.5 hold profiles ("speciation measurement"), those of version 0.4 a composition at each point
("jet stirred reactor measurement", "outlet concentration measurement").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from combust.errors import FileFormatError
from combust.experiments.formats.chemked_flames import listed
from combust.experiments.formats.chemked_histories import as_number
from combust.experiments.formats.chemked_reader import Reader
from combust.experiments.formats.data import (
    LONGEST,
    Amount,
    FlamePoint,
    Kind,
    NotCoveredError,
    OutletPoint,
    fraction,
    plausible_state,
    positive,
    temperature_profile,
)
from combust.units import to_si

PROFILES = "speciation measurement"
KINDS = (PROFILES, "jet stirred reactor measurement", "outlet concentration measurement")
APPARATUS: dict[str, Kind] = {
    "jet stirred reactor": "stirred reactor", "stirred reactor": "stirred reactor", "flow reactor": "flow reactor",
    "burner stabilized flame": "burner flame", "burner-stabilized flame": "burner flame", "flame": "burner flame",
}  # fmt: skip
AXES = {"temperature": "temperature", "pressure": "pressure", "residence-time": "time"}  # of reactors, and their units
KEYS = {
    "temperature", "pressure", "composition", "measured-composition", "equivalence-ratio", "environment-temperature",
    "residence-time", "reactor-volume", "reactor-length", "reactor-diameter", "flow-rate", "independent-variables",
    "concentration-profiles", "auxiliary-profiles", "comments", "volumetric-flow-in-reference-state",
    "pressure-in-reference-state", "temperature-in-reference-state",
}  # fmt: skip


class Row(NamedTuple):
    """One measured amount, and where on the axes."""

    at: tuple[float, ...]
    amount: Amount


def points(reader: Reader, said: str, device: str, entries: list[Any]) -> tuple[Kind, tuple[Any, ...]]:
    """What was measured, by the apparatus. Raises NotCoveredError or FileFormatError."""
    kind = "stirred reactor" if said.startswith("jet") else APPARATUS.get(device.strip().lower())
    if kind is None:
        raise NotCoveredError(
            f"{reader.path}: species measured in apparatus '{device}' are not covered; covered: {', '.join(APPARATUS)}"
        )
    found: list[Any] = []
    for entry, where in reader.each(entries):
        reader.unknown(entry, KEYS, "datapoints[].")
        if said != PROFILES:
            found.append(outlet(reader, entry, where))
        elif kind == "burner flame":
            found.append(flame(reader, entry, where))
        else:
            found += reactors(reader, entry, where)
    return kind, tuple(found)


def outlet(reader: Reader, entry: Mapping[str, Any], where: str) -> OutletPoint:
    """A point of version 0.4: a state and what was measured there."""
    X, basis = reader.mixture(entry, where)
    T, p = reader.state(entry, where)
    place = f"{where}.measured-composition"
    tree = reader.value(entry, "measured-composition", where)
    found, measured_basis = reader.composition(tree, place)
    if measured_basis != "mole":
        raise NotCoveredError(f"{reader.path}: {place}: mass fractions are not covered, only mole fractions")
    species = {str(item.get("species-name")): item.get("amount") for item in tree.get("species", [])}
    amounts = [
        Amount(name, reader.at(place, partial(fraction, x)), reader.spread(species.get(name), x, "amount", place))
        for name, x in found.items()
    ]  # fmt: skip
    return OutletPoint(T, p, X, residence_time(reader, entry, where), tuple(amounts), basis)


def residence_time(reader: Reader, entry: Mapping[str, Any], where: str) -> float:
    """s. Raises NotCoveredError where the file has only a flow, FileFormatError for one that is not positive."""
    if reader.find(entry, "residence-time") is None:
        raise NotCoveredError(f"{reader.path}: {where}: without a residence time the reactor is not covered")
    found = reader.quantity(entry, "residence-time", "time", where)
    return reader.at(f"{where}.residence-time", lambda: positive(found, "s"))


def reactors(reader: Reader, entry: Mapping[str, Any], where: str) -> Iterator[OutletPoint]:
    """The states of a reactor along its profiles; what was measured at one state makes one point."""
    X, basis = reader.mixture(entry, where)
    names = [name for name, _ in axes(reader, entry, where)]
    if unknown := [name for name in names if name not in AXES]:
        raise NotCoveredError(
            f"{reader.path}: {where}: a reactor along '{unknown[0]}' is not covered; covered: {', '.join(AXES)}"
        )
    states: dict[tuple[float, ...], list[Amount]] = {}
    for row in rows(reader, entry, where):
        states.setdefault(row.at, []).append(row.amount)
    for at, amounts in states.items():
        known = dict(zip(names, at, strict=True))
        T, p = (
            known[name] if name in known else reader.quantity(entry, name, AXES[name], where)
            for name in ("temperature", "pressure")
        )  # fmt: skip
        reader.at(where, lambda: plausible_state(T, p))
        tau = known["residence-time"] if "residence-time" in known else residence_time(reader, entry, where)
        reader.at(f"{where}.residence-time", lambda: positive(tau, "s"))
        yield OutletPoint(T, p, X, tau, tuple(amounts), basis)


def flame(reader: Reader, entry: Mapping[str, Any], where: str) -> FlamePoint:
    """A flame along the distance from its burner."""
    X, basis = reader.mixture(entry, where)
    names = [name for name, _ in axes(reader, entry, where)]
    if names != ["distance"]:
        raise NotCoveredError(f"{reader.path}: {where}: a flame along {', '.join(names)} is not covered, only distance")
    if reader.find(entry, "flow-rate") is None:
        raise NotCoveredError(f"{reader.path}: {where}: a flame on a burner without flow-rate is not covered")
    T, p = reader.state(entry, where)
    flux = reader.quantity(entry, "flow-rate", "mass flux", where)
    reader.at(f"{where}.flow-rate", lambda: positive(flux, "kg/m2/s"))
    found = tuple((row.at[0], row.amount) for row in rows(reader, entry, where))
    return FlamePoint(T, p, X, flux, found, temperatures(reader, entry, T, where), basis)


def temperatures(reader: Reader, entry: Mapping[str, Any], T: float, where: str) -> tuple[tuple[float, float], ...]:
    """The measured profile of temperature, none if there is none."""
    for i, item in enumerate(listed(entry.get("auxiliary-profiles"))):
        if not isinstance(item, Mapping) or item.get("type") != "temperature":
            continue
        place = f"{where}.auxiliary-profiles[{i}]"
        parts = (("independent", "length"), ("quantity", "temperature"))
        columns = [(units(reader, item.get(part), place), kind) for part, kind in parts]
        table = [numbers(reader, row, columns, f"{place}.values[{j}]") for j, row in values(reader, item, place)]
        return reader.at(place, partial(temperature_profile, [(row[0], row[1]) for row in table], T))
    return ()


def axes(reader: Reader, entry: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """Name and unit of each column before the amounts."""
    found = listed(entry.get("independent-variables"))
    place = f"{where}.independent-variables"
    if not found or not all(isinstance(item, Mapping) and item.get("name") for item in found):
        raise FileFormatError(f"{reader.path}: {place}: a list of variables with name and units is needed")
    return [(str(item["name"]), units(reader, item, place)) for item in found]


def rows(reader: Reader, entry: Mapping[str, Any], where: str) -> Iterator[Row]:
    """All measured amounts, profile by profile."""
    kinds = AXES | {"distance": "length"}
    before = [(unit, kinds[name]) for name, unit in axes(reader, entry, where)]
    profiles = listed(entry.get("concentration-profiles"))
    if not profiles:
        raise FileFormatError(f"{reader.path}: {where}.concentration-profiles: missing or empty")
    for i, profile in enumerate(profiles):
        place = f"{where}.concentration-profiles[{i}]"
        if not isinstance(profile, Mapping) or not profile.get("species-name"):
            raise FileFormatError(f"{reader.path}: {place}: species-name is needed")
        name, unit = str(profile["species-name"]), units(reader, profile.get("quantity"), place)
        if profile.get("InChI"):
            reader.inchi[name] = str(profile["InChI"])
        for j, row in values(reader, profile, place):
            found = numbers(reader, row, [*before, (unit, "amount")], f"{place}.values[{j}]")
            size = reader.at(f"{place}.values[{j}]", partial(fraction, found[-1]))
            sigma = reader.spread(profile.get("uncertainty"), size, "amount", f"{place}.uncertainty", unit=unit)
            yield Row(found[:-1], Amount(name, size, sigma))


def values(reader: Reader, table: Mapping[str, Any], where: str) -> Iterator[tuple[int, Any]]:
    """The numbered rows of a table."""
    found = table.get("values")
    if not isinstance(found, list) or not 1 <= len(found) <= LONGEST:
        raise FileFormatError(f"{reader.path}: {where}.values: a list of 1 to {LONGEST} rows is needed")
    yield from enumerate(found)


def numbers(reader: Reader, row: Any, columns: list[tuple[str, str]], where: str) -> tuple[float, ...]:
    """A row in SI; columns : unit and kind of each. A further column, an uncertainty, is passed over."""
    if not isinstance(row, list) or not len(columns) <= len(row) <= len(columns) + 1:
        raise FileFormatError(f"{reader.path}: {where}: a list of {len(columns)} numbers is needed")
    return tuple(
        reader.at(where, partial(to_si, as_number(value), kind, unit))
        for value, (unit, kind) in zip(row, columns, strict=False)
    )


def units(reader: Reader, tree: Any, where: str) -> str:
    """The units that a description of a column names."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("units"), str):
        raise FileFormatError(f"{reader.path}: {where}: units are missing")
    return str(tree["units"])
