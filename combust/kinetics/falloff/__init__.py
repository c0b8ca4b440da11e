"""Pressure dependence: one well, its collisions and its dissociation, as a rate constant k(T, p)."""
