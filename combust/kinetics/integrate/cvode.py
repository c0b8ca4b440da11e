"""Cantera's CVODE, one cell after the other: the last resort of batched integration."""

from __future__ import annotations

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust.errors import DivergenceError
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.integrate import failed_cell, no_end
from combust.kinetics.integrate.systems import Hold

SAME = 1e-2  # relative difference of a negative amount at two tolerances that is none
TIGHTER = (1.0, 1e-2, 1e-4, 1e-6)  # factors of rtol (squared, of atol), tried in turn while a result is negative
LEAST_RTOL = 1e-13


def require_one_mechanism(gas: Gas) -> None:
    """Raises DivergenceError for an ensemble, of which Cantera would integrate no member."""
    if gas.members:
        raise DivergenceError(
            f"{gas.path}: a cell needs CVODE, which integrates one mechanism, but this is an ensemble of "
            f"{gas.members}; loosen rtol or shorten the step so that the batched integrator arrives"
        )


class CellIntegrator:
    """Integrates one cell of a system of combust.kinetics.integrate.systems with constant sources by CVODE."""

    def __init__(self, gas: Gas, rtol: float, atol: float, hold: Hold = "flow", max_steps: int = 10_000) -> None:
        require_one_mechanism(gas)
        self.gas, self.hold = gas, hold
        self.solution = gas.cantera(transport=False)
        self.molar_mass = self.solution.molecular_weights
        self.rtol, self.atol, self.max_steps = rtol, atol, max_steps

    def __call__(
        self, cell: int, z: Tensor, s: Tensor, dt: float, held: float | None = None, reached: Tensor | None = None
    ) -> Tensor:
        """z (1 + species,) after dt [s] with sources s; held: Pa or kg/m3 of a reactor, none of a cell of a flow;
        reached: where other steps ended, for CVODE is not asked where there is no way on.

        Raises DivergenceError naming the cell and a file with its state, which `combust info` reads and runs again.
        """
        start, source = z.cpu().numpy(), s.cpu().numpy()
        if reached is not None and (why := no_end.reason(self.gas, self.hold, z, reached)):
            raise DivergenceError(self._message(cell, start, source, dt, held, why))
        # What transport takes away may leave less than nothing, and reactions may pass that on (H that is less than
        # nothing makes HO2 less than nothing): such an amount is the solution's, the same at a tighter tolerance.
        # Else a negative amount is an error of a step that went through zero, where Cantera's rates end and nothing
        # brings it back.
        lowest = np.minimum(start, 0.0)[1:] + np.minimum(dt * source, 0.0)[1:] - self.atol * start[1:].sum()
        looser = np.full_like(start, np.nan)
        for tighter in TIGHTER:
            try:
                end = self._integrate(start, source, dt, held, tighter)
            except (ct.CanteraError, RuntimeError) as error:
                if tighter < TIGHTER[0]:
                    break  # the reason is what the looser try left
                last = next((x.strip() for x in str(error).splitlines() if "CVode" in x or "rror" in x), str(error))
                raise DivergenceError(self._message(cell, start, source, dt, held, f"CVODE: {last}")) from error
            if not np.isfinite(end).all():
                raise DivergenceError(self._message(cell, start, source, dt, held, "CVODE: the result is not finite"))
            negative = end[1:] < lowest
            if (abs(end - looser) <= SAME * abs(end))[1:][negative].all():
                return torch.tensor(end, dtype=z.dtype, device=z.device)
            looser = end
        worst = int((end[1:] - lowest).argmin())
        why = f"the result has {self.gas.species[worst]} = {end[1 + worst]:.4g}, below -atol, at rtol x {tighter:g} too"
        raise DivergenceError(self._message(cell, start, source, dt, held, f"CVODE: {why}"))

    def _integrate(
        self, z: np.ndarray, s: np.ndarray, dt: float, held: float | None, tighter: float = 1.0
    ) -> np.ndarray:
        self.solution.set_unnormalized_mass_fractions(z[1:] / z[1:].sum())
        if self.hold == "hp":
            self.solution.TP = z[0], held
        else:
            self.solution.TD = z[0], z[1:].sum() if held is None else held
        self.solution.set_unnormalized_mass_fractions(z[1:] / z[1:].sum())
        kind = (_VolumeCell if self.hold == "uv" else _FlowCell) if held is None else REACTORS[self.hold]
        reactor = kind(self.solution, s, self.molar_mass)
        network = ct.ReactorNet([reactor])
        network.rtol, network.atol = max(self.rtol * tighter, LEAST_RTOL), self.atol * tighter**2
        network.max_steps = self.max_steps
        network.advance(dt)
        return reactor.end_state()

    def _message(self, cell: int, z: np.ndarray, s: np.ndarray, dt: float, held: float | None, why: str) -> str:
        Y = ", ".join(f"{k} {x:.4g}" for k, x in zip(self.gas.species, z[1:] / z[1:].sum(), strict=True))
        kept = f"p {held:.6g} Pa" if self.hold == "hp" else f"density {z[1:].sum() if held is None else held:.6g} kg/m3"
        tolerances = {"rtol": self.rtol, "atol": self.atol}
        path = failed_cell.dump(self.gas, self.hold, z, s, dt, held or 0.0, tolerances, why)
        return (
            f"chemistry of cell {cell} cannot be integrated over {dt:.3g} s: T = {z[0]:.6g} K, {kept}, "
            f"Y: {Y}; largest source {np.abs(s).max():.4g}. {why[0].upper()}{why[1:]}. Try a smaller time step; "
            + (f"`combust info {path}` runs this cell again" if path else "its state could not be written to a file")
        )


