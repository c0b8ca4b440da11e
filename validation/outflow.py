"""A vortex, hot gas, a flame and backflow at both kinds of outflow, beside a domain twice as long."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from combust import kernels
from combust.case.load import convert
from combust.cfd.lowmach import start
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.mesh.grid import along
from combust.errors import DivergenceError
from combust.parallel import Communicator
from combust.report.charts import drawing
from combust.run import build as case
from validation.report import Report

TITLE = "What leaves by an outflow: fixed pressure and convective, beside a domain twice as long"
AIR = "O2:0.21, N2:0.79"
KINDS = {"pressure": {"kind": "outflow"}, "convective": {"kind": "outflow", "condition": "convective"}}
GRIDS = (18, 36)  # cells along the common part
SHARE = 1.0  # of the time until all has left
SMOKE = {"GRIDS": (9,), "SHARE": 0.01}
COLUMNS = ["cells", "outflow", "backflow", "u: largest error", "at the end", "p: range", "largest error: the spike",
           "at the end", "T: largest error [K]"]  # fmt: skip
TIMES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the end, at which errors are given


@dataclass(frozen=True)
class Leaving:
    """Something that a stream of `speed` [m/s] carries out of a domain of length and height [m] within `end` [s].

    chemistry, gas, initial : tables of the case;  swirl : largest speed of a vortex [m/s], none if 0, at x of place [m]
    """

    what: str
    length: float
    height: float
    speed: float
    end: float
    initial: dict[str, Any]
    chemistry: str = "none"
    viscosity: float | None = 1.8e-5
    swirl: float = 0.0
    place: float = 0.0
    radius: float = 2e-3
    rho: float = 1.17
    fresh: dict[str, Any] = field(default_factory=lambda: {"composition": AIR, "temperature": 300.0})

    def flow(self, cells: int, times: int, outflow: dict[str, Any]) -> ReactingFlow:
        """On a domain so many times as long."""
        kernels.set_mode("eager")
        rows = round(cells * self.height / self.length)
        gas: dict[str, Any] = {"mechanism": "h2o2.yaml"}
        if self.viscosity is not None:
            gas["transport"] = {"kind": "constant", "viscosity": self.viscosity}
        raw = {
            "mesh": {"kind": "uniform", "cells": [times * cells, rows], "lower": [0.0, 0.0],
                     "upper": [times * self.length, self.height]},
            "gas": gas,
            "chemistry": {"kind": self.chemistry},
            "initial": self.initial,
            "boundary": {"x_low": {"kind": "inflow", "velocity": self.speed, **self.fresh}, "x_high": outflow,
                         "y": {"kind": "symmetry"}},
            "numerics": {"compile": "off"},
            "stop": {"steps": 1},
        }  # fmt: skip
        flow = case.Builder(convert(raw, self.what), Communicator()).flow()
        return self._stirred(flow) if self.swirl else flow

    def _stirred(self, flow: ReactingFlow) -> ReactingFlow:
        """With the vortex added to its velocities."""
        s, middle = flow.current, 0.5 * self.height
        for a in (1, 2):
            _, py, px = (torch.as_tensor(c) for c in flow.grid.face_points(a))
            r2 = ((px - self.place) ** 2 + (py - middle) ** 2) / self.radius**2
            turn = (px - self.place) if a == 1 else (middle - py)
            added = self.swirl * torch.exp(0.5 * (1 - r2)) * turn / self.radius
            along(s.u[a], flow.scheme.layout, a, 0, 1).add_(added)  # type: ignore[arg-type]
        flow.scheme.filler.velocity(s.u)
        s.u = s.u_before = start.velocity(flow.scheme, s)
        return flow


STREAM = {"kind": "uniform", "temperature": 300.0, "composition": AIR, "velocity": [1.0, 0.0]}
KERNEL = {"kind": "kernel", "temperature": 300.0, "fuel": "H2:1", "oxidizer": AIR, "phi": 0.1,
          "hot_temperature": 1200.0, "centre": [0.014, 0.01], "radius": 3e-3, "thickness": 2e-3}  # fmt: skip
FLAME = {"kind": "flame", "fuel": "H2:1", "oxidizer": "O2:1, AR:5", "phi": 0.4, "position": 4e-3,
         "perturbation": {"amplitude": 6e-4, "modes": [1], "seed": 1}}  # fmt: skip
CASES = (
    Leaving("vortex, half as fast as its stream", 0.02, 0.02, 1.0, 0.016, STREAM, swirl=0.5, place=0.012),
    Leaving("vortex, five times as fast: strong backflow", 0.02, 0.02, 1.0, 0.016, STREAM, swirl=5.0, place=0.012),
    Leaving("kernel of 1200 K", 0.02, 0.02, 1.0, 0.016, KERNEL),
    Leaving("wrinkled hydrogen flame", 6e-3, 2e-3, 1.5, 4e-3, FLAME, "direct", None, rho=1.3, fresh={}),
)


@dataclass
class History:
    """Errors against time of one kind: of the velocity over the stream's, of the pressure over rho U^2, of T [K]."""

    t: list[float] = field(default_factory=list)
    u: list[float] = field(default_factory=list)
    p: list[float] = field(default_factory=list)
    T: list[float] = field(default_factory=list)
    range: float = 0.0
    backflow: float = 0.0
    lost: str = ""

    def at(self, values: list[float], t: float) -> str:
        """A value at the last time up to t, as text."""
        i = int(np.searchsorted(self.t, t * (1 + 1e-9))) - 1
        return "lost" if self.lost and t > self.t[-1] * 1.01 else f"{values[max(i, 0)]:.2g}"


