"""Parts of a mechanism: which species and reactions are kept, as a Cantera object and as a YAML file."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cantera as ct

from combust.errors import MechanismError
from combust.kinetics.gas.names import Names
from combust.kinetics.mechanism.mechanism import Mechanism


@dataclass(frozen=True)
class Subset:
    """What is kept: rows of the parent's species and reactions, ascending; and what is changed."""

    species: tuple[int, ...]
    reactions: tuple[int, ...]
    factors: tuple[tuple[int, float], ...] = ()  # (reaction, factor of its pre-exponential)
    qss: tuple[int, ...] = ()  # rows of those species that are in quasi-steady state

    def __str__(self) -> str:
        steady = f" and {len(self.qss)} in quasi-steady state" if self.qss else ""
        return f"{len(self.species) - len(self.qss)} species{steady}, {len(self.reactions)} reactions"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all."""
        return hashlib.sha256(repr((self.species, self.reactions, self.factors, self.qss)).encode()).hexdigest()


class Parent:
    """A detailed mechanism, as the thing that parts are taken from."""

    def __init__(self, gas: Mechanism) -> None:
        """Raises MechanismError for a mechanism with quasi-steady-state species: their reactions are not Cantera's."""
        if gas.qss:
            raise MechanismError(f"{gas.path} has species in quasi-steady state; take parts of what it was made from")
        self.gas, self.solution = gas, gas.cantera()
        self.index = Names.of(self.solution)
        self.reactions = self.solution.reactions()
        # Species without which a reaction cannot be: its reactants, products, what its rate depends on by an order,
        # and a collider that is named in its equation.
        self.participants = tuple(
            frozenset(self.index[name] for name in participants(r, self.index)) for r in self.reactions
        )

    def __repr__(self) -> str:
        return f"Parent({self.gas!r})"

    @property
    def whole(self) -> Subset:
        """Everything."""
        return Subset(tuple(range(len(self.gas.species))), tuple(range(len(self.reactions))))

    def keep(self, species: Iterable[int], without: Iterable[int] = ()) -> Subset:
        """The species, and the reactions among them but those of `without`."""
        kept, without = frozenset(species), frozenset(without)
        reactions = (i for i, who in enumerate(self.participants) if who <= kept and i not in without)
        return Subset(tuple(sorted(kept)), tuple(reactions))

    def without(self, subset: Subset, species: int) -> Subset:
        """The part without a species and its reactions."""
        reactions = tuple(i for i in subset.reactions if species not in self.participants[i])
        factors = tuple(item for item in subset.factors if item[0] in set(reactions))
        return Subset(tuple(k for k in subset.species if k != species), reactions, factors)

    def names(self, subset: Subset) -> tuple[str, ...]:
        """Names of the kept species."""
        return tuple(self.gas.species[k] for k in subset.species)

    @property
    def naming(self) -> dict[str, bool]:
        """Keys of the phase that say how its species are found by name."""
        return {"case-sensitive-species-names": True} if self.solution.case_sensitive_species_names else {}

    def cantera(self, subset: Subset, transport: bool = True) -> ct.Solution:
        """The part as a Cantera object, in no file; transport: with the parent's transport model, if it has one."""
        kept = [self.solution.species(k) for k in subset.species]
        model = self.solution.transport_model if transport else None
        factors = dict(subset.factors)
        chosen = [_scaled(self.solution, self.reactions[i], factors.get(i, 1.0)) for i in subset.reactions]
        reactions = self._reduced_reactions(chosen, frozenset(subset.species))
        return ct.Solution(
            thermo=self.solution.thermo_model,
            kinetics="gas",
            transport_model=None if model in (None, "none") else model,
            species=kept,
            reactions=reactions,
            name=self.gas.name,
        )

    def yaml(self, subset: Subset, provenance: Mapping[str, Any], description: str = "") -> str:
        """The part as the text of a Cantera YAML file, with its origin under `combust`.

        Species keep their thermo, transport data and notes. Raises MechanismError where Cantera cannot write it.
        """
        solution = self.cantera(subset)
        solution.TP = 300.0, ct.one_atm  # where a user's Solution of the file begins
        try:
            solution.update_user_header({"description": description} if description else {})
            solution.update_user_data({"combust": _plain(provenance), **self.naming})
            return solution.write_yaml(header=True, precision=16)
        except ct.CanteraError as error:
            raise MechanismError(f"{self.gas.path}: Cantera cannot write a part of it: {error}") from error

    def _reduced_reactions(self, kept: list[ct.Reaction], species: frozenset[int]) -> list[ct.Reaction]:
        """The reactions without efficiencies of species that are gone, or marks of duplicates that are gone."""
        twins = Counter(self._signature(r) for r in kept if r.duplicate)
        alone = (r.duplicate and twins[self._signature(r)] == 1 for r in kept)
        return [self._changed(r, species, lone) for r, lone in zip(kept, alone, strict=True)]

    def _changed(self, r: ct.Reaction, species: frozenset[int], alone: bool) -> ct.Reaction:
        data: Any = r.input_data
        efficiencies, colliders = data.get("efficiencies", {}), data.get("colliders", [])
        named = {*efficiencies, *(c["name"] for c in colliders)} - {"M"}
        gone = {name for name in named if self.index.row(name) not in species}
        if not gone and not alone:
            return r
        data = dict(data)
        if efficiencies:
            data["efficiencies"] = {name: value for name, value in efficiencies.items() if name not in gone}
        if colliders:
            data["colliders"] = [c for c in colliders if c["name"] not in gone]
        if alone:
            data.pop("duplicate", None)
        return ct.Reaction.from_dict(data, self.solution)

    def _signature(self, r: ct.Reaction) -> tuple[frozenset[tuple[tuple[int, float], ...]], str | int]:
        """Equal for reactions that Cantera takes for duplicates: the same two sides, in whichever order."""
        body = "" if r.third_body is None else r.third_body.name
        row = self.index.row(body)
        sides = (self.index.amounts(side) for side in (r.reactants, r.products))
        return frozenset(tuple(side.items()) for side in sides), body if row is None else row


def participants(r: ct.Reaction, index: Names) -> set[str]:
    """Names, as the reaction spells them, of its reactants, products, what its orders name, and its only collider."""
    named = {*r.reactants, *r.products, *r.orders}
    body = r.third_body  # of (+AR), or +AR on both sides
    return named if body is None or index.row(body.name) is None else {*named, body.name}


def _scaled(solution: ct.Solution, r: ct.Reaction, factor: float) -> ct.Reaction:
    """The reaction with all its pre-exponentials times a factor."""
    if factor == 1.0:
        return r
    data: Any = dict(r.input_data)
    for key in ("rate-constant", "low-P-rate-constant", "high-P-rate-constant"):
        if key in data:
            data[key] = {**data[key], "A": data[key]["A"] * factor}
    if "rate-constants" in data:
        data["rate-constants"] = [{**k, "A": k["A"] * factor} for k in data["rate-constants"]]
    if "data" in data:  # Chebyshev: the first coefficient is part of log10 k
        first = list(data["data"][0])
        data["data"] = [[first[0] + math.log10(factor), *first[1:]], *data["data"][1:]]
    if data.get("type") == "linear-Burke":
        raise MechanismError(f"{r.equation}: linear Burke reactions cannot be scaled")
    return ct.Reaction.from_dict(data, solution)


def _plain(value: Any) -> Any:
    """Only what Cantera can write: dicts, lists, strings, numbers."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (str, bool, int, float)) else str(value)
