"""Digital filter: noise of given lengths and Reynolds stresses that comes in through a plane.

Klein, Sadiki, Janicka, J. Comput. Phys. 186 (2003) 652, doi:10.1016/S0021-9991(03)00090-1, with the stresses by
Cholesky's factors (Lund, Wu, Squires, J. Comput. Phys. 140 (1998) 233, doi:10.1006/jcph.1998.5882) and time by Taylor's
hypothesis. The random numbers lie on a lattice of the two directions of the plane and of time, hashed from seed and
place; the filter's kernel is taken at the very place and time that are asked for, and normalised there. So nothing is
interpolated, values at any time (of a Runge-Kutta stage) have the stated variance, and there is no state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from combust.cfd.synthetic import draws
from combust.cfd.synthetic.plane import InflowPlane
from combust.errors import ConfigError

MOST = 10_000_000  # random numbers of a lattice at one time


class FilterKernel(NamedTuple):
    """Of a distance over the integral length; reach : where it ends;  step : of the lattice, at most."""

    value: Callable[[np.ndarray], np.ndarray]
    reach: float
    step: float


KERNELS = {
    # Correlations exp(-pi s^2 / 4), and (1 + 2 s) exp(-2 s), whose integrals are 1.
    "gaussian": FilterKernel(lambda s: np.exp(-0.5 * math.pi * s**2), 2.5, 0.5),
    "exponential": FilterKernel(lambda s: np.exp(-2.0 * np.abs(s)), 4.5, 0.125),
}


class Weights(NamedTuple):
    """first, values : (points), (points, numbers) of the filter at places; squares of its values add up to 1."""

    first: np.ndarray
    values: np.ndarray


class Line:
    """The lattice along one direction: its spacing, and after how many of its places it begins again."""

    def __init__(self, kernel: FilterKernel, length: float, period: float | None = None):
        """length [m or s];  period : of a periodic direction [m]. Raises ConfigError where the kernel is longer."""
        self.kernel, self.length = kernel, length
        self.step, self.count = kernel.step * length, 0
        if period is not None:
            if 2 * kernel.reach * length > period:
                raise ConfigError(f"{length:.4g} m in a periodic direction of {period:.4g} m: it may be at most "
                                  f"{period / (2 * kernel.reach):.4g} m")  # fmt: skip
            self.count = math.ceil(period / self.step)
            self.step = period / self.count
        self.width = math.floor(2 * kernel.reach * length / self.step) + 1

    def weights(self, x: np.ndarray) -> Weights:
        """Of the filter at places [m] or times [s]."""
        first = np.ceil((x - self.kernel.reach * self.length) / self.step).astype(np.int64)
        distance = (x[:, None] - (first[:, None] + np.arange(self.width)) * self.step) / self.length
        values = np.where(np.abs(distance) <= self.kernel.reach, self.kernel.value(distance), 0.0)
        return Weights(first, values / np.sqrt((values**2).sum(1, keepdims=True)))

    def wrapped(self, places: np.ndarray) -> np.ndarray:
        """Numbers of lattice places, those of a period alike."""
        return places % self.count if self.count else places


def factors(stresses: np.ndarray) -> np.ndarray:
    """Lower triangle a with a a^T = stresses, (n, n), zero rows where a component rests. Raises ConfigError.

    stresses : [m2/s2]
    """
    a = np.zeros_like(stresses)
    for i in range(len(a)):
        for j in range(i):
            rest = stresses[i, j] - a[i, :j] @ a[j, :j]
            if a[j, j] == 0 and abs(rest) > 1e-12 * np.abs(stresses).max():
                raise ConfigError("no motion has these: a component that rests, or follows the others, has a stress")
            a[i, j] = rest / a[j, j] if a[j, j] > 0 else 0.0
        rest = stresses[i, i] - a[i, :i] @ a[i, :i]
        if rest < -1e-12 * stresses[i, i]:
            raise ConfigError("no motion has these: the matrix must have no eigenvalue below 0, |xy|^2 <= xx yy, ...")
        a[i, i] = math.sqrt(max(rest, 0.0))
    return a


class Filter:
    """Fluctuations at any point of a plane, at any time: `velocity`."""

    def __init__(
        self, plane: InflowPlane, stresses: np.ndarray, lengths: tuple[float, float, float], kernel: str, seed: int
    ):
        """stresses : (3, 3) in the order z, y, x [m2/s2];  lengths : integral ones along z, y, x [m].

        Raises ConfigError for stresses that no motion has, and lengths that the plane cannot hold.
        """
        self.plane, self.seed, chosen = plane, seed, KERNELS[kernel]
        self.order = (plane.normal, *plane.axes)
        self.factors = factors(stresses[np.ix_(self.order, self.order)])
        self.time = Line(chosen, lengths[plane.normal] / plane.speed)
        self.lines = []
        for a, faces, periodic in zip(plane.axes, plane.faces, plane.periodic, strict=True):
            period = float(faces[-1] - faces[0]) if periodic else None
            self.lines.append(Line(chosen, lengths[a], period))
        self._kept: dict[tuple[int, int], np.ndarray] = {}
        self._weights: dict[tuple[int, bytes], Weights] = {}
        self._mean = (math.nan, 0.0)
        self._now: tuple[float, dict[int, np.ndarray]] = (math.nan, {})
        self.first, self.count = self._lattice()
        if math.prod(self.count) > MOST:
            raise ConfigError(
                f"so short that {math.prod(self.count):.2g} random numbers would be filtered at each time, more than "
                f"{MOST:.0g}: take lengths of a cell or more"
            )
        left = 1.0 - self._share()
        if left < 0.5:
            raise ConfigError(
                f"so long that more than half of the fluctuations normal to the side ({100 * (1 - left):.0f} %) would "
                "go with the net flux, which is taken off: take shorter ones, or a wider side"
            )
        self.gain = 1.0 / math.sqrt(left)

    @property
    def u_rms(self) -> float:
        """Root mean square of the component normal to the plane [m/s]."""
        return float(self.factors[0, 0])

    @property
    def doubts(self) -> dict[str, str]:
        """Lengths that the cells cannot show, each of which costs random numbers at every time: key -> sentence."""
        plane, found = self.plane, []
        if (along := self.time.length * plane.speed) < plane.depth:
            found.append(f"{along:.3g} m along {'zyx'[plane.normal]} beside a cell of {plane.depth:.3g} m")
        for axis, line, faces in zip(self.plane.axes, self.lines, self.plane.faces, strict=True):
            widest = float(np.diff(faces).max())
            if line.length < widest:
                found.append(f"{line.length:.3g} m along {'zyx'[axis]} on cells of {widest:.3g} m")
        if not found:
            return {}
        cells = math.prod(len(faces) - 1 for faces in plane.faces)
        text = "eddies shorter than a cell are noise to the flow"
        if math.prod(self.count) > cells:
            text += f", and {math.prod(self.count)} random numbers are filtered at each time, for {cells} cells"
        return {".length": f"{' and '.join(found)}: {text}"}

    def velocity(self, component: int, t: float, places: Mapping[int, np.ndarray]) -> np.ndarray:
        """A component [m/s] at time t [s], an array with one direction for each axis of the plane.

        places : along each of them [m]. No net flux passes the cells of the part, and what that takes off is given back
        to the rest, so that the stress is the stated one as a mean over them.
        """
        row = self.factors[self.order.index(component)]
        total = np.zeros([len(places[a]) for a in self.plane.axes])
        for i in np.flatnonzero(row):
            field = self._noise(int(i), t, places)
            if i == 0:
                field = self.gain * (field - self._net(t))
            total = total + row[i] * field
        return total

    def _net(self, t: float) -> float:
        """Mean of the noise of the normal component over the part's cells."""
        if self._mean[0] != t:
            places = dict(zip(self.plane.axes, self.plane.centres, strict=True))
            self._mean = (t, self.plane.mean(self._noise(0, t, places)))
        return self._mean[1]

    def _share(self) -> float:
        """Variance of that mean."""
        share = 1.0
        for i, (line, centres, shares) in enumerate(
            zip(self.lines, self.plane.centres, self.plane.shares, strict=True)
        ):
            w = line.weights(centres)
            places = line.wrapped(w.first[:, None] + np.arange(line.width))
            held = np.zeros(self.count[i])
            np.add.at(held, places - self.first[i], shares[:, None] * w.values)
            share *= float((held**2).sum())
        return share

    def _lattice(self) -> tuple[list[int], list[int]]:
        """First place and number of places along each axis that points of the side may need."""
        first, count = [], []
        for line, faces in zip(self.lines, self.plane.faces, strict=True):
            low, high = (int(line.weights(faces[[end]]).first[0]) for end in (0, -1))
            first.append(0 if line.count else low)
            count.append(line.count or high + line.width - low)
        return first, count

    def _noise(self, field: int, t: float, places: Mapping[int, np.ndarray]) -> np.ndarray:
        """Of variance 1."""
        return self._filtered(self._moment(field, t), places)

    def _filtered(self, found: np.ndarray, places: Mapping[int, np.ndarray]) -> np.ndarray:
        """Numbers of the lattice of the plane, filtered to places. Sums run in one order whatever the points, so that
        all ranks have the same bits.
        """
        for i, (axis, line) in enumerate(zip(self.plane.axes, self.lines, strict=True)):
            w = self._along(i, line, places[axis])
            found = np.moveaxis(found, i, 0)
            shape, total = [-1] + [1] * (found.ndim - 1), 0.0
            for o in range(line.width):
                places_of = line.wrapped(w.first + o) - self.first[i]
                total = total + w.values[:, o].reshape(shape) * found[places_of]
            found = np.moveaxis(np.asarray(total), 0, i)
        return found

    def _moment(self, field: int, t: float) -> np.ndarray:
        """Random numbers of the lattice of the plane, filtered in time; those of one time are kept."""
        if self._now[0] != t:
            self._now = (t, {})
        known = self._now[1]
        if field not in known:
            when = self.time.weights(np.array([t]))
            found = np.zeros(self.count)
            for o in range(self.time.width):
                found = found + when.values[0, o] * self._numbers(field, int(when.first[0]) + o)
            known[field] = found
        return known[field]

    def _along(self, i: int, line: Line, x: np.ndarray) -> Weights:
        key = (i, x.tobytes())
        if key not in self._weights:
            self._weights[key] = line.weights(x)
        return self._weights[key]

    def _numbers(self, field: int, moment: int) -> np.ndarray:
        """Random numbers of the whole lattice of the plane at one of its times."""
        if (field, moment) not in self._kept:
            if len(self._kept) >= 2 * self.time.width * len(self.order):
                del self._kept[min(self._kept, key=lambda known: known[1])]
            at = np.meshgrid(*(f + np.arange(n) for f, n in zip(self.first, self.count, strict=True)), indexing="ij")
            self._kept[field, moment] = draws.bell(self.seed, field, moment, *at)
        return self._kept[field, moment]
