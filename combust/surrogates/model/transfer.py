"""Networks carried to another mechanism or range: what belongs to a species goes with its name, never with its place.

The carried network says of the species that both know what its parent said: its inputs keep their scaling, its outputs
get the scale of the new rows, and their weights are divided by the change. Species that the parent did not know begin
with weights of zero. Those that are no longer there count as absent, Y = 0, which goes into the first biases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Model
from combust.surrogates.model.network import Network

Key = tuple[str, str]  # what an input is of: "u" (Box-Cox), "Y" or "" (T and the like), and a name
States = tuple[Tensor, Tensor, Tensor, Tensor]  # T, p (rows,), Y (species, rows), dt (rows,)
REST = ("T", "1/T", "p", "dt")


class Carried(NamedTuple):
    """Coordinates, weights of each network by name, and where these belong to new species (one there, else zero)."""

    coordinates: Coordinates
    weights: list[dict[str, Tensor]]
    new: dict[str, Tensor]
    species: Species


class Species(NamedTuple):
    """Names of the species that react: which both know, which only the new mechanism, which only the parent's."""

    shared: tuple[str, ...]
    added: tuple[str, ...]
    dropped: tuple[str, ...]

    def words(self) -> str:
        """For people."""
        parts = [f"{len(self.shared)} species by name"]
        parts += [f"new: {', '.join(self.added)}"] if self.added else []
        return "; ".join(parts + ([f"no longer there: {', '.join(self.dropped)}"] if self.dropped else []))


class Inputs(NamedTuple):
    """Inputs of the parent by those of the child, x = slope x' + offset, and their scales there."""

    slope: Tensor  # (inputs of the parent, inputs of the child)
    offset: Tensor  # (inputs of the parent,)
    mean: Tensor  # (inputs of the child,)
    deviation: Tensor
    new: Tensor  # (inputs of the child,) bool: a species of which the parent knew nothing


def aliases(names: Sequence[str]) -> list[str]:
    """Names without regard to capitals ("AR" is "Ar"), where that leaves them different."""
    count = Counter(name.upper() for name in names)
    return [name.upper() if count[name.upper()] == 1 else name for name in names]


def species_of(parent: Model, gas: Mechanism, active: Tensor) -> Species:
    """What the two have in common; active: rows of the species of `gas` that react."""
    known, names = aliases(parent.card["species"]), aliases(gas.species)
    before = {known[k]: parent.card["species"][k] for k in parent.coordinates.active.tolist()}
    now = {names[k]: gas.species[k] for k in active.tolist()}
    return Species(
        tuple(name for key, name in now.items() if key in before),
        tuple(name for key, name in now.items() if key not in before),
        tuple(name for key, name in before.items() if key not in now),
    )


def carry(parent: Model, gas: Mechanism, fitted: Coordinates, states: States, Y1: Tensor) -> Carried:
    """The parent's networks for `gas`, whose own coordinates are `fitted` to rows of states that end at Y1 after dt.

    fitted has the parent's power, floor and output.
    """
    T, p, Y, dt = states
    old, fitted = parent.coordinates, fitted._replace(tau=parent.coordinates.tau)
    now, before = keys(gas.species, fitted), keys(parent.card["species"], old)
    columns = columns_of(old, before, fitted, now, fitted.raw(T, p, Y, dt))
    scale = rms(fitted._replace(scale=torch.ones_like(fitted.scale)).target(Y, Y1, dt))
    made = fitted._replace(mean=columns.mean, deviation=columns.deviation, scale=scale)
    outputs = [before.index(key) if key in before else -1 for key in now[: fitted.active.numel()]]
    factor = torch.tensor([old.scale[i] / scale[k] if i >= 0 else 0.0 for k, i in enumerate(outputs)])
    weights = [carried_weights(net, columns, torch.tensor(outputs), factor.double()) for net in parent.networks]
    new = {name: torch.zeros_like(value) for name, value in weights[0].items()}
    first, last = ends(new)
    new[f"layers.{first}.weight"][:, columns.new] = 1.0
    for name in (f"layers.{last}.weight", f"layers.{last}.bias"):
        new[name][torch.tensor(outputs) < 0] = 1.0
    return Carried(made, weights, new, species_of(parent, gas, fitted.active))


