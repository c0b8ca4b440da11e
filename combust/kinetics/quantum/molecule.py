"""What the geometry of a molecule says: how it rotates, its symmetry number, whether it has a mirror image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from combust.kinetics.quantum.constants import DALTON, KELVIN, LIGHT, PLANCK
from combust.kinetics.quantum.elements import masses

TOLERANCE = 0.01  # angstrom, within which atoms count as equivalent
FLAT = 1e-4  # smallest moment of inertia over the largest, below which a molecule is linear
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rotor:
    """How a molecule turns:  kind : "atom", "linear" or "nonlinear"

    constants : rotational constants [cm-1], largest first: none, one or three
    moments : of inertia [u angstrom2] that go with them;  axes : rows, unit vectors, shape (3, 3)
    """

    kind: str
    constants: tuple[float, ...]
    moments: tuple[float, ...]
    axes: Array

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Rotational temperatures [K]."""
        return tuple(KELVIN * one for one in self.constants)


@dataclass(frozen=True)
class Symmetry:
    """Of a geometry:  number : of proper rotations that map it onto itself;  mirrors : 2 where it has a mirror image

    group : the point group
    """

    number: int
    mirrors: int
    group: str


def centred(elements: Sequence[str], coordinates: Array) -> Array:
    """Coordinates from the centre of mass."""
    weights = masses(elements)
    x = np.asarray(coordinates, dtype=float).reshape(-1, 3)
    centre: Array = x - (weights @ x) / weights.sum()
    return centre


def rotor(elements: Sequence[str], coordinates: Array) -> Rotor:
    """Of rigid atoms at `coordinates` [angstrom], shape (n, 3)."""
    x, weights = centred(elements, coordinates), masses(elements)
    square = np.einsum("i,ij,ij->", weights, x, x) * np.eye(3) - np.einsum("i,ij,ik->jk", weights, x, x)
    moments, axes = np.linalg.eigh(square)
    if len(weights) == 1:
        return Rotor("atom", (), (), np.eye(3))
    own = [float(one) for one in moments]
    if own[0] < FLAT * own[2]:
        mean = (own[1] + own[2]) / 2
        return Rotor("linear", (constant(mean),), (mean,), axes.T)
    return Rotor("nonlinear", tuple(constant(one) for one in own), tuple(own), axes.T)


def constant(moment: float) -> float:
    """The rotational constant [cm-1] of a moment of inertia [u angstrom2]."""
    return float(PLANCK / (8 * np.pi**2 * LIGHT * moment * DALTON * 1e-20))


def symmetry(
    elements: Sequence[str], coordinates: Array, mode: Array | None = None, tolerance: float = TOLERANCE
) -> Symmetry:
    """Rotation number and point group of a geometry [angstrom].

    Operations are found by mapping two atoms onto all like them, and counted where every atom then lies within
    `tolerance` of one of its kind. Of a saddle with its `mode`, shape (n, 3), those count that do not turn the mode
    round: where they do, both sides are alike and the path is crossed both ways (Pollak, Pechukas 1978,
    doi:10.1021/ja00477a009).
    """
    x = centred(elements, coordinates)
    kind = rotor(elements, coordinates).kind
    if kind == "atom":
        return Symmetry(1, 1, "K")
    if kind == "linear":
        order = matched(elements, x, -x, tolerance)
        keeps = order is not None and (mode is None or float(np.sum(-mode * mode[order])) > 0)
        return Symmetry(2 if keeps else 1, 1, "D∞h" if order is not None else "C∞v")
    found = operations(elements, x, tolerance)
    proper, improper = ([(one, order) for one, order in found if np.linalg.det(one) * sign > 0] for sign in (1, -1))
    name = group([one for one, _ in proper], [one for one, _ in improper])
    kept = [sum(mode is None or float(np.sum((mode @ one.T) * mode[order])) > 0 for one, order in side)
            for side in (proper, improper)]  # fmt: skip
    return Symmetry(kept[0], 1 if kept[1] else 2, name)


def matched(elements: Sequence[str], x: Array, moved: Array, tolerance: float) -> list[int] | None:
    """Where each moved atom lies: the number of an atom of its kind, each once; None if one lies on none."""
    found: list[int] = []
    for i, place in enumerate(moved):
        gaps = np.linalg.norm(x - place, axis=1)
        near = [j for j in np.argsort(gaps) if elements[j] == elements[i] and gaps[j] < tolerance and j not in found]
        if not near:
            return None
        found.append(int(near[0]))
    return found


