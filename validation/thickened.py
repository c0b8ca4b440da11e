"""Thickened flames: speed and thickness of planar ones, and learned against exact chemistry in turbulent ones."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from combust.case.load import load
from combust.cfd.lowmach.flow import ReactingFlow
from combust.errors import DivergenceError
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.charts import drawing
from validation import planar
from validation.reference import AIR, PRESSURE, T_UNBURNT
from validation.report import Report, percent
from validation.slowed import Everywhere, by_time_alone

TITLE = "Thickened flames"
BEFORE, LENGTH = 4.5, 11.0  # thicknesses of the thickened flame from the inflow to the front, and of the domain
PER = 8  # cells over that thickness
COURANT = 0.6  # in the burnt gas, with the longer of two steps
PASSAGES = 1.5  # of the flame through its thickness: speeds are those of the second half
WRONG = "time alone"  # in names of flames that only the time of the cells is scaled in
SPEED, THICKNESS, BURNT, COST = 3.0, 5.0, 2.0, 10.0  # per cent allowed


@dataclass(frozen=True)
class Flat:
    """A planar flame: its shipped case and mixture, F, coupling, and its step over the longer one.

    kappa : in place of F, of all rates;  wrong : only the time of the cells is scaled, not what transport does to them
    """

    case: str
    fuel: str
    phi: float
    factor: float
    coupling: str = "sdc"
    share: float = 1.0
    steps: int | None = None  # in place of those of PASSAGES
    kappa: float | None = None
    wrong: bool = False

    @property
    def profile(self) -> FlameProfile:
        """Cantera's, in units of its thickness and speed where kappa slows all rates."""
        gas = Mechanism.load(load(planar.CASES / self.case).gas.mechanism)
        found = free_flame(gas, T_UNBURNT, PRESSURE, self.fuel, AIR, self.phi, refine="extrapolated")
        root = (self.kappa or 1.0) ** 0.5
        return replace(found, x=found.x / root, u=found.u * root, speed=found.speed * root)

    def flow(self, profile: FlameProfile, size: float) -> ReactingFlow:
        """At its start; size : of the thick flame [m]."""
        sets = [
            f"initial.phi={self.phi}",
            f"mesh.cells=[{round(LENGTH * PER)}]",
            f"mesh.upper=[{LENGTH * size!r}]",
            f"initial.position={BEFORE * size!r}",
            f"numerics.coupling={self.coupling}",
            "numerics.compile=off",
        ]
        if self.kappa is None:
            sets += ["combustion.kind=thickened", f"combustion.factor={self.factor}"]
        other = None if self.kappa is None else Everywhere(self.kappa)
        flow = planar.build(self.case, sets, profile, other)
        return by_time_alone(flow) if self.wrong else flow


KAPPA = 0.3
SHORT = 380  # steps of the longest run, half a passage
SHARES = {"dt": 1.0, "dt/2": 0.5, "dt/4": 0.25, "dt/8": 0.125}


def _flat() -> dict[str, Flat]:
    """By names that say gas, factor, step, and what else it is than coupled and right."""
    h2, ch4 = ("flame1d_h2.toml", "H2:1", 1.0), ("flame1d_ch4.toml", "CH4:1", 0.9)
    gases = {"H2": h2, "CH4": ch4}
    found = {
        f"{name}, F {factor:g}, {words}": Flat(*gas, factor, share=SHARES[words])
        for name, gas in gases.items()
        for factor in (1.0, 3.0, 5.0, 10.0)
        for words in ("dt", "dt/2")
    }
    slow = {f"H2, kappa {KAPPA:g}, {words}": Flat(*h2, 1.0, share=SHARES[words], kappa=KAPPA) for words in SHARES}
    found |= {name: slow[name] for name in list(slow)[:2]}
    for name, gas in gases.items():
        for words in ("dt/2", "dt/4") if name == "H2" else ("dt/4", "dt/8"):
            found[f"{name}, F 5, {words}, strang"] = Flat(*gas, 5.0, "strang", SHARES[words])
    found["CH4, F 5, dt/8, strang"] = replace(found["CH4, F 5, dt/8, strang"], steps=SHORT)
    found[f"H2, kappa {KAPPA:g}, dt/4, strang"] = replace(slow[f"H2, kappa {KAPPA:g}, dt/4"], coupling="strang")
    for name, gas in gases.items():
        for words, share in list(SHARES.items())[: 4 if name == "H2" else 3]:
            found[f"{name}, F 5, {words}, {WRONG}"] = Flat(*gas, 5.0, share=share, wrong=True)
    found[f"H2, kappa {KAPPA:g}, dt/8, {WRONG}"] = replace(slow[f"H2, kappa {KAPPA:g}, dt/8"], wrong=True)
    return found


