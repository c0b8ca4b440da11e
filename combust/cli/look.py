"""Verbs of the command line that look but do not build: info, schema, list."""

from __future__ import annotations

import json
from pathlib import Path

from combust.cli.reference import kinds_of, markdown, schema_of
from combust.errors import ConfigError, FileFormatError, MechanismError
from combust.files import is_file

OLDER = (".inp", ".dat", ".cti", ".xml")  # formats of mechanisms before YAML


def schema(as_markdown: bool, file: str = "case") -> int:
    """Prints the JSON Schema of files of a kind (reference.FILES), or their reference tables."""
    print(markdown(file) if as_markdown else json.dumps(schema_of(file), indent=2))
    return 0


def kinds(section: str | None) -> int:
    """Prints the kinds that each table of a case file may name, one line each."""
    known = kinds_of()
    if section is not None and section not in known:
        raise ConfigError(f"combust list {section}: unknown; known: {', '.join(known)}")
    for table in [section] if section is not None else list(known):
        print(table)
        for kind, text in known[table].items():
            print(f"  {kind:<18} {text}")
    return 0


def info(file: str, phase: str | None = None) -> int:
    """Prints what is in a checkpoint, snapshot, index, mechanism or failed cell; runs the last again."""
    path = Path(file)
    show = {
        ".h5": checkpoint, ".vtr": snapshot, ".pvd": index, ".yaml": mechanism, ".yml": mechanism, ".json": cell,
    }  # fmt: skip
    show |= dict.fromkeys(OLDER, mechanism)  # which says how to convert them
    if path.suffix not in show:
        raise FileFormatError(f"{file}: combust info reads {', '.join(k for k in show if k not in OLDER)}")
    if show[path.suffix] is not mechanism and not is_file(path):
        raise FileFormatError(f"{file}: no such file")
    if phase is not None and show[path.suffix] is not mechanism:
        raise ConfigError(f"--phase {phase}: {file} is no mechanism")
    show[path.suffix](*([path] if phase is None else [path, phase]))
    return 0


def checkpoint(path: Path) -> None:
    from combust.io.checkpoint import open_checkpoint, read_meta, require_continuable, verify

    with open_checkpoint(path) as opened:
        meta, found = read_meta(path, opened), verify(path, opened)
        require_continuable(path, meta)
        by = opened.attrs.get("combust", "an unknown version")
        print(f"checkpoint of step {meta['step']}, t = {meta['time']:.9g} s, by combust {by}; all checksums are right")
        for key, value in meta["identity"].items():
            print(f"  {key}: {value}")
        for name, entry in found.items():
            print(f"  {name:<16} {entry.place:<8} {entry.data.shape}")
    print()
    print(meta.get("case", ""), end="")


def snapshot(path: Path) -> None:
    from combust.io.vtr import read_vtr

    shot = read_vtr(path)
    shape = " x ".join(str(max(c.size - 1, 1)) for c in reversed(shot.coordinates))
    print(f"fields of step {shot.step}, t = {shot.time:.9g} s, {shape} cells (x, y, z)")
    for axis, points in zip("xyz", reversed(shot.coordinates), strict=True):
        print(f"  {axis}: {points[0]:.6g} to {points[-1]:.6g} m")
    for name, values in shot.fields.items():
        kind = "vector" if values.ndim == 4 else "scalar"
        print(f"  {name:<16} {kind}  {values.min():.6g} to {values.max():.6g}")


def index(path: Path) -> None:
    from combust.io.vtr import read_pvd

    for time, name in read_pvd(path):
        print(f"{time:14.9g} s  {name}")


def cell(path: Path) -> None:
    from combust.kinetics.integrate import failed_cell
    from combust.kinetics.providers.rerun import rerun

    found = failed_cell.read(path)
    print("\n".join(failed_cell.describe(found)))
    print("run again:")
    for line in rerun(found):
        print(f"  {line}")


def mechanism(path: Path, phase: str | None = None) -> None:
    from combust.kinetics.mechanism import phases

    file = phases.find(path)
    try:
        read, reason = phases.read(file, phase).name, ""
    except MechanismError as error:
        read, reason = phase, str(error)
    gas = phases.solution(file, read, transport=False)
    entries = {str(entry.get("name")): entry for entry in phases.phases_of(file)}
    if len(entries) > 1:
        print(f"phases: {', '.join(entries)}")
    transport = entries.get(gas.name, {}).get("transport", "none")
    print(f"phase {gas.name}: {gas.n_species} species, {gas.n_reactions} reactions, transport {transport}")
    print(f"  temperature {gas.min_temp:g} to {gas.max_temp:g} K")
    print(f"  elements {' '.join(gas.element_names)}")
    print(f"  species  {' '.join(gas.species_names)}")
    counts: dict[str, int] = {}
    for reaction in gas.reactions():
        counts[reaction.reaction_type] = counts.get(reaction.reaction_type, 0) + 1
    for kind, count in sorted(counts.items()):
        print(f"  {count:5d} {kind}")
    if reason:
        print(f"combust does not run it: {reason}")
