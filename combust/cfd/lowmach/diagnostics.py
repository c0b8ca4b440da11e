"""Derived fields and global quantities, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from combust.cfd.boundaries import inflow
from combust.cfd.boundaries.conditions import Burner, conditions_of
from combust.cfd.closures.view import View
from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.lowmach.context import diffusivities, eddies
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import along
from combust.cfd.model.case import Elsewhere
from combust.cfd.operators import momentum, scalars
from combust.errors import ConfigError
from combust.kinetics.mechanism.mixtures import VALENCE
from combust.kinetics.providers.chemistry import columns_of, fields_of
from combust.kinetics.rates.thermo import GAS_CONSTANT, cp_mass, h_mass
from combust.settings.names import BURNER, FAMILIES, FRESH, OF_FIELD, OF_FIELDS, SYNONYMS, TURBULENCE

NOWHERE = Elsewhere()


class Flow(Protocol):
    """What of a flow its fields and quantities are made of."""

    scheme: LowMach
    current: State
    unburnt: Unburnt | None
    time: float
    dt: float
    elsewhere: Elsewhere


class Diagnostics:
    """Looks names up: `field` gives arrays of owned cells, `quantity` numbers that are the same on all ranks."""

    def __init__(self, flow: Flow):
        self.flow, self.scheme, self.grid, self.block = flow, flow.scheme, flow.scheme.grid, flow.scheme.grid.block
        self.gas = flow.scheme.problem.gas
        self.fields, self.quantities = self._fields(), self._quantities()
        # what the chemistry shows itself, and names that only other kinds have
        fields, columns = fields_of(self.scheme.chemistry), columns_of(self.scheme.chemistry)
        self.fields |= {k: partial(self._chemistry_field, k) for k in {**flow.elsewhere.fields, **fields}}
        self.quantities |= {k: partial(self._chemistry_column, k) for k in {**flow.elsewhere.columns, **columns}}

    def _fields(self) -> dict[str, Callable[[], Tensor]]:
        """Those of every flow."""
        return {
            "T": lambda: self.q[0],
            "u": self.velocity,
            "p": lambda: self.scheme.inner(self.s.p),
            "rho": self.density,
            "density": self.density,
            "speed": lambda: self.velocity().pow(2).sum(0).sqrt(),
            "enthalpy": lambda: (self.q[1:] * h_mass(self.gas.thermo, self.q[0])).sum(0),
            "cp": lambda: (self.q[1:] * cp_mass(self.gas.thermo, self.q[0])).sum(0),
            "molar_mass": lambda: 1.0 / scalars.specific_moles(self.gas.thermo, self.q[1:]),
            "viscosity": lambda: self.scheme.inner(self.coefficients.viscosity),
            "nu_t": self.eddy_viscosity,
            "conductivity": lambda: self.scheme.inner(self.coefficients.conductivity),
            "heat_release": self.heat_release,
            "Mach": self.mach,
            "vorticity": self.vorticity,
            "divergence": lambda: momentum.velocity_divergence(self.s.u, self.scheme.layout, self.scheme.metrics),
            "equivalence_ratio": self.equivalence_ratio,
            "mixture_fraction": self.mixture_fraction,
            "progress": self.progress,
            "eos_drift": self.eos_drift,
            "rank": lambda: torch.full(self.grid.layout.n, float(self.block.comm.rank), dtype=torch.float64),
        }

    def _quantities(self) -> dict[str, Callable[[], float]]:
        """Those of every flow."""
        return {
            "T_max": lambda: self.maximum(self.q[0]),
            "T_min": lambda: -self.maximum(-self.q[0]),
            "p0": lambda: float(self.s.p0),
            "speed_max": lambda: self.maximum(self._field("speed")),
            "flame_speed": self.flame_speed,
            "front": self.front,
            "heat_release": lambda: self.integral(self.heat_release()),
            "kinetic_energy": lambda: self.integral(0.5 * self.s.U[1:].sum(0) * self.velocity().pow(2).sum(0)),
            "Y_min": lambda: -self.maximum(-self.q[1:]),
            "mass_error": self.mass_error,
            "element_error": self.element_error,
            "enthalpy_error": self.enthalpy_error,
            "heat_to_burner": self.heat_to_burner,
            "eos_drift": lambda: self.maximum(self.eos_drift().abs()),
            "pressure_iterations": lambda: float(self.scheme.iterations[-1]) if self.scheme.iterations else 0.0,
            "stages": lambda: float(self.scheme.stages),
            "active_share": self.active_share,
        }

    @property
    def s(self) -> State:
        """The state at hand, under the name the formulas use."""
        return self.flow.current

    @property
    def q(self) -> Tensor:
        return self.scheme.inner(self.s.q)

    @property
    def coefficients(self) -> scalars.Coefficients:
        c = self.s.coefficients
        assert c is not None
        return c

    # --- by name ------------------------------------------------------------------------------------------------

    def field(self, name: str) -> np.ndarray:
        """Owned cells, (nz, ny, nx) or (3, nz, ny, nx) with components in the order x, y, z."""
        value = self._field(name)
        if value.dim() == 4:
            value = value.flip(0)
        return np.ascontiguousarray(value.detach().cpu().numpy())

    def _field(self, name: str) -> Tensor:
        if name in self.fields:
            return self.fields[name]()
        for prefix in FAMILIES:
            if name.startswith(prefix):
                return self._species_field(prefix, name.removeprefix(prefix))
        raise ConfigError(self._unknown("field", name, list(self.fields)))

    def _species_field(self, prefix: str, species: str) -> Tensor:
        k = self.gas.index(species)
        Y = self.q[1:]
        if prefix == "Y_":
            return Y[k]
        if prefix == "X_":
            return Y[k] / self.gas.molar_mass[k] / scalars.specific_moles(self.gas.thermo, Y)
        return self.rates()[k]

    def quantity(self, name: str) -> float:
        """A named number, or max(FIELD), min(FIELD), mean(FIELD), sum(FIELD) (integral over the volume)."""
        if name in self.quantities:
            return self.quantities[name]()
        match = OF_FIELD.fullmatch(name)
        if match is None:
            known = [*self.quantities, *OF_FIELDS]
            raise ConfigError(self._unknown("quantity", name, known))
        how, value = match[1], self._field(match[2])
        if how in ("max", "min"):
            return self.maximum(value) if how == "max" else -self.maximum(-value)
        total = self.integral(value)
        return total if how == "sum" else total / self.scheme.volume

    def _unknown(self, what: str, name: str, known: list[str]) -> str:
        near = [SYNONYMS[name]] if SYNONYMS.get(name) in known else difflib.get_close_matches(name, known, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        families = ", ".join(f"{p}<species>" for p in FAMILIES) if what == "field" else ""
        return f'{what} "{name}" is unknown; known: {", ".join(known + ([families] if families else []))}{hint}'

    def mach(self) -> Tensor:
        """Speed over the speed of sound of the frozen mixture."""
        T, Y = self.q[0], self.q[1:]
        R = GAS_CONSTANT * scalars.specific_moles(self.gas.thermo, Y)
        cp = (Y * cp_mass(self.gas.thermo, T)).sum(0)
        return (self.velocity().pow(2).sum(0) * (cp - R) / (cp * R * T)).sqrt()

    # --- reductions ---------------------------------------------------------------------------------------------

    def maximum(self, f: Tensor) -> float:
        return self.block.comm.max(float(f.max()))[0]

    def integral(self, f: Tensor) -> float:
        return self.block.comm.sum(float((f * self.grid.volume).sum()))[0]

    # --- fields -------------------------------------------------------------------------------------------------

    def velocity(self) -> Tensor:
        """Cell averages of the face velocities, (3: z, y, x, ...)."""
        result = torch.zeros(3, *self.grid.layout.n, dtype=torch.float64, device=self.grid.device)
        for a in self.grid.layout.axes:
            u = self.s.u[a]
            assert u is not None
            faces = along(u, self.grid.layout, a, 0, 1)
            n = self.grid.layout.n[a]
            result[a] = 0.5 * (faces.narrow(a, 0, n) + faces.narrow(a, 1, n))
        return result

    def density(self) -> Tensor:
        """[kg/m3]"""
        return self.s.U[1:].sum(0)

    def rates(self) -> Tensor:
        """Mass production rates at the present state, (species, ...) [kg/m3/s]."""
        Y = self.s.U[1:]
        return self.scheme.chemistry.rates(self.q[0].reshape(-1), Y.reshape(Y.shape[0], -1)).reshape(Y.shape)

    def heat_release(self) -> Tensor:
        """-sum_k h_k W_k omega_k [W/m3]."""
        return -(h_mass(self.gas.thermo, self.q[0]) * self.rates()).sum(0)

    def view(self) -> View:
        """The flow now, as its closure sees it in the step to come."""
        s = self.s
        return self.scheme.view(s.u, s.q, s.U, s.p0, self.flow.time, self.flow.dt)

    def eddy_viscosity(self) -> Tensor:
        """Kinematic viscosity of the eddies below the grid, as the step to come takes it [m2/s]."""
        closure = self.scheme.problem.closure
        if closure is None:
            raise ConfigError(f'"nu_t" needs {TURBULENCE}')
        return diffusivities(closure, self.view(), self.scheme)[0]

    def vorticity(self) -> Tensor:
        """curl u at cells, (3: z, y, x, ...), from central differences of the face velocities [1/s].

        First order in cells at a wall.
        """
        layout, metrics = self.grid.layout, self.grid.metrics

        def gradient(component: int, axis: int) -> Tensor | float:
            found = momentum.derivative(self.s.u, component, axis, layout, metrics)
            return 0.0 if found is None else found

        zero = torch.zeros(layout.n, dtype=torch.float64, device=self.grid.device)
        z, y, x = 0, 1, 2
        return torch.stack(
            [
                gradient(y, x) - gradient(x, y) + zero,
                gradient(x, z) - gradient(z, x) + zero,
                gradient(z, y) - gradient(y, z) + zero,
            ]
        )

    def equivalence_ratio(self) -> Tensor:
        """Oxygen that C and H would need over the oxygen present, (2 n_C + n_H/2) / n_O, from the elements."""
        elements = self.gas.element_matrix @ (self.q[1:] / self.gas.molar_mass.reshape(-1, 1, 1, 1)).flatten(1)
        n = {e: elements[i] for i, e in enumerate(self.gas.elements)}
        zero = torch.zeros_like(elements[0])
        need = 2 * n.get("C", zero) + 0.5 * n.get("H", zero)
        return (need / n.get("O", zero)).reshape(self.grid.layout.n)

    def mixture_fraction(self) -> Tensor:
        """Bilger's, from the elements C, H and O between the streams of the case. doi:10.1016/S0082-0784(89)80049-2"""
        streams = self._fresh("mixture_fraction").streams
        valence = self.q.new_tensor([VALENCE.get(e, 0.0) for e in self.gas.elements])
        coupling = valence @ (self.gas.element_matrix / self.gas.molar_mass)
        oxidizer, fuel = streams @ coupling
        return ((self.q[1:] * coupling.reshape(-1, 1, 1, 1)).sum(0) - oxidizer) / (fuel - oxidizer)

    def progress(self) -> Tensor:
        """(T - T_u)/(T_b - T_u) with the burnt temperature of equilibrium."""
        fresh = self._fresh("progress")
        return (self.q[0] - fresh.temperature) / (fresh.burnt_temperature - fresh.temperature)

    def eos_drift(self) -> Tensor:
        """(p_eos - p0)/p0."""
        return scalars.equation_of_state_error(self.s.U, self.q[0], self.s.p0, self.gas.thermo)

    # --- flame --------------------------------------------------------------------------------------------------

    def _fresh(self, name: str) -> Unburnt:
        if self.flow.unburnt is None:
            raise ConfigError(f'"{name}" needs {FRESH}')
        return self.flow.unburnt

    def flame_speed(self) -> float:
        """Consumption speed of the fuel per cross-section normal to x, from the mean rates of the last step [m/s].

        -int omega_F dV / (rho_u A (Y_F,u - Y_F,b)), with Y_F,b that leaves at high x, where burnt gas does (behind a
        short domain radicals have not yet recombined), else that of the burnt gas in equilibrium.
        """
        fresh = self._fresh("flame_speed")
        area = self.scheme.volume / (self.grid.faces[2][-1] - self.grid.faces[2][0])
        unburnt, burnt = float(fresh.Y[fresh.fuel]), float(fresh.burnt_Y[fresh.fuel])
        outflow = self.scheme.problem.boundaries[2][1]
        if outflow is not None and outflow.pressure == "dirichlet":
            leaving = self._leaving(1 + fresh.fuel)
            if abs(leaving - burnt) < abs(leaving - unburnt):
                burnt = leaving
        rate = self.integral(self.s.wdot[fresh.fuel])
        return -rate / (fresh.density * area * (unburnt - burnt))

    def _leaving(self, row: int) -> float:
        """Mean of a row of (T, Y) over the mass next to the high x side."""
        mass = self.s.U[1:].sum(0) * self.grid.volume * float(self.block.at_boundary(2, 1))
        last = self.grid.layout.n[2] - 1
        weight = mass.narrow(2, last, 1)
        total, amount = self.block.comm.sum(float(weight.sum()), float((weight * self.q[row].narrow(2, last, 1)).sum()))
        return amount / total

    def front(self) -> float:
        """Mean x of the surface where T is half way between unburnt and burnt [m]; NaN if there is none."""
        fresh = self._fresh("front")
        level = 0.5 * (fresh.temperature + fresh.burnt_temperature)
        layout, metric = self.grid.layout, self.grid.metrics[2]
        assert metric is not None
        T = along(self.s.q[0], layout, 2, -1, 1)
        n = layout.n[2]
        left, right = T.narrow(2, 0, n), T.narrow(2, 1, n)
        crossing = (left < level) & (right >= level)
        step = 1.0 / metric.per_distance.narrow(2, 0, n)
        end = self.grid.centres[2].expand(layout.n)
        x = end - step * (right - level) / torch.where(crossing, right - left, 1.0)
        count, total = self.block.comm.sum(float(crossing.sum()), float(torch.where(crossing, x, 0.0).sum()))
        return total / count if count else float("nan")

    def active_share(self) -> float:
        """Share of the cells whose chemistry was integrated implicitly in the last step."""
        stats = self.scheme.chemistry_stats
        if stats is None:
            return 0.0
        cells, skipped = self.block.comm.sum(float(stats.cells), float(stats.skipped))
        return 1.0 - skipped / cells if cells else 0.0

    def _chemistry_field(self, name: str) -> Tensor:
        """A field that the chemistry shows. Raises ConfigError if it is of another kind."""
        found = fields_of(self.scheme.chemistry).get(name)
        if found is None:
            raise ConfigError(f'"{name}" needs {self.flow.elsewhere.fields[name].needs}')
        return self._of_cells(found())

    def _chemistry_column(self, name: str) -> float:
        """A number that the chemistry shows. Raises ConfigError if it is of another kind."""
        found = columns_of(self.scheme.chemistry).get(name)
        if found is None:
            raise ConfigError(f'"{name}" needs {self.flow.elsewhere.columns[name].needs}')
        return found(self.block.comm)

    def _of_cells(self, values: Tensor) -> Tensor:
        """A field (nz, ny, nx) of a provider's values; zeros before the first step."""
        if not values.numel():
            return torch.zeros(self.grid.layout.n, dtype=torch.float64, device=self.grid.device)
        return values.to(torch.float64).reshape(self.grid.layout.n)

    # --- balances -----------------------------------------------------------------------------------------------

    def _gain(self) -> Tensor:
        """Content now + what left - content at the start, of (rho h, rho Y)."""
        now = self.block.comm.sum(*(self.s.U * self.grid.volume).sum((1, 2, 3)).tolist())
        return torch.tensor(now, dtype=torch.float64, device=self.grid.device) + self.s.balance - self.s.initial

    def heat_to_burner(self) -> float:
        """Heat that conducts into the burners now [W]; per m2 of what the domain does not extend in."""
        scheme = self.scheme
        if not any(isinstance(c, Burner) for pair in scheme.problem.boundaries for s in pair for c in conditions_of(s)):
            raise ConfigError(f'"heat_to_burner" needs {BURNER}')
        c = scheme.with_eddies(self.coefficients, eddies(self.view(), scheme))
        own = inflow.heat_to_burner(self.s.q, c, scheme.filler, scheme.thermo)
        return self.block.comm.sum(own)[0]

    def mass_error(self) -> float:
        """Mass that appeared since the start, over the mass then."""
        return float(self._gain()[1:].sum() / self.s.initial[1:].sum())

    def element_error(self) -> float:
        """Largest appearance of an element since the start (kmol), over its amount then, or what came in if more."""
        per_mass = self.gas.element_matrix / self.gas.molar_mass
        amounts = per_mass @ self.s.initial[1:]
        amounts = torch.maximum(amounts, -(per_mass @ self.s.balance[1:]))
        gain = per_mass @ self._gain()[1:]
        return float((gain.abs() / amounts.clamp_min(1e-12 * float(amounts.max()))).max())

    def enthalpy_error(self) -> float:
        """Enthalpy that appeared since the start (less the work of p0), over int rho cp T at the start's scale."""
        scale = float(self.s.p0) * self.scheme.volume * 3.5
        return float(self._gain()[0]) / scale