@dataclass(frozen=True)
class Turbulent:
    """A shipped case made small, the learned chemistry of its gas, step [s] and their number."""

    case: str
    model: str
    small: tuple[str, ...]
    dt: float
    steps: int


FLAT = _flat()
TURBULENT = {
    "flame_in_box": Turbulent(
        "flame_in_box.toml",
        "h2_air",
        (
            "mesh.cells=[24,12,12]",
            "mesh.upper=[0.006,0.003,0.003]",
            "initial.position=0.003",
            "sources[0].x=[0.0005,0.002]",
            "initial.turbulence.region.x=[0,0.0025]",
        ),
        4e-6,
        60,
    ),
    "temporal_jet": Turbulent(
        "temporal_jet.toml",
        "ch4_air",
        ("mesh.cells=[12,30,8]", "mesh.lower=[0.0,-0.005,0.0]", "mesh.upper=[0.004,0.005,0.00267]"),
        5e-6,
        60,
    ),
}
SMOKE = {
    "FLAT": {name: replace(FLAT[name], steps=2) for name in ("H2, F 5, dt", f"H2, F 5, dt/4, {WRONG}")},
    "TURBULENT": {"flame_in_box": replace(TURBULENT["flame_in_box"], steps=1)},
}


def run(report: Report, only: list[str]) -> None:
    """What is asked for, beside what earlier runs left."""

    def measure(case: Flat | Turbulent) -> dict[str, Any]:
        start = time.process_time()
        found = planar_flame(case) if isinstance(case, Flat) else chemistries(case, report)
        return {**found, "cpu": time.process_time() - start}

    found = report.measured({**FLAT, **TURBULENT}, only, measure)
    flat = {name: found[name] for name in FLAT if name in found}
    speeds(report, {name: f for name, f in flat.items() if WRONG not in name})
    wrong(report, flat)
    turbulent(report, {name: found[name] for name in TURBULENT if name in found})


# --- planar flames --------------------------------------------------------------------------------------------------


def planar_flame(flat: Flat) -> dict[str, float]:
    """Speeds and thickness over those of the laminar flame, less one; of a wrong one that is lost, the step."""
    profile = flat.profile
    size = flat.factor * profile.thermal_thickness
    burnt = profile.speed * profile.rho[0] / profile.rho[-1]
    dt = COURANT * size / PER / burnt
    flow = flat.flow(profile, size)
    dt *= flat.share
    steps = flat.steps or round(PASSAGES * size / profile.speed / dt)
    end = steps * dt
    try:
        rows = planar.follow(flow, dt, end)
    except DivergenceError:
        if not flat.wrong:
            raise
        return {"dt": dt, "steps": flow.step}
    s = planar.speeds(flow, rows, profile.speed, 0.5 * end)
    faces = flow.grid.faces[2]
    thick = _rise(0.5 * (faces[1:] + faces[:-1]), flow.field("T")[0, 0], profile)
    return {
        "dt": dt,
        "front": s.displacement / profile.speed - 1.0,
        "consumed": s.consumption / profile.speed - 1.0,
        "thickness": thick / _rise(profile.x, profile.T, profile) / flat.factor - 1.0,
        "drift": s.eos_drift,
        "mass": flow.quantity("mass_error"),
        "steps": steps,
    }


def _rise(x: np.ndarray, T: np.ndarray, profile: FlameProfile) -> float:
    """Distance [m] in which T goes from 0.2 to 0.65 of its rise, about its steepest place."""
    levels = profile.T[0] + np.array([0.2, 0.65]) * (profile.equilibrium_temperature - profile.T[0])
    low, high = np.interp(levels, T, x)
    return float(high - low)


