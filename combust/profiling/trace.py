"""A trace of the phases in the JSON of Chrome's trace viewer, which Perfetto (https://ui.perfetto.dev) opens.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from combust.io.blocks import write_text
from combust.profiling.recorder import Slice

PHASES, OPERATIONS = 0, 1  # lines of a rank
LINES = {PHASES: "phases", OPERATIONS: "operations of torch"}


def events(rank: int, slices: Sequence[Slice], line: int = PHASES) -> list[dict[str, Any]]:
    """Complete events of a rank, times in microseconds."""
    return [
        {
            "name": one.name, "cat": "phase" if line == PHASES else "op", "ph": "X", "pid": rank, "tid": line,
            "ts": round(1e6 * one.begin, 3), "dur": round(1e6 * (one.end - one.begin), 3),
        }
        for one in slices
    ]  # fmt: skip


def names(rank: int, lines: Sequence[int]) -> list[dict[str, Any]]:
    """Events that name a rank and its lines."""
    found: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": rank, "tid": 0, "args": {"name": f"rank {rank}"}},
        {"name": "process_sort_index", "ph": "M", "pid": rank, "tid": 0, "args": {"sort_index": rank}},
    ]
    return found + [
        {"name": "thread_name", "ph": "M", "pid": rank, "tid": line, "args": {"name": LINES[line]}} for line in lines
    ]


def write_trace(path: Path, ranks: Sequence[Sequence[dict[str, Any]]], about: dict[str, Any]) -> None:
    """Writes the events of all ranks and what else is known. Raises OutputError."""
    whole = {"traceEvents": [e for one in ranks for e in one], "displayTimeUnit": "ms", "otherData": about}
    write_text(path, json.dumps(whole) + "\n")
