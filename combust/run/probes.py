"""Probes: values of fields at points, on lines and on planes, at their own rate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import to_builtins

from combust import planes
from combust.case.output import LineProbe, PlaneProbe, PointProbe, Probe
from combust.cfd.diagnostics.places import Plane, Points
from combust.cfd.model.flow import Flow
from combust.errors import ConfigError, FileFormatError, at
from combust.io.folder import Folder
from combust.io.series import append_rows, start_rows
from combust.parallel import on_root
from combust.run.hooks import Scheduled
from combust.run.simulation import Simulation

ALL_SPECIES = "Y"


def probes(tables: Sequence[Probe], flow: Flow, folder: Folder) -> Iterator[Scheduled]:
    """The hooks of [[output.probes]]. Raises ConfigError for places outside of the domain and unknown fields."""
    for number, table in enumerate(tables):
        with at(f"output.probes[{number}]"):
            if isinstance(table, PlaneProbe):
                yield PlaneRecords(table, flow, folder)
            else:
                yield ProbeRows(table, flow, folder)


def expanded(names: Sequence[str], flow: Flow) -> list[str]:
    """Names of fields, with all species in the place of Y. Raises ConfigError for an unknown one (collective)."""
    found: list[str] = []
    for name in names:
        species = flow.identity().get("species", "").split()
        found += [f"Y_{k}" for k in species] if name == ALL_SPECIES and species else [name]
    for name in found:
        flow.field(name)
    if len(set(found)) != len(found):
        raise ConfigError(f"fields = {', '.join(names)}: a field is named twice")
    return found


def columns(name: str, field: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Scalars of a field: u, v, w of the velocity, NAME_x, NAME_y, NAME_z of other vectors."""
    if field.ndim == 3:
        return [(name, field)]
    parts = "uvw" if name == "u" else [f"{name}_{axis}" for axis in "xyz"]
    return list(zip(parts, field, strict=True))


class Probing(Scheduled):
    """Base of probes: what they were begun with is remembered, so that no file has values of two places."""

    def __init__(self, table: Probe, path: Path) -> None:
        super().__init__(table.every)
        self.path = path
        self.place = {k: v for k, v in to_builtins(table).items() if k not in ("every", "fields")}
        self.moved = False

    def require_same_place(self) -> None:
        """Raises FileFormatError for a file that was begun at other places."""
        if self.moved and self.path.exists():
            raise FileFormatError(f"{self.path}: was begun at other places than this case has: {planes.RESTART}")

    def state(self) -> dict[str, Any]:
        return {**super().state(), "of": self.place}

    def restore(self, saved: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super().restore(saved, arrays)
        self.moved = saved.get("of") != json.loads(json.dumps(self.place))


class ProbeRows(Probing):
    """Rows of probe_NAME.csv, one for a point and time: step, time, x, y, z, fields."""

    def __init__(self, table: PointProbe | LineProbe, flow: Flow, folder: Folder) -> None:
        super().__init__(table, folder.probe(table.name))
        self.name = f"probe {table.name}"
        self.fields = expanded(table.fields, flow)
        if isinstance(table, LineProbe):
            first, last = (np.array(full(point, flow)) for point in (table.start, table.end))
            self.places = first + np.linspace(0.0, 1.0, table.count)[:, None] * (last - first)
        else:
            self.places = np.array([full(point, flow) for point in table.points])
        self.points = Points(self.places.tolist(), flow.coordinates(), flow.block)

    def start(self, sim: Simulation) -> None:
        on_root(sim.comm, self.require_same_place)
        names = [name for field in self.fields for name, _ in columns(field, sim.flow.field(field))]
        on_root(sim.comm, lambda: start_rows(self.path, [*planes.FIRST, *names], self.keep_until))
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        flow = sim.flow
        parts = [part for name in self.fields for _, part in columns(name, flow.field(name))]
        values = self.points.values(parts)
        rows = [[flow.time, *place, *row] for place, row in zip(self.places, values, strict=False)]
        on_root(sim.comm, lambda: append_rows(self.path, flow.step, rows))


class PlaneRecords(Probing):
    """Records of planes_NAME.npy (combust.planes)."""

    def __init__(self, table: PlaneProbe, flow: Flow, folder: Folder) -> None:
        super().__init__(table, folder.planes(table.name))
        self.name = f"planes {table.name}"
        self.fields = expanded(table.fields, flow)
        axis = "zyx".index(table.normal)
        if axis not in flow.block.axes:
            raise ConfigError(f'normal = "{table.normal}": the mesh has one cell in that direction')
        with at("at"):
            self.plane = Plane(axis, table.at, flow.coordinates(), flow.block)

    def start(self, sim: Simulation) -> None:
        on_root(sim.comm, self.require_same_place)
        names = [name for field in self.fields for name, _ in columns(field, sim.flow.field(field))]
        dtype = planes.record_type(self.plane.coordinates, names)
        on_root(sim.comm, lambda: planes.begin(self.path, dtype, self.keep_until))
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        flow = sim.flow
        parts = [part for name in self.fields for part in columns(name, flow.field(name))]
        values = self.plane.values([part for _, part in parts])
        found = dict(zip((name for name, _ in parts), values, strict=False))
        on_root(
            sim.comm,
            lambda: planes.append(self.path, planes.record(flow.step, flow.time, self.plane.coordinates, found)),
        )


def full(point: Sequence[float], flow: Flow) -> tuple[float, float, float]:
    """A point in three directions: where none is given, in the middle of the domain. Raises ConfigError."""
    dimensions = max((3 - a for a in range(3) if flow.block.shape[a] > 1), default=1)
    if len(point) < dimensions:
        raise ConfigError(f"{list(point)}: needs {dimensions} coordinates, x{', y' * (dimensions > 1)}"
                          f"{' and z' * (dimensions > 2)}")  # fmt: skip
    middle = [0.5 * float(f[0] + f[-1]) for f in reversed(flow.coordinates())]
    x, y, z = (*point, *middle[len(point) :])
    return x, y, z
