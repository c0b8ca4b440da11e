"""Thermochemistry: mechanisms, rates, transport, stiff integration; Cantera is the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism

__all__ = ["Mechanism"]


def __getattr__(name: str) -> Any:
    """Loads torch and Cantera only when `Mechanism` is asked for: case files are read without."""
    if name == "Mechanism":
        from combust.kinetics.mechanism.mechanism import Mechanism

        return Mechanism
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
