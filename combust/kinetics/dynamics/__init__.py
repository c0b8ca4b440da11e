"""Molecular dynamics of reacting gases, run by LAMMPS: boxes, input, segments that are whole or not there."""
