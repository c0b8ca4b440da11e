"""What closures and sources are to a flow solver: they see a `View` of it, and say what acts on it.

Both are asked once per step with the state at its start, and what they say is passed on; they keep nothing from step to
step. A restart asks them with the same state, bit by bit, so that it needs nothing from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from torch import Tensor

from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import Faces
from combust.errors import ConfigError

DIFFUSIVITIES = ("viscosity", "heat", "species")  # what of EddyFields every closure gives
CELLS = (*DIFFUSIVITIES, "energy", "dissipation")  # what of it are fields of cells


class EddyFields(NamedTuple):
    """What motion below the grid diffuses, each (nz, ny, nx) over the owned cells [m2/s], not negative.

    viscosity : nu_t, of momentum;  heat : alpha_t;  species : D_t, the same for every species
    energy : k of that motion [m2/s2];  dissipation : epsilon, what becomes of it as heat [m2/s3]; None: not known
    wall : at walls with friction, (axis, side) of `View.walls` -> (2, ...) nu_t and alpha_t on the faces of that side:
        the wall's shear is then (mu + rho nu_t) slip / distance, its heat (lambda + rho cp alpha_t) (T - T_wall) /
        distance with the density, mu, cp and lambda of the wall. Sides that it lacks have no eddies; a mapping on all
        ranks, maybe an empty one, or None on all: there are none at walls
    width : of the filter below which `energy` is that of the eddies [m]; None: it is that of eddies of any size
    """

    viscosity: Tensor
    heat: Tensor
    species: Tensor
    energy: Tensor | None = None
    dissipation: Tensor | None = None
    wall: Mapping[tuple[int, int], Tensor] | None = None
    width: Tensor | None = None


class Closure(Protocol):
    """A turbulence closure."""

    def update(self, view: View) -> EddyFields:
        """The eddies' diffusivities over the step that starts with the flow of `view`: a function of it alone."""


class Bulk(NamedTuple):
    """What the flow along a periodic axis is to be after a step: one of both.

    mass_flux : the mean of rho u over the volume [kg/m2/s];  velocity : the same over the mean density [m/s]
    """

    mass_flux: float | None = None
    velocity: float | None = None


NO_BULK: tuple[Bulk | None, Bulk | None, Bulk | None] = (None, None, None)


class Showing:
    """Base of closures that show something of themselves in output, by names that the table of their kind declares."""

    @property
    def fields(self) -> Mapping[str, Callable[[View], Tensor]]:
        """Fields of the owned cells, by name, from the flow now (collective)."""
        return {}

    @property
    def columns(self) -> Mapping[str, Callable[[View], float]]:
        """Numbers, the same on all ranks (collective)."""
        return {}


class Rates(NamedTuple):
    """What sources add per time; None: nothing.

    scalars : (1 + species, nz, ny, nx) of rho h [W/m3] and rho Y [kg/m3/s];  momentum : per axis (z, y, x) on the
    block's faces 0..n [N/m3], None along axes without;  acceleration : the same per mass [m/s2]
    bulk : per axis what the flow is to be at the end of the step, by a force that is the same everywhere
    """

    scalars: Tensor | None = None
    momentum: Faces | None = None
    acceleration: Faces | None = None
    bulk: tuple[Bulk | None, Bulk | None, Bulk | None] = NO_BULK

    def force(self, force: Tensor, rho: Tensor, axis: int) -> Tensor:
        """A force per volume [N/m3] on the faces of an axis, and these; rho : there [kg/m3]."""
        if self.momentum is not None and self.momentum[axis] is not None:
            force = force + self.momentum[axis]  # type: ignore[operator]
        if self.acceleration is not None and self.acceleration[axis] is not None:
            force = force + rho * self.acceleration[axis]  # type: ignore[operator]
        return force

    def __add__(self, other: Rates) -> Rates:  # type: ignore[override]
        """Both together; a bulk flow is one source's."""
        z, y, x = (a or b for a, b in zip(self.bulk, other.bulk, strict=True))
        momentum, acceleration = _both(self.momentum, other.momentum), _both(self.acceleration, other.acceleration)
        return Rates(_sum(self.scalars, other.scalars), momentum, acceleration, (z, y, x))


def _both(a: Faces | None, b: Faces | None) -> Faces | None:
    if a is None or b is None:
        return a or b
    return tuple(_sum(one, other) for one, other in zip(a, b, strict=True))


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return a if b is None else b
    return a + b


class Source(Protocol):
    """Sources of heat, species and momentum: a spark, a heater, a force, those of a manufactured solution.

    What they add to enthalpy and species shows in `mass_error`, `element_error` and `enthalpy_error`, unless they are
    `counted`, as those that a case names (combust.cfd.sources).
    """

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """Mean rates from t to t + dt [s], those at t for dt = 0; `view` is the flow at the start of the step.

        Called with the whole step for its update, and with its end (t + dt, 0) for the divergence there, which no
        force is part of.
        """


def require_source(name: str, given: object) -> None:
    """Raises ConfigError for what is no source, such as a class in place of one of it; name : of the argument."""
    _require_method(name, given, "rates", "rates(view, t, dt) -> Rates")


def require_closure(name: str, given: object) -> None:
    """Raises ConfigError for what is no closure; name : of the argument."""
    _require_method(name, given, "update", "update(view) -> EddyFields")


def _require_method(name: str, given: object, method: str, what: str) -> None:
    if isinstance(given, type):
        raise ConfigError(f"{name}: is the class {given.__name__}; give one of its objects")
    if not callable(getattr(given, method, None)):
        raise ConfigError(f"{name}: {type(given).__name__} has no {what}")
