"""What an integration of cells took, in counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statistics:
    """Counts over the cells of one `advance`; add them up with +."""

    cells: int = 0
    skipped: int = 0  # took the explicit path: their rates are negligible or slow over dt
    steps: int = 0  # accepted implicit steps
    rejected: int = 0
    fallbacks: int = 0  # handed to the slow, robust integrator

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(*(a + b for a, b in zip(self.counts(), other.counts(), strict=True)))

    def counts(self) -> tuple[int, int, int, int, int]:
        """All counts in the order of declaration."""
        return self.cells, self.skipped, self.steps, self.rejected, self.fallbacks
