"""Tables k(T, p) in the output of MESS: its section "Temperature-Pressure Rate Tables".

A block for each pair of wells or bimolecular products: "W1->P1", a row of temperatures that begins with P\\T, a row for
each pressure, and one called O-O, at infinite pressure. *** is a rate that the program could not define. Rates are in
1/s, or cm3/s of two reactants; the unit of pressure stands in the section "Pressure-Species Rate Tables" above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from combust.errors import FileFormatError
from combust.kinetics.falloff.densities import Array
from combust.units import PRESSURE

SECTION = "Temperature-Pressure Rate Tables"
TITLE = re.compile(r"^(\S+?)->(\S+)\s*$")
UNIT = re.compile(r"P\((torr|bar|atm)\)|Pressure\s*=\s*\S+\s+(torr|bar|atm)", re.I)
UNDEFINED = "***"


@dataclass(frozen=True)
class Block:
    """Rates of one pair as they stand there:  k : shape (T, p), 1/s or cm3/molecule/s, nan where it is not defined

    line : of its title, from one;  p : [Pa];  high : at infinite pressure, shape (T,)
    """

    left: str
    right: str
    line: int
    T: Array
    p: Array
    k: Array
    high: Array


def is_mess(text: str) -> bool:
    """Whether a text is such an output."""
    return SECTION in text


def blocks(text: str, path: str) -> list[Block]:
    """All blocks of a file. Raises FileFormatError that names file and line."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if SECTION in line)
    unit = next((m for line in lines[:start] if (m := UNIT.search(line))), None)
    if unit is None:
        raise FileFormatError(f"{path}: nothing above line {start + 1} says the unit of pressure, such as P(atm)")
    scale = {name.lower(): value for name, value in PRESSURE.items()}[(unit[1] or unit[2]).lower()]
    titles = [i for i in range(start + 1, len(lines)) if TITLE.match(lines[i].strip())]
    if not titles:
        raise FileFormatError(f"{path}: line {start + 1}: no block such as W1->P1 follows '{SECTION}'")
    return [block(lines, i, scale, path) for i in titles]


def block(lines: list[str], at: int, scale: float, path: str) -> Block:
    """The block whose title stands at line `at`, from zero. Raises FileFormatError."""
    title = TITLE.match(lines[at].strip())
    assert title is not None
    rows = list(filled(lines, at + 1))
    if not rows or not rows[0][1].startswith("P\\T"):
        raise FileFormatError(f"{path}: line {at + 2}: {title[0].strip()}: a row 'P\\T' of temperatures must follow")
    T = np.array(numbers(rows[0][1].split()[1:], rows[0][0], path))
    p, k, high = [], [], np.full(len(T), np.nan)
    for number, line in rows[1:]:
        first, *rest = line.split()
        values = numbers(rest, number, path)
        if len(values) != len(T):
            raise FileFormatError(f"{path}: line {number}: {len(values)} rates for {len(T)} temperatures: is it cut?")
        if first == "O-O":
            high = np.array(values)
            break
        p.append(numbers([first], number, path)[0] * scale)
        k.append(values)
    if not p:
        raise FileFormatError(f"{path}: line {at + 1}: {title[0].strip()}: has no pressures: is it cut?")
    return Block(title[1], title[2], at + 1, T, np.array(p), np.array(k).T, high)


def filled(lines: list[str], start: int) -> Iterator[tuple[int, str]]:
    """Lines of a block with their numbers from one: those until an empty one after the first that is not."""
    seen = False
    for i in range(start, len(lines)):
        text = lines[i].strip()
        if text:
            seen = True
            yield i + 1, text
        elif seen:
            return


def numbers(words: list[str], line: int, path: str) -> list[float]:
    """Of a row; nan for ***. Raises FileFormatError."""
    try:
        return [float("nan") if word == UNDEFINED else float(word) for word in words]
    except ValueError:
        raise FileFormatError(f"{path}: line {line}: '{' '.join(words)[:60]}' must be numbers or {UNDEFINED}") from None