class _Sources:
    """What the reactors below share: constant sources s and the rates of mass fractions."""

    kinetics: ct.Kinetics
    thermo: ct.ThermoPhase

    def __init__(self, solution: ct.Solution, s: np.ndarray, molar_mass: np.ndarray) -> None:
        super().__init__(solution, clone=False)  # type: ignore[call-arg]
        self.source, self.molar_mass = s, molar_mass

    def mass_fraction_rates(self) -> np.ndarray:
        """s + W omega / rho (species,) 1/s."""
        return self.source[1:] + self.molar_mass * self.kinetics.net_production_rates / self.thermo.density


class _FlowCell(_Sources, ct.ExtensibleIdealGasReactor):
    """d(rho Y)/dt = Q + W omega, rho cp dT/dt = Qh - sum h_k (Q_k + W_k omega_k), in Cantera's (m, V, T, Y)."""

    def energy(self) -> tuple[np.ndarray, float]:
        """e_k J/kmol and c J/kg/K."""
        return self.thermo.partial_molar_enthalpies, self.thermo.cp_mass

    def replace_eval(self, t: float, LHS: np.ndarray, RHS: np.ndarray) -> None:
        gas, Q = self.thermo, self.source[1:]
        S = Q + self.molar_mass * self.kinetics.net_production_rates
        e, c = self.energy()
        rho, e = gas.density, e / self.molar_mass
        RHS[0] = self.volume * Q.sum()
        RHS[1] = 0.0
        LHS[2], RHS[2] = rho * c, self.source[0] - e @ S
        LHS[3:], RHS[3:] = rho, S - gas.Y * Q.sum()

    def end_state(self) -> np.ndarray:
        m, V, T, *Y = self.get_state()
        return np.concatenate([[T], np.array(Y) * (m / V)])


class _VolumeCell(_FlowCell):
    """The same with cv and u_k."""

    def energy(self) -> tuple[np.ndarray, float]:
        return self.thermo.partial_molar_int_energies, self.thermo.cv_mass


class _PressureReactor(_Sources, ct.ExtensibleIdealGasConstPressureReactor):
    """dY/dt = s + W omega / rho, cp dT/dt = s_0 - sum h_k dY_k/dt, in Cantera's (m, T, Y)."""

    def replace_eval(self, t: float, LHS: np.ndarray, RHS: np.ndarray) -> None:
        gas, dY = self.thermo, self.mass_fraction_rates()
        RHS[0] = 0.0
        LHS[1], RHS[1] = gas.cp_mass, self.source[0] - (gas.partial_molar_enthalpies / self.molar_mass) @ dY
        LHS[2:], RHS[2:] = 1.0, dY

    def end_state(self) -> np.ndarray:
        return self.get_state()[1:]


class _VolumeReactor(_Sources, ct.ExtensibleIdealGasReactor):
    """dY/dt = s + W omega / rho, cv dT/dt = s_0 - sum u_k dY_k/dt, in Cantera's (m, V, T, Y)."""

    def replace_eval(self, t: float, LHS: np.ndarray, RHS: np.ndarray) -> None:
        gas, dY = self.thermo, self.mass_fraction_rates()
        RHS[:2] = 0.0
        LHS[2], RHS[2] = gas.cv_mass, self.source[0] - (gas.partial_molar_int_energies / self.molar_mass) @ dY
        LHS[3:], RHS[3:] = 1.0, dY

    def end_state(self) -> np.ndarray:
        return self.get_state()[2:]


REACTORS: dict[str, type[_PressureReactor] | type[_VolumeReactor]] = {"hp": _PressureReactor, "uv": _VolumeReactor}
