"""Kernels to be compiled by another process: what is compiled, for which arguments, without the arguments' numbers.

An `Order` goes to a process of its own (`combust.kernel_process`), which compiles it into the disk cache of torch, and
leaves a mark there: a run whose orders are all marked needs no such process.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import marshal
import os
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust import processor
from combust.folders import among_temporary
from combust.graphs import USUAL, has_cells, laid_out, layout, remade
from combust.kernels import CACHE


class Order(NamedTuple):
    """A function for arguments of a kind, pickled, under a name that tells it from others; dynamic: see `compiled`."""

    name: str
    digest: str
    content: bytes

    @staticmethod
    def of(fn: Callable[..., Any], dynamic: bool | None, args: tuple[Any, ...]) -> Order | None:
        """None where another process cannot have it: a function of a script, or of what does not go in a file."""
        try:
            content = pickle.dumps((_written(fn), dynamic, _without_numbers(args, dynamic is None)))
        except Exception:  # pickle raises errors of many kinds
            return None
        name = f"{fn.__module__}.{fn.__qualname__}"
        return Order(name, hashlib.sha256(content).hexdigest(), content)

    def opened(self) -> tuple[Callable[..., Any], bool | None, tuple[Any, ...]]:
        """The function, `dynamic`, and arguments whose tensors hold nothing."""
        fn, dynamic, args = pickle.loads(self.content)
        return _read(fn), dynamic, _with_tensors(args)


def mark(order: Order) -> Path:
    """The file that says that it is in the cache, for this torch, processor and combust. It is only a hint: what is
    not there after all is compiled at its first call.
    """
    folder = os.environ.get(CACHE) or among_temporary()
    key = f"{order.digest} {torch.__version__} {torch.get_num_threads()} {_here()}"
    return Path(folder) / "combust_kernels" / hashlib.sha256(key.encode()).hexdigest()[:32]


@functools.cache
def _here() -> str:
    """The processor, and the files of combust by their sizes and times."""
    own = Path(__file__).parent
    files = [(str(path.relative_to(own)), path.stat()) for path in sorted(own.rglob("*.py"))]
    seen = [(name, status.st_size, status.st_mtime_ns) for name, status in files]
    flags = next((value for key, value in processor.fields() if key in ("flags", "Features")), "")
    return f"{torch.backends.cpu.get_cpu_capability()} {flags} {seen}"


class _Named(NamedTuple):
    """A function that its module knows."""

    module: str
    name: str


class _Made(NamedTuple):
    """A function that another one made, with what it took from there."""

    module: str
    code: bytes
    name: str
    defaults: tuple[Any, ...] | None
    taken: tuple[Any, ...]


class _Empty(NamedTuple):
    """A tensor without its numbers."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    cells: bool


def _written(fn: Callable[..., Any]) -> _Named | _Made:
    """Raises ValueError for a function of a script."""
    fn = getattr(fn, "eager", fn)  # of a kernel, which takes kernels in
    assert isinstance(fn, types.FunctionType)
    if fn.__module__ == "__main__":
        raise ValueError(f"{fn.__qualname__} is of a script")
    if "<" not in fn.__qualname__:
        return _Named(fn.__module__, fn.__qualname__)
    cells = [cell.cell_contents for cell in fn.__closure__ or ()]
    taken = tuple(_written(x) if isinstance(x, types.FunctionType) else x for x in cells)
    return _Made(fn.__module__, marshal.dumps(fn.__code__), fn.__name__, fn.__defaults__, taken)


def _read(fn: _Named | _Made) -> Callable[..., Any]:
    module = importlib.import_module(fn.module)
    if isinstance(fn, _Named):
        found: Any = module
        for part in fn.name.split("."):
            found = getattr(found, part)
        return getattr(found, "eager", found)
    taken = tuple(types.CellType(_read(x) if isinstance(x, _Named | _Made) else x) for x in fn.taken)
    return types.FunctionType(marshal.loads(fn.code), module.__dict__, fn.name, fn.defaults, taken)


def _without_numbers(x: Any, any_cells: bool) -> Any:
    """With `any_cells`, all numbers of cells give the same. Raises ValueError for what no graph is kept of."""
    if isinstance(x, tuple):
        return remade(x, [_without_numbers(part, any_cells) for part in x])
    if not isinstance(x, Tensor):
        return x
    if x.device.type != "cpu" or x.requires_grad:
        raise ValueError("of another kind")
    if not any_cells or not has_cells(x):
        return _Empty(tuple(x.shape), x.stride(), x.dtype, has_cells(x))
    if x.shape[-1] < 2:
        raise ValueError("not of any number of cells")
    usual = laid_out((*x.shape[:-1], USUAL), layout(x), x.dtype)
    return _Empty(tuple(usual.shape), usual.stride(), x.dtype, True)


def _with_tensors(x: Any) -> Any:
    if isinstance(x, _Empty):
        made = torch.empty_strided(x.shape, x.stride, dtype=x.dtype)
        if x.cells:
            made.cells_last = True  # type: ignore[attr-defined]
        return made
    return remade(x, [_with_tensors(part) for part in x]) if isinstance(x, tuple) else x
