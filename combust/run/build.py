"""Builds a case: puts together what the tables of its file make (each kind is built by its own settings)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from combust import devices, kernels
from combust.case.config import DEFAULT_MODEL, Config
from combust.case.gas import Ambient
from combust.case.names import KIND_COLUMNS, KIND_FIELDS
from combust.cfd.boundaries import build as sides
from combust.cfd.boundaries import fluctuations
from combust.cfd.boundaries.conditions import Boundary, Parts, Sides
from combust.cfd.closures.base import Closure, Source, require_source
from combust.cfd.closures.carried import quantities_of
from combust.cfd.closures.settings import NoTurbulence
from combust.cfd.concerns import CONCERNS
from combust.cfd.diagnostics.mixture import Definitions
from combust.cfd.initial import motion
from combust.cfd.initial.earlier import Carried, Content, carried, other_pressure
from combust.cfd.initial.fields import Fields
from combust.cfd.initial.settings import FlameInitial, Initial, RunInitial
from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.interaction.base import Interaction
from combust.cfd.interaction.settings import Laminar
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import NAMES, Grid, mesh_digest
from combust.cfd.model.case import Elsewhere
from combust.cfd.model.flow import Flow
from combust.cfd.model.settings import Numerics
from combust.cfd.operators.reconstruction import layers_of_ghosts
from combust.cfd.pressure.base import PressureSolver
from combust.errors import ConfigError, at
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism import settings as transport
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.settings import Transport
from combust.kinetics.providers.chemistry import Chemistry
from combust.kinetics.providers.settings import NoChemistry
from combust.kinetics.transport.model import TransportModel
from combust.parallel import Communicator
from combust.run.definitions import definitions
from combust.run.earlier import earlier, require_elsewhere
from combust.run.memory import COMPILE_WORTH, require_memory

logger = logging.getLogger(__name__)


def build(
    config: Config,
    comm: Communicator,
    conditions: Mapping[str, Boundary | Parts] | None = None,
    sources: tuple[Source, ...] = (),
) -> Flow:
    """The flow that a case file describes, at time zero, on the ranks of `comm`. Raises ConfigError, MechanismError.

    conditions : of sides by name ("x_low"), in place of those that the tables of these sides describe
    sources : of heat, species and momentum, added to the equations
    """
    _require_arguments(config, comm, conditions, sources)
    kernels.keep_freed_memory()
    kernels.set_mode("eager")
    builder = Builder(config, comm, conditions=conditions or {}, added=tuple(sources))
    flow = builder.flow()
    kernels.set_mode(kernel_mode(builder, flow))
    return flow


def _require_arguments(config: Any, comm: Any, conditions: Any, sources: Any) -> None:
    """Raises ConfigError naming the argument of `build` that is of another kind than it says."""
    for name, value, kind, what in (
        ("config", config, Config, "a case, of combust.case.load.load"),
        ("comm", comm, Communicator, "a combust.parallel.Communicator"),
        ("conditions", conditions or {}, Mapping, "a dict of side and condition"),
        ("sources", sources, tuple | list, "a tuple of sources"),
    ):
        if not isinstance(value, kind):
            raise ConfigError(f"build: {name} is {type(value).__name__}, needs {what}")
    for number, source in enumerate(sources):
        require_source(f"build: sources[{number}]", source)


def kernel_mode(builder: Builder, flow: Flow) -> kernels.Mode:
    """Compiled kernels if asked for, or if the run is long enough to win the compile time back."""
    config = builder.config
    choice = config.numerics.compile
    if choice != "auto":
        return "compiled" if choice == "on" else "eager"
    dt = config.numerics.dt or min(flow.limit()[0], config.numerics.dt_max or np.inf)
    steps = min(config.stop.steps or np.inf, config.stop.time / dt if config.stop.time else np.inf)
    work = flow.block.comm.max(float(np.prod(flow.block.count)))[0] * steps * len(builder.gas.species)
    return "compiled" if work > COMPILE_WORTH or builder.device != "cpu" else "eager"


@dataclass(frozen=True)
class Builder:
    """The parts of a case, each made once; conditions, added (sources) : see `build`."""

    config: Config
    comm: Communicator
    conditions: Mapping[str, Boundary | Parts] = field(default_factory=dict, kw_only=True)
    added: tuple[Source, ...] = field(default=(), kw_only=True)

    @property
    def initial(self) -> Initial:
        """The table of that name, as those of transport and pressure [Pa]."""
        return self.config.initial

    @property
    def transport(self) -> Transport:
        return self.config.gas.transport

    @property
    def pressure(self) -> float:
        return self.config.gas.pressure

    @cached_property
    def device(self) -> str:
        return devices.pick(self.config.device, self.comm)

    @cached_property
    def gas(self) -> Mechanism:
        return Mechanism.load(self.config.gas.mechanism, self.config.gas.phase, self.device, self.config.gas.ions)

    @cached_property
    def grid(self) -> Grid:
        require_memory(self.config, self.gas, self.comm.size, self.comm.on_this_machine())
        faces = self.config.mesh.faces()
        nz, ny, nx = (len(f) - 1 for f in faces)
        block = Block.create(self.comm, (nz, ny, nx), sides.periodic(self.sides), sides.passes(self.sides))
        order = self.config.numerics.order
        ghosts = layers_of_ghosts(self.config.numerics.reconstruction, order)
        grid = Grid(block, faces, self.device, ghosts, self.config.mesh.axisymmetric, order)
        if order == 4 and grid.layout.fourth != grid.layout.axes:
            wide = ", ".join(NAMES[a] for a in reversed(grid.layout.fourth))
            logger.info("numerics.order = 4: along %s alone, the other directions have order 2", wide)
        return grid

    # --- gas and flame ------------------------------------------------------------------------------------------

    def mixture(self, table: Any, where: str = "initial") -> torch.Tensor:
        """Y of the table at `where` with composition, or fuel, oxidizer and phi."""
        for key in ("composition", "fuel", "oxidizer"):
            if getattr(table, key, None) is not None:
                with at(f"{where}.{key}"):
                    Y = self.gas.composition(getattr(table, key))
        if getattr(table, "composition", None) is not None:
            return Y
        with at(f"{where}: fuel, oxidizer, phi"):
            return self.gas.mixture(table.fuel, table.oxidizer, table.phi)

    @cached_property
    def free_flame(self) -> FlameProfile:
        """Cantera's free flame of an initial flame."""
        table = self.config.initial
        assert isinstance(table, FlameInitial)
        return table.profile(self)

    @cached_property
    def profile(self) -> FlameProfile:
        """The same as it will be in this flow: thicker, where flames are thickened."""
        return self.config.combustion.as_burns(self.free_flame, self)

    @cached_property
    def carried(self) -> Carried:
        """The state of an earlier run on this grid, of an initial table that names one."""
        table = self.config.initial
        assert isinstance(table, RunInitial)
        require_elsewhere(table, self.config.output.directory, again=True)  # a run has refused more
        before = earlier(table.folder, table.time, self.gas, self.comm)
        same = before.closure == self.config.turbulence.__struct_config__.tag  # k of another kind is of other eddies
        names = [q.name for q in quantities_of(self.closure())] if same else []
        return carried(before, self.grid, self.gas, names)

    @property
    def content(self) -> Content | None:
        """rho h, rho Y and p0 at the start, where they are not those of T and Y at the pressure of the case."""
        return self.carried.content if isinstance(self.config.initial, RunInitial) else None

    @cached_property
    def unburnt(self) -> Unburnt | None:
        """The fresh gas and its burnt equilibrium, for flames and kernels."""
        return self.config.initial.unburnt(self)

    @property
    def fresh_state(self) -> torch.Tensor | None:
        """T [K] and rho Y [kg/m3] of the fresh gas."""
        fresh = self.unburnt
        return None if fresh is None else torch.cat([fresh.Y.new_tensor([fresh.temperature]), fresh.density * fresh.Y])

    @property
    def sweeps(self) -> int:
        """How often a step of the chemistry is advanced."""
        numerics = self.config.numerics
        return 1 if numerics.coupling == "strang" else numerics.sweeps

    @property
    def flame_states(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """T and Y of fresh and burnt gas, and of the flame between them."""
        return None if self.unburnt is None else self.config.initial.flame_states(self, self.unburnt)

    # --- boundaries ---------------------------------------------------------------------------------------------

    @cached_property
    def sides(self) -> dict[str, Any]:
        """The table of each side."""
        return dict(self.config.boundary.sides(self.config.mesh.dimensions))

    @cached_property
    def boundaries(self) -> tuple[Sides, Sides, Sides]:
        gas = self.config.gas
        case = sides.BoundaryContext(
            self.grid.faces,
            tuple("xyz"[: self.config.mesh.dimensions]),
            self.sides,
            self.config.mesh.axisymmetric,
            gas.pressure,
            tuple(self.gas.species),
            self.device,
            self.config.initial,
            self.mixture,
            lambda: self.profile.speed,
        )
        return sides.boundaries(self.sides, case, self.conditions)

    # --- the whole ----------------------------------------------------------------------------------------------

    def fields(self) -> Fields:
        """Initial T, Y and velocities, with the motion that is added to them."""
        return motion.superposed(self.initial, self.grid, self.initial.fields(self))

    # --- what a model takes (combust.cfd.model.case) -------------------------------------------------------------

    @property
    def dimensions(self) -> int:
        return self.config.mesh.dimensions

    @property
    def gravity(self) -> tuple[float, float, float]:
        x, y, z = self.config.gas.gravity
        return z, y, x

    @property
    def ambient(self) -> Ambient | None:
        return self.config.gas.ambient

    @property
    def numerics(self) -> Numerics:
        return self.config.numerics

    @property
    def reacts(self) -> bool:
        return not isinstance(self.config.chemistry, NoChemistry)

    @cached_property
    def identity(self) -> dict[str, str]:
        digest = mesh_digest(self.grid.faces, self.grid.axisymmetric)
        found = {"mechanism": self.gas.sha256, "species": " ".join(self.gas.species), "mesh": digest}
        model = str(self.config.model.__struct_config__.tag)
        return found if model == DEFAULT_MODEL else {**found, "model": model}

    @property
    def elsewhere(self) -> Elsewhere:
        return Elsewhere(KIND_FIELDS, KIND_COLUMNS)

    @cached_property
    def definitions(self) -> Definitions:
        """What mixture fraction and progress refer to."""
        return definitions(self.config, self.gas, self.unburnt, self.mixture)

    @property
    def called(self) -> dict[str, str]:
        tables = {"closure": "turbulence", "interaction": "combustion"}
        given = {part: getattr(self.config, table) for part, table in tables.items()}
        kinds = {p: t.__struct_config__.tag for p, t in given.items() if not isinstance(t, NoTurbulence | Laminar)}
        return {part: f'{tables[part]}.kind = "{kind}"' for part, kind in kinds.items()}

    @property
    def concerns(self) -> Sequence[Callable[[Any], dict[str, str]]]:
        return (*CONCERNS, self._at_start)

    def _at_start(self, flow: Flow) -> dict[str, str]:
        """What is doubtful of initial fields, inflows and sources on this grid, told at the start."""
        if flow.step:
            return {}
        found = {**self.initial.doubts(self.grid), **motion.doubts(self.initial, self.grid)}
        if self.content is not None:
            found |= other_pressure(self.content.p0, self.pressure)
        found |= fluctuations.doubts(side for pair in self.boundaries for side in pair)
        for table in self.config.sources:
            found |= table.doubts(self.grid, self.config.stop.time or math.inf)
        return found

    def transport_data(self) -> tuple[str, TransportModel]:
        return transport.build(self.config.gas.transport, self.gas)

    def chemistry(self) -> Chemistry:
        return self.config.chemistry.build(self)

    def closure(self) -> Closure | None:
        return self.config.turbulence.build()

    def interaction(self) -> Interaction | None:
        with at("combustion"):
            return self.config.combustion.build(self)

    def sources(self) -> tuple[Source, ...]:
        made = []
        for number, table in enumerate(self.config.sources):
            with at(f"sources[{number}]"):
                made.append(table.build(self))
        return (*self.config.initial.sources(self), *made, *self.added)

    def pressure_solver(self) -> PressureSolver:
        return self.config.numerics.pressure.build(self.grid, self.boundaries)

    def flow(self) -> Flow:
        """The flow at time zero. Raises ConfigError, MechanismError, DivergenceError."""
        return self.config.model.build(self)
