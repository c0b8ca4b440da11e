"""Tables of ignition delays: every combination of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from combust.errors import CombustError, ConfigError
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ATOL, ignition_delays
from combust.rows import each_row
from combust.settings.ranges import positive_numbers
from combust.units import ATM

LONGEST = 1e6  # s
STAGE = "T max slope"  # tells gas that ignites from gas whose watched quantity has no such event


class Reactor(NamedTuple):
    """One reactor: phi, T [K], p [Pa], and a delay [s] for each definition; NaN where there is none.

    ignited : whether it did at all;  reason : why a delay is missing or the reactor failed, else empty
    """

    phi: float
    T: float
    p: float
    delays: tuple[float, ...]
    ignited: bool = True
    reason: str = ""


@dataclass(frozen=True)
class IgnitionTable:
    """definitions : of the delays of each reactor, in their order;  failed : how many reactors could not be followed"""

    definitions: tuple[str, ...]
    rows: tuple[Reactor, ...]
    failed: int

    @property
    def complete(self) -> bool:
        """Whether there is any delay, and no reactor failed."""
        return not self.failed and any(not math.isnan(delay) for row in self.rows for delay in row.delays)


def require_time(what: str, time: float) -> None:
    """Raises ConfigError for a longest delay [s] that cannot be."""
    if not 0 < time <= LONGEST:
        raise ConfigError(f"{what} {time:g}: must be > 0 s and at most {LONGEST:g} s")


def ignite(
    mechanism: Mechanism | str | Path,
    fuel: str,
    oxidizer: str = "O2:1, N2:3.76",
    phi: Sequence[float] = (1.0,),
    T: Sequence[float] = (1000.0, 1200.0, 1400.0, 1600.0, 1800.0),
    p: Sequence[float] = (ATM,),
    *,
    hold: str = "uv",
    delay: Sequence[str] = (STAGE,),
    time: float = 10.0,
    rtol: float = 1e-6,
    atol: float = ATOL,
    progress: Callable[[int], None] = lambda done: None,
    to_end: bool = False,
) -> IgnitionTable:
    """Ignition delays [s] of all combinations of phi, T [K] and p [Pa], in the order p, phi, T; solved together.

    mechanism : Cantera YAML, or one that is loaded;  fuel, oxidizer : a species, or mole fractions "CH4:0.8, H2:0.2"
    hold : "uv" (constant energy and volume) or "hp";  delay : definitions as of combust.kinetics.reactors.delays
    time : longest delay [s];  rtol, atol : of mass fractions;  progress : called with the number of reactors done
    to_end : follow every reactor for that time, also where its delay counts as found before
    Raises ConfigError or MechanismError for what cannot be asked, and the error of the first reactor if all fail.
    """
    require_time("time", time)
    phi, T, p = (positive_numbers(*named) for named in (("phi", phi), ("T", T), ("p", p)))
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    fuel, oxidizer = mixtures.of_options(gas, fuel, oxidizer, True, ("fuel", "oxidizer"))
    conditions, texts = list(itertools.product(p, phi, T)), tuple(dict.fromkeys(delay))
    mixed = {each: gas.mixture(fuel, oxidizer, each) for each in phi}
    numbers = torch.tensor(conditions, dtype=torch.float64)
    Y = torch.stack([mixed[each] for _, each, _ in conditions], 1)

    def solve(chosen: Sequence[int]) -> list[list[float]]:
        i = torch.tensor(chosen)
        state = numbers[i, 2], numbers[i, 0], Y[:, i]
        found = ignition_delays(gas, *state, time, hold, [*texts, STAGE], rtol, atol, progress, to_end=to_end)
        return found.T.tolist()

    delays, errors = each_row(solve, range(len(conditions)), [math.nan] * (len(texts) + 1))
    if len(errors) == len(conditions):
        raise errors[0]
    rows = tuple(row_of(c, delays[i], texts, errors.get(i)) for i, c in enumerate(conditions))
    return IgnitionTable(texts, rows, len(errors))


def row_of(
    condition: tuple[float, float, float], delays: Sequence[float], texts: Sequence[str], error: CombustError | None
) -> Reactor:
    """The row of (p, phi, T), its delays with that of `STAGE` last, and the error of a reactor that failed."""
    p, phi, T = condition
    own, ignited = tuple(delays[:-1]), not all(map(math.isnan, delays))
    missing = [text for text, delay in zip(texts, own, strict=True) if math.isnan(delay)] if ignited else []
    reason = f"ignited, but there is no {' and no '.join(missing)}" if missing else ""
    return Reactor(phi, T, p, own, ignited, str(error) if error is not None else reason)
