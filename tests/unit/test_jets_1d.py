"""Jets far from the nozzle by k-epsilon, in one dimension: published spreads, and balances."""

import numpy as np
import pytest

from validation.jets_1d import C_MU, jet


@pytest.mark.parametrize(("is_round", "spread"), [(True, 0.120), (False, 0.108)])
def test_standard_constants_spread_as_published(is_round, spread):
    """Pope 1978, Wilcox 1998."""
    assert jet(is_round, 1.44).spread == pytest.approx(spread, rel=5e-3)


def test_momentum_is_drawn_in_as_eddies_spread_it():
    """-F u = eta N u' at every place of a round jet; the momentum of a thin one."""
    found = jet(True, 1.60)
    F = np.cumsum(found.eta * found.u) * (found.eta[1] - found.eta[0])
    N = C_MU * found.K**2 / found.E
    off = F[:-1] * 0.5 * (found.u[1:] + found.u[:-1]) + (
        (found.eta + 0.5 * found.eta[0])[:-1] * 0.5 * (N[1:] + N[:-1]) * np.diff(found.u) / np.diff(found.eta)
    )
    assert np.abs(off).max() < 0.02 * (F * found.u).max()


def test_terms_that_thin_jets_leave_out_are_small():
    """Of the order of the square of the spread."""
    thin, whole = jet(True, 1.60), jet(True, 1.60, thin=False)
    assert 0.0 < 1.0 - whole.spread / thin.spread < 3.0 * thin.spread**2
