"""What combust reads of a mechanism is held against Cantera at a few states before anything is computed with it.

Rates of progress both ways, production rates, thermodynamics, and transport when its data are read. All species are
present, in different amounts, so that every order and efficiency counts; pressures lie between those of P-log tables
and on both sides of falloffs, temperatures in all ranges of the thermodynamic data. Right readings agree to round-off,
1e-13 to 1e-10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import cantera as ct
import numpy as np
import torch

from combust.errors import MechanismError
from combust.kinetics.rates import thermo
from combust.kinetics.rates.data import Kinetics
from combust.kinetics.rates.production import production_rates, rates_of_progress
from combust.kinetics.transport.properties import TransportData, transport_properties

TOLERANCE = 1e-8
TEMPERATURES = (1150.0, 700.0, 1900.0, 3000.0)  # K; on both sides of where most data change
PRESSURES = (1e5, 3e3, 4e6, 1e8)  # Pa
MOST = 24  # temperatures, or pressures, that the mechanism's own tables add
TRANSPORT_STATES = ((450.0, 1e5), (1700.0, 2e6))  # K, Pa
BOUNDS = (1e-200, 1e200)  # of rates that are compared: beyond, factors of products leave the range of float64
GOLDEN = 0.6180339887498949

State = tuple[float, float]  # K, Pa


class Compared(NamedTuple):
    """One quantity, (rows, states), and what it is called by row; differences count relative to `scale`."""

    name: Callable[[int], str]
    ours: np.ndarray
    cantera: np.ndarray
    scale: np.ndarray


def require_rates(kin: Kinetics, solution: ct.Solution, species: Sequence[str]) -> None:
    """Raises MechanismError naming the reaction or species that departs most; `species`: names of the rows of kin."""
    place = [solution.species_index(name) for name in species]
    T = _temperatures(solution)
    solution.X = amounts(solution.n_species)
    _require(solution, [f"{x:g} K" for x in T], _thermo(kin, solution, species, place, T))
    if not solution.n_reactions:
        return
    states = [(T, p) for T in TEMPERATURES for p in PRESSURES]
    states += [(TEMPERATURES[i % len(TEMPERATURES)], p) for i, p in enumerate(_plog_pressures(kin))]
    _require(solution, [f"{T:g} K and {p:.4g} Pa" for T, p in states], _rates(kin, solution, species, place, states))


def require_transport(data: TransportData, solution: ct.Solution) -> None:
    """Raises MechanismError naming what departs most; the solution has the mixture-averaged model."""
    solution.X, found = amounts(solution.n_species), []
    for solution.TP in TRANSPORT_STATES:
        found.append((solution.viscosity, solution.thermal_conductivity, *solution.mix_diff_coeffs))
    T, p = (torch.tensor(x, dtype=torch.float64) for x in zip(*TRANSPORT_STATES, strict=True))
    Y = torch.tensor(solution.Y)[:, None].expand(-1, len(T))
    mu, conductivity, D, *_ = transport_properties(data, T, p, Y)
    ours = torch.cat([mu[None], conductivity[None], D]).numpy()
    theirs = np.array(found).T
    names = ("viscosity", "thermal conductivity", *(f"diffusivity of {name}" for name in solution.species_names))
    states = [f"{T:g} K and {p:.4g} Pa" for T, p in TRANSPORT_STATES]
    _require(solution, states, [Compared(lambda i: names[i], ours, theirs, np.abs(theirs))])


def amounts(species: int) -> np.ndarray:
    """Mole fractions, all of the same size and no two alike."""
    X = 1.0 + np.arange(1, species + 1) * GOLDEN % 1.0
    return X / X.sum()


def _thermo(
    kin: Kinetics, solution: ct.Solution, species: Sequence[str], place: list[int], T: np.ndarray
) -> list[Compared]:
    found: list[list[np.ndarray]] = [[], [], []]
    for x in T:
        solution.TP = x, solution.reference_pressure
        values = solution.standard_enthalpies_RT, solution.standard_cp_R, solution.standard_entropies_R
        for row, value in zip(found, values, strict=True):
            row.append(value[place])
    h, cp, s = (np.stack(values, axis=-1) for values in found)
    R = thermo.GAS_CONSTANT / solution.molecular_weights[place][:, None]
    parts = []

    def of_species(what: str) -> Callable[[int], str]:
        return lambda k: f"{what} of {species[k]}"

    for what, function, theirs, unit in (
        ("enthalpy", thermo.h_RT, h, 1.0), ("enthalpy", thermo.h_mass, h * R * T, R * T),
        ("heat capacity", thermo.cp_R, cp, 1.0), ("heat capacity", thermo.cp_mass, cp * R, R),
        ("entropy", thermo.s_R, s, 1.0), ("entropy", thermo.s_mass, s * R, R),
    ):  # fmt: skip
        ours = function(kin.thermo, torch.tensor(T)).numpy()
        scale = np.maximum(unit, np.abs(theirs))
        parts.append(Compared(of_species(what), ours, theirs, scale))
    return parts


def _rates(
    kin: Kinetics, solution: ct.Solution, species: Sequence[str], place: list[int], states: Sequence[State]
) -> list[Compared]:
    found: list[list[np.ndarray]] = [[], [], [], [], []]
    for solution.TP in states:
        made, used = solution.creation_rates[place], solution.destruction_rates[place]
        values = (
            solution.concentrations[place], solution.forward_rates_of_progress, solution.reverse_rates_of_progress,
            solution.net_production_rates[place], np.abs(made) + np.abs(used),
        )  # fmt: skip
        for row, value in zip(found, values, strict=True):
            row.append(value)
    C, ahead, back, omega, gross = (np.stack(x, axis=-1) for x in found)
    T = torch.tensor([T for T, _ in states], dtype=torch.float64)
    forward, reverse = (x.numpy() for x in rates_of_progress(kin, T, torch.tensor(C)))
    net = production_rates(kin, T, torch.tensor(C)).numpy()
    gross = np.maximum(gross, 1e-9 * gross.max(axis=0))  # terms of opposite sign may cancel
    larger = np.maximum(np.abs(ahead), np.abs(back))

    def named(way: str) -> Callable[[int], str]:
        return lambda i: f"{way} rate of reaction {i + 1}, {solution.reaction(i).equation}"

    return [
        Compared(named("forward"), forward, ahead, larger),
        Compared(named("reverse"), reverse, back, larger),
        Compared(lambda k: f"production rate of {species[k]}", net, omega, gross),
    ]


def _temperatures(solution: ct.Solution) -> np.ndarray:
    """In the middle of all ranges of the data of the species."""
    ends: set[float] = set()
    for s in solution.species():
        starts = (T for T, _ in thermo.ranges_of(s.thermo))
        ends |= {s.thermo.min_temp, min(s.thermo.max_temp, 1e5), *(T for T in starts if T > s.thermo.min_temp)}
    return np.array([*TEMPERATURES, *_thinned(0.5 * (a + b) for a, b in _pairs(sorted(ends)))])


def _plog_pressures(kin: Kinetics) -> list[float]:
    """Between and beyond those of the P-log tables."""
    found: set[float] = set()
    for table in (kin.rates.plog, kin.rates.linear_burke.plog):
        width = torch.where(table.r_width > 0, 1 / table.r_width, 0.0)
        found |= {round(x, 9) for x in torch.cat([table.ln_p, table.ln_p + width]).reshape(-1).tolist()}
    ends = sorted(found)
    if not ends:
        return []
    between = (0.5 * (a + b) for a, b in _pairs([ends[0] - 2.0, *ends, ends[-1] + 2.0]))
    return [float(np.exp(x)) for x in _thinned(between)]


def _pairs(ends: Sequence[float]) -> list[tuple[float, float]]:
    return [(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True) if b > a]


def _thinned(values: Iterable[float]) -> list[float]:
    every = list(values)
    return [every[i] for i in sorted({round(x) for x in np.linspace(0, len(every) - 1, min(MOST, len(every)))})]


def _departure(part: Compared) -> np.ndarray:
    """Difference over scale; zero where Cantera has no number, or one that is too small or large to compare."""
    low, high = BOUNDS
    usable = np.isfinite(part.cantera) & np.isfinite(part.scale) & (part.scale < high)
    both_small = (part.scale < low) & (np.abs(part.ours) < low)
    with np.errstate(all="ignore"):
        error = np.abs(part.ours - part.cantera) / np.maximum(part.scale, low)
    return np.where(usable & ~both_small, np.where(np.isfinite(error), error, np.inf), 0.0)


def _require(solution: ct.Solution, states: Sequence[str], parts: Sequence[Compared]) -> None:
    for part in parts:
        error = _departure(part)
        if not error.size or error.max() <= TOLERANCE:
            continue
        row, state = map(int, np.unravel_index(int(error.argmax()), error.shape))
        count = int((error.max(axis=1) > TOLERANCE).sum())
        raise MechanismError(
            f"{solution.source}: phase '{solution.name}' is not read as Cantera means it: the {part.name(row)} "
            f"is {part.ours[row, state]:.6g} at {states[state]}, Cantera has {part.cantera[row, state]:.6g}"
            + (f" ({count} such differ)" if count > 1 else "")
            + "; this is a fault of combust: please report it with the file"
        )
