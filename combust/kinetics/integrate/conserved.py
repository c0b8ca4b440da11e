"""Elements of reactors, put right at their end to the last bits.

They are linear in the state, and Rosenbrock steps keep them but for round-off. That grows with the step: net rates are
differences of rates 1e8 times as large where dt is as much longer than the times of reactions. Burnt hydrogen at 4800 K
loses 1e-12 of its atoms in a step of 0.1 ms.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.gas.protocol import Gas

ROUND_OFF = 1e-14  # of the sum of all atoms: what is farther off is put right
ALIKE = 1e-12  # of the largest eigenvalue: elements that all species hold in one proportion are one
TURNS = 2  # the first leaves round-off of the change that it makes


def elements_kept(gas: Gas, y: Tensor, end: Tensor, s: Tensor, dt: Tensor) -> Tensor:
    """`end` with the elements of y and of the sources s over dt, where they are farther off than round-off.

    y, end, s (species, cells), dt (cells,). Of all changes that do so the one that is least relative to the amounts, in
    the sense of sum (dy_k)^2 / y_k: what is absent stays absent, and no sign changes. It is no part of what torch
    differentiates: of exact steps it is zero.
    """
    atoms = gas.atoms_per_mass
    with torch.no_grad():
        lost = atoms @ y - atoms @ end + (atoms @ s) * dt
        cells = (lost.abs().amax(0) > ROUND_OFF * (atoms.sum(0) @ end)).nonzero().squeeze(-1)
        if not cells.numel():
            return end
        wanted, kept = y[:, cells] + s[:, cells] * dt[cells], end[:, cells]
        for _ in range(TURNS):
            kept = kept + _least_change(atoms, kept.abs(), atoms @ (wanted - kept))
        change = torch.zeros_like(end)
        change[:, cells] = kept - end[:, cells]
    return end + change


def _least_change(atoms: Tensor, weight: Tensor, lost: Tensor) -> Tensor:
    """dy = w A^T x (species, cells) with A dy = lost (elements, cells), by least squares where A has no full rank."""
    carried = (atoms.unsqueeze(-1) * weight).permute(2, 0, 1)  # (cells, elements, species)
    normal = carried @ atoms.T
    size = torch.diagonal(normal, dim1=1, dim2=2)
    scale = torch.where(size > 0.0, size, 1.0).rsqrt()
    inverse = torch.linalg.pinv(normal * scale.unsqueeze(1) * scale.unsqueeze(2), rtol=ALIKE, hermitian=True)
    x = scale * (inverse @ (scale * lost.T).unsqueeze(-1)).squeeze(-1)
    return (carried.mT @ x.unsqueeze(-1)).squeeze(-1).T
