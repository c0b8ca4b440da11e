"""Ignition delays to the end of their time and ending early: bits, CPU, and the margin of the rule that ends them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate import cells
from combust.kinetics.integrate.reactor import ReactorIntegrator
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import LEAST_RISE, Criterion
from combust.kinetics.reactors.gibbs import equilibrium_temperature
from combust.kinetics.reactors.ignition import ATOL, LEAST_HEAT, RICHEST, History, ignition_delays
from validation.report import Report, chosen

TITLE = "Where ignitions end"
RTOL = 1e-6
T_END = 10.0  # s
SLOW_SLOPE = 0.25  # of the largest slope so far: below it the rule lets a reactor end
ENDS = 0.8  # of the rise to equilibrium, from which it does: what is left is a quarter of what T has risen
CRITERIA = {
    "uv": ("T max slope", "p max slope", "T max slope extrapolated"),
    "hp": ("T max slope", "T max slope extrapolated"),
}
ROUNDS = 3  # pairs, in alternating order
PARTS = (f"phi up to {RICHEST:g}", "richer")


@dataclass(frozen=True)
class Draw:
    """Fresh mixtures of one fuel: T [K] uniform, p [bar] and phi uniform in their logarithms."""

    fuel: str
    path: str
    composition: str
    count: int
    T: tuple[float, float]
    p: tuple[float, float]
    phi: tuple[float, float]
    hold: str = "uv"
    phase: str | None = None
    oxidizer: str = "O2:1, N2:3.76"
    alone: bool = False  # only made where --only names it

    @property
    def where(self) -> str:
        """Of the table."""
        (T, Th), (p, ph), (phi, phih) = self.T, self.p, self.phi
        thin = "" if self.oxidizer.startswith("O2:1, N2") else f", in {self.oxidizer}"
        return f"{T:g} to {Th:g} K, {p:g} to {ph:g} bar, phi {phi:g} to {phih:g}{thin}"


WIDE, COOL = (600.0, 2000.0), (600.0, 1100.0)
ALL, LOW = (1.0, 100.0), (1.0, 20.0)
GRI, DODECANE, HEXANE = "gri30.yaml", "nDodecane_Reitz.yaml", "example_data/n-hexane-NUIG-2015.yaml"
ALZUETA, IG = "example_data/ammonia-CO-H2-Alzueta-2023.yaml", "nDodecane_IG"
DELAYS = {
    "h2": Draw("H2", "h2o2.yaml", "H2:1", 1000, WIDE, ALL, (0.2, 4.0)),
    "ch4": Draw("CH4", GRI, "CH4:1", 300, (1250.0, 1800.0), LOW, (0.6, 1.6)),
    "ch4-wide": Draw("CH4", GRI, "CH4:1", 300, WIDE, ALL, (0.2, 4.0)),
    "ch4-wide-hp": Draw("CH4", GRI, "CH4:1", 200, WIDE, ALL, (0.2, 4.0), "hp"),
    "ch4-argon": Draw("CH4", GRI, "CH4:1", 150, (1200.0, 2500.0), LOW, (0.2, 2.0), oxidizer="O2:1, AR:60"),
    "nh3": Draw("NH3", ALZUETA, "NH3:1", 200, (800.0, 2000.0), ALL, (0.2, 2.0)),
    "dodecane": Draw("n-dodecane", DODECANE, "c12h26:1", 400, COOL, ALL, (0.2, 2.0), phase=IG),
    "dodecane-hp": Draw("n-dodecane", DODECANE, "c12h26:1", 300, COOL, ALL, (0.2, 2.0), "hp", phase=IG),
    "large-heptane": Draw("n-heptane", HEXANE, "NC7H16:1", 16, COOL, (5.0, 60.0), (0.3, 2.0), alone=True),
    "large-dme": Draw("DME", HEXANE, "CH3OCH3:1", 16, (550.0, 1100.0), (5.0, 60.0), (0.3, 2.0), alone=True),
}
MARGINS = {
    "margin-h2": Draw("H2", "h2o2.yaml", "H2:1", 400, WIDE, ALL, (0.2, 10.0)),
    "margin-ch4": Draw("CH4", GRI, "CH4:1", 400, WIDE, ALL, (0.2, 10.0)),
    "margin-ch4-hp": Draw("CH4", GRI, "CH4:1", 200, WIDE, ALL, (0.2, 10.0), "hp"),
    "margin-nh3": Draw("NH3", ALZUETA, "NH3:1", 300, WIDE, ALL, (0.2, 10.0)),
    "margin-dodecane": Draw("n-dodecane", DODECANE, "c12h26:1", 600, (500.0, 1600.0), ALL, (0.2, 10.0), phase=IG),
    "margin-dodecane-hp": Draw(
        "n-dodecane", DODECANE, "c12h26:1", 300, (500.0, 1600.0), ALL, (0.2, 10.0), "hp", phase=IG
    ),
}
SMOKE = {
    "DELAYS": {"h2": Draw("H2", "h2o2.yaml", "H2:1", 16, WIDE, ALL, (0.2, 4.0))},
    "MARGINS": {"margin-h2": Draw("H2", "h2o2.yaml", "H2:1", 8, WIDE, ALL, (0.2, 10.0))},
    "ROUNDS": 1,
}


def states(gas: Mechanism, of: Draw, seed: int) -> tuple[Tensor, Tensor, Tensor, np.ndarray]:
    """T [K] and p [Pa] (count,), Y (species, count), phi (count,)."""
    rng = np.random.default_rng(seed)
    T = rng.uniform(*of.T, of.count)
    p, phi = (np.exp(rng.uniform(*np.log(limits), of.count)) for limits in (of.p, of.phi))
    Y = torch.stack([gas.mixture(of.composition, of.oxidizer, float(x)) for x in phi], 1)
    return torch.tensor(T), torch.tensor(1e5 * p), Y, phi


def both(of: Draw, seed: int) -> dict[str, Any]:
    """Delays, those that differ in any bit, and CPU [ms] of a reactor to the end and ending early, medians."""
    gas = Mechanism.load(of.path, of.phase)
    T, p, Y, _ = states(gas, of, seed)
    criteria = CRITERIA[of.hold]
    cpu: dict[bool, list[float]] = {True: [], False: []}
    found: dict[bool, Tensor] = {}
    differ = 0
    for turn in range(ROUNDS):
        for to_end in (True, False) if turn % 2 == 0 else (False, True):
            start = time.process_time()
            found[to_end] = ignition_delays(gas, T, p, Y, T_END, of.hold, criteria, rtol=RTOL, atol=ATOL, to_end=to_end)
            cpu[to_end].append(1e3 * (time.process_time() - start) / of.count)
        whole, early = found[True], found[False]
        differ = max(differ, int((~((whole == early) | (whole.isnan() & early.isnan()))).sum()))
    ratios = np.array(cpu[False]) / np.array(cpu[True])
    return {
        "delays": int((~found[True].isnan()).sum()), "ignited": int((~found[True][0].isnan()).sum()), "differ": differ,
        "to_end": float(np.median(cpu[True])), "early": float(np.median(cpu[False])),
        "saved": 1.0 - float(np.median(ratios)),
    }  # fmt: skip


def margin(of: Draw, seed: int) -> dict[str, Any]:
    """Ignitions with some heat, and the largest share of the rise to equilibrium at which a slope of T below a quarter
    of an earlier one was followed by a steeper one; both for lean and for rich gas.
    """
    gas = Mechanism.load(of.path, of.phase)
    T, p, Y, phi = states(gas, of, seed)
    integrator = ReactorIntegrator(gas, of.hold, RTOL, ATOL)
    batch = integrator.batch(T, p, Y, torch.full_like(T, T_END), None, None)
    history = History(gas, [Criterion.parse("T max slope", gas, of.hold)])
    path = cells.integrate_cells(
        integrator.system, integrator.method, integrator.tolerance, batch.z, batch.s, batch.dt,
        integrator.first_steps(batch, integrator.rates(batch)), integrator.block, batch.fixed, history, narrow=True,
    )  # fmt: skip
    heat = (equilibrium_temperature(gas, of.hold, T, batch.fixed.held, Y) - T).numpy()
    _, _, value, slope = (x.numpy() for x in history.table(of.count))
    ignited = (np.nanmax(value, 1) - value[:, 0] >= LEAST_RISE) & (heat >= LEAST_HEAT)
    ignited[path.failed.numpy()] = False  # those that CVODE would have to take over
    shares = np.array([dip(value[i], slope[i]) for i in range(of.count)]) / heat.clip(LEAST_HEAT)
    made: dict[str, Any] = {}
    for part, some in zip(PARTS, (phi <= RICHEST, phi > RICHEST), strict=True):
        which = np.flatnonzero(ignited & some)
        made[part] = {"ignitions": len(which)}
        if len(which):
            worst = which[shares[which].argmax()]
            made[part] |= {"share": float(shares[worst]), "T": float(T[worst]), "p": float(p[worst]) / 1e5,
                           "phi": float(phi[worst])}  # fmt: skip
    return made


def dip(T: np.ndarray, slope: np.ndarray) -> float:
    """How far T had risen [K] where, for the last time before its steepest rise, its slope was below a quarter of one
    before; 0 if it never was. Both (visits,), NaN after the last one.
    """
    top = int(np.nanargmax(slope))
    before, so_far = slope[:top], np.maximum.accumulate(slope[:top])
    slow = (before < SLOW_SLOPE * so_far) & (so_far > 0)
    return float((T[:top][slow] - T[0]).max()) if slow.any() else 0.0


# --- the page --------------------------------------------------------------------------------------------------------


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Makes those of `only`, or all but the large ones; the others are those kept."""
    draws = DELAYS | MARGINS
    named = chosen(draws, only) if only else [name for name, of in draws.items() if not of.alone]
    found = report.kept()
    for seed, (name, of) in enumerate(draws.items()):
        if name in named:
            start = time.process_time()
            made = both(of, seed) if name in DELAYS else margin(of, seed)
            found[name] = {"draw": asdict(of)} | made
            report.keep(found, draws)
            report.progress(f"{name}: {time.process_time() - start:.0f} s of CPU; {made}")
    pairs(report, found)
    margins(report, found)


