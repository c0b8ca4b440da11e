"""Networks carried to another mechanism or range: what belongs to a species goes with its name, never with its place.

Inputs and outputs are scaled by the new rows, and their weights are those of the parent: what was a deviation above the
mean there is one here. So a flame of 10 atm, whose radicals are a tenth, looks to the network as one of 1 atm did, and
the same mechanism and range in another order say the same. Species that the parent did not know begin with weights of
zero; of those that are no longer there the weights are left out, which takes them for a mean amount.
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

States = tuple[Tensor, Tensor, Tensor, Tensor]  # T, p (rows,), Y (species, rows), dt (rows,)
REST = (" T", " 1/T", " p", " dt")  # no names of species


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


class Carried(NamedTuple):
    """Coordinates, weights of each network by name, and where these belong to new species (one there, else zero)."""

    coordinates: Coordinates
    weights: list[dict[str, Tensor]]
    new: dict[str, Tensor]
    species: Species


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
    old, (_, _, Y, dt) = parent.coordinates, states
    made = fitted._replace(tau=old.tau, scale=torch.ones_like(fitted.scale))
    made = made._replace(scale=made.target(Y, Y1, dt).square().mean(1).sqrt().clamp_min(1e-12))
    before, now = inputs(parent.card["species"], old), inputs(gas.species, made)
    # What never changed where the parent was trained says nothing: its weights are as they were drawn.
    told = (old.deviation != 1.0).tolist()  # Coordinates.fit: the deviation of such an input
    columns = [before.index(name) if name in before and told[before.index(name)] else -1 for name in now]
    known = before[: old.active.numel()]
    outputs = [known.index(name) if name in known else -1 for name in now[: made.active.numel()]]
    weights = [placed(net.state_dict(), columns, outputs) for net in parent.networks]
    return Carried(made, weights, beginnings(weights[0], columns, outputs), species_of(parent, gas, made.active))


def inputs(species: Sequence[str], c: Coordinates) -> list[str]:
    """What each input is of; those of the outputs are the first ones. A species that was inert and reacts now, or the
    reverse, keeps its name.
    """
    names = aliases(species)
    return [names[k] for k in (*c.active.tolist(), *c.inert.tolist())] + list(REST)


def placed(held: dict[str, Tensor], columns: list[int], outputs: list[int]) -> dict[str, Tensor]:
    """Weights of a network whose inputs and outputs are these of another one; -1: none, with weights of zero."""
    made = {name: value.detach().cpu().clone() for name, value in held.items()}
    first, last = ends(held)
    made[f"layers.{first}.weight"] = taken(made[f"layers.{first}.weight"].T, columns).T.contiguous()
    for name in (f"layers.{last}.weight", f"layers.{last}.bias"):
        made[name] = taken(made[name], outputs)
    return made


def taken(x: Tensor, rows: list[int]) -> Tensor:
    """Some rows of x, zero where -1."""
    found = x[torch.tensor(rows).clamp_min(0)]
    found[torch.tensor(rows) < 0] = 0.0
    return found


def beginnings(held: dict[str, Tensor], columns: list[int], outputs: list[int]) -> dict[str, Tensor]:
    """One for the weights of species that begin anew, and zero for all others."""
    made = {name: torch.zeros_like(value) for name, value in held.items()}
    first, last = ends(held)
    made[f"layers.{first}.weight"][:, torch.tensor([k < 0 for k in columns[: -len(REST)]] + [False] * len(REST))] = 1.0
    for name in (f"layers.{last}.weight", f"layers.{last}.bias"):
        made[name][torch.tensor(outputs) < 0] = 1.0
    return made


def ends(held: dict[str, Tensor]) -> tuple[int, int]:
    """Numbers of the first and the last layer."""
    numbers = [int(name.split(".")[1]) for name in held]
    return min(numbers), max(numbers)
