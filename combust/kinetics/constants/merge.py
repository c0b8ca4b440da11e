"""Rates put into a mechanism: what is replaced, and by how much; what is refused, and why."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cantera as ct

from combust import __version__
from combust.atomic import replace_bytes
from combust.errors import ConfigError, MechanismError, OutputError
from combust.kinetics.constants.limits import beyond_collisions
from combust.kinetics.constants.matching import Key, bath, key, spelling
from combust.kinetics.constants.species_thermo import ThermoChange, replaced
from combust.kinetics.gas.equations import AT_ALL_PRESSURES, listed, sides_of
from combust.kinetics.mechanism import phases, places
from combust.kinetics.trajectories.cantera_file import KEY

TEMPERATURES = (500.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0)  # K, at which k is compared


@dataclass(frozen=True)
class Change:
    """A rate that went in.

    action : "replaced", "added", or "scaled" where the rate holds at one temperature only
    was : equations that went;  ratios : (T [K], new k over old, whether the rate holds there);  factor : stated error
    """

    equation: str
    action: str
    source: str
    was: tuple[str, ...]
    ratios: tuple[tuple[float, float, bool], ...]
    factor: float | None


@dataclass(frozen=True)
class Refused:
    """A rate that did not go in."""

    equation: str
    source: str
    reason: str


@dataclass(frozen=True)
class Merged:
    """The new mechanism, its digest, and what became of each rate;  thermo : of species whose data went in"""

    path: Path
    sha256: str
    changes: tuple[Change, ...]
    refused: tuple[Refused, ...]
    thermo: tuple[ThermoChange, ...] = ()


def merge(
    mechanism: str | Path,
    rates: Sequence[str | Path],
    out: str | Path,
    *,
    thermo: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    force: bool = False,
) -> Merged:
    """Puts rates of Cantera files, of `combust network` or others, into a mechanism; units are those of each file.

    thermo : files whose species replace the thermodynamic data of the mechanism's of the same name
    only : equations, of all rates in the files
    A rate replaces every reaction of the base with the same species on both sides, in either direction, duplicates too;
    the reverse follows from the base's thermo. A rate at one temperature scales what is there. A rate that hangs on
    pressure replaces any kind, one that does not only its own; species that the base lacks are refused, and a k that
    exceeds the collisions of its reactants by far. Raises ConfigError where nothing goes in, MechanismError.
    """
    target = Path(out)
    if target.exists() and not force:
        raise ConfigError(f"{target} exists: choose another place with --out, or --force to replace it")
    file = places.find(mechanism)
    base = phases.solution(file)
    if "qss" in entry_of(base):
        raise MechanismError(
            f"{mechanism}: has species in quasi-steady state: put rates into the mechanism it was made of"
        )
    species, data = replaced(base, thermo)
    work = Work(base, [sides_of(text) for text in only], species)
    for path in rates:
        work.take(path)
    require_found(only, work)
    if not work.changed and not (data and not rates):
        said = (
            "; ".join(f"{one.equation}: {one.reason}" for one in work.refused)
            or "the files hold none of those asked for"
        )
        raise ConfigError(f"no rate goes into {mechanism}: {said}")
    made = work.solution()
    changes = tuple(change(base, made, work.place(one), one) for one in work.changed)
    sha256 = write(target, made, mechanism, file, [*rates, *thermo], changes, data)
    return Merged(target, sha256, changes, tuple(work.refused), tuple(data))


@dataclass(frozen=True)
class Taken:
    """A reaction of a file of rates:  was : of the base, by number;  about : what the file says of it"""

    reaction: ct.Reaction
    action: str
    source: str
    was: tuple[int, ...]
    about: Mapping[str, Any]


class Work:
    """The reactions of the base, with those that are taken."""

    def __init__(
        self, base: ct.Solution, only: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], species: Sequence[ct.Species]
    ) -> None:
        self.base, self.only, self.species = base, [frozenset(sides) for sides in only], species
        self.keys = [key(r) for r in base.reactions()]
        self.met: set[frozenset[tuple[str, ...]]] = set()  # of `only`
        self.changed: list[Taken] = []
        self.refused: list[Refused] = []
        self.gone: set[int] = set()
        self.seen: set[int] = set()  # with those whose rate was refused: a duplicate must not go in alone

    def take(self, path: str | Path) -> None:
        """All rates of a file. Raises MechanismError, ConfigError for a reaction that an earlier file has."""
        given = phases.solution(places.find(path), transport=False)
        names = spelling(given, self.base)
        for reaction in given.reactions():
            sides = key(reaction, names).sides
            if self.only and sides not in self.only:
                continue
            self.met.add(sides)
            taken = self.one(reaction, names, str(path))
            if isinstance(taken, Refused):
                self.refused.append(taken)
                continue
            if self.seen & set(taken.was):
                raise ConfigError(
                    f"{path}: {reaction.equation}: was replaced by an earlier file; give one rate for each"
                )
            self.seen |= set(taken.was)
            if words := beyond_collisions(self.base, self.species, taken.reaction, held(taken.about)):
                self.refused.append(Refused(reaction.equation, str(path), words))
                continue
            self.gone |= set(taken.was)
            self.changed.append(taken)

    def one(self, reaction: ct.Reaction, names: dict[str, str], source: str) -> Taken | Refused:
        """What becomes of a rate."""
        no = lambda reason: Refused(reaction.equation, source, reason)  # noqa: E731
        if lacking := sorted({n for n in (*reaction.reactants, *reaction.products) if n not in names}):
            return no(f"the mechanism has no species {', '.join(lacking)}")
        own = key(reaction, names)
        alike = [i for i, other in enumerate(self.keys) if other.sides == own.sides]
        others = {self.keys[i].kind for i in alike if own.kind not in AT_ALL_PRESSURES}
        if odd := sorted(others - {own.kind}):
            return no(
                f"is {own.kind}, the mechanism has it as {', '.join(odd)}: one k cannot stand for it at all pressures"
            )
        if not reaction.reversible and any(self.base.reaction(i).reversible for i in alike):
            return no("goes one way, the mechanism's both: its reverse would be lost")
        if not reaction.reversible:
            alike = [i for i in alike if (self.keys[i].left, self.keys[i].right) == (own.left, own.right)]
        about = entry_of(reaction)
        require_stated(about, f"{source}: {reaction.equation}")
        low, high = about.get("range", (0.0, 1.0))
        if low == high:
            return (
                self.scaled(reaction, own, source, alike, about)
                if alike
                else no(f"holds at {low:g} K only, and the mechanism has no such reaction whose law could carry it")
            )
        data: Any = renamed(dict(reaction.input_data), names, own, reaction.reversible)
        data.pop("duplicate", None)
        made = ct.Reaction.from_dict(data, self.base)
        keep(made, data)
        return Taken(made, "replaced" if alike else "added", source, tuple(alike), about)

    def scaled(
        self, reaction: ct.Reaction, own: Key, source: str, alike: list[int], about: dict[str, Any]
    ) -> Taken | Refused:
        """The base's own law through the rate at its one temperature."""
        T = float(about["range"][0])
        if len(alike) > 1 or self.keys[alike[0]].kind not in ("elementary", "third body"):
            return Refused(reaction.equation, source, f"holds at {T:g} K only, and the mechanism has several for it")
        data: Any = dict(self.base.reaction(alike[0]).input_data)
        third = self.keys[alike[0]].kind == "third body"
        old = rate_at(self.base, alike, own.left, T) / (self.base.third_body_concentrations[alike[0]] if third else 1.0)
        factor = float(reaction.rate(T)) / old
        data["rate-constant"] = {**data["rate-constant"], "A": data["rate-constant"]["A"] * factor}
        data |= {"note": f"times {factor:.4g}, so that k({T:g} K) is that of {source}", KEY: about}
        made = ct.Reaction.from_dict(data, self.base)
        keep(made, data)
        return Taken(made, "scaled", source, tuple(alike), about)

    @property
    def reactions(self) -> list[ct.Reaction]:
        """Of the new mechanism: rates stand where the first of those they replace stood, new ones at the end."""
        at = {taken.was[0]: taken.reaction for taken in self.changed if taken.was}
        found = [at.get(i, r) for i, r in enumerate(self.base.reactions()) if i in at or i not in self.gone]
        return found + [taken.reaction for taken in self.changed if not taken.was]

    def place(self, one: Taken) -> int:
        """Where a rate stands there."""
        return next(i for i, reaction in enumerate(self.reactions) if reaction is one.reaction)

    def solution(self) -> ct.Solution:
        """The new mechanism."""
        model = self.base.transport_model
        return ct.Solution(thermo=self.base.thermo_model, kinetics="gas", species=self.species,
                           transport_model=None if model in (None, "none") else model, reactions=self.reactions,
                           name=self.base.name)  # fmt: skip


