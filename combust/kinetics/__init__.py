"""Thermochemistry: mechanisms, rates, transport, stiff integration; Cantera is the judge."""

from combust.kinetics.mechanism import Mechanism

__all__ = ["Mechanism"]
