"""Thickened flames on two ranks: the start and what becomes of it as on one, and a restart bit by bit.

`check` is one rank's part.
"""

from pathlib import Path

import numpy as np
import pytest

from combust import kernels
from combust.case.load import load
from combust.kinetics.flames.free import compute_or_load
from combust.parallel import Communicator
from combust.run.build import Builder

FLAMES = Path(__file__).resolve().parents[1] / "cases" / "flames"
# The flame lies on the finer cells of the first half: those of the second are up to four times as wide.
CHANGES = (
    "mesh={kind='stretched', x={lower=0.0, upper=0.012, cells=24, ratio=1.08}, y={lower=0.0, upper=0.002, cells=6}}",
    "initial.position=0.004", "initial.perturbation={amplitude=3e-4, modes=[1]}", "numerics.compile=off", "device=cpu",
    "turbulence={kind='smagorinsky'}",
)  # fmt: skip
KINDS = ("exponent={kind='dynamic'}, efficiency='saturated'", "fluctuation='closure', viscosity=1.8e-5")
DT, STEPS = 2e-6, 3


@pytest.mark.parametrize("ranks", [2])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def made(comm, kind):
    kernels.set_mode("eager")
    builder = Builder(load("cases/flame.toml", [*CHANGES, f"combustion={{kind='thickened', cells=6, {kind}}}"]), comm)
    builder.__dict__["free_flame"] = compute_or_load(FLAMES / "H2_0.5.npz", lambda: pytest.fail("no such flame"))
    return builder.flow()


def check(comm):
    for kind in KINDS:
        here, alone = made(comm, kind), made(Communicator(), kind)
        part = tuple(slice(s, s + n) for s, n in zip(here.block.start, here.block.count, strict=True))
        assert (here.field("T") == alone.field("T")[part]).all()
        assert alone.field("efficiency").max() > 1.0001
        for flow in (here, alone):
            for _ in range(STEPS):
                flow.advance(DT)
        for name in ("T", "Y_OH", "u", "thickening", "efficiency", "u_flame"):
            whole = alone.field(name)[(..., *part)]
            away = np.abs(here.field(name) - whole).max() / np.abs(whole).max()
            assert away < 1e-8, (kind, name, away)
        assert abs(here.quantity("wrinkling_exponent") - alone.quantity("wrinkling_exponent")) < 1e-8
        again = made(comm, kind)
        saved = {name: array.copy() for name, (array, _) in here.state().items()}
        again.restore(lambda name, saved=saved: saved[name])
        again.time, again.step, again.dt = here.time, here.step, here.dt
        for _ in range(STEPS):
            here.advance(DT)
            again.advance(DT)
        for name in ("T", "Y_OH", "u", "p", "efficiency"):
            assert (here.field(name) == again.field(name)).all(), (kind, name)
