"""What a gas brings of eddies smaller than its means: of an inflow, of the start, in numbers that engineers have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from combust.errors import ConfigError
from combust.settings.base import Positive, Settings, doc

if TYPE_CHECKING:
    from torch import Tensor

C_MU = 0.09  # of length scale and frequency of k and epsilon; Launder & Spalding 1974, doi:10.1016/0045-7825(74)90029-2
Number: TypeAlias = "float | Tensor"


class Eddies(Settings, frozen=True):
    """Eddies of a stream: intensity or k, and length, epsilon or omega: one of each."""

    intensity: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None, doc("u' over the speed, 0.05 for 5 %: k = 1.5 (intensity speed)^2")
    ] = None
    length: Annotated[
        Positive | None, doc("of the mixing: epsilon = 0.09^(3/4) k^(3/2)/length, omega = epsilon/(0.09 k)", "m")
    ] = None
    k: Annotated[Positive | None, doc("kinetic energy of the eddies", "m2/s2")] = None
    epsilon: Annotated[Positive | None, doc("its dissipation", "m2/s3")] = None
    omega: Annotated[Positive | None, doc("frequency, epsilon/(0.09 k)", "1/s")] = None

    def __post_init__(self) -> None:
        if self.k is None and self.intensity is None:
            raise ValueError("give intensity or k")
        if self.k is not None and self.intensity is not None:
            raise ValueError("intensity and k say the same: give one")
        given = [name for name in ("length", "epsilon", "omega") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} say the same: give one")

    def value(self, name: str, speed: Number, place: str) -> Number:
        """k, epsilon or omega in a stream of this speed [m/s]. Raises ConfigError naming the place, without a scale."""
        k = 1.5 * (self.intensity * speed) ** 2 if self.k is None else self.k  # type: ignore[operator]
        if name == "k":
            return k
        if self.length is None and self.epsilon is None and self.omega is None:
            raise ConfigError(f"{place}: give length, epsilon or omega too: the scale of the eddies is missing")
        if name == "epsilon":
            if self.epsilon is not None:
                return self.epsilon
            return C_MU**0.75 * k**1.5 / self.length if self.omega is None else C_MU * k * self.omega
        if self.omega is not None:
            return self.omega
        return k**0.5 / (C_MU**0.25 * self.length) if self.epsilon is None else self.epsilon / (C_MU * k)
