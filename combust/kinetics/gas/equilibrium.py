"""Equilibrium constants by the thermo of a gas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cantera as ct


def constant(gas: ct.Solution, sides: tuple[Sequence[str], Sequence[str]], T: float) -> float:
    """The equilibrium constant of concentrations of sides[0] => sides[1] at T [K], by the thermo of `gas`."""
    gas.TP = T, ct.one_atm
    g = dict(zip(gas.species_names, gas.standard_gibbs_RT, strict=True))
    change = sum(g[name] for name in sides[1]) - sum(g[name] for name in sides[0])
    return math.exp(-change) * (gas.P / (ct.gas_constant * T)) ** (len(sides[1]) - len(sides[0]))
