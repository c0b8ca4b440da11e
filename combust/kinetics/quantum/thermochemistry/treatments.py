"""One structure as rigid rotor and oscillators, with quasi-harmonic low modes, or with rotors about its bonds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from combust.errors import ConfigError, FileFormatError, at
from combust.files import read_text
from combust.kinetics.quantum.constants import CM_KJ
from combust.kinetics.quantum.elements import masses
from combust.kinetics.quantum.partition import Gas, gas
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.thermochemistry.isogyric import BONDED
from combust.kinetics.quantum.thermochemistry.low_modes import quasi_harmonic
from combust.kinetics.quantum.thermochemistry.rotor import Rotor, barrier_of, cosine, from_scan, reduced_inertia
from combust.kinetics.quantum.thermochemistry.settings import RotorSettings, SpeciesThermo
from combust.kinetics.quantum.vibrations import LOW
from combust.kinetics.trajectories.formats.radii import RADII

UNLIKE = 0.3  # share by which a rotor's own frequency may differ from that of its mode


@dataclass(frozen=True)
class Treatment:
    """Of one structure:  name : "rrho", "quasi" or "rotor";  gas : its functions of T

    zero : of its rotors' lowest levels above those of the vibrations they replace [kJ/mol];  words : what was done
    doubts : what a reader should know
    """

    name: str
    gas: Gas
    zero: float = 0.0
    words: str = ""
    doubts: tuple[str, ...] = ()


def treatments(
    record: Record, T: np.ndarray, asked: SpeciesThermo, method: str, cut: float, pressure: float, folder: Path
) -> list[Treatment]:
    """All that make sense, the chosen one first; the others say how far it may be off.

    folder : where the files of scans are. Raises ConfigError for a rotor that is asked for and not described.
    """
    plain = Treatment("rrho", gas(record, T, pressure=pressure), words="rigid rotor, harmonic oscillators")
    found = [plain]
    low = low_modes(record)
    if low or method == "quasi":
        modes = quasi_harmonic(record.wavenumbers, T, cut)
        soft = gas(record, T, pressure=pressure, modes=(), rotations=[modes])
        found.append(Treatment("quasi", soft, words=f"quasi-harmonic modes, cut {cut:g} cm-1"))
    if asked.rotors:
        found.append(turned(record, T, asked.rotors, pressure, folder))
    want = method if method != "auto" else "rotor" if asked.rotors else "quasi" if low else "rrho"
    chosen = [one for one in found if one.name == want]
    if not chosen:
        raise ConfigError(f"{record.species}: method rotor wants species.{record.species}.rotors: bonds that turn")
    return chosen + [one for one in found if one.name != want]


def low_modes(record: Record) -> list[float]:
    """Modes below 150 cm-1, scaled."""
    return [float(w) for w in record.wavenumbers if w < LOW]


@dataclass(frozen=True)
class Turning:
    """A record whose parts turn about bonds.  record : its mirror image counted apart only where no turn leads there

    rotors : in the place of `replaced` modes [cm-1];  rest : all other modes [cm-1];  doubts : what to look at
    """

    record: Record
    rotors: tuple[Rotor, ...]
    replaced: tuple[float, ...]
    rest: np.ndarray
    words: tuple[str, ...]
    doubts: tuple[str, ...]


def turning(record: Record, asked: Sequence[RotorSettings], folder: Path) -> Turning:
    """Its rotors as they are asked for;  folder : where the files of scans are. Raises ConfigError, FileFormatError."""
    waves = record.wavenumbers
    rotors, doubts, words = [], [], []
    gone: list[int] = []
    for one in asked:
        with at(f"species.{record.species}.rotors"):
            if one.mode > len(waves) or one.mode - 1 in gone:
                raise ConfigError(f"mode {one.mode}: there are {len(waves)}, each goes once")
            if any(set(one.bond) == set(other.bond) for other in asked[: len(gone)]):
                raise ConfigError(f"bond {one.bond[0]}-{one.bond[1]}: a bond turns once")
            wave = float(waves[one.mode - 1])
            rotor = made(record, one, wave, folder)
        rotors.append(rotor)
        gone.append(one.mode - 1)
        text = f"rotor about {one.bond[0]}-{one.bond[1]}, barrier {rotor.potential.barrier / 1e3:.1f} kJ/mol"
        words.append(f"{text}, in the place of {wave:.0f} cm-1")
        own = rotor.wavenumber
        if rotor.potential.barrier and abs(own / wave - 1) > UNLIKE:
            doubts.append(
                f"{record.species}: the {text} vibrates at {own:.0f} cm-1, the mode it replaces at {wave:.0f}: "
                "is it another mode? See mode"
            )
        if rotor.potential.residual > 0.05 * rotor.potential.barrier:
            doubts.append(
                f"{record.species}: the scan is up to {rotor.potential.residual / 1e3:.2f} kJ/mol off its series"
            )
    if any(one.mirrored for one in asked):
        record = msgspec.structs.replace(record, mirrors=1)
    replaced = tuple(float(waves[i]) for i in gone)
    return Turning(record, tuple(rotors), replaced, np.delete(waves, gone), tuple(words), tuple(doubts))


def turned(record: Record, T: np.ndarray, rotors: Sequence[RotorSettings], pressure: float, folder: Path) -> Treatment:
    """With rotors in the place of modes."""
    one = turning(record, rotors, folder)
    coldest = float(T.min())
    zero = sum(
        float(rotor.levels(coldest)[0]) / 1e3 - wave * CM_KJ / 2
        for rotor, wave in zip(one.rotors, one.replaced, strict=True)
    )
    parts = [rotor.part(T) for rotor in one.rotors]
    found = gas(one.record, T, pressure=pressure, modes=one.rest, rotations=parts)
    return Treatment("rotor", found, zero, "; ".join(one.words), one.doubts)


def made(record: Record, asked: RotorSettings, wave: float, folder: Path) -> Rotor:
    """The rotor of a bond. Raises ConfigError, FileFormatError."""
    a, b = (n - 1 for n in asked.bond)
    if max(a, b) >= len(record.elements):
        raise ConfigError(f"bond {asked.bond[0]}-{asked.bond[1]}: there are {len(record.elements)} atoms")
    inertia = reduced_inertia(masses(record.elements), record.places, (a, b), top(record, a, b))
    if asked.scan is not None:
        potential = from_scan(*read_scan(folder / asked.scan), asked.periodicity or 1)
    else:
        n = asked.periodicity or asked.symmetry
        potential = cosine(barrier_of(wave, inertia, n) if asked.barrier is None else asked.barrier * 1e3, n)
    return Rotor(inertia, potential, asked.symmetry)


def top(record: Record, a: int, b: int) -> list[int]:
    """Atoms on b's side of the bond a-b. Raises ConfigError where it is none, closes a ring, or has nothing to turn."""
    x, radii = record.places, np.array([RADII[element] for element in record.elements])
    near = np.linalg.norm(x[:, None] - x[None], axis=2) < BONDED * (radii[:, None] + radii[None])
    np.fill_diagonal(near, False)
    if not near[a, b]:
        raise ConfigError(f"bond {a + 1}-{b + 1}: these atoms are not bonded")
    near[a, b] = near[b, a] = False
    found, new = {b}, [b]
    while new:
        new = [int(j) for i in new for j in np.flatnonzero(near[i]) if int(j) not in found]
        found.update(new)
    if a in found:
        raise ConfigError(f"bond {a + 1}-{b + 1}: is part of a ring")
    if len(found) < 2 or len(found) > len(x) - 2:
        raise ConfigError(f"bond {a + 1}-{b + 1}: there is nothing to turn on one side")
    return sorted(found)


def read_scan(path: Path) -> tuple[list[float], list[float]]:
    """Angles [degrees] and energies [J/mol] of a CSV file in degrees and kJ/mol, with or without a head line."""
    angles: list[float] = []
    energies: list[float] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = [part.strip() for part in line.split("#")[0].split(",")]
        if parts == [""]:
            continue
        try:
            angle, energy = map(float, parts)
        except ValueError:
            if not angles and number == 1:
                continue
            raise FileFormatError(f"{path}, line {number}: must be angle [degrees], energy [kJ/mol]") from None
        angles.append(angle)
        energies.append(energy * 1e3)
    return angles, energies
