"""Thermochemistry: mechanisms, rates, transport, stiff integration; Cantera is the judge."""

from combust.kinetics.mechanism.mechanism import Mechanism

__all__ = ["Mechanism"]