def require_found(only: Sequence[str], work: Work) -> None:
    """Raises ConfigError for an equation that was asked for and is in no file."""
    lacking = [text for text, sides in zip(only, work.only, strict=True) if sides not in work.met]
    if lacking:
        raise ConfigError(
            f"--only {', '.join(lacking)}: is in none of the files of rates; names are those of the mechanism, with "
            "spaces around +, as in 'OH + H2 <=> H2O + H'"
        )


def entry_of(holder: Any) -> dict[str, Any]:
    """What a file says under `combust` of a reaction or phase."""
    found = holder.input_data.get(KEY)
    return dict(found) if isinstance(found, Mapping) else {}


def largest_factor(about: Mapping[str, Any]) -> float | None:
    """That a reaction states under `combust`, at all its temperatures; None without one."""
    found = about.get("factor")
    return max(found["f"]) if isinstance(found, Mapping) else found


def renamed(data: dict[str, Any], names: Mapping[str, str], own: Key, reversible: bool) -> dict[str, Any]:
    """An entry in the names of the base."""
    arrow = " <=> " if reversible else " => "
    third = {"third body": " + M", "falloff": " (+M)"}.get(own.kind, "")
    data["equation"] = arrow.join(" + ".join(side) + third for side in (own.left, own.right))
    if "efficiencies" in data:
        data["efficiencies"] = {names[n]: value for n, value in data["efficiencies"].items() if n in names}
    return data


