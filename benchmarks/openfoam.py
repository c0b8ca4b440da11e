"""Time to a flame speed within 1 % of the converged one, beside OpenFOAM's reactingFoam: both run here, in one script.

    python benchmarks/openfoam.py     # with reactingFoam (Debian: apt-get install openfoam); half an hour

A planar hydrogen/air flame (phi 1, 300 K, 1 atm, h2o2.yaml) in 7 mm. Both codes drift it through their grid; the
speed is the inflow less the drift of the amount of fuel, fitted over two flame times (thickness over speed), which no
grid locks. Each code is held against its own converged speed, extrapolated from its three finest grids: OpenFOAM
diffuses all species alike, which is not counted against it. It
starts from Cantera's flame of nearly its own transport, given for nothing; combust makes its own start within its time.

Reached is the earliest time from which all later speeds lie within 1 %. CPU seconds of the whole command until then,
on the cheapest grid that reaches it. In two dimensions (a box half as high as long) cells and cost of a step are
measured, the number of steps is that of the planar run.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cantera as ct
import foam
import numpy as np
from pairs import Sheet, done, in_turn, parsed, parser

import combust

LENGTH, POSITION, HEIGHT = 7e-3, 2.5e-3, 0.5  # m, m, of the length
WITHIN = 0.01
PHI, FUEL, AIR = 1.0, "H2:1", "O2:0.21, N2:0.79"
WINDOW, END = 2.0, 5.0  # flame times
SMOKE = "--cells 60 --foam-cells 60 --end 0.05 --rounds 2 --no-box"


@dataclass(frozen=True)
class Code:
    """A code: speed and thermal thickness of its flame, roughly [m/s, m], inflow [m/s], step from the cell's width."""

    name: str
    speed: float
    thickness: float
    inflow: float
    dt: Callable[[float], float]

    @property
    def flame_time(self) -> float:
        return self.thickness / self.speed


# Burnt gas leaves at about seven times the flame speed: a Courant number of 0.5 for combust; of 0.3 for OpenFOAM, whose
# solution was lost at 0.5 in a lean flame.
COMBUST = Code("combust", 2.33, 0.33e-3, 1.9, lambda dx: 0.5 * dx / 16.0)
OPENFOAM = Code("OpenFOAM", 2.5, 0.2e-3, 1.9, lambda dx: 0.3 * dx / 17.0)


@dataclass(frozen=True)
class Run:
    """What came of a run: times [s]; how much fuel is there (as a length [m]) and what of it leaves with the burnt
    gas, both over that of the fresh gas; CPU [s] of the command.
    """

    cells: int
    times: np.ndarray
    fuel: np.ndarray
    left: np.ndarray
    cpu: float
    steps: int

    def speeds(self, code: Code) -> tuple[np.ndarray, np.ndarray]:
        """End of each window [s], and the speed [m/s] fitted to it."""
        width = min(WINDOW * code.flame_time, 0.5 * self.times[-1])
        ends = [t for t in self.times if t >= width + self.times[0]]
        found = []
        for end in ends:
            inside = (self.times > end - width - 1e-12) & (self.times <= end)
            drift = np.polyfit(self.times[inside], self.fuel[inside], 1)[0] / (1.0 - self.left[inside].mean())
            found.append(code.inflow - drift)
        return np.array(ends), np.array(found)


@cache
def start(transport: str) -> ct.FreeFlame:
    """Cantera's free flame."""
    gas = ct.Solution("h2o2.yaml")
    gas.TP = 300.0, ct.one_atm
    gas.set_equivalence_ratio(PHI, FUEL, AIR)
    gas.transport_model = transport
    flame = ct.FreeFlame(gas, width=0.02)
    flame.set_refine_criteria(ratio=3, slope=0.05, curve=0.1)
    flame.solve(loglevel=0, auto=True)
    return flame


def spent(command: list[str], folder: Path, **environment: str) -> float:
    """CPU seconds of a command and what it starts. Raises RuntimeError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: exit {ran.returncode}: {(ran.stdout + ran.stderr)[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def combust_run(folder: Path, cells: int, end: float, rows: int = 0, steps: int | None = None) -> Run:
    """A case of `cells` (by rows, of a box); nothing is in any cache, so that the start flame is in the time."""
    case, dx = folder / "flame.toml", LENGTH / cells
    dt = COMBUST.dt(dx)
    count = steps or max(round(end / dt), 8)
    counts, upper, across = (f"[{cells}]", f"[{LENGTH}]", "")
    if rows:
        counts, upper, across = f"[{cells}, {rows}]", f"[{LENGTH}, {rows * dx}]", 'y = { kind = "periodic" }'
    case.write_text(f"""
