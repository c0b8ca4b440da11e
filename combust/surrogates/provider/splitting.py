"""How transport reaches the network's cells: in impulses around its steps, which know nothing of it."""

from __future__ import annotations

from torch import Tensor

from combust.kernels import compiled
from combust.kinetics.rates.thermo import Thermo, h_mass, temperature_from_enthalpy

# (share of the transport, share of the step that then reacts), in turn. The correction, which knows the transport,
# makes up for what splitting does; without it the flame speed depends on the choice (docs/learned.md).
Splitting = tuple[tuple[float, float], ...]
SPLITTINGS: dict[str, Splitting] = {
    "lie": ((1.0, 1.0),),
    "strang": ((0.5, 1.0), (0.5, 0.0)),
    "midpoint": ((0.0, 0.5), (1.0, 0.5)),
    "radau": ((0.25, 2.0 / 3.0), (0.75, 1.0 / 3.0)),
    "radau2": ((0.125, 1.0 / 3.0), (0.375, 1.0 / 6.0), (0.125, 1.0 / 3.0), (0.375, 1.0 / 6.0)),
}
TRANSPORT = ((1.0, 0.0),)  # no reaction


def enthalpy(thermo: Thermo, T: Tensor, r: Tensor) -> Tensor:
    """J/m3 (cells,) of partial densities r (species, cells) at T [K]."""
    return (r * h_mass(thermo, T)).sum(0)


def pushed(thermo: Thermo, T: Tensor, r: Tensor, H: Tensor, source: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """T, partial densities, enthalpy after sources (1 + species, cells) have acted for t [s] (cells,) in one blow."""
    r, H = r + t * source[1:], H + t * source[0]
    rho = r.sum(0)
    return temperature_from_enthalpy(thermo, H / rho, r / rho, T, 3), r, H


enthalpy_kernel, pushed_kernel = compiled(enthalpy, dynamic=None), compiled(pushed, dynamic=None)
