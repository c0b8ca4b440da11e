"""What a flow starts with that goes on from an earlier run on another grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.cfd.initial import remap
from combust.cfd.initial.fields import face_shape
from combust.cfd.mesh.grid import NAMES, Faces, Grid
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism

Slices = tuple[slice, slice, slice]
SAME_PRESSURE = 1e-6  # relative difference of what counts as one


@dataclass(frozen=True)
class Earlier:
    """The state of an earlier run. Axes are in the order (z, y, x).

    closure : the kind of its turbulence

    place : its file, for messages;  faces : of its cells [m];  species : in its order
    same_gas : whether its mechanism is that of the new case;  p0 [Pa], time [s];  names : what can be read
    read : (name, part of the cells or faces) -> values
    """

    place: str
    faces: tuple[np.ndarray, np.ndarray, np.ndarray]
    axisymmetric: bool
    species: tuple[str, ...]
    same_gas: bool
    p0: float
    time: float
    closure: str
    names: tuple[str, ...]
    read: Callable[[str, Slices], np.ndarray]


class Content(NamedTuple):
    """U : (1 + species, nz, ny, nx) rho h [J/m3] and rho Y [kg/m3] of the owned cells;  p0 [Pa]

    carried : (rows, nz, ny, nx) what the closure carries, None where the earlier run has none of it
    """

    U: Tensor
    p0: float
    carried: Tensor | None = None


class Carried(NamedTuple):
    """(T, Y) of the owned cells, velocities on faces, and the content that T and Y follow from."""

    q: Tensor
    u: Faces
    content: Content


def carried(earlier: Earlier, grid: Grid, gas: Mechanism, names: Sequence[str] = ()) -> Carried:
    """The earlier state on this grid; integrals of mass, species and enthalpy stay where both overlap.

    names : of quantities that the closure carries with the gas, whose integrals over its mass stay, too
    Raises ConfigError for a domain that reaches beyond the earlier one, for other species or another kind of mesh.
    """
    _require(earlier, grid, gas)
    lines = [remap.line(_edges(earlier.faces, a, grid), _own(_edges(grid.faces, a, grid), a, grid)) for a in range(3)]
    cells = tuple(slice(one.first, one.last) for one in lines)
    U = earlier.read("U", cells)  # type: ignore[arg-type]
    order = [0, *(1 + earlier.species.index(name) for name in gas.species)]
    U = U[order]
    known = bool(names) and set(names) <= set(earlier.names)
    of_closure = U[1:].sum(0) * np.stack([earlier.read(name, cells) for name in names]) if known else None  # type: ignore[arg-type]
    if not earlier.same_gas:  # its enthalpies are those of another mechanism: T stays
        T = torch.tensor(earlier.read("q", cells)[0], device=grid.device)  # type: ignore[arg-type]
        rho_Y = torch.tensor(U[1:], device=grid.device)
        rho = rho_Y.sum(0)
        U[0] = (rho * gas.enthalpy(T, rho_Y / rho)).cpu().numpy()
    for axis, one in enumerate(lines):
        U = remap.along(U, axis - 3, one)
        of_closure = None if of_closure is None else remap.along(of_closure, axis - 3, one)
    content = torch.tensor(np.ascontiguousarray(U), device=grid.device)
    rho = content[1:].sum(0)
    rows = None if of_closure is None else torch.tensor(np.ascontiguousarray(of_closure), device=grid.device) / rho
    Y = content[1:] / rho
    T = gas.temperature(content[0] / rho, Y)
    return Carried(torch.cat([T[None], Y]), _velocity(earlier, grid, lines), Content(content, earlier.p0, rows))


def _require(earlier: Earlier, grid: Grid, gas: Mechanism) -> None:
    if set(earlier.species) != set(gas.species):
        lacks = sorted(set(earlier.species) ^ set(gas.species))
        raise ConfigError(
            f"{earlier.place}: its species are not those of this case ({', '.join(lacks[:8])} in one only); take a "
            "mechanism with the same species"
        )
    if earlier.axisymmetric != grid.axisymmetric:
        kinds = ("axisymmetric", "Cartesian") if earlier.axisymmetric else ("Cartesian", "axisymmetric")
        raise ConfigError(f"{earlier.place}: its mesh is {kinds[0]}, that of this case {kinds[1]}: take one of a kind")
    for axis, name in enumerate(NAMES):
        old, new = earlier.faces[axis], grid.faces[axis]
        if not remap.covers(old, new):
            raise ConfigError(
                f"{earlier.place}: its domain is from {old[0]:.6g} to {old[-1]:.6g} m in {name}, that of this case "
                f"from {new[0]:.6g} to {new[-1]:.6g} m: the new domain must lie within the earlier one"
            )


def _edges(faces: tuple[np.ndarray, ...], axis: int, grid: Grid) -> np.ndarray:
    """Places of faces along an axis, in a coordinate in which equal steps are equal volumes."""
    return 0.5 * faces[axis] ** 2 if grid.axisymmetric and axis == 1 else faces[axis]


def _own(edges: np.ndarray, axis: int, grid: Grid) -> np.ndarray:
    """Edges of the block's cells."""
    start, n = grid.block.start[axis], grid.block.count[axis]
    return edges[start : start + n + 1]


def _velocity(earlier: Earlier, grid: Grid, lines: list[remap.Overlap]) -> Faces:
    """Along its own axis a velocity lies on straight lines between faces, along the others it is a mean of cells."""
    found: list[Tensor | None] = []
    for axis in range(3):
        if axis not in grid.layout.axes:
            found.append(None)
            continue
        name = f"u_{NAMES[axis]}"
        if name not in earlier.names:  # a direction that the earlier grid did not have
            found.append(torch.zeros(face_shape(grid, axis), dtype=torch.float64, device=grid.device))
            continue
        part = [slice(one.first, one.last) for one in lines]
        part[axis] = slice(lines[axis].first, lines[axis].last + 1)
        u = earlier.read(name, (part[0], part[1], part[2]))
        for over, one in enumerate(lines):
            if over != axis:
                u = remap.along(u, over - 3, one)
        u = remap.at_faces(u, axis - 3, earlier.faces[axis][part[axis]], _own(grid.faces[axis], axis, grid))
        found.append(torch.tensor(np.ascontiguousarray(u), device=grid.device))
    return tuple(found)


def other_pressure(p0: float, pressure: float) -> dict[str, str]:
    """What to say of a closed box at p0 in a case with gas.pressure [Pa]: name -> sentence; none where they are one."""
    if abs(p0 - pressure) <= SAME_PRESSURE * pressure:
        return {}
    return {"pressure": (
        f"initial: the pressure is that of the earlier run, {p0:.9g} Pa; gas.pressure = {pressure:.9g} Pa is not that "
        "of the gas in this closed box")}  # fmt: skip
