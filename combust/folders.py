"""Folders of a user where results are kept, also of one without a home."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def home_cache() -> Path | None:
    """~/.cache/combust; None for a user without a home, as in some containers."""
    try:
        return Path.home() / ".cache" / "combust"
    except RuntimeError:
        return None


def temporary() -> Path | None:
    """One among temporary files; None where it is another's, as anyone may make it in a shared place."""
    folder = among_temporary()
    return None if folder.exists() and folder.stat().st_uid != os.getuid() else folder


def among_temporary() -> Path:
    """The place of `temporary`, whosever it is."""
    return Path(tempfile.gettempdir()) / f"combust-{os.getuid()}"
