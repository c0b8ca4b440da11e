"""Ranges of the command line and of files: "0.6:1.4:5" (from, to, how many), "1,2,5" (a list), "300", or a mixture."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from combust.errors import ConfigError, FileFormatError
from combust.units import ATM, PRESSURE, factor, to_si

HELP = "a:b:n (n equally spaced values from a to b), a list a,b,c, or one number"
PRESSURE_HELP = "a range in atm, or with a unit: 10bar, 1:10:4bar, 1e5Pa"
MOST = 100_000  # values of a range
ITEM = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z\N{DEGREE SIGN}\N{MICRO SIGN}][^,:]*|1/\w+|)")


def values(text: str, what: str = "range") -> list[float]:
    """Numbers of a range: values("0.5:2:4") is [0.5, 1.0, 1.5, 2.0]; what : the option, for the message.

    Raises ConfigError for a text of another form.
    """
    numbers: list[float] = []
    for item in text.split(","):
        found, unit = parse(item, text, what)
        if unit:
            raise ConfigError(f"{what} {text}: '{unit}' is not a number; allowed: {HELP}")
        numbers += found
    return numbers


def pressures(text: str, what: str = "--p") -> list[float]:
    """Pressures [Pa] of a range in atm, or in the unit that follows each item: "1,10", "1:10:4bar", "1e5Pa".

    Raises ConfigError for a text of another form, an unknown unit, or a pressure that is not positive.
    """
    found: list[float] = []
    for item in text.split(","):
        numbers, unit = parse(item, text, what)
        try:
            scale = factor(unit, "pressure") if unit else ATM
        except FileFormatError:
            raise ConfigError(f"{what} {text}: unit '{unit}' is unknown; known: {', '.join(PRESSURE)}") from None
        found += [number * scale for number in numbers]
    return positive(found, text, what)


def quantities(text: str, kind: str, what: str = "range") -> list[float]:
    """SI numbers of a range whose items may have units, which then count for those before them without one, too:
    quantities("1,10 bar", "pressure") is [1e5, 1e6]. Without any unit they are in SI.

    kind : a key of combust.units.TABLES. Raises ConfigError for a text of another form or an unknown unit.
    """
    found: list[float] = []
    unit = ""
    for item in reversed(text.split(",")):
        numbers, own = parse(item, text, what)
        unit = own or unit
        try:
            found[:0] = [to_si(number, kind, unit) for number in numbers] if unit else numbers
        except FileFormatError as error:
            raise ConfigError(f"{what} {text}: {error}") from None
    return found


def has_unit(text: str) -> bool:
    """Whether any item of a range says its unit."""
    return any(parse(item, text, "range")[1] for item in text.split(","))


def positive(numbers: list[float], text: str, what: str) -> list[float]:
    """`numbers`, all of them > 0. Raises ConfigError naming the first that is not."""
    for number in numbers:
        if not number > 0:
            raise ConfigError(f"{what} {text}: {number:g} is not positive")
    return numbers


def positive_numbers(what: str, numbers: Sequence[float]) -> list[float]:
    """`numbers` as floats, at least one and all of them finite and > 0. Raises ConfigError naming `what`."""
    found = [float(number) for number in numbers]
    for number in found:
        if not (math.isfinite(number) and number > 0):
            raise ConfigError(f"{what}: {number:g} is not positive and finite")
    if not found:
        raise ConfigError(f"{what}: give at least one value")
    return found


def parse(item: str, text: str, what: str) -> tuple[list[float], str]:
    """Values and unit of one item between commas; the unit may stand behind any of its numbers, but only one unit."""
    parts = [ITEM.fullmatch(part.strip()) for part in item.split(":")]
    if len(parts) not in (1, 3) or None in parts:
        raise ConfigError(f"{what} {text}: '{item.strip()}' cannot be read; allowed: {HELP}")
    numbers = [float(part[1]) for part in parts if part]
    units = {part[2] for part in parts if part and part[2]}
    if len(units) > 1 or not all(math.isfinite(number) for number in numbers):
        raise ConfigError(f"{what} {text}: '{item.strip()}' needs finite numbers and one unit; allowed: {HELP}")
    unit = units.pop() if units else ""
    if len(numbers) == 1:
        return numbers, unit
    first, last, count = numbers
    n = int(count)
    if n != count or not 1 <= n <= MOST or (n == 1 and first != last):
        raise ConfigError(
            f"{what} {text}: '{item.strip()}' asks for {count:g} values; allowed: a whole number from 2 to {MOST}"
        )
    return [first + (last - first) * i / max(n - 1, 1) for i in range(n)], unit


def stream(text: str) -> str:
    """A composition; a name alone is a pure gas."""
    return text if ":" in text else f"{text}:1"
