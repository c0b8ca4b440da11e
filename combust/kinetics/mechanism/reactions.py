"""Reads Cantera's reactions and thermo into the tensors that the rate kernels use; refuses what is not covered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cantera as ct
import numpy as np
import torch

from combust.errors import MechanismError
from combust.kinetics.gas.names import Names
from combust.kinetics.mechanism.layout import FALLOFF_ORDER, Layout
from combust.kinetics.mechanism.rate_tables import (
    R,
    blowers_masel_table,
    chebyshev_table,
    falloff_table,
    linear_burke_table,
    of_kind,
    plog_table,
)
from combust.kinetics.mechanism.sparsity import sparse_rows
from combust.kinetics.mechanism.tensors import floats, integers
from combust.kinetics.rates.data import RateData
from combust.kinetics.rates.powers import TRACE
from combust.kinetics.rates.thermo import GAS_CONSTANT, ranges_of

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
            _rates(rs, layout.blowers_masel, ct.BlowersMaselRate), [layout.net[i] for i in layout.blowers_masel]
        ),
        plog=plog_table(_rates(rs, layout.plog, ct.PlogRate)),
        chebyshev=chebyshev_table(_rates(rs, layout.chebyshev, ct.ChebyshevRate)),
        linear_burke=linear_burke_table(_rates(rs, layout.linear_burke, ct.LinearBurkeRate), Names.of(solution)),
        reactants=_slots(layout.reactants, layout),
        products=_slots(layout.products, layout),
        shift=_elemental_shift(solution, layout),
        ln_c_ref=floats(math.log(solution.species(0).thermo.reference_pressure / GAS_CONSTANT)),
        factor=integers(_factor_rows(layout)),
        efficiency=floats(layout.bodies).reshape(-1, layout.species),
        falloff=falloff_table(_rates(rs, layout.falloff, ct.FalloffRate), [layout.body[i] for i in layout.falloff]),
        power_species=integers([k for k, _ in layout.powers]),
        power=floats([order for _, order in layout.powers]),
        trace=floats(TRACE),
        edge=(_edge(layout.reactants, layout, layout.net), _edge(layout.products, layout, None)),
        net=sparse_rows(net, layout.species),
        order=integers(layout.order),
        multiplier=torch.ones(len(layout.reactants) + len(layout.products), 0, dtype=torch.float64),
    )


def _rates(reactions: Sequence[ct.Reaction], rows: Sequence[int], kind: type[R]) -> list[R]:
    """Rates of the reactions in these rows, which the layout knows to be of one type."""
    return of_kind([reactions[i].rate for i in rows], kind)


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


def _exponent(k: Any) -> tuple[float, float]:
    return k.temperature_exponent, k.activation_energy / GAS_CONSTANT


def _forward_rate(r: ct.Reaction) -> ct.ReactionRate:
    if not isinstance(r.rate, ct.FalloffRate):
        return r.rate
    return r.rate.low_rate if r.rate.chemically_activated else r.rate.high_rate
