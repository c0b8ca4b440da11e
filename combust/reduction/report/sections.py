"""What the pages of a reduction's report say, from the content of report.json."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from combust.report.pages import Block, Listing, Over, Picture, Section, Table
from combust.timers import clock

UNITS = {
    "ignition_delay": "s", "flame_speed": "m/s", "extinction_time": "s", "burnt_temperature": "K",
    "peak_temperature": "K", "extinction_temperature": "K",
}  # fmt: skip


def sections(found: dict[str, Any], pictures: Mapping[str, Picture]) -> list[Section]:
    """All sections, in order; those without content are left out."""
    drawn = [pictures[n] for n in ("delays", "flame_speeds", "extinction", "counterflow", "profiles") if n in pictures]
    search = [i for i, case in enumerate(found["cases"]) if not case["held_out"]]
    held_out = [i for i, case in enumerate(found["cases"]) if case["held_out"]]
    all_sections = [
        Section("Result", result(found)),
        Section("Steps", [stage_table(found), *([pictures["stages"]] if "stages" in pictures else [])]),
        Section("Errors at the conditions of the search", error_blocks(found, search, by_stage=True)),
        Section("Errors at held-out conditions", error_blocks(found, held_out, by_stage=False) if held_out else []),
        Section("Detailed and reduced mechanism", drawn),
        Section("Species", species_blocks(found, pictures)),
        Section("Reactions", [reaction_listing(found)]),
        Section("Run time", [time_table(found)]),
        Section("Settings", [Listing("all settings, with defaults", json.dumps(found["settings"], indent=1))]),
    ]
    return [section for section in all_sections if section.blocks]


def result(found: dict[str, Any]) -> list[Block]:
    """What was made of what, and how good it is."""
    parent, last, score = found["parent"], found["stages"][-1], found["score"]
    held_out = "no condition was held out"
    if score["held_out"] is not None:
        held_out = f"{ratio(score['held_out'])} at held-out conditions ({found['worst']['held_out'] or 'no error'})"
    return [
        f"{parent['species']} species and {parent['reactions']} reactions of {parent['file']} (phase {parent['phase']})"
        f" became {counted(last)} species and {len(last['reactions'])} reactions.",
        f"Greatest error over its tolerance: {ratio(score['search'])} at the conditions of the search "
        f"({found['worst']['search'] or 'no error'}); {held_out}.",
        Table(
            ("", ""),
            [
                ("tolerances", ", ".join(f"{k} {percent(v)} %" for k, v in found["tolerance"].items())),
                ("targets", ", ".join(weighted(k, w) for k, w in found["targets"].items())),
                ("SHA-256 of the detailed file", parent["sha256"]),
                ("command", found["command"]),
                ("versions", ", ".join(f"{k} {v}" for k, v in found["versions"].items())),
                ("date", found["date"]),
            ],
            text=2,
        ),
    ]


def counted(stage: dict[str, Any]) -> str:
    """Number of species, those in quasi-steady state apart."""
    steady = len(stage["quasi_steady"])
    return f"{len(stage['species']) - steady}" + (f" (and {steady} quasi-steady)" if steady else "")


def stage_table(found: dict[str, Any]) -> Table:
    header = ("step", "greatest error", "species", "reactions", "error / tolerance", "evaluations", "time")
    rows = [
        (
            s["name"], worst(s), counted(s), str(len(s["reactions"])),
            over(ratio(s["score"]), s["score"] > 1), str(s["evaluations"]), clock(s["seconds"]),
        )
        for s in found["stages"]
    ]  # fmt: skip
    return Table(header, rows, text=2)


def error_blocks(found: dict[str, Any], places: Sequence[int], by_stage: bool) -> list[Block]:
    """A row for every metric at every condition; by_stage: with its error after each step, not only the last."""
    stages = found["stages"][1:] or found["stages"]
    names = [f"after {s['name']} [%]" for s in stages] if by_stage else ["error [%]"]
    rows: list[list[str]] = []
    for place in places:
        case = found["cases"][place]
        for count, value in enumerate(case["values"]):
            errors = [value["error"]]
            if by_stage:
                errors = [s["errors"].get(str(place), {}).get(value["metric"], math.nan) for s in stages]
            rows.append([case["name"] if count == 0 else "", *value_cells(value), *error_cells(errors, value)])
    failures = [f"{found['cases'][i]['name']}: {found['cases'][i]['reason']}" for i in places]
    blocks: list[Block] = [
        Table(("condition", "quantity", "detailed", "reduced", "tolerance [%]", *names), rows, text=2)
    ]
    failed = [text for text, i in zip(failures, places, strict=True) if found["cases"][i]["reason"]]
    return [*blocks, *failed]


def value_cells(value: dict[str, Any]) -> list[str]:
    unit, tolerance = UNITS.get(value["metric"]), value["tolerance"]
    name = value["metric"].replace("_", " ") + (f" [{unit}]" if unit else "")
    if name.startswith(("peak ", "final ")) and unit is None:
        name += " (mole fraction)"
    if value["metric"] == "heat_release":
        name = "heat release (profile)"
    return [name, number(value["detailed"]), number(value["reduced"]), percent(tolerance) if tolerance else "-"]


def error_cells(errors: Sequence[float], value: dict[str, Any]) -> list[str]:
    """NaN stands for what was not evaluated."""
    tolerance = value["tolerance"] or math.inf
    return ["-" if math.isnan(e) else over(percent(e), e > tolerance or not math.isfinite(e)) for e in errors]


def species_blocks(found: dict[str, Any], pictures: Mapping[str, Picture]) -> list[Block]:
    last = found["stages"][-1]
    rows = [(s["name"], str(len(s["removed"])), wrapped(s["removed"])) for s in found["stages"][1:] if s["removed"]]
    solved = [name for name in last["species"] if name not in last["quasi_steady"]]
    blocks: list[Block] = [f"Kept: {', '.join(solved)}."]
    blocks += [f"In quasi-steady state: {', '.join(last['quasi_steady'])}."] if last["quasi_steady"] else []
    blocks += [Table(("step", "removed", "species"), rows, text=3)] if rows else []
    return [*blocks, *([pictures["graph"]] if "graph" in pictures else [])]


def reaction_listing(found: dict[str, Any]) -> Listing:
    kept = found["stages"][-1]["reactions"]
    return Listing(f"the {len(kept)} reactions kept", "\n".join(f"{i + 1:4d}  {r}" for i, r in enumerate(kept)))


def time_table(found: dict[str, Any]) -> Table:
    rows = [(name, clock(x)) for name, x in found["seconds"].items()]
    return Table(("part", "time"), [*rows, ("sum", clock(found["total_seconds"]))])


def worst(stage: dict[str, Any]) -> str:
    """Where the greatest error is; rounding is none."""
    return stage["worst"] if stage["score"] > 1e-6 else "none"


def weighted(name: str, weight: float) -> str:
    return name if weight == 1 else f"{name} ({weight:g})"


def wrapped(names: Sequence[str]) -> str:
    return textwrap.shorten(", ".join(names), 4000)


def over(text: str, is_over: bool) -> str:
    return Over(text) if is_over else text


def ratio(x: float) -> str:
    return f"{x:.3f}" if math.isfinite(x) else "fails"


def number(x: float | None) -> str:
    return "-" if x is None else f"{x:.5g}"


def percent(x: float) -> str:
    """Of a relative error, without the sign."""
    if not math.isfinite(x):
        return "fails"
    return "0" if x == 0 else "< 0.001" if x < 1e-5 else f"{100 * x:.3g}" if x < 10 else f"{100 * x:.0f}"
