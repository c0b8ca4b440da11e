"""A methane flame in a co-flow of air: does it settle, and stay; its height; what its mechanism is worth there."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

import combust
from combust.io.results import Results
from combust.kinetics.flames.counterflow import CounterflowProfile, counterflow_flame
from validation import running
from validation.report import Report, percent

TITLE = "A methane flame in a co-flow of air"
START = running.run_case
TIME = {"coflow": 0.2}  # s, of the case
CHANGES: dict[str, tuple[str, ...]] = {"coflow": ()}
SPEEDS = (0.1, 0.35)  # m/s, of both jets of the counterflow flames
STREAMS = ('{composition="CH4:1",temperature=300.0,velocity=[0.1,0.0],until=0.004,width=0.002}',
           '{composition="O2:0.21, N2:0.79",temperature=300.0,velocity=[0.1,0.0]}')  # fmt: skip
COLD = ('chemistry.kind="none"', f'initial={{kind="layers",along="y",streams=[{",".join(STREAMS)}]}}',
        "output.probes[0].every={steps=1}", "output.series.every={steps=1}", "numerics.compile=off")  # fmt: skip
SMOKE = {"START": running.run_here, "TIME": dict.fromkeys(TIME, 1e-4), "CHANGES": dict.fromkeys(TIME, COLD),
         "SPEEDS": (), "WINDOWS": 2}  # fmt: skip
FUEL, AIR = "CH4:1", "O2:0.21, N2:0.79"
MECHANISMS = ("gri30.yaml", "methane_cfd.yaml")
DIAMETER, SPEED, AIR_SPEED, HEIGHT = 4e-3, 0.1, 0.2, 0.024  # m, m/s, m/s, m: tube, its mean speed, air, domain
WINDOWS = 8  # of the whole time, in the table
HOT = 1500.0  # K, at which Roper takes the diffusivity of oxygen
SHOWN = ("CO2", "H2O", "CO", "H2", "OH", "C2H2")
SCALES = {"dt": 1e6, "T_max": 1, "T_axis": 1, "height": 1e3, "heat_release": 1, "radiated": 1}  # to the table's units
ERRORS = ("mass_error", "element_error", "enthalpy_error", "eos_drift")


def run(report: Report) -> None:
    """The mechanism's diffusion flames, the case, and Roper's height; what is kept is not run again."""
    kept = report.kept()
    for name, end in TIME.items():
        if name not in kept:
            out = report.runs / name
            if not finished(out, end):
                START(f"{name}.toml", out, [f"stop.time={end!r}", *CHANGES[name]])
            kept[name] = measured(out)
            report.pictures.mkdir(parents=True, exist_ok=True)
            shutil.copy(out / "flame.png", report.pictures / f"{name}_end.png")
            report.keep(kept, TIME)
    mechanism(report)
    flame(report, kept["coflow"])


def finished(out: Path, end: float) -> bool:
    """Whether a run has come to its end there."""
    path = out / "summary.json"
    if not path.is_file():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["exit"]["reason"] == "done" and abs(found["time"] - end) < 1e-9 * end


def measured(out: Path) -> dict[str, Any]:
    """Series at the times of the probe on the axis, and the largest errors of the whole run."""
    result = combust.results(out)
    axis, series = result.probes["axis"], result.series
    stoichiometric = unburnt()[1]
    found = {
        "time": axis.times,
        "dt": np.interp(axis.times, series.time, series["dt"]),
        "height": [tip(axis.x, row, stoichiometric) for row in axis["mixture_fraction"]],
        "T_axis": axis["T"].max(axis=1),
        "passage": [transit(axis.x, row) for row in axis["u"]],
        **{q: np.interp(axis.times, series.time, series[q]) for q in ("T_max", "radiated")},
        "heat_release": means(axis.times, series.time, series["heat_release"]),
    }
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return {
        "burnt": burnt(result),
        "errors": {q: float(np.abs(series[q]).max()) for q in ERRORS} | {"Y_min": float(series["Y_min"].min())},
        "steps": summary["step"],
        "dt_max": float(series["dt"].max()),
        "cells": summary["cells"],
        **{q: [float(f"{v:.6g}") for v in values] for q, values in found.items()},
    }


def burnt(result: Results) -> dict[str, float]:
    """At the end: methane that leaves [kg/s], with the density of nitrogen at its T; heat of the extreme cells [W]."""
    at, grid = result.times[-1], result.grid
    area = math.pi * np.diff(grid.y_faces**2)
    T, speed, fuel, heat = (result.field(name, at) for name in ("T", "u", "Y_CH4", "heat_release"))
    density = ct.one_atm * 28.0 / (ct.gas_constant * T[:, -1])
    power = heat * area[:, None] * np.diff(grid.x_faces)
    return {"leaves": float((density * speed[0][:, -1] * fuel[:, -1] * area).sum()),
            "least": float(power.min()), "largest": float(power.max())}  # fmt: skip


def means(times: np.ndarray, t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means over the times since the one before, of a quantity known at t; the first is the second's."""
    whole = np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(t))])
    mean = np.diff(np.interp(times, t, whole)) / np.diff(times)
    return np.concatenate([mean[:1], mean])


