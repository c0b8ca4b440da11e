"""Shares the cells that need chemistry evenly over the ranks.

A flame fills few cells and those lie on few ranks: the others would wait. Which cells move follows from the state
alone, never from measured times, so a restarted run repeats the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate.blocks import in_pieces
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.state import check_source, check_state, pack
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.providers.chemistry import Chemistry, Result, columns_of, require_step
from combust.parallel import Communicator, together

TOLERATED = 0.10  # nothing moves while the rank with most work has at most this much over the mean
# Work of an active cell, in inert ones: batched integration of hydrogen in a flame takes 2 to 3 times as long as the
# rate test and explicit step of an inert cell (benchmarks/balance.py).
ACTIVE = 3
# A cell is active if its rates change some rhoY_k by more than RTOL rhoY_k + ATOL rho within dt.
RTOL, ATOL = 1e-4, 1e-9
CELLS = 8  # tag of the messages


class Sharing(NamedTuple):
    """What the last plan did: largest work of a rank over the mean, less one, before and after; cells moved."""

    before: float
    after: float
    moved: int
    active: int


@dataclass(frozen=True)
class Shared:
    """A step begun on the shared-out cells; `exchange` is None where nothing moves."""

    inner: object
    exchange: Exchange | None


class Balanced:
    """A chemistry provider that integrates its cells where there is time for them; itself a `Chemistry`.

    `begin` plans once and each `advance` follows that plan; all ranks must call both together. Only active cells
    move. `sharing` tells what the last plan did.
    """

    def __init__(self, chemistry: Chemistry, comm: Communicator, tolerated: float = TOLERATED) -> None:
        self.chemistry, self.comm, self.tolerated = chemistry, comm, tolerated
        self.gas = chemistry.gas
        self.hold: Hold = getattr(chemistry, "hold", "flow")
        # Numbers over all ranks hold wherever a cell was done; of fields the cells are elsewhere.
        self.fields: dict[str, Callable[[], Tensor]] = {}
        self.columns = columns_of(chemistry)
        self.sharing = Sharing(0.0, 0.0, 0, 0)
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates (species, cells) kg/m3/s of the local cells: none move for them."""
        wdot = self.chemistry.rates(T, rhoY)
        speed = in_pieces(lambda w, r: (w.abs() / (RTOL * r.abs() + ATOL * r.sum(0))).amax(0), wdot, rhoY)
        # A solver asks for the rates at the end of a step and begins the next one there: clones, since the
        # caller may write into its own.
        self._seen = (T.clone(), rhoY.clone(), speed)
        return wdot

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> Shared:
        """Prepare a step of dt [s] from T, rhoY on the cells that the plan gives this rank; see `Chemistry`."""
        durations = Durations.given(dt)
        active = torch.nonzero(self._speed(T, rhoY) * durations.seconds > 1.0).flatten()
        self._seen = None  # the next step begins elsewhere
        cells, busy = self.comm.lists(np.array((T.numel(), active.numel()), dtype=np.int64)).T
        work = cells + (ACTIVE - 1) * busy
        gives, takes = plan(work, busy, self.tolerated)
        after = work + ACTIVE * (takes - gives)
        self.sharing = Sharing(imbalance(work), imbalance(after), int(gives.sum()), int(busy.sum()))
        if not gives.any():
            return Shared(self.chemistry.begin(T, rhoY, dt, Q, Qh), None)
        # Here a cell's number still means something.
        together(self.comm, lambda: check_state(self.gas, pack(T, rhoY)))
        exchange = Exchange(self.comm, gives, takes, active, T.numel())
        state = exchange.out(pack(T, rhoY))
        if durations.share is not None:
            dt = Durations(durations.whole, exchange.out(durations.share.unsqueeze(0))[0])
        if Q is None or Qh is None:
            return Shared(self.chemistry.begin(state[0], state[1:], dt), exchange)
        source = exchange.out(pack(Qh, Q))
        return Shared(self.chemistry.begin(state[0], state[1:], dt, source[1:], source[0]), exchange)

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """The step's result with constant Q [kg/m3/s], Qh [W/m3], all cells back in place.

        `stats` counts the cells that this rank integrated, wherever they belong.
        """
        step = require_step(step, Shared, self)
        if step.exchange is None:
            return self.chemistry.advance(step.inner, Q, Qh)
        together(self.comm, lambda: check_source(pack(Qh, Q)))
        source = step.exchange.out(pack(Qh, Q))
        result = together(self.comm, lambda: self.chemistry.advance(step.inner, source[1:], source[0]))
        state = step.exchange.home(pack(result.T, result.rhoY))
        return replace(result, T=state[0], rhoY=state[1:])

    def _speed(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Rate of change of each cell in tolerances per second."""
        if self._seen is None or not (_same(self._seen[0], T) and _same(self._seen[1], rhoY)):
            self.rates(T, rhoY)
        assert self._seen is not None
        return self._seen[2]


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


class Exchange:
    """Sends surplus cells out and their results home. Fields are (component, cells), float64."""

    def __init__(self, comm: Communicator, gives: np.ndarray, takes: np.ndarray, active: Tensor, cells: int) -> None:
        """gives, takes : active cells that each rank gives and takes, as many in all; active : this rank's, ascending.

        The cells given, laid end to end in rank order, fill the gaps of those that take.
        """
        self.comm = comm
        self.sent, self.received = overlaps(gives, takes, comm.rank), overlaps(takes, gives, comm.rank)
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
        mpi, requests = self.comm.mpi, []
        # Few ranks trade with one another: messages to these alone, where a call of all would ask every rank.
        for rank, part in _parts(receive, received):
            requests.append(mpi.Irecv(part.numpy(), source=rank, tag=CELLS))
        for rank, part in _parts(send, sent):
            requests.append(mpi.Isend(part.numpy(), dest=rank, tag=CELLS))
        for request in requests:
            request.Wait()
        return receive.T.to(field.device)


def _parts(cells: Tensor, counts: np.ndarray) -> Iterator[tuple[int, Tensor]]:
    """The ranks that have some of the cells (cells, rows), and these."""
    ranks = np.flatnonzero(counts)
    return zip(ranks.tolist(), cells.split(counts[ranks].tolist()), strict=True)


def plan(work: np.ndarray, movable: np.ndarray, tolerated: float = TOLERATED) -> tuple[np.ndarray, np.ndarray]:
    """Cells of ACTIVE units that each rank gives, and takes, so that all have the same work, to ACTIVE units.

    work : of each rank; movable : cells of ACTIVE units that it may give
    All zero while `imbalance(work)` is at most `tolerated`. No rank does both. Lists of the ranks, no table of pairs.
    """
    if imbalance(work) <= tolerated:
        return np.zeros_like(work), np.zeros_like(work)
    over = (work - int(work.sum()) // work.size) / ACTIVE
    gives = np.minimum(movable, np.floor(np.maximum(over, 0.0)).astype(np.int64))
    takes = np.floor(np.maximum(-over, 0.0)).astype(np.int64)
    return _first(gives, int(takes.sum())), _first(takes, int(gives.sum()))


def _first(counts: np.ndarray, room: int) -> np.ndarray:
    """The first `room` of all that is counted, in rank order."""
    return np.diff(np.minimum(counts.cumsum(), room), prepend=0)


def overlaps(mine: np.ndarray, theirs: np.ndarray, rank: int) -> np.ndarray:
    """Length that the piece `rank` of `mine` shares with each piece of `theirs`, both laid end to end from 0.

    What one rank gives and others take, surplus by gap in rank order. Time and memory grow with the number of ranks,
    not with its square.
    """
    stop, start = theirs.cumsum(), theirs.cumsum() - theirs
    end = mine[: rank + 1].sum()
    return np.maximum(np.minimum(stop, end) - np.maximum(start, end - mine[rank]), 0)


def imbalance(work: np.ndarray) -> float:
    """Largest over mean, less one; 0 without work."""
    total = int(work.sum())
    return float(work.max()) * work.size / total - 1.0 if total > 0 else 0.0
