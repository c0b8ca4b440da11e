"""Re-fit of pre-exponential factors after the cut, within a stated uncertainty.

Unknowns are x = ln(A / A_file) of the kept reactions. The metrics are linearised in x: ln m(x) = ln m(0) + S x, with S

- of ignition delays from the adjoint of the reactor (`kinetics.reactors.delay_gradients`);
- of PSR extinction times from the adjoint of the turning point: with the left null vector w of the residuals' Jacobian
  R_z, d ln tau / dx = -(w . R_x) / (w . R_ln tau), and R_x from the rates of progress;
- of flame speeds from the adjoint of Cantera's flame.

The step minimises the squared errors over their tolerances with |x| <= ln(factor) and a weak pull to x = 0, so that
only rates move to which the metrics respond. True evaluations decide how much of the step is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import lsq_linear

from combust.errors import DivergenceError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delay_gradients import differentiable_delays
from combust.kinetics.reactors.psr import T_REF, Reactor, extinction
from combust.reduction.cases import flame_case
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.evaluate import Evaluator, Job, Worker, at_work
from combust.reduction.cases.ignition_case import PATIENCE
from combust.reduction.select.search import Judgement
from combust.reduction.submechanism import Subset

METRIC = {"ignition": "ignition_delay", "psr": "extinction_time", "flame": "flame_speed"}
PULL = 0.05  # weight of ln A at its bound against an error at its tolerance
SHARES = (1.0, 0.6, 0.3)  # of a step, tried at once
ITERATIONS = 4
RTOL, ATOL = 1e-6, 1e-13  # of delays that are differentiated


def refit(start: Judgement, evaluator: Evaluator, factor: float) -> Judgement:
    """The part with factors of its rates, none beyond `factor` either way, that has the smallest score.

    Returns `start` where no change helps, or where a metric is failed so that there is nothing to linearise.
    """
    best = start
    for _ in range(ITERATIONS):
        linear = linearised(best, evaluator)
        if linear is None:
            break
        error, S = linear
        old = dict(best.subset.factors)
        now = np.array([math.log(old.get(i, 1.0)) for i in best.subset.reactions])
        target = step(error, S, now, math.log(factor))
        tried = evaluator.judge([_with(best.subset, now + share * (target - now)) for share in SHARES])
        found = min(tried, key=lambda judgement: judgement.score)
        if not found.score < 0.98 * best.score:
            break
        best = found
    return best


def step(error: np.ndarray, S: np.ndarray, now: np.ndarray, bound: float) -> np.ndarray:
    """x (reactions,) that minimises |error + S (x - now)|^2 + PULL |x / bound|^2 within the bounds.

    error (metrics,) and S (metrics, reactions): over the tolerances.
    """
    weight = math.sqrt(PULL) / bound
    A = np.vstack([S, weight * np.eye(len(now))])
    b = np.concatenate([S @ now - error, np.zeros(len(now))])
    return lsq_linear(A, b, bounds=(-bound, bound)).x


def _with(subset: Subset, x: np.ndarray) -> Subset:
    factors = tuple((i, float(f"{math.exp(v):.6g}")) for i, v in zip(subset.reactions, x, strict=True) if abs(v) > 1e-3)
    return replace(subset, factors=factors)


def linearised(judgement: Judgement, evaluator: Evaluator) -> tuple[np.ndarray, np.ndarray] | None:
    """Signed ln errors (metrics,) over tolerances, and their derivatives (metrics, reactions) by ln A; None if one
    failed.
    """
    subset, tolerance = judgement.subset, evaluator.tolerance
    places = [
        i for i, case in enumerate(evaluator.cases) if not case.held_out and METRIC.get(case.kind, "") in tolerance
    ]
    errors = []
    for place in places:
        metric = METRIC[evaluator.cases[place].kind]
        value = evaluator.outcome(subset, place).values.get(metric, math.nan)
        errors.append(math.log(value / evaluator.reference(place).outcome.values[metric]) / tolerance[metric])
    if not np.isfinite(errors).all():
        return None
    rows = dict(sensitivities(subset, places, evaluator))
    scaled = [rows[place] / tolerance[METRIC[evaluator.cases[place].kind]] for place in places]
    if not all(np.isfinite(row).all() for row in scaled):
        return None
    return np.array(errors), np.array(scaled)


def sensitivities(subset: Subset, places: Sequence[int], evaluator: Evaluator) -> dict[int, np.ndarray]:
    """d ln metric / d ln A (reactions of the part,) of each case."""
    found: dict[int, np.ndarray] = {}
    kind = {place: evaluator.cases[place].kind for place in places}
    for work, name in ((flame_sensitivity, "flame"), (delay_sensitivity, "ignition")):
        for (_, place), row in evaluator.run(work, [(subset, place) for place in places if kind[place] == name]):
            found[place] = np.array(row)
    gas = evaluator.mechanism(subset)
    return found | {
        place: extinction_sensitivity(gas, evaluator.cases[place]) for place in places if kind[place] == "psr"
    }


def delay_sensitivity(job: Job, worker: Worker | None = None) -> list[float]:
    """d ln tau / d ln A (both limits of a falloff reaction) of a part's ignition, by the adjoint; for worker processes.

    NaN where it does not ignite, or where its event is not found to the last digit.
    """
    at = at_work(worker)
    subset, place = job
    gas, case = at.mechanism(subset), at.cases[place]
    old, ln_factor = gas.parameters, torch.zeros_like(gas.parameters.A, requires_grad=True)
    factor = ln_factor.exp()
    changed = gas.with_parameters(A=old.A * factor, A_low=old.A_low * factor)
    Y = gas.mixture(case.fuel, case.oxidizer, case.phi).unsqueeze(1)
    until = PATIENCE * at.reference(place).number("delay")
    T, p = (torch.tensor([x], dtype=torch.float64) for x in (case.T, case.p))
    try:
        delay = differentiable_delays(changed, T, p, Y, until, case.hold, rtol=RTOL, atol=ATOL)
    except DivergenceError:
        return [math.nan] * len(ln_factor)
    if not torch.isfinite(delay).all():
        return [math.nan] * len(ln_factor)
    (slope,) = torch.autograd.grad(delay.log().sum(), ln_factor)
    return [float(x) for x in slope]


def flame_sensitivity(job: Job, worker: Worker | None = None) -> list[float]:
    """d ln S_L / d ln A of a part's free flame, by the adjoint; for worker processes."""
    at = at_work(worker)
    subset, place = job
    flame = flame_case.solved(at.solution(subset), at.cases[place], at.reference(place), at.watch)
    return [float(x) for x in flame.get_flame_speed_reaction_sensitivities()]


def extinction_sensitivity(gas: Mechanism, case: ReductionCase) -> np.ndarray:
    """d ln tau / d ln A (reactions,) of the turning point, by its adjoint."""
    Y_in = gas.mixture(case.fuel, case.oxidizer, case.phi)
    fold = extinction(gas, case.T, case.p, Y_in)
    reactor = Reactor(gas, case.T, case.p, Y_in)
    ends = torch.tensor([fold.T / T_REF, math.log(fold.tau)], dtype=torch.float64)
    _, J = reactor.residual(torch.cat([fold.Y, ends]))
    _, _, right = torch.linalg.svd(J[:, :-1].T)
    w = right[-1]  # of least singular value: R_z is singular at the turning point
    forward, reverse = gas.rates_of_progress(fold.T, case.p, fold.Y / fold.Y.sum())
    solution = gas.cantera(transport=False)
    nu = torch.tensor(solution.product_stoich_coeffs - solution.reactant_stoich_coeffs)
    per_rate = gas.molar_mass.unsqueeze(1) * nu * (forward - reverse)
    R_x = fold.tau / gas.density(fold.T, case.p, fold.Y) * per_rate
    return (-(w[:-1] @ R_x) / (w @ J[:, -1])).numpy()
