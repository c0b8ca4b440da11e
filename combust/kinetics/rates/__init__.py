"""Thermodynamics, rate constants, production rates and their Jacobian, as pure functions of tensors."""
