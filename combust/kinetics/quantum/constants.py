"""Constants of nature in the units of this room: CODATA as scipy has it."""

from __future__ import annotations

from scipy import constants as si

BOLTZMANN = si.k  # J/K
PLANCK = si.h  # J s
AVOGADRO = si.N_A  # 1/mol
GAS = si.R  # J/mol/K
LIGHT = si.c * 100  # cm/s
DALTON = si.physical_constants["atomic mass constant"][0]  # kg
HARTREE = si.physical_constants["Hartree energy"][0]  # J
BOHR = si.physical_constants["Bohr radius"][0] * 1e10  # angstrom
KELVIN = si.h * si.c * 100 / si.k  # K per cm-1, the second radiation constant
HARTREE_KJ = HARTREE * AVOGADRO / 1e3  # kJ/mol
HARTREE_CM = HARTREE / (si.h * si.c * 100)  # cm-1
CM_KJ = HARTREE_KJ / HARTREE_CM  # kJ/mol per cm-1
BAR = 1e5  # Pa
