"""Stresses, lengths, net flux and divergence of synthetic turbulence that comes in, and that energy which is left."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.integrate import trapezoid

from combust.cfd.synthetic.filter import Filter
from combust.cfd.synthetic.frozen import FrozenModes
from combust.cfd.synthetic.plane import InflowPlane
from combust.cfd.synthetic.spectra import passot_pouquet
from validation.report import Report, percent

TITLE = "Synthetic turbulence at inflows: stresses, lengths, divergence"
LENGTH, SPEED, SIDE, CELLS = 1e-3, 10.0, 16, 80  # m, m/s, lengths along each side of the plane, cells along it
TURNS, EACH = 200, 5  # integral times, samples in each
SEEDS = (1, 2, 3)
STRESSES = {"uu": 1.5, "vv": 2.0, "ww": 1.0, "uv": -0.5, "uw": 0.2, "vw": 0.1}  # m2/s2
LIMIT = 0.05
LAGS, STRETCHES = 4, 20  # lengths over which correlations are summed; stretches of time of which errors are taken
SMOKE = {"SIDE": 11, "CELLS": 22, "TURNS": 5, "EACH": 4, "SEEDS": (1,)}
COMPONENTS = {"u": 2, "v": 1, "w": 0}
Made = Filter | FrozenModes


def run(report: Report) -> None:
    """Both kinds, with each seed."""
    report.text(
        f"A periodic plane of {SIDE} x {SIDE} integral lengths, {CELLS} x {CELLS} cells, gas at {SPEED:g} m/s, sampled "
        f"{EACH} times in each of {TURNS} integral times. The filter is given uu {STRESSES['uu']:g}, vv "
        f"{STRESSES['vv']:g}, ww {STRESSES['ww']:g}, uv {STRESSES['uv']:g}, uw {STRESSES['uw']:g}, vw "
        f"{STRESSES['vw']:g} m2/s2 and one length; random modes the spectrum of Passot and Pouquet with u' = 1 m/s. "
        "Stresses are means over plane and time, in shares of the root of the product of the two normal stresses. The "
        "standard error is that of 20 stretches of time. A length is the integral of the measured correlation to its "
        "first zero, or to four lengths; in the plane the net flux that is taken off "
        "makes that of u a little shorter. What random modes should have follows from their spectrum: L along u, and "
        "across it what the correlation (r^2 f)' / (2 r) has to its first zero. Directions of random modes are drawn "
        "once for a seed, so that its stresses stay off by a per cent or two for ever, which the standard error does "
        "not show."
    )
    for kind, make in KINDS.items():
        rows, worst = [], [0.0, 0.0]
        for seed in SEEDS:
            found = measure(make(seed))
            report.progress(f"{kind}, seed {seed}")
            for name, (value, error, wanted, share) in found.items():
                stress = len(name) == 2
                worst[stress] = max(worst[stress], abs(share))
                rows.append([seed, name, f"{wanted:.4g}", f"{value:.4g}", f"{error:.2g}", percent(share, 1)])
        report.text(f"**{kind}**")
        report.table(["seed", "what", "given", "measured", "standard error", "off by"], rows)
        report.target(f"{kind}: stresses", 100 * worst[1], 100 * LIMIT, " %")
        report.target(f"{kind}: lengths", 100 * worst[0], 100 * LIMIT, " %")
    divergences(report)


def plane() -> InflowPlane:
    """A periodic square that gas enters along x."""
    faces = np.linspace(0.0, SIDE * LENGTH, CELLS + 1)
    return InflowPlane(2, 1.0, (0, 1), (faces, faces), (True, True), ((0, CELLS), (0, CELLS)), faces[1], SPEED)


def stresses() -> np.ndarray:
    """In the order z, y, x."""
    uu, vv, ww, uv, uw, vw = STRESSES.values()
    return np.array([[ww, vw, uw], [vw, vv, uv], [uw, uv, uu]])


def filtered(kernel: str) -> Callable[[int], Made]:
    """By its seed."""
    return lambda seed: Filter(plane(), stresses(), (LENGTH,) * 3, kernel, seed)


def modes(seed: int) -> Made:
    """Those of the spectrum."""
    return FrozenModes(plane(), passot_pouquet(1.0, LENGTH, 3), seed)


KINDS: dict[str, Callable[[int], Made]] = {"digital filter, gaussian": filtered("gaussian"), "random modes": modes}


def fields(made: Made, t: float) -> dict[str, np.ndarray]:
    """Each component at its own places, (z, y) [m/s]."""
    found = {}
    for name, component in COMPONENTS.items():
        at = {}
        for axis, faces in zip(made.plane.axes, made.plane.faces, strict=True):
            at[axis] = faces[:-1] if axis == component else 0.5 * (faces[1:] + faces[:-1])
        found[name] = made.velocity(component, t, at)
    return found


def together(made: Made, t: float) -> dict[str, np.ndarray]:
    """Each component at one set of places, for their products: those of a filter are exact anywhere."""
    if isinstance(made, FrozenModes):
        return fields(made, t)
    at = dict(zip(made.plane.axes, made.plane.centres, strict=True))
    return {name: made.velocity(component, t, at) for name, component in COMPONENTS.items()}


def measure(made: Made) -> dict[str, tuple[float, float, float, float]]:
    """Of each stress and length: measured, standard error, wanted, and by what share it is off."""
    products, curves = sampled(made)
    wanted = STRESSES if isinstance(made, Filter) else {name: float(name[0] == name[1]) for name in STRESSES}
    found = {}
    for name, values in products.items():
        scale, value = math.sqrt(wanted[name[0] * 2] * wanted[name[1] * 2]), float(values.mean())
        found[name] = (value, error_of(values), wanted[name], (value - wanted[name]) / scale)
    for (name, axis), values in curves.items():
        step = LENGTH / EACH if axis == "x" else SIDE * LENGTH / CELLS
        along = axis == {"u": "x", "v": "y", "w": "z"}[name]
        length = integral(values.mean(0), step)
        exact = LENGTH if isinstance(made, Filter) else of_modes(made, along, step)
        error = error_of(np.array([integral(part, step) for part in values]))
        found[f"L of {name} along {axis}"] = (length, error, exact, length / exact - 1)
    return found


def error_of(values: np.ndarray) -> float:
    """Standard error of the mean of values that do not know of each other."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def sampled(made: Made) -> tuple[dict[str, np.ndarray], dict[tuple[str, str], np.ndarray]]:
    """Means of products, (STRETCHES), and of products at distances, (STRETCHES, lags), each over a stretch of time."""
    count, dt = TURNS * EACH, LENGTH / SPEED / EACH
    lags, steps = math.ceil(LAGS * CELLS / SIDE), LAGS * EACH
    products = {name: np.zeros(STRETCHES) for name in STRESSES}
    curves = {(name, axis): np.zeros((STRETCHES, lags + 1)) for name in COMPONENTS for axis in "yz"}
    curves |= {(name, "x"): np.zeros((STRETCHES, steps + 1)) for name in COMPONENTS}
    past = [together(made, -i * dt) for i in range(1, steps + 1)]
    for i in range(count):
        u, part, share = together(made, i * dt), i * STRETCHES // count, STRETCHES / count
        past = [u, *past][: steps + 1]
        for name in STRESSES:
            products[name][part] += (u[name[0]] * u[name[1]]).mean() * share
        for name in COMPONENTS:
            for lag in range(lags + 1):
                for axis in "yz":
                    other = np.roll(u[name], -lag, "zy".index(axis))
                    curves[name, axis][part, lag] += (u[name] * other).mean() * share
            for lag, before in enumerate(past):
                curves[name, "x"][part, lag] += (u[name] * before[name]).mean() * share
    return products, curves


