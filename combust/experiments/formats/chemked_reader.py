"""Reads the entries that points of all kinds share in ChemKED files, and keeps notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from combust.errors import FileFormatError
from combust.experiments.formats.data import P_RANGE, T_RANGE, Notes, normalised, plausible
from combust.units import split, to_si

AMOUNT_KEYS = ("amount", "mole-fraction", "mass-fraction", "mole-percent")
SPREAD = ("evaluated-standard-deviation", "uncertainty")  # the first one given counts
BASES = {"mole fraction": ("mole", ""), "mole percent": ("mole", "percent"), "mass fraction": ("mass", "")}


class Reader(Notes):
    """Reads the points of one file and keeps notes, each once."""

    def __init__(self, path: str, shared: Mapping[str, Any]) -> None:
        super().__init__(path)
        self.shared = shared

    def unknown(self, tree: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in tree:
            if key not in known:
                self.note(f"{self.path}: key '{where}{key}' is unknown and was passed over")

    def each(self, entries: list[Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
        """The points with their places. Raises FileFormatError for one that is no mapping."""
        for i, entry in enumerate(entries):
            if not isinstance(entry, Mapping):
                raise FileFormatError(f"{self.path}: datapoints[{i}]: a mapping is needed, not {type(entry).__name__}")
            yield entry, f"datapoints[{i}]"

    def mixture(self, entry: Mapping[str, Any], where: str) -> tuple[dict[str, float], Any]:
        """Fractions of the gas by name, summing to one, and whether they are of mole or mass."""
        place = f"{where}.composition"
        amounts, basis = self.composition(self.value(entry, "composition", where), place)
        return self.at(place, lambda: normalised(amounts)), basis

    def state(
        self, entry: Mapping[str, Any], where: str, names: tuple[str, str] = ("temperature", "pressure")
    ) -> tuple[float, float]:
        """Temperature [K] and pressure [Pa]."""
        T = self.quantity(entry, names[0], "temperature", where)
        p = self.quantity(entry, names[1], "pressure", where)
        self.at(f"{where}.{names[0]}", lambda: plausible(T, "temperature", T_RANGE, "K"))
        self.at(f"{where}.{names[1]}", lambda: plausible(p, "pressure", P_RANGE, "Pa"))
        return T, p

    def find(self, entry: Mapping[str, Any], key: str) -> Any:
        return entry[key] if entry.get(key) is not None else self.shared.get(key)

    def value(self, entry: Mapping[str, Any], key: str, where: str) -> Any:
        found = self.find(entry, key)
        if found is None:
            raise FileFormatError(f"{self.path}: {where}.{key}: missing")
        return found

    def quantity(self, entry: Mapping[str, Any], key: str, kind: str, where: str) -> float:
        """An entry in SI."""
        value, unit = plain(self.value(entry, key, where))
        return self.at(f"{where}.{key}", lambda: to_si(value, kind, unit))

    def composition(self, tree: Any, where: str) -> tuple[dict[str, float], Any]:
        """Fractions by name, and whether they are of mole or mass."""
        kind = single(tree.get("kind", "mole fraction")) if isinstance(tree, Mapping) else "mole fraction"
        species = tree.get("species") if isinstance(tree, Mapping) else tree
        if kind not in BASES:
            raise FileFormatError(f"{self.path}: {where}.kind: '{kind}' is unknown; known: {', '.join(BASES)}")
        if not isinstance(species, list) or not all(isinstance(item, Mapping) for item in species):
            raise FileFormatError(f"{self.path}: {where}.species: a list of species with amounts is needed")
        basis, unit = BASES[kind]
        amounts: dict[str, float] = {}
        for i, item in enumerate(species):
            place = f"{where}.species[{i}]"
            name = str(item.get("species-name") or item.get("species") or "")
            key = next((key for key in AMOUNT_KEYS if item.get(key) is not None), None)
            if not name or key is None:
                raise FileFormatError(f"{self.path}: {place}: species-name and amount are needed")
            basis = "mass" if key == "mass-fraction" else basis
            value, own = plain(item[key])
            scale = own or ("percent" if key == "mole-percent" else unit)
            amounts[name] = amounts.get(name, 0.0) + self.at(f"{place}.{key}", lambda: to_si(value, "amount", scale))
            if item.get("InChI"):
                self.inchi[name] = str(item["InChI"])
        return amounts, basis

    def spread(self, tree: Any, size: float, kind: str, where: str, unit: str = "", over: float = 1.0) -> float | None:
        """Standard deviation of a quantity of `size`, in SI; an uncertainty of unstated coverage counts as one.

        tree : the quantity as the file has it, [value, {uncertainty: ...}]; unit : of a value without its own;
        over : what it is divided by
        """
        items = tree if isinstance(tree, list) else []
        meta = next((item for item in items if isinstance(item, Mapping) and any(key in item for key in SPREAD)), {})
        for key in SPREAD:
            if meta.get(key) is None:
                continue
            relative = str(meta.get(f"{key}-type", "relative")) == "relative"
            value, own = plain(meta[key])
            place = f"{where}.{key}"
            if relative:
                return self.deviation(self.at(place, lambda: to_si(value, "amount", own)) * (abs(size) / over), place)
            if not own and not (isinstance(value, str) and self.at(place, lambda: split(str(value)))[1]):
                own = unit or self.at(place, lambda: split(str(single(tree))))[1]
            return self.deviation(self.at(place, lambda: to_si(value, kind, own)) / over, place)
        return None

    def deviation(self, value: float, where: str) -> float | None:
        """A standard deviation; zero says nothing. Raises FileFormatError for one below zero."""
        if value < 0:
            raise FileFormatError(f"{self.path}: {where}: {value:g} is negative")
        return value or None


def plain(tree: Any) -> tuple[Any, str]:
    """Number or text of a quantity, and its unit where that stands apart."""
    value, unit = single(tree), ""
    if isinstance(value, Mapping):
        value, unit = value.get("value", ""), str(value.get("units", ""))
    return (value if isinstance(value, int | float) else str(value)), unit


def single(tree: Any) -> Any:
    """The first entry of a list, as quantities and tagged values are written."""
    return (tree[0] if tree else "") if isinstance(tree, list) else tree
