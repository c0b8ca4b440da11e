"""Cells that have no end state: their heat capacity, extrapolated beyond its data, falls to nothing on the way.

c dT/dt = -sum e_k dy_k/dt is singular there, and T no function of the energy beyond. CVODE may step across, and comes
back from there with temperatures of 5000 to 25000 K that mean nothing.
"""

from __future__ import annotations

from torch import Tensor

from combust.kinetics.gas import data_range
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.integrate.systems import Hold, energies

VANISHES = 0.01  # of the heat capacity at the start


def reason(gas: Gas, hold: Hold, start: Tensor, reached: Tensor) -> str:
    """Why steps from `start` ended at `reached`, both (1 + species,), if that is the heat capacity; else nothing."""
    before, now = (float((z[1:] * energies(gas.thermo, hold, z[0])[1]).sum()) for z in (start, reached))
    Y = reached[1:] / reached[1:].sum()
    beyond = data_range.excess(gas.T_limits, reached[:1], Y.unsqueeze(-1))
    if now > VANISHES * before or not bool((beyond > 0).any()):
        return ""
    return (
        f"at {float(reached[0]):.5g} K its heat capacity vanishes, and there is no state beyond; "
        f"{data_range.sentence(gas, beyond)}"
    )
