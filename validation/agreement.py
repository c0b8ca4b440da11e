"""How far a mechanism's rates are from Cantera's."""

from __future__ import annotations

import numpy as np

from combust.kinetics.mechanism.mechanism import Mechanism

NOTHING = 1e-250  # rates of nothing


def rate_error(gas: Mechanism, T: np.ndarray, p: np.ndarray, Y: np.ndarray) -> float:
    """Largest departure from Cantera over states T, p (states,), Y (species, states): of a rate of progress over the
    larger of both directions, of a production rate over the sum of its absolute terms. Of a gas with species in
    quasi-steady state, which Cantera runs in global steps, of production rates over the largest.
    """
    solution = gas.cantera(transport=False)
    if not solution.n_reactions:
        return 0.0
    nu = solution.reactant_stoich_coeffs + solution.product_stoich_coeffs
    forward, reverse = (x.numpy() for x in gas.rates_of_progress(T, p, Y))
    omega, worst = gas.net_production_rates(T, p, Y).numpy(), 0.0
    for i in range(len(T)):
        solution.TPY = T[i], p[i], Y[:, i]
        ahead, back = solution.forward_rates_of_progress, solution.reverse_rates_of_progress
        gross = np.abs(omega[:, i]).max() if gas.qss else nu @ (np.abs(ahead) + np.abs(back)) + NOTHING
        parts = [(omega[:, i] - solution.net_production_rates) / gross]
        if not gas.qss:
            larger = np.maximum(np.abs(ahead), np.abs(back)) + NOTHING
            parts += [(forward[:, i] - ahead) / larger, (reverse[:, i] - back) / larger]
        worst = max([worst, *(float(np.abs(x).max(initial=0.0)) for x in parts)])
    return worst
