"""Koren's limiter: his function of the ratio of slopes, and a pulse that keeps its height better than van Leer's."""

from dataclasses import replace

import numpy as np
import torch

from combust.cfd.operators.reconstruction import named
from combust.cfd.operators.reconstruction.koren import limited
from validation.two_gases import PERIODIC, inert, steps


def test_steps_are_kappa_one_third_within_korens_limits():
    """On equal cells half a step times phi(r) = max(0, min(2 r, (1 + 2 r)/3, 2)), r = b/a."""
    r = torch.linspace(-3, 6, 181, dtype=torch.float64)
    for a in (1.0, -2.0):
        a_, b = torch.full_like(r, a), a * r
        phi = torch.minimum(torch.minimum(2 * r, (1 + 2 * r) / 3), torch.full_like(r, 2.0)).clamp_min(0.0)
        torch.testing.assert_close(limited((a_ + 2 * b) / 6, a_, b), 0.5 * phi * a_)


def pulse(reconstruction):
    """A narrow bump of T, carried once around a ring of 40 cells; (start, end)."""

    def start(builder, fields):
        x = builder.grid.centres[2]
        q = fields[0].clone()
        q[0] += 5.0 * torch.exp(-(((x - 0.5) / 0.06) ** 2))
        return q, fields[1]

    flow = inert({"cells": (40,), "lower": (0,), "upper": (1,)}, {"x": PERIODIC}, start, viscosity=1e-12,
                 velocity=(1.0,))  # fmt: skip
    flow.scheme.numerics = replace(flow.scheme.numerics, reconstruction=reconstruction)
    before = flow.field("T").ravel()
    steps(flow, 100, 0.01)
    return before, flow.field("T").ravel(), flow


def test_a_pulse_keeps_its_height_better_than_with_van_leer():
    before, koren, flow = pulse("koren")
    _, van_leer, _ = pulse("van-leer")
    errors = [np.abs(after - before).mean() for after in (koren, van_leer)]
    assert errors[0] < 0.8 * errors[1] and koren.max() > van_leer.max()
    assert abs(flow.quantity("mass_error")) < 1e-13 and named("koren").ghosts == 2
