"""The processor's name, which belongs beside every time that is told."""

from __future__ import annotations

import platform
from pathlib import Path

FILE = Path("/proc/cpuinfo")


def name() -> str:
    """As the operating system has it: "Intel(R) Xeon(R) ..."; the architecture where it says no more."""
    try:
        lines = FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "cpu") and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine() or "unknown"
