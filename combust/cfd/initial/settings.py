"""Tables of a case file that say what a flow starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from combust.cfd.initial.base import Start, Starting
from combust.cfd.initial.channel import ChannelInitial
from combust.cfd.initial.hot_spot import HotSpotKey, heated
from combust.cfd.initial.layers import LayersInitial
from combust.cfd.initial.motion import TurbulenceKey, VortexKey
from combust.cfd.initial.opposed import CounterflowInitial
from combust.errors import ConfigError, at
from combust.kinetics.mechanism.settings import ConstantTransport, of_flames
from combust.settings.base import Count, NamedMixture, NotNegative, Positive, Settings, Temperature, Text, Vector, doc

if TYPE_CHECKING:
    from torch import Tensor

    from combust.cfd.closures.base import Source
    from combust.cfd.initial.fields import Fields
    from combust.cfd.initial.manufactured import Wave
    from combust.cfd.initial.unburnt import Unburnt
    from combust.cfd.mesh.grid import Grid
    from combust.kinetics.flames.free import FlameProfile

MANUFACTURED_TEMPERATURE = 300.0  # K


class Perturbation(Settings, frozen=True):
    """Cosine waves in y (and z) that wrinkle a flat front."""

    amplitude: Annotated[NotNegative, doc("amplitude of the front's displacement", "m")]
    modes: Annotated[Count | tuple[Count, ...], doc("n: waves 1 to n per domain width, random phases; list: these")] = 1
    seed: Annotated[int, Meta(ge=0), doc("seed of the random phases")] = 0


class FlameInitial(Start, Settings, frozen=True, tag_field="kind", tag="flame"):
    """A flat premixed flame from Cantera's free flame; unburnt gas at low x, burnt gas at high x."""

    fuel: Annotated[Text, doc("mole fractions of the fuel")]
    oxidizer: Annotated[Text, doc("mole fractions of the oxidizer")]
    phi: Annotated[Positive, doc("equivalence ratio")]
    position: Annotated[float, doc("x of the front", "m")]
    temperature: Annotated[Temperature, doc("of the unburnt gas", "K")] = 300.0
    perturbation: Annotated[Perturbation | None, doc("wrinkles of the front; flat if omitted")] = None
    refine: Annotated[
        Literal["customary", "converged"], doc("grid of the 1-D flame: quick, or converged for reference speeds")
    ] = "customary"
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None

    def profile(self, case: Starting) -> FlameProfile:
        """Cantera's free flame, solved by the root (or read from its cache). Raises ConfigError, InertError."""
        from combust.kinetics.flames.free import free_flame
        from combust.parallel import on_root

        known = of_flames(case.transport)
        if known is None:
            raise ConfigError('initial.kind = "flame" needs gas.transport = "mixture-averaged" or "unity-Lewis"')
        name, soret = known

        def solve() -> FlameProfile:
            return free_flame(
                case.gas,
                self.temperature,
                case.pressure,
                self.fuel,
                self.oxidizer,
                self.phi,
                transport=name,
                refine=self.refine,
                soret=soret,
            )

        with at('initial.kind = "flame"'):
            return on_root(case.comm, solve)

    def fields(self, case: Starting) -> Fields:
        """Initial T, Y and velocities."""
        from combust.cfd.initial import fields

        wave = self.perturbation
        shift = 0.0 if wave is None else fields.wrinkles(case.grid, wave.amplitude, wave.modes, wave.seed)
        return fields.flame(case.grid, case.profile, self.position, shift)

    def unburnt(self, case: Starting) -> Unburnt:
        """The fresh gas and its burnt equilibrium."""
        return fresh_gas(self, case, case.profile.thermal_thickness)

    def flame_states(self, case: Starting, fresh: Unburnt) -> tuple[Tensor, Tensor]:
        """Fresh and burnt gas, then all points of the flame."""
        import torch

        T, Y = ends(fresh)
        flame = torch.tensor(case.profile.T.copy()), torch.tensor(case.profile.Y.copy())
        return torch.cat([torch.tensor(T, dtype=torch.float64), flame[0]]), torch.cat([torch.stack(Y, 1), flame[1]], 1)


