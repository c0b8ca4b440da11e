"""Decaying Taylor-Green vortices in two directions against the exact solution."""

from __future__ import annotations

import math

import torch

from combust.case import load as config
from combust.io.series import read_series
from combust.parallel import Communicator
from combust.run import build as case
from validation.planar import CASES
from validation.report import Report, percent
from validation.running import run_here

TITLE = "Taylor-Green vortices against the exact solution"
CELLS = (16, 32, 64, 128)
SPEED, LENGTH, REYNOLDS, TURNOVERS = 4.0, 1e-3, 1600.0, 10  # m/s, m
JUDGED, LIMIT = 64, 3e-4  # cells, error of the peak speed
SHIPPED = ("numerics.compile=off",)  # what is changed in the case that the benchmark's first step is
SMOKE = {"CELLS": (8, 16), "TURNOVERS": 1, "JUDGED": 16,
         "SHIPPED": ("numerics.compile=off", "mesh.cells=[16,16]", "stop.time=2.5e-4")}  # fmt: skip


def run(report: Report) -> None:
    """Peak speed and kinetic energy after ten turnover times on halved meshes."""
    report.text(
        f"u = U sin(x/L) cos(y/L), v = -U cos(x/L) sin(y/L) decays as exp(-2 t / (tau Re)) with tau = L/U; Re = "
        f"{REYNOLDS:g}, t = {TURNOVERS} tau, CFL 0.5. Peak speed: largest of the velocities, which live on faces, "
        "against the largest exact one there. Velocity: root-mean-square error over U."
    )
    rows, rms = [], []
    for cells in CELLS:
        speed, energy, velocity, steps = measure(cells)
        rms.append(velocity)
        order = f"{math.log2(rms[-2] / rms[-1]):.2f}" if len(rms) > 1 else ""
        rows.append([f"{cells} x {cells}", steps, percent(speed, 4), percent(energy, 4), f"{velocity:.2e}", order])
        report.progress(f"{cells} x {cells}: {rows[-1]}")
        if cells == JUDGED:
            report.target(f"peak speed, {cells} x {cells}", 100 * speed, 100 * LIMIT, " %")
    report.table(["cells", "steps", "peak speed", "kinetic energy", "velocity", "order"], rows)
    shipped(report)


def shipped(report: Report) -> None:
    """The benchmark's first step as its case file has it, run to its end by the command line."""
    out = run_here("tgv2d.toml", report.runs / "tgv2d", SHIPPED)
    series = read_series(out / "series.csv")
    exact = math.exp(-2 * series["time"][-1] * SPEED / LENGTH / REYNOLDS)
    rows = []
    for name, power in (("speed_max", 1), ("kinetic_energy", 2)):
        error = series[name][-1] / series[name][0] / exact**power - 1
        rows.append([name, f"{series[name][-1] / series[name][0]:.7f}", f"{exact**power:.7f}", percent(error, 4)])
        if power == 1:
            report.target("peak speed, tgv2d as it comes", 100 * error, 100 * LIMIT, " %")
    report.text("## The case `tgv2d`")
    report.text(
        f"Run as it comes, {series['step'][-1]:.0f} steps to t = "
        f"{series['time'][-1] * SPEED / LENGTH:.3g} tau: columns of its `series.csv`, the last row over the first, "
        "beside the exact decay. speed_max is that of cells, whose velocity is the mean of their faces: its "
        "value is a little below U from the start, its decay is that of the flow."
    )
    report.table(["column", "end / start", "exact", "error"], rows)


def measure(cells: int) -> tuple[float, float, float, int]:
    """Relative errors of peak speed and kinetic energy, rms error of velocity over U, and steps."""
    builder = case.Builder(
        config.load(CASES / "taylor_green_2d.toml", [f"mesh.cells=[{cells},{cells}]", 'numerics.compile="off"']),
        Communicator(),
    )
    flow = builder.flow()
    start = flow.quantity("kinetic_energy")
    end = TURNOVERS * LENGTH / SPEED
    steps = math.ceil(end / flow.limit()[0])
    for _ in range(steps):
        flow.advance(end / steps)
    decay = math.exp(-2 * TURNOVERS / REYNOLDS)
    errors, peaks, exact_peaks = [], [], []
    for axis, sign in ((2, 1.0), (1, -1.0)):
        _, y, x = (f / LENGTH for f in flow.grid.face_points(axis))
        wave = torch.sin(x) * torch.cos(y) if axis == 2 else torch.cos(x) * torch.sin(y)
        exact = sign * SPEED * decay * wave
        found = flow.scheme.block_faces(flow.current.u)[axis]
        assert found is not None
        errors.append(float((found - exact).pow(2).mean()))
        peaks.append(float(found.abs().max()))
        exact_peaks.append(float(exact.abs().max()))
    energy = flow.quantity("kinetic_energy") / (start * decay**2) - 1
    return max(peaks) / max(exact_peaks) - 1, energy, math.sqrt(sum(errors)) / SPEED, steps
