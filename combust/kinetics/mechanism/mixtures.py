"""Gases that people name: amounts of a composition, and fuel in an oxidizer at an equivalence ratio."""

from __future__ import annotations

from collections.abc import Mapping

import cantera as ct
import numpy as np

from combust.errors import MechanismError, at
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.mechanism import text as mechanism_text
from combust.settings.ranges import stream

Composition = str | Mapping[str, float]
# Per atom, of Bilger's coupling function, which chemistry leaves alone; other elements do not count.
# R. W. Bilger, Proc. Combust. Inst. 22 (1989) 475, doi:10.1016/S0082-0784(89)80049-2
VALENCE = {"C": 2.0, "H": 0.5, "O": -1.0}
NEEDS = {"C": 1.0, "S": 1.0, "H": 0.25, "O": -0.5}  # molecules of O2 that an atom burns with, as Cantera counts them


def pairs_of(X: Composition) -> list[tuple[str, float]]:
    """Names and amounts of "H2:1, N2:2", or of a mapping. Raises MechanismError."""
    if isinstance(X, Mapping):
        return [(name, float(value)) for name, value in X.items()]
    pairs = []
    for item in X.split(","):
        name, colon, value = item.strip().rpartition(":")
        try:
            pairs.append((name.strip(), float(value)))
        except ValueError:
            colon = ""
        if not colon:
            raise MechanismError(f"composition {X!r}: '{item.strip()}' is not of the form NAME:AMOUNT")
    return pairs


def amounts(gas: Gas, X: Composition) -> np.ndarray:
    """Amounts (species,) of a composition, not normalised.

    Raises MechanismError for a species that the mechanism lacks or that is named twice, for amounts that are negative,
    not finite or all zero.
    """
    found = np.zeros(len(gas.species))
    named: dict[int, str] = {}
    for name, value in pairs_of(X):
        row = gas.index(name)
        if row in named:
            other = "" if named[row] == name else f" ({named[row]} and {name} are one species)"
            raise MechanismError(f"composition {X!r}: {name} is named twice{other}; give each species one amount")
        found[row], named[row] = value, name
    usable = ((found >= 0) & (found < 1e30)).all()  # not NaN either
    if not usable or not 1e-30 < found.sum() < 1e30:
        raise MechanismError(
            f"composition {X!r}: amounts must be finite, >= 0 and not all zero; their sum within 1e-30 to 1e30"
        )
    return found


def streams(gas: Gas, fuel: Composition, oxidizer: Composition) -> tuple[np.ndarray, np.ndarray]:
    """Amounts (species,) of both. Raises MechanismError, also for an oxidizer that has no oxygen for the fuel."""
    found = amounts(gas, fuel), amounts(gas, oxidizer)
    atoms = gas.element_matrix.cpu().numpy()
    needed = sum(NEEDS.get(element, 0.0) * row for element, row in zip(gas.elements, atoms, strict=True))
    if not found[1] @ needed < -1e-12 * found[1].sum():
        raise MechanismError(
            f"oxidizer {oxidizer!r}: holds no oxygen beyond what it burns with itself, so that no equivalence ratio of "
            f"fuel {fuel!r} in it can be; add O2 (air: O2:0.21, N2:0.79), or give the gas as one composition"
        )
    return found


def of_options(
    gas: Gas, fuel: str, oxidizer: str, premixed: bool = False, names: tuple[str, str] = ("--fuel", "--oxidizer")
) -> tuple[str, str]:
    """The compositions of --fuel and --oxidizer. Raises MechanismError, which names the option, for one that the
    mechanism cannot hold, or that burns nothing if both are mixed: bad input, not a flame or reactor that failed.
    """
    found = stream(fuel), stream(oxidizer)
    for option, mixture in zip(names, found, strict=True):
        with at(option):
            amounts(gas, mixture)
    if premixed:
        with at(names[1]):
            streams(gas, *found)
    return found


def require_fresh(gas: Gas, fuel: Composition, oxidizer: Composition) -> None:
    """Raises MechanismError for a fresh gas that cannot be; without an oxidizer (""), `fuel` is all of it."""
    _ = streams(gas, fuel, oxidizer) if oxidizer else amounts(gas, fuel)


def mixture(gas: Gas, fuel: Composition, oxidizer: Composition, phi: float) -> np.ndarray:
    """Mass fractions (species,) at equivalence ratio phi. Raises MechanismError."""
    if not (np.isfinite(phi) and phi >= 0):
        raise MechanismError(f"equivalence ratio {phi}: must be finite and >= 0")
    both, solution = streams(gas, fuel, oxidizer), gas.of_file.cantera(transport=False)
    try:
        solution.set_equivalence_ratio(phi, *both, basis="mole")
    except ct.CanteraError as error:
        reason = mechanism_text.message_of(error)
        raise MechanismError(f"fuel {fuel!r} in oxidizer {oxidizer!r} at phi {phi:g}: {reason}") from error
    return np.array(solution.Y)
