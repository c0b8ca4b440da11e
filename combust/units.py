"""Units that people write, to SI: `to_si("1064 kelvin", "temperature")`. One table for files and the command line."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

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
    "ps": 1e-12,
    "fs": 1e-15,
    "min": 60.0,
}
TEMPERATURE = {"K": 1.0, "kelvin": 1.0, "degK": 1.0, "R": 5 / 9, "rankine": 5 / 9}
CELSIUS = ("C", "°C", "degC", "celsius", "degree_Celsius")
LENGTH = {"m": 1.0, "km": 1e3, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9, "in": 0.0254,
          "ft": 0.3048, "angstrom": 1e-10}  # fmt: skip
VISCOSITY = {"Pa s": 1.0, "Pa.s": 1.0, "Pa*s": 1.0, "mPa s": 1e-3, "uPa s": 1e-6, "kg/m/s": 1.0, "P": 0.1, "cP": 1e-3}
SQUARES = {unit: float(Fraction(str(factor)) ** 2) for unit, factor in LENGTH.items()}
PER_TIME = {f"1/{unit}": 1 / factor for unit, factor in TIME.items()}
AMOUNT = {"": 1.0, "unitless": 1.0, "dimensionless": 1.0, "mole fraction": 1.0, "percent": 1e-2, "mole percent": 1e-2,
          "%": 1e-2, "ppm": 1e-6, "ppb": 1e-9, "mass fraction": 1.0}  # fmt: skip

VOLUME = {f"{unit}3": factor**3 for unit, factor in LENGTH.items()} | {"l": 1e-3, "liter": 1e-3, "ml": 1e-6}
FLUX = {f"{mass}{per}": m * f for mass, m in (("kg", 1.0), ("g", 1e-3)) for per, f in (
    ("/m2/s", 1.0), ("m-2s-1", 1.0), ("/(m2s)", 1.0), ("/cm2/s", 1e4), ("cm-2s-1", 1e4), ("/(cm2s)", 1e4))}  # fmt: skip

HEAT_FLUX = {f"{unit}{per}": f * g for unit, f in (("W", 1.0), ("kW", 1e3)) for per, g in (
    ("/m2", 1.0), ("/m^2", 1.0), ("/cm2", 1e4), ("/cm^2", 1e4))}  # fmt: skip

TABLES = {
    "heat flux": HEAT_FLUX,
    "volume": VOLUME,
    "mass flux": FLUX,
    "pressure": PRESSURE,
    "pressure gradient": {f"{p}/{m}": one / LENGTH[m] for p, one in PRESSURE.items() for m in ("m", "cm", "mm")},
    "time": TIME,
    "temperature": TEMPERATURE,
    "rate": PER_TIME | {unit.replace("1/", "") + "^-1": f for unit, f in PER_TIME.items()},
    "amount": AMOUNT,
    "temperature difference": TEMPERATURE,
    "length": LENGTH,
    "velocity": {f"{unit}{per}": factor for unit, factor in LENGTH.items() for per in ("/s", "s-1")},
    "acceleration": {f"{unit}/s{power}": factor for unit, factor in LENGTH.items() for power in ("2", "^2")},
    "wave number": {f"1/{unit}": float(1 / Fraction(str(factor))) for unit, factor in LENGTH.items()},
    "density": {"kg/m3": 1.0, "kg/m^3": 1.0, "g/cm3": 1e3, "g/cm^3": 1e3, "g/l": 1.0},
    "viscosity": VISCOSITY,
    "energy": {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "mJ": 1e-3, "uJ": 1e-6, "µJ": 1e-6, "μJ": 1e-6},
    "kinematic viscosity": {f"{name}2/s": square for name, square in SQUARES.items()},
    "energy per mass": {f"{name}2/s2": square for name, square in SQUARES.items()},
    "dissipation": {f"{name}2/s3": square for name, square in SQUARES.items()},
    "spectral energy": {f"{name}3/s2": float(Fraction(str(one)) ** 3) for name, one in LENGTH.items()},
}
CASED = ("mpa", "mpa s", "p", "mj")  # of which another spelling means another unit
COMPOSED = ("velocity", "volume", "mass flux")
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
    if kind in COMPOSED and unit not in table:  # "kg * m**-2 * s**-1", "cm^3": spelled out
        unit = re.sub(r"[\s*^.·]", "", unit)
    if unit in table:
        return table[unit]
    loose = {name.lower(): value for name, value in table.items()}
    if unit.lower() in loose and unit.lower() not in CASED:
        return loose[unit.lower()]
    raise FileFormatError(f"unit '{unit}' of a {kind} is unknown; known: {', '.join(names(kind))}")


def names(kind: str) -> list[str]:
    """All units of a kind, those with another zero too."""
    return [name for name in TABLES[kind] if name] + list(CELSIUS if kind == "temperature" else ())


def to_si(value: float | int | str, kind: str, unit: str = "") -> float:
    """A quantity in SI: a number in `unit`, or a text with its own unit, which then counts.

    kind : "temperature" (K), "pressure" (Pa), "time" (s), "amount" (a fraction) or another of TABLES. The product is
    rounded once: "5 us" is the number 5e-6.
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
    found = float(Decimal(repr(number)) * Decimal(repr(factor(unit, kind))))
    if not math.isfinite(found):
        raise FileFormatError(f"'{value}' is too large: in SI it is not finite")
    return found
