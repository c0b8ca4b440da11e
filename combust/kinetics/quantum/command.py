"""combust tst: from first geometries to a rate constant, its law and its entry in a mechanism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from combust.errors import ConfigError, at
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.kinetics.gas.equations import written
from combust.kinetics.mechanism import phases, places
from combust.kinetics.quantum import record as records
from combust.kinetics.quantum.engines import levels
from combust.kinetics.quantum.engines.compute import compute
from combust.kinetics.quantum.engines.connect import connections
from combust.kinetics.quantum.engines.follow import follow, reaches
from combust.kinetics.quantum.engines.structure import Engine, Pieces, Structure
from combust.kinetics.quantum.rates import record as rate_records
from combust.kinetics.quantum.rates.checks import beyond_collisions, doubtful, require_reaction, require_saddle
from combust.kinetics.quantum.rates.entry import write_entry
from combust.kinetics.quantum.rates.fit import fit
from combust.kinetics.quantum.rates.record import RateRecord
from combust.kinetics.quantum.rates.tst import rates
from combust.kinetics.quantum.rates.variational import far
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.settings import LIBRARY, Cvt, Given, Tst
from combust.report.meter import SILENT, Reporter
from combust.report.tables import require_folder
from combust.settings import config

SADDLE = "saddle"
ENTRY = "rate.yaml"


@dataclass(frozen=True)
class TstReport:
    """What came out:  record : k(T) and factors;  folder : with tst.json, rate.yaml, records;  structures : by name

    doubts : what is no reason to refuse, in words;  mechanism : the Cantera file of the entry's thermo
    """

    record: RateRecord
    folder: Path
    structures: dict[str, Record]
    doubts: tuple[str, ...]
    mechanism: str


def tst(
    file: str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    engine: Engine | None = None,
    reporter: Reporter = SILENT,
) -> TstReport:
    """Runs a file of `combust tst` in the folder `out`, where finished pieces are kept: called again, it goes on.

    file : a path, or the name of one that comes with combust
    overrides : "key=value" of the file;  engine : in the place of PySCF

    Raises ConfigError with the reason for what has no rate constant this way, FileFormatError, DivergenceError,
    DependencyError, OutputError, Stopped on a signal.
    """
    path = Path(config.there(str(file), None, LIBRARY, "*.toml"))
    settings = config.checked(config.read(path, overrides), str(path), Tst)
    folder = require_folder(out)
    with at(path):
        left, right = sides(settings)
        levels.parsed(settings.level)
        error = settings.error or levels.error(settings.energy)
    with locked(folder):
        try:
            with stoppable():
                made = structures(settings, path.parent, folder, engine, reporter)
        except KeyboardInterrupt:
            raise Stopped(f"{folder}: finished pieces are kept; the same command goes on") from None
        return finish(settings, folder, made, left, right, error)


def sides(settings: Tst) -> tuple[list[str], list[str]]:
    """Names of both sides. Raises ConfigError for a third body, where a species has no table, or a table no species."""
    found = written(settings.reaction)
    if found.third:
        raise ConfigError(
            f"reaction {settings.reaction}: a rate over a saddle does not hang on {found.third}: leave it out, or take "
            "combust falloff for k at a pressure"
        )
    left, right = list(found.left), list(found.right)
    if lacking := sorted({*left, *right} - set(settings.species)):
        raise ConfigError(f"reaction {settings.reaction}: [species] has no {', '.join(lacking)}")
    if spare := sorted(set(settings.species) - {*left, *right}):
        raise ConfigError(f"[species]: {', '.join(spare)} is not in the reaction {settings.reaction}")
    return left, right


def structures(settings: Tst, here: Path, folder: Path, engine: Engine | None, reporter: Reporter) -> dict[str, Record]:
    """All records, those that were computed with files in `folder`."""
    work = Work(settings, here, folder, engine, reporter)
    made = {name: work.one(name, place) for name, place in settings.species.items()}
    saddle = work.one(SADDLE, settings.saddle)
    require_saddle(saddle)
    if settings.saddle.atoms is not None:
        left, right = sides(settings)
        found = connections(work.engine(), saddle, made, (left, right), work.pieces, reporter)
        saddle = msgspec.structs.replace(saddle, connects=found)
    if settings.cvt is not None:
        saddle = work.followed(saddle, settings.cvt)
    for name, one in {**made, SADDLE: saddle}.items():
        records.write(folder / f"{name}.json", one)
    return {**made, SADDLE: saddle}


class Work:
    """Records of a file's structures, however they are given."""

    def __init__(self, settings: Tst, here: Path, folder: Path, engine: Engine | None, reporter: Reporter) -> None:
        self.settings, self.here, self.reporter = settings, here, reporter
        self.pieces, self.given = Pieces(folder / "pieces"), engine

    def engine(self) -> Engine:
        """PySCF, where it is needed. Raises DependencyError."""
        if self.given is None:
            from combust.kinetics.quantum.engines.pyscf_engine import PyscfEngine

            self.given = PyscfEngine()
        return self.given

    def one(self, name: str, place: Given) -> Record:
        """Raises ConfigError, FileFormatError with the name of the table."""
        if place.record is not None:
            found = records.read(self.here / place.record)
        elif place.log is not None:
            from combust.kinetics.quantum.engines.cclib_reader import read_log

            found = read_log(self.here / place.log, name, self.settings.scale)
        else:
            with at(name):
                found = self.computed(name, place)
        return stated(found, name, place)

    def followed(self, saddle: Record, wanted: Cvt) -> Record:
        """With its way down: that of the record where it goes as far as wanted, else computed."""
        if reaches(saddle, wanted.step, wanted.points):
            return saddle
        if not saddle.mode:
            raise ConfigError(f"{SADDLE}: has no mode to follow down, which cvt wants: begin with atoms or a record")
        self.reporter.say(f"{SADDLE}: the way down, {wanted.points} points each way")
        return follow(self.engine(), saddle, wanted.step, wanted.points, self.pieces, SADDLE, self.reporter)

    def computed(self, name: str, place: Given) -> Record:
        """By the engine, from the atoms of the file."""
        elements, places = atoms(str(place.atoms))
        structure = Structure(name, elements, places, place.charge, place.multiplicity)
        try:
            Record(species=name, level="-", elements=elements, coordinates=places, energies={}, charge=place.charge,
                   multiplicity=place.multiplicity)  # fmt: skip
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self.reporter.say(f"{name}: {self.settings.level}")
        return compute(self.engine(), structure, self.settings.level, [self.settings.energy], self.pieces,
                       saddle=name == SADDLE, scale=self.settings.scale, reporter=self.reporter)  # fmt: skip


