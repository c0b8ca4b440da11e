"""Flames between opposed jets, around an axis and in a plane, against Cantera's; their extinction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import combust
from combust.kinetics.flames.counterflow import CounterflowProfile, counterflow_flame
from combust.kinetics.flames.extinction import Extinction, extinction_strain
from validation import running, similarity
from validation.report import Report, chosen, percent

TITLE = "Counterflow diffusion flames against Cantera"
START = running.run_case
CASE = "counterflow.toml"
AIR, P, T_INLET = "O2:0.21, N2:0.79", 101325.0, 300.0
LIMIT = 0.015  # of T_max, relative
BURNS = 1000.0  # K, below which a flame of the extinction runs is out
ERRORS = ("mass_error", "element_error", "enthalpy_error", "eos_drift")


@dataclass(frozen=True)
class Flame:
    """A run of the case: gases, speeds at the exits [m/s], grid, and what it is for."""

    fuel: str
    velocity_fuel: float
    velocity_oxidizer: float
    cells: tuple[int, int] = (80, 24)
    radius: float = 0.008  # m
    growth: float = 1.0  # of the cells along r, from one to the next
    width: float = 0.01  # m
    mechanism: str = "h2o2.yaml"
    planar: bool = False
    dt: float = 2e-5  # s, largest step
    time: float = 0.03  # s, at which it ends where it is not steady
    change: float = 1e-4  # of the quantity over the window, of a steady run
    window: float = 2e-3  # s
    start: float = 1.0  # speeds of Cantera's flame that it starts from, over those of the jets
    steady: str = "heat_release"

    @property
    def species(self) -> tuple[str, str, str, str]:
        """Fuel, oxygen, and two products."""
        return ("CH4" if "CH4" in self.fuel else "H2", "O2", "H2O", "OH")

    def reference(self, factor: float = 1.0) -> CounterflowProfile:
        """Cantera's flame with the speeds times `factor`."""
        streams = ((self.fuel, self.velocity_fuel), (AIR, self.velocity_oxidizer))
        gas = similarity.gas_of(self.mechanism)
        flux = [factor * speed * similarity.density(gas, T_INLET, P, X) for X, speed in streams]
        return counterflow_flame(gas, P, self.fuel, T_INLET, flux[0], AIR, T_INLET, flux[1], width=self.width,
                                 slope=0.05, curve=0.1)  # fmt: skip


H2, THIN, CH4 = "H2:0.45, N2:0.55", "H2:0.15, N2:0.85", "CH4:0.5, N2:0.5"
FLAMES = {
    "400/s": Flame(H2, 1.33, 1.0),
    "400/s, half the radius": Flame(H2, 1.33, 1.0, cells=(80, 12), radius=0.004),
    "400/s, twice the radius": Flame(H2, 1.33, 1.0, cells=(80, 16), radius=0.016, growth=1.15),
    "1200/s": Flame(H2, 3.99, 3.0, cells=(80, 16), radius=0.016, growth=1.15, dt=1e-5, time=0.003, window=1e-3),
    "1200/s, 160 cells": Flame(
        H2, 3.99, 3.0, cells=(160, 16), radius=0.016, growth=1.15, dt=1e-5, time=0.003, window=1e-3
    ),
    "plane": Flame(H2, 1.33, 1.0, planar=True),
    "methane": Flame(CH4, 0.6, 0.6, cells=(64, 16), radius=0.016, growth=1.15, mechanism="methane_cfd.yaml"),
}
FAMILY = (0.7, 1.0, 1.4)  # speeds of the flames that a planar one is compared with, over its own
FACTORS = (0.95, 0.98, 1.02, 1.05)  # of Cantera's strain rate of extinction
BURNING = 0.85  # of it, of the flame that all those runs start from
NEAR = Flame(
    THIN,
    1.0,
    1.0,
    cells=(64, 16),
    radius=0.016,
    growth=1.15,
    dt=4e-5,
    time=0.06,
    change=2e-4,
    window=0.01,
    steady="T_max",
)
SMOKE = {
    "START": running.run_here,
    "FLAMES": {"400/s": Flame(H2, 1.33, 1.0, cells=(24, 3), radius=0.004, time=2e-5),
               "plane": Flame(H2, 1.33, 1.0, cells=(24, 3), radius=0.004, planar=True, time=2e-5)},
    "FAMILY": (1.0,), "FACTORS": (),
}  # fmt: skip


