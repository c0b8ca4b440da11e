"""A cell that no integrator could take to the end of its step: written to a file, read back and run again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from combust import __version__
from combust.errors import CombustError, FileFormatError
from combust.files import fit, read_json
from combust.kinetics.integrate.systems import Fixed, Hold

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism

KIND = "combust failed cell"


@dataclass(frozen=True)
class FailedCell:
    """State, step and tolerances of a cell; y and sources as `hold` says (see combust.kinetics.integrate.systems)."""

    mechanism: str
    phase: str
    sha256: str
    hold: Hold
    T: float  # K
    held: float  # Pa or kg/m3; of no meaning for "flow"
    y: dict[str, float]
    heat_source: float
    sources: dict[str, float]
    dt: float  # s
    rtol: float
    atol: float
    reason: str
    kind: str = KIND
    combust: str = __version__


def dump(
    gas: Mechanism,
    hold: str,
    z: Sequence[float],
    s: Sequence[float],
    dt: float,
    held: float,
    tolerances: dict[str, float],
    reason: str,
) -> Path | None:
    """Writes the cell to $COMBUST_DUMP (or the current folder); None if that cannot be written."""
    names = gas.species
    y, sources = (dict(zip(names, map(float, x[1:]), strict=True)) for x in (z, s))
    cell = FailedCell(
        gas.path, gas.name, gas.sha256, hold, float(z[0]), held, y, float(s[0]), sources, dt,
        reason=reason, **tolerances,
    )  # fmt: skip
    text = json.dumps(asdict(cell), indent=1)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    path = Path(os.environ.get("COMBUST_DUMP", ".")) / f"failed_cell_{digest}.json"
    try:
        path.write_text(text)
    except OSError:
        return None
    return path


def read(path: Path) -> FailedCell:
    """The cell in a file that `dump` wrote; raises FileFormatError naming what is wrong with it."""
    content = read_json(path)
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise FileFormatError(f'{path}: not a failed cell (its "kind" must be "{KIND}")')
    cell = fit(content, FailedCell, f"{path}: damaged or of another kind")
    positive = {"T": cell.T, "dt": cell.dt, "rtol": cell.rtol, "atol": cell.atol}
    positive |= {"held": cell.held} if cell.hold != "flow" else {}
    for name, value in positive.items():
        if not value > 0:
            raise FileFormatError(f"{path}: {name} = {value:g}: must be > 0")
    if not cell.y:
        raise FileFormatError(f"{path}: y: no species")
    return cell


def rerun(cell: FailedCell) -> list[str]:
    """Integrates the cell again with the batched integrator and with CVODE; one line of outcome each."""
    from combust.kinetics.integrate import cells as ode
    from combust.kinetics.integrate.rosenbrock import METHODS
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.providers.cvode import CellIntegrator
    from combust.kinetics.rates.qss import with_tolerance

    gas = Mechanism.load(cell.mechanism, cell.phase, ions="neutral")  # nothing diffuses here
    lines = []
    for name in (*cell.y, *cell.sources):
        gas.index(name)
    if gas.sha256 != cell.sha256:
        lines.append(f"warning: {cell.mechanism} is another file now than when this cell failed")
    z = torch.tensor([cell.T, *(cell.y.get(k, 0.0) for k in gas.species)], dtype=torch.float64)
    s = torch.tensor([cell.heat_source, *(cell.sources.get(k, 0.0) for k in gas.species)], dtype=torch.float64)
    system = ode.System(with_tolerance(gas.kinetics, cell.atol), cell.hold)  # type: ignore[arg-type]
    first, held = (torch.tensor([x], dtype=torch.float64) for x in (1e-3 * cell.dt, cell.held))
    path = ode.integrate_cells(
        system, METHODS["rodas5p"], ode.Tolerance(cell.rtol, cell.atol), z[:, None], s[:, None], cell.dt, first, 8,
        None if cell.hold == "flow" else Fixed(held),
    )  # fmt: skip
    outcome = "did not arrive" if path.failed.numel() else f"T = {float(path.z[0, 0]):.6g} K"
    lines.append(f"batched integrator: {outcome} after {path.steps} steps, {path.rejected} rejected")
    try:
        end = CellIntegrator(gas, cell.rtol, cell.atol, cell.hold)(0, z, s, cell.dt, cell.held)  # type: ignore[arg-type]
        lines.append(f"CVODE: T = {float(end[0]):.6g} K")
    except CombustError as error:
        lines.append(f"CVODE: {error}")
    return lines


def describe(cell: FailedCell) -> list[str]:
    """What is in the file, line by line."""
    held = {"hp": f"p = {cell.held:.9g} Pa", "uv": f"density = {cell.held:.9g} kg/m3"}.get(cell.hold, "flow cell")
    largest = sorted(cell.y.items(), key=lambda item: -abs(item[1]))[:12]
    strongest = max(map(abs, cell.sources.values()), default=0.0)
    return [
        f"failed cell, hold {cell.hold}, by combust {cell.combust}: {cell.reason}",
        f"  mechanism {cell.mechanism}, phase {cell.phase}, sha256 {cell.sha256[:16]}",
        f"  T = {cell.T:.9g} K, {held}, dt = {cell.dt:.6g} s, rtol {cell.rtol:g}, atol {cell.atol:g}",
        "  " + ", ".join(f"{k} {x:.6g}" for k, x in largest) + (" ..." if len(cell.y) > 12 else ""),
        f"  sources: heat {cell.heat_source:.4g}, largest species source {strongest:.4g}",
        f"  smallest y {np.min(list(cell.y.values())):.4g}",
    ]
