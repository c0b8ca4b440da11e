"""Wrong calls of the flow from Python: each is refused, and the argument named."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from combust.cfd.boundaries.conditions import Wall
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.problem import LowMachNumerics
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid
from combust.cfd.mesh.require import same_device
from combust.errors import ConfigError
from combust.parallel import Communicator
from validation.two_gases import PERIODIC, WALL, inert

ONE = np.array([0.0, 1.0])


@pytest.fixture(scope="module")
def flow():
    return inert({"cells": (5, 4), "lower": (0, 0), "upper": (1, 1)}, {"x": PERIODIC, "y": WALL})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"coupling": "strnag"}, 'coupling = "strnag" is unknown; known: sdc, strang'),
        ({"reconstruction": "muscl"}, 'reconstruction = "muscl" is unknown; known: van-leer'),
        ({"sweeps": 0}, "sweeps = 0: must be greater than 0"),
        ({"cfl": -1.0}, "cfl = -1.0: must be greater than 0"),
        ({"cfl": float("nan")}, "cfl = nan: must be greater than 0"),
        ({"max_stages": 1}, "max_stages = 1: must be at least 2"),
    ],
)
def test_choices_that_there_are_not(change, message):
    with pytest.raises(ConfigError, match=message):
        LowMachNumerics(**change)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"gravity": (0.0, -9.81)}, "problem.gravity: has 2 entries, needs three: z, y, x"),
        ({"boundaries": ((None, None),) * 2}, "problem.boundaries: has 2 entries"),
        ({"boundaries": ((None, None),) * 3}, "the low side in y has no condition and is not periodic"),
        ({"boundaries": ((None, None), (Wall(), Wall()), (None, Wall()))}, "the high side in x is periodic and has a"),
    ],
)
def test_problems_that_do_not_go_with_the_grid(flow, change, message):
    s = flow.scheme
    with pytest.raises(ConfigError, match=message):
        LowMach(s.grid, replace(s.problem, **change), s.numerics, s.chemistry, s.pressure, s.transport_data)


def test_a_gas_on_another_device(flow):
    class Elsewhere:
        thermo = flow.scheme.thermo._replace(molar_mass=flow.scheme.thermo.molar_mass.to("meta"))
        species = flow.scheme.problem.gas.species

    s = flow.scheme
    with pytest.raises(ConfigError, match="problem.gas: lies on meta, the grid on cpu"):
        LowMach(s.grid, replace(s.problem, gas=Elsewhere()), s.numerics, s.chemistry, s.pressure, s.transport_data)


def test_initial_fields(flow):
    q = flow.scheme.inner(flow.current.q).clone()
    u = flow.scheme.block_faces(flow.current.u)
    wrong = {
        r"\(T, Y\): has shape \(2, 1, 4, 5\), must have \(3, 1, 4, 5\)": (q[:2], u),
        r"\(T, Y\): has shape \(3, 1, 1, 1\)": (q[:, :, :1, :1], u),
        r"\(T, Y\): is of torch.float32, must be of torch.float64": (q.float(), u),
        r"\(T, Y\): lies on meta, the grid on cpu": (q.to("meta"), u),
        r"\(T, Y\): must be a tensor of shape \(3, 1, 4, 5\), not ndarray": (q.numpy(), u),
        r"velocity along x: has shape \(1, 4, 5\), must have \(1, 4, 6\)": (q, (None, u[1], u[2][..., 1:])),
        r"velocity along y: must be a tensor of shape \(1, 5, 5\), not NoneType": (q, (None, None, u[2])),
        r"velocity: has 2 entries, needs three": (q, u[1:]),
    }
    for message, fields in wrong.items():
        with pytest.raises(ConfigError, match=message):
            ReactingFlow(flow.scheme, fields, 1e5, None, {})


@pytest.mark.parametrize("device", ["gpu", "meta", *([] if torch.cuda.is_available() else ["cuda"])])
def test_devices_of_a_grid(device):
    with pytest.raises(ConfigError, match=f'device = "{device}": there is none such here'):
        Grid(Block.create(Communicator(), (1, 1, 4), (False,) * 3), (ONE, ONE, np.arange(5.0)), device)


def test_any_gpu_is_the_gpu():
    assert same_device("cuda", "cuda:0") and not same_device("cuda:1", "cuda:0") and not same_device("cpu", "cuda")
