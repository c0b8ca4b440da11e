"""How a mechanism is judged at one condition: once in full for the detailed one, cheaply for each candidate.

Metrics by kind of case (`errors` says how they are compared):

- ignition: "ignition_delay" [s], "burnt_temperature" [K], profile "heat_release" [W/m3], "peak X", "final X"
- flame: "flame_speed" [m/s], and the same without the delay
- psr: "extinction_time" [s], "extinction_temperature" [K], "peak X" = "final X" at twice the detailed extinction time
- counterflow: "peak_temperature" [K], "peak X"

A candidate is measured a fixed time past its own ignition, that after which the detailed mechanism's gas is burnt.
"""

from __future__ import annotations

import cantera as ct

from combust.errors import CombustError, ConfigError, DivergenceError
from combust.kinetics.flames.solver import last_line
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases import flame_case, ignition_case, psr_case
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import Outcome, Reference, Unburnt, Watch, errors

__all__ = ["Outcome", "Reference", "Watch", "errors", "outcome", "reference"]

MODULES = {"ignition": ignition_case, "psr": psr_case, "flame": flame_case, "counterflow": flame_case}


def reference(gas: Mechanism, case: ReductionCase, watch: Watch = Watch()) -> Reference:  # noqa: B008 - immutable
    """What the detailed mechanism gives.

    Raises ConfigError for a watched species that it lacks, DivergenceError naming the case where it does not burn.
    """
    if unknown := [name for name in watch.species if name not in gas.species]:
        raise ConfigError(f"{case}: the detailed mechanism has no {', '.join(unknown)} to watch")
    try:
        return MODULES[case.kind].reference(gas, case, watch)
    except (Unburnt, CombustError, ct.CanteraError) as error:
        raise DivergenceError(f"{case}: the detailed mechanism itself fails: {_why(error)}") from error


def outcome(solution: ct.Solution, case: ReductionCase, of: Reference, watch: Watch = Watch()) -> Outcome:  # noqa: B008
    """What a candidate gives whose species are among the detailed mechanism's; the state of `solution` is lost.

    of, watch : the detailed mechanism's reference at this case, and what it was made with. Never raises for a
    mechanism that does not burn or cannot be solved: see `Outcome.failed`.
    """
    try:
        return MODULES[case.kind].outcome(solution, case, of, watch)
    except (Unburnt, CombustError, ct.CanteraError) as error:
        return Outcome.failed(_why(error))


def _why(error: Exception) -> str:
    return last_line(error) if isinstance(error, ct.CanteraError) else str(error)
