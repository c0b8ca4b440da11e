"""Ranks: a communicator that also exists without MPI, and a guard that ends all ranks with the one that failed."""

from __future__ import annotations

import math
import os
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from combust.errors import CombustError, ConfigError, DependencyError, OutputError
from combust.terminal import Unwritable

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS")  # ranks that were started
LAUNCHER_VARIABLES = (*SIZES, "PMIX_RANK")
FEW = 64  # numbers that go to all ranks in one message when they are summed
ROW = 64  # ranks up to which all hear from all; more are asked row by row, so that lists grow with the root of ranks
HEARD = 0.3  # s that a launcher has to pass a message on before it says its own, which would else fall into it


@dataclass(frozen=True)
class Communicator:
    """A group of ranks; `mpi` is the mpi4py communicator, or None for one process without MPI."""

    mpi: Any = None

    @property
    def rank(self) -> int:
        return self.mpi.Get_rank() if self.mpi is not None else 0

    @property
    def size(self) -> int:
        return self.mpi.Get_size() if self.mpi is not None else 1

    @property
    def is_root(self) -> bool:
        return self.rank == 0

    def barrier(self) -> None:
        if self.mpi is not None:
            self.mpi.Barrier()

    def bcast(self, value: Any) -> Any:
        """Root's value, on all ranks."""
        return value if self.mpi is None else self.mpi.bcast(value)

    def gather(self, value: Any) -> list[Any]:
        """All ranks' values in rank order, on every rank."""
        return [value] if self.mpi is None else self.mpi.allgather(value)

    def on_this_machine(self) -> int:
        """Ranks that share this rank's machine and its memory (collective)."""
        here = self.here()
        count = here.size
        here.free()
        return count

    def here(self) -> Communicator:
        """The ranks that share this rank's machine (collective)."""
        if self.mpi is None:
            return self
        from mpi4py import MPI

        return Communicator(self.mpi.Split_type(MPI.COMM_TYPE_SHARED))

    def free(self) -> None:
        """Gives a part of the ranks, as of `here`, back."""
        if self.mpi is not None:
            self.mpi.Free()

    def place_on_this_machine(self) -> int:
        """This rank's number among those that share its machine (collective)."""
        here = self.here()
        place = here.rank
        here.free()
        return place

    def collect(self, value: Any) -> list[Any]:
        """All ranks' values in rank order, on the root; nothing on the others."""
        return [value] if self.mpi is None else self.mpi.gather(value) or []

    def max(self, *values: float) -> tuple[float, ...]:
        """Largest of each value over all ranks, in one message. NaN on any rank gives NaN on all."""
        return self._reduce(values, "max")

    def sum(self, *values: float) -> tuple[float, ...]:
        """Sum of each value over all ranks in rank order: the same bits on every rank and in every run."""
        return self._reduce(values, "sum")

    def sum_array(self, values: np.ndarray) -> np.ndarray:
        """Sum of an array of one shape over all ranks in rank order: the same bits on every rank and in every run.

        Each rank adds up a part of a large one, so that what a rank holds does not grow with the ranks.
        """
        import numpy as np

        flat = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
        for mpi in self._rows:
            flat = _added(mpi, flat)
        return flat.reshape(values.shape).copy() if self.mpi is None else flat.reshape(values.shape)

    def sum_counts(self, values: np.ndarray) -> np.ndarray:
        """Sum of an array of whole numbers (int64) over all ranks: exact, whatever the order."""
        import numpy as np

        send = np.ascontiguousarray(values, dtype=np.int64)
        if self.mpi is None:
            return send.copy()
        total = np.empty_like(send)
        self.mpi.Allreduce(send, total)
        return total

    def lists(self, values: np.ndarray) -> np.ndarray:
        """All ranks' rows of numbers (int64 or float64, of one length), in rank order, on every rank."""
        import numpy as np

        send = np.ascontiguousarray(values)
        rows = np.empty((self.size, send.size), send.dtype)
        if self.mpi is None:
            rows[0] = send
        else:
            self.mpi.Allgather(send, rows)
        return rows

    @cached_property
    def _rows(self) -> tuple[Any, ...]:
        """Communicators through which all ranks hear of all, one after the other: the ranks themselves; where they are
        many a row of them, then those of the same place in all rows (collective when first asked for).

        Rows are as long as each other: a prime number of ranks stays one row.
        """
        if self.mpi is None:
            return ()
        length = next(n for n in range(math.isqrt(self.size), 0, -1) if self.size % n == 0)
        if self.size <= ROW or length == 1:
            return (self.mpi,)
        row, place = divmod(self.rank, length)
        return self.mpi.Split(row, place), self.mpi.Split(place, row)

    def _reduce(self, values: tuple[float, ...], how: str) -> tuple[float, ...]:
        if self.mpi is None:  # without numpy, which a process that only holds a folder has not loaded
            return tuple(float(v) for v in values)
        import numpy as np

        result = np.array(values, dtype=np.float64)
        for mpi in self._rows:
            rows = np.empty((mpi.Get_size(), result.size))
            mpi.Allgather(result, rows)
            result = rows.max(axis=0) if how == "max" else rows.sum(axis=0)
        return tuple(float(v) for v in result)


