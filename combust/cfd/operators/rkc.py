"""Runge-Kutta-Chebyshev coefficients: explicit, second order, stable for stiff diffusion.

Sommeijer, Shampine, Verwer, J. Comput. Appl. Math. 88 (1998) 315. doi:10.1016/S0377-0427(97)00219-7
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch

from combust.errors import DivergenceError

DAMPING = 2.0 / 13.0
SAFETY = 1.1  # on the estimate of the spectral radius
ORDINARY = "1e-5 to 1e-2"  # m2/s, from cold air to hydrogen atoms in a flame


def stages_for(dt_lambda: float) -> int:
    """Stages s whose real stability interval 2/3 (s^2 - 1)(1 - 2 eps/15) covers dt times the spectral radius."""
    return max(2, math.ceil(math.sqrt(1.0 + 1.54 * max(dt_lambda, 0.0))))


def longest(stages: int) -> float:
    """The largest spectral radius times dt that so many stages bear."""
    return (stages**2 - 1.0) / (1.54 * SAFETY)


def stages_within(most: int, radius: float, dt: float, what: str, value: float, models: str = "") -> int:
    """Stages for a step dt [s] at spectral radius `radius` [1/s], which comes from `what` of `value` [m2/s].

    models : what adds to that of the gas, in the words of a case

    Raises DivergenceError where they are more than `most`, or no number.
    """
    reach = SAFETY * radius * dt
    if not math.isfinite(reach):
        raise DivergenceError(
            f"diffusion over dt = {dt:.3e} s: the largest {what} is {value:.3g} m2/s: the solution was lost; shorten "
            "the time step (numerics.cfl, numerics.dt_max)"
        )
    stages = stages_for(reach)
    if not stages <= most:
        added, check = (f", with {models}", f"{models}, ") if models else ("", "")
        raise DivergenceError(
            f"diffusion over dt = {dt:.3e} s needs {stages} Runge-Kutta-Chebyshev stages, allowed are {most}: the "
            f"largest {what} is {value:.3g} m2/s{added}, while that of gases at 1 atm is {ORDINARY}. If it is meant, "
            f"set numerics.dt_max to at most {longest(most) / radius:.2g} s or coarsen the grid; if not, check {check}"
            "gas.transport, gas.pressure and the temperatures"
        )
    return stages


@lru_cache(maxsize=256)
def times(stages: int) -> tuple[float, ...]:
    """Shares of the step after which stages 1..s stand: where values that are given change with time. The last is 1."""
    found = [0.0]
    for mu, nu, mt, gt in (row.tolist() for row in coefficients(stages)):
        found.append(mu * found[-1] + (nu * found[-2] if nu else 0.0) + mt + gt)
    return (*found[1:-1], 1.0)


@lru_cache(maxsize=256)
def times_on(stages: int, device: str) -> torch.Tensor:
    """`times` as a tensor there."""
    return torch.tensor(times(stages), dtype=torch.float64, device=device)


@lru_cache(maxsize=256)
def weights(stages: int, device: str = "cpu") -> torch.Tensor:
    """Shares (stages, 1) of the rates F_0 .. F_{s-1} in the mean rate over the step, which sum to one."""
    before, found = torch.zeros(stages, dtype=torch.float64), torch.zeros(stages, dtype=torch.float64)
    for j, (mu, nu, mt, gt) in enumerate(row.tolist() for row in coefficients(stages)):
        new = mu * found + nu * before
        new[0] += gt
        new[j] += mt
        before, found = found, new
    return found.unsqueeze(1).to(device)


@lru_cache(maxsize=256)
def coefficients(stages: int, device: str = "cpu") -> tuple[torch.Tensor, ...]:
    """Rows (mu, nu, mu_tilde, gamma_tilde) for stages 1..s; stage 1 uses mu_tilde alone.

    Y_1 = Y_0 + mt_1 dt F_0
    Y_j = (1 - mu - nu) Y_0 + mu Y_{j-1} + nu Y_{j-2} + mt dt F_{j-1} + gt dt F_0
    """
    s = stages
    w0 = 1.0 + DAMPING / s**2
    T, dT, d2T = [1.0, w0], [0.0, 1.0], [0.0, 0.0]
    for _ in range(2, s + 1):
        T.append(2 * w0 * T[-1] - T[-2])
        dT.append(2 * T[-2] + 2 * w0 * dT[-1] - dT[-2])
        d2T.append(4 * dT[-2] + 2 * w0 * d2T[-1] - d2T[-2])
    w1 = dT[s] / d2T[s]
    b = [0.0] * (s + 1)
    for j in range(2, s + 1):
        b[j] = d2T[j] / dT[j] ** 2
    b[0] = b[1] = b[2]
    a = [1.0 - b[j] * T[j] for j in range(s + 1)]
    rows = [(0.0, 0.0, b[1] * w1, 0.0)]
    for j in range(2, s + 1):
        mu, nu = 2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2]
        mt = 2 * b[j] * w1 / b[j - 1]
        rows.append((mu, nu, mt, -a[j - 1] * mt))
    return tuple(torch.tensor(row, dtype=torch.float64, device=device) for row in rows)