def compared(leaving: Leaving, cells: int) -> dict[str, History]:
    """Both kinds beside the long domain, all by the same steps."""
    long = leaving.flow(cells, 2, KINDS["pressure"])
    short = {name: leaving.flow(cells, 1, kind) for name, kind in KINDS.items()}
    found = {name: History() for name in KINDS}
    while long.time < SHARE * leaving.end:
        dt = min(flow.limit()[0] for name, flow in (("", long), *short.items()) if not name or not found[name].lost)
        dt = min(0.9 * dt, 0.01 * leaving.end)
        long.advance(dt)
        for name, flow in short.items():
            if not found[name].lost:
                try:
                    flow.advance(dt)
                except DivergenceError as error:
                    found[name].lost = f"{flow.time * 1e3:.3g} ms: {error}"
                    continue
                look(found[name], flow, long, leaving, cells)
    return found


def look(to: History, flow: ReactingFlow, long: ReactingFlow, leaving: Leaving, cells: int) -> None:
    """Adds the errors now."""
    common = (Ellipsis, slice(0, cells))
    p = flow.field("p") - long.field("p")[common]
    to.t.append(flow.time)
    to.u.append(float(np.abs(flow.field("u") - long.field("u")[common]).max()) / leaving.speed)
    to.p.append(float(np.abs(p - p.mean()).max()) / (leaving.rho * leaving.speed**2))
    to.T.append(float(np.abs(flow.field("T") - long.field("T")[common]).max()))
    to.range = max(to.range, float(np.ptp(long.field("p")[common])) / (leaving.rho * leaving.speed**2))
    to.backflow = max(to.backflow, -float(long.field("u")[0][..., cells - 1].min()) / leaving.speed)


def run(report: Report) -> None:
    """All cases on all grids."""
    report.text(
        "Each of these is carried out of a domain by a stream of speed U between planes of symmetry, at the same steps "
        'by `condition = "pressure"`, by `condition = "convective"`, and in a domain twice as long. Errors are the '
        "largest differences to that one in the common part: of the velocity over U, of the pressure, less its mean, "
        "over rho U^2 of the stream, and of the temperature. `range` is the largest range of the pressure in the "
        "common part of the long domain, `backflow` the fastest flow against the stream at its place of the outflow, "
        "over U."
    )
    curves: dict[str, dict[str, History]] = {}
    for leaving in CASES:
        rows = []
        for cells in GRIDS:
            found = compared(leaving, cells)
            report.progress(f"{leaving.what}, {cells} cells")
            for name, h in found.items():
                last = [f"lost at {h.lost}"] if h.lost else [f"{h.u[-1]:.2g}"]
                rows.append([cells, name, f"{h.backflow:.2g}", f"{max(h.u):.2g}", *last, f"{h.range:.3g}",
                             f"{max(h.p):.2g}", f"{h.p[-1]:.2g}", f"{max(h.T):.2g}"])  # fmt: skip
        curves[leaving.what] = found
        report.text(f"## {leaving.what[0].upper()}{leaving.what[1:]}")
        report.table(COLUMNS, rows)
        report.text(f"Against time, {cells} cells:")
        ends = [share * SHARE * leaving.end for share in TIMES]
        lines = [[name, what, *(h.at(values, t) for t in ends)] for name, h in found.items()
                 for what, values in (("u", h.u), ("p", h.p))]  # fmt: skip
        report.table(["outflow", "error of", *(f"{t * 1e3:.3g} ms" for t in ends)], lines)
    picture = draw(report.pictures, curves)
    report.text(f"![errors against time](../pictures/{picture})")
    for what, found in curves.items():
        for name, h in found.items():
            spike = math.inf if h.lost else max(h.p) / h.range
            report.target(f"{what}, {name}: pressure spike over the range of the pressure", spike, 0.75)


def draw(folder: Path, curves: dict[str, dict[str, History]]) -> str:
    """Errors against time on the finest grid."""
    folder.mkdir(parents=True, exist_ok=True)
    with drawing(folder / "outflow.png", (3.4 * len(curves), 5.0)) as figure:
        axes = figure.subplots(2, len(curves), squeeze=False)
        for column, (what, found) in enumerate(curves.items()):
            for name, h in found.items():
                for row, values in enumerate((h.u, h.p)):
                    axes[row, column].semilogy(np.array(h.t) * 1e3, values, label=name)
            axes[0, column].set_title(what)
            axes[1, column].set_xlabel("t [ms]")
        axes[0, 0].set_ylabel("error of u / U")
        axes[1, 0].set_ylabel("error of p / (rho U^2)")
        axes[0, 0].legend()
    return "outflow.png"
