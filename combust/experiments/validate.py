"""A mechanism against published experiments of all kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from combust.errors import CombustError, ConfigError
from combust.experiments import simulate as simulations
from combust.experiments.compare import Comparison, Simulate, compare
from combust.experiments.formats.data import DataSet
from combust.experiments.formats.read import read_all
from combust.experiments.matching import Names
from combust.experiments.measured import Pairs
from combust.kinetics.mechanism.mechanism import Mechanism

Judged = Comparison | Pairs
ORDER = ("ignition delay", "burning velocity", "stirred reactor", "flow reactor", "burner flame")


@dataclass(frozen=True)
class Options:
    """How experiments are simulated.

    hold : what is constant in ignition, "uv" or "hp";  within : simulate so many times the measured delay
    transport, soret : of flames;  refine : grids of burning velocities, as of flamespeed
    simulate : in the place of combust.kinetics.reactors.ignition.ignition_delays
    """

    hold: str = "uv"
    within: float = 30.0
    transport: str = "mixture-averaged"
    soret: bool = False
    refine: str = "extrapolated"
    simulate: Simulate | None = None


@dataclass(frozen=True)
class Validation:
    """found : the comparisons, data set by data set;  compared : how many data sets;  left_out : why others are not"""

    found: tuple[Judged, ...]
    compared: int
    left_out: tuple[CombustError, ...]

    @property
    def failed(self) -> int:
        """Points that could not be simulated."""
        return sum(one.failed for one in self.found)


def require_within(what: str, within: float) -> None:
    """Raises ConfigError for a time of simulation, in measured delays, that cannot be."""
    if not (math.isfinite(within) and within > 1):
        raise ConfigError(f"{what} {within:g}: must be > 1 measured delays")


def validate(
    mechanism: Mechanism | str | Path,
    data: str | Path | Sequence[str | Path],
    aliases: Iterable[str] = (),
    options: Options = Options(),
    each: Callable[[Sequence[Judged], int, int], None] = lambda judged, done, total: None,
) -> Validation:
    """Compares a mechanism (Cantera YAML, or one that is loaded) with ChemKED or ReSpecTh files, or folders of them.

    aliases : "A=B" each, species A of the data is B of the mechanism
    each : called after every data set with its comparisons, one or one for each species, none where it is left out;
        and how many of how many data sets are done
    A file or data set that cannot be used does not stop the others. Raises ConfigError for options or aliases that
    cannot be.
    """
    require_within("within", options.within)
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    names = Names(gas, aliases)
    sets, errors = read_all([str(path) for path in ([data] if isinstance(data, str | Path) else data)])
    sets.sort(key=lambda data: ORDER.index(data.kind))
    found: list[Judged] = []
    compared = 0
    for i, one in enumerate(sets):
        judged: Sequence[Judged] = ()
        try:
            judged = judge(one, names, options)
        except CombustError as error:
            errors.append(error)
        else:
            found += judged
            compared += 1
        each(judged, i + 1, len(sets))
    return Validation(tuple(found), compared, tuple(errors))


def judge(data: DataSet, names: Names, options: Options) -> Sequence[Judged]:
    """Simulates a data set by its kind. Raises CombustError where nothing of it can be."""
    if data.kind == "ignition delay":
        return [compare(data, names, options.simulate or ignition_delays(), options.hold, options.within)]
    flame = {"transport": options.transport, "soret": options.soret}
    if data.kind == "burning velocity":
        from combust.kinetics.flames.free import free_flame

        return simulations.speeds(data, names, free_flame, refine=options.refine, **flame)
    if data.kind == "burner flame":
        from combust.kinetics.flames.burner_profile import burner_species

        return simulations.flames(data, names, burner_species, **flame)
    from combust.kinetics.reactors import stirred

    solve: Callable[..., Any] = stirred.stirred if data.kind == "stirred reactor" else stirred.plug_flow
    return simulations.outlets(data, names, solve)


def ignition_delays() -> Simulate:
    from combust.kinetics.reactors.ignition import ignition_delays

    return ignition_delays
