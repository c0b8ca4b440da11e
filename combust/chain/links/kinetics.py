"""The first stages: the mechanism as it is given, beside published experiments, and made smaller."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from combust.chain.digests import of_text
from combust.chain.settings import Chain
from combust.chain.stage import Stage, Work
from combust.errors import MechanismError
from combust.settings.config import toml_value
from combust.settings.trees import tree

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism

MECHANISM = "mechanism.yaml"
TABLE, PICTURE = "validate.csv", "validate.png"
ORIGIN = re.compile(r"^(description|generator|cantera-version|git-commit|date|input-files):.*\n(?:[ \t].*\n)*", re.M)
PROVENANCE = re.compile(r"^(?P<indent> +)combust:\n(?:(?P=indent) +.*\n)*", re.M)
SPECIES = "\nspecies:\n"
STEADY = "qss"  # what a mechanism with species in quasi-steady state says in the same block


def stages(settings: Chain, out: Path) -> tuple[Stage, ...]:
    """mechanism, validate, reduce."""
    source, published = source_of(settings), tree(settings.validate)
    data = published.pop("data")
    gas = {"phase": settings.phase, "ions": settings.ions}
    detailed = out / "mechanism" / MECHANISM
    files, before, taken = ((source,), (), source) if settings.constants is None else (
        (), ("constants",), str(out / "constants" / MECHANISM)
    )  # fmt: skip
    own = tree(settings.reduce)
    del own["mechanism"], own["search"]["workers"]
    conditions = len(settings.reduce.cases)
    return (
        Stage(
            "mechanism", "the detailed mechanism, read and checked", lambda work: mechanism(settings, taken, work),
            gas, files, before, products={MECHANISM: None}, command=f"combust info {taken}",
        ),
        Stage(
            "validate", "the detailed mechanism beside published experiments",
            lambda work: validate(settings, detailed, work.folder), published.beside(gas), tuple(data), ("mechanism",),
            {TABLE: None}, command=command_of_validate(settings, detailed, data), size=f"{len(data)} data sets",
        ),
        Stage(
            "reduce", "a small mechanism within stated errors", lambda work: reduce(settings, detailed, work), own, (),
            ("mechanism",), {MECHANISM: None, "report.json": errors_of_reduction},
            check=lambda: check(settings, source), command=f"combust reduce {out}/reduce/reduce.toml --out DIR",
            size=f"{conditions} conditions",
            seed=settings.reduce.search.seed,
        ),
    )  # fmt: skip


def source_of(settings: Chain) -> str:
    """The file of the mechanism. Raises MechanismError."""
    from combust.kinetics.mechanism.places import find

    return str(find(settings.mechanism))


def loaded(settings: Chain, path: Path) -> Mechanism:
    """A mechanism of the chain. Raises MechanismError."""
    from combust.kinetics.mechanism.mechanism import Mechanism

    return Mechanism.load(path, settings.phase, ions=settings.ions)


def mechanism(settings: Chain, source: str, work: Work) -> None:
    """A copy of the file that is the same mechanism. Raises MechanismError for one that needs other files."""
    gas = loaded(settings, Path(source))
    copy = work.folder / MECHANISM
    shutil.copyfile(source, copy)
    copy.chmod(0o644)
    try:
        again = loaded(settings, copy)
    except MechanismError as error:
        raise MechanismError(f"{source} cannot be used by itself, without the files beside it: {error}") from error
    same = gas.species == again.species and gas.rates.order.shape == again.rates.order.shape
    if not same:
        raise MechanismError(f"{source} is another mechanism without the files beside it")
    work.reporter.say(f"    {len(gas.species)} species, {gas.rates.order.shape[0]} reactions")


def check(settings: Chain, source: str) -> None:
    """Raises what reduction and sampling would, before anything long begins."""
    from combust.errors import at
    from combust.reduction.reduce import check as check_reduction
    from combust.surrogates.data.sample import check as check_sampling

    gas = loaded(settings, Path(source))
    with at("reduce"):
        check_reduction(settings.reduce, gas)
    with at("learned"):
        check_sampling(settings.learned, gas)


def command_of_validate(settings: Chain, path: Path, data: Iterable[str]) -> str:
    """The verb that does the same."""
    own = settings.validate
    options = [
        f"--hold {own.hold}",
        f"--within {own.within:g}",
        f"--transport {own.transport}",
        f"--refine {own.refine}",
    ]
    options += ["--soret"] * own.soret + [f"--alias {alias}" for alias in own.alias]
    return " ".join(["combust validate", str(path), *data, *options, "--out DIR"])


def validate(settings: Chain, path: Path, folder: Path) -> None:
    """validate.csv and its picture, as the verb makes them. Raises what `combust validate` does."""
    from combust.errors import DependencyError, FileFormatError
    from combust.experiments import tables
    from combust.experiments.pictures import draw
    from combust.experiments.validate import Options
    from combust.experiments.validate import validate as compared
    from combust.report.tables import write_csv

    own = settings.validate
    options = Options(own.hold, own.within, own.transport, own.soret, own.refine)
    found = compared(loaded(settings, path), own.data, own.alias, options)
    if not found.found:
        raise FileFormatError("; ".join(map(str, found.left_out)) or "no data set could be compared")
    write_csv(folder / TABLE, tables.COLUMNS, [row for one in found.found for row in tables.rows(one)])
    try:
        draw(folder / PICTURE, found.found, settings.title)
    except DependencyError:
        pass  # the table holds the same


def reduce(settings: Chain, detailed: Path, work: Work) -> None:
    """The reduction with its report, and the mechanism alone, without where it comes from."""
    from combust.reduction.folder import MARK
    from combust.reduction.reduce import reduce as reduced

    search = msgspec.structs.replace(settings.reduce.search, workers=work.cores)
    own = msgspec.structs.replace(settings.reduce, mechanism=str(detailed), search=search)
    write_toml(work.folder / "reduce.toml", msgspec.to_builtins(own))
    again = work.resume and (work.folder / MARK).is_file()
    found = reduced(own, work.folder, resume=again, force=not again, reporter=work.reporter)
    alone = work.folder / MECHANISM
    alone.write_text(without_origin(found.mechanism.read_text(encoding="utf-8")), encoding="utf-8")
    require_same(loaded(settings, found.mechanism), loaded(settings, alone), alone)


def without_origin(text: str) -> str:
    """The text of a mechanism by Cantera's writer without dates, commands and errors: equal for equal mechanisms."""
    kept = ORIGIN.sub("", text)
    phases, species, rest = kept.partition(SPECIES)  # reactions below keep what they say of themselves
    return kept if f"{STEADY}:" in kept else PROVENANCE.sub("", phases) + species + rest


def require_same(one: Any, other: Any, path: Path) -> None:
    """Raises MechanismError where two mechanisms are not the same."""
    if one.species != other.species or one.rates.order.shape != other.rates.order.shape:
        raise MechanismError(f"{path}: is not the mechanism that was found")


def errors_of_reduction(path: Path) -> str:
    """What others read of the report: values at the conditions, not dates and times."""
    from combust.files import read_json

    found = read_json(path)
    return of_text(
        [found["cases"], found["score"], [[s["name"], s["species"], s["reactions"]] for s in found["stages"]]]
    )


def write_toml(path: Path, raw: dict[str, Any]) -> None:
    """Settings as a file for the verb: tables are written inline."""
    lines = [f"{key} = {toml_value(value)}" for key, value in raw.items() if value is not None]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
