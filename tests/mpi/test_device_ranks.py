"""Two ranks with a pretend device each (tests/pretend.py): a step of two cases with the bits of processors.

As a script under mpirun: on the ranks.
"""

import os
from pathlib import Path

import numpy as np
import pretend
import pytest
import torch

from combust import devices
from combust.case.load import load
from combust.cfd.model.flow import Flow
from combust.parallel import Communicator
from combust.run.build import build

CASES = Path(__file__).resolve().parents[2] / "cases"
DT = 8e-7  # s
FLOWS = {  # the solver: that of devices, on processors too
    "kernel": ["mesh.cells=[12, 12]", 'numerics.pressure.solver="torch"'],
    "flame_learned": ["mesh.cells=[16, 8]", 'numerics.pressure.solver="torch"'],
}
MESSAGES = {"kernel": "direct", "flame_learned": "staged"}  # from the memory of the device, or that of the host
WAITS = {"kernel": 70, "flame_learned": 95}


@pytest.mark.parametrize("ranks", [2])
def test_each_rank_has_its_device(checked, ranks):
    checked(Path(__file__).stem, ranks)


def flow(case: str, device: str, comm: Communicator) -> Flow:
    """At time zero."""
    return build(load(CASES / f"{case}.toml", [*FLOWS[case], f'device="{device}"', f"numerics.dt={DT}"]), comm)


def state(flow: Flow) -> dict[str, np.ndarray]:
    """All of this rank that a restart needs."""
    return {name: array for name, (array, _) in flow.state().items()}


def same(case: str, comm: Communicator) -> None:
    """A step on devices, and on processors."""
    os.environ["COMBUST_DEVICE_MESSAGES"] = "staged"
    ours = flow(case, "cpu", comm)
    ours.advance(DT)
    with pretend.on_device():
        os.environ["COMBUST_DEVICE_MESSAGES"] = MESSAGES[case]
        there = flow(case, "pretend", comm)
        assert there.grid.device == f"pretend:{comm.rank}"
        _, counts = pretend.counted(lambda: there.advance(DT))
        found = state(there)
    for name, array in state(ours).items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert counts.total <= WAITS[case], f"{case}: {counts.total}\n{counts.table()}"


def check(comm: Communicator) -> None:
    """What the ranks do."""
    if tuple(int(n) for n in torch.__version__.split(".")[:2]) < pretend.OLDEST:
        return
    kept = devices.works_ahead, os.environ.get("COMBUST_NATIVE", "1")
    os.environ["COMBUST_NATIVE"] = "0"
    devices.works_ahead = lambda device: True  # processors in the blocks of devices
    try:
        for case in FLOWS:
            same(case, comm)
    finally:
        devices.works_ahead, os.environ["COMBUST_NATIVE"] = kept
        os.environ.pop("COMBUST_DEVICE_MESSAGES", None)
