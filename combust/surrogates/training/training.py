"""The loop: epochs over the rows in a seeded order, validation, early stop, a checkpoint after each epoch.

The order of the rows of an epoch and the cuts of the semigroup term follow from (seed, network, epoch) alone, so a
training that goes on from a checkpoint sees what an uninterrupted one would have seen and ends with the same bits on
the same machine and number of threads and processes.

With a time budget this holds no longer: the schedule is planned on the time. Before each epoch the pace of those before
says how many more fit, and the epoch takes that part of what is left of the schedule. So the learning rate only falls,
by time rather than by epochs, and its last epoch ends at zero when the time is over; a pace that changes on the way
changes the number of epochs, not the end.

Where species are new to the model that a training started from, the first epochs learn only what belongs to these:
gradients of all else are zero. Adam's moments begin anew when the rest joins.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from combust.errors import DivergenceError
from combust.report.meter import SILENT, Reporter
from combust.surrogates.model.model import Core
from combust.surrogates.model.network import Network
from combust.surrogates.settings import Surrogate
from combust.surrogates.training import state as training_state
from combust.surrogates.training.distributed import Group
from combust.surrogates.training.losses import COMPOSED, Objective
from combust.surrogates.training.rows import Rows
from combust.surrogates.training.state import State
from combust.timers import clock

FIRST = 20  # steps whose duration tells how long the first epoch takes
LOOK = 65_536  # rows of a block of validation
QUIET = 10.0  # s between two lines about epochs


@dataclass
class Task:
    """All that a training needs; `rows` are the training rows and `validation` the ones that stop it."""

    config: Surrogate
    core: Core  # without weights
    rows: Rows
    validation: Rows
    peak: Tensor  # (active species,)
    shape: tuple[int, int, int, int]  # inputs, outputs, width, depth
    start: list[training_state.Weights]  # weights to begin with, one network after the other; may be empty
    group: Group
    checkpoint: Path
    identity: dict[str, Any]  # what a checkpoint belongs to
    after_epoch: Callable[[State], None] = lambda state: None  # called on the root
    budget: float | None = None  # s for all networks together
    new: training_state.Weights = field(default_factory=dict)  # one where a weight is learned first, else zero


class Trainer:
    """Trains the networks of an ensemble one after the other."""

    def __init__(self, task: Task, state: State, reporter: Reporter = SILENT) -> None:
        self.task, self.state = task, state
        self.reporter = reporter.of("steps" if task.budget is None else "thousandths of the time")
        self.train = task.config.train
        self.batch = min(self.train.batch, len(task.rows))
        self.steps = len(task.rows) // self.batch
        self.members = task.config.network.ensemble
        self.spoken, self.mark, self.clock = -math.inf, 0.0, 0.0
        self.part = 0.0  # of the schedule, that this epoch is
        self.alone = any(bool(part.any()) for part in task.new.values())  # whether something is learned first

    def run(self) -> list[Network]:
        """The networks with the weights of their best epochs. Raises DivergenceError for a loss that is not finite."""
        while self.state.member < self.members:
            self._member()
            self.state.next_member()
            self._save()
        return [self._network(weights) for weights in self.state.done]

    def _member(self) -> None:
        state, network = self.state, self._begin()
        objective = Objective(
            network, self.task.core, self.train.loss, self.task.peak, self.task.config.range.dt[0],
            self.train.precision == "bf16",
        )  # fmt: skip
        wrapped = self.task.group.wrap(objective)
        fused = self.task.group.device.type in ("cpu", "cuda")
        optimizer = torch.optim.Adam(network.parameters(), lr=self.train.rate, fused=fused)
        training_state.set_moments(optimizer, state.adam)
        if not state.planned or self.task.budget is not None:
            self._plan()
        self.mark = time.monotonic()
        while state.epoch < state.planned and state.epoch - state.best_epoch < self.train.patience:
            began = self._first()
            trained = self._epoch(wrapped, optimizer, self._masks(network) if began else [])
            if began and not self._first():
                optimizer.state.clear()
            checked = self._validate(objective)
            self._note(trained, checked, optimizer.param_groups[0]["lr"])
            state.network = copy_of(network)
            state.adam = training_state.moments(optimizer)
            if checked[0] < state.best:
                state.best, state.best_epoch, state.best_network = checked[0], state.epoch, state.network
            self._count_time()
            self._save()

    def _begin(self) -> Network:
        """The network of this member as the state has it, or new."""
        state, start = self.state, self.task.start
        if state.network:
            return self._network(state.network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed(0))
            network = self._network(start[state.member % len(start)] if start else None)
        state.network = state.best_network = copy_of(network)
        self._save()
        return network

    def _network(self, weights: training_state.Weights | None) -> Network:
        network = Network(*self.task.shape)
        if weights is not None:
            network.load_state_dict(weights)
        return network.to(self.task.group.device)

    def _seed(self, epoch: int) -> int:
        return (self.train.seed * 1_000 + self.state.member) * 1_000_003 + epoch

    def _first(self) -> bool:
        """Whether the next epoch learns only what is new."""
        return self.alone and self._done(0.0) < self.train.new_first

    def _masks(self, network: Network) -> list[tuple[nn.Parameter, Tensor]]:
        """Parameters, and one where they are learned first."""
        device = self.task.group.device
        return [(value, self.task.new[name].to(device)) for name, value in network.named_parameters()]

    def _epoch(
        self, wrapped: nn.Module, optimizer: torch.optim.Optimizer, masks: list[tuple[nn.Parameter, Tensor]]
    ) -> list[float]:
        """One pass over the rows, in which only what masks leave is learned; mean loss and terms."""
        group, rows, state = self.task.group, self.task.rows, self.state
        generator = torch.Generator().manual_seed(self._seed(state.epoch + 1))
        order = torch.randperm(len(rows), generator=generator).to(group.device)
        u = None
        if any(getattr(self.train.loss, name) > 0 for name in COMPOSED):
            u = torch.rand(len(rows), generator=generator).to(group.device)
        own = group.part(self.batch)
        share = group.size / self.batch  # gradients are the mean over processes
        total: Tensor | None = None
        for step in range(self.steps):
            first = step * self.batch
            index = order[first + own.start : first + own.stop]
            self._look(step)
            optimizer.param_groups[0]["lr"] = self._rate(step / self.steps)
            optimizer.zero_grad(set_to_none=True)
            loss, terms = wrapped(rows.of(index), None if u is None else u[index], share)
            loss.backward()
            for value, mask in masks:
                assert value.grad is not None
                value.grad.mul_(mask)
            optimizer.step()
            seen = torch.cat([loss.detach().double().reshape(1), terms])
            total = seen if total is None else total.add_(seen)
            self._reach(step + 1)
        assert total is not None
        state.share = min(1.0, state.share + self.part) if state.epoch + 1 < state.planned else 1.0
        state.epoch += 1
        state.rows += self.steps * self.batch
        return self._finite(group.sum(total) / (self.steps * group.size), "training")

    def _validate(self, objective: Objective) -> list[float]:
        """Loss and terms over the validation rows."""
        group, rows = self.task.group, self.task.validation
        own = group.part(len(rows))
        total = torch.zeros(1 + len(objective.weights), dtype=torch.float64, device=group.device)
        with torch.no_grad():
            for begin in range(own.start, own.stop, LOOK):
                some = rows.of(slice(begin, min(begin + LOOK, own.stop)))
                loss, terms = objective(some, torch.full((len(some),), 0.5, device=group.device), 1.0 / len(rows))
                total += torch.cat([loss.double().reshape(1), terms])
        return self._finite(group.sum(total), "validation")

    def _finite(self, values: Tensor, what: str) -> list[float]:
        found = values.tolist()
        if not all(math.isfinite(value) for value in found):
            raise DivergenceError(
                f"{what} loss is {found[0]} in epoch {self.state.epoch} of network {self.state.member}: training was "
                "lost; lower train.rate, or leave out train.loss terms that compose steps, and --resume"
            )
        return found

    def _rate(self, of_epoch: float) -> float:
        """Learning rate when so much of this epoch is done."""
        return 0.5 * self.train.rate * (1.0 + math.cos(math.pi * self._done(of_epoch)))

    def _done(self, of_epoch: float) -> float:
        """Share of the schedule when so much of this epoch is done."""
        state = self.state
        if self.task.budget is None:
            return min((state.epoch + of_epoch) / state.planned, 1.0)
        return min(state.share + self.part * of_epoch, 1.0)

    def _count_time(self) -> None:
        """Seconds since the last epoch, its checkpoint included, and with a time budget the epochs that still fit."""
        now = time.monotonic()
        self.state.seconds += self.task.group.bcast(now - self.mark)
        self.mark = now
        self.state.history[-1][-1] = self.state.seconds
        self._plan()

    def _plan(self) -> None:
        """Epochs of the schedule: as configured, or what fits the time budget by the pace of the later half of them."""
        state, history = self.state, self.state.history
        if self.task.budget is None or not history:
            state.planned = self.train.epochs
            return
        recent = max(1, len(history) // 2)
        pace = (state.seconds - (history[-recent - 1][-1] if len(history) > recent else 0.0)) / recent
        self._fit(pace, state.seconds)

    def _fit(self, pace: float, seconds: float) -> None:
        """Plans the epochs that are left by the seconds of one; one at least, until the schedule is done."""
        state, budget = self.state, self.task.budget
        assert budget is not None
        left = budget * (state.member + 1) / self.members - seconds
        more = min(max(1, round(left / max(pace, 1e-9))), max(1, self.train.epochs - state.epoch))
        more = 0 if state.epoch and state.share >= 1.0 else more
        state.planned, self.part = state.epoch + more, (1.0 - state.share) / max(more, 1)

    def _look(self, step: int) -> None:
        """With a time budget, the first epoch of all is planned by its first steps."""
        if self.task.budget is None or self.state.history:
            return
        first = min(FIRST, self.steps - 1)
        if step == 0:
            self.clock = time.perf_counter()
        if step == first and step:
            each = self.task.group.bcast((time.perf_counter() - self.clock) / step)
            self._fit(each * self.steps, 0.0)

    def _note(self, trained: list[float], checked: list[float], rate: float) -> None:
        """A line of the loss curve; its seconds are filled in when the epoch is over."""
        state = self.state
        state.history.append([state.member, state.epoch, state.rows, rate, *trained, *checked, state.seconds])

    def _save(self) -> None:
        if self.task.group.is_root:
            training_state.write(self.task.checkpoint, self.state, self.task.identity)
            self._say()
            self.task.after_epoch(self.state)

    def _reach(self, step: int) -> None:
        state = self.state
        if self.task.budget is None:
            self.reporter.reach(state.epoch * self.steps + step, state.planned * self.steps)
        else:  # epochs may become more or fewer, the schedule is one
            self.reporter.reach(round(1000 * (state.share + self.part * step / self.steps)), 1000)

    def _say(self) -> None:
        """A line about the epoch, not too often."""
        state = self.state
        if self.reporter is SILENT or not state.history or not state.epoch:
            return
        now = time.monotonic()
        if now - self.spoken < QUIET and state.epoch < state.planned:
            return
        self.spoken = now
        line = state.history[-1]
        terms = (len(line) - 7) // 2
        left = clock(self._left())
        which = f"network {state.member + 1} of {self.members}, " if self.members > 1 else ""
        self.reporter.say(
            f"{which}epoch {state.epoch} of {state.planned}: loss {line[4]:.5f}, validation {line[5 + terms]:.5f} "
            f"(best {state.best:.5f} in {state.best_epoch}), rate {line[3]:.1e}, "
            f"{state.rows / max(state.seconds, 1e-9) / 1e3:.0f} krow/s, left {left}"
        )

    def _left(self) -> float:
        """Seconds until all networks are done."""
        state = self.state
        if self.task.budget is not None:
            return max(0.0, self.task.budget - state.seconds)
        pace = state.seconds / max(len(state.history), 1)
        return pace * (state.planned - state.epoch + self.train.epochs * (self.members - 1 - state.member))


def copy_of(network: Network) -> training_state.Weights:
    """Its weights, detached."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
