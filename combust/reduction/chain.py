"""The chain of steps that makes a small mechanism of a large one, each judged by the true errors of its result.

    graph -> trial removal of species (or the network's search) -> re-fit -> removal of reactions -> quasi-steady states

The result of each step starts the next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.evaluate import Evaluator
from combust.reduction.cases.measures import Watch
from combust.reduction.cases.samples import Samples
from combust.reduction.select import csp, network, qss_ranking, refit, search
from combust.reduction.select.graph import Graph, Ranking
from combust.reduction.select.search import Judgement, Say
from combust.reduction.select.targets import default_targets
from combust.reduction.settings import Reduction
from combust.reduction.submechanism import Parent, Subset
from combust.report.meter import SILENT

MEASURED_BY = {
    "ignition": ("ignition_delay", "burnt_temperature", "heat_release", "peak", "final"),
    "psr": ("extinction_time", "extinction_temperature", "peak", "final"),
    "flame": ("flame_speed", "burnt_temperature", "heat_release", "peak", "final"),
    "counterflow": ("peak_temperature", "peak"),
}


@dataclass(frozen=True)
class Stage:
    """The result of one step."""

    name: str
    judgement: Judgement
    seconds: float
    evaluations: int  # of a part at a case, found by earlier runs not counted


@dataclass
class Progress:
    """A reduction under way, and what it found."""

    settings: Reduction
    parent: Parent
    cases: tuple[ReductionCase, ...]
    tolerance: Mapping[str, float]
    targets: Mapping[str, float]
    samples: Samples | None = None  # needed by `reduce`
    stages: list[Stage] = field(default_factory=list)
    graph: Graph | None = None
    ranking: Ranking | None = None

    @property
    def states(self) -> Samples:
        """The samples, which `reduce` needs."""
        assert self.samples is not None
        return self.samples

    @property
    def best(self) -> Judgement:
        """The result of the last step."""
        return self.stages[-1].judgement


def tolerances(settings: Reduction, cases: Iterable[ReductionCase]) -> dict[str, float]:
    """Tolerances of what the cases measure. Raises ConfigError for one that the file names and no case measures."""
    measured = {metric for case in cases if not case.held_out for metric in MEASURED_BY[case.kind]}
    given = settings.tolerance if settings.tolerance is not None else STANDARD_TOLERANCE
    lost = [name for name in given if name.partition(" ")[0] not in measured]
    if lost and settings.tolerance is not None:
        raise ConfigError(
            f'tolerance."{lost[0]}": no condition of the search measures it; the conditions measure '
            f"{', '.join(sorted(measured))}"
        )
    return {name: value for name, value in given.items() if name not in lost}


def species_of(tolerance: Iterable[str]) -> list[str]:
    """Species that the names of tolerances speak of, each once."""
    return list(dict.fromkeys(name.partition(" ")[2] for name in tolerance if " " in name))


REPAIRABLE = 8.0  # a score that a re-fit may bring below 1
TRIALS = 4  # species whose loss is tried at each size, in a re-fit
WIDER = 0.5  # species that the network may bring back, over those of the graph's result
STANDARD_TOLERANCE = {"ignition_delay": 0.1, "flame_speed": 0.05, "extinction_time": 0.1}


def watch_of(settings: Reduction, tolerance: Mapping[str, float]) -> Watch:
    """What simulations must measure; an ignition is followed to the burnt gas only where that counts."""
    peak, final = (
        tuple(name.partition(" ")[2] for name in tolerance if name.startswith(f"{kind} ")) for kind in ("peak", "final")
    )
    burnt = bool(final) or "burnt_temperature" in tolerance or "heat_release" in tolerance
    return Watch(peak=peak, final=final, burnt=burnt)


def begin(settings: Reduction, gas: Mechanism, samples: Samples | None = None) -> Progress:
    """Checks names and targets. Raises ConfigError or MechanismError with near matches."""
    cases = settings.cases
    limits = tolerances(settings, cases)
    targets = settings.graph.targets or default_targets(gas, cases, species_of(limits))
    for name in settings.retain:
        gas.index(name)
    return Progress(settings, Parent(gas), cases, limits, targets, samples)


def reduce(progress: Progress, evaluator: Evaluator, say: Say = SILENT.say) -> None:
    """Runs all steps; `progress` holds the result of each that is done.

    Raises ConfigError when no part meets the tolerances, saying the smallest error reached.
    """
    whole = evaluator.judge([progress.parent.whole])[0]
    _add(progress, "detailed", whole, 0.0, 0)
    if not whole.passes:
        raise ConfigError(
            f"the tolerances cannot be met: the smallest error reached, that of the detailed mechanism itself, "
            f"evaluated like a candidate, is {whole.score:.3g} times its tolerance ({whole.why})"
        )
    steps: list[tuple[str, Callable[[Progress, Evaluator, Say], Judgement | None]]] = [
        (progress.settings.graph.method, by_graph), ("sensitivity", by_sensitivity), ("refit", by_refit),
        ("reactions", by_reactions), ("qss", by_qss),
    ]  # fmt: skip
    if progress.settings.search.method == "network":
        steps[1] = ("network", by_network)
    for name, step in steps:
        start, count = time.monotonic(), evaluator.evaluations
        found = step(progress, evaluator, say)
        if found is not None:
            _add(progress, name, found, time.monotonic() - start, evaluator.evaluations - count)
            say(f"{name}: {found.subset}, score {found.score:.3f} ({found.why})")


def _add(progress: Progress, name: str, judgement: Judgement, seconds: float, evaluations: int) -> None:
    progress.stages.append(Stage(name, judgement, seconds, evaluations))


def by_graph(progress: Progress, evaluator: Evaluator, say: Say) -> Judgement:
    """The smallest set of the graph's ranking whose errors are within the tolerances."""
    settings, parent = progress.settings, progress.parent
    progress.graph = Graph(parent.gas, progress.states, settings.graph.method, settings.graph.colliders, parent)
    progress.ranking = progress.graph.ranking(
        progress.targets, retained_rows(progress), settings.graph.scaling and settings.graph.method == "drgep",
        group=settings.graph.regroup,
    )  # fmt: skip
    order = progress.ranking.species
    fixed = len(fixed_rows(progress))
    nested = [parent.keep(order[:count]) for count in range(max(1, fixed), len(order) + 1)]
    found = search.smallest(nested, evaluator.judge, settings.search.look)
    if found is None:
        raise DivergenceError("the whole mechanism passed and then failed: evaluations are not reproducible")
    return found


