"""Flame profiles on disk: one .npz per question, named by the digest of all that determines the answer."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from combust import folders
from combust.atomic import replacing
from combust.errors import ConfigError

logger = logging.getLogger(__name__)

P = TypeVar("P")
LATER = {"soret": False, "radiation": False, "emissivity": (0.0, 0.0)}


def cache_folder() -> Path:
    """$COMBUST_CACHE, or ~/.cache/combust, or for a user without a home a folder among temporary files.

    Raises ConfigError where there is none of them.
    """
    if given := os.environ.get("COMBUST_CACHE"):
        return Path(given)
    if (found := folders.home_cache() or folders.temporary()) is None:
        raise ConfigError("flames: neither a home nor a temporary folder of one's own: set COMBUST_CACHE")
    return found


def digest(query: Any) -> str:
    """Hexadecimal SHA-256 of a dataclass. Options that were added later count only where they are not `LATER`."""
    content = {name: value for name, value in asdict(query).items() if name not in LATER or value != LATER[name]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_of(kind: str, query: Any) -> Path:
    """Where the answer to `query` is kept."""
    return cache_folder() / f"{kind}-{digest(query)[:32]}.npz"


def stored(path: Path, kind: type[P], compute: Callable[[], P]) -> P:
    """The profile (a dataclass `kind`) stored at `path`, or a computed one that is then stored.

    Safe when several processes ask at once: a file appears complete or not at all; the last writer wins. A
    damaged file is computed again; a cache that cannot be written costs a warning, not the result.
    """
    try:
        return read_profile(path, kind)
    except FileNotFoundError:
        pass
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("cached flame %s is damaged (%s); computing it again", path, error)
    profile = compute()
    try:
        write_profile(path, profile)
    except OSError as error:
        logger.warning("flame not cached in %s (%s): set COMBUST_CACHE to another folder", path.parent, error)
    return profile


def read_profile(path: Path, kind: type[P]) -> P:
    """Reads what `write_profile` wrote. Raises KeyError where an entry without a default is missing."""
    with np.load(path, allow_pickle=False) as file:
        wanted = [f for f in fields(kind) if f.name in file or f.default is MISSING]  # type: ignore[arg-type]
        return kind(**{field.name: entry(file[field.name], field.type) for field in wanted})


def entry(value: np.ndarray, kind: Any) -> Any:
    """An entry as its annotation says: a number, names, or an array."""
    if kind == "float":
        return float(value)
    return tuple(str(name) for name in value) if kind == "tuple[str, ...]" else value


def write_profile(path: Path, profile: Any) -> None:
    """Writes a dataclass of arrays, numbers and names so that readers never see half of it."""
    with replacing(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **{key: np.asarray(value) for key, value in vars(profile).items()})
