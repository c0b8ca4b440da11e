"""Modes of second derivatives: against closed forms of springs."""

import numpy as np
import pytest

from combust.kinetics.quantum.vibrations import modes

AU = 219474.6313632 / np.sqrt(1822.888486209)  # cm-1 of 1 (hartree/bohr2/u)^1/2


def chain(k: float, n: int) -> np.ndarray:
    """Second derivatives of springs along z."""
    made = np.zeros((3 * n, 3 * n))
    for i in range(n - 1):
        a, b = 3 * i + 2, 3 * i + 5
        made[a, a] += k
        made[b, b] += k
        made[a, b] -= k
        made[b, a] -= k
    return made


def test_diatomic():
    mass = 12.0 * 15.9949146193 / (12.0 + 15.9949146193)
    found = modes("CO", np.array([(0, 0, 0), (0, 0, 1.13)]), chain(1.22, 2))
    assert found.frequencies == pytest.approx((AU * np.sqrt(1.22 / mass),), rel=1e-7)
    assert found.imaginary == () and found.mode is None


def test_linear_molecule_and_its_imaginary_mode():
    places = np.array([(0, 0, -0.93), (0, 0, 0), (0, 0, 0.93)])
    m = 1.0078250319
    found = modes("HHH", places, -chain(0.1, 3) + np.diag([0.02, 0.02, 0] * 3))
    assert found.imaginary == pytest.approx((AU * np.sqrt(0.3 / m), AU * np.sqrt(0.1 / m)), rel=1e-6)
    assert np.allclose(np.abs(found.mode[:, 2]), np.array([1, 2, 1]) / np.sqrt(6), atol=1e-6)
    # a bend within the tolerance of a linear molecule leaves it 4 modes
    bent = places + np.array([(0, 0, 0), (0, 0.005, 0), (0, 0, 0)])
    near = modes("HHH", bent, chain(0.1, 3) + np.diag([0.02, 0.02, 0] * 3))
    assert len(near.frequencies) == 4
    assert len(modes("HHH", places + np.array([(0, 0, 0), (0, 0.2, 0), (0, 0, 0)]), chain(0.1, 3)).frequencies) <= 3


def test_a_direction_is_projected_out():
    places = np.array([(0, 0, -0.93), (0, 0, 0), (0, 0, 0.93)])
    along = np.array([(0, 0, 1.0), (0, 0, -2.0), (0, 0, 1.0)]) / np.sqrt(6)
    found = modes("HHH", places, chain(0.1, 3) + np.diag([0.02, 0.02, 0] * 3), along)
    assert len(found.frequencies) == 3
    assert max(found.frequencies) == pytest.approx(AU * np.sqrt(0.1 / 1.0078250319), rel=1e-6)
