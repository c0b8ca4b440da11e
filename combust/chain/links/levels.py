"""The same quantities on several levels: detailed and reduced mechanism where the network and the flows were asked."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from combust.chain.links import kinetics
from combust.chain.links.flows import case_of
from combust.chain.links.kinetics import MECHANISM, loaded
from combust.chain.settings import Chain
from combust.chain.stage import Stage, Work
from combust.errors import CombustError
from combust.files import read_json
from combust.report.numbers import finite
from combust.settings.trees import tree

NAME, NUMBERS = "levels", "levels.json"
REDUCED_TABLE = "reduced/validate.csv"
ALIKE = 0.005  # of mole fractions, and the same of T and p in shares: an experiment is of the flow's own gas
NEAR = 0.02


def stage(settings: Chain, out: Path, before: tuple[Stage, ...]) -> Stage:
    """Reads the conditions of the report card; those of the flows are in the settings."""
    planar = {name: without_output(flow.case) for name, flow in settings.flows.items() if is_planar(flow.case)}
    published = tree(settings.validate).only("refine", "transport", "hold", "within", "soret", "alias")
    own = published.beside({"flames": planar, "fuel": settings.fuel, "oxidizer": settings.oxidizer})
    command = kinetics.command_of_validate(settings, out / "reduce" / MECHANISM, settings.validate.data)
    return Stage(
        NAME, "detailed and reduced mechanism at the conditions of network and flows",
        lambda work: levels(settings, work), own, settings.validate.data, ("mechanism", "reduce", "verify"),
        {NUMBERS: None, REDUCED_TABLE: None}, command=command,
    )  # fmt: skip


def without_output(case: dict[str, Any]) -> dict[str, Any]:
    """What of a case a free flame hangs on."""
    return {name: copy.deepcopy(case.get(name, {})) for name in ("gas", "initial")}


def is_planar(case: dict[str, Any]) -> bool:
    """Whether it begins with a free flame, whose speed has other levels."""
    initial = case.get("initial")
    return isinstance(initial, dict) and initial.get("kind") == "flame"


def levels(settings: Chain, work: Work) -> None:
    """levels.json, and validate.csv of the reduced mechanism."""
    detailed, reduced = (loaded(settings, work.out / name / MECHANISM) for name in ("mechanism", "reduce"))
    (work.folder / "reduced").mkdir(exist_ok=True)
    kinetics.validate(settings, work.out / "reduce" / MECHANISM, work.folder / "reduced")
    card = read_json(work.out / "verify" / "report.json")
    speeds = Speeds(settings, detailed, reduced)
    found = {
        "reactors": list(reactors(settings, card, detailed, reduced, work)),
        "flames": list(flames(settings, card, speeds, work)),
        "flows": {
            name: of_flow(settings, name, speeds, work)
            for name in settings.flows
            if is_planar(settings.flows[name].case)
        },
    }
    (work.folder / NUMBERS).write_text(json.dumps(finite(found), indent=1) + "\n", encoding="utf-8")


def reactors(
    settings: Chain, card: dict[str, Any], detailed: Any, reduced: Any, work: Work
) -> Iterator[dict[str, Any]]:
    """Delays [s] of both mechanisms at constant pressure, of each reactor of the card."""
    from combust.kinetics.reactors.ignite import ignite

    cases = {
        (c["phi"], c["T"], c["p"]) for run in card.get("reactors", []) if run["mode"] == "router" for c in run["cases"]
    }
    for done, (phi, T, p) in enumerate(sorted(cases)):
        one = {"phi": phi, "T": T, "p": p}
        for level, gas in (("detailed", detailed), ("reduced", reduced)):
            table = ignite(gas, settings.fuel, settings.oxidizer, [phi], [T], [p], hold="hp", rtol=1e-8)
            one[level] = table.rows[0].delays[0]
        work.reporter.of("reactors").reach(done + 1, len(cases))
        yield one


class Speeds:
    """Free flames of both mechanisms, by Cantera."""

    def __init__(self, settings: Chain, detailed: Any, reduced: Any) -> None:
        self.gases = {"detailed": detailed, "reduced": reduced}
        self.own = settings.validate

    def at(self, T: float, p: float, fuel: str, oxidizer: str, phi: float) -> dict[str, Any]:
        """Speed [m/s] and burnt T [K] by level, as the chain's flows have them: without thermal diffusion."""
        from combust.kinetics.flames.free import free_flame

        found: dict[str, Any] = {"T": T, "p": p, "phi": phi}
        for level, gas in self.gases.items():
            try:
                flame = free_flame(gas, T, p, fuel, oxidizer, phi, self.own.transport, refine=self.own.refine)
            except CombustError as error:
                found[level] = {"speed": math.nan, "burnt_T": math.nan, "failure": str(error)}
            else:
                found[level] = {"speed": flame.speed, "burnt_T": flame.burnt_temperature}
        return found


