"""Where and when something was made, for the cards of models and the heads of sample sets and reports."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path


def now() -> str:
    """For a card."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def revision() -> str:
    """Of the source by git, or nothing."""
    try:
        words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