def run(report: Report, only: Sequence[str] = ()) -> None:
    """All flames; one that has been run and is kept beside the page is run again only where it is named."""
    kept = report.kept()
    names = [*FLAMES, *(f"extinction {factor:g}" for factor in FACTORS)]
    limit = extinction_strain("h2o2.yaml", P, THIN, AIR, width=NEAR.width, strain=150.0) if FACTORS else None
    for name in chosen(names, only):
        if name in kept and not only:
            continue
        flame = FLAMES[name] if name in FLAMES else near(limit, float(name.split()[1]))
        kept[name] = measured(name, flame, report)
        report.keep(kept, names)
        report.progress(f"{name}: T_max {kept[name]['T_max']:.1f} K after {kept[name]['steps']} steps")
    introduction(report)
    flames = {name: (flame, kept[name], flame.reference()) for name, flame in FLAMES.items() if name in kept}
    comparison(report, flames)
    for flame, found, known in flames.values():
        if flame.planar:
            in_a_plane(report, flame, found, known)
    if limit is not None:
        runs = {factor: kept[f"extinction {factor:g}"] for factor in FACTORS if f"extinction {factor:g}" in kept}
        if runs:
            extinctions(report, limit, runs)
    if missing := [name for name in names if name not in kept]:
        report.text(f"Not run yet (`--only NAME` runs one): {'; '.join(missing)}.")
    costs(report, {name: kept[name] for name in names if name in kept})


def near(limit: Extinction | None, factor: float) -> Flame:
    """A run at a multiple of the strain rate at extinction, from the flame at BURNING of it."""
    assert limit is not None
    speeds = {"velocity_fuel": factor * limit.u_fuel, "velocity_oxidizer": factor * limit.u_oxidizer}
    return Flame(**{**asdict(NEAR), **speeds, "start": BURNING / factor})


def changes(flame: Flame) -> list[str]:
    """What a run changes of the case."""
    x, y = flame.cells
    sets: dict[str, object] = {
        "mesh.kind": "stretched" if flame.planar else "axisymmetric",
        "mesh.x.cells": x, "mesh.x.upper": flame.width, "mesh.y.cells": y, "mesh.y.upper": flame.radius,
        "mesh.y.ratio": flame.growth,
        "gas.mechanism": flame.mechanism, "initial.fuel": flame.fuel, "initial.width": flame.width,
        "initial.velocity_fuel": flame.start * flame.velocity_fuel,
        "initial.velocity_oxidizer": flame.start * flame.velocity_oxidizer,
        "boundary.x_low.velocity": flame.velocity_fuel, "boundary.x_low.composition": flame.fuel,
        "boundary.x_high.velocity": flame.velocity_oxidizer, "output.mixture_fraction.fuel": flame.fuel,
        "numerics.dt_max": flame.dt, "stop.time": flame.time,
        "stop.steady.quantity": flame.steady, "stop.steady.change": flame.change,
        "stop.steady.window": flame.window, "stop.steady.after": flame.window,
        "output.probes": "[]", "output.fields.every.time": flame.time,
        "output.fields.names": ["T", "u", "p", "rho", "viscosity", "mixture_fraction", "scalar_dissipation",
                                *(f"Y_{name}" for name in flame.species)],
    }  # fmt: skip
    return [f"{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in sets.items()]


def measured(name: str, flame: Flame, report: Report) -> dict[str, Any]:
    """Runs a flame, or reads the folder in which it has been run: its end, and the line nearest to the axis."""
    out = report.runs / name.replace("/", "_per_").replace(" ", "_").replace(",", "")
    if not ended(out):
        START(CASE, out, changes(flame))
    results = combust.results(out)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    y = float(results.grid.y[0])
    u, T = results.field("u"), results.field("T")
    hottest = T.max(axis=1)[results.grid.y < 0.5 * flame.radius]
    rows = {"T": T[0], "u": u[0, 0], "V": u[1, 0] / y}
    rows |= {field: results.field(field)[0] for field in results.names if field not in ("T", "u", "p")}
    series = results.series
    errors = {name: float(np.nanmax(np.abs(series[name]))) for name in ERRORS}
    return {
        "T_max": float(T[0].max()), "T_start": float(series["T_max"][0]), "time": summary["time"],
        "steps": summary["step"], "cells": summary["cells"], "us": summary["us_per_cell_and_step"],
        "along r [K]": float(np.ptp(hottest)), "Y_min": float(series["Y_min"].min()), "errors": errors,
        "x": rounded(results.grid.x), "axis": {key: rounded(value) for key, value in rows.items()},
    }  # fmt: skip


def rounded(values: np.ndarray) -> list[float]:
    """Six digits of each, which a kept file needs."""
    return [float(f"{value:.6g}") for value in values]


def ended(out: Path) -> bool:
    """Whether a run has come to its end there."""
    path = out / "summary.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8"))["exit"]["reason"] == "done"


