"""Harmonic modes of second derivatives; translations and rotations are projected out, and a direction on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combust.kinetics.quantum.constants import BOHR, DALTON, HARTREE, LIGHT
from combust.kinetics.quantum.elements import masses
from combust.kinetics.quantum.molecule import centred, rotor

Array = NDArray[np.float64]
LOW = 150.0  # cm-1, below which a mode as a harmonic one is in doubt
PER_ROOT = float(np.sqrt(HARTREE / DALTON) / (BOHR * 1e-10) / (2 * np.pi * LIGHT))  # cm-1 per (hartree/bohr2/u)^1/2


@dataclass(frozen=True)
class Modes:
    """Of one geometry:  frequencies [cm-1], ascending;  imaginary : wave numbers [cm-1], largest first

    mode : Cartesian displacement of the first imaginary mode, shape (n, 3), of length 1, or None
    """

    frequencies: tuple[float, ...]
    imaginary: tuple[float, ...]
    mode: Array | None


def modes(elements: Sequence[str], places: Array, hessian: Array, along: Array | None = None) -> Modes:
    """Of second derivatives [hartree/bohr2], shape (3 n, 3 n), at `places` [angstrom].

    along : a Cartesian direction, shape (n, 3), that is projected out as well (a path; Miller, Handy, Adams 1980,
    doi:10.1063/1.438959)
    """
    roots = np.repeat(np.sqrt(masses(elements)), 3)
    weighted = hessian / np.outer(roots, roots)
    basis = free(elements, places, along)
    values, vectors = np.linalg.eigh(basis.T @ ((weighted + weighted.T) / 2) @ basis)
    waves = np.sign(values) * np.sqrt(np.abs(values)) * PER_ROOT
    mode = None
    if len(waves) and waves[0] < 0:
        moved = (basis @ vectors[:, 0]) / roots
        mode = (moved / np.linalg.norm(moved)).reshape(-1, 3)
    return Modes(tuple(float(w) for w in waves if w > 0), tuple(float(-w) for w in waves if w <= 0), mode)


def free(elements: Sequence[str], places: Array, along: Array | None = None) -> Array:
    """An orthonormal basis, columns, of mass-weighted displacements that neither move nor turn the molecule."""
    weights, x = masses(elements), centred(elements, places)
    n = len(weights)
    root = np.sqrt(weights)[:, None]
    bad = [np.outer(root[:, 0], axis).ravel() for axis in np.eye(3)]
    bad += [(root * np.cross(axis, x)).ravel() for axis in np.eye(3)]
    if along is not None:
        bad.append((root * along).ravel())
    u = np.linalg.svd(np.array(bad).T, full_matrices=True)[0]  # strongest first: a turn about the axis comes last
    rank = {"atom": 3, "linear": 5, "nonlinear": 6}[rotor(elements, places).kind] + (along is not None)
    found: Array = u[:, rank : 3 * n]
    return found
