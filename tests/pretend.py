"""A pretend accelerator in pure Python, for tests of code that runs on devices where there is none.

Its tensors lie "on" `pretend:0` or `pretend:1`; they are computed on the processor, with its bits. Inside
`on_device()` an operation that mixes devices raises `DeviceMix`, and every wait of the host for the device is counted
by file and line: reading a number, a field that comes to the host, shapes that hang on values, and what goes up from
the host, after which torch waits as well. A copy to the host that does not wait is NaN until `finish`. Kernels run
eager. It says nothing of speed, streams and transfers.

Needs torch 2.9; the interface of torch that it stands on may change.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from combust import devices
from combust.case.config import admitted_device

NAME, DEVICES = "pretend", 2
OLDEST = (2, 9)
READS = {  # operations whose result, or its shape, the host has to know
    "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero", "aten::masked_select",
    "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::bincount", "aten::_linalg_check_errors",
    "aten::repeat_interleave", "aten::histc",
}  # fmt: skip
BY_INDEX = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
COPIES = {"aten::_to_copy", "aten::copy_", "aten::_copy_from"}
OF_MANY = {"aten::stack", "aten::cat"}  # take no number of the processor beside tensors of a device
ROOT = "/combust/"


class DeviceMix(RuntimeError):
    """Tensors of two devices in one operation, which a real device would refuse."""


class Counts:
    """What was counted since it began: waits by (operation, place), and operations."""

    def __init__(self) -> None:
        self.waits: Counter[tuple[str, str]] = Counter()
        self.operations = 0

    @property
    def total(self) -> int:
        """Waits of the host."""
        return sum(self.waits.values())

    def in_file(self, *ends: str) -> int:
        """Waits at places in files that end so."""
        return sum(n for (_, place), n in self.waits.items() if place.split(":")[0].endswith(ends))

    def table(self) -> str:
        """Places, most waits first."""
        return "\n".join(f"{n:5d}  {what:28s} {place}" for (what, place), n in self.waits.most_common())


# Copies to the host that nobody has waited for: where to, and what.
_under_way: list[tuple[torch.Tensor, torch.Tensor]] = []


def finish(index: int) -> None:
    """The device has done what it was given: copies to the host have come."""
    wait("message")
    for to, held in _under_way:
        to.copy_(held)
    _under_way.clear()


class Pretend(torch.Tensor):
    """A tensor of the pretend device; `held` is what it holds, on the processor."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, index: int = 0) -> Pretend:
        made: Pretend = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            layout=held.layout, device=torch.device(NAME, index),
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretend({self.held})"

    def untyped_storage(self) -> Any:
        """Of what it holds: views of one memory are known by it."""
        return self.held.untyped_storage()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return perform(func, args, kwargs or {})


_counts = Counts()


def site() -> str:
    """File and line of the innermost code of combust that is running."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if ROOT in name and "/tests/" not in name:
            return f"{name.rsplit(ROOT, 1)[1]}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


def wait(what: str) -> None:
    """Counts one."""
    _counts.waits[(what, site())] += 1


def perform(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation, on what its tensors hold."""
    _counts.operations += 1
    name = func._schema.name
    ours: list[Pretend] = []
    others: list[torch.Tensor] = []
    plain = _held(args, ours, others)
    named = {key: _held(value, ours, others) for key, value in kwargs.items()}
    _refuse_mix(name, ours, others)
    if ours:
        _count_reads(name, args)
    index = ours[0].device.index if ours else None
    if named.get("device") is not None:
        device = torch.device(named["device"])
        named["device"], target = torch.device("cpu"), (device.index or 0) if device.type == NAME else None
        if name == "aten::_to_copy" and (target is None) != (index is None):
            wait("to the host" if target is None else "from the host")
        index = target
    elif name == "aten::copy_" and ours and others and others[0].dim():
        to_host = not isinstance(args[0], Pretend)
        if args[2:3] != (True,) and not kwargs.get("non_blocking"):
            wait("to the host" if to_host else "from the host")
        elif to_host:
            _under_way.append((args[0], plain[1].clone()))
            return args[0].fill_(torch.nan)  # until `finish`
    result = func(*plain, **named)
    if index is None or name == "aten::_local_scalar_dense":
        return result
    same = {id(x.held): x for x in ours} if func._schema.is_mutable or name == "aten::detach" else {}
    return _wrapped(result, index, same)