class KernelInitial(Start, Settings, frozen=True, tag_field="kind", tag="kernel"):
    """A hot ball of burnt gas in a fresh mixture."""

    fuel: Annotated[Text, doc("mole fractions of the fuel")]
    oxidizer: Annotated[Text, doc("mole fractions of the oxidizer")]
    phi: Annotated[Positive, doc("equivalence ratio")]
    hot_temperature: Annotated[Temperature, doc("of the kernel", "K")]
    centre: Annotated[Vector, doc("centre of the kernel", "m")]
    radius: Annotated[Positive, doc("radius of the kernel", "m")]
    thickness: Annotated[Positive, doc("width of the transition at its edge", "m")]
    temperature: Annotated[Temperature, doc("of the fresh gas", "K")] = 300.0
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None

    def fields(self, case: Starting) -> Fields:
        """Burnt gas of the mixture at the kernel's temperature and the pressure of the case, in fresh gas."""
        import torch

        from combust.cfd.initial import fields

        Y = case.mixture(self)
        solution = case.gas.cantera(transport=False)
        solution.TPY = self.hot_temperature, case.pressure, Y.cpu().numpy()
        solution.equilibrate("TP")
        hot = torch.tensor(solution.Y.copy(), device=case.device)
        centre = tuple(reversed((*self.centre, 0.0, 0.0)[:3]))
        edge = self.radius, self.thickness
        return fields.kernel(case.grid, self.temperature, Y, self.hot_temperature, hot, centre, *edge)

    def doubts(self, grid: Grid) -> dict[str, str]:
        """Off the axis of an axisymmetric mesh it is no ball."""
        r = self.centre[1] if grid.axisymmetric else 0.0
        return {} if r == 0 else {"ring": (
            f"initial.centre: lies {r:g} m off the axis of an axisymmetric mesh: the kernel is a ring around it, not a "
            f"ball, which has its centre on the axis: [{self.centre[0]:g}, 0]")}  # fmt: skip

    def unburnt(self, case: Starting) -> Unburnt:
        """The fresh gas and its burnt equilibrium."""
        return fresh_gas(self, case, None)

    def flame_states(self, case: Starting, fresh: Unburnt) -> tuple[Tensor, Tensor]:
        """Fresh and burnt gas."""
        import torch

        T, Y = ends(fresh)
        return torch.tensor(T, dtype=torch.float64), torch.stack(Y, 1)


class UniformInitial(Start, NamedMixture, frozen=True, kw_only=True, tag_field="kind", tag="uniform"):
    """The same gas everywhere."""

    temperature: Annotated[Temperature, doc("temperature", "K")]
    velocity: Annotated[Vector, doc("velocity in x, y, z", "m/s")] = (0.0,)
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None
    hot_spot: HotSpotKey = None

    def fields(self, case: Starting) -> Fields:
        """Initial T, Y and velocities."""
        from combust.cfd.initial import fields

        velocity = tuple(reversed((*self.velocity, 0.0, 0.0)[:3]))
        return heated(
            self.hot_spot, case.grid, fields.uniform(case.grid, self.temperature, case.mixture(self), velocity)
        )


class TaylorGreenInitial(Start, Settings, frozen=True, tag_field="kind", tag="taylor-green"):
    """Decaying array of vortices, exact in 2-D for constant density and viscosity."""

    composition: Annotated[Text, doc("mole fractions")]
    velocity: Annotated[Positive, doc("peak velocity", "m/s")]
    temperature: Annotated[Temperature, doc("temperature", "K")] = 300.0
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None

    def fields(self, case: Starting) -> Fields:
        """Initial T, Y and velocities."""
        from combust.cfd.initial import fields

        return fields.taylor_green(case.grid, self.temperature, case.mixture(self), self.velocity)


