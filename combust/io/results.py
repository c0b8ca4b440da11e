"""What a run has written, as arrays of NumPy: fields, series, averages, probes, planes, conditional means, spectra.

Nothing is read before it is asked for, and neither torch nor MPI is loaded.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from combust.errors import ConfigError, FileFormatError
from combust.explain import suggestion
from combust.io.folder import Folder
from combust.io.profiles import profile
from combust.io.series import read_rows, read_series
from combust.io.vtr import Snapshot, read_pvd, read_vtr
from combust.planes import FIRST, Planes
from combust.planes import read as read_planes

Part = TypeVar("Part")


class Axes(NamedTuple):
    """Centres of cells and faces between them along x, y and z [m]; of a direction with one cell they are zero."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    x_faces: np.ndarray
    y_faces: np.ndarray
    z_faces: np.ndarray


class Columns(Mapping[str, np.ndarray]):
    """Columns of numbers by name, as items or attributes."""

    def __init__(self, path: Path, columns: Mapping[str, np.ndarray]) -> None:
        self.path, self._columns = path, dict(columns)

    def __getitem__(self, name: str) -> np.ndarray:
        """A column. Raises ConfigError that lists those that there are."""
        if name not in self._columns:
            raise ConfigError(unknown(f"{self.path}: column", name, list(self._columns)))
        return self._columns[name]

    def __getattr__(self, name: str) -> np.ndarray:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except ConfigError as error:
            raise AttributeError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._columns})


class Named(dict[str, Part], Generic[Part]):
    """Parts of a run by name. what : they are, in the message of a name that is not there"""

    def __init__(self, what: str, parts: Mapping[str, Part]) -> None:
        self.what = what
        super().__init__(parts)

    def __missing__(self, name: str) -> Part:
        raise ConfigError(unknown(self.what, name, list(self)))


class Rows(Columns):
    """Columns with an entry for each time and place, (times, places).

    times [s], steps : of the rows;  places : the columns that do not change in time, (places,)
    """

    def __init__(self, path: Path, columns: Mapping[str, Sequence[float]], places: Sequence[str]) -> None:
        steps = np.array(columns["step"])
        count = int((steps == steps[0]).sum()) if len(steps) else 0
        whole = len(steps) // count if count else 0  # a run that writes may be amid the last
        shape, end = (whole, count), whole * count
        tables = {name: np.array(values[:end]).reshape(shape) for name, values in columns.items()}
        self.steps, self.times = (tables.pop(name)[:, 0] if count else np.zeros(0) for name in ("step", "time"))
        self.places = {name: tables.pop(name)[0] if count else np.zeros(0) for name in places}
        super().__init__(path, {**self.places, **tables})


