"""Rate constants over pressure: the master equation against its limits, H + O2 (+N2), H + CH3 (+N2), CH3 + CH3 (+N2),
costs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cantera as ct
import msgspec
import numpy as np
from scipy.constants import N_A
from scipy.optimize import brentq

from combust.kinetics.falloff import collisions, fits, master
from combust.kinetics.falloff.collisions import Collider
from combust.kinetics.falloff.falloff import collider_of, known, of_settings
from combust.kinetics.falloff.settings import A_UNITS, Collisions, Falloff, HighPressure, Structure, load
from combust.kinetics.falloff.well import Table, Well, grained, of_collisions, table
from combust.kinetics.falloff.well import equilibrium as constant_of
from combust.kinetics.quantum.partition import gas as ideal
from combust.kinetics.quantum.record import read
from combust.kinetics.quantum.thermochemistry.treatments import turning
from combust.report.charts import drawing
from validation.report import ROOT, Report, chosen

TITLE = "Rate constants over pressure"
PARTS = ("limits", "H + O2", "H + CH3", "CH3 + CH3", "cost")
TEMPERATURES = (300.0, 400.0, 500.0, 700.0, 1000.0, 1300.0, 1600.0, 2000.0, 2500.0)
PRESSURES = (0.01, 0.1, 1.0, 10.0, 100.0)  # atm
GRAIN = 20
COSTS = ((12, 5), (24, 9))  # temperatures and pressures
PICTURE, OTHER = "falloff.png", "falloff_c2h6.png"
SMOKE = {"TEMPERATURES": (300.0, 1000.0, 1300.0, 2000.0), "PRESSURES": (0.1, 10.0), "GRAIN": 100,
         "COSTS": ((2, 2),)}  # fmt: skip
RECORDS = ROOT / "tests" / "data" / "quantum" / "thermo"
SELLEVAG = "Sellevag, Georgievskii and Miller 2008, J. Phys. Chem. A 112, 5085"
K_INF = HighPressure(terms=((25e-11, -0.367, 0.0), (7.5e-13, 0.702, 0.0)), units="cm3/molecule/s", source=SELLEVAG)
EXPONENT = 0.85  # of <dE>down over T, as customary
BLITZ = "abstract of Blitz et al., https://www.chem.ox.ac.uk/publication/541699/europe-pubmed-central"
BOTTOM, SHARES = (1500.0, 2500.0), (0.5, 0.97)  # K, and of upward steps, for where the bottom begins
FIT_AT = 1000.0  # K, and the lowest pressure
# FFCM-1 (Smith, Tao and Wang 2016), 2 CH3 (+M) <=> C2H6 (+M), read in the RMG database, libraries/FFCM1(-).
FFCM = {"low-P-rate-constant": {"A": 1.77e50, "b": -9.67, "Ea": 6220.0},
        "high-P-rate-constant": {"A": 1.844e16, "b": -0.97, "Ea": 620.0},
        "Troe": {"A": 0.5325, "T3": 151.0, "T1": 1038.0, "T2": 4970.0}}  # fmt: skip
UNITS = {"length": "cm", "quantity": "mol", "activation-energy": "cal/mol"}


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


def ethane(down: float, active: str = "K", blitz: bool = False) -> Falloff:
    """CH3 + CH3 (+N2) of the file that comes with combust; k at high pressure is GRI-3.0's, or that of Blitz."""
    given = load("c2h6.toml")
    assert given.k_inf is not None
    way = HighPressure(terms=((5.76e-11 * 298**0.34, -0.34, 0.0),), units="cm3/molecule/s", source=BLITZ)
    return msgspec.structs.replace(given, k_inf=way if blitz else given.k_inf, active=active,
                                   collisions=Collisions(down=down, exponent=EXPONENT))  # fmt: skip


