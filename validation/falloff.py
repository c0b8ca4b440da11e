"""Rate constants over pressure: the master equation against its limits, H + O2 (+N2), H + CH3 (+N2), costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import cantera as ct
import numpy as np
from scipy.constants import N_A
from scipy.optimize import brentq

from combust.kinetics.falloff import collisions, fits, master
from combust.kinetics.falloff.falloff import collider_of, known, of_settings
from combust.kinetics.falloff.settings import Collisions, Falloff, HighPressure, Structure
from combust.kinetics.falloff.well import Table, Well, grained, of_collisions, table
from combust.report.charts import drawing
from validation.report import ROOT, Report, chosen

TITLE = "Rate constants over pressure"
PARTS = ("limits", "H + O2", "H + CH3", "cost")
TEMPERATURES = (300.0, 400.0, 500.0, 700.0, 1000.0, 1300.0, 1600.0, 2000.0, 2500.0)
PRESSURES = (0.01, 0.1, 1.0, 10.0, 100.0)  # atm
GRAIN = 20
COSTS = ((12, 5), (24, 9))  # temperatures and pressures
PICTURE = "falloff.png"
SMOKE = {"TEMPERATURES": (300.0, 1000.0, 1300.0, 2000.0), "PRESSURES": (0.1, 10.0), "GRAIN": 100,
         "COSTS": ((2, 2),)}  # fmt: skip
RECORDS = ROOT / "tests" / "data" / "quantum" / "thermo"
SELLEVAG = "Sellevag, Georgievskii and Miller 2008, J. Phys. Chem. A 112, 5085"
K_INF = HighPressure(terms=((25e-11, -0.367, 0.0), (7.5e-13, 0.702, 0.0)), units="cm3/molecule/s", source=SELLEVAG)
EXPONENT = 0.85  # of <dE>down over T, as customary


def structure(name: str) -> Structure:
    return Structure(species=name, record=str(RECORDS / f"{name}.json"))


def oxygen(down: float, active: str = "K") -> Falloff:
    """H + O2 (+N2) by records of structures; k at high pressure is that of Sellevag."""
    return Falloff(well=structure("HO2"), fragments=(structure("H"), structure("O2")), k_inf=K_INF, active=active,
                   collisions=Collisions(down=down, exponent=EXPONENT), mechanism="h2o2.yaml")  # fmt: skip


def methyl(down: float, active: str = "all") -> Falloff:
    """H + CH3 (+N2); k at high pressure is that of GRI-3.0."""
    law = ct.Solution("gri30.yaml")
    rate: Any = next(r for r in law.reactions() if r.equation == "CH3 + H (+M) <=> CH4 (+M)").rate
    high = rate.high_rate
    terms = ((high.pre_exponential_factor, high.temperature_exponent, high.activation_energy / ct.gas_constant),)
    way = HighPressure(terms=terms, units="m3/kmol/s", source="GRI-3.0")
    return Falloff(well=structure("CH4"), fragments=(structure("H"), structure("CH3")), k_inf=way, active=active,
                   collisions=Collisions(down=down, exponent=EXPONENT), mechanism="gri30.yaml")  # fmt: skip


def computed(given: Falloff, T: Sequence[float], p: Sequence[float], grain: int) -> Table:
    """Its table;  p : [atm]"""
    gas = ct.Solution(given.mechanism)
    well, collider = of_settings(given, gas), collider_of(given, gas)
    return table(well, collider, np.array(T), np.array(p) * ct.one_atm, grain)


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Parts that are asked for, else all."""
    found = report.kept()
    for part in chosen(PARTS, only):
        found[part] = {"limits": limits, "H + O2": h_o2, "H + CH3": h_ch3, "cost": cost}[part](report)
        report.keep(found, PARTS)
    for part, show in (("limits", limits_text), ("H + O2", h_o2_text), ("H + CH3", h_ch3_text), ("cost", cost_text)):
        if part in found:
            show(report, found[part])


