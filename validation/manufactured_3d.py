"""Observed order of the whole solver in three directions, on uniform and stretched meshes."""

from __future__ import annotations

import math
from typing import NamedTuple

from combust import kernels
from combust.case import load as config
from combust.parallel import Communicator
from validation.report import Report
from validation.two_gases import CASES, Prepared
from validation.wave3d import COMPONENTS, Wave

TITLE = "Variable-density manufactured solution in 3-D: observed order"
TIME = 0.125  # s, a quarter of a period
CELLS = (8, 16, 24)
NAMES = ("Z", "density", "u", "v", "w")
SWING = 0.3  # of the widths of a stretched mesh, either way
ORDER, FOURTH = 1.8, 3.5


class Way(NamedTuple):
    """Face values of scalars, convection of momentum, whether the mesh is stretched, and the order of differences."""

    reconstruction: str = "central"
    momentum: str = "central"
    stretched: bool = False
    order: int = 2

    def steps(self, cells: int) -> int:
        """Time steps, which are of second order: of fourth order they shorten with the square of the width."""
        return cells if self.order == 2 else round(cells**2 / 3)


WAYS = {
    "Central": Way(),
    "WENO5": Way("weno5"),
    "Fourth order, central": Way(order=4),
    "Fourth order, WENO5": Way("weno5", order=4),
    "Central, stretched mesh": Way(stretched=True),
    "Central, conserving momentum, stretched mesh": Way("central", "conserving", True),
}
SMOKE = {"CELLS": (4, 6), "WAYS": {"WENO5": Way("weno5", "conserving", True), "Fourth order": Way("weno5", order=4)}}


def run(report: Report) -> None:
    """Root-mean-square errors on finer meshes with shorter time steps, and their orders."""
    report.text(
        "The wave of [manufactured](manufactured.md) in three directions (validation/wave3d.py): two gases of density "
        "ratio 5 in a periodic box of one wave length a side. Root-mean-square errors at t = 0.125 s with a time step "
        "of 0.125 s / cells, of fourth order (`numerics.order = 4`) of 0.375 s / cells^2, since time is of second; "
        "orders are those of successive pairs. Widths of the stretched mesh swing by "
        f"{100 * SWING:.0f} % about their mean."
    )
    for title, way in WAYS.items():
        found = []
        for cells in CELLS:
            found.append(errors(cells, way))
            report.progress(f"{title}, {cells} cubed: " + ", ".join(f"{e:.2e}" for e in found[-1]))
        rows = []
        for i, name in enumerate(NAMES):
            e = [f[i] for f in found]
            orders = [math.log2(a / b) / math.log2(CELLS[j + 1] / CELLS[j])
                      for j, (a, b) in enumerate(zip(e, e[1:], strict=False))]  # fmt: skip
            rows.append([name, *(f"{x:.2e}" for x in e), *(f"{o:.2f}" for o in orders)])
            goal = ORDER if way.order == 2 else FOURTH
            report.target(f"order of {name}, {title.lower()}", orders[-1], goal, at_least=True)
        report.text(f"## {title}")
        report.table(["field", *(f"{n} cubed" for n in CELLS), *["order"] * (len(CELLS) - 1)], rows)


def errors(cells: int, way: Way) -> list[float]:
    """Root-mean-square errors of Z, density, u, v, w at TIME."""
    changes = [
        f"mesh.cells=[{cells},{cells},{cells}]", "mesh.lower=[0,0,0]", "mesh.upper=[1,1,1]",
        'initial={kind="uniform", temperature=300, composition="HEAVY:1"}', 'boundary.z={kind="periodic"}',
        f"numerics.reconstruction={way.reconstruction}", f"numerics.momentum={way.momentum}", "numerics.compile=off",
        f"numerics.order={way.order}",
    ]  # fmt: skip
    if way.stretched:
        faces = [i / cells - SWING / (2 * math.pi) * math.sin(2 * math.pi * i / cells) for i in range(cells + 1)]
        changes[:3] = ['mesh={kind="stretched", ' + ", ".join(f"{a}={{faces={faces}}}" for a in "xyz") + "}"]
    wave = Wave()
    with kernels.using("eager"):
        builder = Prepared(
            config.load(CASES / "mms.toml", changes), Communicator(), added=(wave,),
            start=lambda builder, made: wave.fields(builder.grid, 0.0),
        )  # fmt: skip
        flow = builder.flow()
        steps = way.steps(cells)
        for _ in range(steps):
            flow.advance(TIME / steps)
    q, u = wave.fields(flow.grid, TIME)
    faces_now, scheme = flow.scheme.block_faces(flow.current.u), flow.scheme
    differences = [
        scheme.inner(flow.current.q)[2] - q[2],
        flow.current.U[1:].sum(0) - wave.at("rho", flow.grid.centres, TIME),
        *(faces_now[axis] - u[axis] for axis in COMPONENTS),  # type: ignore[operator]
    ]
    assert flow.quantity("mass_error") < 1e-12
    return [float(d.pow(2).mean().sqrt()) for d in differences]
