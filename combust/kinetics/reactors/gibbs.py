"""Equilibrium temperatures of many adiabatic reactors at once, by element potentials.

Newton's method on the conditions of equilibrium, mu_j = sum_e a_ej lambda_e, with the balances of elements and energy:
unknowns are the potentials in units of RT, ln T and, at constant pressure, ln N of the moles of a kg; ln n_j of the
species follow, in steps that are bounded. Gordon and McBride, NASA RP-1311 (1994), equations 2.24 to 2.27 and 2.45 to
2.48; bounds 3.1 to 3.3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.integrate.systems import Hold, energies
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, cp_R, g_RT, h_RT

ITERATIONS = 60
START_T, START_MOLES = 2500.0, 0.1  # K, kmol/kg
LN_T = math.log(200.0), math.log(6000.0)
TRACE = 1e-10  # of all atoms: as much as any mixture has of an element that another one has
CLOSE = 1e-4  # of ln T and of amounts, in the last step: what is left is its square
# Moles of O2 that an atom takes up (or gives) when it burns to CO2, H2O, SO2, N2.
OXYGEN_DEMAND = {"C": 1.0, "H": 0.25, "S": 1.0, "O": -0.5}
FAINT, KNOWN = -18.42, -9.21  # ln of mole fractions: one below the first may grow to the second at once


class Guess(NamedTuple):
    """ln T and ln N (cells,), ln n (species, cells) of kmol/kg; or a change of them."""

    T: Tensor
    N: Tensor
    n: Tensor


class Mixtures(NamedTuple):
    """What is held: the atoms of each element (elements, cells) kmol/kg, the energy (cells,) J/kg, and ln of the
    pressure, or of the density, over the reference pressure and the gas constant; atoms (elements, species) of each.
    """

    thermo: Thermo
    atoms: Tensor
    hold: Hold
    b: Tensor
    energy: Tensor
    ln_held: Tensor

    def of(self, cells: Tensor) -> Mixtures:
        """The part of some cells."""
        return self._replace(b=self.b[:, cells], energy=self.energy[cells], ln_held=self.ln_held[cells])


def equilibrium_temperature(gas: Mechanism, hold: Hold, T: Tensor, held: Tensor, Y: Tensor) -> Tensor:
    """Adiabatic equilibrium temperature (cells,) K of all species, to 0.1 K; NaN where none is found.

    T (cells,) K and Y (species, cells) at the start; held (cells,): with "hp" the pressure [Pa], with "uv" the density
    [kg/m3]. Species with an element that no cell has are left out.
    """
    left, found = torch.arange(T.numel(), device=T.device), torch.full_like(T, torch.nan)
    mix = _mixtures(gas, hold, T, held, Y)
    species = mix.atoms.shape[1]
    at = Guess(
        torch.full_like(T, math.log(START_T)),
        torch.full_like(T, math.log(START_MOLES)),
        T.new_full((species, T.numel()), math.log(START_MOLES / species)),
    )
    for _ in range(ITERATIONS):
        change = _newton(mix, at)
        share = _share(at, change)
        at = Guess((at.T + share * change.T).clamp(*LN_T), at.N + share * change.N, at.n + share * change.n)
        done = (share == 1.0) & _small(at, change)
        found[left[done]] = at.T[done].exp()
        going = ~done & torch.isfinite(at.T) & torch.isfinite(at.N)
        if not bool(going.any()):
            break
        if not bool(going.all()):
            left, mix, at = left[going], mix.of(going), Guess(at.T[going], at.N[going], at.n[:, going])
    return found


def richness(gas: Mechanism, Y: Tensor) -> Tensor:
    """Equivalence ratio (cells,) of gas Y (species, cells): the oxygen that its fuels need over what others can give.

    CO2 and H2O need and give none. Infinite where nothing gives any.
    """
    needs = torch.tensor(
        [OXYGEN_DEMAND.get(name.upper(), 0.0) for name in gas.elements], dtype=Y.dtype, device=Y.device
    )
    oxygen = (needs @ gas.element_matrix.to(Y.dtype)) / gas.molar_mass
    return (oxygen.clamp_min(0.0) @ Y) / (-oxygen.clamp_max(0.0) @ Y)


def _mixtures(gas: Mechanism, hold: Hold, T: Tensor, held: Tensor, Y: Tensor) -> Mixtures:
    whole, atoms = gas.thermo, gas.element_matrix.to(T.dtype)
    b = atoms @ (Y / gas.molar_mass.unsqueeze(1))
    there = b.amax(1) > 0
    own = ~(atoms[~there] != 0).any(0)
    thermo = Thermo(*(x[..., own] for x in whole))
    b = torch.maximum(b[there], TRACE * b[there].sum(0))
    per_volume = held / GAS_CONSTANT if hold == "hp" else held
    ln_held = per_volume.log() - gas.rates.ln_c_ref
    return Mixtures(thermo, atoms[there][:, own], hold, b, (Y * energies(whole, hold, T)[0]).sum(0), ln_held)


def _newton(mix: Mixtures, at: Guess) -> Guess:
    T, A = at.T.exp(), mix.atoms
    n = at.n.exp()
    e, c = h_RT(mix.thermo, T), cp_R(mix.thermo, T)
    if mix.hold == "uv":
        e, c, pressure = e - 1.0, c - 1.0, at.n + at.T + mix.ln_held
    else:
        pressure = at.n - at.N + mix.ln_held
    mu = g_RT(mix.thermo, T) + pressure
    N, ne, nmu = at.N.exp(), n * e, n * mu
    # each row against each column: elements, N where the pressure is held, T
    w = torch.cat([A, torch.ones_like(A[:1])]) if mix.hold == "hp" else A
    rows = w.shape[0]
    M = T.new_empty(rows + 1, rows + 1, T.numel())
    M[:rows, :rows] = ((w.unsqueeze(1) * w).reshape(-1, A.shape[1]) @ n).reshape(rows, rows, -1)
    M[:rows, rows] = M[rows, :rows] = w @ ne
    M[rows, rows] = (n * c + ne * e).sum(0)
    right = torch.cat([w @ (nmu - n), (ne * (mu - 1.0)).sum(0, keepdim=True)])
    right[: A.shape[0]] += mix.b
    right[-1] += mix.energy / (GAS_CONSTANT * T)
    if mix.hold == "hp":
        M[-2, -2] -= N
        right[-2] += N
    x = torch.linalg.solve_ex(M.permute(2, 0, 1).contiguous(), right.T.unsqueeze(-1))[0].squeeze(-1).T
    d_n = w.T @ x[:-1] + e * x[-1] - mu
    return Guess(x[-1], x[-2] if mix.hold == "hp" else torch.zeros_like(T), d_n)


def _share(at: Guess, change: Guess) -> Tensor:
    """How much of a change is made, (cells,)."""
    ln_x = at.n - at.n.exp().sum(0).log()
    grows, faint = change.n > 0, ln_x <= FAINT
    most = torch.where(grows & ~faint, change.n, 0.0).amax(0)
    most = torch.maximum(most, 5.0 * torch.maximum(change.T.abs(), change.N.abs()))
    rise = change.n - change.N
    appearing = torch.where(faint & (rise > 0), (KNOWN - ln_x) / rise, torch.inf).amin(0)
    return torch.minimum(2.0 / most, appearing.clamp_min(0.0)).clamp_max(1.0)


def _small(at: Guess, change: Guess) -> Tensor:
    n = at.n.exp()
    amounts = (n * change.n.abs()).amax(0) / n.sum(0)
    return torch.maximum(amounts, torch.maximum(change.T.abs(), change.N.abs())) < CLOSE
