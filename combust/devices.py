"""Devices that fields live on: the processor, or an accelerator that torch knows; one for each rank of a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from combust.errors import ConfigError
from combust.parallel import Communicator


class Kind(NamedTuple):
    """A kind of accelerator: how many of them this machine has, and what a rank does with its own (given by number)."""

    there: Callable[[], int]
    take: Callable[[int], None]  # all that names no number means this one from then on
    finish: Callable[[int], None]  # returns when it has done all that it was given
    memory: Callable[[torch.Tensor], object]  # of a tensor, as mpi4py takes it


def _cuda() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


KINDS: dict[str, Kind] = {
    "cuda": Kind(
        _cuda, torch.cuda.set_device, lambda index: torch.cuda.current_stream(index).synchronize(), lambda x: x
    )  # fmt: skip
}


def is_there(name: str) -> bool:
    """Whether fields can live on the device of that name."""
    try:
        device = torch.device(name)
    except RuntimeError:
        return False
    if device.type == "cpu":
        return True
    return device.type in KINDS and (device.index or 0) < KINDS[device.type].there()


def pick(choice: str, comm: Communicator) -> str:
    """The device of this rank (collective): "cpu", or the accelerator whose number is its place among the ranks of its
    machine, modulo those there are, as "cuda:1".

    choice : "cpu", a kind of accelerator, or "auto", a GPU if there is one
    Raises ConfigError if an accelerator is asked for and there is none.
    """
    if choice == "cpu" or (choice == "auto" and not _cuda()):
        return "cpu"
    name = "cuda" if choice == "auto" else choice
    there = KINDS[name].there() if name in KINDS else 0
    if not there:
        found = "torch finds no GPU here" if name == "cuda" else "there is none here"
        raise ConfigError(f'device = "{name}": {found}; use device = "cpu" or "auto" (see combust doctor)')
    index = comm.place_on_this_machine() % there
    KINDS[name].take(index)
    return f"{name}:{index}"


def finish(device: torch.device) -> None:
    """Waits until the device has done all that it was given: messages know nothing of what it still has to do."""
    if device.type in KINDS:
        KINDS[device.type].finish(device.index or 0)


def works_ahead(device: torch.device) -> bool:
    """Whether a device works while the host goes on. The host then asks seldom, and shapes do not hang on answers."""
    return device.type != "cpu"


def number(x: float, device: torch.device | str) -> torch.Tensor:
    """x as a 0-d float64 tensor there. It is not copied from the host, which would wait for the device."""
    return torch.full((), x, dtype=torch.float64, device=device)


def total(comm: Communicator, parts: torch.Tensor) -> torch.Tensor:
    """Sums over all ranks of a few float64 numbers, where they are; alone they are what they were."""
    if comm.mpi is None:
        return parts
    return torch.tensor(comm.sum(*parts.tolist()), dtype=torch.float64, device=parts.device)


def memory(x: torch.Tensor) -> object:
    """The memory of a tensor of a device, as mpi4py takes it where MPI reads that."""
    return KINDS[x.device.type].memory(x)


@contextmanager
def admitted(name: str, kind: Kind) -> Iterator[None]:
    """Within, there is one more kind of accelerator (tests bring one that needs no hardware)."""
    KINDS[name] = kind
    try:
        yield
    finally:
        del KINDS[name]
