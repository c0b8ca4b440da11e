"""Compiled graphs of a kernel, one for each set of argument shapes, called without torch.compile's own checks.

torch.compile examines every tensor of every argument at each call, which takes 0.1 to 0.2 ms: as long as a small kernel
on a small block. Here the constants that a kernel gets in each call (thermodynamic data, metrics) are examined once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

# Distinct shapes, dtypes and devices that one kernel may meet; a kernel compiled again and again is the worse failure.
LIMIT = 64
SMALL = 2**16  # entries of an argument that may be kept alive to know it again
SLOT = object()  # where a tensor goes


class Examined(NamedTuple):
    """A nested argument: itself, its tensors, and a number that stands for all else about it."""

    argument: tuple[Any, ...]
    tensors: list[Tensor]
    number: int


class Graphs:
    """A pure function of (nested tuples of) tensors and hashable constants, compiled on the CPU for fixed shapes."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self._graphs: dict[tuple[Any, ...], tuple[Callable[..., Any], Any] | None] = {}
        self._numbers: dict[Any, int] = {}
        self._recent: dict[int, Examined] = {}

    def __call__(self, args: tuple[Any, ...], otherwise: Callable[..., Any]) -> Any:
        """fn(*args); by `otherwise`, for good, where arguments are of another kind: on a GPU, or to be differentiated.

        Raises RuntimeError after LIMIT sets of shapes.
        """
        tensors, key = self._examine(args)
        if key not in self._graphs:
            if len(self._graphs) == LIMIT:
                raise RuntimeError(f"{self.fn.__qualname__} was compiled for {LIMIT} sets of argument shapes")
            self._graphs[key] = self._compile(args, tensors) if suitable(args) else None
        found = self._graphs[key]
        if found is None:
            return otherwise(*args)
        graph, form = found
        return restored(form, iter(graph(*tensors)))

    def _examine(self, args: tuple[Any, ...]) -> tuple[list[Tensor], tuple[Any, ...]]:
        """All tensors of the arguments, and what identifies their shapes and the constants beside them."""
        tensors: list[Tensor] = []
        key: list[Any] = []
        for place, argument in enumerate(args):
            if isinstance(argument, Tensor):
                tensors.append(argument)
                key.append(signature(argument))
            elif isinstance(argument, tuple):
                known = self._recent.get(place)
                if known is None or known.argument is not argument:
                    known = self._known(place, argument)
                tensors += known.tensors
                key.append(known.number)
            else:
                key.append(signature(argument))
        return tensors, tuple(key)

    def _known(self, place: int, argument: tuple[Any, ...]) -> Examined:
        found = tensors_of(argument)
        number = self._numbers.setdefault(signature(argument), len(self._numbers))
        known = Examined(argument, found, number)
        if sum(x.numel() for x in found) <= SMALL:
            self._recent[place] = known
        return known

    def _compile(self, args: tuple[Any, ...], tensors: list[Tensor]) -> tuple[Callable[..., Any], Any]:
        """The compiled graph of all tensors, and the form of its result."""
        from torch import _inductor  # both loaded only where something is compiled: half a second
        from torch.fx.experimental.symbolic_shapes import ShapeEnv

        form, result = outline(args), []

        def flat(*values: Tensor) -> list[Tensor]:
            value = self.fn(*restored(form, iter(values)))
            result.append(outline(value))
            return tensors_of((value,))

        # Stand-ins: of a tensor that is given twice the graph would take only one.
        mode = FakeTensorMode(shape_env=ShapeEnv())  # without a ShapeEnv the disk cache is passed by
        with mode:
            inputs = [torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=x.device) for x in tensors]
            traced = make_fx(flat)(*inputs)
        with tracing(TracingContext(mode)):
            graph = _inductor.compile(traced, inputs)  # type: ignore[arg-type]
        return graph, result[-1]  # type: ignore[return-value]


def signature(x: Any) -> Any:
    """All that a compiled graph may depend on except the entries of tensors; hashable."""
    if isinstance(x, Tensor):
        return x.shape, x.stride(), x.dtype, x.device, x.requires_grad
    if isinstance(x, tuple):
        return type(x), *(signature(part) for part in x)
    return type(x), x


def suitable(x: Any) -> bool:
    """Whether everything in x is what a graph can be kept for."""
    if isinstance(x, Tensor):
        return x.device.type == "cpu" and not x.requires_grad
    return all(map(suitable, x)) if isinstance(x, tuple) else x is None or isinstance(x, (bool, int, str))


def tensors_of(x: tuple[Any, ...]) -> list[Tensor]:
    """The tensors in nested tuples, in order."""
    found: list[Tensor] = []
    for part in x:
        if isinstance(part, Tensor):
            found.append(part)
        elif isinstance(part, tuple):
            found += tensors_of(part)
    return found


def outline(x: Any) -> Any:
    """x with SLOT in place of its tensors."""
    if isinstance(x, tuple):
        return remade(x, [outline(part) for part in x])
    return SLOT if isinstance(x, Tensor) else x


def restored(form: Any, tensors: Iterator[Tensor]) -> Any:
    """An outline with tensors again."""
    if isinstance(form, tuple):
        return remade(form, [restored(part, tensors) for part in form])
    return next(tensors) if form is SLOT else form


def remade(x: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    """A tuple of the type of x."""
    return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
