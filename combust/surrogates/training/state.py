"""What a training needs to go on after it was stopped, as one file that is either the old or the new one.

A safetensors file: weights of the network in training, of its best epoch and of the networks that are done, Adam's
moments; its header holds a JSON text with the numbers. The order of rows follows from seed and epoch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from combust.atomic import replace_bytes
from combust.errors import FileFormatError
from combust.files import fit
from combust.surrogates.model.card import Extent

FORMAT, VERSION = "combust training", 1
Weights = dict[str, Tensor]


class Numbers(msgspec.Struct):
    """The numbers of a State, as the header has them."""

    member: Extent
    epoch: Extent
    planned: Extent
    best: float
    best_epoch: Extent
    rows: Extent
    seconds: float
    history: list[list[float]]
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


class Content(msgspec.Struct):
    """The JSON text of the header."""

    state: Numbers
    identity: dict[str, Any]


@dataclass
class State:
    """Between two epochs."""

    member: int = 0  # network of the ensemble that is being trained
    epoch: int = 0  # epochs that it has seen
    planned: int = 0  # epochs of its schedule; changes with a time budget
    best: float = float("inf")  # validation loss
    best_epoch: int = 0
    rows: int = 0  # seen by all networks together
    seconds: float = 0.0  # of training, all networks and runs
    history: list[list[float]] = field(default_factory=list)  # lines of losses.csv
    network: Weights = field(default_factory=dict)
    best_network: Weights = field(default_factory=dict)
    done: list[Weights] = field(default_factory=list)
    adam: list[Weights] = field(default_factory=list)  # moments of each parameter
    share: float = 0.0  # of the schedule that is done, where it follows a time budget

    def next_member(self) -> None:
        """The network is done: its best weights are kept, and the next begins."""
        self.done.append(self.best_network)
        self.member, self.epoch, self.planned, self.best, self.best_epoch = self.member + 1, 0, 0, float("inf"), 0
        self.network, self.best_network, self.adam, self.share = {}, {}, [], 0.0


LISTS, PLAIN = ("done", "adam"), ("network", "best_network")


def write(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Readers see the whole file or the one before. Raises OSError where it cannot be written."""
    tensors = {f"{name}.{k}": v for name in PLAIN for k, v in getattr(state, name).items()}
    for name in LISTS:
        tensors |= {f"{name}.{i}.{k}": v for i, held in enumerate(getattr(state, name)) for k, v in held.items()}
    numbers = {k: v for k, v in asdict_shallow(state).items() if k not in (*PLAIN, *LISTS)}
    text = json.dumps({"state": numbers, "identity": identity})
    data = save(
        {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},  # shared ones are refused
        {"format": FORMAT, "version": str(VERSION), "content": text},
    )
    replace_bytes(path, data)


def asdict_shallow(state: State) -> dict[str, Any]:
    """Fields by name, not copied."""
    return {name: getattr(state, name) for name in state.__dataclass_fields__}


def read(path: Path) -> tuple[State, dict[str, Any]]:
    """The state and what it belongs to. Raises FileFormatError."""
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT or header.get("version") != str(VERSION):
                raise FileFormatError(f"checkpoint '{path}': not a state of a training that this combust can continue")
            content = fit(json.loads(header["content"]), Content, f"checkpoint '{path}'", finite=False)
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        state = State(**msgspec.structs.asdict(content.state))
        for key, value in tensors.items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise FileFormatError(f"checkpoint '{path}': {key} holds numbers that are not finite")
            name, _, rest = key.partition(".")
            if name in PLAIN:
                getattr(state, name)[rest] = value
                continue
            number, _, rest = rest.partition(".")
            if name not in LISTS or not 0 <= int(number) <= len(tensors):
                raise ValueError(f"tensor {key} is unknown")
            kept = getattr(state, name)
            while len(kept) <= int(number):
                kept.append({})
            kept[int(number)][rest] = value
        return state, content.identity
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"checkpoint '{path}': damaged: {error}; train again with --force") from error


def moments(optimizer: torch.optim.Optimizer) -> list[Weights]:
    """Adam's state, a dictionary for each parameter in its order."""
    held = optimizer.state_dict()["state"]
    return [dict(held[i]) for i in sorted(held)]


def set_moments(optimizer: torch.optim.Optimizer, held: list[Weights]) -> None:
    """The reverse."""
    if not held:
        return
    whole = optimizer.state_dict()
    whole["state"] = dict(enumerate(held))
    optimizer.load_state_dict(whole)
