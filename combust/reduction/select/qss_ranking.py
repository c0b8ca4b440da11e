"""Which species are most like a quasi-steady state: three criteria over sampled states.

All give zero for a perfect steady state. Balance and lifetime are the worst over the states that matter; CSP is the
mean over them, as in almost every mechanism some state leaves any species to the slow modes.

| criterion  | value of species i                                                                              |
|------------|-------------------------------------------------------------------------------------------------|
| "balance"  | abs(P - C) / max(P, C); P, C from net rates of reactions                                        |
| "csp"      | 1 - Q_i, with the CSP pointer Q_i                                                               |
| "lifetime" | S_i tau_i / tau: lifetime 1/abs(J_ii) over the time T / abs(dT/dt) of heat release, times S_i   |

S_i = max(P_i, C_i) / max_j max(P_j, C_j), the share of the largest flux that goes through the species, stands for the
sensitivity in the level of importance (T. Lovas, D. Nilsson, F. Mauss, Proc. Combust. Inst. 28 (2000) 1809,
doi:10.1016/S0082-0784(00)80583-2): S_i tau_i / tau is what storing the species adds to the largest flux.

No criterion knows what matters to the user: accept a set by the errors of what is computed with it.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from combust.errors import ConfigError, MechanismError
from combust.kinetics.integrate.systems import Fixed, rate
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.select import csp

Criterion = Literal["balance", "csp", "lifetime"]
CRITERIA: tuple[Criterion, ...] = ("balance", "csp", "lifetime")
MATTERS = 1e-3  # of its largest over the states: a rate below it does not matter


def rank(gas: Mechanism, T: Any, p: Any, Y: Any, criterion: Criterion = "balance") -> list[tuple[str, float]]:
    """Species that react with their values, most like a quasi-steady state first.

    States: T, p (states,), Y (species, states). Raises ConfigError for an unknown
    criterion, MechanismError for a mechanism that has QSS species already.
    """
    if criterion not in CRITERIA:
        raise ConfigError(f'QSS criterion "{criterion}"; allowed: {", ".join(CRITERIA)}')
    if gas.qss:
        raise MechanismError(f"{gas.path}: QSS species are ranked in a mechanism that has none yet")
    T, p, Y = gas.check_state(T, p, Y)
    P, C = production_and_consumption(gas, T, p, Y)
    gross = torch.maximum(P, C)
    if criterion == "balance":
        worst = balance(P, C)
    else:
        heat = _heating(gas, T, p, Y)
        matters = heat >= MATTERS * heat.amax()
        T, p, Y, gross, heat = T[matters], p[matters], Y[:, matters], gross[:, matters], heat[matters]
        worst = _lifetime(gas, T, p, Y, gross, heat) if criterion == "lifetime" else _csp(gas, T, p, Y)
    reacts = (gross.amax(1) > 0).tolist()
    values = [(name, x) for name, x, r in zip(gas.species, worst.tolist(), reacts, strict=True) if r]
    return sorted(values, key=lambda item: item[1])


def production_and_consumption(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """P and C (species, states) kmol/m3/s: what reactions with a positive and a negative net effect add up to."""
    solution = gas.cantera(transport=False)
    net = torch.tensor(solution.product_stoich_coeffs - solution.reactant_stoich_coeffs, device=gas.device)
    forward, reverse = gas.rates_of_progress(T, p, Y)
    q = forward - reverse
    up, down = q.clamp_min(0.0), (-q).clamp_min(0.0)
    gains, losses = net.clamp_min(0.0), (-net).clamp_min(0.0)
    return gains @ up + losses @ down, losses @ up + gains @ down


def balance(P: Tensor, C: Tensor) -> Tensor:
    """Largest |P - C| / max(P, C) (species,) over the states where max(P, C) matters."""
    gross = torch.maximum(P, C)
    matters = gross >= MATTERS * gross.amax(1, keepdim=True)
    ratio = (P - C).abs() / gross.clamp_min(1e-300)
    return torch.where(matters, ratio, 0.0).amax(1)


def _csp(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> Tensor:
    return (1.0 - csp.pointers(gas, T, p, Y)).mean(1)


def _lifetime(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor, gross: Tensor, heat: Tensor) -> Tensor:
    J = gas.jacobian(T, p, Y)
    lifetime = 1.0 / torch.diagonal(J)[:, 1:].T.abs().clamp_min(1e-300)
    return (gross / gross.amax(0) * lifetime * heat).amax(1)


def _heating(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> Tensor:
    """|dT/dt| / T (states,) 1/s at constant enthalpy and pressure."""
    z = torch.cat([T.unsqueeze(0), Y])
    return rate(gas.kinetics, "hp", z, torch.zeros_like(z), Fixed(p))[0].abs() / T
