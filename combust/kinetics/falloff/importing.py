"""Rates k(T, p) of other programs: read, checked against a mechanism, written as entries for `combust merge`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import ConfigError, FileFormatError
from combust.files import read_text
from combust.kinetics.constants.evaluated import PER_MOLECULE
from combust.kinetics.falloff import arkane, entry, fits, mess
from combust.kinetics.falloff.checks import composition
from combust.kinetics.falloff.densities import Array
from combust.kinetics.gas.equilibrium import constant
from combust.kinetics.mechanism import phases, places
from combust.report.tables import outputs

Sides = tuple[tuple[str, ...], tuple[str, ...]]
TRIED = np.geomspace(300.0, 3000.0, 40)  # K, where nothing says for which temperatures a rate is
BALANCE = 1.25  # factor off the thermo's, from which it is said
APART = 1.05  # factor between the two ways to read duplicates, the same


@dataclass(frozen=True)
class Taken:
    """A reaction that goes into the file.

    kind : "P-log" or "Chebyshev";  T : range [K] and p : range [Pa] for which it is;  line : of the file it is from
    error : largest of the fit, None where none was made;  balance : factor, at worst, between k_forward / k_reverse of
    the file and the mechanism's equilibrium constant, None where the file has one direction only
    """

    equation: str
    kind: str
    line: int
    T: tuple[float, float]
    p: tuple[float, float]
    error: float | None
    balance: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Imported:
    """What was read of a file;  format : "MESS", "Arkane's output.py" or "Chemkin";  left_out : (name, reason)"""

    source: str
    format: str
    taken: tuple[Taken, ...]
    left_out: tuple[tuple[str, str], ...]
    yaml: Path


@dataclass(frozen=True)
class Rate:
    """One direction of a reaction, in the names of the mechanism, SI with kmol.

    T, p : ranges;  rate : Cantera's, None of a table that is not fitted yet;  table : (T, p, k), nan where undefined
    """

    sides: Sides
    line: int
    T: tuple[float, float]
    p: tuple[float, float]
    rate: Any = None
    table: tuple[Array, Array, Array] | None = None
    error: float | None = None
    duplicate: bool = False
    stated: bool = True


def read_rates(
    path: str | Path,
    mechanism: str | Path,
    out: str | Path,
    *,
    names: Sequence[str] = (),
    fit: str = "plog",
    force: bool = False,
) -> Imported:
    """Rates of an output of MESS, or of chem.inp or output.py of Arkane, as falloff.yaml in the folder `out`.

    mechanism : Cantera file with the species;  names : "A=B", A of the file is B there, B may be several: "P1=H+O2"
    fit : "plog" or "chebyshev", of the tables of MESS

    A direction whose reverse stands before it is left out, as the reverse follows from thermo; so is what has species
    that the mechanism lacks, or a sum of P-log entries that is not positive. Raises FileFormatError that names file and
    line, ConfigError where nothing is left, MechanismError.
    """
    text = read_text(path)
    gas = phases.solution(places.find(mechanism))
    spelled = dict(renaming(one) for one in names)
    source, rates, left_out = read(text, str(path), gas, spelled)
    kept: list[Taken] = []
    reactions: list[ct.Reaction] = []
    for one in rates:
        back = next((r for r in rates if r.sides == one.sides[::-1]), None)
        if back is not None and rates.index(back) < rates.index(one):
            left_out.append((named(one), f"is the reverse of line {back.line}, and follows from the thermo"))
            continue
        try:
            made = fitted(one, fit)
            reactions.append(reaction(gas, made, str(path)))
        except (ConfigError, FileFormatError) as error:
            left_out.append((named(one), str(error)))
            continue
        kept.append(taken(gas, made, back, rates))
    if not kept:
        said = "; ".join(f"{name}: {reason}" for name, reason in left_out) or "the file has none"
        raise ConfigError(f"{path}: no rate can be taken: {said}")
    [yaml] = outputs(out, ("falloff.yaml",), force)
    entry.write(yaml, gas, marked(reactions), f"Rates that hang on pressure, read from {Path(path).name} ({source})")
    return Imported(str(path), source, tuple(kept), tuple(left_out), yaml)


def renaming(text: str) -> tuple[str, tuple[str, ...]]:
    """Of "P1=H+O2". Raises ConfigError."""
    for at, sign in enumerate(text):
        if sign == "=" and 0 < at < len(text) - 1:
            return text[:at].strip(), tuple(sorted(one.strip() for one in text[at + 1 :].split("+")))
    raise ConfigError(f"--name {text}: must be A=B, or A=B+C")


def read(
    text: str, path: str, gas: ct.Solution, names: dict[str, tuple[str, ...]]
) -> tuple[str, list[Rate], list[Any]]:
    """What a file holds: its format, rates in the mechanism's names, what has none. Raises FileFormatError."""
    left_out: list[Any] = []
    rates: list[Rate] = []
    known = set(gas.species_names)
    found: list[tuple[tuple[str, ...], tuple[str, ...], int, mess.Block | arkane.Stated]]
    spelled = lambda side: tuple(sorted(n for one in side for n in names.get(one, (one,))))  # noqa: E731
    if mess.is_mess(text):
        source, found = "MESS", [((b.left,), (b.right,), b.line, b) for b in mess.blocks(text, path)]
    elif arkane.is_output(text):
        source, found = "Arkane's output.py", [(s.left, s.right, s.line, s) for s in arkane.of_output(text, path)]
    elif arkane.is_chemkin(text):
        source, found = "Chemkin", [(s.left, s.right, s.line, s) for s in arkane.of_chemkin(text, path, gas)]
    else:
        raise FileFormatError(
            f"{path}: is none of MESS' output ({mess.SECTION}), Arkane's output.py (pdepreaction) and chem.inp (PLOG, "
            "CHEB)"
        )
    for left, right, line, what in found:
        sides = (spelled(left), spelled(right))
        if lacking := sorted(({*sides[0], *sides[1]}) - known):
            left_out.append((f"{'+'.join(left)} => {'+'.join(right)}",
                             f"line {line}: the mechanism has no {', '.join(lacking)}; give --name"))  # fmt: skip
        elif atoms(gas, sides[0]) != atoms(gas, sides[1]):
            left_out.append((f"{'+'.join(left)} => {'+'.join(right)}",
                             f"line {line}: {' + '.join(sides[0])} and {' + '.join(sides[1])} have other atoms: look "
                             "at --name"))  # fmt: skip
        elif isinstance(what, mess.Block):
            rates.append(of_block(what, sides))
        elif what.rate is None:
            left_out.append((f"{'+'.join(left)} => {'+'.join(right)}",
                             f"line {line}: has nan in the place of numbers: did the program end well?"))  # fmt: skip
        elif what.rate.type not in ("pressure-dependent-Arrhenius", "Chebyshev"):
            left_out.append((" + ".join(left), f"line {line}: does not hang on pressure by PLOG or CHEB"))
        else:
            rates.append(of_stated(what, sides))
    return source, rates, left_out