def introduction(report: Report) -> None:
    """What is compared, and how."""
    report.text(
        "`cases/counterflow.toml` with other speeds, grids and gases, run until it is steady, against Cantera's "
        "CounterflowDiffusionFlame of the same mechanism and the same mixture-averaged transport (first-order upwind, "
        "slope 0.05, curve 0.1). Cantera solves the similarity equations of plug flows: u(x), v = r V(x), T and Y of x "
        "alone. combust solves the flow in x and r, with plug flows at both ends and an outflow of constant pressure "
        "at the radius of the table. Values are those of the line of cells beside the axis. Strain rates are global "
        "ones, 2 u_o/L (1 + u_f sqrt(rho_f)/(u_o sqrt(rho_o))). Place and width: the middle of where T is beyond half "
        "of its rise, and how wide that is. Each run is kept in `counterflow.json` and run once; `--only NAME` repeats "
        "it."
    )


def comparison(report: Report, flames: dict[str, tuple[Flame, dict[str, Any], CounterflowProfile]]) -> None:
    """Table, picture and targets of all flames that Cantera has."""
    rows = []
    for name, (flame, found, known) in flames.items():
        if flame.planar:
            continue
        x, T = np.array(found["x"]), np.array(found["axis"]["T"])
        mine, theirs = similarity.place(x, T, T_INLET), similarity.place(known.x, known.T, T_INLET)
        u = np.abs(np.array(found["axis"]["u"]) - np.interp(x, known.x, known.u)).max()
        rows.append([
            name, f"{flame.cells[0]} x {flame.cells[1]}", f"{1e3 * flame.radius:g}", f"{found['T_max']:.1f}",
            f"{known.peak_temperature:.1f}", percent(found["T_max"] / known.peak_temperature - 1),
            *(f"{1e3 * a:.3f} / {1e3 * b:.3f}" for a, b in zip(mine, theirs, strict=True)),
            f"{100 * u / max(flame.velocity_fuel, flame.velocity_oxidizer):.1f} %", f"{found['along r [K]']:.1f}",
        ])  # fmt: skip
        report.target(f"T_max, {name}, against Cantera", found["T_max"] / known.peak_temperature - 1, LIMIT)
    report.table(
        ["flame", "cells", "radius [mm]", "T_max [K]", "Cantera", "difference", "place [mm]: combust / Cantera",
         "width [mm]", "largest departure of u, of the fuel's speed", "T_max within half the radius varies by [K]"],
        rows,
    )  # fmt: skip
    report.pictures.mkdir(parents=True, exist_ok=True)
    picture(report.pictures / "counterflow_profiles.png", flames)
    report.text(
        "The radius must be larger than the gap: between plug flows the pressure is p0(x) + Lambda r^2/2, p0 varies "
        "along x by rho u^2, and an outflow holds the pressure constant along x. Where |Lambda| R^2/2 is not much more "
        "than rho u^2 the outflow changes the flow on the axis: the line with half the radius shows it. Cells of the "
        "larger ones grow along r by 1.15 from one to the next."
    )
    report.parts.append("![Profiles on the axis](../pictures/counterflow_profiles.png)")
    report.text(
        "On the axis: combust (points) and Cantera's flame (lines). In a plane the lines of u are the similarity "
        "equations of a plane, see below, and those of T and Y those of the flame around an axis between the same jets."
    )


