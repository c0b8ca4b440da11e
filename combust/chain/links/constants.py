"""Rate constants, of electronic structure and of files, put into the detailed mechanism before anything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from combust.chain.links.kinetics import MECHANISM, source_of, without_origin
from combust.chain.settings import Chain, Constants
from combust.chain.stage import Stage, Work
from combust.errors import ConfigError
from combust.files import read_json
from combust.report.pages import Section, Table
from combust.settings.config import checked, read, toml_value
from combust.settings.trees import tree

if TYPE_CHECKING:
    from combust.kinetics.constants.merge import Merged
    from combust.kinetics.quantum.record import Record
    from combust.kinetics.quantum.settings import Given, Tst

NAME, NUMBERS = "constants", "constants.json"
SADDLE = "saddle"  # its table in a file of combust tst, and its record


def stages(settings: Chain, out: Path) -> tuple[Stage, ...]:
    """One, or none where the file says nothing of rate constants. Raises ConfigError for files that cannot be read."""
    asked = settings.constants
    if asked is None:
        return ()
    source, given = source_of(settings), {path: file_of(path) for path in asked.tst}
    own = {"tst": {Path(path).stem: settings_of(one) for path, one in given.items()}}
    products = {f"{Path(path).stem}/{name}.json": digest_of for path, one in given.items() for name in places_of(one)}
    records = [str(Path(path).parent / file) for path, one in given.items() for file in files_of(one)]
    rates = [f"{out}/{NAME}/{Path(path).stem}/rate.yaml" for path in asked.tst]
    return (
        Stage(
            NAME, "rate constants that go into the mechanism", lambda work: constants(asked, source, work), own,
            (source, *records, *asked.merge), products={MECHANISM: None, NUMBERS: None, **products},
            check=lambda: check(settings, source, given),
            command=" ".join(["combust merge", source, *rates, *asked.merge, "--out FILE"]),
            size=f"{len(asked.tst)} computed, {len(asked.merge)} files",
        ),
    )  # fmt: skip


def file_of(path: str) -> Tst:
    """A file of combust tst. Raises ConfigError."""
    from combust.kinetics.quantum.settings import Tst

    return checked(read(Path(path)), path, Tst)


def places_of(one: Tst) -> dict[str, Given]:
    """Tables of its structures, by the names of their records."""
    return {**one.species, SADDLE: one.saddle}


def files_of(one: Tst) -> list[str]:
    """Records and logs that it reads, from where it lies."""
    return [file for place in places_of(one).values() if (file := place.record or place.log) is not None]


def equations(settings: Chain) -> list[str]:
    """Reactions whose rates go in. Raises ConfigError, MechanismError."""
    from combust.kinetics.mechanism import phases, places

    asked = settings.constants
    if asked is None:
        return []
    merged = [phases.solution(places.find(path), transport=False) for path in asked.merge]
    return [file_of(path).reaction for path in asked.tst] + [one for gas in merged for one in gas.reaction_equations()]


def settings_of(one: Tst) -> dict[str, Any]:
    """What a rate hangs on beside files: thermo and names of species are those of the chain's mechanism."""
    found: dict[str, Any] = tree(one).without("mechanism")
    return found


def digest_of(path: Path) -> str:
    """Of the record of a structure, whatever way it is written."""
    from combust.kinetics.quantum import record

    return record.read(path).digest


def check(settings: Chain, source: str, given: dict[str, Tst]) -> None:
    """Raises what is wrong before anything is computed: names, levels, species, a program that is not there."""
    from combust.errors import at
    from combust.kinetics.mechanism import phases
    from combust.kinetics.quantum.command import sides
    from combust.kinetics.quantum.engines import levels
    from combust.kinetics.quantum.engines.pyscf_engine import PyscfEngine

    if settings.phase is not None:
        raise ConfigError("constants: rates go into the first gas of the mechanism's file: leave phase out")
    assert settings.constants is not None
    stems = [Path(path).stem for path in settings.constants.tst]
    for stem in sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise ConfigError(f"constants.tst: two files have the name {stem}, which their folders have: rename one")
    known = {name.upper() for name in phases.solution(Path(source), transport=False).species_names}
    for path, one in given.items():
        with at(path):
            sides(one)
            levels.parsed(one.level)
            levels.parsed(one.energy)
            if lacking := sorted(name for name in one.species if name.upper() not in known):
                raise ConfigError(f"{source} has no species {', '.join(lacking)}")
            if any(place.atoms is not None for place in places_of(one).values()):
                PyscfEngine()


