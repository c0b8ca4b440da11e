"""Kernels of scalars in C++ for CPUs: rows of cells, whose fluxes are computed once and stay in the cache."""
