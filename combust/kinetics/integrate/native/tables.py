"""A mechanism as flat tables of numbers, which the C++ kernels read; made of the tensors of kinetics.rates.data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate.native.pattern import pattern_of
from combust.kinetics.rates.data import Kinetics, SparseRows

# Names of the tables, of which the kernels' header is made: doubles, 32-bit integers, and sizes.
REALS = (
    "low", "high", "T_mid", "upper_rows", "T_upper", "molar_mass", "r_molar_mass", "shift_h", "shift_s", "ln_c_ref",
    "A", "b", "Ea_R", "body_usual", "body_extra",
    "falloff_sign", "falloff_ln_A", "falloff_b", "falloff_Ea_R", "falloff_activated",
    "sri_a", "sri_b", "sri_r_c", "sri_d", "sri_e", "tsang_A", "tsang_B", "troe_a", "troe_r_T3", "troe_r_T1", "troe_T2",
    "plog_ln_A", "plog_b", "plog_Ea_R", "plog_sign", "plog_ln_p", "plog_r_width",
    "bm_b", "bm_E0_R", "bm_w_R", "bm_net", "cheb_coefficients", "cheb_x0", "cheb_x1", "cheb_y0", "cheb_y1",
    "power_order", "power_trace", "reactant_edge", "product_edge", "multiplier",
    "net_nu", "species_nu", "term_weight", "common_weight",
)  # fmt: skip
WHOLES = (
    "exponent", "factor_row", "bm_species", "falloff_body", "plog_summed", "plog_node", "power_species",
    "reactant_start", "reactant_rows", "product_start", "product_rows", "net_start", "net_species",
    "species_start", "species_reaction", "body_start", "body_species", "body_row", "pressure_row", "common_start",
    "common_row", "forward_start", "reverse_start", "entry_species", "rest_start",
    "rest_rows", "term_place", "term_start", "term_row",
    "unknown_species", "lower_start", "row_end", "diagonal_place", "entry_column", "product_of", "product_entry",
)  # fmt: skip
NUMBERS = (
    "species", "thermo_rows", "upper_ranges", "reactions", "reversible", "exponents", "arrhenius", "blowers_masel",
    "bm_slots", "plog", "plog_terms", "plog_sums", "plog_slots", "plog_pressures", "chebyshev", "chebyshev_x",
    "chebyshev_y", "factors", "bodies", "falloff", "sri_rows", "tsang_rows", "troe_rows", "powers", "edged", "members",
    "table_rows", "partials", "matrix_entries",
)  # fmt: skip

Value = np.ndarray | int
Terms = list[list[int]]


def header() -> str:
    """The names of the tables for C++."""
    kinds = (("Real", REALS, "REALS"), ("Whole", WHOLES, "WHOLES"), ("Number", NUMBERS, "NUMBERS"))
    lines = [f"enum {kind} {{ {', '.join(names)}, {count} }};" for kind, names, count in kinds]
    return "#pragma once\n" + "\n".join(lines) + "\n"


def usable(kin: object) -> TypeGuard[Kinetics]:
    """Whether the kernels know all that is in it: neither species in quasi-steady state nor linear Burke rates."""
    return isinstance(kin, Kinetics) and not kin.rates.linear_burke.owner.numel()


def tables_of(kin: Kinetics) -> dict[str, Value]:
    """All tables of REALS, WHOLES and NUMBERS."""
    made: dict[str, Value] = {}
    reactions = _reactions(kin)
    made |= _thermo(kin) | _constants(kin) | _falloff(kin) | _plog(kin) | _chebyshev(kin)
    made |= _products(kin, reactions) | _bodies(kin)
    made |= _entries(kin, reactions)
    rates = kin.rates
    made["members"] = rates.multiplier.shape[1]
    made["multiplier"] = _array(rates.multiplier)
    return {name: made[name] for name in (*REALS, *WHOLES, *NUMBERS)}


class Reactions(NamedTuple):
    """What each reaction is made of, in internal order."""

    reactants: Terms  # rows of the power table
    products: Terms  # of the reversible ones
    net: list[list[tuple[int, float]]]  # (species, coefficient)
    collider: list[int]  # third body of those with one, else -1


def _reactions(kin: Kinetics) -> Reactions:
    rates, n = kin.rates, kin.thermo.molar_mass.shape[0]
    body = np.full(rates.factor.shape[0], -1)
    row, bodies = rates.factor.numpy(), rates.efficiency.shape[0]
    direct, falls = (row > 0) & (row <= bodies), row > bodies
    body[direct] = row[direct] - 1
    body[falls] = rates.falloff.body.numpy()[row[falls] - 1 - bodies]
    return Reactions(
        _stripped(rates.reactants, n),
        _stripped(rates.products, n),
        net_coefficients(rates.net, len(body)),
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


def _thermo(kin: Kinetics) -> dict[str, Value]:
    thermo, rates = kin.thermo, kin.rates
    return {
        "species": thermo.molar_mass.shape[0],
        "thermo_rows": thermo.low.shape[0],
        "upper_ranges": thermo.upper.shape[0],
        "low": _array(thermo.low),
        "high": _array(thermo.high),
        "T_mid": _array(thermo.T_mid),
        "upper_rows": _array(thermo.upper),
        "T_upper": _array(thermo.T_upper),
        "molar_mass": _array(thermo.molar_mass),
        "r_molar_mass": _array(1.0 / thermo.molar_mass),
        "shift_h": _array(rates.shift[0]),
        "shift_s": _array(rates.shift[1]),
        "ln_c_ref": _array(rates.ln_c_ref),
    }


def _constants(kin: Kinetics) -> dict[str, Value]:
    rates = kin.rates
    bm = rates.blowers_masel
    special = bm.b.shape[0] + rates.plog.node.shape[0] + rates.chebyshev.x0.shape[0]
    return {
        "reactions": rates.A.shape[0],
        "reversible": rates.products.shape[0],
        "arrhenius": rates.b.shape[0],
        "exponents": rates.b.shape[0] + special,
        "A": _array(rates.A),
        "b": _array(rates.b),
        "Ea_R": _array(rates.Ea_R),
        "exponent": _whole(rates.exponent),
        "factor_row": _whole(rates.factor),
        "blowers_masel": bm.b.shape[0],
        "bm_slots": bm.species.shape[1] if bm.species.dim() > 1 else 0,
        "bm_b": _array(bm.b),
        "bm_E0_R": _array(bm.E0_R),
        "bm_w_R": _array(bm.w_R),
        "bm_species": _whole(bm.species),
        "bm_net": _array(bm.net),
    }


def _falloff(kin: Kinetics) -> dict[str, Value]:
    falloff = kin.rates.falloff
    ratio = falloff.ratio
    return {
        "falloff": falloff.body.shape[0],
        "sri_rows": falloff.sri.a.shape[0],
        "tsang_rows": falloff.tsang.shape[1],
        "troe_rows": falloff.a.shape[0],
        "falloff_body": _whole(falloff.body),
        "falloff_activated": _array(falloff.activated),
        "falloff_sign": _array(ratio.sign),
        "falloff_ln_A": _array(ratio.ln_A),
        "falloff_b": _array(ratio.b),
        "falloff_Ea_R": _array(ratio.Ea_R),
        **{f"sri_{name}": _array(x) for name, x in falloff.sri._asdict().items()},
        "tsang_A": _array(falloff.tsang[0]),
        "tsang_B": _array(falloff.tsang[1]),
        "troe_a": _array(falloff.a),
        "troe_r_T3": _array(falloff.r_T3),
        "troe_r_T1": _array(falloff.r_T1),
        "troe_T2": _array(falloff.T2),
    }


def _plog(kin: Kinetics) -> dict[str, Value]:
    plog = kin.rates.plog
    return {
        "plog": plog.node.shape[0],
        "plog_terms": plog.terms.ln_A.shape[0],
        "plog_sums": plog.summed.shape[0],
        "plog_slots": plog.summed.shape[1] if plog.summed.dim() > 1 else 0,
        "plog_pressures": plog.node.shape[1] if plog.node.dim() > 1 else 0,
        "plog_ln_A": _array(plog.terms.ln_A),
        "plog_b": _array(plog.terms.b),
        "plog_Ea_R": _array(plog.terms.Ea_R),
        "plog_summed": _whole(plog.summed),
        "plog_sign": _array(plog.summed_sign),
        "plog_node": _whole(plog.node),
        "plog_ln_p": _array(plog.ln_p),
        "plog_r_width": _array(plog.r_width),
    }


def _chebyshev(kin: Kinetics) -> dict[str, Value]:
    chebyshev = kin.rates.chebyshev
    return {
        "chebyshev": chebyshev.x0.shape[0],
        "chebyshev_x": chebyshev.coefficients.shape[0],
        "chebyshev_y": chebyshev.coefficients.shape[1],
        "cheb_coefficients": _array(chebyshev.coefficients),
        "cheb_x0": _array(chebyshev.x0),
        "cheb_x1": _array(chebyshev.x1),
        "cheb_y0": _array(chebyshev.y0),
        "cheb_y1": _array(chebyshev.y1),
    }


def _products(kin: Kinetics, reactions: Reactions) -> dict[str, Value]:
    rates = kin.rates
    W = kin.thermo.molar_mass.tolist()
    powers = rates.power.shape[0]
    edges = [_edge(x, rows) for x, rows in zip(rates.edge, (rates.reactants, rates.products), strict=True)]
    n = len(W)
    return {
        "powers": powers,
        "table_rows": n + 1 + 2 * powers,
        "power_species": _whole(rates.power_species),
        "power_order": _array(rates.power),
        "power_trace": _array(rates.trace),
        "edged": int(any(x is not None for x in edges)),
        "reactant_edge": _aligned(edges[0], rates.reactants, n),
        "product_edge": _aligned(edges[1], rates.products, n),
        **_rows("reactant", reactions.reactants),
        **_rows("product", reactions.products),
        "net_start": _starts([len(x) for x in reactions.net]),
        "net_species": _whole([k for x in reactions.net for k, _ in x]),
        "net_nu": _array([nu for x in reactions.net for _, nu in x]),
        **_species(reactions.net, n),
    }


def _edge(weights: Tensor, rows: Tensor) -> Tensor | None:
    return weights.expand(rows.shape) if weights.numel() else None


def _aligned(weights: Tensor | None, rows: Tensor, one: int) -> np.ndarray:
    """Weights of the rows that are no padding; none for a mechanism without."""
    given = torch.zeros(rows.shape, dtype=torch.float64) if weights is None else weights
    return _array(given[rows != one])


def _species(net: list[list[tuple[int, float]]], n: int) -> dict[str, Value]:
    """Which reactions change each species."""
    terms: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for r, changes in enumerate(net):
        for k, nu in changes:
            terms[k].append((r, nu))
    return _listed("species", "reaction", "nu", terms)


class Bodies(NamedTuple):
    """Third bodies: an efficiency that most species share, and (species, what it has beyond that) of the others."""

    usual: list[float]
    extra: list[list[tuple[int, float]]]


def _third_bodies(kin: Kinetics) -> Bodies:
    efficiency = kin.rates.efficiency.tolist()
    usual = [max(set(row), key=row.count) for row in efficiency]
    extra = [[(j, x - usual[i]) for j, x in enumerate(row) if x != usual[i]] for i, row in enumerate(efficiency)]
    return Bodies(usual, extra)


def _bodies(kin: Kinetics) -> dict[str, Value]:
    bodies = _third_bodies(kin)
    return {
        "bodies": len(bodies.usual),
        "factors": 1 + len(bodies.usual) + kin.rates.falloff.body.shape[0],
        "body_usual": _array(bodies.usual),
        **_listed("body", "species", "extra", bodies.extra),
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


def _entries(kin: Kinetics, reactions: Reactions) -> dict[str, Value]:
    """The derivatives that reactions have, and of which of them each entry of the matrix is the sum.

    Partial derivatives stand in one list: those by species in a reaction, forward ones first, then those by a third
    body or by the pressure.
    """
    rates, n = kin.rates, kin.thermo.molar_mass.shape[0]
    power_species, powers = rates.power_species.tolist(), rates.power.shape[0]
    forward, reverse = (
        [_side(rows, n, powers, power_species) for rows in side] for side in (reactions.reactants, reactions.products)
    )
    irreversible = len(forward) - len(reverse)
    owners = [*enumerate(forward), *((irreversible + s, side) for s, side in enumerate(reverse))]
    flat = [(r, entry) for r, side in owners for entry in side]
    starts = _starts([len(side) for _, side in owners])
    # what acts through all species: third bodies, and pressures of rate constants (body -1); a reaction may have both
    first = rates.b.shape[0] + rates.blowers_masel.b.shape[0]
    acting = [(r, body) for r, body in enumerate(reactions.collider) if body >= 0]
    acting += [(r, -1) for r, exponent in enumerate(rates.exponent.tolist()) if exponent >= first]
    by_body, by_pressure = (
        {r: len(flat) + i for i, (r, body) in enumerate(acting) if (body < 0) == pressure} for pressure in (False, True)
    )
    terms, common = _terms(kin, reactions, flat, acting)
    pattern = pattern_of([set(of) for of in terms])
    matrix: list[list[tuple[int, float]]] = [[] for _ in pattern.column]
    for k, of in enumerate(terms):
        for j, found in of.items():
            matrix[pattern.entry(pattern.place[k], pattern.place[j])] = found
    alike = sorted(range(len(matrix)), key=lambda p: len(matrix[p]))
    return {
        "forward_start": starts[: len(forward) + 1],
        "reverse_start": np.ascontiguousarray(starts[len(forward) :]),
        "entry_species": _whole([entry.species for _, entry in flat]),
        **_rows("rest", [entry.rest for _, entry in flat]),
        "body_row": _whole([by_body.get(r, -1) for r in range(len(forward))]),
        "pressure_row": _whole([by_pressure.get(r, -1) for r in range(len(forward))]),
        "partials": len(flat) + len(acting),
        **_listed("common", "row", "weight", common),
        # sums of as many terms follow each other: a processor foresees the ends of their loops
        "term_place": _whole(alike),
        **_listed("term", "row", "weight", [matrix[p] for p in alike]),
        "unknown_species": pattern.order,
        "lower_start": pattern.start[:-1].copy(),
        "row_end": pattern.start[1:].copy(),
        "diagonal_place": pattern.diagonal,
        "entry_column": pattern.column,
        "product_of": pattern.product_start,
        "product_entry": pattern.product,
        "matrix_entries": len(pattern.column),
    }


Sums = dict[int, list[tuple[int, float]]]


def _terms(
    kin: Kinetics, reactions: Reactions, flat: list[tuple[int, Entry]], acting: list[tuple[int, int]]
) -> tuple[list[Sums], list[list[tuple[int, float]]]]:
    """Per species k: the (partial derivative, weight) of W_k/W_j d(omega_k)/dC_j for each j, and those of what all
    species have in common.
    """
    W, bodies = kin.thermo.molar_mass.tolist(), _third_bodies(kin)
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


def _listed(name: str, what: str, weight: str, lists: list[list[tuple[int, float]]]) -> dict[str, Value]:
    """Lists of (row, weight) as starts, rows and weights."""
    return {
        f"{name}_start": _starts([len(x) for x in lists]),
        f"{name}_{what}": _whole([i for x in lists for i, _ in x]),
        f"{name}_{weight}": _array([x for of in lists for _, x in of]),
    }


def _rows(name: str, terms: Terms) -> dict[str, Value]:
    return {f"{name}_start": _starts([len(x) for x in terms]), f"{name}_rows": _whole([i for x in terms for i in x])}


def _starts(counts: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _array(x: Tensor | Sequence[float]) -> np.ndarray:
    given = x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)
    return np.ascontiguousarray(given, dtype=np.float64)


def _whole(x: Tensor | Sequence[int] | Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
    given = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    return np.ascontiguousarray(given, dtype=np.int32)
