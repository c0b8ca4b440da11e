"""Rates k(T, p) of Arkane: chem.inp (Chemkin's PLOG and CHEB), read by Cantera's own reader, and output.py.

output.py is Python: its calls `pdepreaction(...)` are parsed and never run.
"""

from __future__ import annotations

import ast
import logging
import math
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import FileFormatError
from combust.units import PRESSURE

ENERGY = {"J/mol": 1e3, "kJ/mol": 1e6, "cal/mol": 4184.0, "kcal/mol": 4.184e6, "K": ct.gas_constant}  # to J/kmol
THIRD_BODY, ARROW, COEFFICIENT = re.compile(r"\(\+[^)]*\)"), re.compile("<?=>?"), re.compile(r"^[\d.]+(?=[^\d.])")
NOT_FINITE = ("nan", "inf")  # as numpy prints what a method that failed has left
A_UNITS = {"s^-1": 1.0, "cm^3/(mol*s)": 1e-3, "m^3/(mol*s)": 1e3, "cm^6/(mol^2*s)": 1e-6, "m^6/(mol^2*s)": 1e6}


@dataclass(frozen=True)
class Stated:
    """A reaction of a file:  rate : Cantera's, in SI with kmol, None where numbers of it are none (nan)

    T : its range [K], None where none is stated;  line : where it begins, from one
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    rate: Any
    line: int
    T: tuple[float, float] | None
    duplicate: bool = False


def is_output(text: str) -> bool:
    """Whether a text is an output.py with rates that hang on pressure."""
    return "pdepreaction(" in text


def is_chemkin(text: str) -> bool:
    """Whether a text has PLOG or CHEB entries."""
    return any(line.strip().upper().startswith(("PLOG", "CHEB", "TCHEB", "PCHEB")) for line in text.splitlines())


# --- output.py --------------------------------------------------------------------------------------------------------


def of_output(text: str, path: str) -> list[Stated]:
    """All `pdepreaction` of an output.py. Raises FileFormatError that names file and line."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise FileFormatError(f"{path}: line {line or '?'}: is no output of Arkane: {error}") from None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == "pdepreaction"]
    return [of_call(node, path) for node in calls]


def called(node: ast.Call) -> str:
    """Name of what is called."""
    return node.func.id if isinstance(node.func, ast.Name) else ""


