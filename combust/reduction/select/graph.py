"""Which species matter to given targets: graph methods of mechanism reduction (DRG, DRGEP, PFA).

Coefficients between neighbours are those of reduction.select.interaction, paths those of reduction.select.paths. The
importance of a species is the greatest value over all states and targets of the best path that leads to it, so a
threshold, or a number of species, cuts nested sets out of one ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse

from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.blocks import block_of
from combust.reduction.cases.samples import Samples
from combust.reduction.select import targets as goals
from combust.reduction.select.interaction import METHODS, Interaction, Method
from combust.reduction.select.paths import Combine, best_paths
from combust.reduction.submechanism import Parent

BLOCK = 2**24  # values of a block of states at once: 128 MB
KEPT = 2**25  # coefficients kept between calls: 256 MB

Rows = Mapping[str, int | None]  # targets; None for the heat release


@dataclass(frozen=True)
class Ranking:
    """Species from most to least important, and the importance that each had when it was removed."""

    species: tuple[int, ...]
    values: tuple[float, ...]


class Graph:
    """Interaction graph of a mechanism at sampled states.

    method: "drgep", "drg" or "pfa". colliders: third bodies with at least this efficiency count as participants,
    by the share 1 - 1/efficiency; None: only those that a reaction names. parent: what `Parent(gas)` gives, if at hand.
    Raises ConfigError for an unknown method, a threshold that is not above 1, or samples of another mechanism.
    """

    def __init__(
        self,
        gas: Mechanism,
        samples: Samples,
        method: Method = "drgep",
        colliders: float | None = None,
        parent: Parent | None = None,
    ) -> None:
        if method not in METHODS:
            raise ConfigError(f'graph method "{method}" is unknown; known: {", ".join(METHODS)}')
        if colliders is not None and not colliders > 1:
            raise ConfigError(f"colliders = {colliders}: the least efficiency that counts must be above 1")
        samples.require(gas)
        self.gas, self.samples, self.method = gas, samples, method
        self.interaction = Interaction(parent or Parent(gas), method, colliders)
        self._coefficients: np.ndarray | None = None
        self._known: dict[tuple[str, bool], np.ndarray] = {}

    def __repr__(self) -> str:
        return f"Graph({self.method}, {len(self.interaction.A)} pairs, {self.samples!r})"

    def importance(
        self, targets: Mapping[str, float], scaling: bool | None = None, removed: Iterable[int] = ()
    ) -> np.ndarray:
        """Importance (species,) in [0, 1]; 1 for targets, 0 for removed species.

        targets: weights in (0, 1] of species and of "heat release". scaling: weigh targets in each state by what
        they do there (see targets.scaling); None: with DRGEP only. removed: rows of species that
        are gone, whose loss the coefficients then include (see combust.reduction.select.interaction).
        Raises MechanismError for an unknown target, ConfigError for a bad weight or a target that is removed.
        """
        rows = goals.rows_of(self.gas, targets)
        scaled = self.method == "drgep" if scaling is None else scaling
        gone = np.zeros(len(self.gas.species), dtype=bool)
        gone[list(removed)] = True
        lost = [name for name, row in rows.items() if row is not None and gone[row]]
        if lost:
            raise ConfigError(f"target {', '.join(lost)} is among the removed species")
        weight = np.array(list(targets.values()))
        # The best of all targets at once costs a search for one; what each target reaches by itself is worth keeping.
        foldable = self._propagates or not (scaled or (weight != 1).any())
        if foldable and (gone.any() or not self._propagates):
            found = self._greatest(rows, self._factors(rows, scaled) * weight[:, None], gone, fold=True)[0]
        else:
            found = (weight[:, None] * self._by_target(rows, scaled, gone)).max(axis=0)
        found[[row for row in rows.values() if row is not None]] = 1.0
        return found

    def ranking(
        self,
        targets: Mapping[str, float],
        retained: Iterable[int] = (),
        scaling: bool | None = None,
        batch: float = 0.05,
        group: bool = True,
    ) -> Ranking:
        """Order of importance; targets and `retained` rows come first, with value 1.

        group: remove the share `batch` of all species at a time, least important first, and take the importance of
        the others anew with these gone. Otherwise one importance ranks all.
        Raises what `importance` raises, and ConfigError for a batch outside (0, 1].
        """
        if not 0 < batch <= 1:
            raise ConfigError(f"ranking: batch = {batch} must lie in (0, 1]")
        n = len(self.gas.species)
        fixed = {row for row in goals.rows_of(self.gas, targets).values() if row is not None} | set(retained)
        size = max(1, round(batch * n)) if group else n
        order: list[int] = []
        values: list[float] = []
        while len(order) + len(fixed) < n:
            value = self.importance(targets, scaling, order)
            left = [k for k in range(n) if k not in fixed and k not in set(order)]
            left.sort(key=lambda k: value[k])
            least = left[: max(size, int((value[left] == 0).sum()))]
            order += least
            values += value[least].tolist()
        first = sorted(fixed)
        return Ranking((*first, *reversed(order)), (*(1.0 for _ in first), *reversed(values)))

    def coefficients(self, state: int | None = None) -> sparse.csr_array:
        """r_AB (species, species) between neighbours in one state; None: the greatest over all states."""
        n = len(self.gas.species)
        if state is not None:
            value = self.interaction.coefficients(self._net_rates[:, [state]])[:, 0]
        else:
            value = np.zeros(len(self.interaction.A))
            for part in self._blocks(1):
                value = np.maximum(value, self._edges(part).max(axis=1))
        on = value > 0
        return sparse.csr_array((value[on], (self.interaction.A[on], self.interaction.B[on])), shape=(n, n))

    def _by_target(self, rows: Rows, scaled: bool, gone: np.ndarray) -> np.ndarray:
        """Greatest values (targets, species) over the states; kept for the whole mechanism."""
        if gone.any():
            return self._greatest(rows, self._factors(rows, scaled), gone)
        new = {name: row for name, row in rows.items() if (name, scaled) not in self._known}
        if new:
            found = self._greatest(new, self._factors(new, scaled), gone)
            self._known.update({(name, scaled): x for name, x in zip(new, found, strict=True)})
        return np.stack([self._known[name, scaled] for name in rows])

    def _greatest(self, rows: Rows, factor: np.ndarray, gone: np.ndarray, fold: bool = False) -> np.ndarray:
        """Greatest of factor (targets, states) times path value: (targets, species), with `fold` (1, species).

        fold: paths begin at all targets at once, with the factor as their start.
        """
        alive = ~(gone[self.interaction.A] | gone[self.interaction.B])
        A, B = self.interaction.A[alive], self.interaction.B[alive]
        combine: Combine = "product" if self._propagates else "weakest"
        found = np.zeros((1 if fold else len(rows), len(self.gas.species)))
        for part in self._blocks(len(found)):
            start, after = self._start(rows, part, gone), factor[:, part]
            if fold:
                start, after = (start * after).max(axis=1, keepdims=True), np.ones((1, 1))
            paths = best_paths(A, B, self._edges(part, gone)[alive], start, combine)
            found = np.maximum(found, (paths * after).max(axis=2).T)
        return found

    @property
    def _propagates(self) -> bool:
        return self.method == "drgep"

    def _start(self, rows: Rows, part: slice, gone: np.ndarray) -> np.ndarray:
        """Where paths begin (species, targets, states)."""
        start = np.zeros((len(self.gas.species), len(rows), part.stop - part.start))
        for t, row in enumerate(rows.values()):
            if row is None:
                start[:, t] = self.interaction.heat_shares(self._net_rates[:, part], self._enthalpies[:, part], gone)
            else:
                start[row, t] = 1.0
        return start

    def _edges(self, part: slice, gone: np.ndarray | None = None) -> np.ndarray:
        """Coefficients (pairs, states of the part); those of the whole mechanism are kept where they fit."""
        if gone is not None and gone.any():
            return self.interaction.coefficients(self._net_rates[:, part], gone)
        if len(self.interaction.A) * len(self.samples) > KEPT:
            return self.interaction.coefficients(self._net_rates[:, part])
        if self._coefficients is None:
            self._coefficients = self.interaction.coefficients(self._net_rates)
        return self._coefficients[:, part]

    def _blocks(self, targets: int) -> Iterator[slice]:
        size = max(1, BLOCK // (max(len(self.interaction.A), 1) * targets))
        for start in range(0, len(self.samples), size):
            yield slice(start, min(start + size, len(self.samples)))

    @cached_property
    def _net_rates(self) -> np.ndarray:
        """Net rates of progress (reactions, states) kmol/m3/s, in the mechanism's own order."""
        size, parts = block_of(self.gas.kinetics), []
        for start in range(0, len(self.samples), size):
            own = slice(start, start + size)
            T, p, Y = self.samples.T[own], self.samples.p[own], self.samples.Y[:, own]
            with torch.no_grad():
                forward, reverse = self.gas.rates_of_progress(T, torch.as_tensor(p), Y)
            parts.append((forward - reverse).cpu().numpy())
        return np.concatenate(parts, 1)

    @cached_property
    def _enthalpies(self) -> np.ndarray:
        """Enthalpies of reaction (reactions, states) J/kmol."""
        return goals.reaction_enthalpies(self.gas, self.interaction.net, self.samples.T)

    def _factors(self, rows: Rows, scaled: bool) -> np.ndarray:
        """How much each target counts in each state (targets, states), before its weight."""
        if not scaled:
            return np.ones((len(rows), len(self.samples)))
        P, C = self.interaction.turnover(self._net_rates)
        heat = (self._net_rates * self._enthalpies).sum(0)
        return goals.scaling(self.gas, rows, P, C, heat, self.samples.case)
