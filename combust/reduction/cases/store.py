"""Finished evaluations on disk: a file of JSON lines, one per evaluation, named by the digest of what it depends on.

A line is written at once and whole, so that a killed run loses at most the evaluation in hand; a torn last line is
passed over. Several processes may write.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


class Store:
    """Keys to JSON values, in a file that only grows."""

    def __init__(self, path: Path | None, sound: Callable[[Any], bool] = lambda value: True) -> None:
        """path: None keeps everything in memory; sound: whether a value is one, lines with others are passed over."""
        self.path = path
        self.known: dict[str, Any] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = False
        if path.exists():
            for line in filter(None, path.read_bytes().splitlines()):
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError):
                    entry = None
                if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and sound(entry[1]):
                    self.known[entry[0]] = entry[1]
                else:
                    torn = True
        if torn:
            logger.warning("%s: passed over a line that is damaged or was not written to its end", path)

    def __contains__(self, key: str) -> bool:
        return key in self.known

    def __getitem__(self, key: str) -> Any:
        return self.known[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self.known:
            return
        self.known[key] = value
        if self.path is not None:
            # A leading line feed ends a line that a killed process left torn.
            line = "\n" + json.dumps([key, value]) + "\n"
            with open(self.path, "ab", buffering=0) as file:
                file.write(line.encode())
                os.fsync(file.fileno())
