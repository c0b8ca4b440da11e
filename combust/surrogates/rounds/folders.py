"""The folder of a round: half while it is made, whole at once, with a manifest of what it was made of and left."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from combust.atomic import replace_bytes, replacing
from combust.errors import FileFormatError
from combust.files import fit, is_file, read_json, unreadable

NAME, HALF, SPENT = "manifest.json", ".partial", "cpu.json"
PASSING = (".npz", ".tmp", SPENT, "checkpoint.safetensors")  # ends of names of files that nobody needs when all is done
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Output(Struct, frozen=True):
    """A file that a round left."""

    sha256: Digest
    bytes: int


class Manifest(Struct, frozen=True, kw_only=True):
    """What a round was made of and what it left; record : its numbers."""

    format: Literal[1] = 1
    stage: str
    settings: dict[str, Any]
    inputs: dict[str, Digest]
    outputs: dict[str, Output]
    seed: int
    version: str
    cpu_seconds: float
    record: dict[str, Any]


def sha256(path: Path) -> str:
    """Of the bytes of a file. Raises UnreadableError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


class RoundFolder:
    """Of the round of a number, in the folder `out`."""

    def __init__(self, out: Path, number: int) -> None:
        self.name = f"round_{number}"
        self.path, self.half = out / self.name, out / f"{self.name}{HALF}"

    def manifest(self) -> Manifest | None:
        """Of a round that is whole; None where it is not yet. Raises FileFormatError for files that are not as it left
        them.
        """
        if is_file(self.half / NAME) and not self.path.exists():  # killed with all done but the name
            os.rename(self.half, self.path)
        if not self.path.exists():
            return None
        advice = "put back what was there, or --force to begin anew"
        if not is_file(self.path / NAME):
            raise FileFormatError(f"{self.path}: has no {NAME}: no round was written so; {advice}")
        found = fit(read_json(self.path / NAME), Manifest, self.path / NAME)
        if found.stage != self.name:
            raise FileFormatError(f"{self.path}: is of {found.stage}; {advice}")
        for name, output in found.outputs.items():
            file = self.path / name
            if not is_file(file) or sha256(file) != output.sha256:
                raise FileFormatError(f"{file}: is not as the round left it; {advice}")
        return found

    def once(self, name: str, phase: str, make: Callable[[], dict[str, Any]]) -> dict[str, np.ndarray]:
        """Arrays that a killed process left under this name in the half folder, or that are made and kept now; the CPU
        time of making them counts for the phase.
        """
        path = self.half / f"{name}.npz"
        with suppress(Exception):  # zipfile, zlib and numpy have many errors for a damaged file, which is made again
            with np.load(path, allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        made = make()
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, **made)
        self.spend(phase, float(made["cpu"]))
        return {key: np.asarray(value) for key, value in made.items()}

    def spent(self) -> dict[str, float]:
        """CPU seconds of each phase so far; what a killed process had not finished is not in it."""
        with suppress(FileFormatError):
            found = read_json(self.half / SPENT)
            if isinstance(found, dict):
                return {str(name): float(value) for name, value in found.items()}
        return {}

    def spend(self, phase: str, seconds: float) -> None:
        """Adds to a phase."""
        found = self.spent()
        found[phase] = found.get(phase, 0.0) + seconds
        replace_bytes(self.half / SPENT, json.dumps(found).encode())

    def finish(self, settings: dict[str, Any], inputs: dict[str, str], seed: int, record: dict[str, Any]) -> Manifest:
        """Writes the manifest and gives the half folder its name. Raises OSError."""
        from combust import __version__

        for file in self.half.iterdir():
            if file.is_file() and file.name.endswith(PASSING):
                file.unlink()
        left = sorted(file for file in self.half.iterdir() if file.is_file() and file.name != NAME)
        outputs = {file.name: Output(sha256(file), file.stat().st_size) for file in left}
        made = Manifest(
            stage=self.name, settings=settings, inputs=inputs, outputs=outputs, seed=seed, version=__version__,
            cpu_seconds=sum(record["cpu"].values()), record=record,
        )  # fmt: skip
        replace_bytes(self.half / NAME, (json.dumps(msgspec.to_builtins(made), indent=1) + "\n").encode())
        os.rename(self.half, self.path)
        return made
