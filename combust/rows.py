"""Rows of a table that are solved together: one that fails does not take the others with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from combust.errors import CombustError

Solve = Callable[[Sequence[int]], Sequence[float]]
"""Values of the rows with these numbers. Raises CombustError if one of them fails."""


def each_row(solve: Solve, rows: Sequence[int]) -> tuple[dict[int, float], dict[int, CombustError]]:
    """Values and errors by number of the row; a row that fails has NaN and its error.

    All are tried at once, then in halves: few failures cost few more calls.
    """
    try:
        return dict(zip(rows, solve(rows), strict=True)), {}
    except CombustError as error:
        if len(rows) == 1:
            return {rows[0]: math.nan}, {rows[0]: error}
    values: dict[int, float] = {}
    errors: dict[int, CombustError] = {}
    for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        more, failed = each_row(solve, part)
        values |= more
        errors |= failed
    return values, errors
