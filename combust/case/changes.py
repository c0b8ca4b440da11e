"""What a restart may change: between the case that wrote a checkpoint and the one that continues it.

| table      | may change                                      | with --change only                          |
|------------|-------------------------------------------------|---------------------------------------------|
| title, device, stop, output | all                            |                                             |
| numerics   | cfl, dt, dt_max, dt_first, growth, pressure, compile, eager_steps | all others                     |
| chemistry  | who integrates: all of it                       | from or to kind = "none"                    |
| gas        |                                                 | all; the species of the mechanism must stay |
| turbulence, combustion, sources, initial, boundary |         | all                                         |
| mesh, model |                                                | nothing: cells and equations must be the same |

Exact, learned and CVODE chemistry take each other's checkpoints: a checkpoint belongs to a mechanism, not to what
integrates it. `initial` counts: inflows without a gas of their own bring in the initial one, and learned chemistry
takes its references from the initial flame.
"""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from combust.case.config import DEFAULT_MODEL, Config
from combust.case.load import convert
from combust.errors import ConfigError
from combust.settings.config import flat

FREE = (
    "title", "device", "stop", "output", "chemistry", "gas.mechanism",  # which is known by its hash, not by its name
    *(f"numerics.{key}" for key in ("cfl", "dt", "dt_max", "dt_first", "growth", "pressure", "compile", "eager_steps")),
)  # fmt: skip
KIND = "chemistry.kind"
MOST = 6  # differences of meshes in one message


def differences(before: str, now: Config) -> list[str]:
    """Each as "initial.phi: 0.6, now 0.7"; before: the case in a checkpoint, as TOML."""
    then, given = _values(before), dict(flat(msgspec.to_builtins(now)))
    keys = [key for key in {**then, **given} if not any(key == f or key.startswith(f + ".") for f in FREE)]
    if "none" in (then.get(KIND), given.get(KIND)):
        keys.append(KIND)
    return [f"{key}: {_shown(then, key)}, now {_shown(given, key)}" for key in keys if then.get(key) != given.get(key)]


def apart(before: str, now: Config, key: str) -> str:
    """What is other in what cases must share to continue each other, in words; before : as above.

    key : "mesh", "mechanism" or "species", of the identity of a checkpoint; "" where the words are not known
    """
    then, given = _values(before), dict(flat(msgspec.to_builtins(now)))
    if key == "mesh":
        found = [f"{k}: {_shown(then, k)}, now {_shown(given, k)}" for k in {**then, **given}
                 if k.startswith("mesh.") and then.get(k) != given.get(k)]  # fmt: skip
        return "; ".join(found[:MOST]) + (f" and {len(found) - MOST} more" if len(found) > MOST else "")
    names = [tuple(values.get(f"gas.{k}") for k in ("mechanism", "phase")) for values in (then, given)]
    if key not in ("mechanism", "species") or names[0][0] is None:
        return ""
    if names[0] == names[1]:
        return f"{names[0][0]} as it was then"
    return ", now ".join(" ".join(str(part) for part in name if part is not None) for name in names)


def put_in(before: str, t: float) -> dict[str, float] | None:
    """What the sources of the case in a checkpoint had put in until t [s], by name: `spark_energy` [J].

    None where it has sources that this version cannot read.  before : as above.
    """
    raw = _raw(before)
    try:
        sources = convert(raw, "checkpoint").sources if raw.get("sources") else ()
    except ConfigError:
        return None
    found: dict[str, float] = {}
    for amounts in (source.put_in(t) for source in sources):
        for name, amount in amounts.items():
            found[name] = found.get(name, 0.0) + amount
    return found


def _raw(text: str) -> dict[str, Any]:
    """The tables of a case as they are written; none of a text that is no TOML."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    for side in raw.get("boundary", {}).values():
        if isinstance(side, dict) and side.get("kind") == "inflow":
            side.setdefault("inlet", "value")  # what all inflows did before they had the key
    return raw


def _values(text: str) -> dict[str, Any]:
    raw = _raw(text)
    if not raw:
        return {}
    try:
        raw = msgspec.to_builtins(convert(raw, "checkpoint"))  # keys that came since then get their defaults
    except ConfigError:
        raw.setdefault("model", {"kind": DEFAULT_MODEL})  # of a version that reads otherwise: compared as written
    return {key: value for key, value in flat(raw)}


def _shown(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return "not given" if value is None else str(value)
