"""Wrong calls of the flow from Python: each is refused, and the argument named."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from combust.case.load import convert
from combust.cfd.boundaries.conditions import Wall
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.problem import LowMachNumerics
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid
from combust.cfd.mesh.require import same_device
from combust.cfd.sources.base import Acting
from combust.errors import ConfigError
from combust.parallel import ALONE, Communicator
from combust.run.build import build
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


CALLS = [
    (lambda c: build("case.toml", ALONE), "build: config is str, needs a case, of combust.case.load.load"),
    (lambda c: build(c, None), "build: comm is NoneType, needs a combust.parallel.Communicator"),
    (lambda c: build(c, ALONE, [Wall()]), "build: conditions is list, needs a dict of side and condition"),
    (lambda c: build(c, ALONE, sources=object()), "build: sources is object, needs a tuple of sources"),
    (
        lambda c: build(c, ALONE, sources=(object(),)),
        r"build: sources\[0\]: object has no rates\(view, t, dt\) -> Rates",
    ),
    (lambda c: build(c, ALONE, sources=[Acting]), r"build: sources\[0\]: is the class Acting; give one of its objects"),
    (lambda c: build(c, ALONE, {"y_low": object()}), r"conditions\['y_low'\]: is object, the case has Wall there"),
]


@pytest.mark.parametrize("call, message", CALLS)
def test_arguments_of_build(call, message):
    raw = {
        "mesh": {"kind": "uniform", "cells": (5, 4), "lower": (0, 0), "upper": (1, 1)},
        "gas": {"mechanism": "h2o2.yaml"},
        "initial": {"kind": "uniform", "composition": "N2:1", "temperature": 300.0},
        "boundary": {"x": PERIODIC, "y": WALL},
        "stop": {"steps": 1},
    }
    config = convert(raw, "case.toml")
    with pytest.raises(ConfigError, match=message):
        call(config)


def test_sources_and_closures_of_a_problem(flow):
    for change, message in (
        ({"sources": (object(),)}, r"problem.sources\[0\]: object has no rates"),
        ({"closure": object()}, r"problem.closure: object has no update\(view\) -> EddyFields"),
    ):
        with pytest.raises(ConfigError, match=message):
            replace(flow.scheme.problem, **change)