def unburnt() -> tuple[ct.Solution, float]:
    """The fuel at 300 K, and the stoichiometric mixture fraction (Bilger's)."""
    gas = ct.Solution("gri30.yaml")
    gas.set_equivalence_ratio(1.0, FUEL, AIR)
    stoichiometric = gas.mixture_fraction(FUEL, AIR)
    gas.TPX = 300.0, ct.one_atm, FUEL
    return gas, float(stoichiometric)


def transit(x: np.ndarray, u: np.ndarray) -> float:
    """Time in which gas goes up the axis [s], at its speeds of one moment."""
    return float(np.sum(np.diff(x) / np.maximum(0.5 * (u[1:] + u[:-1]), 1e-3)))


def tip(x: np.ndarray, z: np.ndarray, stoichiometric: float) -> float:
    """The highest place on the axis where the mixture is stoichiometric [m]; the end of x if it is rich there."""
    rich = np.flatnonzero(z > stoichiometric)
    if rich.size == 0:
        return 0.0
    i = int(rich[-1])
    if i + 1 == len(x):
        return float(x[-1])
    return float(x[i] + (x[i + 1] - x[i]) * (z[i] - stoichiometric) / (z[i] - z[i + 1]))


# --- the mechanism --------------------------------------------------------------------------------------------------


def mechanism(report: Report) -> None:
    """Counterflow diffusion flames with GRI-Mech 3.0 and with what was reduced from it."""
    report.text(
        "`methane_cfd.yaml` (28 species) was reduced for premixed flames. Cantera's flames of methane against air, "
        "jets of the speed named 20 mm apart, with GRI-Mech 3.0 (53 species) and with it; mole fractions: the largest."
    )
    rows = []
    for speed in SPEEDS:
        both = [opposed(name, speed) for name in MECHANISMS]
        rows += [line(name, speed, flame) for name, flame in zip(MECHANISMS, both, strict=True)]
        off = both[1].peak_temperature - both[0].peak_temperature
        report.target(f"T between jets of {speed:g} m/s, less that of GRI-Mech 3.0", off, 10, " K")
    report.table(["jets [m/s]", "mechanism", "strain [1/s]", "T [K]", *(f"X_{k}" for k in SHOWN)], rows)


def opposed(name: str, speed: float) -> CounterflowProfile:
    """A flame of fuel against air, from the cache or solved."""
    fluxes = unburnt()[0].density_mass * speed, ct.Solution("air.yaml").density_mass * speed
    return counterflow_flame(name, ct.one_atm, FUEL, 300.0, fluxes[0], AIR, 300.0, fluxes[1], slope=0.05, curve=0.1)


def line(name: str, speed: float, flame: CounterflowProfile) -> list[str]:
    """A row of the table of mechanisms."""
    gas = ct.Solution("gri30.yaml")
    moles = flame.Y / gas.molecular_weights[[gas.species_index(k) for k in flame.species]][:, None]
    largest = dict(zip(flame.species, (moles / moles.sum(axis=0)).max(axis=1), strict=True))
    return [f"{speed:g}", name, f"{flame.strain_rate:.0f}", f"{flame.peak_temperature:.0f}",
            *(f"{largest[k]:.4f}" for k in SHOWN)]  # fmt: skip


# --- the flame ------------------------------------------------------------------------------------------------------


