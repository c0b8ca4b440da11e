"""Which states lend their Jacobians to similar cells: chosen, so that the share of exact cells hangs on no draw.

Of a flame, levels of T for the front, and then those farthest from all in the coordinates by which cells find their
reference: in burnt gas T hardly changes while radicals fall by decades, so that its levels leave none there. Of
training rows, in turn the state that takes most off the error which steps with the Jacobian of the nearest reference
leave: one that is near may be worse than one that is farther off.

Farthest points: Gonzalez, Theor. Comput. Sci. 38 (1985) 293, doi:10.1016/0304-3975(85)90224-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.kinetics.integrate.blocks import BLOCK
from combust.kinetics.integrate.cells import evaluate_all
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.trust.references import References, SharedJacobians, place
from combust.surrogates.trust.router import Trust
from combust.surrogates.trust.slow import LIMIT, SlowStep

JUDGED, CANDIDATES = 1000, 200  # states whose steps are judged, and that may become references
DURATIONS = 6  # time steps to which the judged states' own are moved, since those of a batch share matrices


def farthest(points: Tensor, count: int, known: int = 0) -> list[int]:
    """Rows of `points` (rows, coordinates), `count` of them or all: each the farthest from those before it, of which
    the first `known` rows are taken without being counted; without any, the first row begins.
    """
    best = torch.full((len(points),), torch.inf, dtype=points.dtype)
    for k in range(known):
        best = torch.minimum(best, _apart(points, k))
    chosen: list[int] = []
    while len(chosen) < count:
        k = int(best.argmax())
        if not best[k] > 0:
            break
        chosen.append(k)
        best = torch.minimum(best, _apart(points, k))
    return chosen


def _apart(points: Tensor, row: int) -> Tensor:
    return (points - points[row]).square().sum(1)


def of_flame(states: References, levels: int, more: int) -> References:
    """Of the states of a flame, fresh and burnt gas first, then from one to the other: these two, those at so many
    levels of T, as the front wants them, and so many more, farthest from all, as its ends do.
    """
    T, points = states.T, place(*states).T
    wanted = torch.linspace(float(T[0]), float(T[1]), levels, dtype=T.dtype, device=T.device)
    first = [0, 1, *(int((T - level).abs().argmin()) for level in wanted)]
    known = list(dict.fromkeys(first))
    order = torch.tensor([*known, *(k for k in range(len(T)) if k not in set(known))])
    kept = order[[*range(len(known)), *farthest(points[order], more, len(known))]]
    return References(states.T[kept], states.Y[:, kept])


@dataclass(frozen=True)
class Rows:
    """States T (rows,) K, p (rows,) Pa, Y (rows, species) and the dt (rows,) s of their steps."""

    T: np.ndarray
    p: np.ndarray
    Y: np.ndarray
    dt: np.ndarray

    def __len__(self) -> int:
        return len(self.T)

    def evenly(self, count: int) -> Rows:
        """`count` of them, evenly picked; all if there are fewer."""
        return self.of(np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)))

    def of(self, some: np.ndarray) -> Rows:
        """Some of them."""
        return Rows(self.T[some], self.p[some], self.Y[some], self.dt[some])

    @property
    def references(self) -> References:
        """These states, to lend their Jacobians."""
        return References(torch.as_tensor(self.T), torch.as_tensor(self.Y).T.contiguous())


def by_error(
    gas: Mechanism, hold: Hold, trust: Trust, known: References, candidates: Rows, judged: Rows, count: int
) -> References:
    """`known` references and up to `count` of the candidates, those that take most off the errors of the steps of the
    judged states; fewer where no other would.
    """
    candidates = candidates.evenly(max(CANDIDATES, 3 * count))
    judged = judged.evenly(JUDGED)
    offered = known.joined(candidates.references)
    if not len(judged) or not len(candidates):
        return known
    error = step_errors(gas, hold, trust, offered, judged)
    there, here = place(*offered).T, place(*judged.references).T
    distance = torch.cdist(here, there, compute_mode="donot_use_mm_for_euclid_dist")
    first = known.T.numel()
    rows = [*range(first), *greedy(error / (error + LIMIT), distance.numpy(), first, count)]
    return References(offered.T[rows], offered.Y[:, rows])


def greedy(loss: np.ndarray, distance: np.ndarray, known: int, count: int) -> list[int]:
    """Columns of `loss` (rows, columns), up to `count`, in turn each that lowers most the sum over the rows of the loss
    in the column that is nearest by `distance`, of those taken before and the first `known`.
    """
    rows = np.arange(len(loss))
    near = distance[:, :known].argmin(1)
    own, apart = loss[rows, near], distance[rows, near]
    chosen: list[int] = []
    while len(chosen) < count:
        nearer = distance < apart[:, None]
        gain = np.where(nearer, own[:, None] - loss, 0.0).sum(0)
        best = int(gain.argmax())
        if gain[best] <= 0.0:
            break
        chosen.append(best)
        own, apart = (np.where(nearer[:, best], x[:, best], now) for x, now in ((loss, own), (distance, apart)))
    return chosen


def step_errors(gas: Mechanism, hold: Hold, trust: Trust, references: References, judged: Rows) -> np.ndarray:
    """Error of the slow step of each judged state with the Jacobian of each reference (rows, references), in units of
    what is allowed; a very large number where there is none.
    """
    found = np.empty((len(judged), references.T.numel()))
    step = SlowStep(SharedJacobians(gas, hold, references), trust)
    order = np.argsort(judged.dt, kind="stable")
    with torch.no_grad(), kernels.using("eager"):
        for part in np.array_split(order, min(DURATIONS, len(order))):
            found[part] = _errors(step, judged.of(part))
    return np.nan_to_num(found, nan=1e30, posinf=1e30)


def _errors(step: SlowStep, judged: Rows) -> np.ndarray:
    """(rows, references), all over the middle dt of the rows."""
    gas, count, rows = step.gas, step.shared.references.T.numel(), len(judged)
    T, p = (torch.as_tensor(x, device=gas.device) for x in (judged.T, judged.p))
    Y = torch.as_tensor(judged.Y, device=gas.device).T.contiguous()
    z = torch.cat([T.unsqueeze(0), Y])
    fixed = Fixed(p if step.hold == "hp" else gas.density(T, p, Y))
    f = evaluate_all(step.system, z, torch.zeros_like(z), BLOCK, fixed)
    near = torch.arange(count, device=gas.device).repeat_interleave(rows)
    states, rates = z.repeat(1, count), f.repeat(1, count)
    cells = torch.arange(rows * count, device=gas.device)
    _, error = step.step(
        cells, near, states, rates, torch.zeros_like(states), p.repeat(count), float(np.median(judged.dt))
    )
    return error.reshape(count, rows).T.cpu().numpy()
