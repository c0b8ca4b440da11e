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


def named(name: str) -> Reconstruction:
    """The scheme of that name, its file loaded at the first call. Raises ConfigError that lists the names."""
    if name not in _loaded:
        if name not in NAMES:
            raise ConfigError(f'reconstruction = "{name}" is unknown; known: {", ".join(NAMES)}')
        _loaded[name] = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").SCHEME
    return _loaded[name]
