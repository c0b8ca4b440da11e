"""Stand-ins for the network in a flow: exact chemistry, which leaves the error of the splitting alone, and nothing,
which leaves what router and correction do without a network.

    flow.scheme.chemistry.parts = Mapped.of(model, gas)
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.integrate.reactor import ReactorIntegrator, integrate
from combust.surrogates.model.model import Step
from combust.surrogates.trust.parts import Parts

RTOL, ATOL = 1e-6, 1e-12


class Mapped(Parts):
    """As `Parts`, but the step is integrated to 1e-6, 1e-12: same cells, same routes, same impulses of transport."""

    def network(self, T: Tensor, p: Tensor, Y: Tensor, dt: float | Tensor) -> Step:
        """The exact step of dt [s], one or (cells,), T, p (cells,), Y (species, cells)."""
        zero = torch.zeros_like(T)
        if not T.numel():
            return Step(T.clone(), Y.clone(), zero, zero)
        exact = ReactorIntegrator(self.gas, self.model.hold, RTOL, ATOL)
        h = dt if isinstance(dt, Tensor) else torch.full_like(T, dt)
        done = integrate(exact, T, p, Y, h, compile=False)
        return Step(done.T, done.Y, zero, zero)


class Still(Parts):
    """As `Parts`, but the step changes nothing."""

    def network(self, T: Tensor, p: Tensor, Y: Tensor, dt: float | Tensor) -> Step:
        """The state as it is."""
        return Step(T.clone(), Y.clone(), torch.zeros_like(T), torch.zeros_like(T))
