"""What rate constants may be off by: the band of the detailed mechanism at each published measurement."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.chain.links import constants
from combust.chain.links.kinetics import MECHANISM, TABLE, loaded, source_of
from combust.chain.settings import Chain
from combust.chain.stage import Stage, Work
from combust.errors import CombustError, ConfigError, FileFormatError
from combust.files import read_json
from combust.settings.trees import tree

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.uncertainty.equations import Equations
    from combust.kinetics.uncertainty.reading import Entry, Factors

NAME, NUMBERS = "rates", "rates.json"


def stages(settings: Chain, out: Path) -> tuple[Stage, ...]:
    """One, or none where the file says nothing of factors."""
    asked = settings.uncertainty
    if asked is None:
        return ()
    published = tree(settings.validate)
    data = published.pop("data")
    own = published.beside({"samples": asked.samples, "phase": settings.phase, "ions": settings.ions})
    return (
        Stage(
            NAME, "what the rate constants of the detailed mechanism may be off by", lambda work: rates(settings, work),
            own, (asked.factors, *data), ("mechanism", "validate"), {NUMBERS: None}, check=lambda: check(settings),
            command=f"combust uncertainty {out}/mechanism/{MECHANISM} --factors {asked.factors} --fuel X",
            size=f"{asked.samples} samples", seed=asked.seed,
        ),
    )  # fmt: skip


def check(settings: Chain) -> None:
    """Raises ConfigError for factors that cannot be, before anything long begins."""
    from combust.kinetics.uncertainty import sampling
    from combust.kinetics.uncertainty.groups import of_mechanism
    from combust.kinetics.uncertainty.reading import read_factors

    assert settings.uncertainty is not None
    sampling.require(settings.uncertainty.samples, "sobol", "uncertainty: samples")
    gas, factors = loaded(settings, Path(source_of(settings))), read_factors(settings.uncertainty.factors)
    later = of_added(settings, gas, factors)
    if not later or len(later) < len(factors.entries) or factors.default:
        of_mechanism(gas, replace(factors, entries=tuple(e for e in factors.entries if e not in later)), None, False)


def of_added(settings: Chain, gas: Mechanism, factors: Factors) -> list[Entry]:
    """Entries with a reaction that the mechanism lacks and [constants] adds: they are bound when it is there."""
    from combust.kinetics.uncertainty.equations import Equations

    have = gas.cantera(transport=False).reaction_equations()
    own = Equations(have, gas.species, gas.path)
    added = [text for text in constants.equations(settings) if readable(own, text)]
    both = Equations([*have, *added], gas.species, gas.path)
    return [one for one in factors.entries if added and not has(own, one) and has(both, one)]


def readable(equations: Equations, text: str) -> bool:
    """Whether the mechanism has its species."""
    try:
        return bool(equations.parse(text))
    except ValueError:
        return False


def has(equations: Equations, entry: Entry) -> bool:
    """Whether each reaction of an entry is there."""
    try:
        return all(equations.find(text, "") for text in entry.equations)
    except ConfigError:
        return False


def uncertain(settings: Chain, path: Path) -> Any:
    """The detailed mechanism with its factors."""
    from combust.kinetics.uncertainty.groups import of_mechanism
    from combust.kinetics.uncertainty.reading import read_factors

    assert settings.uncertainty is not None
    return of_mechanism(loaded(settings, path), read_factors(settings.uncertainty.factors), None, False)


def rates(settings: Chain, work: Work) -> None:
    """A band for each row of validate.csv, null where there is none: species, machines, what is not simulated."""
    one = uncertain(settings, work.out / "mechanism" / MECHANISM)
    found = [None if band is None else [band.low, band.high] for band in measured(settings, one, work)]
    names = [{"equation": group.equation, "factor": group.factor, "source": group.source} for group in one.groups]
    text = json.dumps({"factors": names, "bands": found}, indent=1, allow_nan=False)
    (work.folder / NUMBERS).write_text(text + "\n", encoding="utf-8")


def measured(settings: Chain, one: Any, work: Work) -> Iterator[Any]:
    """Bands in the order of validate.csv, of the same calls: reactors sampled, flames linear (from the cache)."""
    from combust.experiments import tables
    from combust.experiments.compare import Comparison
    from combust.experiments.validate import Options, validate

    own = settings.validate
    delays = Delays(settings, one)
    options = Options(own.hold, own.within, own.transport, own.soret, own.refine, simulate=delays)
    found = validate(one.gas, own.data, own.alias, options).found
    for done, judged in enumerate(found):
        if isinstance(judged, Comparison):
            yield from (delays.bands.get((r.point.T, r.point.p, r.delay)) for r in judged.results)
        elif judged.data.kind == "burning velocity":
            yield from speeds(settings, one, judged)
        else:
            yield from (None for _ in tables.rows(judged))
        work.reporter.of("data sets").reach(done + 1, len(found))


class Delays:
    """Simulates as ignition_delays does, and keeps the band of each delay by (T, p, delay)."""

    def __init__(self, settings: Chain, one: Any) -> None:
        from combust.kinetics.uncertainty import sampling

        assert settings.uncertainty is not None
        self.one, self.bands = one, dict[tuple[float, float, float], Any]()
        self.scores = sampling.scores(len(one.groups), settings.uncertainty.samples, "sobol", settings.uncertainty.seed)

    def __call__(self, gas: Any, T: Any, p: Any, Y: Any, t_end: Any, **options: Any) -> Any:
        """Delays (cells,) of the mechanism as it is. Raises what ignition_delays does."""
        from combust.kinetics.uncertainty import bands, delays

        at = delays.Vessels(T, p, Y, t_end, **options)
        found, samples = delays.nominal(self.one, at), delays.samples(self.one, at, self.scores)
        for i, value in enumerate(found.tolist()):
            if math.isfinite(value):
                band = bands.sampled(samples[:, i])
                self.bands[float(T[i]), float(p[i]), value] = band if math.isfinite(band.high) else None
        return found


def speeds(settings: Chain, one: Any, judged: Any) -> Iterator[Any]:
    """Linear bands of the flames of a data set, about the speed that was found."""
    from combust.experiments.matching import Names, mass_fractions
    from combust.experiments.simulate import mixture_of
    from combust.kinetics.uncertainty import bands, flames
    from combust.kinetics.uncertainty.uncertainty import of_groups

    own = settings.validate
    names = Names(one.gas, own.alias)
    Y = mass_fractions(judged.data.points, judged.data, names)
    for i, (point, row) in enumerate(zip(judged.data.points, judged.rows, strict=True)):
        mixture = mixture_of(names, Y[:, i])
        fresh = flames.Fresh(point.T, point.p, mixture, "", 1.0, own.transport, own.soret, own.refine)
        try:
            slopes = of_groups(one, flames.slopes(one.gas, fresh, not one.constant))
        except CombustError:
            yield None
        else:
            yield bands.linear(row.simulated, slopes) if math.isfinite(row.simulated) else None


def bands(out: Path, keys: Sequence[Any]) -> dict[Any, tuple[float, float]]:
    """Of the rows of validate.csv with these keys, in order; none without the stage. Raises FileFormatError."""
    path = out / NAME / NUMBERS
    if not path.is_file():
        return {}
    found = read_json(path)["bands"]
    if len(found) != len(keys):
        raise FileFormatError(f"{path}: has {len(found)} bands for {len(keys)} rows of {out / 'validate' / TABLE}")
    return {key: (band[0], band[1]) for key, band in zip(keys, found, strict=True) if band is not None}
