"""Builds a case: the only place where a `kind` in a case file becomes an object."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import torch

from combust import kernels
from combust.cfd.boundaries import build as sides
from combust.cfd.boundaries.conditions import Boundary, Parts, Side, Sides
from combust.cfd.closures.base import closure
from combust.cfd.concerns import CONCERNS
from combust.cfd.initial import fields as initial
from combust.cfd.initial import manufactured
from combust.cfd.initial.fields import Fields
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.problem import Numerics, Problem, Unburnt
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import GHOSTS, Grid, stretched_faces, uniform_faces
from combust.cfd.operators.reconstruction import named
from combust.cfd.pressure import PressureGrid, make_solver
from combust.errors import ConfigError, at
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.transport_models import transport_model
from combust.parallel import Communicator
from combust.run import ambient
from combust.run.memory import COMPILE_WORTH, require_memory
from combust.settings import physics
from combust.settings.running import Config

LEAST_WIDTH, LEAST_SHARE = 1e-12, 1e-10  # of a cell [m]: below a molecule; where coordinates lose their digits
FLAME_REFERENCES = 24


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

    @cached_property
    def device(self) -> str:
        return pick_device(self.config.device)

    @cached_property
    def gas(self) -> Mechanism:
        return Mechanism.load(self.config.gas.mechanism, self.config.gas.phase, self.device, self.config.gas.ions)

    @cached_property
    def grid(self) -> Grid:
        require_memory(self.config, len(self.gas.species), self.comm.size)
        faces = self._faces()
        nz, ny, nx = (len(f) - 1 for f in faces)
        block = Block.create(self.comm, (nz, ny, nx), sides.periodic(self.sides), sides.passes(self.sides))
        ghosts = max(GHOSTS, named(self.config.numerics.reconstruction).ghosts)
        return Grid(block, faces, self.device, ghosts)

    def _faces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mesh, faces = self.config.mesh, []
        for i, name in enumerate("xyz"):
            if i >= mesh.dimensions:
                faces.append(np.array([0.0, 1.0]))
            elif isinstance(mesh, physics.UniformMesh):
                faces.append(uniform_faces(mesh.lower[i], mesh.upper[i], mesh.cells[i]))
            else:
                axis = getattr(mesh, name)
                if axis.faces is not None:
                    faces.append(np.array(axis.faces))
                else:
                    faces.append(stretched_faces(axis.lower, axis.upper, axis.cells, axis.ratio, axis.symmetric))
            least, far = float(np.diff(faces[-1]).min()), float(np.abs(faces[-1]).max())
            if least < max(LEAST_WIDTH, LEAST_SHARE * far):
                raise ConfigError(
                    f"mesh: cells of {least:.3g} m in {name}, {far:.3g} m from the origin; they must be at least "
                    f"{LEAST_WIDTH:g} m wide and {LEAST_SHARE:g} of that distance"
                )
        return faces[2], faces[1], faces[0]

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
        """Cantera's free flame of an initial flame, solved by the root (or read from its cache)."""
        table, transport = self.config.initial, self.config.gas.transport
        assert isinstance(table, physics.FlameInitial)
        if not isinstance(transport, str | physics.MixtureAveraged):
            raise ConfigError('initial.kind = "flame" needs gas.transport = "mixture-averaged" or "unity-Lewis"')
        name, soret = (transport, False) if isinstance(transport, str) else ("mixture-averaged", transport.soret)
        gas, p = self.gas, self.config.gas.pressure
        from combust.io.blocks import on_root

        return on_root(
            self.comm,
            lambda: free_flame(
                gas,
                table.temperature,
                p,
                table.fuel,
                table.oxidizer,
                table.phi,
                transport=name,
                refine=table.refine,
                soret=soret,
            ),
        )

    @cached_property
    def unburnt(self) -> Unburnt | None:
        """The fresh gas and its burnt equilibrium, for flames and kernels."""
        table, p = self.config.initial, self.config.gas.pressure
        if not isinstance(table, physics.FlameInitial | physics.KernelInitial):
            return None
        Y = self.mixture(table)
        solution = self.gas.cantera(transport=False)
        solution.TPY = table.temperature, p, Y.cpu().numpy()
        density = float(solution.density)
        solution.equilibrate("HP")
        streams = torch.stack([self.gas.composition(table.oxidizer), self.gas.composition(table.fuel)])
        fuel = int(self.gas.mole_fractions(streams[1]).argmax())
        return Unburnt(
            density,
            Y,
            fuel,
            torch.tensor(solution.Y.copy(), device=self.device),
            table.temperature,
            float(solution.T),
            streams.to(self.device),
            self.profile.thermal_thickness if isinstance(table, physics.FlameInitial) else None,
        )

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
            bool(getattr(gas.transport, "soret", False)),
            self.config.initial,
            self.mixture,
            lambda: self.profile.speed,
        )
        return sides.boundaries(self.sides, case, self.conditions)

    # --- the whole ----------------------------------------------------------------------------------------------

    def fields(self) -> Fields:
        """Initial T, Y and velocities."""
        table: Any = self.config.initial
        if isinstance(table, physics.FlameInitial):
            wave = table.perturbation
            shift = 0.0 if wave is None else initial.wrinkles(self.grid, wave.amplitude, wave.modes, wave.seed)
            return initial.flame(self.grid, self.profile, table.position, shift)
        if isinstance(table, physics.KernelInitial):
            return self._kernel(table)
        if isinstance(table, physics.TaylorGreenInitial):
            return initial.taylor_green(self.grid, table.temperature, self.mixture(table), table.velocity)
        if isinstance(table, physics.ManufacturedInitial):
            return manufactured.fields(self.grid, self.wave, MANUFACTURED_TEMPERATURE)
        velocity = tuple(reversed((*table.velocity, 0.0, 0.0)[:3]))
        return initial.uniform(self.grid, table.temperature, self.mixture(table), velocity)

    def _kernel(self, table: physics.KernelInitial) -> Fields:
        """Burnt gas of the mixture at the kernel's temperature and the pressure of the case."""
        Y = self.mixture(table)
        solution = self.gas.cantera(transport=False)
        solution.TPY = table.hot_temperature, self.config.gas.pressure, Y.cpu().numpy()
        solution.equilibrate("TP")
        hot = torch.tensor(solution.Y.copy(), device=self.device)
        centre = tuple(reversed((*table.centre, 0.0, 0.0)[:3]))
        return initial.kernel(
            self.grid, table.temperature, Y, table.hot_temperature, hot, centre, table.radius, table.thickness
        )

    @cached_property
    def wave(self) -> manufactured.Wave:
        table, gas = self.config.initial, self.gas
        transport = self.config.gas.transport
        assert isinstance(table, physics.ManufacturedInitial)
        if len(gas.species) != 2 or not isinstance(transport, physics.ConstantTransport):
            raise ConfigError('initial.kind = "manufactured" needs a gas of two species and constant gas.transport')
        rho = [
            float(gas.density(torch.tensor(MANUFACTURED_TEMPERATURE), self.config.gas.pressure, Y))
            for Y in torch.eye(2, dtype=torch.float64, device=self.device)
        ]
        return manufactured.Wave(
            rho[0], rho[1], table.k, table.w, table.uf, table.vf, transport.viscosity, transport.schmidt
        )

    def transport(self) -> tuple[str, Any]:
        """Name and data of the transport model."""
        table = self.config.gas.transport
        if isinstance(table, str):
            return table, transport_model(self.gas, table)
        model = str(type(table).__struct_config__.tag)
        numbers = {name: value for name, value in msgspec.structs.asdict(table).items() if value is not None}
        return model, transport_model(self.gas, model, **numbers)

    def chemistry(self) -> Any:
        """The provider behind the Chemistry seam."""
        table = self.config.chemistry
        if isinstance(table, physics.NoChemistry):
            from combust.kinetics.providers.frozen import Frozen

            return Frozen(self.gas)
        if isinstance(table, physics.LearnedChemistry):
            return self._learned(table)
        chemistry = self._exact("cvode" if isinstance(table, physics.CvodeChemistry) else "direct", table)
        if table.balance and self.comm.size > 1:
            from combust.kinetics.providers.balance import Balanced

            return Balanced(chemistry, self.comm)
        return chemistry

    def _exact(self, kind: str, table: Any) -> Any:
        """Exact chemistry to the tolerances of a table."""
        if kind == "cvode":
            from combust.kinetics.providers.cvode import Cvode

            return Cvode(self.gas, table.rtol, table.atol)
        from combust.kinetics.providers.direct import Direct

        fresh = self.unburnt
        reference = (
            None if fresh is None else torch.cat([fresh.Y.new_tensor([fresh.temperature]), fresh.density * fresh.Y])
        )
        return Direct(self.gas, table.rtol, table.atol, reference=reference)

    def _learned(self, table: physics.LearnedChemistry) -> Any:
        from combust.io.blocks import on_root
        from combust.surrogates import library
        from combust.surrogates.provider.flow import LearnedFlow
        from combust.surrogates.provider.pool import Pool
        from combust.surrogates.provider.sharing import Shared
        from combust.surrogates.trust.coverage import mixtures
        from combust.surrogates.trust.fresh_case import gases, judge
        from combust.surrogates.trust.parts import Parts

        model = on_root(self.comm, lambda: library.load(table.model))
        parts = Parts.of(model, self.gas, table.precision)
        known = gases(self.config.initial, self.mixture, self.boundaries)
        verdict = judge(parts, known, table.fallback, table.router)
        verdict.words.update(mixtures(parts, known, table.fallback, table.router))
        several, force = self.comm.size > 1, table.share == "on"
        share = force or (table.share == "auto" and self.device != "cpu")
        return LearnedFlow(
            parts,
            self._exact(table.fallback, table),
            self._references(),
            table.splitting,
            table.fallback,
            table.router,
            Pool(self.comm, table.pool) if several else None,
            Shared(self.comm, self.device, force) if several and share else None,
            verdict,
        )

    def _references(self) -> Any:
        """States of this case whose Jacobians similar cells may share: fresh and burnt gas, and those of its flame."""
        from combust.surrogates.trust.references import References

        fresh = self.unburnt
        if fresh is None:
            return None
        T, Y = [fresh.temperature, fresh.burnt_temperature], [fresh.Y.cpu(), fresh.burnt_Y.cpu()]
        if isinstance(self.config.initial, physics.FlameInitial):
            flame = self.profile
            for level in np.linspace(flame.T[0], flame.T[-1], FLAME_REFERENCES):
                point = int(np.abs(flame.T - level).argmin())
                T.append(float(flame.T[point]))
                Y.append(torch.tensor(flame.Y[:, point].copy()))
        return References(torch.tensor(T, dtype=torch.float64), torch.stack(Y, 1))

    def pressure(self) -> Any:
        def side(b: Side) -> str:
            return "periodic" if b is None else b.pressure

        table = self.config.numerics.pressure
        ends = tuple((side(a), side(b)) for a, b in self.boundaries)
        grid = PressureGrid(self.grid.block, self.grid.widths, ends)  # type: ignore[arg-type]
        kind = "torch" if table.solver == "auto" and self.comm.size == 1 else table.solver
        return make_solver(grid, kind, table.rtol, table.preconditioner, self.device)

    def flow(self) -> ReactingFlow:
        config = self.config
        model, data = self.transport()
        fresh, fields = self.unburnt, self.fields()
        if not isinstance(config.chemistry, physics.NoChemistry):
            coldest = -self.comm.max(-float(fields[0][0].min()))[0]
            require_ideal("gas.pressure", coldest, config.gas.pressure)
        problem = Problem(
            self.gas,
            self.boundaries,
            model,
            tuple(reversed(config.gas.gravity)),  # type: ignore[arg-type]
            reference_density=ambient.reference_density(self, fields),
            closure=closure(config.turbulence),
        )
        if isinstance(config.initial, physics.ManufacturedInitial):
            problem = replace(problem, sources=(manufactured.Forcing(self.wave),))
        numerics = Numerics(
            coupling=config.numerics.coupling,
            sweeps=config.numerics.sweeps,
            cfl=config.numerics.cfl,
            reconstruction=config.numerics.reconstruction,
        )
        scheme = LowMach(self.grid, problem, numerics, self.chemistry(), self.pressure(), data)
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(f).tobytes() for f in self.grid.faces)).hexdigest()
        identity = {"mechanism": self.gas.sha256, "species": " ".join(self.gas.species), "mesh": digest}
        return ReactingFlow(
            scheme, fields, config.gas.pressure, fresh, identity, sides.balanced(self.sides, self.boundaries), CONCERNS
        )


MANUFACTURED_TEMPERATURE = 300.0
