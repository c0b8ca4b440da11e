"""Perfectly stirred reactor: steady, adiabatic, at constant pressure; its burning branch and where that ends.

Unknowns z = (Y, T / T_REF, ln tau) with the residence time tau; the inflow has (T_in, Y_in):

    0 = Y_in - Y + tau W omega / rho
    0 = h_in - h(T, Y)

The burning branch begins at equilibrium (long tau) and turns back at the extinction point, the smallest tau. It is
followed by pseudo-arclength continuation (Keller 1977; for reactors see Kee et al. 2003, doi 10.1002/0471461296):
predictor along the tangent, Newton corrector with the analytic Jacobian, the turning point by a bracketed secant on
d(ln tau)/ds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cantera as ct
import torch
from torch import Tensor

from combust.errors import DivergenceError, StateError
from combust.kinetics.gas import data_range
from combust.kinetics.integrate.jacobian import linearise
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import h_and_cp_mass

T_REF = 1000.0  # K
LN_TAU_WEIGHT = 0.1  # of ln tau in the arc length; mass fractions and T / T_REF count fully
STEP = (0.01, 1e-7, 0.05)  # of arc length: first, least, greatest
NEWTON_TOLERANCE = 1e-10  # greatest change of an unknown
NEWTON_ITERATIONS = 12
EASY, HARD = 3, 6  # Newton iterations below which a step grows, above which it shrinks
MAX_STEPS = 1000
STARTS = (1.0, 0.1, 10.0, 0.01, 100.0)  # s, tried in this order
LEAST_RISE = 50.0  # K between inflow and equilibrium, below which nothing burns
LEAST_TAU = 1e-12  # s


@dataclass(frozen=True)
class ReactorState:
    """A steady state of the reactor."""

    tau: float  # s
    T: float  # K
    Y: Tensor  # (species,)


@dataclass(frozen=True)
class Extinction(ReactorState):
    """The turning point of the burning branch, and the branch up to it from long residence times."""

    curve_tau: Tensor  # (points,) s, falling
    curve_T: Tensor  # (points,) K
    curve_Y: Tensor  # (species, points)


def extinction(gas: Mechanism, T: float, p: float, Y: Any) -> Extinction:
    """Shortest residence time at which the reactor burns; inflow T [K], p [Pa], Y (species,).

    The turning point is found to better than 1e-6 relative in tau. Raises StateError for an unphysical inflow,
    DivergenceError when no burning branch is found or the branch does not turn.
    """
    return follow(Reactor(gas, T, p, Y))


def follow(reactor: SteadyReactor, first: Tensor | None = None) -> Extinction:
    """The turning point of a reactor's branch, followed from a steady state `first`, or else from equilibrium.

    Raises DivergenceError when no burning branch is found or the branch does not turn.
    """
    passed: list[Point] = []
    for point in branch(reactor, first):
        if passed and point.tangent[-1] > 0:
            fold = turning_point(reactor, passed[-1], point)
            states = [reactor.state(q.z) for q in (*passed, fold)]
            tau, temperature = torch.tensor([(q.tau, q.T) for q in states], dtype=torch.float64).unbind(1)
            curve_Y = torch.stack([q.Y for q in states], 1)
            return Extinction(states[-1].tau, states[-1].T, states[-1].Y, tau, temperature, curve_Y)
        passed.append(point)
    raise DivergenceError(
        f"{reactor}: the burning branch reaches {math.exp(float(passed[-1].z[-1])):.3g} s at "
        f"{float(passed[-1].z[-2]) * T_REF:.0f} K without turning back, so there is no extinction: the inflow is too "
        "hot or too reactive"
    )


def psr(gas: Mechanism, T: float, p: float, Y: Any, tau: float) -> ReactorState:
    """Burning steady state at residence time tau [s]; inflow T [K], p [Pa], Y (species,).

    Raises StateError for an unphysical inflow or tau, DivergenceError when the reactor does not burn at tau.
    """
    if not (math.isfinite(tau) and tau > 0):
        raise StateError(f"residence time {tau} s: must be finite and > 0")
    return steady(Reactor(gas, T, p, Y), tau)


def steady(reactor: SteadyReactor, tau: float) -> ReactorState:
    """Burning steady state of a reactor at residence time tau [s]. Raises DivergenceError where it does not burn."""
    target = math.log(tau)
    first = start(reactor)
    if target >= float(first[-1]):
        found = correct(reactor, at_tau(first, target), tau_row(first), target)
        if found is not None and reactor.burns(found[0]):
            return reactor.state(found[0])
        raise DivergenceError(f"{reactor}: Newton's iteration failed at residence time {tau:g} s")
    last = None
    for point in branch(reactor):
        turned = point.tangent[-1] > 0
        if last is not None and turned:
            point = turning_point(reactor, last, point)
        if last is not None and point.z[-1] <= target:
            # ln tau is a parabola of the arc length that is left to the turning point, else nearly a line.
            share = float((target - point.z[-1]) / (last.z[-1] - point.z[-1])) ** (0.5 if turned else 1.0)
            found = correct(reactor, at_tau(point.z + share * (last.z - point.z), target), tau_row(first), target)
            if found is not None:
                return reactor.state(found[0])
        last = point
        if turned:
            break
    shortest = math.exp(float(last.z[-1])) if last is not None else math.nan
    raise DivergenceError(f"{reactor}: does not burn at residence time {tau:g} s; its branch ends at {shortest:.5g} s")


class SteadyReactor(Protocol):
    """What the continuation asks of a reactor; z (species + 2,) on the CPU or the mechanism's device."""

    T_in: float  # K

    def state(self, z: Tensor) -> ReactorState: ...
    def equilibrium(self) -> Tensor: ...
    def burns(self, z: Tensor) -> bool: ...
    def residual(self, z: Tensor) -> tuple[Tensor, Tensor]: ...


