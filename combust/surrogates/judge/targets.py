"""What a report card holds a learned chemistry to, and what follows where a target is missed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

FLAME_SPEED, FLAME_SPEED_H2 = 0.01, 0.005
DELAY_MEAN, DELAY_WORST, BURNT, PEAK = 0.02, 0.05, 5.0, 0.05
DRIFT, EXACT_SHARE = 1e-12, 0.1
ALONE = 5.0  # times the error of the whole is the network's own, at most
FASTER = 2.0  # times as fast as exact chemistry, at least

WRONG = (
    "Its results are not those of exact chemistry: look up which reactor or flame is off, and keep to conditions where "
    "none is, or train it again."
)
MOSTLY_EXACT = (
    "Of the cells that react, more than a tenth go to exact chemistry in some flame, and cost there what they cost "
    "without a network. More trajectories like that flame, a larger network or a larger stated error ([router]) give "
    "the network more of them."
)
HANGS = (
    "The network alone is no chemistry: its results rest on the exact rates that correct it. Never set router = false, "
    "and do not take the weights to another program without that correction."
)
DEAR = (
    'It does not pay: exact chemistry (chemistry.kind = "direct") costs about as much per cell of the same flame on '
    "this machine and has no such error. It pays with more species, or on more cells a rank."
)
NARROWER = (
    "At the ends of its ranges it keeps less than within (the targets of the ends say what): leave room to the ends of "
    "phi and p, or train it on wider ones."
)


@dataclass(frozen=True)
class Target:
    """A number that is held to a limit, at most or (least=True) at least; advice: what follows where it is missed."""

    name: str
    value: float
    limit: float
    unit: str = ""
    least: bool = False
    advice: str = ""

    @property
    def met(self) -> bool:
        """NaN is not."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def numbers(self) -> tuple[str, str]:
        """Value and limit for people."""
        scale = 100.0 if self.unit == "%" else 1.0
        sign = "\N{GREATER-THAN OR EQUAL TO}" if self.least else "\N{LESS-THAN OR EQUAL TO}"
        unit = f" {self.unit}" if self.unit else ""
        value = f"{scale * self.value:.3g}{unit}" if math.isfinite(self.value) else "none"
        return value, f"{sign} {scale * self.limit:.3g}{unit}"


def of_card(found: dict[str, Any]) -> list[Target]:
    """Those of what was computed."""
    runs, flames, fuel = found.get("reactors", []), found.get("flames", []), found["model"]["fuel"]
    made = [target for run in runs if run["mode"] == "router" for target in of_reactors(run)]
    routed, alone = ([f for f in flames if f["mode"] == mode] for mode in ("router", "network"))
    if routed:
        made += of_flames(routed, fuel)
    if "speed" in found:
        made += of_speed(found["speed"]["flames"])
    if "ends" in found:
        made += of_ends(found["ends"], fuel)
    return made + [*of_network([run for run in runs if run["mode"] == "network"], alone, fuel)]


def of_reactors(run: dict[str, Any]) -> Iterator[Target]:
    """A run with the router on."""
    cases, dt = run["cases"], f"dt {run['dt']:.2g} s"
    errors = [abs(c["delay_error"]) for c in cases]
    yield Target(f"ignition delay, mean, {dt}", mean(errors), DELAY_MEAN, "%", advice=WRONG)
    yield Target(f"ignition delay, worst, {dt}", worst(errors), DELAY_WORST, "%", advice=WRONG)
    if run["long"]:
        burnt = worst(abs(c["burnt_error"]) for c in cases)
        yield Target(f"burnt T after {run['steps']} steps, worst", burnt, BURNT, "K", advice=WRONG)
    yield Target(f"peak radicals, worst, {dt}", worst(c["peak_error"] for c in cases), PEAK, "%", advice=WRONG)
    yield from _nitric_oxide(cases, f"peak NO, worst, {dt}", PEAK, WRONG)
    yield Target(f"elements over all steps, drift, {dt}", run["drift"], DRIFT, advice=WRONG)
    yield Target(f"least mass fraction, {dt}", run["Y_min"], 0.0, least=True, advice=WRONG)