def pairs(report: Report, found: dict[str, Any]) -> None:
    """The table of delays to the end and ending early."""
    report.text(
        f"A reactor of which only steepest rises of T or p are asked ends once what is left of its rise to equilibrium "
        f"is less than a quarter of what T has risen, and its slopes are below a quarter of their largest "
        f"(`combust/kinetics/integrate/ending.py`); with `to_end=True` it is followed for its time, here {T_END:g} s. "
        f"Mixtures with air but where said, T drawn uniformly, p and phi in their logarithms; rtol {RTOL:g}, atol "
        f"{ATOL:g}, one thread. Of a reactor at constant volume (uv) three delays are read: "
        f"{', '.join(CRITERIA['uv'])}; at constant pressure (hp) those of T. CPU of a reactor, median of {ROUNDS} runs "
        f"of each, in turn; saved: of pairs. Runs named `large-` (1268 species) are made where `--only large` asks."
    )
    rows, differ = [], 0
    for name, of in DELAYS.items():
        if name in found:
            got = found[name]
            differ += got["differ"]
            rows.append([name, f"{of.count} of {of.fuel}, {of.hold}", of.where, got["ignited"], got["delays"],
                         got["differ"], f"{got['to_end']:.3g}", f"{got['early']:.3g}",
                         f"{100 * got['saved']:.0f} %"])  # fmt: skip
    report.table(["run", "reactors", "drawn from", "ignited", "delays", "differ in a bit", "to end [ms]", "early [ms]",
                  "saved"], rows)  # fmt: skip
    report.target("delays that differ in any bit", differ, 0)


