"""Ignition delays of homogeneous reactors, thousands at once.

Every state that the integrator visits is kept, with its slope; the delay is then read from that history. The place of
a maximum comes from the slopes at both its sides, that of the steepest slope from a parabola through three of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.errors import ConfigError, DivergenceError
from combust.kinetics import integrate as ode
from combust.kinetics.cvode import require_rates_of_file
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.reactor import COMPILE_FROM, Batch, ReactorIntegrator

KINDS = ("max slope", "max", "half max")
STEPS = 100.0  # an ignition takes some hundred times as many steps as the step of a flow
HISTORY = 2**26  # values of a history kept at once
VISITS = 1000  # states of an ignition, about
LARGEST_BATCHED = 400  # species; beyond, Cantera's sparse preconditioned CVODE beats our dense LU by far
LEAST_RISE = 1.0  # K: less is no ignition


@dataclass(frozen=True)
class Criterion:
    """What marks the ignition: the quantity "T", "p" or a species (mass fraction), and the kind of event."""

    quantity: str
    kind: str

    @classmethod
    def parse(cls, text: str, gas: Mechanism, hold: str) -> Criterion:
        """Of "T max slope", "OH max", "p half max"; raises ConfigError or MechanismError saying what is allowed."""
        quantity, _, kind = text.strip().partition(" ")
        if kind not in KINDS:
            raise ConfigError(
                f'ignition criterion "{text}": allowed is a quantity (T, p or a species), then {" | ".join(KINDS)}'
            )
        if quantity == "p" and hold == "hp":
            raise ConfigError(f'ignition criterion "{text}": the pressure of an "hp" reactor is constant; use "uv"')
        if quantity not in ("T", "p"):
            gas.index(quantity)
        return cls(quantity, kind)


class History:
    """Time, value and slope of the watched quantity at the states that each cell visits."""

    def __init__(self, gas: Mechanism, criterion: Criterion) -> None:
        self.W = gas.molar_mass
        self.row = {"T": 0, "p": -1}.get(criterion.quantity)
        if self.row is None:
            self.row = 1 + gas.index(criterion.quantity)
        self.parts: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]] = []

    def __call__(self, cells: Tensor, t: Tensor, z: Tensor, f: Tensor) -> None:
        """An observer of `integrate_cells`."""
        if self.row == -1:  # p/(rho R) and its rate: the scale does not matter
            moles, change = ((x[1:] / self.W.unsqueeze(1)).sum(0) for x in (z, f))
            value, slope = z[0] * moles, f[0] * moles + z[0] * change
        else:
            value, slope = z[self.row], f[self.row]
        self.parts.append((cells, t, value, slope, z[0]))

    def table(self, cells: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """t, value, slope and T as (cells, visits), NaN after the last visit of a cell."""
        cell, *rows = (torch.cat(x) for x in zip(*self.parts, strict=True))
        order = torch.argsort(cell, stable=True)  # visits of a cell were recorded in order of time
        cell = cell[order]
        counts = torch.bincount(cell, minlength=cells)
        place = torch.arange(cell.numel(), device=cell.device) - (counts.cumsum(0) - counts)[cell]
        made = []
        for row in rows:
            table = torch.full((cells, int(counts.max())), torch.nan, dtype=row.dtype, device=row.device)
            table[cell, place] = row[order]
            made.append(table)
        t, value, slope, T = made
        return t, value, slope, T


def ignition_delays(
    gas: Mechanism,
    T: Tensor,
    p: Tensor | float,
    Y: Tensor,
    t_end: Tensor | float,
    hold: str = "uv",
    criterion: str = "T max slope",
    rtol: float = 1e-6,
    atol: float = 1e-15,
    progress: Callable[[int], None] | None = None,
    member: Tensor | None = None,
    rise: Tensor | float = LEAST_RISE,
) -> Tensor:
    """Ignition delays (cells,) s; NaN where nothing ignited by t_end.

    T (cells,) K, p [Pa] and t_end [s] one number or (cells,), Y (species, cells) or (species,). hold: "uv" or "hp";
    criterion: see `Criterion`. progress: told how many cells are done, now and then. member (cells,): of an ensemble,
    see `Mechanism.ensemble`; NaN also for a cell of an ensemble that cannot be integrated. rise: of the temperature
    [K], one number or (cells,), that makes an ignition.
    Raises StateError for bad states, ConfigError for bad options, DivergenceError for a cell that CVODE cannot do.
    """
    T = torch.as_tensor(T, dtype=torch.float64, device=gas.device).reshape(-1)
    Y = torch.as_tensor(Y, dtype=torch.float64, device=gas.device)
    T, p, Y = gas.check_state(T, p, Y.reshape(Y.shape[0], -1).expand(-1, T.numel()))
    integrator = ReactorIntegrator(gas, hold, rtol, atol)
    marks = Criterion.parse(criterion, gas, hold)
    end = torch.as_tensor(t_end, dtype=T.dtype, device=T.device).expand(T.shape)
    batch = integrator.batch(T, p, Y, end, None, member)
    least = torch.as_tensor(rise, dtype=T.dtype, device=T.device).expand(T.shape)
    delays = torch.empty_like(T)
    size = max(HISTORY // (VISITS * 5), integrator.block)
    worth = T.numel() * batch.z.shape[0] ** 2 * STEPS >= COMPILE_FROM
    with kernels.using("compiled" if worth else "eager"):
        for start in range(0, T.numel(), size):
            part = slice(start, start + size)
            arrived = None if progress is None else lambda done: progress(start + done)
            delays[part] = _delays(integrator, marks, batch.of(part), arrived, least[part])
    return delays


def _delays(
    integrator: ReactorIntegrator,
    criterion: Criterion,
    batch: Batch,
    arrived: Callable[[int], None] | None,
    rise: Tensor,
) -> Tensor:
    single = batch.fixed.member is None
    if single and batch.z.shape[0] > LARGEST_BATCHED:
        cells, delays = range(batch.z.shape[1]), torch.empty_like(batch.dt)
        for cell in cells:
            delays[cell] = _by_cvode(integrator, criterion, batch.of(slice(cell, cell + 1)), rise[cell])
            if arrived is not None:
                arrived(cell + 1)
        return delays
    history = History(integrator.gas, criterion)
    path = ode.integrate_cells(
        integrator.system, integrator.method, integrator.tolerance, batch.z, batch.s, batch.dt,
        integrator.first_steps(batch, integrator.rates(batch)), integrator.block, batch.fixed, history, arrived,
    )  # fmt: skip
    delays = read_delays(criterion, *history.table(batch.z.shape[1]), rise)
    for cell in path.failed.tolist():
        one = batch.of(slice(cell, cell + 1))
        delays[cell] = _by_cvode(integrator, criterion, one, rise[cell]) if single else torch.nan
    return delays


def _by_cvode(integrator: ReactorIntegrator, criterion: Criterion, one: Batch, rise: Tensor) -> Tensor:
    """The delay of one cell from the steps of Cantera's CVODE."""
    gas, hold = integrator.gas, integrator.system.hold
    require_rates_of_file(gas)
    solution = gas.cantera(transport=False)
    solution.TPY = float(one.z[0]), 1e5, one.z[1:, 0].cpu().numpy()
    if hold == "hp":
        solution.TP = None, float(one.fixed.held)
        reactor = ct.IdealGasConstPressureMoleReactor(solution, clone=False)
    else:
        solution.TD = None, float(one.fixed.held)
        reactor = ct.IdealGasMoleReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    if len(gas.species) > LARGEST_BATCHED and not gas.qss:  # whose global steps have no derivatives
        network.preconditioner = ct.AdaptivePreconditioner()
    # its steps are long for their accuracy: at this tolerance they resolve the peak of the slope
    network.rtol, network.atol = 1e-3 * integrator.tolerance.rtol, min(1e-15, integrator.tolerance.atol)
    history, zero = History(gas, criterion), torch.zeros(1, dtype=torch.int64, device=gas.device)
    try:
        while network.time < float(one.dt):
            z, f = (torch.tensor(x, device=gas.device).unsqueeze(1) for x in _state_and_rate(solution, hold))
            history(zero, one.dt * 0 + network.time, z, f)
            network.step()
    except ct.CanteraError as error:
        raise DivergenceError(f"ignition from T = {float(one.z[0]):g} K: CVODE failed too: {error}") from error
    return read_delays(criterion, *history.table(1), rise)[0]


