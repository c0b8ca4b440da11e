"""ChemKED files: experiments in YAML (Weber and Niemeyer 2018, doi 10.1002/kin.21142).

Public files stray from the published schema, so the reader is lenient: keys that it does not know cost a note, tags
of other programs are read as what they enclose, and quantities may be "220 kPa", [220 kPa, {...}] or {value, units}.
What a simulation needs must be there and make sense.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError

from combust.errors import FileFormatError
from combust.experiments.formats import chemked_flames, chemked_ignition, chemked_species
from combust.experiments.formats.chemked_reader import Reader
from combust.experiments.formats.data import DataSet, Kind, NotCoveredError
from combust.files import read_text

FILE_KEYS = {
    "file-author", "file-authors", "file-version", "chemked-version", "reference", "experiment-type", "apparatus",
    "common-properties", "datapoints", "comments", "file-type",
}  # fmt: skip
IGNITION: Kind = "ignition delay"
KINDS_READ = (IGNITION, *chemked_flames.KINDS, *chemked_species.KINDS)


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
        return IGNITION, tuple(chemked_ignition.point(reader, *item) for item in reader.each(entries))
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