def limits(report: Report) -> dict[str, Any]:
    """Of HO2 at all temperatures, from 100 K on."""
    T = np.array([100.0, 200.0, *TEMPERATURES])
    given = oxygen(250.0)
    gas = ct.Solution(given.mechanism)
    well, collider = of_settings(given, gas), collider_of(given, gas)
    p = np.array([1e-9, *PRESSURES, 1e16]) * ct.one_atm
    fine, half = (table(well, collider, T, p, grain) for grain in (GRAIN, GRAIN // 2))
    M = of_collisions(T, p)
    law = sum(A * N_A * 1e-3 * T**n * np.exp(-E / T) for A, n, E in K_INF.terms)
    worst = lambda x: float(np.abs(x - 1).max())  # noqa: E731
    warm = T >= 300.0
    return {
        "T": [float(T[0]), float(T[-1])], "positive": bool((fine.dissociation > 0).all()),
        "least": float(fine.dissociation.min()),
        "high": worst(fine.dissociation[:, -1] / fine.high),
        "low": worst(fine.dissociation[:, 0] / (fine.low * M[:, 0])),
        "law": worst((fine.high / fine.equilibrium / law)[warm]),
        "grain": worst((half.dissociation / fine.dissociation)[warm]), "strong": strong(well, T[T >= 200.0]),
        "balance": worst(fine.dissociation / fine.association / fine.equilibrium[:, None]),
    }  # fmt: skip


def strong(well: Well, T: Any) -> float:
    """The mean time until the well has decayed by strong collisions, over its closed form."""
    made = grained(well, T, GRAIN)
    frequency = np.broadcast_to(np.array([1e6, 1e10, 1e14]), (len(T), 3))
    found = master.decay(collisions.strong(made.ratio, made.weights), made.weights, frequency, made.k)
    w, f, k = frequency[None], made.weights[:, :, None], made.k[:, :, None]
    wanted = (f / (w + k)).sum(axis=0) / (f * k / (w + k)).sum(axis=0)
    return float(np.abs(found.passage / wanted - 1).max())


def k0_sellevag(T: Any) -> Any:
    """Of H + O2 + N2 [m6/kmol2/s]."""
    return 2.0e-27 * T**-1.73 * np.exp(-270.0 / T) * (N_A * 1e3) ** 2 * 1e-12


def h_o2(report: Report) -> dict[str, Any]:
    """<dE>down from k0 at 1000 K, k0 at all others; falloff against that of the paper's limits and Fcent."""
    made: dict[str, Any] = {"T": list(TEMPERATURES), "p": list(PRESSURES)}
    for active in ("K", "all"):

        def off(down: float, active: str = active) -> float:
            return float(np.log(low(oxygen(down, active), [1000.0])[0] / k0_sellevag(1000.0)))

        down = float(brentq(off, 20.0, 2000.0, rtol=1e-4))
        one = computed(oxygen(down, active), TEMPERATURES, PRESSURES, GRAIN)
        T = np.array(TEMPERATURES)
        troe = troe_of(k0_sellevag(T), one.high / one.equilibrium, 0.72, T, one.p)
        made[active] = {"down": down, "k0": (one.low / one.equilibrium / k0_sellevag(T)).tolist(),
                        "ratio": (one.association / troe).tolist()}  # fmt: skip
        if active == "K":
            have = known(oxygen(down), T, one.p)
            made["fits"] = fitted(one)
            made["equilibrium"] = equilibrium(oxygen(down), one)
            report.pictures.mkdir(parents=True, exist_ok=True)
            draw(report.pictures / PICTURE, one, troe, have)
    return made


def low(given: Falloff, T: Sequence[float]) -> Any:
    """k0 of association [m6/kmol2/s]."""
    one = computed(given, T, (1.0,), GRAIN)
    return one.low / one.equilibrium


def troe_of(low: Any, high: Any, centre: float, T: Any, p: Any) -> Any:
    """k(T, p) of limits and one centre broadening factor."""
    rows = []
    for i, t in enumerate(T):
        M = p / (ct.gas_constant * t)
        pr = low[i] * M / high[i]
        c, n = -0.4 - 0.67 * np.log10(centre), 0.75 - 1.27 * np.log10(centre)
        inner = (np.log10(pr) + c) / (n - 0.14 * (np.log10(pr) + c))
        rows.append(high[i] * pr / (1 + pr) * centre ** (1 / (1 + inner**2)))
    return np.array(rows)


def fitted(one: Table) -> dict[str, list[float]]:
    """Worst and mean errors of each form."""
    ends = fits.Limits(one.low / one.equilibrium, one.high / one.equilibrium)
    found = {kind: fits.fitted(kind, one.T, one.p, one.association, ends) for kind in fits.KINDS}
    return {kind: [fit.worst, fit.mean] for kind, fit in found.items()}


def equilibrium(given: Falloff, one: Table) -> list[float]:
    """Over that of the mechanism's thermo."""
    from combust.kinetics.gas.equilibrium import constant

    gas = ct.Solution(given.mechanism)
    sides = (given.well.species,), tuple(f.species for f in given.fragments)
    return [float(k / constant(gas, sides, float(t))) for t, k in zip(one.T, one.equilibrium, strict=True)]


def h_ch3(report: Report) -> dict[str, Any]:
    """<dE>down from GRI-3.0's k at 1000 K and the lowest pressure, all others beside it."""
    T, p = np.array(TEMPERATURES), np.array(PRESSURES) * ct.one_atm
    gri = known(methyl(300.0), T, p)
    assert gri is not None
    there = TEMPERATURES.index(1000.0)
    made: dict[str, Any] = {"T": list(TEMPERATURES), "p": list(PRESSURES)}
    for active in ("K", "all"):

        def off(down: float, active: str = active) -> float:
            k = computed(methyl(down, active), [1000.0], PRESSURES[:1], GRAIN).association[0, 0]
            return float(np.log(k / gri[there, 0]))

        down = float(brentq(off, 20.0, 4000.0, rtol=1e-4))
        one = computed(methyl(down, active), TEMPERATURES, PRESSURES, GRAIN)
        made[active] = {"down": down, "ratio": (one.association / gri).tolist()}
        made["equilibrium"] = equilibrium(methyl(down, active), one)
    return made


def cost(report: Report) -> dict[str, Any]:
    """CPU seconds of whole tables."""
    rows = []
    for n, m in COSTS:
        start = time.process_time()
        one = computed(oxygen(250.0), np.linspace(300, 2500, n), np.geomspace(0.01, 100, m), GRAIN)
        rows.append([n, m, one.grains, time.process_time() - start])
    return {"rows": rows}


def draw(path: Any, one: Table, troe: Any, have: Any) -> None:
    """k over pressure at some temperatures."""
    with drawing(path, (6.6, 4.2)) as figure:
        axes = figure.subplots()
        p = one.p / ct.one_atm
        for colour, i in enumerate(sorted({round(x) for x in np.linspace(0, len(one.T) - 1, 4)})):
            style = {"color": f"C{colour}"}
            axes.plot(p, 1e3 * one.association[i], "o-", ms=4, lw=1.2, label=f"{one.T[i]:g} K", **style)
            axes.plot(p, 1e3 * troe[i], "--", lw=1.0, **style)
            if have is not None:
                axes.plot(p, 1e3 * have[i], ":", lw=1.0, **style)
        axes.set(xscale="log", yscale="log", xlabel="p [atm]", ylabel="k [cm3/mol/s]",
                 title="H + O2 (+N2); dashed: Sellevag 2008, dotted: h2o2.yaml (no falloff)")  # fmt: skip
        axes.legend(frameon=False, fontsize=7)


def limits_text(report: Report, one: dict[str, Any]) -> None:
    report.text(
        f"`combust.kinetics.falloff` on HO2 in N2, {one['T'][0]:g} to {one['T'][1]:g} K and all pressures: the "
        f"smallest rate of dissociation is {one['least']:.2g} 1/s. Grains of {GRAIN} cm-1. At high pressure k is that "
        "of the given k_inf through its inverse Laplace transform; at low pressure it is linear. Grains: from 300 K "
        "on, against half of it. Strong collisions: mean time until the well has decayed against its closed form."
    )  # fmt: skip
    report.target("rates that are not positive", 0 if one["positive"] else 1, 0)
    report.target("p to infinity: k over the sum over k(E), less one", one["high"], 1e-6)
    report.target("the same over the given k_inf, less one", one["law"], 0.02)
    report.target("p to zero: k over k0 [M], less one", one["low"], 1e-4)
    report.target("half the grain: change of k", one["grain"], 0.02)
    report.target("strong collisions over the closed form, less one", one["strong"], 1e-9)
    report.target("k_diss / k_assoc over K, less one", one["balance"], 1e-14)


def h_o2_text(report: Report, one: dict[str, Any]) -> None:
    """k0 and falloff."""
    report.text(
        "H + O2 (+N2): states of HO2, H and O2 are records of structures (wB97X-D3BJ/def2-TZVP, tests/data/quantum), "
        f"the threshold follows from the thermo of h2o2.yaml at 1000 K, k_inf and k0 are those of {SELLEVAG} "
        f"(abstract), who solve it in two dimensions, energy and J. `<dE>down` = x (T / 300 K)^{EXPONENT:g} with x by "
        f"k0 at 1000 K: {one['K']['down']:.0f} cm-1 with K active, {one['all']['down']:.0f} cm-1 with all rotors "
        "active. The treatment of J moves k0 as much as `<dE>down` does: in one dimension it is fitted, not predicted."
    )  # fmt: skip
    report.table(("T [K]", "k0 over Sellevag's, K active", "all rotors active", "K over h2o2.yaml's thermo"), [
        (f"{T:g}", f"{a:.2f}", f"{b:.2f}", f"{c:.2f}")
        for T, a, b, c in zip(one["T"], one["K"]["k0"], one["all"]["k0"], one["equilibrium"], strict=True)
    ])  # fmt: skip
    report.text("k over Troe's form with their k0, their k_inf and Fcent 0.72, K active:")
    report.table(("T [K]", *(f"{p:g} atm" for p in one["p"])), [
        (f"{T:g}", *(f"{x:.2f}" for x in row)) for T, row in zip(one["T"], one["K"]["ratio"], strict=True)
    ])  # fmt: skip
    report.text(f"![k of H + O2 (+N2) over pressure](../pictures/{PICTURE})")
    report.table(("fit", "worst", "mean"), [(k, f"{a:.2%}", f"{b:.2%}") for k, (a, b) in one["fits"].items()])
    inside = [i for i, T in enumerate(one["T"]) if 500 <= T <= 2000]
    factor = lambda xs: float(np.exp(np.abs(np.log(xs)).max()))  # noqa: E731
    report.target("k0 of HO2, 500 to 2000 K, K active: factor", factor([one["K"]["k0"][i] for i in inside]), 2.0)
    report.target(
        "k of HO2, 500 to 2000 K, all pressures, K active: factor", factor([one["K"]["ratio"][i] for i in inside]), 2.0
    )


def h_ch3_text(report: Report, one: dict[str, Any]) -> None:
    """Beside GRI-3.0."""
    report.text(
        "H + CH3 (+N2) beside the falloff of GRI-3.0, whose k_inf is given; records of CH4, CH3 and H as above, the "
        "threshold by GRI-3.0's thermo, `<dE>down` by k at 1000 K and "
        f"{one['p'][0]:g} atm: {one['all']['down']:.0f} (T / 300 K)^{EXPONENT:g} cm-1 with all rotors active. k over "
        "GRI-3.0's:"
    )
    report.table(("T [K]", *(f"{p:g} atm" for p in one["p"]), "K over its thermo"), [
        (f"{T:g}", *(f"{x:.2f}" for x in row), f"{c:.2f}")
        for T, row, c in zip(one["T"], one["all"]["ratio"], one["equilibrium"], strict=True)
    ])  # fmt: skip
    worst = {}
    for active in ("K", "all"):
        rows = zip(one["T"], one[active]["ratio"], strict=True)
        inside = [x for T, row in rows if 500 <= T <= 2000 for x in row]
        worst[active] = float(np.exp(np.abs(np.log(inside)).max()))
    report.text(
        f"With one rotor active, as for HO2, the same fit needs {one['K']['down']:.0f} cm-1, nearly every collision a "
        f"strong one, and is off by up to a factor {worst['K']:.1f}: the four hydrogen atoms of CH4 turn about three "
        "equal axes, and all of them take part."
    )
    report.target("k of CH4, 500 to 2000 K, all pressures, all rotors active: factor", worst["all"], 2.0)


def cost_text(report: Report, one: dict[str, Any]) -> None:
    report.table(("temperatures", "pressures", "grains", "CPU [s], limits included", "a (T, p) [ms]"), [
        (n, m, grains, f"{s:.2f}", f"{1e3 * s / n / m:.1f}") for n, m, grains, s in one["rows"]
    ])  # fmt: skip
