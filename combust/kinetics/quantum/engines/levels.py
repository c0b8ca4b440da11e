"""Levels of theory as texts: "method/basis", "ccsd(t)/cbs(cc-pvtz,cc-pvqz)"; what an energy of one may be off by."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from combust.errors import ConfigError

CBS = re.compile(r"cbs\(([^(),]+),([^(),]+)\)")
CARDINAL = re.compile(r"(?:aug-)?cc-p(?:c|wc)?v\(?([dtq56])(?:\+d\))?z")
NUMBERS = {"d": 2, "t": 3, "q": 4, "5": 5, "6": 6}
COUPLED = ("ccsd(t)", "ccsd")
HARTREE_FOCK = ("hf", "uhf", "rhf", "rohf")
# Functionals without range separation have low barriers for hydrogen transfer: B3LYP is off by 4.4 kcal/mol for
# OH + H2 (docs/validation/quantum.md). That is a bias, to which their spread comes.
LOW_BARRIERS = re.compile(r"^(b3lyp|pbe0?|blyp|bp86|tpssh?|b3pw91|svwn|lda)(-|$)")


class Level(NamedTuple):
    """Its method and basis, small letters."""

    method: str
    basis: str

    @property
    def pair(self) -> tuple[str, str] | None:
        """The two bases of an extrapolation, smaller first."""
        found = CBS.fullmatch(self.basis)
        return (found[1].strip(), found[2].strip()) if found else None

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.method}/{self.basis}"


def parsed(text: str) -> Level:
    """Of a text. Raises ConfigError."""
    method, slash, basis = text.lower().replace(" ", "").partition("/")
    if not (method and slash and basis):
        raise ConfigError(f"level {text!r}: must be method/basis, as wb97x-d3bj/def2-tzvp or ccsd(t)/cc-pvtz")
    level = Level(method, basis)
    if basis.startswith("cbs"):
        if level.pair is None:
            raise ConfigError(f"level {text!r}: an extrapolation names two bases: cbs(cc-pvtz,cc-pvqz)")
        small, large = map(cardinal, level.pair)
        if large != small + 1:
            raise ConfigError(f"level {text!r}: the second basis must be the next larger of the same family")
        if method not in COUPLED:
            raise ConfigError(f"level {text!r}: only energies of {' and '.join(COUPLED)} are extrapolated")
    return level


def cardinal(basis: str) -> int:
    """2, 3, 4 of cc-pVDZ, cc-pVTZ, cc-pVQZ. Raises ConfigError for other families."""
    found = CARDINAL.fullmatch(basis)
    if not found:
        raise ConfigError(f"basis {basis!r}: is none of the correlation-consistent family, which is extrapolated")
    return NUMBERS[found[1]]


def extrapolated(n: int, reference: tuple[float, float], correlation: tuple[float, float]) -> float:
    """Energy of the complete basis [hartree] from bases of cardinal numbers n and n + 1.

    Hartree-Fock: E_n = E + A (n + 1) exp(-9 sqrt(n)) (Karton, Martin 2006, doi:10.1007/s00214-005-0028-6); correlation:
    E_n = E + B / n^3 (Helgaker et al. 1997, doi:10.1063/1.473863).
    """
    small, large = ((m + 1) * math.exp(-9 * math.sqrt(m)) for m in (n, n + 1))
    mean_field = (reference[1] * small - reference[0] * large) / (small - large)
    cubes = (n + 1) ** 3, n**3
    return mean_field + (correlation[1] * cubes[0] - correlation[0] * cubes[1]) / (cubes[0] - cubes[1])


def error(text: str) -> float:
    """Assumed standard error of a barrier [kcal/mol]: 1 for CCSD(T) extrapolated, 2 for CCSD(T), 4 for functionals, 7
    for those that are known to have low barriers. Raises ConfigError for Hartree-Fock, whose barriers are off by 20.
    """
    level = parsed(text)
    if level.method in HARTREE_FOCK:
        raise ConfigError(
            f"level {text}: Hartree-Fock has barriers that are too high by 10 to 20 kcal/mol, a factor 1e7 at 300 K: "
            "take its energies from a functional or CCSD(T)"
        )
    if level.method == "ccsd(t)":
        return 1.0 if level.pair else 2.0
    return 7.0 if LOW_BARRIERS.match(level.method) else 4.0
