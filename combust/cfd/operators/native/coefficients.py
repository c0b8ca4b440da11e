"""Transport coefficients in C++, see combust.cfd.operators.coefficients."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.native.fields import POINTER, Kept, extent, fields, gas_of, threads
from combust.cfd.operators.native.library import library, require_memory
from combust.kernels import Places
from combust.kinetics.rates.thermo import Thermo
from combust.kinetics.transport.model import TransportModel
from combust.kinetics.transport.properties import TransportData
from combust.torch_parts import plain


class _Fits(ctypes.Structure):
    """See coefficients.h."""

    _fields_ = [(name, POINTER) for name in ("root_viscosity", "conductivity", "diffusivity", "wilke")]


def transport_coefficients(
    places: Places | None, data: TransportModel, thermo: Thermo, q: Tensor, model: str
) -> Coefficients | None:
    """As its `transport_coefficients`, mixture-averaged without thermal diffusion; of all cells in one row."""
    if model != "mixture-averaged" or places is not None or not q.is_contiguous() or not plain(q):
        return None
    gas, fits = gas_of(thermo), fits_of(data)
    if gas is None or fits is None or (code := library()) is None:
        return None
    n, cells = q.shape[0] - 1, q.shape[1:]
    made = Coefficients(q.new_empty(cells), q.new_empty(cells), q.new_empty((n, *cells)))
    row = q.view(n + 1, 1, 1, -1)
    flat = fields((2,), [row, *(f.view(1, 1, -1) for f in made[:2]), made.mole_diffusivity.view(n, 1, 1, -1)])
    count = threads(row.shape[-1])
    outcome = code.combust_coefficients(ctypes.byref(gas), ctypes.byref(fits), extent(row, (2,)), count, flat)
    require_memory(outcome, "transport coefficients", count)
    return made


def _tables(data: TransportModel) -> _Fits | None:
    if not isinstance(data, TransportData) or not all(map(plain, data)) or data.molar_mass.shape[0] < 2:
        return None
    D = data.diffusivity
    if not torch.equal(D, D.mT):
        return None
    k, j = torch.tril_indices(D.shape[1], D.shape[2], -1)
    kept = [data.root_viscosity.contiguous(), data.conductivity.contiguous(), D[:, k, j].T.contiguous(),
            data.wilke.permute(1, 2, 0).contiguous()]  # fmt: skip
    made = _Fits(*(x.data_ptr() for x in kept))
    made.kept = kept  # the arrays it points to
    return made


_fits: Kept[_Fits | None] = Kept(_tables)


def fits_of(data: TransportModel) -> _Fits | None:
    """Tables of fits; None for what the kernels do not know."""
    return _fits.of(data)