title = "Planar hydrogen flame"
[mesh]
kind = "uniform"
cells = {counts}
lower = {[0.0] * (2 if rows else 1)}
upper = {upper}
[gas]
mechanism = "h2o2.yaml"
pressure = {ct.one_atm}
[initial]
kind = "flame"
fuel = "{FUEL}"
oxidizer = "{AIR}"
phi = {PHI}
temperature = 300.0
position = {POSITION}
[boundary]
x_low = {{ kind = "inflow", velocity = {COMBUST.inflow} }}
x_high = {{ kind = "outflow" }}
{across}
[numerics]
dt = {dt}
[stop]
steps = {count}
[output.fields]
names = ["Y_H2"]
every = {{ steps = {max(count // 100, 1)} }}
""")
    out, store = folder / "out", folder / "cache"
    cpu = spent([sys.executable, "-m", "combust.run", str(case), "--out", str(out)], folder, COMBUST_CACHE=str(store))
    found = combust.results(out)
    fuel, left = np.array([amount(np.atleast_2d(found.field("Y_H2", time=t))[0]) for t in found.times]).T
    return Run(cells * max(rows, 1), np.array(found.times), fuel, left, cpu, count)


def amount(Y: np.ndarray) -> tuple[float, float]:
    """Fuel over the fresh gas's in a row of cells along the flame: as a length [m], and that of its last cell."""
    row = Y / Y[0]
    return float(row.mean() * LENGTH), float(row[-1])


def foam_run(folder: Path, cells: int, end: float, rows: int = 1, steps: int | None = None) -> Run:
    """The same of reactingFoam, started from Cantera's flame with all Lewis numbers one."""
    flame, dx = start("unity-Lewis-number"), LENGTH / cells
    dt = OPENFOAM.dt(dx)
    count = steps or max(round(end / dt), 8)
    flow = foam.Flow((cells, rows), (LENGTH, rows * dx), OPENFOAM.inflow, dt, count * dt, max(count // 100, 1) * dt)
    x = (np.arange(cells) + 0.5) * dx
    at = x - POSITION + np.interp(0.5 * (flame.T[0] + flame.T[-1]), flame.T, flame.grid)

    def spread(values: np.ndarray) -> np.ndarray:
        return np.tile(np.interp(at, flame.grid, values), (rows, 1))

    gas = ct.Solution("h2o2.yaml")
    gas.TPY = 300.0, ct.one_atm, flame.Y[:, 0]
    Y = np.stack([spread(y) for y in flame.Y])
    foam.write(folder, gas, flow, spread(flame.T), Y, spread(flame.velocity) - flame.velocity[0] + OPENFOAM.inflow)
    cpu = foam.run(folder)
    series = [(t, *amount(foam.read(path / "H2", cells * rows)[:cells])) for t, path in foam.written(folder)]
    times, fuel, left = np.array(series).T
    return Run(cells * rows, times, fuel, left, cpu, count)


def converged(runs: list[Run], code: Code) -> float:
    """Speed at zero spacing from the mean of each run's later half: extrapolated with the order that three grids
    show, kept between 1 and 2; the finest grid's where they show none."""
    late = [float(np.mean(code_speeds[len(code_speeds) // 2 :])) for code_speeds in (r.speeds(code)[1] for r in runs)]
    if len(late) < 3:
        return late[-1]
    coarse, middle, fine = late[-3:]
    ratio = abs((middle - coarse) / (fine - middle)) if fine != middle else 4.0
    return fine + (fine - middle) / (float(np.clip(ratio, 2.0, 4.0)) - 1.0)


def reached(run: Run, code: Code, speed: float) -> float | None:
    """Time [s] from which on all speeds are within 1 %; None if the last is not."""
    ends, speeds = run.speeds(code)
    wrong = np.flatnonzero(np.abs(speeds / speed - 1.0) > WITHIN)
    if len(wrong) and wrong[-1] == len(ends) - 1:
        return None
    return float(ends[wrong[-1] + 1] if len(wrong) else ends[0])


def ladder(
    sheet: Sheet, code: Code, solve: Callable[[Path, int, float], Run], cells: list[int], end: float
) -> tuple[int, float]:
    """Runs every grid; the cheapest that comes within 1 %, and the share of its time that this takes."""
    runs = []
    for n in cells:
        with tempfile.TemporaryDirectory() as folder:
            runs.append(solve(Path(folder), n, end * code.flame_time))
    speed = converged(runs, code)
    sheet.say(f"{code.name}: converged speed {speed:.4f} m/s")
    best: tuple[float, int, float] | None = None
    for n, run in zip(cells, runs, strict=True):
        late = run.speeds(code)[1]
        late = late[len(late) // 2 :]
        when = reached(run, code, speed)
        told = "not within 1 %" if when is None else f"within 1 % from {1e3 * when:.3g} ms on"
        sheet.say(
            f"  {n} cells, dx {1e6 * LENGTH / n:.3g} um, dt {1e6 * code.dt(LENGTH / n):.3g} us, {run.steps} steps: "
            f"{late.mean():.4f} m/s ({late.min():.4f} to {late.max():.4f}, {late.mean() / speed - 1:+.2%}), {told}; "
            f"{run.cpu:.3g} s"
        )
        if when is not None:
            share = when / run.times[-1]
            if best is None or run.cpu * share < best[0]:
                best = (run.cpu * share, n, share)
    return (best[1], best[2]) if best else (cells[-1], 1.0)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--cells", type=int, nargs="+", default=[100, 120, 160, 240, 320], help="grids of combust")
    made.add_argument("--foam-cells", type=int, nargs="+", default=[240, 480, 720, 960, 1440], help="grids of OpenFOAM")
    made.add_argument("--end", type=float, default=END, help="length of the runs [flame times]")
    made.add_argument("--rounds", type=int, default=5, help="pairs")
    made.add_argument("--no-box", dest="box", action="store_false", help="without the box in two dimensions")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """The ladders, then the grids chosen in turn."""
    options = parsed(arguments(), SMOKE, argv)
    sheet = Sheet("openfoam")
    cells, share = ladder(sheet, COMBUST, combust_run, options.cells, options.end)
    solvers = {"combust": lambda: timed(combust_run, cells, share, options.end * COMBUST.flame_time)}
    if foam.installed():
        foam_cells, foam_share = ladder(sheet, OPENFOAM, foam_run, options.foam_cells, options.end)
        solvers["OpenFOAM"] = lambda: timed(foam_run, foam_cells, foam_share, options.end * OPENFOAM.flame_time)
    else:
        sheet.say(f"{foam.SOLVER} is not here (Debian: apt-get install openfoam): combust alone")
    cost = in_turn(solvers, options.rounds, None)
    sheet.cost("planar flame to 1 %: combust", cost["combust"], "s")
    if "OpenFOAM" in cost:
        sheet.ratio("planar flame to 1 %: OpenFOAM / combust", cost["OpenFOAM"], cost["combust"], "s")
        if options.box:
            box(sheet, options, (cells, share), (foam_cells, foam_share))
    return done(sheet, options)


def timed(solve: Callable[[Path, int, float], Run], cells: int, share: float, end: float) -> float:
    """CPU seconds [s] of a run to the time at which it has reached the speed."""
    with tempfile.TemporaryDirectory() as folder:
        return solve(Path(folder), cells, share * end).cpu


def box(sheet: Sheet, options: argparse.Namespace, ours: tuple[int, float], theirs: tuple[int, float]) -> None:
    """Both in two dimensions: combust to the end; OpenFOAM's cost of a step, times its steps."""
    (cells, share), (foam_cells, foam_share) = ours, theirs
    steps = round(foam_share * options.end * OPENFOAM.flame_time / OPENFOAM.dt(LENGTH / foam_cells))
    rows, foam_rows = round(HEIGHT * cells), round(HEIGHT * foam_cells)

    def combust_box() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return combust_run(Path(folder), cells, share * options.end * COMBUST.flame_time, rows).cpu

    def foam_box() -> float:
        found = []
        for count in (2, 7):
            with tempfile.TemporaryDirectory() as folder:
                found.append(foam_run(Path(folder), foam_cells, 0.0, foam_rows, count).cpu)
        return found[0] + (found[1] - found[0]) / 5 * (steps - 2)

    sheet.say(f"box: combust {cells} x {rows}, OpenFOAM {foam_cells} x {foam_rows}, {steps} steps")
    cost = in_turn({"combust": combust_box, "OpenFOAM": foam_box}, max(options.rounds, 2), None)
    sheet.ratio("flame in a box to 1 %: OpenFOAM / combust", cost["OpenFOAM"], cost["combust"], "s", target=50.0)


if __name__ == "__main__":
    main()
