"""A methane flame that radiates on a burner: its loss, and how it cools behind the front, against Cantera's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np
import torch

from combust.case.load import convert
from combust.cfd.sources.planck import RADIATING
from combust.cfd.sources.radiation import mixture_loss
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, radiated
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import ALONE
from combust.report.charts import drawing
from combust.run.build import build
from validation.planar import graded_faces
from validation.report import Report

TITLE = "Radiation of a flame on a burner, against Cantera's"
MECHANISM, FUEL, AIR, PHI, T, P = "methane_cfd.yaml", "CH4:1", "O2:0.21, N2:0.79", 0.7, 300.0, 101325.0
SHARE = 0.8  # of the free flame's mass flux
LENGTH = 0.03  # m
FINE, FRONT = 6e-5, 1.5e-3  # m, width of the cells up to there
GROWTH, WIDEST = 1.05, 5e-4  # of the cells behind
PLACES = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03)  # m, of the table
END, SETTLED = 0.06, 0.05  # s: of the runs; since then they should not change
CRITERIA = {"ratio": 3.0, "slope": 0.05, "curve": 0.1, "prune": 0.0}  # of Cantera's first grid
POINTS = 240  # that Cantera's grid has at least
LIMIT = 2.0  # %, of the fall
SMOKE = {
    "MECHANISM": "h2o2.yaml", "FUEL": "H2:1", "PHI": 0.5, "LENGTH": 0.006, "FINE": 3e-4, "PLACES": (0.003, 0.006),
    "END": 4e-5, "SETTLED": 1e-5, "POINTS": 10, "CRITERIA": {"ratio": 10.0, "slope": 0.5, "curve": 0.5, "prune": 0.0},
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A flame along x [m]: T [K]; loss [W/m3] and its integral [W/m2]; heat to the burner [W/m2]."""

    x: np.ndarray
    T: np.ndarray
    loss: np.ndarray
    radiated: float
    to_burner: float
    changed: float = 0.0  # K, since `SETTLED`

    def at(self, places: tuple[float, ...]) -> np.ndarray:
        """T at places [m]."""
        return np.interp(places, self.x, self.T)


def run(report: Report) -> None:
    """Cantera's flame with and without radiation, and both in the flow solver."""
    gas = Mechanism.load(MECHANISM)
    free = free_flame(gas, T, P, FUEL, AIR, PHI)
    flux = SHARE * free.rho[0] * free.speed
    report.text(
        f"{FUEL.split(':')[0]}/air, phi {PHI:g}, {T:g} K, {P:g} Pa, {Path(gas.path).name}, mixture-averaged, on a "
        f"burner of {T:g} K that gives {flux:.4f} kg/m2/s, {SHARE:g} of the free flame's. Cantera's `BurnerFlame` with "
        "its own radiation (H2O and CO2, black surroundings at 0 K), on its refined grid with each interval cut in "
        f"two, and at least {POINTS} intervals of its {1e3 * LENGTH:g} mm. combust: sides `burner` and `outflow`, "
        '`[[sources]] kind = "radiation", surroundings = 0`, from the free flame to '
        f"{1e3 * END:g} ms on cells of {1e6 * FINE:g} um in the front, up to {1e6 * WIDEST:g} um behind it."
    )
    theirs = [held(gas, flux, radiating) for radiating in (False, True)]
    on_profile(report, gas, theirs[1])
    ours = [flow(gas, free, radiating, report) for radiating in (False, True)]
    lines = [of_cantera(flame) for flame in theirs]
    compare(report, lines, ours)
    report.pictures.mkdir(parents=True, exist_ok=True)
    draw(report.pictures / "radiation.png", lines, ours)
    report.text("![temperature and loss along the flame](../pictures/radiation.png)")


