"""Hooks of averages over time, conditional means and spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from combust.case import output
from combust.cfd.diagnostics.spectra import Box, require_box
from combust.cfd.diagnostics.statistics import Moments, conditional
from combust.cfd.model.flow import Flow
from combust.errors import ConfigError, at
from combust.io.folder import Folder
from combust.io.series import append_row, append_rows, start_rows
from combust.io.vtr import cut_back, write_pvd, write_vtr
from combust.parallel import on_root
from combust.report.meter import SILENT, Reporter
from combust.run.hooks import Scheduled
from combust.run.simulation import Limits, Outcome, Simulation

WINDOWS = ("step", "time", "begin", "samples")  # of averages.csv
DENSITY = "rho"


def has_field(flow: Flow, name: str) -> bool:
    """Whether the flow knows a field of this name (collective)."""
    try:
        flow.field(name)
    except ConfigError:
        return False
    return True


class MeanFields(Scheduled):
    """Averages over time; what they have summed is in checkpoints, so that a restart goes on bit by bit."""

    name = "averages"

    def __init__(self, table: output.Averages, flow: Flow, folder: Folder, reporter: Reporter = SILENT) -> None:
        super().__init__(table.every)
        self.table, self.folder, self.reporter = table, folder, reporter
        with at("output.averages.names"):
            shapes = {name: flow.field(name).shape for name in table.names}
        self.means = Moments(shapes, has_field(flow, DENSITY))
        self.begin: float | None = None
        """When the present window began [s], None before `start`."""
        self.until = 0.0
        """Time up to which samples were taken [s]."""
        self.entries: list[tuple[float, str]] = []
        self.written = -1
        """Step at which the last whole window was written: what is later in the folder is written again."""

    def start(self, sim: Simulation) -> None:
        on_root(sim.comm, lambda: start_rows(self.folder.windows, WINDOWS, self.written if self.restarted else None))
        on_root(sim.comm, self.drop_later)
        if not self.restarted:
            self.last, self.until = sim.flow.step, sim.flow.time

    def drop_later(self) -> None:
        """Removes means later than the restart."""
        self.entries = cut_back(self.folder.averages, self.written)

    def act(self, sim: Simulation) -> None:
        """Takes a sample, which stands for the time since the last one."""
        flow, table = sim.flow, self.table
        since, self.until = self.until, flow.time
        if flow.time <= table.start * (1 + 1e-12):
            return
        if self.begin is None:
            self.begin = max(since, table.start)
        fields = {name: flow.field(name) for name in table.names}
        density = flow.field(DENSITY) if self.means.favre else None
        self.means.add(fields, density, flow.time - max(since, self.begin))
        if table.window is not None and flow.time - self.begin >= table.window * (1 - 1e-12):
            self.write(sim)
            self.means.clear()
            self.begin, self.written = flow.time, flow.step

    def write(self, sim: Simulation) -> None:
        """The means so far."""
        flow, folder = sim.flow, self.folder
        path = folder.mean_fields(flow.step)
        write_vtr(path, flow.block, flow.coordinates(), self.means.fields(), flow.time, flow.step)
        self.entries.append((flow.time, path.name))
        row = [flow.time, self.begin or 0.0, self.means.samples]
        on_root(sim.comm, lambda: write_pvd(folder.averages, self.entries))
        on_root(sim.comm, lambda: append_row(folder.windows, flow.step, row))

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        """Writes the means of what there was, and says if that is less than was asked for."""
        if outcome.reason != "done":
            return
        if self.last != sim.flow.step:
            self.done(sim)
        window, lasted = self.table.window, self.means.weight
        if self.means.samples:
            self.write(sim)
        if self.begin is None:
            self.reporter.warn(
                f"output.averages: start = {self.table.start:g} s was not reached: there are no averages"
            )
        elif window is not None and len(self.entries) == bool(self.means.samples):
            self.reporter.warn(
                f"output.averages: window = {window:g} s is longer than the run: {self.entries[-1][1]} holds the means "
                f"over {lasted:.4g} s"
            )

    def doubts(self, limits: Limits) -> dict[str, str]:
        start, window, stop = self.table.start, self.table.window or 0.0, limits.stop_time
        if start < stop and start + window <= stop * (1 + 1e-12):
            return {}
        what = f"from start = {start:g} s on" + (f" over window = {window:g} s" if window else "")
        return {"averages": f"output.averages: {what} are longer than the run, which ends at stop.time = {stop:g} s"}

    def state(self) -> dict[str, Any]:
        means = {"samples": self.means.samples, "weight": self.means.weight}
        mine = {"begin": self.begin, "until": self.until, "written": self.written, "of": self.description()}
        return {**super().state(), **means, **mine}

    def description(self) -> list[Any]:
        """What means must share with those of a checkpoint to go on with them."""
        return [list(self.table.names), self.table.start, self.means.favre]

    def arrays(self) -> dict[str, tuple[np.ndarray, str]]:
        if not self.means.samples:
            return {}
        return {f"{self.name}: {name}": (array, "cell") for name, array in self.means.arrays().items()}

    def restore(self, saved: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super().restore(saved, arrays)
        self.until, self.written = saved["until"], saved["written"]
        if saved["of"] != self.description():
            self.reporter.warn("output.averages: other fields or another start than in the checkpoint: they begin anew")
            return
        self.begin = saved["begin"]
        self.means.samples, self.means.weight = saved["samples"], saved["weight"]
        for name, array in self.means.arrays().items() if self.means.samples else ():
            array[...] = arrays[f"{self.name}: {name}"]


class Conditional(Scheduled):
    """Rows of conditional_<on>.csv, one for a bin and time: step, time, the middle of the bin, mass, means, rms."""

    def __init__(self, table: output.ConditionalMeans, flow: Flow, folder: Folder) -> None:
        super().__init__(table.every)
        self.table, self.name = table, f"conditional {table.on}"
        self.path = folder.conditional(table.on)
        for name in (table.on, *table.fields, DENSITY):
            if flow.field(name).ndim != 3:
                raise ConfigError(f"{name} is a vector; means are those of scalars: speed, Y_OH, ...")
        self.edges = np.linspace(*table.range, table.bins + 1)
        self.volume = cell_volumes(flow)

    def start(self, sim: Simulation) -> None:
        on, fields = self.table.on, self.table.fields
        columns = ["step", "time", on, "mass", *fields, *(f"{name}_rms" for name in fields)]
        on_root(sim.comm, lambda: start_rows(self.path, columns, self.keep_until))
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        flow, table = sim.flow, self.table
        fields = [flow.field(name) for name in table.fields]
        mass = flow.field(DENSITY) * self.volume
        weight, means, rms = conditional(flow.field(table.on), fields, mass, self.edges, sim.comm.sum)
        middle = 0.5 * (self.edges[1:] + self.edges[:-1])
        rows = [[flow.time, z, *row] for z, row in zip(middle, np.vstack([weight, means, rms]).T, strict=True)]
        on_root(sim.comm, lambda: append_rows(self.path, flow.step, rows))


class ShellSpectra(Scheduled):
    """Rows of spectra.csv, one for a shell and time: step, time, k [1/m], E of each field."""

    name = "spectra"

    def __init__(self, table: output.Spectra, flow: Flow, folder: Folder) -> None:
        super().__init__(table.every)
        self.fields, self.path = table.fields, folder.spectra
        for name in self.fields:
            flow.field(name)
        require_box(flow.coordinates(), flow.block)

    def start(self, sim: Simulation) -> None:
        on_root(sim.comm, lambda: start_rows(self.path, ["step", "time", "k", *self.fields], self.keep_until))
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        flow = sim.flow
        lengths = [float(f[-1] - f[0]) for f in flow.coordinates()]
        box = Box(flow.block, lengths)
        found = [box.shells(flow.field(name)) for name in self.fields]

        def rows() -> None:
            table = np.vstack([found[0][0], *(energy for _, energy in found)]).T
            append_rows(self.path, flow.step, [[flow.time, *row] for row in table])

        on_root(sim.comm, rows)


def cell_volumes(flow: Flow) -> np.ndarray:
    """Volumes of the owned cells [m3], (nz, ny, nx): those of the grid where the flow has one."""
    grid = getattr(flow, "grid", None)
    if grid is not None:
        return np.asarray(grid.volume.cpu().numpy())
    z, y, x = (
        np.diff(f)[s : s + n] for f, s, n in zip(flow.coordinates(), flow.block.start, flow.block.count, strict=True)
    )
    return np.asarray(z[:, None, None] * y[:, None] * x)