def constants(asked: Constants, source: str, work: Work) -> None:
    """A folder for each computed rate, the mechanism with all of them, and what they replaced.

    Raises what `combust tst` and `combust merge` do, and ConfigError for a computed rate that does not go in.
    """
    from combust.kinetics.constants.merge import merge
    from combust.kinetics.quantum.command import ENTRY, tst

    names: dict[str, str] = {}
    records: dict[str, dict[str, Record]] = {}
    for path in asked.tst:
        folder = work.folder / Path(path).stem
        found = tst(path, folder, overrides=[f"mechanism={toml_value(source)}"], reporter=work.reporter)
        names[str(folder / ENTRY)], records[Path(path).name] = Path(path).name, found.structures
        for doubt in found.doubts:
            work.reporter.say(f"    {Path(path).name}: doubtful: {doubt}")
    names |= {path: Path(path).name for path in asked.merge}
    merged = merge(source, list(names), work.folder / MECHANISM, force=True)
    for one in merged.refused:
        said = f"{names[one.source]}: {one.equation}: {one.reason}"
        if one.source not in asked.merge:
            raise ConfigError(f"constants.tst: {said}")
        work.reporter.warn(f"constants.merge: {said}")
    merged.path.write_text(without_origin(merged.path.read_text(encoding="utf-8")), encoding="utf-8")
    made = numbers(merged, names, records)
    text = json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False)
    (work.folder / NUMBERS).write_text(text + "\n", encoding="utf-8")
    for rate in made["rates"]:
        work.reporter.say(f"    {words(rate)}")


def numbers(merged: Merged, names: dict[str, str], records: dict[str, dict[str, Record]]) -> dict[str, Any]:
    """constants.json: no dates, so that equal rates are equal."""
    rates: list[dict[str, Any]] = []
    for one in merged.changes:
        about: dict[str, Any] = msgspec.to_builtins(one)
        about["source"] = names[one.source]
        made_of = records.get(about["source"], {})
        about["records"] = {name: record.digest for name, record in made_of.items()}
        rates.append(about)
    refused = [{**msgspec.to_builtins(one), "source": names[one.source]} for one in merged.refused]
    return {"rates": rates, "refused": refused}


def told(rate: dict[str, Any]) -> str:
    """How large k is over what it replaced, where it holds: "1.07 to 1.91"; nothing of one that was added."""
    found = [ratio for _, ratio, holds in rate["ratios"] if holds]
    return f"{min(found):.3g} to {max(found):.3g}" if found else ""


def words(rate: dict[str, Any]) -> str:
    """What became of a rate, in a line."""
    return f"{rate['equation']} {rate['action']}" + (f", k times {told(rate)}" if told(rate) else "")


def section(out: Path) -> list[Section]:
    """Of the report: what went into the mechanism, and by how much k is another; none without the stage."""
    path = out / NAME / NUMBERS
    if not path.is_file():
        return []
    found = read_json(path)
    T = sorted({row[0] for rate in found["rates"] for row in rate["ratios"]})
    header = ("reaction", "by", "what became of it", "within a factor", *(f"{one:g} K" for one in T))
    made = [(name, rate["source"], digest) for rate in found["rates"] for name, digest in rate["records"].items()]
    blocks: list[Any] = [ABOUT, Table(header, [line(rate, T) for rate in found["rates"]], text=3)]
    if made:
        blocks.append(Table(("structure", "of", "digest of its record"), made, text=3))
    blocks += [f"Left out: {one['equation']} of {one['source']}: {one['reason']}" for one in found["refused"]]
    return [Section("Rate constants", blocks)]


def document(out: Path) -> dict[str, Any]:
    """Of the report's numbers; nothing without the stage."""
    path = out / NAME / NUMBERS
    return {NAME: read_json(path)} if path.is_file() else {}


def line(rate: dict[str, Any], T: Sequence[float]) -> tuple[str, ...]:
    """A row; k over that of the mechanism as it was, in brackets where the rate does not hold."""
    shown = {at: f"{ratio:.3g}" if holds else f"({ratio:.3g})" for at, ratio, holds in rate["ratios"]}
    factor = "-" if rate["factor"] is None else f"{rate['factor']:.3g}"
    return rate["equation"], rate["source"], rate["action"], factor, *(shown.get(one, "-") for one in T)


ABOUT = (
    "Rate constants that went into the mechanism before anything else, and k over what it was there, in brackets where "
    "the new one does not hold; the factor is what it may be off by at the temperature where that is most. All that "
    "follows is of the mechanism with them."
)
