"""Is the solution still one? Asked after every step, by all ranks together."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from combust.cfd.lowmach.discretisation import state_error_kernel
from combust.cfd.lowmach.state import State, label
from combust.cfd.mesh.grid import Grid, along
from combust.cfd.mesh.slabs import of_cells
from combust.errors import DivergenceError
from combust.kinetics.rates.thermo import Thermo

ADVICE = "shorten the time step (numerics.cfl, numerics.dt_max)"


def require_sound(s: State, grid: Grid, thermo: Thermo, species: Sequence[str], eos_limit: float) -> None:
    """Raises DivergenceError on all ranks when a value is not finite, a density not positive, or p_eos far from p0."""
    T = along(s.q, grid.layout, 2, 0, 0)[0]
    rho = s.U[1:].sum(0)
    drift = of_cells(state_error_kernel, (s.U, T), (s.p0, thermo)).abs().max()
    lost, negative, worst = grid.block.comm.max(*torch.stack([_lost(s, T, grid), -rho.min(), drift]).tolist())
    if lost or worst != worst:
        raise DivergenceError(where(s, grid, species, "a value is not finite (NaN or infinite)"))
    if negative >= 0:
        raise DivergenceError(where(s, grid, species, f"the density is not positive ({-negative:.3e} kg/m3)"))
    if worst > eos_limit:
        raise DivergenceError(
            f"the pressure of the equation of state drifted {100 * worst:.2g} % from p0 "
            f"(limit {100 * eos_limit:g} %): {ADVICE}, or use numerics.sweeps = 2"
        )


def _lost(s: State, T: torch.Tensor, grid: Grid) -> torch.Tensor:
    """1 where a value is not finite, or so large that their sum is not, else 0."""
    fields = (s.U, s.S, T, *_carried(s, grid))
    total = torch.stack([f.sum() for f in fields])
    return (~torch.isfinite(total)).any().to(total)


def _carried(s: State, grid: Grid) -> list[torch.Tensor]:
    """The owned cells of each quantity that the closure carries."""
    return [] if s.carried is None else list(along(s.carried, grid.layout, 2, 0, 0))


def first_bad(s: State, grid: Grid, species: Sequence[str]) -> tuple[str, list[int]] | None:
    """The first field that is not finite, or the density that is not positive, and its cell (z, y, x) of all ranks'."""
    T, rho = along(s.q, grid.layout, 2, 0, 0)[0], s.U[1:].sum(0)
    rows = [("T", T), ("div u", s.S), *((label("U", k, species), row) for k, row in enumerate(s.U))]
    rows += zip(s.carried_names, _carried(s, grid), strict=True)
    bad = [(name, ~torch.isfinite(row)) for name, row in rows] + [("density", rho <= 0)]
    for name, cells in bad:
        if bool(cells.any()):
            place = cells.nonzero()[0].tolist()
            return name, [i + first for i, first in zip(place, grid.block.start, strict=True)]
    return None


def where(s: State, grid: Grid, species: Sequence[str], what: str) -> str:
    """`what` with the first cell it is true of, on the lowest rank that has one."""
    places = grid.block.comm.gather(first_bad(s, grid, species))
    for rank, place in enumerate(places):
        if place is not None:
            field, (z, y, x) = place
            at = f"{field} at cell (x, y, z) = ({x}, {y}, {z}) of rank {rank}"
            return f"{what}: {at}: {ADVICE} or check the initial and boundary values"
    return what
