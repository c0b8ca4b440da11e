"""A cell that no integrator could take to the end of its step: written to a file and read back."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from combust import __version__
from combust.errors import FileFormatError
from combust.files import fit, read_json
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.integrate.systems import Hold

KIND = "combust failed cell"


@dataclass(frozen=True)
class FailedCell:
    """State, step and tolerances of a cell; y and sources as `hold` says (see combust.kinetics.integrate.systems)."""

    mechanism: str
    phase: str
    sha256: str
    hold: Hold
    T: float  # K
    held: float  # Pa or kg/m3 of a reactor; 0 of a cell of a flow, whose y are partial densities
    y: dict[str, float]
    heat_source: float
    sources: dict[str, float]
    dt: float  # s
    rtol: float
    atol: float
    reason: str
    kind: str = KIND
    combust: str = __version__
    changes: dict[str, dict[str, float]] = field(default_factory=dict)  # parameter, reaction from 0, value


def dump(
    gas: Gas,
    hold: Hold,
    z: np.ndarray,
    s: np.ndarray,
    dt: float,
    held: float,
    tolerances: dict[str, float],
    reason: str,
) -> Path | None:
    """Writes the cell to $COMBUST_DUMP (or the current folder); None if that cannot be written."""
    names = gas.species
    changes = {name: {str(i): x for i, x in rows.items()} for name, rows in gas.changes.items()}
    y, sources = (dict(zip(names, map(float, x[1:]), strict=True)) for x in (z, s))
    cell = FailedCell(
        gas.path, gas.name, gas.sha256, hold, float(z[0]), held, y, float(s[0]), sources, dt,
        reason=reason, changes=changes, rtol=tolerances["rtol"], atol=tolerances["atol"],
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
    positive |= {"held": cell.held} if cell.hold == "hp" or cell.hold == "uv" and cell.held != 0.0 else {}
    for name, value in positive.items():
        if not value > 0:
            raise FileFormatError(f"{path}: {name} = {value:g}: must be > 0")
    if not cell.y:
        raise FileFormatError(f"{path}: y: no species")
    return cell


def describe(cell: FailedCell) -> list[str]:
    """What is in the file, line by line."""
    held = {"hp": f"p = {cell.held:.9g} Pa", "uv": f"density = {cell.held:.9g} kg/m3"}.get(cell.hold, "")
    held = held if cell.hold == "hp" or cell.held and cell.hold == "uv" else "flow cell"
    largest = sorted(cell.y.items(), key=lambda item: -abs(item[1]))[:12]
    strongest = max(map(abs, cell.sources.values()), default=0.0)
    return [
        f"failed cell, hold {cell.hold}, by combust {cell.combust}: {cell.reason}",
        f"  mechanism {cell.mechanism}, phase {cell.phase}, sha256 {cell.sha256[:16]}" + _changed(cell),
        f"  T = {cell.T:.9g} K, {held}, dt = {cell.dt:.6g} s, rtol {cell.rtol:g}, atol {cell.atol:g}",
        "  " + ", ".join(f"{k} {x:.6g}" for k, x in largest) + (" ..." if len(cell.y) > 12 else ""),
        f"  sources: heat {cell.heat_source:.4g}, largest species source {strongest:.4g}",
        f"  smallest y {np.min(list(cell.y.values())):.4g}",
    ]


def _changed(cell: FailedCell) -> str:
    count = sum(map(len, cell.changes.values()))
    return f", {count} parameters of its reactions changed" if count else ""
