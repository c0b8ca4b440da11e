"""Parts of torch that it does not promise to keep: looked at before they are used, with a way out where they are gone.

Without those that trace and compile (`parts`), kernels go through plain torch.compile; without those that tell of
derivatives, each argument is asked.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

logger = logging.getLogger(__name__)


class Parts(NamedTuple):
    """What `combust.graphs` makes a graph of a function with, for any number of cells."""

    make_fx: Callable[..., Any]
    FakeTensorMode: Callable[..., Any]
    ShapeEnv: Callable[..., Any]
    ConstantSource: Callable[..., Any]
    dynamic: Any
    TracingContext: Callable[..., Any]
    tracing: Callable[..., Any]
    compile: Callable[..., Any]
    """compile(graph, inputs, options) of torch's inductor."""
    asks_for_sizes: bool
    """Whether a graph must show the sizes that its code needs."""


@functools.cache
def parts() -> Parts | None:
    """Those parts; None, with one line in the log, where this torch has not all of them as they are expected."""
    try:
        found = _found()
        _try(found)
    except Exception as error:  # of whatever kind: another torch may do anything here
        logger.warning(
            "torch %s has other inner parts than those that combust calls kernels by (%s: %s): they go through "
            "torch.compile, each call 0.1 to 0.3 ms slower",
            torch.__version__, type(error).__name__, str(error).split("\n")[0],
        )  # fmt: skip
        return None
    return found


def _found() -> Parts:
    """Raises ImportError, AttributeError or TypeError."""
    from torch import _inductor  # loaded only where something is compiled: half a second
    from torch._dynamo.source import ConstantSource
    from torch._guards import TracingContext, tracing
    from torch._subclasses import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

    inspect.signature(_inductor.compile).bind(None, [], options={})
    asks = torch.__version__ >= torch.torch_version.TorchVersion("2.14")
    return Parts(
        make_fx, FakeTensorMode, ShapeEnv, ConstantSource, DimDynamic.DYNAMIC, TracingContext, tracing,
        _inductor.compile, asks,
    )  # fmt: skip


def _try(p: Parts) -> None:
    """Traces a function of any number of cells. Raises an error where that is not what comes of it."""
    sizes = p.ShapeEnv()
    symbol, cells = symbolic(p, sizes, 1024)
    mode = p.FakeTensorMode(shape_env=sizes)
    with mode:
        x = torch.empty((2, cells), dtype=torch.float64)
        graph = p.make_fx(lambda x: x + x.sum(0))(x)
    if sizes.guards or symbol in sizes.replacements or sizes.var_to_range[symbol].lower > 2:
        raise RuntimeError("a graph of any number of cells holds for some only")
    y = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)
    if not torch.equal(graph(y), y + y.sum(0)):
        raise RuntimeError("a traced function gives another value")


def symbolic(p: Parts, sizes: Any, usual: int) -> tuple[Any, Any]:
    """A symbol for a number of cells among `sizes`, usually `usual`, and an integer of that value."""
    source = p.ConstantSource("cells")
    symbol = sizes.create_symbol(usual, source, dynamic_dim=p.dynamic)
    return symbol, sizes.create_symintnode(symbol, hint=usual, source=source)


def tracing() -> bool:
    """Whether a function is being traced now, by torch.compile or by `parts`."""
    if torch.compiler.is_compiling():
        return True
    module = sys.modules.get("torch.fx.experimental.proxy_tensor")
    return module is not None and getattr(module, "get_proxy_mode", lambda: None)() is not None


_functorch = getattr(torch._C, "_functorch", None)
_level_of_functions = getattr(_functorch, "peek_interpreter_stack", None)
_wrapped = getattr(_functorch, "is_functorch_wrapped_tensor", None)
_unwrapped = getattr(_functorch, "get_unwrapped", None)


def transformed() -> bool:
    """Whether the call is within torch.func (jvp, vjp, vmap, grad, jacfwd, ...), or within a level of dual numbers."""
    if _level_of_functions is not None and _level_of_functions() is not None:
        return True
    level: int = getattr(forward_ad, "_current_level", -1)
    return level >= 0


def has_derivatives(x: Tensor) -> bool:
    """Whether x is more than its numbers: of torch.func, or with a tangent."""
    if _wrapped is not None and _wrapped(x):
        return True
    if getattr(forward_ad, "_current_level", 0) < 0:  # outside all levels no tangent is seen
        return False
    return forward_ad.unpack_dual(x).tangent is not None


def doubles(*tensors: Tensor) -> bool:
    """Whether they are arrays of doubles on the CPU without gradients; of tangents and batches see `plain`."""
    return all(type(x) is Tensor and x.is_cpu and x.dtype is torch.float64 and not x.requires_grad for x in tensors)


def plain(x: Tensor | None) -> bool:
    """Whether a tensor is an array of doubles on the CPU, and nothing that torch differentiates or traces; or None."""
    return x is None or (doubles(x) and not has_derivatives(x))


def numbers(x: Tensor) -> Tensor:
    """The numbers of x without what torch.func wraps around them: those of a batch have its extent too, anywhere."""
    while _wrapped is not None and _unwrapped is not None and _wrapped(x):
        x = _unwrapped(x)
    return x
