"""Rate constants that were evaluated or measured, with where they were read: the hydrogen-oxygen core, NH2 + H2.

Facts, not a mechanism: entries of one reaction may differ, and hold within their temperatures only. `read` says where
the numbers were read if not in the cited work: its abstract, or the library primaryH2O2 of RMG's database, which tables
the work; its entries of OH + HO2 (2019), HO2 + HO2 (2022) and H2O + O, which lie 30 to 600 times off all other sources,
are left out as doubtful copies. Factors are those that the source states; None where none was read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from combust.kinetics.dynamics.settings import AVOGADRO
from combust.kinetics.quantum.constants import GAS

CALORIE = 4.184 / GAS  # K mol/cal
PER_MOLECULE = AVOGADRO * 1e-6  # cm3/molecule/s -> m3/kmol/s
PER_MOL = 1e-3  # cm3/mol/s -> m3/kmol/s


@dataclass(frozen=True)
class Evaluation:
    """k = sum of A T^b exp(-E / T) of a reaction of two reactants.

    terms : (A [m3/kmol/s], b, E [K]) each;  T_low, T_high [K];  factor : k may be off by, or None
    """

    equation: str
    terms: tuple[tuple[float, float, float], ...]
    T_low: float
    T_high: float
    factor: float | None
    source: str
    url: str
    read: str = "abstract"

    def k(self, T: float) -> float:
        """At T [K], m3/kmol/s."""
        return sum(A * T**b * math.exp(-E / T) for A, b, E in self.terms)


def _konnov(
    equation: str, A: float, b: float, E: float, T_low: float, T_high: float, factor: float | None = None,
    year: int = 2015, more: tuple[tuple[float, float, float], ...] = (),
) -> Evaluation:  # fmt: skip
    """From A [cm3/mol/s] and E [cal/mol]."""
    doi = {2015: "10.1016/j.combustflame.2015.07.014", 2019: "10.1016/j.combustflame.2019.01.032"}[year]
    terms = tuple((a * PER_MOL, n, e * CALORIE) for a, n, e in ((A, b, E), *more))
    return Evaluation(equation, terms, T_low, T_high, factor, f"Konnov {year}", f"https://doi.org/{doi}",
                      "primaryH2O2 of RMG-database")  # fmt: skip


EVALUATIONS = (
    Evaluation("OH + H2 => H2O + H", ((3.56e-16 * PER_MOLECULE, 1.52, 1736.0),), 250, 2581, None, "Oldenborg 1992",
               "https://doi.org/10.1021/j100200a041"),
    Evaluation("O + H2 => OH + H", ((3.72e6 * PER_MOL, 2.17, 4080.0),), 1713, 3532, None, "Combust. Flame 70(3)",
               "https://www.osti.gov/biblio/5612588"),
    Evaluation("OH + HO2 => H2O + O2", ((3.3e13 * PER_MOL, 0.0, 0.0),), 1600, 2200, 4.2 / 3.3, "Hong 2010",
               "https://doi.org/10.1021/jp100739t"),
    Evaluation("OH + H2O2 => H2O + HO2", ((4.6e13 * PER_MOL, 0.0, 2630.0),), 1020, 1460, None,
               "Hong 2010, J. Phys. Chem. A 114, 5718",
               "https://datapdf.com/a-shock-tube-study-of-oh-h-american-chemical-societydc799e0843e3a080be4e04fc2d59d26356529.html"),
    Evaluation("OH + H2O2 => H2O + HO2", ((6.8e-13 * PER_MOLECULE, 0.0, -285.0),), 96, 296, None,
               "Vakhtin 2003, J. Phys. Chem. A 107, 10642",
               "https://datapdf.com/low-temperature-kinetics-of-the-reaction-of-the-acs-publicat.html"),
    Evaluation("OH + OH => H2O + O", ((3.57e4 * PER_MOL, 2.40, -1063.0),), 298, 2380, 1.28,
               "Int. J. Chem. Kinet. 1994", "https://acnpsearch.tweb-dev.unibo.it/singlejournalindex/36700915"),
    Evaluation("OH + OH => H2O + O", ((7.1e-13 * PER_MOLECULE, 0.0, -210.0),), 233, 360, None,
               "Bedjanian 1999, J. Phys. Chem. A 103, 7017",
               "https://694600.ngqmh.asia/research/tech/periodicals/view.php?seq=329181"),
    Evaluation("HO2 + HO2 => H2O2 + O2", ((3.8e-14 * PER_MOLECULE, 0.0, -1250.0),), 273, 339, None,
               "Cox and Burrows 1979", "https://doi.org/10.1021/j100483a002"),
    Evaluation("NH2 + H2 => NH3 + H", ((5.38e-11 * PER_MOLECULE, 0.0, 6492.0),), 900, 1620, 1.25,
               "Sutherland and Michael 1988", "https://doi.org/10.1063/1.454162"),
    Evaluation("NH2 + H2 => NH3 + H", ((4.5e13 * PER_MOL, 0.0, 61e3 / GAS),), 1360, 2130, 10**0.15,
               "Friedrichs 2000, direct", "https://doi.org/10.1524/zpch.2000.214.8.1151"),
    Evaluation("NH2 + H2 => NH3 + H", ((1.5e4 * PER_MOL, 2.6, 25e3 / GAS),), 400, 2200, None,
               "Friedrichs 2000", "https://doi.org/10.1524/zpch.2000.214.8.1151"),
    _konnov("H + O2 => OH + O", 1.04e14, 0.0, 15286, 1100, 3370),
    _konnov("OH + OH => H2O + O", 2.668e6, 1.82, -1647, 200, 2000, 1.4, 2019),
    _konnov("H2O2 + H => HO2 + H2", 5.02e6, 2.07, 4300, 300, 2400),
    _konnov("H2O2 + H => H2O + OH", 2.03e7, 2.02, 2620, 300, 2400),
    _konnov("H2O2 + O => HO2 + OH", 9.55e6, 2.0, 3970, 300, 2500),
    _konnov("H2O2 + OH => HO2 + H2O", 1.74e12, 0.0, 318, 280, 1640, more=((7.59e13, 0.0, 7269),)),
    _konnov("O + H2 => OH + H", 50800, 2.67, 6292, 297, 2495),
    _konnov("H2 + OH => H2O + H", 2.14e8, 1.52, 3450, 300, 2500),
    _konnov("HO2 + O => OH + O2", 2.85e10, 1.0, -723.9, 150, 1600),
    _konnov("H + HO2 => OH + OH", 7.079e13, 0.0, 295, 300, 1000),
    _konnov("H2 + O2 => H + HO2", 740000, 2.43, 53500, 400, 2300),
)  # fmt: skip
