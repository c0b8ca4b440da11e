"""Reads Cantera's reactions and thermo into the tensors that the rate kernels use; refuses what is not covered."""

from __future__ import annotations

import math
from typing import NamedTuple

import cantera as ct
import numpy as np
import torch

from combust.errors import MechanismError
from combust.kinetics.mechanism.names import Names
from combust.kinetics.mechanism.rate_tables import (
    blowers_masel_table,
    burke_species,
    chebyshev_table,
    falloff_table,
    linear_burke_table,
    plog_table,
)
from combust.kinetics.mechanism.sparsity import floats, integers, sparse_rows
from combust.kinetics.rates.powers import TRACE
from combust.kinetics.rates.production import RateData
from combust.kinetics.rates.thermo import GAS_CONSTANT, ranges_of

FALLOFF_ORDER = (ct.LindemannRate, ct.SriRate, ct.TsangRate, ct.TroeRate)
COVERED_RATES = (
    *FALLOFF_ORDER,
    ct.ArrheniusRate,
    ct.BlowersMaselRate,
    ct.PlogRate,
    ct.ChebyshevRate,
    ct.LinearBurkeRate,
)
COVERED_THERMO = (ct.NasaPoly2, ct.Nasa9PolyMultiTempRegion, ct.ConstantCp)
COVERED = (
    "Arrhenius, three-body, Blowers-Masel, P-log, Chebyshev, linear Burke, falloff and chemically activated "
    "(Lindemann, Troe, SRI, Tsang), with NASA7, NASA9 and constant-cp thermo"
)


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


def refuse_uncovered(solution: ct.Solution) -> None:
    """Raise one MechanismError that lists every species and reaction of a kind that is not covered."""
    faults = []
    if solution.thermo_model != "ideal-gas":
        faults.append(f"phase '{solution.name}': thermo model {solution.thermo_model}, allowed: ideal-gas")
    for s in solution.species():
        if not isinstance(s.thermo, COVERED_THERMO):
            model = s.input_data.get("thermo", {}).get("model", type(s.thermo).__name__)
            faults.append(f"species {s.name}: thermo model {model}")
        elif not _ascending(s.thermo):
            ends = f"{s.thermo.min_temp:g} to {s.thermo.max_temp:g} K"
            faults.append(f"species {s.name}: thermo data whose temperatures ({ends}) are negative or do not ascend")
    for i, r in enumerate(solution.reactions()):
        if type(r.rate) not in COVERED_RATES:
            faults.append(f"reaction {i + 1}: {r.equation}: {r.reaction_type}")
    if faults:
        raise MechanismError(
            f"{solution.source}: {len(faults)} feature(s) not covered; covered are {COVERED}:\n  " + "\n  ".join(faults)
        )


def _ascending(data: ct.SpeciesThermo) -> bool:
    """Whether the temperatures at which ranges begin and end are >= 0 K and in order."""
    between = [T for T, _ in ranges_of(data) if T > 0][isinstance(data, ct.Nasa9PolyMultiTempRegion) :]
    ends = [data.min_temp, *between, data.max_temp]
    return 0 <= ends[0] < ends[-1] and all(a <= b for a, b in zip(ends[:-1], ends[1:], strict=True))


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
    named = [(place, k) for place, i in enumerate(of_type[-1]) for k in burke_species(rs[i].rate, names)]
    return Layout(
        len(names), order, irreversible, reactants, products, net, list(bodies), body, falloff, powers, *of_type, named
    )


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
    row = [float(r.third_body.default_efficiency)] * len(names)
    for k, x in names.values(r.third_body.efficiencies).items():
        row[k] = x
    return tuple(row)


