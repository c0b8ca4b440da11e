"""What gravity acts on: the density of the gas that surrounds the domain, which outflow sides hold at rest.

Gravity acts as (rho - rho_ambient) g, so that p' is zero on every outflow side: outside, the pressure is that of the
ambient gas at rest. In a closed domain any reference is as good as another, save along periodic directions, where no
pressure could carry a weight: there the mean weight is taken off.
"""

from __future__ import annotations

import logging
from typing import Any

import torch

from combust.cfd.boundaries.conditions import Inflow, Outflow, conditions_of
from combust.cfd.boundaries.patches import patches
from combust.cfd.initial.fields import Fields
from combust.cfd.mesh.grid import NAMES
from combust.cfd.model.case import Case
from combust.cfd.operators.coefficients import density
from combust.errors import ConfigError

logger = logging.getLogger(__name__)
# Densities that differ by less are those of one gas: 1e-6 g, over a second, is 10 um/s.
SAME = 1e-6
ASK = 'name the gas around, for example gas.ambient = { composition = "O2:0.21, N2:0.79", temperature = 300 }'


def reference_density(case: Case, fields: Fields) -> float | None:
    """rho_ambient [kg/m3] of a case whose initial fields are given; None: the mean of the domain at each time.

    From gas.ambient, else the only stream that flows in, else the gas at the outflow sides at the start. Decided by the
    case alone, so that a restarted run has the same bits. Every rank calls. Raises ConfigError for gravity along a
    direction that the case does not have, for an ambient gas that is not known, or has no side to act on.
    """
    gravity = case.gravity
    _require_directions(case, gravity)
    if not any(gravity):
        if case.ambient is not None:
            logger.warning("warning: gas.ambient: has no effect without gas.gravity: the gas around weighs nothing")
        return 0.0
    sides = [side for a in case.grid.layout.axes for side in case.boundaries[a]]
    if not any(isinstance(c, Outflow) for side in sides for c in conditions_of(side)):
        return _closed(case, gravity)
    rho, origin = _named(case) or _only_stream(case) or _at_outflows(case, fields)
    logger.info("gravity: acts on rho less %.6g kg/m3, the density of %s", rho, origin)
    return rho


def _require_directions(case: Case, gravity: tuple[float, ...]) -> None:
    for axis, name in enumerate(NAMES):
        if gravity[axis] == 0.0 or axis in case.grid.layout.axes:
            continue
        dimensions = case.dimensions
        why = f"is {dimensions}-D" if 2 - axis >= dimensions else f"has one cell in {name}"
        allowed = ", ".join(NAMES[a] for a in reversed(case.grid.layout.axes))
        raise ConfigError(
            f"gas.gravity = {list(reversed(case.gravity))}: nothing can move along {name}, the mesh {why}; "
            f"allowed are parts along {allowed}"
        )


def _closed(case: Case, gravity: tuple[float, ...]) -> float | None:
    if case.ambient is not None:
        raise ConfigError("gas.ambient: no side of this case is an outflow, so no gas outside is felt; omit the table")
    periodic = [name for axis, name in enumerate(NAMES) if gravity[axis] and case.grid.block.periodic[axis]]
    if periodic:
        logger.info(
            "gravity: %s is periodic and no side is an outflow, so nothing could carry the gas: gravity acts on rho "
            "less its mean, as in a vessel that is much longer than the domain",
            " and ".join(periodic),
        )
        return None
    fresh = case.unburnt
    return fresh.density if fresh is not None else 0.0


def _density(case: Case, table: Any, where: str) -> float:
    """Density of a stream at the pressure of the case; what its table omits is that of the initial gas."""
    fresh: Any = case.initial
    if not (table.has_composition and table.temperature) and not fresh.one_gas:
        kind = fresh.__struct_config__.tag
        raise ConfigError(f'{where}: initial.kind = "{kind}" has no one gas: give a composition and temperature')
    Y = case.mixture(table, where) if table.has_composition else case.mixture(fresh)
    T = torch.tensor(table.temperature or fresh.temperature, dtype=torch.float64, device=Y.device)
    rho = case.gas.density(T, case.pressure, Y)
    return float(rho)


def _named(case: Case) -> tuple[float, str] | None:
    table = case.ambient
    return None if table is None else (_density(case, table, "gas.ambient"), "gas.ambient")


def _only_stream(case: Case) -> tuple[float, str] | None:
    p = case.pressure
    found: dict[str, float] = {}
    for name in case.sides:
        side = case.boundaries[NAMES.index(name[0])][name.endswith("high")]
        streams = [s for c in conditions_of(side) if isinstance(c, Inflow) for s in c.streams]
        densities = [float(case.gas.density(stream[0], p, stream[1:])) for stream in streams]
        found |= {f"{name}{i or ''}": rho for i, rho in enumerate(densities)}
    if not found or max(found.values()) - min(found.values()) > SAME * min(found.values()):
        return None
    name, rho = next(iter(found.items()))
    return rho, f"the stream that flows in at {name} (gas.ambient names another)"


def _at_outflows(case: Case, fields: Fields) -> tuple[float, str]:
    """The density that all cells along outflow sides start with; its extremes are the same on any number of ranks."""
    q, grid = fields[0], case.grid
    p = torch.tensor(case.pressure, dtype=torch.float64, device=grid.device)
    rho = density(case.gas.thermo, q[0], q[1:], p)
    least, most = torch.inf, -torch.inf
    for axis in grid.layout.axes:
        for side in (0, 1):
            condition = case.boundaries[axis][side]
            if condition is None or not grid.block.at_boundary(axis, side):
                continue
            edge = rho.narrow(axis, 0 if side == 0 else grid.layout.n[axis] - 1, 1)
            for own in (
                p.owned(edge) for p in patches(grid, axis, side, condition) if isinstance(p.condition, Outflow)
            ):
                if own.numel():
                    least, most = min(least, float(own.min())), max(most, float(own.max()))
    most, below = case.comm.max(most, -least)
    if most + below > SAME * most:
        raise ConfigError(
            f"gas.gravity: which gas surrounds the domain is not known: at the start the density along the outflow "
            f"sides lies between {-below:.6g} and {most:.6g} kg/m3, and not one stream flows in; {ASK}"
        )
    return most, "the gas at the outflow sides at the start (gas.ambient names another)"
