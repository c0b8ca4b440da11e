"""What must hold of a well, its fragments and colliders before a rate constant is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import cantera as ct

from combust.errors import ConfigError
from combust.kinetics.falloff.densities import Molecule
from combust.kinetics.falloff.settings import Falloff
from combust.kinetics.quantum.record import read

COARSE = 0.25  # of <dE>down, where k0 of C2H6 and HO2 is 2 % low; at 0.4 4 to 5 %, at 0.96 28 %


def mass(gas: ct.Solution, name: str) -> float:
    """[kg/kmol]. Raises ConfigError for a species that the mechanism lacks."""
    if name not in gas.species_names:
        raise ConfigError(f"species {name}: is not in the mechanism; it has {', '.join(gas.species_names[:12])}, ...")
    return float(gas.molecular_weights[gas.species_index(name)])


def require_atoms(given: Falloff, gas: ct.Solution) -> None:
    """Raises ConfigError where the fragments have other atoms than the well, or a record others than its species."""
    atoms = {one.species: Counter(composition(gas, one.species)) for one in (given.well, *given.fragments)}
    one, other = (atoms[each.species] for each in given.fragments)
    if atoms[given.well.species] != one + other:
        names = " + ".join(each.species for each in given.fragments)
        raise ConfigError(f"fragments: {names} have other atoms than {given.well.species}")
    named = [(each, each.species) for each in (given.well, *given.fragments)]
    if given.saddle is not None:
        named.append((given.saddle.structure, given.well.species))
    for each, species in named:
        if each.record is None:
            continue
        found = Counter(read(each.record).elements)
        if found != atoms[species]:
            raise ConfigError(f"{each.record}: is a record of {said(found)}, {species} is {said(atoms[species])}")


def said(atoms: Counter[str]) -> str:
    """Atoms in words."""
    return " ".join(f"{name}{number:g}" for name, number in sorted(atoms.items()))


def composition(gas: ct.Solution, name: str) -> dict[str, int]:
    """Atoms of a species. Raises ConfigError for one that the mechanism lacks."""
    mass(gas, name)
    return {element: round(number) for element, number in gas.species(name).composition.items()}


def require_modes(name: str, atoms: Mapping[str, float], states: Molecule, saddle: bool) -> None:
    """Raises ConfigError for another number of vibrations than so many atoms have: 3 n - 6, or - 5 if linear, less
    the parts that turn.
    """
    n = round(sum(atoms.values()))
    turns = {0: 0, 1: 2, 3: 3}[len(states.rotational)]
    least = {0: 1, 1: 2, 3: 3}[len(states.rotational)]
    wanted = 3 * n - 3 - turns - saddle - len(states.torsions)
    if n < least or (n > 1 and not turns) or len(states.frequencies) != wanted:
        kind = {0: "none, as an atom", 1: "one, as if linear", 3: "three"}[len(states.rotational)]
        raise ConfigError(
            f"{name}: {n} atoms with {len(states.frequencies)} frequencies and {kind} rotational constants do not go "
            f"together: 3 n - 6 vibrations, 3 n - 5 if linear{', one less of a saddle' if saddle else ''}"
        )


def require_grain(given: Falloff, down: float) -> list[str]:
    """In words that a grain is coarse beside the smallest mean step down [1/cm], empty where it is not.

    Raises ConfigError for a grain above it, across which no step leads.
    """
    if given.grain > down:
        raise ConfigError(
            f"grain = {given.grain:g} cm-1: is more than steps down have on average at the lowest temperature, "
            f"{down:.3g} cm-1: allowed up to {COARSE * down:.3g}"
        )
    if given.grain <= COARSE * down:
        return []
    return [f"grain = {given.grain:g} cm-1 is coarse beside <dE>down of {down:.3g} cm-1 at the lowest temperature: "
            f"k at low pressure comes out percents too low there; take {COARSE * down:.3g} or less"]  # fmt: skip


def require_colliders(given: Falloff, gas: ct.Solution) -> None:
    """Raises ConfigError for efficiencies of species that are none, or of the bath gas, in which k is computed."""
    for name, value in given.efficiencies.items():
        mass(gas, name)
        if name == given.bath and value != 1:
            raise ConfigError(f"efficiencies.{name} = {value:g}: k is computed in {name}, whose efficiency is 1")
