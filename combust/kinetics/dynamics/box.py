"""Molecules put into a periodic cube at random, and the data file that LAMMPS reads of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from combust.errors import ConfigError
from combust.kinetics.dynamics.settings import AVOGADRO

# Where atoms of a molecule begin, in angstrom: round numbers near the minima, since the thermostat settles the rest.
SHAPES: dict[str, tuple[tuple[str, float, float, float], ...]] = {
    "H": (("H", 0, 0, 0),),
    "O": (("O", 0, 0, 0),),
    "C": (("C", 0, 0, 0),),
    "H2": (("H", 0, 0, 0), ("H", 0.75, 0, 0)),
    "O2": (("O", 0, 0, 0), ("O", 1.2, 0, 0)),
    "OH": (("O", 0, 0, 0), ("H", 0.97, 0, 0)),
    "CO": (("C", 0, 0, 0), ("O", 1.15, 0, 0)),
    "H2O": (("O", 0, 0, 0), ("H", 0.95, 0, 0), ("H", -0.25, 0.92, 0)),
    "HO2": (("O", 0, 0, 0), ("O", 1.33, 0, 0), ("H", -0.25, 0.94, 0)),
    "H2O2": (("O", 0, 0, 0), ("O", 1.45, 0, 0), ("H", -0.2, 0.95, 0), ("H", 1.65, -0.4, 0.85)),
    "CO2": (("C", 0, 0, 0), ("O", 1.17, 0, 0), ("O", -1.17, 0, 0)),
    "CH4": (("C", 0, 0, 0), ("H", 0.63, 0.63, 0.63), ("H", -0.63, -0.63, 0.63), ("H", -0.63, 0.63, -0.63),
            ("H", 0.63, -0.63, -0.63)),
    "CH3": (("C", 0, 0, 0), ("H", 1.08, 0, 0), ("H", -0.54, 0.94, 0), ("H", -0.54, -0.94, 0)),
}  # fmt: skip
APART = 2.2  # angstrom between atoms of two molecules
TRIES = 20_000  # places for one molecule


@dataclass(frozen=True)
class Box:
    """Atoms in a cube:  elements : of types 1, 2, ...;  types (atoms,);  places (atoms, 3), side [angstrom]"""

    elements: tuple[str, ...]
    types: np.ndarray
    places: np.ndarray
    side: float

    @property
    def volume(self) -> float:
        """In m3."""
        return (self.side * 1e-10) ** 3


def make(molecules: Mapping[str, int], density: float, seed: int) -> Box:
    """The box of `density` [kg/m3]; the same for the same seed.

    Raises ConfigError for a molecule of unknown shape, or where they do not fit with 2.2 angstrom between them.
    """
    if odd := [name for name in molecules if name not in SHAPES]:
        raise ConfigError(f"molecules: {', '.join(odd)}: unknown; known: {', '.join(SHAPES)}")
    elements = tuple(sorted({atom[0] for name in molecules for atom in SHAPES[name]}))
    mass = sum(count * weight(name) for name, count in molecules.items()) / AVOGADRO
    side = (mass / density) ** (1 / 3) * 1e10
    rng = np.random.default_rng(seed)
    placed = np.empty((0, 3))
    types: list[int] = []
    for name in sorted(molecules, key=lambda name: -len(SHAPES[name])):  # large ones while there is room
        shape = SHAPES[name]
        atoms = np.array([atom[1:] for atom in shape], dtype=float)
        for _ in range(molecules[name]):
            placed = np.concatenate([placed, place(atoms, placed, side, rng, name)])
            types += [elements.index(atom[0]) + 1 for atom in shape]
    return Box(elements, np.array(types), placed, side)


def weight(molecule: str) -> float:
    """Of one molecule, kg/kmol."""
    return sum(atomic_weight(atom[0]) for atom in SHAPES[molecule])


def atomic_weight(element: str) -> float:
    """Of an element, kg/kmol, as Cantera has it."""
    import cantera as ct

    return float(ct.Element(element).weight)


def place(atoms: np.ndarray, others: np.ndarray, side: float, rng: np.random.Generator, name: str) -> np.ndarray:
    """Places of one molecule, turned and moved at random, away from the others. Raises ConfigError."""
    for _ in range(TRIES):
        here = (atoms @ rotation(rng).T + rng.random(3) * side) % side
        if not len(others):
            return here
        apart = here[:, None] - others[None]
        apart -= side * np.round(apart / side)
        if (apart**2).sum(-1).min() >= APART**2:
            return here
    raise ConfigError(
        f"no room for another {name} with {APART} angstrom to its neighbours in a cube of {side:.1f} angstrom: "
        "lower the density"
    )


def rotation(rng: np.random.Generator) -> np.ndarray:
    """A random one, from a unit quaternion."""
    w, x, y, z = (q := rng.normal(size=4)) / math.sqrt(q @ q)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def data_file(box: Box, charges: bool) -> str:
    """Text that LAMMPS reads;  charges : atoms have a column for them, as ReaxFF wants."""
    lines = ["made by combust", "", f"{len(box.types)} atoms", f"{len(box.elements)} atom types", ""]
    lines += [f"0.0 {box.side:.12g} {axis}lo {axis}hi" for axis in "xyz"]
    lines += ["", "Masses", "", *masses(box.elements), "", f"Atoms # {'charge' if charges else 'atomic'}", ""]
    charge = " 0.0" if charges else ""
    lines += [
        f"{i + 1} {kind}{charge} {x:.12g} {y:.12g} {z:.12g}"
        for i, (kind, (x, y, z)) in enumerate(zip(box.types, box.places, strict=True))
    ]
    return "\n".join(lines) + "\n"


def masses(elements: Sequence[str]) -> list[str]:
    return [f"{i + 1} {atomic_weight(element):.6g}  # {element}" for i, element in enumerate(elements)]
