"""Judges parts of a mechanism at all conditions, in worker processes, and remembers what it found."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from combust.errors import DivergenceError
from combust.kinetics.flames.store import cache_folder
from combust.kinetics.mechanism import qss_cantera
from combust.kinetics.mechanism.mechanism import Mechanism, Source
from combust.reduction.cases import batch
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import is_outcome
from combust.reduction.cases.outcome import Outcome, Reference, Watch, errors, outcome, reference
from combust.reduction.cases.store import Store
from combust.reduction.select import qss
from combust.reduction.select.search import Judgement
from combust.reduction.settings import Engine
from combust.reduction.submechanism import Parent, Subset
from combust.warned import noted, pass_on

CHEAP = ("ignition", "psr")  # judged first: a part that fails by them needs no flame
RULES = 2  # of what counts as an outcome: another number where outcomes in the cache are no longer what they would be
Job = tuple[Subset, int]  # a part and the index of a case


class Evaluator:
    """Errors of parts of a mechanism against the whole; use it as a context, which ends its processes."""

    def __init__(
        self,
        parent: Parent,
        cases: Sequence[ReductionCase],
        tolerance: Mapping[str, float],
        watch: Watch,
        workers: int = 0,
        folder: Path | None = None,
        done: Callable[[int, int], None] = lambda done, total: None,
        engine: Engine = "cantera",
        device: str = "cpu",
    ) -> None:
        """workers: 0 means as many as cores, 1 none but this process; done: told how far a set of jobs is.

        engine: "batched" does the ignitions of all parts that are judged together in one batch, on the device, where
        only their delay is watched; each by Cantera otherwise.

        What is found is kept in `folder`, combust's cache if not given. Raises DivergenceError naming a case that the
        whole mechanism itself fails at.
        """
        self.parent, self.cases, self.tolerance, self.watch = parent, tuple(cases), dict(tolerance), watch
        self.done, self.evaluations = done, 0
        self._references: dict[int, Reference] = {}
        self.batched = engine == "batched" and not (watch.burnt or watch.species)
        self.device = device
        self.folder = folder or cache_folder() / "reduction" / parent.gas.sha256[:16]
        self.store = Store(self.folder / "evaluations.jsonl", is_outcome)
        count = workers or os.cpu_count() or 1
        context = multiprocessing.get_context("spawn")  # a forked child of a threaded process may hang
        start = (parent.gas.source, self.cases, watch, self.folder)
        self._pool = ProcessPoolExecutor(count, context, begin, start) if count > 1 else None
        self._local = None if count > 1 else Worker(parent, self.cases, watch, self.folder)

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:  # a flame in hand may take minutes
            for process in processes:
                process.kill()

    def references(self) -> list[Reference]:
        """What the whole mechanism gives, for every case. Raises DivergenceError naming a case that it fails at."""
        places = range(len(self.cases))
        for _ in self.run(make_reference, list(places)):
            pass
        return [self.reference(place) for place in places]

    def reference(self, place: int) -> Reference:
        """Of case number `place`, once `references` has run; read from its file once."""
        if place not in self._references:
            self._references[place] = Reference.read(reference_file(self.folder, self.cases[place], self.watch))
        return self._references[place]

    def mechanism(self, subset: Subset) -> Mechanism:
        """The part as our own kinetics take it, from a file in the folder."""
        return part_mechanism(self.folder, self.parent, subset)

    def judge(self, subsets: Sequence[Subset], held_out: bool = False, limit: float = 1.0) -> list[Judgement]:
        """Errors and scores of parts at the cases of the search, or at the held-out ones.

        A part whose score at reactors exceeds `limit` is not tried in flames: its score is then a lower bound.
        """
        mine = [i for i, case in enumerate(self.cases) if case.held_out == held_out]
        cheap = [i for i in mine if self.cases[i].kind in CHEAP]
        dear = [i for i in mine if self.cases[i].kind not in CHEAP]
        unique = list(dict.fromkeys(subsets))
        self._evaluate([(s, i) for s in unique for i in cheap])
        found = {s: self._judgement(s, cheap) for s in unique}
        again = [s for s in unique if found[s].score <= limit] if dear else []
        self._evaluate([(s, i) for s in again for i in dear])
        found |= {s: self._judgement(s, mine) for s in again}
        return [found[s] for s in subsets]

    def outcome(self, subset: Subset, place: int) -> Outcome:
        """What the part gives at case number `place`."""
        self._evaluate([(subset, place)])
        return Outcome.from_json(self.store[self._key(subset, place)])

    def _judgement(self, subset: Subset, places: Sequence[int]) -> Judgement:
        found: dict[int, dict[str, float]] = {}
        worst, why = 0.0, ""
        for place in places:
            kept = Outcome.from_json(self.store[self._key(subset, place)])
            found[place] = errors(kept, self.reference(place).outcome)
            for metric, error in found[place].items():
                if metric in self.tolerance and not error / self.tolerance[metric] <= worst:
                    worst = math.inf if math.isnan(error) else error / self.tolerance[metric]
                    why = f"{self.cases[place]}: {kept.reason or f'{metric} off by {100 * error:.3g} %'}"
        if found and not any(metric in self.tolerance for errors_of in found.values() for metric in errors_of):
            why = "nothing measured there has a tolerance"
        return Judgement(subset, worst, found, why)

    def _key(self, subset: Subset, place: int) -> str:
        text = f"{self.parent.gas.sha256} {self.parent.gas.name} {subset.digest} {self.cases[place].digest}"
        engine = " batched" if self._in_batch((subset, place)) else ""  # agrees with Cantera, but not to the last digit
        return hashlib.sha256(f"{text} {self.watch.digest}{engine} {RULES}".encode()).hexdigest()[:40]

    def _in_batch(self, job: Job) -> bool:
        subset, place = job
        plain = not subset.factors and not subset.qss
        return self.batched and plain and self.cases[place].kind == "ignition"

    def _evaluate(self, jobs: Sequence[Job]) -> None:
        """Fills the store; every finished job is on disk at once."""
        new = [job for job in dict.fromkeys(jobs) if self._key(*job) not in self.store]
        self.evaluations += len(new)
        self._evaluate_batch([job for job in new if self._in_batch(job)])
        for (subset, place), result in self.run(evaluate, [job for job in new if not self._in_batch(job)]):
            self.store[self._key(subset, place)] = result

    def _evaluate_batch(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        subsets, places = (list(dict.fromkeys(x)) for x in zip(*jobs, strict=True))
        cases = [self.cases[place] for place in places]
        files = [reference_file(self.folder, case, self.watch) for case in cases]
        for _ in self.run(make_reference, [p for p, file in zip(places, files, strict=True) if not file.exists()]):
            pass
        found = batch.outcomes(self.parent, subsets, cases, [Reference.read(file) for file in files], self.device)
        for subset, row in zip(subsets, found, strict=True):
            for place, result in zip(places, row, strict=True):
                self.store[self._key(subset, place)] = result.to_json()

    def run(self, work: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Jobs and their results, work(job, worker), as they are ready; `work` is a function of a module."""
        if self._pool is None:
            for count, job in enumerate(jobs):
                with uninterrupted():
                    found = work(job, self._local)  # type: ignore[call-arg]
                yield job, found
                self.done(count + 1, len(jobs))
            return
        try:
            waiting: dict[Future[Any], Any] = {self._pool.submit(noting, work, job): job for job in jobs}
            while waiting:
                ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    found, messages = future.result()
                    pass_on(messages)
                    yield waiting.pop(future), found
                self.done(len(jobs) - len(waiting), len(jobs))
        except BrokenProcessPool as error:
            raise DivergenceError(
                f"a worker process ended unexpectedly ({error}): too little memory? Set search.workers = 1; what was "
                "finished is kept, so the same command continues"
            ) from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block: inside Cantera they would pass for a candidate's failure."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """What a process needs to evaluate parts of one mechanism."""

    def __init__(self, parent: Parent, cases: Sequence[ReductionCase], watch: Watch, folder: Path) -> None:
        self.parent, self.cases, self.watch, self.folder = parent, tuple(cases), watch, folder
        self._references: dict[int, Reference] = {}
        self._last: tuple[Subset, Any] | None = None
        self._gas: tuple[Subset, Mechanism] | None = None

    def mechanism(self, subset: Subset) -> Mechanism:
        """The part as our own kinetics take it, kept for the next job."""
        if self._gas is None or self._gas[0] != subset:
            self._gas = subset, part_mechanism(self.folder, self.parent, subset)
        return self._gas[1]

    def solution(self, subset: Subset) -> Any:
        """Jobs of one part come one after the other: its Cantera object is kept for the next.

        With QSS species it is one of the others in global steps (see kinetics.mechanism.qss_cantera), from a file.
        """
        if self._last is None or self._last[0] != subset:
            if subset.qss:
                path = part_file(self.folder, self.parent, subset)
                self._last = subset, qss_cantera.solution(str(path), self.parent.gas.name)
            else:
                self._last = subset, self.parent.cantera(subset)
        return self._last[1]

    def reference(self, place: int) -> Reference:
        """Of a case, from its file, or computed and written."""
        if place not in self._references:
            path = reference_file(self.folder, self.cases[place], self.watch)
            if not path.exists():
                found = reference(self.parent.gas, self.cases[place], self.watch)
                path.parent.mkdir(parents=True, exist_ok=True)
                found.write(path)
            self._references[place] = Reference.read(path)
        return self._references[place]


