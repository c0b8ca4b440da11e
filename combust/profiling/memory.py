"""Bytes that a step must move through memory at least, and what the memory of this machine moves in a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from combust import devices
from combust.parallel import Communicator
from combust.profiling.recorder import KERNELS, OPERATIONS, TOUCHED, Recorder

ENTRIES = 2**23  # of each of three arrays: 192 MiB together, more than caches hold
TURNS = 5
ONLY_WRITTEN = ("aten::copy_", "aten::fill_", "aten::zero_")


def bandwidth(comm: Communicator, device: str) -> float:
    """Bytes per second and rank that a = b + 2 c moves through memory, all ranks at once; the best of some turns
    (collective).
    """
    a, b, c = (torch.zeros(ENTRIES, dtype=torch.float64, device=device) for _ in range(3))
    best = float("inf")
    for _ in range(TURNS):
        comm.barrier()
        begin = time.perf_counter()
        torch.add(b, c, alpha=2.0, out=a)
        devices.finish(a.device)
        best = min(best, time.perf_counter() - begin)
    return 3.0 * a.nbytes / best


class Touched(TorchDispatchMode):
    """Counts the bytes that torch's operations and the kernels of combust read and write, each array once a call: what
    a kernel keeps in between costs a fused one nothing. Views move nothing.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        moved = moved_by(func, args, kwargs or {}, result)
        if moved:
            self.recorder.add(OPERATIONS)
            self.recorder.add(TOUCHED, moved)
        return result

    def kernel(self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A kernel's call, counted as one; see `kernels.watched`."""
        self.__exit__(None, None, None)
        try:
            result = call(*args, **kwargs)
        finally:
            self.__enter__()
        self.recorder.add(KERNELS)
        self.recorder.add(TOUCHED, sum(map(extent, tensors((args, kwargs, result)))))
        return result


def moved_by(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> int:
    """Bytes that an operation of torch reads and writes."""
    schema = func._schema
    if schema.name.startswith("aten::empty") or any(r.alias_info and not r.alias_info.is_write for r in schema.returns):
        return 0
    total = 0
    for place, argument in enumerate(schema.arguments):
        given = args[place] if place < len(args) else kwargs.get(argument.name)
        size = sum(map(extent, tensors(given)))
        written = argument.alias_info is not None and argument.alias_info.is_write
        only = written and (argument.kwarg_only or schema.name in ONLY_WRITTEN)
        total += size * (1 + written - only)
    if not any(r.alias_info for r in schema.returns):
        total += sum(map(extent, tensors(result)))
    return total


def tensors(tree: Any) -> Iterator[Tensor]:
    """Those in nested tuples, lists and dicts."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, tuple | list):
        for one in tree:
            yield from tensors(one)
    elif isinstance(tree, dict):
        yield from tensors(tuple(tree.values()))


def extent(x: Tensor) -> int:
    """Bytes of an array; entries that are repeated count once."""
    if x.layout != torch.strided:
        return x.numel() * x.element_size()
    return x.element_size() * math.prod(n for n, stride in zip(x.shape, x.stride(), strict=True) if stride or n == 0)
