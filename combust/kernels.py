"""One switch between eager and fused kernels.

Every kernel of combust is a pure function of tensors; `compiled` fuses it with torch's compiler (C++ on a CPU,
Triton on a GPU) at its first call. What runs is decided call by call: `COMBUST_COMPILE=0` forces eager, else
the mode that the run set with `set_mode`, else eager (with one warning) on a CPU without a C++ compiler.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

import torch
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from combust.graphs import LIMIT, Graphs, has_cells, tensors_of
from combust.machine import huge_pages

logger = logging.getLogger(__name__)

Mode = Literal["compiled", "eager"]
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Kernel(Protocol[P, R_co]):
    """A function that `compiled` made, of the signature of the one it was made of, which is `eager`."""

    @property
    def eager(self) -> Callable[P, R_co]: ...
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class Watch(Protocol):
    """What a profile puts in the place of each call of a kernel, which it makes itself."""

    def __call__(self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...


class _Policy:
    """What the process decided about compilation.

    The one piece of module state in combust: whether compiling pays depends on cells times steps, which the run
    knows, while kernels are made at import time all over the package. It affects speed only, never a result.
    """

    mode: Mode = "compiled"
    watch: Watch | None = None
    warned = False
    configured = False
    lock = threading.Lock()


_policy = _Policy()


def set_mode(mode: Mode) -> None:
    """Let kernels run "compiled" or "eager" from now on, in this process; COMBUST_COMPILE=0 still wins."""
    if mode not in ("compiled", "eager"):
        raise ValueError(f"kernel mode is {mode!r}; allowed: 'compiled', 'eager'")
    _policy.mode = mode


@contextlib.contextmanager
def using(mode: Mode) -> Iterator[None]:
    """`set_mode` for a while."""
    before = _policy.mode
    set_mode(mode)
    try:
        yield
    finally:
        set_mode(before)


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Every call of a kernel that no other one makes goes through `watch` for a while."""
    _policy.watch = watch
    try:
        yield
    finally:
        _policy.watch = None


def keep_freed_memory() -> None:
    """Lets the C library keep freed memory for the next array: giving it back costs page faults on every field.

    Kernels allocate and free arrays of megabytes many times a step, large blocks fields of a hundred: all of them come
    from its heap, which never shrinks. Does nothing where there is no glibc. Before the first array, also large pages
    (`machine.huge_pages`).
    """
    huge_pages()
    trim_threshold, mmap_max = -1, -4  # glibc's M_TRIM_THRESHOLD, M_MMAP_MAX
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, -1)  # -1: never


def mode() -> Mode:
    """The mode in force: "eager" when COMBUST_COMPILE=0, else what `set_mode` chose (default "compiled")."""
    return "eager" if os.environ.get("COMBUST_COMPILE", "1") == "0" else _policy.mode


def compiled(fn: Callable[P, R_co], *, dynamic: bool | None = False) -> Kernel[P, R_co]:
    """`fn` fused by torch's compiler at its first call; static shapes, or symbolic ones with `dynamic=True`.

    None: symbolic where `combust.graphs.cells_last` marked an argument. The result has fn's signature;
    `.eager` is fn itself. Errors inside the compiler are raised, never hidden.
    """
    fused: list[Callable[..., Any]] = []

    @functools.wraps(fn)
    def kernel(*args: Any, **kwargs: Any) -> Any:
        if (watch := _policy.watch) is not None:
            _policy.watch = None
            try:
                return watch(kernel, args, kwargs)
            finally:
                _policy.watch = watch
        if mode() == "eager" or _inside_compiler() or not _can_compile(args, kwargs):
            return fn(*args, **kwargs)
        if fused:
            return fused[0](*args, **kwargs)
        with _policy.lock:
            configure()
        name = f"{fn.__module__}.{fn.__qualname__}"
        logger.info("compiling %s ...", name)
        start = time.perf_counter()
        function = _fuse(fn, dynamic)
        result = function(*args, **kwargs)
        logger.info("compiled %s in %.1f s", name, time.perf_counter() - start)
        fused.append(function)
        return result

    kernel.eager = fn  # type: ignore[attr-defined]
    return kernel  # type: ignore[return-value]


def _fuse(fn: Callable[..., Any], dynamic: bool | None) -> Callable[..., Any]:
    """fn by torch.compile; for static shapes by graphs that are cheaper to call, where they will do."""
    by_torch = torch.compile(fn, dynamic=dynamic, fullgraph=True)
    if dynamic:
        return by_torch
    graphs = Graphs(fn, cells=dynamic is None)

    def marked(*args: Any) -> Any:
        for x in tensors_of(args):
            if has_cells(x):
                torch._dynamo.maybe_mark_dynamic(x, x.dim() - 1)
        return by_torch(*args)

    otherwise = by_torch if dynamic is False else marked
    return lambda *args, **kwargs: by_torch(*args, **kwargs) if kwargs else graphs(args, otherwise)


def _inside_compiler() -> bool:
    """Whether another kernel is being traced: it takes this one in."""
    return torch.compiler.is_compiling() or get_proxy_mode() is not None


def configure() -> None:
    """Sets torch's compiler up, once; what calls `torch.compile` itself does it before."""
    if _policy.configured:
        return
    import torch._dynamo
    import torch._inductor.config
    from torch._inductor.cpu_vec_isa import pick_vec_isa

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, LIMIT)
    # We let it raise rather than fall back to eager: a kernel that is silently ten times slower is the worse failure.
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    torch._dynamo.config.suppress_errors = False
    torch._inductor.config.size_asserts = False  # of what was looked at before the call
    # The one setting in the key of the cache that tells instruction sets apart: code for AVX-512 that is
    # read from it with ATEN_CPU_CAPABILITY=avx2, or on another node by a cache in a shared folder, gives wrong numbers.
    torch._inductor.config.cpp.simdlen = pick_vec_isa().bit_width()
    _policy.configured = True


def _can_compile(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if _has_compiler() or _on_gpu(args) or _on_gpu(tuple(kwargs.values())):
        return True
    if not _policy.warned:
        _policy.warned = True
        logger.warning("no C++ compiler found: kernels run eager, several times slower; install g++ or name one in CXX")
    return False


def _on_gpu(args: tuple[Any, ...]) -> bool:
    return any(isinstance(a, torch.Tensor) and a.is_cuda for a in args)


@functools.cache
def _has_compiler() -> bool:
    return shutil.which(os.environ.get("CXX", "g++")) is not None or shutil.which("clang++") is not None
