"""Planar flames for the studies: graded grids, a run that follows the front, and the speeds fitted to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from combust import kernels
from combust.case import load as config
from combust.cfd.interaction.base import Interaction
from combust.cfd.lowmach.flow import ReactingFlow
from combust.kinetics.flames.free import FlameProfile
from combust.parallel import Communicator
from combust.run import build as case

SCHEMES = (("sdc", 2), ("sdc", 1), ("strang", 2))  # couplings and sweeps that studies compare
CASES = Path(__file__).resolve().parents[1] / "cases"


@dataclass(frozen=True)
class Speeds:
    """What a planar flame did over the last part of a run; extremes are over the whole run."""

    displacement: float  # m/s, inflow minus the drift of the front
    consumption: float  # m/s, mean over the fit
    spread: float  # m/s, half the range of the consumption speed over the fit
    burnt_temperature: float  # K, last cell
    eos_drift: float
    Y_min: float
    element_error: float
    cells: int
    steps: int


def graded_faces(
    fine: float, core: tuple[float, float], ends: tuple[float, float], growth: float, widest: float
) -> np.ndarray:
    """Face coordinates [m]: cells of width `fine` over `core`, growing by `growth` up to `widest` towards the ends."""
    cells = max(round((core[1] - core[0]) / fine), 1)
    middle = core[0] + fine * np.arange(cells + 1)

    def tail(length: float) -> np.ndarray:
        widths, width = [], fine
        while sum(widths) < length:
            width = min(width * growth, widest)
            widths.append(width)
        # Stretched a little (never squeezed by more than a cell's worth) so that the tail ends where it should.
        return np.cumsum(widths) * (length / sum(widths)) if widths else np.zeros(0)

    left, right = tail(middle[0] - ends[0]), tail(ends[1] - middle[-1])
    return np.concatenate([middle[0] - left[::-1], middle, middle[-1] + right])


def mesh_override(faces: np.ndarray) -> str:
    """The override of a case file that puts a 1-D mesh with these faces in."""
    return f'mesh={{ kind = "stretched", x = {{ faces = {[float(x) for x in faces]} }} }}'


@dataclass(frozen=True)
class With(case.Builder):
    """A case with another interaction of turbulence and chemistry than its own; None: its own."""

    other: Interaction | None = field(default=None, kw_only=True)

    def interaction(self) -> Interaction | None:
        return super().interaction() if self.other is None else self.other


def build(
    name: str, overrides: list[str], profile: FlameProfile | None = None, interaction: Interaction | None = None
) -> ReactingFlow:
    """The flow of a shipped case with overrides; starts from `profile` instead of the case's own free flame, and
    reacts by `interaction` instead of what the case says.
    """
    builder = With(config.load(CASES / name, overrides), Communicator(), other=interaction)
    if profile is not None:
        builder.__dict__["free_flame"] = profile  # fills the cached property before anyone asks for it
    kernels.set_mode("eager")
    flow = builder.flow()
    kernels.set_mode(case.kernel_mode(builder, flow))
    return flow


def follow(
    flow: ReactingFlow, dt: float, end: float, progress: Callable[[str], None] | None = None, more: Sequence[str] = ()
) -> np.ndarray:
    """Advance to `end` [s] with steps of dt; rows (time, front, consumption speed, EOS drift, Y_min, `more` quantities)
    of every step.
    """
    rows = []
    steps = round(end / dt)
    for step in range(steps):
        flow.advance(dt)
        rows.append([flow.time, *(flow.quantity(q) for q in ("front", "flame_speed", "eos_drift", "Y_min", *more))])
        if progress is not None and (step + 1) % max(steps // 5, 1) == 0:
            progress(f"step {step + 1} of {steps}, consumption speed {rows[-1][2]:.5g} m/s")
    return np.array(rows)


def speeds(flow: ReactingFlow, rows: np.ndarray, inflow: float, start: float) -> Speeds:
    """Speeds fitted to the rows of `follow` from time `start` [s] on; inflow: velocity of the fresh gas [m/s]."""
    late = rows[rows[:, 0] >= start]
    drift = np.polyfit(late[:, 0] - late[0, 0], late[:, 1], 1)[0]
    return Speeds(
        displacement=float(inflow - drift),
        consumption=float(late[:, 2].mean()),
        spread=float(np.ptp(late[:, 2]) / 2),
        burnt_temperature=float(flow.field("T")[0, 0, -1]),
        eos_drift=float(rows[:, 3].max()),
        Y_min=float(rows[:, 4].min()),
        element_error=flow.quantity("element_error"),
        cells=flow.block.shape[2],
        steps=len(rows),
    )


def monitors(s: Speeds) -> list[str]:
    """Monitors of a run for a report: EOS drift, most negative mass fraction, element error."""
    return [f"{s.eos_drift:.1e}", f"{s.Y_min:.1e}", f"{s.element_error:.1e}"]
