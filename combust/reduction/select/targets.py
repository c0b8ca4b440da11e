"""What a reduced mechanism must keep right: target species and the heat release, and how much each counts when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import GAS_CONSTANT, h_RT
from combust.kinetics.reactors.gibbs import OXYGEN_DEMAND
from combust.reduction.cases.conditions import ReductionCase

HEAT = "heat release"  # a target that is no species
RADICALS = ("H", "OH")  # or in lower case


def default_targets(gas: Mechanism, cases: Iterable[ReductionCase], watched: Iterable[str] = ()) -> dict[str, float]:
    """Fuels and oxidizers of the cases, heat release, H and OH, and species with a tolerance, all of weight 1.

    Of the streams only species that burn or burn others count: not N2, AR, H2O, CO2.
    """
    demand = torch.tensor([OXYGEN_DEMAND.get(e.upper(), 0.0) for e in gas.elements], dtype=torch.float64)
    active = (demand @ gas.element_matrix.cpu()).abs() > 1e-9
    found: dict[str, float] = {}
    for case in cases:
        for stream in (case.fuel, case.oxidizer):
            rows = torch.nonzero((gas.composition(stream).cpu() > 0) & active).reshape(-1).tolist()
            found.update({gas.species[k]: 1.0 for k in rows})
    found[HEAT] = 1.0
    found.update({name: 1.0 for name in gas.species if name.upper() in RADICALS})
    found.update(dict.fromkeys(watched, 1.0))
    return found


def rows_of(gas: Mechanism, targets: Mapping[str, float]) -> dict[str, int | None]:
    """Row of each target, None for the heat release.

    Raises MechanismError for an unknown species, ConfigError for no target or a weight outside (0, 1].
    """
    if not targets:
        raise ConfigError("importance needs at least one target")
    for name, weight in targets.items():
        if not 0 < weight <= 1:
            raise ConfigError(f"target {name}: weight {weight} must lie in (0, 1]")
    return {name: None if name == HEAT else gas.index(name) for name in targets}


def reaction_enthalpies(gas: Mechanism, net: np.ndarray, T: np.ndarray) -> np.ndarray:
    """dH (reactions, states) J/kmol of stoichiometry nu (species, reactions, sparse) at T (states,) K."""
    temperature = torch.as_tensor(T, dtype=torch.float64, device=gas.device)
    h = (h_RT(gas.thermo, temperature) * temperature * GAS_CONSTANT).cpu().numpy()
    return net.T @ h


def scaling(
    gas: Mechanism, rows: Mapping[str, int | None], P: np.ndarray, C: np.ndarray, heat: np.ndarray, case: np.ndarray
) -> np.ndarray:
    """alpha (targets, states) in [0, 1]: how much each target matters in each state, 1 somewhere in every case.

    For element a and target T, alpha_aT = N_aT |P_T - C_T| / sum_S N_aS max(0, P_S - C_S), the share of the flux of
    the element's atoms through the target; alpha_T = max_a (alpha_aT / its greatest value along the case).
    Pepiot-Desjardins and Pitsch 2008, doi 10.1016/j.combustflame.2007.10.020. For the heat release, |q| over its
    greatest value along the case.
    P, C (species, states), heat (states,) W/m3, case (states,) row of each state's case.
    """
    atoms = gas.element_matrix.cpu().numpy()
    flux = atoms @ np.maximum(P - C, 0.0)
    found = np.empty((len(rows), len(case)))
    for t, row in enumerate(rows.values()):
        if row is None:
            found[t] = _over_greatest(abs(heat)[None], case)[0]
            continue
        own = atoms[:, row : row + 1] * abs(P - C)[row]
        share = np.divide(own, flux, out=np.zeros_like(own), where=flux > 0)
        found[t] = _over_greatest(share, case).max(axis=0)
    return found


def _over_greatest(x: np.ndarray, case: np.ndarray) -> np.ndarray:
    """x (rows, states) over the greatest of its row in the same case; 0 where that is 0."""
    found = np.zeros_like(x)
    for which in np.unique(case):
        own = case == which
        greatest = x[:, own].max(axis=1, keepdims=True)
        found[:, own] = np.divide(x[:, own], greatest, out=np.zeros_like(x[:, own]), where=greatest > 0)
    return found
