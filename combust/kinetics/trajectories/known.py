"""A mechanism beside what was counted: which of its species a molecule is, and its own rate constants."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cantera as ct
import numpy as np

from combust.errors import ConfigError
from combust.kinetics.gas.equations import listed
from combust.kinetics.mechanism import phases, places
from combust.kinetics.trajectories.molecules import Species

TRACE = 1e-12  # mole fraction of species that are not there, so that rates over concentrations stay defined
PART = re.compile(r"([A-Z][a-z]?)(\d*)")


class Known:
    """A mechanism;  aliases : "A=B" each, molecule A of the trajectories is its species B."""

    def __init__(self, path: str | Path, aliases: Iterable[str] = ()) -> None:
        """Raises MechanismError, ConfigError for aliases that cannot be."""
        self.path = str(path)
        file = places.find(path)
        self.solution = phases.read(file)
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        self.by_composition: dict[frozenset[tuple[str, int]], list[str]] = {}
        for one in self.solution.species():
            key = frozenset((e, round(n)) for e, n in one.composition.items())
            self.by_composition.setdefault(key, []).append(one.name)
        self.aliases = dict(self.alias(text) for text in aliases)

    def alias(self, text: str) -> tuple[str, str]:
        """Both sides of "A=B". Raises ConfigError."""
        given, found, name = text.partition("=")
        if not found or name.strip() not in self.solution.species_names:
            raise ConfigError(f"--alias {text}: must be MOLECULE=SPECIES, a species of {self.path}")
        return given.strip(), name.strip()

    def name(self, one: Species, plain: bool) -> str | None:
        """Of the species that a molecule is;  plain : whether it is the usual graph of its formula.

        Of several species of one composition that whose name is the formula; None where none can be told.
        """
        for text in (str(one), one.graph, *([one.formula] if plain else [])):
            if text in self.aliases:
                return self.aliases[text]
        if not plain:
            return None
        fits = self.by_composition.get(frozenset(composition(one.formula).items()), [])
        exact = [name for name in fits if name.upper() == one.formula.upper()]
        return exact[0] if exact else fits[0] if len(fits) == 1 else None

    def rates(
        self, sides: Sequence[tuple[Sequence[str], Sequence[str]]], T: float, density: Mapping[str, float]
    ) -> list[float | None]:
        """k of reactants -> products [SI with kmol] at T [K] and concentrations [kmol/m3], all channels of the
        mechanism together, third bodies and falloff as there; None for reactions that it lacks.
        """
        gas = self.solution
        total = sum(density.values())
        gas.TPX = T, total * ct.gas_constant * T, {n: density.get(n, 0.0) / total + TRACE for n in gas.species_names}
        c = dict(zip(gas.species_names, gas.concentrations, strict=True))
        forward, reverse = gas.forward_rates_of_progress, gas.reverse_rates_of_progress
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], float] = {}
        for i, reaction in enumerate(gas.reactions()):
            left, right = listed(reaction.reactants), listed(reaction.products)
            found[left, right] = found.get((left, right), 0.0) + forward[i]
            if reaction.reversible:
                found[right, left] = found.get((right, left), 0.0) + reverse[i]
        made: list[float | None] = []
        for left, right in ((tuple(sorted(a)), tuple(sorted(b))) for a, b in sides):
            rate = found.get((left, right))
            made.append(None if rate is None else float(rate / np.prod([c[name] for name in left])))
        return made


def composition(formula: str) -> dict[str, int]:
    """Elements of a formula such as H2O."""
    found: Counter[str] = Counter()
    for element, count in PART.findall(formula):
        found[element] += int(count or 1)
    return dict(found)
