"""PaSR and EDC in a reacting flow: two ranks agree with one. `check` is one rank's part."""

import numpy as np
import pytest

from combust import kernels
from combust.case.load import load
from combust.parallel import Communicator
from combust.run.build import Builder

CHANGES = (
    "mesh.cells=[16,12]", "mesh.upper=[1.12e-3,0.96e-3]", "initial.centre=[2.5e-4,4e-4]", "initial.radius=2e-4",
    "turbulence={kind='smagorinsky', constant=20.0, prandtl=1e4, schmidt=1e4}",
)  # fmt: skip
KINDS = ("kind='pasr', constant=1e5", "kind='edc', version='2016'")


@pytest.mark.parametrize("ranks", [2])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def check(comm):
    for kind in KINDS:
        flows = []
        for c in (comm, Communicator()):
            kernels.set_mode("eager")
            flows.append(Builder(load("cases/kernel.toml", [*CHANGES, f"combustion={{{kind}}}"]), c).flow())
            for _ in range(3):
                flows[-1].advance(4e-7)
        flow, alone = flows
        part = tuple(slice(s, s + n) for s, n in zip(flow.grid.block.start, flow.grid.block.count, strict=True))
        for name in ("T", "Y_OH", "kappa", "heat_release"):
            whole = alone.field(name)
            away = np.abs(flow.field(name) - whole[part]).max() / np.abs(whole).max()
            assert away < 1e-8, (kind, name, away)
        for name in ("heat_release", "T_max"):
            assert abs(flow.quantity(name) / alone.quantity(name) - 1) < 1e-8, (kind, name)
