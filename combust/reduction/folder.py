"""The output folder of a reduction: what is in it, who may use it, and how an interrupted run is known again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from combust.errors import ConfigError
from combust.files import UnreadableError, read_json
from combust.io import lock
from combust.reduction.report.report import FILES
from combust.reduction.settings import Reduction
from combust.settings.config import flat

MARK = "reduction.json"


class Folder:
    """An output folder, free to be used: empty, or of an interrupted run, or with leave to remove what was made."""

    def __init__(self, path: Path, force: bool = False, resume: bool = False) -> None:
        """Raises ConfigError for a folder that is not empty, unless force; or for resume without a run in it."""
        self.path, self.resume = path, resume
        self.mark, self.samples, self.mechanism = path / MARK, path / "samples.h5", path / "reduced.yaml"
        if path.exists() and not path.is_dir():
            raise ConfigError(f"output folder {path}: is a file")
        if resume and not self.mark.is_file():
            raise ConfigError(f"output folder {path}: holds no reduction to resume; run without --resume")
        others = [file for file in path.iterdir() if not file.name.startswith(lock.NAME)] if path.is_dir() else []
        if others and not (force or resume):
            raise ConfigError(
                f"output folder {path} is not empty: choose another with --out, --resume an interrupted run, or "
                "--force to replace its files"
            )

    def claim(self, settings: Reduction, sha256: str) -> None:
        """Makes the folder and notes in it what is done, removing files of an earlier reduction.

        sha256: of the detailed mechanism. Raises ConfigError where an interrupted run was another one.
        """
        content = {"sha256": sha256, "settings": msgspec.to_builtins(settings)}
        if self.resume:
            self._require_same(content)
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name in (MARK, self.samples.name, self.mechanism.name, "qss_cantera.py", *FILES):
                (self.path / name).unlink(missing_ok=True)
            self.mark.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"output folder {self.path}: cannot be written: {error.strerror}") from error

    def _require_same(self, content: dict[str, Any]) -> None:
        try:
            before = dict(flat(read_json(self.mark)))
        except UnreadableError as error:
            raise ConfigError(f"{error}; run with --force") from error
        now = dict(flat(content))
        for key in (*before, *now):
            if key not in FREE and before.get(key) != now.get(key):
                raise ConfigError(
                    f"--resume: {key.removeprefix('settings.')} was {before.get(key)} in {self.path} and is "
                    f"{now.get(key)} now; give what was given then, or --force to begin anew"
                )


FREE = ("settings.search.workers", "settings.mechanism")  # may differ; the mechanism is known by its hash
