"""What is given from Python is of the right kind, or is refused by its name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from combust.cfd.mesh.grid import NAMES, Grid
from combust.errors import ConfigError, StateError


def same_device(one: torch.device | str, other: torch.device | str) -> bool:
    """Whether two names mean one device: "cuda" is any of them."""
    a, b = torch.device(one), torch.device(other)
    return a.type == b.type and (a.index is None or b.index is None or a.index == b.index)


def require_field(name: str, f: object, shape: tuple[int, ...], device: str) -> None:
    """Raises ConfigError naming the argument unless f is a float64 tensor of that shape on that device."""
    if not isinstance(f, torch.Tensor):
        raise ConfigError(f"{name}: must be a tensor of shape {shape}, not {type(f).__name__}")
    if tuple(f.shape) != shape:
        raise ConfigError(f"{name}: has shape {tuple(f.shape)}, must have {shape}")
    if f.dtype != torch.float64:
        raise ConfigError(f"{name}: is of {f.dtype}, must be of torch.float64")
    if not same_device(f.device, device):
        raise ConfigError(f"{name}: lies on {f.device}, the grid on {device}")


def require_values(name: str, f: torch.Tensor, least: float = -math.inf) -> None:
    """Raises StateError naming the argument, cell and value where f is not finite, or below `least`."""
    good = torch.isfinite(f) & (f >= least)
    if bool(good.all()):
        return
    where = (~good).nonzero()
    value = float(f[tuple(where[0].tolist())])
    allowed = "finite" if least == -math.inf else f"finite and at least {least:g}"
    raise StateError(
        f"{name}: is {value:.5g} at {tuple(where[0].tolist())} of this block, the first of {len(where)} such values; "
        f"must be {allowed}"
    )


def require_faces(name: str, u: Sequence[object], grid: Grid, optional: bool = False) -> None:
    """The same of fields on the block's faces 0..n, per axis (z, y, x); optional: some may be None, which is zero."""
    if len(u) != 3:
        raise ConfigError(f"{name}: has {len(u)} entries, needs three: z, y, x")
    for a in grid.layout.axes:
        if u[a] is None and optional:
            continue
        n = grid.layout.n
        shape = tuple(n[b] + (a == b) for b in range(3))
        require_field(f"{name} along {NAMES[a]}", u[a], shape, grid.device)


def require_inside(name: str, place: Sequence[float | None], grid: Grid) -> None:
    """Raises ConfigError naming the key unless a place (z, y, x) [m], None where it is free, is in the domain."""
    for axis in grid.layout.axes:
        at, (low, high) = place[axis], (float(grid.faces[axis][end]) for end in (0, -1))
        if at is not None and not low <= at <= high:
            raise ConfigError(
                f"{name}: {at:g} m lies outside the domain, which is from {low:g} to {high:g} m in {NAMES[axis]}"
            )
