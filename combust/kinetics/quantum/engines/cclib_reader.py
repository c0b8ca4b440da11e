"""Logs of Gaussian, ORCA, Psi4, NWChem and others by cclib, as records."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from combust.errors import FileFormatError
from combust.files import unreadable
from combust.kinetics.quantum.elements import ELEMENTS
from combust.kinetics.quantum.engines.pyscf_engine import need
from combust.kinetics.quantum.record import Record

SYMBOLS = {number: symbol for symbol, (number, _) in ELEMENTS.items()}


def read_log(path: str | Path, species: str, scale: float = 1.0) -> Record:
    """The record of a log of an optimised structure with frequencies.

    Energies are those of the last geometry: of the mean field, and coupled-cluster or perturbation theory where the log
    has them; levels are named method/basis as the log names them, in small letters.

    Raises FileFormatError, with the file, for what is no log, did not converge or lacks frequencies; DependencyError.
    """
    place = Path(path)
    if not place.is_file():
        raise unreadable(place, "there is no such file")
    data = parse(place)
    if not hasattr(data, "atomcoords") or not hasattr(data, "scfenergies"):
        raise FileFormatError(f"{place}: has no geometry with an energy: it ended early, or is another kind of file")
    if getattr(data, "optdone", True) in (False, []):
        raise FileFormatError(f"{place}: the optimisation did not converge: finish it first")
    numbers = [int(one) for one in data.atomnos]
    if unknown := sorted({n for n in numbers if n not in SYMBOLS}):
        raise FileFormatError(f"{place}: atomic number {unknown[0]}: is unknown here; known are {', '.join(ELEMENTS)}")
    waves = np.asarray(getattr(data, "vibfreqs", []), dtype=float)
    if len(numbers) > 1 and not len(waves):
        raise FileFormatError(f"{place}: has no frequencies: they are wanted for zero points and partition functions")
    return record(data, place, species, scale, numbers, waves)


def parse(place: Path) -> Any:
    """What cclib reads. Raises FileFormatError."""
    io = need("cclib.io")
    try:
        found = io.ccread(str(place), loglevel=logging.CRITICAL)
    except Exception as error:  # noqa: BLE001  cclib raises any
        raise FileFormatError(f"{place}: cclib cannot read it: {type(error).__name__}: {error}") from None
    if found is None:
        raise FileFormatError(f"{place}: is no log that cclib knows (Gaussian, ORCA, Psi4, NWChem and others)")
    if getattr(found, "metadata", {}).get("success") is False:
        raise FileFormatError(f"{place}: the program did not end well: the log lacks its last lines")
    return found


def record(data: Any, place: Path, species: str, scale: float, numbers: list[int], waves: np.ndarray) -> Record:
    """Raises FileFormatError where the parts do not fit together."""
    meta = data.metadata
    methods = [str(one) for one in meta.get("methods", [])]
    functional = str(meta.get("functional", "") or (methods[0] if methods else "unknown"))
    basis = str(meta.get("basis_set", "unknown")).lower()
    level = f"{functional.lower()}/{basis}"
    hartree = need("cclib.parser.utils").convertor(1.0, "eV", "hartree")  # its own, which is that of CODATA 2010
    energies = {level: hartree * float(data.scfenergies[-1])}
    if hasattr(data, "mpenergies"):
        energies[f"mp{len(data.mpenergies[-1]) + 1}/{basis}"] = hartree * float(data.mpenergies[-1][-1])
    if hasattr(data, "ccenergies"):
        energies[f"{(methods[-1] if methods else 'ccsd').lower()}/{basis}"] = hartree * float(data.ccenergies[-1])
    imaginary = np.flatnonzero(waves < 0)
    mode: tuple[Any, ...] = ()
    if len(imaginary) and hasattr(data, "vibdisps"):
        moved = np.asarray(data.vibdisps[imaginary[0]], dtype=float)
        mode = tuple(tuple(row) for row in (moved / np.linalg.norm(moved)).tolist())
    try:
        return Record(
            species=species, level=level, elements=tuple(SYMBOLS[n] for n in numbers), energies=energies,
            coordinates=tuple(tuple(row) for row in np.asarray(data.atomcoords[-1], dtype=float).tolist()),
            charge=int(data.charge), multiplicity=int(data.mult), scale=scale, mode=mode,
            frequencies=tuple(sorted(float(one) for one in waves if one > 0)),
            imaginary=tuple(sorted((float(-one) for one in waves if one <= 0), reverse=True)),
            engine=f"{meta.get('package', 'unknown')} {meta.get('package_version', '')}".strip(),
        )  # fmt: skip
    except ValueError as error:
        raise FileFormatError(f"{place}: {error}") from None
