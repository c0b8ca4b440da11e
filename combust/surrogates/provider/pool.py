"""Pools cells over ranks: those that the network may not have, as exact integration of a few on each rank costs as much
as of hundreds; and those that it may try, as a flame lies on few ranks.

Which rank works on what follows from the numbers of cells alone, never from measured times, so a restarted run
repeats the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.errors import CombustError, ConfigError
from combust.kinetics.providers.balance import overlaps
from combust.parallel import Communicator

CELLS, RESULTS, FAILURE = range(3)  # tags


class Pooling(NamedTuple):
    """What the last `Pool.solve` did, over all ranks: cells, those that moved, ranks that worked, largest batch."""

    cells: int = 0
    moved: int = 0
    working: int = 0
    largest: int = 0


@dataclass(frozen=True)
class Plan:
    """Cells of each rank, known once `request` has ended."""

    cells: np.ndarray
    request: Any = None

    def counts(self) -> np.ndarray:
        """Cells of each rank; waits until all ranks have told theirs."""
        if self.request is not None:
            self.request.Wait()  # at once, once it is done
        return self.cells


class Pool:
    """Works on cells of all ranks in batches of at least `least` cells, as long as there are that many.

    All ranks call `begin` and `solve` in the same order; `stats` tells what the last `solve` did. It speaks on a
    communicator of its own.
    """

    def __init__(self, comm: Communicator, least: int = 512, tolerated: float = 0.1, gathers: bool = True) -> None:
        """tolerated : nothing moves while the largest batch has at most this share over the mean.
        gathers : cells that are too few for a batch on each rank go to as few ranks; else they stay, and only what a
            rank has too much moves

        Raises ConfigError for a number out of range.
        """
        if least < 1 or not tolerated >= 0.0:
            raise ConfigError(f"pooling, least = {least}, tolerated = {tolerated}: needs least >= 1 and tolerated >= 0")
        self.comm = comm if comm.mpi is None else Communicator(comm.mpi.Dup())
        self.least, self.tolerated, self.gathers = least, tolerated, gathers
        self.stats = Pooling()

    def begin(self, count: int) -> Plan:
        """Tells the others how many cells this rank has, without waiting for theirs."""
        own = np.array([count], dtype=np.int64)
        if self.comm.mpi is None:
            return Plan(own)
        cells = np.empty(self.comm.size, dtype=np.int64)
        return Plan(cells, self.comm.mpi.Iallgather(own, cells))

    def trades(self, plan: Plan) -> bool:
        """Whether this rank gives or takes cells; where it does not, it may do its own without `solve`."""
        counts, me = plan.counts(), self.comm.rank
        wanted = self._wanted(counts)
        return bool(counts[me] != wanted[me])

    def _wanted(self, counts: np.ndarray) -> np.ndarray:
        """Cells that each rank works on; notes them in `stats`."""
        wanted = (spread if self.gathers else evened)(counts, self.least, self.tolerated)
        moved = int(np.maximum(counts - wanted, 0).sum())
        self.stats = Pooling(int(counts.sum()), moved, int(np.count_nonzero(wanted)), int(wanted.max()))
        return wanted

    def solve(self, plan: Plan, fields: Tensor, solve: Callable[[Tensor], Tensor], rows_out: int) -> Tensor:
        """solve(fields) of this rank's cells, in their order, wherever they were integrated.

        fields : (rows, cells) float64 on any device, as many cells as `plan` was told
        solve : (rows, n) -> (rows_out, n) for n > 0; its errors cannot name a cell by its place in the batch
        Raises the CombustError of `solve` on the rank where it failed and on those whose cells it had; the others
        return. Wrap it in `combust.parallel.together` to end all.
        """
        counts, me = plan.counts(), self.comm.rank
        assert fields.shape[1] == counts[me], "begin was told another number of cells"
        wanted = self._wanted(counts)
        sent, received = moves(counts, wanted, me)
        stays = int(counts[me] - sent.sum())
        asked = self._ask(fields[:, stays:], sent, rows_out)
        own, error = self._work(fields[:, :stays], received, solve, rows_out)
        away, errors = self._answers(asked)
        for failed in (error, *errors):
            if failed is not None:
                raise failed
        return torch.cat((own, *(x.reshape(rows_out, -1).to(own.device) for x in away)), dim=1) if away else own

    def _ask(self, leaving: Tensor, sent: np.ndarray, rows_out: int) -> list[tuple[int, np.ndarray, list[Any]]]:
        """Sends cells away: for each rank that takes some, where its answer comes and the messages under way."""
        asked = []
        takers = np.flatnonzero(sent)
        for taker, cells in zip(takers.tolist(), leaving.split(sent[takers].tolist(), dim=1), strict=True):
            answer = np.empty(1 + rows_out * cells.shape[1])
            asked.append(
                (
                    taker,
                    answer,
                    [
                        self.comm.mpi.Isend(cells.contiguous().cpu().numpy(), taker, CELLS),
                        self.comm.mpi.Irecv(answer, taker, RESULTS),
                    ],
                )
            )
        return asked

    def _work(
        self, own: Tensor, received: np.ndarray, solve: Callable[[Tensor], Tensor], rows_out: int
    ) -> tuple[Tensor, CombustError | None]:
        """Integrates what stays and what comes, and answers: a number that tells success, then the results."""
        givers = np.flatnonzero(received).tolist()
        came = [np.empty((own.shape[0], received[giver])) for giver in givers]
        for request in [self.comm.mpi.Irecv(cells, g, CELLS) for g, cells in zip(givers, came, strict=True)]:
            request.Wait()
        batch = torch.cat((own, *(torch.from_numpy(cells).to(own.device) for cells in came)), dim=1)
        try:
            result = solve(batch) if batch.shape[1] else own.new_empty(rows_out, 0)
        except CombustError as failure:
            for giver in givers:
                self.comm.mpi.Send(np.ones(1), giver, RESULTS)
                self.comm.mpi.send((type(failure), str(failure)), giver, FAILURE)
            return own, failure
        parts = result.split([own.shape[1], *(cells.shape[1] for cells in came)], dim=1)
        answers = [np.concatenate((np.zeros(1), part.cpu().numpy().ravel())) for part in parts[1:]]
        for request in [self.comm.mpi.Isend(a, giver, RESULTS) for a, giver in zip(answers, givers, strict=True)]:
            request.Wait()
        return parts[0], None

    def _answers(self, asked: list[tuple[int, np.ndarray, list[Any]]]) -> tuple[list[Tensor], list[CombustError]]:
        """Results of the cells sent away, in order, and the errors that came instead."""
        results, errors = [], []
        for taker, answer, requests in asked:
            for request in requests:
                request.Wait()
            results.append(torch.from_numpy(answer[1:]))
            if answer[0] != 0.0:
                kind, message = self.comm.mpi.recv(source=taker, tag=FAILURE)
                errors.append(kind(message))
        return results, errors


def spread(counts: np.ndarray, least: int, tolerated: float) -> np.ndarray:
    """Cells that each rank integrates: the same number on those that work, which are the ones that have most.

    So many work that each has `least` or more. Nothing moves while no more ranks have cells and the largest number is
    within `tolerated` of the mean.
    """
    total = int(counts.sum())
    working = min(max(total // least, 1), counts.size)
    if np.count_nonzero(counts) <= working and counts.max() * working <= (1.0 + tolerated) * total:
        return counts
    order = np.argsort(-counts, kind="stable")[:working]
    wanted = np.zeros_like(counts)
    wanted[order] = total // working
    wanted[order[: total % working]] += 1
    return wanted


def evened(counts: np.ndarray, least: int, tolerated: float) -> np.ndarray:
    """Cells that each rank works on: at most `most` of them, which is the mean, or `least` where that is more.

    What is above goes to those that have fewest. Nothing moves while the largest number is within `tolerated` of that.
    """
    total = int(counts.sum())
    most = max(-(-total // counts.size), least)
    if counts.max() <= (1.0 + tolerated) * most:
        return counts
    wanted = np.minimum(counts, most)
    order = np.argsort(wanted, kind="stable")
    room = most - wanted[order]
    before = room.cumsum() - room  # of those that have fewer
    wanted[order] += np.clip(total - int(wanted.sum()) - before, 0, room)
    return wanted


def moves(counts: np.ndarray, wanted: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells that `rank` sends to, and gets from, each rank: in rank order, surplus cells fill the gaps.

    No rank both sends and gets.
    """
    gives, takes = np.maximum(counts - wanted, 0), np.maximum(wanted - counts, 0)
    return overlaps(gives, takes, rank), overlaps(takes, gives, rank)
