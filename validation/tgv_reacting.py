"""A strip of hydrogen in Taylor-Green vortices, mixing and burning, against the digitised curves of DINO."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from combust.case.load import load
from combust.io.vtr import read_vtr
from combust.parallel import Communicator
from combust.run.build import build
from validation import running
from validation.report import ROOT, Report

TITLE = "Reacting Taylor-Green vortex against DINO"
GASES = {  # a gas and what it changes of the case
    "benchmark": (),
    "h2o2, Lewis": (
        "gas.mechanism=h2o2.yaml",
        "gas.transport.default=1.0",
        "numerics.dt_first=5e-6",
    ),  # that of AR, which is not there
    "h2o2, mixture-averaged": ("gas.mechanism=h2o2.yaml", "gas.transport=mixture-averaged", "numerics.dt_first=5e-6"),
}
RUNS = {  # step -> gas -> grids
    "mixing": {"h2o2, mixture-averaged": (32,), "benchmark": (32,)},
    "reacting": {"h2o2, mixture-averaged": (24, 32, 48, 64), "h2o2, Lewis": (32,), "benchmark": (32, 48, 64, 96)},
}
JUDGED = "benchmark"
COST = {"mixing": 32, "reacting": 64}  # cells a side
END = 5e-4  # s
DT, STEPS = 5e-6, 4  # s and number, of the steps whose cost is measured
SMOKE = {
    "RUNS": {"mixing": {"benchmark": (8,)}, "reacting": {"benchmark": (8,)}},
    "COST": {"mixing": 8, "reacting": 8},
    "END": 5e-5,
    "START": running.run_here,
}
START = running.run_case
CASES = {"mixing": "tgv_mixing.toml", "reacting": "tgv_reacting.toml"}
LENGTH = 2 * np.pi * 1e-3  # m, of the cube
LIMIT = 60.0  # K, of the largest temperature at the end on the finest grid
# Digitised from DINO's curves, to about 1 %: PeleC, Exec/RegTests/TGReact/refdata; times in ms, T in K.
T_MAX = {
    "mixing": {0.05: 1152, 0.1: 1017, 0.2: 893, 0.25: 854, 0.5: 743},
    "reacting": {0.05: 1399, 0.1: 1653, 0.2: 1836, 0.25: 1903, 0.5: 2120},
}
AT_END = {
    "mixing": {"T, centre [K]": 440, "T, y = 1.69 mm [K]": 512, "Y_H2, centre": 9.52e-3, "Y_O2, centre": 0.1814,
               "largest u_x [m/s]": 3.802, "at x [mm]": 1.70, "least u_y [m/s]": -4.578, "at y [mm]": 1.90},
    "reacting": {"T, centre [K]": 1781, "T, y = 3.92 mm [K]": 1662, "T, y = 4.70 mm [K]": 1251,
                 "T, y = 5.48 mm [K]": 798, "T, y = 6.26 mm [K]": 388, "Y_H2, centre": 2.42e-3,
                 "Y_O2, centre": 2.34e-3, "Y_OH, centre": 2.18e-3, "heat release, centre [W/m3]": 7.0e8,
                 "largest u_x [m/s]": 3.603, "at x [mm]": 1.39, "least u_y [m/s]": -3.176, "at y [mm]": 1.23},
}  # fmt: skip


def run(report: Report) -> None:
    """Both steps with every gas on every grid; what has been run and kept beside the page is not run again."""
    report.text(
        "Steps 3 (mixing) and 4 (reacting) of A. Abdelsamie, G. Lartigue, C. E. Frouzakis, D. Thevenin, Comput. Fluids "
        "223 (2021) 104935: `cases/tgv_mixing.toml` and `cases/tgv_reacting.toml` with WENO5 scalars. DINO took 256^3 "
        "cells and more, the mechanism of Boivin et al. and constant Lewis numbers. Its curves are digitised (PeleC's "
        "`Exec/RegTests/TGReact/refdata`), to about 1 %. Three gases: *benchmark*, that of the cases, `h2_boivin.yaml` "
        "with constant Lewis numbers (the benchmark's own list could not be read: these are those that SENGA2 takes "
        "for hydrogen, `src/ppchem/mechanisms/lietal04_H2_21.spc`); *h2o2, Lewis*, h2o2.yaml with the same; and "
        "*h2o2, mixture-averaged*. "
        "Lines lie at the middle of the cube, interpolated between cells; extrema are those of the cells. One rank; "
        "wall time of a machine that did other work, too. Each run is kept in `tgv_reacting.json` and made once: for "
        "another grid, change `RUNS` in `validation/tgv_reacting.py`.\n\n"
        "How fast species diffuse decides T_max after the first eddies, not the grid or the time step: mixture-"
        "averaged it is 2030 K on 32^3 and 2033 K on 64^3, and 2030 K on 32^3 with `--set numerics.dt_max=2e-6`."
    )
    kept = report.kept()
    for kind, gas, cells in runs():
        name = f"{kind}, {gas}, {cells}"
        if name not in kept:
            kept[name] = measured(kind, gas, cells, report)
            report.keep(kept, kept)
        report.progress(f"{name}: T_max {kept[name]['T_max']}")
    for kind, cells in COST.items():
        if f"cost {kind}" not in kept:
            kept[f"cost {kind}"] = cost(kind, cells)
            report.keep(kept, kept)
    costs = ", ".join(f"{kept[f'cost {kind}']:.1f} us {kind} on {cells}^3" for kind, cells in COST.items())
    report.text(f"CPU time per cell and step on one core, kernels compiled, {STEPS} steps after three: {costs}.")
    for kind in RUNS:
        tables(report, kind, {(gas, n): kept[f"{kind}, {gas}, {n}"] for k, gas, n in runs() if k == kind})


def runs() -> list[tuple[str, str, int]]:
    """Step, gas and cells a side of each run."""
    return [(kind, gas, n) for kind, gases in RUNS.items() for gas, grids in gases.items() for n in grids]


def measured(kind: str, gas: str, cells: int, report: Report) -> dict[str, Any]:
    """What one run gives; a folder in which it has ended is read."""
    out = report.runs / f"{kind}_{gas.replace(', ', '_')}_{cells}"
    if not finished(out):
        START(CASES[kind], out, [*changes(gas, cells), f"stop.time={END}"])
    rows = np.genfromtxt(out / "series.csv", delimiter=",", names=True)
    times = [t for t in T_MAX[kind] if t <= 1e3 * END * (1 + 1e-9)]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return {
        "T_max": {str(t): float(np.interp(1e-3 * t, rows["time"], rows["T_max"])) for t in times},
        "end": at_end(kind, sorted(out.glob("fields_*.vtr"))[-1]),
        "steps": summary["step"],
        "wall_seconds": summary["wall_seconds"],
        "us_per_cell_and_step": summary["us_per_cell_and_step"],
        "errors": {
            n: float(np.abs(rows[n]).max()) for n in ("mass_error", "element_error", "enthalpy_error", "eos_drift")
        },
        "Y_min": float(rows["Y_min"].min()),
        "p0": float(rows["p0"][-1]),
    }


def changes(gas: str, cells: int) -> list[str]:
    """What a run changes of its case."""
    return [f"mesh.cells=[{cells},{cells},{cells}]", *GASES[gas]]


def command(kind: str, gas: str, cells: int) -> str:
    """What a user types."""
    return " ".join([f"combust run cases/{CASES[kind]}", *(f"--set {change}" for change in changes(gas, cells))])


def cost(kind: str, cells: int) -> float:
    """CPU time per cell and step [us] near the start, without input and output."""
    flow = build(load(ROOT / "cases" / CASES[kind], [f"mesh.cells=[{cells},{cells},{cells}]"]), Communicator())
    for _ in range(3):
        flow.advance(DT)
    begin = time.process_time()
    for _ in range(STEPS):
        flow.advance(DT)
    return 1e6 * (time.process_time() - begin) / (STEPS * cells**3)


def finished(out: Path) -> bool:
    """Whether a run has come to its end there."""
    path = out / "summary.json"
    if not path.is_file():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["exit"]["reason"] == "done" and abs(found["time"] - END) < 1e-9 * END


def at_end(kind: str, snapshot: Path) -> dict[str, float]:
    """Values of the last snapshot, by the names of AT_END."""
    fields = read_vtr(snapshot).fields
    n = fields["T"].shape[-1]
    place = (np.arange(n) + 0.5) * LENGTH / n
    middle = slice(n // 2 - 1, n // 2 + 1) if n % 2 == 0 else slice(n // 2, n // 2 + 1)
    u = fields["u"]
    u_x, u_y = u[0][middle, middle].mean((0, 1)), u[1][middle, :, middle].mean((0, 2))
    found: dict[str, float] = {}
    for name in AT_END[kind]:
        what, _, where = name.partition(", ")
        if name.startswith("largest u_x"):
            found[name], found["at x [mm]"] = float(u_x.max()), float(1e3 * place[u_x.argmax()])
        elif name.startswith("least u_y"):
            found[name], found["at y [mm]"] = float(u_y.min()), float(1e3 * place[u_y.argmin()])
        elif where:
            field = fields[what.replace(" ", "_")]
            line = field[middle, :, middle].mean((0, 2))
            y = 0.5 * LENGTH if where.startswith("centre") else 1e-3 * float(where.split()[2])
            found[name] = float(np.interp(y, place, line, period=LENGTH))
    return found


def tables(report: Report, kind: str, found: dict[tuple[str, int], dict[str, Any]]) -> None:
    """What was found with each gas on each grid beside DINO's values."""
    cases = list(found.values())
    titles = [f"{gas} {n}^3" for gas, n in found]
    report.parts.append(f"## Step {3 if kind == 'mixing' else 4}, {kind}")
    times = list(cases[0]["T_max"])
    rows = [[f"T_max at {t} ms [K]", T_MAX[kind][float(t)], *(f"{r['T_max'][t]:.0f}" for r in cases)] for t in times]
    rows += [
        [f"{name}, end", f"{value:.4g}", *(f"{r['end'][name]:.4g}" for r in cases)]
        for name, value in AT_END[kind].items()
    ]
    rows.append(["p0, end [bar]", "", *(f"{1e-5 * r['p0']:.4f}" for r in cases)])
    report.table(["", "DINO", *titles], rows)
    errors = list(cases[0]["errors"])
    report.table(
        ["gas", "command", "steps", "wall [s]", "us per cell and step", *errors, "Y_min"],
        [
            [gas, f"`{command(kind, gas, n)}`", r["steps"],
             f"{r['wall_seconds']:.0f}", f"{r['us_per_cell_and_step']:.1f}",
             *(f"{r['errors'][name]:.1e}" for name in errors), f"{r['Y_min']:.1e}"]
            for (gas, n), r in found.items()
        ],
    )  # fmt: skip
    last, gas = times[-1], JUDGED
    finest = max(n for g, n in found if g == gas)
    gap = found[gas, finest]["T_max"][last] - T_MAX[kind][float(last)]
    report.target(f"T_max at {last} ms, {kind}, {gas}, {finest}^3, less DINO's", gap, LIMIT, " K")
    report.target(f"mass error, {kind}", max(r["errors"]["mass_error"] for r in cases), 1e-11)
    report.target(f"enthalpy error, {kind}", max(r["errors"]["enthalpy_error"] for r in cases), 1e-11)
