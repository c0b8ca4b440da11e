"""Ignition delays, production rates and Jacobians against Cantera, automatic differentiation and published figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.kinetics.integrate import systems
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import jacobian
from combust.kinetics.rates import production as rates
from combust.kinetics.rates.thermo import GAS_CONSTANT
from combust.kinetics.reactors.ignition import ignition_delays
from validation.pasr import MIXING, RESIDENCE, Reactors, states_of
from validation.report import Report, percent

TITLE = "Ignition delays, production rates and Jacobians"
PRESSURE = ct.one_atm
RTOL, ATOL = 1e-6, 1e-15  # ours
REFERENCE_RTOL, REFERENCE_ATOL = 1e-10, 1e-20
DELAY = 1e-4  # relative difference allowed
SETTLED = 1e-5  # what ten times the reference's tolerance may change in it
RATES, DERIVATIVES = 1e-10, 1e-8  # as in tests/unit/test_agreement.py
UNDERFLOW = 1e-250  # kmol/m3/s: rates of nothing
NORM = 9.8e-4  # %: pyJac's largest, doi:10.1016/j.cpc.2017.02.004
SMALLEST = 1e-20  # of the matrix' Frobenius norm: pyJac's norm leaves out smaller entries


@dataclass(frozen=True)
class Ignition:
    """Stoichiometric fuel and air at some temperatures [K], followed until `t_end` [s]."""

    name: str
    mechanism: str
    fuel: str
    temperatures: tuple[float, ...]
    t_end: float
    phase: str | None = None
    air: str = "O2:1, N2:3.76"
    published: tuple[tuple[float, str], ...] = ()  # temperature, what is published there


IGNITIONS = (
    Ignition("GRI-Mech 3.0, CH4", "gri30.yaml", "CH4", (1000.0, 1200.0, 1400.0, 1600.0), 2.0,
             published=((1000.0, "1.1009 s (TChem)"),)),
    Ignition("h2o2, H2", "h2o2.yaml", "H2", (1000.0, 1200.0, 1400.0), 1e-2),
    Ignition("Alzueta 2023, NH3", "example_data/ammonia-CO-H2-Alzueta-2023.yaml", "NH3", (1400.0, 1700.0, 2000.0), 0.1),
    Ignition("nDodecane_Reitz, c12h26", "nDodecane_Reitz.yaml", "c12h26", (1000.0, 1300.0), 0.1, "nDodecane_IG",
             "o2:1, n2:3.76"),
)  # fmt: skip
BLOCKS = ((Reactors("h2o2.yaml", "H2", 100, 42, 2.5e-4), 1000), (Reactors("gri30.yaml", "CH4", 16, 27, 4e-4), 100))
SMOKE = {
    "IGNITIONS": (Ignition("h2o2, H2", "h2o2.yaml", "H2", (1400.0,), 1e-4),),
    "BLOCKS": ((Reactors("h2o2.yaml", "H2", 2, 2, 5e-4), 100),),
}


def run(report: Report) -> None:
    """Both tables."""
    with kernels.using("eager"):
        delays(report)
        agreement(report)


# --- ignition delays -------------------------------------------------------------------------------------------------


def delays(report: Report) -> None:
    """The table of ignition delays."""
    report.text(
        f"Ignition at constant pressure, 1 atm, phi 1, air O2:1, N2:3.76; the delay is the time of the largest dT/dt. "
        f"Ours: `ignition_delays` with rtol {RTOL:g}, atol {ATOL:g}. Cantera: `IdealGasConstPressureReactor` at rtol "
        f"{REFERENCE_RTOL:g}, atol {REFERENCE_ATOL:g}; at each of its internal steps, a thousand to some thousands, "
        f"dT/dt is its heat release rate over rho cp, and the delay is the vertex of the parabola through the largest "
        f"and its two neighbours. A second run at ten times its rtol tells how far it is settled. TChem's value is "
        f"that of its documentation (inflection point; its air has argon). The other mechanisms for which delays are "
        f"quoted this way (Burke 2012, Evans-Schexnayder, DRM19) do not ship with Cantera and are not compared."
    )
    rows, worst, settled = [], 0.0, 0.0
    for case in IGNITIONS:
        for T, ours, theirs, moved in compare(case):
            shown = dict(case.published).get(T, "")
            rows.append([case.name, f"{T:g} K", seconds(ours), seconds(theirs), gap(ours / theirs - 1), shown])
            # a NaN stays one
            worst, settled = (float(np.maximum(a, abs(b))) for a, b in ((worst, ours / theirs - 1), (settled, moved)))
        report.progress(f"{case.name} ignited")
    report.table(["mechanism", "T0", "ours", "Cantera", "difference", "published"], rows)
    report.target("ignition delays, largest difference from Cantera", 100 * worst, 100 * DELAY, " %")
    report.target("Cantera's delays at ten times the rtol, largest change", 100 * settled, 100 * SETTLED, " %")


def compare(case: Ignition) -> list[tuple[float, float, float, float]]:
    """T0, our delay, Cantera's, and by how much its own moves at ten times the tolerance, at each temperature."""
    gas = Mechanism.load(case.mechanism, case.phase)
    Y = gas.mixture({case.fuel: 1.0}, case.air, 1.0)
    T = torch.tensor(case.temperatures, dtype=torch.float64)
    ours = ignition_delays(gas, T, PRESSURE, Y, case.t_end, hold="hp", criterion="T max slope", rtol=RTOL, atol=ATOL)
    rows = []
    for T0, delay in zip(case.temperatures, ours.tolist(), strict=True):
        exact, coarse = (by_cantera(gas, T0, Y, case.t_end, rtol) for rtol in (REFERENCE_RTOL, 10 * REFERENCE_RTOL))
        rows.append((T0, delay, exact, coarse / exact - 1))
    return rows


