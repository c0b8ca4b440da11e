"""Reads Cantera's rate objects into the parameter tables of the rate constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import cantera as ct
import torch

from combust.kinetics.gas.names import Names
from combust.kinetics.mechanism.tensors import floats, integers
from combust.kinetics.rates.linear_burke import LinearBurke
from combust.kinetics.rates.pressure_rates import Chebyshev, Plog
from combust.kinetics.rates.rate_constants import LN10, TINY, Arrhenius, BlowersMasel, Falloff, Sri, low_over_high
from combust.kinetics.rates.thermo import GAS_CONSTANT

BURKE_ORDER = (ct.PlogRate, ct.ChebyshevRate, ct.TroeRate)
R = TypeVar("R", bound=ct.ReactionRate)


def arrhenius_table(rates: Sequence[ct.Arrhenius | ct.ArrheniusRate]) -> Arrhenius:
    """k = sign exp(ln_A + b ln T - Ea_R / T) row by row."""
    A = floats([r.pre_exponential_factor for r in rates])
    Ea_R = floats([r.activation_energy / GAS_CONSTANT for r in rates])
    return Arrhenius(torch.sign(A), torch.log(A.abs()), floats([r.temperature_exponent for r in rates]), Ea_R)


def falloff_table(rates: Sequence[ct.FalloffRate], body: list[int]) -> Falloff:
    """Falloff rates, ordered as `Falloff` says, with the rows of their third bodies."""
    low, high = arrhenius_table([r.low_rate for r in rates]), arrhenius_table([r.high_rate for r in rates])
    ratio = low_over_high(low, high)
    troe = [_troe(r) for r in rates if isinstance(r, ct.TroeRate)]
    a, r_T3, r_T1, T2 = floats(troe).reshape(-1, 4).T.contiguous()
    sri = [_sri(r) for r in rates if isinstance(r, ct.SriRate)]
    tsang = [_tsang(r) for r in rates if isinstance(r, ct.TsangRate)]
    activated = floats([1.0 if r.chemically_activated else 0.0 for r in rates])
    return Falloff(
        ratio=ratio,
        body=torch.tensor(body, dtype=torch.int64),
        activated=activated,
        sri=Sri(*floats(sri).reshape(-1, 5).T.contiguous()),
        tsang=floats(tsang).reshape(-1, 2).T.contiguous(),
        a=a,
        r_T3=r_T3,
        r_T1=r_T1,
        T2=T2,
    )


def _sri(rate: ct.SriRate) -> tuple[float, float, float, float, float]:
    a, b, c, *rest = rate.falloff_coeffs
    d, e = rest if rest else (1.0, 0.0)
    return a, b, 1 / c if abs(c) > 1e-300 else 1e300, d, e


def _tsang(rate: ct.TsangRate) -> tuple[float, float]:
    A, *rest = rate.falloff_coeffs  # Cantera leaves out a B of zero
    return A, rest[0] if rest else 0.0


def _troe(rate: ct.TroeRate) -> tuple[float, float, float, float]:
    a, T3, T1, *rest = rate.falloff_coeffs
    # A vanishing T3 or T1 means exp(-T/T3) = 0 and a vanishing or missing T2 no third term (Cantera); numbers
    # that are large but finite say the same without inf * 0 in the derivatives.
    T2 = rest[0] if rest and rest[0] != 0.0 else 1e30
    return a, 1 / T3 if abs(T3) > 1e-300 else 1e300, 1 / T1 if abs(T1) > 1e-300 else 1e300, T2


def blowers_masel_table(rates: list[ct.BlowersMaselRate], net: list[dict[int, float]]) -> BlowersMasel:
    """Blowers-Masel reactions with their net stoichiometry."""
    width = max([1, *map(len, net)])
    slots = [[*nu.items()] + [(0, 0.0)] * (width - len(nu)) for nu in net]
    return BlowersMasel(
        b=floats([r.temperature_exponent for r in rates]),
        E0_R=floats([r.activation_energy / GAS_CONSTANT for r in rates]),
        w_R=floats([r.bond_energy / GAS_CONSTANT for r in rates]),
        species=torch.tensor([[k for k, _ in row] for row in slots], dtype=torch.int64).reshape(-1, width),
        net=floats([[x for _, x in row] for row in slots]).reshape(-1, width),
    )


def plog_table(rates: list[ct.PlogRate]) -> Plog:
    """P-log reactions; rates given for one pressure add up."""
    terms: list[ct.Arrhenius | ct.ArrheniusRate] = []
    sums: list[list[int]] = []
    nodes: list[list[tuple[float, int]]] = []  # of each reaction: (ln p, row of terms, or -1 - row of sums)
    for rate in rates:
        levels: dict[float, list[int]] = {}
        for p, k in rate.rates:
            levels.setdefault(p, []).append(len(terms))
            terms.append(k)
        nodes.append([])
        for p in sorted(levels):
            rows = levels[p]
            nodes[-1].append((math.log(p), rows[0] if len(rows) == 1 else -1 - len(sums)))
            sums += [rows] if len(rows) > 1 else []
    width, slots = max([2, *map(len, nodes)]), max([1, *map(len, sums)])
    padded = [n + n[-1:] * (width - len(n)) for n in nodes]
    ln_p = floats([[x for x, _ in n] for n in padded]).reshape(-1, width)
    step = ln_p[:, 1:] - ln_p[:, :-1]
    table = arrhenius_table(terms)
    return Plog(
        terms=table,
        summed=torch.tensor([s + s[:1] * (slots - len(s)) for s in sums], dtype=torch.int64).reshape(-1, slots),
        summed_sign=floats([table.sign[s].tolist() + [0.0] * (slots - len(s)) for s in sums]).reshape(-1, slots),
        node=torch.tensor(
            [[i if i >= 0 else len(terms) - 1 - i for _, i in n] for n in padded], dtype=torch.int64
        ).reshape(-1, width),
        ln_p=ln_p[:, :-1].contiguous(),
        r_width=torch.where(step > 0, 1 / step, 0.0),
    )


def chebyshev_table(rates: list[ct.ChebyshevRate]) -> Chebyshev:
    """Chebyshev reactions, padded with zeros to the largest degrees."""
    n = max([1, *(r.data.shape[0] for r in rates)])
    m = max([1, *(r.data.shape[1] for r in rates)])
    c = torch.zeros(n, m, len(rates), dtype=torch.float64)
    for i, r in enumerate(rates):
        c[: r.data.shape[0], : r.data.shape[1], i] = floats(r.data) * LN10
    r_T = floats([[1 / T for T in r.temperature_range] for r in rates]).reshape(-1, 2)
    ln_p = floats([[math.log(p) for p in r.pressure_range] for r in rates]).reshape(-1, 2)
    T_span, p_span = r_T[:, 1] - r_T[:, 0], ln_p[:, 1] - ln_p[:, 0]
    return Chebyshev(c, -r_T.sum(1) / T_span, 2 / T_span, -ln_p.sum(1) / p_span, 2 / p_span)


def of_kind(rates: Sequence[ct.ReactionRate], kind: type[R]) -> list[R]:
    """The rates of this type, in their order."""
    return [rate for rate in rates if isinstance(rate, kind)]


class _BurkeRow(NamedTuple):
    owner: int
    species: int | None  # None for M
    rate: ct.ReactionRate
    strength: tuple[float, float, float]  # A, b, Ea


def linear_burke_table(rates: list[ct.LinearBurkeRate], species: Names) -> LinearBurke:
    """Linear Burke reactions; `species` gives the row of every species."""
    rows: list[_BurkeRow] = []
    colliders = [_colliders(rate, species) for rate in rates]
    for owner, entries in enumerate(colliders):
        rows += [_burke_row(owner, k, entry) for k, entry in entries if "type" in entry]
    rows.sort(key=lambda row: BURKE_ORDER.index(type(row.rate)))
    place = {(row.owner, row.species): i for i, row in enumerate(rows)}
    reference = [place[i, None] for i in range(len(rates))]
    plain = torch.zeros(len(rows), len(species), dtype=torch.float64)
    named = []  # (species, row, row of M, strength)
    for owner, entries in enumerate(colliders):
        plain[reference[owner]] = 1.0
        for k, entry in entries[1:]:
            plain[reference[owner], k] -= 1.0
            named.append((k, place.get((owner, k), reference[owner]), reference[owner], _strength(entry)))
    row_sum = torch.zeros(len(rows), len(named), dtype=torch.float64)
    for j, (_, row, _, _) in enumerate(named):
        row_sum[row, j] = 1.0
    owner_sum = torch.zeros(len(rates), len(rows), dtype=torch.float64)
    for i, r in enumerate(rows):
        owner_sum[r.owner, i] = 1.0
    troe = of_kind([r.rate for r in rows], ct.TroeRate)
    return LinearBurke(
        owner=integers([r.owner for r in rows]),
        strength=_strengths([r.strength for r in rows]),
        plain=plain,
        named=_strengths([e for *_, e in named]),
        named_species=integers([k for k, *_ in named]),
        named_row=integers([row for _, row, _, _ in named]),
        named_reference=integers([row for _, _, row, _ in named]),
        reference=integers(reference),
        row_sum=row_sum,
        sum=owner_sum,
        plog=plog_table(of_kind([r.rate for r in rows], ct.PlogRate)),
        chebyshev=chebyshev_table(of_kind([r.rate for r in rows], ct.ChebyshevRate)),
        high=arrhenius_table([k.high_rate for k in troe]),
        falloff=falloff_table(troe, list(range(len(troe)))),
    )


def burke_species(rate: ct.LinearBurkeRate, species: Names) -> list[int]:
    """Rows of the named colliders in the order of `LinearBurke.named`."""
    return [k for k, _ in _colliders(rate, species)[1:] if k is not None]


def _colliders(rate: ct.LinearBurkeRate, species: Names) -> list[tuple[Any, dict[str, Any]]]:
    """M first, with None for a row, then the named colliders that are species of the phase, in SI units."""
    data: dict[str, Any] = {**rate.input_data}  # Cantera's types know no colliders
    reference, *entries = data["colliders"]
    rows = [(species.row(entry["name"]), entry) for entry in entries]
    return [(None, reference), *((k, entry) for k, entry in rows if k is not None)]


def _burke_row(owner: int, species: int | None, entry: dict[str, Any]) -> _BurkeRow:
    data: Any = {key: x for key, x in entry.items() if key not in ("name", "efficiency")}
    rate = ct.ReactionRate.from_dict(data)
    # M is the reference: it has strength one whether or not the file says so.
    return _BurkeRow(owner, species, rate, (1.0, 0.0, 0.0) if species is None else _strength(entry))


def _strength(entry: dict[str, Any]) -> tuple[float, float, float]:
    e = entry["efficiency"]
    return e["A"], e["b"], e["Ea"]


def _strengths(values: list[tuple[float, float, float]]) -> Arrhenius:
    A, b, Ea = floats(values).reshape(-1, 3).T.contiguous()
    return Arrhenius(torch.sign(A), torch.log(torch.clamp(A, min=TINY)), b, Ea / GAS_CONSTANT)