def keep(made: ct.Reaction, data: Mapping[str, Any]) -> None:
    """Note and stated errors go along."""
    kept: Any = {name: data[name] for name in ("note", KEY) if name in data}
    if kept:
        made.update_user_data(kept)


def require_stated(about: Mapping[str, Any], where: str) -> None:
    """Raises ConfigError for a stated factor or range of temperatures that cannot be."""
    factor, stated = about.get("factor"), about.get("range", TEMPERATURES[:2])
    if isinstance(factor, Mapping):
        require_factors(factor, f"{where}: combust: factor")
    elif factor is not None and (isinstance(factor, bool) or not isinstance(factor, float | int)):
        raise ConfigError(f"{where}: combust: factor {factor!r}: must be a number, or {{T: [...], f: [...]}}")
    elif factor is not None and not 1 <= factor < math.inf:
        raise ConfigError(f"{where}: combust: factor {factor:g}: must be 1 or more")
    numbers = isinstance(stated, list | tuple) and all(isinstance(one, float | int) for one in stated)
    if not numbers or len(stated) != 2 or not 0 < stated[0] <= stated[1] < math.inf:
        raise ConfigError(
            f"{where}: combust: range {stated!r}: must be the lowest and the highest temperature, above 0 K"
        )


def require_factors(table: Mapping[str, Any], where: str) -> None:
    """Raises ConfigError for factors at temperatures that cannot be."""
    lists = all(isinstance(table.get(name), list) for name in ("T", "f"))
    T, f = (list(table[name]) if lists else [] for name in ("T", "f"))
    if not len(T) == len(f) > 0 or not all(isinstance(one, float | int) and math.isfinite(one) for one in [*T, *f]):
        raise ConfigError(f"{where} {dict(table)}: must be {{T: [...], f: [...]}}, a factor for each temperature [K]")
    if min(T) <= 0 or len(set(T)) < len(T) or min(f) < 1:
        raise ConfigError(f"{where} {dict(table)}: T must differ and be above 0 K, factors 1 or more")


