"""Symbolic factors of 1/(gamma h) - J of a mechanism, found once: an order of the unknowns, the fill, the updates.

The order is that of least degree: of the species that are left, the one goes next whose elimination touches the fewest
entries (Markowitz, Management Science 3 (1957) 255, doi:10.1287/mnsc.3.3.255, on the diagonal). The sum of all moles
and the temperature, whose rows and columns are dense, go last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pattern(NamedTuple):
    """Rows of the factors, L and U in one, in the order of the unknowns: species, then moles, then T."""

    order: np.ndarray  # (species,) which species an unknown is
    place: np.ndarray  # (species,) which unknown a species is
    start: np.ndarray  # (unknowns + 1,) first entry of each row
    column: np.ndarray  # (entries,) unknown, ascending in each row
    diagonal: np.ndarray  # (unknowns,) entry on the diagonal
    product_start: np.ndarray  # (entries + 1,) of each entry: the first of the products L_ik U_kj that it loses ...
    product: np.ndarray  # (products, 2) ... and their entries

    def entry(self, row: int, column: int) -> int:
        """The entry of unknowns row and column; -1 where there is none."""
        start, end = self.start[row], self.start[row + 1]
        found = start + int(np.searchsorted(self.column[start:end], column))
        return found if found < end and self.column[found] == column else -1


def pattern_of(rows: list[set[int]]) -> Pattern:
    """Of a Jacobian with entries `rows[k]` = the species that species k depends on, beside all in common."""
    n = len(rows)
    order, upper = least_degree(rows)
    place = np.empty(n, dtype=np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    lower: list[list[int]] = [[] for _ in range(n)]
    filled: list[list[int]] = []
    for i in range(n):  # `upper` names, for each pivot, what it was coupled to when it went
        ahead, below = upper[i]
        filled.append(sorted(int(place[j]) for j in ahead))
        for k in below:
            lower[int(place[k])].append(i)
    columns = [[*sorted(lower[i]), i, *filled[i], n, n + 1] for i in range(n)]
    columns += [list(range(n + 2))] * 2
    start = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int32)
    column = np.concatenate([np.asarray(c, dtype=np.int32) for c in columns])
    diagonal = np.array([start[i] + columns[i].index(i) for i in range(n + 2)], dtype=np.int32)
    return Pattern(np.asarray(order, np.int32), place, start, column, diagonal, *_products(start, column, diagonal))


def least_degree(rows: list[set[int]]) -> tuple[list[int], list[tuple[list[int], list[int]]]]:
    """Order of the pivots and, of each, the (columns, rows) that were left in its row and column."""
    n = len(rows)
    row = [set(r) - {i} for i, r in enumerate(rows)]
    column: list[set[int]] = [set() for _ in range(n)]
    for i, r in enumerate(row):
        for j in r:
            column[j].add(i)
    left, order, upper = set(range(n)), [], []
    cost = {i: len(row[i]) * len(column[i]) for i in left}
    while left:
        pivot = min(left, key=lambda i: (cost[i], i))
        left.remove(pivot)
        ahead, below = row[pivot], column[pivot]
        order.append(pivot)
        upper.append((list(ahead), list(below)))
        for i in below:
            row[i] |= ahead
            row[i] -= {i, pivot}
        for j in ahead:
            column[j] |= below
            column[j] -= {j, pivot}
        for i in ahead | below:
            cost[i] = len(row[i]) * len(column[i])
    return order, upper


def _products(start: np.ndarray, column: np.ndarray, diagonal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    targets, lefts, rights = ([np.zeros(0, np.int64)] for _ in range(3))
    for i in range(len(diagonal)):
        own = column[start[i] : start[i + 1]]
        for p in range(start[i], diagonal[i]):  # L_ik takes part wherever row k of U has an entry
            k = column[p]
            right = np.arange(diagonal[k] + 1, start[k + 1])
            targets.append(start[i] + np.searchsorted(own, column[right]))
            lefts.append(np.full(len(right), p))
            rights.append(right)
    target, left, right = (np.concatenate(x) for x in (targets, lefts, rights))
    order = np.lexsort((left, target))
    counts = np.bincount(target, minlength=len(column))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return starts, np.ascontiguousarray(np.stack([left[order], right[order]], axis=1), dtype=np.int32)