def by_cantera(gas: Mechanism, T: float, Y: Tensor, t_end: float, rtol: float) -> float:
    """Time of the largest dT/dt [s] from the internal steps of Cantera's reactor."""
    solution = gas.cantera()
    solution.TPY = T, PRESSURE, Y.numpy()
    network = ct.ReactorNet([ct.IdealGasConstPressureReactor(solution, clone=False)])
    network.rtol, network.atol = rtol, REFERENCE_ATOL
    times, slopes = [], []
    while network.time < t_end:
        network.step()
        times.append(network.time)
        slopes.append(solution.heat_release_rate / (solution.density * solution.cp_mass))
    t, slope = np.array(times), np.array(slopes)
    top = int(slope.argmax())
    near = slice(top - 1, top + 2)
    width = t[top + 1] - t[top - 1]
    a, b, _ = np.polyfit((t[near] - t[top]) / width, slope[near], 2)
    return float(t[top] - width * b / (2 * a))


def gap(ratio: float) -> str:
    """A small ratio as a percentage, without the digits that are round-off."""
    return "below 0.0001 %" if abs(ratio) < 1e-6 else percent(ratio, 4)


def seconds(t: float) -> str:
    """A time in seconds, milliseconds or microseconds."""
    scale, unit = (1.0, "s") if t >= 0.1 else (1e3, "ms") if t >= 1e-3 else (1e6, "us")
    return f"{scale * t:.5g} {unit}"


# --- production rates and Jacobians ----------------------------------------------------------------------------------


@dataclass
class Agreement:
    """Largest errors over states, in units of the sum of absolute terms, and norms of each Jacobian's error [%]."""

    rates: float
    derivatives: float
    norms: Tensor  # (states,) of the relative errors of the entries
    whole: Tensor  # (states,) of the error over the norm of the matrix


def agreement(report: Report) -> None:
    """The table of rates and Jacobians over states of partially stirred reactors."""
    steps = ", ".join(
        f"{r.mechanism}: {r.particles} particles, {r.steps} steps of {1e3 * r.dt:g} ms" for r, _ in BLOCKS
    )
    report.text(
        f"States of partially stirred reactors. Each holds particles at constant pressure (1 or 10 atm), starts in "
        f"equilibrium and is fed with premixed fuel and air (phi 0.5, 1 or 2; 400 or 800 K): twelve reactors. In a "
        f"step of dt a particle becomes inflow with probability dt / {1e3 * RESIDENCE:g} ms, all particles are paired "
        f"at random, the enthalpy and mass fractions of a pair approach their mean by exp(-dt / {1e3 * MIXING:g} ms), "
        f"and each particle reacts for dt ({steps}). States are taken after mixing, where fresh and burnt gas meet "
        f"far from any balance, and after reaction. The seed is fixed; mass fractions below zero by the integrator's "
        f"tolerance are set to zero."
    )
    rows = []
    for reactors, block in BLOCKS:
        gas = Mechanism.load(reactors.mechanism)
        T, p, Y = states_of(gas, reactors)
        report.progress(f"{reactors.mechanism}: {T.numel()} states, {float(T.min()):.0f} to {float(T.max()):.0f} K")
        found = measure(gas, T, p, Y, block)
        rows.append([
            gas.path, T.numel(), f"{float(T.min()):.0f} to {float(T.max()):.0f} K", f"{found.rates:.1e}",
            f"{found.derivatives:.1e}", f"{float(found.norms.max()):.1e} %", f"{float(found.norms.mean()):.1e} %",
            f"{float(found.whole.max()):.1e} %"])  # fmt: skip
        report.target(f"production rates, {gas.path}", found.rates, RATES)
        report.target(f"derivatives, {gas.path}", found.derivatives, DERIVATIVES)
        report.target(f"largest norm of relative errors, {gas.path}", float(found.norms.max()), NORM, " %")
    rows.append(["pyJac, H2/CO", 900900, "", "", "", f"{NORM:.1e} %", "", ""])
    report.table(
        ["mechanism", "states", "T", "rates", "derivatives", "norm, largest", "norm, mean", "whole, largest"], rows
    )
    report.text(
        "Rates: net production rates against Cantera's, in units of the sum of the absolute rates of progress that "
        "make and use the species, largest of all species and states. Derivatives: of the production rates by "
        "temperature and each concentration, analytic against forward-mode differentiation of the rates "
        "(`torch.func`), in units of the sum of the absolute terms. Norm: the Jacobian of the reactor at constant "
        "enthalpy and pressure, by (T, Y), against forward-mode differentiation: the Euclidean norm, over all "
        f"entries above {SMALLEST:g} of the matrix' Frobenius norm, of their errors relative to themselves, as "
        "pyJac's tests take it; an entry whose terms cancel counts in full. Whole: Frobenius norm of the error "
        "over that of the matrix. pyJac's figure is the published one (Niemeyer, Curtis, Sung, "
        "doi:10.1016/j.cpc.2017.02.004), for a matrix without the last species and states of its own."
    )


