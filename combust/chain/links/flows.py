"""Flows of a chain: each case with the learned chemistry, and with exact chemistry of the same mechanism beside it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from combust.atomic import replace_bytes
from combust.chain import ranks
from combust.chain.digests import of_text
from combust.chain.folder import HALF
from combust.chain.links.learning import last, reduced
from combust.chain.settings import Chain
from combust.chain.stage import Stage, Work
from combust.errors import ConfigError, DivergenceError, at

EXACT = "_exact"  # end of the name of the same flow with exact chemistry
CASE, SUMMARY, SERIES = "flow.toml", "summary.json", "series.csv"
LEARNED_FIELDS = ("route", "route_error")
NAMING = ("case*.toml", SUMMARY, "paraview_state.py")  # files of a run that name its folder
SHARES = ("slow_share", "network_share", "exact_share")


def stages(settings: Chain, out: Path) -> Iterator[Stage]:
    """Two of each flow, or one."""
    for name, flow in settings.flows.items():
        for exact in (False, True) if flow.exact else (False,):
            yield of_flow(settings, name, exact, out)


def of_flow(settings: Chain, name: str, exact: bool, out: Path) -> Stage:
    """The stage of a flow with learned or exact chemistry."""
    raw = case_of(settings, name, exact, out)
    own = name + EXACT * exact
    chemistry = "exact chemistry of the reduced mechanism" if exact else "the learned chemistry"
    count = settings.flows[name].ranks
    start, size = (f"mpirun -n {count} ", f"{size_of(raw)}, {count} ranks") if count > 1 else ("", size_of(raw))
    return Stage(
        own, f"the flow {name} with {chemistry}", lambda work: run(raw, own, count, work), without_paths(raw), (),
        ("reduce",) if exact else ("reduce", last(settings)), {SERIES: None, SUMMARY: end_of_summary},
        check=lambda: check(raw, own, count), command=f"{start}combust run {out}/{own}/{CASE} --out DIR",
        size=size, ranks=count,
    )  # fmt: skip


def case_of(settings: Chain, name: str, exact: bool, out: Path) -> dict[str, Any]:
    """The tables of the case. Raises ConfigError for those that are the chain's to give."""
    raw: dict[str, Any] = copy.deepcopy(settings.flows[name].case)
    gas = raw.setdefault("gas", {})
    for table, key in ((gas, "gas.mechanism"), (raw, "chemistry")):
        if isinstance(table, dict) and key.rpartition(".")[2] in table:
            raise ConfigError(f"flows.{name}.case.{key}: is given by the chain: leave it out")
    gas |= {"mechanism": reduced(out)}
    gas |= {key: value for key in ("phase", "ions") if (value := getattr(settings, key)) is not None}
    raw.setdefault("title", f"{settings.title}: {name}")
    raw["chemistry"] = (
        {"kind": "direct"} if exact else {"kind": "learned", "model": str(out / last(settings) / "model")}
    )
    if not exact:
        add(raw, "fields", "names", LEARNED_FIELDS)
        add(raw, "series", "quantities", SHARES)
    return raw


def add(raw: dict[str, Any], table: str, key: str, names: tuple[str, ...]) -> None:
    """Names of output that only the learned chemistry has, where a list is given."""
    own = raw.get("output", {}).get(table)
    if isinstance(own, dict) and isinstance(own.get(key), list):
        own[key] += [name for name in names if name not in own[key]]


def without_paths(raw: dict[str, Any]) -> dict[str, Any]:
    """The case without where mechanism and model lie: their content counts."""
    found = copy.deepcopy(raw)
    del found["gas"]["mechanism"]
    found["chemistry"].pop("model", None)
    return found


def size_of(raw: dict[str, Any]) -> str:
    """Cells, and where it ends."""
    cells = raw.get("mesh", {}).get("cells", [])
    stop = ", ".join(f"{key} {value}" for key, value in raw.get("stop", {}).items() if not isinstance(value, dict))
    return f"{'x'.join(map(str, cells))} cells, until {stop}"


def check(raw: dict[str, Any], name: str, count: int) -> None:
    """Raises ConfigError for a case that cannot be, or not on so many ranks, DependencyError where there are no ranks,
    before stages before it take their time.
    """
    from combust.case.load import convert
    from combust.cfd.mesh.block import choose_dims

    flow = f"flows.{name.removesuffix(EXACT)}"
    case = convert(copy.deepcopy(raw), f"{flow}.case")
    if count > 1:
        with at(f"{flow}.ranks"):
            choose_dims(count, case.mesh.shape)
        ranks.launcher()


def run(raw: dict[str, Any], name: str, count: int, work: Work) -> None:
    """Runs it, from its last checkpoint if there is one, and draws it."""
    from combust.errors import CombustError
    from combust.run.picture import plot

    path = work.folder / CASE
    path.write_text(toml_of(raw), encoding="utf-8")
    changes = [f"output.directory={json.dumps(str(work.folder))}"]
    if count > 1:
        ranks.run(count, path, changes, work.folder, work.reporter)
    else:
        alone(path, changes, name, work)
    renamed(work.folder)
    try:
        plot(work.folder, pictured(raw, name))
    except CombustError as error:
        work.reporter.warn(f"{name}: no picture: {error}")


def alone(path: Path, changes: list[str], name: str, work: Work) -> None:
    """Runs it in this process."""
    from combust.interrupts import Stopped
    from combust.run.run import run as advanced

    found = advanced(path, overrides=changes, restart="auto", reporter=work.reporter)
    if found.reason == "signal":
        raise Stopped("stopped")
    if found.exit_code:
        raise DivergenceError(f"{name}: {found.message}")


def renamed(folder: Path) -> None:
    """What the run wrote names the half folder in which it worked: the stage's own name is put there."""
    own = folder.name.removesuffix(HALF)
    for pattern in NAMING:
        for file in folder.glob(pattern):
            text = re.sub(rf"\b{re.escape(own + HALF)}\b", own, file.read_text(encoding="utf-8"))
            replace_bytes(file, text.encode())


def pictured(raw: dict[str, Any], name: str) -> list[str] | None:
    """Fields of the picture: with the learned chemistry which cells took which route; the usual ones if None."""
    names = raw.get("output", {}).get("fields", {}).get("names", [])
    return [field for field in ("T", "route") if field in names] or None if not name.endswith(EXACT) else None


def toml_of(raw: dict[str, Any]) -> str:
    """Tables of a case as a file."""
    from combust.settings.config import toml_value

    lines = [f"{key} = {toml_value(value)}" for key, value in raw.items() if not isinstance(value, dict)]
    for name, table in raw.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def end_of_summary(path: Path) -> str:
    """How far it came, not how fast."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return of_text([found[name] for name in ("time", "step", "cells", "identity")])
