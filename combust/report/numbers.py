"""Numbers as JSON can hold them: null stands for what is infinite or not a number."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any) -> Any:
    """A tree with null for what is infinite or not a number."""
    if isinstance(value, dict):
        return {key: finite(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [finite(x) for x in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def restored(value: Any) -> Any:
    """A tree with NaN for null: the reverse, but that what was infinite is NaN too."""
    if isinstance(value, dict):
        return {key: restored(x) for key, x in value.items()}
    if isinstance(value, list):
        return [restored(x) for x in value]
    return math.nan if value is None else value
