"""Compiled graphs of a kernel, one for each set of argument shapes, called without torch.compile's own checks.

torch.compile examines every tensor of every argument at each call, which takes 0.1 to 0.2 ms: as long as a small kernel
on a small block. Here the constants that a kernel gets in each call (thermodynamic data, metrics) are examined once.

Where the last extent of arguments is a number of cells that varies (`cells_last`), one graph serves all numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust import half_written
from combust.torch_parts import Parts, symbolic

logger = logging.getLogger(__name__)

# Sets of shapes, dtypes and devices that one kernel is compiled for. The next ones run eager, several times slower.
LIMIT = 64
SMALL = 2**18  # entries of an argument that may be kept alive to know it again
USUAL = 1024  # cells for which a graph of any number of them is laid out
SLOT = object()  # where a tensor goes


class Examined(NamedTuple):
    """A nested argument: itself, its tensors, places of those with cells and of those of them that have no `layout`,
    and a number that stands for all else.
    """

    argument: tuple[Any, ...]
    tensors: list[Tensor]
    varying: list[int]
    loose: list[int]
    number: int


def cells_last(*tensors: Tensor | None) -> None:
    """Mark the last extent of the tensors as one that varies from call to call."""
    for x in tensors:
        if x is not None:
            x.cells_last = True  # type: ignore[attr-defined]


def has_cells(x: Tensor) -> bool:
    """Whether `cells_last` marked it."""
    return hasattr(x, "cells_last")


class Graphs:
    """A pure function of (nested tuples of) tensors and hashable constants, compiled on the CPU for fixed shapes; or,
    with cells=True, for any extent of at least two in the last place of arguments that are marked (others go
    `otherwise`).
    """

    def __init__(
        self, fn: Callable[..., Any], cells: bool, parts: Parts, options: Callable[[], dict[str, Any]]
    ) -> None:
        """parts : of torch; options : of its compiler, asked for when something is compiled"""
        self.fn, self.cells, self.parts, self.options = fn, cells, parts, options
        self._graphs: dict[tuple[Any, ...], tuple[Callable[..., Any], Any] | None] = {}
        self._numbers: dict[Any, int] = {}
        self._recent: dict[int, Examined] = {}
        self._said = False

    def __call__(self, args: tuple[Any, ...], otherwise: Callable[..., Any]) -> Any:
        """fn(*args); by `otherwise`, for good, where arguments are of another kind: on a GPU, or to be differentiated.

        After LIMIT sets of shapes others run eager.
        """
        tensors, key, found = self._found(args)
        if found is None:
            return self.fn(*args) if key is None else otherwise(*args)
        graph, form = found
        return restored(form, iter(graph(*tensors)))

    def prepare(self, args: tuple[Any, ...]) -> None:
        """Compiles what the first call with such arguments would, and does not call it."""
        self._found(args)

    def _found(
        self, args: tuple[Any, ...]
    ) -> tuple[list[Tensor], tuple[Any, ...] | None, tuple[Callable[..., Any], Any] | None]:
        """All tensors of the arguments, the key of their graph, and the graph with the form of its result; without a
        graph where there is none for them, and without a key where there are too many.
        """
        tensors, varying, loose, key = self._examine(args)
        if self.cells:
            counts = {tensors[i].shape[-1] for i in varying}
            if len(counts) != 1 or min(counts) < 2:
                return tensors, key, None
            for i in loose:
                tensors[i] = tensors[i].contiguous()
        if key not in self._graphs:
            if len(self._graphs) >= LIMIT:
                self._full()
                return tensors, None, None
            self._graphs[key] = self._compile(args, tensors, set(varying)) if suitable(args) else None
        return tensors, key, self._graphs[key]

    def _full(self) -> None:
        """Says once that further shapes are not compiled."""
        if not self._said:
            self._said = True
            logger.warning(full(self.fn))

    def _examine(self, args: tuple[Any, ...]) -> tuple[list[Tensor], list[int], list[int], tuple[Any, ...]]:
        """All tensors of the arguments, the places of those with cells among them and of those of these without a
        `layout`, and what identifies their shapes and the constants beside them.
        """
        tensors: list[Tensor] = []
        varying: list[int] = []
        loose: list[int] = []
        key: list[Any] = []
        for place, argument in enumerate(args):
            if isinstance(argument, Tensor):
                if self.cells and has_cells(argument):
                    order = layout(argument)
                    varying.append(len(tensors))
                    if order is None:
                        loose.append(len(tensors))
                    key.append(with_cells(argument, order))
                else:
                    key.append(signature(argument))
                tensors.append(argument)
            elif isinstance(argument, tuple):
                known = self._recent.get(place)
                if known is None or known.argument is not argument:
                    known = self._known(place, argument)
                varying += [len(tensors) + i for i in known.varying]
                loose += [len(tensors) + i for i in known.loose]
                tensors += known.tensors
                key.append(known.number)
            else:
                key.append(signature(argument))
        return tensors, varying, loose, tuple(key)

    def _known(self, place: int, argument: tuple[Any, ...]) -> Examined:
        found = tensors_of(argument)
        varying = [i for i, x in enumerate(found) if has_cells(x)] if self.cells else []
        number = self._numbers.setdefault(signature(argument, self.cells), len(self._numbers))
        known = Examined(argument, found, varying, [i for i in varying if layout(found[i]) is None], number)
        if sum(x.numel() for x in found) <= SMALL:
            self._recent[place] = known
        return known

    def _compile(
        self, args: tuple[Any, ...], tensors: list[Tensor], varying: set[int]
    ) -> tuple[Callable[..., Any], Any] | None:
        """The compiled graph of all tensors, and the form of its result. None if it is not for any number of cells."""
        p = self.parts
        form, result = outline(args), []

        def flat(*values: Tensor) -> list[Any]:
            value = self.fn(*restored(form, iter(values)))
            result.append(outline(value))
            found: list[Any] = tensors_of((value,))
            # From torch 2.14 on the compiler takes a number of cells from arguments only where the graph asks for it.
            return [*found, values[min(varying)].shape[-1]] if varying and p.asks_for_sizes else found

        # Stand-ins: of a tensor that is given twice the graph would take only one.
        sizes = p.ShapeEnv()  # without one the disk cache is passed by
        mode = p.FakeTensorMode(shape_env=sizes)
        symbol, cells = symbolic(p, sizes, USUAL)
        orders = [layout(x) for x in tensors]
        with mode:
            inputs = [
                laid_out((*x.shape[:-1], cells), orders[i], x.dtype) if i in varying else
                torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=x.device)
                for i, x in enumerate(tensors)
            ]  # fmt: skip
            traced = p.make_fx(flat)(*inputs)
        with p.tracing(p.TracingContext(mode)):
            graph = half_written.without_them(lambda: p.compile(traced, inputs, options=self.options()))
        if varying and (sizes.guards or symbol in sizes.replacements or sizes.var_to_range[symbol].lower > 2):
            return None
        return graph, result[-1]


def full(fn: Callable[..., Any]) -> str:
    """That a kernel has met too many shapes."""
    return (
        f"{fn.__module__}.{fn.__qualname__} was compiled for {LIMIT} sets of argument shapes: with others it runs "
        "eager, several times slower"
    )


def signature(x: Any, cells: bool = False) -> Any:
    """All that a compiled graph may depend on except the entries of tensors, and except the number of cells where
    that is marked and `cells`; hashable.
    """
    if isinstance(x, Tensor):
        if cells and has_cells(x):
            return with_cells(x, layout(x))
        return x.shape, x.stride(), x.dtype, x.device, x.requires_grad
    if isinstance(x, tuple):
        return type(x), *(signature(part, cells) for part in x)
    return type(x), x


def with_cells(x: Tensor, order: tuple[int, ...] | None) -> tuple[Any, ...]:
    """The `signature` of a tensor of any number of cells, with its `layout`."""
    return x.shape[:-1], order or tuple(range(x.dim())), x.dtype, x.device, x.requires_grad


def layout(x: Tensor) -> tuple[int, ...] | None:
    """Dimensions of x from the slowest to the fastest in memory; None where its entries have gaps or overlap.

    LAPACK's factors lie matrix by matrix, though their last dimension is cells: to copy them at each call costs as much
    as to solve with them.
    """
    if x.is_contiguous():
        return tuple(range(x.dim()))
    strides = x.stride()
    order = tuple(sorted(range(x.dim()), key=lambda d: -strides[d]))
    return order if x.permute(order).is_contiguous() else None


def laid_out(shape: tuple[Any, ...], order: tuple[int, ...] | None, dtype: torch.dtype) -> Tensor:
    """A tensor of that shape and `layout` (None: contiguous)."""
    order = order or tuple(range(len(shape)))
    back = sorted(range(len(order)), key=lambda d: order[d])
    return torch.empty([shape[d] for d in order], dtype=dtype).permute(back)


def suitable(x: Any, within: bool = False) -> bool:
    """Whether everything in x is what a graph can be kept for. Fractions are, as constants `within` a tuple."""
    if isinstance(x, Tensor):
        return x.device.type == "cpu" and not x.requires_grad
    if isinstance(x, tuple):
        return all(suitable(part, True) for part in x)
    return x is None or isinstance(x, (bool, int, str)) or (within and isinstance(x, float))


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
