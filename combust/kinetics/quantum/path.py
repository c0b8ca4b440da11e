"""A point of the way down from a saddle, as a record keeps it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from combust.settings.base import Positive, Settings, Vector3, doc


class Point(Settings, frozen=True):
    """One point beside the saddle."""

    s: Annotated[float, doc("length of the way from the saddle [bohr u^1/2], > 0 along the saddle's `mode`")]
    coordinates: Annotated[tuple[Vector3, ...], doc("Cartesian", "angstrom")]
    energy: Annotated[
        float, doc("of electrons and nuclei [hartree], at the level of the geometry, beside the saddle's there")
    ]
    frequencies: Annotated[
        tuple[Positive, ...],
        Meta(min_length=1),
        doc("harmonic, unscaled, of what is neither way, translation nor rotation [cm-1]"),
    ]

    @property
    def places(self) -> NDArray[np.float64]:
        """Coordinates [angstrom], shape (n, 3)."""
        return np.array(self.coordinates, dtype=float)
