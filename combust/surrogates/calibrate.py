"""The last step of training: what the rows covered, and the limits of trust that keep a stated error of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from combust.kinetics import systems
from combust.kinetics.integrate import Tolerance
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.systems import Fixed
from combust.surrogates.model import Model, Step
from combust.surrogates.router import Trust, disagreement, ratios
from combust.surrogates.settings import Surrogate
from combust.surrogates.slow import TRIED, References, burnt_and_fresh

if TYPE_CHECKING:
    from combust.surrogates.sample_set import SampleSet

MARGIN = 0.01  # of the range of an input, by which states may exceed the training rows
FARTHEST = 0.9995  # quantile of the rows' distances from their centre, the limit of density
REFERENCE_PHIS = 5
SLOW_RTOL, SLOW_ATOL = 1e-3, 1e-8  # of the step for slow cells
MOST_ROWS = 60_000
TRAIN, VALIDATION = 0, 1


def calibrate(model: Model, gas: Mechanism, samples: SampleSet, config: Surrogate) -> dict[str, Any]:
    """Fills the model's tables and card: trust, references of the slow step. Returns the card's part "router"."""
    trust = coverage(model, gas, samples)
    references = references_of(gas, config)
    rows = chosen(samples)
    step, z, f, z1, f1, exact = evaluated(model, gas, samples, rows)
    off = disagreement(trust, z, z1, f, f1, torch.as_tensor(samples.dt[rows]))
    error = true_errors(trust, step, exact)
    limits, ranking = choose(model, trust, samples, rows, step, off, error, z, f, config)
    trust = trust._replace(limits=limits)
    model.tables |= {f"trust.{k}": v for k, v in trust._asdict().items()}
    model.tables |= {f"references.{k}": v for k, v in references._asdict().items()}
    card = {
        "stated": {"T_K": config.router.temperature, "Y_of_peak": config.router.species,
                   "quantile": config.router.quantile},
        "limits": {"T_K": float(limits[0]), "Y_of_peak": float(limits[1])},
        "slow": {"rtol": SLOW_RTOL, "atol": SLOW_ATOL},
        "ranking": ranking,
    }  # fmt: skip
    model.card["router"] = card
    return card


def coverage(model: Model, gas: Mechanism, samples: SampleSet) -> Trust:
    """Ranges, element ratios and density of the training rows; limits still infinite."""
    train = samples.split == TRAIN
    T, p, Y = (torch.as_tensor(x[train]) for x in (samples.T, samples.p, samples.Y))
    Y = Y.T.contiguous()
    x = model.coordinates.raw(T, p, Y, torch.ones_like(T))[:-1]
    low, high = x.amin(1), x.amax(1)
    room = MARGIN * (high - low) + 1e-9 * high.abs()
    atomic = torch.as_tensor([gas.cantera_of_all().atomic_weight(e) for e in gas.elements], dtype=torch.float64)
    elements = atomic.unsqueeze(1) * (gas.element_matrix / gas.molar_mass).cpu()
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
        Y.amax(1).clamp_min(1e-9), torch.full((2,), torch.inf, dtype=torch.float64),
    )  # fmt: skip


def references_of(gas: Mechanism, config: Surrogate) -> References:
    """Fresh and burnt gas over the range of equivalence ratios."""
    low, high = config.range.phi
    phis = np.geomspace(low, high, REFERENCE_PHIS).tolist()
    p = float(np.sqrt(config.range.p[0] * config.range.p[1]))
    return burnt_and_fresh(gas, config.fuel, config.oxidizer, phis, config.range.T_fresh[0], p)


def chosen(samples: SampleSet) -> np.ndarray:
    """Validation rows that are not slow, evenly picked."""
    rows = np.flatnonzero((samples.split == VALIDATION) & ~samples.slow)
    return rows[:: max(1, len(rows) // MOST_ROWS)]


def evaluated(
    model: Model, gas: Mechanism, samples: SampleSet, rows: np.ndarray
) -> tuple[Step, Tensor, Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
    """The network's steps of the rows, z and dz/dt at both ends, and the exact end states (T, Y)."""
    T, p, dt, T1 = (torch.as_tensor(getattr(samples, name)[rows]) for name in ("T", "p", "dt", "T1"))
    Y, Y1 = (torch.as_tensor(getattr(samples, name)[rows]).T.contiguous() for name in ("Y", "Y1"))
    with torch.no_grad():
        parts = [model.step(gas, *(x[..., i : i + 4096] for x in (T, p, Y, dt))) for i in range(0, T.numel(), 4096)]
        step = Step(*(torch.cat(x, -1) for x in zip(*parts, strict=True)))
        z, z1 = torch.cat([T.unsqueeze(0), Y]), torch.cat([step.T.unsqueeze(0), step.Y])
        f, f1 = (rates(gas, model, x, p) for x in (z, z1))
    return step, z, f, z1, f1, (T1, Y1)