def atoms(gas: ct.Solution, side: Sequence[str]) -> Counter[str]:
    """Of all species of a side."""
    return sum((Counter(composition(gas, name)) for name in side), Counter())


def of_block(one: mess.Block, sides: Sides) -> Rate:
    """A table of MESS."""
    order = np.argsort(one.T), np.argsort(one.p)
    k = one.k[np.ix_(*order)] * (PER_MOLECULE ** (len(sides[0]) - 1))
    T, p = one.T[order[0]], one.p[order[1]]
    return Rate(sides, one.line, (float(T[0]), float(T[-1])), (float(p[0]), float(p[-1])), table=(T, p, k))


def of_stated(one: arkane.Stated, sides: Sides) -> Rate:
    """A rate of Arkane."""
    rate = one.rate
    if rate.type == "Chebyshev":
        p = tuple(float(v) for v in rate.pressure_range)
    else:
        values = [float(pressure) for pressure, _ in rate.rates]
        p = (min(values), max(values))
    T = tuple(float(v) for v in one.T) if one.T else (float(TRIED[0]), float(TRIED[-1]))
    return Rate(sides, one.line, (T[0], T[1]), (p[0], p[1]), rate, duplicate=one.duplicate, stated=one.T is not None)


def named(one: Rate) -> str:
    return " => ".join(" + ".join(side) for side in one.sides)


