"""Builds a case: puts together what the tables of its file make (each kind is built by its own settings)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from combust import kernels
from combust.case.config import Config
from combust.case.names import CHEMISTRY_COLUMNS, CHEMISTRY_FIELDS
from combust.cfd.boundaries import build as sides
from combust.cfd.boundaries.conditions import Boundary, Parts, Sides
from combust.cfd.closures.base import closure
from combust.cfd.concerns import CONCERNS
from combust.cfd.initial.fields import Fields
from combust.cfd.initial.settings import FlameInitial, Initial
from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.lowmach.diagnostics import Elsewhere
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.problem import Numerics, Problem
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import GHOSTS, Grid
from combust.cfd.operators.reconstruction import named
from combust.errors import ConfigError, at
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism import settings as transport
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.settings import Transport, has_soret
from combust.kinetics.providers.settings import NoChemistry
from combust.parallel import Communicator
from combust.run import ambient
from combust.run.memory import COMPILE_WORTH, require_memory


def build(config: Config, comm: Communicator, conditions: Mapping[str, Boundary | Parts] | None = None) -> ReactingFlow:
    """The flow that a case file describes, at time zero, on the ranks of `comm`. Raises ConfigError, MechanismError.

    conditions : of sides by name ("x_low"), in place of those that the tables of these sides describe
    """
    kernels.keep_freed_memory()
    kernels.set_mode("eager")
    flow = Builder(config, comm, conditions=conditions or {}).flow()
    kernels.set_mode(kernel_mode(config, flow))
    return flow


def kernel_mode(config: Config, flow: ReactingFlow) -> kernels.Mode:
    """Compiled kernels if asked for, or if the run is long enough to win the compile time back."""
    choice = config.numerics.compile
    if choice != "auto":
        return "compiled" if choice == "on" else "eager"
    dt = config.numerics.dt or min(flow.limit()[0], config.numerics.dt_max or np.inf)
    steps = min(config.stop.steps or np.inf, config.stop.time / dt if config.stop.time else np.inf)
    work = flow.block.comm.max(float(np.prod(flow.block.count)))[0] * steps * len(flow.scheme.problem.gas.species)
    return "compiled" if work > COMPILE_WORTH or flow.grid.device != "cpu" else "eager"


def pick_device(choice: str) -> str:
    """The device: "cpu" or "cuda". Raises ConfigError if a GPU is asked for and there is none."""
    available = torch.cuda.is_available()
    if choice == "cuda" and not available:
        raise ConfigError('device = "cuda": torch finds no GPU here; use device = "cpu" or "auto" (see combust doctor)')
    return "cuda" if choice != "cpu" and available else "cpu"


@dataclass(frozen=True)
class Builder:
    """The parts of a case, each made once; conditions : see `build`."""

    config: Config
    comm: Communicator
    conditions: Mapping[str, Boundary | Parts] = field(default_factory=dict, kw_only=True)

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
        return pick_device(self.config.device)

    @cached_property
    def gas(self) -> Mechanism:
        return Mechanism.load(self.config.gas.mechanism, self.config.gas.phase, self.device, self.config.gas.ions)

    @cached_property
    def grid(self) -> Grid:
        require_memory(self.config, len(self.gas.species), self.comm.size)
        faces = self.config.mesh.faces()
        nz, ny, nx = (len(f) - 1 for f in faces)
        block = Block.create(self.comm, (nz, ny, nx), sides.periodic(self.sides), sides.passes(self.sides))
        ghosts = max(GHOSTS, named(self.config.numerics.reconstruction).ghosts)
        return Grid(block, faces, self.device, ghosts)

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
    def profile(self) -> FlameProfile:
        """Cantera's free flame of an initial flame."""
        table = self.config.initial
        assert isinstance(table, FlameInitial)
        return table.profile(self)

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
        case = sides.Case(
            self.grid.faces,
            tuple("xyz"[: self.config.mesh.dimensions]),
            gas.pressure,
            len(self.gas.species),
            self.device,
            has_soret(gas.transport),
            self.config.initial,
            self.mixture,
            lambda: self.profile.speed,
        )
        return sides.boundaries(self.sides, case, self.conditions)

    # --- the whole ----------------------------------------------------------------------------------------------

    def fields(self) -> Fields:
        """Initial T, Y and velocities."""
        return self.config.initial.fields(self)

    def flow(self) -> ReactingFlow:
        config = self.config
        model, data = transport.build(config.gas.transport, self.gas)
        fresh, fields = self.unburnt, self.fields()
        if not isinstance(config.chemistry, NoChemistry):
            coldest = -self.comm.max(-float(fields[0][0].min()))[0]
            require_ideal("gas.pressure", coldest, config.gas.pressure)
        problem = Problem(
            self.gas,
            self.boundaries,
            model,
            tuple(reversed(config.gas.gravity)),  # type: ignore[arg-type]
            reference_density=ambient.reference_density(self, fields),
            closure=closure(config.turbulence),
            sources=config.initial.sources(self),
        )
        numerics = Numerics(
            coupling=config.numerics.coupling,
            sweeps=config.numerics.sweeps,
            cfl=config.numerics.cfl,
            reconstruction=config.numerics.reconstruction,
        )
        solver = config.numerics.pressure.build(self.grid, self.boundaries)
        scheme = LowMach(self.grid, problem, numerics, config.chemistry.build(self), solver, data)
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(f).tobytes() for f in self.grid.faces)).hexdigest()
        identity = {"mechanism": self.gas.sha256, "species": " ".join(self.gas.species), "mesh": digest}
        balanced = sides.balanced(self.sides, self.boundaries)
        elsewhere = Elsewhere(CHEMISTRY_FIELDS, CHEMISTRY_COLUMNS)
        return ReactingFlow(scheme, fields, config.gas.pressure, fresh, identity, balanced, CONCERNS, elsewhere)