def held(about: Mapping[str, Any]) -> tuple[float, float]:
    """Temperatures [K] over which a rate is to hold."""
    low, high = about.get("range", (TEMPERATURES[0], TEMPERATURES[-1]))
    return float(low), float(high)


def rate_at(gas: ct.Solution, numbers: Sequence[int], left: Sequence[str], T: float) -> float:
    """k of reactions together from `left` on, at T [K], and at 1 atm in the bath gas where it hangs on pressure; third
    bodies are in it, reverse constants are by thermo.
    """
    gas.TPX = T, ct.one_atm, {bath(gas): 1.0}
    forward, reverse, third = gas.forward_rate_constants, gas.reverse_rate_constants, gas.third_body_concentrations
    total = 0.0
    for i in numbers:
        reaction = gas.reaction(i)
        k = (forward if listed(reaction.reactants) == tuple(left) else reverse)[i]
        total += k * (third[i] if reaction.rate.type == "Arrhenius" and reaction.third_body is not None else 1.0)
    return float(total)


def change(base: ct.Solution, made: ct.Solution, number: int, taken: Taken) -> Change:
    """How much a rate changed."""
    left = listed(taken.reaction.reactants)
    low, high = taken.about.get("range", (0.0, float("inf")))
    ratios = []
    for T in TEMPERATURES if taken.was else ():
        if (old := rate_at(base, taken.was, left, T)) > 0:
            ratios.append((T, rate_at(made, [number], left, T) / old, low <= T <= high))
    was = tuple(base.reaction(i).equation for i in taken.was)
    factor = largest_factor(taken.about)
    return Change(taken.reaction.equation, taken.action, taken.source, was, tuple(ratios), factor)


def write(
    target: Path,
    made: ct.Solution,
    mechanism: str | Path,
    file: Path,
    rates: Sequence[str | Path],
    changes: Sequence[Change],
    data: Sequence[ThermoChange],
) -> str:
    """The file, read again before it counts; its SHA-256. Raises MechanismError, OutputError."""
    from combust.kinetics.mechanism.mechanism import Mechanism

    digest = lambda path: hashlib.sha256(places.find(path).read_bytes()).hexdigest()  # noqa: E731
    origin: Any = {
        "parent": {"file": file.name, "sha256": digest(mechanism)},
        "rates": [{"file": Path(path).name, "sha256": digest(path)} for path in rates],
        "changes": [f"{one.action}: {one.equation}" for one in changes] + [f"thermo: {one.species}" for one in data],
        "combust": __version__, "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }  # fmt: skip
    made.TP = 300.0, ct.one_atm
    parts = [f"{len(found)} other {name}" for found, name in ((changes, "rates"), (data, "thermo")) if found]
    try:
        made.update_user_header({"description": f"{file.name} with {' and '.join(parts)}"})
        made.update_user_data({KEY: origin})
        replace_bytes(target, made.write_yaml(header=True, precision=16).encode())
    except ct.CanteraError as error:
        raise MechanismError(f"{mechanism}: Cantera cannot write it: {error}") from error
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error
    return Mechanism.load(target).file_sha256
