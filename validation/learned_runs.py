"""Runs of the study of learned chemistry (validation/learned.py): planar flames, a wrinkled front, foreign states."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.case.load import load as load_case
from combust.cfd.lowmach.flow import ReactingFlow
from combust.errors import CombustError, DependencyError
from combust.io.series import read_series
from combust.io.vtr import Snapshot, read_pvd, read_vtr
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.report.charts import drawing
from combust.surrogates import library
from combust.surrogates.provider.mapped import Mapped
from combust.surrogates.provider.splitting import SPLITTINGS
from combust.surrogates.trust.routes import ROUTES
from validation import planar
from validation.reference import AIR, PRESSURE, T_UNBURNT
from validation.report import Report
from validation.running import run_case

SHARES = tuple(f"{route}_share" for route in ROUTES)
CHEMISTRIES = {"mapped": "exact", "network": "network alone", "learned": "learned"}
DEFAULT = "strang"
Kept = dict[str, Any]

# --- 1: planar flames ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flame:
    """A planar flame, its cells per thermal thickness, and what its speed is fitted over [s]."""

    name: str
    title: str
    case: str
    mechanism: str
    model: str
    fuel: str
    phi: float
    steps: tuple[float, ...]  # s
    end: float
    fit: float
    limit: float  # relative error allowed
    splittings: tuple[str, ...] = tuple(SPLITTINGS)
    per_thickness: int = 10

    @cached_property
    def profile(self) -> FlameProfile:
        """Where it starts."""
        return free_flame(self.mechanism, T_UNBURNT, PRESSURE, self.fuel, AIR, self.phi)

    @property
    def overrides(self) -> list[str]:
        """Of its case."""
        return [mesh(self.profile, self.per_thickness), "initial.position=0.0", f"initial.phi={self.phi}",
                'numerics.compile="off"']  # fmt: skip


HYDROGEN = Flame("h2", "H2/air, phi 1", "flame1d_h2.toml", "h2o2.yaml", "h2_air", "H2:1", 1.0,
                 (5e-7, 1e-6, 2e-6), 3e-4, 2e-4, 0.005)  # fmt: skip
METHANE = Flame("ch4", "CH4/air, phi 0.9", "flame1d_ch4.toml", "methane_cfd.yaml", "ch4_air", "CH4:1", 0.9,
                (2e-6, 4e-6), 8e-4, 4e-4, 0.01, (DEFAULT,))  # fmt: skip
FLAMES = (HYDROGEN, METHANE)


@dataclass(frozen=True)
class Speed:
    """A planar flame by one chemistry with one time step; no splitting: exact, with transport as a source."""

    flame: Flame
    splitting: str
    chemistry: str
    dt: float

    @property
    def model(self) -> str:
        """Of its flame."""
        return self.flame.model

    @property
    def name(self) -> str:
        """By which it is kept."""
        how = f"{self.splitting}-{self.chemistry}" if self.splitting else "source"
        return f"speed-{self.flame.name}-{how}-{1e6 * self.dt:g}us"

    def perform(self, report: Report) -> Kept:
        """Runs it; a lost flame is a result."""
        flame = self.flame
        table = (
            {"kind": "direct"}
            if not self.splitting
            else {
                "kind": "learned",
                "model": flame.model,
                "splitting": self.splitting,
                "router": self.chemistry == "learned",
            }
        )
        flow = planar.build(flame.case, [*flame.overrides, f"chemistry={inline(table)}"], flame.profile)
        if self.chemistry == "mapped":
            chemistry = flow.scheme.chemistry
            chemistry.parts = Mapped.of(chemistry.parts.model, chemistry.gas)
        try:
            rows = planar.follow(flow, self.dt, flame.end, told(report, self), SHARES if self.splitting else ())
        except CombustError as error:
            return {"failure": f"step {flow.step}: {str(error).splitlines()[0]}"} | weights_of(flame.model)
        s = planar.speeds(flow, rows, flame.profile.speed, flame.fit)
        late = rows[rows[:, 0] >= flame.fit, 5:].mean(0)
        return {
            "front": s.displacement, "consumption": s.consumption, "burnt_T": s.burnt_temperature,
            "eos_drift": s.eos_drift, "Y_min": s.Y_min, "element_error": s.element_error, "cells": s.cells,
            "shares": dict(zip(ROUTES, late.tolist(), strict=False)),
        } | (weights_of(flame.model) if self.splitting else {})  # fmt: skip


def told(report: Report, run: Run) -> Callable[[str], None]:
    """Says how far a run is, under its name."""
    return lambda line: report.progress(f"{run.name}: {line}")


def mesh(profile: FlameProfile, per_thickness: int) -> str:
    """So many cells per thermal thickness over four on both sides of the front, wider ones beyond."""
    d = profile.thermal_thickness
    return planar.mesh_override(planar.graded_faces(d / per_thickness, (-4 * d, 4 * d), (-6 * d, 9 * d), 1.06, 2 * d))


def inline(table: dict[str, Any]) -> str:
    """A TOML table in one line."""
    words = {True: "true", False: "false"}
    return (
        "{ "
        + ", ".join(f"{k} = " + (words[v] if isinstance(v, bool) else json.dumps(v)) for k, v in table.items())
        + " }"
    )


def weights_of(model: str) -> Kept:
    """Which weights a figure is of."""
    return {"weights": library.load(model).card["weights"]["sha256"][:12]}


# --- 2: a wrinkled front ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Front:
    """cases/flame_learned.toml, as a user runs it, and the same with exact chemistry."""

    name: str
    title: str
    changes: tuple[str, ...]
    time: float  # s
    ranks: int
    by: Callable[..., Path] = run_case
    limit = 0.03  # of length and consumption speed, relative
    model = "h2_air"

    def perform(self, report: Report) -> Kept:
        """Runs both, compares them at equal times, draws them."""
        say = told(report, self)
        say("exact chemistry")
        exact = self.read(self.run(report.runs, "exact", {"kind": "direct"}))
        say("learned chemistry")
        learned = self.read(self.run(report.runs, "learned", {"kind": "learned", "model": self.model}))
        with_picture = self.draw(report.pictures, exact, learned, say)
        rows = [{
            "time": a.time, "length": [self.length(a), self.length(b)],
            "consumption": [float(np.interp(a.time, s["time"], s["flame_speed"])) for s in (exact[1], learned[1])],
            "T": float(np.abs(a.fields["T"] - b.fields["T"]).mean()),
        } for a, b in zip(exact[0], learned[0], strict=True)]  # fmt: skip
        series = learned[1]
        later = slice(1, None)  # nothing has been routed at time zero
        return {
            "rows": rows, "picture": with_picture, "cells": int(exact[0][0].fields["T"].size),
            "steps": len(series["time"]) - 1, "dt": [min(series["dt"][later]), max(series["dt"][later])],
            "shares": {route: float(np.mean(series[f"{route}_share"][later])) for route in ROUTES[:3]},
            "exact_share": max(series["exact_share"]), "element_error": max(series["element_error"]),
            "Y_min": [min(exact[1]["Y_min"]), min(series["Y_min"])],
        } | weights_of(self.model)  # fmt: skip

    def run(self, folder: Path, kind: str, chemistry: dict[str, Any]) -> Path:
        """By the command line, into a folder of runs/learned."""
        fields, quantities = ["T"], ["flame_speed", "element_error", "Y_min"]
        if kind == "learned":
            fields, quantities = [*fields, "route"], [*quantities, *(f"{route}_share" for route in ROUTES[:3])]
        changes = [
            *self.changes, f"chemistry={inline(chemistry)}", f"stop.time={self.time}",
            f"output.fields={{ names = {json.dumps(fields)}, every = {{ time = {self.time / 5}, exact = true }} }}",
            f"output.series={{ quantities = {json.dumps(quantities)}, every = {{ steps = 1 }} }}"]  # fmt: skip
        return self.by("flame_learned.toml", folder / f"{self.name}-{kind}", changes, self.ranks)

    def read(self, out: Path) -> tuple[list[Snapshot], dict[str, Any]]:
        """Snapshots and series of a run."""
        series = {name: np.array(values) for name, values in read_series(out / "series.csv").items()}
        return [read_vtr(out / name) for _, name in read_pvd(out / "fields.pvd")], series

    @cached_property
    def level(self) -> float:
        """T half way between fresh gas and equilibrium [K]."""
        table: Any = load_case(planar.CASES / "flame_learned.toml", list(self.changes))
        gas = ct.Solution(table.gas.mechanism)
        gas.TP = table.initial.temperature, table.gas.pressure
        gas.set_equivalence_ratio(table.initial.phi, table.initial.fuel, table.initial.oxidizer)
        fresh = gas.T
        gas.equilibrate("HP")
        return 0.5 * (fresh + gas.T)

    def length(self, shot: Snapshot) -> float:
        """Of the front [m]."""
        return contour_length(*wrapped(shot, "T"), self.level)

    def draw(self, folder: Path, exact: Any, learned: Any, say: Callable[[str], None]) -> str:
        """Both fronts at the end over temperature, and the routes; the name of the file, or nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"learned_{self.name.replace('-', '_')}.png"
        try:
            y, x = exact[0][-1].coordinates[1:]
            height = 3.4 * float((y[-1] - y[0]) / (x[-1] - x[0])) + 1.9  # room for titles and bars
            with drawing(path, (8.0, height)) as figure:
                fronts(figure, exact[0][-1], learned[0][-1], self.level)
        except DependencyError as error:
            say(f"no picture: {error}")
            return ""
        return path.name


