"""Elements that molecules may have: numbers, and masses of the most abundant isotope, which frequencies want."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from combust.errors import ConfigError

# Number and mass [u] of the most abundant isotope: AME and CIAAW, as periodictable 2.1.0 has them.
ELEMENTS: dict[str, tuple[int, float]] = {
    "H": (1, 1.0078250319), "He": (2, 4.00260325413), "Li": (3, 7.016003434), "Be": (4, 9.01218306),
    "B": (5, 11.009305167), "C": (6, 12.0), "N": (7, 14.00307400425), "O": (8, 15.9949146193),
    "F": (9, 18.9984031621), "Ne": (10, 19.9924401753), "Na": (11, 22.989769282), "Mg": (12, 23.985041689),
    "Al": (13, 26.98153841), "Si": (14, 27.9769265344), "P": (15, 30.9737619977), "S": (16, 31.9720711735),
    "Cl": (17, 34.96885269), "Ar": (18, 39.962383122), "K": (19, 38.963706485), "Ca": (20, 39.962590851),
    "Fe": (26, 55.93493554), "Cu": (29, 62.9295971), "Br": (35, 78.9183376), "Kr": (36, 83.911497727),
    "I": (53, 126.904473), "Xe": (54, 131.904155083),
}  # fmt: skip


def masses(elements: Iterable[str]) -> NDArray[np.float64]:
    """Of atoms [u], shape (n,). Raises ConfigError for an element that is not in the table."""
    return np.array([known(one)[1] for one in elements])


def known(element: str) -> tuple[int, float]:
    """Number and mass. Raises ConfigError."""
    if element not in ELEMENTS:
        raise ConfigError(f"element {element!r}: is unknown here; known are {', '.join(ELEMENTS)}")
    return ELEMENTS[element]


def electrons(elements: Iterable[str], charge: int) -> int:
    """How many a molecule has."""
    return sum(known(one)[0] for one in elements) - charge


def require_multiplicity(name: str, elements: Iterable[str], charge: int, multiplicity: int) -> None:
    """Raises ConfigError where that many electrons cannot have this multiplicity 2S + 1."""
    count = electrons(elements, charge)
    if count < 1 or multiplicity < 1 or multiplicity - 1 > count or (count - multiplicity + 1) % 2:
        parity = "odd" if count % 2 == 0 else "even"
        raise ConfigError(
            f"{name}: {count} electrons (charge {charge}) cannot have multiplicity {multiplicity}: "
            f"it must be {parity} and at most {max(count, 0) + 1}"
        )
