"""Which phase of a mechanism file is read: the one that is named, or the first that combust covers."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path
from typing import Any

import cantera as ct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from combust.errors import MechanismError
from combust.kinetics.mechanism.reactions import refuse_uncovered
from combust.kinetics.mechanism.text import REFUSALS, message_of, require_readable
from combust.kinetics.mechanism.usable import require_usable

logger = logging.getLogger(__name__)

BLOCK = re.compile(r"^phases:.*\n(?:(?:[ \t#-].*)?\n)*", re.MULTILINE)  # a key of the whole file and what is under it
IONIZED = "ionized-gas"


def read(file: Path, phase: str | None = None, ions: str | None = None) -> ct.Solution:
    """A phase that combust covers, without its transport, which takes Cantera long for hundreds of species.

    Without a name it is the first one that is covered. ions: "neutral" lets ions diffuse like neutral species, which
    is refused otherwise. Raises MechanismError for what Cantera cannot read or combust does not cover, and says why.
    """
    require_readable(file)
    if ions not in (None, "neutral"):
        raise MechanismError(f'{file}: ions = {ions!r}; allowed: "neutral", or nothing')
    if phase is not None:
        return _covered(file, phase, ions)
    try:
        return _covered(file, None, ions)
    except MechanismError as error:
        reasons = [str(error)]
    others = [str(entry.get("name")) for entry in phases_of(file)[1:] if entry.get("thermo") == "ideal-gas"]
    for name in others:
        try:
            return _covered(file, name, ions)
        except MechanismError as error:
            reasons.append(str(error))
    raise MechanismError("\n".join(reasons))


def solution(file: Path, phase: str | None = None, transport: bool = True) -> ct.Solution:
    """A phase as Cantera reads it, the first one without a name; raises MechanismError."""
    options: dict[str, Any] = {} if transport else {"transport_model": None}
    require_readable(file)
    try:
        with warnings.catch_warnings(record=True) as noted:
            found = ct.Solution(str(file), phase or "", **options)
        for text in dict.fromkeys(message_of(Warning(note.message)) for note in noted):
            logger.warning("warning: %s: %s", file, text)
        return found
    except REFUSALS as error:
        names = [entry.get("name") for entry in phases_of(file)]
        if phase and names and phase not in names:
            raise MechanismError(f"{file}: no phase '{phase}'; its phases: {', '.join(map(str, names))}") from error
        raise MechanismError(f"{file}: Cantera cannot read this mechanism: {message_of(error)}") from error


def species_of(file: Path) -> list[ct.Species]:
    """Species of a file with phases, or with species alone. Raises MechanismError."""
    if phases_of(file):
        return list(solution(file, transport=False).species())
    require_readable(file)
    try:
        return list(ct.Species.list_from_file(str(file)))
    except REFUSALS as error:
        raise MechanismError(f"{file}: has neither phases nor species: {message_of(error)}") from error


def phases_of(file: Path) -> list[dict[str, Any]]:
    """The phases of a file as it describes them; none where it is no YAML file with phases."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = BLOCK.search(text)
    for part in (found[0] if found else "", text):  # a few lines, or all if they refer to others
        try:
            entries = YAML(typ="safe").load(part)["phases"]
        except (YAMLError, TypeError, KeyError, ValueError, RecursionError):
            continue
        if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
            return entries
    return []


def _covered(file: Path, phase: str | None, ions: str | None) -> ct.Solution:
    found = solution(file, phase, transport=False)
    refuse_uncovered(found)
    require_usable(file, found)
    if ions is None and IONIZED in file.read_text(encoding="utf-8", errors="replace"):
        _refuse_ions(file, solution(file, found.name))
    return found


def _refuse_ions(file: Path, phase: ct.Solution) -> None:
    if phase.transport_model != IONIZED:
        return
    charged = [s.name for s in phase.species() if s.charge != 0]
    if not charged:
        return
    raise MechanismError(
        f"{file}: phase '{phase.name}' has transport: {IONIZED}, which is not covered: {', '.join(charged[:8])} would "
        "diffuse like neutral species, thousands of times too slowly in the case of electrons. To have that, say "
        'gas.ions = "neutral" in the case, ions = "neutral" in the file of a reduction or learned chemistry, --ions '
        'neutral on the command line, or Mechanism.load(..., ions="neutral"); or use a mechanism without ions'
    )
