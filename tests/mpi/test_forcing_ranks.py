"""Flows that are driven, and turbulence that is forced, on two ranks are those of one.

`check` is one rank's part.
"""

import numpy as np
import pytest

from combust.parallel import ALONE
from combust.run.build import build
from tests.unit.test_forcing import box, channel


@pytest.mark.parametrize("ranks", [2])
def test_forces_on_ranks(checked, ranks):
    checked(__name__, ranks)


CASES = {
    "driving_force": channel({"kind": "mass-flux", "velocity": 1.0}),
    "turbulence_u_rms": box({"kind": "linear-forcing", "u_rms": 2.0}),
    "forcing_power": box({"kind": "spectral-forcing", "u_rms": 2.0, "waves": 1.0}),
}


def check(comm):
    for name, config in CASES.items():
        one, cut = build(config, ALONE), build(config, comm)
        for flow in (one, cut):
            for _ in range(3):
                flow.advance(2e-6)
        assert cut.quantity(name) == pytest.approx(one.quantity(name), rel=1e-10)
        place = tuple(slice(s, s + n) for s, n in zip(cut.block.start, cut.block.count, strict=True))
        np.testing.assert_allclose(cut.field("u"), one.field("u")[(slice(None), *place)], rtol=0, atol=1e-10)
