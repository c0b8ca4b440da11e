"""combust uncertainty: bands of ignition delays and flame speeds from stated factors of rate constants, set by set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from combust.errors import CombustError, ConfigError
from combust.kinetics.flames.free import check_refine
from combust.kinetics.flames.solver import check_transport
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import Criterion
from combust.kinetics.reactors.ignite import STAGE, require_time
from combust.kinetics.reactors.ignition import ATOL
from combust.kinetics.uncertainty import bands, delays, jobs, sampling
from combust.kinetics.uncertainty.delays import Vessels
from combust.kinetics.uncertainty.flames import Fresh, Slopes
from combust.kinetics.uncertainty.groups import Uncertain, of_mechanism
from combust.kinetics.uncertainty.jobs import Job
from combust.kinetics.uncertainty.reading import Factors, lns, read_factors
from combust.kinetics.uncertainty.record import Check, DelayBand, FactorUsed, FlameBand, SetBands, UncertaintyRecord
from combust.report.meter import SILENT, Reporter
from combust.rows import each_row
from combust.settings.ranges import positive_numbers
from combust.units import ATM

FAR = 2.0  # standard deviations up and down, of flames that are solved again
DOUBTFUL, COUNTS = 0.3, 0.005  # by how much a slope may be off that of these flames, if it counts at all


@dataclass(frozen=True)
class Delays:
    """Of which reactors: all combinations of phi, T [K], p [Pa]; the other names as of `ignite`."""

    phi: tuple[float, ...] = (1.0,)
    T: tuple[float, ...] = (1000.0, 1200.0, 1400.0, 1600.0)
    p: tuple[float, ...] = (ATM,)
    hold: str = "uv"
    delay: str = STAGE
    time: float = 10.0
    rtol: float = 1e-6
    atol: float = ATOL


@dataclass(frozen=True)
class Flames:
    """Of which flames: all combinations of phi, T [K], p [Pa]; transport, soret, refine as of `flamespeed`.

    check : so many rates of most influence, whose flames are solved again at two standard deviations up and down
    samples : flames solved for a sampled band, none for 0
    """

    phi: tuple[float, ...] = (1.0,)
    T: tuple[float, ...] = (300.0,)
    p: tuple[float, ...] = (ATM,)
    transport: str = "mixture-averaged"
    soret: bool = False
    refine: str = "extrapolated"
    check: int = 3
    samples: int = 0


@dataclass(frozen=True)
class Sampling:
    """Of ln k: how many samples, by "sobol" (a power of two) or "latin", from a seed."""

    samples: int = 256
    sequence: str = "sobol"
    seed: int = 1


def uncertainty(
    mechanism: Mechanism | str | Path,
    fuel: str,
    oxidizer: str = "O2:1, N2:3.76",
    *,
    factors: Sequence[str | Path] = (),
    default: float | None = None,
    beside: Sequence[Mechanism | str | Path] = (),
    leave_out: bool = False,
    delays: Delays | None = Delays(),
    flames: Flames | None = Flames(),
    draws: Sampling = Sampling(),
    cores: int = 1,
    reporter: Reporter = SILENT,
) -> UncertaintyRecord:
    """95 % bands of ignition delays and flame speeds, and each rate's share of their variance.

    mechanism : Cantera YAML, or one that is loaded;  fuel, oxidizer : a species, or mole fractions "CH4:0.8, H2:0.2"
    factors : files, each a set of its own; without any, what the mechanism's entries state
    default : factor of reactions of which nothing is stated;  beside : mechanisms that get the same sets
    leave_out : entries of reactions that a mechanism lacks are left out instead of refused
    delays, flames : what is asked, None for nothing;  cores : threads of reactors, processes of flames
    Every flame that is solved is kept in combust's cache, so that a call that was stopped goes on from there.
    Raises ConfigError, MechanismError for what cannot be asked. What has no band is a row that says why.
    """
    if delays is None and flames is None:
        raise ConfigError("uncertainty: ask for delays, flames or both")
    sampling.require(draws.samples, draws.sequence, "samples")
    gases = [one if isinstance(one, Mechanism) else Mechanism.load(one) for one in (mechanism, *beside)]
    ln_default = None if default is None else lns((default,), "factor", "default")[0]
    given: list[Factors | None] = [read_factors(path) for path in factors] or [None]
    sets = [of_mechanism(gas, one, ln_default, leave_out) for gas in gases for one in given]
    labels = names(sets)
    fuel, oxidizer = mixtures.of_options(gases[0], fuel, oxidizer, True, ("fuel", "oxidizer"))
    found = []
    threads = torch.get_num_threads()
    for label, one in zip(labels, sets, strict=True):
        reporter.say(f"--- {label}: {len(one.groups)} uncertain rates of {one.gas.path}")
        work = Work(one, fuel, oxidizer, draws, cores, reporter)
        torch.set_num_threads(max(threads, cores))
        try:
            of_delays = work.delays(checked_delays(delays, one.gas)) if delays else ()
        finally:
            torch.set_num_threads(threads)
        of_flames = work.flames(checked_flames(flames)) if flames else ()
        used = tuple(FactorUsed.of(group) for group in one.groups)
        found.append(SetBands(label, one.gas.path, one.gas.sha256, used, of_delays, of_flames))
    reporter.clear()
    ranking = tuple(tuple(one.ranking()) for one in found)
    return UncertaintyRecord(fuel, oxidizer, draws.samples, draws.sequence, draws.seed, tuple(found), ranking)


def names(sets: Sequence[Uncertain]) -> list[str]:
    """Of sets, each another: with the mechanism where there are several. Raises ConfigError."""
    paths = list(dict.fromkeys(one.gas.path for one in sets))
    called = dict(zip(paths, shortest(paths), strict=True))
    found = [f"{one.name}, {called[one.gas.path]}" if len(paths) > 1 else one.name for one in sets]
    for name in found:
        if found.count(name) > 1:
            raise ConfigError(f"two sets of factors are named {name!r}: give one file another `name`")
    return found


def shortest(paths: Sequence[str]) -> list[str]:
    """The last parts of different paths, as few as tell them apart."""
    parts = [Path(path).parts for path in paths]
    for count in range(1, max(map(len, parts))):
        found = [Path(*one[-count:]).as_posix() for one in parts]
        if len(set(found)) == len(found):
            return found
    return list(paths)


def checked_delays(asked: Delays, gas: Mechanism) -> Delays:
    """Raises ConfigError, MechanismError."""
    require_time("time", asked.time)
    for name in ("phi", "T", "p"):
        positive_numbers(name, getattr(asked, name))
    Criterion.parse(asked.delay, gas, asked.hold)
    return asked


def checked_flames(asked: Flames) -> Flames:
    """Raises ConfigError."""
    for name in ("phi", "T", "p"):
        positive_numbers(f"flame {name}", getattr(asked, name))
    check_transport("uncertainty", asked.transport, asked.soret)
    check_refine("uncertainty", asked.refine)
    conditions = list(itertools.product(asked.T, asked.p))
    require_ideal("free flame", [T for T, _ in conditions], [p for _, p in conditions])
    if asked.check < 0:
        raise ConfigError(f"check {asked.check}: must be at least 0")
    return asked


@dataclass(frozen=True)
class Work:
    """One set."""

    uncertain: Uncertain
    fuel: str
    oxidizer: str
    draws: Sampling
    cores: int
    reporter: Reporter

    def scores(self, samples: int) -> np.ndarray:
        """(groups, samples)."""
        return sampling.scores(len(self.uncertain.groups), samples, self.draws.sequence, self.draws.seed)

    def delays(self, asked: Delays) -> tuple[DelayBand, ...]:
        """In the order p, phi, T."""
        conditions = list(itertools.product(asked.p, asked.phi, asked.T))
        at = self.vessels(asked, conditions)
        found, errors = each_row(
            lambda some: delays.nominal(self.uncertain, at.part(some)).tolist(), range(len(conditions))
        )
        good = [i for i in range(len(conditions)) if not math.isnan(found[i])]
        rows: dict[int, DelayBand] = {}
        if good:
            own = at.part(good)
            values = delays.samples(self.uncertain, own, self.scores(self.draws.samples), self.reporter)
            slopes, reason = delays.tried_slopes(self.uncertain, own, self.reporter)
            for k, i in enumerate(good):
                rows[i] = delay_band(conditions[i], found[i], values[:, k], slopes[:, k], reason)
        for i, (p, phi, T) in enumerate(conditions):
            if i not in rows:
                reason = str(errors[i]) if i in errors else f"nothing ignites within {asked.time:g} s"
                rows[i] = DelayBand(phi, T, p, math.nan, reason=reason)
        return tuple(rows[i] for i in range(len(conditions)))

    def vessels(self, asked: Delays, conditions: Sequence[tuple[float, float, float]]) -> Vessels:
        """Reactors of (p, phi, T)."""
        numbers = torch.tensor(conditions, dtype=torch.float64)
        mixed = {phi: self.uncertain.gas.mixture(self.fuel, self.oxidizer, phi) for phi in asked.phi}
        Y = torch.stack([mixed[phi] for _, phi, _ in conditions], 1)
        end = torch.full((len(conditions),), asked.time, dtype=torch.float64)
        return Vessels(numbers[:, 2], numbers[:, 0], Y, end, asked.hold, asked.delay, asked.rtol, asked.atol)

    def flames(self, asked: Flames) -> tuple[FlameBand, ...]:
        """In the order p, T, phi."""
        if asked.samples:
            sampling.require(asked.samples, self.draws.sequence, "flame samples")
        where = [Fresh(T, p, self.fuel, self.oxidizer, phi, asked.transport, asked.soret, asked.refine)
                 for p, T, phi in itertools.product(asked.p, asked.T, asked.phi)]  # fmt: skip
        gas, over_T = self.uncertain.gas, not self.uncertain.constant
        found = jobs.run([Job(gas, one, None, over_T) for one in where], self.cores, self.reporter, "flames, adjoint")
        return tuple(self.flame(asked, one, slopes) for one, slopes in zip(where, found, strict=True))

    def flame(self, asked: Flames, fresh: Fresh, known: Any) -> FlameBand:
        """One, from its slopes or the error in their place."""
        if isinstance(known, CombustError):
            return FlameBand(fresh.phi, fresh.T, fresh.p, math.nan, reason=str(known))
        nominal = fresh.flame(self.uncertain.gas)
        slopes = of_groups(self.uncertain, known)
        checks = self.checks(asked.check, fresh, known, slopes)
        values = self.sampled(asked.samples, fresh, known) * nominal.speed
        band = bands.sampled(values[np.isfinite(values)]) if np.isfinite(values).sum() > 1 else None
        return FlameBand(
            fresh.phi, fresh.T, fresh.p, nominal.speed, nominal.speed_error, bands.linear(nominal.speed, slopes),
            tuple(slopes), checks, band, int(np.isnan(values).sum()),
        )  # fmt: skip

    def checks(self, count: int, fresh: Fresh, known: Slopes, slopes: Sequence[float]) -> tuple[Check, ...]:
        """Of the rates that move the speed most."""
        order = sorted(range(len(slopes)), key=lambda i: -abs(slopes[i]))[:count]
        far = np.zeros((len(slopes), 2 * len(order)))
        for k, i in enumerate(order):
            far[i, 2 * k : 2 * k + 2] = FAR, -FAR
        found = self.speeds(fresh, far, "flames, checks")
        made = []
        for k, i in enumerate(order):
            pair = found[2 * k : 2 * k + 2]
            up, down = (math.nan if isinstance(one, CombustError) else one / known.speed for one in pair)
            reason = next((str(one) for one in pair if isinstance(one, CombustError)), "")
            group, slope = self.uncertain.groups[i], slopes[i]
            one = Check(group.equation, slope, up, down, math.exp(FAR * slope), math.exp(-FAR * slope), reason)
            if abs(slope) > COUNTS and abs(one.slope_again / slope - 1.0) > DOUBTFUL:
                self.reporter.warn(
                    f"{fresh}: {group.equation}: its slope by the adjoint is {slope:.3g}, that of flames two standard "
                    f"deviations up and down {one.slope_again:.3g}: the linear band is rough"
                )
            made.append(one)
        return tuple(made)

    def sampled(self, count: int, fresh: Fresh, known: Slopes) -> np.ndarray:
        """Speeds over the nominal one, NaN without a flame."""
        if not count:
            return np.zeros(0)
        found = self.speeds(fresh, self.scores(count), "flames, samples")
        return np.array([math.nan if isinstance(one, CombustError) else one / known.speed for one in found])

    def speeds(self, fresh: Fresh, scores: np.ndarray, what: str) -> list[Any]:
        """Of the mechanism at scores (groups, samples)."""
        changed = [self.uncertain.changed(torch.from_numpy(x)) for x in np.ascontiguousarray(scores.T)]
        return jobs.run([Job(self.uncertain.gas, fresh, gas) for gas in changed], self.cores, self.reporter, what)


def delay_band(
    condition: tuple[float, float, float], value: float, values: np.ndarray, slopes: np.ndarray, reason: str
) -> DelayBand:
    """Of a reactor that ignites; without slopes there is no linear band and no share, and the reason is told."""
    p, phi, T = condition
    known = bool(np.isfinite(slopes).all())
    if not known and not reason:
        reason = "no derivatives of this delay"
    return DelayBand(
        phi, T, p, value, bands.sampled(values), bands.linear(value, slopes.tolist()) if known else None,
        int(np.isnan(values).sum()), tuple(slopes.tolist()) if known else (), "" if known else reason,
    )  # fmt: skip


def of_groups(uncertain: Uncertain, known: Slopes) -> list[float]:
    """d ln speed / dx of each group. Raises ConfigError where a slope is no number."""
    found = []
    for group in uncertain.groups:
        own, law = list(group.reactions), group.law
        slope = law.s0 * float(known.alike[own].sum())
        if not law.constant:
            slope += law.s1 * float(known.power[own].sum()) + law.s2 * float(known.energy[own].sum())
        if not math.isfinite(slope):
            raise ConfigError(
                f"flame speed: {group.equation}: the adjoint gives no slope: give one factor for all T, or ask for "
                "delays alone"
            )
        found.append(slope)
    return found
