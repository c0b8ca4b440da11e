"""Symbolic factors of 1/(gamma h) - J of a mechanism, found once: an order of the unknowns, the fill, the updates.

The order is that of least degree: of the species that are left, the one goes next whose elimination touches the fewest
entries (Markowitz, Management Science 3 (1957) 255, doi:10.1287/mnsc.3.3.255, on the diagonal). The sum of all moles
and the temperature, whose rows and columns are dense, go last. The last unknowns couple to nearly all that are left
with them: from one on, which is chosen by what it costs, all entries are kept, zeros too, and no index is needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BLOCK = 4  # see matrix.h
# Time of a product by index, and that of an entry in all solves, over that of a dense product.
SCATTERED, SOLVED = 2.0, 30.0


class Pattern(NamedTuple):
    """Rows of the factors, L and U in one, in the order of the unknowns: species, then moles, then T."""

    order: np.ndarray  # (species,) which species an unknown is
    place: np.ndarray  # (species,) which unknown a species is
    start: np.ndarray  # (unknowns + 1,) first entry of each row
    column: np.ndarray  # (entries,) unknown, ascending in each row
    diagonal: np.ndarray  # (unknowns,) entry on the diagonal
    dense_from: int  # unknown from which on all entries are there; what is left is a whole number of BLOCKs
    update: np.ndarray  # (updates,) what loses L_ik U_kj: of each row i, each k < dense_from in it, each j of row k

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
    dense_from = _dense_from(columns)
    for i in range(dense_from, n):
        columns[i] = [*(j for j in columns[i] if j < dense_from), *range(dense_from, n + 2)]
    start = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int32)
    column = np.concatenate([np.asarray(c, dtype=np.int32) for c in columns])
    diagonal = np.array([start[i] + columns[i].index(i) for i in range(n + 2)], dtype=np.int32)
    update = _updates(start, column, diagonal, dense_from)
    return Pattern(np.asarray(order, np.int32), place, start, column, diagonal, dense_from, update)


def _dense_from(columns: list[list[int]]) -> int:
    """The unknown from which on a dense matrix costs least; the number of unknowns where there are too few."""
    size = len(columns)
    rows, others = np.repeat(np.arange(size), [len(c) for c in columns]), np.concatenate(columns)
    right, below = (np.bincount(x[x < y], minlength=size) for x, y in ((rows, others), (others, rows)))
    first = np.arange(size % BLOCK, size, BLOCK)
    width = size - first
    scattered = np.concatenate([[0], np.cumsum(right * below)])[first]
    there = np.cumsum(np.bincount(np.minimum(rows, others), minlength=size)[::-1])[::-1][first]
    cost = SCATTERED * scattered + width**3 / 3 + SOLVED * (width**2 - there)
    return int(first[cost.argmin()]) if len(first) else size


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


def _updates(start: np.ndarray, column: np.ndarray, diagonal: np.ndarray, dense_from: int) -> np.ndarray:
    found = [np.zeros(0, np.int64)]
    for i in range(len(diagonal)):
        own = column[start[i] : start[i + 1]]
        for k in own[own < min(i, dense_from)]:
            found.append(start[i] + np.searchsorted(own, column[diagonal[k] + 1 : start[k + 1]]))
    return np.concatenate(found).astype(np.int32)
