"""A molecule at a geometry, and the pieces of work on it that are kept in files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from combust.atomic import replace_bytes
from combust.errors import OutputError
from combust.files import is_file, read_json

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Structure:
    """Atoms at `coordinates` [angstrom], rows of three."""

    name: str
    elements: tuple[str, ...]
    coordinates: tuple[tuple[float, float, float], ...]
    charge: int = 0
    multiplicity: int = 1

    @property
    def places(self) -> Array:
        """Coordinates [angstrom], shape (n, 3)."""
        return np.array(self.coordinates, dtype=float)

    def at(self, places: Array) -> Structure:
        """The same atoms elsewhere."""
        rows = np.asarray(places, dtype=float).reshape(-1, 3)
        return replace(self, coordinates=tuple((float(x), float(y), float(z)) for x, y, z in rows))


class Energy(NamedTuple):
    """Of electrons and nuclei [hartree], <S2> of the wave function, and what else is to be told."""

    value: float
    s2: float
    about: str = ""


class Engine(Protocol):
    """What a program of electronic structure does for this room; lengths in angstrom, energies in hartree."""

    version: str

    def energy(self, structure: Structure, level: str) -> Energy:
        """Raises ConfigError for a level that it does not know, DivergenceError where it does not converge."""

    def gradient(self, structure: Structure, level: str) -> tuple[Energy, Array]:
        """And the gradient [hartree/bohr], shape (n, 3)."""

    def hessian(self, structure: Structure, level: str) -> tuple[Energy, Array]:
        """And second derivatives [hartree/bohr2], shape (3 n, 3 n)."""


class Pieces:
    """Results in a folder, each in a file of its own that is whole or not there, and of the inputs that it names.

    A killed run finds what it had finished; a piece of other inputs is made anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, inputs: Sequence[Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The piece `name` of `inputs`, made if it is not there. Raises OutputError."""
        path, key = self.folder / f"{name}.json", digest(inputs)
        if is_file(path):
            found = read_json(path)
            if isinstance(found, dict) and found.get("of") == key and found.get("sha256") == digest(found.get("is")):
                return dict(found["is"])
        made = make()
        try:
            replace_bytes(path, json.dumps({"of": key, "sha256": digest(made), "is": made}).encode())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        return made


def digest(content: Any) -> str:
    """SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def inputs(structure: Structure, level: str, *more: Any) -> list[Any]:
    """What a result hangs on."""
    return [structure.elements, structure.coordinates, structure.charge, structure.multiplicity, level, *more]
