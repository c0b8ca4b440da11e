"""WENO5: its weights and parabolas on any grid, a pulse that keeps its shape, a jump that hardly overshoots."""

import numpy as np
import pytest
import torch
from test_reconstruction import faces_of, uneven

from combust.cfd.mesh.grid import uniform_faces
from combust.cfd.operators.reconstruction.weno5 import ideal
from validation.two_gases import PERIODIC, inert, steps


def test_ideal_weights_of_equal_cells_are_the_known_ones():
    one = torch.ones((), dtype=torch.float64)
    high, low = ideal([one] * 5)
    assert torch.allclose(torch.stack(high), torch.tensor([0.1, 0.3], dtype=torch.float64))
    assert torch.allclose(torch.stack(low), torch.tensor([0.3, 0.1], dtype=torch.float64))


@pytest.mark.parametrize("direction", [1, -1])
def test_a_parabola_is_exact_on_any_grid(direction):
    """Means of 3 x^2 - 2 x + 1: all three parabolas are that one, whatever their weights."""
    x = uneven(24)
    edge = torch.from_numpy(x**3 - x**2 + x)
    mean = edge.diff() / torch.from_numpy(x).diff()
    found = faces_of("weno5", x, mean, direction)[5:-5]
    torch.testing.assert_close(found, torch.from_numpy(3 * x**2 - 2 * x + 1)[5:-5], rtol=0, atol=1e-13)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_jump_is_seen(direction):
    """Plateaus of three cells and more: no face value lies beyond them."""
    mean = torch.zeros(40, dtype=torch.float64)
    mean[10:13] = mean[20:30] = 1.0
    found = faces_of("weno5", uniform_faces(0.0, 1.0, 40), mean, direction)
    assert -1e-12 < float(found.min()) and float(found.max()) < 1 + 1e-12


def carried(reconstruction, shape):
    """T of a ring of 40 cells before and after `shape` has been carried around it once."""

    def start(builder, fields):
        q = fields[0].clone()
        q[0] += 5.0 * shape(builder.grid.centres[2])
        return q, fields[1]

    flow = inert({"cells": (40,), "lower": (0,), "upper": (1,)}, {"x": PERIODIC}, start, viscosity=1e-12,
                 velocity=(1.0,), numerics={"reconstruction": reconstruction})  # fmt: skip
    before = flow.field("T").ravel()
    steps(flow, 80, 0.0125)
    assert abs(flow.quantity("mass_error")) < 1e-13
    return before, flow.field("T").ravel()


def test_a_pulse_keeps_its_height_better_than_with_koren():
    errors = {}
    for name in ("weno5", "koren"):
        before, after = carried(name, lambda x: torch.exp(-(((x - 0.5) / 0.06) ** 2)))
        errors[name] = np.abs(after - before).mean()
    assert errors["weno5"] < 0.7 * errors["koren"], errors


def test_a_carried_jump_hardly_overshoots():
    """A plateau of 5 K over 16 cells: less than a hundredth of its height beyond it, below and above."""
    _, after = carried("weno5", lambda x: ((x > 0.3) & (x < 0.7)).to(x.dtype))
    assert 300 - 0.05 < after.min() and after.max() < 305 + 0.05, (after.min(), after.max())
