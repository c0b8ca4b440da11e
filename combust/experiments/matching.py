"""What an experiment names, in the words of a mechanism: species, and how ignition is detected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from combust.errors import ConfigError, MechanismError
from combust.experiments.formats.data import Criterion, DataSet, IgnitionPoint
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import KINDS, SAME

EXCITED = re.compile(r"(?P<ground>OH|CH|C2|CO2|CN|NO|NH)(\*|EX|V|\(A\)|-A)", re.IGNORECASE)
MARKS = ("*", "EX", "V", "(A)", "S")  # how mechanisms mark electronically excited species
SIGNALS = {"temperature": "T", "t": "T", "pressure": "p", "p": "p"}
DEFAULT = Criterion("pressure", "d/dt max")


class Names:
    """Finds a mechanism's species by the names of a data set."""

    def __init__(self, gas: Mechanism, aliases: Iterable[str] = ()) -> None:
        """aliases : "A=B" each, species A of the data being B of the mechanism. Raises ConfigError."""
        self.gas = gas
        self.aliases: dict[str, str] = {}
        for text in aliases:
            theirs, equals, ours = (part.strip() for part in text.partition("="))
            if not (theirs and equals and ours):
                raise ConfigError(f"--alias {text}: allowed: NAME_IN_THE_DATA=NAME_IN_THE_MECHANISM")
            gas.index(ours)
            self.aliases[theirs.lower()] = ours
        self.loose: dict[str, list[str]] = {}
        for name in gas.species:
            self.loose.setdefault(name.lower(), []).append(name)

    def find(self, name: str) -> str | None:
        """The mechanism's name: by alias, exactly, or without regard to case where that is not ambiguous."""
        if name.lower() in self.aliases:
            return self.aliases[name.lower()]
        if name in self.gas.species:
            return name
        same = self.loose.get(name.lower(), [])
        return same[0] if len(same) == 1 else None

    def require(self, name: str, data: DataSet) -> str:
        """Like `find`. Raises MechanismError naming data set and species, with species of the same formula."""
        found = self.find(name)
        if found is not None:
            return found
        same = self.same_formula(data.inchi.get(name, ""))
        hint = f"; of the same formula: {', '.join(same)}" if same else ""
        raise MechanismError(
            f"{data.path}: species '{name}' is not in {self.gas.path}{hint}; if it is there under another name, use "
            f'--alias "{name}={same[0] if same else "NAME"}"'
        )

    def same_formula(self, inchi: str) -> list[str]:
        """Species with the atoms of an InChI's formula layer, e.g. 1S/C7H16/..."""
        layers = inchi.removeprefix("InChI=").split("/")
        if len(layers) < 2:
            return []
        atoms = {e.upper(): int(n or 1) for e, n in re.findall(r"([A-Z][a-z]?)(\d*)", layers[1])}
        wanted = torch.tensor([float(atoms.pop(e.upper(), 0)) for e in self.gas.elements], dtype=torch.float64)
        if atoms:
            return []
        match = (self.gas.element_matrix.cpu() == wanted.unsqueeze(1)).all(0)
        return [name for name, same in zip(self.gas.species, match.tolist(), strict=True) if same]


def mass_fractions(points: Sequence[Any], data: DataSet, names: Names) -> Tensor:
    """Y (species, points) of points with X and basis. Raises MechanismError for a species that the mechanism lacks."""
    gas = names.gas
    amounts = torch.zeros(len(gas.species), len(points), dtype=torch.float64)
    for i, point in enumerate(points):
        for name, x in point.X.items():
            if x > 0:
                amounts[gas.index(names.require(name, data)), i] += x
    amounts = amounts.to(gas.device)
    moles = torch.tensor([point.basis == "mole" for point in points], device=gas.device)
    mass = torch.where(moles, amounts * gas.molar_mass.unsqueeze(1), amounts)
    return mass / mass.sum(0)


def detector(point: IgnitionPoint, names: Names, hold: str) -> tuple[str, list[str]]:
    """The simulator's criterion for a point, e.g. "OH max slope", and notes on where it differs from the file's.

    hold : "uv" or "hp"; at constant pressure, temperature stands in for pressure
    """
    criterion = point.criteria[0] if point.criteria else DEFAULT
    notes = [] if point.criteria else ["no ignition criterion in the file: steepest pressure rise assumed"]
    asked = f"{criterion.target} {criterion.kind}"
    if len(point.criteria) > 1:
        notes.append(f"the first of {len(point.criteria)} criteria is used: {asked}")
    shape, remark = shape_of(criterion)
    signal, stand_in = signal_of(criterion, names)
    notes += [f"{asked}: {text}" for text in (remark, stand_in) if text]
    consumed = {names.find(name) for name, x in point.X.items() if x > 0}
    if signal in consumed and shape != "min slope":
        signal, shape = "p", "max slope"
        notes.append(f"{asked}: the target is consumed; steepest pressure rise stands in")
    if signal == "p" and hold == "hp":
        signal = "T"
        notes.append("pressure is held constant: temperature stands in")
    return f"{signal} {shape}", notes


def shape_of(criterion: Criterion) -> tuple[str, str]:
    """The event that is looked for in the signal, and a remark where it is not quite what was measured."""
    kind = criterion.kind.lower()
    if kind == "relative concentration" and criterion.amount is not None and 0 < criterion.amount < 1:
        return "half max" if criterion.amount == 0.5 else f"{100 * criterion.amount:g}% max", ""
    if kind in ("relative concentration", "concentration"):
        return "half max", "half of the maximum is simulated, not the concentration in the file"
    kind = SAME.get(kind, kind)
    return (kind, "") if kind in KINDS else ("max slope", "not known: the steepest slope is simulated")


def signal_of(criterion: Criterion, names: Names) -> tuple[str, str]:
    """T, p or a species of the mechanism, and a remark where it stands in for another."""
    target = criterion.target
    if target.lower() in SIGNALS:
        return SIGNALS[target.lower()], ""
    found = names.find(target)
    if found is not None:
        return found, "" if found.lower() == target.lower() else f"{found} stands in (alias)"
    excited = EXCITED.fullmatch(target)
    if excited is not None:
        ground = excited["ground"].upper()
        same = next((name for mark in MARKS if (name := names.find(ground + mark))), None)
        if same is not None:
            return same, ""
        if (found := names.find(ground)) is not None:
            return found, f"no {target} in the mechanism; {found} in its ground state stands in"
    return "p", f"no {target} in the mechanism; pressure stands in"


def rises(points: Sequence[IgnitionPoint]) -> list[str]:
    """A note where the pressure rose before ignition."""
    found: Mapping[int, float] = {i: p.pressure_rise for i, p in enumerate(points) if p.pressure_rise and not p.volume}
    if not found:
        return []
    return [
        "pressure rise before ignition is simulated as an isentropic compression: "
        f"{len(found)} of {len(points)} points, up to {max(found.values()) * 1e-3:g} 1/ms"
    ]
