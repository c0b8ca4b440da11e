"""The way of steepest descent through a saddle, as a curve: in mass-weighted coordinates, bohr u^1/2.

Its points are few, so what second derivatives say of their surroundings is used twice: points that lie beside the way
are moved onto it, and the curve through them tells where it goes. Close to a saddle slopes are small, and the way they
point is that of the curve only on the curve itself: 0.01 beside it they may be off by 40 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import root

from combust.errors import DivergenceError
from combust.kinetics.quantum.elements import masses
from combust.kinetics.quantum.engines.structure import Array
from combust.kinetics.quantum.vibrations import free

STILL = 1e-10  # of steps of points, relative, where they are still
STRAIGHT = 1e-6  # rad, between the slope and the curve at a point, beyond which it is no way down
NODES = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True)
class Local:
    """What is known at a place:  x : shape (3 n,);  energy [hartree];  slope, second : its derivatives by x"""

    elements: tuple[str, ...]
    x: Array
    energy: float
    slope: Array
    second: Array

    def across(self, tangent: Array) -> Array:
        """An orthonormal basis, columns, of what is neither along `tangent`, nor moves or turns the molecule."""
        roots = np.repeat(np.sqrt(masses(self.elements)), 3)
        inner = free(self.elements, (self.x / roots).reshape(-1, 3))
        along = inner.T @ tangent
        found: Array = inner @ np.linalg.svd(along[:, None])[0][:, 1:]
        return found

    def after(self, step: Array) -> float:
        """Energy there [hartree], to second order."""
        return float(self.energy + self.slope @ step + step @ self.second @ step / 2)


@dataclass(frozen=True)
class Curve:
    """Points of the way, by s:  s, 0 at the saddle;  x : rows;  tangents : rows, of length 1, to larger s;  energies"""

    s: Array
    x: Array
    tangents: Array
    energies: Array

    def at(self, s: float) -> Array:
        """The place, beyond the ends as well."""
        found: Array = CubicSpline(self.s, self.x)(s)
        return found


def curvature(saddle: Local, mode: Array, ahead: Array, behind: Array, step: float) -> Array:
    """d2x/ds2 of the way at a saddle, from slopes `step` ahead of it and behind along its `mode`, of length 1.

    With x = s v + s^2 c / 2 the slope is s L v + s^2 (H c + F) / 2, F the third derivatives along v twice, and has the
    direction of dx/ds = v + s c: (2 L - H) c = F across v, L the curvature of the energy along v.
    """
    basis = saddle.across(mode)
    third = (ahead + behind - 2 * saddle.slope) / step**2
    inner = 2 * float(mode @ saddle.second @ mode) * np.eye(basis.shape[1]) - basis.T @ saddle.second @ basis
    found: Array = basis @ np.linalg.solve(inner, basis.T @ third)
    return found


def settled(points: Sequence[Local], number: int, mode: Array, s: Sequence[float]) -> Curve:
    """The way through `points`, in order, `number` of which is the saddle, where it has the direction of `mode`.

    Each is moved across the way until a cubic spline through all of them goes down the slope at each: steepest descent
    by collocation, slopes to second order. All at once: soft modes follow the curve, not the other way round. s begins
    as given and becomes the length of the spline. Raises DivergenceError.
    """
    x, first = np.stack([one.x for one in points]), np.array(s, dtype=float)
    others = [i for i in range(len(points)) if i != number]
    start = tangents(CubicSpline(first, x), first, number, mode)
    bases = [points[i].across(start[i]) for i in others]
    ends = np.cumsum([basis.shape[1] for basis in bases])[:-1]

    def curve(moves: Array) -> tuple[Array, Array, Array]:
        """Steps, lengths, tangents."""
        steps = np.zeros_like(x)
        steps[others] = [basis @ part for basis, part in zip(bases, np.split(moves, ends), strict=True)]
        length = lengths(CubicSpline(first, x + steps), first)
        length -= length[number]
        return steps, length, tangents(CubicSpline(length, x + steps), length, number, mode)

    def aside(moves: Array) -> Array:
        steps, _, along = curve(moves)
        parts = []
        for i, basis in zip(others, bases, strict=True):
            slope = points[i].slope + points[i].second @ steps[i]
            parts.append(basis.T @ (np.sign(number - i) * slope / np.linalg.norm(slope) - along[i]))
        return np.concatenate(parts)

    found = root(aside, np.zeros(sum(basis.shape[1] for basis in bases)), tol=STILL)
    if not float(np.abs(found.fun).max()) <= STRAIGHT:  # nan where a slope vanishes
        raise DivergenceError("no curve goes down the slopes of all points: steps are too long (cvt.step)")
    steps, length, along = curve(found.x)
    return Curve(length, x + steps, along, np.array([one.after(step) for one, step in zip(points, steps, strict=True)]))


def tangents(spline: CubicSpline, s: Array, number: int, mode: Array) -> Array:
    """Rows of length 1; that of the saddle is known."""
    found: Array = spline(s, 1)
    found /= np.linalg.norm(found, axis=1)[:, None]
    found[number] = mode
    return found


def lengths(spline: CubicSpline, knots: Array) -> Array:
    """Of the curve up to each of its knots."""
    middle, half = (knots[1:] + knots[:-1]) / 2, np.diff(knots) / 2
    speed = np.linalg.norm(spline(middle[:, None] + half[:, None] * NODES[0], 1), axis=2)
    found: Array = np.concatenate([[0.0], np.cumsum(half * (speed @ NODES[1]))])
    return found
