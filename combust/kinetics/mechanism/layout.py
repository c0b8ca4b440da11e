"""The reactions of a mechanism sorted for the rate kernels: which come first, and what each is made of."""

from __future__ import annotations

from typing import NamedTuple

import cantera as ct

from combust.kinetics.gas.names import Names
from combust.kinetics.mechanism.rate_tables import burke_species

FALLOFF_ORDER = (ct.LindemannRate, ct.SriRate, ct.TsangRate, ct.TroeRate)


class Layout(NamedTuple):
    """Lists behind the tensors, in internal reaction order; also what the Jacobian's sparsity is built from."""

    species: int
    order: list[int]  # Cantera's number of each internal reaction
    irreversible: int  # that many come first
    reactants: list[list[tuple[int, float]]]  # (species, order) of each forward rate
    products: list[list[tuple[int, float]]]  # of each reverse rate, reversible reactions only
    net: list[dict[int, float]]  # net stoichiometry of each reaction
    bodies: list[tuple[float, ...]]  # distinct third bodies: efficiency of every species
    body: list[int]  # third body of each reaction, -1 for none
    falloff: list[int]  # internal reactions with falloff, in FALLOFF_ORDER
    powers: list[tuple[int, float]]  # distinct (species, non-integer order)
    blowers_masel: list[int]  # internal reactions of these types
    plog: list[int]
    chebyshev: list[int]
    linear_burke: list[int]
    burke_named: list[tuple[int, int]]  # (position in `linear_burke`, species) of their named colliders

    def rows(self, terms: list[tuple[int, float]]) -> list[int]:
        """Rows of the power table whose product is prod X^order."""
        rows = []
        for k, order in terms:
            is_count = order > 0 and order == int(order)
            rows += [k] * int(order) if is_count else [self.species + 1 + self.powers.index((k, order))]
        return rows


def layout_of(solution: ct.Solution) -> Layout:
    """Sort the reactions (irreversible first) and list their orders, stoichiometry and third bodies."""
    reactions = solution.reactions()
    order = sorted(range(len(reactions)), key=lambda i: reactions[i].reversible)
    names = Names.of(solution)
    rs = [reactions[i] for i in order]
    reactants = [forward_orders(r, names) for r in rs]
    products = [[*names.amounts(r.products).items()] for r in rs if r.reversible]
    bodies: dict[tuple[float, ...], int] = {}
    body = [bodies.setdefault(_efficiencies(r, names), len(bodies)) if _has_body(r) else -1 for r in rs]
    falloff = [i for i, r in enumerate(rs) if isinstance(r.rate, ct.FalloffRate)]
    falloff.sort(key=lambda i: FALLOFF_ORDER.index(type(rs[i].rate)))
    powers = sorted({f for terms in reactants + products for f in terms if not _is_count(f[1])})
    net = [net_stoichiometry(r, names) for r in rs]
    irreversible = len(rs) - len(products)
    of_type = [
        [i for i, r in enumerate(rs) if isinstance(r.rate, kind)]
        for kind in (ct.BlowersMaselRate, ct.PlogRate, ct.ChebyshevRate, ct.LinearBurkeRate)
    ]
    blowers_masel, plog, chebyshev, linear_burke = of_type
    burke = [r.rate for r in rs if isinstance(r.rate, ct.LinearBurkeRate)]
    named = [(place, k) for place, rate in enumerate(burke) for k in burke_species(rate, names)]
    return Layout(
        len(names), order, irreversible, reactants, products, net, list(bodies), body, falloff, powers,
        blowers_masel, plog, chebyshev, linear_burke, named,
    )  # fmt: skip


def _is_count(order: float) -> bool:
    return order > 0 and order == int(order)


def _has_body(r: ct.Reaction) -> bool:
    """Whether a third-body concentration enters; the (+M) of a linear Burke reaction is only a name."""
    return r.third_body is not None and not isinstance(r.rate, ct.LinearBurkeRate)


def forward_orders(r: ct.Reaction, names: Names) -> list[tuple[int, float]]:
    """(row of a species, order) of the forward rate of progress, by ascending rows."""
    terms = [(names[name], float(nu)) for name, nu in r.reactants.items()]
    for name, order in r.orders.items():  # of a reactant instead of its coefficient, of others beside it
        row = names[name]
        place = next((i for i, (k, _) in enumerate(terms) if k == row), len(terms))
        terms[place : place + 1] = [(row, float(order))]
    total: dict[int, float] = {}
    for k, order in terms:
        total[k] = total.get(k, 0.0) + order
    return sorted((k, order) for k, order in total.items() if order != 0.0)


def net_stoichiometry(r: ct.Reaction, names: Names) -> dict[int, float]:
    """Products less reactants by rows of species, of those that change."""
    nu = {k: -x for k, x in names.amounts(r.reactants).items()}
    for k, x in names.amounts(r.products).items():
        nu[k] = nu.get(k, 0.0) + x
    return {k: x for k, x in sorted(nu.items()) if x != 0.0}


def _efficiencies(r: ct.Reaction, names: Names) -> tuple[float, ...]:
    body = r.third_body
    assert body is not None  # asked for where there is one
    row = [float(body.default_efficiency)] * len(names)
    for k, x in names.values(body.efficiencies).items():
        row[k] = x
    return tuple(row)