def operations(elements: Sequence[str], x: Array, tolerance: float) -> list[tuple[Array, list[int]]]:
    """Orthogonal matrices that map a nonlinear molecule onto itself, and where each atom then lies."""
    found: list[tuple[Array, list[int]]] = []
    seen: set[tuple[bool, tuple[int, ...]]] = set()
    for first in candidates(elements, x, tolerance):
        order = matched(elements, x, x @ first.T, 6 * tolerance)
        if order is None:
            continue
        best = fitted(x, x[order], float(np.linalg.det(first)) > 0)
        if matched(elements, x, x @ best.T, tolerance) != order:
            continue
        mark = (bool(np.linalg.det(best) > 0), tuple(order))
        if mark not in seen:
            seen.add(mark)
            found.append((best, order))
    return found


def candidates(elements: Sequence[str], x: Array, tolerance: float) -> Iterator[Array]:
    """Rotations, proper and improper, that map the two best reference atoms onto two like them."""
    a, b = max(combinations(range(len(x)), 2), key=lambda pair: float(np.linalg.norm(np.cross(*x[list(pair)]))))
    start = frame(x[a], x[b])
    slack = 6 * tolerance
    for c, d in permutations(range(len(x)), 2):
        if elements[c] != elements[a] or elements[d] != elements[b]:
            continue
        gaps = (np.linalg.norm(x[c]) - np.linalg.norm(x[a]), np.linalg.norm(x[d]) - np.linalg.norm(x[b]),
                np.linalg.norm(x[c] - x[d]) - np.linalg.norm(x[a] - x[b]))  # fmt: skip
        if max(map(abs, gaps)) > slack:
            continue
        end = frame(x[c], x[d])
        yield end.T @ start
        yield (end * np.array([[1.0], [1.0], [-1.0]])).T @ start


def frame(a: Array, b: Array) -> Array:
    """Rows: unit vectors along a, in the plane of a and b, and across."""
    one = a / np.linalg.norm(a)
    two = b - (b @ one) * one
    two = two / np.linalg.norm(two)
    return np.array([one, two, np.cross(one, two)])


def fitted(x: Array, y: Array, proper: bool) -> Array:
    """The orthogonal matrix R, with det as asked, for which x R^T lies closest to y (Kabsch,
    doi:10.1107/S0567739476001873).
    """
    u, _, vt = np.linalg.svd(y.T @ x)
    sign = np.sign(np.linalg.det(u @ vt)) * (1 if proper else -1)
    found: Array = u @ np.diag([1.0, 1.0, sign]) @ vt
    return found


def group(proper: list[Array], improper: list[Array]) -> str:
    """Name of the point group of a nonlinear molecule (Schoenflies)."""
    orders = [order(one) for one in proper]
    n, highest = len(proper), max(orders)
    centre = any(np.allclose(one, -np.eye(3), atol=0.1) for one in improper)
    if high := {12: "T", 24: "O", 60: "I"}.get(n) if orders.count(3) >= 8 else None:
        return high + ("" if not improper else "h" if centre else "d")
    mirrors = [axis(-one) for one in improper if abs(np.trace(one) - 1) < 0.1]
    if n == 1:
        return "Cs" if mirrors else "Ci" if centre else "C1"
    main = axis(proper[orders.index(highest)])
    across = any(abs(abs(one @ main) - 1) < 0.1 for one in mirrors)
    name = f"{'D' if n == 2 * highest else 'C'}{highest}"
    if across:
        return name + "h"
    if mirrors:
        return name + ("d" if n == 2 * highest else "v")
    return f"S{2 * highest}" if improper else name


def order(rotation: Array) -> int:
    """n of a rotation by 360/n degrees, or a multiple of that."""
    power = rotation
    for n in range(1, 13):
        if np.trace(power) > 2.9:
            return n
        power = power @ rotation
    return 1


def axis(rotation: Array) -> Array:
    """The unit vector that a rotation leaves where it is."""
    values, vectors = np.linalg.eig(rotation)
    found: Array = np.real(vectors[:, int(np.argmin(abs(values - 1)))])
    return found / np.linalg.norm(found)
