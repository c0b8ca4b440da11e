"""Thermochemistry: mechanisms, rates, transport, stiff integration; Cantera is the judge."""