def flame(report: Report, found: dict[str, Any]) -> None:
    """Temperature, height and heat over time; Roper's height."""
    times = np.array(found["time"])
    passage = found["passage"][-1]
    report.text(
        f"`cases/coflow.toml`, {found['cells']} cells, {found['steps']} steps of at most "
        f"{1e6 * found['dt_max']:.0f} us to {1e3 * times[-1]:.0f} ms. Gas goes up "
        f"the axis, through the flame, in {1e3 * passage:.0f} ms at the speeds of the end: these are "
        f"{times[-1] / passage:.1f} flow-through times. The air far from it, at {AIR_SPEED:g} m/s, takes "
        f"{1e3 * HEIGHT / AIR_SPEED:.0f} ms. Height: where the mixture on the axis is stoichiometric. Heat: "
        "means over 2 ms, since what one step releases at the rim jumps from step to step. Least and largest within "
        "each time."
    )
    edges, rows, last = np.linspace(0, times[-1] * (1 + 1e-9), WINDOWS + 1), [], {}
    for low, high in zip(edges, edges[1:], strict=False):
        within = (times >= low) & (times <= high)
        last = {q: np.array(found[q])[within] for q in SCALES}
        scaled = (scale * last[q] for q, scale in SCALES.items())
        rows.append([f"{1e3 * low:.0f} to {1e3 * high:.0f}", *map(spread, scaled)])
    report.table(
        ["time [ms]", "step [us]", "T_max [K]", "T_max on the axis [K]", "height [mm]", "heat [W]", "radiated [W]"],
        rows,
    )
    flow = unburnt()[0].density_mass * 0.25 * math.pi * DIAMETER**2 * SPEED
    power = flow * heating_value()
    height, heat, expected = float(np.mean(last["height"])), float(np.mean(last["heat_release"])), roper()
    report.text(
        f"The fuel brings {power:.1f} W (lower heating value); {found['burnt']['leaves'] / flow:.0e} of it leaves "
        "unburnt. The heat is the rate at the ends of steps, when the gas at the rim has just been moved and has not "
        f"yet reacted: single cells have {found['burnt']['least']:.1f} to {found['burnt']['largest']:.1f} W in the "
        "last fields, and its mean is no balance. "
        "Roper's height of a flame on a circular port, "
        "(T0/T_f)^0.67 Q / (4 pi D0 ln(1 + 1/S)) with the flow Q of fuel, the diffusivity D0 of oxygen in nitrogen "
        f"at T0 = 300 K, T_f = {HOT:.0f} K and S moles of air a mole of fuel (Combust. Flame 29 (1977) 219 and 227, "
        "[doi:10.1016/0010-2180(77)90112-2](https://doi.org/10.1016/0010-2180%2877%2990112-2), written as integrated "
        f"here: it hangs on neither gravity nor the port): {1e3 * expected:.1f} mm; the flame's {1e3 * height:.1f} mm "
        f"({percent(height / expected - 1, 0)}). {errors(found)}"
    )
    report.text("The run was continued from checkpoints with other longest steps, which the column shows. Its end:")
    report.text("![temperature and heat release at the end](../pictures/coflow_end.png)")
    report.target("flow-through times on the axis", times[-1] / passage, 5, at_least=True)
    report.target("T_max in the last line, largest less least", float(np.ptp(last["T_max"])), 5, " K")
    report.target("height in the last line, largest less least over mean", float(np.ptp(last["height"])) / height, 0.02)
    report.target("methane that leaves over what comes", found["burnt"]["leaves"] / flow, 1e-3)
    report.target("heat release over what the fuel brings, less 1", heat / power - 1, 0.02)
    report.target("height over Roper's, less 1", height / expected - 1, 0.25)
    conserved(report, "coflow", found)


def errors(found: dict[str, Any]) -> str:
    """The largest errors of a run, in words."""
    said = ", ".join(f"{q} {found['errors'][q]:.1e}" for q in (*ERRORS, "Y_min"))
    return f"Largest of the whole run: {said}."


def conserved(report: Report, name: str, found: dict[str, Any]) -> None:
    """Targets of the balances."""
    for q in ERRORS[:3]:
        report.target(f"{q}, {name}", found["errors"][q], 1e-11)


def spread(values: np.ndarray) -> str:
    """Least and largest."""
    return f"{values.min():.4g} to {values.max():.4g}"


def heating_value() -> float:
    """Lower heating value of methane at 300 K, J/kg."""
    gas = ct.Solution("gri30.yaml")
    gas.TPX = 300.0, ct.one_atm, "CH4:1, O2:2"
    before, share = gas.enthalpy_mass, gas["CH4"].Y[0]
    gas.TPX = 300.0, ct.one_atm, "CO2:1, H2O:2"
    return float((before - gas.enthalpy_mass) / share)


def roper() -> float:
    """Height [m] of a flame on a circular port."""
    gas, Z = unburnt()
    air = (1 - Z) / Z * gas.mean_molecular_weight / ct.Solution("air.yaml").mean_molecular_weight
    gas.TPX = 300.0, ct.one_atm, "N2:1"
    D = gas.binary_diff_coeffs[gas.species_index("O2"), gas.species_index("N2")]
    flow = 0.25 * math.pi * DIAMETER**2 * SPEED
    return float(flow * (300.0 / HOT) ** 0.67 / (4 * math.pi * D * math.log(1 + 1 / air)))
