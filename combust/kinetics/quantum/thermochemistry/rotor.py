"""Rotations about a bond: levels in a periodic potential, and what they give to heat capacity, enthalpy and entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import AVOGADRO, DALTON, GAS, LIGHT, PLANCK
from combust.kinetics.quantum.partition import Part, of_levels

HBAR = PLANCK / (2 * math.pi)
WIDEST = 1500  # waves each way: what a dense matrix takes in seconds
COLD = 35.0  # levels are complete to so many RT above the barrier


@dataclass(frozen=True)
class Potential:
    """V(phi) = sum_n c_n cos n phi + s_n sin n phi - minimum [J/mol], n = 1, 2, ...;  phi in rad.

    residual : largest difference to the points of a scan [J/mol]
    """

    cosines: tuple[float, ...]
    sines: tuple[float, ...]
    minimum: float
    residual: float = 0.0

    def __call__(self, phi: Any) -> np.ndarray:
        return series(self.cosines, self.sines, phi) - self.minimum

    @property
    def curvature(self) -> float:
        """The second derivative at the lowest minimum [J/mol]."""
        n = np.arange(1, len(self.cosines) + 1) ** 2
        place = bottom(self.cosines, self.sines)
        return float(series(-n * self.cosines, -n * self.sines, place))

    @property
    def barrier(self) -> float:
        """Of the highest maximum above the lowest minimum [J/mol]."""
        return -lowest([-c for c in self.cosines], [-s for s in self.sines]) - self.minimum


def series(cosines: Any, sines: Any, phi: Any) -> np.ndarray:
    """The sum without a constant."""
    phi, n = np.asarray(phi, float), np.arange(1, len(cosines) + 1)
    angles = phi[..., None] * n
    return np.cos(angles) @ np.asarray(cosines, float) + np.sin(angles) @ np.asarray(sines, float)


def bottom(cosines: Sequence[float], sines: Sequence[float]) -> float:
    """Where the global minimum of a series is [rad]."""
    grid = np.linspace(0, 2 * math.pi, 64 * (len(cosines) + 1), endpoint=False)
    at, width = grid[int(series(cosines, sines, grid).argmin())], grid[1]
    found = minimize_scalar(lambda phi: float(series(cosines, sines, phi)), bounds=(at - width, at + width),
                            method="bounded", options={"xatol": 1e-10})  # fmt: skip
    return float(found.x)


def lowest(cosines: Sequence[float], sines: Sequence[float]) -> float:
    """The global minimum of a series."""
    return float(series(cosines, sines, bottom(cosines, sines)))


def cosine(barrier: float, periodicity: int) -> Potential:
    """barrier / 2 (1 - cos(periodicity phi)), barrier in J/mol >= 0. Raises ConfigError."""
    if not (math.isfinite(barrier) and barrier >= 0) or periodicity < 1:
        raise ConfigError(f"rotor: barrier {barrier:g} J/mol must be >= 0, periodicity {periodicity} at least 1")
    cosines = [0.0] * (periodicity - 1) + [-barrier / 2]
    return Potential(tuple(cosines), (0.0,) * periodicity, -barrier / 2)


def from_scan(angles: Sequence[float], energies: Sequence[float], periodicity: int = 1) -> Potential:
    """The Fourier series of a scan: angles [degrees] over a turn, or one period of it, and energies [J/mol].

    As many waves as the points allow, with as many points left over as the series has numbers where there are enough.
    Raises ConfigError for fewer than 6 points, gaps of more than twice the mean, numbers that are not finite.
    """
    phi, V = np.radians(np.asarray(angles, float)), np.asarray(energies, float)
    if phi.ndim != 1 or phi.shape != V.shape:
        raise ConfigError(f"scan: {phi.size} angles and {V.size} energies: must be as many")
    if not (np.isfinite(phi).all() and np.isfinite(V).all()):
        raise ConfigError("scan: angles and energies must be finite")
    turn = 2 * math.pi / periodicity
    places = np.unique(np.round(phi % turn, 9) % turn)
    if len(places) < 6:
        period = f"a period of {360 / periodicity:g} degrees"
        raise ConfigError(f"scan: {len(places)} different angles of {period}: at least 6 are needed")
    gaps = np.diff([*places, places[0] + turn])
    if gaps.max() > 2.01 * turn / len(places):
        where = math.degrees(places[int(gaps.argmax())])
        gap = f"nothing for {math.degrees(gaps.max()):.0f} degrees after {where:.0f}"
        raise ConfigError(f"scan: {gap}: the angles must go round evenly")
    waves = min(12, (len(places) - 1) // 2)
    n = periodicity * np.arange(1, waves + 1)
    matrix = np.hstack([np.ones((len(phi), 1)), np.cos(np.outer(phi, n)), np.sin(np.outer(phi, n))])
    found = np.linalg.lstsq(matrix, V, rcond=None)[0]
    cosines, sines = np.zeros(n[-1]), np.zeros(n[-1])
    cosines[n - 1], sines[n - 1] = found[1 : waves + 1], found[waves + 1 :]
    residual = float(np.abs(matrix @ found - V).max())
    c, s = tuple(map(float, cosines)), tuple(map(float, sines))
    return Potential(c, s, lowest(c, s), residual)


@dataclass(frozen=True)
class Rotor:
    """A turn about a bond:  inertia : reduced moment [kg m2];  symmetry : equal places in a turn, such as 3 of CH3"""

    inertia: float
    potential: Potential
    symmetry: int = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.inertia) and self.inertia > 0) or self.symmetry < 1:
            raise ConfigError(f"rotor: inertia {self.inertia:g} kg m2 must be > 0, symmetry {self.symmetry} at least 1")

    @property
    def constant(self) -> float:
        """hbar^2 / (2 inertia) [J/mol]."""
        return HBAR**2 / (2 * self.inertia) * AVOGADRO

    @property
    def wavenumber(self) -> float:
        """Of small oscillations at the bottom [cm-1]: that of the mode which the rotor stands for."""
        return math.sqrt(max(self.potential.curvature, 0.0) / AVOGADRO / self.inertia) / (2 * math.pi * LIGHT)

    def levels(self, T: float) -> np.ndarray:
        """Energies [J/mol] above the minimum of the potential, all that count at T [K] and below.

        Eigenvalues of -B d2/dphi2 + V on waves exp(i m phi), complete to 35 RT above the highest barrier.
        Raises ConfigError for rotors so heavy that this takes more than 1500 waves each way.
        """
        V, B = self.potential, self.constant
        waves = math.ceil(math.sqrt((COLD * GAS * T + V.barrier) / B)) + 4 * len(V.cosines)
        if waves > WIDEST:
            raise ConfigError(
                f"rotor: needs {waves} waves at {T:g} K, {WIDEST} are the most: treat so heavy a rotor as free"
            )
        m = np.arange(-waves, waves + 1)
        matrix = np.diag(B * m.astype(float) ** 2 - V.minimum).astype(complex)
        for n, (c, s) in enumerate(zip(V.cosines, V.sines, strict=True), 1):
            if c or s:
                matrix += np.diag(np.full(len(m) - n, (c + 1j * s) / 2), n)
                matrix += np.diag(np.full(len(m) - n, (c - 1j * s) / 2), -n)
        return np.asarray(np.linalg.eigvalsh(matrix if any(V.sines) else matrix.real))

    def part(self, T: Any) -> Part:
        """Its factor of the partition function at temperatures T [K], from the lowest level on."""
        T = np.atleast_1d(np.asarray(T, float))
        levels = self.levels(float(T.max()))
        found = of_levels((levels - levels[0]) / GAS, np.ones_like(levels), T)
        return Part(found.log - math.log(self.symmetry), found.energy, found.heat)


def reduced_inertia(masses: Any, positions: Any, bond: tuple[int, int], top: Sequence[int]) -> float:
    """The moment [kg m2] of a top that turns about a bond while the whole keeps its angular momentum zero.

    masses [u], positions [angstrom];  bond : two atoms, by number from 0;  top : atoms that turn, by number
    Exact at the given geometry: I_top - b I^-1 b, with the moments I of the whole about its centre of mass and the
    momentum b of the turning top. For two coaxial symmetric tops it is I_1 I_2 / (I_1 + I_2).
    Source: Pitzer and Gwinn 1942, doi:10.1063/1.1723744; in this form Wilson, Decius and Cross, Molecular Vibrations.
    """
    m, x = np.asarray(masses, float), np.asarray(positions, float)
    x = x - m @ x / m.sum()
    axis = x[bond[1]] - x[bond[0]]
    axis = axis / np.linalg.norm(axis)
    turning = np.zeros_like(x)
    turning[list(top)] = np.cross(axis, x[list(top)] - x[bond[0]])
    own = float(m @ (turning**2).sum(1))
    drift = m @ turning / m.sum()  # the centre of mass stays
    own -= float(m.sum() * drift @ drift)
    coupling = (m[:, None] * np.cross(x, turning - drift)).sum(0)
    whole = np.einsum("i,ijk->jk", m, (x**2).sum(1)[:, None, None] * np.eye(3) - x[:, :, None] * x[:, None, :])
    return float(own - coupling @ np.linalg.pinv(whole, rcond=1e-9) @ coupling) * DALTON * 1e-20


def barrier_of(frequency: float, inertia: float, periodicity: int) -> float:
    """The cosine barrier [J/mol] whose bottom vibrates at a frequency [1/cm], for a reduced moment [kg m2]."""
    omega = 2 * math.pi * LIGHT * frequency
    return 2 * inertia * (omega / periodicity) ** 2 * AVOGADRO
