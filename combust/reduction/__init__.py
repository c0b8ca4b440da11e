"""Mechanism reduction: from a detailed mechanism to a smaller one that meets stated errors."""
