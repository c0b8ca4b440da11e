"""Files of factors: TOML or YAML of our own, CSV, or any Cantera file whose reactions state what they may be off by."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from combust.errors import ConfigError, FileFormatError
from combust.files import UnreadableError, read_text
from combust.kinetics.trajectories.cantera_file import KEY
from combust.kinetics.uncertainty.settings import SIGMAS, AtTemperatures, FactorFile, Stated
from combust.settings.config import checked, read
from combust.units import to_si

COLUMNS = ("equation", "factor", "temperature_K", "source")
LN = {"factor": math.log, "log10": lambda f: f * math.log(10.0), "ln": float}
LARGEST = 1e6  # of a factor: k is then unknown altogether


@dataclass(frozen=True)
class Entry:
    """What is stated of one rate constant, or of several that are off together.

    equations : as they are spelled in the file;  T [K] : empty where the factor holds at all;  ln_f : at each, or one
    """

    equations: tuple[str, ...]
    T: tuple[float, ...]
    ln_f: tuple[float, ...]
    source: str


@dataclass(frozen=True)
class Factors:
    """A file of factors.

    sigmas : standard deviations of ln k that each ln f stands for;  default : ln f of all other reactions, or None
    """

    path: str
    name: str
    sigmas: float
    entries: tuple[Entry, ...]
    default: float | None = None
    source: str = ""


def read_factors(path: str | Path) -> Factors:
    """Factors of a file, by its suffix: .toml, .csv, .yaml or .yml (of ours, or Cantera's).

    Raises ConfigError naming file, entry and what is allowed: for a factor below 1, an unknown key or unit, a file that
    states none; MechanismError for a Cantera file that cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return of_settings(checked(read(path), str(path), FactorFile), path)
    if suffix == ".csv":
        return of_csv(path)
    if suffix in (".yaml", ".yml"):
        return of_yaml(path)
    raise ConfigError(f"{path}: factors are read of files that end with .toml, .yaml, .yml or .csv")


def of_settings(found: FactorFile, path: Path) -> Factors:
    """Of our own kind of file."""

    def entry(equations: Sequence[str], factor: float | AtTemperatures, source: str) -> Entry:
        return entry_of(equations, factor, found.stated, source or found.source, f"{path}: {' and '.join(equations)}")

    entries = [entry((equation,), of_entry(factor, f"{path}: factors: {equation}"), "")
               for equation, factor in found.factors.items()]  # fmt: skip
    entries += [entry(one.equations, one.factor, one.source) for one in found.together]
    default = None if found.default is None else lns((found.default,), found.stated, f"{path}: default")[0]
    return Factors(str(path), found.name or path.stem, found.sigmas, tuple(entries), default, found.source)


def entry_of(
    equations: Sequence[str], factor: float | AtTemperatures, stated: Stated, source: str, where: str
) -> Entry:
    """Checked, temperatures in order. Raises ConfigError."""
    if not isinstance(factor, AtTemperatures):
        return Entry(tuple(equations), (), lns((factor,), stated, where), source)
    T, f = zip(*sorted(zip(factor.T, factor.f, strict=True)), strict=True)
    return Entry(tuple(equations), tuple(T), lns(f, stated, where), factor.source or source)


def of_entry(factor: Any, where: str) -> float | AtTemperatures:
    """A number, or a table of T and f. Raises ConfigError."""
    if isinstance(factor, Mapping):
        return checked(dict(factor), where, AtTemperatures)
    if isinstance(factor, bool) or not isinstance(factor, int | float):
        raise ConfigError(f"{where} = {factor!r}: must be a number from 1 on, or a table of T and f")
    return float(factor)


def lns(f: Sequence[float], stated: Stated, where: str) -> tuple[float, ...]:
    """ln f of factors. Raises ConfigError for one below 1, or beyond all use."""
    found = []
    for value in f:
        ln = LN[stated](value) if math.isfinite(value) and (stated != "factor" or value > 0) else math.nan
        if not 0 <= ln <= math.log(LARGEST):
            least = {"factor": "1", "log10": "0", "ln": "0"}[stated]
            raise ConfigError(
                f"{where}: {stated} {value:g}: must be from {least} on (k lies between k/f and k f), and f at most "
                f"{LARGEST:g}"
            )
        found.append(ln)
    return tuple(found)


def of_csv(path: Path) -> Factors:
    """Columns equation and factor, and if wanted temperature_K (several rows of an equation) and source."""
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path)), strict=True))
    except (UnreadableError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    head = list(rows[0]) if rows else []
    if not rows or not {"equation", "factor"} <= set(head) or not set(head) <= set(COLUMNS):
        raise ConfigError(
            f"{path}: must have a line of headings with equation and factor, of {', '.join(COLUMNS)}, and rows below "
            f"it; it has {', '.join(map(str, head)) or 'none'}"
        )
    points: dict[str, list[tuple[float | None, float]]] = {}
    sources: dict[str, str] = {}
    for i, row in enumerate(rows):
        where = f"{path}: row {i + 2}"
        equation = (row["equation"] or "").strip()
        if not equation:
            raise ConfigError(f"{where}: has no equation")
        points.setdefault(equation, []).append(
            (temperature(row.get("temperature_K"), where), number(row["factor"], where))
        )
        sources[equation] = (row.get("source") or "").strip() or sources.get(equation, "")
    entries = tuple(of_points(path, equation, own, sources[equation]) for equation, own in points.items())
    return Factors(str(path), path.stem, SIGMAS, entries)


def of_points(path: Path, equation: str, own: Sequence[tuple[float | None, float]], source: str) -> Entry:
    """The rows of one equation. Raises ConfigError where they contradict each other."""
    where = f"{path}: {equation}"
    T = [t for t, _ in own if t is not None]
    if len(own) > 1 and (len(T) < len(own) or len(set(T)) < len(T)):
        raise ConfigError(f"{where}: stands there {len(own)} times: give each row another temperature_K, or one row")
    ordered = sorted(own, key=lambda pair: pair[0] or 0.0)
    return Entry((equation,), tuple(sorted(T)), lns([f for _, f in ordered], "factor", where), source)


def number(text: str | None, where: str) -> float:
    """A factor of a cell. Raises ConfigError."""
    try:
        return float(text or "")
    except ValueError:
        raise ConfigError(f"{where}: factor {text!r}: must be a number from 1 on") from None


def temperature(text: str | None, where: str) -> float | None:
    """K, of a cell that may have a unit; None for an empty one. Raises ConfigError."""
    if not (text or "").strip():
        return None
    try:
        found = to_si(str(text).strip(), "temperature", "K")
    except FileFormatError as error:
        raise ConfigError(f"{where}: temperature_K {text!r}: {error}") from None
    if not 100 <= found <= 6000:
        raise ConfigError(f"{where}: temperature_K {text!r}: must be from 100 to 6000 K")
    return found


def of_yaml(path: Path) -> Factors:
    """Our own keys, or a file of Cantera's."""
    try:
        raw = YAML(typ="safe", pure=True).load(read_text(path))
    except (UnreadableError, YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must hold keys and values: {', '.join(FactorFile.__struct_fields__)}")
    if "phases" in raw or "reactions" in raw:
        return of_cantera(path)
    return of_settings(checked(raw, str(path), FactorFile), path)


def of_cantera(path: Path) -> Factors:
    """What reactions state under `combust`, as `combust network` and `combust merge` write it."""
    from combust.kinetics.mechanism import phases

    gas = phases.solution(path, transport=False)
    entries = []
    for i, reaction in enumerate(gas.reactions()):
        where = f"{path}: reaction {i + 1}, {reaction.equation}"
        if (found := stated(reaction.input_data.get(KEY), reaction.equation, where)) is not None:
            entries.append(found)
    if not entries:
        raise ConfigError(f"{path}: none of its {gas.n_reactions} reactions states a factor ({KEY}: {{factor: ...}})")
    return Factors(str(path), path.stem, SIGMAS, tuple(entries))


def stated(about: Any, equation: str, where: str) -> Entry | None:
    """The factor under `combust` of a reaction: `factor: 1.5`, or `factor: {T: [...], f: [...]}`; `factors` and
    `temperatures` beside it, as `combust tst` writes them, come first; None without one.

    Raises ConfigError for one that cannot be.
    """
    if not isinstance(about, Mapping) or about.get("factor") is None:
        return None
    factor = of_entry(about["factor"], f"{where}: {KEY}.factor")
    if isinstance(about.get("factors"), Sequence):  # of `combust tst`: at its temperatures, `factor` is the largest
        table = {"T": about.get("temperatures"), "f": about["factors"]}
        factor = checked(table, f"{where}: {KEY}.factors", AtTemperatures)
    return entry_of((equation,), factor, "factor", str(about.get("source", "")), where)