def by_sensitivity(progress: Progress, evaluator: Evaluator, say: Say) -> Judgement | None:
    """Species removed one by one, by what their removal does."""
    settings = progress.settings
    if settings.sensitivity.method == "none":
        return None
    assert progress.ranking is not None
    value = dict(zip(progress.ranking.species, progress.ranking.values, strict=True))
    fixed = fixed_rows(progress)
    start = progress.best
    tried = [k for k in start.subset.species if k not in fixed and value[k] <= settings.sensitivity.upper]
    step = search.greedy if settings.sensitivity.method == "greedy" else search.initial
    return step(start, tried, progress.parent.without, evaluator.judge, say, progress.parent.gas.species.__getitem__)


def by_refit(progress: Progress, evaluator: Evaluator, say: Say) -> Judgement | None:
    """Pre-exponentials re-fitted; then species whose loss a new fit makes up for are removed one by one."""
    settings, parent = progress.settings.refit, progress.parent
    if settings.method == "none":
        return None
    best, fixed = refit.refit(progress.best, evaluator, settings.factor), fixed_rows(progress)
    say(f"re-fitted: {best.subset}, score {best.score:.3f} ({best.why})")
    while True:
        left = [k for k in best.subset.species if k not in fixed]
        found = evaluator.judge([parent.without(best.subset, k) for k in left], limit=REPAIRABLE)
        ranked = sorted((f.score, k, place) for place, (k, f) in enumerate(zip(left, found, strict=True)))
        for score, k, place in ranked[:TRIALS]:
            if score > REPAIRABLE:
                return best
            fitted = refit.refit(found[place], evaluator, settings.factor)
            name = parent.gas.species[k]
            say(f"without {name}: score {score:.3f}, re-fitted {fitted.score:.3f} ({fitted.why})")
            if fitted.passes:
                best = fitted
                break
        else:
            return best


