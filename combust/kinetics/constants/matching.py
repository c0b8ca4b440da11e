"""Which reactions are the same, whatever mechanism they stand in."""

from __future__ import annotations

from typing import NamedTuple

import cantera as ct

from combust.kinetics.gas.equations import listed

BATHS = ("N2", "AR", "HE")


class Key(NamedTuple):
    """Both sides of a reaction, and what it is: "elementary", "third body", "falloff" or another type of Cantera's."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    kind: str

    @property
    def sides(self) -> frozenset[tuple[str, ...]]:
        """The same for both directions."""
        return frozenset((self.left, self.right))


def key(reaction: ct.Reaction, names: dict[str, str] | None = None) -> Key:
    """Of a reaction;  names : the spelling of its species elsewhere"""
    left, right = (
        tuple(sorted((names or {}).get(name, name) for name in listed(side)))
        for side in (reaction.reactants, reaction.products)
    )
    return Key(left, right, kind(reaction))


def kind(reaction: ct.Reaction) -> str:
    """In words."""
    rate = reaction.rate.type
    if rate == "Arrhenius":
        return "elementary" if reaction.third_body is None else "third body"
    return "falloff" if rate in ("falloff", "chemically-activated") else str(rate)


def spelling(one: ct.Solution, other: ct.Solution) -> dict[str, str]:
    """Names of species of `one` -> of `other`, alike but for upper and lower case; the rest is left out."""
    known = {name.upper(): name for name in other.species_names}
    return {name: known[name.upper()] for name in one.species_names if name.upper() in known}


def bath(gas: ct.Solution) -> str:
    """The gas around, where k hangs on pressure: the first of BATHS that there is, else the first species."""
    known = {name.upper(): name for name in gas.species_names}
    return next((known[name] for name in BATHS if name in known), gas.species_names[0])
