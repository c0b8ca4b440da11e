"""Where the mechanism of a model lies: by the path on its card, or beside the model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from combust.errors import MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.places import find


def locate(card: dict[str, Any], folder: Path) -> str:
    """The mechanism of a card whose model lies in `folder`, as `Mechanism.load` takes it.

    By the path on the card; else a YAML file in the folder that is the same, whatever its name, since models are copied
    to other places together with it; else what the path leads to, though it is another (`Model.require` says how it
    differs). Raises MechanismError where there is nothing.
    """
    known, missing = card["mechanism"], ""
    try:
        if digest(find(known["path"])) == known["sha256"]:
            return str(known["path"])
    except MechanismError as error:
        missing = str(error)
    for file in sorted({*folder.glob("*.yaml"), *folder.glob("*.yml")}):
        if file.is_file() and digest(file) == known["sha256"]:
            return str(file)
    if missing:
        raise MechanismError(
            f"{missing}, and beside the model ({folder}) for a file of the same content: put the one that it was "
            "trained on there, or train again (combust train)"
        )
    return str(known["path"])


def mechanism(card: dict[str, Any], folder: Path) -> Mechanism:
    """The mechanism of a card whose model lies in `folder`. Raises MechanismError."""
    known = card["mechanism"]
    return Mechanism.load(locate(card, folder), known.get("phase"), ions=known.get("ions"))


def digest(file: Path) -> str:
    """SHA-256 of its content. Raises MechanismError where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise MechanismError(f"mechanism file '{file}' cannot be read: {error.strerror}") from error
