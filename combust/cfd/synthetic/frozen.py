"""Random Fourier modes that come in through a plane: a frozen field without divergence on the grid, carried by.

The wave numbers along the plane are those of the whole side, those normal to it are drawn, `strata` for each pair, so
that each stands for the same energy (jittered quantiles) and the signal does not repeat. Each mode is normal to its
modified wave number 2/dx sin(k dx/2), as in box.py; dx normal to the plane is the width of the first cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from combust.cfd.mesh.grid import NAMES, ROUND_OFF, equal_cells
from combust.cfd.synthetic import draws
from combust.cfd.synthetic.plane import InflowPlane
from combust.cfd.synthetic.spectra import Spectrum
from combust.errors import ConfigError

STRATA = {1: 64, 2: 16}  # wave numbers normal to the plane for each one in it, by the directions of the plane
POINTS = 400  # of the integral over these
PLACE, PHASES, TURN = 0, (1, 2), 3  # what the draws of a mode are for


class FrozenModes:
    """Fluctuations at cells and faces of a plane of equal cells, at any time: `velocity`."""

    def __init__(self, plane: InflowPlane, spectrum: Spectrum, seed: int):
        """Raises ConfigError for a plane of unequal cells."""
        self.plane, self.spectrum, self.seed = plane, spectrum, seed
        self.order = (plane.normal, *plane.axes)
        self.n = [len(f) - 1 for f in plane.faces]
        self.d = [float(f[-1] - f[0]) / n for f, n in zip(plane.faces, self.n, strict=True)]
        for axis, faces in zip(plane.axes, plane.faces, strict=True):
            if not equal_cells(faces):
                raise ConfigError(f"random modes need equal cells along the side; those in {NAMES[axis]} are not")
        self.largest = math.pi / max(*self.d, plane.depth)
        self._make()
        self._at: tuple[float, dict[int, np.ndarray]] = (math.nan, {})
        self._net = (math.nan, 0.0)

    @property
    def u_rms(self) -> float:
        """Root mean square of each component [m/s]."""
        return math.sqrt(2.0 * float(self.spectrum.between(0.0, self.largest)) / self.spectrum.dimensions)

    @property
    def doubts(self) -> dict[str, str]:
        """Nothing: what the cells do not carry is left out."""
        return {}

    def velocity(self, component: int, t: float, places: Mapping[int, np.ndarray]) -> np.ndarray:
        """A component [m/s] at time t [s], an array with one direction for each axis of the plane.

        places : along each of them [m], of cells, of faces normal to it for that component, or ghosts beyond a side.
        """
        field = self._field(component, t)
        for i, axis in enumerate(self.plane.axes):
            half = 0.0 if axis == component else 0.5
            index = np.rint((places[axis] - self.plane.faces[i][0]) / self.d[i] - half).astype(int)
            index = index % self.n[i] if half == 0.0 or self.plane.periodic[i] else index.clip(0, self.n[i] - 1)
            field = np.take(field, index, axis=i)
        return field - self._mean(t) if component == self.plane.normal else field

    def _mean(self, t: float) -> float:
        """Flux through the part, over its area: none but round-off where the part is the whole side."""
        if self._net[0] != t:
            part = self._field(self.plane.normal, t)
            for i, (first, count) in enumerate(self.plane.cells):
                part = np.take(part, np.arange(first, first + count), axis=i)
            self._net = (t, self.plane.mean(part))
        return self._net[1]

    # --- modes --------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        """k_n (strata, ...) and the coefficients of each component (strata, ...), of the half of the plane's waves."""
        m = [np.rint(n * np.fft.fftfreq(n)).astype(np.int64) for n in self.n]
        m[-1] = np.arange(self.n[-1] // 2 + 1)
        modes = np.meshgrid(*m, indexing="ij")
        k = [2 * math.pi * mode / (n * d) for mode, n, d in zip(modes, self.n, self.d, strict=True)]
        flat2 = np.asarray(sum(one**2 for one in k))
        counts = np.sqrt(flat2) < self.largest * (1 - ROUND_OFF)
        opposite = (modes[-1] == 0) & (modes[0] < 0) if len(modes) == 2 else np.zeros_like(counts)
        normal, energy = self._drawn(np.where(counts, flat2, 0.0), modes)
        energy = energy * counts
        both = np.where(modes[-1] == 0, 1.0, 2.0)
        energy *= float(self.spectrum.between(0.0, self.largest)) / float((both * energy).sum() * len(normal))
        self.k = normal
        self.amplitudes = self._polarised(normal, k, modes, energy)
        self.opposite, self.waves, self.modes = opposite, k, modes

    def _drawn(self, flat2: np.ndarray, modes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Wave numbers normal to the plane, (strata, ...), and the energy of each of them but for a common factor."""
        strata = STRATA[len(modes)]
        places = [mode[..., None] for mode in modes]
        jitter = draws.uniform(self.seed, *places, np.arange(strata), PLACE)
        share = (np.arange(strata) + jitter) / strata
        found, energy = np.zeros((*flat2.shape, strata)), np.zeros(flat2.shape)
        s = np.linspace(-1.0, 1.0, 2 * POINTS + 1)
        s = np.abs(s) ** 1.5 * np.sign(s)  # dense where k_n is small
        for square in np.unique(flat2):
            here = flat2 == square
            k_n = math.sqrt(max(self.largest**2 - square, 0.0)) * s
            k2 = np.maximum(k_n**2 + square, 1e-30)
            density = self.spectrum.density(np.sqrt(k2)) / k2 ** (0.5 * len(modes))
            sums = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(k_n))])
            found[here] = np.interp(share[here] * sums[-1], sums, k_n)
            energy[here] = sums[-1] / strata
        return np.moveaxis(found, -1, 0), energy

    def _polarised(
        self, normal: np.ndarray, k: list[np.ndarray], modes: list[np.ndarray], energy: np.ndarray
    ) -> dict[int, np.ndarray]:
        """Coefficients by component, normal to their modified wave numbers."""
        kappa = [2 / self.plane.depth * np.sin(0.5 * normal * self.plane.depth)]
        kappa += [
            np.broadcast_to(2 / d * np.sin(0.5 * one * d), normal.shape) for one, d in zip(k, self.d, strict=True)
        ]
        number = np.arange(len(normal)).reshape(-1, *[1] * (normal.ndim - 1))
        at = [*modes, number]
        first, second = (np.exp(2j * math.pi * draws.uniform(self.seed, *at, which)) for which in PHASES)
        strength = np.sqrt(2.0 * energy)
        if len(k) == 1:
            size = np.sqrt(kappa[0] ** 2 + kappa[1] ** 2)
            size = np.where(size > 0, size, 1.0)
            parts = [-kappa[1] / size * first, kappa[0] / size * first]
        else:
            turn = 2 * math.pi * draws.uniform(self.seed, *at, TURN)
            one, two = np.cos(turn) * first, np.sin(turn) * second
            flat = np.sqrt(kappa[1] ** 2 + kappa[2] ** 2)
            size = np.sqrt(flat**2 + kappa[0] ** 2)
            upright = flat == 0
            flat, size = np.where(upright, 1.0, flat), np.where(size > 0, size, 1.0)
            n, a, b = kappa
            across = [np.zeros_like(flat), np.where(upright, 1.0, -b / flat), np.where(upright, 0.0, a / flat)]
            along = [np.where(upright, 0.0, flat / size), np.where(upright, 0.0, -n * a / (flat * size)),
                     np.where(upright, 1.0, -n * b / (flat * size))]  # fmt: skip
            parts = [p * one + q * two for p, q in zip(across, along, strict=True)]
        alone = np.where(np.asarray(sum(np.abs(mode) for mode in modes)) == 0, math.sqrt(2.0), 1.0)
        return {c: strength * alone * part for c, part in zip(self.order, parts, strict=True)}

    def _field(self, component: int, t: float) -> np.ndarray:
        """A component at its places of the whole side, periodic."""
        if self._at[0] != t:
            self._at = (t, {})
        if component not in self._at[1]:
            x = -self.plane.inwards * self.plane.speed * t
            hat = (self.amplitudes[component] * np.exp(1j * self.k * x)).sum(0)
            if hat.ndim == 2:  # waves with none along the last axis: their opposites are in the array, too
                column = hat[:, 0]
                mirrored = np.conj(np.roll(column[::-1], 1))
                hat[:, 0] = np.where(self.opposite[:, 0], mirrored, column)
            for i, axis in enumerate(self.plane.axes):
                hat = hat * np.exp(0.5j * self.waves[i] * self.d[i]) if axis != component else hat
            field = np.fft.irfft(hat, self.n[-1], axis=-1, norm="forward") if hat.ndim == 1 else np.fft.irfft(
                np.fft.ifft(hat, axis=0, norm="forward"), self.n[1], axis=1, norm="forward")  # fmt: skip
            self._at[1][component] = np.asarray(field)
        return self._at[1][component]
