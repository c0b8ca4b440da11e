"""combust check on two ranks, with a trial: both say what they hold, and nothing is written."""

import sys
from pathlib import Path

import pytest
from launcher import run_ranks

from combust.__main__ import main

CASE = Path(__file__).resolve().parents[2] / "cases" / "taylor_green_2d.toml"


def script(folder: Path) -> None:
    changes = ["mesh.cells=[16,8]", "device=cpu", "numerics.compile=off", "stop.steps=7"]
    code = main(["check", str(CASE), "--trial", "--out", str(folder / "out"),
                 *(part for change in changes for part in ("--set", change))])  # fmt: skip
    assert code == 0


@pytest.mark.slow
def test_trial_on_two_ranks(tmp_path):
    said = run_ranks(__file__, 2, str(tmp_path))
    assert "128 on 2 rank(s), 64 to 64 each" in said and " GB together" in said
    assert "100 % slow" in said and said.count("s per step") == 1 and "about 7 steps" in said
    assert not list(tmp_path.iterdir())


if __name__ == "__main__":
    script(Path(sys.argv[1]))
