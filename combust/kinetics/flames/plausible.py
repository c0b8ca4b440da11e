"""What a flame must be before its numbers are returned: burning, held by its domain, a deflagration.

Cantera's solvers converge to solutions that are none of these: mixing without reaction, a gas that ignites by itself
on its way through the domain (which they widen until it does), a front that its domain cuts off. The one place that
knows; the flames of `flame1d` and `flames` ask it, and through them every verb and case.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cantera as ct
import numpy as np
import torch

from combust.errors import DivergenceError, InertError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.equilibrium import burnt_temperature

LEAST_RISE = 200.0  # K above the hottest fresh gas, below which nothing burns
LEAST_SHARE = 0.3  # of the adiabatic rise that a free flame reaches at least: 0.9 and more in flames that are
# The gas may spend this share of its ignition delay on its way to the front. H2/air at 950 and 1000 K: the speed does
# not depend on the domain to 0.1 % at a share of 0.15, is 2 times too high at 0.48, and grows without bound.
LARGEST_AGE = 0.1
EDGE_SLOPE = 0.1  # of the mean slope of the domain, that the temperature may have where the fresh gas enters
WIDEST_FRONT = 0.5  # thermal thickness over width of the domain
MIXTURES = 41  # of two jets, whose equilibria say whether they burn
AGREEMENT = 0.1  # of the temperature rise, by which a finer and wider grid may change a flame


@dataclass(frozen=True)
class FreshGas:
    """The unburnt gas of a free flame."""

    name: str  # of the flame, for messages
    gas: Mechanism
    T: float  # K
    p: float  # Pa
    Y: np.ndarray  # (species,)
    equilibrium: float  # K, adiabatic at constant pressure, see combust.kinetics.reactors.equilibrium
    _delays: dict[float, float] = field(default_factory=dict, repr=False)  # found so far, by the longest asked for

    @classmethod
    def of(cls, name: str, gas: Mechanism, solution: ct.Solution) -> FreshGas:
        """From the present state of `solution`."""
        return cls(name, gas, solution.T, solution.P, solution.Y.copy(), burnt_temperature(solution))

    def delay(self, longest: float) -> float:
        """Ignition delay [s] at constant enthalpy and pressure; infinite if it is longer than `longest` [s]."""
        from combust.kinetics.reactors.ignition import ignition_delays

        for asked, known in self._delays.items():
            if known < math.inf or asked >= longest:
                return known if known <= longest else math.inf
        rise = LEAST_SHARE * (self.equilibrium - self.T)
        T = torch.tensor([max(self.T, self.gas.T_range[0])], dtype=torch.float64)  # colder gas is as safe
        found = float(ignition_delays(self.gas, T, self.p, torch.tensor(self.Y), longest, "hp", rise=rise)[0])
        self._delays[longest] = math.inf if math.isnan(found) else found
        return self._delays[longest]

    @cached_property
    def _solution(self) -> ct.Solution:
        return self.gas.cantera(transport=False)

    def sound_speed(self, T: float | None = None, Y: np.ndarray | None = None) -> float:
        """m/s, of this gas, or at another T [K] and Y (species,)."""
        solution = self._solution
        solution.TPY = self.T if T is None else T, self.p, self.Y if Y is None else Y
        return float(solution.sound_speed)


def require_heat(fresh: FreshGas) -> None:
    """Raises InertError where no reaction could heat the gas: no flame need be looked for."""
    rise = fresh.equilibrium - fresh.T
    if not rise >= LEAST_RISE:
        raise InertError(
            f"{fresh.name}: the mixture does not burn: its equilibrium is {rise:+.0f} K from the unburnt gas "
            f"(needed: {LEAST_RISE:g} K). Check fuel, oxidizer and phi"
        )


def require_heat_of_jets(name: str, solution: ct.Solution, p: float, jets: Iterable[tuple[float, str]]) -> float:
    """The hottest equilibrium [K] of mixtures of two jets (T [K], mole fractions) at p [Pa].

    Raises InertError where no mixture could be heated by reaction.
    """
    ends = []
    for T, X in jets:
        solution.TPX = T, p, X
        ends.append((solution.enthalpy_mass, solution.Y.copy()))
    (h0, Y0), (h1, Y1) = ends
    hottest = heat = 0.0
    for share in np.linspace(0, 1, MIXTURES):
        solution.HPY = share * h0 + (1 - share) * h1, p, share * Y0 + (1 - share) * Y1
        cold = solution.T
        solution.equilibrate("HP")
        hottest, heat = max(hottest, solution.T), max(heat, solution.T - cold)
    if heat < LEAST_RISE:
        raise InertError(
            f"{name}: the jets do not burn: no mixture of them heats itself by more than {heat:.0f} K "
            f"(needed: {LEAST_RISE:g} K). Check fuel and oxidizer"
        )
    return float(hottest)


def residence_time(x: np.ndarray, T: np.ndarray, u: np.ndarray) -> float:
    """Time [s] from the inlet of a free flame to its steepest slope of T. x [m], T [K], u [m/s]: (points,)."""
    front = int(np.abs(np.diff(T) / np.diff(x)).argmax()) + 1
    return float((np.diff(x[: front + 1]) * 2 / (u[1 : front + 1] + u[:front])).sum())


def ages(fresh: FreshGas, flame: Any, share: float = LARGEST_AGE) -> tuple[float, float]:
    """Ignition delay of the fresh gas and its time to the front of `flame` [s]; the delay is infinite if it is longer
    than the time to the front, or to cross the domain at the speed of sound, over `share`.
    """
    residence = residence_time(flame.x, flame.T, flame.u)
    fastest = (flame.x[-1] - flame.x[0]) / fresh.sound_speed()  # a speed beyond sound is no measure of time
    return fresh.delay(max(residence, fastest) / share), residence


def require_free_flame(fresh: FreshGas, flame: Any) -> None:
    """Raises DivergenceError, with the reason, for a solution of Cantera that is no free flame.

    flame : a FlameProfile, x [m], T [K], u [m/s] (points,), Y (species, points), unburnt gas first
    """
    require_burning(fresh, flame)
    require_room(fresh, flame)
    require_deflagration(fresh, flame)


def require_burning(fresh: FreshGas, flame: Any) -> None:
    """Raises DivergenceError where the speed is no positive number or the gas stays cold."""
    speed, rise, full = float(flame.u[0]), float(flame.T.max()) - fresh.T, fresh.equilibrium - fresh.T
    if not (math.isfinite(speed) and speed > 0):
        raise DivergenceError(
            f"{fresh.name}: no flame: its speed would be {speed:.3g} m/s. Check that the mixture burns"
        )
    if rise < max(LEAST_SHARE * full, LEAST_RISE):
        raise DivergenceError(
            f"{fresh.name}: no flame: the solution reaches {fresh.T + rise:.0f} K, and equilibrium is "
            f"{fresh.equilibrium:.0f} K. The mixture is likely outside its flammable range"
        )


def require_room(fresh: FreshGas, flame: Any) -> None:
    """Raises DivergenceError where the domain cuts the flame off."""
    width = float(flame.x[-1] - flame.x[0])
    slope = (flame.T[1] - flame.T[0]) / (flame.x[1] - flame.x[0])
    mean = (flame.T[-1] - flame.T[0]) / width
    thickness = float((flame.T[-1] - flame.T[0]) / np.abs(np.diff(flame.T) / np.diff(flame.x)).max())
    if thickness > WIDEST_FRONT * width or slope > EDGE_SLOPE * mean:
        raise DivergenceError(
            f"{fresh.name}: the flame does not fit its domain: thermal thickness {1e3 * thickness:.3g} mm in "
            f"{1e3 * width:.3g} mm, and the temperature rises at the inlet already ({slope / mean:.2g} of its mean "
            "slope). Set a larger width; if that does not help, the mixture is outside its flammable range"
        )


def require_deflagration(fresh: FreshGas, flame: Any) -> None:
    """Raises DivergenceError where the gas ignites by itself before the front, or moves faster than sound."""
    delay, residence = ages(fresh, flame)
    if residence > LARGEST_AGE * delay:
        raise DivergenceError(f"{fresh.name}: no deflagration: {self_ignition(fresh, flame, delay, residence)}")
    for what, u, sound in (
        ("unburnt", float(flame.u[0]), fresh.sound_speed()),
        ("burnt", float(flame.u[-1]), fresh.sound_speed(float(flame.T[-1]), flame.Y[:, -1])),
    ):
        if u > sound:
            raise DivergenceError(
                f"{fresh.name}: no deflagration: the {what} gas would move at {u:.4g} m/s, faster than sound "
                f"({sound:.4g} m/s)"
                + ("" if math.isinf(delay) else f"; {self_ignition(fresh, flame, delay, residence)}")
            )


def self_ignition(fresh: FreshGas, flame: Any, delay: float, residence: float) -> str:
    """What ignites by itself, beside the times that a flame needs."""
    width = float(flame.x[-1] - flame.x[0])
    return (
        f"the gas ignites by itself after {delay:.3g} s, and is {residence:.3g} s on its way to the front of this "
        f"solution ({1e3 * width:.4g} mm wide, {flame.u[0]:.4g} m/s; at most {LARGEST_AGE:g} of the delay is allowed), "
        "so that the speed depends on the width of the domain. See combust ignite; a narrower domain or cooler gas "
        "has a flame"
    )


def require_agreement(name: str, first: tuple[float, float], second: tuple[float, float], inlet: float) -> None:
    """Raises DivergenceError where a finer and wider grid does not show the same flame.

    first, second : highest temperature [K] and place of half the rise over the width of the first domain; inlet : T of
    the hottest inlet [K]
    """
    rise = first[0] - inlet
    if second[0] - inlet < LEAST_RISE or abs(second[0] - first[0]) > AGREEMENT * rise:
        raise DivergenceError(
            f"{name}: the flame is out: it reaches {first[0]:.0f} K on one grid, and {second[0]:.0f} K on one twice as "
            "fine and wide enough: it is at the limit of extinction. Lower the flux"
        )
    if abs(second[1] - first[1]) > AGREEMENT:
        raise DivergenceError(
            f"{name}: the flame has no place: on a finer and wider grid it stands {second[1] - first[1]:+.2f} widths "
            "away: it is blown off. Lower the flux"
        )
