"""Random states of ten mechanisms by `gas.integrate`: fallbacks, failures, conservation, and errors beside CVODE."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.errors import DivergenceError
from combust.kinetics.integrate import cells, no_end, tighter
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.reactor import Batch, ReactorIntegrator, integrate
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.mechanism.mechanism import Mechanism
from validation.report import ROOT, Report

TITLE = "Random states of ten mechanisms"
RTOL, ATOL = 1e-6, 1e-10
REFERENCE_RTOL, REFERENCE_ATOL, NO_ATOL = 1e-9, 1e-15, 1e-30  # CVODE's
LEAP = 1e3  # tolerances of a difference, from which CVODE is asked again at NO_ATOL
FALLBACKS = 1e-3  # of all states
NEGATIVE = 1.0  # atol below zero
CONSERVED = 1e-12  # elements, relative to their sum; enthalpy or energy, over cp T
ERROR = 10.0  # tolerances, of the median of a mechanism; a global error is more than that of a step
T_RANGE, P_RANGE, DT_RANGE = (300.0, 3000.0), (1e4, 1e7), (1e-9, 1e-3)
HOLDS = ("hp", "uv")
KINDS = ("burning", "sparse", "nearly pure")
HOT = 1500.0  # K: from which the burnt part of a mixture has its equilibrium


@dataclass(frozen=True)
class Gas:
    """A mechanism, how many states it gets, how many of them CVODE, and what burns in it."""

    path: str
    fuel: str
    states: int = 1000
    compared: int = 20
    phase: str | None = None
    oxidizer: str = "O2:1, N2:3.76"

    @property
    def name(self) -> str:
        """Of the table."""
        return self.path.rpartition("/")[2].removesuffix(".yaml") + (f" ({self.phase})" if self.phase else "")


AMMONIA = "example_data/ammonia-CO-H2-Alzueta-2023.yaml"
GASES = (
    Gas("h2o2.yaml", "H2:1"),
    Gas(str(ROOT / "cases/h2_boivin.yaml"), "H2:1"),
    Gas(str(ROOT / "cases/nh3_h2.yaml"), "NH3:0.5, H2:0.5"),
    Gas(AMMONIA, "NH3:0.5, H2:0.3, CO:0.2", phase="baseline"),
    Gas("gri30.yaml", "CH4:1"),
    Gas("gri30_highT.yaml", "CH4:0.5, C2H6:0.5"),
    Gas(str(ROOT / "combust/reduction/library/methane_cfd.yaml"), "CH4:1"),
    Gas("nDodecane_Reitz.yaml", "c12h26:1", phase="nDodecane_IG", oxidizer="o2:1, n2:3.76"),
    Gas("SiF4_NH3_mec.yaml", "NH3:6, SIF4:1", phase="gas", oxidizer=""),
    Gas("example_data/n-hexane-NUIG-2015.yaml", "NC6H14:1", states=40, compared=0),
)
SMOKE = {"GASES": (Gas("h2o2.yaml", "H2:1", 12, 2), Gas("gri30.yaml", "CH4:1", 6, 1))}


class States(NamedTuple):
    """T [K], p [Pa], dt [s] and kind (states,), Y (species, states)."""

    T: Tensor
    p: Tensor
    Y: Tensor
    dt: Tensor
    kind: np.ndarray

    def of(self, cells: slice | np.ndarray) -> States:
        """Some of them."""
        return States(self.T[cells], self.p[cells], self.Y[:, cells], self.dt[cells], self.kind[cells])


class Found(NamedTuple):
    """Of some states: the ends, counts, which of them went to CVODE, which failed there, and CPU seconds."""

    T: Tensor
    Y: Tensor
    stats: Statistics
    fallen: list[int]
    failed: list[int]
    cpu: float


# --- states ----------------------------------------------------------------------------------------------------------


def between(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Log-uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), count))


def draw(gas: Mechanism, of: Gas, seed: int) -> States:
    """Kinds in turn; T uniform in 1/T, p and dt in their logarithms."""
    rng = np.random.default_rng(seed)
    solution = gas.cantera(transport=False)
    T = 1.0 / rng.uniform(1 / T_RANGE[1], 1 / T_RANGE[0], of.states)
    T = T.clip(*gas.T_range)
    p, dt = between(rng, *P_RANGE, of.states), between(rng, *DT_RANGE, of.states)
    kind = np.arange(of.states) // 2 % len(KINDS)
    Y = np.empty((len(gas.species), of.states))
    for i in range(of.states):
        made = (burning, sparse, pure)[kind[i]]
        Y[:, i] = made(rng, solution, of, T[i], p[i])
    Y = np.maximum(Y, 0.0)
    return States(*(torch.tensor(x) for x in (T, p, Y / Y.sum(0), dt)), kind)


def burning(rng: np.random.Generator, solution: ct.Solution, of: Gas, T: float, p: float) -> np.ndarray:
    """A mixture of phi 0.3 to 3 and some of what it burns to."""
    if of.oxidizer:
        solution.set_equivalence_ratio(between(rng, 0.3, 3.0, 1)[0], of.fuel, of.oxidizer)
    else:  # what decomposes instead
        solution.X = of.fuel
    fresh = solution.Y
    solution.TP = max(T, HOT), p
    solution.equilibrate("TP", solver="auto")
    burnt = rng.uniform()
    return (1 - burnt) * fresh + burnt * solution.Y


def sparse(rng: np.random.Generator, solution: ct.Solution, of: Gas, T: float, p: float) -> np.ndarray:
    """Three to eight species, any split of the mass."""
    some = rng.choice(solution.n_species, min(solution.n_species, int(rng.integers(3, 9))), replace=False)
    Y = np.zeros(solution.n_species)
    Y[some] = rng.dirichlet(np.ones(len(some)))
    return Y


def pure(rng: np.random.Generator, solution: ct.Solution, of: Gas, T: float, p: float) -> np.ndarray:
    """One species, and 1e-9 to 0.01 of another."""
    most, other = rng.choice(solution.n_species, 2, replace=False)
    Y = np.zeros(solution.n_species)
    Y[other] = between(rng, 1e-9, 1e-2, 1)[0]
    Y[most] = 1 - Y[other]
    return Y


# --- integration -----------------------------------------------------------------------------------------------------


def through(gas: Mechanism, states: States, hold: str) -> Found:
    """By `gas.integrate`, and one by one where some state stops them all."""
    start = time.process_time()
    try:
        found = batch(gas, states, hold)
    except DivergenceError:
        found = one_by_one(gas, states, hold)
    return found._replace(cpu=time.process_time() - start)


def batch(gas: Mechanism, states: States, hold: str) -> Found:
    """All at once, as `gas.integrate` does, told which of them went to CVODE. Raises DivergenceError."""
    integrator, fallen = ReactorIntegrator(gas, hold, RTOL, ATOL), []

    def run(batch: Batch) -> tuple[Tensor, Statistics]:
        moved = integrator.advance(batch)
        fallen.extend(moved.failed.tolist())
        return integrator.conserved(batch, moved.z), moved.stats

    made = integrate(integrator, states.T, states.p, states.Y, states.dt, run=run)
    return Found(made.T, made.Y, made.stats, fallen, [], 0.0)


def one_by_one(gas: Mechanism, states: States, hold: str) -> Found:
    """Each alone: what fails stays where it was."""
    T, Y, stats = states.T.clone(), states.Y.clone(), Statistics()
    fallen, failed = [], []
    for i in range(len(T)):
        try:
            one = batch(gas, states.of(slice(i, i + 1)), hold)
        except DivergenceError:
            failed.append(i)
            continue
        T[i], Y[:, i], stats = one.T[0], one.Y[:, 0], stats + one.stats
        fallen += [i] if one.fallen else []
    return Found(T, Y, stats, fallen, failed, 0.0)


class Counter:
    """Steps of each cell, as an observer sees them."""

    def __init__(self, cells: int) -> None:
        self.rows, self.ending = [0], None
        self.steps = np.zeros(cells, dtype=int)

    def __call__(self, record: Tensor) -> None:
        self.steps += np.bincount(record[:, 0].long().numpy(), minlength=len(self.steps))


def most_steps(gas: Mechanism, states: States, hold: str) -> int:
    """Accepted steps of the state that takes most, of the states that arrive at the first atol."""
    integrator = ReactorIntegrator(gas, hold, RTOL, ATOL)
    batch, counter = integrator.batch(states.T, states.p, states.Y, states.dt), Counter(len(states.T))
    first = integrator.first_steps(batch, integrator.rates(batch))
    job = integrator.system, integrator.method, integrator.tolerance, batch.z, batch.s, batch.dt, first
    path = cells.integrate_cells(*job, integrator.block, batch.fixed, counter)
    counter.steps[path.failed.numpy()] = 0
    return int(counter.steps.max())


def stuck(gas: Mechanism, states: States, hold: str, i: int) -> str:
    """Where one state is when the steps end, in words."""
    integrator = ReactorIntegrator(gas, hold, RTOL, ATOL)
    batch = integrator.batch(*(x[..., i : i + 1] for x in states[:4]))
    first = integrator.first_steps(batch, integrator.rates(batch))
    job = integrator.system, integrator.method, integrator.tolerance, batch.z, batch.s, batch.dt, first
    z = tighter.integrate_cells(*job, integrator.block, batch.fixed).z[:, 0]
    if why := no_end.reason(gas, hold, batch.z[:, 0], z):
        return why.rpartition(":")[0]
    return f"steps end at {float(z[0]):.0f} K, smallest mass fraction {float(z[1:].min()):.1e}"


class Kept(NamedTuple):
    """How far below zero mass fractions fall, in atol; errors of elements and of what is conserved."""

    negative: float
    elements: float
    energy: float


def conserved(gas: Mechanism, states: States, hold: str, found: Found) -> Kept:
    """Of all states: elements over the sum of all atoms, enthalpy or energy over cp T."""
    before, after = (gas.element_matrix @ (Y / gas.molar_mass[:, None]) for Y in (states.Y, found.Y))
    elements = (after - before).abs().amax(0) / before.sum(0)

    def energy(T: Tensor, Y: Tensor) -> Tensor:
        h = gas.enthalpy(T, Y / Y.sum(0))
        return h if hold == "hp" else h - ct.gas_constant * T / gas.mean_molar_mass(Y)

    change = (energy(found.T, found.Y) - energy(states.T, states.Y)).abs() / (gas.cp(found.T, found.Y) * found.T).abs()
    return Kept(float((-found.Y).max() / ATOL), float(elements.max()), float(change.max()))


def beside_cvode(gas: Mechanism, states: States, hold: str, found: Found, count: int) -> tuple[list[float], int]:
    """Errors in tolerances of some states, whose ends CVODE finds at its tight tolerances, and how many ignitions it
    leaps over there: those it finds, as we do, at an atol at which no radical is too few to count.
    """
    rho, errors, leaps = gas.density(states.T, states.p, states.Y), [], 0
    tolerance = ReactorIntegrator(gas, hold, RTOL, ATOL).tolerance
    for i in np.linspace(0, len(states.T) - 1, count).round().astype(int):
        z, ours = (torch.cat([x.T[i : i + 1], x.Y[:, i]]) for x in (states, found))
        held, error = float(states.p[i] if hold == "hp" else rho[i]), np.inf
        for atol in (REFERENCE_ATOL, NO_ATOL):
            cell = CellIntegrator(gas, REFERENCE_RTOL, atol, hold, max_steps=100_000)
            try:
                exact = cell(int(i), z, torch.zeros_like(z), float(states.dt[i]), held)
            except DivergenceError:  # at tolerances at which the step control of CVODE comes to no end
                break
            before, error = error, float(tolerance.error(exact[:, None], (ours - exact)[:, None]))
            if error < LEAP:
                leaps += before < np.inf
                break
        if error < np.inf:
            errors.append(error)
    return errors, leaps


# --- the page --------------------------------------------------------------------------------------------------------


def run(report: Report) -> None:
    """The table by mechanism and the list of what did not arrive by itself."""
    report.text(
        f"States of three kinds in turn: a mixture of phi 0.3 to 3 with any share of what it burns to (its equilibrium "
        f"at T, at least {HOT:g} K); any split of the mass among three to eight species; one species with 1e-9 to 0.01 "
        f"of another. T from {T_RANGE[0]:g} to {T_RANGE[1]:g} K, uniform in 1/T; p from {P_RANGE[0] / 1e5:g} to "
        f"{P_RANGE[1] / 1e5:g} bar and dt from {DT_RANGE[0]:g} to {DT_RANGE[1]:g} s, uniform in their logarithms; half "
        f"at constant (h, p), half at constant (u, v). `gas.integrate` at rtol {RTOL:g}, atol {ATOL:g}, one thread."
    )
    rows, total, told = [], np.zeros(4), []
    worst = Kept(-np.inf, 0.0, 0.0)
    with kernels.using("eager"):
        for seed, of in enumerate(GASES):
            row, counts, kept, said, median = study(of, seed)
            rows.append(row)
            total, told = total + counts, told + said
            worst = Kept(*(float(np.maximum(a, b)) for a, b in zip(worst, kept, strict=True)))
            report.progress(f"{of.name}: {row}")
            if median is not None:
                report.target(f"median error beside CVODE, {of.name}", median, ERROR, " tolerances")
    columns = ["mechanism", "species", "states", "steps, mean", "steps, most", "ms", "to CVODE", "beyond the data",
               "failed", "error, median", "error, largest", "leaps of CVODE"]  # fmt: skip
    report.table(columns, rows)
    report.text(
        f"Steps: accepted ones, mean of all and most of one state. ms: CPU time of a state. To CVODE: states that "
        f"`gas.integrate` hands to it (fallbacks). Beyond the data: states without an end, as they heat up to where "
        f"the polynomials of the data are extrapolated to a heat capacity of zero, which `gas.integrate` refuses with "
        f"an error that says so; failed: others. Error: of some states (h, p; u, v) against CVODE at rtol "
        f"{REFERENCE_RTOL:g}, atol {REFERENCE_ATOL:g}, root mean square in tolerances of the end state. A global "
        f"error is not that of a step: where dt ends within an ignition, it is the error of the delay times the slope "
        f"there. Leaps of CVODE: differences above {LEAP:g} tolerances that are gone when CVODE runs at atol "
        f"{NO_ATOL:g}: at {REFERENCE_ATOL:g} it steps over the growth of radicals from next to nothing, which ours are "
        f"kept from, and misses an ignition. ms includes what CVODE takes."
    )
    if told:
        report.text("States that did not arrive by themselves:")
        report.table(["mechanism", "hold", "kind", "T [K]", "p [bar]", "dt [s]", "what it is", "ends", "why"], told)
    states, fallen, beyond, failed = total
    report.target("states that went to CVODE and came back, of all", fallen / states, FALLBACKS)
    report.target("states within the data that failed", failed, 0)
    report.target("mass fractions below zero, in atol", worst.negative, NEGATIVE)
    report.target("elements, largest change over the sum of atoms", worst.elements, CONSERVED)
    report.target("enthalpy or energy, largest change over cp T", worst.energy, CONSERVED)
    report.progress(f"{states:.0f} states: {fallen:.0f} to CVODE, {beyond:.0f} beyond the data, {failed:.0f} failed")


def study(of: Gas, seed: int) -> tuple[list[object], np.ndarray, Kept, list[list[object]], float | None]:
    """Of one mechanism: the row, counts (states, to CVODE, beyond the data, failed), what was kept, what did not arrive
    by itself, and the median error.
    """
    gas = Mechanism.load(of.path, of.phase)
    states = draw(gas, of, seed)
    kept, told, errors, leaps = Kept(-np.inf, 0.0, 0.0), [], [], 0
    counts, steps, most, cpu = np.zeros(4), 0, 0, 0.0
    for j, hold in enumerate(HOLDS):
        half = states.of(slice(j, None, 2))
        found = through(gas, half, hold)
        lost = [describe(gas, of, half, hold, i, i in found.failed) for i in (*found.fallen, *found.failed)]
        beyond = sum("vanishes" in str(row[-1]) for row in lost[len(found.fallen) :])
        counts += [len(half.T), len(found.fallen), beyond, len(found.failed) - beyond]
        steps, cpu, told = steps + found.stats.steps, cpu + found.cpu, told + lost
        most = max(most, most_steps(gas, half, hold))
        kept = Kept(*(max(a, b) for a, b in zip(kept, conserved(gas, half, hold, found), strict=True)))
        compared, leapt = beside_cvode(gas, half, hold, found, of.compared // 2)
        errors, leaps = errors + compared, leaps + leapt
    median = float(np.median(errors)) if errors else None
    shown = (f"{median:.1g}", f"{max(errors):.1g}") if errors else ("", "")
    row = [of.name, len(gas.species), of.states, f"{steps / of.states:.0f}", most, f"{1e3 * cpu / of.states:.2f}",
           *(int(x) for x in counts[1:]), *shown, leaps]  # fmt: skip
    return row, counts, kept, told, median


def describe(gas: Mechanism, of: Gas, states: States, hold: str, i: int, failed: bool) -> list[object]:
    """A row of the list of what did not arrive."""
    some = states.Y[:, i].argsort(descending=True)[:3].tolist()
    what = ", ".join(f"{gas.species[k]} {float(states.Y[k, i]):.2g}" for k in some)
    where = [f"{float(states.T[i]):.0f}", f"{float(states.p[i]) / 1e5:.2g}", f"{float(states.dt[i]):.1e}"]
    return [of.name, hold, KINDS[states.kind[i]], *where, what, "refused" if failed else "by CVODE",
            stuck(gas, states, hold, i)]  # fmt: skip
