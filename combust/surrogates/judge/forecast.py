"""What a sampling will take, and whether learning is likely to pay: from costs measured on this machine beforehand.

The first trajectory of each kind is computed and timed (flames stay in the cache, so none is computed twice), some of
its states are integrated as rows will be, and a network of the size asked for, not trained yet, does the same step of a
flame as exact chemistry, in turn (`steps.in_turn`). It is taken for trusted after one correction in every cell that is
not slow: a trained one can be as fast, hardly faster.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np
import torch

from combust import kernels
from combust.errors import CombustError, DivergenceError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data import copies, labels, streams
from combust.surrogates.data.streams import Condition, States
from combust.surrogates.judge import conditions, flames, steps
from combust.surrogates.judge.targets import FASTER
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Model
from combust.surrogates.model.network import Network
from combust.surrogates.provider.learned import Learned
from combust.surrogates.settings import Surrogate, to_toml
from combust.surrogates.training import fresh_fit
from combust.surrogates.training.calibrate import mixture_references
from combust.surrogates.trust.references import drawn
from combust.surrogates.trust.router import Trust
from combust.timers import clock

MEASURED = 256  # states that are integrated
CELLS, PAIRS = 2048, 5
CACHED = 0.1  # s, within which a flame comes from the cache
WIDE = 1e30  # no range
STATED = (1e6, 1e6, 1e6)  # K, shares: one correction always suffices


@dataclass(frozen=True)
class Forecast:
    """Seconds of the parts of a sampling, its rows, and how the learned chemistry's cost compares; "why" if unknown."""

    rows: int
    trajectories: int
    seconds: dict[str, float]
    species: int
    speed: dict[str, Any]
    machine: dict[str, Any]
    why: str = ""

    def words(self) -> str:
        """For people."""
        parts = ", ".join(f"{name} {clock(value)}" for name, value in self.seconds.items())
        lines = [
            f"{self.rows} rows of {self.trajectories} trajectories, about {clock(sum(self.seconds.values()))} "
            f"({parts}; {self.machine['threads']} thread(s) of {self.machine['processor']})"
        ]
        if self.why:
            return "\n".join([*lines, f"whether learning pays is not known: {self.why}"])
        ratio = self.speed["ratio"]
        lines.append(
            f"{self.species} species: a step costs {self.speed['exact']:.1f} us a cell by exact chemistry and "
            f"{self.speed['learned']:.1f} us with such a network, trusted in every cell that is not slow: at best "
            f"{ratio:.1f} times as fast" + ("" if self.speed["compiled"] else " (kernels not compiled)")
        )
        if ratio < FASTER:
            lines.append(
                f"warning: learning is not likely to pay for {self.species} species: less than {FASTER:g} times as "
                'fast at best. Exact chemistry (chemistry.kind = "direct") is as good a choice; a smaller network '
                "(network.width, network.depth) or more species change that"
            )
        return "\n".join(lines)


def forecast(gas: Mechanism, settings: Surrogate, compile: bool) -> Forecast:
    """Of a sampling; compile: kernels, as a run of some size has them, which takes a minute or two the first time."""
    first, seconds = trajectories(gas, settings)
    states = first.rows(np.linspace(0, len(first) - 1, MEASURED).round().astype(int))
    rng = np.random.default_rng(0)
    own, rows = settings.sample, settings.sample.rows
    weights = {name: getattr(own.streams, name) for name in ("evolved", "multiscale")}
    total = sum(getattr(own.streams, name) for name in own.streams.__struct_fields__) or 1.0
    for name, times in (("evolved", copies.EVOLVED), ("multiscale", copies.BRIEF)):
        each, _ = integrated(gas, settings, states, copies.log_uniform(times, MEASURED, rng), copies.RTOL, copies.ATOL)
        seconds["copies"] = seconds.get("copies", 0.0) + each * rows * weights[name] / total
    dt = copies.log_uniform(settings.range.dt, MEASURED, rng)
    each, Y1 = integrated(gas, settings, states, dt, own.labels.rtol, own.labels.atol)
    seconds["end states"] = each * rows
    asked = streams.conditions(settings)
    made: dict[str, Any] = {"rows": rows, "trajectories": len(asked), "seconds": seconds, "species": len(gas.species),
            "machine": steps.machine()}  # fmt: skip
    try:
        return Forecast(speed=speed(gas, settings, untrained(gas, settings, states, dt, Y1), states, compile), **made)
    except CombustError as error:
        return Forecast(speed={}, why=str(error).splitlines()[0], **made)


def trajectories(gas: Mechanism, settings: Surrogate) -> tuple[States, dict[str, float]]:
    """States of the first trajectory of each kind, and the seconds that all will take. Raises DivergenceError."""
    asked, solution = streams.conditions(settings), gas.cantera()
    parts, total = [], 0.0
    for kind in streams.KINDS:
        found, seconds = one(gas, solution, settings, [condition for condition in asked if condition.kind == kind])
        total += seconds
        parts += [found] if found is not None else []
    if not parts:
        raise DivergenceError("no trajectory of those tried first: sample.trajectories asks for none, or none burns")
    return States.join(parts), {"trajectories": total}


