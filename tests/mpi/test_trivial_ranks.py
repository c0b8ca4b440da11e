"""Uniform and still gas on several ranks: nothing moves, and no solve ends the run. `check` is one rank's part."""

import pytest

from combust.errors import ConfigError
from validation.vessels import MIRROR, OPEN, PERIODIC, WALL, vessel

SIDES = [f"x={WALL}, y={WALL}", f"x={PERIODIC}, y={PERIODIC}", f"x={WALL}, y={MIRROR}"]
STILL = "initial={kind='uniform', composition='O2:0.21, N2:0.79', temperature=300}"


@pytest.mark.parametrize("ranks", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_nothing_moves(checked, ranks):
    checked(__name__, ranks)


def check(comm):
    for sides in SIDES:
        for dt in (1e-7, 1e-9):
            flow = vessel((8, 8), sides, start=1200.0, comm=comm)
            for _ in range(4):
                flow.advance(dt)
            assert flow.quantity("speed_max") < 1e-14
            assert flow.quantity("T_max") - flow.quantity("T_min") < 1e-9
    sides = f"x={OPEN}, y_low={WALL}, y_high={OPEN}"
    air = vessel((8, 8), sides, STILL, "gas.gravity=[0, -9.81, 0]", comm=comm)
    for _ in range(3):
        air.advance(1e-3)
    assert air.quantity("speed_max") < 1e-15
    with pytest.raises(ConfigError, match="at least 4 cells"):  # on every rank
        vessel((comm.size, 1), f"x={WALL}, y={WALL}", comm=comm)