def computed(given: Falloff, T: Sequence[float], p: Sequence[float], grain: int) -> Table:
    """Its table;  p : [atm]"""
    gas = ct.Solution(given.mechanism)
    well, collider = of_settings(given, gas), collider_of(given, gas)
    return table(well, collider, np.array(T), np.array(p) * ct.one_atm, grain)


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Parts that are asked for, else all."""
    found = report.kept()
    for part in chosen(PARTS, only):
        found[part] = {
            "limits": limits, "H + O2": h_o2, "H + CH3": h_ch3, "CH3 + CH3": ch3_ch3, "cost": cost
        }[part](report)  # fmt: skip
        report.keep(found, PARTS)
    for part, show in (("limits", limits_text), ("H + O2", h_o2_text), ("H + CH3", h_ch3_text),
                       ("CH3 + CH3", ch3_ch3_text), ("cost", cost_text)):  # fmt: skip
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
        "bottom": bottom(well, collider),
    }  # fmt: skip


def bottom(well: Well, collider: Collider) -> list[list[float]]:
    """T, and the largest change of k there with another share of upward steps below which a grain is at the bottom."""
    T, p = np.array(BOTTOM), np.array(PRESSURES) * ct.one_atm
    plain = table(well, collider, T, p, GRAIN).dissociation
    change = np.zeros(len(T))
    for share in SHARES:
        with patch.object(collisions, "UPWARD", share):
            moved = table(well, collider, T, p, GRAIN).dissociation
        change = np.maximum(change, np.abs(moved / plain - 1).max(axis=1))
    return [[t, float(x)] for t, x in zip(T, change, strict=True)]


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
            title = "H + O2 (+N2); dashed: Sellevag 2008, dotted: h2o2.yaml (no falloff)"
            draw(report.pictures / PICTURE, one, troe, have, title)
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
    made: dict[str, Any] = {"T": list(TEMPERATURES), "p": list(PRESSURES)}
    for active in ("K", "all"):
        made[active] = beside(lambda down, active=active: methyl(down, active))  # type: ignore[misc]
        made["equilibrium"] = made[active].pop("equilibrium")
    return made


def beside(model: Callable[[float], Falloff]) -> dict[str, Any]:
    """k over the mechanism's at all T and p, with <dE>down by its k at 1000 K and the lowest pressure."""
    down = fitted_down(model(300.0))
    one = computed(model(down), TEMPERATURES, PRESSURES, GRAIN)
    known_k = known(model(down), one.T, one.p)
    positive = bool(np.isfinite(one.association).all() and (one.dissociation > 0).all())
    return {"down": down, "ratio": (one.association / known_k).tolist(), "positive": positive,
            "equilibrium": equilibrium(model(down), one)}  # fmt: skip


def fitted_down(given: Falloff) -> float:
    """<dE>down [1/cm] with which k is the mechanism's at 1000 K and the lowest pressure."""
    gas = ct.Solution(given.mechanism)
    well, collider = of_settings(given, gas), collider_of(given, gas)
    T, p = np.array([FIT_AT]), np.array(PRESSURES[:1]) * ct.one_atm
    wanted = known(given, T, p)
    assert wanted is not None
    made = grained(well, T, GRAIN)
    K = constant_of(well, made, T)

    def off(down: float) -> float:
        kernel = collisions.exponential(made.energy, made.ratio, replace(collider, down=down).mean_down(T))
        found = master.decay(kernel, made.weights, collider.frequency(T, p), made.k)
        return float(np.log(found.rate[0, 0] / K[0] / wanted[0, 0]))

    return float(brentq(off, 20.0, 4000.0, rtol=1e-4))


def ch3_ch3(report: Report) -> dict[str, Any]:
    """The same of ethane, with two k at high pressure; FFCM-1 over GRI-3.0 to show how far mechanisms are apart."""
    made: dict[str, Any] = {"T": list(TEMPERATURES), "p": list(PRESSURES)}
    for name, active, blitz in (("K", "K", False), ("all", "all", False), ("blitz", "K", True)):
        made[name] = beside(lambda down, a=active, b=blitz: ethane(down, a, b))  # type: ignore[misc]
        report.progress(f"CH3 + CH3, {name}: {made[name]['down']:.0f} cm-1")
    T, p = np.array(TEMPERATURES), np.array(PRESSURES) * ct.one_atm
    text = {"equation": "2 CH3 (+M) <=> C2H6 (+M)", "type": "falloff", "units": UNITS, **FFCM}
    rate = ct.Reaction.from_yaml(json.dumps(text), ct.Solution("gri30.yaml")).rate
    ffcm, gri = fits.evaluated(rate, T, p), known(ethane(300.0), T, p)
    made["ffcm"] = (ffcm / gri).tolist()
    report.pictures.mkdir(parents=True, exist_ok=True)
    one = computed(ethane(made["K"]["down"]), TEMPERATURES, PRESSURES, GRAIN)
    draw(report.pictures / OTHER, one, gri, ffcm, "CH3 + CH3 (+N2); dashed: GRI-3.0, dotted: FFCM-1")
    made["high"] = [float(law(ethane(300.0, blitz=True), t) / law(ethane(300.0), t)) for t in (500.0, 2000.0)]
    made["limits"] = ends(ethane(made["K"]["down"]), T)
    made["entropies"] = {one.species: entropies(one) for one in (ethane(300.0).well, ethane(300.0).fragments[0])}
    return made


