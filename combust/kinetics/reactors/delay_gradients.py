"""Ignition delays that torch differentiates, by what reactors start from and by rate parameters.

A delay tau is where an event function of the state passes zero, g(z(tau), p) = 0: v'' of the watched quantity v where
its slope is steepest, v' where it is largest, v less a level where it is part of the way there. So (implicit function)

    d tau / dp = -(dg/dz . dz/dp + dg/dp) / (dg/dz . z')        at tau,

with dz/dp from `kinetics.integrate.adjoint`. The delays of `ignition_delays`, which are read from a history, are the
guess; Newton's method on g makes them exact for the integrator's states first. The states near an event are those of a
short way from one state just before it, so that they follow the reactor closely: the error of a last step that is
as long as tolerances allow changes with its length, for v'' faster than v'' itself where that hardly changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.qss import AnyKinetics
from combust.kinetics.reactors.delays import LEAST_RISE, Criterion
from combust.kinetics.reactors.ignition import ignition_delays

CLOSE, TRIES = 1e-7, 40  # of the delay: Newton's last step; and how many there may be, bisections among them
FAR = 0.05  # of the delay: the longest step
SHORT = 1e-3  # of the delay: the way to the guess from the state just before it
KINDS = ("max slope", "min slope", "max", "half max")
RISING = ("min slope", "half max")  # whose g goes from negative to positive
Hold = Literal["hp", "uv"]
Function = Callable[[Tensor], Tensor]  # of z (1 + species, cells): (cells,)


def differentiable_delays(
    gas: Mechanism,
    T: Values,
    p: Values,
    Y: Values,
    t_end: float,
    hold: Hold = "uv",
    criterion: str = "T max slope",
    rtol: float = 1e-8,
    atol: float = 1e-15,
    rise: float = LEAST_RISE,
) -> Tensor:
    """Ignition delays (cells,) s with first derivatives by T (cells,) K, p Pa, Y (species, cells) and the parameters
    that `gas.with_parameters` was given.

    NaN, without derivatives, where nothing ignites by t_end [s]. hold: "uv" or "hp"; criterion: one of
    `kinetics.reactors.delays` but extrapolated slopes; part of the way of T is that to its largest value by t_end.
    Raises ConfigError for what has no derivatives, StateError and DivergenceError as `Mechanism.integrate`, and
    DivergenceError for a cell whose event Newton's method does not find.
    """
    T, p, Y = gas.check_state(T, p, Y)
    mark = Criterion.parse(criterion, gas, hold)
    if mark.kind not in KINDS:
        raise ConfigError(f'delay "{criterion}": has no derivatives here; allowed are the kinds {", ".join(KINDS)}')
    with torch.no_grad():
        start = T.detach(), p.detach(), Y.detach()
        guess = ignition_delays(gas.detached, *start, t_end, hold, str(mark), rtol, atol, rise=rise)
    found = torch.isfinite(guess).nonzero().squeeze(-1)
    event = Event(gas, mark, T[found], p[found], Y[:, found], t_end, hold, rtol, atol)
    return guess.index_copy(0, found, event.time(guess[found])) if found.numel() else guess


class Before(NamedTuple):
    """A time (cells,) s just before an event, and T, p, Y then."""

    t: Tensor
    start: tuple[Tensor, Tensor, Tensor]


class Search:
    """Newton's method, kept between times before and after the event, which the sign of g tells apart."""

    def __init__(self, guess: Tensor, rising: bool) -> None:
        self.tau, self.sign = guess, 1.0 if rising else -1.0
        self.early, self.late = torch.zeros_like(guess), torch.full_like(guess, torch.inf)

    def move(self, g: Tensor, slope: Tensor) -> Tensor:
        """On from g and its slope at tau; returns Newton's step, infinite where that leads away from the event."""
        before = self.sign * g < 0
        self.early = torch.where(before, torch.maximum(self.early, self.tau), self.early)
        self.late = torch.where(before, self.late, torch.minimum(self.late, self.tau))
        ahead, newton = torch.where(before, 1.0, -1.0), -g / slope
        newton = torch.where(newton * ahead >= 0, newton, ahead * torch.inf)  # so where it is no number
        new = self.tau + newton.clamp(-FAR * self.tau, FAR * self.tau)
        inside = (new > self.early) & (new < self.late) | (newton == 0)
        self.tau = torch.where(inside, new, 0.5 * (self.early + self.late))
        return newton


