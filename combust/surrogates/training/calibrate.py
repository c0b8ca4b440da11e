"""The last step of training: what the rows covered, and the limits of trust that keep a stated error of a step."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from combust import kernels
from combust.kinetics.integrate.blocks import BLOCK
from combust.kinetics.integrate.cells import System, evaluate_all
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.sample_set import STREAMS, SampleSet
from combust.surrogates.model.model import Model, Step
from combust.surrogates.settings import Surrogate
from combust.surrogates.training import fresh_fit
from combust.surrogates.trust import choice
from combust.surrogates.trust.certainty import accepted, certainty, verdict
from combust.surrogates.trust.corrector import Corrector
from combust.surrogates.trust.fresh import ratios
from combust.surrogates.trust.references import References, SharedJacobians, burnt_and_fresh
from combust.surrogates.trust.router import Trust, cold, corrected_step, misfit
from combust.surrogates.trust.slow import LIMIT, RATES, SlowStep

MARGIN = 0.01  # of the range of an input, by which states may exceed the training rows
FARTHEST = 0.9995  # quantile of the rows' distances from their centre, the limit of density
REFERENCE_PHIS = 5  # mixtures, of whose burnt and fresh gas references are
MOST_ROWS = 12_000
EXACT = (1e-6, 1e-11)  # tolerances of the end states that the calibration compares with
STEPS = 12  # time steps to which the rows' own are moved, since those of a batch share matrices
TRAIN, VALIDATION = 0, 1


def calibrate(model: Model, gas: Mechanism, samples: SampleSet, config: Surrogate) -> dict[str, Any]:
    """Fills the model's tables and card: trust, states that share their Jacobians, range of the fresh gas. Returns the
    card's "router".
    """
    want = config.router
    trust = coverage(model, gas, samples)._replace(
        stated=torch.tensor([want.temperature, want.species, want.relative], dtype=torch.float64),
        cold=torch.tensor([cold(config)], dtype=torch.float64),
    )
    references = references_of(model, gas, samples, config, trust)
    rows = chosen(samples)
    limit, asked, ranking, certain = choose(model, trust, references, gas, samples, rows, want.quantile)
    trust = trust._replace(limit=torch.tensor([limit], dtype=torch.float64))
    own = {k: v for k, v in trust._asdict().items() if k not in Trust._field_defaults}  # the rest follows from the card
    tables = {"trust": own, "references": references._asdict()}
    model.tables = {f"{table}.{k}": v for table, values in tables.items() for k, v in values.items()}
    card = {
        "stated": {"T_K": want.temperature, "Y_of_peak": want.species, "of_change": want.relative,
                   "quantile": want.quantile},
        "limit": limit, "rows": len(rows), "asked": asked, "ranking": ranking, "certainty": certain,
    }  # fmt: skip
    card["verdict"] = verdict(card)
    model.card["router"] = card
    model.card["fresh"] = msgspec.to_builtins(fresh_fit.fit(gas, model.hold, config, taught(samples)))
    return card


def taught(samples: SampleSet) -> fresh_fit.Rows:
    """T (rows,), Y (rows, species) of the states that were learned, and the kinds of their trajectories (rows,)."""
    own = (samples.split == TRAIN) & own_states(samples)
    kinds = np.array([group["kind"] for group in samples.groups])
    return samples.T[own], samples.Y[own], kinds[samples.group[own]]


def coverage(model: Model, gas: Mechanism, samples: SampleSet) -> Trust:
    """Ranges, element ratios and density of the training rows; limits still infinite."""
    train = samples.split == TRAIN
    T, p, Y = (torch.as_tensor(x[train]) for x in (samples.T, samples.p, samples.Y))
    peak = torch.as_tensor(samples.Y[train & own_states(samples)].max(0))  # copies have a hundred times as much HO2
    Y = Y.T.contiguous()
    x = model.coordinates.raw(T, p, Y, torch.ones_like(T))[:-1]
    low, high = x.amin(1), x.amax(1)
    room = MARGIN * (high - low) + 1e-9 * high.abs()
    elements = fresh_fit.masses(gas)
    some = torch.arange(0, T.numel(), max(1, T.numel() // 200_000))
    found = ratios(elements, Y[:, some])
    centre, deviation = x.mean(1), model.coordinates.deviation[:-1]
    scaled = (x[:, some] - centre.unsqueeze(1)) / deviation.unsqueeze(1)
    values, vectors = torch.linalg.eigh(scaled @ scaled.T / some.numel())
    whiten = (vectors / values.clamp_min(1e-6).sqrt()).T
    distance = (whiten @ scaled).square().sum(0)
    whiten = whiten / deviation.unsqueeze(0) / float(torch.quantile(distance, FARTHEST)) ** 0.5
    return Trust(
        low - room, high + room, centre, whiten, elements, found.amin(2) - 1e-3, found.amax(2) + 1e-3,
        peak.clamp_min(1e-9), torch.ones(3, dtype=torch.float64), torch.ones(1, dtype=torch.float64),
    )  # fmt: skip


def mixture_references(gas: Mechanism, config: Surrogate) -> References:
    """Fresh and burnt gas over the range of equivalence ratios."""
    low, high = config.range.phi
    phis = np.geomspace(low, high, REFERENCE_PHIS).tolist()
    p = float(np.sqrt(config.range.p[0] * config.range.p[1]))
    return burnt_and_fresh(gas, config.fuel, config.oxidizer, phis, config.range.T_fresh[0], p)


def references_of(model: Model, gas: Mechanism, samples: SampleSet, config: Surrogate, trust: Trust) -> References:
    """Those of the mixtures, and of training rows that are not slow, as the trajectories have them, the best."""
    own = (samples.split == TRAIN) & own_states(samples)
    rows = choice.Rows(samples.T, samples.p, samples.Y, samples.dt)
    known, front, hold = mixture_references(gas, config), np.flatnonzero(own & ~samples.slow), model.hold
    return choice.by_error(
        gas, hold, trust, known, rows.of(front), rows.of(np.flatnonzero(own)), config.router.references
    )


def own_states(samples: SampleSet) -> np.ndarray:
    """Rows of trajectories and flows, not copies of them: what the network will be asked for."""
    return np.isin(samples.stream, [STREAMS.index("base"), STREAMS.index("flow")])


def chosen(samples: SampleSet) -> np.ndarray:
    """Validation rows that are not slow, evenly picked."""
    rows = np.flatnonzero((samples.split == VALIDATION) & ~samples.slow & own_states(samples))
    return rows[:: max(1, len(rows) // MOST_ROWS)]


def choose(
    model: Model,
    trust: Trust,
    references: References,
    gas: Mechanism,
    samples: SampleSet,
    rows: np.ndarray,
    quantile: float,
) -> tuple[float, int, dict[str, Any], dict[str, Any]]:
    """Limit of the estimate, number of rows that the network is asked for, how well this and other estimators rank the
    true error of its corrected step there, and how certain the limit is.

    The rows are integrated anew: in a dozen groups, each with one time step out of the rows' own.
    """
    values: dict[str, list[np.ndarray]] = {}
    for part in np.array_split(rows[np.argsort(samples.dt[rows], kind="stable")], min(STEPS, len(rows))):
        for name, value in compared(model, trust, references, gas, samples, part).items():
            values.setdefault(name, []).append(np.nan_to_num(value.numpy(), nan=np.inf, posinf=np.inf))
    found = {name: np.concatenate(value) for name, value in values.items()}
    true, alone, corrected, row = (found.pop(name) for name in ("true", "network alone", "corrected", "row"))
    table, limit = {}, 0.0
    for name, value in found.items():
        share, bound = accepted(value, true, quantile)
        table[name] = {"rank_correlation": rank_correlation(value, true), "accepted": share}
        limit = bound if name == "estimate" else limit
    table["true error"] = {"rank_correlation": 1.0, "accepted": accepted(true, true, quantile)[0]}
    steps = {"network": alone, "corrected": corrected, "kept": true}
    within = {name: float((error <= 1).sum()) / max(len(error), 1) for name, error in steps.items()}
    table["within what is stated"] = within
    return limit, len(true), table, certainty(found["estimate"], true, samples.group[row], quantile)


def rank_correlation(estimate: np.ndarray, true: np.ndarray) -> float:
    """Spearman's; infinite values count as large. Zero where there is nothing to rank."""
    a, b = np.minimum(estimate, 1e30), np.minimum(true, 1e30)
    return float(spearmanr(a, b).statistic) if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def compared(
    model: Model, trust: Trust, references: References, gas: Mechanism, samples: SampleSet, rows: np.ndarray
) -> dict[str, Tensor]:
    """Estimates of the error of the corrected network step over the rows' middle dt, and the true one, of the rows that
    will be the network's: which the slow step does not do, and no faint species grows in (rows left,); "row": which.
    """
    T, p = (torch.as_tensor(x[rows]) for x in (samples.T, samples.p))
    Y, dt = torch.as_tensor(samples.Y[rows]).T.contiguous(), float(np.median(samples.dt[rows]))
    exact = gas.integrate(T, p, Y, dt, model.hold, *EXACT, compile=False)
    z, end = torch.cat([T.unsqueeze(0), Y]), torch.cat([exact.T.unsqueeze(0), exact.Y])
    fixed = Fixed(p if model.hold == "hp" else gas.density(T, p, Y))
    system, core = System(gas.kinetics, model.hold), model.core(gas)
    zero = torch.zeros_like(z)
    with torch.no_grad(), kernels.using("eager"):
        step: Step = model.step(gas, T, p, Y, torch.full_like(T, dt))
        z1 = torch.cat([step.T.unsqueeze(0), step.Y])
        f = evaluate_all(system, z, zero, BLOCK, fixed)
        f1 = evaluate_all(system, z1, zero, BLOCK, fixed)
        shared = SharedJacobians(gas, model.hold, references)
        near, slow = shared.nearest(z), SlowStep(shared, trust)
        _, left = slow.step(torch.arange(len(T)), near, z, f, zero, p, dt)
        corrector = Corrector(core, system, shared)
        corrected = corrector(z, z1, f, zero, near, p, dt, fixed)
        kept = corrected_step(trust, corrector, z, z1, step, f, zero, near, p, dt, fixed)
    x = model.coordinates.raw(T, p, Y, torch.full_like(T, dt))[:-1]
    asked = ~(slow.tries(z, f, dt) & (left <= LIMIT)) & (kept.grown <= 1.0)
    found = {
        "row": torch.as_tensor(rows),
        "true": misfit(trust, z, end, kept.z - end),
        "network alone": misfit(trust, z, end, z1 - end),
        "corrected": misfit(trust, z, end, corrected.z - end),
        "estimate": kept.error,
        "remaining departure": misfit(trust, z, corrected.z, corrected.error),
        "correction": misfit(trust, z, z1, corrected.z - z1),
        "trapezoid": misfit(trust, z, z1, z1 - z - 0.5 * dt * (f + f1)),
        "rates": RATES.error(z, dt * f),
        "distance": (trust.whiten @ (x - trust.centre.unsqueeze(1))).square().sum(0),
        "element correction": step.factor,
    }
    return {name: value[asked] for name, value in found.items()}