class StirredReactor:
    """What the reactors share: z as a state, and whether it burns."""

    T_in: float
    p: float

    def __repr__(self) -> str:
        return f"stirred reactor with inflow at {self.T_in:g} K, {self.p:g} Pa"

    def state(self, z: Tensor) -> ReactorState:
        """z as residence time, temperature and composition."""
        return ReactorState(float(z[-1].exp()), float(z[-2]) * T_REF, z[:-2].clone())

    def burns(self, z: Tensor) -> bool:
        """Whether z is finite and hotter than the inflow."""
        return bool(torch.isfinite(z).all()) and float(z[-2]) * T_REF > self.T_in + LEAST_RISE

    def burnt(self, solution: ct.Solution) -> list[float]:
        """[Y, T / T_REF] of the inflow in `solution` after equilibrium. Raises DivergenceError if it stays cold."""
        solution.equilibrate("HP")
        if solution.T - self.T_in < LEAST_RISE:
            raise DivergenceError(
                f"{self}: no burning branch: equilibrium is at {solution.T:.0f} K; check fuel, oxidizer and mixture"
            )
        return [*solution.Y, solution.T / T_REF]


class Reactor(StirredReactor):
    """StirredReactor, and the residuals of the steady state with their Jacobian, from our own rates."""

    def __init__(self, gas: Mechanism, T: float, p: float, Y: Any) -> None:
        inflow_T, inflow_p, self.Y_in = gas.check_state(float(T), float(p), Y)
        if self.Y_in.ndim != 1:
            raise StateError(f"inflow Y has shape {tuple(self.Y_in.shape)}: one composition (species,) is needed")
        self.gas, self.T_in, self.p = gas, float(inflow_T), float(inflow_p)
        data_range.warn(gas, "inflow of the reactor", inflow_T, self.Y_in)
        self.fixed = Fixed(inflow_p.reshape(1))
        self.h_in = float(gas.enthalpy(T, self.Y_in))
        self.scale = float(gas.cp(T, self.Y_in)) * T_REF

    def equilibrium(self) -> Tensor:
        """(Y, T / T_REF) of the inflow burnt at constant enthalpy and pressure."""
        solution = self.gas.cantera(transport=False)
        solution.TPY = self.T_in, self.p, self.Y_in.cpu().numpy()
        return torch.tensor(self.burnt(solution), dtype=torch.float64, device=self.gas.device)

    def residual(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (species + 1,) and their Jacobian (species + 1, species + 2)."""
        Y, tau = z[:-2], z[-1].exp()
        state = torch.cat([z[-2:-1] * T_REF, Y]).unsqueeze(1)
        chemical, jacobian = linearise(self.gas.kinetics, "hp", state, self.fixed)
        f, f_TY = chemical[:, 0], jacobian[1:, :, 0]
        h, heats = h_and_cp_mass(self.gas.thermo, state[0, 0])
        cp = (Y * heats).sum().reshape(1)
        R = torch.cat([self.Y_in - Y + tau * f, ((self.h_in - (Y * h).sum()) / self.scale).reshape(1)])
        species = torch.cat([tau * f_TY[:, 1:], T_REF * tau * f_TY[:, :1], (tau * f).unsqueeze(1)], dim=1)
        species.diagonal().sub_(1.0)
        energy = torch.cat([-h / self.scale, -cp * T_REF / self.scale, torch.zeros_like(cp)])
        return R, torch.cat([species, energy.unsqueeze(0)])


@dataclass(frozen=True)
class Point:
    """A point of a branch with its unit tangent, which points along the direction of travel."""

    z: Tensor
    tangent: Tensor
    iterations: int = 0


def weights(z: Tensor) -> Tensor:
    """Squared weights of the unknowns in the arc length."""
    found = torch.ones_like(z)
    found[-1] = LN_TAU_WEIGHT**2
    return found


def tau_row(z: Tensor) -> Tensor:
    """The condition that fixes ln tau."""
    row = torch.zeros_like(z)
    row[-1] = 1.0
    return row


def at_tau(z: Tensor, ln_tau: float) -> Tensor:
    return torch.cat([z[:-1], torch.full_like(z[-1:], ln_tau)])


def correct(reactor: SteadyReactor, z: Tensor, row: Tensor, value: float | Tensor) -> tuple[Tensor, Tensor, int] | None:
    """Newton's iteration to residual = 0 and row . z = value: z, the last Jacobian, iterations; None if it fails."""
    for iteration in range(1, NEWTON_ITERATIONS + 1):
        R, J = reactor.residual(z)
        matrix = torch.cat([J, row.unsqueeze(0)])
        dz, info = torch.linalg.solve_ex(matrix, -torch.cat([R, (row @ z - value).reshape(1)]))
        if int(info) or not bool(torch.isfinite(dz).all()):
            return None
        # Far steps would leave the range of the thermodynamic data or the basin of the burning state.
        z = z + dz * min(1.0, 0.3 / max(float(dz[:-1].abs().max()), 1e-300))
        if not reactor.burns(z):
            return None
        if float(dz.abs().max()) < NEWTON_TOLERANCE:
            return z, J, iteration
    return None


def start(reactor: SteadyReactor) -> Tensor:
    """A burning state at a long residence time. Raises DivergenceError if there is none."""
    burnt = reactor.equilibrium()
    rise = float(burnt[-1]) * T_REF - reactor.T_in
    for tau in STARTS:
        guess = torch.cat([burnt, torch.full_like(burnt[:1], math.log(tau))])
        found = correct(reactor, guess, tau_row(guess), math.log(tau))
        # The middle, unstable branch is far colder than equilibrium at these residence times.
        if found is not None and float(found[0][-2]) * T_REF > reactor.T_in + 0.3 * rise:
            return found[0]
    raise DivergenceError(
        f"{reactor}: no burning branch: Newton's iteration from equilibrium failed at residence times "
        f"{', '.join(f'{tau:g}' for tau in STARTS)} s; is the mixture flammable with this mechanism?"
    )


def tangent(J: Tensor, before: Tensor) -> Tensor:
    """Unit tangent of the branch on the side of `before`."""
    D = weights(before)
    right = torch.zeros_like(before)
    right[-1] = 1.0
    found = torch.linalg.solve(torch.cat([J, (D * before).unsqueeze(0)]), right)
    return found / (D * found * found).sum().sqrt()


def advance(reactor: SteadyReactor, point: Point, step: float) -> Point | None:
    """The point of the branch `step` along the tangent of `point`; None if Newton's iteration fails."""
    row = weights(point.z) * point.tangent
    found = correct(reactor, point.z + step * point.tangent, row, row @ point.z + step)
    if found is None:
        return None
    z, J, iterations = found
    return Point(z, tangent(J, point.tangent), iterations)


def branch(reactor: SteadyReactor, first: Tensor | None = None) -> Iterator[Point]:
    """Points of the burning branch towards short residence times, and round its turning point.

    Begins at the steady state `first`, or else near equilibrium. Ends where the reactor no longer burns or tau is
    below any that matters. Raises DivergenceError when the step becomes too small.
    """
    z = start(reactor) if first is None else first
    _, J = reactor.residual(z)
    point = Point(z, tangent(J, -tau_row(z) / LN_TAU_WEIGHT))
    yield point
    step, least, greatest = STEP
    for _ in range(MAX_STEPS):
        moved = advance(reactor, point, step)
        if moved is None:
            step *= 0.5
            if step < least and float(point.z[-2]) * T_REF > reactor.T_in + 2 * LEAST_RISE:
                raise DivergenceError(
                    f"{reactor}: the burning branch was lost at {math.exp(float(point.z[-1])):.3g} s, "
                    f"{float(point.z[-2]) * T_REF:.0f} K"
                )
            if step < least:
                return
            continue
        point = moved
        yield point
        if float(point.z[-1]) < math.log(LEAST_TAU):
            return
        step *= 1.5 if point.iterations <= EASY else 0.7 if point.iterations > HARD else 1.0
        step = min(step, greatest)


def turning_point(reactor: SteadyReactor, before: Point, after: Point) -> Point:
    """The point between two where d(ln tau)/ds = 0, by the Illinois form of the secant method."""
    row = weights(before.z) * before.tangent
    low, high = 0.0, float(row @ (after.z - before.z))
    g_low, g_high = float(before.tangent[-1]), float(after.tangent[-1])
    best, best_slope = (before, abs(g_low)) if abs(g_low) < abs(g_high) else (after, abs(g_high))
    kept = 0
    for _ in range(30):
        step = (low * g_high - high * g_low) / (g_high - g_low)
        point = advance(reactor, before, step)
        if point is None:
            break
        slope = float(point.tangent[-1])
        if abs(slope) < best_slope:
            best, best_slope = point, abs(slope)
        # tau is flat here: its relative error is about slope times the distance that is left.
        if abs(slope) * (high - low) < 1e-9:
            break
        if slope < 0:
            low, g_low, g_high = step, slope, g_high * (0.5 if kept < 0 else 1.0)
            kept = -1
        else:
            high, g_high, g_low = step, slope, g_low * (0.5 if kept > 0 else 1.0)
            kept = 1
    return best
