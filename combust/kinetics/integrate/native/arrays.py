"""Lists of numbers as the arrays that the C++ kernels read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

Value = np.ndarray | int
Terms = list[list[int]]


def listed(name: str, what: str, weight: str, lists: list[list[tuple[int, float]]]) -> dict[str, Value]:
    """Lists of (row, weight) as starts, rows and weights."""
    return {
        f"{name}_start": starts_of([len(x) for x in lists]),
        f"{name}_{what}": whole([i for x in lists for i, _ in x]),
        f"{name}_{weight}": array([x for of in lists for _, x in of]),
    }


def row_lists(name: str, terms: Terms) -> dict[str, Value]:
    """Lists of rows as starts and rows."""
    return {f"{name}_start": starts_of([len(x) for x in terms]), f"{name}_rows": whole([i for x in terms for i in x])}


def starts_of(counts: Sequence[int]) -> np.ndarray:
    """Where each list of so many begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def array(x: Tensor | Sequence[float]) -> np.ndarray:
    """Doubles."""
    given = x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)
    return np.ascontiguousarray(given, dtype=np.float64)


def whole(x: Tensor | Sequence[int] | Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
    """32-bit integers."""
    given = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    return np.ascontiguousarray(given, dtype=np.int32)