def by_network(progress: Progress, evaluator: Evaluator, say: Say) -> Judgement:
    """Species removed, and others brought back, by a network that learns what passes; see reduction.select.network.

    It starts from the graph's result, which passes with few species, so that most of its masks are informative. The
    graph may have cut a species that makes two others needless, so the next WIDER of its ranking are candidates too.
    """
    settings, parent = progress.settings, progress.parent
    assert progress.ranking is not None
    start, fixed = progress.best, fixed_rows(progress)
    value = dict(zip(progress.ranking.species, progress.ranking.values, strict=True))
    inside = [k for k in start.subset.species if value[k] <= settings.sensitivity.upper]
    outside = [k for k in progress.ranking.species if k not in start.subset.species and value[k] > 0]
    outside = outside[: math.ceil(WIDER * len(start.subset.species))]

    def terms(judgement: Judgement) -> dict[str, float]:
        return {
            f"{place} {metric}": error / progress.tolerance[metric]
            for place, found in judgement.errors.items() for metric, error in found.items()
            if metric in progress.tolerance
        }  # fmt: skip

    return network.search(
        start, [k for k in (*inside, *outside) if k not in fixed], parent.keep, evaluator.judge,
        settings.search.budget, settings.search.seed, say, value, terms,
    )  # fmt: skip


def by_reactions(progress: Progress, evaluator: Evaluator, say: Say) -> Judgement | None:
    """Reactions removed in the order of their importance to the kept species."""
    method = progress.settings.reactions.method
    if method == "none":
        return None
    parent, start = progress.parent, progress.best
    importance = reaction_importance(parent, start.subset, progress.states, method)
    order = sorted(start.subset.reactions, key=lambda i: -importance[i])
    counts = range(math.ceil(len(order) / 5), len(order) + 1)  # never less than a fifth
    nested = [replace(start.subset, reactions=tuple(sorted(order[:count]))) for count in counts]
    return search.smallest(nested, evaluator.judge, progress.settings.search.look)


def by_qss(progress: Progress, evaluator: Evaluator, say: Say) -> Judgement | None:
    """Species put into quasi-steady state in the order of their ranking; those that would fail are passed over."""
    settings, parent, best = progress.settings.qss, progress.parent, progress.best
    if settings.method == "none":
        return None
    samples, names = progress.states, parent.names(best.subset)
    Y = samples.Y[list(best.subset.species)]
    gas = evaluator.mechanism(best.subset)
    ranked = qss_ranking.rank(gas, samples.T, samples.p, Y / Y.sum(0), settings.method)
    fixed = fixed_rows(progress)
    rows = [(best.subset.species[names.index(name)], value) for name, value in ranked]
    for k, value in [row for row in rows if row[0] not in fixed][: settings.most]:
        found = evaluator.judge([replace(best.subset, qss=tuple(sorted((*best.subset.qss, k))))])[0]
        name = f"{parent.gas.species[k]} ({settings.method} {value:.2g})"
        say(f"quasi-steady {name}: score {found.score:.3f} ({found.why})")
        if found.passes:
            best = found
    return best


def reaction_importance(parent: Parent, subset: Subset, samples: Samples, method: str) -> np.ndarray:
    """Greatest importance (reactions,) of each reaction to any kept species in any state."""
    T, p, Y = (torch.as_tensor(x) for x in (samples.T, samples.p, samples.Y))
    if method == "csp":
        return csp.importance(parent.gas, T, p, Y, subset.species).numpy()
    forward, reverse = parent.gas.rates_of_progress(T, p, Y)
    net = (forward - reverse).abs()
    nu = torch.as_tensor(
        parent.solution.product_stoich_coeffs - parent.solution.reactant_stoich_coeffs, dtype=torch.float64
    )
    result = torch.zeros(net.shape[0], dtype=torch.float64)
    for k in subset.species:
        share = nu[k].abs().unsqueeze(1) * net
        result = torch.maximum(result, (share / share.sum(0).clamp_min(1e-300)).amax(1))
    return result.numpy()


def retained_rows(progress: Progress) -> tuple[int, ...]:
    """Species that stay: those of the file's `retain`, and all of the cases' fuels and oxidizers."""
    gas = progress.parent.gas
    rows = {gas.index(name) for name in progress.settings.retain}
    for case in progress.cases:
        for stream in (case.fuel, case.oxidizer):
            rows |= set(torch.nonzero(gas.composition(stream).cpu() > 0).reshape(-1).tolist())
    return tuple(sorted(rows))


def fixed_rows(progress: Progress) -> frozenset[int]:
    """Retained species, and targets that the file names."""
    named: Sequence[str] = tuple(progress.settings.graph.targets or ())
    gas = progress.parent.gas
    return frozenset(retained_rows(progress)) | {row for row in map(gas.names.row, named) if row is not None}