def of_call(node: ast.Call, path: str) -> Stated:
    """One reaction."""
    given = {word.arg: word.value for word in node.keywords}
    where = f"{path}: line {node.lineno}"
    try:
        left, right = (tuple(map(str, ast.literal_eval(given[side]))) for side in ("reactants", "products"))
        kinetics = given["kinetics"]
        assert isinstance(kinetics, ast.Call)
        words = {word.arg: word.value for word in kinetics.keywords}
        kind = called(kinetics)
        if kind not in ("Chebyshev", "PDepArrhenius"):
            raise FileFormatError(f"{where}: kinetics {kind or '?'}: Chebyshev and PDepArrhenius are read")
        if any(isinstance(node, ast.Name) and node.id in NOT_FINITE for node in ast.walk(kinetics)):
            return Stated(left, right, None, node.lineno, None)
        span = validity(kinetics)
        rate = chebyshev(words) if kind == "Chebyshev" else plog(words)
    except FileFormatError:
        raise
    except (KeyError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise FileFormatError(f"{where}: pdepreaction cannot be read: {error!r}") from None
    except ct.CanteraError as error:
        raise FileFormatError(f"{where}: Cantera does not take the rate: {error}") from None
    return Stated(left, right, rate, node.lineno, span)


def validity(kinetics: ast.Call) -> tuple[float, float] | None:
    """Temperatures [K] for which all of a rate is, as it says or as its laws do; None where nothing does."""
    ends: dict[str, list[float]] = {"Tmin": [], "Tmax": []}
    for call in (node for node in ast.walk(kinetics) if isinstance(node, ast.Call)):
        for word in call.keywords:
            if word.arg in ends and not isinstance(word.value, ast.Constant):  # None where it is not known
                ends[word.arg].append(float(ast.literal_eval(word.value)[0]))
    low, high = max(ends["Tmin"], default=math.nan), min(ends["Tmax"], default=math.nan)
    return (low, high) if low < high else None


def chebyshev(words: dict[Any, ast.expr]) -> Any:
    """A Chebyshev rate; its coefficients are of log10 k in `kunits`."""
    data = np.array(ast.literal_eval(words["coeffs"]), dtype=float)
    data[0, 0] += np.log10(A_UNITS[ast.literal_eval(words["kunits"])])
    T = tuple(ast.literal_eval(words[name])[0] for name in ("Tmin", "Tmax"))
    return ct.ChebyshevRate(T, tuple(pascals(ast.literal_eval(words[name])) for name in ("Pmin", "Pmax")), data)


def plog(words: dict[Any, ast.expr]) -> Any:
    """A P-log rate; several laws at one pressure (MultiArrhenius) are summed."""
    values, unit = ast.literal_eval(words["pressures"])
    laws = words["arrhenius"]
    assert isinstance(laws, ast.List)
    made: list[Any] = []
    for value, law in zip(values, laws.elts, strict=True):
        assert isinstance(law, ast.Call)
        inner = {word.arg: word.value for word in law.keywords}
        parts = inner["arrhenius"].elts if called(law) == "MultiArrhenius" else [law]  # type: ignore[attr-defined]
        made += [(pascals((value, unit)), arrhenius(part)) for part in parts]
    return ct.PlogRate(made)


def arrhenius(law: ast.Call) -> ct.Arrhenius:
    """A (T / T0)^n exp(-Ea / RT)."""
    inner = {word.arg: ast.literal_eval(word.value) for word in law.keywords if word.arg != "comment"}
    A, unit = inner["A"][:2]
    T0 = inner.get("T0", (1.0, "K"))[0]
    Ea, energy = inner["Ea"][:2]
    n = inner["n"]
    return ct.Arrhenius(A * A_UNITS[unit] / T0**n, n, Ea * ENERGY[energy])


def pascals(pair: Any) -> float:
    """Of (value, unit)."""
    return float(pair[0]) * PRESSURE[pair[1]]


# --- chem.inp ---------------------------------------------------------------------------------------------------------


def of_chemkin(text: str, path: str, gas: ct.Solution) -> list[Stated]:
    """All reactions of a Chemkin file, or of its REACTIONS alone, whether `gas` has their species or not.

    Raises FileFormatError that names file and line.
    """
    from cantera import ck2yaml

    lines = text.splitlines()
    begins = next((i for i, line in enumerate(lines) if line.strip().upper().startswith("REAC")), None)
    head = [] if begins is None else lines[begins:]
    body = ["REACTIONS CAL/MOLE MOLES", *lines] if begins is None else head
    shift = 0 if begins is None else begins + 1
    parser = ck2yaml.Parser()
    parser.species_dict = {name: ck2yaml.Species(label=name) for name in {*gas.species_names, *species(body)}}
    quiet, ck2yaml.logger.propagate = ck2yaml.logger.propagate, False
    level = ck2yaml.logger.level
    ck2yaml.logger.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(path).name
            copy.write_text("\n".join(body) + "\n")
            parser.load_data_file(str(copy), parser.load_chemkin_file, "input")
        phase = bare(parser.species_dict)
        return [of_parsed(one, parser, phase, path, shift) for one in parser.reactions]
    except FileFormatError:
        raise
    except Exception as error:
        line = parser.current_range[0] + shift
        raise FileFormatError(f"{path}: line {max(line, 1)}: {str(error).strip() or 'cannot be read'}") from None
    finally:
        ck2yaml.logger.propagate = quiet
        ck2yaml.logger.setLevel(level)


def species(lines: Sequence[str]) -> set[str]:
    """Names in the equations of lines, each an equation and three numbers: Arkane writes H(2) for H."""
    found: set[str] = set()
    for line in lines:
        words = line.split("!")[0].split()
        equation = THIRD_BODY.sub("", "".join(words[:-3]))
        if "=" in equation:
            found |= {COEFFICIENT.sub("", name) for side in ARROW.split(equation) for name in side.split("+")}
    return found - {"", "M", "m"}


def bare(names: Iterable[str]) -> ct.Solution:
    """A phase of species of these names, for the units of rates alone: Cantera ends the process where one lacks."""
    made = []
    for name in names:
        one = ct.Species(name, {"H": 1})
        one.thermo = ct.ConstantCp(300.0, 3000.0, ct.one_atm, [300.0, 0.0, 0.0, 0.0])
        made.append(one)
    return ct.Solution(thermo="ideal-gas", kinetics="gas", species=made)


def of_parsed(one: Any, parser: Any, gas: ct.Solution, path: str, shift: int) -> Stated:
    """A reaction of Cantera's reader as its rate."""
    line = one.line_number + shift
    if one.reactants is None:
        raise FileFormatError(f"{path}: line {max(line, 1)}: is no reaction of the mechanism's species")
    sides = [tuple(sorted(kind.label for n, kind in side for _ in range(round(n))))
             for side in (one.reactants, one.products)]  # fmt: skip
    data: dict[str, Any] = {"equation": str(one)}
    one.kinetics.reduce(data)
    if not finite(data):
        return Stated(sides[0], sides[1], None, line, None)
    units = {"length": "cm", "quantity": parser.output_quantity_units, "activation-energy": parser.output_energy_units}
    try:
        made = ct.Reaction.from_yaml(as_yaml({**data, "units": {**units, **data.get("units", {})}}), gas)
    except ct.CanteraError as error:
        raise FileFormatError(f"{path}: line {line}: {one}: Cantera does not take it: {error}") from None
    rate: Any = made.rate
    span = rate.temperature_range if rate.type == "Chebyshev" else None
    return Stated(sides[0], sides[1], rate, line, span, bool(one.duplicate))


def finite(value: Any) -> bool:
    """Whether all numbers in an entry are finite."""
    if isinstance(value, dict):
        return finite(list(value.values()))
    if isinstance(value, np.ndarray | list | tuple):
        return all(finite(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def as_yaml(data: dict[str, Any]) -> str:
    """Text of an entry."""
    import json

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, list | tuple) else value

    return json.dumps(plain(data))
