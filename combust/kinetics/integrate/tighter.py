"""Cells that do not arrive, or end below zero, begin anew with smaller amounts told apart, before CVODE gets them.

An error within atol may leave two radicals less than nothing at once. Where they recombine fast (C2H + H of n-dodecane
at 330 K: 5e26 m6/kmol2/s), the rates then carry both away from zero without end, within a time that no step resolves.
That is a solution of the equations from a state that the tolerance allows, and no integrator at that atol is safe
from it; at a smaller one the amounts stay positive.

The error of a step is a root mean square over all components, so that two of a hundred may be wrong by seven atol each:
as much C2H less than nothing as C2H2 too much. An end state more than atol below zero shows it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from combust.kinetics.integrate import cells
from combust.kinetics.integrate.blocks import put, take
from combust.kinetics.integrate.cells import System, Tolerance
from combust.kinetics.integrate.progress import Integrated
from combust.kinetics.integrate.rosenbrock import Method
from combust.kinetics.integrate.systems import Fixed

FACTORS = (1e-4, 1e-8, 1e-12)  # of atol, in turn


def integrate_cells(
    system: System, method: Method, tolerance: Tolerance, z: Tensor, s: Tensor, dt: Tensor, first: Tensor, block: int,
    fixed: Fixed | None = None,
) -> Integrated:  # fmt: skip
    """`cells.integrate_cells` over dt (cells,); what does not arrive at atol does so at less. Counts of all tries."""
    path = cells.integrate_cells(system, method, tolerance, z, s, dt, first, block, fixed)
    for factor in FACTORS:
        left = path.failed
        if not left.numel():
            break
        again = cells.integrate_cells(
            system, method, replace(tolerance, atol=factor * tolerance.atol), take(z, left), take(s, left), dt[left],
            first[left], block, None if fixed is None else fixed.of(left),
        )  # fmt: skip
        put(path.z, left, again.z)
        path = Integrated(path.z, path.steps + again.steps, path.rejected + again.rejected, left[again.failed])
    return path


def integrate_reactors(
    system: System, method: Method, tolerance: Tolerance, z: Tensor, s: Tensor, dt: Tensor, first: Tensor, block: int,
    fixed: Fixed,
) -> Integrated:  # fmt: skip
    """`integrate_cells`, and what then is more than atol below zero, of what neither was so nor is taken by sources,
    once more at less; what does not arrive there, or has less than nothing there too, stays as it is.
    """
    path = integrate_cells(system, method, tolerance, z, s, dt, first, block, fixed)
    least = tolerance.atol * z[1:].sum(0)
    if bool(path.z[1:].amin() >= -least.amin()):
        return path
    lowest = z[1:].clamp_max(0.0) + (dt * s[1:]).clamp_max(0.0) - least
    below = (path.z[1:] < lowest).any(0)
    below[path.failed] = False
    cells_below = below.nonzero().squeeze(-1)
    if not cells_below.numel():
        return path
    again = cells.integrate_cells(
        system, method, replace(tolerance, atol=FACTORS[0] * tolerance.atol), take(z, cells_below),
        take(s, cells_below), dt[cells_below], first[cells_below], block, fixed.of(cells_below),
    )  # fmt: skip
    arrived = torch.ones_like(cells_below, dtype=torch.bool)
    arrived[again.failed] = False
    put(path.z, cells_below[arrived], again.z[:, arrived])
    return Integrated(path.z, path.steps + again.steps, path.rejected + again.rejected, path.failed)
