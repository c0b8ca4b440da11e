"""A gas mechanism: Cantera reads the file, torch evaluates it for any number of cells."""

from __future__ import annotations

import functools
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import cantera as ct
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from combust.errors import MechanismError
from combust.kinetics.gas.names import Names
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate import few, jacobian, production, systems
from combust.kinetics.integrate.gradients import run as differentiable
from combust.kinetics.integrate.reactor import ReactorIntegrator, Reactors, integrate
from combust.kinetics.mechanism import (
    guard,
    mixtures,
    parameters,
    phases,
    places,
    qss_cantera,
    qss_file,
    reactions,
    states,
)
from combust.kinetics.mechanism.changes import Changes, changed_parameters, changes_of, digest, with_changes
from combust.kinetics.mechanism.mixtures import Composition
from combust.kinetics.mechanism.parameters import RateParameters
from combust.kinetics.mechanism.tensors import moved
from combust.kinetics.mechanism.transport_models import Number, transport_model
from combust.kinetics.mechanism.transport_tables import soret_from_cantera, transport_from_cantera
from combust.kinetics.rates import qss, temperature, thermo
from combust.kinetics.rates.data import RateData
from combust.kinetics.rates.qss import AnyKinetics, QssKinetics
from combust.kinetics.rates.temperature import Ranges
from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, column
from combust.kinetics.transport.model import SoretProperties, TransportProperties
from combust.kinetics.transport.properties import TransportData, transport_properties
from combust.kinetics.transport.soret import SoretData


class Source(NamedTuple):
    """Where a mechanism comes from: path, phase and ions as given to `Mechanism.load`, and what was changed."""

    path: str
    phase: str
    ions: Literal["neutral"] | None = None
    changes: Changes = {}

    def load(self, device: torch.device | str = "cpu") -> Mechanism:
        """The mechanism. Raises MechanismError as `Mechanism.load`, and for reactions that the file lacks."""
        gas = Mechanism.load(self.path, self.phase, device, self.ions)
        return gas.with_parameters(**changed_parameters(gas.parameters, self.changes)) if self.changes else gas