def integral(products: np.ndarray, step: float) -> float:
    """Of a correlation to its first zero, by trapezoids."""
    correlation = products / products[0]
    below = np.flatnonzero(correlation <= 0)
    end = int(below[0]) if len(below) else len(correlation) - 1
    return float(trapezoid(np.maximum(correlation[: end + 1], 0.0), dx=step))


def of_modes(made: FrozenModes, along: bool, step: float) -> float:
    """The same of isotropic turbulence of the spectrum, at the same places."""
    k = np.linspace(1e-3, 20.0, 20001) / LENGTH
    E = made.spectrum.density(k)
    r = np.maximum(step * np.arange(math.ceil(LAGS * LENGTH / step) + 1), 1e-9 * LENGTH)
    kr = np.maximum(k * r[:, None], 1e-4)
    f = (E * (np.sin(kr) - kr * np.cos(kr)) / kr**3).sum(1)
    g = (E * (kr * np.cos(kr) - (1 - kr**2) * np.sin(kr)) / kr**3).sum(1)
    return integral(f if along else g, step)


def divergences(report: Report) -> None:
    """Root mean square of the divergence of the frozen field in a cell before the plane, over u'/L; net flux."""
    rows = []
    for kind, make in KINDS.items():
        made, d = make(SEEDS[0]), SIDE * LENGTH / CELLS
        squares, flux, largest = [], 0.0, 0.0
        for i in range(10):
            t = 0.37 * i * LENGTH / SPEED
            now, half, next_ = (fields(made, t + s * d / SPEED) for s in (0.0, 0.5, 1.0))
            v, w = half["v"], half["w"]
            divergence = now["u"] - next_["u"] + np.roll(v, -1, 1) - v + np.roll(w, -1, 0) - w
            squares.append(float((divergence**2).mean()))
            flux, largest = max(flux, abs(float(now["u"].mean()))), max(largest, float(np.abs(divergence).max()))
        rms = math.sqrt(float(np.mean(squares))) / d * LENGTH / made.u_rms
        rows.append([kind, f"{rms:.2g}", f"{largest:.1e}", f"{flux:.1e}"])
        report.target(f"{kind}: net flux over area, m/s", flux, 1e-12)
        if isinstance(made, FrozenModes):
            report.target(f"{kind}: largest divergence times dx, m/s", largest, 1e-11)
    report.text("Divergence of the field that is carried in, on the staggered grid, and the mean of u.")
    report.table(["kind", "divergence, rms, over u'/L", "largest, times dx [m/s]", "net flux over area [m/s]"], rows)