class Fields:
    """Fields at the times at which they were written. Raises FileFormatError without an index.

    times [s] : of the snapshots
    """

    def __init__(self, folder: Folder, index: Path) -> None:
        self.folder, self.index = folder, index
        self.entries = entries(folder, index)
        self.times = np.array([time for time, _ in self.entries])
        self._last: tuple[str, Snapshot] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the fields of the last snapshot."""
        return tuple(self.snapshot().fields)

    def snapshot(self, time: float | None = None) -> Snapshot:
        """All fields at the time [s] nearest to `time`, the last if None, as they are in the file: (nz, ny, nx)."""
        if time is not None and not math.isfinite(time):
            raise ConfigError(f"time = {time}: needs a time in s")
        _, name = nearest(self.entries, time)
        if self._last is None or self._last[0] != name:
            self._last = (name, read_vtr(self.folder.path / name))
        return self._last[1]

    def field(self, name: str, time: float | None = None) -> np.ndarray:
        """A field at the time [s] nearest to `time`, the last if None.

        It has an axis for each direction with more than one cell, in the order z, y, x: T[j, i] of a 2-D case; of
        vectors the first axis is the component (x, y, z). Raises ConfigError that lists the fields that there are.
        """
        found = self.snapshot(time).fields
        if name not in found:
            raise ConfigError(unknown(f"{self.folder.path}: field", name, list(found)))
        values = found[name]
        lead = values.shape[:-3]
        return values.reshape(*lead, *[n for n in values.shape[-3:] if n > 1])

    @cached_property
    def grid(self) -> Axes:
        """Places of cells."""
        z, y, x = self.snapshot().coordinates
        middle = [0.5 * (f[1:] + f[:-1]) if f.size > 1 else f for f in (x, y, z)]
        return Axes(middle[0], middle[1], middle[2], x, y, z)


class Averages(Fields):
    """Averages over time: T_mean, T_rms, T_favre, ...;  begins [s] : where the window of each began"""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder, folder.averages)
        rows = read_rows(folder.windows, ("step", "time", "begin", "samples"))
        self.begins = np.array(rows["begin"])

    def profile(self, along: str, time: float | None = None) -> Columns:
        """Averages over time and the planes normal to a direction, of the window that ends nearest to `time` [s], or of
        all windows together: that direction and the names of the averages, (n), of vectors (3, n).

        RMS and covariances are about the means of the planes. Raises ConfigError for another direction than x, y, z,
        one with a single cell, and x of an axisymmetric mesh.
        """
        if along not in ("x", "y", "z"):
            raise ConfigError(f'profile along {along!r}: needs a direction, "x", "y" or "z"')
        axis, faces = "zyx".index(along), self.snapshot().coordinates
        if faces[axis].size < 3:
            raise ConfigError(f"{self.folder.path}: profile along {along}: there is but one cell in {along}")
        if along == "x" and axisymmetric(self.folder.case):
            raise ConfigError(f"{self.folder.path}: profile along x: planes of an axisymmetric mesh have no mean here")
        widths = [np.diff(f) if f.size > 1 else np.ones(1) for f in faces]
        widths[axis] = np.ones_like(widths[axis])
        areas = widths[0][:, None, None] * widths[1][:, None] * widths[2]
        ends = [nearest(self.entries, time)[0]] if time is not None else list(self.times)
        lengths = {end: end - begin for end, begin in zip(self.times, self.begins, strict=True)}
        found = profile(((self.snapshot(end).fields, lengths[end]) for end in ends), areas, axis)
        centres = 0.5 * (faces[axis][1:] + faces[axis][:-1])
        return Columns(self.index, {along: centres, **found})


class Results:
    """The output folder of a run; each of its parts is read when it is asked for.

    >>> run = combust.results("runs/flame")
    >>> run.times, run.names
    >>> T = run.field("T", time=1e-3)
    >>> run.series["T_max"], run.series.time, run.grid.x
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Folder(folder)
        require_folder(self.folder.path)
        self.path = self.folder.path

    def __repr__(self) -> str:
        return f"Results({str(self.path)!r})"

    @cached_property
    def fields(self) -> Fields:
        """The fields of the run. Raises FileFormatError where there are none yet."""
        return Fields(self.folder, self.folder.index)

    @property
    def times(self) -> np.ndarray:
        """Times of the fields [s]."""
        return self.fields.times

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields."""
        return self.fields.names

    def field(self, name: str, time: float | None = None) -> np.ndarray:
        """A field at the time [s] nearest to `time`, the last if None: see `Fields.field`."""
        return self.fields.field(name, time)

    @property
    def grid(self) -> Axes:
        """Places of cells."""
        return self.fields.grid

    @cached_property
    def series(self) -> Columns:
        """Columns of series.csv: step, time, dt, T_max, ..."""
        self._require(self.folder.series, "series")
        columns = read_series(self.folder.series)
        return Columns(self.folder.series, {name: np.array(values) for name, values in columns.items()})

    @cached_property
    def averages(self) -> Averages:
        """Averages over time, of a case with [output.averages]."""
        self._require(self.folder.averages, "averages: the case needs a table [output.averages]")
        return Averages(self.folder)

    @cached_property
    def probes(self) -> Named[Rows]:
        """Of points and lines, by name: columns (times, points), with x, y, z of the points."""
        found = {
            path.stem.removeprefix("probe_"): Rows(path, read_rows(path, FIRST), "xyz")
            for path in self._of("probe_*.csv")
        }
        return Named(f"{self.path}: probe", found)

    @cached_property
    def planes(self) -> Named[Planes]:
        """Planes, by name: see combust.planes."""
        found = {path.stem.removeprefix("planes_"): read_planes(path) for path in self._of("planes_*.npy")}
        return Named(f"{self.path}: planes", found)

    @cached_property
    def conditional(self) -> Named[Rows]:
        """Conditional means, by the field that is given: columns (times, bins)."""
        found = {}
        for path in self._of("conditional_*.csv"):
            on = path.stem.removeprefix("conditional_")
            found[on] = Rows(path, read_rows(path, ("step", "time", on)), [on])
        return Named(f"{self.path}: conditional means", found)

    @cached_property
    def spectra(self) -> Rows:
        """Energy spectra: k [1/m] and columns (times, shells)."""
        self._require(self.folder.spectra, "spectra: the case needs a table [output.spectra]")
        return Rows(self.folder.spectra, read_rows(self.folder.spectra, ("step", "time", "k")), ["k"])

    def _of(self, pattern: str) -> list[Path]:
        return sorted(self.path.glob(pattern))

    def _require(self, path: Path, what: str) -> None:
        if not path.exists():
            raise FileFormatError(f"{self.path}: has no {path.name}, so no {what}")


def results(folder: str | Path) -> Results:
    """What the run in an output folder has written. Raises FileFormatError for what is no such folder."""
    return Results(folder)


def require_folder(path: Path) -> None:
    """Raises FileFormatError for what is not the output folder of a run."""
    if not path.exists():
        raise FileFormatError(f"{path}: no such folder; give the output folder of a run")
    if not path.is_dir():
        raise FileFormatError(f"{path} is a file; give the output folder of a run: {path.parent}")
    folder = Folder(path)
    if not (folder.index.exists() or folder.case.exists() or folder.series.exists()):
        raise FileFormatError(f"{path}: is no output folder of a run: it holds no {folder.index.name}")


def entries(folder: Folder, index: Path) -> list[tuple[float, str]]:
    """Times [s] and names of the snapshots of an index. Raises FileFormatError if there are none."""
    require_folder(folder.path)
    if not index.exists():
        raise FileFormatError(f"{folder.path}: is no output folder of a run: it holds no {index.name}")
    found = read_pvd(index)
    if not found:
        raise FileFormatError(f"{index}: names no snapshot; the run has written none yet")
    return found


def nearest(found: Sequence[tuple[float, str]], time: float | None) -> tuple[float, str]:
    """Time [s] and file of the snapshot nearest to `time` [s], of the last if None."""
    return found[-1] if time is None else min(found, key=lambda entry: abs(entry[0] - time))


def axisymmetric(case: Path) -> bool:
    """Whether the case that lies beside the results has such a mesh."""
    if not case.is_file():
        return False
    mesh = tomllib.loads(case.read_text(encoding="utf-8")).get("mesh", {})
    return isinstance(mesh, dict) and mesh.get("kind") == "axisymmetric"


def unknown(what: str, name: str, known: list[str]) -> str:
    return f"{what} {name!r} is unknown; there are {', '.join(known)}{suggestion(name, known)}"
