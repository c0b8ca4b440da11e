"""`combust.kinetics.integrate.cells.integrate_cells` in C++: what it is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from combust.kinetics.integrate.native.integrator import Compiled, Rules
from combust.kinetics.integrate.observer import Observer
from combust.kinetics.integrate.progress import Integrated
from combust.kinetics.integrate.rosenbrock import Method
from combust.kinetics.integrate.systems import Fixed, Hold


def through(
    native: Compiled, hold: Hold, method: Method, tolerances: tuple[float, float], rules: Rules, z: Tensor, s: Tensor,
    dt: float | Tensor, first: Tensor, fixed: Fixed | None, observe: Observer | None,
    arrived: Callable[[int], None] | None, narrow: bool,
) -> Integrated:  # fmt: skip
    """The cells to the end of dt [s]; tolerances: rtol and atol, and all else as `integrate_cells` has it."""
    duration = torch.as_tensor(dt, dtype=z.dtype).expand(first.shape)
    held, member = fixed or (None, None)
    watch, ending = (None, None) if observe is None else (observe.rows, observe.ending)
    path = native.integrate(
        hold, method, *tolerances, rules, z, s, duration, first, held, member, watch, arrived, ending, narrow
    )
    if observe is not None and path.record is not None:
        observe(torch.from_numpy(path.record))
    if arrived is not None:
        arrived(z.shape[1])
    rejected = int(path.rejected.sum())
    return Integrated(path.z, int(path.tries.sum()) - rejected, rejected, path.failed.nonzero().squeeze(-1))
