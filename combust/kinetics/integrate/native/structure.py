"""Tables of what reacts with what in a mechanism, and the sums of its Jacobian: all that no rate parameter changes.

They take milliseconds to make, most of it for the order of the unknowns and the fill of the factors (`pattern`); so
those of a mechanism are kept for the same one with other rate parameters.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from torch import Tensor

from combust.kinetics.integrate.native.arrays import Terms, Value, array, listed, row_lists, starts_of, whole
from combust.kinetics.integrate.native.pattern import pattern_of
from combust.kinetics.rates.data import Kinetics, SparseRows


class Given(NamedTuple):
    """What the tables are made of, see kinetics.rates.data; nothing else of a mechanism is read."""

    molar_mass: Tensor
    reactants: Tensor
    products: Tensor
    net: SparseRows
    factor: Tensor
    efficiency: Tensor
    body: Tensor  # of falloff rows
    power_species: Tensor
    by_pressure: tuple[int, ...]  # reactions whose rate constant depends on pressure


def structure_of(kin: Kinetics) -> dict[str, Value]:
    """The tables; the same ones for kinetics that differ in numbers only."""
    rates = kin.rates
    first = rates.b.shape[0] + rates.blowers_masel.b.shape[0]
    given = Given(
        kin.thermo.molar_mass,
        rates.reactants,
        rates.products,
        rates.net,
        rates.factor,
        rates.efficiency,
        rates.falloff.body,
        rates.power_species,
        tuple((rates.exponent >= first).nonzero()[:, 0].tolist()),
    )
    return _made(given)


@functools.lru_cache(maxsize=16)
def _made(given: Given) -> dict[str, Value]:
    reactions = _reactions(given)
    return _products(given, reactions) | _bodies(given) | _entries(given, reactions)


class Reactions(NamedTuple):
    """What each reaction is made of, in internal order."""

    reactants: Terms  # rows of the power table
    products: Terms  # of the reversible ones
    net: list[list[tuple[int, float]]]  # (species, coefficient)
    collider: list[int]  # third body of those with one, else -1


def _reactions(given: Given) -> Reactions:
    n = given.molar_mass.shape[0]
    body = np.full(given.factor.shape[0], -1)
    row, bodies = given.factor.numpy(), given.efficiency.shape[0]
    direct, falls = (row > 0) & (row <= bodies), row > bodies
    body[direct] = row[direct] - 1
    body[falls] = given.body.numpy()[row[falls] - 1 - bodies]
    return Reactions(
        _stripped(given.reactants, n),
        _stripped(given.products, n),
        net_coefficients(given.net, len(body)),
        body.tolist(),
    )


def _stripped(rows: Tensor, one: int) -> Terms:
    """Rows without their padding by the row of ones."""
    return [[i for i in row if i != one] for row in rows.tolist()]


def net_coefficients(matrix: SparseRows, reactions: int) -> list[list[tuple[int, float]]]:
    """Species and coefficients of each reaction, species ascending: the tree of `SparseRows` summed to its leaves."""
    below: list[dict[int, float]] = [{r: 1.0} for r in range(reactions)]
    nodes: list[dict[int, float]] = []
    for index, weight in zip(matrix.index, matrix.weight, strict=True):
        level = []
        for rows, weights in zip(index, weight, strict=True):
            level += [_weighted(below, *node) for node in zip(rows.tolist(), weights.tolist(), strict=True)]
        below = level
        nodes += level
    nodes.append({})
    net: list[list[tuple[int, float]]] = [[] for _ in range(reactions)]
    for k, place in enumerate(matrix.place.tolist()):
        for r, nu in nodes[place].items():
            if nu != 0.0:
                net[r].append((k, nu))
    return net


def _weighted(below: list[dict[int, float]], rows: list[int], weights: list[float]) -> dict[int, float]:
    total: dict[int, float] = {}
    for row, weight in zip(rows, weights, strict=True):
        for r, nu in below[row].items():
            total[r] = total.get(r, 0.0) + weight * nu
    return total


def _products(given: Given, reactions: Reactions) -> dict[str, Value]:
    n, powers = given.molar_mass.shape[0], given.power_species.shape[0]
    return {
        "species": n,
        "reactions": given.factor.shape[0],
        "reversible": given.products.shape[0],
        "powers": powers,
        "table_rows": n + 1 + 2 * powers,
        "power_species": whole(given.power_species),
        **row_lists("reactant", reactions.reactants),
        **row_lists("product", reactions.products),
        "net_start": starts_of([len(x) for x in reactions.net]),
        "net_species": whole([k for x in reactions.net for k, _ in x]),
        "net_nu": array([nu for x in reactions.net for _, nu in x]),
        **_species(reactions.net, n),
    }


def _species(net: list[list[tuple[int, float]]], n: int) -> dict[str, Value]:
    """Which reactions change each species."""
    terms: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for r, changes in enumerate(net):
        for k, nu in changes:
            terms[k].append((r, nu))
    return listed("species", "reaction", "nu", terms)


class Bodies(NamedTuple):
    """Third bodies: an efficiency that most species share, and (species, what it has beyond that) of the others."""

    usual: list[float]
    extra: list[list[tuple[int, float]]]


def _third_bodies(given: Given) -> Bodies:
    efficiency = given.efficiency.tolist()
    usual = [max(set(row), key=row.count) for row in efficiency]
    extra = [[(j, x - usual[i]) for j, x in enumerate(row) if x != usual[i]] for i, row in enumerate(efficiency)]
    return Bodies(usual, extra)


def _bodies(given: Given) -> dict[str, Value]:
    bodies = _third_bodies(given)
    return {
        "bodies": len(bodies.usual),
        "factors": 1 + len(bodies.usual) + given.body.shape[0],
        "body_usual": array(bodies.usual),
        **listed("body", "species", "extra", bodies.extra),
    }


class Entry(NamedTuple):
    """The derivative of one side of a reaction by a species in it: `times` what is left of its product."""

    species: int
    times: float
    rest: list[int]


def _side(rows: list[int], n: int, powers: int, power_species: list[int]) -> list[Entry]:
    entries = []
    for row in dict.fromkeys(rows):
        rest = [i for i in rows if i != row]
        if row > n:  # a non-integer power: its slope stands behind the table
            entries.append(Entry(power_species[row - n - 1], 1.0, [*rest, row + powers]))
        else:
            count = rows.count(row)
            entries.append(Entry(row, float(count), rest + [row] * (count - 1)))
    return entries


def _entries(given: Given, reactions: Reactions) -> dict[str, Value]:
    """The derivatives that reactions have, and of which of them each entry of the matrix is the sum.

    Partial derivatives stand in one list: those by species in a reaction, forward ones first, then those by a third
    body or by the pressure.
    """
    n = given.molar_mass.shape[0]
    power_species = given.power_species.tolist()
    powers = len(power_species)
    forward, reverse = (
        [_side(rows, n, powers, power_species) for rows in side] for side in (reactions.reactants, reactions.products)
    )
    irreversible = len(forward) - len(reverse)
    owners = [*enumerate(forward), *((irreversible + s, side) for s, side in enumerate(reverse))]
    flat = [(r, entry) for r, side in owners for entry in side]
    starts = starts_of([len(side) for _, side in owners])
    # what acts through all species: third bodies, and pressures of rate constants (body -1); a reaction may have both
    acting = [(r, body) for r, body in enumerate(reactions.collider) if body >= 0]
    acting += [(r, -1) for r in given.by_pressure]
    by_body, by_pressure = (
        {r: len(flat) + i for i, (r, body) in enumerate(acting) if (body < 0) == pressure} for pressure in (False, True)
    )
    terms, common = _terms(given, reactions, flat, acting)
    pattern = pattern_of([set(of) for of in terms])
    matrix: list[list[tuple[int, float]]] = [[] for _ in pattern.column]
    for k, of in enumerate(terms):
        for j, found in of.items():
            matrix[pattern.entry(pattern.place[k], pattern.place[j])] = found
    alike = sorted(range(len(matrix)), key=lambda p: len(matrix[p]))
    return {
        "forward_start": starts[: len(forward) + 1],
        "reverse_start": np.ascontiguousarray(starts[len(forward) :]),
        "entry_species": whole([entry.species for _, entry in flat]),
        **row_lists("rest", [entry.rest for _, entry in flat]),
        "body_row": whole([by_body.get(r, -1) for r in range(len(forward))]),
        "pressure_row": whole([by_pressure.get(r, -1) for r in range(len(forward))]),
        "partials": len(flat) + len(acting),
        **listed("common", "row", "weight", common),
        # sums of as many terms follow each other: a processor foresees the ends of their loops
        "term_place": whole(alike),
        **listed("term", "row", "weight", [matrix[p] for p in alike]),
        "unknown_species": pattern.order,
        "lower_start": pattern.start[:-1].copy(),
        "row_end": pattern.start[1:].copy(),
        "diagonal_place": pattern.diagonal,
        "entry_column": pattern.column,
        "update_entry": pattern.update,
        "dense_from": pattern.dense_from,
        "matrix_entries": len(pattern.column),
    }


Sums = dict[int, list[tuple[int, float]]]


def _terms(
    given: Given, reactions: Reactions, flat: list[tuple[int, Entry]], acting: list[tuple[int, int]]
) -> tuple[list[Sums], list[list[tuple[int, float]]]]:
    """Per species k: the (partial derivative, weight) of W_k/W_j d(omega_k)/dC_j for each j, and those of what all
    species have in common.
    """
    W, bodies = given.molar_mass.tolist(), _third_bodies(given)
    terms: list[Sums] = [{} for _ in W]
    common: list[list[tuple[int, float]]] = [[] for _ in W]
    for e, (r, entry) in enumerate(flat):
        j = entry.species
        for k, nu in reactions.net[r]:
            terms[k].setdefault(j, []).append((e, nu * W[k] * entry.times / W[j]))
    for place, (r, body) in enumerate(acting, len(flat)):
        share, extra = (bodies.usual[body], bodies.extra[body]) if body >= 0 else (1.0, [])
        for k, nu in reactions.net[r]:
            if share:
                common[k].append((place, nu * W[k] * share))
            for j, more in extra:
                terms[k].setdefault(j, []).append((place, nu * W[k] * more / W[j]))
    return terms, common
