"""Uniform gas that ignites in a few cells, closed, open or periodic, against Cantera's reactors."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cantera as ct
import numpy as np
import torch

from combust import kernels
from combust.case.load import load
from combust.cfd.initial.fields import Fields, stack
from combust.cfd.lowmach.flow import ReactingFlow
from combust.parallel import Communicator
from combust.run import build as case
from validation.two_gases import Prepared

INPUT = Path(__file__).resolve().parents[1] / "tests" / "faults" / "inputs" / "uniform_vessel.toml"
FUEL, OXIDIZER, PHI, P = "H2:1", "O2:0.21, N2:0.79", 0.6, 506625.0
T, END, DT = 1600.0, 2e-5, 5e-7  # it ignites after 3 us; at the end it is burnt
WALL, OPEN, PERIODIC, MIRROR = (f"{{kind='{kind}'}}" for kind in ("wall", "outflow", "periodic", "symmetry"))

# Domains that burn as a reactor of constant volume, or of constant pressure, and who integrates their chemistry.
CLOSED = {
    "one cell": ((1,), f"x={WALL}"), "one periodic cell": ((1,), f"x={PERIODIC}"), "1-D": ((8,), f"x={WALL}"),
    "one cell across": ((4, 1), f"x={MIRROR}, y={WALL}"), "2-D": ((4, 4), f"x={WALL}, y={MIRROR}"),
    "2-D periodic": ((2, 3), f"x={PERIODIC}, y={PERIODIC}"), "3-D": ((3, 2, 4), f"x={WALL}, y={PERIODIC}, z={MIRROR}"),
}  # fmt: skip
OPENED = {
    "one cell": ((1,), f"x={OPEN}"), "1-D": ((8,), f"x_low={MIRROR}, x_high={OPEN}"),
    "one cell along": ((1, 4), f"x={OPEN}, y={WALL}"), "2-D": ((4, 4), f"x={OPEN}, y={OPEN}"),
    "3-D": ((3, 2, 4), f"x={WALL}, y={PERIODIC}, z={OPEN}"),
}  # fmt: skip
SOLVER = "numerics.pressure.solver"
PROVIDERS = {
    "direct": (), "petsc": (f"{SOLVER}='petsc'",), "cvode": ("chemistry.kind='cvode'",),
    "strang": ("numerics.coupling='strang'",), "learned": ("chemistry.kind='learned'", "chemistry.model='h2_air'"),
}  # fmt: skip


def vessel(
    cells: tuple[int, ...], sides: str, *changes: str, start: float = T, comm: Communicator | None = None
) -> ReactingFlow:
    """A flow of `cells` in x, y, z whose `sides` are written as in a case file, 0.25 mm a cell, `start` K."""
    kernels.set_mode("eager")
    lower, upper = [0.0] * len(cells), [2.5e-4 * n for n in cells]
    mesh = f"mesh={{kind='uniform', cells={list(cells)}, lower={lower}, upper={upper}}}"
    config = load(INPUT, [mesh, f"boundary={{{sides}}}", f"initial.temperature={start}", *changes])
    return case.Builder(config, comm or Communicator()).flow()


def advance(flow: ReactingFlow, end: float = END, dt: float = DT) -> ReactingFlow:
    """The flow at time `end` after equal steps of about dt [s]."""
    count = round(end / dt)
    for _ in range(count):
        flow.advance(end / count)
    return flow


@cache
def reactor(closed: bool, end: float = END, start: float = T) -> tuple[float, float]:
    """T [K] and p [Pa] of Cantera's reactor of constant volume or pressure at time `end` [s]."""
    gas = ct.Solution("h2o2.yaml")
    gas.set_equivalence_ratio(PHI, FUEL, OXIDIZER)
    gas.TP = start, P
    kind = ct.IdealGasReactor if closed else ct.IdealGasConstPressureReactor
    made = kind(gas, clone=False)
    network = ct.ReactorNet([made])
    network.rtol, network.atol = 1e-12, 1e-20
    network.advance(end)
    return made.T, gas.P


def errors(flow: ReactingFlow, end: float = END, start: float = T) -> tuple[float, float]:
    """Largest relative errors of T in any cell, and of p."""
    temperature, pressure = reactor(flow.scheme.closed, end, start)
    T_error = max(abs(flow.quantity(name) / temperature - 1) for name in ("T_max", "T_min"))
    return T_error, abs(flow.quantity("p0") / pressure - 1)


def hot_spot(cells: tuple[int, ...], sides: str, *changes: str) -> ReactingFlow:
    """The gas at 1200 K with a spot of 1800 K in the middle of a square or cube, 0.1 mm a cell."""

    def start(builder: case.Builder, fields: Fields) -> Fields:
        grid = builder.grid
        middle = {a: 0.5 * (grid.faces[a][0] + grid.faces[a][-1]) for a in grid.layout.axes}
        distance2 = sum(((grid.centres[a] - at) / 3e-4) ** 2 for a, at in middle.items())
        return stack(grid, 1200.0 + 600.0 * torch.exp(-torch.as_tensor(distance2)), fields[0][1:]), fields[1]

    kernels.set_mode("eager")
    lower, upper = [0.0] * len(cells), [1e-4 * n for n in cells]
    mesh = f"mesh={{kind='uniform', cells={list(cells)}, lower={lower}, upper={upper}}}"
    return Prepared(load(INPUT, [mesh, f"boundary={{{sides}}}", *changes]), Communicator(), start=start).flow()


def asymmetry(flow: ReactingFlow) -> dict[str, float]:
    """How far T, p and u are from their mirror images in x and y, and from x and y exchanged, over their largest."""
    found = {}
    for name in ("T", "p"):
        f = flow.field(name)
        images = (f[..., ::-1], f[:, ::-1], f.swapaxes(1, 2))
        found[name] = float(max(np.abs(f - image).max() for image in images) / np.abs(f).max())
    u, v, _ = flow.field("u")
    images = (u + u[..., ::-1], u - u[:, ::-1], u - v.swapaxes(1, 2))
    found["u"] = float(max(np.abs(rest).max() for rest in images) / np.abs(u).max())
    return found