def speeds(report: Report, found: dict[str, Any]) -> None:
    """Table and targets of the planar flames."""
    report.text(
        f"""Planar flames at 300 K and 1 atm, hydrogen of phi 1 and methane of phi 0.9, F times as thick on cells F
        times as wide: {PER} over the thickness of the thickened flame, whatever F is. They start from Cantera's
        flame, extrapolated to zero spacing and laid as thick as it will be, and run for {PASSAGES:g} passages
        through their thickness; speeds are those of the second half (CH4, dt/8: half a passage, after which the
        front moves on from its start still; its consumption speed counts). dt is a Courant number of {COURANT:g} in
        the burnt gas. kappa: the rates of all cells are kappa times those of the mechanism, as by PaSR, and speeds
        are compared with kappa^(1/2) S_L, which is exact. The error of Strang coupling goes with its step, and
        methane feels it most: at dt/2 the solver stops (pressure off by 5 %). Thickness: the distance of 0.2 to
        0.65 of the rise of T over that of Cantera's flame, over F."""
    )
    rows = [
        [name, f"{1e6 * f['dt']:.2f}", percent(f["front"]), percent(f["consumed"]), percent(f["thickness"]),
         f"{f['drift']:.1e}"]
        for name, f in found.items()
    ]  # fmt: skip
    report.table(["flame", "dt [us]", "front speed", "consumption speed", "thickness / F", "EOS drift"], rows)
    coupled = {name: f for name, f in found.items() if "strang" not in name}
    strang: dict[Flat, str] = {}  # of each flame the run of the shortest step
    for name in sorted(found.keys() - coupled.keys(), key=lambda name: -FLAT[name].share):
        if FLAT[name].steps is None:
            strang[replace(FLAT[name], share=1.0)] = name
    for words, part in (
        ("coupled", coupled),
        ("Strang, the shorter step", {name: found[name] for name in strang.values()}),
    ):
        if part:
            worst = max(part.values(), key=lambda f: abs(f["front"]))
            report.target(f"front speed, {words}, worst", 100 * worst["front"], SPEED, " %")
    if coupled:
        worst = max(coupled.values(), key=lambda f: abs(f["thickness"]))
        report.target("thickness over F, coupled, worst", 100 * worst["thickness"], THICKNESS, " %")


def wrong(report: Report, found: dict[str, Any]) -> None:
    """Table of the flames whose cells have their time scaled alone."""
    rows = []
    for name, f in found.items():
        if not FLAT[name].wrong:
            continue
        said = [percent(f["front"]), percent(f["consumed"]), percent(f["mass"], 1)] if "front" in f else [
            f"lost in step {f['steps'] + 1}", "", ""]  # fmt: skip
        right = nearest(FLAT[name], found)
        rows.append([name.replace(f", {WRONG}", ""), f"{1e6 * f['dt']:.2f}", *said,
                     percent(found[right]["front"]) if right else ""])  # fmt: skip
    if not rows:
        return
    report.text(
        "What coupling asks for: a cell of factor f is integrated over f dt with what transport and dp0/dt do to it "
        "divided by f (f is E/F, or kappa). Here only its time is scaled, by a chemistry of this study "
        "(`validation/slowed.py`), so that of the transport of species only the part f arrives: mass is not kept, and "
        "the equation of state left. The solver stops for that at the longer steps (pressure off by 5 %); where it "
        "does not, speeds are wrong by a quarter, whatever the step. With Strang coupling cells see no transport, and "
        "scaling the time is all there is to do (`tests/unit/test_thickened.py`)."
    )
    report.table(
        ["flame, time alone", "dt [us]", "front speed", "consumption speed", "mass error", "front speed, rightly"], rows
    )


def nearest(flat: Flat, found: dict[str, Any]) -> str | None:
    """The name of the same flame done rightly, of the nearest step."""
    same = [n for n in found if replace(FLAT[n], share=flat.share, steps=flat.steps) == replace(flat, wrong=False)]
    return min(same, key=lambda name: abs(FLAT[name].share - flat.share), default=None)


# --- learned chemistry ----------------------------------------------------------------------------------------------