def _held(x: Any, ours: list[Pretend], others: list[torch.Tensor]) -> Any:
    """x with what its tensors hold; they are added to the lists."""
    if isinstance(x, Pretend):
        ours.append(x)
        return x.held
    if isinstance(x, torch.Tensor):
        others.append(x)
    elif isinstance(x, list | tuple):
        return type(x)(_held(part, ours, others) for part in x)
    return x


def _wrapped(x: Any, index: int, same: dict[int, Pretend]) -> Any:
    """x with its tensors on the device; those that were given are themselves."""
    if isinstance(x, torch.Tensor):
        if isinstance(x, Pretend):
            return x
        return same[id(x)] if id(x) in same else Pretend(x, index)
    return type(x)(_wrapped(part, index, same) for part in x) if isinstance(x, list | tuple) else x


def _refuse_mix(name: str, ours: list[Pretend], others: list[torch.Tensor]) -> None:
    if not ours or name in COPIES:
        return
    alien = [x for x in others if x.dim() or name in OF_MANY] + [x for x in ours if x.device != ours[0].device]
    if alien:
        shapes = ", ".join(f"{tuple(x.shape)} on {x.device}" for x in (ours[0], *alien))
        raise DeviceMix(f"{name} at {site()}: {shapes}")


def _count_reads(name: str, args: tuple[Any, ...]) -> None:
    if name in READS:
        wait(name.removeprefix("aten::"))
    elif name in BY_INDEX and any(x is not None and x.dtype in (torch.bool, torch.uint8) for x in args[1]):
        wait("index by a mask")


class _Operations(TorchDispatchMode):
    """Takes what has no tensor of the device among its arguments, but makes one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return perform(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Takes what torch's bindings do before there are operations."""

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.tolist and isinstance(args[0], Pretend):
            wait("tolist")
            return args[0].held.tolist()
        if func is torch.Tensor.new_tensor and isinstance(args[0], Pretend):
            device = kwargs.pop("device", args[0].device)
            return torch.tensor(*args[1:], dtype=kwargs.pop("dtype", args[0].dtype), **kwargs).to(device)
        if func in MAKERS and is_ours(kwargs.get("device")) and not isinstance(args[0], Pretend):
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func in MAKERS and isinstance(args[0], Pretend):
            return args[0].to(**kwargs)
        return func(*args, **kwargs)


MAKERS = (torch.tensor, torch.as_tensor, torch.asarray)


def is_ours(device: Any) -> bool:
    """Whether it names a pretend device."""
    return device is not None and torch.device(device).type == NAME


class _Module:
    """What torch asks of the module of a device."""

    @staticmethod
    def _is_in_bad_fork() -> bool:
        return False

    @staticmethod
    def manual_seed_all(seed: int) -> None:
        """It draws nothing of its own."""

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def device_count() -> int:
        return DEVICES

    @staticmethod
    def current_device() -> int:
        return 0


_library: list[torch.library.Library] = []


def _set_up() -> None:
    """Once in a process: torch and combust know the device's name from then on."""
    if _library:
        return
    import torch.utils.backend_registration as registration

    registration._setup_privateuseone_for_python_backend(rename=NAME, backend_module=_Module())
    library = torch.library.Library("aten", "IMPL")
    _library.append(library)

    def strided(size: Any, stride: Any, *, dtype: Any = None, device: Any = None, **_: Any) -> torch.Tensor:
        return Pretend(torch.empty_strided(size, stride, dtype=dtype, device="cpu"), (device and device.index) or 0)

    def empty(size: Any, *, dtype: Any = None, device: Any = None, **_: Any) -> torch.Tensor:
        return Pretend(torch.empty(size, dtype=dtype, device="cpu"), (device and device.index) or 0)

    library.impl("empty_strided", strided, "PrivateUse1")
    library.impl("empty.memory_format", empty, "PrivateUse1")


@contextmanager
def on_device() -> Iterator[Counts]:
    """Within, the pretend device is there, for case files too; yields what is counted."""
    global _counts
    _set_up()
    before, _counts = _counts, Counts()
    kind = devices.Kind(lambda: DEVICES, lambda index: None, finish, lambda x: on_host(x).numpy())
    with devices.admitted(NAME, kind), admitted_device(NAME), _Functions(), _Operations():
        try:
            yield _counts
        finally:
            _counts = before


def counted(function: Callable[[], Any]) -> tuple[Any, Counts]:
    """Its result, and what was counted meanwhile; inside `on_device`."""
    global _counts
    before, _counts = _counts, Counts()
    try:
        return function(), _counts
    finally:
        _counts = before


def on_host(x: torch.Tensor) -> torch.Tensor:
    """What a tensor holds, for a test to compare; it counts nothing."""
    return x.held if isinstance(x, Pretend) else x
