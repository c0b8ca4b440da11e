"""Kinetics with quasi-steady-state (QSS) species, whose concentrations follow from those of the others.

K are the species that are kept, Q those in quasi-steady state. At every state c_Q solves omega_Q(T, C_K, c_Q) = 0, and
the kept species react with omega_K(T, C_K, c_Q). Three rules make this one small linear solve, without iteration:

- no reaction direction consumes more than one QSS molecule (combust.reduction.select.qss makes a mechanism so);
- QSS species are no third bodies, and the pressure is that of the kept species: they carry no mass and no enthalpy;
- so omega_Q = P - (D - N) c_Q, with P from kept species only, losses D and production N by other QSS species.

With one evaluation of all reaction directions at c_Q = UNIT, those that consume a QSS species are proportional to it.
What the QSS species give away they got: as omega_Q = 0, omega_K keeps the elements to round-off.

Nothing is clipped. For C_K >= 0, losses dominate every column of D - N unless QSS species branch, and c_Q >= 0 follows
without pivoting. Where transport leaves C_K slightly negative, so may c_Q be, like any rate here. A species that
nothing consumes at a state has a loss of LEAST_LOSS, which gives zero for zero production. Where the QSS species
branch faster than they are lost, no steady state exists and c_Q < 0; a singular matrix gives NaN. Both show in
`Mechanism.qss_concentrations`; the integrators refuse steps that are not finite, and say so in the end.

Background: T. Lu, C. K. Law, J. Phys. Chem. A 110 (2006) 13202 (doi:10.1021/jp064482y).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rates import jacobian, powers
from combust.kinetics.rates import production as rates
from combust.kinetics.rates.data import Kinetics, RateData, SparseRows
from combust.kinetics.rates.production import apply_sparse, subtract_tail
from combust.kinetics.rates.thermo import Thermo, column

UNIT = 2.0**-100  # kmol/m3: lost beside any other concentration in a sum, yet far from underflow
LEAST_LOSS = 1e-30  # 1/s
LARGEST_ELIMINATED = 16  # unknowns; beyond, LAPACK is faster


class QssKinetics(NamedTuple):
    """Takes the place of `Kinetics` where some species are in quasi-steady state.

    A direction is a forward or a reverse rate; forward ones come first, in the internal order of `inner`.
    """

    thermo: Thermo  # of the kept species
    inner: Kinetics  # of the kept species, then those in quasi-steady state
    consumed: Tensor  # (directions,) QSS species that it consumes, or their number for none
    balance: SparseRows  # rates of directions -> (QSS, QSS + 1): gain of i from species j, last from kept species
    net: SparseRows  # rates of progress -> kept species

    @property
    def rates(self) -> RateData:
        """Rate parameters of all reactions."""
        return self.inner.rates


AnyKinetics = Kinetics | QssKinetics


def with_rates(kin: AnyKinetics, new: RateData) -> AnyKinetics:
    """The kinetics with other rate parameters."""
    if isinstance(kin, QssKinetics):
        return kin._replace(inner=kin.inner._replace(rates=new))
    return kin._replace(rates=new)


def with_tolerance(kin: AnyKinetics, atol: float) -> AnyKinetics:
    """The kinetics as an integrator sees them that may err by `atol` in mass fractions (kinetics.rates.powers)."""
    if not powers.has_edge(kin.rates.edge):
        return kin
    return with_rates(kin, kin.rates._replace(trace=torch.full_like(kin.rates.trace, powers.trace_of(atol))))


def production_rates(kin: AnyKinetics, T: Tensor, C: Tensor, member: Tensor | None = None) -> Tensor:
    """Net molar production rates (species, ...cells) kmol/m3/s at T (...cells) K, C (species, ...cells) kmol/m3.

    member (...cells): of an ensemble, see `Mechanism.ensemble`.
    """
    if isinstance(kin, QssKinetics):
        return steady_state(kin, T, C, member)[0]
    return rates.production_rates(kin, T, C, member)


def rates_of_progress(kin: AnyKinetics, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """Forward and reverse rates of progress (reactions, ...cells) kmol/m3/s in the mechanism's own order."""
    if not isinstance(kin, QssKinetics):
        return rates.rates_of_progress(kin, T, C)
    _, c, forward, reverse = steady_state(kin, T, C)
    place = torch.argsort(kin.rates.order)
    irreversible = forward.shape[0] - reverse.shape[0]
    reverse = torch.cat([torch.zeros_like(forward[:irreversible]), reverse])
    return forward[place], reverse[place]