def fitted(one: Rate, kind: str) -> Rate:
    """With its rate, and a check that it is positive. Raises ConfigError, FileFormatError."""
    if one.table is None:
        require_ranges(one)
        require_positive(one)
        return one
    T, p, k = one.table
    if (k <= 0).any():
        i, j = np.argwhere(k <= 0)[0]
        raise ConfigError(f"line {one.line}: k = {k[i, j]:g} at {T[i]:g} K, {p[j]:g} Pa: must be > 0")
    whole = np.isfinite(k)
    if kind == "chebyshev":
        rows = whole.all(axis=1)
        found = fits.fitted(kind, T[rows], p, k[rows])
        return replace(one, rate=found.rate, error=found.worst, T=(float(T[rows][0]), float(T[rows][-1])))
    columns = whole.sum(axis=0) >= 3
    if columns.sum() < 2:
        raise ConfigError(f"line {one.line}: {columns.sum()} pressures with three rates or more: P-log needs two")
    laws: list[Any] = [
        (float(p[j]), fits.arrhenius(T[whole[:, j]], k[whole[:, j], j])) for j in np.flatnonzero(columns)
    ]
    rate = ct.PlogRate(laws)
    off = np.abs(fits.evaluated(rate, T, p[columns]) / k[:, columns] - 1)
    return replace(one, rate=rate, error=float(np.nanmax(off)), p=(laws[0][0], laws[-1][0]))


def require_ranges(one: Rate) -> None:
    """Raises ConfigError for pressures or temperatures that are not positive, or do not ascend."""
    if one.p[0] <= 0:
        raise ConfigError(f"line {one.line}: pressures must be positive, not {one.p[0]:g} Pa: k is a law of ln p")
    if one.rate.type != "Chebyshev":
        return
    for name, (low, high) in (("temperatures", one.rate.temperature_range), ("pressures", one.rate.pressure_range)):
        if not 0 < low < high:
            raise ConfigError(f"line {one.line}: {name} of its polynomials must ascend: {low:g}, {high:g}")


def require_positive(one: Rate) -> None:
    """Sums of P-log entries at one pressure must be positive. Raises ConfigError."""
    if one.rate.type != "pressure-dependent-Arrhenius":
        return
    T = np.geomspace(*one.T, 40)
    for pressure in sorted({p for p, _ in one.rate.rates}):
        k = sums(one.rate, pressure, T)
        if not (k > 0).all():
            at = T[np.argmin(k)]
            raise ConfigError(
                f"line {one.line}: the PLOG entries at {pressure / ct.one_atm:g} atm add up to {k.min():.3g} at "
                f"{at:.0f} K: ln k has no value there, and Cantera refuses the mechanism when it meets it"
            )


def sums(rate: Any, pressure: float, T: Array) -> Array:
    """All laws of a P-log rate at one of its pressures, added up."""
    found = np.zeros_like(T)
    for p, law in rate.rates:
        if p == pressure:
            found += law.pre_exponential_factor * T**law.temperature_exponent * np.exp(
                -law.activation_energy / (ct.gas_constant * T))  # fmt: skip
    return found


def reaction(gas: ct.Solution, one: Rate, path: str) -> ct.Reaction:
    """Its entry. Raises MechanismError."""
    kind = "P-log" if one.rate.type == "pressure-dependent-Arrhenius" else "Chebyshev"
    about: dict[str, Any] = {"source": Path(path).name, "line": one.line, "pressures": list(one.p)}
    if one.stated:
        about["range"] = list(one.T)
    error = ""
    if one.error is not None:
        about["fit-error"] = round(one.error, 5)
        error = f"; {kind} fit within {one.error:.1%}"
    span = f"{one.T[0]:g} to {one.T[1]:g} K" if one.stated else "temperatures not stated"
    note = f"read from {Path(path).name}, line {one.line}; {span}, {one.p[0] / ct.one_atm:.3g} to "
    note += f"{one.p[1] / ct.one_atm:.3g} atm{error}"
    fit = fits.Fit("", one.rate, 0.0, 0.0)
    return entry.reaction(gas, one.sides[0], one.sides[1], fit, about, note)


