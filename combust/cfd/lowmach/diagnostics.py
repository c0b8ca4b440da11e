"""Derived fields and global quantities of a low-Mach flow, by name; what they are is in combust.cfd.diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import conditions_of
from combust.cfd.closures.view import View
from combust.cfd.diagnostics import balances, flame, gas, mixture, motion
from combust.cfd.diagnostics.mixture import Definitions, Progress
from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.lowmach.kinetic_budget import KineticBudget
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.of_eddies import OfEddies
from combust.cfd.lowmach.state import State
from combust.cfd.lowmach.through_walls import ThroughWalls
from combust.cfd.lowmach.unresolved import Unresolved
from combust.cfd.lowmach.wall_shear import WallShear
from combust.cfd.model.case import Elsewhere
from combust.cfd.operators import momentum
from combust.cfd.operators.coefficients import Coefficients, specific_moles
from combust.cfd.operators.gradients import squared_gradient
from combust.cfd.sources import base as sources
from combust.errors import ConfigError
from combust.kinetics.providers.chemistry import columns_of, fields_of
from combust.settings import names
from combust.settings.names import FAMILIES, FRESH, OF_FIELD, OF_FIELDS, PROGRESS, STREAMS

NOWHERE = Elsewhere()
UNDEFINED = Definitions()


class Diagnosed(Protocol):
    """What of a flow its fields and quantities are made of."""

    scheme: LowMach
    current: State
    unburnt: Unburnt | None
    definitions: Definitions
    totals: sources.Totals
    time: float
    dt: float
    elsewhere: Elsewhere


class Diagnostics:
    """Looks names up: `field` gives arrays of owned cells, `quantity` numbers that are the same on all ranks."""

    def __init__(self, flow: Diagnosed):
        self.flow, self.scheme, self.grid, self.block = flow, flow.scheme, flow.scheme.grid, flow.scheme.grid.block
        self.eddies = OfEddies(flow)
        self.unresolved = Unresolved(flow, self.eddies)
        self.walls, self.shear = ThroughWalls(flow, self.unresolved), WallShear(flow, self.unresolved)
        self.gas, self.on = flow.scheme.problem.gas, (flow.scheme.layout, flow.scheme.metrics)
        self.fields = {**self._gas_fields(), **self._motion_fields(), **self._mixture_fields()}
        self.quantities = {**self._quantities(), **self._flame_quantities()}
        # what chemistry, closure, interaction and sources show themselves, and names that only other kinds have
        fields, columns = dict(fields_of(self.scheme.chemistry)), dict(columns_of(self.scheme.chemistry))
        for source in (s for s in self.scheme.problem.sources if isinstance(s, sources.Acting)):
            fields |= dict.fromkeys(source.fields)  # type: ignore[arg-type]
            columns |= dict.fromkeys((*source.columns, *source.totals))  # type: ignore[arg-type]
        fields |= dict.fromkeys(self.unresolved.fields)  # type: ignore[arg-type]
        columns |= dict.fromkeys(self.unresolved.columns)  # type: ignore[arg-type]
        self._shown = {*fields, *columns}
        self.fields |= {k: partial(self._shown_field, k) for k in {**flow.elsewhere.fields, **fields}}
        self.quantities |= {k: partial(self._shown_column, k) for k in {**flow.elsewhere.columns, **columns}}

    def _gas_fields(self) -> dict[str, Callable[[], Tensor]]:
        """The state of the gas, of every flow."""
        thermo = self.gas.thermo
        return {
            "T": lambda: self.q[0],
            "p": lambda: self.scheme.inner(self.s.p),
            "rho": self.density,
            "density": self.density,
            "enthalpy": lambda: gas.enthalpy(self.q, thermo),
            "cp": lambda: gas.heat_capacity(self.q, thermo),
            "molar_mass": lambda: gas.molar_mass(self.q, thermo),
            "viscosity": lambda: self.scheme.inner(self.coefficients.viscosity),
            "conductivity": lambda: self.scheme.inner(self.coefficients.conductivity),
            "heat_release": self.heat_release,
            "eos_drift": self.eos_drift,
            "wall_heat_flux": self.walls.field,
            "y_plus": self.shear.y_plus,
            "rank": lambda: torch.full(self.grid.layout.n, float(self.block.comm.rank), dtype=torch.float64),
        }

    def _motion_fields(self) -> dict[str, Callable[[], Tensor]]:
        """Velocity and what follows from it, of every flow."""
        return {
            "u": self.velocity,
            "speed": lambda: self.velocity().pow(2).sum(0).sqrt(),
            "Mach": lambda: gas.mach(self.q, self.velocity(), self.gas.thermo),
            "vorticity": partial(self._of_motion, motion.vorticity),
            "divergence": partial(self._of_motion, momentum.velocity_divergence),
            "strain": lambda: motion.strain_rate(self.view().gradients),
            "Q": lambda: motion.q_criterion(self.view().gradients),
            "viscous_dissipation": self.viscous_dissipation,
            **self.eddies.fields(),
            "Da": self.unresolved.damkoehler,
            "Ka": self.unresolved.karlovitz,
        }

    def _mixture_fields(self) -> dict[str, Callable[[], Tensor]]:
        """Mixture and progress."""
        return {
            "equivalence_ratio": lambda: mixture.equivalence_ratio(self.q, self.gas),
            "mixture_fraction": lambda: mixture.mixture_fraction(self.q, self.gas, self._streams("mixture_fraction")),
            "progress": lambda: mixture.progress(self.q, self._progress("progress")),
            "scalar_dissipation": self.scalar_dissipation,
            "flame_index": self.flame_index,
        }

    def _quantities(self) -> dict[str, Callable[[], float]]:
        """Those of every flow."""
        return {
            "T_max": lambda: self.maximum(self.q[0]),
            "T_min": lambda: -self.maximum(-self.q[0]),
            "p0": lambda: float(self.s.p0),
            "speed_max": lambda: self.maximum(self._field("speed")),
            "heat_release": lambda: self.integral(self.heat_release()),
            "kinetic_energy": lambda: self.integral(0.5 * self.s.U[1:].sum(0) * self.velocity().pow(2).sum(0)),
            "enstrophy": lambda: self.integral(self._of_motion(motion.enstrophy)),
            "viscous_dissipation": lambda: self.integral(self.viscous_dissipation()),
            "Y_min": lambda: -self.maximum(-self.q[1:]),
            "mass_error": lambda: balances.mass_error(self._gain(), self.s.initial),
            "element_error": lambda: balances.element_error(self._gain(), self.s.initial, self.s.balance, self.gas),
            "enthalpy_error": lambda: balances.enthalpy_error(self._gain(), float(self.s.p0), self.scheme.volume),
            **self.walls.quantities(),
            **self.shear.quantities(),
            **self.eddies.quantities(),
            **KineticBudget(self.flow).quantities(),
            "eos_drift": lambda: self.maximum(self.eos_drift().abs()),
            "pressure_iterations": lambda: float(self.scheme.iterations[-1]) if self.scheme.iterations else 0.0,
            "stages": lambda: float(self.scheme.stages),
            "active_share": self.active_share,
        }

    def _flame_quantities(self) -> dict[str, Callable[[], float]]:
        """Those of flames."""
        return {
            "flame_speed": self.flame_speed,
            "consumption_speed": self.consumption_speed,
            "flame_surface": self.flame_surface,
            "front": self.front,
            "front_by_volume": self.front_by_volume,
            "inflow_speed": self.inflow_speed,
        }

    @property
    def s(self) -> State:
        """The state at hand, under the name the formulas use."""
        return self.flow.current

    @property
    def q(self) -> Tensor:
        return self.scheme.inner(self.s.q)

    @property
    def coefficients(self) -> Coefficients:
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
        raise ConfigError(self._unknown("field", name, self.fields))

    def _species_field(self, prefix: str, species: str) -> Tensor:
        k = self.gas.index(species)
        Y = self.q[1:]
        if prefix == "Y_":
            return Y[k]
        if prefix == "X_":
            return Y[k] / self.gas.molar_mass[k] / specific_moles(self.gas.thermo, Y)
        return self.rates()[k]

    def quantity(self, name: str) -> float:
        """A named number, or max(FIELD), min(FIELD), mean(FIELD), sum(FIELD) (integral over the volume)."""
        if name in self.quantities:
            return self.quantities[name]()
        match = OF_FIELD.fullmatch(name)
        if match is None:
            of_one = sources.of_one(self.scheme.problem.sources, name, self.view())
            if of_one is not None:
                return of_one
            known = [*self.quantities, *OF_FIELDS]
            raise ConfigError(self._unknown("quantity", name, known))
        how, value = match[1], self._field(match[2])
        if how in ("max", "min"):
            return self.maximum(value) if how == "max" else -self.maximum(-value)
        total = self.integral(value)
        return total if how == "sum" else total / self.scheme.volume

    def _unknown(self, what: str, name: str, known: Iterable[str]) -> str:
        elsewhere = {**self.flow.elsewhere.fields, **self.flow.elsewhere.columns}
        return names.unknown(what, name, [k for k in known if k not in elsewhere or k in self._shown])

    # --- reductions ---------------------------------------------------------------------------------------------

    def maximum(self, f: Tensor) -> float:
        return self.block.comm.max(float(f.max()))[0]

    def mach_of(self, speed: float) -> float:
        """The largest Mach number of gas of this speed [m/s] (collective)."""
        return self.maximum(gas.mach(self.q, torch.full_like(self.q[:1], speed), self.gas.thermo)) if speed else 0.0

    def integral(self, f: Tensor) -> float:
        return self.block.comm.sum(float((f * self.grid.volume).sum()))[0]

    # --- fields -------------------------------------------------------------------------------------------------

    def _of_motion(self, what: Callable[..., Any]) -> Any:
        """A function of face velocities on this grid."""
        return what(self.s.u, *self.on)

    def velocity(self) -> Tensor:
        """Cell averages of the face velocities, (3: z, y, x, ...)."""
        return momentum.cell_velocity(self.s.u, self.scheme.layout)

    def density(self) -> Tensor:
        """[kg/m3]"""
        return self.s.U[1:].sum(0)

    def rates(self) -> Tensor:
        """Mass production rates that act at the present state, (species, ...) [kg/m3/s]."""
        return self.unresolved.rates()

    def heat_release(self) -> Tensor:
        """-sum_k h_k W_k omega_k [W/m3]."""
        return gas.heat_release(self.q[0], self.rates(), self.gas.thermo)

    def view(self) -> View:
        """The flow now, as its closure sees it in the step to come."""
        return self.scheme.view_of(self.s, self.flow.time, self.flow.dt)

    def viscous_dissipation(self) -> Tensor:
        """Kinetic energy that viscosity, and that of the eddies, makes heat of [W/m3]."""
        c = self.unresolved.coefficients()
        return motion.viscous_dissipation(self.s.u, c.viscosity, *self.on)

    def scalar_dissipation(self) -> Tensor:
        """2 D |grad Z|^2 with D = lambda/(rho cp) [1/s]."""
        Z = mixture.mixture_fraction(self.s.q, self.gas, self._streams("scalar_dissipation"))
        cp = gas.heat_capacity(self.q, self.gas.thermo)
        D = self.scheme.inner(self.coefficients.conductivity) / (self.density() * cp)
        return 2.0 * D * squared_gradient(Z, *self.on)

    def flame_index(self) -> Tensor:
        """Cosine between the gradients of fuel and oxidizer."""
        fuel, oxidizer = mixture.reactants(self.gas, self._streams("flame_index"))
        return mixture.flame_index(self.s.q, fuel, oxidizer, *self.on)

    def eos_drift(self) -> Tensor:
        """(p_eos - p0)/p0."""
        return self.scheme.pressure_error(self.s)

    # --- flame --------------------------------------------------------------------------------------------------

    def _fresh(self, name: str) -> Unburnt:
        if self.flow.unburnt is None:
            raise ConfigError(f'"{name}" needs {FRESH}')
        return self.flow.unburnt

    def _streams(self, name: str) -> Tensor:
        if self.flow.definitions.streams is None:
            raise ConfigError(f'"{name}" needs {STREAMS}')
        return self.flow.definitions.streams

    def _progress(self, name: str) -> Progress:
        if self.flow.definitions.progress is None:
            raise ConfigError(f'"{name}" needs {PROGRESS}')
        return self.flow.definitions.progress

    def flame_speed(self) -> float:
        """Consumption speed of the fuel per cross-section normal to x, from the mean rates of the last step [m/s].

        -int omega_F dV / (rho_u A (Y_F,u - Y_F,b)), with Y_F,b that leaves at high x, where burnt gas does (behind a
        short domain radicals have not yet recombined), else that of the burnt gas in equilibrium.
        """
        fresh = self._fresh("flame_speed")
        area = self.scheme.volume / (self.grid.faces[2][-1] - self.grid.faces[2][0])
        unburnt, burnt = torch.stack([fresh.Y[fresh.fuel], fresh.burnt_Y[fresh.fuel]]).tolist()
        outflow = self.scheme.problem.boundaries[2][1]
        if any(condition.opens for condition in conditions_of(outflow)):
            leaving = self._leaving(1 + fresh.fuel)
            if abs(leaving - burnt) < abs(leaving - unburnt):
                burnt = leaving
        rate = self.integral(self.s.wdot[fresh.fuel])
        return -rate / (fresh.density * area * (unburnt - burnt))

    def flame_surface(self) -> float:
        """Area of the iso-surfaces of the progress variable about 1/2 [m2] (see flame.surface_density)."""
        c = mixture.progress(self.s.q, self._progress("flame_surface"))
        return self.integral(flame.surface_density(c, *self.on))

    def consumption_speed(self) -> float:
        """Consumption speed of the fuel per area of the flame [m/s]; NaN where there is no flame."""
        self._fresh("consumption_speed")
        section = self.scheme.volume / (self.grid.faces[2][-1] - self.grid.faces[2][0])
        speed, surface = self.flame_speed(), self.flame_surface()
        return speed * section / surface if surface > 0 else float("nan")

    def _leaving(self, row: int) -> float:
        """Mean of a row of (T, Y) over the mass next to the high x side."""
        mass = self.s.U[1:].sum(0) * self.grid.volume * float(self.block.at_boundary(2, 1))
        last = self.grid.layout.n[2] - 1
        weight = mass.narrow(2, last, 1)
        parts = torch.stack([weight.sum(), (weight * self.q[row].narrow(2, last, 1)).sum()])
        total, amount = self.block.comm.sum(*parts.tolist())
        return amount / total

    def front(self) -> float:
        """Mean x of the surface where T is half way between unburnt and burnt [m]; NaN if there is none."""
        fresh = self._fresh("front")
        level = 0.5 * (fresh.temperature + fresh.burnt_temperature)
        crossing, x = flame.crossings(self.s.q[0], level, *self.on, self.grid.centres[2])
        count, total = self.block.comm.sum(float(crossing.sum()), float(x.sum()))
        return total / count if count else float("nan")

    def front_by_volume(self) -> float:
        """x of a flat front with as much burnt gas at the high side of it [m]; part burnt gas counts by its T."""
        fresh, (begin, *_, end) = self._fresh("front_by_volume"), self.grid.faces[2]
        burnt = ((self.q[0] - fresh.temperature) / (fresh.burnt_temperature - fresh.temperature)).clamp(0.0, 1.0)
        return float(end) - (float(end) - float(begin)) * self.integral(burnt) / self.scheme.volume

    def inflow_speed(self) -> float:
        """Volume that enters at low x over the area of that side [m/s]."""
        areas, faces = self.scheme.filler.areas[2], self.scheme.block_faces(self.s.u)[2]
        if areas is None or faces is None:
            return 0.0
        entered, area = self.block.comm.sum(float((faces.narrow(2, 0, 1) * areas[0]).sum()), float(areas[0].sum()))
        return entered / area if area > 0 else 0.0

    def active_share(self) -> float:
        """Share of the cells whose chemistry was integrated implicitly in the last step."""
        stats = self.scheme.chemistry_stats
        if stats is None:
            return 0.0
        cells, skipped = self.block.comm.sum(float(stats.cells), float(stats.skipped))
        return 1.0 - skipped / cells if cells else 0.0

    def _shown_field(self, name: str) -> Tensor:
        """A field that chemistry, turbulence or a source shows. Raises ConfigError if it is of another kind."""
        found = fields_of(self.scheme.chemistry).get(name)
        if found is not None:
            return self._of_cells(found())
        shown = self.unresolved.field(name)
        if shown is None:
            shown = sources.field(self.scheme.problem.sources, name, self.view())
        if shown is None:
            raise ConfigError(f'"{name}" needs {self.flow.elsewhere.fields[name].needs}')
        return shown

    def _shown_column(self, name: str) -> float:
        """A number that chemistry, turbulence or a source shows. Raises ConfigError if it is of another kind."""
        found = columns_of(self.scheme.chemistry).get(name)
        if found is not None:
            return found(self.block.comm)
        count = self.unresolved.column(name)
        if count is None:
            count = self.flow.totals.now(name, self.flow.time)
        if count is None:
            apart = self.flow.elsewhere.columns.get(name, names.NOTHING).apart
            count = sources.column(self.scheme.problem.sources, name, self.view(), apart)
        if count is None:
            raise ConfigError(f'"{name}" needs {self.flow.elsewhere.columns[name].needs}')
        return count

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
