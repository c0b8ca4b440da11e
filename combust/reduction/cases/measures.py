"""What is measured of a mechanism at a case, and how far two measurements are apart."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cantera as ct
import numpy as np

from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity
from combust.kinetics.flames.solver import Transport
from combust.kinetics.flames.store import write_profile
from combust.reduction.cases.conditions import ReductionCase

FLOOR = 1e-8  # mole fraction; amounts below it are compared as if the reference held this much
PROGRESS = (np.arange(100) + 0.5) / 100  # temperature progress at which heat release is compared


class Unburnt(Exception):
    """No ignition, no flame, no burning branch, or none within the work allowed; the message says which."""


@dataclass(frozen=True)
class Watch:
    """What is measured, and with what numerical effort."""

    radiation: ClassVar[bool] = False  # a candidate is compared with its parent, and loses as much
    emissivity: ClassVar[Emissivity] = BLACK_BODY_AT_ZERO

    peak: tuple[str, ...] = ()  # species whose largest mole fraction counts
    final: tuple[str, ...] = ()  # species whose mole fraction in the burnt gas counts
    burnt: bool = True  # burnt temperature and heat-release profile; without, an ignition ends at its delay
    transport: Transport = "mixture-averaged"
    soret: bool = False
    rtol: float = 1e-5  # of CVODE
    atol: float = 1e-12  # of CVODE, of all moles; 1e-10 spoils the first radicals of hydrogen, and 1 % of its delay
    steps: int = 20_000  # of CVODE at most
    slope: float = 0.1  # of flame grids
    curve: float = 0.2
    max_points: int = 6000
    width: float = 0.02  # m, of a flame's first domain, and between the jets of a counterflow flame
    work: int = 12  # Jacobians of a flame at most, or as many evaluations as these take

    @property
    def species(self) -> tuple[str, ...]:
        """All that are watched."""
        return tuple(dict.fromkeys((*self.peak, *self.final)))

    @property
    def digest(self) -> str:
        """SHA-256 of all fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """Numbers and profiles of one case; of a failure there are none, and `reason` says why."""

    values: dict[str, float] = field(default_factory=dict)
    profiles: dict[str, np.ndarray] = field(default_factory=dict)
    T_unburnt: float = math.nan  # K, from which the temperatures rise
    reason: str = ""

    @classmethod
    def failed(cls, reason: str) -> Outcome:
        """Of a mechanism that does not burn, or cannot be solved."""
        return cls(reason=reason or "unknown")

    def to_json(self) -> str:
        """As text; numbers survive to the last bit."""
        profiles = {name: np.asarray(profile).tolist() for name, profile in self.profiles.items()}
        content = {"values": self.values, "profiles": profiles, "T_unburnt": self.T_unburnt, "reason": self.reason}
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Of what `to_json` wrote. Raises ValueError, KeyError for other text."""
        read = json.loads(text)
        profiles = {name: np.array(profile, dtype=float) for name, profile in read["profiles"].items()}
        values = {str(name): float(value) for name, value in read["values"].items()}
        return cls(values, profiles, float(read["T_unburnt"]), str(read["reason"]))


def is_outcome(text: Any) -> bool:
    """Whether `Outcome.from_json` can read it."""
    try:
        return isinstance(text, str) and bool(Outcome.from_json(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


@dataclass(frozen=True)
class Reference:
    """What the detailed mechanism gives at a case, and what spares candidates work: arrays, species in rows of `Y`."""

    outcome: Outcome
    species: tuple[str, ...] = ()
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """An entry of `arrays` that is a number."""
        return float(self.arrays[name])

    def rows(self, name: str, solution: ct.Solution) -> np.ndarray:
        """Mass fractions (species, ...) of `arrays[name]` for the species of `solution`, made to sum to one."""
        index = {species: k for k, species in enumerate(self.species)}
        Y = np.maximum(self.arrays[name][[index[s] for s in solution.species_names]], 0.0)
        return Y / Y.sum(0)

    def write(self, path: str | Path) -> None:
        """As .npz; readers never see half of it."""
        arrays = {f"array {name}": value for name, value in self.arrays.items()}
        names = np.array(self.species, dtype=str)
        write_profile(Path(path), SimpleNamespace(outcome=self.outcome.to_json(), species=names, **arrays))

    @classmethod
    def read(cls, path: str | Path) -> Reference:
        """Of what `write` wrote. Raises OSError, ValueError, KeyError, zipfile.BadZipFile for other files."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name.removeprefix("array "): file[name] for name in file.files if name.startswith("array ")}
            outcome, names = Outcome.from_json(str(file["outcome"])), tuple(str(s) for s in file["species"])
            return cls(outcome, names, arrays)


def errors(outcome: Outcome, reference: Outcome) -> dict[str, float]:
    """Error of every value and profile of `reference`; infinite where `outcome` lacks it or it is not a number.

    Temperatures: |T - T0| over the rise T0 - T_unburnt. Amounts ("peak X", "final X"): |x - x0| / max(x0, FLOOR).
    Profiles: integral of |q - q0| over that of |q0|. All else: |x / x0 - 1|.
    """
    found = {name: _value_error(name, outcome, reference) for name in reference.values}
    for name, expected in reference.profiles.items():
        given = outcome.profiles.get(name)
        error = math.inf if given is None else float(np.abs(given - expected).sum() / np.abs(expected).sum())
        found[name] = error
    return {name: error if math.isfinite(error) else math.inf for name, error in found.items()}


def _value_error(name: str, outcome: Outcome, reference: Outcome) -> float:
    expected, given = reference.values[name], outcome.values.get(name, math.inf)
    if name.startswith(("peak ", "final ")):
        return abs(given - expected) / max(expected, FLOOR)
    if name.endswith("temperature"):
        return abs(given - expected) / (expected - reference.T_unburnt)
    return abs(given / expected - 1.0)


def over_progress(T: np.ndarray, q: np.ndarray, T_unburnt: float, T_burnt: float) -> np.ndarray:
    """q at the temperature progress `PROGRESS` from T_unburnt to T_burnt, at first arrival; 0 beyond the hottest T.

    T, q (points,) in order of time or distance. Against temperature, profiles of mechanisms with other delays, speeds
    or thicknesses can be compared, and the narrow peak of heat release is resolved.
    """
    hottest = np.maximum.accumulate(T)
    rising = np.append(True, T[1:] > hottest[:-1])
    return np.interp(T_unburnt + PROGRESS * (T_burnt - T_unburnt), T[rising], q[rising], right=0.0)


def amounts(prefix: str, names: Iterable[str], X: Mapping[str, float]) -> dict[str, float]:
    """Values of the watched species; a species that the mechanism lacks has none of it."""
    return {f"{prefix} {name}": float(X.get(name, 0.0)) for name in names}


def set_mixture(solution: ct.Solution, case: ReductionCase) -> None:
    """Fuel and oxidizer at phi, T and p of the case."""
    solution.TPX = case.T, case.p, case.oxidizer  # whatever a failed solution left behind
    solution.set_equivalence_ratio(case.phi, case.fuel, case.oxidizer)
    solution.TP = case.T, case.p
