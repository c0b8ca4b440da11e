"""What the chemistry of a cell was done by: numbers in fields and files, names, colours in pictures, counts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

SLOW, NETWORK, EXACT, REFUSED = 0, 1, 2, 3
ROUTES = ("slow", "network", "exact", "refused")
COLOURS = ("#d9d9d9", "#9ecae1", "#fdae6b", "#de2d26")


@dataclass(frozen=True)
class RouteStatistics:
    """Counts of cells over the (sub-)steps of an `advance`; add them up with +."""

    cells: int = 0
    slow: int = 0
    network: int = 0
    exact: int = 0
    refused: int = 0  # left as they were: not trusted, and nothing to fall back on
    outside: int = 0  # unlike the training rows: range, element ratios, density
    distrusted: int = 0  # disagree with the exact rates, or elements could not be met
    negative: int = 0  # with a mass fraction below zero as given
    unnormalised: int = 0  # whose mass fractions do not sum to one within 1e-6 as given
    substeps: int = 1
    error: Any = field(default=None, compare=False)  # (...cells) estimate, in units of what is allowed

    def __add__(self, other: RouteStatistics) -> RouteStatistics:
        counts = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name != "error"}
        return RouteStatistics(**counts, error=other.error)

    def share(self, route: str) -> float:
        """Of the cells, that took a route ("slow", "network", "exact", "refused")."""
        return getattr(self, route) / self.cells if self.cells else 0.0
