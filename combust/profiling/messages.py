"""A communicator that counts what it is asked for: messages, bytes, calls that all ranks make together."""

from __future__ import annotations

import ctypes
import functools
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from combust.parallel import Communicator
from combust.profiling.recorder import MESSAGES, REDUCTIONS, SENT, Recorder

WHOLE = ("Allgather", "Allreduce", "Iallgather", "Iallreduce", "Bcast", "Gather", "Reduce", "Allgatherv")
OBJECTS = ("allgather", "bcast", "gather", "allreduce")
TRADES = ("Alltoall", "Alltoallv")
BARRIERS = ("Barrier", "Ibarrier")
SENDS = ("Isend", "Send")
# PETSc's own counters: (what, names of its variables).
OF_PETSC = {
    MESSAGES: ("petsc_isend_ct", "petsc_send_ct"),
    SENT: ("petsc_isend_len", "petsc_send_len"),
    REDUCTIONS: ("petsc_allreduce_ct", "petsc_gather_ct", "petsc_scatter_ct"),
}


def counted(comm: Communicator, recorder: Recorder) -> Communicator:
    """The same ranks, whose messages `recorder` counts; without MPI `comm` itself."""
    return comm if comm.mpi is None else Communicator(_kind()(comm.mpi, recorder))


@functools.cache
def _kind() -> type[Any]:
    """MPI's communicator, which counts. All that it makes of itself does, too.

    A call that all ranks of the case make together is a reduction, whatever it does; one of a part of them, a row of
    blocks, is as many messages as there are others in it. Made when it is first asked for: importing mpi4py starts MPI.
    """
    from mpi4py import MPI

    class Request(MPI.Prequest):
        """Of `Send_init`: counts at each start of it and of those before it."""

        told: Callable[[Sequence[Any]], None] | None = None
        size: int | None = None

    class Counted(MPI.Intracomm):
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
            return Counted(super().Split(*args, **kwargs), self.recorder, True)

        def Split_type(self, *args: Any, **kwargs: Any) -> Any:
            return Counted(super().Split_type(*args, **kwargs), self.recorder, True)

        def Dup(self, *args: Any, **kwargs: Any) -> Any:
            return Counted(super().Dup(*args, **kwargs), self.recorder, self.part)

        def Send_init(self, buf: Any, *args: Any, **kwargs: Any) -> Any:
            made = Request(super().Send_init(buf, *args, **kwargs))
            made.size, made.told = size_of(buf), self._started
            return made

        def Recv_init(self, *args: Any, **kwargs: Any) -> Any:
            made = Request(super().Recv_init(*args, **kwargs))
            made.told = self._started
            return made

        def send(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
            self._message(len(pickle.dumps(obj)))
            return super().send(obj, *args, **kwargs)

        def _started(self, requests: Sequence[Any]) -> None:
            for request in requests:
                if request.size is not None:
                    self._message(request.size)

        def _message(self, size: int, count: int = 1) -> None:
            self.recorder.add(MESSAGES, count)
            self.recorder.add(SENT, size)

        def _together(self, size: int) -> None:
            if self.part:
                others = self.Get_size() - 1
                self._message(size * others, others)
            else:
                self.recorder.add(REDUCTIONS)
                self.recorder.add(SENT, size)

        def _traded(self, spec: Any, equal: bool) -> None:
            own, ranks = self.Get_rank(), self.Get_size()
            if equal:
                sizes = np.full(ranks, size_of(spec) // ranks)
            else:
                sizes = np.asarray(spec[1] if not isinstance(spec[1], tuple) else spec[1][0]) * spec[0].itemsize
            sizes = np.delete(sizes, own)
            self._message(int(sizes.sum()), int(np.count_nonzero(sizes)))
            if not self.part:
                self.recorder.add(REDUCTIONS)

    Counted.__module__ = MPI.Intracomm.__module__  # by which petsc4py knows a communicator of MPI

    def wrapped(name: str, count: Callable[[Any, Any], None]) -> None:
        plain = getattr(MPI.Intracomm, name)

        @functools.wraps(plain)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            count(self, args[0] if args else None)
            return plain(self, *args, **kwargs)

        setattr(Counted, name, call)

    for name in SENDS:
        wrapped(name, lambda self, spec: self._message(size_of(spec)))
    for name in WHOLE:
        wrapped(name, lambda self, spec: self._together(size_of(spec)))
    for name in OBJECTS:
        wrapped(name, lambda self, obj: self._together(len(pickle.dumps(obj))))
    for name in BARRIERS:
        wrapped(name, lambda self, _: self._together(0))
    for name in TRADES:
        wrapped(name, lambda self, spec, equal=name == "Alltoall": self._traded(spec, equal))  # type: ignore[misc]
    return Counted


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
