"""A mechanism as flat tables of numbers, which the C++ kernels read; made of the tensors of kinetics.rates.data."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate.native.arrays import Value, array, whole
from combust.kinetics.integrate.native.names import NUMBERS, REALS, WHOLES
from combust.kinetics.integrate.native.structure import structure_of
from combust.kinetics.rates.data import Kinetics


def usable(kin: object) -> TypeGuard[Kinetics]:
    """Whether the kernels know all that is in it: neither species in quasi-steady state nor linear Burke rates."""
    return isinstance(kin, Kinetics) and not kin.rates.linear_burke.owner.numel()


def tables_of(kin: Kinetics) -> dict[str, Value]:
    """All tables of REALS, WHOLES and NUMBERS."""
    made = structure_of(kin) | _thermo(kin) | _constants(kin) | _falloff(kin) | _plog(kin) | _chebyshev(kin)
    made |= _powers(kin)
    rates = kin.rates
    made["members"] = rates.multiplier.shape[1]
    made["multiplier"] = array(rates.multiplier)
    return {name: made[name] for name in (*REALS, *WHOLES, *NUMBERS)}


def _thermo(kin: Kinetics) -> dict[str, Value]:
    thermo, rates = kin.thermo, kin.rates
    return {
        "thermo_rows": thermo.low.shape[0],
        "upper_ranges": thermo.upper.shape[0],
        "low": array(thermo.low),
        "high": array(thermo.high),
        "T_mid": array(thermo.T_mid),
        "upper_rows": array(thermo.upper),
        "T_upper": array(thermo.T_upper),
        "molar_mass": array(thermo.molar_mass),
        "r_molar_mass": array(1.0 / thermo.molar_mass),
        "shift_h": array(rates.shift[0]),
        "shift_s": array(rates.shift[1]),
        "ln_c_ref": array(rates.ln_c_ref),
    }


def _constants(kin: Kinetics) -> dict[str, Value]:
    rates = kin.rates
    bm = rates.blowers_masel
    special = bm.b.shape[0] + rates.plog.node.shape[0] + rates.chebyshev.x0.shape[0]
    return {
        "arrhenius": rates.b.shape[0],
        "exponents": rates.b.shape[0] + special,
        "A": array(rates.A),
        "b": array(rates.b),
        "Ea_R": array(rates.Ea_R),
        "exponent": whole(rates.exponent),
        "factor_row": whole(rates.factor),
        "blowers_masel": bm.b.shape[0],
        "bm_slots": bm.species.shape[1] if bm.species.dim() > 1 else 0,
        "bm_b": array(bm.b),
        "bm_E0_R": array(bm.E0_R),
        "bm_w_R": array(bm.w_R),
        "bm_species": whole(bm.species),
        "bm_net": array(bm.net),
    }


def _falloff(kin: Kinetics) -> dict[str, Value]:
    falloff = kin.rates.falloff
    ratio = falloff.ratio
    return {
        "falloff": falloff.body.shape[0],
        "sri_rows": falloff.sri.a.shape[0],
        "tsang_rows": falloff.tsang.shape[1],
        "troe_rows": falloff.a.shape[0],
        "falloff_body": whole(falloff.body),
        "falloff_activated": array(falloff.activated),
        "falloff_sign": array(ratio.sign),
        "falloff_ln_A": array(ratio.ln_A),
        "falloff_b": array(ratio.b),
        "falloff_Ea_R": array(ratio.Ea_R),
        **{f"sri_{name}": array(x) for name, x in falloff.sri._asdict().items()},
        "tsang_A": array(falloff.tsang[0]),
        "tsang_B": array(falloff.tsang[1]),
        "troe_a": array(falloff.a),
        "troe_r_T3": array(falloff.r_T3),
        "troe_r_T1": array(falloff.r_T1),
        "troe_T2": array(falloff.T2),
    }


def _plog(kin: Kinetics) -> dict[str, Value]:
    plog = kin.rates.plog
    return {
        "plog": plog.node.shape[0],
        "plog_terms": plog.terms.ln_A.shape[0],
        "plog_sums": plog.summed.shape[0],
        "plog_slots": plog.summed.shape[1] if plog.summed.dim() > 1 else 0,
        "plog_pressures": plog.node.shape[1] if plog.node.dim() > 1 else 0,
        "plog_ln_A": array(plog.terms.ln_A),
        "plog_b": array(plog.terms.b),
        "plog_Ea_R": array(plog.terms.Ea_R),
        "plog_summed": whole(plog.summed),
        "plog_sign": array(plog.summed_sign),
        "plog_node": whole(plog.node),
        "plog_ln_p": array(plog.ln_p),
        "plog_r_width": array(plog.r_width),
    }


def _chebyshev(kin: Kinetics) -> dict[str, Value]:
    chebyshev = kin.rates.chebyshev
    return {
        "chebyshev": chebyshev.x0.shape[0],
        "chebyshev_x": chebyshev.coefficients.shape[0],
        "chebyshev_y": chebyshev.coefficients.shape[1],
        "cheb_coefficients": array(chebyshev.coefficients),
        "cheb_x0": array(chebyshev.x0),
        "cheb_x1": array(chebyshev.x1),
        "cheb_y0": array(chebyshev.y0),
        "cheb_y1": array(chebyshev.y1),
    }


def _powers(kin: Kinetics) -> dict[str, Value]:
    rates, n = kin.rates, kin.thermo.molar_mass.shape[0]
    edges = [_edge(x, rows) for x, rows in zip(rates.edge, (rates.reactants, rates.products), strict=True)]
    return {
        "power_order": array(rates.power),
        "power_trace": array(rates.trace),
        "edged": int(any(x is not None for x in edges)),
        "reactant_edge": _aligned(edges[0], rates.reactants, n),
        "product_edge": _aligned(edges[1], rates.products, n),
    }


def _edge(weights: Tensor, rows: Tensor) -> Tensor | None:
    return weights.expand(rows.shape) if weights.numel() else None


def _aligned(weights: Tensor | None, rows: Tensor, one: int) -> np.ndarray:
    """Weights of the rows that are no padding; none for a mechanism without."""
    given = torch.zeros(rows.shape, dtype=torch.float64) if weights is None else weights
    return array(given[rows != one])
