"""The error table: the same quantity on every level that has it, and the error that each link adds."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from combust.chain.links import flows, kinetics, levels, rates
from combust.chain.settings import Chain
from combust.errors import FileFormatError
from combust.files import read_json
from combust.io.series import read_series
from combust.report.numbers import restored
from combust.units import ATM

LEVELS = ("experiment", "detailed", "reduced", "exact flow", "learned", "flow")
"""In the order of the chain. exact flow: the flow solver with exact chemistry of the reduced mechanism; learned: the
network in reactors and in the flames of its report card; flow: the network in the chain's own flows."""
HELD_OUT, SEARCHED, UNTRAINED, MEASURED = "held out", "search", "not trained on", "measured"
QUANTITIES = {
    "flame_speed": "m/s", "flame_surface": "m", "heat_release": "W", "T_max": "K", "kinetic_energy": "J",
    "consumption_speed": "m/s",
}  # fmt: skip
LATE = 0.5  # share of a run over whose end a planar flame's speed is averaged


class Row(Struct, frozen=True, kw_only=True):
    """A quantity at a condition. errors : of a level against the one before it in the chain that the row has, relative
    (in K where the unit is K); bar : what the link was allowed, relative, None if nothing was asked
    band : 95 % of what the detailed mechanism may give, by what its rate constants may be off by, if that is stated
    """

    quantity: str
    unit: str
    condition: str
    seen: str
    values: dict[str, float]
    errors: dict[str, float]
    bar: float | None = None
    source: str = ""
    band: tuple[float, float] | UnsetType = UNSET


def row(
    quantity: str, unit: str, condition: str, seen: str, values: dict[str, float], against: dict[str, str],
    bar: float | None = None, source: str = "", band: tuple[float, float] | UnsetType = UNSET,
) -> Row:  # fmt: skip
    """A row of what there is; against : level -> the level that it is compared with."""
    known = {level: values[level] for level in LEVELS if math.isfinite(values.get(level, math.nan))}
    errors = {
        level: known[level] - known[other] if unit == "K" else known[level] / known[other] - 1.0
        for level, other in against.items()
        if level in known and other in known and (unit == "K" or known[other])
    }
    return Row(
        quantity=quantity,
        unit=unit,
        condition=condition,
        seen=seen,
        values=known,
        errors=errors,
        bar=bar,
        source=source,
        band=band,
    )


def rows(settings: Chain, out: Path) -> list[Row]:
    """All of a chain whose stages are there. Raises FileFormatError for files that are not what a stage writes."""
    found = restored(read_json(out / levels.NAME / levels.NUMBERS))
    card = restored(read_json(out / "verify" / "report.json"))
    try:
        return [
            *of_experiments(out), *of_reduction(restored(read_json(out / "reduce" / "report.json"))),
            *of_reactors(card, found), *of_flames(card, found), *of_flows(settings, out, found),
        ]  # fmt: skip
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"{out}: a stage's numbers lack {error}") from error


def of_experiments(out: Path) -> Iterator[Row]:
    """Measured points, simulated with both mechanisms."""
    tables = [out / "validate" / kinetics.TABLE, out / levels.NAME / levels.REDUCED_TABLE]
    detailed, reduced = (measured(path) for path in tables)
    bands = rates.bands(out, [key for key, _ in keyed(tables[0])])
    for key, one in detailed.items():
        values = {"experiment": number(one["measured"]), "detailed": number(one["simulated"])}
        values["reduced"] = number(reduced[key]["simulated"]) if key in reduced else math.nan
        sigma = number(one["sigma"])
        bar = 2.0 * sigma / values["experiment"] if math.isfinite(sigma) and values["experiment"] else None
        T = one["compressed_temperature_K"] or one["temperature_K"]
        state = f"{float(T):.4g} K, {float(one['pressure_Pa']) / ATM:.3g} atm, {shortened(one['composition'])}"
        condition = f"{one['data_set']}: {state}"
        yield row(one["quantity"], one["unit"], condition, MEASURED, values,
                  {"detailed": "experiment", "reduced": "detailed"}, bar, "validate",
                  bands.get(key, UNSET))  # fmt: skip


