"""Rows of a table that are solved together: one that fails does not take the others with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from combust.errors import CombustError

Solve = Callable[[Sequence[int]], Sequence[Any]]
"""Values of the rows with these numbers. Raises CombustError if one of them fails."""


def each_row(
    solve: Solve, rows: Sequence[int], nothing: Any = math.nan
) -> tuple[dict[int, Any], dict[int, CombustError]]:
    """Values and errors by number of the row; a row that fails has `nothing` for a value, and its error.

    All are tried at once, then in halves: few failures cost few more calls.
    """
    try:
        return dict(zip(rows, solve(rows), strict=True)), {}
    except CombustError as error:
        if len(rows) == 1:
            return {rows[0]: nothing}, {rows[0]: error}
    values: dict[int, Any] = {}
    errors: dict[int, CombustError] = {}
    for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        more, failed = each_row(solve, part, nothing)
        values |= more
        errors |= failed
    return values, errors
