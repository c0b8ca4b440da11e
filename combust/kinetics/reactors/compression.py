"""Ignition delays of a reactor whose volume changes by a table: compression machines, pressure rise in shock tubes.

The gas is adiabatic, and a heat loss to the walls is in the volume (an expanding core): the way in which such
machines are published (Mittal and Sung 2007, doi 10.1080/00102200600671898). A rise of pressure before ignition is an
isentropic compression of the unburnt gas (Chaos and Dryer 2010, doi 10.1002/kin.20471).

Every point has a table of its own, and its knots bound the steps: one reactor at a time, by Cantera's CVODE.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.integrate.cvode import require_one_mechanism
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import LEAST_RISE, Criterion, read_delays
from combust.kinetics.reactors.ignition import LARGEST_DENSE

RTOL, ATOL = 1e-9, 1e-15  # CVODE's steps are long for their accuracy: at these they resolve the peak of a slope
FOLLOWED = 1e-4  # relative difference of the volume from its table that is allowed
MOST_STEPS = 200_000
RISES = 10.0  # a pressure rise ends at so many times the pressure at the start
KNOTS = 400  # of the table that stands for a pressure rise


class Table(NamedTuple):
    """Volume over time: a line between the rows, the last value afterwards."""

    t: np.ndarray  # (rows,) s, rising from zero
    v: np.ndarray  # (rows,) of the volume at the start

    def at(self, t: float) -> float:
        """Volume at t [s] over that at the start."""
        return float(np.interp(t, self.t, self.v))

    def slope(self, t: float) -> float:
        """dv/dt [1/s] just after t [s]."""
        i = int(np.searchsorted(self.t, t, side="right"))
        return 0.0 if i in (0, self.t.size) else float((self.v[i] - self.v[i - 1]) / (self.t[i] - self.t[i - 1]))


class Visits(NamedTuple):
    """What the integrator passed, (visits,)."""

    t: np.ndarray  # s
    value: np.ndarray  # of the watched quantity
    slope: np.ndarray
    T: np.ndarray  # K
    heat: np.ndarray  # K, above the temperature that compression alone gives


def delay(
    gas: Mechanism, T: float, p: float, Y: Tensor, table: Table, start: float, t_end: float, criterion: str
) -> float:
    """Ignition delay [s] counted from `start` [s] in the time of the table; NaN without ignition until t_end.

    T [K], p [Pa], Y (species,) at t = 0; criterion as in `ignition_delays`. Raises ConfigError for a bad criterion or
    table, DivergenceError where the gas ignites before `start` or the reactor cannot be integrated.
    """
    marks = Criterion.parse(criterion, gas, "uv")
    if not (table.t.size == table.v.size > 1 and (np.diff(table.t) > 0).all() and (table.v > 0).all()):
        raise ConfigError("volume history: needs rising times, and volumes > 0")
    found = integrate(gas, T, p, Y, table, t_end, marks)
    early = found.t < start
    if early.any() and found.heat[early].max() > 0.5 * found.heat.max() and found.heat.max() >= LEAST_RISE:
        raise DivergenceError(
            f"volume history from {T:g} K, {p:g} Pa: the gas ignites {start - found.t[early][-1]:.3g} s or more before "
            f"the end of compression at {start:g} s, {found.T[early].max():.0f} K"
        )
    late = found.t >= start
    if late.sum() < 3:
        return math.nan
    rows = [torch.tensor(x[late]).unsqueeze(0) for x in (found.t, found.value, found.slope, found.heat)]
    return float(read_delays(marks, *rows)[0]) - start


def pressure_rise(gas: Mechanism, T: float, p: float, Y: Tensor, rise: float, t_end: float) -> Table:
    """The volume that lets the unburnt gas follow p (1 + rise t) isentropically until t_end; rise [1/s], > 0."""
    solution = gas.cantera(transport=False)
    solution.TPY = T, p, Y.cpu().numpy()
    entropy, first = solution.entropy_mass, solution.density
    t = np.linspace(0.0, min(t_end, (RISES - 1.0) / rise), KNOTS)
    v = []
    for now in t:
        solution.SP = entropy, p * (1.0 + rise * now)
        v.append(first / solution.density)
    return Table(t, np.array(v))


def compressed_temperature(gas: Mechanism, T: float, p: float, Y: Tensor, v: float) -> float:
    """Temperature [K] of the unburnt gas compressed isentropically to `v` of its volume at T [K], p [Pa]."""
    solution = gas.cantera(transport=False)
    solution.TPY = T, p, Y.cpu().numpy()
    solution.SV = solution.entropy_mass, v * solution.volume_mass
    return float(solution.T)


def integrate(gas: Mechanism, T: float, p: float, Y: Tensor, table: Table, t_end: float, marks: Criterion) -> Visits:
    """The reactor until t_end [s]. Raises DivergenceError where CVODE fails."""
    require_one_mechanism(gas)
    solution = gas.cantera(transport=False)
    solution.TPY = T, p, Y.cpu().numpy()
    recorder = Recorder(gas, solution, table, marks)
    reactor = ct.IdealGasMoleReactor(solution, clone=False)
    reactor.volume = 1.0
    slopes = np.append(np.diff(table.v) / np.diff(table.t), 0.0)
    velocity = ct.Func1("tabulated-previous", table.t, slopes)
    ct.Wall(reactor, ct.Reservoir(gas.cantera(transport=False)), A=1.0, velocity=velocity)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = RTOL, ATOL
    if len(gas.species) > LARGEST_DENSE and not gas.qss:
        network.preconditioner = ct.AdaptivePreconditioner()
    try:
        march(network, table, t_end, recorder)
    except ct.CanteraError as error:
        raise DivergenceError(f"volume history from {T:g} K, {p:g} Pa: CVODE failed: {error}") from error
    off = abs(reactor.volume / table.at(network.time) - 1.0)
    if not off <= FOLLOWED:
        raise DivergenceError(f"volume history from {T:g} K, {p:g} Pa: the volume was followed to {off:.1e} only")
    return recorder.found()


def march(network: ct.ReactorNet, table: Table, t_end: float, recorder: Recorder) -> None:
    """Steps of CVODE, at least some in every interval of the table: else it leaps over a compression."""
    recorder(0.0)
    for _ in range(MOST_STEPS):
        now = network.time
        if now >= t_end:
            return
        network.max_time_step = longest_step(table, now)
        network.step()
        recorder(network.time)
    raise ct.CanteraError(f"more than {MOST_STEPS} steps")


def longest_step(table: Table, now: float) -> float:
    """A quarter of the length of each interval and of the way there: CVODE heeds a limit one step late."""
    begin, end = table.t[:-1], table.t[1:]
    away = np.maximum(np.maximum(begin - now, now - end), 0.0)
    return float((0.25 * (end - begin + away)).min())


class Recorder:
    """Keeps the watched quantity with its slope."""

    def __init__(self, gas: Mechanism, solution: ct.Solution, table: Table, marks: Criterion) -> None:
        self.solution, self.table, self.marks = solution, table, marks
        self.W = solution.molecular_weights
        self.row = None if marks.quantity in ("T", "p") else gas.index(marks.quantity)
        self.density, self.entropy = solution.density, solution.entropy_mass
        self.unburnt = gas.cantera(transport=False)
        self.unburnt.TPY = solution.TPY
        self.kept: list[tuple[float, float, float, float, float]] = []

    def __call__(self, t: float) -> None:
        """Adds the present state."""
        gas, dv = self.solution, self.table.slope(t)
        volume = self.density / gas.density
        dY = gas.net_production_rates * self.W / gas.density
        work = gas.P * dv / self.density  # per mass
        dT = -(work + (gas.partial_molar_int_energies / self.W) @ dY) / gas.cv_mass
        if self.row is not None:
            value, slope = gas.Y[self.row], dY[self.row]
        elif self.marks.quantity == "T":
            value, slope = gas.T, dT
        else:
            value = gas.P
            slope = value * (dT / gas.T + (dY / self.W).sum() * gas.mean_molecular_weight - dv / volume)
        self.unburnt.SV = self.entropy, 1.0 / gas.density
        self.kept.append((t, value, slope, gas.T, gas.T - self.unburnt.T))

    def found(self) -> Visits:
        """All of it."""
        return Visits(*np.array(self.kept).T)
