"""Simulated against measured ignition delays, data set by data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combust.errors import CombustError, FileFormatError
from combust.experiments.formats.data import DataSet, IgnitionPoint
from combust.experiments.matching import Names, detector, mass_fractions, rises
from combust.rows import each_row

Simulate = Callable[..., Tensor]
"""ignition_delays(gas, T, p, Y, t_end, hold=, criterion=, atol=) of reactors.ignition, or one in its place."""

# Mass fraction. In shock tubes fuel is dilute and radicals begin near 1e-13: at 1e-10 an implicit method steps over
# their growth, and hydrogen in 99 % argon never ignites.
ATOL = 1e-14


@dataclass(frozen=True)
class Result:
    """A measured point and its simulation."""

    point: IgnitionPoint
    criterion: str  # as simulated
    delay: float  # s, simulated; NaN without ignition in the time allowed
    failure: str = ""  # why there is no simulation
    compressed: float = math.nan  # K, of the unburnt gas at the end of compression

    @property
    def T(self) -> float:
        """Temperature where the delay begins, K."""
        return self.compressed if math.isfinite(self.compressed) else self.point.T

    @property
    def ratio(self) -> float:
        """Simulated over measured delay; NaN without ignition."""
        return self.delay / self.point.delay


@dataclass(frozen=True)
class Comparison:
    """One data set. Points without simulated ignition are counted, and are in none of the means."""

    data: DataSet
    results: tuple[Result, ...]
    notes: tuple[str, ...]

    @property
    def ln_ratios(self) -> np.ndarray:
        """ln(tau_sim / tau_exp) of the points that ignited."""
        return np.log([r.ratio for r in self.results if math.isfinite(r.ratio)])

    @property
    def missing(self) -> int:
        """Points without simulated ignition."""
        return sum(not math.isfinite(r.delay) for r in self.results)

    @property
    def mean_ratio(self) -> float:
        """Geometric mean of tau_sim / tau_exp."""
        return float(np.exp(self.ln_ratios.mean())) if self.ln_ratios.size else math.nan

    @property
    def mean_deviation(self) -> float:
        """Mean of |ln(tau_sim / tau_exp)|."""
        return float(np.abs(self.ln_ratios).mean()) if self.ln_ratios.size else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of ln(tau_sim / tau_exp): what one factor on all rates could not mend."""
        return float(self.ln_ratios.std(ddof=1)) if self.ln_ratios.size > 1 else math.nan

    @property
    def failed(self) -> int:
        """Points that could not be simulated."""
        return sum(bool(r.failure) for r in self.results)

    @property
    def error(self) -> float:
        """E = mean of (ln(tau_sim / tau_exp) / sigma)^2 over the points with sigma; NaN if there are none."""
        terms = [
            (math.log(r.ratio) / r.point.sigma) ** 2
            for r in self.results
            if r.point.sigma and math.isfinite(r.ratio)
        ]  # fmt: skip
        return float(np.mean(terms)) if terms else math.nan


def compare(data: DataSet, names: Names, simulate: Simulate, hold: str = "uv", within: float = 30.0) -> Comparison:
    """Simulates all points of a data set, for `within` times the measured delay.

    hold : "uv" (constant energy and volume) or "hp", of points without a volume history or pressure rise. Raises
    MechanismError for a species that the mechanism lacks, FileFormatError where all points have a history that cannot
    be followed, and what the simulator raises if it does so for every point.
    """
    points, notes = usable(data)
    Y = mass_fractions(points, data, names)
    criteria: list[str] = []
    for point in points:
        criterion, remarks = detector(point, names, "uv" if changes(point) else hold)
        criteria.append(criterion)
        notes += [remark for remark in remarks if remark not in notes]
    delays = np.full(len(points), math.nan)
    errors: dict[int, CombustError] = {}
    for criterion in dict.fromkeys(criteria):
        own = [i for i, mine in enumerate(criteria) if mine == criterion]
        for chosen, solve in (
            ([i for i in own if not changes(points[i])], partial(simulated, simulate=simulate, hold=hold)),
            ([i for i in own if changes(points[i])], compressed),
        ):
            found, failed = solve(points, Y, chosen, names.gas, within=within, criterion=criterion)
            delays[chosen] = [found[i] for i in chosen]
            errors |= failed
    if len(errors) == len(points):
        raise type(errors[0])(f"{data.path}: {errors[0]}") from errors[0]
    notes += [f"{points[i].T:g} K, {points[i].p:g} Pa: not simulated: {errors[i]}" for i in sorted(errors)]
    reasons = [str(errors.get(i, "")) for i in range(len(points))]
    ends = [end_of(point, Y[:, i], names.gas) for i, point in enumerate(points)]
    results = map(Result, points, criteria, delays.tolist(), reasons, ends)
    return Comparison(data, tuple(results), tuple(notes))


