"""Digital filter whose Reynolds stresses vary over the plane: a boundary layer, a channel, a jet.

The noise is that of the filter of even stresses; Cholesky's factors are taken at each place. What leaves no net flux is
taken off the noise of the normal component: m, its mean with weights a_nn b over the cells. b = 1 / rms(g - m) at each
place gives back what that takes there, so that the stresses are those given at every place, not as a mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from combust.cfd.synthetic.filter import Filter, factors
from combust.cfd.synthetic.plane import InflowPlane
from combust.errors import ConfigError, at

Places = Mapping[int, np.ndarray]
StressField = Callable[[Places], np.ndarray]  # places along each axis of the plane -> (3, 3, ...) in the order z, y, x
MOST, CLOSE = 200, 1e-13  # rounds in which b and the weights of m are found, and what they may still change by
LEAST = 0.25  # of the noise's variance that must be left at each place


class VaryingFilter(Filter):
    """Fluctuations at any point of a plane, at any time."""

    def __init__(
        self, plane: InflowPlane, stresses: StressField, lengths: tuple[float, float, float], kernel: str, seed: int
    ):
        """lengths : integral ones along z, y, x [m]. Raises ConfigError for stresses that no motion has at a place, and
        lengths that the plane cannot hold.
        """
        with at("length"):
            super().__init__(plane, np.eye(3), lengths, kernel, seed)
        self.stresses = stresses
        self._known: dict[tuple[bytes, ...], tuple[np.ndarray, np.ndarray]] = {}
        cells = dict(zip(plane.axes, plane.centres, strict=True))
        self.normal = self._factors(cells)[0, 0]
        self.share = self._balanced(cells)
        self.mean = self._mean_of(self.share)

    @property
    def u_rms(self) -> float:
        """The largest root mean square of the component normal to the plane [m/s]."""
        return float(self.normal.max())

    def velocity(self, component: int, t: float, places: Places) -> np.ndarray:
        """A component [m/s] at time t [s], an array with one direction for each axis of the plane."""
        rows, gain = self._at(places)
        total = np.zeros([len(places[a]) for a in self.plane.axes])
        for i, row in enumerate(rows[self.order.index(component)]):
            if row.any():
                field = self._noise(i, t, places)
                total = total + row * (gain * (field - self._net(t)) if i == 0 else field)
        return total

    def _net(self, t: float) -> float:
        if self._mean[0] != t:
            places = dict(zip(self.plane.axes, self.plane.centres, strict=True))
            self._mean = (t, float((self.share * self._noise(0, t, places)).sum()))
        return self._mean[1]

    def _at(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """Factors (n, n, ...) at places, and what the rest of the normal component's noise is multiplied with."""
        key = tuple(places[a].tobytes() for a in self.plane.axes)
        if key not in self._known:
            self._known[key] = self._factors(places), 1.0 / np.sqrt(self._left(self.mean, places))
        return self._known[key]

    def _left(self, mean: np.ndarray, places: Places) -> np.ndarray:
        """Variance at places of the noise less a mean of it, by what that has of each random number."""
        return 1.0 - 2.0 * self._filtered(mean, places) + float((mean**2).sum())

    def _factors(self, places: Places) -> np.ndarray:
        given = self.stresses(places)[np.ix_(self.order, self.order)]
        n, shape = len(self.order), given.shape[2:]
        columns, which = np.unique(given.reshape(n * n, -1), axis=1, return_inverse=True)
        found = []
        for number, column in enumerate(columns.T):
            try:
                found.append(factors(column.reshape(n, n)))
            except ConfigError as error:
                where = np.unravel_index(int(np.flatnonzero(which.ravel() == number)[0]), shape)
                place = ", ".join(
                    f"{'zyx'[a]} = {places[a][i]:.6g} m" for a, i in zip(self.plane.axes, where, strict=True)
                )
                raise ConfigError(f"stresses: at {place}: {error}") from error
        return np.stack(found, axis=-1)[..., which.ravel()].reshape(n, n, *shape)

    def _balanced(self, cells: Places) -> np.ndarray:
        """Weights of the cells in m. Raises ConfigError where little would be left of the noise."""
        area = np.ones(())
        for share in self.plane.shares:
            area = np.multiply.outer(area, share)
        gain = np.ones_like(area)
        for _ in range(MOST):
            weight = area * self.normal * gain
            weight = weight / weight.sum() if weight.sum() > 0 else area
            left = self._left(self._mean_of(weight), cells)
            if left.min() < LEAST:
                raise ConfigError(
                    f"length: so long that at a place {100 * (1 - left.min()):.0f} % of the fluctuations normal "
                    "to the side would go with the net flux, which is taken off: take shorter ones, or a wider side"
                )
            before, gain = gain, 1.0 / np.sqrt(left)
            if np.abs(gain - before).max() < CLOSE:
                return weight
        raise ConfigError(
            "stresses, length: no weights were found that take the net flux off: take shorter lengths or a wider side"
        )

    def _mean_of(self, weight: np.ndarray) -> np.ndarray:
        """What each random number of the lattice has in the mean of the noise by these weights of the cells."""
        found = weight
        for i, (line, centres) in enumerate(zip(self.lines, self.plane.centres, strict=True)):
            w = line.weights(centres)
            places = line.wrapped(w.first[:, None] + np.arange(line.width)) - self.first[i]
            held = np.zeros((len(centres), self.count[i]))
            np.add.at(held, (np.arange(len(centres))[:, None], places), w.values)
            found = np.moveaxis(np.tensordot(held, found, axes=(0, i)), 0, i)
        return found
