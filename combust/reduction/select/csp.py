"""Computational singular perturbation (CSP) at many states: exhausted modes, pointers, importance of reactions.

With z = (T, Y) at constant enthalpy and pressure and dz/dt = g(z), the Jacobian has right eigenvectors a_r (columns),
left ones b^r (rows of the inverse), eigenvalues lambda_r and time scales tau_r = 1/|lambda_r|, fastest first; f^r =
b^r . g is the amplitude of a mode. S. H. Lam, D. A. Goussis, Int. J. Chem. Kinet. 26 (1994) 461
(doi:10.1002/kin.550260408); M. Valorani et al., Combust. Flame 146 (2006) 29 (doi:10.1016/j.combustflame.2006.03.011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust.errors import MechanismError
from combust.kinetics.integrate.systems import Fixed, rate
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import column, cp_mass, h_mass

RTOL, ATOL = 1e-3, 1e-10  # change of z that a mode may still cause and count as exhausted; ATOL of mass fractions


class Modes(NamedTuple):
    """Modes of every state, fastest first; complex ones come in adjacent pairs."""

    eigenvalues: Tensor  # (states, 1 + species) 1/s, complex
    right: Tensor  # (states, 1 + species, modes) complex: columns a_r
    left: Tensor  # (states, modes, 1 + species) complex: rows b^r
    amplitudes: Tensor  # (states, modes) complex
    exhausted: Tensor  # (states,) number M of exhausted modes

    @property
    def fast(self) -> Tensor:
        """Projection on the exhausted modes, sum_{r <= M} a_r b^r: (states, 1 + species, 1 + species)."""
        modes = torch.arange(self.eigenvalues.shape[1], device=self.eigenvalues.device)
        chosen = (modes < self.exhausted.unsqueeze(1)).to(self.right.dtype)
        return ((self.right * chosen.unsqueeze(1)) @ self.left).real


def modes(gas: Mechanism, T: Any, p: Any, Y: Any, rtol: float = RTOL, atol: float = ATOL) -> Modes:
    """Modes at states T, p (states,) and Y (species, states).

    M is the largest number for which all modes up to M decay and |tau_{M+1} sum_{r <= M} a_r f^r| is at most
    rtol |z| + atol; no complex pair is split.
    """
    T, p, Y = gas.check_state(T, p, Y)
    z = torch.cat([T.unsqueeze(0), Y])
    g = rate(gas.kinetics, "hp", z, torch.zeros_like(z), Fixed(p)).T
    values, right = torch.linalg.eig(gas.jacobian(T, p, Y).permute(2, 0, 1))
    order = torch.sort(values.abs(), dim=1, descending=True, stable=True).indices
    values = values.gather(1, order)
    right = right.gather(2, order.unsqueeze(1).expand_as(right))
    left = torch.linalg.inv(right)
    f = (left @ g.to(left.dtype).unsqueeze(-1)).squeeze(-1)
    return Modes(values, right, left, f, _exhausted(values, right, f, z.T, rtol, atol))


def _exhausted(values: Tensor, right: Tensor, f: Tensor, z: Tensor, rtol: float, atol: float) -> Tensor:
    moved = torch.cumsum(right * f.unsqueeze(1), dim=2).real[..., :-1]  # by the modes up to each but the last
    tau = 1.0 / values[:, 1:].abs().clamp_min(1e-300)
    allowed = rtol * z.abs() + atol
    still = ((moved * tau.unsqueeze(1)).abs() <= allowed.unsqueeze(2)).all(1)
    decays = (values[:, :-1].real < 0).to(torch.int8).cumprod(1).bool()
    splits = (values[:, :-1].imag != 0) & (values[:, :-1].conj() == values[:, 1:])
    second = torch.zeros_like(splits)
    for r in range(splits.shape[1]):  # of a run of pairs only the first of each opens one
        splits[:, r] &= ~second[:, r]
        if r + 1 < splits.shape[1]:
            second[:, r + 1] = splits[:, r]
    counts = torch.arange(1, values.shape[1], device=values.device)
    return torch.where(still & decays & ~splits, counts, 0).amax(1)


def pointers(gas: Mechanism, T: Any, p: Any, Y: Any, rtol: float = RTOL, atol: float = ATOL) -> Tensor:
    """CSP pointer Q_i = sum_{r <= M} a_r,i b^r_i of every species, (species, states); near one: set by fast modes."""
    fast = modes(gas, T, p, Y, rtol, atol).fast
    return torch.diagonal(fast, dim1=1, dim2=2)[:, 1:].T


def importance(
    gas: Mechanism, T: Any, p: Any, Y: Any, species: Sequence[int] | None = None, rtol: float = RTOL, atol: float = ATOL
) -> Tensor:
    """Slow importance index of every reaction (reactions,), the largest over states, species (rows; all) and T.

    I_k^i = |(P S_k)_i R_k| / sum_j |(P S_j)_i R_j| with the slow projection P = 1 - sum_{r <= M} a_r b^r, S_k what
    reaction k adds to z per net rate R_k (Valorani et al. 2006). Raises MechanismError with QSS species.
    """
    if gas.qss:
        raise MechanismError(f"{gas.path}: importance of reactions: not with species in quasi-steady state")
    T, p, Y = gas.check_state(T, p, Y)
    slow = torch.eye(1 + Y.shape[0], dtype=Y.dtype, device=Y.device) - modes(gas, T, p, Y, rtol, atol).fast
    rows = [0, *(1 + k for k in (range(Y.shape[0]) if species is None else species))]
    vectors = _per_rate(gas, T, p, Y)
    forward, reverse = gas.rates_of_progress(T, p, Y)
    effect = ((slow[:, rows] @ vectors) * (forward - reverse).T.unsqueeze(1)).abs()  # (states, rows, reactions)
    total = effect.sum(2, keepdim=True)
    return (effect / total.clamp_min(1e-300)).amax((0, 1))


def _per_rate(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> Tensor:
    """S_k (states, 1 + species, reactions): change of z per kmol/m3 of each reaction."""
    solution = gas.cantera(transport=False)
    net = torch.tensor(solution.product_stoich_coeffs - solution.reactant_stoich_coeffs, device=gas.device)
    mass = (column(gas.molar_mass, T) / gas.density(T, p, Y)).T.unsqueeze(2) * net
    cp = (Y * cp_mass(gas.thermo, T)).sum(0)
    heat = -(h_mass(gas.thermo, T) / cp).T.unsqueeze(1) @ mass
    return torch.cat([heat, mass], dim=1)
