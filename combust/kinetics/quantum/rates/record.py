"""`tst.json`: k(T) of one reaction with its factors, and what it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from combust import __version__
from combust.atomic import replace_bytes
from combust.errors import ConfigError, OutputError
from combust.files import fit, is_folder, read_json
from combust.kinetics.quantum.rates.fit import Law
from combust.kinetics.quantum.rates.tst import Rates
from combust.kinetics.quantum.record import Record
from combust.settings.base import Positive, Settings, Text, doc

NAME = "tst.json"


class RateAt(Settings, frozen=True):
    """At one temperature; k in SI with kmol."""

    T: Positive
    k: Positive
    kappa: Annotated[float, doc("of the tunnelling that k has")]
    wigner: float
    eckart: float | None
    factor: Annotated[float, doc("k may be off by")]
    cvt: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None, doc("factor of canonical variational theory, which k has")
    ] = None


class RateRecord(Settings, frozen=True):
    """Of one reaction."""

    equation: Annotated[Text, doc("reactants => products")]
    reactants: tuple[Text, ...]
    products: tuple[Text, ...]
    level: Annotated[Text, doc("of the energies")]
    geometry: Annotated[Text, doc("level of geometries and frequencies")]
    tunnelling: Text
    barrier: Annotated[float, doc("E0, zero points and spin-orbit coupling included", "kJ/mol")]
    reverse: Annotated[float, doc("the same from the products", "kJ/mol")]
    electrons: Annotated[float, doc("barrier without zero points", "kJ/mol")]
    wavenumber: Annotated[float, doc("imaginary mode, scaled", "cm-1")]
    error: Annotated[float, doc("assumed of the barrier [kcal/mol]")]
    anharmonic: float
    at: tuple[RateAt, ...]
    law: dict[str, float] | None = None
    connects: tuple[Text, ...] = ()
    records: Annotated[dict[str, str], doc("digest of the record of each structure")] = {}
    engine: str = ""
    notes: tuple[str, ...] = ()
    combust: str = ""

    def __post_init__(self) -> None:
        if not self.at:
            raise ValueError("at: holds no temperature")
        if any(one.factor < 1 for one in self.at):
            raise ValueError("at: a factor must be 1 or more")
        if self.law is None:
            return
        try:
            law = Law(**self.law)
        except TypeError:
            raise ValueError(f"law: has {', '.join(self.law)}, not A, b, E, error, T_low and T_high") from None
        T, k = np.array([one.T for one in self.at]), np.array([one.k for one in self.at])
        with np.errstate(all="ignore"):
            off = np.abs(np.log(law.k(T) / k))
        if not (off <= law.error + 1e-6).all():
            raise ValueError(f"law: is not that of the table, off by more than its error {law.error:.3g}: was edited")

    @property
    def fitted(self) -> Law | None:
        """The law, None for fewer than four temperatures."""
        return Law(**self.law) if self.law else None

    @property
    def variational(self) -> bool:
        """Whether k has the factor of canonical variational theory."""
        return self.at[0].cvt is not None

    @property
    def factor(self) -> float:
        """The largest of all temperatures."""
        return max(one.factor for one in self.at)


def make(
    reactants: list[Record], products: list[Record], saddle: Record, level: str, kind: str, found: Rates,
    law: Law | None,
    *, error: float, anharmonic: float, notes: list[str],
) -> RateRecord:  # fmt: skip
    """Of what was calculated."""
    names = [tuple(one.species for one in side) for side in (reactants, products)]
    rows = [one.tolist() for one in (found.T, found.k, found.kappa, found.wigner)]
    eckart = [None] * len(found.T) if found.eckart is None else [float(one) for one in found.eckart]
    cvt = [None] * len(found.T) if found.cvt is None else [float(one) for one in found.cvt.factor]
    return RateRecord(
        equation=" => ".join(" + ".join(side) for side in names), reactants=names[0], products=names[1], level=level,
        geometry=saddle.level, tunnelling=kind, barrier=found.barrier, reverse=found.reverse, electrons=found.without,
        wavenumber=found.wavenumber, error=error, anharmonic=anharmonic,
        at=tuple(RateAt(T=T, k=k, kappa=a, wigner=w, eckart=e, factor=f, cvt=v)
                 for T, k, a, w, e, f, v in zip(*rows, eckart, found.factor.tolist(), cvt, strict=True)),
        law=None if law is None else {name: getattr(law, name) for name in law.__dataclass_fields__},
        connects=saddle.connects,
        records={one.species: one.digest for one in (*reactants, *products, saddle)}, engine=saddle.engine,
        notes=tuple(notes), combust=__version__,
    )  # fmt: skip


def write(path: Path, record: RateRecord) -> None:
    """Whole or not at all. Raises OutputError."""
    try:
        replace_bytes(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def is_rate(path: str | Path) -> bool:
    """Whether it is a file of this room, or a folder with one."""
    place = Path(path)
    return place.name == NAME or (is_folder(place) and (place / NAME).is_file())


def read(path: str | Path) -> RateRecord:
    """From a file or its folder. Raises FileFormatError."""
    place = Path(path) / NAME if is_folder(Path(path)) else Path(path)
    return fit(read_json(place), RateRecord, place)


def between(record: RateRecord, T: float) -> tuple[float, float]:
    """k and factor at T [K]: by the law, and the factor between temperatures, held at the ends. Raises ConfigError."""
    law = record.fitted
    if law is None:
        raise ConfigError(
            f"{record.equation}: holds at {', '.join(f'{one.T:g}' for one in record.at)} K only: no law in T"
        )
    rows = sorted(record.at, key=lambda one: one.T)
    factor = np.exp(np.interp(1 / T, [1 / r.T for r in rows[::-1]], [np.log(r.factor) for r in rows[::-1]]))
    return float(law.k(np.array([T]))[0]), float(factor)
