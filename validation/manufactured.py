"""Observed order of the whole solver on the variable-density manufactured solution."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from combust.case import load as config
from combust.cfd.initial import manufactured
from combust.parallel import Communicator
from combust.run import build as case
from validation.planar import CASES
from validation.report import Report
from validation.two_gases import Prepared
from validation.wave_axis import AxisWave

TITLE = "Variable-density manufactured solution: observed order"
TIME = 0.125  # s, a quarter of a period
CELLS = (16, 32, 64)
NAMES = ("Z", "density", "u", "v")
# A mesh whose widths swing by 40 % either way, periodic and smooth, so that it refines like a uniform one.
SWING = 0.4
ORDER = 1.8
WAYS = (
    ("Central reconstruction", "central", False),
    ("Van Leer reconstruction", "van-leer", False),
    ("Central reconstruction, stretched mesh", "central", True),
)
AROUND_AN_AXIS = "Central reconstruction, around an axis"
SMOKE = {"CELLS": (2, 4), "WAYS": WAYS[-1:]}


def run(report: Report) -> None:
    """Root-mean-square errors on halved meshes with halved time steps, and their orders."""
    report.text(
        "Shunn, Ham and Moin (J. Comput. Phys. 231 (2012) 3801, doi:10.1016/j.jcp.2012.01.027): two gases of density "
        "ratio 5 mix in a travelling, pulsating wave on a periodic square. Root-mean-square errors at t = 0.125 s with "
        "a time step of 0.125 s / cells; orders are log2 of successive ratios. Widths of the stretched mesh swing by "
        "40 % about their mean. Around an axis, a wave of the same gases with rings between the axis and a slip wall "
        "(validation/wave_axis.py), u along x and v along r."
    )
    for title, advection, stretched in WAYS:
        tell(report, title, lambda cells, way=(advection, stretched): errors(cells, *way))  # type: ignore[misc]
    tell(report, AROUND_AN_AXIS, errors_around_an_axis)


def tell(report: Report, title: str, errors_on: Callable[[int], list[float]]) -> None:
    """A table of errors on all meshes, and their orders."""
    found = []
    for cells in CELLS:
        found.append(errors_on(cells))
        report.progress(f"{title}, {cells} x {cells}: " + ", ".join(f"{e:.2e}" for e in found[-1]))
    rows = []
    for i, name in enumerate(NAMES):
        e = [f[i] for f in found]
        orders = [math.log2(a / b) for a, b in zip(e, e[1:], strict=False)]
        rows.append([name, *(f"{x:.2e}" for x in e), *(f"{o:.2f}" for o in orders)])
        report.target(f"order of {name}, {title.lower()}", orders[-1], ORDER, at_least=True)
    report.text(f"## {title}")
    report.table(["field", *(f"{n} x {n}" for n in CELLS), *["order"] * (len(CELLS) - 1)], rows)


def errors(cells: int, advection: str, stretched: bool) -> list[float]:
    """Root-mean-square errors of Z, density, u, v at TIME."""
    overrides = [f"numerics.reconstruction={advection}", 'numerics.compile="off"']
    if stretched:
        faces = [i / cells - SWING / (2 * math.pi) * math.sin(2 * math.pi * i / cells) for i in range(cells + 1)]
        overrides.append(f'mesh={{ kind = "stretched", x = {{ faces = {faces} }}, y = {{ faces = {faces} }} }}')
    else:
        overrides.append(f"mesh.cells=[{cells},{cells}]")
    builder = case.Builder(config.load(CASES / "mms.toml", overrides), Communicator())
    flow = builder.flow()
    for _ in range(cells):
        flow.advance(TIME / cells)
    q, u = manufactured.fields(flow.grid, builder.config.initial.wave(builder), 300.0, TIME)
    faces_now = flow.scheme.block_faces(flow.current.u)
    _, y, x = flow.grid.centres
    exact_density = builder.config.initial.wave(builder).rho(x, y, torch.tensor(TIME, dtype=torch.float64))
    differences = (
        flow.scheme.inner(flow.current.q)[2] - q[2],
        flow.current.U[1:].sum(0) - exact_density,
        faces_now[2] - u[2],
        faces_now[1] - u[1],
    )  # type: ignore[operator]
    return [float(d.pow(2).mean().sqrt()) for d in differences]


def errors_around_an_axis(cells: int) -> list[float]:
    """Root-mean-square errors of Z, density, u, v at TIME. Raises AssertionError where mass was not kept."""
    wave = AxisWave()
    along = f"lower=0, upper=1, cells={cells}"
    changes = [
        f'mesh={{kind="axisymmetric", x={{{along}}}, y={{{along}}}}}',
        'initial={kind="uniform", temperature=300, composition="HEAVY:1"}',
        'boundary={x={kind="periodic"}, y_low={kind="symmetry"}, y_high={kind="wall", slip=true}}',
        "numerics.compile=off",
    ]
    flow = Prepared(
        config.load(CASES / "mms.toml", changes),
        Communicator(),
        added=(wave,),
        start=lambda builder, made: wave.fields(builder.grid, 0.0),
    ).flow()
    for _ in range(cells):
        flow.advance(TIME / cells)
    assert abs(flow.quantity("mass_error")) < 1e-13
    q, u = wave.fields(flow.grid, TIME)
    faces = flow.scheme.block_faces(flow.current.u)
    differences = (
        flow.scheme.inner(flow.current.q)[2] - q[2],
        flow.current.U[1:].sum(0) - wave.at("rho", flow.grid.centres, TIME),
        faces[2] - u[2],
        faces[1] - u[1],
    )  # type: ignore[operator]
    return [float(d.pow(2).mean().sqrt()) for d in differences]
