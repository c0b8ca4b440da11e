"""Is the solution still one? Asked after every step, by all ranks together."""

from __future__ import annotations

import torch

from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import NAMES, Grid, along
from combust.cfd.operators import scalars
from combust.errors import DivergenceError
from combust.kinetics.rates.thermo import Thermo

ADVICE = "shorten the time step (numerics.cfl, numerics.dt_max)"


def require_sound(s: State, grid: Grid, thermo: Thermo, eos_limit: float) -> None:
    """Raises DivergenceError on all ranks when a value is not finite, a density not positive, or p_eos far from p0."""
    T = along(s.q, grid.layout, 2, 0, 0)[0]
    rho = s.U[1:].sum(0)
    drift = float(scalars.equation_of_state_error(s.U, T, s.p0, thermo).abs().max())
    finite = all(bool(torch.isfinite(f).all()) for f in (s.U, s.S, T))
    lost, negative, worst = grid.block.comm.max(float(not finite), float(-rho.min()), drift)
    if lost or worst != worst:
        raise DivergenceError(where(s, grid, "a value is not finite (NaN or infinite)"))
    if negative >= 0:
        raise DivergenceError(where(s, grid, f"the density is not positive ({-negative:.3e} kg/m3)"))
    if worst > eos_limit:
        raise DivergenceError(
            f"the pressure of the equation of state drifted {100 * worst:.2g} % from p0 "
            f"(limit {100 * eos_limit:g} %): {ADVICE}, or use numerics.sweeps = 2"
        )


def where(s: State, grid: Grid, what: str) -> str:
    """`what` with the first cell it is true of, on the lowest rank that has one."""
    T = along(s.q, grid.layout, 2, 0, 0)[0]
    bad = ~torch.isfinite(s.U.sum(0) + s.S + T) | (s.U[1:].sum(0) <= 0)
    places = grid.block.comm.gather([int(i) for i in bad.nonzero()[0]] if bool(bad.any()) else None)
    for rank, place in enumerate(places):
        if place is not None:
            at = ", ".join(f"{n} {i}" for n, i in zip(NAMES, place, strict=True))
            return f"{what}, first at cell ({at}) of rank {rank}: {ADVICE} or check the initial and boundary values"
    return what
