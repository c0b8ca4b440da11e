"""Canonical variational theory: what the best dividing surface along the way down from a saddle makes of k."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import GAS, HARTREE_CM, HARTREE_KJ
from combust.kinetics.quantum.molecule import rotor
from combust.kinetics.quantum.partition import rotation, temperatures, vibration
from combust.kinetics.quantum.record import Record

Array = NDArray[np.float64]
LEAST = 2  # points each way, below which there is no curve
FAR = 0.8  # of the conventional k, below which it is said


@dataclass(frozen=True)
class Variational:
    """Arrays over T [K]:  factor : k over the conventional one, <= 1;  s : of the highest free energy [bohr u^1/2]"""

    T: Array
    factor: Array
    s: Array


def variational(saddle: Record, T: ArrayLike, times: float = 1.0) -> Variational:
    """min over s of k(T, s) / k(T, 0), dividing surfaces across the way down at s.

    Between the points of `saddle.path` and the saddle, ln k(T, s) is a cubic spline in s.
    times : factor of the energies along the way, less those of the saddle

    Raises ConfigError where the record has less than two points each way, or no energy at the level of its geometry, or
    where the highest free energy lies at the end of them, so that it may be beyond.
    """
    at = temperatures(T)
    require_points(saddle)
    s, logs = profile(saddle, at, times)
    require_inside(saddle, at, s, logs)
    places, least = np.zeros_like(at), np.zeros_like(at)
    for i, row in enumerate(logs):
        curve = CubicSpline(s, row)
        turns = np.concatenate([s, curve.derivative().roots(extrapolate=False)])
        values = curve(turns)
        best = int(np.argmin(values))
        places[i], least[i] = turns[best], min(float(values[best]), 0.0)
    return Variational(at, np.exp(least), places)


def profile(saddle: Record, T: Array, times: float = 1.0) -> tuple[Array, Array]:
    """s of the points and the saddle, ascending, and ln k(T, s) / k(T, 0), shape (len(T), len(s))."""
    own = part(saddle, saddle.places, saddle.wavenumbers, T)
    rows = [(0.0, np.zeros_like(T))]
    for one in saddle.path:
        waves = saddle.scale * np.array(one.frequencies)
        rise = times * (one.energy - saddle.electrons())
        zero = (float(waves.sum()) / 2 - float(saddle.wavenumbers.sum()) / 2) / HARTREE_CM
        hill = HARTREE_KJ * 1e3 * (rise + zero)
        rows.append((one.s, part(saddle, one.places, waves, T) - own - hill / (GAS * T)))
    rows.sort(key=lambda row: row[0])
    return np.array([row[0] for row in rows]), np.stack([row[1] for row in rows], axis=1)


def part(saddle: Record, places: Array, waves: Array, T: Array) -> Array:
    """ln of the partition function, without translation and electrons; rotation numbers are the same all the way."""
    found: Array = (rotation(rotor(saddle.elements, places), 1, T) + vibration(waves, T)).log
    return found


def far(found: Variational | None) -> list[str]:
    """What a factor far below 1 says, in words."""
    if found is None or (least := float(found.factor.min())) >= FAR:
        return []
    return [
        f"the free energy is highest away from the saddle, k {least:.2f} of the conventional one at "
        f"{found.T[found.factor.argmin()]:g} K: tunnelling and the height of the barrier are still those of the saddle"
    ]


def require_points(saddle: Record) -> None:
    """Raises ConfigError."""
    sides = [sum(one.s * sign > 0 for one in saddle.path) for sign in (1, -1)]
    if min(sides) < LEAST:
        raise ConfigError(
            f"{saddle.species}: canonical variational theory wants {LEAST} points or more of the way down each way; "
            f"the record has {sides[0]} along its mode and {sides[1]} against it"
        )
    kinds = {rotor(saddle.elements, one.places).kind for one in saddle.path} | {saddle.rotor.kind}
    if len(kinds) > 1:
        raise ConfigError(
            f"{saddle.species}: is {' and '.join(sorted(kinds))} along its way down: no curve joins these"
        )


def require_inside(saddle: Record, T: Array, s: Array, logs: Array) -> None:
    """Raises ConfigError where the smallest k(T, s) is at an end."""
    ends = np.isin(np.argmin(logs, axis=1), (0, len(s) - 1))
    if ends.any():
        t = float(T[ends][0])
        where = float(s[int(np.argmin(logs[ends][0]))])
        raise ConfigError(
            f"{saddle.species}: at {t:g} K the free energy is highest at s = {where:g} bohr u^1/2, the end of the way "
            "that is known; its maximum lies there or beyond: ask for more points (cvt.points), or leave cvt out"
        )
