"""Tables of a case file that say how the motion below the grid's cells acts on the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, get_args

from combust.cfd.closures.names import Average, Filter, Scalars, Walls
from combust.settings.base import Name, Positive, Settings, doc
from combust.settings.eddies import Eddies
from combust.settings.names import ALONG_PATHS

if TYPE_CHECKING:
    from combust.cfd.closures.base import Closure


class ClosureSettings(Settings, frozen=True):
    """Base of the kinds of `turbulence`. FIELDS, COLUMNS : names that the closure shows in output, what they are.

    AVERAGED : whether it stands for all eddies, so that none are resolved;  INFLOWS : whether inflows say what eddies
    they bring
    """

    INFLOWS: ClassVar[bool] = False
    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}
    AVERAGED: ClassVar[bool] = False


class NoTurbulence(ClosureSettings, frozen=True, tag_field="kind", tag="none"):
    """No closure: laminar flow or direct simulation."""

    def build(self) -> Closure | None:
        """None."""
        return None


class _Eddies(ClosureSettings, frozen=True, kw_only=True):
    """What every closure of eddies has."""

    prandtl: Annotated[Positive, doc("turbulent Prandtl number, of the eddies' conduction of heat")] = 0.7
    schmidt: Annotated[Positive, doc("turbulent Schmidt number, of the eddies' diffusion of species")] = 0.7


class _Filtered(_Eddies, frozen=True, kw_only=True):
    """What closures of large-eddy simulation have."""

    filter: Annotated[
        Filter,
        doc(
            'width D of the filter: "volume", the cube root of a cell\'s volume, or "scotti", that times a factor '
            "which grows with the ratios of its sides, in three dimensions. doi:10.1063/1.858537"
        ),
    ] = "volume"


class Smagorinsky(_Filtered, frozen=True, kw_only=True, tag_field="kind", tag="smagorinsky"):
    """Large eddies act as a viscosity from the rate of strain. doi:10.1175/1520-0493(1963)091<0099:GCEWTP>2.3.CO;2"""

    constant: Annotated[Positive, doc("Smagorinsky's constant: 0.17 in isotropic turbulence, 0.1 in channels")] = 0.17
    van_driest: Annotated[
        bool, doc("less at walls with friction: the length times 1 - exp(-y+/A+). doi:10.2514/8.3713")
    ] = False
    a_plus: Annotated[Positive, doc("A+ of van_driest")] = 26.0

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import smagorinsky

        return smagorinsky.Smagorinsky(
            self.constant, self.prandtl, self.schmidt, self.filter, self.a_plus if self.van_driest else None
        )


class Wale(_Filtered, frozen=True, kw_only=True, tag_field="kind", tag="wale"):
    """The same from strain and rotation, none in pure shear and at walls. doi:10.1023/A:1009995426001"""

    constant: Annotated[Positive, doc("C_w: 0.5 in isotropic turbulence, 0.325 in the channels of the paper")] = 0.5

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import wale

        return wale.Wale(self.constant, self.prandtl, self.schmidt, self.filter)


class Vreman(_Filtered, frozen=True, kw_only=True, tag_field="kind", tag="vreman"):
    """The same from all gradients, none in pure shear and across planar flames. doi:10.1063/1.1785131"""

    constant: Annotated[Positive, doc("c: 2.5 times the square of Smagorinsky's constant")] = 0.07

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import vreman

        return vreman.Vreman(self.constant, self.prandtl, self.schmidt, self.filter)


class Sigma(_Filtered, frozen=True, kw_only=True, tag_field="kind", tag="sigma"):
    """The same from singular values of the gradient, none in 2-D flows and at walls. doi:10.1063/1.3623274"""

    constant: Annotated[Positive, doc("C_sigma: 1.35 to 1.5")] = 1.35

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import sigma

        return sigma.Sigma(self.constant, self.prandtl, self.schmidt, self.filter)


class DynamicSmagorinsky(_Filtered, frozen=True, kw_only=True, tag_field="kind", tag="dynamic-smagorinsky"):
    """Smagorinsky's with the constant that the resolved motion itself asks for. doi:10.1063/1.857955"""

    FIELDS: ClassVar[dict[str, Name]] = {
        "smagorinsky_square": Name("square of Smagorinsky's constant, by the dynamic procedure; negative: no eddies"),
        "I_LM": Name("average of L:M along paths of the gas, over the square of the density", "m4/s4", ALONG_PATHS),
        "I_MM": Name("the same of M:M", "m4/s4", ALONG_PATHS),
    }
    COLUMNS: ClassVar[dict[str, Name]] = {
        "eddies_limited": Name(
            "share of the volume without eddies: where the square of Smagorinsky's constant is negative, with "
            'average = "lagrangian" less than 1e-6'
        )
    }

    average: Annotated[
        Average,
        doc(
            'what the constant is one for: "plane", all cells along the periodic directions; "global", all cells; '
            '"lagrangian", the past of each piece of gas, for flows without such directions. '
            "doi:10.1017/S0022112096007379"
        ),
    ] = "plane"

    scalars: Annotated[
        Scalars,
        doc(
            'turbulent Prandtl and Schmidt numbers: "given", as prandtl and schmidt; "dynamic", of the resolved T and '
            "mass fractions (the given ones where these do not vary). doi:10.1063/1.858164"
        ),
    ] = "given"

    def __post_init__(self) -> None:
        if self.average == "lagrangian" and self.scalars == "dynamic":
            raise ValueError('scalars = "dynamic" takes averages over directions: average = "plane" or "global"')

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import dynamic_smagorinsky, lagrangian_smagorinsky

        if self.average == "lagrangian":
            return lagrangian_smagorinsky.LagrangianSmagorinsky(self.prandtl, self.schmidt, self.filter)
        return dynamic_smagorinsky.DynamicSmagorinsky(
            self.average, self.prandtl, self.schmidt, self.filter, self.scalars
        )


