"""Extinction of a stirred reactor, once per candidate mechanism and case."""

from __future__ import annotations

import math

import cantera as ct
import numpy as np
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.psr import T_REF, Extinction, ReactorState, correct, follow, steady, tau_row
from combust.kinetics.reactors.psr_cantera import CanteraReactor
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import Outcome, Reference, Watch, amounts, set_mixture

BURNING = 2.0  # extinction times of the detailed mechanism: where final species are taken and candidates begin


def reference(gas: Mechanism, case: ReductionCase, watch: Watch) -> Reference:
    """Turning point, and the steady state at BURNING times its residence time. Raises DivergenceError without one."""
    solution = gas.cantera(transport=False)
    reactor = _reactor(solution, case)
    fold = follow(reactor)
    state = steady(reactor, BURNING * fold.tau)
    arrays = {"tau": np.array(state.tau), "T": np.array(state.T), "Y": state.Y.numpy()}
    arrays |= {"T_fold": np.array(fold.T), "Y_fold": fold.Y.numpy()}
    return Reference(_outcome(solution, case, watch, fold, state), tuple(solution.species_names), arrays)


def outcome(solution: ct.Solution, case: ReductionCase, of: Reference, watch: Watch) -> Outcome:
    """What a candidate gives. Raises DivergenceError where it has no burning branch that turns."""
    reactor = _reactor(solution, case)
    tau = math.log(of.number("tau"))
    guess = torch.from_numpy(np.concatenate([of.rows("Y", solution), [of.number("T") / T_REF, tau]]))
    found = correct(reactor, guess, tau_row(guess), tau)
    if found is None:  # it goes out at longer residence times, or burns otherwise
        return _outcome(solution, case, watch, follow(reactor), None)
    return _outcome(solution, case, watch, follow(reactor, found[0]), reactor.state(found[0]))


def _reactor(solution: ct.Solution, case: ReductionCase) -> CanteraReactor:
    set_mixture(solution, case)
    return CanteraReactor(solution, case.T, case.p, solution.Y)


def _outcome(
    solution: ct.Solution, case: ReductionCase, watch: Watch, fold: Extinction, burning: ReactorState | None
) -> Outcome:
    values = {"extinction_time": fold.tau, "extinction_temperature": fold.T}
    if burning is not None:
        solution.TPY = burning.T, case.p, burning.Y.numpy()
        X = dict(zip(solution.species_names, solution.X.tolist(), strict=True))
        # a stirred reactor has one composition: what is watched for its peak and what for its end are the same
        values |= amounts("peak", watch.peak, X) | amounts("final", watch.final, X)
    return Outcome(values, {}, case.T)
