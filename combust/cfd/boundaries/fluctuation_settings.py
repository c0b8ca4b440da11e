"""Tables of a case file that say what fluctuates at an inflow."""

from __future__ import annotations

from typing import Annotated

from combust.cfd.boundaries.profiles import Profile
from combust.cfd.synthetic import settings as synthetic
from combust.settings.base import NotNegative, Positive, doc

RMS = doc("root mean square of each component, a number or a table over the side", "m/s")


class Stresses(synthetic.Stresses, frozen=True):
    """Reynolds stresses, means of products of two components of the fluctuations: numbers, or tables over the side."""

    xx: Annotated[NotNegative | Profile, doc("of u", "m2/s2")]  # type: ignore[assignment]  # more than without a side
    yy: Annotated[NotNegative | Profile, doc("of v", "m2/s2")]  # type: ignore[assignment]
    zz: Annotated[NotNegative | Profile, doc("of w, of no use in 2-D", "m2/s2")] = 0.0  # type: ignore[assignment]
    xy: Annotated[float | Profile, doc("of u and v", "m2/s2")] = 0.0  # type: ignore[assignment]
    xz: Annotated[float | Profile, doc("of u and w", "m2/s2")] = 0.0  # type: ignore[assignment]
    yz: Annotated[float | Profile, doc("of v and w", "m2/s2")] = 0.0  # type: ignore[assignment]


class DigitalFilter(synthetic.DigitalFilter, frozen=True, kw_only=True, tag_field="kind", tag="digital-filter"):
    """Filtered noise of given Reynolds stresses and lengths; it has divergence. doi:10.1016/S0021-9991(03)00090-1"""

    u_rms: Annotated[Positive | Profile | None, RMS] = None  # type: ignore[assignment]
    stresses: Annotated[Stresses | None, doc("Reynolds stresses in place of u_rms")] = None

    @property
    def profiles(self) -> dict[str, Profile]:
        """Those of its keys that are tables: "u_rms", "stresses.xx", ..."""
        stresses = {} if self.stresses is None else {f"stresses.{n}": getattr(self.stresses, n) for n in NAMES}
        return {name: v for name, v in {"u_rms": self.u_rms, **stresses}.items() if isinstance(v, Profile)}


NAMES = ("xx", "yy", "zz", "xy", "xz", "yz")
Fluctuations = DigitalFilter | synthetic.RandomModes
