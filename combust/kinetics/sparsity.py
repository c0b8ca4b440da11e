"""Builds the sparsity of the analytic Jacobian from a mechanism's reactions."""

from __future__ import annotations

import torch

from combust.kinetics.jacobian import JacobianPattern, SparseRows
from combust.kinetics.reactions import Layout, table_rows

Terms = dict[tuple[int, ...], list[tuple[int, float]]]  # target -> (row, weight)
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192)


def jacobian_pattern(layout: Layout, molar_mass: list[float]) -> JacobianPattern:
    """Lists behind `rate_derivatives`, on the CPU."""
    rate, others, count, where = _entries(layout)
    collider = [i for i, b in enumerate(layout.body) if b >= 0]
    effects, body_terms, terms = _collider_terms(layout, collider)
    for e, (reaction, j) in enumerate(where):
        for k, nu in layout.net[reaction].items():
            terms.setdefault((k, j), []).append((e, nu))
    n, offset = layout.species, len(rate)
    shifted: Terms = {}
    for (k, j), items in terms.items():
        scale = molar_mass[k] / molar_mass[j]
        # effects of M are numbered from -1 downwards until the number of entries is known
        rows = [(row if row >= 0 else offset - 1 - row, scale * weight) for row, weight in items]
        shifted[k * n + j,] = rows
    width = max([1, *map(len, others)])
    padded = [o + [n] * (width - len(o)) for o in others]
    return JacobianPattern(
        rate=torch.tensor(rate, dtype=torch.int64),
        others=torch.tensor(padded, dtype=torch.int64).reshape(-1, width),
        count=torch.tensor(count, dtype=torch.float64),
        collider=torch.tensor(collider, dtype=torch.int64),
        body_sum=sparse_rows({(i,): t for i, t in enumerate(body_terms)}, effects),
        matrix=sparse_rows(shifted, n * n),
    )


def _entries(layout: Layout) -> tuple[list[int], list[list[int]], list[float], list[tuple[int, int]]]:
    """Each derivative of a forward or reverse product with respect to one concentration in it."""
    rate, others, count, where = [], [], [], []
    n, powers = layout.species, len(layout.powers)
    reactions = len(layout.reactants)
    sides = [(i, i, terms) for i, terms in enumerate(layout.reactants)]
    sides += [(reactions + i, layout.irreversible + i, terms) for i, terms in enumerate(layout.products)]
    for row, reaction, terms in sides:
        factors = table_rows(terms, layout)
        for j, order in terms:
            rest = table_rows([t for t in terms if t[0] != j], layout)
            own = table_rows([(j, order)], layout)
            is_power = own[0] > n
            rate.append(row)
            others.append(rest + ([own[0] + powers] if is_power else own[1:]))
            count.append(1.0 if is_power else float(len(own)))
            where.append((reaction, j))
        assert len(factors) == sum(len(table_rows([t], layout)) for t in terms)
    return rate, others, count, where


def _collider_terms(layout: Layout, collider: list[int]) -> tuple[int, list[list[tuple[int, float]]], Terms]:
    """Sums of collider reactions per (third body, species), and where these stand in the Jacobian.

    Most species share one efficiency: that common part is summed over the bodies first and spread over all
    columns; only the exceptions are listed one by one.
    """
    n = layout.species
    sums: list[list[tuple[int, float]]] = []
    number: dict[tuple[int, int], int] = {}  # (body, species) -> sum; body -1 is the common part
    common = [max(set(b), key=b.count) for b in layout.bodies]

    def add(body: int, k: int, row: int, weight: float) -> None:
        if (body, k) not in number:
            number[body, k] = len(sums)
            sums.append([])
        sums[number[body, k]].append((row, weight))

    for row, i in enumerate(collider):
        for k, nu in layout.net[i].items():
            add(layout.body[i], k, row, nu)
            if common[layout.body[i]] != 0.0:
                add(-1, k, row, nu * common[layout.body[i]])
    terms: Terms = {}
    for (body, k), s in number.items():
        for j in range(n):
            weight = 1.0 if body < 0 else layout.bodies[body][j] - common[body]
            if weight != 0.0:
                terms.setdefault((k, j), []).append((-1 - s, weight))
    return len(sums), sums, terms


def sparse_rows(terms: Terms, targets: int) -> SparseRows:
    """Bucket the targets by the length of their lists; a target without terms gets one of weight zero."""
    buckets: dict[int, list[int]] = {}
    lists = [terms.get((i,), [(0, 0.0)]) for i in range(targets)]
    for i, items in enumerate(lists):
        buckets.setdefault(next(w for w in WIDTHS if w >= len(items)), []).append(i)
    index, weight, members = [], [], []
    for width, bucket in sorted(buckets.items()):
        filled = [lists[i] + [(0, 0.0)] * (width - len(lists[i])) for i in bucket]
        index.append(torch.tensor([[row for row, _ in items] for items in filled], dtype=torch.int64))
        weight.append(torch.tensor([[w for _, w in items] for items in filled], dtype=torch.float64))
        members += bucket
    return SparseRows(tuple(index), tuple(weight), torch.argsort(torch.tensor(members, dtype=torch.int64)))
