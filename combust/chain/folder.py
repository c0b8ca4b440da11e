"""Folders of stages: half ones beside whole ones, whose place they take in one step, whatever ends the process."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from combust.atomic import replace_bytes
from combust.chain import manifest as manifests
from combust.chain.manifest import Manifest
from combust.errors import ConfigError, FileFormatError
from combust.files import read_json

HALF, OLD, CLAIM = ".partial", ".old", "claim.json"
PASSING = (".tmp", ".part", ".lock")  # ends of names of files that a killed process leaves and nobody reads


class StageFolder:
    """Where a stage's files are, and where they are while it works."""

    def __init__(self, out: Path, name: str) -> None:
        self.name, self.path = name, out / name
        self.half, self.old = out / f"{name}{HALF}", out / f"{name}{OLD}"

    def recover(self) -> None:
        """Ends what a process began that was killed while one folder took the other's place."""
        if not self.path.exists() and self.finished(None) is not None:
            (self.half / CLAIM).unlink(missing_ok=True)
            os.rename(self.half, self.path)
        if self.old.exists() and self.path.exists():
            shutil.rmtree(self.old)

    def finished(self, key: str | None) -> Manifest | None:
        """The manifest of a half folder in which all is done, of this key; None if there is none."""
        with suppress(FileFormatError):
            found = manifests.read(self.half)
            if found.stage == self.name and key in (None, found.key):
                return found
        return None

    def manifest(self) -> Manifest | None:
        """What stands in the folder; None without a folder. Raises FileFormatError for one that no chain wrote."""
        if not self.path.exists():
            return None
        if not (self.path / manifests.NAME).is_file():
            raise FileFormatError(f"{self.path}: has no {manifests.NAME}: it is half, or of something else")
        found = manifests.read(self.path)
        if found.stage != self.name:
            raise FileFormatError(f"{self.path}: is of another stage, {found.stage}")
        return found

    def begin(self, key: str) -> tuple[bool, int]:
        """Makes the half folder ready: (whether there is something of the same key to go on from, how often it began).

        Raises ConfigError for a half folder that is not a chain's, OSError where nothing can be written.
        """
        claim = self.claim()
        if self.half.exists() and not claim and any(not path.name.endswith(PASSING) for path in self.half.iterdir()):
            raise ConfigError(f"{self.half}: is no half folder of a chain (it has no {CLAIM}): move it away")
        again = claim.get("key") == key
        if not again and self.half.exists():
            shutil.rmtree(self.half)
        self.half.mkdir(parents=True, exist_ok=True)
        starts = int(claim.get("starts", 0)) + 1 if again else 1
        replace_bytes(self.half / CLAIM, (json.dumps({"key": key, "starts": starts}) + "\n").encode())
        return again, starts

    def claim(self) -> dict[str, Any]:
        """What the half folder was begun for; empty if nothing says so."""
        with suppress(FileFormatError):
            found = read_json(self.half / CLAIM)
            if isinstance(found, dict) and isinstance(found.get("key"), str):
                return found
        return {}

    def tidy(self) -> None:
        """Removes what is of no use to anyone once the stage is done."""
        for file in self.half.rglob("*"):
            if file.is_file() and file.name.endswith(PASSING):
                file.unlink()

    def install(self) -> None:
        """The half folder, in which the manifest is the last that was written, takes its name. Raises OSError."""
        (self.half / CLAIM).unlink(missing_ok=True)
        if self.path.exists():
            if self.old.exists():
                shutil.rmtree(self.old)
            os.rename(self.path, self.old)
        os.rename(self.half, self.path)
        shutil.rmtree(self.old, ignore_errors=True)

    def files(self) -> list[Path]:
        """What the stage left in the half folder, by name."""
        own = {self.half / manifests.NAME, self.half / CLAIM}
        return sorted(file for file in self.half.rglob("*") if file.is_file() and file not in own)
