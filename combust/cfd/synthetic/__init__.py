"""Turbulence that is made, not computed: spectra, hashed draws, fields without divergence, planes that flow in."""
