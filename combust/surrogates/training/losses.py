"""What training makes small: the error of a step in scaled coordinates, and terms that look at what it is used for.

All terms are means over rows, so that their weights are comparable:
step       |output - label| in the scaled output coordinate, mean over species
tail       the largest |Y1 - label| of a row in shares of the species' peak
heat       |T1 - label| / 100 K, to first order in the error of Y1 (rows.heating)
semigroup  as `step`, after two steps of u dt and (1 - u) dt, u between 0.2 and 0.8: f(f(x, a), b) = f(x, a + b)
rollout    as `step`, after `rollout_steps` equal steps that together are dt
The last two feed the network its own result, by the whole step with elements and temperature, and compare with the
exact label of dt; they take every fourth row of a batch, and of these the ones whose parts are not shorter than the
shortest step of the range. A term of weight zero is not computed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from combust.surrogates.model.model import Core, step
from combust.surrogates.model.network import Network
from combust.surrogates.settings import Loss
from combust.surrogates.training.rows import Rows, States

TERMS = ("step", "tail", "heat", "semigroup", "rollout")
PHYSICAL = TERMS[1:]  # need the states of the rows
COMPOSED = TERMS[3:]  # cost several steps of the network
EVERY = 4  # rows of a batch: one takes the composed terms
CUTS = (0.2, 0.8)
HUNDRED = 100.0  # K


def weights_of(loss: Loss) -> dict[str, float]:
    """Weight of each term that has one."""
    return {name: weight for name in TERMS if (weight := float(getattr(loss, name))) > 0}


class Objective(nn.Module):
    """The weighted sum of a network's terms; a module, so that torch's DDP can wrap the whole."""

    def __init__(self, network: Network, core: Core, loss: Loss, peak: Tensor, shortest: float, bf16: bool) -> None:
        """core: without weights; peak (active species,); shortest: time step [s] of the range."""
        super().__init__()
        self.network, self.core, self.weights = network, core, weights_of(loss)
        self.peak, self.shortest, self.parts, self.bf16 = peak.unsqueeze(1), shortest, loss.rollout_steps, bf16

    def forward(self, rows: Rows, u: Tensor | None, share: float) -> tuple[Tensor, Tensor]:
        """The loss, and each term (terms,) without gradient, of rows; u (rows,) in [0, 1) cuts the semigroup's steps.

        share: weight of a row, one over the rows of the whole batch, of which these may be a part.
        """
        with torch.autocast(rows.x.device.type, torch.bfloat16, enabled=self.bf16):
            out = self.network(rows.x)
        out = out.float()
        error = self._error(rows, out) if {"tail", "heat"} & self.weights.keys() else None
        terms = [self._term(name, rows, out, error, u) * share for name in self.weights]
        weighted = (weight * term for weight, term in zip(self.weights.values(), terms, strict=True))
        total = sum(weighted, start=out.new_zeros(()))
        return total, torch.stack([term.detach().double() for term in terms])

    def _error(self, rows: Rows, out: Tensor) -> Tensor:
        """Of Y1, (active species, rows)."""
        states = rows.states
        assert states is not None
        return self.core.coordinates.decode(states.Y.T, out.T, states.dt) - states.Y1.T

    def _term(self, name: str, rows: Rows, out: Tensor, error: Tensor | None, u: Tensor | None) -> Tensor:
        """Sum over the rows."""
        if name == "step":
            return (out - rows.z).abs().sum() / out.shape[1]
        states = rows.states
        assert states is not None
        if error is not None and name == "tail":
            return (error.abs() / self.peak).amax(0).sum()
        if error is not None and name == "heat":
            return (states.heat.T * error).sum(0).abs().sum() / HUNDRED
        some, z, parts = self._parts(name, rows.z, states, u)
        end = self._composed(some, parts)
        return (end - z).abs().sum() / end.shape[0] * EVERY

    def _parts(self, name: str, z: Tensor, states: States, u: Tensor | None) -> tuple[States, Tensor, Tensor]:
        """Rows that can be composed, their targets (outputs, rows), and the time steps (steps, rows) that make dt."""
        some, z = States(*(field[::EVERY] for field in states)), z[::EVERY]
        if name == "rollout":
            cuts = torch.full((self.parts, 1), 1.0 / self.parts, dtype=torch.float64, device=z.device)
        else:
            assert u is not None
            a = CUTS[0] + (CUTS[1] - CUTS[0]) * u[::EVERY].double()
            cuts = torch.stack([a, 1.0 - a])
        parts = cuts * some.dt
        fits = parts.amin(0) >= self.shortest
        return States(*(field[fits] for field in some)), z[fits].T, parts[:, fits]

    def _composed(self, states: States, parts: Tensor) -> Tensor:
        """What the network should have said in one step to end where it ends in several, (outputs, rows)."""
        core = self.core._replace(weights=(self.network.weights(),))
        T, Y = states.T, states.Y.T
        for dt in parts:
            T, Y, _, _ = step(core, T, states.p, Y, dt)
        return core.coordinates.target(states.Y.T, Y.clamp_min(0.0), states.dt)


def composable(loss: Loss, dt: Tensor, shortest: float) -> dict[str, float]:
    """Of each composed term with a weight: share of the rows, by dt (rows,), whose parts can be long enough."""
    longest = {"semigroup": 0.5, "rollout": 1.0 / loss.rollout_steps}
    return {
        name: float((dt * longest[name] >= shortest).double().mean()) for name in weights_of(loss) if name in COMPOSED
    }
