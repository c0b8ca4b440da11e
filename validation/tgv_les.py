"""Taylor-Green vortices at Re = 1600 with closures for what the mesh does not hold, against a spectral code."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from combust.case import load as config
from combust.cfd.lowmach.flow import ReactingFlow
from combust.parallel import Communicator
from combust.run import build as case
from validation.planar import CASES
from validation.report import Report, percent
from validation.taylor_green_3d import LENGTH, PEAK, REYNOLDS, SPECTRAL, SPEED, energy

TITLE = "Taylor-Green vortices at Re = 1600 with each closure"
CLOSURES = ("none", "smagorinsky", "wale", "vreman", "sigma", "dynamic-smagorinsky", "k-equation")
TURNOVERS = 14.0
NUMERICAL = 0.05  # of the energy lost: what the scheme may take or give by itself


class Run(NamedTuple):
    """Cells a side, `turbulence` of the case."""

    cells: int
    turbulence: str


RUNS = {f"{kind}, {n}": Run(n, f'{{kind="{kind}"}}') for n in (32, 48, 64) for kind in CLOSURES}
SMOKE = {"RUNS": {"none, 8": Run(8, '{kind="none"}'), "sigma, 8": Run(8, '{kind="sigma"}')}, "TURNOVERS": 2.0,
         "NUMERICAL": 1.0}  # fmt: skip


def run(report: Report, only: list[str]) -> None:
    """Energy and dissipation of each run beside the spectral ones; with `only`, the others are those kept."""
    found = report.measured(RUNS, only, measure)
    done = [name for name in RUNS if name in found]
    report.text(
        "`cases/tgv3d_les.toml`. Energy per volume and -dE/dt in units of U and L; spectral: 512^3, as on "
        "[the page without closures](taylor_green_3d.md), whose energy has all waves, while that of a run ends at its "
        "mesh. Constants are the defaults of the closures. By eddies: their share of the energy lost until the end; "
        "numerical: what neither they nor viscosity took. Off: mean of the modulus of the difference to the spectral "
        "-dE/dt over the times of the table, over the spectral mean. CPU: seconds of one core, kernels not compiled, "
        "other work beside."
    )
    times = [t for t in SPECTRAL if t <= TURNOVERS]
    for n in sorted({RUNS[name].cells for name in done}):
        here = [name for name in done if RUNS[name].cells == n]
        report.text(f"## {n}^3 cells")
        for title, key, k, scale in (("E", "energy", 0, 1.0), ("-dE/dt x 1000", "loss", 1, 1e3)):
            report.text(title)
            report.table(
                ["t U/L", "spectral", *(name.rpartition(",")[0] for name in here)],
                [[t, f"{scale * SPECTRAL[t][k]:.4g}", *(f"{scale * found[name][key][i]:.4g}" for name in here)]
                 for i, t in enumerate(times)],
            )  # fmt: skip
        report.table(
            ["closure", f"peak of -dE/dt x 1000 ({1e3 * PEAK[0]:.2f} at {PEAK[1]})", "off", "by eddies", "numerical",
             "steps", "CPU"],
            [[name.rpartition(",")[0], f"{1e3 * f['peak'][0]:.2f} at {f['peak'][1]:.2f}", percent(off(f, times), 0)[1:],
              percent(f["eddies"], 0)[1:], percent(f["numerical"], 1), f["steps"], f"{f['cpu']:.0f} s"]
             for name, f in ((name, found[name]) for name in here)],
        )  # fmt: skip
        for name in here:
            report.target(f"numerical, {name}", 100 * abs(found[name]["numerical"]), 100 * NUMERICAL, " %")
    picture(report, found, done)


def off(f: dict[str, Any], times: list[int]) -> float:
    """Mean difference to the spectral dissipation, over its mean, from t = 2 on."""
    both = np.array([(f["loss"][i], SPECTRAL[t][1]) for i, t in enumerate(times) if t >= 2])
    return float(np.abs(both[:, 0] - both[:, 1]).mean() / both[:, 1].mean())


def flow_of(run: Run) -> ReactingFlow:
    """The flow at its start."""
    n = run.cells
    changes = [f"mesh.cells=[{n},{n},{n}]", f"turbulence={run.turbulence}", "output.fields.names=['u']",
               "numerics.compile=off"]  # fmt: skip
    return case.Builder(config.load(CASES / "tgv3d_les.toml", changes), Communicator()).flow()


def measure(run: Run) -> dict[str, Any]:
    """Energy and its loss at the times of the spectral data, what eddies and scheme took; peak, cost."""
    flow = flow_of(run)
    volume = float(flow.grid.volume.sum())
    density = float(flow.diagnostics.density().mean())
    scale, tau, start = LENGTH / SPEED**3 / volume, LENGTH / SPEED, time.process_time()

    def taken() -> tuple[float, float]:
        """By gas and eddies together, and by the gas alone."""
        all_of_it = flow.quantity("viscous_dissipation") / density
        return scale * all_of_it, 2 / REYNOLDS * LENGTH**2 / SPEED**2 / volume * flow.quantity("enstrophy")

    rows = [(0.0, energy(flow), *taken())]
    while rows[-1][0] < TURNOVERS - 1e-9:
        left = TURNOVERS - rows[-1][0]
        flow.advance(left / math.ceil(left * tau / flow.limit()[0]) * tau)
        rows.append((flow.time / tau, energy(flow), *taken()))
    cpu, (t, E, both, gas) = time.process_time() - start, np.array(rows).T
    loss, change = -np.gradient(E, t), E[0] - E[-1]
    by_both, by_gas = (float(((r[1:] + r[:-1]) * np.diff(t)).sum() / 2) for r in (both, gas))
    times = [s for s in SPECTRAL if s <= TURNOVERS]
    top = int(loss.argmax())
    return {
        "steps": flow.step,
        "cpu": cpu,
        "energy": [float(np.interp(s, t, E)) for s in times],
        "loss": [float(np.interp(s, t, loss)) for s in times],
        "peak": [float(loss[top]), float(t[top])],
        "eddies": float((by_both - by_gas) / change),
        "numerical": float((change - by_both) / change),
        "curve": [[float(np.interp(s, t, loss)) for s in np.arange(0.0, TURNOVERS + 0.1, 0.2)]],
    }


def picture(report: Report, found: dict[str, Any], names: list[str]) -> None:
    """Dissipation of all runs: a panel for each mesh."""
    from combust.report.charts import drawing

    meshes = sorted({RUNS[name].cells for name in names})
    report.pictures.mkdir(parents=True, exist_ok=True)
    with drawing(report.pictures / "tgv_les_dissipation.png", (4.8 * len(meshes), 4.4)) as figure:
        for panel, n in zip(figure.subplots(1, len(meshes), squeeze=False, sharey=True)[0], meshes, strict=True):
            shown = [t for t in SPECTRAL if t <= TURNOVERS]
            panel.plot(shown, [1e3 * SPECTRAL[t][1] for t in shown], "ko", ms=4, label="spectral, 512^3", zorder=3)
            for i, name in enumerate(name for name in names if RUNS[name].cells == n):
                curve = 1e3 * np.array(found[name]["curve"][0])
                style = "--" if name.startswith("none") else "-"
                panel.plot(
                    0.2 * np.arange(len(curve)), curve, style, color=f"C{i}", lw=1.1, label=name.rpartition(",")[0]
                )
            panel.set(xlabel="t U/L", ylabel="-dE/dt x 1000", title=f"{n}^3 cells", ylim=(0, 19))
            panel.legend(fontsize=7, ncols=2, loc="upper left")
    report.text("![Dissipation](../pictures/tgv_les_dissipation.png)")
