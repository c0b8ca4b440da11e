"""Flames solved again with other rates, one after the other or by several processes; each is kept in the cache."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from combust.errors import CombustError, ConfigError, DivergenceError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty import flames
from combust.kinetics.uncertainty.flames import Fresh
from combust.report.meter import SILENT, Reporter


@dataclass(frozen=True)
class Job:
    """The speed of a changed mechanism, or the slopes of the nominal one (changed None), at one fresh gas."""

    nominal: Mechanism
    fresh: Fresh
    changed: Mechanism | None = None
    over_T: bool = False

    def work(self) -> Any:
        """What is asked. Raises CombustError."""
        if self.changed is None:
            return flames.slopes(self.nominal, self.fresh, self.over_T)
        return flames.speed(self.nominal, self.changed, self.fresh)


def run(jobs: Sequence[Job], cores: int, reporter: Reporter = SILENT, what: str = "flames") -> list[Any]:
    """The results of all jobs in order, a DivergenceError in the place of a flame that is not found.

    Raises ConfigError and other errors of what was asked.
    """
    if cores < 1:
        raise ConfigError(f"cores {cores}: must be at least 1")
    told = reporter.of(what)
    found: list[Any] = []
    if cores == 1 or len(jobs) < 2:
        for done, job in enumerate(jobs):
            found.append(tried(job))
            told.reach(done + 1, len(jobs))
        return found
    return by_processes(jobs, min(cores, len(jobs)), told)


def tried(job: Job) -> Any:
    """Its result, or the error that tells that there is no flame."""
    try:
        return job.work()
    except DivergenceError as error:
        return error


def by_processes(jobs: Sequence[Job], cores: int, told: Reporter) -> list[Any]:
    """Shared out to processes; they end with this one."""
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"))
    try:
        waiting: dict[Future[Any], int] = {pool.submit(elsewhere, *sources(job)): i for i, job in enumerate(jobs)}
        found: list[Any] = [None] * len(jobs)
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                found[waiting.pop(future)] = future.result()
            told.reach(len(jobs) - len(waiting), len(jobs))
        pool.shutdown()
        return found
    except BaseException as error:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise CombustError("flames: a process ended without a result (memory?); what was solved is kept") from error
        raise


def sources(job: Job) -> tuple[Any, ...]:
    """What another process needs."""
    return job.nominal.source, None if job.changed is None else job.changed.source, job.fresh, job.over_T


def elsewhere(nominal: Any, changed: Any, fresh: Fresh, over_T: bool) -> Any:
    """A job in another process."""
    return tried(Job(loaded(nominal), fresh, None if changed is None else changed.load(), over_T))


_LOADED: dict[str, Mechanism] = {}


def loaded(source: Any) -> Mechanism:
    """A mechanism, read once in a process."""
    key = repr(source)
    if key not in _LOADED:
        _LOADED[key] = source.load()
    return _LOADED[key]
