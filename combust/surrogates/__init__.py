"""Learned chemistry: sampled states, networks that conserve elements, a router that knows when not to trust them."""

from __future__ import annotations

from typing import Any

__all__ = ["Learned"]


def __getattr__(name: str) -> Any:
    """Loads torch only when `Learned` is asked for."""
    if name == "Learned":
        from combust.surrogates.provider.learned import Learned

        return Learned
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