def usable(data: DataSet) -> tuple[list[IgnitionPoint], list[str]]:
    """Points that can be simulated, and notes. Raises FileFormatError where there are none."""
    points = [point for point in data.points if not point.history]
    if not points:
        raise FileFormatError(f"{data.path}: all {len(data.points)} points need their volume history, which is not "
                              "there with columns and units, and give no compressed state")  # fmt: skip
    notes = [*data.notes, *rises(points), *machines(points)]
    if len(points) < len(data.points):
        notes.append(f"{len(data.points) - len(points)} points left out: no volume history with columns and units")
    return points, notes


def simulated(
    points: Sequence[IgnitionPoint], Y: Tensor, chosen: list[int], gas: Any, simulate: Simulate, within: float,
    **options: str,
) -> tuple[dict[int, float], dict[int, CombustError]]:  # fmt: skip
    """Delays [s] of the chosen points, in one call of the simulator unless one of them fails; and the failures."""

    def solve(some: Sequence[int]) -> list[float]:
        rows = [(points[i].T, points[i].p, within * points[i].delay) for i in some]
        T, p, t_end = torch.tensor(rows, dtype=torch.float64, device=gas.device).unbind(1)
        found: list[float] = simulate(gas, T, p, Y[:, list(some)], t_end, atol=ATOL, **options).detach().cpu().tolist()
        return found

    return each_row(solve, chosen) if chosen else ({}, {})


def compressed(
    points: Sequence[IgnitionPoint], Y: Tensor, chosen: list[int], gas: Any, within: float, criterion: str
) -> tuple[dict[int, float], dict[int, CombustError]]:
    """Delays [s] of the chosen points, whose volume follows its table or a rise of pressure; and the failures."""
    found: dict[int, float] = {}
    errors: dict[int, CombustError] = {}
    for i in chosen:
        try:
            found[i] = delay_of(points[i], Y[:, i], gas, within, criterion)
        except CombustError as error:
            found[i], errors[i] = math.nan, error
    return found, errors


def delay_of(point: IgnitionPoint, Y: Tensor, gas: Any, within: float, criterion: str) -> float:
    """Delay [s] of one such point. Raises CombustError."""
    from combust.kinetics.reactors import compression

    start, longest = (0.0 if point.volume is None else point.volume.end), within * point.delay
    if point.volume is None:
        table = compression.pressure_rise(gas, point.T, point.p, Y, point.pressure_rise, longest)
    else:
        table = compression.Table(np.array(point.volume.t), np.array(point.volume.v))
    return compression.delay(gas, point.T, point.p, Y, table, start, start + longest, criterion)


def end_of(point: IgnitionPoint, Y: Tensor, gas: Any) -> float:
    """Temperature [K] at the end of compression; NaN for a point without one."""
    if point.volume is None:
        return math.nan
    from combust.kinetics.reactors import compression

    return compression.compressed_temperature(gas, point.T, point.p, Y, min(point.volume.v))


def changes(point: IgnitionPoint) -> bool:
    """Whether the volume of its reactor changes."""
    return point.volume is not None or point.pressure_rise > 0


def machines(points: Sequence[IgnitionPoint]) -> list[str]:
    """A note on points with a volume history."""
    count = sum(point.volume is not None for point in points)
    text = "volume histories are followed, delays counted from the smallest volume"
    return [f"{text}: {count} of {len(points)} points"] if count else []