def _added(mpi: Any, flat: np.ndarray) -> np.ndarray:
    """Sum of arrays over the ranks of an MPI communicator, in rank order; see `Communicator.sum_array`."""
    import numpy as np

    ranks = mpi.Get_size()
    each = -(-flat.size // ranks) if flat.size > FEW else flat.size
    rows = np.empty((ranks, each))
    if flat.size <= FEW:
        mpi.Allgather(flat, rows)
    else:
        send = np.zeros(ranks * each)
        send[: flat.size] = flat
        mpi.Alltoall(send, rows)
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    if flat.size <= FEW:
        return total
    parts = np.empty(ranks * each)
    mpi.Allgather(total, parts)
    return parts[: flat.size]


def start_all(requests: list[Any]) -> None:
    """Starts messages that were made once (`Send_init`, `Recv_init`)."""
    if not requests:
        return
    from mpi4py import MPI

    MPI.Prequest.Startall(requests)
    told = getattr(requests[-1], "told", None)  # of a communicator that counts, where the last one is a send
    if told is not None:
        told(requests)


ALONE = Communicator()
"""One process without MPI."""


def launched_under_mpi() -> bool:
    """True if mpirun, mpiexec or srun started this process."""
    return any(name in os.environ for name in LAUNCHER_VARIABLES)


def world() -> Communicator:
    """The communicator of all ranks; a serial stand-in when no launcher started this process.

    Raises DependencyError if a launcher did start it and mpi4py is missing, or is of another MPI than the launcher:
    each rank would else run the whole case.
    """
    if not launched_under_mpi():
        return Communicator()
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise DependencyError(
            "this process was started by an MPI launcher but mpi4py cannot be imported; "
            f"install it with `pip install mpi4py` or run without mpirun ({error})"
        ) from error
    comm = Communicator(MPI.COMM_WORLD)
    name = next((name for name in SIZES if os.environ.get(name)), "")
    if comm.size == 1 and name and os.environ[name] != "1":
        library = MPI.Get_library_version().replace("\x00", "").splitlines()[0].split(",")[0]
        raise DependencyError(
            f"the launcher started {os.environ[name]} ranks ({name}), but each of them is alone in its MPI, {library}: "
            "mpirun and mpi4py are of different MPIs. Use the mpirun of mpi4py's MPI, or build mpi4py for yours: "
            "pip install --force-reinstall --no-binary mpi4py mpi4py"
        )
    return comm


@contextmanager
def all_or_none(comm: Communicator) -> Iterator[None]:
    """Ends every rank when this one fails, with this rank's message: a rank left behind would wait for ever.

    An error that all ranks share (bad input read by all) is printed by the root alone.
    """
    try:
        yield
    except SystemExit:
        raise
    except BaseException as error:
        if comm.size == 1:
            raise
        code = report(error, comm)
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(HEARD)
        comm.mpi.Abort(code)


def report(error: BaseException, comm: Communicator) -> int:
    """Prints the message of `error` with its rank and returns the exit code that belongs to it."""
    where = f"[rank {comm.rank}] " if comm.size > 1 else ""
    if isinstance(error, CombustError):
        # In one piece among those of other ranks.
        print(f"{where}error: {error}\n", end="", file=sys.stderr, flush=True)
        return error.exit_code
    if isinstance(error, Unwritable):
        print(error.message, end="\n" if error.message else "", file=sys.stderr, flush=True)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        print(f"{where}interrupted", file=sys.stderr, flush=True)
        return 130
    print(f"{where}unexpected error, please report it:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
    return 1


def collective(comm: Communicator, error: CombustError | None, doing: str = "") -> None:
    """Raises on all ranks, at the same place, the first rank's error if any rank has one (no rank goes on alone).

    doing : what this rank would go on with; ConfigError where others would not, whose messages would never meet
    Where all is well that is one message of three numbers, whatever the ranks are.
    """
    mark = float(zlib.crc32(doing.encode()))
    failed, most, least = comm.max(float(error is not None), mark, -mark)
    if not failed and most == -least:
        return
    said = comm.gather((doing, None if error is None else (type(error), str(error))))
    errors = [e for _, e in said if e is not None]
    if not errors and any(other != doing for other, _ in said):
        each = "; ".join(f"rank {rank}: {other or 'the end'}" for rank, (other, _) in enumerate(said))
        errors = [(ConfigError, f"a closure or source must ask the same on all ranks, in the same order: {each}")]
    if errors:
        kind, message = errors[0]
        shared = kind(message)
        shared.known_to = comm
        raise shared


def together(comm: Communicator, action: Callable[[], T]) -> T:
    """action() on every rank; where it fails on some with a CombustError, all raise the first of these ranks' error.

    For work without messages, so that no rank waits for one that has failed; or whose every message comes after a
    `collective`, which meets the one at the end of this function where a rank has failed.
    """
    error, result = None, None
    try:
        result = action()
    except CombustError as failure:
        if failure.known_to == comm:
            raise
        error = failure
    collective(comm, error)
    return result  # type: ignore[return-value]


def on_root(comm: Communicator, action: Callable[[], T], what: str = "") -> T:
    """Root's result of `action`, on all ranks.

    A CombustError there is raised on all ranks, an OSError as OutputError("cannot `what`: reason").
    """
    result: Any = None
    error: CombustError | None = None
    if comm.is_root:
        try:
            result = action()
        except CombustError as cause:
            error = cause
        except OSError as cause:
            error = OutputError(f"cannot {what}: {cause.strerror or cause}")
    collective(comm, error)
    return comm.bcast(result)
