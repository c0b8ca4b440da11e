"""Ignition delays of homogeneous reactors, thousands at once.

Of every state that the integrator visits the watched quantities are kept, with their slopes; the delays are then read
from that history, see `combust.kinetics.reactors.delays`, which has the definitions. A reactor of which only steepest
rises of T or p are asked ends soon after them, see `combust.kinetics.integrate.ending`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.errors import DivergenceError
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.cvode import require_one_mechanism
from combust.kinetics.integrate.ending import Ending
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.observer import watched
from combust.kinetics.integrate.reactor import COMPILE_FROM, Batch, ReactorIntegrator
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import LEAST_RISE, Criterion, read_delays
from combust.kinetics.reactors.gibbs import equilibrium_temperature, richness

ATOL = 1e-12  # of mass fractions: radicals grow from traces, see docs/kinetics.md
STEPS = 100.0  # an ignition takes some hundred times as many steps as the step of a flow
HISTORY = 2**26  # values of a history kept at once
LONGER = 10  # times the steps of a call before CVODE takes over: at rtol 1e-9 an ignition is several thousand
VISITS = 1000  # states of an ignition at rtol 1e-6, about
FEW = 2000  # cells times species: of fewer, equilibria take longer than what follows an ignition
LEAST_HEAT = 100.0  # K, of equilibrium above the start
RICHEST = 2.0  # equivalence ratio: richer gas may be far hotter than its equilibrium after a first stage already
# Species; beyond, Cantera's sparse preconditioned CVODE beats the dense LU of torch's kernels by far.
LARGEST_DENSE = 400


class History:
    """Time, and value and slope of the watched quantities, at the states that each cell visits: an observer of
    `integrate_cells`.
    """

    def __init__(self, gas: Mechanism, criteria: Sequence[Criterion], ending: Ending | None = None) -> None:
        names = [criterion.quantity for criterion in criteria]
        self.quantities = {name: i for i, name in enumerate(dict.fromkeys(names))}
        known = {"T": 0, "p": -1}
        self.rows = [known[name] if name in known else 1 + gas.index(name) for name in self.quantities]
        self.criteria, self.ending = criteria, ending
        self.parts: list[Tensor] = []

    def __call__(self, record: Tensor) -> None:
        """States of some cells, as `Observer` has them."""
        self.parts.append(record)

    def delays(self, cells: int, rise: Tensor) -> Tensor:
        """(criteria, cells) s, NaN without ignition or event; rise (cells,) K: of T, that makes an ignition."""
        t, T, *pairs = self.table(cells)
        of = [2 * self.quantities[criterion.quantity] for criterion in self.criteria]
        found = [
            read_delays(criterion, t, pairs[i], pairs[i + 1], T, rise)
            for criterion, i in zip(self.criteria, of, strict=True)
        ]  # fmt: skip
        return torch.stack(found)

    def table(self, cells: int) -> list[Tensor]:
        """t, T, then value and slope of each quantity as (cells, visits), NaN after the last visit of a cell."""
        cell, *rows = torch.cat(self.parts).unbind(1)
        cell = cell.to(torch.int64)
        order = torch.argsort(cell, stable=True)  # visits of a cell were recorded in order of time
        cell = cell[order]
        counts = torch.bincount(cell, minlength=cells)
        place = torch.arange(cell.numel(), device=cell.device) - (counts.cumsum(0) - counts)[cell]
        made = []
        for row in rows:
            table = torch.full((cells, int(counts.max())), torch.nan, dtype=row.dtype, device=row.device)
            table[cell, place] = row[order]
            made.append(table)
        return made


def ignition_delays(
    gas: Mechanism,
    T: Tensor,
    p: Tensor | float,
    Y: Tensor,
    t_end: Tensor | float,
    hold: str = "uv",
    criterion: str | Sequence[str] = "T max slope",
    rtol: float = 1e-6,
    atol: float = ATOL,
    progress: Callable[[int], None] | None = None,
    member: Tensor | None = None,
    rise: Tensor | float = LEAST_RISE,
    to_end: bool = False,
) -> Tensor:
    """Ignition delays (cells,) s, or (criteria, cells) for several; NaN where nothing ignited by t_end.

    T (cells,) K, p [Pa] and t_end [s] one number or (cells,), Y (species, cells) or (species,). hold: "uv" or "hp";
    criterion: one or several, see `kinetics.reactors.delays`; NaN also where the gas ignites and the quantity has no
    such event (a maximum, say) by t_end. progress: told how many cells are done, now and then. member (cells,): of an
    ensemble, see `Mechanism.ensemble`; NaN also for a cell of an ensemble that cannot be integrated. rise: of the
    temperature [K], one number or (cells,), that makes an ignition. to_end: follow every reactor to t_end, also where
    its events count as found before (see docs/kinetics.md, Ignition, for the rule and its margin).
    Raises StateError for bad states, ConfigError for bad options, DivergenceError for a cell that CVODE cannot do.
    """
    T = torch.as_tensor(T, dtype=torch.float64, device=gas.device).reshape(-1)
    Y = torch.as_tensor(Y, dtype=torch.float64, device=gas.device)
    T, p, Y = gas.check_state(T, p, Y.reshape(Y.shape[0], -1).expand(-1, T.numel()))
    require_ideal("ignition delay", T.cpu(), p.cpu())
    integrator = ReactorIntegrator(gas, hold, rtol, atol)
    several = not isinstance(criterion, str)
    marks = [Criterion.parse(text, gas, hold) for text in ([criterion] if isinstance(criterion, str) else criterion)]
    end = torch.as_tensor(t_end, dtype=T.dtype, device=T.device).expand(T.shape)
    batch = integrator.batch(T, p, Y, end, None, member)
    least = torch.as_tensor(rise, dtype=T.dtype, device=T.device).expand(T.shape)
    delays = T.new_empty(len(marks), T.numel())
    values = 3 + 2 * len({mark.quantity for mark in marks})
    visits = VISITS * max(1.0, 1e-6 / rtol) ** 0.25
    size = max(int(HISTORY / (visits * values)), integrator.block)
    worth = T.numel() * batch.z.shape[0] ** 2 * STEPS >= COMPILE_FROM
    with kernels.using("compiled" if worth else "eager"):
        for start in range(0, T.numel(), size):
            part = slice(start, start + size)
            arrived = None if progress is None else lambda done: progress(start + done)
            of_part, rises = batch.of(part), least[part]
            ending = None if to_end else _ending(gas, integrator, marks, of_part, rises)
            delays[:, part] = _delays(gas, integrator, marks, of_part, arrived, rises, ending)
    return delays if several else delays[0]


def _ending(
    gas: Mechanism, integrator: ReactorIntegrator, criteria: Sequence[Criterion], batch: Batch, rise: Tensor
) -> Ending | None:
    """Where reactors end before their time; None where that does not pay, or an event asked for may come late."""
    early = all(
        mark.quantity in ("T", "p") and mark.kind in ("max slope", "max slope extrapolated") for mark in criteria
    )
    if not early or batch.z.numel() < FEW:
        return None
    T = batch.z[0]
    settled = equilibrium_temperature(gas, integrator.system.hold, T, batch.fixed.held, batch.z[1:])
    sure = (settled - T >= LEAST_HEAT) & (richness(gas, batch.z[1:]) <= RICHEST)
    return Ending(T, torch.where(sure, settled, torch.nan), rise)


def _delays(
    gas: Mechanism,
    integrator: ReactorIntegrator,
    criteria: Sequence[Criterion],
    batch: Batch,
    arrived: Callable[[int], None] | None,
    rise: Tensor,
    ending: Ending | None,
) -> Tensor:
    single = batch.fixed.member is None
    if single and batch.z.shape[0] > LARGEST_DENSE and compiled_for(integrator.system.kin, batch.z) is None:
        cells, delays = range(batch.z.shape[1]), batch.dt.new_empty(len(criteria), batch.z.shape[1])
        for cell in cells:
            delays[:, cell] = _by_cvode(gas, integrator, criteria, batch, cell, rise, ending)
            if arrived is not None:
                arrived(cell + 1)
        return delays
    history = History(gas, criteria, ending)
    path = ode.integrate_cells(
        integrator.system, integrator.method, integrator.tolerance, batch.z, batch.s, batch.dt,
        integrator.first_steps(batch, integrator.rates(batch)), integrator.block, batch.fixed, history, arrived,
        narrow=True, most=LONGER * ode.MAX_STEPS,
    )  # fmt: skip
    delays = history.delays(batch.z.shape[1], rise)
    for cell in path.failed.tolist():
        delays[:, cell] = _by_cvode(gas, integrator, criteria, batch, cell, rise, ending) if single else torch.nan
    return delays


def _by_cvode(
    gas: Mechanism, integrator: ReactorIntegrator, criteria: Sequence[Criterion], batch: Batch, cell: int, rise: Tensor,
    ending: Ending | None,
) -> Tensor:  # fmt: skip
    """The delays (criteria,) of one cell of the batch from the steps of Cantera's CVODE."""
    hold, own = integrator.system.hold, slice(cell, cell + 1)
    one = batch.of(own)
    require_one_mechanism(gas)
    solution = gas.cantera(transport=False)
    solution.TPY = float(one.z[0]), 1e5, one.z[1:, 0].cpu().numpy()
    if hold == "hp":
        solution.TP = None, float(one.fixed.held)
        reactor: ct.Reactor = ct.IdealGasConstPressureMoleReactor(solution, clone=False)
    else:
        solution.TD = None, float(one.fixed.held)
        reactor = ct.IdealGasMoleReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    if len(gas.species) > LARGEST_DENSE and not gas.qss:  # whose global steps have no derivatives
        network.preconditioner = ct.AdaptivePreconditioner()
    # its steps are long for their accuracy: at this tolerance they resolve the peak of the slope
    network.rtol, network.atol = 1e-3 * integrator.tolerance.rtol, min(1e-15, integrator.tolerance.atol)
    history = History(gas, criteria, None if ending is None else ending.of(own))
    try:
        while network.time < float(one.dt):
            z, f = (torch.tensor(x, device=gas.device).unsqueeze(1) for x in _state_and_rate(solution, hold))
            shown = [x for row in history.rows for x in watched(row, z, f, gas.molar_mass)]
            record = torch.stack([one.dt * 0, one.dt * 0 + network.time, z[0], *shown], dim=1)
            history(record)
            if history.ending is not None and bool(history.ending.reached(record)):
                break
            network.step()
    except ct.CanteraError as error:
        raise DivergenceError(f"ignition from T = {float(one.z[0]):g} K: CVODE failed too: {error}") from error
    return history.delays(1, rise[own])[:, 0]


def _state_and_rate(solution: ct.Solution, hold: str) -> tuple[np.ndarray, np.ndarray]:
    """z and dz/dt (1 + species,) of Cantera's present state."""
    W = solution.molecular_weights
    dY = solution.net_production_rates * W / solution.density
    e, c = solution.partial_molar_enthalpies / W, solution.cp_mass
    if hold == "uv":
        e, c = solution.partial_molar_int_energies / W, solution.cv_mass
    return np.append(solution.T, solution.Y), np.append(-(e @ dY) / c, dY)
