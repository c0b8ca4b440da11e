"""Lines of a steady 2-D flame: where it stands, how long it is, and the gas that goes through it."""

from __future__ import annotations

from collections.abc import Sequence

import contourpy
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

Array = NDArray[np.float64]


def isoline(x: Array, y: Array, field: Array, level: float) -> Array:
    """The longest line of field (y, x) = level, (points, 2: x, y); no points where there is none."""
    lines = contourpy.contour_generator(x, y, field).lines(level)
    return max((np.asarray(line) for line in lines), key=length, default=np.zeros((0, 2)))


def length(line: Array) -> float:
    """Of a line [m]."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def between(line: Array, low: float, high: float) -> Array:
    """The part of a line with low < x < high."""
    return line[(line[:, 0] > low) & (line[:, 0] < high)]


def slope(line: Array) -> float:
    """Angle between the x axis and the straight line through a line's points by least squares [rad]."""
    dx, dy = (line - line.mean(0)).T
    return float(np.arctan(abs((dx * dy).sum()) / (dx * dx).sum()))


def through(line: Array, x: Array, y: Array, flux: Sequence[Array]) -> float:
    """Mean of the part of a vector field, components x and y on (y, x), that is normal to a line, without its sign."""
    middle, step = 0.5 * (line[1:] + line[:-1]), np.diff(line, axis=0)
    fx, fy = (RegularGridInterpolator((y, x), component)(middle[:, ::-1]) for component in flux)
    return float(abs((fx * step[:, 1] - fy * step[:, 0]).sum()) / length(line))


def foremost(line: Array) -> tuple[float, float]:
    """The point of a line with the least x; NaN of a line without points."""
    if not len(line):
        return float("nan"), float("nan")
    x, y = line[line[:, 0].argmin()]
    return float(x), float(y)


def on_axis(x: Array, values: Array, level: float) -> float:
    """The first x at which values rise through a level; NaN if there is none."""
    at = np.flatnonzero((values[:-1] < level) & (values[1:] >= level))
    if not len(at):
        return float("nan")
    i = int(at[0])
    return float(x[i] + (x[i + 1] - x[i]) * (level - values[i]) / (values[i + 1] - values[i]))
