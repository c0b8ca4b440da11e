"""ChemKED files: experiments in YAML (Weber and Niemeyer 2018, doi 10.1002/kin.21142).

Public files stray from the published schema, so the reader is lenient: keys that it does not know cost a note, tags
of other programs are read as what they enclose, and quantities may be "220 kPa", [220 kPa, {...}] or {value, units}.
What a simulation needs must be there and make sense.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML, MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError

from combust.errors import FileFormatError
from combust.experiments.formats import chemked_flames, chemked_histories, chemked_species
from combust.experiments.formats.data import (
    P_RANGE,
    T_RANGE,
    Criterion,
    DataSet,
    IgnitionPoint,
    Kind,
    NotCoveredError,
    normalised,
    plausible,
    positive,
)
from combust.files import read_text
from combust.units import split, to_si

R = TypeVar("R")

FILE_KEYS = {
    "file-author", "file-authors", "file-version", "chemked-version", "reference", "experiment-type", "apparatus",
    "common-properties", "datapoints", "comments", "file-type",
}  # fmt: skip
IGNITION: Kind = "ignition delay"
KINDS_READ = (IGNITION, *chemked_flames.KINDS, *chemked_species.KINDS)
POINT_KEYS = {
    "temperature", "pressure", "composition", "ignition-delay", "ignition-type", "pressure-rise", "equivalence-ratio",
    "first-stage-ignition-delay", "rcm-data", "volume-history", "time-histories", "comments",
}  # fmt: skip
AMOUNT_KEYS = ("amount", "mole-fraction", "mass-fraction", "mole-percent")
SPREAD = ("evaluated-standard-deviation", "uncertainty")  # the first one given counts
BASES = {"mole fraction": ("mole", ""), "mole percent": ("mole", "percent"), "mass fraction": ("mass", "")}


class Lenient(SafeConstructor):
    """Reads a node with an unknown tag as the plain value in it; nothing is ever executed."""

    def plain(self, suffix: str, node: Any) -> Any:
        if isinstance(node, MappingNode):
            return SafeConstructor.construct_mapping(self, node, deep=True)
        if isinstance(node, SequenceNode):
            return SafeConstructor.construct_sequence(self, node, deep=True)
        assert isinstance(node, ScalarNode)
        return node.value


Lenient.add_multi_constructor("", Lenient.plain)


def read_chemked(path: str | Path) -> DataSet:
    """The experiments of a ChemKED file, of whichever kind it is.

    Raises NotCoveredError for an experiment that combust does not simulate, FileFormatError naming file and key for
    what is missing or damaged.
    """
    tree = load(Path(path))
    said = str(tree.get("experiment-type", "")).strip().lower()
    if said not in KINDS_READ:
        known = ", ".join(f"'{kind}'" for kind in KINDS_READ)
        raise NotCoveredError(f"{path}: experiment-type '{said}' is not covered; covered: {known}")
    entries = tree.get("datapoints")
    if not isinstance(entries, list) or not entries:
        raise FileFormatError(f"{path}: datapoints: missing or empty; a list of points is needed")
    shared = tree.get("common-properties") or {}
    reader = Reader(str(path), shared if isinstance(shared, Mapping) else {})
    reader.unknown(tree, FILE_KEYS, "")
    apparatus = tree.get("apparatus")
    device = str(apparatus.get("kind", "")) if isinstance(apparatus, Mapping) else str(apparatus or "")
    kind, points = points_of(reader, said, device, entries)
    return DataSet(
        name=Path(path).stem,
        path=str(path),
        reference=reference(tree.get("reference")),
        apparatus=device,
        points=points,
        inchi=reader.inchi,
        notes=tuple(reader.notes),
        kind=kind,
    )


def points_of(reader: Reader, said: str, device: str, entries: list[Any]) -> tuple[Kind, tuple[Any, ...]]:
    """Points by the file's experiment type."""
    if said == IGNITION:
        return IGNITION, tuple(reader.point(*item) for item in reader.each(entries))
    if said in chemked_flames.KINDS:
        return "burning velocity", tuple(chemked_flames.speed(reader, *item) for item in reader.each(entries))
    return chemked_species.points(reader, said, device, entries)