def held(gas: Mechanism, flux: float, radiating: bool) -> ct.BurnerFlame:
    """Cantera's flame at a mass flux [kg/m2/s]."""
    solution = gas.cantera()
    solution.transport_model = "mixture-averaged"

    def begun(**domain: Any) -> ct.BurnerFlame:
        solution.TP = T, P
        solution.set_equivalence_ratio(PHI, FUEL, AIR)
        flame = ct.BurnerFlame(solution, **domain)
        flame.burner.T, flame.burner.X, flame.burner.mdot = T, solution.X, flux
        flame.P = P
        flame.set_max_grid_points(flame.flame, 5000)
        return flame

    first = begun(width=LENGTH)
    first.set_refine_criteria(**CRITERIA)
    first.solve(loglevel=0, auto=True)
    middles = 0.5 * (first.grid[1:] + first.grid[:-1])
    grid = np.unique(np.concatenate([first.grid, middles, np.linspace(0.0, LENGTH, POINTS + 1)]).round(9))
    flame = begun(grid=grid)
    ct.FlameBase.set_initial_guess(flame)  # marks it as begun
    for name, values in (
        ("velocity", first.velocity),
        ("T", first.T),
        *zip(solution.species_names, first.Y, strict=True),
    ):
        flame.flame.set_values(name, np.interp(grid, first.grid, values))
    flame.radiation_enabled = radiating
    if radiating:
        flame.boundary_emissivities = BLACK_BODY_AT_ZERO
    flame.solve(loglevel=0, refine_grid=False)
    return flame


def of_cantera(flame: ct.BurnerFlame) -> Line:
    """What is compared of Cantera's flame."""
    slope = (flame.T[1] - flame.T[0]) / (flame.grid[1] - flame.grid[0])
    loss = flame.flame.radiative_heat_loss if flame.radiation_enabled else np.zeros_like(flame.T)
    to_burner = float(flame.thermal_conductivity[0] * slope)
    return Line(np.array(flame.grid), np.array(flame.T), np.array(loss), radiated(flame), to_burner)


def losses(gas: Mechanism, flame: ct.BurnerFlame) -> tuple[np.ndarray, np.ndarray]:
    """Loss [W/m3] of Cantera's states by the kernel of the flow: of H2O and CO2 alone, and of all that radiates."""
    rows = [gas.names.row(name) for name in RADIATING]
    T, Y = torch.tensor(flame.T).reshape(1, 1, -1), torch.tensor(flame.Y).reshape(len(gas.species), 1, 1, -1)
    p = torch.tensor(P, dtype=torch.float64)

    def of(count: int) -> np.ndarray:
        taken = [-1 if row is None or i >= count else row for i, row in enumerate(rows)]
        return mixture_loss(T, Y, gas.molar_mass, torch.tensor(taken), p, 0.0)[0, 0].numpy()

    return of(2), of(len(rows))


def on_profile(report: Report, gas: Mechanism, flame: ct.BurnerFlame) -> None:
    """The loss point by point."""
    two, everything = losses(gas, flame)
    loss, inner = np.array(flame.flame.radiative_heat_loss), slice(1, -1)  # Cantera leaves out the ends
    worst = float(np.abs(two[inner] / loss[inner] - 1).max())
    more = float((everything[inner] - two[inner]).max() / loss[inner].max())
    behind = float(everything[-2] / two[-2] - 1)
    report.text(
        f"**Point by point**, at Cantera's {len(loss)} states: the loss of H2O and CO2 is Cantera's to {worst:.1e} of "
        f"itself, by the same polynomials. CO and CH4, which Cantera leaves out, add {100 * more:.2g} % of the largest "
        f"loss at most, and {100 * behind:.1g} % at the end."
    )
    report.target("loss of H2O and CO2, of itself", worst, 1e-10)


