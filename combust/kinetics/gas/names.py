"""Species by name, as Cantera finds them: without regard to case, unless the phase has case-sensitive names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cantera as ct


class Names:
    """Rows of the species of a phase; a name in its own case goes before one that differs in case alone."""

    def __init__(self, species: Iterable[str], case_sensitive: bool = False) -> None:
        self._exact = {name: k for k, name in enumerate(species)}
        self._loose: dict[str, list[int]] = {}
        if not case_sensitive:
            for name, k in self._exact.items():
                self._loose.setdefault(name.lower(), []).append(k)

    @classmethod
    def of(cls, solution: ct.Solution) -> Names:
        """Those of a Cantera phase."""
        return cls(solution.species_names, solution.case_sensitive_species_names)

    def __len__(self) -> int:
        return len(self._exact)

    def row(self, name: str) -> int | None:
        """Row of a species; None if there is none, or several that differ from the name in case alone."""
        if name in self._exact:
            return self._exact[name]
        found = self._loose.get(name.lower(), [])
        return found[0] if len(found) == 1 else None

    def __getitem__(self, name: str) -> int:
        """Row of a species that is known to be there; KeyError for another."""
        row = self.row(name)
        if row is None:
            raise KeyError(name)
        return row

    def near(self, name: str) -> list[str]:
        """Up to three names that are like this one; the first ten where none is."""
        known = list(self._exact)
        return get_close_matches(name, known, n=3, cutoff=0.4) or known[:10]

    def amounts(self, named: Mapping[str, float]) -> dict[int, float]:
        """Amounts by row, ascending; what two spellings of one species say adds up, as in Cantera's equations."""
        found: dict[int, float] = {}
        for name, amount in named.items():
            row = self[name]
            found[row] = found.get(row, 0.0) + float(amount)
        return dict(sorted(found.items()))

    def values(self, named: Mapping[str, float]) -> dict[int, float]:
        """Values by row, of the species that are there; of two spellings the last one counts, as in Cantera."""
        rows = ((self.row(name), value) for name, value in named.items())
        return {row: float(value) for row, value in rows if row is not None}