def _state_and_rate(solution: ct.Solution, hold: str) -> tuple[np.ndarray, np.ndarray]:
    """z and dz/dt (1 + species,) of Cantera's present state."""
    W = solution.molecular_weights
    dY = solution.net_production_rates * W / solution.density
    e, c = solution.partial_molar_enthalpies / W, solution.cp_mass
    if hold == "uv":
        e, c = solution.partial_molar_int_energies / W, solution.cv_mass
    return np.append(solution.T, solution.Y), np.append(-(e @ dY) / c, dY)


def read_delays(
    criterion: Criterion, t: Tensor, value: Tensor, slope: Tensor, T: Tensor, rise: Tensor | float = LEAST_RISE
) -> Tensor:
    """Delays (cells,) s from t, value, slope, T (cells, visits), NaN after the last visit of a cell."""
    hotter = torch.nan_to_num(T, nan=0.0).amax(1) - T[:, 0] >= rise
    if criterion.kind == "max slope":
        return torch.where(hotter, _steepest(t, slope), torch.nan)
    at = _half_way(t, value, slope) if criterion.kind == "half max" else _maximum(t, value, slope)
    return torch.where(hotter, at, torch.nan)


def _pick(x: Tensor, at: Tensor) -> Tensor:
    return x.gather(1, at.unsqueeze(1)).squeeze(1)