def picture(path: Path, flames: dict[str, tuple[Flame, dict[str, Any], CounterflowProfile]]) -> None:
    """T, Y and u of each flame, one below the other."""
    from combust.report.charts import drawing

    shown = {name: flames[name] for name in flames if "radius" not in name and "cells" not in name}
    with drawing(path, (2.6 * len(shown), 6.4)) as figure:
        panels = figure.subplots(3, len(shown), squeeze=False)
        for column, (name, (flame, found, known)) in enumerate(shown.items()):
            x, axis = np.array(found["x"]), {key: np.array(value) for key, value in found["axis"].items()}
            u = in_the_plane(flame, found)[0] if flame.planar else np.interp(x, known.x, known.u)
            top, middle, low = panels[:, column]
            top.plot(1e3 * known.x, known.T, lw=1, color="k")
            top.plot(1e3 * x, axis["T"], ".", ms=3, color="C3")
            top.set_title(name)
            for i, species in enumerate(flame.species):
                factor = 10.0 if species == "OH" else 1.0
                line = middle.plot(1e3 * known.x, factor * known.Y[known.species.index(species)], lw=1, color=f"C{i}")
                label = species if factor == 1 else f"{factor:g} {species}"
                middle.plot(1e3 * x, factor * axis[f"Y_{species}"], ".", ms=3, color=line[0].get_color(), label=label)
            middle.legend(frameon=False, fontsize=7)
            low.plot(1e3 * x, u, lw=1, color="k")
            low.plot(1e3 * x, axis["u"], ".", ms=3, color="C0")
            low.set_xlabel("x [mm]")
        for panel, label in zip(panels[:, 0], ("T [K]", "mass fraction", "u [m/s]"), strict=True):
            panel.set_ylabel(label)


