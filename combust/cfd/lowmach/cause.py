"""Why a solution was lost, as far as the state before the step shows it: rate constants beyond all bounds."""

from __future__ import annotations

import torch

from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import Grid, along
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.data import Kinetics
from combust.kinetics.rates.production import forward_constants

LARGEST = 1e25  # kmol, m3, s: collisions allow 1e12 between two molecules, 1e16 in one or among three
MOST = 2000  # cells that are looked at


def rates_beyond_use(gas: Mechanism, s: State, grid: Grid) -> str:
    """What may be the cause, "; the rate constant of reaction ...", or nothing where constants are usual; own cells."""
    kin = gas.kinetics
    if not isinstance(kin, Kinetics) or not kin.rates.order.numel():
        return ""
    T = along(s.q, grid.layout, 2, 0, 0)[0].reshape(-1)
    rhoY = s.U[1:].reshape(s.U.shape[0] - 1, -1)
    some = slice(None, None, max(1, T.numel() // MOST))
    T, C = T[some], (rhoY / gas.molar_mass.unsqueeze(1))[:, some]
    good = torch.isfinite(T) & (T > 0) & torch.isfinite(C).all(0)
    if not bool(good.any()):
        return ""
    k = forward_constants(kin, T[good], C[:, good]).abs()
    k = torch.where(torch.isfinite(k), k, torch.inf)
    value, cell = k.max(1)
    worst = int(value.argmax())
    if not float(value[worst]) > LARGEST:
        return ""
    reaction = int(kin.rates.order[worst])
    equation = gas.cantera_of_all().reaction(reaction).equation
    return (
        f"; the cause may be reaction {reaction + 1} of {gas.path}, {equation}: its rate constant is "
        f"{float(value[worst]):.3g} (kmol, m3, s) at {float(T[good][cell[worst]]):.5g} K, where {LARGEST:g} is far "
        "beyond what collisions allow"
    )
