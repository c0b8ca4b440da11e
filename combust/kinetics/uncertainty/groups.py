"""The uncertain rate constants of one mechanism: groups of reactions that are off together, a normal variable each."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.gas.equations import AT_ALL_PRESSURES
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty.equations import Equations
from combust.kinetics.uncertainty.laws import Law, law
from combust.kinetics.uncertainty.reading import KEY, Entry, Factors, stated
from combust.kinetics.uncertainty.settings import SIGMAS

logger = logging.getLogger(__name__)

LOOSE = math.log(1.1)  # of ln f: a law that is farther from the stated factors is told
OWN = "the mechanism's own"
ADMITTED = ("Arrhenius", "Blowers-Masel", "falloff", "chemically-activated")  # kinds that have A, b, Ea


@dataclass(frozen=True)
class Group:
    """Reactions (numbers from 0) whose ln k is off by x sigma(T), x standard normal;  origin : the file that says so"""

    equation: str
    reactions: tuple[int, ...]
    law: Law
    factor: float  # largest that is stated
    origin: str
    source: str


@dataclass(frozen=True)
class Uncertain:
    """A mechanism with what its rate constants may be off by."""

    gas: Mechanism
    name: str
    groups: tuple[Group, ...]

    @property
    def constant(self) -> bool:
        """Whether no factor changes with temperature: samples are then members of one ensemble."""
        return all(group.law.constant for group in self.groups)

    def multipliers(self, scores: np.ndarray) -> Tensor:
        """Factors of rates (reactions, samples) of scores (groups, samples), of constant factors."""
        ln = torch.zeros(self.gas.parameters.A.shape[0], scores.shape[1], dtype=torch.float64)
        for group, x in zip(self.groups, scores, strict=True):
            ln[list(group.reactions)] += group.law.s0 * torch.from_numpy(np.ascontiguousarray(x))
        return torch.exp(ln)

    def changed(self, x: Tensor) -> Mechanism:
        """The mechanism at scores x (groups,), differentiable: A, b and Ea of both limits of falloff reactions move."""
        old = self.gas.parameters
        ln_A, b, E = (torch.zeros_like(old.A) for _ in range(3))
        for i, group in enumerate(self.groups):
            own = torch.tensor(group.reactions)
            for j, change in enumerate(group.law.changes):
                part = torch.zeros_like(old.A).index_fill(0, own, change) * x[i]
                ln_A, b, E = (y + part if k == j else y for k, y in enumerate((ln_A, b, E)))
        scale = torch.exp(ln_A)
        new = {"A": old.A * scale, "A_low": old.A_low * scale}
        if not self.constant:
            new |= {"b": old.b + b, "b_low": old.b_low + b, "Ea_R": old.Ea_R + E, "Ea_R_low": old.Ea_R_low + E}
        return self.gas.with_parameters(**new)


def of_mechanism(gas: Mechanism, factors: Factors | None, default: float | None, leave_out: bool) -> Uncertain:
    """Factors bound to a mechanism.

    factors : of a file;  default : ln f of reactions that nothing is stated of, which comes before the file's
    What the mechanism itself states of a reaction counts: it is of the k that it has. leave_out : entries of reactions
    that the mechanism lacks are left out, and told, instead of refused.
    Raises ConfigError for these, for a reaction that is named twice, and where nothing is uncertain.
    """
    solution = gas.cantera(transport=False)
    reactions = solution.reactions()
    types = [reaction.rate.type for reaction in reactions]
    everywhere = [i for i, kind in enumerate(types) if kind.startswith(AT_ALL_PRESSURES)]
    equations = Equations(solution.reaction_equations(), gas.species, gas.path, everywhere)
    owned = own(reactions, gas.path)
    taken = {i: group.origin for group in owned for i in group.reactions}
    found = list(owned)
    for entry in factors.entries if factors else ():
        assert factors is not None
        numbers = numbers_of(entry, equations, factors.path, leave_out)
        named = [taken[i] for i in numbers if i in taken and taken[i] != OWN]
        if named:
            raise ConfigError(f"{factors.path}: {entry.equations[0]}: is named twice, also by {named[0]}: one rate of "
                              f"{gas.path}, {equations.texts[numbers[0]]}; keep one of the two")  # fmt: skip
        numbers = tuple(i for i in numbers if i not in taken)
        if numbers:
            group = made(entry, label(equations, numbers), numbers, factors.sigmas, last_of(factors.path))
            require_law(group, [types[i] for i in numbers], factors.path)
            found.append(group)
            taken |= dict.fromkeys(numbers, entry.equations[0])
    rest = default if default is not None else factors.default if factors else None
    if rest:
        sigmas = factors.sigmas if factors else SIGMAS
        for numbers in unnamed(equations, taken):
            entry = Entry((equations.texts[numbers[0]],), (), (rest,), "")
            found.append(made(entry, equations.texts[numbers[0]], numbers, sigmas, "default"))
    # In the mechanism's order: the samples of a rate are then the same where another mechanism has another k of it.
    found = sorted((group for group in found if group.factor > 1.0), key=lambda group: group.reactions)
    if not found:
        given = f"{factors.path} names none of its reactions" if factors else "no file of factors was given"
        raise ConfigError(
            f"{gas.path}: no reaction is uncertain: its entries state no factor above 1, and {given}; give --factors "
            "FILE or --default F"
        )
    return Uncertain(gas, factors.name if factors else "own", tuple(found))


def last_of(path: str) -> str:
    """The last part of a path."""
    return path.replace("\\", "/").rpartition("/")[2]


def own(reactions: Sequence[object], path: str) -> list[Group]:
    """Groups that the mechanism's entries state. Raises ConfigError for duplicates that disagree."""
    found: dict[str, Group] = {}
    for i, reaction in enumerate(reactions):
        where = f"{path}: reaction {i + 1}, {reaction.equation}"  # type: ignore[attr-defined]
        entry = stated(reaction.input_data.get(KEY), reaction.equation, where)  # type: ignore[attr-defined]
        if entry is None:
            continue
        group = made(entry, entry.equations[0], (i,), SIGMAS, OWN)
        require_law(group, [reaction.rate.type], path)  # type: ignore[attr-defined]
        before = found.get(group.equation)
        if before is not None and before.law != group.law:
            raise ConfigError(f"{where}: its duplicate states another factor, {before.factor:g}: one k has one error")
        found[group.equation] = group if before is None else replace(before, reactions=(*before.reactions, i))
    return list(found.values())


