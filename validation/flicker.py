"""A methane flame in slow air: does it flicker, and how often."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import combust
from validation import running
from validation.report import Report, percent

TITLE = "A methane flame that flickers"
START = running.run_case
CASE, END, SETTLED = "coflow_flicker.toml", 0.6, 0.15  # s; what comes before is its start
CHANGES: tuple[str, ...] = ()
SMOKE = {
    "START": running.run_here, "END": 2e-5, "SETTLED": 0.0,
    "CHANGES": ("numerics.compile=off", "output.probes[0].every={steps=1}", "output.series.every={steps=1}"),
}  # fmt: skip
DIAMETER = 0.01  # m, of the tube
HEIGHTS = (0.03, 0.06)  # m, on the axis
LIMIT = 0.25  # of the rule
ERRORS = ("mass_error", "element_error", "enthalpy_error", "eos_drift")


def run(report: Report) -> None:
    """The case to its end, once; its frequencies beside the rule."""
    kept = report.kept()
    if "flicker" not in kept:
        kept["flicker"] = measured(START(CASE, report.runs / "flicker", [f"stop.time={END!r}", *CHANGES]))
        report.keep(kept, kept)
    found = kept["flicker"]
    rule = 1.5 / math.sqrt(DIAMETER)
    report.text(
        f"`combust run cases/{CASE}`: {found['cells']} cells, {found['steps']} steps of at most "
        f"{1e6 * found['dt_max']:.0f} us, {found['wall']:.0f} s of wall time beside other work. From {SETTLED:g} s to "
        f"{found['end']:g} s: the period is the mean time between upward crossings of the mean. Buoyant flames and "
        "plumes on round sources puff at about 1.5/sqrt(D) Hz, D in m (B. M. Cetegen, T. A. Ahmed, Combust. Flame 93 "
        f"(1993) 157, known here from those who cite it): {rule:.1f} Hz."
    )
    report.table(
        ["", "least", "largest", "periods", "frequency [Hz]", "less the rule's"],
        [
            [name, f"{f['least']:.4g}", f"{f['largest']:.4g}", f["periods"], f"{f['hertz']:.2f}",
             percent(f["hertz"] / rule - 1, 0)]
            for name, f in found["signals"].items()
        ],
    )  # fmt: skip
    for name, f in found["signals"].items():
        report.target(f"frequency by {name.split(' [')[0]} over the rule's, less 1", f["hertz"] / rule - 1, LIMIT)
    for name in ERRORS[:3]:
        report.target(name, found["errors"][name], 1e-11)
    report.text("Largest of the whole run: " + ", ".join(f"{n} {v:.1e}" for n, v in found["errors"].items()) + ".")


def measured(out: Path) -> dict[str, Any]:
    """Frequencies of what a run has written, and its largest errors."""
    result = combust.results(out)
    series, axis = result.series, result.probes["axis"]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    signals = {"heat release [W]": (series.time, series["heat_release"]), "T_max [K]": (series.time, series["T_max"])}
    for height in HEIGHTS:
        at = int(np.abs(np.asarray(axis.x) - height).argmin())
        signals[f"u on the axis at {1e3 * height:.0f} mm [m/s]"] = (axis.times, axis["u"][:, at])
    return {
        "signals": {name: told(np.asarray(t), np.asarray(v)) for name, (t, v) in signals.items()},
        "errors": {n: float(np.abs(series[n]).max()) for n in ERRORS} | {"Y_min": float(series["Y_min"].min())},
        "steps": summary["step"], "cells": summary["cells"], "wall": summary["wall_seconds"],
        "dt_max": float(np.max(series["dt"])), "end": float(series.time[-1]),
    }  # fmt: skip


def told(times: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Least and largest, periods and frequency once settled; nan without two upward crossings of the mean."""
    kept = times >= SETTLED
    t, v = times[kept], values[kept]
    told = {"least": float(v.min()), "largest": float(v.max()), "periods": 0, "hertz": math.nan}
    v = v - v.mean()
    up = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    if up.size > 1:
        at = t[up] - v[up] * (t[up + 1] - t[up]) / (v[up + 1] - v[up])
        told |= {"periods": len(at) - 1, "hertz": float((len(at) - 1) / (at[-1] - at[0]))}
    return told
