"""Conjugate gradients preconditioned by a geometric multigrid, both in C++ for CPUs, on any number of ranks."""