class ManufacturedInitial(Start, Settings, frozen=True, tag_field="kind", tag="manufactured"):
    """Two gases that mix and move along a travelling wave with known solution. doi:10.1016/j.jcp.2012.01.027"""

    one_gas: ClassVar[bool] = False

    rho0: Annotated[Positive, doc("density of the first gas", "kg/m3")] = 1.0
    rho1: Annotated[Positive, doc("density of the second gas", "kg/m3")] = 2.0
    k: Annotated[Positive, doc("wave number over pi", "1/m")] = 2.0
    w: Annotated[Positive, doc("frequency over pi", "1/s")] = 2.0
    uf: Annotated[float, doc("velocity of the frame in x", "m/s")] = 0.5
    vf: Annotated[float, doc("velocity of the frame in y", "m/s")] = 0.5

    def wave(self, case: Starting) -> Wave:
        """The solution. Raises ConfigError for a gas that it is none of."""
        import torch

        from combust.cfd.initial.manufactured import Wave

        gas, transport = case.gas, case.transport
        if len(gas.species) != 2 or not isinstance(transport, ConstantTransport):
            raise ConfigError('initial.kind = "manufactured" needs a gas of two species and constant gas.transport')
        rho = [
            float(gas.density(torch.tensor(MANUFACTURED_TEMPERATURE), case.pressure, Y))
            for Y in torch.eye(2, dtype=torch.float64, device=case.device)
        ]
        return Wave(rho[0], rho[1], self.k, self.w, self.uf, self.vf, transport.viscosity, transport.schmidt)

    def fields(self, case: Starting) -> Fields:
        """The solution at time zero."""
        from combust.cfd.initial import manufactured

        return manufactured.fields(case.grid, self.wave(case), MANUFACTURED_TEMPERATURE)

    def sources(self, case: Starting) -> tuple[Source, ...]:
        """Those of species and momentum."""
        from combust.cfd.initial.manufactured import Forcing

        return (Forcing(self.wave(case)),)


class RunInitial(Start, Settings, frozen=True, tag_field="kind", tag="run"):
    """The fields of an earlier run, on this grid: the integrals of mass, species and enthalpy stay.

    The domain must lie within the earlier one, the species are the same, time begins at zero. The checkpoint that is
    taken is copied into the run's folder (start.h5), which is all that a restart needs.
    """

    one_gas: ClassVar[bool] = False

    folder: Annotated[Text, doc("output folder of the earlier run, or one of its checkpoint files")]
    time: Annotated[NotNegative | None, doc("of the checkpoint, the nearest is taken; the newest if omitted", "s")] = (
        None
    )
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None

    def fields(self, case: Starting) -> Fields:
        """Those of the earlier run. Raises ConfigError, FileFormatError."""
        return case.carried.q, case.carried.u


Initial = (
    FlameInitial
    | KernelInitial
    | UniformInitial
    | TaylorGreenInitial
    | ManufacturedInitial
    | LayersInitial
    | CounterflowInitial
    | ChannelInitial
    | RunInitial
)


def fresh_gas(table: FlameInitial | KernelInitial, case: Starting, thickness: float | None) -> Unburnt:
    """The fresh gas of a table and its burnt equilibrium; thickness : of its flame [m], where that is known."""
    import torch

    from combust.cfd.initial.unburnt import Unburnt

    gas, Y = case.gas, case.mixture(table)
    solution = gas.cantera(transport=False)
    solution.TPY = table.temperature, case.pressure, Y.cpu().numpy()
    density = float(solution.density)
    solution.equilibrate("HP")
    streams = torch.stack([gas.composition(table.oxidizer), gas.composition(table.fuel)])
    return Unburnt(
        density,
        Y,
        int(gas.mole_fractions(streams[1]).argmax()),
        torch.tensor(solution.Y.copy(), device=case.device),
        table.temperature,
        float(solution.T),
        streams.to(case.device),
        thickness,
    )


def ends(fresh: Unburnt) -> tuple[list[float], list[Tensor]]:
    """T [K] and Y of fresh and burnt gas."""
    return [fresh.temperature, fresh.burnt_temperature], [fresh.Y.cpu(), fresh.burnt_Y.cpu()]
