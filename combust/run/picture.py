"""flame.png: fields of a run at one time, the last if no other is asked for, and the history of the run."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from combust.errors import ConfigError, OutputError
from combust.io.folder import Folder
from combust.io.results import entries, nearest
from combust.io.series import read_series
from combust.io.vtr import Snapshot, read_vtr
from combust.report.charts import PICTURES, drawing
from combust.report.tables import OTHERS
from combust.surrogates.trust.routes import COLOURS, ROUTES

UNITS = {"T": "K", "p": "Pa", "rho": "kg/m³", "heat_release": "GW/m³", "vorticity": "1/s", "speed": "m/s"}
FACTORS = {"heat_release": 1e-9}
POWER = {3: "W", 2: "W/m", 1: "W/m²"}  # over a domain of so many directions; around an axis as in three
WORDS = {"T": "temperature", "p": "pressure", "rho": "density", "heat_release": "heat release", "speed": "speed"}
SECOND = ("heat_release", "Y_OH", "Y_H", "Y_CH2O", "Y_HO2", "vorticity", "vorticity_z", "speed")
HISTORY = ("flame_speed", "consumption_speed", "T_max", "eos_drift")
LOGARITHMIC = ("eos_drift", "mass_error", "element_error")
WIDTH = 8.0
"""Width of the picture [inches]."""
FORMATS = PICTURES


class Picture(NamedTuple):
    """A picture that was drawn, and of which snapshot;  times : of all there are [s]"""

    path: Path
    time: float
    times: tuple[float, ...]


def plot(
    folder: str | Path,
    fields: Sequence[str] | None = None,
    out: str | Path | None = None,
    time: float | None = None,
    chosen: Callable[[float, Sequence[float]], None] = lambda time, times: None,
) -> Picture:
    """Draws one snapshot in `folder` and the history of the run.

    fields : names to draw; temperature and one more if None
    out : picture (.png, .pdf, .svg), or a folder for flame.png; flame.png in the folder of the run if None
    time : [s] the snapshot nearest to it is drawn; the last if None
    chosen : called with the time of that snapshot, and those of all [s], before it is drawn
    Raises FileFormatError without a snapshot, ConfigError for an unknown field, DependencyError without matplotlib,
    OutputError if the picture cannot be written.
    """
    where = Folder(folder)
    found = entries(where, where.index)
    if time is not None and not np.isfinite(time):
        raise ConfigError(f"--time {time}: needs a time in s")
    at, name = nearest(found, time)
    times = tuple(entry[0] for entry in found)
    chosen(at, times)
    shot = read_vtr(where.path / name)
    scalars = with_speed(shot)
    names = chosen_fields(scalars, fields)
    history = chosen_history(read_series(where.series)) if where.series.exists() else {}
    picture = destination(where, out)
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        with drawing(picture) as figure:
            draw(figure, shot, {name: scalars[name] for name in names}, history, of_columns(shot, where.case))
    except OSError as error:
        raise OutputError(f"{picture} cannot be written: {error.strerror or error}") from error
    return Picture(picture, at, times)


def destination(where: Folder, out: str | Path | None) -> Path:
    """The file that --out names: itself with a suffix of a picture, else flame.png in a folder of that name."""
    if out is None:
        return where.picture
    path = Path(out)
    if path.suffix.lower() in FORMATS and not path.is_dir():
        return path
    if path.is_file():
        raise ConfigError(f"--out {path}: is a file; a picture ends with {', '.join(FORMATS)}")
    if path.suffix.lower() in OTHERS and not path.is_dir():
        raise ConfigError(f"--out {path}: a picture ends with {', '.join(FORMATS)}")
    return path / where.picture.name


def with_speed(shot: Snapshot) -> dict[str, np.ndarray]:
    """Scalar fields by name: those of the snapshot, components of vectors (u_x, u_y, u_z) and the speed |u|."""
    found = {name: values * FACTORS.get(name, 1.0) for name, values in shot.fields.items() if values.ndim == 3}
    for name, values in shot.fields.items():
        if values.ndim == 4:
            found |= {f"{name}_{axis}": values[i] for i, axis in enumerate("xyz")}
    if "u" in shot.fields:
        found["speed"] = np.sqrt((shot.fields["u"] ** 2).sum(axis=0))
    return found


def chosen_fields(scalars: dict[str, np.ndarray], fields: Sequence[str] | None) -> list[str]:
    """Names of the fields to draw. Raises ConfigError for one that the snapshot does not hold."""
    if fields is None:
        first = [name for name in ("T",) if name in scalars and scalars[name].max() > 1.01 * scalars[name].min()]
        rest = [name for name in (*SECOND, *scalars) if name in scalars and name not in first]
        return [*first, *rest][:2]
    for name in fields:
        if name not in scalars:
            raise ConfigError(f"--fields {name}: not in the snapshot; known: {', '.join(sorted(scalars))}")
    return list(fields)


def chosen_history(series: dict[str, list[float]]) -> dict[str, Any]:
    """Time [s] and up to three columns with more than one finite number."""
    time = np.array(series["time"])
    found: dict[str, Any] = {}
    for name in (*HISTORY, *(n for n in series if n not in ("step", "time", "dt", *HISTORY))):
        values = np.array(series.get(name, []))
        if np.isfinite(values).sum() > 1 and len(found) < 3:
            found[name] = (time, values)
    return found


def of_columns(shot: Snapshot, case: Path) -> dict[str, str]:
    """Units of columns: integrals over the domain that are called as their field have others than it."""
    try:
        around = tomllib.loads(case.read_text())["mesh"]["kind"] == "axisymmetric"
    except (OSError, ValueError, LookupError, TypeError):
        around = False
    return UNITS | {"heat_release": POWER[3 if around else directions(shot)]}


def directions(shot: Snapshot) -> int:
    """Those that the grid has more than one face in."""
    return sum(points.size > 1 for points in shot.coordinates)


def draw(
    figure: Any, shot: Snapshot, scalars: dict[str, np.ndarray], history: dict[str, Any], units: Mapping[str, str]
) -> None:
    """Fields above, history below. units : of columns"""
    dimensions = directions(shot)
    x, y = 1e3 * shot.coordinates[2], 1e3 * shot.coordinates[1]
    rows, columns, height = 1, 1, 3.2
    if dimensions > 1:
        aspect = (y[-1] - y[0]) / (x[-1] - x[0])
        # Wide domains are stacked, tall ones stand side by side.
        rows, columns = (len(scalars), 1) if aspect < 0.6 else (1, len(scalars))
        height = rows * min(0.72 * WIDTH / columns * aspect + 0.75, 6.0)
    below = 1.9 if history else 0.0
    figure.set_size_inches(WIDTH, height + below + 0.3)
    figure.set_layout_engine("constrained")
    parts = figure.subfigures(2 if history else 1, 1, height_ratios=[height, below] if history else None, squeeze=False)
    top = parts[0, 0]
    top.suptitle(f"t = {time_text(shot.time)}, step {shot.step}", x=0.985, ha="right", fontsize=9, color="0.35")
    if dimensions == 1:
        draw_profiles(top.subplots(), shot, scalars)
    else:
        panels = top.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, (name, values) in zip(panels.flat, scalars.items(), strict=True):
            draw_field(top, axes, name, values[values.shape[0] // 2], shot)
        for axes in panels[-1]:
            axes.set_xlabel("x [mm]")
        for axes in panels[:, 0]:
            axes.set_ylabel("y [mm]")
    if history:
        panels = parts[1, 0].subplots(1, len(history), squeeze=False)[0]
        for axes, (name, (time, values)) in zip(panels, history.items(), strict=True):
            draw_history(axes, label(name, units), name in LOGARITHMIC, time, values)


def draw_field(figure: Any, axes: Any, name: str, values: np.ndarray, shot: Snapshot) -> None:
    """One field in the x-y plane (the middle plane in 3-D) ; on temperature the isotherm halfway up."""
    x, y = 1e3 * shot.coordinates[2], 1e3 * shot.coordinates[1]
    image = axes.pcolormesh(x, y, values, shading="flat", rasterized=True, **colours(name, values))
    axes.set_aspect("equal")
    axes.set_title(label(name))
    axes.spines[:].set_visible(False)
    wide = x[-1] - x[0] > y[-1] - y[0]
    beside = axes.inset_axes((1.015, 0.0, 0.014 if wide else 0.05, 1.0))
    bar = figure.colorbar(image, cax=beside)
    bar.outline.set_visible(False)
    if name == "route":
        bar.set_ticks(range(len(ROUTES)), labels=ROUTES)
        beside.tick_params(length=0)
    if name == "T" and values.max() > 1.2 * values.min():
        middle = (0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1]))
        level = 0.5 * (float(values.min()) + float(values.max()))
        axes.contour(*middle, values, levels=[level], colors="white", linewidths=0.7, alpha=0.85)


def colours(name: str, values: np.ndarray) -> dict[str, Any]:
    """How a field is coloured: routes one by one, what has a sign about zero."""
    if name == "route":
        from matplotlib.colors import ListedColormap

        return {"cmap": ListedColormap(COLOURS), "vmin": -0.5, "vmax": len(ROUTES) - 0.5}
    if name.startswith(("u_", "vorticity", "omega_")):
        peak = float(np.abs(values).max())
        return {"cmap": "RdBu_r", "vmin": -peak, "vmax": peak}
    return {"cmap": "inferno" if name == "T" else "viridis"}


def draw_profiles(axes: Any, shot: Snapshot, scalars: dict[str, np.ndarray]) -> None:
    """Profiles along the only direction: the first field on the left axis, the others on the right one.

    Routes are bands of colour behind them.
    """
    along, points = next((a, p) for a, p in zip("zyx", shot.coordinates, strict=True) if p.size > 1)
    x = 1e3 * 0.5 * (points[1:] + points[:-1])
    lines = {name: values.ravel() for name, values in scalars.items() if name != "route"}
    axes.set_xlabel(f"{along} [mm]")
    axes.set_xlim(x[0], x[-1])
    if "route" in scalars:
        draw_bands(axes, 1e3 * points, scalars["route"].ravel())
    names = list(lines)
    if not names:
        axes.set_yticks([])
        return
    axes.plot(x, lines[names[0]], color="C3", lw=1.6)
    axes.set_ylabel(label(names[0]), color="C3")
    if len(names) > 1:
        right = axes.twinx()
        right.spines["right"].set_visible(True)
        for i, name in enumerate(names[1:]):
            right.plot(x, lines[name], color=f"C{i}" if i < 3 else f"C{i + 1}", lw=1.3, label=label(name))
        right.set_ylabel(label(names[1]) if len(names) == 2 else "", color="C0" if len(names) == 2 else "k")
        if len(names) > 2:
            right.legend(frameon=False)


def draw_bands(axes: Any, edges: np.ndarray, route: np.ndarray) -> None:
    """The routes of the cells between `edges` as colours, named above."""
    cuts = np.r_[0, 1 + np.flatnonzero(np.diff(route)), route.size]
    for first, end in zip(cuts[:-1], cuts[1:], strict=True):
        axes.axvspan(edges[first], edges[end], color=COLOURS[int(route[first])], alpha=0.55, lw=0)
    for kind in sorted({int(value) for value in route}):
        axes.plot([], [], "s", color=COLOURS[kind], alpha=0.55, ms=7, label=ROUTES[kind])
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(ROUTES), borderpad=0.2)


def draw_history(axes: Any, title: str, logarithmic: bool, time: np.ndarray, values: np.ndarray) -> None:
    scale, unit = time_scale(float(time[-1]))
    axes.plot(time * scale, np.abs(values) if logarithmic else values, color="0.2", lw=1.1)
    if logarithmic and np.nanmax(np.abs(values)) > 0:
        axes.set_yscale("log")
    axes.set_title(title)
    axes.set_xlabel(f"t [{unit}]")
    axes.margins(x=0)


def label(name: str, units: Mapping[str, str] = UNITS) -> str:
    """temperature [K], Y OH, flame speed [m/s]. units : those of fields, or of columns"""
    unit = units.get(name) or ("m/s" if name.startswith("u_") or name.endswith("_speed") else "")
    unit = unit or ("K" if name.startswith("T_") else "1/s" if name.startswith("vorticity") else "")
    word = WORDS.get(name) or name
    if name.startswith(("Y_", "X_", "u_", "T_", "omega_")):
        first, _, rest = name.partition("_")
        word = f"${first}_{{\\mathrm{{{rest}}}}}$"
    word = word.replace("_", " ") if not word.startswith("$") else word
    return word + (f" [{unit}]" if unit else "")


def time_scale(last: float) -> tuple[float, str]:
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if last * scale >= 1:
            return scale, unit
    return 1e6, "µs"


def time_text(time: float) -> str:
    scale, unit = time_scale(time)
    return f"{time * scale:.4g} {unit}"