class KEquation(_Filtered, frozen=True, kw_only=True, tag_field="kind", tag="k-equation"):
    """Large eddies with an equation for the kinetic energy of those below the grid. doi:10.1143/JPSJ.54.2834"""

    INFLOWS: ClassVar[bool] = True

    c_k: Annotated[Positive, doc("C_k, of the viscosity C_k D k^(1/2)")] = 0.094
    c_e: Annotated[Positive, doc("C_e, of the dissipation C_e k^(3/2)/D")] = 1.048
    initial: Annotated[
        Eddies | None, doc("at the start: k, or intensity, u' over the largest speed; if omitted as much as lasts")
    ] = None

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import k_equation

        return k_equation.KEquation(self.c_k, self.c_e, self.prandtl, self.schmidt, self.initial, self.filter)


class KEpsilon(_Eddies, frozen=True, kw_only=True, tag_field="kind", tag="k-epsilon"):
    """Averages over all eddies, with equations of their energy and dissipation. doi:10.1016/0045-7825(74)90029-2"""

    AVERAGED: ClassVar[bool] = True
    INFLOWS: ClassVar[bool] = True

    c_mu: Annotated[Positive, doc("C_mu, of the viscosity C_mu k^2/epsilon")] = 0.09
    c_1: Annotated[Positive | None, doc("C_1, of the production of epsilon; 1.44 if omitted, 1.60 of a round jet")] = (
        None
    )
    c_2: Annotated[Positive, doc("C_2, of the destruction of epsilon")] = 1.92
    sigma_k: Annotated[Positive, doc("of the diffusion of k by nu_t/sigma_k")] = 1.0
    sigma_epsilon: Annotated[Positive, doc("the same of epsilon")] = 1.3
    round_jet: Annotated[bool, doc("C_1 = 1.60: round jets spread by 0.084, not 0.117; not for walls")] = False
    initial: Annotated[
        Eddies | None,
        doc(
            "at the start: intensity, u' over the largest speed, and length, or values; if omitted intensity 0.05 and "
            "0.07 of the smallest extent of the domain"
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.round_jet and self.c_1 is not None:
            raise ValueError("give round_jet or c_1, not both: round_jet is c_1 = 1.60")

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import k_epsilon

        c_1 = self.c_1 if self.c_1 is not None else 1.60 if self.round_jet else 1.44
        numbers = self.c_mu, c_1, self.c_2, self.sigma_k, self.sigma_epsilon
        return k_epsilon.KEpsilon(*numbers, self.prandtl, self.schmidt, self.initial)


class KOmegaSST(_Eddies, frozen=True, kw_only=True, tag_field="kind", tag="k-omega-sst"):
    """Averages over all eddies, with equations of their energy and frequency, down to walls. doi:10.2514/3.12149"""

    FIELDS: ClassVar[dict[str, Name]] = {"omega_t": Name("frequency of the eddies", "1/s")}
    AVERAGED: ClassVar[bool] = True
    INFLOWS: ClassVar[bool] = True

    walls: Annotated[
        Walls,
        doc(
            'at walls with friction: "automatic", laws for first cells anywhere from y+ = 0.1 to 100 '
            '(Menter and others 2003); "resolved", none, for first cells below y+ = 1'
        ),
    ] = "automatic"

    initial: Annotated[
        Eddies | None,
        doc(
            "at the start: intensity, u' over the largest speed, and length, or values; if omitted intensity 0.05 and "
            "0.07 of the smallest extent of the domain"
        ),
    ] = None

    def build(self) -> Closure | None:
        """The closure of these numbers."""
        from combust.cfd.closures import k_omega_sst

        return k_omega_sst.KOmegaSST(self.prandtl, self.schmidt, self.initial, self.walls == "resolved")


Turbulence = NoTurbulence | Smagorinsky | Wale | Vreman | Sigma | DynamicSmagorinsky | KEquation | KEpsilon | KOmegaSST


def kinds_of_inflows() -> tuple[str, ...]:
    """The kinds for which inflows say what eddies they bring."""
    return tuple(str(kind.__struct_config__.tag) for kind in get_args(Turbulence) if kind.INFLOWS)