def numbers_of(entry: Entry, equations: Equations, path: str, leave_out: bool) -> tuple[int, ...]:
    """Reactions of an entry. Raises ConfigError unless those that are not there may be left out."""
    found: list[int] = []
    for text in entry.equations:
        try:
            found += [i for i in equations.find(text, path) if i not in found]
        except ConfigError as error:
            if not leave_out:
                raise ConfigError(f"{error}; combust uncertainty --leave-out goes on without it") from None
            logger.warning("warning: left out: %s", error)
    return tuple(found)


def unnamed(equations: Equations, taken: dict[int, str]) -> list[tuple[int, ...]]:
    """Reactions that nothing is stated of, duplicates together."""
    left = [i for i in range(len(equations.texts)) if i not in taken]
    found: list[tuple[int, ...]] = []
    while left:
        first = equations.written[left[0]]
        same = tuple(i for i in left if first.same(equations.written[i]))
        found.append(same)
        left = [i for i in left if i not in same]
    return found


def label(equations: Equations, numbers: Sequence[int]) -> str:
    """In the mechanism's spelling, so that sets can be compared; duplicates are one."""
    texts = list(dict.fromkeys(equations.texts[i] for i in numbers))
    return texts[0] + (f" and {len(texts) - 1} more" if len(texts) > 1 else "")


def made(entry: Entry, text: str, numbers: tuple[int, ...], sigmas: float, origin: str) -> Group:
    """A group of an entry."""
    found = law(entry.T, entry.ln_f, sigmas)
    return Group(text, numbers, found, math.exp(max(entry.ln_f)), origin, entry.source)


def require_law(group: Group, types: Sequence[str], where: str) -> None:
    """Raises ConfigError where a factor over temperature cannot move k; tells where the law is loose."""
    if group.law.constant:
        return
    odd = sorted({kind for kind in types if not kind.startswith(ADMITTED)})
    if odd:
        raise ConfigError(
            f"{where}: {group.equation}: is a {odd[0]} reaction, whose k has no A, b, Ea: give one factor for all T"
        )
    if group.law.error > LOOSE:
        logger.warning(
            "warning: %s: %s: the law in T is off by a factor of %.3g from the factors that are stated",
            where, group.equation, math.exp(group.law.error),
        )  # fmt: skip
