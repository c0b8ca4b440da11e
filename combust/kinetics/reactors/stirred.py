"""Reactors of given temperature and pressure: stirred, as jet-stirred reactors are taken to be, and plug flow.

    stirred    0     = Y_in - Y + tau W omega / rho
    plug flow  dY/dt = W omega / rho    until t = tau, from Y_in

The stirred reactor is marched in time from its inflow, by scipy's BDF with the analytic Jacobian, and ended by Newton's
iteration: of several steady states it finds the one that a reactor filled with fresh gas reaches, as an experiment
that heats up step by step does. The adiabatic reactor and its extinction are in `combust.kinetics.reactors.psr`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from combust.errors import DivergenceError, StateError
from combust.kinetics.gas import data_range
from combust.kinetics.integrate import jacobian
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism import states
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.qss import with_tolerance

RTOL, ATOL = 1e-7, 1e-13  # of the march, ATOL in mass fractions
MARCHES = (20.0, 200.0, 2000.0)  # residence times after which Newton's iteration is tried
NEWTON_ITERATIONS, NEWTON_TOLERANCE = 12, 1e-12
NEAR = 1e-3  # mass fraction that Newton's iteration may change of what the march found


class Isothermal:
    """dY/dt of one reactor with its Jacobian, from our own rates."""

    def __init__(self, gas: Mechanism, T: float, p: float, Y: Any, tau: float) -> None:
        """tau [s]: residence time; infinite for plug flow. Raises StateError for states that cannot be."""
        if not tau > 0:
            raise StateError(f"residence time {tau} s: must be > 0")
        T_in, p_in, self.Y_in = gas.check_state(float(T), float(p), Y)
        low, high = gas.T_range
        if not low <= T <= high:
            raise StateError(f"reactor: temperature {T:g} K is outside the mechanism's {low:g} to {high:g} K")
        data_range.warn(gas, "reactor", T_in, self.Y_in)
        self.gas, self.T, self.p, self.tau = gas, T_in.reshape(1), float(p), tau
        self.fixed = Fixed(p_in.reshape(1))
        self.kinetics = with_tolerance(gas.kinetics, ATOL)
        self.start = self.Y_in.cpu().numpy()

    def __repr__(self) -> str:
        return f"reactor at {float(self.T):g} K, {self.p:g} Pa"

    def rate(self, _: float, Y: np.ndarray) -> np.ndarray:
        """dY/dt (species,) 1/s."""
        found = jacobian.rates(self.kinetics, "hp", self._state(Y), self.fixed)[1:, 0].cpu().numpy()
        return np.asarray(found + (self.start - Y) / self.tau)

    def jacobian(self, _: float, Y: np.ndarray) -> np.ndarray:
        """d(dY/dt)/dY (species, species)."""
        found = jacobian.linearise(self.kinetics, "hp", self._state(Y), self.fixed)[1]
        return np.asarray(found[1:, 1:, 0].cpu().numpy() - np.eye(Y.size) / self.tau)

    def _state(self, Y: np.ndarray) -> Tensor:
        return torch.cat([self.T, torch.as_tensor(Y, device=self.gas.device)]).unsqueeze(1)

    def march(self, Y: np.ndarray, time: float) -> np.ndarray:
        """Y after `time` [s]. Raises DivergenceError."""
        found = solve_ivp(self.rate, (0.0, time), Y, method="BDF", jac=self.jacobian, rtol=RTOL, atol=ATOL)
        if not found.success or not np.isfinite(found.y[:, -1]).all():
            raise DivergenceError(f"{self}: integration over {time:g} s failed: {found.message}")
        return np.asarray(found.y[:, -1])

    def steady(self, Y: np.ndarray) -> np.ndarray | None:
        """The stable steady state close to Y, by Newton's iteration; None if there is none."""
        new = Y
        for _ in range(NEWTON_ITERATIONS):
            try:
                step = np.linalg.solve(self.jacobian(0.0, new), -self.rate(0.0, new))
            except np.linalg.LinAlgError:
                return None
            new = new + step
            if not (np.isfinite(new).all() and np.abs(new - Y).max() <= NEAR):
                return None
            if np.abs(step).max() <= NEWTON_TOLERANCE:
                # Unburnt gas above its explosion limit is steady, too, until the radicals have grown.
                return new if np.linalg.eigvals(self.jacobian(0.0, new)).real.max() < 0 else None
        return None


def stirred(gas: Mechanism, T: float, p: float, Y: Any, tau: float) -> Tensor:
    """Mass fractions (species,) in a perfectly stirred reactor held at T [K], p [Pa]; inflow Y (species,), tau [s].

    tau : mass in the reactor over mass flow. Raises StateError for a state that cannot be, DivergenceError where the
    reactor does not come to rest within 2000 residence times (it may oscillate).
    """
    reactor = Isothermal(gas, T, p, Y, tau)
    now, spent = reactor.start, 0.0
    for marches in MARCHES:
        now, spent = reactor.march(now, (marches - spent) * tau), marches
        found = reactor.steady(now)
        if found is not None:
            return states.tensor(gas, found)
    raise DivergenceError(
        f"{reactor}: not at rest after {MARCHES[-1]:g} residence times of {tau:g} s: it may oscillate"
    )


def plug_flow(gas: Mechanism, T: float, p: float, Y: Any, tau: float) -> Tensor:
    """Mass fractions (species,) after tau [s] in plug flow held at T [K], p [Pa], from Y (species,).

    Raises StateError for a state that cannot be, DivergenceError where the integration fails.
    """
    if not (tau > 0 and math.isfinite(tau)):
        raise StateError(f"residence time {tau} s: must be > 0 and finite")
    reactor = Isothermal(gas, T, p, Y, math.inf)
    return states.tensor(gas, reactor.march(reactor.start, tau))
