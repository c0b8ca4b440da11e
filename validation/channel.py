"""Large eddies of a turbulent channel beside the direct simulation of Moser, Kim and Mansour."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from combust.io.results import Results
from validation.report import Report, chosen, percent
from validation.running import run_case

TITLE = "Turbulent channel at Re_tau = 392 beside a direct simulation"
# Moser, Kim, Mansour, Phys. Fluids 11 (1999) 943, doi:10.1063/1.869966, their Re_tau 392.24 ("395"): y+, then U+, and
# stresses in units of u_tau^2 at five of these places.
REYNOLDS, BULK, CF = 392.24, 17.545, 6.50e-3
MEAN = {1: 0.998, 2: 1.989, 5: 4.820, 10: 8.440, 15: 10.657, 20: 12.007, 30: 13.493, 50: 14.856, 70: 15.654,
        100: 16.534, 150: 17.646, 200: 18.553, 300: 19.745, 390: 20.133}  # fmt: skip
STRESSES = {  # u'u', v'v', w'w', -u'v'
    5: (3.183, 0.0210, 0.530, 0.106), 10: (6.733, 0.122, 1.008, 0.406), 20: (7.059, 0.434, 1.493, 0.741),
    50: (3.962, 0.951, 1.646, 0.832), 100: (2.710, 0.948, 1.412, 0.724),
}  # fmt: skip
PEAKS = ((7.502, 14.2), (0.995, 69), (1.662, 40), (0.837, 42))
NAMES = ("u'u'", "v'v'", "w'w'", "-u'v'")
H, NU, RHO = 0.01, 1.8e-5 / 1.137979, 1.137979  # half height [m], viscosity [m2/s], density [kg/m3] of the case
UNIT = REYNOLDS * NU / H  # u_tau of the direct simulation [m/s]
FRICTION, PROFILE, FROM = 0.10, 0.05, 30.0  # targets: friction, U+ from this y+ on
COARSE, FINE = "48 x 64 x 48, sigma", "64 x 64 x 64, sigma"  # the finer one starts with the end of the other
RUNS = {
    COARSE: ("output.averages.window=0.05", "output.averages.start=0.13", "stop.time=0.381"),
    FINE: ("mesh.x.cells=64", "mesh.z.cells=64", "initial={kind='run',folder='{coarse}'}",
           "output.averages.start=0.027", "output.averages.window=0.012", "stop.time=0.165"),
}  # fmt: skip
SMOKE = {
    "RUNS": {"8 x 10 x 8": ("mesh.x.cells=8", "mesh.y.cells=10", "mesh.z.cells=8", "mesh.y.ratio=1.6",
             "output.averages.start=1e-4", "output.averages.every={steps=1}", "stop.time=4e-4",
             "numerics.compile=off")}, "FRICTION": 100.0, "PROFILE": 100.0}  # fmt: skip


def run(report: Report, only: list[str]) -> None:
    """Profiles of each run beside the direct simulation's. A run that lies in runs/channel is read and not repeated."""
    found = report.kept()
    for name in chosen(RUNS, only):
        out = folder(report, name)
        start = time.process_time()
        if not (out / "summary.json").is_file():
            coarse = str(folder(report, COARSE))
            run_case("channel.toml", out, [change.replace("{coarse}", coarse) for change in RUNS[name]])
        found[name] = measured(out)
        report.keep(found, RUNS)
        report.progress(f"{name}: read, {time.process_time() - start:.0f} s")
    done = {name: found[name] for name in RUNS if name in found}
    report.text(
        "`cases/channel.toml`: 2 pi h x 2 h x pi h, first centre at y+ = 1, at the flow rate of the direct simulation "
        f"(Re_tau {REYNOLDS}, U_bulk = {BULK} u_tau). What is found is the friction; profiles are in units of the "
        "u_tau of the run. Means are those over time, both homogeneous directions and both halves; velocities are "
        "means of cells, which takes some off the stresses of the shortest waves; those of the eddies below the grid "
        "are not in them but in -u'v'. Balance: the largest departure of the total shear stress from the straight "
        "line 1 - y/h that it has in steady flow. The finer run is a check of what the cells do: it begins with the "
        "end of the coarse one, was stopped early on a busy machine (its wall time means nothing), and its means are "
        "short. A step of it takes 0.17 s of one core, 15 h/u_tau 40 minutes."
    )
    report.table(
        ["run", "Re_tau", f"Cf x 1000 ({1e3 * CF:.2f})", "friction", "U+ centre (20.13)", "balance", "averaged over",
         "steps", "wall time"],
        [[name, f"{f['reynolds']:.1f}", f"{1e3 * f['cf']:.2f}", percent(f["cf"] / CF - 1, 1), f"{f['u'][-1]:.2f}",
          f"{f['balance']:.3f}", f"{f['lasted']:.1f} h/u_tau", f["steps"], f"{f['wall'] / 60:.0f} min"]
         for name, f in done.items()],
    )  # fmt: skip
    report.text("## Mean velocity")
    means = {name: np.interp(list(MEAN), f["y"], f["u"]) for name, f in done.items()}
    report.table(
        ["y+", "direct", *(word for name in done for word in (name, "off"))],
        [[y, f"{U:.2f}", *(w for m in means.values() for w in (f"{m[i]:.2f}", percent(m[i] / U - 1, 1)))]
         for i, (y, U) in enumerate(MEAN.items())],
    )  # fmt: skip
    report.text("## Stresses")
    report.text("Direct simulation, then runs in their order.")
    report.table(
        ["y+", *NAMES],
        [[y, *(" / ".join(f"{v:.3f}" for v in (d, *(np.interp(y, f["y"], f["stresses"][k]) for f in done.values())))
               for k, d in enumerate(row))] for y, row in STRESSES.items()]
        + [["peak (y+)", *(" / ".join(f"{v:.3f} ({y:.0f})" for v, y in (p, *(peak(f, k) for f in done.values())))
                           for k, p in enumerate(PEAKS))]],
    )  # fmt: skip
    for name, f in done.items():
        report.target(f"friction, {name}", 100 * abs(f["cf"] / CF - 1), 100 * FRICTION, " %")
        off = [abs(means[name][i] / U - 1) for i, (y, U) in enumerate(MEAN.items()) if y >= FROM]
        report.target(f"U+ from y+ = {FROM:g} on, {name}", 100 * max(off), 100 * PROFILE, " %")
    picture(report, done)


