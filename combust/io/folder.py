"""The output folder of a run: names of the files in it, and what may be removed from it."""

from __future__ import annotations

import re
from pathlib import Path

from combust.errors import ConfigError
from combust.io.blocks import OutputError

OURS = re.compile(
    r"(fields_\d+\.vtr|fields\.pvd|checkpoint_\d+\.h5|series\.csv|summary\.json|case\.toml)(\.part)?|flame\.png"
)
NUMBERED = re.compile(r"(?:checkpoint_(\d+)\.h5)|(?:fields_(\d+)\.vtr)")


def step_of(name: str) -> int:
    """Step in the name of a checkpoint or snapshot; -1 for other files."""
    found = NUMBERED.fullmatch(name)
    return int(found[1] or found[2]) if found else -1


class Folder:
    """Names of the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.index = self.path / "fields.pvd"
        self.series = self.path / "series.csv"
        self.summary = self.path / "summary.json"
        self.case = self.path / "case.toml"
        self.picture = self.path / "flame.png"

    def fields(self, step: int) -> Path:
        return self.path / f"fields_{step:06d}.vtr"

    def checkpoint(self, step: int) -> Path:
        return self.path / f"checkpoint_{step:06d}.h5"

    def checkpoints(self) -> list[Path]:
        """Checkpoints in the folder, newest (highest step) first."""
        found = [path for path in self.listed() if path.suffix == ".h5" and step_of(path.name) >= 0]
        return sorted(found, key=lambda path: step_of(path.name), reverse=True)

    def listed(self) -> list[Path]:
        return sorted(self.path.iterdir()) if self.path.is_dir() else []

    def prepare(self, restart: bool, force: bool) -> None:
        """Makes the folder and sees that it can be written; run by the root alone.

        Without `restart` the folder must be empty, or `force` empties it of files that combust wrote (no others).
        Raises ConfigError if it is not empty, OutputError if it cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            files = self.listed()
            if files and not restart and not force:
                raise ConfigError(
                    f"output folder {self.path} is not empty ({files[0].name}, ...): continue with --restart auto, "
                    "replace combust's files with --force, or choose another with --out"
                )
            for file in files:
                if file.suffix == ".part" and OURS.fullmatch(file.name) or not restart and OURS.fullmatch(file.name):
                    file.unlink()
            probe = self.path / "case.toml.part"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise OutputError(f"output folder {self.path} cannot be written: {error.strerror or error}") from error
