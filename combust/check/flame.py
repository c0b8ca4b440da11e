"""How well a case resolves the flame of its gas: cells per thermal thickness."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from combust.cfd.concerns import front
from combust.errors import CombustError
from combust.io.blocks import on_root
from combust.kinetics.flames.free import free_flame
from combust.settings import physics
from combust.settings.running import Config

if TYPE_CHECKING:
    from combust.check.command import Say

MOST_SPECIES = 60  # of a mechanism whose free flame is solved for a check: seconds


def resolution(flow: object, config: Config, say: Say) -> None:
    """Says the cells per thermal thickness; of a kernel by the free flame of its gas, which is solved or taken from the
    cache. Nothing is said of other cases, and of flows that are no ReactingFlow.
    """
    from combust.cfd.lowmach.flow import ReactingFlow

    if not isinstance(flow, ReactingFlow) or flow.unburnt is None:
        return
    if flow.unburnt.thickness is not None:
        cells = front.resolution(flow)
        if cells is not None:  # what is too coarse is among the concerns
            say.text(f"flame:    {cells:.3g} cells per thermal thickness ({flow.unburnt.thickness:.3g} m)")
        return
    thickness = on_root(flow.block.comm, lambda: kernel_thickness(flow, config))
    if thickness is None:
        say.text("flame:    its thermal thickness is not known: no free flame of the gas was found, or it takes long")
        return
    widest = max(float(np.diff(flow.grid.faces[a]).max()) for a in flow.grid.layout.axes)
    say.text(f"flame:    {thickness / widest:.3g} cells per thermal thickness ({thickness:.3g} m), of the free flame")
    for sentence in front.coarse(thickness / widest, thickness).values():
        say.warn(sentence)


def kernel_thickness(flow: object, config: Config) -> float | None:
    """Thermal thickness [m] of the free flame in the gas of a kernel, None if there is none or it takes long."""
    table, gas = config.initial, flow.scheme.problem.gas  # type: ignore[attr-defined]
    transport = config.gas.transport
    known = isinstance(transport, str | physics.MixtureAveraged)
    if not isinstance(table, physics.KernelInitial) or not known or len(gas.species) > MOST_SPECIES:
        return None
    if isinstance(config.chemistry, physics.NoChemistry):
        return None
    name, soret = (transport, False) if isinstance(transport, str) else ("mixture-averaged", transport.soret)
    try:
        flame = free_flame(gas, table.temperature, config.gas.pressure, table.fuel, table.oxidizer, table.phi,
                           transport=name, soret=soret)  # type: ignore[arg-type]  # fmt: skip
    except CombustError as error:
        logging.getLogger(__name__).info("free flame of the gas: %s", error)
        return None
    return flame.thermal_thickness
