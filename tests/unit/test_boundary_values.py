"""Values at the sides that change with time and place: exact solutions, balances, restarts, what is refused."""

import math

import numpy as np
import torch

from combust import kernels
from combust.cfd.boundaries.conditions import Inflow
from combust.parallel import Communicator
from combust.run import build as case
from combust.settings.config import convert

torch.set_num_threads(1)
AIR, FUEL = "O2:0.21, N2:0.79", "H2:1, N2:1"
STILL = {"kind": "constant", "viscosity": 0.0}


def flow_of(raw, conditions=None):
    kernels.set_mode("eager")
    raw = {"chemistry": {"kind": "none"}, "stop": {"steps": 1}, **raw}
    raw["numerics"] = {"compile": "off", **raw.get("numerics", {})}
    return case.Builder(convert(raw, "test"), Communicator(), conditions or {}).flow()


def channel(cells, transport=STILL, **numerics):
    return {
        "mesh": {"kind": "uniform", "cells": [cells], "lower": [0.0], "upper": [1.0]},
        "gas": {"mechanism": "h2o2.yaml", "transport": transport},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": AIR, "velocity": [1.0]},
        "boundary": {"x_low": {"kind": "inflow", "velocity": 1.0}, "x_high": {"kind": "outflow"}},
        "numerics": numerics,
    }


# --- a pulsating uniform stream, whose composition is a wave ----------------------------------------------------------

PERIOD, SWING = 0.25, 0.5


def speed(t):
    return 1.0 + SWING * math.sin(2 * math.pi * t / PERIOD)


def way(t):
    """The integral of the speed."""
    return t + SWING * PERIOD / (2 * math.pi) * (1 - math.cos(2 * math.pi * t / PERIOD))


def share(s):
    """Of the second gas in what entered when the front had come to s."""
    return np.where((s > 0) & (s < 0.4), np.sin(math.pi * s / 0.4) ** 4, 0.0)


def pulsating(cells, **more):
    """An inflow of speed(t) whose gas is a mixture of air with share(way(t)) of another of the same temperature."""
    raw = channel(cells, **more)
    gas = flow_of(raw).scheme.problem.gas
    a, b = gas.composition(AIR), gas.composition("O2:0.1, N2:0.9")

    def stream(t, points):
        g = float(share(np.array(way(t))))
        return torch.cat([torch.tensor([300.0]).double(), a + g * (b - a)]).reshape(-1, 1, 1, 1)

    inlet = Inflow(velocity=[0.0, 0.0, lambda t, points: points.new_tensor(speed(t))], stream=stream)
    return flow_of(raw, {"x_low": inlet}), a, b


def error_of_wave(cells):
    flow, a, b = pulsating(cells, reconstruction="central")
    k = flow.scheme.problem.gas.index("O2")
    steps = 2 * cells
    for _ in range(steps):
        flow.advance(0.5 / steps)
    x = (np.arange(cells) + 0.5) / cells
    exact = float(a[k]) + share(way(0.5) - x) * float(b[k] - a[k])
    speeds = flow.scheme.block_faces(flow.current.u)[2]
    assert float((speeds - speed(flow.time)).abs().max()) < 1e-3
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    assert abs(flow.quantity("enthalpy_error")) < 1e-12
    return float(np.abs(flow.field("Y_O2")[0, 0] - exact).mean() / abs(float(b[k] - a[k])))


def test_a_pulsating_stream_is_of_second_order():
    coarse, fine = error_of_wave(40), error_of_wave(80)
    assert math.log2(coarse / fine) > 1.8