def chemistries(case: Turbulent, report: Report) -> dict[str, Any]:
    """The same case with exact and with learned chemistry, a few steps of each in turn: burnt mass [kg], mean T [K],
    and what the steps took of the processor [s].
    """
    sets: dict[str, list[str]] = {"exact": [], "learned": ["chemistry.kind=learned", f"chemistry.model={case.model}"]}
    flows = {name: planar.build(case.case, [*case.small, "numerics.compile=off", *more]) for name, more in sets.items()}
    found: dict[str, Any] = {name: {"burnt": [], "T": [], "seconds": 0.0} for name in flows}
    shares: list[list[float]] = []
    closure = {name: 0.0 for name in flows}
    for _ in range(case.steps):
        for name, flow in flows.items():
            start = time.process_time()
            flow.advance(case.dt)
            found[name]["seconds"] += time.process_time() - start
            burnt = flow.field("density") * flow.field("progress")
            found[name]["burnt"].append(float((burnt * flow.grid.volume.numpy()).sum()))
            found[name]["T"].append(flow.quantity("mean(T)"))
        if not len(shares) % 10:
            report.progress(f"step {len(shares) + 1} of {case.steps}")
        shares.append([flows["learned"].quantity(f"{route}_share") for route in ROUTES])
    for name, flow in flows.items():
        timers = flow.timers()
        closure[name] = timers.get("closure", 0.0) / sum(timers.values())
    report.progress(f"{case.case}: largest F {flows['exact'].quantity('max(thickening)'):.3g}")
    return {
        **found,
        "shares": dict(zip(ROUTES, np.mean(shares, 0).tolist(), strict=True)),
        "closure": closure,
        "steps": case.steps,
        "efficiency": flows["exact"].quantity("max(efficiency)"),
        "cells": list(flows["exact"].block.shape[::-1]),
        "dt": case.dt,
    }


ROUTES = ("slow", "network", "exact")


def turbulent(report: Report, found: dict[str, Any]) -> None:
    """Table, figure and targets of learned chemistry."""
    if not found:
        return
    report.text(
        "Learned against exact chemistry in the turbulent cases, made smaller and with a given step, a step of each in "
        "turn on one processor: the largest difference over the run, the mean shares of the routes (the router sees "
        "the thickened cells with the time that they are integrated over, E/F dt), the processor time of all "
        "steps (not a quiet machine: a ratio of runs in turn), and the share of a step with exact chemistry that "
        "closure, sensor and efficiency take together."
    )
    rows = []
    for name, f in found.items():
        exact, learned = f["exact"], f["learned"]
        burnt, T = (max(abs(np.array(learned[key]) / np.array(exact[key]) - 1.0)) for key in ("burnt", "T"))
        shares = ", ".join(f"{route} {100 * share:.0f} %" for route, share in f["shares"].items())
        rows.append([name, " x ".join(map(str, f["cells"])), len(exact["T"]), f"{1e6 * f['dt']:g}",
                     f"{f['efficiency']:.2f}", percent(burnt, 3), percent(T, 3), shares,
                     f"{exact['seconds'] / learned['seconds']:.2f}", percent(f["closure"]["exact"], 1)])  # fmt: skip
        report.target(f"burnt mass, {name}", 100 * burnt, BURNT, " %")
        report.target(f"mean T, {name}", 100 * T, BURNT, " %")
        report.target(f"closure and thickening, {name}, share of a step", 100 * f["closure"]["exact"], COST, " %")
    report.table(["case", "cells", "steps", "dt [us]", "largest E", "burnt mass", "mean T", "routes",
                  "exact / learned time", "closure and thickening"], rows)  # fmt: skip
    _draw(report, found)


def _draw(report: Report, found: dict[str, Any]) -> None:
    """Burnt mass over time."""
    path = report.pictures / "thickened.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    with drawing(path, (4.2 * len(found), 3.4)) as figure:
        axes = figure.subplots(1, len(found), squeeze=False)
        for ax, (name, f) in zip(axes[0], found.items(), strict=True):
            t = 1e3 * f["dt"] * np.arange(1, len(f["exact"]["T"]) + 1)
            for style, kind in (("-", "exact"), ("--", "learned")):
                ax.plot(t, 1e9 * np.array(f[kind]["burnt"]), style, label=kind)
            ax.set(xlabel="t [ms]", ylabel="burnt mass [ug]", title=name)
            ax.legend(frameon=False)
    report.parts.append("![Burnt mass with exact and learned chemistry](../pictures/thickened.png)")
