"""Stiff integration of many cells at once, and Cantera's CVODE beside it."""
