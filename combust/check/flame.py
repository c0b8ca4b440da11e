"""How well a case resolves the flame of its gas: cells per thermal thickness."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np

from combust.case.config import Config
from combust.cfd.concerns import front
from combust.cfd.initial.settings import KernelInitial
from combust.errors import CombustError
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.settings import of_flames
from combust.kinetics.providers.settings import NoChemistry
from combust.parallel import on_root

MOST_SPECIES = 60  # of a mechanism whose free flame is solved for a check: seconds


class Resolution(NamedTuple):
    """Cells per thermal thickness, and this thickness [m]; None where they are not known.

    free : by the free flame of the gas, of a case without a flame yet
    warnings : name -> sentence, if they are too few and that is not among the warnings about the flow
    """

    cells: float | None
    thickness: float | None
    free: bool = False
    warnings: dict[str, str] = {}


def resolution(flow: object, config: Config) -> Resolution | None:
    """The cells per thermal thickness; of a kernel by the free flame of its gas, which is solved or taken from the
    cache. None for other cases, flows that are no ReactingFlow, and where no flame stands (collective).
    """
    from combust.cfd.lowmach.flow import ReactingFlow

    if not isinstance(flow, ReactingFlow) or flow.unburnt is None:
        return None
    if flow.unburnt.thickness is not None:
        cells = front.resolution(flow)
        return None if cells is None else Resolution(cells, flow.unburnt.thickness)
    thickness = on_root(flow.block.comm, lambda: kernel_thickness(flow, config))
    if thickness is None:
        return Resolution(None, None, True)
    widest = max(float(np.diff(flow.grid.faces[a]).max()) for a in flow.grid.layout.axes)
    return Resolution(thickness / widest, thickness, True, front.coarse(thickness / widest, thickness))


def kernel_thickness(flow: object, config: Config) -> float | None:
    """Thermal thickness [m] of the free flame in the gas of a kernel, None if there is none or it takes long."""
    table, gas = config.initial, flow.scheme.problem.gas  # type: ignore[attr-defined]
    known = of_flames(config.gas.transport)
    if not isinstance(table, KernelInitial) or known is None or len(gas.species) > MOST_SPECIES:
        return None
    if isinstance(config.chemistry, NoChemistry):
        return None
    name, soret = known
    try:
        flame = free_flame(gas, table.temperature, config.gas.pressure, table.fuel, table.oxidizer, table.phi,
                           transport=name, soret=soret)  # fmt: skip
    except CombustError as error:
        logging.getLogger(__name__).info("free flame of the gas: %s", error)
        return None
    return flame.thermal_thickness
