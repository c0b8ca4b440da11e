"""Homogeneous reactors: ignition delays, stirred reactors, compression machines, equilibrium."""
