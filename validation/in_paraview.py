"""ParaView itself opens the series of the demonstration, steps through time and renders the picture of the README."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

from combust.io.vtr import read_vtr
from validation.report import Report

TITLE = "ParaView reads what combust writes"
ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "runs" / "flame"
PICTURE = ROOT / "docs" / "pictures" / "paraview.png"
DEBIAN = "apt-get install paraview python3-paraview xvfb xauth"


def run(report: Report) -> None:
    """Opens runs/flame/fields.pvd (made by `make flame`, which runs here if it is missing)."""
    if not (RUN / "summary.json").exists():
        report.progress("no finished runs/flame: running the demonstration on two ranks")
        subprocess.run(
            [ROOT / "scripts" / "mpirun.sh", "-n", "2", sys.executable, "-m", "combust.run", "cases/flame.toml",
             "--force"], cwd=ROOT, check=True)
    missing = [tool for tool in ("pvpython", "xvfb-run") if shutil.which(tool) is None]
    if missing:
        report.text(f"Not run: {', '.join(missing)} missing; on Debian `{DEBIAN}`.")
        report.target("ParaView at hand", 0, 1, at_least=True)
        return
    script, series = ROOT / "validation" / "render.py", RUN / "fields.pvd"
    command = ["xvfb-run", "-a", "pvpython", str(script), str(series), str(PICTURE)]
    for _ in range(5):  # ParaView aborts when the virtual display is slow to come up
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode == 0:
            break
    seen = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not seen:
        raise RuntimeError(f"pvpython failed with code {done.returncode}:\n{done.stderr[-2000:]}")
    report.text(
        "`xvfb-run -a pvpython validation/render.py` opens `runs/flame/fields.pvd`, visits every time and renders "
        "docs/pictures/paraview.png. Ranges of T and Y_OH that ParaView reports, and the largest difference of any "
        "range of any field from combust's own reader (which the tests hold against VTK's).")
    files = sorted(RUN.glob("fields_*.vtr"))
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
        rows.append([
            f"{1e3 * shown['time']:.1f}", shown["cells"], f"{T[0]:.1f} - {T[1]:.1f}", f"{OH[0]:.1e} - {OH[1]:.2e}",
            f"{difference:.0e}"])
    report.table(["time [ms]", "cells", "T [K]", "Y_OH", "difference"], rows)
    report.target("relative difference of any range", worst, 1e-6)
    with open(RUN / "series.csv", encoding="utf-8") as file:
        hottest = {row["step"]: float(row["T_max"]) for row in csv.DictReader(file)}
    last = str(int(files[-1].stem.split("_")[1]))
    report.target("T_max of series.csv and ParaView", hottest[last] - seen[-1]["ranges"]["T"][1], 1e-3, " K")
    report.target("times in the series", len(seen), len(files), at_least=True)
