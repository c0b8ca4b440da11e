"""Finite-volume reacting flow on MPI blocks."""
