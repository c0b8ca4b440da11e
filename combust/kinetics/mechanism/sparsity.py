"""Sparse matrices that act on rows, and the sparsity of a mechanism's Jacobian in that form."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from combust.kinetics.mechanism.layout import Layout
from combust.kinetics.mechanism.tensors import floats, integers
from combust.kinetics.rates.data import JacobianPattern, SparseRows

Terms = dict[int, list[tuple[int, float]]]  # target row -> its terms (source row, weight)
NODE_WIDTHS = (1, 2, 4)  # every width is a loop of its own in a compiled kernel: few widths compile faster


def sparse_rows(terms: Terms, targets: int) -> SparseRows:
    """The matrix with these terms; targets without any become zero."""
    index, weight = [], []
    current = {i: items for i, items in terms.items() if items}
    place, nodes = dict.fromkeys(range(targets), -1), 0
    while current:
        level_index, level_weight, owners = _level(current)
        index.append(level_index)
        weight.append(level_weight)
        owned: Terms = {}
        for node, target in enumerate(owners):
            owned.setdefault(target, []).append((node, 1.0))
        for target, own in owned.items():
            if len(own) == 1:
                place[target] = nodes + own[0][0]
        current = {target: own for target, own in owned.items() if len(own) > 1}
        nodes += len(owners)
    rows = [place[i] if place[i] >= 0 else nodes for i in range(targets)]
    return SparseRows(tuple(index), tuple(weight), torch.tensor(rows, dtype=torch.int64))


def _level(terms: Terms) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...], list[int]]:
    """Cut every list into nodes, group these by width; also which target each node belongs to."""
    blocks: dict[int, list[tuple[int, list[tuple[int, float]]]]] = {}
    for target, items in terms.items():
        for start in range(0, len(items), NODE_WIDTHS[-1]):
            node = items[start : start + NODE_WIDTHS[-1]]
            width = next(w for w in NODE_WIDTHS if w >= len(node))
            blocks.setdefault(width, []).append((target, node + [(node[0][0], 0.0)] * (width - len(node))))
    groups = [blocks[width] for width in sorted(blocks)]
    index = tuple(torch.tensor([[row for row, _ in node] for _, node in g], dtype=torch.int64) for g in groups)
    weight = tuple(torch.tensor([[x for _, x in node] for _, node in g], dtype=torch.float64) for g in groups)
    return index, weight, [target for g in groups for target, _ in g]


def jacobian_pattern(layout: Layout, molar_mass: list[float]) -> JacobianPattern:
    """Lists behind `rate_derivatives`, on the CPU."""
    forward = _entries(layout, layout.reactants)
    reverse = _entries(layout, layout.products)
    collider = [i for i, b in enumerate(layout.body) if b >= 0]
    body_sums, common, collider_terms = _collider_terms(layout, collider)
    pressure = [*layout.plog, *layout.chebyshev, *layout.linear_burke]  # every species acts alike ...
    for place, i in enumerate(pressure):
        for k, nu in layout.net[i].items():
            common.setdefault(k, []).append((len(collider) + place, nu))
    named = [(layout.linear_burke[place], j) for place, j in layout.burke_named]  # ... but for named colliders
    terms: dict[tuple[int, int], list[tuple[int, float]]] = {}
    owners = [(i, j) for i, j, _, _ in forward] + [(i + layout.irreversible, j) for i, j, _, _ in reverse]
    for e, (reaction, j) in enumerate(owners):
        for k, nu in layout.net[reaction].items():
            terms.setdefault((k, j), []).append((e, nu))
    for (k, j), items in collider_terms.items():
        terms.setdefault((k, j), []).extend((len(owners) + row, weight) for row, weight in items)
    for place, (i, j) in enumerate(named):
        row = len(owners) + len(body_sums) + place
        for k, nu in layout.net[i].items():
            terms.setdefault((k, j), []).append((row, nu))
    n, W = layout.species, molar_mass
    matrix = {k * n + j: [(row, W[k] / W[j] * x) for row, x in items] for (k, j), items in terms.items()}
    return JacobianPattern(
        forward=integers([i for i, *_ in forward]),
        forward_count=floats([c for _, _, c, _ in forward]),
        forward_rest=_padded([rest for *_, rest in forward], n),
        reverse=integers([i for i, *_ in reverse]),
        reverse_count=floats([c for _, _, c, _ in reverse]),
        reverse_rest=_padded([rest for *_, rest in reverse], n),
        reverse_species=integers([j for _, j, _, _ in reverse]).reshape(-1, 1),
        reversible_net=_net_slots(layout.net[layout.irreversible :]),
        collider=integers(collider),
        pressure=integers(pressure),
        named=integers([i for i, _ in named]),
        body_sum=sparse_rows(dict(enumerate(body_sums)), len(body_sums)),
        common=sparse_rows({k: [(r, W[k] * x) for r, x in items] for k, items in common.items()}, n),
        matrix=sparse_rows(matrix, n * n),
    )


def _padded(lists: Sequence[list[int]], fill: int) -> torch.Tensor:
    width = max([0, *map(len, lists)])
    return integers([x + [fill] * (width - len(x)) for x in lists]).reshape(len(lists), width)


def _net_slots(net: list[dict[int, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max([1, *map(len, net)])
    filled = [[*nu.items()] + [(0, 0.0)] * (width - len(nu)) for nu in net]
    rows = integers([k for items in filled for k, _ in items]).reshape(-1, width)
    return rows, floats([x for items in filled for _, x in items]).reshape(-1, width)


def _entries(layout: Layout, sides: list[list[tuple[int, float]]]) -> list[tuple[int, int, float, list[int]]]:
    """(reaction, species, multiplicity, rows left in the product) of each derivative of each product."""
    entries = []
    for reaction, terms in enumerate(sides):
        for j, order in terms:
            rest = layout.rows([t for t in terms if t[0] != j])
            own = layout.rows([(j, order)])
            if own[0] > layout.species:  # a non-integer power: its slope stands behind the table
                entries.append((reaction, j, 1.0, [*rest, own[0] + len(layout.powers)]))
            else:
                entries.append((reaction, j, float(len(own)), rest + own[1:]))
    return entries


def _collider_terms(
    layout: Layout, collider: list[int]
) -> tuple[list[list[tuple[int, float]]], Terms, dict[tuple[int, int], list[tuple[int, float]]]]:
    """Effects of third bodies, whose dq/dM are the rows given by `collider`.

    Most colliders share one efficiency: that common part is summed over all bodies per species k and holds for every
    column j; exceptions go through sums per (body, species k).
    """
    usual = [max(set(b), key=b.count) for b in layout.bodies]
    common: Terms = {}
    sums: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for row, i in enumerate(collider):
        body = layout.body[i]
        for k, nu in layout.net[i].items():
            sums.setdefault((body, k), []).append((row, nu))
            if usual[body] != 0.0:
                common.setdefault(k, []).append((row, nu * usual[body]))
    exceptions: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for s, (body, k) in enumerate(sums):
        for j, efficiency in enumerate(layout.bodies[body]):
            if efficiency != usual[body]:
                exceptions.setdefault((k, j), []).append((s, efficiency - usual[body]))
    return list(sums.values()), common, exceptions
