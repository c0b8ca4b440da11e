"""Pairs of atoms that are near enough to be bonded, in boxes of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from combust.errors import FileFormatError
from combust.kinetics.trajectories.formats.radii import RADII

MOST = 3  # images to each side


@dataclass(frozen=True)
class Cell:
    """A box: vectors (3, 3) a row each [angstrom], origin (3,), periodic (3,) along each vector."""

    vectors: np.ndarray
    origin: np.ndarray
    periodic: np.ndarray

    @property
    def volume(self) -> float:
        """In cubic angstrom."""
        return float(abs(np.linalg.det(self.vectors)))


def pairs_within(
    elements: Sequence[str], places: np.ndarray, cell: Cell, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (pairs,) as i * atoms + j and their strength: minus the distance over the sum of covalent radii.

    reach : the largest of such ratios. Of several images of one pair the nearest counts.
    """
    atoms = len(elements)
    radii = np.array([RADII[element] for element in elements])
    cutoff = 2 * reach * radii.max()
    inside, ghosts, owner = images(places, cell, cutoff)
    near = cKDTree(inside).sparse_distance_matrix(cKDTree(ghosts), cutoff, output_type="coo_matrix")
    i, j, distance = near.row, owner[near.col], near.data
    ratio = distance / (radii[i] + radii[j])
    use = (i < j) & (ratio <= reach)
    codes, ratio = i[use].astype(np.int64) * atoms + j[use], ratio[use]
    way = np.lexsort((ratio, codes))
    codes, ratio = codes[way], ratio[way]
    first = np.ones(len(codes), bool)
    first[1:] = codes[1:] != codes[:-1]
    return codes[first], -ratio[first]


def images(places: np.ndarray, cell: Cell, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms in the box, the same with images as far as `cutoff` beyond it, and whose image each is.

    Raises FileFormatError for a box that is much narrower than that.
    """
    inverse = np.linalg.inv(cell.vectors)
    part = (places - cell.origin) @ inverse
    part -= np.where(cell.periodic, np.floor(part), 0.0)
    inside = part @ cell.vectors
    margin = cutoff * np.linalg.norm(inverse, axis=0)  # in parts of the box: cutoff over the distance of its faces
    if (margin[cell.periodic] > MOST).any():
        raise FileFormatError(f"the box is narrower than {cutoff / MOST:.2g} angstrom")
    found, owner = [part], [np.arange(len(places))]
    for axis in range(3):
        if not cell.periodic[axis]:
            continue
        now, own = np.concatenate(found), np.concatenate(owner)
        for shift in range(1, int(np.ceil(margin[axis])) + 1):
            for sign in (-shift, shift):
                moved = now + sign * np.eye(3)[axis]
                use = (moved[:, axis] > -margin[axis]) & (moved[:, axis] < 1 + margin[axis])
                found.append(moved[use])
                owner.append(own[use])
    return inside, np.concatenate(found) @ cell.vectors, np.concatenate(owner)
