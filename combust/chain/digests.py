"""SHA-256 of files, kept by size, time of change and inode, so that gigabytes are read once."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from combust.atomic import replace_bytes
from combust.errors import CombustError
from combust.files import UnreadableError, read_json, unreadable

NAME = "digests.json"
YOUNG = 2 * 10**9  # ns: a file that was changed so lately may change again without its time showing it
CHUNK = 2**20
Seen = tuple[int, int, int]  # size, time of change [ns], inode


def sha256(path: Path) -> str:
    """Of the bytes of a file. Raises UnreadableError."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    return found.hexdigest()


def of_text(value: Any) -> str:
    """Of a tree as JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Digests:
    """Digests of files, remembered in a file of the chain's folder; what is remembered is only ever a saving."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.known: dict[str, tuple[Seen, str]] = {}
        self.new = False
        with suppress(CombustError, TypeError, ValueError, AttributeError):
            for name, (size, changed, inode, digest) in read_json(self.path).items():
                self.known[name] = ((int(size), int(changed), int(inode)), str(digest))

    def of(self, path: Path) -> str:
        """Raises UnreadableError for a file that cannot be read."""
        try:
            state = path.stat()
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error
        seen, name = (state.st_size, state.st_mtime_ns, state.st_ino), str(path.resolve())
        known = self.known.get(name)
        if known is not None and known[0] == seen:
            return known[1]
        found = sha256(path)
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != seen[:2]:
            raise unreadable(path, "it changes while it is read")
        if time.time_ns() - state.st_mtime_ns > YOUNG:
            self.known[name] = (seen, found)
            self.new = True
        return found

    def save(self) -> None:
        """Writes what was learned; where that cannot be, it is learned again."""
        if not self.new:
            return
        lines = {name: [*seen, digest] for name, (seen, digest) in self.known.items() if os.path.exists(name)}
        with suppress(OSError):
            replace_bytes(self.path, (json.dumps(lines) + "\n").encode())
            self.new = False


def of_input(path: Path, digests: Digests) -> str:
    """Of a file, or of all files of a folder with their names. Raises UnreadableError."""
    if not path.is_dir():
        return digests.of(path)
    inner = sorted(file for file in path.rglob("*") if file.is_file())
    return of_text([[str(file.relative_to(path)), digests.of(file)] for file in inner])


__all__ = ("Digests", "UnreadableError", "of_input", "of_text", "sha256")
