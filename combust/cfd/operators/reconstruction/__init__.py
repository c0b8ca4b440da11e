"""Values of scalars at cell faces from those of cells: one file a scheme, named as `numerics.reconstruction` names it.

A scheme is a module with `SCHEME`, a `Reconstruction`: "van-leer" is van_leer.py. A new one is its file,
its name in `Name`, a word in `ABOUT`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal, get_args

from combust.errors import ConfigError

if TYPE_CHECKING:
    from combust.cfd.operators.reconstruction.base import Reconstruction

Name = Literal["van-leer", "central", "upwind", "koren", "weno5"]
NAMES: tuple[str, ...] = get_args(Name)
ABOUT = (
    "values at cell faces in the advection of scalars; van-leer: second order, limited; koren: third order, limited; "
    "weno5: fifth order, overshoots a jump by less than a hundredth of it; central: second order, wiggles at steep "
    "fronts; upwind: first order"
)

_loaded: dict[str, Reconstruction] = {}


def layers_of_ghosts(name: str, order: int = 2) -> int:
    """Layers of ghost cells that a flow with this scheme needs, and differences of this order where they can be.

    Raises ConfigError for a scheme that does not go with order 4.
    """
    from combust.cfd.mesh.grid import FOURTH, GHOSTS

    scheme = named(name)
    if order == 2:
        return max(GHOSTS, scheme.ghosts)
    if scheme.points is None:
        allowed = ", ".join(f'"{other}"' for other in NAMES if named(other).points is not None)
        raise ConfigError(
            f'numerics.reconstruction = "{name}" is of order {scheme.order}: numerics.order = 4 needs one of {allowed}'
        )
    return max(FOURTH, scheme.ghosts + 1)


def named(name: str) -> Reconstruction:
    """The scheme of that name, its file loaded at the first call. Raises ConfigError that lists the names."""
    if name not in _loaded:
        if name not in NAMES:
            raise ConfigError(f'reconstruction = "{name}" is unknown; known: {", ".join(NAMES)}')
        _loaded[name] = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").SCHEME
    return _loaded[name]
