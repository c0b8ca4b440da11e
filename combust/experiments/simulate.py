"""Simulations of experiments that are no ignition: flame speeds, reactors of given temperature, flames on a burner."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from combust.errors import CombustError, MechanismError
from combust.experiments.formats.data import Amount, DataSet, FlamePoint, OutletPoint, SpeedPoint
from combust.experiments.matching import Names, mass_fractions
from combust.experiments.measured import Pair, Pairs, text_of

SPEED = "burning velocity"
HELD = "the measured temperatures are given"
FREE = "no temperatures in the file: the energy equation is solved"


def speeds(data: DataSet, names: Names, solve: Callable[..., Any], **options: Any) -> list[Pairs]:
    """Burning velocities; solve : free_flame of combust.kinetics.flames.free, or one in its place.

    Raises MechanismError for a species that the mechanism lacks. A flame that is not found is a row that says why.
    """
    points: Sequence[SpeedPoint] = data.points
    Y = mass_fractions(points, data, names)
    rows = []
    for i, point in enumerate(points):
        common = {"measured": point.speed, "sigma": point.sigma, "phi": point.phi}
        try:
            flame = solve(names.gas, point.T, point.p, mixture_of(names, Y[:, i]), "", 1.0, **options)
        except CombustError as error:
            rows.append(pair(SPEED, point, simulated=math.nan, failure=str(error), **common))
        else:
            rows.append(pair(SPEED, point, simulated=flame.speed, error=flame.speed_error, **common))
    return [Pairs(data, SPEED, tuple(rows), data.notes)]


def outlets(data: DataSet, names: Names, solve: Callable[..., Tensor]) -> list[Pairs]:
    """Species at the outlet; solve : stirred or plug_flow of combust.kinetics.reactors.stirred, or one in its place.

    Raises MechanismError for a species of the inflow that the mechanism lacks; measured ones are left out with a note.
    """
    points: Sequence[OutletPoint] = data.points
    Y = mass_fractions(points, data, names)
    known: dict[tuple[Any, ...], Any] = {}
    notes, rows = [*data.notes, "the reactor is held at the measured temperature"], dict[str, list[Pair]]()
    for i, point in enumerate(points):
        state = (point.T, point.p, point.tau, text_of(point.X), point.basis)
        if state not in known:
            known[state] = tried(partial(solve, names.gas, point.T, point.p, Y[:, i], point.tau))
        for amount in point.amounts:
            at = row_of(names, amount, notes)
            if at is not None:
                numbers = simulated(amount, known[state], partial(at_outlet, names, at))
                rows.setdefault(amount.species, []).append(pair(amount.species, point, tau=point.tau, **numbers))
    return by_species(data, names, rows, notes)


def flames(data: DataSet, names: Names, solve: Callable[..., Any], **options: Any) -> list[Pairs]:
    """Species along flames; solve : burner_species of combust.kinetics.flames.burner_profile, or one in its place.

    Raises MechanismError for a species of the fresh gas that the mechanism lacks; measured ones are left out.
    """
    points: Sequence[FlamePoint] = data.points
    Y = mass_fractions(points, data, names)
    notes, rows = list(data.notes), dict[str, list[Pair]]()
    for i, point in enumerate(points):
        notes.append(HELD if point.profile else FREE)
        X, reach = mixture_of(names, Y[:, i]), max(x for x, _ in point.amounts)
        flame = tried(
            partial(solve, names.gas, point.T, point.p, X, point.flux, reach, profile=point.profile, **options)
        )  # fmt: skip
        for x, amount in point.amounts:
            at = row_of(names, amount, notes)
            if at is not None:
                numbers = simulated(amount, flame, partial(along, names, at, x))
                rows.setdefault(amount.species, []).append(pair(amount.species, point, distance=x, **numbers))
    return by_species(data, names, rows, notes)


def pair(quantity: str, point: Any, **numbers: Any) -> Pair:
    """A row of the table."""
    return Pair(quantity, point.T, point.p, text_of(point.X), point.basis, **numbers)


def tried(action: Callable[[], Any]) -> Any:
    """What it returns, or the error."""
    try:
        return action()
    except CombustError as error:
        return error


def row_of(names: Names, amount: Amount, notes: list[str]) -> int | None:
    """Row of a measured species; None, with a note, where the mechanism lacks it."""
    own = names.find(amount.species)
    if own is None:
        notes.append(f"species '{amount.species}' is not in {names.gas.path}: left out")
    return None if own is None else names.gas.index(own)


def simulated(amount: Amount, found: Any, value: Callable[[Any], float]) -> dict[str, Any]:
    """The numbers of a row; value : the mole fraction in what was found, unless that is an error."""
    failed = isinstance(found, CombustError)
    result = math.nan if failed else value(found)
    failure = str(found) if failed else ""
    return {"measured": amount.value, "sigma": amount.sigma, "simulated": result, "failure": failure}


def at_outlet(names: Names, row: int, Y: Tensor) -> float:
    """Mole fraction of a species in Y (species,)."""
    return float(names.gas.mole_fractions(Y)[row])


def along(names: Names, row: int, x: float, flame: Any) -> float:
    """Mole fraction of a species at the distance x [m]."""
    moles = flame.Y / names.gas.molar_mass.cpu().numpy()[:, None]
    return float(np.interp(x, flame.x, moles[row] / moles.sum(0)))


def by_species(data: DataSet, names: Names, rows: dict[str, list[Pair]], notes: list[str]) -> list[Pairs]:
    """One set of pairs for each species, in the order of the file. Raises MechanismError without any."""
    if not rows:
        raise MechanismError(f"{data.path}: none of its measured species is in {names.gas.path}")
    return [
        Pairs(data, species, tuple(found), tuple(dict.fromkeys(notes)) if i == 0 else ())
        for i, (species, found) in enumerate(rows.items())
    ]


def mixture_of(names: Names, Y: Tensor) -> str:
    """Mole fractions of Y (species,) as Cantera reads them; the same text on any machine."""
    X = names.gas.mole_fractions(Y).cpu()
    return ", ".join(f"{name}:{x:.9g}" for name, x in zip(names.gas.species, X.tolist(), strict=True) if x > 0)
