"""A communicator that counts what it is asked for: messages, bytes, calls that all ranks make together."""

from __future__ import annotations

import ctypes
import functools
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from combust.parallel import Communicator
from combust.profiling.recorder import MESSAGES, REDUCTIONS, SENT, Recorder

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm, Prequest
else:  # importing mpi4py starts MPI: `_kinds` puts its classes below these when they are first asked for
    Intracomm = Prequest = object

# PETSc's own counters: (what, names of its variables).
OF_PETSC = {
    MESSAGES: ("petsc_isend_ct", "petsc_send_ct"),
    SENT: ("petsc_isend_len", "petsc_send_len"),
    REDUCTIONS: ("petsc_allreduce_ct", "petsc_gather_ct", "petsc_scatter_ct"),
}


def counted(comm: Communicator, recorder: Recorder) -> Communicator:
    """The same ranks, whose messages `recorder` counts; without MPI `comm` itself."""
    return comm if comm.mpi is None else Communicator(_kinds()[0](comm.mpi, recorder))


class Started(Prequest):
    """A request of `Send_init` or `Recv_init`: those of a start are told together."""

    told: Callable[[Sequence[Any]], None] | None = None
    size: int | None = None
    """Bytes that it sends; None where it receives."""


class Counting(Intracomm):
    """MPI's communicator, which counts. All that it makes of itself does, too.

    A call that all ranks of the case make together is a reduction, whatever it does; one of a part of them, a row of
    blocks, is as many messages as there are others in it.
    """

    recorder: Any
    part: bool
    """Whether these are not all ranks."""

    def __new__(cls, mpi: Any = None, recorder: Recorder | None = None, part: bool = False) -> Any:
        # MPI makes what it returns of the class that was asked, without arguments: that is made again with them.
        made = super().__new__(cls, mpi)
        made.recorder, made.part = recorder, part
        return made

    def __init__(self, *_: Any) -> None:
        """Nothing more."""

    def Split(self, *args: Any, **kwargs: Any) -> Any:
        return type(self)(super().Split(*args, **kwargs), self.recorder, True)

    def Split_type(self, *args: Any, **kwargs: Any) -> Any:
        return type(self)(super().Split_type(*args, **kwargs), self.recorder, True)

    def Dup(self, *args: Any, **kwargs: Any) -> Any:
        return type(self)(super().Dup(*args, **kwargs), self.recorder, self.part)

    def Send_init(self, buf: Any, *args: Any, **kwargs: Any) -> Any:
        made = _kinds()[1](super().Send_init(buf, *args, **kwargs))
        made.size, made.told = size_of(buf), self._started
        return made

    def Recv_init(self, *args: Any, **kwargs: Any) -> Any:
        made = _kinds()[1](super().Recv_init(*args, **kwargs))
        made.told = self._started
        return made

    def _started(self, requests: Sequence[Any]) -> None:
        for request in requests:
            if request.size is not None:
                self.message(request.size)

    def message(self, size: int, count: int = 1) -> None:
        """Counts messages to single ranks, of so many bytes in all."""
        self.recorder.add(MESSAGES, count)
        self.recorder.add(SENT, size)

    def together(self, size: int) -> None:
        """Counts a call that all of these ranks make."""
        if self.part:
            others = self.Get_size() - 1
            self.message(size * others, others)
        else:
            self.recorder.add(REDUCTIONS)
            self.recorder.add(SENT, size)

    def traded(self, sizes: np.ndarray) -> None:
        """Counts a message of a size to each rank."""
        sizes = np.delete(sizes, self.Get_rank())
        self.message(int(sizes.sum()), int(np.count_nonzero(sizes)))
        if not self.part:
            self.recorder.add(REDUCTIONS)


def _equal_parts(comm: Counting, spec: Any) -> None:
    ranks = comm.Get_size()
    comm.traded(np.full(ranks, size_of(spec) // ranks))


def _given_parts(comm: Counting, spec: Any) -> None:
    counts = spec[1][0] if isinstance(spec[1], tuple) else spec[1]
    comm.traded(np.asarray(counts) * spec[0].itemsize)


Count = Callable[[Counting, Any], None]
WHOLE = ("Allgather", "Allreduce", "Iallgather", "Iallreduce", "Bcast", "Gather", "Reduce", "Allgatherv")
# Calls that are counted by their first argument before MPI makes them.
CALLS: dict[str, Count] = {
    **dict.fromkeys(("Send", "Isend"), lambda comm, spec: comm.message(size_of(spec))),
    "send": lambda comm, value: comm.message(len(pickle.dumps(value))),
    **dict.fromkeys(WHOLE, lambda comm, spec: comm.together(size_of(spec))),
    **dict.fromkeys(
        ("allgather", "bcast", "gather", "allreduce"), lambda comm, value: comm.together(len(pickle.dumps(value)))
    ),
    **dict.fromkeys(("Barrier", "Ibarrier"), lambda comm, _: comm.together(0)),
    "Alltoall": _equal_parts,
    "Alltoallv": _given_parts,
}


def _counting(name: str, count: Count) -> Callable[..., Any]:
    """The call of that name, counted."""

    def call(self: Counting, *args: Any, **kwargs: Any) -> Any:
        count(self, args[0] if args else None)
        return getattr(super(Counting, self), name)(*args, **kwargs)

    return call


for _name, _count in CALLS.items():
    setattr(Counting, _name, _counting(_name, _count))


@functools.cache
def _kinds() -> tuple[type[Counting], type[Started]]:
    """Both upon MPI's own."""
    from mpi4py import MPI

    counting = type("Counting", (Counting, MPI.Intracomm), {})
    counting.__module__ = MPI.Intracomm.__module__  # by which petsc4py knows a communicator of MPI
    return counting, type("Started", (Started, MPI.Prequest), {})


def size_of(spec: Any) -> int:
    """Bytes of what mpi4py takes as a message: an array, or an array and a number of entries."""
    if isinstance(spec, tuple | list):
        array, *rest = spec
        count = rest[0] if rest and isinstance(rest[0], int) else None
        return int(array.nbytes) if count is None else count * int(array.itemsize)
    return int(getattr(spec, "nbytes", 0))


def counters_of_petsc() -> Callable[[], dict[str, float]] | None:
    """What PETSc has counted so far of its own messages (those inside hypre it does not know); None where it is not
    loaded, or counts nothing that can be read.
    """
    loaded = sys.modules.get("petsc4py.PETSc")
    if loaded is None or loaded.__file__ is None:
        return None
    library = ctypes.CDLL(loaded.__file__)
    try:
        found = {what: [ctypes.c_double.in_dll(library, name) for name in names] for what, names in OF_PETSC.items()}
    except ValueError:
        return None
    return lambda: {what: sum(one.value for one in ones) for what, ones in found.items()}
