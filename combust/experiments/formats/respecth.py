"""ReSpecTh files: experiments in XML of the ReSpecTh Kinetics Data format, version 2 (respecth.hu)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from combust.errors import FileFormatError
from combust.experiments.formats import respecth_points, respecth_species
from combust.experiments.formats.data import DataSet, Kind, NotCoveredError
from combust.experiments.formats.respecth_reader import Reader, text
from combust.files import read_bytes

Points = Callable[[Reader, Element], tuple[Any, ...]]
KINDS_READ: dict[str, tuple[Kind, Points]] = {
    "ignition delay measurement": ("ignition delay", respecth_points.ignitions),
    "laminar burning velocity measurement": ("burning velocity", respecth_points.speeds),
    "jet stirred reactor measurement": ("stirred reactor", respecth_species.reactors),
    "outlet concentration measurement": ("flow reactor", respecth_species.reactors),
    "burner stabilized flame speciation measurement": ("burner flame", respecth_species.flames),
}


def read_respecth(path: str | Path) -> DataSet:
    """The experiments of a ReSpecTh file, of whichever kind it is.

    Raises NotCoveredError for an experiment that combust does not simulate, FileFormatError naming file and element
    for what is missing or damaged.
    """
    try:
        root = ElementTree.fromstring(read_bytes(path))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise FileFormatError(f"{path}: not valid XML: {error}") from error
    if root.tag == "kdetermination":
        raise NotCoveredError(f"{path}: a rate coefficient (<kdetermination>) is not covered")
    if root.tag != "experiment":
        raise FileFormatError(f"{path}: root <{root.tag}>: a ReSpecTh experiment has <experiment>")
    said = text(root, "experimentType")
    known = KINDS_READ.get(" ".join(said.lower().split()))
    if known is None:
        covered = ", ".join(f"'{name}'" for name in KINDS_READ)
        raise NotCoveredError(f"{path}: experimentType '{said}' is not covered; covered: {covered}")
    kind, read = known
    reader = Reader(str(path), said)
    points = read(reader, root)
    return DataSet(
        name=Path(path).stem,
        path=str(path),
        reference=reference(root),
        apparatus=text(root, "apparatus/kind"),
        points=points,
        inchi=reader.inchi,
        notes=tuple(reader.notes),
        kind=kind,
    )


def reference(root: Element) -> str:
    author = text(root, "bibliographyLink/details/author").replace(";", ",").split(",")[0]
    words = " ".join(filter(None, (author, text(root, "bibliographyLink/details/year"))))
    doi = text(root, "bibliographyLink/referenceDOI")
    return ", ".join(filter(None, (words, f"doi {doi}" if doi else "")))
