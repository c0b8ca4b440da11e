"""Reduced mechanisms of methane, n-dodecane, ammonia and n-hexane: what each step leaves, its errors, its cost.

Each run is one command `combust reduce`; what is kept of its report lies beside the page, so that runs can be
repeated one by one: `python -m validation reduction --only methane-drg`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.report import ROOT, Report, chosen

TITLE = "Reduction of mechanisms"
POLL = 0.5  # s between two looks at the memory
METRICS = {"ignition_delay": "delay", "flame_speed": "flame speed", "extinction_time": "extinction time"}
GRAPH_ONLY = ("sensitivity.method=none", "reactions.method=none")
IGNITION_ONLY = (
    "tolerance={ignition_delay=0.1}",
    'conditions=[{kind="ignition",T=1000.0,p="1 atm",phi=1.0},{kind="ignition",T=1200.0,p="1 atm",phi=0.5},'
    '{kind="flame",T=300.0,p="1 atm",phi="0.6,1,1.4",held_out=true},'
    '{kind="psr",T=300.0,p="1 atm",phi=1.0,held_out=true}]',
)


@dataclass(frozen=True)
class Run:
    """One command."""

    name: str
    config: str  # in cases/reduction
    changes: tuple[str, ...] = ()
    title: str = ""
    step: str = ""  # from which on its steps are shown: those before are another run's
    minutes: float | None = None  # allowed


METHANE = (
    Run("methane-drg", "methane.toml", ("graph.method=drg", *GRAPH_ONLY)),
    Run("methane-pfa", "methane.toml", ("graph.method=pfa", *GRAPH_ONLY)),
    Run("methane-drgep", "methane.toml"),
    Run("methane-refit", "methane.toml", ("refit.method=gradient",), step="refit"),
    Run("methane-network", "methane.toml", ("search.method=network",), step="network"),
)
IGNITION = (
    Run("ignition-drg", "methane.toml", (*IGNITION_ONLY, "graph.method=drg", *GRAPH_ONLY)),
    Run("ignition-pfa", "methane.toml", (*IGNITION_ONLY, "graph.method=pfa", *GRAPH_ONLY)),
    Run("ignition-drgep", "methane.toml", (*IGNITION_ONLY, *GRAPH_ONLY)),
    Run("ignition-greedy", "methane.toml", (*IGNITION_ONLY, "reactions.method=none")),
)
LARGE = (
    Run("cfd", "methane_cfd.toml", title="methane for CFD, GRI-Mech 3.0"),
    Run("dodecane", "dodecane.toml", title="n-dodecane, Reitz", minutes=30.0),
    Run("ammonia", "ammonia.toml", title="ammonia/hydrogen, Alzueta 2023"),
    Run("hexane", "hexane.toml", title="n-hexane, NUI Galway 2015", minutes=60.0),
)
RUNS = (*METHANE, *IGNITION, *LARGE)
STEPS = {"drg": "DRG", "pfa": "PFA", "drgep": "DRGEP", "sensitivity": "trial removal", "network": "network search",
         "refit": "re-fit", "reactions": "reactions", "qss": "quasi-steady state"}  # fmt: skip
TINY = Run("tiny", "methane.toml", (
    'mechanism="h2o2.yaml"', 'fuel="H2"', "tolerance={ignition_delay=0.5}",
    'conditions=[{kind="ignition",T=1400.0,p="1",phi=1.0}]', *GRAPH_ONLY), "hydrogen", minutes=1.0)  # fmt: skip
SMOKE = {"METHANE": (), "IGNITION": (), "LARGE": (TINY,), "RUNS": (TINY,)}
# What pyMARS 1.2.0 gives: species, reactions, delay error, flame-speed error, wall time.
PYMARS = (
    ("pyMARS DRG", 43, 267, "3.6 %", "1 % at phi 1", "6 s"),
    ("pyMARS PFA", 31, 173, "3.6 %", "2 % at phi 1", "10 s"),
    ("pyMARS DRGEP", 22, 99, "3.2 %", "17 %", "5 s"),
    ("pyMARS DRGEP, greedy", 20, 80, "3.2 %", "22 % at phi 1", "4 s more"),
)
PYMARS_FLAME = ("pyMARS DRGEP, one flame added", 23, 116, "3.3 %", "4.1 %", "4 to 5 min")


def run(report: Report, only: Sequence[str] = (), workers: int = 0) -> None:
    """Runs those whose names begin like one of `only` (all if there is none), then writes all tables."""
    names = chosen([r.name for r in RUNS], only)
    wanted = [r for r in RUNS if r.name in names]
    kept = report.kept()
    with tempfile.TemporaryDirectory() as folder:
        for each in wanted:
            if not (ROOT / "cases" / "reduction" / each.config).is_file():
                report.progress(f"{each.name}: no {each.config}")
                continue
            found = perform(each, report.runs, Path(folder), workers)
            kept[each.name] = found
            report.keep(kept, [each.name for each in RUNS])
            report.progress(f"{each.name}: {found['wall']:.0f} s, {found['memory']:.0f} MiB")
    page(report, kept)


# --- one run ---------------------------------------------------------------------------------------------------------


def perform(each: Run, runs: Path, folder: Path, workers: int) -> dict[str, Any]:
    """Runs the command with a cache in `folder`: its detailed flames are taken over by later runs, evaluations not."""
    for old in folder.glob("cache/reduction/*/evaluations.jsonl"):
        old.unlink()
    out = runs / each.name
    changes = [word for text in (*each.changes, f"search.workers={workers}") for word in ("--set", text)]
    command = [sys.executable, "-m", "combust", "reduce", f"cases/reduction/{each.config}", *changes,
               "--force", "--out", str(out.relative_to(ROOT) if out.is_relative_to(ROOT) else out)]  # fmt: skip
    environment = os.environ | {"COMBUST_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    begin, before, loads, memory = time.monotonic(), used(), [os.getloadavg()[0]], 0.0
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    while process.poll() is None:
        time.sleep(POLL)
        memory = max(memory, sum(resident(pid) for pid in family(process.pid)))
        loads.append(os.getloadavg()[0])
    if process.returncode:
        raise RuntimeError(f"{each.name}: combust reduce ended with {process.returncode}")
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))
    cost = {"wall": time.monotonic() - begin, "cpu": used() - before, "memory": memory,
            "workers": workers or os.cpu_count(), "load": sum(loads) / len(loads)}  # fmt: skip
    return {name: round(value, 1) for name, value in cost.items()} | summary(found)


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """What the tables need of a report.json."""
    before = found["seconds"]["samples"] + found["seconds"]["detailed mechanism"]
    stages, seconds, evaluations = [], before, 0
    for stage in found["stages"]:
        seconds, evaluations = seconds + stage["seconds"], evaluations + stage["evaluations"]
        stages.append({
            "name": stage["name"], "species": len(stage["species"]) - len(stage["quasi_steady"]),
            "reactions": len(stage["reactions"]), "quasi_steady": len(stage["quasi_steady"]),
            "errors": worst(stage["errors"].values(), found["tolerance"]),
            "score": stage["score"], "seconds": round(seconds, 1), "evaluations": evaluations,
        })  # fmt: skip
    apart = [{v["metric"]: v["error"] for v in case["values"]} for case in found["cases"] if case["held_out"]]
    return {
        "before": round(before, 1), "stages": stages, "held_out": worst(apart, {*found["tolerance"], *METRICS}),
        "held_out_score": found["score"]["held_out"], "tolerance": found["tolerance"],
        "conditions": len(found["cases"]) - len(apart), "conditions_held_out": len(apart),
    }  # fmt: skip


def worst(cases: Any, names: Any) -> dict[str, float | None]:
    """Largest error of each of these metrics; None for a failure."""
    result: dict[str, float] = {}
    for errors in cases:
        for metric, error in errors.items():
            if metric in names:
                result[metric] = max(result.get(metric, 0.0), math.inf if error is None else error)
    return {metric: error if math.isfinite(error) else None for metric, error in result.items()}


def used() -> float:
    """CPU time [s] of all processes that this one has started and that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def family(pid: int) -> Iterator[int]:
    """A process and all that come from it."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def resident(pid: int) -> float:
    """Memory of a process [MiB]; nothing if it has ended."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 0.0


