"""Streams in layers, sparks and a run from a run start and step alike on one rank and on two.

`check` is one rank's part.
"""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest

from combust.case.load import load
from combust.parallel import ALONE
from combust.run.build import build
from combust.run.run import run

CASE = """
mesh = { kind = "uniform", cells = [16, 12], lower = [0, 0], upper = [0.004, 0.004] }
gas = { mechanism = "h2o2.yaml" }
chemistry = { kind = "none" }
boundary = { x = { kind = "periodic" }, y = { kind = "wall", slip = true } }
numerics = { compile = "off", dt = 1e-5 }
sources = [
  { kind = "spark", centre = [0.001, 0.002], radius = 5e-4, energy = 0.1, duration = 2e-5 },
  { kind = "radiation" },
]
stop = { steps = 2 }
output = { directory = "first" }
[initial]
kind = "layers"
along = "x"
mirror = 0.002
reacted = "all"
taylor_green = 2.0
streams = [
  { composition = "H2:0.5, N2:0.5", temperature = 300, until = 0.001, width = 0.0005 },
  { composition = "O2:0.21, N2:0.79", temperature = 300 },
]
"""
CARRIED = ["initial.kind=run", "initial.folder=first", "output.directory=second", "mesh.cells=[20,18]"]


@pytest.mark.parametrize("ranks", [2])
def test_one_rank_and_two(checked, ranks):
    checked(__name__, ranks)


def check(comm):
    with contextlib.chdir(comm.bcast(tempfile.mkdtemp() if comm.is_root else None)):
        start_alike(comm)


def start_alike(comm):
    if comm.is_root:
        Path("case.toml").write_text(CASE)
        run("case.toml", ALONE)
    comm.barrier()
    for changes, rtol in (([], 0.0), (CARRIED, 1e-13)):  # T from enthalpy: its last digit depends on the block
        config = comm.bcast(load("case.toml", changes) if comm.is_root else None)
        flow, alone = build(config, comm), build(config, ALONE)
        own = tuple(slice(s, s + n) for s, n in zip(flow.block.start, flow.block.count, strict=True))
        for name in ("T", "Y_H2", "Y_OH", "radiative_loss"):
            np.testing.assert_allclose(flow.field(name), alone.field(name)[own], rtol=rtol, err_msg=f"{name} {changes}")
        assert flow.quantity("spark_power") == alone.quantity("spark_power") == 5000.0
        for one in (flow, alone):
            one.advance(1e-5)
        np.testing.assert_allclose(flow.field("T"), alone.field("T")[own], rtol=1e-9)
        assert abs(flow.quantity("enthalpy_error")) < 1e-13
        np.testing.assert_allclose(flow.quantity("radiated"), alone.quantity("radiated"), rtol=1e-9)
