"""Production rates of many cells by the C++ kernels where these serve and pay, else by torch's."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.integrate.native.integrator import Compiled, compiled_for
from combust.kinetics.rates import blocks
from combust.kinetics.rates.qss import AnyKinetics
from combust.kinetics.rates.thermo import column

SLICE = 2000  # cells whose rows stay in the cache
# Cells for which tables pay that serve one call: they take 5 ms with 10 species, 30 with 100 and 0.9 s with 1268, and
# save 1.5, 31 and 240 us a cell beside torch's eager kernels.
PAYS_FROM = 2000
LARGEST = 400  # species of a mechanism whose tables are made for any number of cells, as they serve again


def production_rates(kin: AnyKinetics, T: Tensor, C: Tensor, once: bool = False) -> Tensor:
    """omega (species, ...cells) kmol/m3/s at T (...cells) K, C (species, ...cells) kmol/m3.

    once: such kinetics are made for a call or a few, as in a fit; tables are not worth while for few cells.
    """
    cells = T.numel()
    few = cells < PAYS_FROM and (once or C.shape[0] > LARGEST)
    native = compiled_for(kin, T, C) if cells and not few else None
    return blocks.production_rates(kin, T, C) if native is None else _by_native(native, T, C)


def _by_native(native: Compiled, T: Tensor, C: Tensor) -> Tensor:
    """As rates of a cell without sources: of rho Y_k it is W_k omega_k."""
    t, c = T.reshape(1, -1), C.reshape(C.shape[0], -1)
    W = column(native.kin.thermo.molar_mass, t[0])
    omega = torch.empty_like(c)
    for start in range(0, c.shape[1], SLICE):
        part = slice(start, start + SLICE)
        rates = native.rates("flow", torch.cat([t[:, part], W * c[:, part]]), None, None, None)
        torch.div(rates[1:], W, out=omega[:, part])
    return omega.reshape(C.shape)
