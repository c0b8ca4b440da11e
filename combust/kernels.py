"""One switch between eager and fused kernels.

Every kernel of combust is a pure function of tensors; `compiled` fuses it with torch's compiler (C++ on a CPU,
Triton on a GPU) at its first call. What runs is decided call by call: `COMBUST_COMPILE=0` forces eager, else
the mode that the run set with `set_mode`, else eager (with one warning) on a CPU without a C++ compiler. Within
torch.func (jvp, vmap, ...) and with dual numbers kernels are eager: compiled ones know nothing of tangents.

A kernel may have a second version in C++ (`native`), which serves on CPUs whatever the mode: a flow has the same bits
before and after its kernels are compiled, and torch compiles nothing of what it serves. `COMBUST_NATIVE=0`: without.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

import torch
from torch import Tensor

from combust import half_written, machine_code
from combust.folders import among_temporary
from combust.graphs import LIMIT, Graphs, full, has_cells, remade, tensors_of
from combust.machine import huge_pages
from combust.torch_parts import parts, tracing, transformed

logger = logging.getLogger(__name__)

CACHE = "TORCHINDUCTOR_CACHE_DIR"  # where torch keeps what it compiled

Mode = Literal["compiled", "eager"]
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Places = Sequence["Tensor | None"]  # where results go, one by one; a new tensor for None


class Kernel(Protocol[P, R_co]):
    """A function that `compiled` made, of the signature of the one it was made of, which is `eager`.

    `into` puts its results into places, which are then the results; `native` does the same in C++ alone, and is None
    where there is no such version or it does not serve.
    """

    @property
    def eager(self) -> Callable[P, R_co]: ...
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def into(self, places: Places, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def native(self, places: Places | None, *args: Any) -> R_co | None: ...


class Native(Protocol):
    """A kernel in C++: the result of the same arguments, in `places` if given; None where it does not serve, as on a
    GPU, with derivatives, other options or no compiler: nothing is written then. It is asked at each call.
    """

    def __call__(self, places: Places | None, *args: Any) -> Any: ...


class Watch(Protocol):
    """What a profile puts in the place of each call of a kernel, which it makes itself."""

    def __call__(self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...


class Deferred(Protocol):
    """What is told of each call of a kernel that is eager now and is to be compiled later."""

    def __call__(self, fn: Callable[..., Any], dynamic: bool | None, args: tuple[Any, ...]) -> None: ...


class _Policy:
    """What the process decided about compilation.

    State of a module, as whether compiling pays depends on cells times steps, which the run knows, while kernels are
    made at import time all over the package. It changes speed, and of results the last digits.
    """

    mode: Mode = "compiled"
    watch: Watch | None = None
    deferred: Deferred | None = None
    warned = False
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


@functools.cache
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


def compiled(fn: Callable[P, R_co], *, dynamic: bool | None = False, native: Native | None = None) -> Kernel[P, R_co]:
    """`fn` fused by torch's compiler at its first call; static shapes, or symbolic ones with `dynamic=True`.

    None: symbolic where `combust.graphs.cells_last` marked an argument. The result has fn's signature;
    `.eager` is fn itself. Errors inside the compiler are raised, never hidden. native : see `Native`
    """
    by_torch = _torchs(fn, dynamic)

    def watched(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if (watch := _policy.watch) is None:
            return call(*args, **kwargs)
        _policy.watch = None
        try:
            return watch(call, args, kwargs)
        finally:
            _policy.watch = watch

    def served(places: Places | None, *args: Any) -> Any:
        if native is None or not machine_code.wanted() or tracing() or transformed():
            return None
        return native(places, *args)

    def called(places: Places | None, *args: Any, **kwargs: Any) -> Any:
        found = None if kwargs else served(places, *args)
        if found is not None:
            return found
        result = by_torch(args, kwargs)
        return result if places is None else _put(result, places)

    @functools.wraps(fn)
    def kernel(*args: Any, **kwargs: Any) -> Any:
        return watched(functools.partial(called, None), args, kwargs)

    kernel.into = lambda places, *args, **kwargs: watched(functools.partial(called, places), args, kwargs)  # type: ignore[attr-defined]
    kernel.native = lambda places, *args: watched(functools.partial(served, places), args, {})  # type: ignore[attr-defined]
    kernel.eager = fn  # type: ignore[attr-defined]
    return kernel  # type: ignore[return-value]


def _put(result: Any, places: Places) -> Any:
    """The results in their places."""
    several = result if isinstance(result, tuple) else (result,)
    found = [x if to is None else to.copy_(x) for x, to in zip(several, places, strict=True)]
    return remade(result, found) if isinstance(result, tuple) else found[0]


def _torchs(fn: Callable[..., Any], dynamic: bool | None) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
    """fn as torch has it: eager or compiled, decided at each call."""
    fused: list[Callable[..., Any]] = []

    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if mode() == "eager" or tracing() or transformed() or not _can_compile(args, kwargs):
            return fn(*args, **kwargs)
        if _policy.deferred is not None:
            return _now_eager(fn, dynamic, args, kwargs)
        if fused:
            return fused[0](*args, **kwargs)
        name = f"{fn.__module__}.{fn.__qualname__}"
        logger.info("compiling %s ...", name)
        start = time.perf_counter()
        function = _fuse(fn, dynamic)
        result = function(*args, **kwargs)
        logger.info("compiled %s in %.1f s", name, time.perf_counter() - start)
        fused.append(function)
        return result

    return call


def defer(told: Deferred | None) -> None:
    """Lets kernels that would be compiled run eager and be `told` instead, until this is called with None.

    All that depends on the mode (blocks, orders of operations) is as it is with compiled kernels.
    """
    _policy.deferred = told


def _now_eager(fn: Callable[..., Any], dynamic: bool | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call that is deferred. Kernels within this one are its part, and not told."""
    told = _policy.deferred
    assert told is not None
    if not kwargs:
        told(fn, dynamic, args)
    _policy.deferred = _untold
    try:
        return fn(*args, **kwargs)
    finally:
        _policy.deferred = told


