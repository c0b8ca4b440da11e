"""Pressure solvers of the low-Mach solver: L_beta p = rhs on Cartesian blocks."""
