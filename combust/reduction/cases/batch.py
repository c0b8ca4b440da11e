"""Ignition delays of many parts of a mechanism at once, by combust's own kinetics.

The union of the parts is one mechanism, and each part a member of its ensemble: reactions that it lacks have the
factor 0, and of species that it lacks there is none, so each member behaves as the smaller mechanism would.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.ignition_case import PATIENCE, latest
from combust.reduction.cases.measures import Outcome, Reference, set_mixture
from combust.reduction.submechanism import Parent, Subset

RTOL, ATOL = 1e-3, 1e-12  # delays of methane come within 0.1 % of those at far tighter tolerances


def delays(
    parent: Parent,
    subsets: Sequence[Subset],
    cases: Sequence[ReductionCase],
    t_end: Tensor | float | Sequence[float],
    rtol: float = RTOL,
    atol: float = ATOL,
    rise: Tensor | float | Sequence[float] = 1.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Ignition delays (subsets, cases) s by the steepest rise of temperature; NaN where there is none by t_end.

    t_end [s] and rise [K], what T must gain: one number or (cases,). NaN also where a part lacks a species of the
    case's fuel or oxidizer, or cannot be integrated.
    Raises ConfigError for a case that is no ignition, MechanismError for rate laws that combust does not cover.
    """
    if strange := [case for case in cases if case.kind != "ignition"]:
        raise ConfigError(f"{strange[0]}: only ignitions are done in batches")
    end, least = (torch.as_tensor(x, dtype=torch.float64).expand(len(cases)) for x in (t_end, rise))
    found = torch.full((len(subsets), len(cases)), torch.nan, dtype=torch.float64)
    needs = [_streams(parent, case) for case in cases]
    jobs = [
        (i, j) for i, subset in enumerate(subsets) for j in range(len(cases))
        if subset.reactions and needs[j] <= set(subset.species)
    ]  # fmt: skip
    if not jobs:
        return found
    gas, species = _union(parent, subsets, device)
    Y = torch.stack([_mixture(parent, case) for case in cases], 1)[species].to(device)
    T, p = (torch.tensor(x, dtype=torch.float64) for x in ([c.T for c in cases], [c.p for c in cases]))
    for hold in ("uv", "hp"):
        own = [(i, j) for i, j in jobs if cases[j].hold == hold]
        if not own:
            continue
        i, j = torch.tensor(own).T
        found[i, j] = ignition_delays(
            gas, T[j], p[j].to(device), Y[:, j.to(device)], end[j], hold, rtol=rtol, atol=atol, member=i,
            rise=least[j],
        ).cpu()  # fmt: skip
    return found


def outcomes(
    parent: Parent,
    subsets: Sequence[Subset],
    cases: Sequence[ReductionCase],
    references: Sequence[Reference],
    device: torch.device | str = "cpu",
) -> list[list[Outcome]]:
    """What each part gives at each case, of the delay only; judged as in combust.reduction.cases.ignition_case.

    Raises what `delays` raises.
    """
    end = [PATIENCE * known.number("delay") for known in references]
    hot = [max(t, latest(known)) for t, known in zip(end, references, strict=True)]
    rise = [0.5 * known.number("rise") for known in references]
    found = delays(parent, subsets, cases, hot, rise=rise, device=device)
    late = [Outcome.failed(f"no ignition by {t:.3g} s, or none that can be integrated") for t in end]
    return [
        [Outcome({"ignition_delay": x}, T_unburnt=case.T) if x <= end[j] else late[j]
         for j, (x, case) in enumerate(zip(row, cases, strict=True))]
        for row in found.tolist()
    ]  # fmt: skip


def _union(parent: Parent, subsets: Sequence[Subset], device: torch.device | str) -> tuple[Mechanism, list[int]]:
    """An ensemble with one member per part, and the rows of its species in the parent: those that any part has."""
    species = sorted({k for subset in subsets for k in subset.species})
    reactions = sorted({i for subset in subsets for i in subset.reactions})
    row = {i: n for n, i in enumerate(reactions)}
    factor = torch.zeros(len(reactions), len(subsets), dtype=torch.float64)
    for member, subset in enumerate(subsets):
        factor[[row[i] for i in subset.reactions], member] = 1.0
        for i, value in subset.factors:
            if i in subset.reactions:
                factor[row[i], member] *= value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "union.yaml"
        path.write_text(parent.yaml(Subset(tuple(species), tuple(reactions)), {}), encoding="utf-8")
        return Mechanism.load(path, device=device, ions=parent.gas.ions).ensemble(factor), species


def _mixture(parent: Parent, case: ReductionCase) -> Tensor:
    """Mass fractions (species,) of the case; the state of the parent's Cantera object is lost."""
    set_mixture(parent.solution, case)
    return torch.tensor(parent.solution.Y.copy(), dtype=torch.float64)


def _streams(parent: Parent, case: ReductionCase) -> set[int]:
    """Rows of the species in the case's fuel and oxidizer."""
    compositions = (parent.gas.composition(stream) for stream in (case.fuel, case.oxidizer))
    return {k for Y in compositions for k in torch.nonzero(Y.cpu() > 0).reshape(-1).tolist()}
