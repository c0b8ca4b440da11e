"""What learned chemistry costs at least: parts of its step of a flame, and how little is left if the network is free.

    python benchmarks/floor.py                     # hydrogen, ammonia, methane with 28 and 53 species
    python benchmarks/floor.py --cases gri30

The step of `benchmarks/pays.py`, its cells repeated, CPU time of one thread, all in turn. Every cell needs its exact
rates, a reference, the test whether it is slow and a response in the second sweep, and slow cells a step of their own:
"all but the network" is that, without network and correction. A network adds `inference` and what goes around it
(coordinates, elements, temperature), transport and one correction in every cell that is not slow. Exact chemistry over
"all but the network" is what the best network there is cannot exceed as long as exact rates test it; over `inference`
of all cells, what networks could give that nothing tests.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from pairs import Sheet, in_turn, parsed
from pays import CASES, both, in_order, parser_of_cases
from torch import Tensor

from combust import kernels
from combust.kinetics.integrate.blocks import BLOCK, take, where
from combust.kinetics.integrate.cells import evaluate_all
from combust.kinetics.integrate.state import pack
from combust.surrogates.judge.steps import Asked
from combust.surrogates.model.network import Network, apply
from combust.surrogates.provider.flow import LearnedFlow

SMOKE = "--cases h2 --cells 144 --rounds 2 --widths 64"
DEPTH = 3
TARGET = 5.0  # times as fast as exact chemistry, in its phase
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
UNIT = "us/cell/step"


def inference(widths: list[int], inputs: int, outputs: int, cells: int) -> dict[str, Callable[[], Tensor]]:
    """Networks alone, by width and precision; in blocks as the chemistry has them."""
    calls: dict[str, Callable[[], Tensor]] = {}
    for width in widths:
        network = Network(inputs, outputs, width, DEPTH)
        for name, dtype in PRECISIONS.items():
            weights = tuple((W.detach().to(dtype), b.detach().to(dtype)) for W, b in network.weights())
            blocks = [x.contiguous() for x in torch.randn(inputs, cells).to(dtype).split(BLOCK, 1)]

            def call(weights: Any = weights, blocks: list[Tensor] = blocks) -> Tensor:
                for x in blocks:
                    made = apply(weights, x)
                return made

            calls[f"inference, width {width}, {name}"] = call
    return calls


def without_network(learned: LearnedFlow, asked: Asked) -> Callable[[], None]:
    """The step by what all cells need, network and correction left out."""

    def once() -> None:
        learned._chemical._last = None  # of the last repetition
        step = learned.begin(asked.T.clone(), asked.rhoY.clone(), asked.dt)
        sources = [pack(Qh, Q) for Q, Qh in asked.sweeps]
        end = step.z.clone()
        step.slow = learned._slow(step, sources[0], end)
        step.network = step.slow[:0]
        for before, s in zip(sources, sources[1:], strict=False):
            step.last = (before, end)
            learned._respond(step, s, torch.empty_like(end))

    return once


def parts(learned: LearnedFlow, asked: Asked) -> tuple[dict[str, Callable[[], Any]], int]:
    """Pieces of that, of all cells, and of the network's, of those that are not slow; and how many these are."""
    step = learned.begin(asked.T.clone(), asked.rhoY.clone(), asked.dt)
    s, z, end = pack(*reversed(asked.sweeps[0])), step.z, step.z.clone()
    none = torch.zeros_like(z)
    slow = torch.zeros_like(z[0], dtype=torch.bool)
    slow[learned._slow(step, s, end)] = True
    active = where(~slow)
    z1, guess = learned._split(step, active, s, learned.splitting)
    T, p, Y = take(z[:1], active)[0], step.p[active], take(z[1:], active)
    Y = Y / Y.sum(0)
    whole = {
        "exact rates": lambda: evaluate_all(learned.system, z, none, BLOCK),
        "nearest reference": lambda: learned.shared_jacobians.nearest(z),
        "test and step of slow cells": lambda: learned._slow(step, s, end),
    }
    own = {
        "network with coordinates, elements, temperature": lambda: learned.parts.network(T, p, Y, asked.dt),
        "the same with transport": lambda: learned._split(step, active, s, learned.splitting),
        "correction": lambda: learned._corrected(step, active, s, z1, guess),
    }
    return whole | own, active.numel()


def measured(sheet: Sheet, name: str, options: argparse.Namespace) -> None:
    """Costs of a mechanism, and the two bounds."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        recorder, learned = both(case, Path(folder))
        kernels.set_mode("eager" if options.smoke else "compiled")
        asked = Asked.of(recorder, options.cells)
        count, species = asked.T.numel(), len(recorder.gas.species)
        pieces, active = parts(learned, asked)
        shape = learned.parts.core.coordinates.mean.numel(), learned.parts.core.coordinates.active.numel()
        nets = inference(options.widths, *shape, count)
        calls = {"exact": asked.work(recorder.inner), "learned": asked.work(learned),
                 "all but the network": without_network(learned, asked), **pieces, **nets}  # fmt: skip
        with torch.no_grad():
            found = {k: 1e6 / count * v for k, v in in_turn(calls, options.rounds, least=0.02).items()}
    told(sheet, f"{species} species", found, active / count, list(pieces)[3:], list(nets))


def told(sheet: Sheet, label: str, found: dict[str, np.ndarray], share: float, own: list[str], nets: list[str]) -> None:
    """The figures of a mechanism; own: parts of the share of cells that are not slow."""
    sheet.say(f"{label}: {share:.0%} of the cells not slow")
    for name, values in found.items():
        each = values / share if name in own else values
        where = f"{label}, {name}" + (" (a cell that is not slow)" if name in own else "")
        sheet.say(f"  {where}: {sheet.cost(where, each, UNIT).median:.2f} {UNIT}")
    exact = found["exact"]
    sheet.ratio(f"{label}: exact / learned", exact, found["learned"], UNIT)
    target = TARGET if label.startswith("53") else None
    sheet.ratio(f"{label}: exact / all but the network", exact, found["all but the network"], UNIT, target)
    for name in nets:
        sheet.ratio(f"{label}: exact / {name}, all cells", exact, found[name], UNIT)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser_of_cases(__doc__)
    made.add_argument("--cells", type=int, default=9216)
    made.add_argument("--widths", nargs="+", type=int, default=[64, 128, 192])
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Each mechanism in turn."""
    return in_order("floor", parsed(arguments(), SMOKE, argv), measured)


if __name__ == "__main__":
    main()
