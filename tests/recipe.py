"""The tiny recipe of a learned chemistry of tests and studies, tests/data/learned/tiny.toml, with changes."""

from __future__ import annotations

from pathlib import Path

from combust.settings.config import read, toml_value

TINY = Path(__file__).parent / "data" / "learned" / "tiny.toml"


def recipe(*changes: str) -> str:
    """Its TOML, with changes such as "network.width=16"."""
    tables = read(TINY, changes)
    lines = [f"{key} = {toml_value(value)}" for key, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
