"""The output folder of a run: names of the files in it, and what may be removed from it."""

from __future__ import annotations

import re
from pathlib import Path

from combust.errors import ConfigError, OutputError
from combust.io import lock

OURS = re.compile(
    r"(fields_\d+\.vtr|fields\.pvd|averages_\d+\.vtr|averages\.(pvd|csv)|checkpoint_\d+\.h5|series\.csv|spectra\.csv"
    r"|(probe|conditional)_[\w()-]+\.csv|planes_[\w-]+\.npy|summary\.json|case(_\d+)?\.toml|paraview_state\.py|start\.h5)"
    r"(\.part)?|flame\.png"
)
NUMBERED = re.compile(r"checkpoint_(\d+)\.h5|(?:fields|averages)_(\d+)\.vtr")


PART = re.compile(r"case(?:_(\d+))?\.toml")


def number_of(case: Path) -> int:
    """1 of case.toml, n of case_n.toml."""
    found = PART.fullmatch(case.name)
    return int(found[1] or 1) if found else 0


def step_of(name: str) -> int:
    """Step in the name of a checkpoint or snapshot; -1 for other files."""
    found = NUMBERED.fullmatch(name)
    return int(found[1] or found[2]) if found else -1


class Folder:
    """Names of the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.index = self.path / "fields.pvd"
        self.averages = self.path / "averages.pvd"
        self.windows = self.path / "averages.csv"
        self.series = self.path / "series.csv"
        self.spectra = self.path / "spectra.csv"
        self.state = self.path / "paraview_state.py"
        self.summary = self.path / "summary.json"
        self.case = self.path / "case.toml"
        self.start = self.path / "start.h5"  # what a run that goes on from an earlier one began with
        self.picture = self.path / "flame.png"

    def fields(self, step: int) -> Path:
        return self.path / f"fields_{step:06d}.vtr"

    def mean_fields(self, step: int) -> Path:
        return self.path / f"averages_{step:06d}.vtr"

    def probe(self, name: str) -> Path:
        """Of points or of a line."""
        return self.path / f"probe_{name}.csv"

    def planes(self, name: str) -> Path:
        return self.path / f"planes_{name}.npy"

    def conditional(self, name: str) -> Path:
        return self.path / f"conditional_{name}.csv"

    def checkpoint(self, step: int) -> Path:
        return self.path / f"checkpoint_{step:06d}.h5"

    def checkpoints(self) -> list[Path]:
        """Checkpoints in the folder, newest (highest step) first."""
        found = [path for path in self.listed() if path.suffix == ".h5" and step_of(path.name) >= 0]
        return sorted(found, key=lambda path: step_of(path.name), reverse=True)

    def listed(self) -> list[Path]:
        """All files but the lock."""
        files = sorted(self.path.iterdir()) if self.path.is_dir() else []
        return [file for file in files if not file.name.startswith(lock.NAME)]

    def parts(self) -> list[Path]:
        """The cases of all parts of the run so far, in order: case.toml, case_2.toml, ..."""
        found = [path for path in self.listed() if PART.fullmatch(path.name)]
        return sorted(found, key=number_of)

    def next_case(self) -> Path:
        """Where the case of the next part goes."""
        parts = self.parts()
        return self.path / f"case_{number_of(parts[-1]) + 1}.toml" if parts else self.case

    def check(self, restart: bool, force: bool) -> None:
        """Raises ConfigError if the folder is not empty, without `restart` and `force`; changes nothing."""
        files = self.listed()
        if files and not restart and not force:
            raise ConfigError(
                f"output folder {self.path} is not empty ({files[0].name}, ...): continue with --restart auto, "
                "replace combust's files with --force, or choose another with --out"
            )

    def clear(self, restart: bool) -> None:
        """Removes what combust wrote (nothing else): with `restart` unfinished files only. Raises OutputError."""
        try:
            for file in self.listed():
                if file.suffix == ".part" and OURS.fullmatch(file.name) or not restart and OURS.fullmatch(file.name):
                    file.unlink()
        except OSError as error:
            raise OutputError(f"output folder {self.path} cannot be written: {error.strerror or error}") from error

    def drop(self, kept: set[Path]) -> None:
        """Removes what combust wrote but for `kept`."""
        for file in self.listed():
            if OURS.fullmatch(file.name) and file not in kept:
                file.unlink(missing_ok=True)