def one(
    gas: Mechanism, solution: ct.Solution, settings: Surrogate, asked: Sequence[Condition]
) -> tuple[States | None, float]:
    """The first of some conditions of a kind that takes time, which flames in the cache do not, and the seconds that it
    and those behind it will take.
    """
    states, seconds = None, 0.0
    for number, condition in enumerate(asked):
        begin = time.process_time()
        try:
            T, p, Y = streams.KIND[condition.kind](gas, solution, settings, condition)
            Y = Y.clip(min=0.0)
            states = States(T, p, Y / Y.sum(1, keepdims=True), np.zeros(len(T), int))
        except (DivergenceError, ct.CanteraError):
            pass  # left out by the sampling, too, which takes as long to find that out
        seconds = (time.process_time() - begin) * (len(asked) - number)
        if condition.kind not in streams.FLAMES or time.process_time() - begin > CACHED:
            break
    return states, seconds


def integrated(
    gas: Mechanism, settings: Surrogate, states: States, dt: np.ndarray, rtol: float, atol: float
) -> tuple[float, np.ndarray]:
    """CPU seconds of a row, and Y (species, rows) after dt (rows,)."""
    begin = time.process_time()
    end = gas.integrate(
        states.T, states.p, np.ascontiguousarray(states.Y.T), dt, settings.sample.labels.hold, rtol, atol, compile=False
    )
    return (time.process_time() - begin) / len(states), end.Y.cpu().numpy().clip(min=0.0)


def untrained(gas: Mechanism, settings: Surrogate, states: States, dt: np.ndarray, Y1: np.ndarray) -> Model:
    """A network of the size asked for that changes nothing yet, and a router without ranges."""
    T, p, step, Y, end = (torch.as_tensor(np.ascontiguousarray(x)) for x in (states.T, states.p, dt, states.Y.T, Y1))
    c = Coordinates.fit(gas, settings.network, settings.range, T, p, Y, step, end)
    shape, wanted = (c.mean.numel(), c.active.numel()), settings.network
    networks = [Network(*shape, wanted.width, wanted.depth) for _ in range(wanted.ensemble)]
    inputs, elements = shape[0] - 1, fresh_fit.masses(gas)
    n, want = len(elements), settings.router
    trust = Trust(
        torch.full((inputs,), -WIDE), torch.full((inputs,), WIDE), torch.zeros(inputs), torch.zeros(inputs, inputs),
        elements, torch.full((n, n), -WIDE), torch.full((n, n), WIDE), Y.amax(1).clamp_min(1e-9),
        torch.tensor([want.temperature, want.species, want.relative]), torch.full((1,), torch.inf),
    )  # fmt: skip
    known = mixture_references(gas, settings).joined(drawn(T, Y, want.references))
    tables = {"trust": {k: v for k, v in trust._asdict().items() if k not in Trust._field_defaults},
              "references": known._asdict()}  # fmt: skip
    card = {
        "title": settings.title, "fuel": settings.fuel, "oxidizer": settings.oxidizer, "species": list(gas.species),
        "mechanism": {"path": gas.path, "sha256": gas.sha256, "phase": gas.name}, "config": to_toml(settings),
        "hold": settings.sample.labels.hold,
        "ranges": {name: list(getattr(settings.range, name)) for name in ("T", "p", "dt", "phi")},
        "router": {"stated": {"T_K": want.temperature, "Y_of_peak": want.species, "of_change": want.relative,
                              "quantile": want.quantile}},
    }  # fmt: skip
    return Model(
        c, networks, card, {f"{table}.{k}": v.double() for table, values in tables.items() for k, v in values.items()}
    )


def speed(gas: Mechanism, settings: Surrogate, model: Model, states: States, compile: bool) -> dict[str, Any]:
    """Both chemistries in turn: in a flame where flames are asked for, else over steps of reactors.

    Raises CombustError.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained"
        model.save(path)
        model = Model.load(path)  # as a case reads it
        if settings.sample.trajectories.flame and model.hold == "hp":
            at = conditions.flames(model.card, settings.range.T_fresh, conditions.QUICK)[0]
            profile = flames.profile_of(gas, settings, at)
            dt = flames.time_step(profile, settings.range.dt)
            found = steps.of_flame(gas, settings, at, profile, path, dt, compile, CELLS, PAIRS, adjust=trusting)
            if found["failure"]:
                raise DivergenceError(found["failure"])
            return found
    chem, dt = trusting(Learned(model, gas, compile=compile)), conditions.step_of(model.card)
    some = np.resize(np.arange(len(states)), CELLS)
    T, p, Y = (torch.as_tensor(np.ascontiguousarray(x)) for x in (states.T[some], states.p[some], states.Y[some].T))
    exact = steps.in_turn(
        lambda: gas.integrate(T, p, Y, dt, model.hold, 1e-4, 1e-9, compile=compile) and None,
        lambda: chem.advance(T, p, Y, dt) and None,
        CELLS,
        PAIRS,
    )
    return exact | {"compiled": compile and kernels.mode() == "compiled"}


def trusting(chem: Any) -> Any:
    """A learned chemistry whose network is trusted everywhere; which cells are slow stays as it was."""
    chem.parts = replace(chem.parts, trust=chem.parts.trust._replace(stated=torch.tensor(STATED, dtype=torch.float64)))
    return chem


def expect(gas: Mechanism, settings: Surrogate) -> str:
    """The forecast in words, with kernels as the sampling has them."""
    return forecast(gas, settings, compiles(settings)).words()


def compiles(settings: Surrogate) -> bool:
    """Whether kernels are compiled for a sampling of this size anyway."""
    return settings.sample.rows >= labels.COMPILE_FROM
