"""Trajectories of reactive molecular dynamics to a network of reactions with rate constants and their errors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from combust import __version__
from combust.errors import ConfigError
from combust.kinetics.gas.equations import sides_of
from combust.kinetics.trajectories import count as counting_
from combust.kinetics.trajectories import page
from combust.kinetics.trajectories.cantera_file import write_rates
from combust.kinetics.trajectories.count import Counted, Read
from combust.kinetics.trajectories.formats.reading import Given, digest, sources
from combust.kinetics.trajectories.known import Known
from combust.kinetics.trajectories.molecules import Species
from combust.kinetics.trajectories.rates import AVOGADRO, Rate, Sides, arrhenius
from combust.kinetics.trajectories.record import (
    Benchmark,
    Counting,
    NetworkRecord,
    RateAt,
    ReactionFound,
    SpeciesFound,
    TrajectoryFound,
)
from combust.report.meter import SILENT, Reporter
from combust.report.tables import outputs, write_csv, writing

FILES = ("network.html", "network.json", "rates.csv", "events.csv", "rates.yaml")
FEW = 5  # events of the benchmark, below which it says little


@dataclass(frozen=True)
class ReactionNetwork:
    """What was counted, and where it was written;  mechanism : Cantera YAML, None where no mechanism was given"""

    record: NetworkRecord
    page: Path
    mechanism: Path | None


def network(
    trajectories: Sequence[str | Path],
    out: str | Path = ".",
    *,
    given: Given | Sequence[Given] | None = None,
    mechanism: str | Path | None = None,
    aliases: Sequence[str] = (),
    benchmark: str | None = None,
    model_factor: float | None = None,
    counting: Counting | None = None,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> ReactionNetwork:
    """Counts reactions in trajectories: files of LAMMPS or XYZ, or folders of `combust md`; those of one T together.

    given : what the files do not say, for all or for each
    mechanism : a Cantera file whose species molecules are; others are then passages, however long they last
    benchmark : the reaction of it by which the error of the forces is judged, by default the most frequent
    model_factor : that error, where no benchmark serves
    out : folder of network.html, network.json, rates.csv, events.csv and, with a mechanism, rates.yaml

    Raises ConfigError, FileFormatError (file and frame), MechanismError.
    """
    paths = list(trajectories)
    each = list(given) if isinstance(given, Sequence) else [given or Given()] * len(paths)
    counting = counting or Counting()
    if not paths or len(each) != len(paths):
        raise ConfigError(f"{len(paths)} trajectories and what is given of {len(each)}: must be as many, at least one")
    if model_factor is not None and not (math.isfinite(model_factor) and model_factor >= 1):
        raise ConfigError(f"model factor {model_factor:g}: must be >= 1")
    known = Known(mechanism, aliases) if mechanism is not None else None
    found = sources(paths, each)
    files = dict(zip(FILES, outputs(out, FILES if known else FILES[:-1], force), strict=False))
    read = counting_.read_all(found, counting, reporter)
    work = Work(read, counting, known)
    record = work.record(benchmark, model_factor)
    for line in record.warnings:
        reporter.warn(line)
    write(files, record, work)
    made = known is not None and write_rates(files["rates.yaml"], record, known.solution)
    return ReactionNetwork(record, files["network.html"], files["rates.yaml"] if made else None)


class Work:
    """Counts at all persistence times, and what follows from them."""

    def __init__(self, read: Sequence[Read], counting: Counting, known: Known | None) -> None:
        self.read, self.counting, self.known = read, counting, known
        first = counting_.count(read, counting.persistence, counting.passage, self.listed)
        self.plain = counting_.names(first)
        self.unknown = self.lacking() if known else set()
        self.chosen = self.count(counting.persistence)
        counting_.complete(self.chosen, read)
        self.names = counting_.names(self.chosen) | self.plain
        self.table = [self.count(time) for time in counting.table]

    def listed(self, kind: Species) -> bool:
        """Whether the user calls it a complex."""
        return kind.formula in self.counting.complexes or str(kind) in self.counting.complexes

    def lacking(self) -> set[Species]:
        """Molecules that the mechanism has no species for."""
        return {kind for kind in self.plain if self.species(kind) is None}

    def species(self, kind: Species) -> str | None:
        """Name in the mechanism."""
        if self.known is None:
            return None
        name = self.plain.get(kind, str(kind))
        return self.known.name(kind, name == kind.formula)

    def count(self, persistence: float) -> Counted:
        """At one persistence time [s]; molecules that were not there at the usual one are judged by the mechanism."""
        return counting_.count(
            self.read, persistence, self.counting.passage,
            lambda kind: self.listed(kind) or (self.known is not None and self.species(kind) is None),
        )  # fmt: skip

    def record(self, benchmark: str | None, model_factor: float | None) -> NetworkRecord:
        """All of it. Raises ConfigError for a benchmark that was not counted or the mechanism lacks."""
        of_mechanism = self.of_mechanism()
        order = sorted(self.chosen_sides(), key=lambda s: (-self.chosen.number(s), self.equation(s)))
        reactions = [self.reaction(sides, of_mechanism) for sides in order]
        judged = self.benchmark(reactions, benchmark, model_factor)
        model = judged.factor if judged else None
        reactions = [msgspec.structs.replace(one, model=model) for one in reactions]
        return NetworkRecord(
            trajectories=tuple(self.trajectory(one) for one in self.read), counting=self.counting,
            species=self.all_species(), reactions=tuple(reactions), events=tuple(c.events for c in self.table),
            recrossed=tuple(c.recrossed for c in self.table), benchmark=judged,
            mechanism=self.known.path if self.known else None,
            mechanism_sha256=self.known.sha256 if self.known else None,
            warnings=tuple(self.warnings(reactions, judged)), combust=__version__,
        )  # fmt: skip

    def chosen_sides(self) -> list[Sides]:
        """Reactions seen at any temperature, and their reverses."""
        return list(dict.fromkeys(sides for own in self.chosen.rates.values() for sides in own))

    def equation(self, sides: Sides) -> str:
        left, right = (" + ".join(self.names.get(kind, str(kind)) for kind in side) for side in sides)
        return f"{left} => {right}"

    def reaction(self, sides: Sides, of_mechanism: dict[tuple[Sides, float], float]) -> ReactionFound:
        """A reaction with its rates at all temperatures where its reactants were."""
        at = {T: own[sides] for T, own in sorted(self.chosen.rates.items()) if sides in own}
        numbers = tuple(counted.number(sides) for counted in self.table)
        total = self.chosen.number(sides)
        later = [n for n, t in zip(numbers, self.counting.table, strict=True) if t >= self.counting.persistence]
        law, equation = arrhenius(at), self.in_mechanism(sides)
        return ReactionFound(
            equation=self.equation(sides), reactants=tuple(self.names.get(k, str(k)) for k in sides[0]),
            products=tuple(self.names.get(k, str(k)) for k in sides[1]),
            at=tuple(rate_at(T, rate, of_mechanism.get((sides, T))) for T, rate in at.items()),
            stable=all(abs(n - total) <= math.sqrt(total) for n in later), by_persistence=numbers, mechanism=equation,
            law=law,
            counting=max(law.factor(T) for T in at) if law else max(at.values(), key=lambda r: r.count).factor
            if total else None,
        )  # fmt: skip

    def in_mechanism(self, sides: Sides) -> str | None:
        """The equation in names of the mechanism, None where it lacks one."""
        found = [[self.species(kind) for kind in side] for side in sides]
        if self.known is None or any(name is None for side in found for name in side):
            return None
        left, right = (" + ".join(str(name) for name in side) for side in found)
        return f"{left} <=> {right}"

    def of_mechanism(self) -> dict[tuple[Sides, float], float]:
        """Rate constants of the mechanism, at the mean concentrations of each temperature."""
        found: dict[tuple[Sides, float], float] = {}
        if self.known is None:
            return found
        for T, own in self.chosen.rates.items():
            sides = [s for s in own if self.in_mechanism(s) is not None]
            named = [tuple([str(self.species(kind)) for kind in side] for side in s) for s in sides]
            values = self.known.rates([(a, b) for a, b in named], T, self.concentrations(T))
            found |= {(s, T): k for s, k in zip(sides, values, strict=True) if k is not None}
        return found

    def concentrations(self, T: float) -> dict[str, float]:
        """Mean over the trajectories of one temperature, in names of the mechanism [kmol/m3]."""
        found: dict[str, float] = {}
        time = sum(one.time for one in self.read if one.T == T)
        for one, made in zip(self.read, self.chosen.histories, strict=True):
            if one.T != T:
                continue
            for kind, amount in counting_.Population(made, one.step).amount().items():
                if (name := self.species(kind)) is not None:
                    found[name] = found.get(name, 0.0) + amount / (time * one.volume * AVOGADRO)
        return found

    def benchmark(
        self, reactions: Sequence[ReactionFound], asked: str | None, model_factor: float | None
    ) -> Benchmark | None:
        """What says how wrong the forces are; None where nothing does."""
        if model_factor is not None:
            return Benchmark(equation="", factor=model_factor, source="given")
        able = [one for one in reactions if any(rate.count and rate.mechanism for rate in one.at)]
        if asked is not None:
            wanted = sides_of(asked)
            able = [one for one in able if sides_of(one.mechanism or one.equation) == wanted]
            if not able:
                raise ConfigError(f"--benchmark {asked}: was not counted, or {self.known and self.known.path} lacks it")
        if not able:
            return None
        best = max(able, key=lambda one: sum(rate.count for rate in one.at if rate.mechanism))
        ratios = [abs(math.log(rate.k / rate.mechanism)) for rate in best.at if rate.count and rate.mechanism]
        path = self.known.path if self.known else ""
        return Benchmark(equation=best.mechanism or best.equation, factor=math.exp(max(ratios)), source=path)

    def trajectory(self, one: Read) -> TrajectoryFound:
        shas = "".join(digest(path) for path in one.source.files)
        sha = shas if len(one.source.files) == 1 else hashlib.sha256(shas.encode()).hexdigest()
        return TrajectoryFound(name=one.source.name, sha256=sha, T=one.T, volume=one.volume,
                               atoms=len(one.changes.elements), frames=one.changes.frames, time=one.time,
                               between=one.changes.between * one.step)  # fmt: skip

    def all_species(self) -> tuple[SpeciesFound, ...]:
        time = sum(one.time for one in self.read)
        order = sorted(self.chosen.amount.items(), key=lambda item: (-item[1], str(item[0])))
        return tuple(
            SpeciesFound(name=self.names[kind], formula=kind.formula, graph=kind.graph, mean=amount / time,
                         mechanism=self.species(kind))
            for kind, amount in order
        )  # fmt: skip

    def warnings(self, reactions: Sequence[ReactionFound], judged: Benchmark | None) -> list[str]:
        """What is doubtful."""
        said = []
        for one in self.read:
            between, persistence = one.changes.between * one.step, self.counting.persistence
            if between > persistence:
                said.append(f"{one.source.name}: frames are {between * 1e15:g} fs apart, more than the persistence "
                            f"time of {persistence * 1e15:g} fs: changes between two of them are not seen")  # fmt: skip
            if one.changes.swing > 0.01:
                said.append(f"{one.source.name}: the volume departs from its mean by {100 * one.changes.swing:.0f} %: "
                            "rate constants of two reactants are wrong by up to as much")  # fmt: skip
        if self.known is not None and (lacking := self.passages()):
            said.append(f"{self.known.path} has no species for {', '.join(lacking)}, which these forces make: where "
                        "they end again they count as passages")  # fmt: skip
        if judged is None:
            said.append("no benchmark: the error of the forces is unknown, and may be larger than that of counting")
        elif (
            judged.equation
            and sum(r.count for one in reactions if one.mechanism == judged.equation for r in one.at) < FEW
        ):
            said.append(f"benchmark {judged.equation}: fewer than {FEW} events")
        return said

    def passages(self) -> list[str]:
        """Names of molecules that the mechanism lacks, by how many there were."""
        found: dict[str, int] = {}
        for made in self.chosen.histories:
            for one in made.molecules:
                if one.kind in self.unknown:
                    name = self.names.get(one.kind, str(one.kind))
                    found[name] = found.get(name, 0) + 1
        return sorted(found, key=lambda name: (-found[name], name))[:8]


def rate_at(T: float, rate: Rate, mechanism: float | None) -> RateAt:
    return RateAt(T=T, count=rate.count, exposure=rate.exposure, k=rate.k, low=rate.low, high=rate.high,
                  mechanism=mechanism)  # fmt: skip


def write(files: dict[str, Path], record: NetworkRecord, work: Work) -> None:
    """The record, both tables and the page. Raises OutputError."""
    with writing(files["network.json"]) as file:
        file.write(msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n")
    columns = ("equation", "T_K", "count", "exposure_SI_kmol", "k_SI_kmol", "k_low", "k_high", "k_mechanism",
               "factor_counting", "factor_model", "stable")  # fmt: skip
    write_csv(files["rates.csv"], columns, (
        (one.equation, r.T, r.count, r.exposure, r.k, r.low, r.high, r.mechanism, one.counting, one.model, one.stable)
        for one in record.reactions for r in one.at
    ))  # fmt: skip
    write_csv(files["events.csv"], ("trajectory", "T_K", "time_s", "reactants", "products", "atoms"), work_events(work))
    page.write(files["network.html"], record, work.read, work.chosen.histories, work.names)


def work_events(work: Work) -> list[tuple[object, ...]]:
    """Rows of all events that changed species."""
    rows: list[tuple[object, ...]] = []
    for one, made in zip(work.read, work.chosen.histories, strict=True):
        for event in made.events:
            sides = made.kinds(event.reactants), made.kinds(event.products)
            if sides[0] != sides[1]:
                left, right = (" + ".join(work.names.get(k, str(k)) for k in side) for side in sides)
                atoms = sorted(atom + 1 for m in event.reactants for atom in made.molecules[m].atoms)
                time = (event.step - made.begin) * one.step
                rows.append((one.source.name, one.T, time, left, right, " ".join(map(str, atoms))))
    return rows
