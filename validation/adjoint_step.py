"""The step of the differences that Cantera's Jacobian is made of: what it leaves of slopes of a flame speed."""

from __future__ import annotations

import math

import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty import flames
from combust.kinetics.uncertainty.flames import JACOBIAN, Fresh
from combust.kinetics.uncertainty.groups import Group, Uncertain, of_mechanism
from combust.kinetics.uncertainty.reading import read_factors
from combust.units import ATM
from validation.report import Report
from validation.uncertainty import AIR, FACTORS, FUEL, NEAR

TITLE = "The step of Cantera's Jacobian"
PHI = 1.0
REFINE = "extrapolated"
STEPS = (1e-5, 1e-6, 1e-7, 1e-8)  # relative; Cantera's own is the first
RATES = 6  # those that move the speed most
SMOKE = {"REFINE": "customary", "STEPS": (1e-5, 1e-7), "RATES": 1}


def run(report: Report) -> None:
    """Slopes of one flame by each step, and of flames that are solved again."""
    uncertain = of_mechanism(Mechanism.load("h2o2.yaml"), read_factors(FACTORS), None, False)
    fresh = Fresh(300.0, ATM, FUEL, AIR, PHI, refine=REFINE)
    slopes = {step: flames.by_adjoint(uncertain.gas, fresh, False, (step, *JACOBIAN[1:])).alike for step in STEPS}
    report.progress("adjoints")
    best = slopes[min(STEPS)]
    groups = sorted(uncertain.groups, key=lambda group: -abs(of(group, best)))[:RATES]
    rows, worst = [], dict.fromkeys(STEPS, 0.0)
    for group in groups:
        wanted = solved_again(uncertain, group, fresh)
        off = {step: of(group, found) / wanted - 1 for step, found in slopes.items()}
        worst = {step: max(worst[step], abs(x)) for step, x in off.items()}
        rows.append((group.equation, f"{wanted:+.5f}", *(f"{100 * x:+.2f} %" for x in off.values())))
        report.progress(group.equation)
    points = len(fresh.flame(uncertain.gas).x)
    report.text(f"""Free flame of hydrogen in air, phi {PHI:g}, 300 K, 1 atm, {points} points,
        h2o2.yaml with the factors of `cases/h2o2_factors.yaml`. Slopes of the speed, d ln S_L for a standard deviation
        of ln k, of the {RATES} rates that move it most: of flames that are solved again with the rate {NEAR:g} standard
        deviations up and down, and how far those of Cantera's adjoint are off them by the relative step of the
        differences that its Jacobian is made of. Cantera's own step is 1e-5; combust takes {JACOBIAN[0]:g}.""")
    report.table(("rate", "solved again", *(f"{step:g}" for step in STEPS)), rows)
    report.text("Largest: " + ", ".join(f"{100 * x:.2g} % with {step:g}" for step, x in worst.items()) + ".")
    report.target(
        "slopes of the speed with combust's step, less those of flames solved again", worst[JACOBIAN[0]], 0.005
    )


def of(group: Group, alike: object) -> float:
    """Slope for a standard deviation of a rate constant whose factor is the same at all temperatures."""
    assert group.law.constant
    return group.law.s0 * float(alike[list(group.reactions)].sum())  # type: ignore[index]


def solved_again(uncertain: Uncertain, group: Group, fresh: Fresh) -> float:
    """The same of two flames."""
    x = torch.zeros(len(uncertain.groups), dtype=torch.float64)
    x[uncertain.groups.index(group)] = NEAR
    up, down = (flames.speed(uncertain.gas, uncertain.changed(one), fresh) for one in (x, -x))
    return math.log(up / down) / (2 * NEAR)