_worker: Worker | None = None  # of this process, if it is one of a pool


def begin(of: Source, cases: Sequence[ReductionCase], watch: Watch, folder: Path) -> None:
    """Makes this process a worker, which ends with its parent."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    import torch

    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # of the mechanism: the parent has said it
    _worker = Worker(Parent(of.load()), cases, watch, folder)


def at_work(worker: Worker | None) -> Worker:
    """The worker given, or this process."""
    found = worker or _worker
    assert found is not None
    return found


def noting(work: Callable[[Any], Any], job: Any) -> tuple[Any, list[str]]:
    """work(job) of this process, and the warnings that the parent is to say, once for all workers."""
    with noted() as messages:
        return work(job), messages


def evaluate(job: Job, worker: Worker | None = None) -> str:
    """The outcome of a job, as JSON can hold it; a part that cannot do a case has failed, whatever the error."""
    at = at_work(worker)
    subset, place = job
    known = at.reference(place)
    try:
        solution = at.solution(subset)
    except Exception as error:  # noqa: BLE001 - Cantera refuses an empty or inconsistent part in many ways
        return Outcome.failed(f"not a mechanism: {str(error).strip().splitlines()[-1]}").to_json()
    return outcome(solution, at.cases[place], known, at.watch).to_json()


def make_reference(place: int, worker: Worker | None = None) -> int:
    """Computes and writes the reference of a case."""
    at_work(worker).reference(place)
    return place


def part_file(folder: Path, parent: Parent, subset: Subset) -> Path:
    """The file of a part, written if it is not there; it appears complete or not at all."""
    path = folder / "parts" / f"{subset.digest[:40]}.yaml"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = qss.export(parent, subset, subset.qss, {})[0] if subset.qss else parent.yaml(subset, {})
        mine = path.with_suffix(f".{os.getpid()}")
        mine.write_text(text, encoding="utf-8")
        mine.replace(path)
    return path


def part_mechanism(folder: Path, parent: Parent, subset: Subset) -> Mechanism:
    """A part as our own kinetics take it, from its file."""
    return Mechanism.load(part_file(folder, parent, subset), ions=parent.gas.ions)


def reference_file(folder: Path, case: ReductionCase, watch: Watch) -> Path:
    """Where the reference of a case is kept."""
    return folder / f"{case.kind}-{case.digest[:20]}-{watch.digest[:12]}.npz"