def of_flames(flames: Sequence[dict[str, Any]], fuel: str) -> Iterator[Target]:
    """Flames with the router on."""
    yield from _errors(flames, fuel, "", 1.0, WRONG)
    yield Target(
        "exact cells, of those that are not slow, in flames, worst",
        worst(map(exact_of_active, flames)),
        EXACT_SHARE,
        "%",
        advice=MOSTLY_EXACT,
    )
    yield Target("elements in flames, drift", worst(f["element_error"] for f in flames), DRIFT, advice=WRONG)


def of_network(runs: Sequence[dict[str, Any]], flames: Sequence[dict[str, Any]], fuel: str) -> Iterator[Target]:
    """Reactors and flames with the router off: the network alone."""
    if runs:
        errors = (abs(c["delay_error"]) for run in runs for c in run["cases"])
        yield Target("network alone: ignition delay, worst", worst(errors), ALONE * DELAY_WORST, "%", advice=HANGS)
    if flames:
        yield from _errors(flames, fuel, "network alone: ", ALONE, HANGS)


def of_ends(found: dict[str, Any], fuel: str) -> Iterator[Target]:
    """Reactors and flames at the ends of phi and p, router on."""
    head = "ends of the ranges: "
    if found["reactors"]["cases"]:
        errors = (abs(c["delay_error"]) for c in found["reactors"]["cases"])
        yield Target(f"{head}ignition delay, worst", worst(errors), DELAY_WORST, "%", advice=NARROWER)
    if found["flames"]:
        yield from _errors(found["flames"], fuel, head, 1.0, NARROWER)
        share = worst(map(exact_of_active, found["flames"]))
        yield Target(f"{head}exact cells, of those that are not slow, worst", share, EXACT_SHARE, "%", advice=NARROWER)


def of_speed(flames: Sequence[dict[str, Any]]) -> Iterator[Target]:
    """What it costs beside exact chemistry: the median of pairs of runs in each flame, and of these the least."""
    ratios = [math.nan if f["failure"] else f["ratio"] for f in flames]
    least = math.nan if not ratios or any(map(math.isnan, ratios)) else min(ratios)
    yield Target("times as fast as exact chemistry in the same flame, least", least, FASTER, least=True, advice=DEAR)


def _errors(flames: Sequence[dict[str, Any]], fuel: str, head: str, times: float, advice: str) -> Iterator[Target]:
    """Speed, burnt gas and radicals of flames, held to so many times the usual limits."""
    speed = FLAME_SPEED_H2 if _is_hydrogen(fuel) else FLAME_SPEED
    yield Target(
        f"{head}flame speed, worst", worst(abs(f["speed_error"]) for f in flames), times * speed, "%", advice=advice
    )
    yield Target(
        f"{head}burnt T of flames, worst",
        worst(abs(f["burnt_error"]) for f in flames),
        times * BURNT,
        "K",
        advice=advice,
    )
    yield Target(
        f"{head}peak radicals of flames, worst",
        worst(f["peak_error"] for f in flames),
        times * PEAK,
        "%",
        advice=advice,
    )
    yield from _nitric_oxide(flames, f"{head}peak NO of flames, worst", times * PEAK, advice)


def _nitric_oxide(cases: Sequence[dict[str, Any]], name: str, limit: float, advice: str) -> Iterator[Target]:
    """Of reactors or flames that have any."""
    if errors := [case["NO_error"] for case in cases if "NO_error" in case]:
        yield Target(name, worst(errors), limit, "%", advice=advice)


def exact_of_active(flame: dict[str, Any]) -> float:
    """Share of exact chemistry in the cells whose rates are not slow; those that hardly react would flatter it."""
    routes = flame["routes"]
    active = 1.0 - routes.get("slow", 0.0)
    return float(routes.get("exact", math.nan) / active) if active > 0 else 0.0


def conclusions(judged: Sequence[Target]) -> list[str]:
    """What follows from the targets that are missed, each once."""
    return list(dict.fromkeys(t.advice for t in judged if t.advice and not t.met))


def _is_hydrogen(fuel: str) -> bool:
    return {part.partition(":")[0].strip() for part in fuel.split(",")} == {"H2"}


def mean(values: Any) -> float:
    """NaN if there is none, or one is."""
    found = list(values)
    return sum(found) / len(found) if found else math.nan


def worst(values: Any) -> float:
    """NaN if there is none, or one is."""
    found = list(values)
    return math.nan if not found or any(math.isnan(x) for x in found) else max(found)