def measured(path: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """Rows of validate.csv by what tells them apart."""
    return dict(keyed(path))


def keyed(path: Path) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Rows of validate.csv, each with what tells it apart."""
    with path.open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    names = ("data_set", "quantity", "temperature_K", "pressure_Pa", "composition", "distance_m", "residence_time_s")
    return [((*(one[name] for name in names), one["measured"]), one) for one in found]


def number(text: str) -> float:
    """NaN for an empty cell."""
    return float(text) if text else math.nan


def shortened(composition: str) -> str:
    """A mixture in a few words: what burns, and three digits."""
    parts = [part.strip().rpartition(":") for part in composition.split(",")]
    return ", ".join(f"{name} {float(x):.3g}" for name, _, x in parts if float(x) >= 1e-4)


def of_reduction(found: dict[str, Any]) -> Iterator[Row]:
    """Conditions of the search and those held out; profiles have no one value, and an error all the same."""
    units = {"ignition_delay": "s", "flame_speed": "m/s", "extinction_time": "s"}
    for case in found["cases"]:
        seen = HELD_OUT if case["held_out"] else SEARCHED
        for value in case["values"]:
            name = value["metric"]
            if value["detailed"] is None or not math.isfinite(value["detailed"]):
                continue
            values = {"detailed": value["detailed"], "reduced": value["reduced"]}
            unit = "K" if name.endswith("temperature") else units.get(name, "1")
            yield row(name.replace("_", " "), unit, case["name"], seen, values,
                      {"reduced": "detailed"}, allowed(value, unit), "reduce")  # fmt: skip


def allowed(value: dict[str, Any], unit: str) -> float | None:
    """The tolerance of a value in units of its error: in K of temperatures, where it is a share of their rise."""
    tolerance: float | None = value["tolerance"]
    if tolerance is None or unit != "K":
        return tolerance
    return tolerance * abs(value["reduced"] - value["detailed"]) / value["error"] if value["error"] else None


def of_reactors(card: dict[str, Any], found: dict[str, Any]) -> Iterator[Row]:
    """Reactors of the report card, router on."""
    known = {(one["phi"], one["T"], one["p"]): one for one in found["reactors"]}
    for run in card.get("reactors", []):
        for case in run["cases"] if run["mode"] == "router" else []:
            both = known[case["phi"], case["T"], case["p"]]
            # The card's error: the exact delay is read at the network's own time steps, too.
            values = {"detailed": both["detailed"], "reduced": both["reduced"]}
            values["learned"] = both["reduced"] * (1.0 + case["delay_error"])
            condition = f"{case['name']} at constant pressure, dt {run['dt']:.2g} s"
            against = {"reduced": "detailed", "learned": "reduced"}
            yield row("ignition delay", "s", condition, UNTRAINED, values, against, source="verify")  # fmt: skip
            exact, own = case["burnt_T"]
            yield row("burnt temperature", "K", condition, UNTRAINED, {"reduced": exact, "learned": own},
                      {"learned": "reduced"}, source="verify")  # fmt: skip
            for species, (exact, own) in case["peaks"].items():
                yield row(f"peak {species}", "kg/kg", condition, UNTRAINED, {"reduced": exact, "learned": own},
                          {"learned": "reduced"}, source="verify")  # fmt: skip


def of_flames(card: dict[str, Any], found: dict[str, Any]) -> Iterator[Row]:
    """Planar flames of the report card, router on: by the flow solver, exact and learned."""
    known = {(one["phi"], one["T"], one["p"]): one for one in found["flames"]}
    against = {"reduced": "detailed", "exact flow": "reduced", "learned": "exact flow"}
    for flame in card.get("flames", []):
        if flame["mode"] != "router":
            continue
        both = known[flame["phi"], flame["T"], flame["p"]]
        condition = f"planar flame, phi {flame['phi']:g}, {flame['p'] / ATM:.3g} atm, {flame['T']:g} K"
        for quantity, unit, own in (("flame speed", "m/s", "speed"), ("burnt temperature", "K", "burnt_T")):
            # The domains of the card's flames end before radicals have recombined: T there is not that of Cantera's.
            values = {level: both[level][own] for level in ("detailed", "reduced") if own == "speed"}
            values |= dict(zip(("exact flow", "learned"), flame[own], strict=True))
            yield row(quantity, unit, condition, UNTRAINED, values, against, source="verify")
        for species, (exact, learned) in flame["peaks"].items():
            yield row(f"peak {species}", "kg/kg", condition, UNTRAINED, {"exact flow": exact, "learned": learned},
                      against, source="verify")  # fmt: skip


def of_flows(settings: Chain, out: Path, found: dict[str, Any]) -> Iterator[Row]:
    """The flows of the chain at their ends, beside the same with exact chemistry and their free flames."""
    against = {"detailed": "experiment", "reduced": "detailed", "exact flow": "reduced", "flow": "exact flow"}
    for name, flow in settings.flows.items():
        own = {"flow": read_series(out / name / flows.SERIES)}
        if flow.exact:
            own["exact flow"] = read_series(out / f"{name}{flows.EXACT}" / flows.SERIES)
        planar = len(flow.case.get("mesh", {}).get("cells", [])) == 1
        for quantity, unit in QUANTITIES.items():
            if any(quantity not in series for series in own.values()):
                continue
            values = {level: end_of(series, quantity, planar) for level, series in own.items()}
            condition, bar = f"flow {name}, t = {own['flow']['time'][-1]:.3g} s", None
            if quantity == "flame_speed" and planar and name in found["flows"]:
                both = found["flows"][name]
                values |= {level: both[level]["speed"] for level in ("detailed", "reduced")}
                condition = f"flow {name}: phi {both['phi']:g}, {both['p'] / ATM:.3g} atm, {both['T']:g} K"
                if isinstance(known := both["experiment"], dict):  # else none is of this gas
                    values["experiment"], sigma = known["measured"], known["sigma"]
                    condition += f"; experiment: {known['data_set']}"
                    bar = 2.0 * sigma / values["experiment"] if sigma > 0 else None
            yield row(quantity.replace("_", " "), unit, condition, UNTRAINED, values, against, bar, name)


def end_of(series: dict[str, list[float]], quantity: str, planar: bool) -> float:
    """The last value; of a planar flame's speed the mean over the last half of the time, as it comes to rest."""
    values = series[quantity]
    if not (planar and quantity.endswith("speed")):
        return values[-1]
    late = [v for t, v in zip(series["time"], values, strict=True) if t >= LATE * series["time"][-1]]
    return sum(late) / len(late)


def worst(found: Sequence[Row]) -> list[tuple[str, str, str, int, float, float, Row]]:
    """Of each link and quantity: (level, quantity, unit, how many, mean size, largest size, where)."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for one in found:
        for level in one.errors:
            groups.setdefault((level, one.quantity, one.unit), []).append(one)
    made = []
    for (level, quantity, unit), own in sorted(groups.items(), key=lambda item: LEVELS.index(item[0][0])):
        sizes = [abs(one.errors[level]) for one in own]
        place = max(range(len(own)), key=sizes.__getitem__)
        made.append((level, quantity, unit, len(own), sum(sizes) / len(sizes), sizes[place], own[place]))
    return made
