"""Open flames over passages of the gas: a Bunsen flame, a triple flame, a jet that ignites in hot air."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any, NamedTuple

import cantera as ct
import numpy as np
import torch
from numpy.typing import NDArray

import combust
from combust.io.results import Results
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays
from validation.flame_shape import between, foremost, isoline, length, on_axis, slope, through
from validation.reference import AIR, PRESSURE, T_UNBURNT, reference
from validation.report import Report, chosen, percent
from validation.running import run_case, run_here

TITLE = "Open flames over passages of the gas: a Bunsen flame, a triple flame, a jet that ignites"
SNAPSHOTS = 10  # fields in each passage
HALF_WAY = 1200.0  # K: where a flame is
SLOT, MEAN_SPEED, AT_SLOT = 1.5e-3, 1.0, 400.0  # of cases/bunsen.toml: half width [m], m/s; K: just before the flame
FUEL, FUEL_JET, HOT_AIR = "CH4:1", "H2:0.5, N2:0.5", 1100.0  # K
IGNITED = 100.0  # K above the hot air, which no mixture exceeds unburnt
INFLOW, FUEL_DILUTE, SPEED = 2.15, "H2:0.45, N2:0.55", 20.0  # of the triple flame; of the jet [m/s]
STRAIGHT = (0.3, 0.65)  # of the height of the Bunsen flame: off the rim and off the tip
WAYS = {"all": "whole flame, by its fuel", "straight": "straight part, by its fuel",
        "passes": "straight part, by the gas that passes"}  # fmt: skip
LONGEST, LAYER_CELLS, LAYER_TIME = 5e-3, 40, 5e-4  # s; of a layer in 1-D
FRACTIONS = np.geomspace(0.002, 0.2, 41)  # mixture fractions whose ignition delays are asked
SLOPE = 0.06  # of the grid that the reference's is made of
CONSERVED, NEGATIVE, DRIFT = 1e-11, 1e-8, 1e-3
BALANCES = ("mass_error", "element_error", "enthalpy_error")
Array = NDArray[np.float64]


class Run(NamedTuple):
    """A shipped case.

    passage : time in which gas crosses the domain, its length over the mean velocity in it, or more [s]
    count : how many of them it runs;  fields : that are written beside T and u;  changes : of the case
    steady : by how much the heat release of the last passage may vary, over its mean
    """

    passage: float
    count: int
    fields: tuple[str, ...]
    steady: float
    changes: tuple[str, ...] = ()


AT_ONCE = ("numerics.dt_first=1e-6",)
HELD = (f"boundary.y_low.velocity={INFLOW}", f"initial.streams[0].velocity=[0.0,{INFLOW}]",
        f"initial.streams[1].velocity=[0.0,{INFLOW}]", "numerics.dt_first=1e-6", "numerics.growth=1.05",
        "numerics.dt_max=3e-6")  # fmt: skip
RUNS = {
    "bunsen": Run(3e-3, 5, ("rho", "Y_CH4", "omega_CH4", "heat_release"), 0.01),
    "triple_flame": Run(4.4e-3, 5, ("heat_release", "mixture_fraction"), 0.05, HELD),
    "jet_ignition": Run(6e-4, 2, ("heat_release", "mixture_fraction"), 0.01, AT_ONCE),
}
SMALL = ("numerics.compile=off", "stop.steps=3")
SMOKE = {
    "RUNS": {
        "bunsen": Run(7e-3, 1, RUNS["bunsen"].fields, 1.0, (*SMALL, 'mesh={kind="uniform", cells=[24, 16], '
                      "lower=[0.0, 0.0], upper=[0.006, 0.006]}")),
        "jet_ignition": Run(6e-4, 1, RUNS["jet_ignition"].fields, 1.0, (*SMALL, "mesh.cells=[16, 12]")),
    },
    "run_case": run_here, "FRACTIONS": np.array([0.03]), "SLOPE": 0.3,
    "LAYER_CELLS": 12, "LAYER_TIME": 2e-6,
}  # fmt: skip


def run(report: Report, only: list[str]) -> None:
    """Runs those chosen; the others are those kept."""
    found = report.kept()
    for name in chosen(RUNS, only):
        found[name] = measure(report, name)
        report.keep(found, RUNS)
        report.progress(f"{name}: {found[name]['steps']} steps, {found[name]['cpu']:.0f} s")
    report.text(
        "Shipped cases, run for several passages: a passage is no shorter than the length of the domain over the mean "
        "velocity along it in the whole of it, which the last fields show. Where a flame is: the place nearest to the "
        f"inflow with {HALF_WAY:g} K, of the Bunsen flame its tip, {HALF_WAY:g} K on the plane of symmetry. Heat "
        "release: mean over a passage, and largest less smallest over it. CPU: seconds of one core, compiling "
        "included, other work beside."
    )
    if missing := [name for name in RUNS if name not in found]:
        report.text(f"Not run yet: {', '.join(missing)} (`--only NAME`).")
    for name in (name for name in RUNS if name in found):
        passages(report, name, found[name])
    for name, judge in JUDGES.items():
        if name in found:
            judge(report, found[name]["flame"])


def measure(report: Report, name: str) -> dict[str, Any]:
    """A case run to its end, and what it was."""
    case, every = RUNS[name], RUNS[name].passage / SNAPSHOTS
    names = ", ".join(f'"{field}"' for field in ("T", "u", *case.fields))
    changes = [f"stop.time={case.count * case.passage!r}", "output.series.every={steps=5}",
               f"output.fields={{names=[{names}], every={{time={every!r}}}}}", *case.changes]  # fmt: skip
    before = spent()
    folder = run_case(f"{name}.toml", report.runs / name, changes)
    results = combust.results(folder)
    series = results.series
    places = [[float(t), *place(results, name, float(t))] for t in results.times]
    return {
        "steps": int(series["step"][-1]),
        "cells": int(np.prod(results.field("T").shape)),
        "cpu": spent() - before,
        "rows": [row(series.time, series, places, i, case.passage) for i in range(case.count)],
        "worst": extremes(series, 0.0),
        "late": extremes(series, (case.count - 1) * case.passage),
        "crossing": crossing(results, name),
        "flame": MEASURES[name](results),
    }


def crossing(results: Results, name: str) -> float:
    """Length of the domain over the mean velocity along it in the end [s]."""
    along = int(name == "triple_flame")
    grid = results.grid
    area = np.outer(np.diff(grid.y_faces), np.diff(grid.x_faces))
    mean = float((results.field("u")[along] * area).sum() / area.sum())
    faces = (grid.x_faces, grid.y_faces)[along]
    return float(faces[-1] - faces[0]) / mean


def spent() -> float:
    """CPU time of all children so far [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def extremes(series: Any, start: float) -> dict[str, float]:
    """Largest errors and drift, and the least mass fraction, from a time on [s]."""
    later = series.time >= min(start, series.time[-1])
    found = {key: float(np.abs(series[key][later]).max()) for key in (*BALANCES, "eos_drift")}
    return {**found, "Y_min": float(series["Y_min"][later].min())}


def place(results: Results, name: str, t: float) -> tuple[float, float]:
    """(x, y) of the flame at a time [m]: its tip on the plane of symmetry, or the point nearest to the inflow."""
    x, y, T = results.grid.x, results.grid.y, results.field("T", t)
    if name == "bunsen":
        return on_axis(x, T[0], HALF_WAY), 0.0
    if name == "triple_flame":  # along y
        ahead, across = foremost(isoline(y, x, T.T, HALF_WAY))
        return across, ahead
    return foremost(isoline(x, y, T, HALF_WAY))


def row(time: Array, series: Any, places: list[list[float]], i: int, passage: float) -> list[float]:
    """Of the i-th passage: hottest and coldest T_max, heat release: mean, spread; place at its end."""
    now = (time >= i * passage) & (time <= (i + 1) * passage * (1 + 1e-9))
    now = now if now.any() else np.ones_like(now)
    T, heat = series["T_max"][now], series["heat_release"][now]
    last = min(places, key=lambda p: abs(p[0] - (i + 1) * passage))
    return [float(T.min()), float(T.max()), float(heat.mean()), float(np.ptp(heat)), last[1], last[2]]


def passages(report: Report, name: str, found: dict[str, Any]) -> None:
    """Table and targets of a run."""
    report.text(f"## {name}: passages")
    rows = []
    for i, (cold, hot, heat, spread, x, y) in enumerate(found["rows"]):
        share = percent(spread / heat) if heat else "-"
        rows.append([i + 1, f"{cold:.1f} to {hot:.1f}", f"{heat:.5g}", share[1:], f"{1e3 * x:.3f}", f"{1e3 * y:.3f}"])
    report.table(["passage", "T_max [K]", "heat release [W/m]", "its spread", "flame at x [mm]", "y [mm]"], rows)
    worst, late = found["worst"], found["late"]
    report.table(["passage [ms]", "length over mean velocity [ms]", "cells", "steps", "CPU [s]"], [[
        f"{1e3 * RUNS[name].passage:.3g}", f"{1e3 * found['crossing']:.3g}", found["cells"], found["steps"],
        f"{found['cpu']:.0f}"]])  # fmt: skip
    report.table(["", *worst], [[what, *(f"{value:.1e}" for value in values.values())] for what, values in (
        ("whole run", worst), ("last passage", late))])  # fmt: skip
    report.target(f"{name}: length over mean velocity, over a passage", found["crossing"] / RUNS[name].passage, 1)
    for key in BALANCES:
        report.target(f"{name}: {key}", worst[key], CONSERVED)
    report.target(f"{name}: eos_drift in the last passage", late["eos_drift"], DRIFT)
    report.target(f"{name}: Y_min in the last passage", late["Y_min"], -NEGATIVE, at_least=True)
    *_, heat, spread, x, y = found["rows"][-1]
    before = found["rows"][-2][-2:] if RUNS[name].count > 1 else (x, y)
    report.target(f"{name}: spread of the heat release in the last passage", 100 * spread / heat,
                  100 * RUNS[name].steady, " %")  # fmt: skip
    moved = 1e3 * float(np.hypot(x - before[0], y - before[1]))
    report.target(f"{name}: way of the flame in the last passage", moved if np.isfinite(moved) else 1e9, 0.1, " mm")


# --- Bunsen ----------------------------------------------------------------------------------------------------------


def bunsen(results: Results) -> dict[str, float]:
    """Height of the flame at the end of a run, and its speed by three ways."""
    x, y, T = results.grid.x, results.grid.y, results.field("T")
    area = np.outer(np.diff(results.grid.y_faces), np.diff(results.grid.x_faces))
    gas = Mechanism.load("methane_cfd.yaml").cantera(transport=False)
    gas.set_equivalence_ratio(1.0, FUEL, AIR)
    gas.TP = T_UNBURNT, PRESSURE
    fresh = gas.density * gas["CH4"].Y[0]  # kg/m3 of fuel
    burns = -results.field("omega_CH4") * area
    tip = place(results, "bunsen", float(results.times[-1]))[0]
    first, last = (int(np.searchsorted(results.grid.x_faces, share * tip)) for share in STRAIGHT)
    ends = results.grid.x_faces[first], results.grid.x_faces[last]
    flame, ahead = isoline(x, y, T, HALF_WAY), between(isoline(x, y, T, AT_SLOT), *ends)
    rho, u = results.field("rho"), results.field("u")
    return {
        "tip": tip,
        "angle": float(np.degrees(slope(ahead))),
        "length": length(flame),
        "all": float(burns.sum()) / fresh / length(flame),
        "straight": float(burns[:, first:last].sum() / fresh / (ends[1] - ends[0]) * np.cos(slope(ahead))),
        "passes": through(ahead, x, y, [rho * u[0], rho * u[1]]) / gas.density,
        "burnt": float(burns.sum()) / (fresh * MEAN_SPEED * SLOT),
    }


def height(speed: float) -> float:
    """Of a flame of constant speed on a parabolic profile whose streamlines stay straight [m]."""
    y = SLOT * (np.arange(2000) + 0.5) / 2000
    ratio = 1.5 * MEAN_SPEED * (1 - (y / SLOT) ** 2) / speed
    return float(np.sqrt(np.maximum(ratio**2 - 1, 0.0)).mean() * SLOT)


def judge_bunsen(report: Report, found: dict[str, float]) -> None:
    """Against Cantera's free flame."""
    report.text("## bunsen: speed of the flame")
    exact = reference("methane_cfd.yaml", FUEL, 1.0, SLOPE).speed
    report.text(
        f"Cantera's free flame of the same mechanism, extrapolated to zero spacing: "
        f"{exact:.4f} m/s. Over the whole flame: fuel that burns over the length of the line of {HALF_WAY:g} K. "
        f"Straight part, from {STRAIGHT[0]:g} to {STRAIGHT[1]:g} of the height of the tip: fuel that burns there over "
        f"its length; and the gas that passes the line of {AT_SLOT:g} K (the sine of the half angle times the local "
        "velocity, times the density over that of fresh gas)."
    )
    rows = [[what, f"{found[key]:.4f}", percent(found[key] / exact - 1)] for key, what in WAYS.items()]
    report.table(["speed", "m/s", "off Cantera's by"], rows)
    report.table(["half angle", "tip", "of constant speed", "length", "fuel burnt, of what comes in"], [[
        f"{found['angle']:.1f} deg", f"{1e3 * found['tip']:.2f} mm", f"{1e3 * height(exact):.2f} mm",
        f"{1e3 * found['length']:.2f} mm", percent(found["burnt"])[1:]]])  # fmt: skip
    for key in ("straight", "passes"):
        report.target(f"bunsen: {WAYS[key]}, off Cantera's", 100 * (found[key] / exact - 1), 5, " %")
    report.target("bunsen: tip, off that of constant speed", 100 * (found["tip"] / height(exact) - 1), 15, " %")


# --- triple flame ----------------------------------------------------------------------------------------------------


def triple(results: Results) -> dict[str, float]:
    """Speed of the edge over the last passage against the gas that comes in."""
    passage = RUNS["triple_flame"].passage
    late = [float(t) for t in results.times if t >= results.times[-1] - passage * (1 + 1e-9)]
    y = [place(results, "triple_flame", t)[1] for t in late]
    drift = float(np.polyfit(late, y, 1)[0]) if len(late) > 1 else 0.0
    return {"drift": drift, "speed": INFLOW - drift}


def judge_triple(report: Report, found: dict[str, float]) -> None:
    """Against the free flame of the stoichiometric mixture of both streams."""
    report.text("## triple_flame: speed")
    gas = ct.Solution("h2o2.yaml")
    gas.set_equivalence_ratio(1.0, FUEL_DILUTE, AIR)
    gas.TP = T_UNBURNT, PRESSURE
    fresh = gas.density
    flame = ct.FreeFlame(gas, width=0.02)
    flame.set_refine_criteria(ratio=3, slope=SLOPE, curve=SLOPE * 5 / 3)
    flame.solve(loglevel=0, auto=True)
    speed, ratio = float(flame.velocity[0]), float(np.sqrt(fresh / flame.density[-1]))
    report.text(
        f"Against the gas far before it the flame moves at {found['speed']:.3f} m/s (inflow "
        f"of {INFLOW:g} m/s less its drift in the last passage, {found['drift']:+.4f} m/s): "
        f"{found['speed'] / speed:.2f} times the {speed:.3f} m/s of Cantera's free flame of the stoichiometric "
        "mixture. Gas parts before a triple flame and slows down: without losses and in a thick layer the ratio goes "
        f"to the root of that of the densities, {ratio:.2f} (the estimate of Ruetsch, Vervisch and Linan, 1995)."
    )


# --- jet that ignites ------------------------------------------------------------------------------------------------


def jet(results: Results) -> dict[str, float]:
    """When and where 100 K more than those of the hot air are reached first, and where in the end."""
    series, level = results.series, HOT_AIR + IGNITED
    t = on_axis(series.time, series["T_max"], level)
    first = next((float(s) for s in results.times if results.field("T", float(s)).max() >= level), float("nan"))
    x, y = foremost(isoline(results.grid.x, results.grid.y, results.field("T", first), level)) if first == first else (
        float("nan"), float("nan"))  # fmt: skip
    at, y_at = foremost(isoline(results.grid.x, results.grid.y, results.field("T"), level))
    return {"time": t, "seen": first, "x": x, "y": y, "lift": at, "y_lift": y_at}


def until(solution: ct.Solution, T: float) -> float:
    """Time in which the gas in `solution` reaches T at constant pressure [s]; NaN if not by LONGEST."""
    network = ct.ReactorNet([ct.IdealGasConstPressureReactor(solution, clone=False)])
    network.rtol, network.atol = 1e-8, 1e-16
    times, values = [0.0], [solution.T]
    while values[-1] < T and times[-1] < LONGEST:
        times.append(network.step())
        values.append(solution.T)
    return float(np.interp(T, values[-2:], times[-2:])) if values[-1] >= T else float("nan")


def mix(solution: ct.Solution, share: float) -> None:
    """Puts the mixture of `share` of the jet with hot air, at their common enthalpy, into `solution`."""
    solution.TPX = T_UNBURNT, PRESSURE, FUEL_JET
    h, Y = solution.enthalpy_mass, solution.Y
    solution.TPX = HOT_AIR, PRESSURE, AIR
    solution.HPY = share * h + (1 - share) * solution.enthalpy_mass, PRESSURE, share * Y + (1 - share) * solution.Y


def homogeneous() -> dict[str, float]:
    """Of mixtures along the mixing line: least times, and the mixture fractions and temperatures where they are.

    cantera : IGNITED hotter than the hot air, in Cantera's reactor;  ours : steepest rise of T, in ours
    """
    gas = Mechanism.load("h2o2.yaml")
    solution = gas.cantera(transport=False)
    T, Y, times = [], [], []
    for share in FRACTIONS:
        mix(solution, float(share))
        T.append(solution.T)
        Y.append(solution.Y.copy())
        times.append(until(solution, HOT_AIR + IGNITED))
    mixtures = torch.tensor(T), torch.tensor(np.stack(Y, 1))
    steepest = ignition_delays(gas, mixtures[0], PRESSURE, mixtures[1], LONGEST, hold="hp", rise=IGNITED).numpy()
    found = {}
    for name, values in (("cantera", np.array(times)), ("ours", steepest)):
        best = int(np.where(np.isfinite(values), values, np.inf).argmin())
        found |= {name: float(values[best]), f"{name}_Z": float(FRACTIONS[best]), f"{name}_T": float(T[best])}
    return found


def layer(report: Report, transport: str) -> float:
    """Time in which a layer between both streams at rest ignites, in 1-D on the cells of the case [s]."""
    streams = (f'[{{composition="{FUEL_JET}", temperature={T_UNBURNT}, until=1e-3, width=1e-5}}, '
               f'{{composition="{AIR}", temperature={HOT_AIR}}}]')  # fmt: skip
    folder = run_case("jet_ignition.toml", report.runs / f"layer-{transport}", [
        f"gas.transport={transport}",
        f'mesh={{kind="uniform", cells=[{LAYER_CELLS}], lower=[0.0], upper=[4e-3]}}', "numerics.compile=off",
        f'initial={{kind="layers", along="x", streams={streams}}}', f"stop.time={LAYER_TIME}",
        'boundary={x_low={kind="symmetry"}, x_high={kind="outflow"}}', "output.series.every={steps=1}"])  # fmt: skip
    series = combust.results(folder).series
    return on_axis(series.time, series["T_max"], HOT_AIR + IGNITED)


def judge_jet(report: Report, found: dict[str, float]) -> None:
    """Against homogeneous mixtures, and a layer that only diffuses."""
    report.text("## jet_ignition: delay")
    alone = homogeneous()
    diffusing, alike = (layer(report, transport) for transport in ("mixture-averaged", "unity-Lewis"))
    report.text(
        f"Ignited: {IGNITED:g} K hotter than the hot air ({HOT_AIR:g} K), which no mixture "
        "is before it reacts. The most reactive mixture along the mixing line (mass fractions and enthalpy linear in "
        f"the mixture fraction Z) reaches that in {1e3 * alone['cantera']:.4f} ms in Cantera's reactor, at Z = "
        f"{alone['cantera_Z']:.4f}, {alone['cantera_T']:.0f} K; the steepest rise of T, in ours, comes first at Z = "
        f"{alone['ours_Z']:.4f}, in {1e3 * alone['ours']:.4f} ms. The jet has it after {1e3 * found['time']:.4f} ms; "
        f"in the first fields that show it, at {1e3 * found['seen']:.2f} ms, it lies at x = {1e3 * found['x']:.2f} mm, "
        f"y = {1e3 * found['y']:.2f} mm. In the end it begins at x = {1e3 * found['lift']:.2f} mm, y = "
        f"{1e3 * found['y_lift']:.2f} mm: {1e3 * found['lift'] / SPEED:.4f} ms at the {SPEED:g} m/s of the hot air. A "
        f"layer of both gases at rest, which only diffuses, ignites after {1e3 * diffusing:.4f} ms, and after "
        f"{1e3 * alike:.4f} ms if all species diffuse as heat does: hydrogen that runs ahead into the hot air, where "
        "the mixture is hotter than on the line, makes layer and jet earlier than the line. Where the flame stays in "
        "the end it has come a little against the stream."
    )
    report.table(["ignites after", "ms", "over the mixing line's"], [
        [what, f"{1e3 * value:.4f}", f"{value / alone['cantera']:.3f}"] for what, value in (
            ("most reactive mixture of the line", alone["cantera"]), ("layer at rest", diffusing),
            ("layer at rest, Lewis numbers of one", alike),
            ("jet, first", found["time"]), ("jet, in the end: way over speed", found["lift"] / SPEED))])  # fmt: skip
    report.target("jet_ignition: first ignition, off the layer's", 100 * (found["time"] / diffusing - 1), 10, " %")
    report.target("jet_ignition: first ignition, off the mixing line's", 100 * (found["time"] / alone["cantera"] - 1),
                  30, " %")  # fmt: skip


MEASURES: dict[str, Callable[[Results], dict[str, float]]] = {
    "bunsen": bunsen, "triple_flame": triple, "jet_ignition": jet}  # fmt: skip
JUDGES: dict[str, Callable[[Report, dict[str, float]], None]] = {
    "bunsen": judge_bunsen, "triple_flame": judge_triple, "jet_ignition": judge_jet}  # fmt: skip