def rate_derivatives(
    kin: AnyKinetics, T: Tensor, C: Tensor, member: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """omega, d(omega)/dT at constant C, and W_k/W_j d(omega_k)/dC_j: as in combust.kinetics.rates.jacobian.

    With QSS species these are total derivatives: c_Q follows T and C_K. P-log, Chebyshev and linear Burke rates are
    differentiated as if c_Q counted in the pressure, which errs in the ratio of c_Q to all concentrations.
    """
    if not isinstance(kin, QssKinetics):
        return jacobian.rate_derivatives(kin, T, C, member)
    omega, c, _, _ = steady_state(kin, T, C, member)
    n, W = C.shape[0], column(kin.inner.thermo.molar_mass, T)
    _, dT, J = jacobian.rate_derivatives(kin.inner, T, torch.cat([C, c]), member)
    # of mass rates by mass concentrations and T: rows and columns of one kind
    right = torch.cat([J[n:, :n], (W * dT)[n:].unsqueeze(1)], dim=1)
    follow = solve(_with_least_loss(J[n:, n:], 1.0), right)  # - d(mass of Q) / d(mass of K, T)
    change = _product(J[:n, n:], follow)
    return omega, dT[:n] - change[:, n] / W[:n], J[:n, :n] - change[:, :n]


def steady_state(
    kin: QssKinetics, T: Tensor, C: Tensor, member: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """omega of the kept species (kept, ...cells), c_Q (QSS, ...cells), forward and reverse rates in internal order."""
    n = kin.inner.thermo.molar_mass.shape[0] - C.shape[0]
    unit = torch.full_like(C[:1], UNIT).expand(n, *C.shape[1:])
    forward, reverse = rates.progress(kin.inner, T, torch.cat([C, unit]), member)
    directions = torch.cat([forward, reverse])
    gain = apply_sparse(kin.balance, directions).reshape(n, n + 1, *T.shape)
    c = solve(_with_least_loss(gain[:, :n], UNIT), -gain[:, n:])[:, 0]  # in UNIT
    directions = directions * torch.cat([c, torch.ones_like(C[:1])])[kin.consumed]
    forward, reverse = directions[: forward.shape[0]], directions[forward.shape[0] :]
    return apply_sparse(kin.net, subtract_tail(forward, reverse)), c * UNIT, forward, reverse


def _with_least_loss(A: Tensor, unit: float) -> Tensor:
    eye = torch.eye(A.shape[0], dtype=A.dtype, device=A.device)
    return A - (LEAST_LOSS * unit) * eye.reshape(*eye.shape, *(1 for _ in A.shape[2:]))


def _product(A: Tensor, B: Tensor) -> Tensor:
    """A (n, q, ...cells) times B (q, m, ...cells)."""
    total = A[:, :1] * B[:1]
    for k in range(1, B.shape[0]):
        total = total + A[:, k : k + 1] * B[k : k + 1]
    return total


def solve(A: Tensor, B: Tensor) -> Tensor:
    """X (n, m, ...cells) with A X = B; A (n, n, ...cells), B (n, m, ...cells).

    Up to LARGEST_ELIMINATED unknowns by Gauss-Jordan elimination without pivoting, which torch.compile fuses and
    which needs none where every column's diagonal dominates; beyond, LU factors with pivoting. A singular matrix
    gives infinities or NaN, never an error.
    """
    n = A.shape[0]
    if n > LARGEST_ELIMINATED:
        cells = A.shape[2:]
        left, right = (x.reshape(*x.shape[:2], -1).permute(2, 0, 1) for x in (A, B))
        lu, pivots, _ = torch.linalg.lu_factor_ex(left)
        return torch.linalg.lu_solve(lu, pivots, right).permute(1, 2, 0).reshape(*B.shape[:2], *cells)
    M = torch.cat([A, B], dim=1)
    for k in range(n):
        own = (torch.arange(n, device=A.device) == k).reshape(n, *(1 for _ in M.shape[1:]))
        row = M[k, 1:] / M[k, 0]
        M = torch.where(own, row, M[:, 1:] - M[:, :1] * row)
    return M