def marked(reactions: Sequence[ct.Reaction]) -> list[ct.Reaction]:
    """With duplicates said to be some."""
    sides = [frozenset((frozenset(r.reactants.items()), frozenset(r.products.items()))) for r in reactions]
    for one, key in zip(reactions, sides, strict=True):
        one.duplicate = sides.count(key) > 1
    return list(reactions)


def taken(gas: ct.Solution, one: Rate, back: Rate | None, rates: Sequence[Rate]) -> Taken:
    """A rate with what was checked."""
    balance = None if back is None else balanced(gas, one, back)
    said = []
    if balance is not None and balance > BALANCE:
        said.append(
            f"k of both directions is a factor {balance:.3g} off the mechanism's thermo, from which the reverse follows"
        )
    twins = [r for r in rates if r.sides == one.sides]
    if len(twins) > 1:
        said.append(twice(twins))
    if one.error is not None and one.error > 0.2:
        said.append(f"the fit is up to {one.error:.0%} off: try --fit chebyshev")
    if not one.stated:
        said.append("the file does not say for which temperatures it is")
    elif one.T[0] > 500 or one.T[1] < 2000:
        said.append(f"is for {one.T[0]:g} to {one.T[1]:g} K only: flames reach beyond, where it is extrapolated")
    kind = "P-log" if one.rate.type == "pressure-dependent-Arrhenius" else "Chebyshev"
    equation = " <=> ".join(" + ".join(side) for side in one.sides)
    return Taken(equation, kind, one.line, one.T, one.p, one.error, balance, tuple(said))


def values(one: Rate, T: Array, p: Array) -> Array:
    """k where both T and p are those of a table, else of its rate."""
    if one.table is not None:
        return one.table[2][np.ix_(np.searchsorted(one.table[0], T), np.searchsorted(one.table[1], p))]
    return fits.evaluated(one.rate, T, p)


def balanced(gas: ct.Solution, one: Rate, back: Rate) -> float | None:
    """Worst factor between k_forward / k_reverse and the equilibrium constant, where both are defined."""
    if one.table is not None and back.table is not None:
        T, p = np.intersect1d(one.table[0], back.table[0]), np.intersect1d(one.table[1], back.table[1])
    else:
        low, high = max(one.T[0], back.T[0]), min(one.T[1], back.T[1])
        T, p = np.linspace(low, high, 10), np.array([max(one.p[0], back.p[0])])
    if not len(T) or not len(p):
        return None
    K = np.array([constant(gas, one.sides, float(t)) for t in T])
    off = np.abs(np.log(values(one, T, p) / values(back, T, p) / K[:, None]))
    return float(math.exp(np.nanmax(off))) if np.isfinite(off).any() else None


def twice(twins: Sequence[Rate]) -> str:
    """What it means that a file has a reaction several times (RMG-Py issue 147)."""
    words = "stands several times: each is interpolated over pressure by itself, and the results are added up"
    if any(r.rate is None or r.rate.type != "pressure-dependent-Arrhenius" for r in twins):
        return words
    together = ct.PlogRate(sorted((law for r in twins for law in r.rate.rates), key=lambda law: law[0]))
    grid = sorted({p for r in twins for p, _ in r.rate.rates})
    if len(grid) < 2:
        return words
    middle = np.sqrt(np.array(grid[1:]) * np.array(grid[:-1]))
    T = np.geomspace(*twins[0].T, 10)
    ratio = sum(fits.evaluated(r.rate, T, middle) for r in twins) / fits.evaluated(together, T, middle)
    worst = float(np.exp(np.nanmax(np.abs(np.log(ratio)))))
    return f"{words}; as one entry with sums it would be another by up to a factor {worst:.2f} between its pressures"
