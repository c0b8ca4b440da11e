"""The numbers of rounds, and their table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from combust.report.pages import Table
from combust.surrogates.judge.report import lines

PHASES = ("explore", "label", "train", "judge")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A round. The first, of number 0, is the network that was given.

    added : rows of this round;  rows : training rows that it learned from, those added included
    exact_share, exact_of_all, error, within, step_cpu : see `combust.surrogates.rounds.measure.Measured`
    counts : visited cells by class;  cpu : s of each phase;  weights : SHA-256
    """

    number: int
    added: int
    rows: int
    exact_share: float
    exact_of_all: float
    error: float | None  # None: infinite, which JSON has no number for
    within: float
    step_cpu: float
    counts: dict[str, int]
    cpu: dict[str, float]
    weights: str

    @property
    def spent(self) -> float:
        """CPU s of all phases."""
        return sum(self.cpu.values())


@dataclass(frozen=True)
class Score:
    """By what the rounds end."""

    exact_share: float
    error: float

    @classmethod
    def of(cls, record: Record) -> Score:
        return cls(record.exact_share, math.inf if record.error is None else record.error)


def breaks_even(records: Sequence[Record], number: int) -> float:
    """Steps of the held-out flows after which a round and those before it have saved what they cost; infinite where
    they save nothing. Judging is part of the cost.
    """
    saved = records[0].step_cpu - records[number].step_cpu
    cost = sum(one.spent for one in records[1 : number + 1])
    return cost / saved if saved > 0 else math.inf


@dataclass(frozen=True, eq=False)
class Learned:
    """What rounds of learning came to.

    records : of each round;  reason : why they ended;  best : number of the round whose network is kept
    path : of its card; the weights lie beside it
    """

    records: tuple[Record, ...]
    reason: str
    best: int
    path: Path
    targets_met: bool

    def words(self) -> str:
        """A table for people, and why the rounds ended."""
        rows = [row(self.records, k) for k in range(len(self.records))]
        head = ["round", "rows added", "rows", "exact", "of all", "error", "within", *(f"CPU {p}" for p in PHASES),
                "ms a step", "pays after"]  # fmt: skip
        kept = "the network that was given is kept" if not self.best else f"the network of round {self.best} is kept"
        return "\n".join(
            [
                lines(Table(head, rows, 0)),
                "by the flows that are held out: exact cells of those that are not slow, and of all; error of the "
                "network's step, 90 % quantile, in units of what the router allows, and share of cells within; CPU s "
                "of the phases, ms of a flow's step; steps of these flows until the rounds have paid, judging included",
                f"stopped: {self.reason}",
                kept,
            ]
        )


def row(records: Sequence[Record], number: int) -> list[str]:
    """Of the table."""
    one = records[number]
    error = "none" if one.error is None else f"{one.error:.3g}"
    pays = breaks_even(records, number) if number else math.nan
    return [
        str(one.number), str(one.added), str(one.rows), f"{100 * one.exact_share:.2f} %",
        f"{100 * one.exact_of_all:.2f} %", error, f"{100 * one.within:.1f} %",
        *(f"{one.cpu.get(phase, 0.0):.1f}" for phase in PHASES), f"{1e3 * one.step_cpu:.2f}",
        "" if not number else f"{pays:.3g}" if math.isfinite(pays) else "never"]  # fmt: skip


def best_of(records: Sequence[Record]) -> int:
    """The round with the least share of exact cells, of several the one with the least error, of several the first."""
    scores = [Score.of(one) for one in records]
    return min(range(len(scores)), key=lambda k: (scores[k].exact_share, scores[k].error))


def from_manifest(record: dict[str, Any], source: object) -> Record:
    """Raises FileFormatError."""
    from combust.files import fit

    return fit(record, Record, source)