# --- the page --------------------------------------------------------------------------------------------------------


def page(report: Report, kept: dict[str, Any]) -> None:
    """All tables, of runs that have been made."""
    report.text(
        "Each row is what one step of one command leaves: the runs are `combust reduce cases/reduction/NAME.toml` with "
        "the changes named in validation/reduction.py, and one of them is repeated by `python -m validation reduction "
        "--only NAME`; the others keep their figures, in reduction.json beside this page. Errors are the largest of "
        "all conditions of the search, at full cost, against the detailed mechanism. Evaluations are simulations of a "
        "candidate at one condition. Times of steps are cumulative and do not count what the detailed mechanism cost, "
        "which has a row of its own; they were taken on two cores that shared their time with other work (load is the "
        "mean number of processes that wanted to run), so they are upper bounds."
    )
    methane(report, [(each, kept[each.name]) for each in METHANE if each.name in kept])
    ignition(report, [(each, kept[each.name]) for each in IGNITION if each.name in kept])
    large(report, [(each, kept[each.name]) for each in LARGE if each.name in kept])


def methane(report: Report, found: list[tuple[Run, dict[str, Any]]]) -> None:
    """Methods side by side, ignitions, flames and a stirred reactor held."""
    if not found:
        return
    report.text("## Methane, by method")
    limits = ", ".join(f"{METRICS[m]} {share(limit)}" for m, limit in found[0][1]["tolerance"].items())
    report.text(
        f"GRI-Mech 3.0, methane and air, 1 atm (cases/reduction/methane.toml): ignition at constant volume at 1000 K, "
        f"phi 1 and 1200 K, phi 0.5; free flames at 300 K, phi 0.6, 1, 1.4; extinction of a stirred reactor at 300 K, "
        f"phi 1. Tolerances: {limits}. Held out is an ignition at 1400 K; its column is of the last step's result. The "
        f"row of pyMARS 1.2.0 was measured for this project, also on two cores under other load, with its usual 10 % "
        f"on delays and one flame at phi 1 added; it measures no extinction, and its time has all in it."
    )
    rows = []
    for each, kept in found:
        names = [stage["name"] for stage in kept["stages"]]
        first = names.index(each.step) if each.step else 1  # what comes before is in rows above
        for at, stage in enumerate(kept["stages"]):
            if at < first and (at or each is not found[0][0]):
                continue
            last = at == len(names) - 1
            rows.append([
                label(names[: at + 1]), stage["species"], stage["reactions"], *errors_of(stage["errors"]),
                errors_of(kept["held_out"])[0] if last else "", stage["evaluations"], spent(kept, stage),
            ])  # fmt: skip
    name, species, reactions, delay, speed, wall = PYMARS_FLAME
    rows.append([name, species, reactions, delay, speed, "", "", "", wall])
    report.table(["method", "species", "reactions", *METRICS.values(), "held out", "evaluations", "time"], rows)


