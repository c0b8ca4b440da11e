"""Grids, their blocks on ranks, and ghost cells."""