def keys(species: Sequence[str], c: Coordinates) -> list[Key]:
    """Of the inputs, in their order; those of the outputs are the first ones."""
    names = aliases(species)
    own = [("u", names[k]) for k in c.active.tolist()] + [("Y", names[k]) for k in c.inert.tolist()]
    return own + [("", name) for name in REST]


def columns_of(old: Coordinates, before: list[Key], fitted: Coordinates, now: list[Key], raw: Tensor) -> Inputs:
    """How inputs go over; raw (inputs, rows): those of the child before scaling.

    What never changed where the parent was trained says nothing: its weights are as they were drawn, and the input
    begins anew. A species that was inert and reacts now, or the reverse, has another coordinate: it goes over
    by the line that fits the rows best.
    """
    slope, offset = torch.zeros(len(before), len(now)).double(), torch.zeros(len(before)).double()
    mean, deviation, new = fitted.mean.clone(), fitted.deviation.clone(), torch.zeros(len(now), dtype=torch.bool)
    told = old.deviation != 1.0  # Coordinates.fit: the deviation of what never changes
    for j, key in enumerate(now):
        i = before.index(key) if key in before else -1
        if i >= 0 and told[i]:
            slope[i, j], mean[j], deviation[j] = 1.0, old.mean[i], old.deviation[i]
            continue
        other = ({"u": "Y", "Y": "u"}.get(key[0], ""), key[1])
        i = before.index(other) if key[0] and other in before else i
        new[j] = bool(key[0]) and (i < 0 or not told[i])
        if i >= 0 and told[i] and before[i] != key:
            y = inert_or_not(old, other[0], fitted, key[0], raw[j])
            slope[i, j], offset[i] = line((raw[j] - mean[j]) / deviation[j], (y - old.mean[i]) / old.deviation[i])
    there = {name for _, name in now}
    for i, (kind, name) in enumerate(before):
        if name not in there and told[i]:
            absent = old.floor**old.power if kind == "u" else 0.0
            offset[i] = (absent - old.mean[i]) / old.deviation[i]
    return Inputs(slope, offset, mean, deviation, new)


def inert_or_not(old: Coordinates, before: str, fitted: Coordinates, now: str, x: Tensor) -> Tensor:
    """The other of the two coordinates of a species whose one is x (rows,)."""
    y = x if now == "Y" else x ** (1.0 / fitted.power) - fitted.floor
    return y if before == "Y" else old.transform(y.clamp_min(0.0))


def line(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Slope and offset of y over x (rows,) by least squares; of no slope where x does not change."""
    apart = x - x.mean()
    square = float(apart.square().sum())
    slope = float((apart * y).sum()) / square if square > 0 else 0.0
    return slope, float(y.mean()) - slope * float(x.mean())


def carried_weights(net: Network, columns: Inputs, outputs: Tensor, factor: Tensor) -> dict[str, Tensor]:
    """Of the child; outputs: the parent's of each output, -1 for none, with the factor of its scale."""
    held = {name: value.detach().cpu().double() for name, value in net.state_dict().items()}
    first, last = ends(held)
    W, b = held[f"layers.{first}.weight"], held[f"layers.{first}.bias"]
    held[f"layers.{first}.weight"], held[f"layers.{first}.bias"] = W @ columns.slope, b + W @ columns.offset
    held[f"layers.{last}.weight"] = held[f"layers.{last}.weight"][outputs] * factor.unsqueeze(1)
    held[f"layers.{last}.bias"] = held[f"layers.{last}.bias"][outputs] * factor
    return {name: value.float().contiguous() for name, value in held.items()}


def ends(held: dict[str, Tensor]) -> tuple[int, int]:
    """Numbers of the first and the last layer."""
    numbers = [int(name.split(".")[1]) for name in held]
    return min(numbers), max(numbers)


def rms(x: Tensor) -> Tensor:
    """Of each row (rows, columns), never zero."""
    return x.square().mean(1).sqrt().clamp_min(1e-12)