def entropies(given: Structure) -> list[float]:
    """Of a record with its rotors, less those of GRI-3.0, at 298.15 and 1000 K [J/mol/K]."""
    T = np.array([298.15, 1000.0])
    one = turning(read(str(given.record)), given.rotors, Path())
    own = ideal(one.record, T, modes=one.rest, rotations=[rotor.part(T) for rotor in one.rotors]).entropy
    thermo = ct.Solution("gri30.yaml").species(given.species).thermo
    return [float(s) - thermo.s(t) / 1e3 for s, t in zip(own, T, strict=True)]


def law(given: Falloff, T: float) -> float:
    """Its k at high pressure [m3/kmol/s]."""
    assert given.k_inf is not None
    return sum(A * A_UNITS[given.k_inf.units] * T**n * float(np.exp(-E / T)) for A, n, E in given.k_inf.terms)


def ends(given: Falloff, T: Any) -> dict[str, float]:
    """What is exact: limits, detailed balance, and what half the grain changes."""
    p = np.array([1e-9, *PRESSURES, 1e16])
    fine, half = (computed(given, T, p, grain) for grain in (GRAIN, GRAIN // 2))
    worst = lambda x: float(np.abs(x - 1).max())  # noqa: E731
    return {
        "high": worst(fine.dissociation[:, -1] / fine.high),
        "low": worst(fine.dissociation[:, 0] / (fine.low * of_collisions(T, fine.p)[:, 0])),
        "balance": worst(fine.dissociation / fine.association / fine.equilibrium[:, None]),
        "grain": worst(half.dissociation / fine.dissociation),
    }


def cost(report: Report) -> dict[str, Any]:
    """CPU seconds of whole tables."""
    rows = []
    for n, m in COSTS:
        start = time.process_time()
        one = computed(oxygen(250.0), np.linspace(300, 2500, n), np.geomspace(0.01, 100, m), GRAIN)
        rows.append([n, m, one.grains, time.process_time() - start])
    return {"rows": rows}


def draw(path: Any, one: Table, dashed: Any, dotted: Any, title: str) -> None:
    """k over pressure at some temperatures, beside two others."""
    with drawing(path, (6.6, 4.2)) as figure:
        axes = figure.subplots()
        p = one.p / ct.one_atm
        for colour, i in enumerate(sorted({round(x) for x in np.linspace(0, len(one.T) - 1, 4)})):
            style = {"color": f"C{colour}"}
            axes.plot(p, 1e3 * one.association[i], "o-", ms=4, lw=1.2, label=f"{one.T[i]:g} K", **style)
            axes.plot(p, 1e3 * dashed[i], "--", lw=1.0, **style)
            if dotted is not None:
                axes.plot(p, 1e3 * dotted[i], ":", lw=1.0, **style)
        axes.set(xscale="log", yscale="log", xlabel="p [atm]", ylabel="k [cm3/mol/s]", title=title)
        axes.legend(frameon=False, fontsize=7)


def limits_text(report: Report, one: dict[str, Any]) -> None:
    report.text(
        f"`combust.kinetics.falloff` on HO2 in N2, {one['T'][0]:g} to {one['T'][1]:g} K and all pressures: the "
        f"smallest rate of dissociation is {one['least']:.2g} 1/s. Grains of {GRAIN} cm-1. At high pressure k is that "
        "of the given k_inf through its inverse Laplace transform; at low pressure it is linear. Grains: from 300 K "
        "on, against half of it. Strong collisions: mean time until the well has decayed against its closed form. "
        f"Where the bottom of the well is held to begin, at {collisions.UPWARD:g} of all collisions upwards, counts "
        f"little: with {' or '.join(f'{share:g}' for share in SHARES)} instead k "
        f"changes by {' and '.join(f'{100 * x:.2g} % at {t:g} K' for t, x in one['bottom'])} at most."
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
    worst = {active: inside(one, one[active]["ratio"]) for active in ("K", "all")}
    report.text(
        f"With one rotor active, as for HO2, the same fit needs {one['K']['down']:.0f} cm-1, nearly every collision a "
        f"strong one, and is off by up to a factor {worst['K']:.1f}: the four hydrogen atoms of CH4 turn about three "
        "equal axes, and all of them take part."
    )
    report.target("k of CH4, 500 to 2000 K, all pressures, all rotors active: factor", worst["all"], 2.0)


def ch3_ch3_text(report: Report, one: dict[str, Any]) -> None:
    """Beside GRI-3.0."""
    report.text(
        "CH3 + CH3 (+N2) in the same way, from `combust/kinetics/falloff/library/c2h6.toml`. The reaction, its model "
        "(K active, as is the default and customary for a long top; methyl groups that turn about their bond, by the "
        "levels of a cosine that vibrates as the mode does), k_inf (GRI-3.0's, as above) and the point of the fit were "
        "fixed before k was seen. The record of C2H6 is a log of Gaussian that comes with Arkane "
        f"(B3LYP/6-311+G(2df,2p), frequencies x 0.99), its entropy with the rotor is "
        f"{one['entropies']['C2H6'][0]:+.1f} and {one['entropies']['C2H6'][1]:+.1f} J/mol/K off GRI-3.0's at 298 and "
        f"1000 K. That of CH3 is {one['entropies']['CH3'][0]:+.1f} and {one['entropies']['CH3'][1]:+.1f} off, as its "
        "umbrella motion is no oscillator: the threshold makes up for that at 1000 K alone, and K is off elsewhere. "
        f"k over GRI-3.0's, `<dE>down` {one['K']['down']:.0f} (T / 300 K)^{EXPONENT:g} cm-1:"
    )  # fmt: skip
    heads = ("T [K]", *(f"{p:g} atm" for p in one["p"]))
    report.table((*heads, "K over its thermo"), [
        (f"{T:g}", *(f"{x:.2f}" for x in row), f"{c:.2f}")
        for T, row, c in zip(one["T"], one["K"]["ratio"], one["K"]["equilibrium"], strict=True)
    ])  # fmt: skip
    report.text("Below 700 K k is near its limit at high pressure, which was given; what is computed shows above.")
    report.text(f"![k of CH3 + CH3 (+N2) over pressure](../pictures/{OTHER})")
    report.text(
        f"All rotors active ({one['all']['down']:.0f} cm-1) are off by up to a factor "
        f"{inside(one, one['all']['ratio']):.2f} from 500 to 2000 K. Another k_inf, 5.76e-11 (T / 298 K)^-0.34 "
        f"cm3/molecule/s, fitted to experiments of 300 to 2000 K ({BLITZ}), is {one['high'][0]:.1f} times GRI-3.0's "
        f"at 500 K and {one['high'][1]:.1f} times at 2000 K; with it ({one['blitz']['down']:.0f} cm-1) k over "
        f"GRI-3.0's is off by up to {inside(one, one['blitz']['ratio']):.2f}. Mechanisms themselves are apart: k of "
        "FFCM-1 over GRI-3.0's:"
    )
    report.table(heads, [(f"{T:g}", *(f"{x:.2f}" for x in row)) for T, row in zip(one["T"], one["ffcm"], strict=True)])
    named = ("K", "all", "blitz")
    report.target("rates of C2H6, 300 to 2500 K, that are not finite and positive",
                  sum(not one[name]["positive"] for name in named), 0)  # fmt: skip
    for what, key, limit in (("p to infinity: k over the sum over k(E), less one", "high", 1e-6),
                             ("p to zero: k over k0 [M], less one", "low", 1e-4),
                             ("half the grain: change of k", "grain", 0.02),
                             ("k_diss / k_assoc over K, less one", "balance", 1e-14)):  # fmt: skip
        report.target(f"C2H6, {what}", one["limits"][key], limit)
    report.target("k of C2H6, 500 to 2000 K, all pressures, K active: factor", inside(one, one["K"]["ratio"]), 2.0)


def inside(one: dict[str, Any], ratio: Any) -> float:
    """Largest factor of 500 to 2000 K."""
    rows = [row for T, row in zip(one["T"], ratio, strict=True) if 500 <= T <= 2000]
    return float(np.exp(np.abs(np.log(rows)).max()))


def cost_text(report: Report, one: dict[str, Any]) -> None:
    report.table(("temperatures", "pressures", "grains", "CPU [s], limits included", "a (T, p) [ms]"), [
        (n, m, grains, f"{s:.2f}", f"{1e3 * s / n / m:.1f}") for n, m, grains, s in one["rows"]
    ])  # fmt: skip