def in_the_plane(flame: Flame, found: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """u and V by the similarity equations, with density and viscosity of the run."""
    x, axis = np.array(found["x"]), found["axis"]
    speeds = flame.velocity_fuel, flame.velocity_oxidizer
    return similarity.flow(x, np.array(axis["rho"]), np.array(axis["viscosity"]), speeds, flame.planar)


def in_a_plane(report: Report, flame: Flame, found: dict[str, Any], known: CounterflowProfile) -> None:
    """The planar flame against the similarity equations, and at equal dissipation against Cantera's flames."""
    u, V = in_the_plane(flame, found)
    axis = {key: np.array(value) for key, value in found["axis"].items()}
    Z = similarity.stoichiometric(flame.mechanism, flame.fuel, AIR)
    chi = similarity.at(Z, axis["mixture_fraction"], axis["scalar_dissipation"])
    family = [flame.reference(factor) if factor != 1 else known for factor in FAMILY]
    rates = [similarity.dissipation(flame.mechanism, each, Z) for each in family]
    T = float(np.interp(np.log(chi), np.log(rates), [each.peak_temperature for each in family]))
    report.parts.append("## In a plane")
    of_u, of_V = (100 * np.abs(axis[name] - y).max() / scale
                  for name, y, scale in (("u", u, flame.velocity_fuel), ("V", V, V.max())))  # fmt: skip
    report.text(
        "Cantera has no flame between slots. What is planar is the flow: (rho u)' = -rho V in place of -2 rho V, with "
        "the same equation for V. With density and viscosity of the run along x, these equations "
        f"(`validation/similarity.py`, SciPy's solve_bvp) have u within {of_u:.2f} % of the fuel's speed of that of "
        f"combust, and V within {of_V:.2f} % of its largest.\n\n"
        "The flame within the flow knows of it by the mass flux along x only, and is that of the axis at the same "
        f"dissipation 2 lambda/(rho cp) |dZ/dx|^2 where the mixture is stoichiometric (Z = {Z:.4f}): {chi:.1f} 1/s in "
        f"the plane, {rates[FAMILY.index(1.0)]:.1f} 1/s around an axis between the same jets. Cantera's flames at "
        f"speeds times {listed(FAMILY)} have {listed(rates)} 1/s; between them T_max is {T:.1f} K at {chi:.1f} 1/s. "
        f"combust has {found['T_max']:.1f} K."
    )
    report.target("u in a plane against the similarity equations", np.abs(axis["u"] - u).max() / flame.velocity_fuel,
                  0.02)  # fmt: skip
    report.target("T_max in a plane against Cantera at equal dissipation", found["T_max"] / T - 1, LIMIT)


def listed(numbers: Sequence[float]) -> str:
    """Numbers in words."""
    return ", ".join(f"{number:.4g}" for number in numbers)


def extinctions(report: Report, limit: Extinction, runs: dict[float, dict[str, Any]]) -> None:
    """Which strain rates the flame bears, from the same burning start."""
    report.parts.append("## Extinction")
    report.text(
        f"{THIN} against air: `combust extinction h2o2.yaml --fuel H2:0.15,N2:0.85 --oxidizer O2:0.21,N2:0.79 --width "
        f"{NEAR.width:g} --strain 150` follows Cantera's flames to the turning point of their branch at "
        f"{limit.strain:.2f} 1/s (T_max {limit.T_max:.0f} K, extrapolated to zero spacing; what its grid may be off: "
        f"{100 * limit.strain_error:.2f} %). Each run here starts from Cantera's flame at {BURNING:g} of that, with "
        f"jets of another speed; {NEAR.cells[0]} x {NEAR.cells[1]} cells, radius {1e3 * NEAR.radius:g} mm."
    )
    branch = limit.column("strain"), limit.column("T_max")
    burning = slice(0, int(branch[0].argmax()) + 1)
    rows = []
    for factor, found in sorted(runs.items()):
        burns = found["T_max"] > BURNS
        theirs = np.interp(factor * limit.strain, branch[0][burning], branch[1][burning]) if factor < 1 else None
        rows.append([
            f"{factor:g}", f"{factor * limit.strain:.1f}", "burns" if burns else "goes out",
            f"{found['T_start']:.0f}", f"{found['T_max']:.0f}", "none" if theirs is None else f"{theirs:.0f}",
            f"{1e3 * found['time']:.0f}",
        ])  # fmt: skip
        report.target(f"T_max at {factor:g} of Cantera's extinction" if burns else f"out at {factor:g} of it: T_max",
                      found["T_max"], BURNS, " K", at_least=factor < 1)  # fmt: skip
    report.table(["of Cantera's strain rate", "[1/s]", "", "T_max at the start [K]", "at the end", "Cantera",
                  "end [ms]"], rows)  # fmt: skip
    last = max((f for f in runs if runs[f]["T_max"] > BURNS), default=0.0)
    first = min((f for f in runs if runs[f]["T_max"] <= BURNS), default=np.inf)
    report.text(f"combust's flame burns at {last or 'none'} and is out at {first:g} of Cantera's strain rate.")


def costs(report: Report, runs: dict[str, dict[str, Any]]) -> None:
    """Steps, time and balances of each run."""
    report.parts.append("## Runs")
    names = list(next(iter(runs.values()))["errors"])
    report.table(
        ["run", "cells", "steps", "end [ms]", "wall us per cell and step", *names],
        [[name, r["cells"], r["steps"], f"{1e3 * r['time']:.2f}", f"{r['us']:.0f}",
          *(f"{r['errors'][e]:.1e}" for e in names)] for name, r in runs.items()],
    )  # fmt: skip
    report.text("Wall time of a machine that did other work, too.")
    report.target("mass error", max(r["errors"]["mass_error"] for r in runs.values()), 1e-11)