def stated(found: Record, name: str, place: Given) -> Record:
    """With what the file says of it. Raises ConfigError."""
    said = {key: value for key in ("electronic", "spin_orbit", "symmetry", "mirrors") if (value := getattr(place, key))}
    if name != SADDLE:
        said["species"] = name
    try:
        return msgspec.structs.replace(found, **said)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def atoms(text: str) -> tuple[tuple[str, ...], tuple[tuple[float, float, float], ...]]:
    """Elements and places [angstrom] of lines. Raises ConfigError."""
    elements, places_ = [], []
    for line in text.replace(";", "\n").splitlines():
        if not line.strip():
            continue
        try:
            element, x, y, z = line.split()
            places_.append((float(x), float(y), float(z)))
        except ValueError:
            raise ConfigError(f"atoms: {line.strip()!r}: must be an element and three numbers in angstrom") from None
        elements.append(element.capitalize())
    return tuple(elements), tuple(places_)


def finish(
    settings: Tst, folder: Path, made: dict[str, Record], left: list[str], right: list[str], error: float
) -> TstReport:
    """k(T), its law, the files."""
    reactants, products = ([made[name] for name in side] for side in (left, right))
    saddle = made[SADDLE]
    level = levels.parsed(settings.energy).text
    require_reaction(reactants, products, saddle, level)
    T = 1 / np.linspace(1 / settings.T[0], 1 / settings.T[1], settings.points)
    found = rates(
        reactants, products, saddle, level, T, settings.tunnelling, error=error, anharmonic=settings.anharmonic,
        cvt=settings.cvt is not None,
    )  # fmt: skip
    mechanism = phases.solution(places.find(settings.mechanism), transport=False)
    doubts = [*doubtful([*reactants, *products, saddle]), *far(found.cvt),
              *beyond_collisions(mechanism, (left, right), T, found.k)]  # fmt: skip
    record = rate_records.make(reactants, products, saddle, level, settings.tunnelling, found, fit(T, found.k),
                               error=error, anharmonic=settings.anharmonic, notes=doubts)  # fmt: skip
    rate_records.write(folder / rate_records.NAME, record)
    write_entry(folder / ENTRY, record, mechanism)
    return TstReport(record, folder, made, tuple(doubts), settings.mechanism)