def rates(gas: Mechanism, model: Model, z: Tensor, p: Tensor) -> Tensor:
    """dz/dt (1 + species, cells) of reactors."""
    held = p if model.hold == "hp" else gas.density(z[0], p, z[1:])
    parts = [
        systems.rate(gas.kinetics, model.hold, z[:, i : i + 4096], torch.zeros_like(z[:, i : i + 4096]),
                     Fixed(held[i : i + 4096]))
        for i in range(0, z.shape[1], 4096)
    ]  # fmt: skip
    return torch.cat(parts, 1)


def true_errors(trust: Trust, step: Step, exact: tuple[Tensor, Tensor]) -> Tensor:
    """As `disagreement`: K, and share of the peak, (2, rows)."""
    return torch.stack([
        (step.T - exact[0]).abs(), ((step.Y - exact[1]).abs() / trust.peak.unsqueeze(1)).amax(0)])


def choose(
    model: Model, trust: Trust, samples: SampleSet, rows: np.ndarray, step: Step, off: Tensor, error: Tensor,
    z: Tensor, f: Tensor, config: Surrogate,
) -> tuple[Tensor, dict[str, Any]]:
    """Limits (2,) of the disagreement, and how well this and other estimators rank the true error."""
    want = torch.tensor([config.router.temperature, config.router.species], dtype=torch.float64)
    true = (error / want.unsqueeze(1)).amax(0).numpy()
    dt = torch.as_tensor(samples.dt[rows])
    T, p, Y = z[0], torch.as_tensor(samples.p[rows]), z[1:]
    x = model.coordinates.raw(T, p, Y, dt)[:-1]
    estimators = {
        "trapezoid": (off / want.unsqueeze(1)).amax(0),
        "rates": Tolerance(SLOW_RTOL, SLOW_ATOL).error(z, dt * f) / TRIED,
        "distance": (trust.whiten @ (x - trust.centre.unsqueeze(1))).square().sum(0),
        "element correction": step.factor,
    }
    table, limit = {}, 0.0
    for name, value in estimators.items():
        value = np.nan_to_num(value.numpy(), nan=np.inf)
        share, found = accepted(value, true, config.router.quantile)
        table[name] = {"rank_correlation": float(spearmanr(value, true).statistic), "accepted": share}
        limit = found if name == "trapezoid" else limit
    table["true error"] = {"rank_correlation": 1.0, "accepted": accepted(true, true, config.router.quantile)[0]}
    return limit * want, table


def accepted(estimate: np.ndarray, true: np.ndarray, quantile: float) -> tuple[float, float]:
    """Largest share of rows, those of the smallest estimates, of which `quantile` have a true error of at most one; and
    the estimate that bounds them (zero if there are none).
    """
    order = np.argsort(estimate, kind="stable")
    good = np.cumsum(true[order] <= 1.0) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(good >= quantile)
    if not len(enough):
        return 0.0, 0.0
    return float((enough[-1] + 1) / len(order)), float(estimate[order[enough[-1]]])