@dataclass(frozen=True, eq=False, repr=False)
class Mechanism:
    """A gas mechanism on one device; load it with `Mechanism.load`.

    Fields take any trailing cell shape: T, p (...cells), Y (species, ...cells). SI units with kmol, float64.
    """

    name: str  # of the phase
    path: str  # as given to `load`
    file_sha256: str  # of the YAML file's content
    species: tuple[str, ...]
    elements: tuple[str, ...]
    molar_mass: Tensor  # (species,) kg/kmol
    element_matrix: Tensor  # (elements, species) atoms per molecule
    T_limits: Tensor  # (2, species) K, from where to where the thermo data of each species hold
    kinetics: AnyKinetics  # what the kernels take
    qss: tuple[str, ...] = ()  # species of the file in quasi-steady state, which are not among `species`
    case_sensitive: bool = False  # whether names of species are; by default Cantera finds AR by "ar"
    ions: Literal["neutral"] | None = None  # as given to `load`
    given: RateParameters | None = None  # instead of those of the file
    unchanged: Mechanism | None = None  # what it was made from by changing rates

    @classmethod
    def load(
        cls,
        path: str | Path,
        phase: str | None = None,
        device: torch.device | str = "cpu",
        ions: Literal["neutral"] | None = None,
    ) -> Mechanism:
        """Read a Cantera YAML file, found on Cantera's search path.

        phase: name of one of several phases; the first that combust covers if omitted.
        ions: "neutral" takes a phase of `transport: ionized-gas`, whose ions then diffuse like neutral species.
        Species under the phase's `combust: {qss: {species: [...]}}` are in quasi-steady state (kinetics.rates.qss).
        Raises MechanismError for a file that Cantera cannot read, listing all that is not covered, or naming what is
        not as Cantera has it (combust.kinetics.mechanism.guard).
        """
        file = places.find(path)
        solution = phases.read(file, phase, ions)
        steady, case_sensitive = qss_file.qss_species(solution), solution.case_sensitive_species_names
        kinetics = qss_file.kinetics_of(solution) if not steady else qss_file.qss_kinetics_of(solution, steady)
        solution, kinetics = qss_file.without(solution, steady) if steady else solution, moved(kinetics, device)
        return cls(
            name=solution.name,
            path=str(path),
            file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            species=tuple(solution.species_names),
            elements=tuple(solution.element_names),
            molar_mass=kinetics.thermo.molar_mass,
            element_matrix=torch.tensor(reactions.element_matrix(solution), device=device),
            T_limits=torch.tensor(reactions.temperature_limits(solution), device=device),
            kinetics=kinetics,
            qss=steady,
            case_sensitive=case_sensitive,
            ions=ions,
        )

    def __repr__(self) -> str:
        counts = f"{len(self.species)} species, {self.rates.order.shape[0]} reactions"
        return f"Mechanism({self.path!r}, phase {self.name!r}, {counts}, {self.device})"

    @property
    def thermo(self) -> Thermo:
        """NASA polynomials, as the functions of combust.kinetics.rates.thermo take them."""
        return self.kinetics.thermo

    @property
    def rates(self) -> RateData:
        """Rate parameters, as tensors."""
        return self.kinetics.rates

    @property
    def device(self) -> torch.device:
        """Where the mechanism's tensors live."""
        return self.molar_mass.device

    @property
    def parameters(self) -> RateParameters:
        """A, b, Ea_R of every reaction, and of the low-pressure limit of falloff reactions, in the file's order."""
        return parameters.parameters_of(self.rates) if self.given is None else self.given

    def with_parameters(self, **new: Tensor) -> Mechanism:
        """This mechanism with other rate parameters, (reactions,) in the file's order; gradients flow to them.

        Names and units as in kinetics.mechanism.parameters.RateParameters, for example A=...; the others stay.
        `cantera()` and `sha256` follow. Raises MechanismError for other names or another number of reactions.
        """
        given = parameters.replaced(self.parameters, new)
        rates = parameters.with_parameters(self.rates, given)
        return replace(self, kinetics=qss.with_rates(self.kinetics, rates), given=given, unchanged=self.of_file)

    def ensemble(self, forward: Tensor, reverse: Tensor | None = None) -> Mechanism:
        """Members that differ by factors of their rates, (reactions, members) in the file's order; see `integrate`.

        reverse: other factors of reverse rates; as forward if not given. Raises MechanismError for another number of
        reactions.
        """
        rates = parameters.with_multipliers(self.rates, forward, forward if reverse is None else reverse)
        return replace(self, kinetics=qss.with_rates(self.kinetics, rates), unchanged=self.of_file)

    @property
    def of_file(self) -> Mechanism:
        """This mechanism with the rates of its file."""
        return self if self.unchanged is None else self.unchanged

    @functools.cached_property
    def changes(self) -> Changes:
        """Rate parameters that are not the file's: name -> reaction, from 0 -> value.

        Raises MechanismError where they have no values, within a transformation of torch.func.
        """
        if self.given is None:
            return {}
        return changes_of(self.of_file.rates, self.of_file.parameters, self.given)

    @property
    def members(self) -> int:
        """Of an ensemble; 0 for a mechanism that is none."""
        return self.rates.multiplier.shape[1]

    @functools.cached_property
    def sha256(self) -> str:
        """Of the content: that of the file, or another one for each set of changed parameters. Raises as `changes`."""
        return digest(self.file_sha256, self.changes, self.rates.multiplier)

    @property
    def source(self) -> Source:
        """All that it takes to load this mechanism again, in another process for example."""
        self._require_one()
        return Source(self.path, self.name, self.ions, self.changes)

    def cantera(self, transport: bool = True) -> ct.Solution:
        """A fresh ct.Solution of this mechanism; without its transport it is there sooner, by seconds if it is large.

        With QSS species, of the others, which react in global steps with the right production rates; these run
        through Python and have no analytic derivatives (combust.kinetics.mechanism.qss_cantera). Raises
        MechanismError for an ensemble, and for changed parameters that Cantera does not take or takes otherwise.
        """
        full = self.cantera_of_all(transport)
        return qss_cantera.solution_of(full, self.qss, str(places.find(self.path))) if self.qss else full

    def cantera_of_all(self, transport: bool = True) -> ct.Solution:
        """A fresh ct.Solution of all species of the file, those in quasi-steady state as ordinary ones."""
        self._require_one()
        solution = phases.solution(places.find(self.path), self.name, transport)
        if not self.changes:
            return solution
        solution = with_changes(solution, self.changes)
        if not isinstance(self.kinetics, QssKinetics):
            guard.require_rates(moved(self.kinetics, "cpu", detach=True), solution, self.species)
        return solution

    def _require_one(self) -> None:
        """Raises MechanismError for an ensemble."""
        if self.members:
            what = f"an ensemble of {self.members} members is no one mechanism that Cantera could have"
            raise MechanismError(f"{self.path}: {what}; use `with_parameters` for one of them")

    def index(self, species: str) -> int:
        """Row of a species, found as in `names.Names`; raises MechanismError naming near matches."""
        row = self.names.row(species)
        if row is None:
            raise MechanismError(self.unknown_species(species))
        return row

    @functools.cached_property
    def names(self) -> Names:
        """Rows of the species by name."""
        return Names(self.species, self.case_sensitive)

    def unknown_species(self, name: str) -> str:
        """What to say of a species that the mechanism lacks: near matches."""
        if name in self.qss:
            return f"{self.path}: species '{name}' is in quasi-steady state: it has no amount of its own"
        nearest = ", ".join(self.names.near(name))
        return f"{self.path}: no species '{name}' among its {len(self.species)}; nearest: {nearest}"

    def composition(self, X: Composition) -> Tensor:
        """Mass fractions (species,) of a composition in mole fractions, e.g. "H2:1, N2:2".

        Raises MechanismError for a species that is lacking or named twice, or a negative or all-zero composition.
        """
        mass = torch.tensor(mixtures.amounts(self, X), device=self.device) * self.molar_mass
        return mass / mass.sum()

    def mixture(self, fuel: Composition, oxidizer: Composition, phi: float) -> Tensor:
        """Mass fractions (species,) of fuel and oxidizer (mole fractions) at phi; raises as `mechanism.mixtures`."""
        return torch.tensor(mixtures.mixture(self, fuel, oxidizer, phi), device=self.device)

    def mean_molar_mass(self, Y: Tensor) -> Tensor:
        """Mean molar mass (...cells) kg/kmol of mass fractions Y."""
        return Y.sum(0) / (Y / column(self.molar_mass, Y[0])).sum(0)

    def mole_fractions(self, Y: Tensor) -> Tensor:
        """X (species, ...cells) of mass fractions Y."""
        moles = Y / column(self.molar_mass, Y[0])
        return moles / moles.sum(0)

    def mass_fractions(self, X: Tensor) -> Tensor:
        """Y (species, ...cells) of mole fractions X."""
        mass = X * column(self.molar_mass, X[0])
        return mass / mass.sum(0)

    def density(self, T: Tensor | float, p: Tensor | float, Y: Tensor) -> Tensor:
        """rho (...cells) kg/m3 of the ideal gas."""
        return p * self.mean_molar_mass(Y) / (GAS_CONSTANT * T)

    def enthalpy(self, T: Values, Y: Values) -> Tensor:
        """Specific enthalpy h (...cells) J/kg."""
        T, _, Y = self.check_state(T, None, Y)
        return (Y * thermo.h_mass(self.thermo, T)).sum(0)

    def cp(self, T: Values, Y: Values) -> Tensor:
        """Specific heat at constant pressure (...cells) J/kg/K."""
        T, _, Y = self.check_state(T, None, Y)
        return (Y * thermo.cp_mass(self.thermo, T)).sum(0)

    def temperature(self, h: Values, Y: Values) -> Tensor:
        """T (...cells) K at specific enthalpy h J/kg, also beyond the range of the data while the enthalpy rises.

        Raises StateError naming the cell if no T fits.
        """
        Y = states.fractions(self, Y)
        h = states.tensor(self, h).expand(Y.shape[1:])
        return temperature.solve_temperature(self.thermo, self.T_ranges, h, Y)

    @functools.cached_property
    def T_range(self) -> tuple[float, float]:
        """K, from the lowest to the highest temperature of the species' thermo data."""
        return float(self.T_limits[0].min()), float(self.T_limits[1].max())

    @functools.cached_property
    def atoms_per_mass(self) -> Tensor:
        """(elements, species) kmol/kg."""
        return self.element_matrix / self.molar_mass

    @functools.cached_property
    def common_T_range(self) -> tuple[float, float]:
        """K, where the thermo data of all species hold."""
        return float(self.T_limits[0].max()), float(self.T_limits[1].min())

    @functools.cached_property
    def T_ranges(self) -> Ranges:
        """Where the enthalpy of each species can be inverted."""
        return temperature.ranges(self.thermo, self.T_limits)

    def net_production_rates(self, T: Values, p: Values, Y: Values) -> Tensor:
        """omega (species, ...cells) kmol/m3/s."""
        return production.production_rates(self.kinetics, *self._thermal(T, p, Y), once=self.unchanged is not None)

    def rates_of_progress(self, T: Values, p: Values, Y: Values) -> tuple[Tensor, Tensor]:
        """Forward and reverse rates of progress (reactions, ...cells) kmol/m3/s."""
        return qss.rates_of_progress(self.kinetics, *self._thermal(T, p, Y))

    def qss_concentrations(self, T: Values, p: Values, Y: Values) -> Tensor:
        """Concentrations (QSS species, ...cells) kmol/m3 of the species in quasi-steady state, in the order of `qss`.

        A negative one where Y is not: they have no steady state there. Raises MechanismError where there are none.
        """
        if not isinstance(self.kinetics, QssKinetics):
            raise MechanismError(f"{self.path} has no species in quasi-steady state")
        return qss.steady_state(self.kinetics, *self._thermal(T, p, Y))[1]

    def jacobian(self, T: Values, p: Values, Y: Values, hold: Literal["hp", "uv"] = "hp") -> Tensor:
        """d(dT/dt, dY/dt)/d(T, Y), (1 + species, 1 + species, ...cells), at constant h and p or u and v."""
        T, p, Y = self.check_state(T, p, Y)
        systems.require_reactor(hold)
        held = p if hold == "hp" else self.density(T, p, Y)
        z, cells = torch.cat([T.unsqueeze(0), Y]), T.shape
        found = jacobian.linearise(self.kinetics, hold, z.reshape(len(z), -1), systems.Fixed(held.reshape(-1)))[1]
        return found.reshape(len(z), len(z), *cells)

    def integrate(
        self, T: Values, p: Values, Y: Values, dt: Values, hold: Literal["hp", "uv"] = "hp", rtol: float = 1e-6,
        atol: float = 1e-10, source: tuple[Values, Values] | None = None, compile: bool | None = None,
        member: Values | None = None, gradients: bool = False,
    ) -> Reactors:  # fmt: skip
        """T, Y of homogeneous reactors after dt s (one number or (...cells)), and statistics.

        hold: "hp" keeps enthalpy and pressure, "uv" energy and volume; error about rtol |Y| + atol and rtol T.
        source: what else heats and feeds each cell, held constant: W/kg (...cells) and 1/s (species, ...cells).
        compile: fused kernels or eager ones; None chooses by the amount of work.
        member: of an `ensemble`, whose rates each cell has, (...cells).
        gradients: torch differentiates T, Y of the result, once, by T, p, Y (as Y / sum(Y)), dt, source and what
        `with_parameters` was given, see kinetics.integrate.gradients; ConfigError for species in quasi-steady state.
        Raises StateError naming a cell with a bad state, DivergenceError for one that even CVODE cannot integrate.
        """
        plain = compile is None and member is None and not gradients
        if plain and (found := few.integrate(self, T, p, Y, dt, hold, rtol, atol, source)) is not None:
            return found
        T, p, Y = self.check_state(T, p, Y)
        integrator = ReactorIntegrator(self.detached if gradients else self, hold, rtol, atol)
        run = functools.partial(differentiable, integrator, self.kinetics) if gradients else None
        return integrate(integrator, T, p, Y, states.tensor(self, dt).expand(T.shape), source, compile, member, run)

    @functools.cached_property
    def detached(self) -> Mechanism:
        """This mechanism with its numbers alone, without their history of derivatives."""
        history = any(isinstance(x, Tensor) and x.requires_grad for x in tree_leaves((self.kinetics, self.given)))
        kinetics, given = moved((self.kinetics, self.given), self.device, detach=True)
        return replace(self, kinetics=kinetics, given=given) if history else self

    def transport(
        self, T: Values, p: Values, Y: Values, model: str = "mixture-averaged", **numbers: Number
    ) -> TransportProperties | SoretProperties:
        """Viscosity [Pa s] (...cells), conductivity [W/m/K] (...cells) and diffusivity [m2/s] (species, ...cells).

        A NamedTuple with these fields; with soret=True a fourth, thermal_diffusion [kg/m/s] (species, ...cells).
        Models and their numbers: see combust.kinetics.mechanism.transport_models.transport_model, which also says
        what is raised; for example model="constant-Lewis", lewis={"H2": 0.3, "H": 0.18}, default=1.0.
        """
        data = transport_model(self, model, **numbers)
        T, p, Y = self.check_state(T, p, Y)
        cp = None if model == "mixture-averaged" else (Y * thermo.cp_mass(self.thermo, T)).sum(0)
        return transport_properties(data, T, p, Y, model, cp)

    @functools.cached_property
    def transport_data(self) -> TransportData:
        """Transport fits, built at first use; raises MechanismError if the mechanism has no transport data."""
        if self.unchanged is not None:
            return self.unchanged.transport_data
        # In a thread of its own: within torch.func's transformations tensors made here would belong to them.
        with ThreadPoolExecutor(1) as apart:
            data = apart.submit(lambda: transport_from_cantera(self.cantera(transport=False))).result()
        return moved(data, self.device)

    @functools.cached_property
    def soret_data(self) -> SoretData:
        """Thermal diffusion of the light species, built at first use; raises MechanismError if there is none."""
        if self.unchanged is not None:
            return self.unchanged.soret_data
        solution = self.cantera(transport=False)
        solution.transport_model = "mixture-averaged"
        return moved(soret_from_cantera(solution), self.device)

    def _thermal(self, T: Values, p: Values, Y: Values) -> tuple[Tensor, Tensor]:
        """T (...cells), and concentrations (species, ...cells) kmol/m3."""
        T, p, Y = self.check_state(T, p, Y)
        return T, self.mole_fractions(Y) * (p / (GAS_CONSTANT * T))

    def check_state(self, T: Values, p: Values | None, Y: Values) -> tuple[Tensor, Tensor, Tensor]:
        """T, p (...cells), Y (species, ...cells) as tensors of the same cells, mass fractions summing to one.

        Raises StateError naming the first cell with a T or p that is not finite and positive, or a sum that is off.
        """
        return states.of_cells(self, T, p, Y)
