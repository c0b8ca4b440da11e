"""What must hold of the structures of a reaction before a rate constant is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cantera as ct
import numpy as np
from numpy.typing import NDArray

from combust.errors import ConfigError
from combust.kinetics.gas.collisions import too_fast
from combust.kinetics.gas.equilibrium import constant
from combust.kinetics.quantum.record import Record, require_complete
from combust.kinetics.quantum.vibrations import LOW

WEAKEST = 100.0  # cm-1, of the imaginary mode of a saddle
SPOILT = 0.1  # of s(s + 1): <S2> beyond that mixes spins
CLOSED = 0.05  # <S2> of a singlet


def require_reaction(reactants: Sequence[Record], products: Sequence[Record], saddle: Record, level: str) -> None:
    """Raises ConfigError, with the reason, for structures that are not those of one reaction over one saddle."""
    require_saddle(saddle)
    everything = (*reactants, *products, saddle)
    for one in everything:
        require_spin(one)
        require_complete(one)
        one.energy(level)
        if one is not saddle and one.imaginary:
            raise ConfigError(f"{one.species}: is no minimum: it has an imaginary mode of {one.imaginary[0]:.0f}i cm-1")
    require_atoms(reactants, products, saddle)
    require_multiplicity(reactants, saddle, "reactants")
    require_multiplicity(products, saddle, "products")
    require_same_level(everything)
    require_connected(reactants, products, saddle)


def require_saddle(saddle: Record) -> None:
    """Raises ConfigError unless exactly one mode is imaginary, and that one clearly."""
    found = ", ".join(f"{one:.0f}i" for one in saddle.imaginary)
    if not saddle.imaginary:
        raise ConfigError(
            f"{saddle.species}: is no saddle: no mode is imaginary. Where reactants meet without a barrier (radicals "
            "that recombine, H + O2) there is none: take a cited k_inf, and falloff from combust.kinetics.falloff"
        )
    if len(saddle.imaginary) > 1:
        raise ConfigError(
            f"{saddle.species}: is a saddle of order {len(saddle.imaginary)} ({found} cm-1): lower ones lie beside it; "
            "displace it along the second mode and search again"
        )
    if saddle.imaginary[0] < WEAKEST:
        raise ConfigError(
            f"{saddle.species}: its imaginary mode of {found} cm-1 is weaker than {WEAKEST:g}i: noise, or no barrier"
        )


def require_spin(record: Record) -> None:
    """Raises ConfigError where <S2> is more than 10 % off s(s + 1): a mixture of spin states."""
    s = (record.multiplicity - 1) / 2
    pure = s * (s + 1)
    for level, found in record.s2.items():
        if abs(found - pure) > max(SPOILT * pure, CLOSED):
            raise ConfigError(
                f"{record.species}: {level}: <S2> is {found:.3f} where s(s + 1) = {pure:.2f}: spins are mixed by more "
                "than 10 %, the energy is of no one state; a method of several references is wanted"
            )


def require_atoms(reactants: Sequence[Record], products: Sequence[Record], saddle: Record) -> None:
    """Raises ConfigError where atoms or charges differ."""
    own = Counter(saddle.elements)
    for name, side in (("reactants", reactants), ("products", products)):
        atoms = sum((Counter(one.elements) for one in side), Counter())
        if atoms != own or sum(one.charge for one in side) != saddle.charge:
            raise ConfigError(f"{saddle.species}: {name} {' + '.join(one.species for one in side)} have "
                              f"{said(atoms)}, the saddle {said(own)} (or charges differ)")  # fmt: skip


def said(atoms: Counter[str]) -> str:
    return " ".join(f"{element}{count}" for element, count in sorted(atoms.items()))


def require_multiplicity(side: Sequence[Record], saddle: Record, name: str) -> None:
    """Raises ConfigError where spins of a side cannot be those of the saddle: another surface."""
    reachable = {0}
    for one in side:
        spin = one.multiplicity - 1
        reachable = {total for a in reachable for total in range(abs(a - spin), a + spin + 1, 2)}
    if saddle.multiplicity - 1 not in reachable:
        raise ConfigError(
            f"{saddle.species}: has multiplicity {saddle.multiplicity}, its {name} can have "
            f"{', '.join(str(one + 1) for one in sorted(reachable))}: another surface"
        )


def require_same_level(records: Sequence[Record]) -> None:
    """Raises ConfigError where geometries or scale factors are of several levels."""
    if len({one.level for one in records if len(one.elements) > 1}) > 1:
        levels = ", ".join(f"{one.species}: {one.level}" for one in records)
        raise ConfigError(f"geometries are of several levels: {levels}")
    if len({one.scale for one in records if one.frequencies}) > 1:
        raise ConfigError(
            "frequencies are scaled by several factors: " + ", ".join(f"{r.species}: {r.scale:g}" for r in records)
        )


def require_connected(reactants: Sequence[Record], products: Sequence[Record], saddle: Record) -> None:
    """Raises ConfigError where the saddle led elsewhere. What was not followed is not refused: see `doubtful`."""
    wanted = sorted(side(one) for one in (reactants, products))
    if saddle.connects and sorted(saddle.connects) != wanted:
        raise ConfigError(f"{saddle.species}: leads to {' and '.join(saddle.connects)}, not to {' and '.join(wanted)}")


def side(records: Sequence[Record]) -> str:
    """Names in order."""
    return " + ".join(sorted(one.species for one in records))


def beyond_collisions(
    gas: ct.Solution, sides: tuple[Sequence[str], Sequence[str]], T: NDArray[np.float64], k: NDArray[np.float64]
) -> list[str]:
    """In words, where k [m3/kmol/s] at T [K] or its reverse by the thermo of `gas` exceeds the collisions of two
    reactants; nothing where `gas` lacks one of the species.
    """
    names = {name.upper(): name for name in gas.species_names}
    if any(name.upper() not in names for one in sides for name in one):
        return []
    left, right = ([names[name.upper()] for name in one] for one in sides)
    back = k / np.array([constant(gas, (left, right), float(t)) for t in T])
    return [said for one, ks in ((left, k), (right, back)) if (said := too_fast(gas, one, T, ks))]


def doubtful(records: Sequence[Record]) -> list[str]:
    """What is no reason to refuse, in words."""
    found = [
        f"{one.species}: modes of {', '.join(f'{w:.0f}' for w in low)} cm-1 as harmonic ones are in doubt"
        for one in records
        if (low := [w for w in one.wavenumbers if w < LOW])
    ]
    found += [
        f"{one.species}: has not been followed to both sides" for one in records if one.imaginary and not one.connects
    ]
    return found
