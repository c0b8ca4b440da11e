"""Units that people write, to SI: `to_si("1064 kelvin", "temperature")`. One table for files and the command line."""

from __future__ import annotations

import math
import re

from combust.errors import FileFormatError

ATM = 101325.0

# Factor to the SI unit; names are compared without case except where that would be ambiguous (mPa, MPa).
PRESSURE = {
    "Pa": 1.0,
    "pascal": 1.0,
    "hPa": 1e2,
    "kPa": 1e3,
    "kilopascal": 1e3,
    "MPa": 1e6,
    "megapascal": 1e6,
    "bar": 1e5,
    "mbar": 1e2,
    "millibar": 1e2,
    "atm": ATM,
    "atmosphere": ATM,
    "Torr": ATM / 760,
    "mmHg": ATM / 760,
    "psi": 6894.757293168,
}
TIME = {
    "s": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "millisecond": 1e-3,
    "milliseconds": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "microsecond": 1e-6,
    "microseconds": 1e-6,
    "ns": 1e-9,
    "nanosecond": 1e-9,
    "min": 60.0,
}
TEMPERATURE = {"K": 1.0, "kelvin": 1.0, "degK": 1.0, "R": 5 / 9, "rankine": 5 / 9}
CELSIUS = ("C", "°C", "degC", "celsius", "degree_Celsius")
PER_TIME = {f"1/{unit}": 1 / factor for unit, factor in TIME.items()}
AMOUNT = {"": 1.0, "unitless": 1.0, "dimensionless": 1.0, "mole fraction": 1.0, "percent": 1e-2, "mole percent": 1e-2,
          "%": 1e-2, "ppm": 1e-6, "ppb": 1e-9, "mass fraction": 1.0}  # fmt: skip

TABLES = {
    "pressure": PRESSURE,
    "time": TIME,
    "temperature": TEMPERATURE,
    "rate": PER_TIME | {unit.replace("1/", "") + "^-1": f for unit, f in PER_TIME.items()},
    "amount": AMOUNT,
}
NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?)\s*(.*?)\s*$")


def split(text: str) -> tuple[float, str]:
    """Number and unit of "220 kPa"; the unit is empty if there is none. Raises FileFormatError without a number."""
    found = NUMBER.match(text)
    if found is None:
        raise FileFormatError(f"'{text}' is not a number with a unit")
    return float(found[1].lower().replace("d", "e")), found[2]


def factor(unit: str, kind: str) -> float:
    """What a number in `unit` is multiplied by to be in SI. Raises FileFormatError for an unknown unit."""
    table = TABLES[kind]
    if unit in table:
        return table[unit]
    loose = {name.lower(): value for name, value in table.items()}
    if unit.lower() in loose and unit.lower() != "mpa":
        return loose[unit.lower()]
    raise FileFormatError(f"unit '{unit}' of a {kind} is unknown; known: {', '.join(name for name in table if name)}")


def to_si(value: float | int | str, kind: str, unit: str = "") -> float:
    """A quantity in SI: a number in `unit`, or a text with its own unit, which then counts.

    kind : "temperature" (K), "pressure" (Pa), "time" (s), "rate" (1/s) or "amount" (a fraction)
    Raises FileFormatError for a text that is no number, an unknown or missing unit, or a value that is not finite.
    """
    try:
        number, own = split(value) if isinstance(value, str) else (float(value), "")
    except OverflowError:
        raise FileFormatError("a number of that many digits is not finite") from None
    unit = own or unit
    if not math.isfinite(number):
        raise FileFormatError(f"'{value}' is not finite")
    if kind == "temperature" and unit.lower() in (name.lower() for name in CELSIUS):
        return number + 273.15
    return number * factor(unit, kind)
