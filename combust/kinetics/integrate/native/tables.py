"""A mechanism as flat tables of numbers, which the C++ kernels read; made of the tensors of kinetics.rates.data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate.native.pattern import Pattern, pattern_of
from combust.kinetics.rates.data import Kinetics, SparseRows
from combust.kinetics.rates.production import apply_sparse

# Names of the tables, of which the kernels' header is made: doubles, 32-bit integers, and sizes.
REALS = (
    "low", "high", "T_mid", "upper_rows", "T_upper", "molar_mass", "r_molar_mass", "shift_h", "shift_s", "ln_c_ref",
    "A", "b", "Ea_R", "body_usual", "body_extra",
    "falloff_sign", "falloff_ln_A", "falloff_b", "falloff_Ea_R", "falloff_activated",
    "sri_a", "sri_b", "sri_r_c", "sri_d", "sri_e", "tsang_A", "tsang_B", "troe_a", "troe_r_T3", "troe_r_T1", "troe_T2",
    "plog_ln_A", "plog_b", "plog_Ea_R", "plog_sign", "plog_ln_p", "plog_r_width",
    "bm_b", "bm_E0_R", "bm_w_R", "bm_net", "cheb_coefficients", "cheb_x0", "cheb_x1", "cheb_y0", "cheb_y1",
    "power_order", "power_trace", "reactant_edge", "product_edge", "multiplier",
    "net_nu", "net_mass", "entry_count", "body_entry_weight",
)  # fmt: skip
WHOLES = (
    "exponent", "factor_row", "bm_species", "falloff_body", "plog_summed", "plog_node", "power_species",
    "reactant_start", "reactant_rows", "product_start", "product_rows", "net_start", "net_species",
    "body_start", "body_species", "collider_body", "collider_sum", "body_entry_place", "body_entry_sum",
    "forward_start", "reverse_start", "entry_species", "entry_first", "entry_place", "rest_start", "rest_rows",
    "unknown_species", "lower_start", "row_end", "diagonal_place", "entry_column", "update_target",
)  # fmt: skip
NUMBERS = (
    "species", "thermo_rows", "upper_ranges", "reactions", "reversible", "exponents", "arrhenius", "blowers_masel",
    "bm_slots", "plog", "plog_terms", "plog_sums", "plog_slots", "plog_pressures", "chebyshev", "chebyshev_x",
    "chebyshev_y", "factors", "bodies", "falloff", "sri_rows", "tsang_rows", "troe_rows", "powers", "edged", "members",
    "table_rows", "body_sums", "body_entries", "matrix_entries",
)  # fmt: skip

Value = np.ndarray | int
Terms = list[list[int]]


def header() -> str:
    """The names of the tables for C++."""
    kinds = (("Real", REALS, "REALS"), ("Whole", WHOLES, "WHOLES"), ("Number", NUMBERS, "NUMBERS"))
    lines = [f"enum {kind} {{ {', '.join(names)}, {count} }};" for kind, names, count in kinds]
    return "#pragma once\n" + "\n".join(lines) + "\n"


def usable(kin: object) -> TypeGuard[Kinetics]:
    """Whether the kernels know all in a mechanism, which has neither QSS species nor linear Burke rates, as numbers."""
    if not isinstance(kin, Kinetics) or kin.rates.linear_burke.owner.numel():
        return False
    return all(x.device.type == "cpu" and not x.requires_grad for x in (kin.rates.A, kin.rates.b, kin.rates.multiplier))


def tables_of(kin: Kinetics) -> dict[str, Value]:
    """All tables of REALS, WHOLES and NUMBERS."""
    made: dict[str, Value] = {}
    reactions = _reactions(kin)
    made |= _thermo(kin) | _constants(kin) | _falloff(kin) | _plog(kin) | _chebyshev(kin)
    made |= _products(kin, reactions) | _bodies(kin, reactions)
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
        _stripped(rates.reactants, n), _stripped(rates.products, n), _net(rates.net, len(body)), body.tolist()
    )


def _stripped(rows: Tensor, one: int) -> Terms:
    """Rows without their padding by the row of ones."""
    return [[i for i in row if i != one] for row in rows.tolist()]


def _net(matrix: SparseRows, reactions: int) -> list[list[tuple[int, float]]]:
    dense = apply_sparse(matrix, torch.eye(reactions, dtype=torch.float64))
    reaction, species = dense.T.nonzero(as_tuple=True)
    net: list[list[tuple[int, float]]] = [[] for _ in range(reactions)]
    for r, k, nu in zip(reaction.tolist(), species.tolist(), dense.T[reaction, species].tolist(), strict=True):
        net[r].append((k, nu))
    return net


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
        "net_mass": _array([nu * W[k] for x in reactions.net for k, nu in x]),
    }


def _edge(weights: Tensor, rows: Tensor) -> Tensor | None:
    return weights.expand(rows.shape) if weights.numel() else None


def _aligned(weights: Tensor | None, rows: Tensor, one: int) -> np.ndarray:
    """Weights of the rows that are no padding; none for a mechanism without."""
    given = torch.zeros(rows.shape, dtype=torch.float64) if weights is None else weights
    return _array(given[rows != one])


def _bodies(kin: Kinetics, reactions: Reactions) -> dict[str, Value]:
    """Third bodies: an efficiency that most species share, what others have beyond it, sums over a body's reactions."""
    efficiency = kin.rates.efficiency.tolist()
    usual = [max(set(row), key=row.count) for row in efficiency]
    extra = [[(j, x - usual[i]) for j, x in enumerate(row) if x != usual[i]] for i, row in enumerate(efficiency)]
    sums: dict[tuple[int, int], int] = {}
    places = []
    for body, net in zip(reactions.collider, reactions.net, strict=True):
        places += [sums.setdefault((body, k), len(sums)) if body >= 0 else 0 for k, _ in net]
    return {
        "bodies": len(efficiency),
        "factors": 1 + len(efficiency) + kin.rates.falloff.body.shape[0],
        "body_usual": _array(usual),
        "body_start": _starts([len(x) for x in extra]),
        "body_species": _whole([j for x in extra for j, _ in x]),
        "body_extra": _array([x for row in extra for _, x in row]),
        "collider_body": _whole(reactions.collider),
        "collider_sum": _whole(places),
        "body_sums": len(sums),
        "_sums": _whole([[body, k] for body, k in sums] or np.zeros((0, 2))),
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
    """Where the derivatives of each reaction go in the matrix."""
    rates, W = kin.rates, kin.thermo.molar_mass.tolist()
    n, irreversible = len(W), rates.A.shape[0] - rates.products.shape[0]
    power_species = rates.power_species.tolist()
    forward, reverse = (
        [_side(rows, n, rates.power.shape[0], power_species) for rows in side]
        for side in (reactions.reactants, reactions.products)
    )
    bodies = _bodies(kin, reactions)
    pattern, extra = _pattern(reactions, forward, reverse, bodies, n)
    owners = [*zip(range(len(forward)), forward, strict=True)]
    owners += [(irreversible + s, side) for s, side in enumerate(reverse)]
    places: list[int] = []
    first, flat = [], []
    for r, side in owners:
        for entry in side:
            first.append(len(places))
            flat.append(entry)
            places += [pattern.entry(pattern.place[k], pattern.place[entry.species]) for k, _ in reactions.net[r]]
    starts = _starts([len(side) for _, side in owners])
    return {
        "forward_start": starts[: len(forward) + 1],
        "reverse_start": np.ascontiguousarray(starts[len(forward) :]),
        "entry_species": _whole([e.species for e in flat]),
        "entry_count": _array([e.times for e in flat]),
        "entry_first": _whole(first),
        "entry_place": _whole(places),
        "rest_start": _starts([len(e.rest) for e in flat]),
        "rest_rows": _whole([i for e in flat for i in e.rest]),
        "body_entries": len(extra),
        "body_entry_place": _whole([pattern.entry(pattern.place[k], pattern.place[j]) for _, k, j, _ in extra]),
        "body_entry_sum": _whole([s for s, *_ in extra]),
        "body_entry_weight": _array([x / W[j] for _, _, j, x in extra]),
        "unknown_species": pattern.order,
        "lower_start": pattern.start[:-1].copy(),
        "row_end": pattern.start[1:].copy(),
        "diagonal_place": pattern.diagonal,
        "entry_column": pattern.column,
        "update_target": pattern.update,
        "matrix_entries": len(pattern.column),
    }


def _pattern(
    reactions: Reactions, forward: list[list[Entry]], reverse: list[list[Entry]], bodies: dict[str, Value], n: int
) -> tuple[Pattern, list[tuple[int, int, int, float]]]:
    """The pattern, and (sum, species k, collider j, efficiency) of colliders with an efficiency of their own."""
    rows: list[set[int]] = [set() for _ in range(n)]
    irreversible = len(forward) - len(reverse)
    for r, net in enumerate(reactions.net):
        sides = [*forward[r], *(reverse[r - irreversible] if r >= irreversible else [])]
        for k, _ in net:
            rows[k].update(entry.species for entry in sides)
    start, species, extra = (np.asarray(bodies[x]) for x in ("body_start", "body_species", "body_extra"))
    found = []
    for s, (body, k) in enumerate(np.asarray(bodies["_sums"]).reshape(-1, 2).tolist()):
        for i in range(start[body], start[body + 1]):
            rows[k].add(int(species[i]))
            found.append((s, k, int(species[i]), float(extra[i])))
    return pattern_of(rows), found


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