def ignition(report: Report, found: list[tuple[Run, dict[str, Any]]]) -> None:
    """Methods side by side, with nothing held but the ignition delays."""
    if not found:
        return
    report.text("## Methane, by ignition delays alone")
    report.text(
        "The same, but only the two ignitions take part, with a tolerance of 10 %, as in the example that pyMARS "
        "documents; flames and stirred reactor are computed afterwards to show what such a mechanism does to them. "
        "pyMARS' rows as above; its flame speeds at phi 1, where not all three were computed."
    )
    rows = []
    for _, kept in found:
        last, apart = kept["stages"][-1], kept["held_out"]
        rows.append([
            label([stage["name"] for stage in kept["stages"]]), last["species"], last["reactions"],
            *errors_of({"ignition_delay": last["errors"]["ignition_delay"], "flame_speed": apart["flame_speed"],
                        "extinction_time": apart["extinction_time"]}),
            last["evaluations"], spent(kept, last),
        ])  # fmt: skip
    rows += [[name, species, reactions, delay, speed, "", "", wall]
             for name, species, reactions, delay, speed, wall in PYMARS]  # fmt: skip
    report.table(["method", "species", "reactions", *METRICS.values(), "evaluations", "time"], rows)


def large(report: Report, found: list[tuple[Run, dict[str, Any]]]) -> None:
    """Whole chains, and what they cost."""
    if not found:
        return
    report.text("## Other mechanisms")
    report.text(
        "The conditions are in the files of cases/reduction. The files of n-dodecane and n-hexane have no transport "
        "data, so that there are no flames."
    )
    rows = []
    for each, kept in found:
        for stage in kept["stages"]:
            rows.append([
                each.title, STEPS.get(stage["name"], stage["name"]), stage["species"], stage["reactions"],
                stage["quasi_steady"] or "", listed(stage["errors"]), stage["evaluations"], spent(kept, stage),
            ])  # fmt: skip
    report.table(["mechanism", "step", "species", "reactions", "quasi-steady", "largest errors", "evaluations",
                  "time"], rows)  # fmt: skip
    report.text(
        "Held-out conditions, and the cost of the whole command with its report; CPU time and memory are those "
        "of all its processes, memory at one time:"
    )
    rows = []
    for each, kept in found:
        rows.append([
            each.title, f"{kept['conditions']} + {kept['conditions_held_out']}", listed(kept["held_out"]),
            clock(kept["wall"]), clock(kept["cpu"]), f"{kept['memory']:.0f} MiB", kept["workers"], kept["load"],
        ])  # fmt: skip
        if each.minutes is not None:
            report.target(f"{each.title}: time", kept["wall"] / 60, each.minutes, " min")
    report.table(["mechanism", "conditions + held out", "largest errors at held-out conditions", "time", "CPU time",
                  "peak memory", "workers", "load"], rows)  # fmt: skip


def label(names: Sequence[str]) -> str:
    """What a row is called: the steps up to it."""
    return ", ".join(STEPS.get(name, name) for name in names[1:]) or "detailed"


def errors_of(errors: dict[str, float | None]) -> list[str]:
    """A cell for each of METRICS."""
    return [share(errors[metric]) if metric in errors else "" for metric in METRICS]


def listed(errors: dict[str, float | None]) -> str:
    """All metrics in one cell."""
    return "; ".join(f"{METRICS.get(metric, metric)} {share(error)}" for metric, error in errors.items())


def share(error: float | None) -> str:
    """An error as a percentage."""
    if error is not None and error < 1e-4:
        return "below 0.01 %"
    return "fails" if error is None else f"{100 * error:.2g} %" if error < 1 else f"{100 * error:.0f} %"


def spent(kept: dict[str, Any], stage: dict[str, Any]) -> str:
    """Time of the steps up to this one; of the detailed mechanism, its own."""
    before = kept["before"]
    return clock(before if stage["name"] == "detailed" else stage["seconds"] - before)


def clock(seconds: float) -> str:
    """Seconds, or minutes from two on."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
