"""What a low-Mach problem consists of: gas, boundaries, gravity, closure, sources, and the numerical choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from combust.cfd.boundaries.conditions import Sides
from combust.cfd.closures.base import Closure, Source, require_closure, require_source
from combust.cfd.interaction.base import Interaction, require_interaction
from combust.cfd.operators.names import Momentum
from combust.cfd.operators.reconstruction import named
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism

COUPLINGS = ("sdc", "strang")


@dataclass(frozen=True)
class Problem:
    """The physics. boundaries : per axis (z, y, x) the low and high side, None where periodic or inactive.

    gravity : (z, y, x) [m/s2], acts on rho less reference_density [kg/m3]; None: less the mean over the domain
    closure : the turbulence closure, None for laminar flow;  sources : what is added to the equations
    interaction : what turbulence does to reactions and the diffusion that feeds them, None: nothing
    called : what messages call closure and interaction, as a case does; by their classes if omitted
    """

    gas: Mechanism
    boundaries: tuple[Sides, Sides, Sides]
    transport: str = "mixture-averaged"
    gravity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    reference_density: float | None = 0.0
    closure: Closure | None = None
    sources: tuple[Source, ...] = ()
    interaction: Interaction | None = None
    called: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError naming a closure, source or interaction that is none."""
        if self.interaction is not None:
            require_interaction("problem.interaction", self.interaction)
        if self.closure is not None:
            require_closure("problem.closure", self.closure)
        for number, source in enumerate(self.sources):
            require_source(f"problem.sources[{number}]", source)

    def name(self, part: Literal["closure", "interaction"], method: str = "") -> str:
        """What messages call it, or a method of it that a script of one's own may have written."""
        named = type(getattr(self, part)).__name__ + (f".{method}" if method else "")
        return self.called.get(part, named)

    @property
    def models(self) -> str:
        """Closure and interaction by these names, "" without either."""
        given = {"closure": self.closure, "interaction": self.interaction}
        return " and ".join(self.name(part) for part, one in given.items() if one is not None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class LowMachNumerics:
    """The choices of the scheme, named as the table `numerics` of a case file names them."""

    coupling: str = "sdc"
    sweeps: int = 2
    cfl: float = 0.5
    reconstruction: str = "van-leer"
    momentum: Momentum = "central"
    eos_limit: float = 0.05
    max_stages: int = 60

    def __post_init__(self) -> None:
        """Raises ConfigError naming the choice that there is not."""
        if self.coupling not in COUPLINGS:
            raise ConfigError(f'coupling = "{self.coupling}" is unknown; known: {", ".join(COUPLINGS)}')
        named(self.reconstruction)
        if self.momentum not in get_args(Momentum):
            raise ConfigError(f'momentum = "{self.momentum}" is unknown; known: {", ".join(get_args(Momentum))}')
        for name in ("sweeps", "cfl", "eos_limit"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} = {getattr(self, name)}: must be greater than 0")
        if self.max_stages < 2:
            raise ConfigError(f"max_stages = {self.max_stages}: must be at least 2")
