"""Reynolds stresses that vary across an inflow, as a channel's: measured beside those given, at three heights."""

from __future__ import annotations

import numpy as np

from combust.cfd.synthetic.plane import InflowPlane
from combust.cfd.synthetic.varying import Places, VaryingFilter
from validation.report import Report, percent

TITLE = "Synthetic turbulence at inflows: stresses that vary over the side"
LENGTH, SPEED, HEIGHT, WIDTH = 1e-3, 10.0, 10e-3, 10e-3  # m, m/s; walls in y, periodic in z
CELLS, TURNS, EACH, SEEDS = 48, 3200, 2, (1, 2, 3)
HEIGHTS = (0.1, 0.25, 0.5)  # of the channel
LIMIT = 0.05
SMOKE = {"CELLS": 16, "TURNS": 4, "SEEDS": (1,)}
PARTS = {"uu": (2, 2), "vv": (1, 1), "ww": (0, 0), "uv": (2, 1)}


def stresses(places: Places) -> np.ndarray:
    """(3, 3, nz, ny) [m2/s2]: none at the walls, with peaks of u u beside them and a shear that turns its sign."""
    s = np.clip(places[1] / HEIGHT, 0.0, 1.0)
    hump, odd, zero = 4 * s * (1 - s), np.sin(2 * np.pi * s), 0 * s
    uu, vv, ww, uv = hump * (1.0 + 2.0 * odd**2), 0.6 * hump, 0.8 * hump, -0.5 * hump * odd
    found = np.array([[ww, zero, zero], [zero, vv, uv], [zero, uv, uu]])
    return np.broadcast_to(found[:, :, None, :], (3, 3, len(places[0]), len(s)))


def run(report: Report) -> None:
    """Three seeds."""
    report.text(
        f"A channel of {HEIGHT * 1e3:g} x {WIDTH * 1e3:g} mm, {CELLS} x {CELLS} cells, walls in y, periodic in z, gas "
        f"at {SPEED:g} m/s, one length of {LENGTH * 1e3:g} mm, sampled {EACH} times in each of {TURNS} integral times. "
        "With s = y/height, hump = 4 s (1 - s) and odd = sin 2 pi s the filter is given uu = hump (1 + 2 odd^2), "
        "vv = 0.6 hump, ww = 0.8 hump, uv = -0.5 hump odd. Means over time and z; shares of the root of the product of "
        "the two normal stresses, whose standard error is about "
        f"{percent(np.sqrt(2 * LENGTH / WIDTH / TURNS), 1)[1:]} of a normal stress. "
        "`tests/unit/test_varying_stresses.py` has the same from the filter's weights, to "
        "round-off."
    )
    faces = np.linspace(0.0, WIDTH, CELLS + 1), np.linspace(0.0, HEIGHT, CELLS + 1)
    cells = ((0, CELLS), (0, CELLS))
    plane = InflowPlane(2, 1.0, (0, 1), faces, (True, False), cells, faces[0][1], SPEED)
    at = dict(zip(plane.axes, plane.centres, strict=True))
    given = stresses(at)[:, :, 0]
    rows, worst, flux = [], 0.0, 0.0
    for seed in SEEDS:
        made = VaryingFilter(plane, stresses, (LENGTH,) * 3, "gaussian", seed)
        total = np.zeros((3, 3, CELLS))
        for n in range(TURNS * EACH):
            u = np.stack([made.velocity(c, n / EACH * LENGTH / SPEED, at) for c in range(3)])
            flux = max(flux, abs(plane.mean(u[2])))
            total += np.einsum("izy,jzy->ijy", u, u) / CELLS / (TURNS * EACH)
        report.progress(f"seed {seed}")
        for height in HEIGHTS:
            row = int(height * CELLS)
            line = [seed, f"{at[1][row] * 1e3:.3g}"]
            for i, j in PARTS.values():
                share = (total[i, j] - given[i, j])[row] / np.sqrt(given[i, i, row] * given[j, j, row])
                worst = max(worst, abs(share))
                line += [f"{given[i, j, row]:.3g}", f"{total[i, j, row]:.3g}", percent(share, 1)]
            rows.append(line)
    report.table(["seed", "y [mm]", *(w for name in PARTS for w in (f"{name} given", "measured", "off by"))], rows)
    report.target("stresses at three heights", 100 * worst, 100 * LIMIT, " %")
    report.target("net flux over the speed", flux / SPEED, 1e-12)
