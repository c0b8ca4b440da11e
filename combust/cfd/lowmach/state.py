"""What the low-Mach solver remembers from step to step: all of it goes into a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from combust.cfd.closures.base import Rates
from combust.cfd.mesh.grid import NAMES, Faces, Grid, along
from combust.cfd.operators.coefficients import Coefficients


class Acted(NamedTuple):
    """What acted on the motion in a step, beside what the state at its end has: for the budget of its energy.

    rho : at n and n+1, padded [kg/m3];  reference : what gravity is measured against [kg/m3]
    eddies : viscosity of the closure, padded [Pa s];  given : mean forces of the sources
    drive : force per volume of the step before, along z, y, x [N/m3], which is in `given`
    """

    rho: tuple[torch.Tensor, torch.Tensor]
    reference: float
    eddies: torch.Tensor | None
    given: Rates
    drive: torch.Tensor | None


@dataclass
class State:
    """Fields at time n and what extrapolation to n+1/2 needs of time n-1. Padded unless said otherwise.

    U : (1 + species, owned) rho h [J/m3], rho Y [kg/m3];  q : (1 + species, ...) T [K], Y
    u : per axis, on faces [m/s];  p : dynamic pressure [Pa];  p0 : thermodynamic pressure [Pa], 0-d
    S : (owned) divergence source [1/s];  wdot : (species, owned) mean reaction rates of the last step [kg/m3/s]
    balance : (1 + species) what left through the boundaries so far, of U [J, kg], and work of p0 in row 0
    initial : (1 + species) content of the domain at the start
    heat_out : (6) heat that conducted out so far through the low and high side of z, y and x [J]
    drive : (3) force per volume that held the bulk flow in the last step, along z, y, x [N/m3]; None where nothing did
    carried : (rows, ...) what the turbulence closure carries, under carried_names in checkpoints; None if nothing
    acted : what acted on the motion in the last step; None before it, and in checkpoints
    held : how many values of them the last step held above zero on this rank, 0-d
    """

    U: torch.Tensor
    q: torch.Tensor
    u: Faces
    p: torch.Tensor
    p0: torch.Tensor
    S: torch.Tensor
    wdot: torch.Tensor
    q_before: torch.Tensor
    u_before: Faces
    S_before: torch.Tensor
    balance: torch.Tensor
    initial: torch.Tensor
    heat_out: torch.Tensor
    dt_before: float = 0.0
    coefficients: Coefficients | None = None
    coefficients_before: Coefficients | None = None
    drive: torch.Tensor | None = None
    carried: torch.Tensor | None = None
    carried_names: tuple[str, ...] = ()
    held: torch.Tensor | None = None
    acted: Acted | None = None

    def forget_before(self) -> None:
        """Lets go of the fields of n-1 once a step has been extrapolated from them. They are then those of n, as at a
        start: what goes on from a state whose step has failed is not extrapolated.
        """
        self.q_before, self.u_before, self.S_before = self.q, self.u, self.S
        self.coefficients_before = self.coefficients

    def forget_rates(self) -> None:
        """Lets go of the reaction rates of the last step, once those of this step are known: zeros without memory."""
        self.wdot = self.wdot.new_zeros(()).expand(self.wdot.shape)


OWNED = ("U", "S", "S_before", "wdot")
PADDED = ("q", "q_before", "p")
FACES = ("u", "u_before")
GLOBAL = ("p0", "balance", "initial")
DRIVE = "drive"  # where a source holds the bulk flow
HEAT = "heat_out"  # not in checkpoints of 0.2 and before: it then counts from the restart


def arrays(state: State, grid: Grid) -> Iterator[tuple[str, np.ndarray, str]]:
    """(name, owned part, place) of every field; place is "cell", "face_z|y|x" or "global"."""
    layout = grid.layout
    for name in OWNED:
        yield name, getattr(state, name).cpu().numpy(), "cell"
    for name in PADDED:
        yield name, along(getattr(state, name), layout, 2, 0, 0).contiguous().cpu().numpy(), "cell"
    for name in FACES:
        for axis in layout.axes:
            owned = grid.block.faces(axis)[2][axis]
            faces = along(getattr(state, name)[axis], layout, axis, 0, 1).narrow(axis, 0, owned)
            yield f"{name}_{NAMES[axis]}", faces.contiguous().cpu().numpy(), f"face_{NAMES[axis]}"
    for name in GLOBAL:
        yield name, getattr(state, name).cpu().numpy(), "global"
    for name, row in zip(state.carried_names, () if state.carried is None else state.carried, strict=True):
        yield name, along(row, layout, 2, 0, 0).contiguous().cpu().numpy(), "cell"
    yield HEAT, state.heat_out.cpu().numpy(), "global"
    yield "dt_before", np.array(state.dt_before), "global"
    if state.drive is not None:
        yield DRIVE, state.drive.cpu().numpy(), "global"


ROWS = {"U": ("rho h", "rho Y_"), "q": ("T", "Y_"), "q_before": ("T of the step before", "Y of the step before, ")}
PLAIN = {"p": "p", "S": "div u", "S_before": "div u of the step before"}


def label(name: str, row: int | None, species: Sequence[str]) -> str:
    """What an array of `arrays`, or a row of it, is: "rho Y_OH", "T", "u_x", ..."""
    if name == "wdot" and row is not None:
        return f"omega_{species[row]}"
    if name in ROWS and row is not None:
        first, rest = ROWS[name]
        return first if row == 0 else f"{rest}{species[row - 1]}"
    return PLAIN.get(name, name)


def first_not_finite(state: State, grid: Grid, species: Sequence[str]) -> str:
    """The first number of a state that is not finite (collective): "T at cell (x, y, z) = (3, 4, 0) on rank 1 is nan".

    Of the lowest rank that has one; nothing where there is none.
    """
    found = None
    for name, array, place in arrays(state, grid):
        bad = ~np.isfinite(array)
        if place != "global" and bad.any():
            *row, k, j, i = (int(n) for n in np.argwhere(bad)[0])
            z, y, x = (n + s for n, s in zip((k, j, i), grid.block.start, strict=True))
            where = "cell" if place == "cell" else place.replace("_", " ")
            found = f"{label(name, row[0] if row else None, species)} at {where} (x, y, z) = ({x}, {y}, {z})"
            found = f"{found} on rank {grid.block.comm.rank} is {array[(*row, k, j, i)]}"
            break
    return next((text for text in grid.block.comm.gather(found) if text is not None), "")


def read_into(state: State, grid: Grid, read: Callable[[str], np.ndarray]) -> None:
    """Overwrites the owned parts of `state`; ghosts and shared faces are for the caller to fill."""
    layout = grid.layout

    def tensor(name: str) -> torch.Tensor:
        # Not ascontiguousarray: it would make a number an array of one entry.
        return torch.as_tensor(np.asarray(read(name), order="C"), dtype=torch.float64, device=grid.device)

    for name in OWNED + GLOBAL:
        setattr(state, name, tensor(name))
    try:
        state.heat_out = tensor(HEAT)
    except KeyError:
        state.heat_out = torch.zeros_like(state.heat_out)
    try:
        state.drive = tensor(DRIVE)
    except KeyError:
        state.drive = None
    for name in PADDED:
        along(getattr(state, name), layout, 2, 0, 0).copy_(tensor(name))
    for name in FACES:
        for axis in layout.axes:
            owned = grid.block.faces(axis)[2][axis]
            along(getattr(state, name)[axis], layout, axis, 0, 1).narrow(axis, 0, owned).copy_(
                tensor(f"{name}_{NAMES[axis]}")
            )
    state.dt_before = float(read("dt_before"))


def read_carried(state: State, grid: Grid, read: Callable[[str], np.ndarray]) -> str:
    """Overwrites the owned cells of what the closure carries; the first name that there is not, or nothing."""
    if state.carried is None:
        return ""
    for name, row in zip(state.carried_names, state.carried, strict=True):
        try:
            values = read(name)
        except KeyError:
            return name
        found = torch.as_tensor(np.asarray(values, order="C"), dtype=torch.float64, device=grid.device)
        along(row, grid.layout, 2, 0, 0).copy_(found)
    return ""
