"""Fields of one grid on another, so that their integrals stay.

In each cell of the old grid a value is a straight line along each direction in turn, whose ends lie between the means
of the neighbours; a cell of the new grid gets the integral over what it covers of it. Second order where the field is
smooth. Each row is summed by itself, in the order of the old cells: the same bits on any number of ranks.

B. van Leer, J. Comput. Phys. 23 (1977) 276, doi:10.1016/0021-9991(77)90095-X
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from combust.cfd.mesh.grid import ROUND_OFF

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Overlap(NamedTuple):
    """One direction: the old cells that matter, and what each new cell takes of them.

    first, last : range of old cells;  share, moment : (new, old) of values and slopes
    centres, widths : of the old cells of the range
    """

    first: int
    last: int
    share: csr_matrix
    moment: csr_matrix
    centres: np.ndarray
    widths: np.ndarray


def line(old: np.ndarray, new: np.ndarray) -> Overlap:
    """Of rising edges; the new ones must lie within the old ones, up to round-off."""
    from scipy.sparse import csr_matrix

    new = np.clip(new, old[0], old[-1])
    low = np.searchsorted(old, new[:-1], side="right") - 1
    high = np.searchsorted(old, new[1:], side="left")
    first, last = max(int(low.min()) - 1, 0), min(int(high.max()) + 1, len(old) - 1)
    edges = old[first : last + 1]
    centres, widths = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    rows, columns, shares, moments = [], [], [], []
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        left, right = np.maximum(old[a:b], new[i]), np.minimum(old[a + 1 : b + 1], new[i + 1])
        part = (right - left) / (new[i + 1] - new[i])
        keep = part > 0
        part, where = part[keep], np.arange(a, b)[keep] - first
        rows += [i] * len(where)
        columns += where.tolist()
        shares += part.tolist()
        moments += (part * (0.5 * (left + right)[keep] - centres[where])).tolist()
    shape = (len(new) - 1, last - first)
    return Overlap(
        first, last, csr_matrix((shares, (rows, columns)), shape), csr_matrix((moments, (rows, columns)), shape),
        centres, widths,
    )  # fmt: skip


def covers(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether the new edges lie within the old ones."""
    slack = ROUND_OFF * float(old[-1] - old[0])
    return bool(new[0] >= old[0] - slack and new[-1] <= old[-1] + slack)


def along(values: np.ndarray, axis: int, one: Overlap) -> np.ndarray:
    """Cell means of the range of old cells along an axis (from the end) as those of the new cells."""
    moved = np.moveaxis(values, axis, -1)
    flat = moved.reshape(-1, moved.shape[-1])
    made = (one.share @ flat.T + one.moment @ slopes(flat, one).T).T
    return np.moveaxis(made.reshape(*moved.shape[:-1], -1), -1, axis)


def slopes(values: np.ndarray, one: Overlap) -> np.ndarray:
    """Limited slopes (rows, cells): the central one, or what meets a neighbour's mean at the cell's edge."""
    found = np.zeros_like(values)
    if values.shape[1] < 3:
        return found
    step = np.diff(values)
    central = (values[:, 2:] - values[:, :-2]) / (one.centres[2:] - one.centres[:-2])
    half = 0.5 * one.widths[1:-1]
    least = np.minimum(np.abs(central), np.minimum(np.abs(step[:, :-1]), np.abs(step[:, 1:])) / half)
    found[:, 1:-1] = np.where(step[:, :-1] * step[:, 1:] > 0, np.sign(central) * least, 0.0)
    return found


def at_faces(values: np.ndarray, axis: int, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Values at old places along an axis (from the end) as those at new ones, by straight lines."""
    right = np.clip(np.searchsorted(old, new, side="left"), 1, len(old) - 1)
    weight = ((new - old[right - 1]) / (old[right] - old[right - 1])).clip(0.0, 1.0)
    shape = [1] * values.ndim
    shape[axis] = -1
    w = weight.reshape(shape)
    return np.take(values, right - 1, axis) * (1 - w) + np.take(values, right, axis) * w
