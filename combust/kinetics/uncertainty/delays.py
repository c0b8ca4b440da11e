"""Ignition delays of a mechanism whose rate constants are uncertain: samples in one batch, slopes by the adjoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from combust.errors import CombustError, ConfigError
from combust.kinetics.reactors.delay_gradients import KINDS, differentiable_delays
from combust.kinetics.reactors.delays import Criterion
from combust.kinetics.reactors.ignition import ATOL, ignition_delays
from combust.kinetics.uncertainty.groups import Uncertain
from combust.report.meter import SILENT, Reporter

STEP = 0.5  # standard deviations to both sides, of differences where there is no adjoint


@dataclass(frozen=True)
class Vessels:
    """Reactors that ignite:  T [K], p [Pa], t_end [s] (cells,), Y (species, cells);  hold, criterion : of the delay"""

    T: Tensor
    p: Tensor
    Y: Tensor
    t_end: Tensor
    hold: str = "uv"
    criterion: str = "T max slope"
    rtol: float = 1e-6
    atol: float = ATOL

    def part(self, cells: Sequence[int]) -> Vessels:
        """Some of them."""
        own = torch.as_tensor(list(cells), dtype=torch.int64)
        return Vessels(self.T[own], self.p[own], self.Y[:, own], self.t_end[own], self.hold, self.criterion, self.rtol,
                       self.atol)  # fmt: skip


def nominal(uncertain: Uncertain, at: Vessels) -> Tensor:
    """Delays (cells,) s of the mechanism as it is, NaN where nothing ignites. Raises CombustError."""
    return ignition_delays(uncertain.gas, at.T, at.p, at.Y, at.t_end, at.hold, at.criterion, at.rtol, at.atol)


def samples(uncertain: Uncertain, at: Vessels, scores: np.ndarray, reporter: Reporter = SILENT) -> np.ndarray:
    """Delays (samples, cells) s at scores (groups, samples), NaN where nothing ignites or cannot be integrated.

    Constant factors are members of one ensemble, all cells of it in one batch; where a factor changes with temperature
    each sample is a mechanism of its own, one batch of all cells for each. Raises CombustError.
    """
    count, cells = scores.shape[1], at.T.numel()
    if not uncertain.constant:
        return _one_by_one(uncertain, at, scores, reporter)
    ensemble = uncertain.gas.ensemble(uncertain.multipliers(scores))
    told = reporter.of("reactors")
    found = ignition_delays(
        ensemble, at.T.repeat(count), at.p.repeat(count), at.Y.repeat(1, count), at.t_end.repeat(count), at.hold,
        at.criterion, at.rtol, at.atol, progress=lambda done: told.reach(done, count * cells),
        member=torch.arange(count).repeat_interleave(cells),
    )  # fmt: skip
    return found.reshape(count, cells).cpu().numpy()


def _one_by_one(uncertain: Uncertain, at: Vessels, scores: np.ndarray, reporter: Reporter) -> np.ndarray:
    count = scores.shape[1]
    found = np.full((count, at.T.numel()), math.nan)
    told = reporter.of("mechanisms")
    for i in range(count):
        gas = uncertain.changed(torch.from_numpy(np.ascontiguousarray(scores[:, i])))
        found[i] = ignition_delays(gas, at.T, at.p, at.Y, at.t_end, at.hold, at.criterion, at.rtol, at.atol).cpu()
        told.reach(i + 1, count)
    return found


def slopes(uncertain: Uncertain, at: Vessels, reporter: Reporter = SILENT) -> np.ndarray:
    """d ln delay / dx (groups, cells) of each standard normal variable, NaN where nothing ignites.

    By the adjoint of the reactor (`differentiable_delays`), cell by cell; by differences over half a standard deviation
    to both sides for an event that it has no derivative of. Raises CombustError.
    """
    mark = Criterion.parse(at.criterion, uncertain.gas, at.hold)
    if mark.kind not in KINDS:
        return differences(uncertain, at)
    told, cells = reporter.of("gradients"), at.T.numel()
    found = np.full((len(uncertain.groups), cells), math.nan)
    for cell in range(cells):
        found[:, cell] = _by_adjoint(uncertain, at.part([cell]))
        told.reach(cell + 1, cells)
    return found


def _by_adjoint(uncertain: Uncertain, at: Vessels) -> np.ndarray:
    """Of one cell."""
    x = torch.zeros(len(uncertain.groups), dtype=torch.float64, requires_grad=True)
    gas = uncertain.changed(x)
    hold: object = at.hold
    delay = differentiable_delays(
        gas, at.T, at.p, at.Y, float(at.t_end[0]), hold, at.criterion,  # type: ignore[arg-type]
    )  # fmt: skip
    if not bool(torch.isfinite(delay.detach()).all()):
        return np.full(len(uncertain.groups), math.nan)
    delay.sum().backward()
    assert x.grad is not None
    return (x.grad / delay.detach()).numpy()


def differences(uncertain: Uncertain, at: Vessels, step: float = STEP) -> np.ndarray:
    """The same by central differences over `step` standard deviations, of reactors in one batch."""
    n = len(uncertain.groups)
    scores = np.concatenate([step * np.eye(n), -step * np.eye(n)], 1)
    found = np.log(samples(uncertain, at, scores))
    return (found[:n] - found[n:]) / (2 * step)


def tried_slopes(uncertain: Uncertain, at: Vessels, reporter: Reporter = SILENT) -> tuple[np.ndarray, str]:
    """Slopes, and why there are none: NaN of all then."""
    try:
        return slopes(uncertain, at, reporter), ""
    except ConfigError:
        raise
    except CombustError as error:
        return np.full((len(uncertain.groups), at.T.numel()), math.nan), str(error)
