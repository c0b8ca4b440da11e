"""One reactor, or a few: one call of the C++ kernels where all is as usual, as torch's calls take longer than a step.

The tests, steps and tolerances are those of `reactor`, which takes all else: more cells, members of an ensemble,
derivatives, states to be refused or warned of, cells that do not arrive or end below zero. Results differ by round-off.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust import kernels
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import conserved, reactor
from combust.kinetics.integrate.native.few import Limits, advance
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.reactor import Reactors
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.rates.powers import has_edge

MOST = 64  # cells: what torch's calls take is worth some hundreds of steps
OFF = 1e-6  # of the sum of mass fractions, as in kinetics.mechanism.states
METHOD = METHODS["rodas5p"]


def integrate(
    gas: Gas, T: Values, p: Values, Y: Values, dt: Values, hold: str, rtol: float, atol: float,
    source: tuple[Values, Values] | None,
) -> Reactors | None:  # fmt: skip
    """See `Mechanism.integrate`. None where `reactor` must serve."""
    if gas.device.type != "cpu":
        return None
    kin, y = gas.kinetics, torch.as_tensor(Y, dtype=torch.float64)
    n, cells = kin.thermo.molar_mass.shape[0], y.shape[1:]
    if y.dim() == 0 or y.shape[0] != n or not 1 <= cells.numel() <= MOST or hold not in ("hp", "uv"):
        return None
    if not (0.0 < rtol < 1.0 and 0.0 < atol < 1.0) or has_edge(kin.rates.edge) or kin.rates.multiplier.shape[1]:
        return None
    given = [_row(x, cells) for x in (T, p, dt)]
    added = None if source is None else (_row(source[0], cells), _row(source[1], y.shape))
    row = [x for x in (*given, *(added or ())) if x is not None]
    if len(row) < 3 + 2 * (added is not None) or (native := compiled_for(kin, y, *row)) is None:
        return None
    kernels.keep_freed_memory()
    limits = Limits(*gas.common_T_range, OFF, reactor.SLOW, reactor.FAINT, reactor.FIRST_CHANGE, conserved.ROUND_OFF)
    state, feed = (row[0], row[1], y.contiguous(), row[2]), None if added is None else (row[3], row[4])
    ends = advance(native, hold, METHOD, (rtol, atol), ode.rules(), limits, gas.atoms_per_mass, *state, feed)
    if ends is None:
        return None
    stats = Statistics(cells.numel(), ends.skipped, ends.steps, ends.rejected)
    return Reactors(ends.T, ends.Y, stats)


def _row(x: Values, shape: torch.Size) -> Tensor | None:
    """x of these cells; None where it does not fit."""
    found = torch.as_tensor(x, dtype=torch.float64)
    try:
        return (found if found.shape == shape else found.expand(shape)).contiguous()
    except RuntimeError:
        return None