def rates_from_cantera(solution: ct.Solution, layout: Layout) -> RateData:
    """Tensors of all rate parameters, on the CPU."""
    reactions = solution.reactions()
    rs = [reactions[i] for i in layout.order]
    forward = [_forward_rate(r) for r in rs]
    exponents: dict[tuple[float, float], int] = {}
    for k in forward:
        if isinstance(k, ct.ArrheniusRate):
            exponents.setdefault(_exponent(k), len(exponents))
    special = [*layout.blowers_masel, *layout.plog, *layout.chebyshev, *layout.linear_burke]
    row = {i: len(exponents) + place for place, i in enumerate(special)}
    exponent = [row[i] if i in row else exponents[_exponent(k)] for i, k in enumerate(forward)]
    b, Ea_R = floats(list(exponents)).reshape(-1, 2).T.contiguous()
    net = {k: [(i, nu[k]) for i, nu in enumerate(layout.net) if k in nu] for k in range(layout.species)}
    return RateData(
        A=floats([getattr(k, "pre_exponential_factor", 1.0) for k in forward]),
        b=b,
        Ea_R=Ea_R,
        exponent=integers(exponent),
        blowers_masel=blowers_masel_table(
            [rs[i].rate for i in layout.blowers_masel], [layout.net[i] for i in layout.blowers_masel]
        ),
        plog=plog_table([rs[i].rate for i in layout.plog]),
        chebyshev=chebyshev_table([rs[i].rate for i in layout.chebyshev]),
        linear_burke=linear_burke_table([rs[i].rate for i in layout.linear_burke], Names.of(solution)),
        reactants=_slots(layout.reactants, layout),
        products=_slots(layout.products, layout),
        shift=_elemental_shift(solution, layout),
        ln_c_ref=floats(math.log(solution.species(0).thermo.reference_pressure / GAS_CONSTANT)),
        factor=integers(_factor_rows(layout)),
        efficiency=floats(layout.bodies).reshape(-1, layout.species),
        falloff=falloff_table([rs[i].rate for i in layout.falloff], [layout.body[i] for i in layout.falloff]),
        power_species=integers([k for k, _ in layout.powers]),
        power=floats([order for _, order in layout.powers]),
        trace=floats(TRACE),
        edge=(_edge(layout.reactants, layout, layout.net), _edge(layout.products, layout, None)),
        net=sparse_rows(net, layout.species),
        order=integers(layout.order),
        multiplier=torch.ones(len(layout.reactants) + len(layout.products), 0, dtype=torch.float64),
    )


def element_matrix(solution: ct.Solution) -> np.ndarray:
    """Atoms per molecule, (elements, species)."""
    place = {element: i for i, element in enumerate(solution.element_names)}
    atoms = np.zeros((len(place), solution.n_species))
    for k, species in enumerate(solution.species()):
        for element, count in species.composition.items():
            atoms[place[element], k] = count
    return atoms


def temperature_limits(solution: ct.Solution) -> np.ndarray:
    """Lowest and highest temperature of the data of each species, (2, species) K."""
    data = [s.thermo for s in solution.species()]
    return np.array([[d.min_temp for d in data], [d.max_temp for d in data]])


def _elemental_shift(solution: ct.Solution, layout: Layout) -> torch.Tensor:
    """Enthalpy (298 K) over R and entropy (1000 K) over R, fitted linearly in the elements; (2, species).

    It cancels where reactions conserve elements exactly; where one does not (Cantera tolerates fractional
    coefficients like 0.333), there is no shift.
    """
    atoms = element_matrix(solution).T
    change = np.zeros((len(layout.net), atoms.shape[1]))
    for i, nu in enumerate(layout.net):
        change[i] = sum((x * atoms[k] for k, x in nu.items()), start=change[i])
    if np.abs(change).max(initial=0.0) >= 1e-12:
        return torch.zeros(2, layout.species, dtype=torch.float64)
    h = [s.thermo.h(298.15) / GAS_CONSTANT for s in solution.species()]
    s = [s.thermo.s(1000.0) / GAS_CONSTANT for s in solution.species()]
    fit, *_ = np.linalg.lstsq(atoms, np.array([h, s]).T, rcond=None)
    return torch.tensor((atoms @ fit).T.copy())


def _slots(terms: list[list[tuple[int, float]]], layout: Layout) -> torch.Tensor:
    rows = [layout.rows(t) for t in terms]
    width = max([1, *map(len, rows)])
    ones = layout.species
    return torch.tensor([r + [ones] * (width - len(r)) for r in rows], dtype=torch.int64).reshape(-1, width)


def _edge(terms: list[list[tuple[int, float]]], layout: Layout, net: list[dict[int, float]] | None) -> torch.Tensor:
    """Weights of `powers.forward_only`, (reactions, slots); without `net` all species are consumed."""
    rows: list[list[float]] = []
    for i, side in enumerate(terms):
        singular = any(order < 1 for _, order in side)
        rows.append([])
        for k, order in side:
            consumed = net is None or net[i].get(k, 0.0) < 0
            rows[-1] += [float(singular) * (1 if consumed else 2)] * len(layout.rows([(k, order)]))
    if not any(map(any, rows)):
        return torch.zeros(0, 0, dtype=torch.float64)
    width = max(map(len, rows))
    return floats([r + [0.0] * (width - len(r)) for r in rows])


def _factor_rows(layout: Layout) -> list[int]:
    rows = [b + 1 for b in layout.body]
    for place, i in enumerate(layout.falloff):
        rows[i] = 1 + len(layout.bodies) + place
    return rows


def _exponent(k: ct.ArrheniusRate) -> tuple[float, float]:
    return k.temperature_exponent, k.activation_energy / GAS_CONSTANT


def _forward_rate(r: ct.Reaction) -> ct.ReactionRate:
    if not isinstance(r.rate, ct.FalloffRate):
        return r.rate
    return r.rate.low_rate if r.rate.chemically_activated else r.rate.high_rate
