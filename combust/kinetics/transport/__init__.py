"""Viscosity, conductivity and diffusivities of mixtures, as pure functions of tensors."""
