"""Shares the cells that need chemistry evenly over the ranks.

A flame fills few cells and those lie on few ranks: the others would wait. Which cells move follows from the state
alone, never from measured times, so a restarted run repeats the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.parallel import Communicator

TOLERATED = 0.10  # nothing moves while the rank with most work has at most this much over the mean


class Sharing(NamedTuple):
    """How even the last plan made the work: largest count of active cells over the mean, less one."""

    before: float
    after: float
    moved: int
    active: int


@dataclass(frozen=True)
class Shared:
    """A step begun on the shared-out cells; `exchange` is None where nothing moves."""

    inner: Any
    exchange: Exchange | None


class Balanced:
    """A chemistry provider that integrates its cells where there is time for them; satisfies `Chemistry` itself.

    `begin` plans once, each `advance` follows that plan; both must be called by all ranks together.
    `sharing` tells what the last plan did.
    """

    def __init__(self, chemistry: Any, comm: Communicator, tolerated: float = TOLERATED) -> None:
        self.chemistry, self.comm, self.tolerated = chemistry, comm, tolerated
        self.sharing = Sharing(0.0, 0.0, 0, 0)

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Production rates of the local cells: these cost the same everywhere and stay."""
        return self.chemistry.rates(T, rhoY)

    def begin(self, T: Tensor, rhoY: Tensor, dt: float) -> Shared:
        """Starts a step of T (cells), rhoY (species, cells) over dt, on the cells that the plan gives this rank."""
        active = torch.nonzero(self.chemistry.active(T, rhoY, dt)).flatten()
        counts = np.array([int(n) for (n,) in self.comm.gather((active.numel(),))])
        moves = plan(counts, self.tolerated)
        after = counts - moves.sum(axis=1) + moves.sum(axis=0)
        self.sharing = Sharing(imbalance(counts), imbalance(after), int(moves.sum()), int(counts.sum()))
        if not moves.any():
            return Shared(self.chemistry.begin(T, rhoY, dt), None)
        exchange = Exchange(self.comm, moves, active, T.numel())
        state = exchange.out(torch.cat((T[None], rhoY)))
        return Shared(self.chemistry.begin(state[0], state[1:], dt), exchange)

    def advance(self, step: Shared, Q: Tensor, Qh: Tensor) -> Any:
        """The step's result with the transport rates Q (species, cells) and Qh (cells), all cells back in place."""
        if step.exchange is None:
            return self.chemistry.advance(step.inner, Q, Qh)
        source = step.exchange.out(torch.cat((Qh[None], Q)))
        result = self.chemistry.advance(step.inner, source[1:], source[0])
        state = step.exchange.home(torch.cat((result.T[None], result.rhoY)))
        return result._replace(T=state[0], rhoY=state[1:])


class Exchange:
    """Sends surplus cells out and their results home. Fields are (component, cells), float64."""

    def __init__(self, comm: Communicator, moves: np.ndarray, active: Tensor, cells: int) -> None:
        """moves[i, j] : active cells that go from rank i to rank j; active : this rank's, ascending."""
        self.comm = comm
        self.sent, self.received = moves[comm.rank], moves[:, comm.rank]
        leaving = int(self.sent.sum())
        self.away = active[active.numel() - leaving :]
        stays = torch.ones(cells, dtype=torch.bool, device=active.device)
        stays[self.away] = False
        self.kept = torch.nonzero(stays).flatten()

    def out(self, field: Tensor) -> Tensor:
        """The cells to work on here: those that stay, then those that came, rank by rank."""
        came = self._trade(field[:, self.away], self.sent, self.received)
        return torch.cat((field[:, self.kept], came), dim=1)

    def home(self, field: Tensor) -> Tensor:
        """All cells of this rank in their places, from the cells worked on here and elsewhere."""
        here, foreign = field.split([self.kept.numel(), field.shape[1] - self.kept.numel()], dim=1)
        back = self._trade(foreign, self.received, self.sent)
        places = torch.cat((self.kept, self.away))
        return torch.cat((here, back), dim=1)[:, torch.argsort(places)]

    def _trade(self, field: Tensor, sent: np.ndarray, received: np.ndarray) -> Tensor:
        """Cells in order of the rank that they go to, for those in order of the rank that they come from."""
        rows = field.shape[0]
        send = field.T.contiguous().cpu()
        receive = torch.empty((int(received.sum()), rows), dtype=torch.float64)
        self.comm.mpi.Alltoallv((send.numpy(), sent * rows), (receive.numpy(), received * rows))
        return receive.T.to(field.device)


def plan(counts: np.ndarray, tolerated: float = TOLERATED) -> np.ndarray:
    """moves[i, j], work to go from rank i to j so that all have the same (to one), from the work of each rank.

    All zero while `imbalance(counts)` is at most `tolerated`.
    """
    ranks = counts.size
    moves = np.zeros((ranks, ranks), dtype=np.int64)
    if imbalance(counts) <= tolerated:
        return moves
    target = np.full(ranks, counts.sum() // ranks)
    # What does not divide stays with those who have most, so that it need not move.
    target[np.argsort(-counts, kind="stable")[: counts.sum() % ranks]] += 1
    surplus = counts - target
    givers, takers = np.flatnonzero(surplus > 0), np.flatnonzero(surplus < 0)
    given = 0
    for taker in takers:
        while surplus[taker] < 0:
            giver = givers[given]
            amount = min(surplus[giver], -surplus[taker])
            moves[giver, taker] = amount
            surplus[giver] -= amount
            surplus[taker] += amount
            given += surplus[giver] == 0
    return moves


def imbalance(counts: np.ndarray) -> float:
    """Largest over mean, less one; 0 without work."""
    total = int(counts.sum())
    return float(counts.max()) * counts.size / total - 1.0 if total > 0 else 0.0
