"""Cost and error of ignition delays beside a loop over Cantera's reactors; one reactor alone as well.

    python benchmarks/ignition.py                                               # 1000 delays of methane, GRI-3.0
    python benchmarks/ignition.py --mech nDodecane_Reitz.yaml --delays 200
    python benchmarks/ignition.py --mech example_data/n-hexane-NUIG-2015.yaml --delays 20 --rounds 3 --adaptive
    python benchmarks/ignition.py --mech example_data/n-hexane-NUIG-2015.yaml --skeleton 436 --delays 20 --adaptive

Constant volume, 1250 to 1800 K, 1 to 20 bar, phi 0.6 to 1.6, drawn at random; a delay is that of the steepest rise of
T. Each of Cantera's reactors steps until T has risen by --rise; its steepest slope is that of a parabola through three
differences. --adaptive: with its sparse preconditioner too. --skeleton: only the species that DRGEP ranks first. One
thread, CPU time, in turn; errors against our own delays at rtol 1e-8, atol 1e-14, which the tests hold to CVODE. Then
one delay and one step of 1 us of one reactor; with --delays 0 that alone.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cantera as ct
import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from skeleton import skeleton
from states import AIR, FUELS, PHASES
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays

T_END = 0.5  # s, unless a reactor is over before
STEP = 1e-6  # s, of the single reactor
SMOKE = "--mech h2o2.yaml --skeleton 9 --delays 8 --rounds 2"
States = tuple[Tensor, Tensor, Tensor]


def conditions(
    gas: Mechanism, fuel: str, count: int, seed: int = 0, coldest: float = 1250.0, highest: float = 20e5
) -> States:
    """T (count,), p (count,), Y (species, count); from `coldest` [K] on, up to a pressure of `highest` [Pa]."""
    draw = np.random.default_rng(seed)
    T, phi = draw.uniform(coldest, 1800.0, count), draw.uniform(0.6, 1.6, count)
    p = np.exp(draw.uniform(np.log(1e5), np.log(highest), count))
    Y = torch.stack([gas.mixture(fuel, AIR, float(each)) for each in phi], 1)
    return torch.tensor(T), torch.tensor(p), Y


def by_cantera(gas: Mechanism, states: States, rise: float, adaptive: bool, rtol: float, atol: float) -> np.ndarray:
    """Delays [s] of one reactor after the other."""
    solution, found = gas.cantera(transport=False), []
    for T, p, Y in zip(*(x.numpy() for x in (states[0], states[1], states[2].T)), strict=True):
        solution.TPY = T, p, Y
        reactor = (ct.IdealGasMoleReactor if adaptive else ct.IdealGasReactor)(solution, clone=False)
        network = ct.ReactorNet([reactor])
        network.rtol, network.atol = rtol, atol
        if adaptive:
            network.preconditioner = ct.AdaptivePreconditioner()
        times, temperatures = [0.0], [T]
        while network.time < T_END and reactor.T < T + rise:
            network.step()
            times.append(network.time)
            temperatures.append(reactor.T)
        found.append(steepest(np.array(times), np.array(temperatures)))
    return np.array(found)


def steepest(t: np.ndarray, T: np.ndarray) -> float:
    """Time of the steepest rise."""
    slope, middle = np.diff(T) / np.diff(t), 0.5 * (t[1:] + t[:-1])
    at = min(max(int(slope.argmax()), 1), len(slope) - 2)
    near = slice(at - 1, at + 2)
    a, b, _ = np.polyfit(middle[near] - middle[at], slope[near], 2)
    return float(middle[at] - b / (2 * a))


def one_step_by_cantera(gas: Mechanism, T: float, p: float, Y: np.ndarray) -> Callable[[], None]:
    """A reactor of constant pressure over STEP, made anew as from Python."""
    solution = gas.cantera(transport=False)

    def run() -> None:
        solution.TPY = T, p, Y
        network = ct.ReactorNet([ct.IdealGasConstPressureReactor(solution, clone=False)])
        network.rtol, network.atol = 1e-6, 1e-10
        network.advance(STEP)

    return run


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--mech", default="gri30.yaml", choices=FUELS)
    made.add_argument("--delays", type=int, default=1000)
    made.add_argument("--rtol", type=float, default=1e-6)
    made.add_argument("--atol", type=float, default=1e-10)
    made.add_argument("--rise", type=float, default=1000.0)
    made.add_argument("--adaptive", action="store_true")
    made.add_argument("--skeleton", type=int)
    made.add_argument("--rounds", type=int, default=5)
    return made


def error(found: np.ndarray, exact: np.ndarray) -> str:
    """Median and largest relative error."""
    off = np.abs(found / exact - 1.0)
    return f"median error {np.median(off):.1e}, largest {off.max():.1e}"


def ours(gas: Mechanism, states: States, options: argparse.Namespace) -> Callable[[], np.ndarray]:
    """Delays of all states at once."""
    return lambda: ignition_delays(gas, *states, T_END, rtol=options.rtol, atol=options.atol).numpy()


def theirs(
    gas: Mechanism, states: States, options: argparse.Namespace, adaptive: bool = False
) -> Callable[[], np.ndarray]:
    """Those of one state after the other."""
    return lambda: by_cantera(gas, states, options.rise, adaptive, options.rtol, options.atol)


def many(sheet: Sheet, stem: str, gas: Mechanism, states: States, options: argparse.Namespace) -> None:
    """Errors and costs of all delays."""
    exact = ignition_delays(gas, *states, T_END, rtol=1e-8, atol=1e-14).numpy()
    calls = {"combust": ours(gas, states, options), "Cantera": theirs(gas, states, options)}
    if options.adaptive:
        calls["Cantera, adaptive"] = theirs(gas, states, options, True)
    for name, call in calls.items():
        sheet.say(f"  {name}: {error(call(), exact)}")
    scale = 1e3 / options.delays
    seconds = in_turn(calls, options.rounds)
    for name in list(calls)[1:]:
        sheet.ratio(f"{stem}, {options.delays} delays: {name} / combust", scale * seconds[name],
                    scale * seconds["combust"], "ms/delay", 1.5 if len(gas.species) > 400 else 3.0)  # fmt: skip


def alone(sheet: Sheet, stem: str, gas: Mechanism, states: States, options: argparse.Namespace) -> None:
    """Costs of one delay, and of one step of a reactor, of the first state."""
    first = states[0][:1], states[1][:1], states[2][:, :1]
    T, p, Y = float(first[0]), float(first[1]), first[2][:, 0]
    delay = {"combust": ours(gas, first, options), "Cantera": theirs(gas, first, options)}
    step = {
        "combust": lambda: gas.integrate(torch.tensor(T, dtype=torch.float64), p, Y, STEP),
        "Cantera": one_step_by_cantera(gas, T, p, Y.numpy()),
    }
    for what, pair in (("one delay", delay), ("one step", step)):
        seconds = in_turn(pair, options.rounds)
        sheet.ratio(f"{stem}, {what}: Cantera / combust", 1e3 * seconds["Cantera"], 1e3 * seconds["combust"], "ms", 1.0)


def main(argv: list[str] | None = None) -> Sheet:
    """Many delays, then one reactor."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    sheet, gas = Sheet("ignition"), Mechanism.load(options.mech, PHASES.get(options.mech))
    fuel, stem = FUELS[options.mech], Path(options.mech).stem
    folder = tempfile.TemporaryDirectory()  # gone at the end
    if options.skeleton:
        gas = skeleton(gas, fuel, options.skeleton, Path(folder.name))
        stem = f"{options.skeleton} species of {stem}"
    states = conditions(gas, fuel, max(options.delays, 1))
    if options.delays:
        many(sheet, stem, gas, states, options)
    alone(sheet, stem, gas, states, options)
    return done(sheet, options)


if __name__ == "__main__":
    main()
