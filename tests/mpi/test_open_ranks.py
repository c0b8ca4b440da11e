"""Outflows on a part of a side, and convective ones, on one rank and on more: the same flow.

`check` is one rank's part.
"""

import numpy as np
import pytest

from combust.case.load import convert
from combust.parallel import ALONE
from combust.run.build import build

HOLE = {"kind": "outflow", "where": {"y": [1e-3, 5e-3]}, "backflow": {"temperature": 350.0}}
RAW = {
    "mesh": {"kind": "uniform", "cells": [8, 16], "lower": [0, 0], "upper": [4e-3, 8e-3]},
    "gas": {"mechanism": "h2o2.yaml"},
    "chemistry": {"kind": "none"},
    "initial": {"kind": "uniform", "temperature": 300, "composition": "O2:0.21, N2:0.79"},
    "boundary": {
        "x_low": {"kind": "inflow", "velocity": 1.0, "composition": "N2:0.9, H2:0.1", "temperature": 500},
        "x_high": [{"kind": "wall", "where": {"y": [0.0, 1e-3]}}, HOLE, {"kind": "wall", "where": {"y": [5e-3, 8e-3]}}],
        "y": {"kind": "wall"},
    },
    "numerics": {"compile": "off", "pressure": {"rtol": 1e-12}},
    "stop": {"steps": 1},
}
CARRIED = 50.0  # m/s


@pytest.mark.parametrize("ranks", [2])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def check(comm):
    for hole in (HOLE, {**HOLE, "condition": "convective"}):
        high = RAW["boundary"]["x_high"]
        case = {**RAW, "boundary": {**RAW["boundary"], "x_high": [high[0], hole, high[2]]}}
        config = convert(case, "case.toml")
        flow, alone = build(config, comm), build(config, ALONE)
        for _ in range(4):
            for one in (flow, alone):
                one.advance(5e-5)
        own = tuple(slice(s, s + n) for s, n in zip(flow.block.start, flow.block.count, strict=True))
        for name in ("T", "u", "p", "Y_H2"):
            whole = alone.field(name)
            there = whole[(Ellipsis, *own)]
            np.testing.assert_allclose(flow.field(name), there, rtol=0, atol=1e-9 * np.abs(whole).max(), err_msg=name)
        if "condition" in hole:
            flow.scheme.problem.boundaries[2][1].conditions[1].convection = CARRIED
            assert flow.limit() == (pytest.approx(0.5 * 5e-4 / CARRIED, rel=1e-12), "outflow")
        assert abs(flow.quantity("mass_error")) < 1e-13 and flow.quantity("element_error") < 1e-13
