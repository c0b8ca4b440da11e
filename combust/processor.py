"""The processor's name, which belongs beside every time that is told."""

from __future__ import annotations

import platform
from pathlib import Path

FILE = Path("/proc/cpuinfo")


def name() -> str:
    """As the operating system has it: "Intel(R) Xeon(R) ..."; the architecture where it says no more."""
    for key, value in fields():
        if key in ("model name", "Model", "cpu") and value:
            return value
    return platform.processor() or platform.machine() or "unknown"


def fields() -> list[tuple[str, str]]:
    """Keys and values that Linux has of all cores, in their order; none elsewhere."""
    try:
        lines = FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [(key.strip(), " ".join(value.split())) for key, _, value in (line.partition(":") for line in lines)]
