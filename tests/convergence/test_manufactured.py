"""Order of the whole solver on the variable-density manufactured solution, on uniform and stretched grids."""

import math

import pytest
import torch

from combust.case.load import load
from combust.cfd.initial import manufactured
from combust.parallel import Communicator
from combust.run import build as case
from validation import manufactured as study
from validation import manufactured_3d

TIME = 0.125


def errors(cells, steps, *overrides):
    """Root-mean-square errors of Z, rho, u, v after TIME."""
    builder = case.Builder(load("cases/mms.toml", [f"mesh.cells=[{cells},{cells}]", *overrides]), Communicator())
    flow = builder.flow()
    for _ in range(steps):
        flow.advance(TIME / steps)
    q, u = manufactured.fields(flow.grid, builder.config.initial.wave(builder), 300.0, TIME)
    faces = flow.scheme.block_faces(flow.current.u)
    rho = flow.current.U[1:].sum(0)
    _, y, x = flow.grid.centres
    pairs = (
        (flow.scheme.inner(flow.current.q)[2], q[2]),
        (rho, builder.config.initial.wave(builder).rho(x, y, torch.tensor(TIME, dtype=torch.float64))),
        (faces[2], u[2]),
        (faces[1], u[1]),
    )
    assert flow.quantity("mass_error") < 1e-13
    return [float((a - b).pow(2).mean().sqrt()) for a, b in pairs]


# The limiter clips extrema: on 16 cells to a wave that costs 0.1 of the order, which it has on 32 (docs/validation).
# dt is proportional to the cell width; of "central" twice as many steps change no error by 2 %: it is that of space.
@pytest.mark.parametrize("advection, cells, per_step", [
    ("central", (12, 24), 2), pytest.param("van-leer", (32, 64), 1, marks=pytest.mark.slow)])  # fmt: skip
def test_second_order_in_velocity_density_and_scalars(advection, cells, per_step):
    coarse, fine = (errors(n, n // per_step, f"numerics.reconstruction={advection}") for n in cells)
    orders = [math.log2(a / b) for a, b in zip(coarse, fine, strict=True)]
    assert min(orders) > 1.8, orders


@pytest.mark.parametrize("which, cells", [
    ("Central", (8, 16)), pytest.param("WENO5", (16, 24), marks=pytest.mark.slow),
    pytest.param("Central, conserving momentum, stretched mesh", (16, 24), marks=pytest.mark.slow)])  # fmt: skip
def test_second_order_in_three_directions(which, cells):
    coarse, fine = (manufactured_3d.errors(n, manufactured_3d.WAYS[which]) for n in cells)
    ratio = math.log(cells[1] / cells[0])
    orders = [math.log(a / b) / ratio for a, b in zip(coarse, fine, strict=True)]
    assert min(orders) > 1.8, orders


@pytest.mark.slow
def test_second_order_around_an_axis():
    coarse, fine = (study.errors_around_an_axis(n) for n in (8, 16))
    orders = [math.log2(a / b) for a, b in zip(coarse, fine, strict=True)]
    assert min(orders) > 1.8, orders