def flames(settings: Chain, card: dict[str, Any], speeds: Speeds, work: Work) -> Iterator[dict[str, Any]]:
    """Of each flame of the card."""
    cases = {(f["T"], f["p"], f["phi"]) for f in card.get("flames", []) if f["mode"] == "router"}
    for done, (T, p, phi) in enumerate(sorted(cases)):
        yield speeds.at(T, p, settings.learned.fuel, settings.learned.oxidizer, phi)
        work.reporter.of("flames").reach(done + 1, len(cases))


def of_flow(settings: Chain, name: str, speeds: Speeds, work: Work) -> dict[str, Any]:
    """The free flame that a flow begins with, on both levels, and the experiment of the same gas, if there is one."""
    from combust.case.load import convert

    config = convert(case_of(settings, name, True, work.out), f"flows.{name}.case")
    initial: Any = config.initial
    found = speeds.at(initial.temperature, config.gas.pressure, initial.fuel, initial.oxidizer, initial.phi)
    fresh = mole_fractions(speeds.gases["detailed"], initial.fuel, initial.oxidizer, initial.phi)
    found["experiment"] = experiment(work.out / "validate" / kinetics.TABLE, found, fresh)
    return found


def mole_fractions(gas: Any, fuel: str, oxidizer: str, phi: float) -> dict[str, float]:
    """Of the fresh gas."""
    solution = gas.cantera()
    solution.set_equivalence_ratio(phi, fuel, oxidizer, basis="mole")
    return dict(solution.mole_fraction_dict())


def experiment(table: Path, at: dict[str, Any], fresh: dict[str, float]) -> dict[str, Any] | None:
    """The burning velocity that was measured of this gas, the one of the nearest composition; None if there is none."""
    import csv

    found: list[tuple[float, dict[str, Any]]] = []
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["quantity"] != "burning velocity" or row["basis"] != "mole":
                continue
            T, p = float(row["temperature_K"]), float(row["pressure_Pa"])
            apart = distance(fractions(row["composition"]), fresh)
            if abs(T / at["T"] - 1) < NEAR and abs(p / at["p"] - 1) < NEAR and apart < ALIKE:
                sigma = float(row["sigma"]) if row["sigma"] else None
                found.append((apart, {"measured": float(row["measured"]), "sigma": sigma, "data_set": row["data_set"],
                                      "reference": row["reference"]}))  # fmt: skip
    return min(found, key=lambda one: one[0])[1] if found else None


def fractions(text: str) -> dict[str, float]:
    """Shares that add up to one, of "H2:0.3, O2:0.15"."""
    pairs = [part.rpartition(":") for part in text.split(",")]
    found = {name.strip(): float(x) for name, _, x in pairs}
    total = sum(found.values())
    return {name: x / total for name, x in found.items()}


def distance(one: dict[str, float], other: dict[str, float]) -> float:
    """The largest difference of a mole fraction."""
    return max(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in one.keys() | other.keys())
