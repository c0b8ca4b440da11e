"""ParaView itself opens the series of the demonstration, steps through time and renders the picture of the README."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from combust.io.vtr import read_pvd, read_vtr
from validation.report import ROOT, Report
from validation.running import run_case, run_here

TITLE = "ParaView reads what combust writes"
RANKS, CHANGES = 2, ()  # of the demonstration, where it runs here
TOOLS = ("pvpython", "xvfb-run")
SMOKE = {"run_case": run_here, "CHANGES": ("mesh.cells=[24,16]", "stop.steps=4", "output.fields.every={steps=2}"),
         "views": lambda series, picture: own_views(series),
         "state": lambda script, picture: int(script.exists())}  # fmt: skip
DEBIAN = "apt-get install paraview python3-paraview xvfb xauth"


def run(report: Report) -> None:
    """Opens runs/flame/fields.pvd (made by `make flame`, which runs here if it is missing)."""
    out = report.root / "runs" / "flame"
    if not (out / "summary.json").exists():
        report.progress("no finished runs/flame: running the demonstration")
        run_case("flame.toml", out, CHANGES, RANKS)
    seen = views(out / "fields.pvd", report.pictures / "paraview.png")
    if not seen:
        report.text(f"Not run: {' or '.join(TOOLS)} missing; on Debian `{DEBIAN}`.")
        report.target("ParaView at hand", 0, 1, at_least=True)
        return
    report.text(
        "`xvfb-run -a pvpython validation/render.py` opens `runs/flame/fields.pvd`, visits every time and renders "
        "docs/pictures/paraview.png. Ranges of T and Y_OH that ParaView reports, and the largest difference of any "
        "range of any field from combust's own reader (which the tests hold against VTK's)."
    )
    files = sorted(out.glob("fields_*.vtr"))
    rows, worst = [], 0.0
    for shown, path in zip(seen, files, strict=True):
        ours = read_vtr(path)
        difference = abs(shown["time"] - ours.time) / max(ours.time, 1e-30)
        for name, (low, high) in shown["ranges"].items():
            field = ours.fields[name][0] if ours.fields[name].ndim == 4 else ours.fields[name]
            scale = max(abs(field.min()), abs(field.max()), 1e-30)
            difference = max(difference, abs(low - field.min()) / scale, abs(high - field.max()) / scale)
        worst = max(worst, difference)
        T, OH = shown["ranges"]["T"], shown["ranges"]["Y_OH"]
        rows.append(
            [
                f"{1e3 * shown['time']:.1f}",
                shown["cells"],
                f"{T[0]:.1f} - {T[1]:.1f}",
                f"{OH[0]:.1e} - {OH[1]:.2e}",
                f"{difference:.0e}",
            ]
        )
    report.table(["time [ms]", "cells", "T [K]", "Y_OH", "difference"], rows)
    report.target("relative difference of any range", worst, 1e-6)
    with open(out / "series.csv", encoding="utf-8") as file:
        hottest = {row["step"]: float(row["T_max"]) for row in csv.DictReader(file)}
    last = str(int(files[-1].stem.split("_")[1]))
    report.target("T_max of series.csv and ParaView", hottest[last] - seen[-1]["ranges"]["T"][1], 1e-3, " K")
    report.target("times in the series", len(seen), len(files), at_least=True)
    picture = report.pictures / "paraview_state.png"
    drawn = state(out / "paraview_state.py", picture)
    report.text("`paraview_state.py`, which the run wrote beside the index, draws docs/pictures/paraview_state.png.")
    report.target("pictures by the state of the run", drawn, 1, at_least=True)


def views(series: Path, picture: Path) -> list[dict[str, Any]]:
    """What ParaView sees at each time of a series, which it also draws; nothing where there is no ParaView."""
    if any(shutil.which(tool) is None for tool in TOOLS):
        return []
    command = ["xvfb-run", "-a", "pvpython", str(ROOT / "validation" / "render.py"), str(series), str(picture)]
    for _ in range(5):  # ParaView aborts when the virtual display is slow to come up
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode == 0:
            break
    seen = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not seen:
        raise RuntimeError(f"pvpython failed with code {done.returncode}:\n{done.stderr[-2000:]}")
    return seen


def state(script: Path, picture: Path) -> int:
    """Pictures that ParaView draws by the state that a run wrote: one."""
    command = ["xvfb-run", "-a", "pvpython", str(script), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(f"pvpython failed with code {done.returncode}:\n{done.stderr[-2000:]}")
    return int(picture.exists())


def own_views(series: Path) -> list[dict[str, Any]]:
    """The same by combust's own reader, without a picture: stands for ParaView in the smoke run."""
    seen = []
    for time, name in read_pvd(series):
        shot = read_vtr(series.parent / name)
        ranges = {key: [float(x.min()), float(x.max())] for key, x in shot.fields.items()}
        seen.append({"time": time, "cells": int(shot.fields["T"].size), "ranges": ranges})
    return seen
