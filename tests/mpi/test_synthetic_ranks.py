"""Turbulence at the start and at inflows has the same bits on two and four ranks as on one.

Run as a script under mpirun, this file is one rank's part.
"""

import pytest
import torch
from launcher import as_script, run_ranks

from combust.case.load import convert
from combust.cfd.synthetic import box as modes
from combust.parallel import Communicator
from combust.run.build import Builder

SPECTRUM = {"kind": "von-karman-pao", "u_rms": 1.0, "length": 1e-3}
FILTER = {"kind": "digital-filter", "u_rms": 0.5, "length": [2e-3, 1e-3, 1e-3], "seed": 5}
HUMP = {"over": "y", "at": [0.0, 0.005, 0.016], "values": [0.0, 0.3, 0.1]}
STRESSES = {"xx": HUMP, "yy": 0.2, "zz": {"over": ["z", "y"], "at": [[0.0, 0.02], [0.0, 0.016]],
            "values": [[0.1, 0.3], [0.2, 0.1]]}, "xy": {**HUMP, "values": [0.0, -0.1, 0.02]}}  # fmt: skip
VARYING = {"kind": "digital-filter", "stresses": STRESSES, "length": [2e-3, 1e-3, 1e-3], "seed": 5}
MODES = {"kind": "random-modes", "spectrum": SPECTRUM, "seed": 6}
PERIODIC = {"kind": "periodic"}


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_same_bits(ranks):
    assert "same" in run_ranks(__file__, ranks, timeout=180)


def box(fluctuations, cells=(12, 16, 20)):
    """A case that gas flows through along x."""
    inflow = {"kind": "inflow", "velocity": 3.0, "fluctuations": fluctuations}
    return convert({
        "mesh": {"kind": "uniform", "cells": list(cells), "lower": [0.0] * 3, "upper": [0.012, 0.016, 0.02]},
        "gas": {"mechanism": "h2o2.yaml"}, "chemistry": {"kind": "none"}, "device": "cpu", "stop": {"steps": 1},
        "initial": {"kind": "uniform", "composition": "N2:1", "temperature": 300.0, "velocity": [3.0, 0.0, 0.0],
                    "turbulence": {"spectrum": SPECTRUM, "seed": 7}},
        "boundary": {"x_low": inflow, "x_high": {"kind": "outflow"}, "y": PERIODIC, "z": PERIODIC},
    }, "ranks")  # fmt: skip


def inflow_of(builder, t):
    """Velocities (z, y, x) at this block's part of the inflow at a time, with ghosts; {} without it."""
    from combust.cfd.boundaries.fill import Filler
    from combust.timers import Timers

    filler = Filler(builder.grid, builder.boundaries, Timers())
    return {a: p.velocity(a, t) for p in filler.patches() if p.functions for a in range(3)}


def check(comm):
    modes.CHUNK = 16 * 20 * 2  # several chunks, which the ranks share
    for fluctuations in (FILTER, VARYING, MODES):
        ours, alone = Builder(box(fluctuations), comm), Builder(box(fluctuations), Communicator())
        block, whole = ours.grid.block, alone.fields()[1]
        for a, part in enumerate(ours.fields()[1]):
            cut = whole[a]
            for b in range(3):
                cut = cut.narrow(b, block.start[b], block.count[b] + (a == b))
            assert torch.equal(part, cut), (a, block.start)
        g = ours.grid.ghosts
        for t in (0.0, 1.234e-4, 0.7):
            found, all_of_it = inflow_of(ours, t), inflow_of(alone, t)
            for a, part in found.items():
                cut = all_of_it[a]
                for b in (0, 1):
                    cut = cut.narrow(b, block.start[b], block.count[b] + 2 * g + (a == b))
                assert torch.equal(part, cut), (a, t)


if __name__ == "__main__":
    as_script(check, "same")
