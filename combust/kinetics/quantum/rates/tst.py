"""Transition-state theory, conventional or variational: k(T) over one saddle, with the factor that it may be off by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import AVOGADRO, BOLTZMANN, GAS, HARTREE_KJ, PLANCK
from combust.kinetics.quantum.engines import levels
from combust.kinetics.quantum.partition import gas, temperatures
from combust.kinetics.quantum.rates import tunnelling
from combust.kinetics.quantum.rates.checks import require_reaction
from combust.kinetics.quantum.rates.variational import Variational, variational
from combust.kinetics.quantum.record import Record

Array = NDArray[np.float64]
CALORIE = 4184.0  # J/kcal
MOST = 100.0  # ln of a factor: 1e43
ANHARMONIC = 0.4  # for each 1000 K; OH + H2 is 1.8 times the literature at 2500 K, where the barrier hardly counts


@dataclass(frozen=True)
class Rates:
    """Arrays over T [K].

    k : [(m3/kmol)^(n-1)/s];  kappa : of the tunnelling that k has;  wigner, eckart : kappas
    factor : k may be off by;  barrier, reverse : E0 [kJ/mol], with zero points and spin-orbit coupling
    without : barrier of the electrons alone [kJ/mol];  wavenumber : imaginary mode, scaled [cm-1]
    cvt : factor of canonical variational theory, which k has, None where it was not asked for
    """

    T: Array
    k: Array
    kappa: Array
    wigner: Array
    eckart: Array | None
    factor: Array
    barrier: float
    reverse: float
    without: float
    wavenumber: float
    cvt: Variational | None = None


def rates(
    reactants: Sequence[Record],
    products: Sequence[Record],
    saddle: Record,
    level: str,
    T: ArrayLike,
    kind: str = "eckart",
    *,
    error: float | None = None,
    anharmonic: float = ANHARMONIC,
    cvt: bool = False,
) -> Rates:
    """k = kappa (kT/h) (Q'/V) / prod (Q/V) exp(-E0 / RT), energies of `level`, at T [K].

    Rotation numbers and mirror images are in the partition functions, so that equal paths count once.
    error : assumed of the barrier [kcal/mol], by level if None;  anharmonic : see `uncertainty`
    cvt : times the factor of `variational`, by the way down in the saddle's record

    Raises ConfigError for what `require_reaction` and `variational` refuse, and for energies of Hartree-Fock without an
    `error`.
    """
    at = temperatures(T)
    off = levels.error(level) if error is None else error
    require_reaction(reactants, products, saddle, level)
    hills = [
        HARTREE_KJ * (saddle.energy(level) - sum(one.energy(level) for one in side)) for side in (reactants, products)
    ]
    without = HARTREE_KJ * (saddle.electrons(level) - sum(one.electrons(level) for one in reactants))
    wavenumber = saddle.scale * saddle.imaginary[0]
    kappa = tunnelling.factor(kind, wavenumber, hills[0] * 1e3, hills[1] * 1e3, at)
    above = tunnelling.eckart(wavenumber, hills[0] * 1e3, hills[1] * 1e3, at) if min(hills) > 0 else None
    wigner = tunnelling.wigner(wavenumber, at)
    best = variational(saddle, at) if cvt else None
    recrossing = 1.0 if best is None else best.factor
    logs = gas(saddle, at).volume - sum(gas(one, at).volume for one in reactants)
    with np.errstate(over="ignore"):  # refused below
        molecular = recrossing * kappa * BOLTZMANN * at / PLANCK * np.exp(logs - hills[0] * 1e3 / (GAS * at))
        k = molecular * (AVOGADRO * 1e3) ** (len(reactants) - 1)
    if (no := ~(np.isfinite(k) & (k > 0))).any():
        raise ConfigError(
            f"{saddle.species}: k is beyond what a number can hold from {at[no].min():g} to {at[no].max():g} K: its "
            f"barrier is {hills[0]:.6g} kJ/mol"
        )
    doubt = np.abs(np.log((above if above is not None else np.ones_like(at)) / wigner))
    off_by = uncertainty(off, doubt, anharmonic, at)
    return Rates(at, k, kappa, wigner, above, off_by, hills[0], hills[1], without, wavenumber, best)


def uncertainty(error: float, tunnel: Array, anharmonic: float, T: Array) -> Array:
    """f = exp(sqrt((dE0 / RT)^2 + ln(f_tun)^2 + ln(f_anh)^2)), parts taken as independent.

    error : dE0 [kcal/mol];  tunnel : ln f_tun, of Eckart's and Wigner's factors over each other
    anharmonic : f_anh = 1 + anharmonic T / 1000 K, an assumption for harmonic modes and recrossing

    Raises ConfigError for a factor that no number holds.
    """
    parts = (error * CALORIE / (GAS * T), tunnel, np.log(1 + anharmonic * T / 1000))
    off: Array = np.sqrt(sum(part**2 for part in parts))
    if (worst := float(off.max())) > MOST:
        raise ConfigError(
            f"k may be off by a factor exp({worst:.4g}) at {T[off.argmax()]:g} K with an error of {error:g} kcal/mol: "
            f"that says nothing of it (allowed: exp({MOST:g})); state a smaller error, or a higher temperature"
        )
    found: Array = np.exp(off)
    return found
