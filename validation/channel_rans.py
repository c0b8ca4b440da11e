"""Averaged flow in channels: k-epsilon with wall functions and k-omega SST, beside their equations in one dimension."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
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
FIRST = 0.3  # y+ of the first cell with SST where cells are counted
RATIO, WIDEST, FINEST = 1.15, 0.05, (0.1, 1.05, 0.02)  # elsewhere; y+ of the first, ratio, widest of the reference
PRANDTL, WARMER = 0.71, 0.1  # K: of a difference so small the gas stays the same
LAWLESS = 5  # y+ of the first cell up to which SST without laws is shown
ALLOWED = 8.0  # per cent of friction
TURBULENT = 0.7  # Prandtl number, of the closures
END = {"rest": 4.0, "anywhere": 0.5, "far": 40.0, "heat": 40.0}  # h/u_tau


@dataclass(frozen=True)
class Run:
    """A channel: what of it is asked, closure, Re_tau, cells of half of it, or y+ of the first; the step [h/u_tau].

    what : "rest" from the solution in one dimension, "anywhere" the same with any first cell, "far" from the law of the
        wall, "heat" through the wall
    """

    what: str
    kind: str
    Re_tau: int
    cells: int
    first: float = 0.0
    dt: float = 0.2

    @property
    def faces(self) -> Array:
        """Equal cells with wall functions, else such that grow from the wall."""
        if self.first:
            return faces_up_to(2.0 * self.first / self.Re_tau, RATIO, WIDEST)
        if self.kind == "k-epsilon":
            return np.linspace(0.0, 1.0, self.cells + 1)
        return faces_by_ratio(self.cells, 2.0 * FIRST / self.Re_tau)


def _runs() -> dict[str, Run]:
    made = [Run("rest", "k-epsilon", *sizes) for sizes in ((1000, 17), (2000, 33), (5200, 87))]  # the first at y+ = 30
    made += [Run("rest", RESOLVING, Re_tau, 48, dt=0.05) for Re_tau in (395, 590, 1000)]
    for Re_tau, firsts in (
        (395, (0.2, 1, 2, 5, 8, 20)),
        (1000, (0.2, 1, 2, 5, 8, 20, 50)),
        (5200, (0.2, 1, 5, 20, 100)),
    ):
        made += [Run("anywhere", "k-omega-sst", Re_tau, 0, first, 10.0 / Re_tau) for first in firsts]
    made += [Run("far", "k-epsilon", *sizes) for sizes in ((1000, 17), (2000, 33), (5200, 87))]
    made += [Run("far", "k-omega-sst", Re_tau, 24, dt=0.1) for Re_tau in (395, 590)]
    made += [Run("heat", "k-epsilon", 1000, 17), Run("heat", "k-omega-sst", 395, 24, dt=0.1)]
    return {f"{r.what}, {r.kind}, {r.Re_tau}" + (f", y+ = {r.first:g}" if r.first else ""): r for r in made}


RUNS = _runs()
SMOKE = {
    "RUNS": {
        "rest": Run("rest", "k-epsilon", 1000, 9), "rest, sst": Run("rest", RESOLVING, 395, 24, dt=0.05),
        "anywhere": Run("anywhere", "k-omega-sst", 395, 0, 8, 0.05), "far": Run("far", "k-epsilon", 1000, 9),
        "heat": Run("heat", "k-epsilon", 1000, 9),
    },
    "END": {"rest": 0.2, "anywhere": 0.1, "far": 0.8, "heat": 0.2}, "FIRST": 0.5, "FINEST": (0.5, 1.2, 0.1),
}  # fmt: skip
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


def advanced(flow: ReactingFlow, end: float, dt: float) -> ReactingFlow:
    """The flow at `end` [h/u_tau]."""
    for _ in range(round(end / dt)):
        flow.advance(dt)
    return flow


def measured(run: Run) -> dict[str, Any]:
    """What a channel gave, beside the solution in one dimension."""
    start, faces = time.process_time(), run.faces
    one = ONE_DIMENSION[run.kind](faces, run.Re_tau)
    flow, found = MEASURES[run.what](run, faces, one)
    bulk = float((profile(flow) * one.width).sum())
    friction, first = flow.quantity("friction_velocity_y_low"), float(flow.field("y_plus")[0, 0, 0])
    return {
        "steps": flow.step, "cpu": time.process_time() - start, "cells": len(one.y), "bulk": bulk, "one": one.bulk,
        "u_tau": friction, "first": first, **found,
    }  # fmt: skip


Measure = Callable[[Run, Array, Profile], tuple[ReactingFlow, dict[str, Any]]]


def _rest(run: Run, faces: Array, one: Profile) -> tuple[ReactingFlow, dict[str, Any]]:
    flow = advanced(at_rest(run.kind, faces, run.Re_tau, one), END["rest"], run.dt)
    return flow, {"y": list(one.y), "U": list(profile(flow)), "U_one": list(one.U)}


def _anywhere(run: Run, faces: Array, one: Profile) -> tuple[ReactingFlow, dict[str, Any]]:
    y, ratio, widest = FINEST
    fine = channel_1d.sst(faces_up_to(2.0 * y / run.Re_tau, ratio, widest), run.Re_tau).bulk
    without = channel_1d.sst(faces, run.Re_tau).bulk if run.first <= LAWLESS else None
    flow = advanced(at_rest(run.kind, faces, run.Re_tau, one), 10 * run.dt, run.dt)
    return flow, {"fine": fine, "without": without}


def _far(run: Run, faces: Array, one: Profile) -> tuple[ReactingFlow, dict[str, Any]]:
    flow, offs = channel(run.kind, faces, run.Re_tau), []
    for part in range(5):
        if part:
            advanced(flow, END["far"] / 4, run.dt)
        offs.append(float((profile(flow) * one.width).sum()) / one.bulk - 1.0)
    return flow, {"offs": offs, "held": flow.quantity("turbulence_held")}


def _heat(run: Run, faces: Array, one: Profile) -> tuple[ReactingFlow, dict[str, Any]]:
    T = wall_temperature(run.kind, faces, run.Re_tau, one)
    flow = advanced(at_rest(run.kind, faces, run.Re_tau, one, 1.0 - one.y), END["heat"], run.dt)
    away = float(np.abs((flow.field("T")[0, :, 0] - 300.0) / WARMER - T[:-1]).max())
    return flow, {"flux": float(T[-1]), "off": heat_of(flow) / float(T[-1]) - 1.0, "away": away}


MEASURES: dict[str, Measure] = {"rest": _rest, "anywhere": _anywhere, "far": _far, "heat": _heat}


def run(report: Report, only: list[str]) -> None:
    """All channels, or those chosen beside what earlier runs left."""
    found = report.measured(RUNS, only, measured)
    done = [(RUNS[name], f) for name, f in found.items() if name in RUNS]
    rest = [(r, f) for r, f in done if r.what == "rest"]
    for kind in ("k-epsilon", RESOLVING):
        report.text(ABOUT[kind])
        report.table([*COLUMNS, *MORE[kind]], [row(report, r, f) for r, f in rest if r.kind == kind])
    for what, table in (("anywhere", anywhere), ("far", far), ("heat", heated)):
        table(report, [(r, f) for r, f in done if r.what == what])
    draw(report, rest)
    report.text("![Profiles of the solver and in one dimension](../pictures/channel_rans.png)")


Done = list[tuple[Run, dict[str, Any]]]


def row(report: Report, run: Run, f: dict[str, Any]) -> list[object]:
    """Of the first two tables, with its targets."""
    name, bulk = f"{run.kind}, Re_tau {run.Re_tau}", f["bulk"]
    off = bulk / f["one"] - 1.0
    report.target(f"{name}: bulk beside one dimension", abs(off) * 100, 1.0, "%")
    said = [run.Re_tau, f["cells"], f"{f['first']:.3g}", f"{bulk:.3f}", percent(off), f"{f['u_tau']:.4f}"]
    if run.kind == "k-epsilon":
        law = bulk / log_law_bulk(run.Re_tau) - 1.0
        wall = f["U"][0] / (math.log(E * f["y"][0] * run.Re_tau) / KAPPA) - 1.0
        report.target(f"{name}: above the bulk of the log law", law * 100, 5.0, "%")
        report.target(f"{name}: the same", law * 100, 0.0, "%", at_least=True)
        report.target(f"{name}: first cell off the law", abs(wall) * 100, 0.5, "%")
        return [*said, percent(law), percent(wall)]
    known = TABLE[run.Re_tau][1]
    report.target(f"{name}: bulk beside the table", abs(bulk / known - 1) * 100, 1.5, "%")
    direct = (f"{DNS[run.Re_tau][i]:.2f}" if run.Re_tau in DNS else "" for i in (0, 1))
    return [*said, f"{f['U'][-1]:.2f}", f"{known:.1f}", *direct]


def anywhere(report: Report, done: Done) -> None:
    """SST with first cells from the sublayer to the logarithmic layer."""
    report.text(
        f'k-omega SST with first cells anywhere (`walls` at its default, "automatic"); cells grow by {RATIO:g} up to '
        f"{WIDEST:g} h. Beside the solution on fine cells (first at y+ = {FINEST[0]:g}, no laws at walls): the bulk at "
        "the same friction, the friction at the same bulk, C_f ~ U_b^-2, and that without laws on the same cells. The "
        "solver starts with the solution in one dimension on these cells and keeps it."
    )
    rows, offs = [], []
    for r, f in done:
        off = (f["bulk"] / f["fine"]) ** -2 - 1.0
        offs.append((abs(off), abs(f["bulk"] / f["one"] - 1.0)))
        without = percent((f["without"] / f["fine"]) ** -2 - 1.0, 1) if f["without"] else ""
        rows.append([r.Re_tau, f"{r.first:g}", f["cells"], f"{f['bulk']:.3f}", percent(f["bulk"] / f["fine"] - 1.0, 1),
                     percent(off, 1), without])  # fmt: skip
    report.table(["Re_tau", "y+ of the first", "cells", "U_b+", "bulk", "friction", 'friction, "resolved"'], rows)
    worst, rest = (100 * max((o[i] for o in offs), default=0.0) for i in (0, 1))
    report.target("k-omega-sst, first cells anywhere: friction, worst", worst, ALLOWED, "%")
    report.target("k-omega-sst, first cells anywhere: bulk beside one dimension, worst", rest, 1.0, "%")


def far(report: Report, done: Done) -> None:
    """Flows that start with the law of the wall, a constant k and length."""
    report.text(
        "The same from afar: U of the law of the wall, k = 3 u_tau^2 and a length of 0.1 h everywhere; first cells at "
        f"y+ of 30 with k-epsilon, {FIRST:g} with SST. Bulk velocity beside the solution in one dimension at times up "
        f"to {END['far']:g} h/u_tau, then u_tau (1 in balance) and values of eddies held in the last step."
    )
    rows = []
    for r, f in done:
        rows.append([r.kind, r.Re_tau, f["cells"], *map(percent, f["offs"]), f"{f['u_tau']:.4f}", f"{f['held']:g}"])
        off = 100 * abs(f["offs"][-1])
        report.target(f"{r.kind}, Re_tau {r.Re_tau}, from the law of the wall: bulk", off, 1.0, "%")
    times = (f"t = {END['far'] * i / 4:g}" for i in range(5))
    report.table(["closure", "Re_tau", "cells", *times, "u_tau", "held"], rows)


def heated(report: Report, done: Done) -> None:
    """Heat through the wall of a channel beside the same equations in one dimension."""
    report.text(
        f"Heat from a wall to a plane of symmetry that is held {WARMER:g} K colder, Pr = {PRANDTL:g}, Pr_t = "
        f"{TURBULENT:g}: the flux over rho cp u_tau and that difference, of the solution in one dimension (the law of "
        "Jayatilleke in the first cell of k-epsilon, its blend with conduction in that of SST), and of the solver "
        f"beside it, which starts with T in a straight line, after {END['heat']:g} h/u_tau; then the largest departure "
        "of T over the difference."
    )
    rows = []
    for r, f in done:
        rows.append([r.kind, r.Re_tau, f["cells"], f"{f['flux']:.5f}", percent(f["off"]), f"{f['away']:.4f}"])
        report.target(f"{r.kind}, Re_tau {r.Re_tau}: heat through the wall", 100 * abs(f["off"]), 1.0, "%")
    report.table(["closure", "Re_tau", "cells", "flux in one dimension", "flux of the solver", "T"], rows)


def wall_temperature(kind: str, faces: Array, Re_tau: float, one: Profile) -> Array:
    """See `channel_1d.heat`."""
    y, k = float(one.y[0]), float(one.k[0])
    if kind == "k-epsilon":
        passes = channel_1d.log_conductance(y, k, Re_tau, PRANDTL, TURBULENT)
    else:
        passes = channel_1d.blended_conductance(y, k, float(one.U[0]), Re_tau, PRANDTL, TURBULENT)
    return channel_1d.heat(faces, one, Re_tau, PRANDTL, TURBULENT, passes)


def heat_of(flow: ReactingFlow) -> float:
    """Heat into the gas through the low side, over rho cp u_tau, the difference of T and the area."""
    view = flow.diagnostics.view()
    c, near = view.coefficients, view.walls[0]
    cp = float(c.conductivity[0, 0, 0]) * PRANDTL / float(c.viscosity[0, 0, 0])
    through = -float(flow.field("wall_heat_flux")[0, 0, 0])
    return through / (float(near.density[0, 0, 0]) * cp * WARMER)


COLUMNS = ("Re_tau", "cells", "y+ of the first", "U_b+", "beside 1-D", "u_tau")
MORE = {
    "k-epsilon": ("U_b+ beside the log law", "first cell beside the law"),
    RESOLVING: ("U+ in the last cell", "U_b+ of the table", "DNS: centre", "DNS: bulk"),
}
ABOUT = {
    "k-epsilon": "k-epsilon with wall functions. The solution in one dimension is that of the same equations on the "
    "same cells, converged to 1e-9 (`validation/channel_1d.py`); the logarithmic law is ln(9.8 y+)/0.41, its bulk "
    "(ln(9.8 Re_tau) - 1)/0.41. All in wall units of a mean force that holds u_tau at 1. The solver starts with the "
    "solution in one dimension, and stays there as far as the table has it after 4 h/u_tau.",
    RESOLVING: 'k-omega SST down to the wall, `walls = "resolved"`. The table is of an own solver of other cells and '
    "1 % of uncertainty. SST lies 2 to 4 % below direct simulation (Moser, Kim, Mansour 1999) on the centre line: that "
    "is the model.",
}


def draw(report: Report, rest: Done) -> None:
    """Profiles in wall units."""
    import matplotlib.pyplot as plt

    figure, sides = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for r, f in rest:
        side, y = sides[int(r.kind != "k-epsilon")], np.array(f["y"]) * r.Re_tau
        (line,) = side.plot(y, f["U_one"], lw=1.0, label=f"{r.Re_tau}, one dimension")
        side.plot(y, f["U"], "o", ms=3, color=line.get_color(), label=f"{r.Re_tau}, solver")
    for side, kind in zip(sides, ("k-epsilon", RESOLVING), strict=True):
        y = np.geomspace(1.0 if kind != "k-epsilon" else 12.0, 5200.0)
        side.plot(y, np.where(y < 11.53, y, np.log(E * y) / KAPPA), "k--", lw=0.8, label="law of the wall")
        side.set(xscale="log", xlabel="y+", title=kind)
        side.legend(fontsize=7, frameon=False)
    sides[0].set_ylabel("U+")
    report.pictures.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.pictures / "channel_rans.png", dpi=130)
    plt.close(figure)
