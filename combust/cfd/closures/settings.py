"""Tables of a case file that say how the motion below the grid's cells acts on the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from combust.settings.base import Positive, Settings, doc

if TYPE_CHECKING:
    from combust.cfd.closures.base import Closure


class NoTurbulence(Settings, frozen=True, tag_field="kind", tag="none"):
    """No closure: laminar flow or direct simulation."""

    def build(self) -> Closure | None:
        """None."""
        return None


class Smagorinsky(Settings, frozen=True, tag_field="kind", tag="smagorinsky"):
    """Large eddies act as a viscosity from the rate of strain. doi:10.1175/1520-0493(1963)091<0099:GCEWTP>2.3.CO;2"""

    constant: Annotated[Positive, doc("Smagorinsky's constant: 0.17 in isotropic turbulence, 0.1 in channels")] = 0.17
    prandtl: Annotated[Positive, doc("turbulent Prandtl number, of the eddies' conduction of heat")] = 0.7
    schmidt: Annotated[Positive, doc("turbulent Schmidt number, of the eddies' diffusion of species")] = 0.7

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import smagorinsky

        return smagorinsky.Smagorinsky(self.constant, self.prandtl, self.schmidt)


Turbulence = NoTurbulence | Smagorinsky
