"""A cell that no integrator could take to the end of its step, run again from its file."""

from __future__ import annotations

import torch

from combust.errors import CombustError
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import tighter
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.failed_cell import FailedCell
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Source
from combust.kinetics.rates.qss import with_tolerance


def rerun(cell: FailedCell) -> list[str]:
    """Integrates the cell again with the batched integrator and with CVODE; one line of outcome each."""
    changes = {name: {int(i): x for i, x in rows.items()} for name, rows in cell.changes.items()}
    gas = Source(cell.mechanism, cell.phase, "neutral", changes).load()  # nothing diffuses here
    lines = []
    for name in (*cell.y, *cell.sources):
        gas.index(name)
    if gas.sha256 != cell.sha256:
        lines.append(f"warning: {cell.mechanism} is another file now than when this cell failed")
    z = torch.tensor([cell.T, *(cell.y.get(k, 0.0) for k in gas.species)], dtype=torch.float64)
    s = torch.tensor([cell.heat_source, *(cell.sources.get(k, 0.0) for k in gas.species)], dtype=torch.float64)
    system = ode.System(with_tolerance(gas.kinetics, cell.atol), cell.hold)
    dt, first, held = (torch.tensor([x], dtype=torch.float64) for x in (cell.dt, 1e-3 * cell.dt, cell.held))
    path = tighter.integrate_cells(
        system, METHODS["rodas5p"], ode.Tolerance(cell.rtol, cell.atol), z[:, None], s[:, None], dt, first, 8,
        Fixed(held) if cell.held else None,
    )  # fmt: skip
    outcome = "did not arrive" if path.failed.numel() else f"T = {float(path.z[0, 0]):.6g} K"
    lines.append(f"batched integrator: {outcome} after {path.steps} steps, {path.rejected} rejected")
    try:
        reached = path.z[:, 0] if path.failed.numel() else None
        end = CellIntegrator(gas, cell.rtol, cell.atol, cell.hold)(0, z, s, cell.dt, cell.held or None, reached)
        lines.append(f"CVODE: T = {float(end[0]):.6g} K")
    except CombustError as error:
        lines.append(f"CVODE: {error}")
    return lines