class Event:
    """The event of a criterion in cells that ignite."""

    def __init__(
        self, gas: Mechanism, mark: Criterion, T: Tensor, p: Tensor, Y: Tensor, t_end: float, hold: Hold, rtol: float,
        atol: float,
    ) -> None:  # fmt: skip
        self.gas, self.mark, self.t_end, self.hold = gas, mark, t_end, hold
        self.start, self.tolerances = (T, p, Y), (rtol, atol)
        self.held = p if hold == "hp" else gas.density(T, p, Y)

    def time(self, guess: Tensor) -> Tensor:
        """When it is, (cells,) s, from a guess."""
        with torch.no_grad():
            level, search = self.level(), Search(guess, self.mark.kind in RISING)
            before = self.before(guess)
            for _ in range(TRIES):
                change = search.move(*self.function(before, search.tau, level))
                tau = search.tau
                if bool((change.abs() <= CLOSE * tau).all()):
                    break
                if not bool(((tau > before.t) & (tau < before.t * (1 + 3 * SHORT))).all()):
                    before = self.before(tau)
            else:
                cell = int((change.abs() > CLOSE * tau).nonzero()[0])
                raise DivergenceError(
                    f'delay "{self.mark}": Newton\'s method does not find the event near {float(guess[cell]):g} s of '
                    f"the {cell + 1}. cell that ignites; look at its history, or try a smaller rtol"
                )
        if not torch.is_grad_enabled():
            return tau
        g, slope = self.function(self.before(before.t / (1 - SHORT), True), tau, self.level(), gradients=True)
        return tau - g / slope

    def function(
        self, before: Before, tau: Tensor, level: Tensor | None, gradients: bool = False
    ) -> tuple[Tensor, Tensor]:
        """g at tau and its slope over time, which has no derivatives: those of tau - g / slope are the event's."""
        z = self.state(tau - before.t, *before.start, gradients)
        fixed = Fixed(self.held if gradients else self.held.detach())
        g = self.event(self.gas.kinetics if gradients else self.gas.detached.kinetics, fixed, level)
        with torch.no_grad():
            kin, known = self.gas.detached.kinetics, Fixed(self.held.detach())
            plain = None if level is None else level.detach()
            slope = along(self.event(kin, known, plain), kin, self.hold, known)(z.detach())
        return g(z), slope

    def event(self, kin: AnyKinetics, fixed: Fixed, level: Tensor | None) -> Function:
        """g of z."""
        value = self.value
        if level is not None:
            return lambda z: value(z) - level
        first = along(value, kin, self.hold, fixed)
        return first if self.mark.kind == "max" else along(first, kin, self.hold, fixed)

    def value(self, z: Tensor) -> Tensor:
        """The watched quantity; of p/(rho R), whose scale does not matter."""
        if self.mark.quantity == "T":
            return z[0]
        if self.mark.quantity == "p":
            return z[0] * (z[1:] / self.gas.molar_mass.unsqueeze(1)).sum(0)
        return z[1 + self.gas.index(self.mark.quantity)]

    def level(self) -> Tensor | None:
        """The value (cells,) that is part of the way from the first to the largest."""
        if self.mark.kind != "half max":
            return None
        T, p, Y = self.start
        first = self.value(torch.cat([T.unsqueeze(0), Y]))
        return first + self.mark.share * (self.largest() - first)

    def largest(self) -> Tensor:
        """Where the slope vanishes the time of the largest value does not count; else it is at the end."""
        T, p, Y = (x.detach() for x in self.start)
        with torch.no_grad():
            when = ignition_delays(self.gas.detached, T, p, Y, self.t_end, self.hold, f"{self.mark.quantity} max",
                                   *self.tolerances)  # fmt: skip
        when = torch.nan_to_num(when, nan=self.t_end)
        return self.value(self.state(when, *self.start, torch.is_grad_enabled()))

    def before(self, guess: Tensor, gradients: bool = False) -> Before:
        """The state a short way before it."""
        t = (1 - SHORT) * guess
        z = self.state(t, *self.start, gradients)
        T, p, Y = self.start if gradients else (x.detach() for x in self.start)
        if self.hold == "uv":
            p = p * z[0] / T * self.gas.mean_molar_mass(Y) / self.gas.mean_molar_mass(z[1:])
        return Before(t, (z[0], p, z[1:]))

    def state(self, dt: Tensor, T: Tensor, p: Tensor, Y: Tensor, gradients: bool) -> Tensor:
        """z (1 + species, cells) dt s after T, p, Y."""
        gas = self.gas if gradients else self.gas.detached
        if not gradients:
            T, p, Y = T.detach(), p.detach(), Y.detach()
        end = gas.integrate(T, p, Y, dt, self.hold, *self.tolerances, gradients=gradients)
        return torch.cat([end.T.unsqueeze(0), end.Y])


def along(function: Function, kin: AnyKinetics, hold: Hold, fixed: Fixed) -> Function:
    """The function's rate of change on the way of the reactor."""

    def change(z: Tensor) -> Tensor:
        rate = systems.rate(kin, hold, z, torch.zeros_like(z), fixed)
        return torch.func.jvp(function, (z,), (rate,))[1]

    return change