FRONTS = (
    Front("front-small", "A part of the case", (
        "mesh.cells=[96,64]", "mesh.upper=[0.0072,0.0048]", "initial.position=0.0033", 'numerics.compile="on"'),
        1e-3, 1),
    Front("front-whole", "The whole case, on two ranks", (), 2e-3, 2),
)  # fmt: skip


def wrapped(shot: Snapshot, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y [m] of cell centres, and a field (y, x), with the first row again above the last: y is periodic."""
    y, x = (0.5 * (f[1:] + f[:-1]) for f in shot.coordinates[1:])
    values = shot.fields[name][0]
    height = shot.coordinates[1][-1] - shot.coordinates[1][0]
    return x, np.append(y, y[0] + height), np.vstack([values, values[:1]])


def contour_length(x: np.ndarray, y: np.ndarray, values: np.ndarray, level: float) -> float:
    """Length of the line where values (y, x) is `level`, linear in the two triangles of each square."""
    X, Y = np.meshgrid(x, y)
    nodes = np.stack([X, Y, values - level])
    a, b, c, d = nodes[:, :-1, :-1], nodes[:, :-1, 1:], nodes[:, 1:, 1:], nodes[:, 1:, :-1]
    return sum(_within(triangle) for triangle in ((a, b, c), (a, c, d)))


def _within(corners: tuple[np.ndarray, ...]) -> float:
    """Length inside triangles whose corners are (x, y, value)."""
    lengths = 0.0
    signs = [corner[2] > 0 for corner in corners]
    for k in range(3):  # the corner that alone is on its side
        own, one, other = corners[k], corners[(k + 1) % 3], corners[(k + 2) % 3]
        alone = (signs[(k + 1) % 3] == signs[(k + 2) % 3]) & (signs[k] != signs[(k + 1) % 3])
        ends = []
        for far in (one, other):
            drop = np.where(alone, own[2] - far[2], 1.0)
            ends.append(own[:2] + own[2] / drop * (far[:2] - own[:2]))
        lengths += float(np.where(alone, np.hypot(*(ends[0] - ends[1])), 0.0).sum())
    return lengths


def fronts(figure: Any, exact: Snapshot, learned: Snapshot, level: float) -> None:
    """The picture."""
    from matplotlib.colors import ListedColormap

    left, right = figure.subplots(1, 2, sharey=True)
    y, x = (1e3 * f for f in learned.coordinates[1:])
    shown = left.pcolormesh(x, y, learned.fields["T"][0], cmap="inferno", rasterized=True)
    figure.colorbar(shown, ax=left, label="T [K]", location="bottom")
    for shot, colour, width, style, name in (
        (exact, "white", 2.4, "-", "exact"), (learned, "tab:cyan", 1.1, "--", "learned")
    ):  # fmt: skip
        at, up, values = wrapped(shot, "T")
        left.contour(1e3 * at, 1e3 * up, values, [level], colors=colour, linewidths=width, linestyles=style)
        left.plot([], [], color=colour, linewidth=width, linestyle=style, label=name)
    left.legend(loc="upper left", facecolor="0.35", labelcolor="white", framealpha=1.0)
    left.set(title="temperature and fronts", xlabel="x [mm]", ylabel="y [mm]")
    colours = ListedColormap(["0.88", "tab:blue", "tab:red", "black"])
    shown = right.pcolormesh(x, y, learned.fields["route"][0], cmap=colours, vmin=-0.5, vmax=3.5, rasterized=True)
    bar = figure.colorbar(shown, ax=right, ticks=range(len(ROUTES)), location="bottom")
    bar.set_ticklabels(ROUTES)
    right.set(title=f"route at t = {1e3 * learned.time:g} ms", xlabel="x [mm]")
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set_ylim(y[0], y[-1])


# --- 3: outside of the range ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outside:
    """A short planar flame at a condition that the model was not trained for (or was: the control)."""

    name: str
    title: str
    fuel: str = "H2:1"
    oxidizer: str = AIR
    p: float = PRESSURE
    phi: float = 0.7
    dt: float | None = None  # s; half a cell of the burnt gas if None
    inside: bool = False
    steps: int = 60
    per_thickness: int = 10
    model = "h2_air"

    def perform(self, report: Report) -> Kept:
        """Both chemistries."""
        profile = free_flame("h2o2.yaml", T_UNBURNT, self.p, self.fuel, self.oxidizer, self.phi)
        dt = self.dt or float(f"{0.05 * profile.thermal_thickness / profile.u.max():.2g}")
        exact, a = self.run(profile, {"kind": "direct"}, dt, told(report, self))
        learned, b = self.run(profile, {"kind": "learned", "model": self.model}, dt, told(report, self))
        shares = b[:, 5:]
        return {
            "dt": dt, "consumption": [float(a[-1, 2]), float(b[-1, 2])],
            "T": float(np.abs(exact.field("T") - learned.field("T")).max()), "T_max": float(exact.quantity("T_max")),
            "shares": dict(zip(ROUTES, shares.mean(0).tolist(), strict=True)),
            "network_share": [float(shares[:, 1].min()), float(shares[:, 1].max())],
        } | weights_of(self.model)  # fmt: skip

    def run(
        self, profile: FlameProfile, table: dict[str, Any], dt: float, say: Callable[[str], None]
    ) -> tuple[ReactingFlow, np.ndarray]:
        """A flame over so many steps, from Cantera's."""
        overrides = [
            mesh(profile, self.per_thickness),
            "initial.position=0.0",
            f'initial.fuel="{self.fuel}"',
            f'initial.oxidizer="{self.oxidizer}"',
            f"initial.phi={self.phi}",
            f"gas.pressure={self.p}",
            'numerics.compile="off"',
            f"chemistry={inline(table)}",
        ]
        flow = planar.build("flame1d_h2.toml", overrides, profile)
        more = SHARES if table["kind"] == "learned" else ()
        return flow, planar.follow(flow, dt, self.steps * dt, say, more)


OUTSIDE = (
    Outside("outside-none", "inside the range: hydrogen in air, 1 atm", inside=True),
    Outside("outside-pressure", "20 atm", p=20 * PRESSURE),
    Outside("outside-argon", "air with 20 % argon", oxidizer="O2:0.21, N2:0.59, AR:0.2"),
    Outside("outside-steam", "air with 20 % water", oxidizer="O2:0.21, N2:0.59, H2O:0.2"),
    Outside("outside-nitrogen", "air with 17 % oxygen", oxidizer="O2:0.17, N2:0.83"),
    Outside("outside-step", "a time step of 8 us", phi=0.5, dt=8e-6),
)
SPEED_LIMIT, T_LIMIT = 1e-3, 1.0  # relative, K: the slow cells of both take different cheap steps

Run = Speed | Front | Outside
