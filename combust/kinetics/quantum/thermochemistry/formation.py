"""Enthalpies of formation of computed structures, from reactions with species whose enthalpies are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from combust.errors import ConfigError
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.thermochemistry.anchors import Anchor
from combust.kinetics.quantum.thermochemistry.isogyric import Balance, Molecule, atomisation, bonds, reactions

OTHERS = 5  # reactions beside the best whose results show the error


@dataclass(frozen=True)
class Formed:
    """An enthalpy of formation at 298.15 K [kJ/mol] and where it is from.

    way : "isogyric", "atomisation", "anchor" or "given";  reaction : in words, empty for the last two
    others : reactions and what they give;  spread : largest difference of these to H298, None without others
    anchors : of 95 %, by the uncertainties of the anchors [kJ/mol];  level : of the energies
    """

    H298: float
    way: str
    reaction: str = ""
    level: str = ""
    others: tuple[tuple[str, float], ...] = ()
    spread: float | None = None
    anchors: float = 0.0

    @property
    def error(self) -> float | None:
        """Of the spread and the anchors together [kJ/mol]; None where nothing says how far energies are off."""
        if self.way in ("isogyric", "atomisation") and self.spread is None:
            return None
        return math.hypot(self.spread or 0.0, self.anchors)


@dataclass(frozen=True)
class Enthalpy:
    """What a reaction needs of a species:  H298 : energy of the structure with its heat at 298.15 K [kJ/mol]"""

    record: Record
    H298: float

    @property
    def molecule(self) -> Molecule:
        """For balances."""
        one = self.record
        found: dict[str, int] = {}
        for element in one.elements:
            found[element] = found.get(element, 0) + 1
        return Molecule(one.species, found, one.multiplicity - 1, bonds(one.elements, one.places))


def fits(record: Record, anchor: Anchor) -> None:
    """Raises ConfigError where they are of different molecules."""
    own = sorted(record.elements)
    theirs = sorted(element for element, n in anchor.composition.items() for _ in range(n))
    if own != theirs or record.multiplicity != anchor.multiplicity:
        raise ConfigError(
            f"{record.species}: the record has {''.join(own)} of multiplicity {record.multiplicity}, the anchor of "
            f"this name {''.join(theirs)} of {anchor.multiplicity}: rename one"
        )


def formed(target: Enthalpy, pool: Sequence[Enthalpy], anchors: Mapping[str, Anchor], level: str) -> Formed:
    """By the isogyric reaction whose bonds change least, of the pool's species with an anchor.

    Its error is the largest difference to the next five reactions, and that of the anchors. Raises ConfigError
    where no reaction balances.
    """
    partners, known = usable(target, pool, anchors)
    balances = reactions(target.molecule, [one.molecule for one in partners])
    values = [(one.equation, solved(one, target, known, anchors)) for one in balances[: OTHERS + 1]]
    best = values[0][1]
    spread = max((abs(value - best) for _, value in values[1:]), default=None)
    return Formed(best, "isogyric", values[0][0], level, tuple(values[1:]), spread,
                  uncertainty(balances[0], target, anchors))  # fmt: skip


def atomised(target: Enthalpy, pool: Sequence[Enthalpy], anchors: Mapping[str, Anchor], level: str) -> Formed:
    """By atomisation: errors of a pair are not shared by both sides; the study `quantum_thermo` shows how large."""
    partners, known = usable(target, pool, anchors)
    one = atomisation(target.molecule, [other.molecule for other in partners])
    return Formed(solved(one, target, known, anchors), "atomisation", one.equation, level,
                  anchors=uncertainty(one, target, anchors))  # fmt: skip


def usable(
    target: Enthalpy, pool: Sequence[Enthalpy], anchors: Mapping[str, Anchor]
) -> tuple[list[Enthalpy], dict[str, Enthalpy]]:
    """Partners with an anchor, and by name."""
    name = target.record.species
    partners = [one for one in pool if one.record.species != name and one.record.species in anchors]
    for one in partners:
        fits(one.record, anchors[one.record.species])
    return partners, {one.record.species: one for one in partners}


def solved(one: Balance, target: Enthalpy, known: Mapping[str, Enthalpy], anchors: Mapping[str, Anchor]) -> float:
    """The target's enthalpy of formation [kJ/mol] that makes the reaction's that of the records."""
    name = target.record.species
    change, others = 0.0, 0.0
    for side, sign in ((one.reactants, -1), (one.products, 1)):
        for species, n in side.items():
            change += sign * n * (target if species == name else known[species]).H298
            others += 0.0 if species == name else sign * n * anchors[species].H298
    return (others - change) / one.reactants[name]


def uncertainty(one: Balance, target: Enthalpy, anchors: Mapping[str, Anchor]) -> float:
    """Of 95 % [kJ/mol], by the anchors' as if they were independent."""
    name = target.record.species
    squares = 0.0
    for side in (one.reactants, one.products):
        squares += sum((n * anchors[s].uncertainty) ** 2 for s, n in side.items() if s != name)
    return math.sqrt(squares) / one.reactants[name]