def _untold(fn: Callable[..., Any], dynamic: bool | None, args: tuple[Any, ...]) -> None:
    pass


def _fuse(fn: Callable[..., Any], dynamic: bool | None) -> Callable[..., Any]:
    """fn by torch.compile; for static shapes by graphs that are cheaper to call, where they will do."""
    with _policy.lock:
        require_cache()
    by_torch = _by_torch(fn, dynamic)
    if dynamic:
        return by_torch

    def marked(*args: Any, **kwargs: Any) -> Any:
        for x in tensors_of(args):
            if has_cells(x):
                torch._dynamo.maybe_mark_dynamic(x, x.dim() - 1)
        return by_torch(*args, **kwargs)

    otherwise = by_torch if dynamic is False else marked
    if (found := parts()) is None:
        return otherwise
    graphs = Graphs(fn, dynamic is None, found, options)
    return lambda *args, **kwargs: otherwise(*args, **kwargs) if kwargs else graphs(args, otherwise)


def _by_torch(fn: Callable[..., Any], dynamic: bool | None) -> Callable[..., Any]:
    """fn by torch.compile, eager with a warning where it has met too many shapes."""
    whole: list[Callable[..., Any]] = []
    said: list[str] = []

    def call(*args: Any, **kwargs: Any) -> Any:
        if not whole:
            with _policy.lock:
                _allow_shapes()
            # `fullgraph`: it raises rather than fall back to eager, as a kernel ten times slower in silence is worse.
            whole.append(torch.compile(fn, dynamic=dynamic, fullgraph=True, options=options()))
        try:
            return half_written.without_them(lambda: whole[0](*args, **kwargs))
        except Exception as error:
            if type(error).__name__ != "FailOnRecompileLimitHit":
                raise
        if not said:
            said.append(full(fn))
            logger.warning(said[0])
        return fn(*args, **kwargs)

    return call


def require_cache() -> None:
    """Names another folder for compiled kernels where torch's cannot be written, with one line."""
    named = os.environ.get(CACHE)
    if named is None or _can_write(Path(named)):
        return
    other = among_temporary()
    if not _can_write(other):  # another's, perhaps
        other = Path(tempfile.mkdtemp(prefix="combust-"))
    logger.warning(
        "compiled kernels cannot be kept in %s, but are in %s: name a folder in TORCHINDUCTOR_CACHE_DIR", named, other
    )
    os.environ[CACHE] = str(other)


def _can_write(folder: Path) -> bool:
    """Whether a folder, which is made, is this user's to write."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder.stat().st_uid == os.getuid() or bool(os.environ.get(CACHE) == str(folder))
    except OSError:
        return False


def _allow_shapes() -> None:
    """Lets torch.compile make LIMIT graphs of a function, as it has that number for the whole process; never fewer."""
    import torch._dynamo

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, LIMIT)


@functools.cache
def options() -> dict[str, Any]:
    """Of torch's compiler, for combust's kernels only."""
    import torch._inductor.config
    from torch._inductor.cpu_vec_isa import pick_vec_isa

    # simdlen is the one setting in the key of the cache that tells instruction sets apart: code for AVX-512 that is
    # read from it with ATEN_CPU_CAPABILITY=avx2, or on another node by a cache in a shared folder, gives wrong numbers.
    # Sizes are looked at before the call.
    program = compiler()
    if program not in (None, os.environ.get("CXX", "g++")):  # torch would find none, in the whole process
        torch._inductor.config.cpp.cxx = (None, program)
    return {"size_asserts": False, "cpp.simdlen": pick_vec_isa().bit_width()}


def configure() -> None:
    """Sets torch's compiler for the whole process as for combust's kernels: for scripts that call it themselves."""
    import torch._inductor.config

    _allow_shapes()
    torch._inductor.config.size_asserts = options()["size_asserts"]
    torch._inductor.config.cpp.simdlen = options()["cpp.simdlen"]


def _can_compile(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if compiler() or _on_gpu(args) or _on_gpu(tuple(kwargs.values())):
        return True
    if not _policy.warned:
        _policy.warned = True
        logger.warning("no C++ compiler found: kernels run eager, several times slower; install g++ or name one in CXX")
    return False


def _on_gpu(args: tuple[Any, ...]) -> bool:
    return any(isinstance(a, torch.Tensor) and a.is_cuda for a in args)


@functools.cache
def compiler() -> str | None:
    """The C++ compiler that torch calls, None without one: CXX, else g++ or clang++.

    torch takes a program without options: of CXX = "ccache g++" the last word that is one.
    """
    named = os.environ.get("CXX", "").strip()
    choices = [named, *reversed(named.split())] if named else ["g++", "clang++"]
    return next(filter(shutil.which, choices), None)
