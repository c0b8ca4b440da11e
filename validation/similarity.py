"""The similarity equations of flow between opposed jets, and what flames are compared by."""

from __future__ import annotations

from functools import lru_cache

import cantera as ct
import numpy as np
from scipy.integrate import solve_bvp

from combust.kinetics.flames.counterflow import CounterflowProfile
from combust.kinetics.mechanism.mechanism import Mechanism


@lru_cache
def gas_of(mechanism: str) -> Mechanism:
    """Reads a mechanism once."""
    return Mechanism.load(mechanism)


def density(gas: Mechanism, T: float, p: float, X: str) -> float:
    """kg/m3, of a jet."""
    return float(gas.density(T, p, gas.composition(X)))


def flow(
    x: np.ndarray, rho: np.ndarray, mu: np.ndarray, speeds: tuple[float, float], planar: bool
) -> tuple[np.ndarray, np.ndarray]:
    """u [m/s] and V = v/y [1/s] at x [m] between plug flows, where density and viscosity are known there.

    (rho u)' = -m rho V with m = 2 around an axis and 1 in a plane; rho u V' + rho V^2 = (mu V')' - Lambda with one
    unknown Lambda; V = 0 at both ends of the domain, where u is speeds[0] and -speeds[1]. K. Seshadri, F. A. Williams,
    Int. J. Heat Mass Transfer 21 (1978) 251, 10.1016/0017-9310(78)90230-2; the pressure is p0 + Lambda y^2/2.
    """
    width = float(x[0] + x[-1])  # cells of equal width: their centres lie as far from both ends
    m = 1.0 if planar else 2.0

    def right(s: np.ndarray, y: np.ndarray, free: np.ndarray) -> np.ndarray:
        r, viscosity = np.interp(s, x, rho), np.interp(s, x, mu)
        f, V, stress = y
        return np.array([-m * r * V, stress / viscosity, f * stress / viscosity + r * V**2 + free[0]])

    def ends(a: np.ndarray, b: np.ndarray, free: np.ndarray) -> np.ndarray:
        return np.array([a[0] - rho[0] * speeds[0], b[0] + rho[-1] * speeds[1], a[1], b[1]])

    s = np.linspace(0, width, 201)
    strain = (speeds[0] + speeds[1]) / width
    guess = np.array([rho[0] * speeds[0] + (-rho[-1] * speeds[1] - rho[0] * speeds[0]) * s / width,
                      strain / m * np.sin(np.pi * s / width), 0 * s])  # fmt: skip
    found = solve_bvp(right, ends, s, guess, p=[-float(rho[-1]) * (strain / m) ** 2], tol=1e-4, max_nodes=20000)
    if not found.success:
        raise RuntimeError(f"similarity equations: {found.message}")
    f, V, _ = found.sol(x)
    return f / rho, V


def stoichiometric(mechanism: str, fuel: str, oxidizer: str) -> float:
    """Bilger's mixture fraction of the stoichiometric mixture."""
    solution = gas_of(mechanism).cantera(transport=False)
    return 1 / (1 + float(solution.stoich_air_fuel_ratio(fuel, oxidizer)))


def dissipation(mechanism: str, flame: CounterflowProfile, Z: float) -> float:
    """2 D |dZ/dx|^2 [1/s] where the mixture fraction is Z, D = lambda/(rho cp)."""
    solution = gas_of(mechanism).cantera()
    solution.transport_model = "mixture-averaged"
    states = ct.SolutionArray(solution, len(flame.x))
    states.TPY = flame.T, flame.pressure, flame.Y.T
    D = states.thermal_conductivity / (states.density_mass * states.cp_mass)
    slope = np.gradient(flame.mixture_fraction, flame.x)
    return at(Z, flame.mixture_fraction, 2 * D * slope**2)


def at(Z: float, mixture_fraction: np.ndarray, values: np.ndarray) -> float:
    """A value where the mixture fraction, which falls along x, is Z."""
    return float(np.interp(-Z, -np.asarray(mixture_fraction), np.asarray(values)))


def place(x: np.ndarray, T: np.ndarray, cold: float) -> tuple[float, float]:
    """Middle and width [m] of where T is beyond half of its rise above `cold` [K]."""
    level, hot = 0.5 * (cold + T.max()), np.flatnonzero(T > 0.5 * (cold + T.max()))
    a, b = hot[0], hot[-1]
    low = np.interp(level, T[a - 1 : a + 1], x[a - 1 : a + 1])
    high = np.interp(-level, -T[b : b + 2], x[b : b + 2])
    return float(0.5 * (low + high)), float(high - low)
