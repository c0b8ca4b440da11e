"""Fields of Cantera's flame between opposed jets, laid on a flow's grid or over mixture fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from combust.cfd.initial.base import Start, Starting
from combust.cfd.initial.motion import TurbulenceKey, VortexKey
from combust.errors import ConfigError, at
from combust.kinetics.mechanism.settings import of_flames
from combust.settings.base import Positive, Settings, Temperature, Text, doc

if TYPE_CHECKING:
    from combust.cfd.initial.fields import Fields
    from combust.kinetics.flames.counterflow import CounterflowProfile


class Jets(Settings, frozen=True, kw_only=True):
    """Two jets against each other; speeds and temperatures are those at their exits."""

    velocity_fuel: Annotated[Positive, doc("speed of the fuel at its exit", "m/s")]
    velocity_oxidizer: Annotated[Positive, doc("speed of the oxidizer at its exit", "m/s")]
    width: Annotated[Positive, doc("distance of the exits", "m")] = 0.02


def solved(
    case: Starting, where: str, jets: Jets, fuel: str, T_fuel: float, oxidizer: str, T_oxidizer: float
) -> CounterflowProfile:
    """Cantera's flame, solved by the root or read from the cache. Raises ConfigError, InertError, DivergenceError."""
    from combust.kinetics.flames.counterflow import counterflow_flame
    from combust.parallel import on_root

    known = of_flames(case.transport)
    if known is None:
        raise ConfigError(f'{where} needs gas.transport = "mixture-averaged" or "unity-Lewis"')
    gas, (name, soret) = case.gas, known
    density = []
    for key, T, X in (("fuel", T_fuel, fuel), ("oxidizer", T_oxidizer, oxidizer)):
        with at(f"{where}: {key}"):
            density.append(float(gas.density(T, case.pressure, gas.composition(X))))

    def solve() -> CounterflowProfile:
        fluxes = density[0] * jets.velocity_fuel, density[1] * jets.velocity_oxidizer
        return counterflow_flame(
            gas, case.pressure, fuel, T_fuel, fluxes[0], oxidizer, T_oxidizer, fluxes[1], transport=name,
            width=jets.width, slope=0.05, curve=0.1, soret=soret,
        )  # fmt: skip

    with at(where):
        return on_root(case.comm, solve)


class CounterflowInitial(Start, Jets, frozen=True, kw_only=True, tag_field="kind", tag="counterflow"):
    """A flame between opposed jets from Cantera, fuel at low x, around the axis or symmetric about y = 0.

    Speeds: Cantera's u(x) along x; around an axis v = r V(x), in a plane v = 2 y V(x), in 3-D v = y V and w = z V.
    """

    one_gas: ClassVar[bool] = False

    fuel: Annotated[Text, doc("mole fractions of the fuel")]
    oxidizer: Annotated[Text, doc("mole fractions of the oxidizer")]
    temperature_fuel: Annotated[Temperature, doc("of the fuel", "K")] = 300.0
    temperature_oxidizer: Annotated[Temperature, doc("of the oxidizer", "K")] = 300.0
    position: Annotated[float | None, doc("x of the fuel's exit; the low end of the mesh if omitted", "m")] = None
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None

    def profile(self, case: Starting) -> CounterflowProfile:
        """Cantera's flame. Raises ConfigError, DivergenceError."""
        return solved(
            case, 'initial.kind = "counterflow"', self, self.fuel, self.temperature_fuel, self.oxidizer,
            self.temperature_oxidizer,
        )  # fmt: skip

    def fields(self, case: Starting) -> Fields:
        """Initial T, Y and velocities. Raises ConfigError for a mesh of one dimension."""
        from combust.cfd.initial import fields
        from combust.cfd.mesh.require import require_inside

        if 1 not in case.grid.layout.axes:
            raise ConfigError('initial.kind = "counterflow": the gas leaves along y, which this mesh does not have')
        low = float(case.grid.faces[2][0])
        position = low if self.position is None else self.position
        require_inside("initial.position", (None, None, position), case.grid)
        return fields.opposed(case.grid, self.profile(case), position)
