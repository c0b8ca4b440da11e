"""The benchmarks of several ranks on two, on tiny sizes. Run as a script under mpirun, this file is one rank's part."""

import importlib
import sys
from pathlib import Path

import pytest
from launcher import as_script, run_ranks

NAMES = ("balance", "pool", "pressure", "flow")


@pytest.mark.slow
def test_benchmarks_run_on_two_ranks():
    out = run_ranks(__file__, 2)
    assert "benchmarks of ranks" in out and out.count("; torch ") == len(NAMES)  # the root alone speaks
    for said in ("at home / shared out", "own batches / evenly spread", "petsc  hypre", "two sweeps / one sweep"):
        assert said in out


def check(comm):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
    for name in NAMES:
        sheet = importlib.import_module(name).main(["--smoke"])
        assert sheet.figures or not comm.is_root


if __name__ == "__main__":
    as_script(check, "benchmarks of ranks")
