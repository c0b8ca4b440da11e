"""Averaged flow in channels: k-epsilon with wall functions and k-omega SST, beside their equations in one dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from combust import kernels
from combust.case.load import convert
from combust.cfd.initial.fields import Fields
from combust.cfd.lowmach.flow import ReactingFlow
from combust.parallel import Communicator
from combust.run.build import Builder
from validation import channel_1d
from validation.channel_1d import KAPPA, Array, E, Profile, faces_by_ratio, faces_up_to, log_law_bulk
from validation.report import Report, percent
from validation.two_gases import CASES, Prepared

TITLE = "Averaged flow in channels"
RESOLVING = "k-omega-sst, resolved"  # of SST without laws at walls
ONE_DIMENSION: dict[str, Callable[[Array, float], Profile]] = {
    "k-epsilon": channel_1d.k_epsilon,
    "k-omega-sst": partial(channel_1d.sst, automatic=True),
    RESOLVING: channel_1d.sst,
}
WALL_FUNCTIONS = ((1000, 17), (2000, 33), (5200, 87))  # Re_tau, cells of half a channel: the first at y+ = 30
RESOLVED = ((395, 48), (590, 48), (1000, 48))
FIRST = 0.3  # y+ of the first cell with SST
ANYWHERE = {395: (0.2, 1, 2, 5, 8, 20), 1000: (0.2, 1, 2, 5, 8, 20, 50), 5200: (0.2, 1, 2, 5, 8, 20, 50, 100)}
RATIO, WIDEST, FINEST = 1.15, 0.05, (0.1, 1.05, 0.02)  # of their cells; y+ of the first, ratio, widest of the reference
FAR = (("k-epsilon", 1000, 17), ("k-epsilon", 2000, 33), ("k-epsilon", 5200, 87), (RESOLVING, 395, 48),
       ("k-omega-sst", 395, 48), ("k-omega-sst", 590, 48))  # fmt: skip
HEATED = (("k-epsilon", 1000, 17), ("k-omega-sst", 395, 24))
PRANDTL, WARMER = 0.71, 0.1  # K: of a difference so small the gas stays the same
TURBULENT = 0.7  # Prandtl number, of the closures
END = (4.0, 3.0)  # h/u_tau: with wall functions, with SST
STEP = (0.2, 0.05)
LONG, LONG_STEP = 40.0, (0.2, 0.1)  # from the logarithmic law
SMOKE = {"WALL_FUNCTIONS": ((1000, 9),), "RESOLVED": ((395, 24),), "END": (0.6, 0.1), "FIRST": 0.5, "LONG": 0.4,
         "ANYWHERE": {395: (8,)}, "FAR": (("k-epsilon", 1000, 9),), "HEATED": (("k-epsilon", 1000, 9),),
         "FINEST": (0.5, 1.2, 0.1)}  # fmt: skip
TABLE = {395: (19.45, 17.3), 590: (20.45, 18.4), 1000: (21.8, 19.8)}
"""U+ on the centre line and bulk of an own solver of other discretisation, whose ranges are 0.2 wide at 395."""
DNS = {395: (20.133, 17.545), 590: (21.263, 18.654)}  # Moser, Kim, Mansour 1999, doi:10.1063/1.869966 (392.24, 587.19)


def channel(kind: str, faces: Array, Re_tau: float, temperature: Array | None = None, **more: Any) -> ReactingFlow:
    """Half a channel in wall units of h = 1, of two long cells along x, that starts with the law of the wall.

    temperature : at the start, of 1 at the wall and 0 at y = 1, which are then held;  None: insulated
    """
    closure = {"kind": "k-omega-sst", "walls": "resolved"} if kind == RESOLVING else {"kind": kind}
    rho = 1.013e7 * 5.0 / (8314.46261815324 * 300.0)
    y = 0.5 * (faces[1:] + faces[:-1]) * Re_tau
    law = torch.tensor(np.minimum(y, np.log(1.0 + E * y) / KAPPA)).reshape(1, -1, 1)
    prandtl, low, high = 0.7, {"kind": "wall"}, {"kind": "symmetry"}
    if temperature is not None:
        prandtl, low = PRANDTL, {"kind": "wall", "temperature": 300.0 + WARMER}
        high = {"kind": "wall", "slip": True, "temperature": 300.0}
    raw = {
        "mesh": {
            "kind": "stretched",
            "x": {"lower": 0.0, "upper": 4000.0, "cells": 2},  # as long as no Courant number counts
            "y": {"faces": faces.tolist()},
        },
        "gas": {
            "mechanism": str(CASES / "mms_gas.yaml"),
            "pressure": 1.013e7,
            "transport": {"kind": "constant", "viscosity": rho / Re_tau, "prandtl": prandtl, "schmidt": 0.7},
        },
        "chemistry": {"kind": "none"},
        "turbulence": {**closure, "initial": {"k": 3.0, "length": 0.1}},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": "HEAVY:1", "velocity": [20.0, 0.0]},
        "boundary": {"x": {"kind": "periodic"}, "y_low": low, "y_high": high},
        "sources": [{"kind": "pressure-gradient", "axis": "x", "friction_velocity": 1.0}],
        "stop": {"steps": 1},
        **more,
    }

    def start(builder: Builder, made: Fields) -> Fields:
        q, u = made
        assert u[2] is not None
        if temperature is not None:
            q[0] += WARMER * torch.tensor(temperature).reshape(1, -1, 1)
        return q, (None, u[1], law.expand_as(u[2]).clone())

    kernels.set_mode("eager")
    return Prepared(convert(raw, "channel"), Communicator(), start=start).flow()


def profile(flow: ReactingFlow) -> Array:
    """U across the channel."""
    return np.asarray(flow.field("u")[0][0, :, 0])


def at_rest(kind: str, faces: Array, Re_tau: float, one: Profile, temperature: Array | None = None) -> ReactingFlow:
    """The flow that starts with the solution in one dimension; temperature : see `channel`."""
    flow = channel(kind, faces, Re_tau, temperature)
    s, scheme = flow.current, flow.scheme
    u, carrier = scheme.block_faces(s.u)[2], scheme.carrier
    assert u is not None and s.carried is not None and carrier is not None
    u.copy_(torch.tensor(one.U).reshape(1, -1, 1))
    scheme.filler.velocity(s.u)
    for row, values in zip(scheme.inner(s.carried), (one.k, one.scale), strict=True):
        row.copy_(torch.tensor(values).reshape(1, -1, 1))
    s.carried = carrier.filled(s.carried, flow.diagnostics.view())
    return flow


def faces_of(kind: str, Re_tau: float, cells: int) -> Array:
    """Equal cells with wall functions, else such that grow from the wall."""
    return np.linspace(0.0, 1.0, cells + 1) if kind == "k-epsilon" else faces_by_ratio(cells, 2.0 * FIRST / Re_tau)


def advanced(flow: ReactingFlow, end: float, dt: float) -> ReactingFlow:
    """The flow at `end` [h/u_tau]."""
    for _ in range(round(end / dt)):
        flow.advance(dt)
    return flow


def found(kind: str, Re_tau: float, cells: int) -> tuple[Profile, Array, ReactingFlow]:
    """The solution in one dimension, U of the flow that starts there on the same cells, and the flow."""
    faces, walls = faces_of(kind, Re_tau, cells), kind == "k-epsilon"
    one = ONE_DIMENSION[kind](faces, Re_tau)
    flow = advanced(at_rest(kind, faces, Re_tau, one), END[not walls], STEP[not walls])
    return one, profile(flow), flow


def run(report: Report) -> None:
    """All channels."""
    curves = []
    for kind, channels in (("k-epsilon", WALL_FUNCTIONS), (RESOLVING, RESOLVED)):
        rows = []
        for Re_tau, cells in channels:
            report.progress(f"{kind}, Re_tau = {Re_tau}")
            one, U, flow = found(kind, Re_tau, cells)
            rows.append(row(report, kind, Re_tau, one, U, flow))
            curves.append((kind, Re_tau, one, U))
        report.text(ABOUT[kind])
        report.table([*COLUMNS, *MORE[kind]], rows)
    anywhere(report)
    far(report)
    heated(report)
    draw(report, curves)
    report.text("![Profiles of the solver and in one dimension](../pictures/channel_rans.png)")


def row(report: Report, kind: str, Re_tau: int, one: Profile, U: Array, flow: ReactingFlow) -> list[object]:
    """Of the first two tables, with its targets."""
    bulk = float((U * one.width).sum())
    off = bulk / one.bulk - 1.0
    friction, first = flow.quantity("friction_velocity_y_low"), float(flow.field("y_plus")[0, 0, 0])
    report.target(f"{kind}, Re_tau {Re_tau}: bulk beside one dimension", abs(off) * 100, 1.0, "%")
    said: list[object] = [Re_tau, len(U), f"{first:.3g}", f"{bulk:.3f}", percent(off), f"{friction:.4f}"]
    if kind == "k-epsilon":
        law = bulk / log_law_bulk(Re_tau) - 1.0
        wall = float(U[0] / (math.log(E * one.y[0] * Re_tau) / KAPPA) - 1.0)
        report.target(f"{kind}, Re_tau {Re_tau}: above the bulk of the log law", law * 100, 5.0, "%")
        report.target(f"{kind}, Re_tau {Re_tau}: the same", law * 100, 0.0, "%", at_least=True)
        report.target(f"{kind}, Re_tau {Re_tau}: first cell off the law", abs(wall) * 100, 0.5, "%")
        return [*said, percent(law), percent(wall)]
    known = TABLE[Re_tau][1]
    report.target(f"{kind}, Re_tau {Re_tau}: bulk beside the table", abs(bulk / known - 1) * 100, 1.5, "%")
    direct = (f"{DNS[Re_tau][i]:.2f}" if Re_tau in DNS else "" for i in (0, 1))
    return [*said, f"{U[-1]:.2f}", f"{known:.1f}", *direct]


def anywhere(report: Report) -> None:
    """SST with first cells from the sublayer to the logarithmic layer."""
    rows, worst, rest = [], 0.0, 0.0
    for Re_tau, firsts in ANYWHERE.items():
        y, ratio, widest = FINEST
        fine = channel_1d.sst(faces_up_to(2.0 * y / Re_tau, ratio, widest), Re_tau).bulk
        for first in firsts:
            report.progress(f"SST, Re_tau = {Re_tau}, y+ = {first}")
            faces = faces_up_to(2.0 * first / Re_tau, RATIO, WIDEST)
            one = ONE_DIMENSION["k-omega-sst"](faces, Re_tau)
            flow = advanced(at_rest("k-omega-sst", faces, Re_tau, one), 10 * STEP[1], STEP[1])
            bulk = float((profile(flow) * one.width).sum())
            off = (bulk / fine) ** -2 - 1.0
            worst, rest = max(worst, abs(off)), max(rest, abs(bulk / one.bulk - 1.0))
            without = (channel_1d.sst(faces, Re_tau).bulk / fine) ** -2 - 1.0 if first <= LAWLESS else None
            rows.append([Re_tau, f"{first:g}", len(one.y), f"{bulk:.3f}", percent(bulk / fine - 1.0, 1),
                         percent(off, 1), percent(without, 1) if without is not None else ""])  # fmt: skip
    report.text(
        f'k-omega SST with first cells anywhere (`walls` at its default, "automatic"); cells grow by {RATIO:g} up to '
        f"{WIDEST:g} h. Beside the solution on fine cells (first at y+ = {FINEST[0]:g}, no laws at walls): the bulk at "
        "the same friction, the friction at the same bulk, C_f ~ U_b^-2, and that without laws on the same cells. The "
        "solver starts with the solution in one dimension on these cells and keeps it."
    )
    report.table(["Re_tau", "y+ of the first", "cells", "U_b+", "bulk", "friction", 'friction, "resolved"'], rows)
    report.target("k-omega-sst, first cells anywhere: friction, worst", 100 * worst, ALLOWED, "%")
    report.target("k-omega-sst, first cells anywhere: bulk beside one dimension, worst", 100 * rest, 1.0, "%")


def far(report: Report) -> None:
    """Flows that start with the law of the wall, a constant k and length."""
    rows = []
    for kind, Re_tau, cells in FAR:
        report.progress(f"far start, {kind}, Re_tau = {Re_tau}")
        faces = faces_of(kind, Re_tau, cells)
        one, flow = ONE_DIMENSION[kind](faces, Re_tau), channel(kind, faces, Re_tau)
        offs = [float((profile(flow) * one.width).sum()) / one.bulk - 1.0]
        for _ in range(4):
            advanced(flow, LONG / 4, LONG_STEP[kind != "k-epsilon"])
            offs.append(float((profile(flow) * one.width).sum()) / one.bulk - 1.0)
        held = flow.quantity("turbulence_held")
        rows.append([kind, Re_tau, *map(percent, offs), f"{flow.quantity('friction_velocity_y_low'):.4f}", f"{held:g}"])
        report.target(f"{kind}, Re_tau {Re_tau}, from the law of the wall: bulk", abs(offs[-1]) * 100, 1.0, "%")
    report.text(
        "The same from afar: U of the law of the wall, k = 3 u_tau^2 and a length of 0.1 h everywhere. Bulk velocity "
        f"beside the solution in one dimension at times up to {LONG:g} h/u_tau, then u_tau (1 in balance) and values "
        "of eddies held in the last step."
    )
    report.table(["closure", "Re_tau", *(f"t = {LONG * i / 4:g}" for i in range(5)), "u_tau", "held"], rows)


def heated(report: Report) -> None:
    """Heat through the wall of a channel beside the same equations in one dimension."""
    rows = []
    for kind, Re_tau, cells in HEATED:
        report.progress(f"heat, {kind}, Re_tau = {Re_tau}")
        faces, walls = faces_of(kind, Re_tau, cells), kind == "k-epsilon"
        one = ONE_DIMENSION[kind](faces, Re_tau)
        T = wall_temperature(kind, faces, Re_tau, one)
        straight = 1.0 - one.y
        flow = advanced(at_rest(kind, faces, Re_tau, one, straight), LONG, LONG_STEP[not walls])
        off = heat_of(flow, Re_tau) / T[-1] - 1.0
        shape = float(np.abs((flow.field("T")[0, :, 0] - 300.0) / WARMER - T[:-1]).max())
        rows.append([kind, Re_tau, cells, f"{T[-1]:.5f}", percent(off), f"{shape:.4f}"])
        report.target(f"{kind}, Re_tau {Re_tau}: heat through the wall", abs(off) * 100, 1.0, "%")
    report.text(
        f"Heat from a wall to a plane of symmetry that is held {WARMER:g} K colder, Pr = {PRANDTL:g}, Pr_t = "
        f"{TURBULENT:g}: the flux over rho cp u_tau and that difference, of the solution in one dimension (the law of "
        "Jayatilleke in the first cell of k-epsilon, its blend with conduction in that of SST), and of the solver from "
        f"a straight line of T after {LONG:g} h/u_tau beside it, and the largest departure of T over the difference."
    )
    report.table(["closure", "Re_tau", "cells", "flux in one dimension", "flux of the solver", "T"], rows)


def wall_temperature(kind: str, faces: Array, Re_tau: float, one: Profile) -> Array:
    """See `channel_1d.heat`."""
    y, k = float(one.y[0]), float(one.k[0])
    if kind == "k-epsilon":
        passes = channel_1d.log_conductance(y, k, Re_tau, PRANDTL, TURBULENT)
    else:
        passes = channel_1d.blended_conductance(y, k, float(one.U[0]), Re_tau, PRANDTL, TURBULENT)
    return channel_1d.heat(faces, one, Re_tau, PRANDTL, TURBULENT, passes)


def heat_of(flow: ReactingFlow, Re_tau: float) -> float:
    """Heat into the gas through the low side, over rho cp u_tau, the difference of T and the area."""
    view = flow.diagnostics.view()
    c, near = view.coefficients, view.walls[0]
    cp = float(c.conductivity[0, 0, 0]) * PRANDTL / float(c.viscosity[0, 0, 0])
    through = -float(flow.field("wall_heat_flux")[0, 0, 0])
    return through / (float(near.density[0, 0, 0]) * cp * WARMER)


LAWLESS = 5  # y+ of the first cell up to which SST without laws is shown
ALLOWED = 10.0  # per cent of friction
COLUMNS = ("Re_tau", "cells", "y+ of the first", "U_b+", "beside 1-D", "u_tau")
MORE = {
    "k-epsilon": ("U_b+ beside the log law", "first cell beside the law"),
    RESOLVING: ("U+ in the last cell", "U_b+ of the table", "DNS: centre", "DNS: bulk"),
}
ABOUT = {
    "k-epsilon": "k-epsilon with wall functions. The solution in one dimension is that of the same equations on the "
    "same cells, converged to 1e-9 (`validation/channel_1d.py`); the logarithmic law is ln(9.8 y+)/0.41, its bulk "
    "(ln(9.8 Re_tau) - 1)/0.41. All in wall units of a mean force that holds u_tau at 1. The solver starts with the "
    "solution in one dimension, and stays there as far as the table has it after 4 h/u_tau (3 with SST).",
    RESOLVING: 'k-omega SST down to the wall, `walls = "resolved"`. The table is of an own solver of other cells and '
    "1 % of uncertainty. SST lies 2 to 4 % below direct simulation (Moser, Kim, Mansour 1999) on the centre line: that "
    "is the model.",
}


def draw(report: Report, curves: list[tuple[str, int, Profile, Array]]) -> None:
    """Profiles in wall units."""
    import matplotlib.pyplot as plt

    figure, sides = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for kind, Re_tau, one, U in curves:
        side = sides[int(kind != "k-epsilon")]
        (line,) = side.plot(one.y * Re_tau, one.U, lw=1.0, label=f"{Re_tau}, one dimension")
        side.plot(one.y * Re_tau, U, "o", ms=3, color=line.get_color(), label=f"{Re_tau}, solver")
    for side, kind in zip(sides, ("k-epsilon", RESOLVING), strict=True):
        y = np.geomspace(1.0 if kind != "k-epsilon" else 12.0, 5200.0)
        side.plot(y, np.where(y < 11.53, y, np.log(E * y) / KAPPA), "k--", lw=0.8, label="law of the wall")
        side.set(xscale="log", xlabel="y+", title=kind)
        side.legend(fontsize=7, frameon=False)
    sides[0].set_ylabel("U+")
    report.pictures.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.pictures / "channel_rans.png", dpi=130)
    plt.close(figure)