def load(path: Path) -> Mapping[str, Any]:
    """The YAML tree of a file. Raises FileFormatError where it cannot be read or is no mapping."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Lenient
    yaml.allow_duplicate_keys = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # legal, and common in these files
            tree = yaml.load(read_text(path))
    except RecursionError:
        raise FileFormatError(f"{path}: not valid YAML: its lists and tables are nested too deeply") from None
    except (YAMLError, ValueError, TypeError, LookupError, OverflowError) as error:
        raise FileFormatError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, Mapping) or "datapoints" not in tree and "experiment-type" not in tree:
        raise FileFormatError(f"{path}: no ChemKED file: keys experiment-type and datapoints are needed")
    return tree


def reference(tree: Any) -> str:
    """First author, year and DOI, as far as the file tells: "Chaumeix 2007, doi 10.1016/j.ijhydene.2007.04.008"."""
    if not isinstance(tree, Mapping):
        return str(tree or "")
    authors = tree.get("authors") or [{}]
    first = authors[0].get("name", "") if isinstance(authors, list) and isinstance(authors[0], Mapping) else ""
    words = [str(first).split()[-1] if str(first).split() else "", str(tree.get("year", ""))]
    doi = f"doi {tree['doi']}" if tree.get("doi") else ""
    return ", ".join(part for part in (" ".join(filter(None, words)), doi) if part)


class Reader:
    """Reads the points of one file and keeps notes, each once."""

    def __init__(self, path: str, shared: Mapping[str, Any]) -> None:
        self.path, self.shared = path, shared
        self.notes: list[str] = []
        self.inchi: dict[str, str] = {}

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def unknown(self, tree: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in tree:
            if key not in known:
                self.note(f"{self.path}: key '{where}{key}' is unknown and was passed over")

    def at(self, where: str, action: Callable[[], R]) -> R:
        """action(), with file and key in front of its error."""
        try:
            return action()
        except FileFormatError as error:
            raise FileFormatError(f"{self.path}: {where}: {error}") from None

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

    def point(self, entry: Mapping[str, Any], where: str) -> IgnitionPoint:
        """An ignition delay."""
        self.unknown(entry, POINT_KEYS, "datapoints[].")
        X, basis = self.mixture(entry, where)
        volume, history = chemked_histories.read(self, entry, where)
        T, p, history = self.reactor(entry, where, history)
        delay = self.quantity(entry, "ignition-delay", "time", where)
        self.at(f"{where}.ignition-delay", lambda: positive(delay, "s"))
        rise = self.find(entry, "pressure-rise")
        measured, place = self.find(entry, "ignition-delay"), f"{where}.ignition-delay"
        return IgnitionPoint(
            T, p, X, delay,
            sigma=self.spread(measured, delay, "time", place, over=delay),
            criteria=self.criteria(self.find(entry, "ignition-type"), f"{where}.ignition-type"),
            pressure_rise=0.0 if rise is None else self.quantity(entry, "pressure-rise", "rate", where),
            basis=basis, history=history, volume=volume,
        )  # fmt: skip

    def reactor(self, entry: Mapping[str, Any], where: str, history: bool) -> tuple[float, float, bool]:
        """State where a simulation begins, that after compression where only it helps; whether a history is lacking."""
        machine = entry.get("rcm-data")
        names = ("compressed-temperature", "compressed-pressure")
        known = isinstance(machine, Mapping) and all(name in machine for name in names)
        if isinstance(machine, Mapping) and known and (history or not has_history(entry)):
            self.note(f"{self.path}: simulated from the compressed state, without heat loss")
            return *self.state(machine, f"{where}.rcm-data", names), False
        return *self.state(entry, where), history

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

    def criteria(self, tree: Any, where: str) -> tuple[Criterion, ...]:
        entries = [] if tree is None else tree if isinstance(tree, list) else [tree]
        found = []
        for entry in entries:
            if not isinstance(entry, Mapping) or not entry.get("target") or not entry.get("type"):
                raise FileFormatError(f"{self.path}: {where}: target and type are needed")
            amount = entry.get("amount")
            value = None if amount is None else self.at(f"{where}.amount", lambda: split(str(single(amount)))[0])
            found += [Criterion(target, str(single(entry["type"])).strip(), value) for target in targets(entry)]
        return tuple(found)


def has_history(entry: Mapping[str, Any]) -> bool:
    """Whether a point comes with a table of time."""
    return any(entry.get(key) for key in ("volume-history", "time-histories"))


def targets(entry: Mapping[str, Any]) -> list[str]:
    """Names of one or several targets: "OH*", "p;", "CH*; OH*"."""
    return [name.strip() for name in str(single(entry["target"])).split(";") if name.strip()]


def plain(tree: Any) -> tuple[Any, str]:
    """Number or text of a quantity, and its unit where that stands apart."""
    value, unit = single(tree), ""
    if isinstance(value, Mapping):
        value, unit = value.get("value", ""), str(value.get("units", ""))
    return (value if isinstance(value, int | float) else str(value)), unit


def single(tree: Any) -> Any:
    """The first entry of a list, as quantities and tagged values are written."""
    return (tree[0] if tree else "") if isinstance(tree, list) else tree