def _interior(score: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the largest entry of each row, kept away from the ends, and whether it lay away from them."""
    last = (~torch.isnan(score)).sum(1) - 1
    at = torch.nan_to_num(score, nan=-torch.inf).argmax(1)
    inside = (at > 0) & (at < last)
    return torch.where(inside, at, torch.ones_like(at)), inside


def _steepest(t: Tensor, slope: Tensor) -> Tensor:
    """Time of the largest slope."""
    if t.shape[1] < 3:
        return torch.full_like(t[:, 0], torch.nan)
    at, inside = _interior(slope)
    (t0, t1, t2), (g0, g1, g2) = ([_pick(x, at + i) for i in (-1, 0, 1)] for x in (t, slope))
    left, right = (g1 - g0) / (t1 - t0), (g1 - g2) / (t2 - t1)  # of the secants; both positive at a maximum
    vertex = t1 + 0.5 * (left * (t2 - t1) - right * (t1 - t0)) / (left + right)
    return torch.where(inside, vertex, torch.nan)


def _maximum(t: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """Time of the largest value: where the slope, taken linear between visits, passes zero."""
    if t.shape[1] < 3:
        return torch.full_like(t[:, 0], torch.nan)
    at, inside = _interior(value)
    start = torch.where(_pick(slope, at) >= 0, at, at - 1)
    (t0, t1), (d0, d1) = ([_pick(x, start + i) for i in (0, 1)] for x in (t, slope))
    return torch.where(inside, t0 + d0 / (d0 - d1) * (t1 - t0), torch.nan)


def _half_way(t: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """First time at which the value, a cubic between visits, is half way from its start to its largest."""
    if t.shape[1] < 2:
        return torch.full_like(t[:, 0], torch.nan)
    level = 0.5 * (value[:, 0] + torch.nan_to_num(value, nan=-torch.inf).amax(1))
    above = value >= level.unsqueeze(1)
    after = above.to(torch.int8).argmax(1).clamp_min(1)
    (t0, t1), (v0, v1), (d0, d1) = ([_pick(x, after + i) for i in (-1, 0)] for x in (t, value, slope))
    h, low, high = t1 - t0, torch.zeros_like(t0), torch.ones_like(t0)
    for _ in range(50):
        x = 0.5 * (low + high)
        cubic = v0 * (1 + 2 * x) * (1 - x) ** 2 + v1 * x**2 * (3 - 2 * x) + h * x * (1 - x) * (d0 * (1 - x) - d1 * x)
        low, high = torch.where(cubic < level, x, low), torch.where(cubic < level, high, x)
    return torch.where(above.any(1), t0 + h * x, torch.nan)