def folder(report: Report, name: str) -> Path:
    """Where a run lies."""
    return report.runs / "".join(c if c.isalnum() else "_" for c in name)


def peak(f: dict[str, Any], k: int) -> tuple[float, float]:
    """The largest value of a stress, and its y+."""
    at = int(np.argmax(f["stresses"][k]))
    return f["stresses"][k][at], f["y"][at]


def measured(out: Path) -> dict[str, Any]:
    """Friction and profiles of a run, in units of its own u_tau; from the wall to the middle."""
    results, summary = Results(out), json.loads((out / "summary.json").read_text(encoding="utf-8"))
    averages = results.averages
    begins, ends = averages.begins, averages.times
    weights = np.array(ends) - np.array(begins)
    mean, products, nu_t = np.zeros((3, results.grid.y.size)), np.zeros((4, results.grid.y.size)), 0.0
    for end, share in zip(ends, weights / weights.sum(), strict=True):
        u, rms, cov = (averages.field(name, end) for name in ("u_mean", "u_rms", "u_cov"))
        mean += share * u.mean((1, 3))
        squares = [*(rms**2 + u**2), -(cov[0] + u[0] * u[1])]
        products += share * np.array([each.mean((0, 2)) for each in squares])
        nu_t = nu_t + share * averages.field("nu_t_mean", end).mean((0, 2))
    stresses = products - np.array([*(mean**2), -mean[0] * mean[1]])
    series = results.series
    within = series.time > begins[0]
    force = float(np.average(series["driving_force"][within], weights=np.diff(series.time, prepend=0.0)[within]))
    u_tau = float(np.sqrt(force * H / RHO))
    y = np.array(results.grid.y) + H
    slope = np.gradient(mean[0], y)
    half = len(y) // 2
    stresses[3] += nu_t * slope  # of the eddies below the grid
    upper = np.array([1.0, 1.0, 1.0, -1.0])[:, None] * stresses[:, ::-1]
    both = (0.5 * (stresses + upper) / u_tau**2)[:, :half]
    total = both[3] + 0.5 * NU * (slope - slope[::-1])[:half] / u_tau**2
    inner = slice(2, half - 1)  # slopes of cells at the walls are of first order
    bulk = float(np.average(mean[0], weights=np.diff(edges(y))))
    return {
        "reynolds": u_tau * H / NU, "cf": 2 * u_tau**2 / bulk**2, "y": list(y[:half] * u_tau / NU),
        "u": list((0.5 * (mean[0] + mean[0][::-1]) / u_tau)[:half]), "stresses": [list(row) for row in both],
        "balance": float(np.abs(total - (1 - y[:half] / H))[inner].max()), "lasted": float(weights.sum() * u_tau / H),
        "steps": summary["step"], "wall": summary["wall_seconds_with_earlier_runs"],
    }  # fmt: skip


def edges(y: np.ndarray) -> np.ndarray:
    """Faces of cells from their centres, from 0 on."""
    found = [0.0]
    for centre in y:
        found.append(2 * centre - found[-1])
    return np.array(found)


def picture(report: Report, done: dict[str, Any]) -> None:
    """Mean velocity and stresses."""
    from combust.report.charts import drawing

    report.pictures.mkdir(parents=True, exist_ok=True)
    with drawing(report.pictures / "channel_profiles.png", (11.0, 4.6)) as figure:
        left, right = figure.subplots(1, 2)
        left.plot(list(MEAN), list(MEAN.values()), "ko", ms=4, label="Moser, Kim, Mansour", zorder=3)
        for k, name in enumerate(NAMES):
            right.plot(list(STRESSES), [row[k] for row in STRESSES.values()], "o", color=f"C{k}", ms=4)
            right.plot(PEAKS[k][1], PEAKS[k][0], "^", color=f"C{k}", ms=5)
            for i, f in enumerate(done.values()):
                right.plot(
                    f["y"],
                    f["stresses"][k],
                    "-" if not i else "--",
                    color=f"C{k}",
                    lw=1.2,
                    label=name if not i else None,
                )
        for i, (name, f) in enumerate(done.items()):
            left.plot(f["y"], f["u"], "-" if not i else "--", color="C0", lw=1.2, label=name)
        left.set(xscale="log", xlabel="y+", ylabel="U+", xlim=(0.8, 450), ylim=(0, 22))
        right.set(xlabel="y+", ylabel="stresses / u_tau^2", xlim=(0, 400))
        left.legend()
        right.legend()
    report.text("![Profiles](../pictures/channel_profiles.png)")
    report.text("Dots: direct simulation; triangles: its peaks.")