def flow(gas: Mechanism, free: FlameProfile, radiating: bool, report: Report) -> Line:
    """The flow solver's flame."""
    faces = graded_faces(FINE, (0.0, FRONT), (0.0, LENGTH), GROWTH, WIDEST)
    raw = {
        "mesh": {"kind": "stretched", "x": {"faces": [float(x) for x in faces]}},
        "gas": {"mechanism": MECHANISM, "pressure": P},
        "initial": {
            "kind": "flame",
            "fuel": FUEL,
            "oxidizer": AIR,
            "phi": PHI,
            "temperature": T,
            "position": 0.5 * FRONT,
        },
        "boundary": {"x_low": {"kind": "burner", "velocity": SHARE * free.speed}, "x_high": {"kind": "outflow"}},
        "stop": {"time": END},
        "sources": [{"kind": "radiation", "surroundings": 0.0}] if radiating else [],
    }
    made = build(convert(raw, "radiation"), ALONE)
    settled, told = None, 0.0
    while made.time < END:
        made.advance(min(made.limit()[0], END - made.time))
        if made.time >= told:
            report.progress(
                f"radiating {radiating}: {1e3 * made.time:.1f} ms, {made.field('T')[0, 0, -1]:.2f} K at the end"
            )
            told += END / 10
        if settled is None and made.time >= SETTLED:
            settled = made.field("T")[0, 0]
    x, found = made.coordinates()[2], made.field("T")[0, 0]
    loss = made.field("radiative_loss")[0, 0] if radiating else np.zeros_like(found)
    total = made.quantity("radiated") if radiating else 0.0
    changed = float(np.abs(found - settled).max()) if settled is not None else np.nan
    return Line(0.5 * (x[1:] + x[:-1]), found, loss, total, made.quantity("heat_to_burner"), changed)


def compare(report: Report, theirs: list[Line], ours: list[Line]) -> None:
    """Temperatures, and what radiation takes of them."""
    T = [[line.at(PLACES) for line in both] for both in (theirs, ours)]
    falls = [plain - hot for plain, hot in T]
    report.text(
        f"**The whole flame**, {len(ours[0].x)} cells; T in K, the fall is that against the same flame without "
        f"radiation. Since {1e3 * SETTLED:g} ms T has changed by {max(line.changed for line in ours):.2g} K at most."
    )
    report.table(
        ["x [mm]", "T Cantera", "T combust", "T without: Cantera", "combust", "fall: Cantera", "combust", "difference"],
        [
            [f"{1e3 * x:g}", *(f"{v:.1f}" for v in (a1, b1, a0, b0, fa, fb)), f"{100 * (fb / fa - 1):+.2f} %"]
            for x, a1, b1, a0, b0, fa, fb in zip(
                PLACES, T[0][1], T[1][1], T[0][0], T[1][0], falls[0], falls[1], strict=True
            )
        ],
    )
    a, b = theirs[1], ours[1]
    report.table(
        ["", "Cantera", "combust", "difference"],
        [
            [what, f"{u:.4g}", f"{v:.4g}", f"{100 * (v / u - 1):+.2f} %"]
            for what, u, v in (
                ("radiated within the domain [kW/m2]", 1e-3 * a.radiated, 1e-3 * b.radiated),
                ("heat to the burner [kW/m2]", 1e-3 * a.to_burner, 1e-3 * b.to_burner),
            )
        ],
    )
    worst = float(np.abs(falls[1] / falls[0] - 1).max())
    report.target(f"fall of T, largest difference at these {len(PLACES)} places", 100 * worst, LIMIT, " %")
    report.target("radiated heat, difference", 100 * (b.radiated / a.radiated - 1), LIMIT, " %")


def draw(path: Path, theirs: list[Line], ours: list[Line]) -> None:
    """Temperature and loss along x."""
    with drawing(path, (6.4, 4.8)) as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        for a, b, name, colour in zip(theirs, ours, ("no radiation", "radiation"), ("0.5", "tab:red"), strict=True):
            above.plot(1e3 * a.x, a.T, color=colour, label=f"Cantera, {name}")
            above.plot(1e3 * b.x[::4], b.T[::4], "o", ms=3.5, mfc="none", color=colour, label=f"combust, {name}")
        below.plot(1e3 * theirs[1].x[1:-1], 1e-6 * theirs[1].loss[1:-1], color="tab:red")
        below.plot(1e3 * ours[1].x[::4], 1e-6 * ours[1].loss[::4], "o", ms=3.5, mfc="none", color="tab:red")
        above.set_ylabel("T [K]")
        above.set_ylim(0.8 * theirs[1].T.max(), None)
        above.legend(frameon=False)
        below.set_ylabel("loss [MW/m3]")
        below.set_xlabel("x [mm]")
