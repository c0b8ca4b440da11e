"""Reactors and flames that a mechanism is sampled from and judged by, and what was found in them."""
