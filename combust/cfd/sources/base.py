"""What a source may show beside its rates, and how a flow asks all of its sources for it.

A source of a script need have none of this: what is missing is taken as it stands here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from torch import Tensor

from combust.cfd.closures.base import Source
from combust.cfd.closures.view import View
from combust.errors import ConfigError
from combust.settings.names import OF_SOURCE

Show = Callable[[View], Tensor]
Count = Callable[[View], float]
SO_FAR = "so_far_"  # of a checkpoint, before the name of a total


class Acting:
    """Base of the sources that a case names.

    counted : what it adds is counted by the balances, so that `mass_error`, `element_error` and `enthalpy_error` show
    what the scheme loses, and not the source
    """

    counted = True
    speed: float = 0.0
    """Of the motion that it is to bring about [m/s]; 0: none that it knows."""

    @property
    def fields(self) -> Mapping[str, Show]:
        """Fields that it shows of the owned cells, by name, from the flow now."""
        return {}

    @property
    def columns(self) -> Mapping[str, Count]:
        """Numbers that it shows, the same on all ranks (collective)."""
        return {}

    @property
    def totals(self) -> Mapping[str, Callable[[float], float]]:
        """Numbers that grow from time zero, such as energy put in: what they are at a time [s], the same on all ranks.

        A restart with other sources goes on from what there was; one without keeps it for those after.
        """
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


def speed(sources: Iterable[Source]) -> float:
    """The largest that any of them is to bring about [m/s]."""
    return max((s.speed for s in sources if isinstance(s, Acting)), default=0.0)


def field(sources: Iterable[Source], name: str, view: View) -> Tensor | None:
    """The sum of what they show under a name, None where none does."""
    found: Tensor | None = None
    for show in (s.fields[name] for s in sources if isinstance(s, Acting) and name in s.fields):
        found = show(view) if found is None else found + show(view)
    return found


def column(sources: Iterable[Source], name: str, view: View, apart: bool = False) -> float | None:
    """The sum of what they count under a name, None where none does (collective).

    Raises ConfigError where several do and are to be asked apart, by `of_one`.
    """
    counts = _showing(sources, name)
    if apart and len(counts) > 1:
        several, each = (", ".join(form.format(n) for n in counts) for form in ("sources[{}]", f'"{name}[{{}}]"'))
        raise ConfigError(f'"{name}": {several} show it, and a sum of theirs means nothing: ask for {each}')
    return sum(count(view) for count in counts.values()) if counts else None


def of_one(sources: Iterable[Source], name: str, view: View) -> float | None:
    """What sources[n] counts, by the name "NAME[n]"; None of other names (collective). Raises ConfigError where that
    one shows no NAME.
    """
    asked = OF_SOURCE.fullmatch(name)
    counts = _showing(sources, asked[1]) if asked else {}
    if asked is None or not counts:
        return None
    if int(asked[2]) not in counts:
        raise ConfigError(f'"{name}": there is {", ".join(f"{asked[1]}[{n}]" for n in counts)}')
    return counts[int(asked[2])](view)


def _showing(sources: Iterable[Source], name: str) -> dict[int, Count]:
    """By their place in `sources` of the case, those that count under a name."""
    acting = enumerate(s for s in sources if isinstance(s, Acting))
    return {number: s.columns[name] for number, s in acting if name in s.columns}


class Totals:
    """What sources have put in so far, those that a restart has replaced included."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = [s for s in sources if isinstance(s, Acting)]
        names = dict.fromkeys(name for s in self.sources for name in s.totals)
        self.before = dict.fromkeys(names, 0.0)
        """What the sources before put in more than those of now would have until then."""

    def _until(self, name: str, t: float) -> float:
        return sum(s.totals[name](t) for s in self.sources if name in s.totals)

    def now(self, name: str, t: float) -> float | None:
        """At time t [s]; None of a name that no source has."""
        return self.before[name] + self._until(name, t) if name in self.before else None

    def state(self, t: float) -> dict[str, np.ndarray]:
        """What a restart needs, by name in a checkpoint."""
        return {SO_FAR + name: np.array([more, self._until(name, t)]) for name, more in self.before.items()}

    def restore(self, read: Callable[[str], np.ndarray], t: float) -> None:
        """Takes the amounts of a checkpoint written at time t [s]; one without them had no such source.

        A run completes those of earlier versions, which wrote none, before the flow sees them.
        """
        for name in self.before:
            try:
                more, until = (float(x) for x in read(SO_FAR + name))
            except KeyError:
                more, until = 0.0, 0.0
            self.before[name] = more + (until - self._until(name, t))
