"""What a source may show beside its rates, and how a flow asks all of its sources for it.

A source of a script need have none of this: what is missing is taken as it stands here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from combust.cfd.closures.base import Source
from combust.cfd.closures.view import View

Show = Callable[[View], Tensor]
Count = Callable[[View], float]


class Acting:
    """Base of the sources that a case names.

    counted : what it adds is counted by the balances, so that `mass_error`, `element_error` and `enthalpy_error` show
    what the scheme loses, and not the source
    """

    counted = True

    @property
    def fields(self) -> Mapping[str, Show]:
        """Fields that it shows of the owned cells, by name, from the flow now."""
        return {}

    @property
    def columns(self) -> Mapping[str, Count]:
        """Numbers that it shows, the same on all ranks (collective)."""
        return {}

    def step_limit(self, t: float) -> float:
        """Longest step [s] from time t that it bears."""
        return math.inf

    def next_time(self, t: float) -> float:
        """The next time after t [s] that a step must meet exactly; infinity if none."""
        return math.inf

    def concerns(self, view: View) -> dict[str, str]:
        """What is doubtful of it in the flow now: name -> sentence (collective)."""
        return {}


def is_counted(source: Source) -> bool:
    """Whether balances count what it adds."""
    return bool(getattr(source, "counted", False))


def step_limit(sources: Iterable[Source], t: float) -> float:
    """The longest step [s] from t that all of them bear."""
    return min((s.step_limit(t) for s in sources if isinstance(s, Acting)), default=math.inf)


def next_time(sources: Iterable[Source], t: float) -> float:
    """The next time after t [s] that a step must meet exactly."""
    return min((s.next_time(t) for s in sources if isinstance(s, Acting)), default=math.inf)


def field(sources: Iterable[Source], name: str, view: View) -> Tensor | None:
    """The sum of what they show under a name, None where none does."""
    found: Tensor | None = None
    for show in (s.fields[name] for s in sources if isinstance(s, Acting) and name in s.fields):
        found = show(view) if found is None else found + show(view)
    return found


def column(sources: Iterable[Source], name: str, view: View) -> float | None:
    """The sum of what they count under a name, None where none does (collective)."""
    counts = [s.columns[name] for s in sources if isinstance(s, Acting) and name in s.columns]
    return sum(count(view) for count in counts) if counts else None