def margins(report: Report, found: dict[str, Any]) -> None:
    """The table of how late a slow slope was followed by a steeper one."""
    report.text(
        f"The margin: followed to the end, the largest share of the rise to equilibrium (at least {LEAST_HEAT:g} K) at "
        f"which a slope of T below a quarter of an earlier one was followed by a steeper one, at any state that the "
        f"integrator visits, and where that was. The rule lets reactors end from {100 * ENDS:.0f} % on, and only where "
        f"phi is at most {RICHEST:g}: rich gas may be hotter than its equilibrium after a first stage already."
    )
    rows, worst, counts = [], dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0)
    for name, of in MARGINS.items():
        for part in PARTS if name in found else ():
            got = found[name][part]
            counts[part] += got["ignitions"]
            if got["ignitions"]:
                worst[part] = max(worst[part], got["share"])
                at = f"{got['T']:.0f} K, {got['p']:.3g} bar, phi {got['phi']:.2f}" if got["share"] else ""
                rows.append([name, of.fuel, of.where, part, got["ignitions"], f"{100 * got['share']:.1f} %", at])
    report.table(["run", "fuel", "drawn from", "part", "ignitions", "largest share", "where"], rows)
    said = "; ".join(f"{part}: {counts[part]} ignitions, {100 * worst[part]:.1f} %" for part in PARTS)
    report.text(f"Of all: {said}.")
    report.target(f"largest share, {PARTS[0]}", worst[PARTS[0]], ENDS)