def measure(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor, block: int) -> Agreement:
    """Errors over all states, `block` at a time."""
    parts = []
    for start in range(0, T.numel(), block):
        cells = slice(start, start + block)
        state = T[cells], p[cells], Y[:, cells]
        parts.append((derivative_error(gas, *state), *jacobian_errors(gas, *state)))
    worst, norms, whole = zip(*parts, strict=True)
    return Agreement(rate_error(gas, T, p, Y), float(np.max(worst)), torch.cat(norms), torch.cat(whole))


def rate_error(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> float:
    """Largest difference of the net production rates from Cantera's, over the sum of their absolute terms."""
    solution = gas.cantera()
    nu = solution.reactant_stoich_coeffs + solution.product_stoich_coeffs
    ours, worst = gas.net_production_rates(T, p, Y).numpy(), 0.0
    for i, state in enumerate(zip(T.tolist(), p.tolist(), Y.T.numpy(), strict=True)):
        solution.TPY = state
        gross = nu @ (solution.forward_rates_of_progress + solution.reverse_rates_of_progress) + UNDERFLOW
        worst = np.maximum(worst, (np.abs(ours[:, i] - solution.net_production_rates) / gross).max())
    return float(worst)


def derivative_error(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> float:
    """Largest error of d(omega)/d(T, C) over the sum of the absolute terms of each entry."""
    C = gas.mole_fractions(Y) * p / (GAS_CONSTANT * T)
    _, by_T, by_C = jacobian.rate_derivatives(gas.kinetics, T, C)
    W = gas.molar_mass
    ours = torch.cat([by_T.unsqueeze(1), by_C * (W / W[:, None])[..., None]], dim=1)

    def progress(x: Tensor) -> Tensor:
        return torch.cat(rates.rates_of_progress(gas.kinetics, x[0], x[1:]))

    forward, reverse = forward_mode(progress, torch.cat([T.unsqueeze(0), C])).chunk(2, dim=0)
    solution = gas.cantera()
    made, used = (torch.tensor(x) for x in (solution.product_stoich_coeffs, solution.reactant_stoich_coeffs))
    exact = torch.tensordot(made - used, forward - reverse, dims=1)
    gross = torch.tensordot(made + used, forward.abs() + reverse.abs(), dims=1)
    return float(((ours - exact).abs() / (gross + UNDERFLOW)).max())


def jacobian_errors(gas: Mechanism, T: Tensor, p: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Of each state's Jacobian at constant enthalpy and pressure [%]: norm of relative errors, and relative norm."""
    z = torch.cat([T.unsqueeze(0), Y])
    still = torch.zeros_like(z)
    exact = forward_mode(lambda z: systems.rate(gas.kinetics, "hp", z, still, systems.Fixed(p)), z)
    error, size = (gas.jacobian(T, p, Y) - exact).abs(), exact.abs()
    norm = size.square().sum((0, 1)).sqrt()
    counted = size > SMALLEST * norm
    relative = torch.where(counted, error / torch.where(counted, size, 1.0), 0.0)
    return 100 * relative.square().sum((0, 1)).sqrt(), 100 * error.square().sum((0, 1)).sqrt() / norm


def forward_mode(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Jacobian (out, in, cells) of f at x (in, cells), each cell's alone, one direction of all cells at a time."""
    directions = torch.eye(x.shape[0], dtype=x.dtype).unsqueeze(-1).expand(-1, -1, x.shape[1])
    columns = torch.func.vmap(lambda d: torch.func.jvp(f, (x,), (d,))[1])(directions)
    return columns.movedim(0, 1)
