"""What derivatives of reactors cost: the adjoint beside the plain integration, and beside differences of Cantera's.

    python benchmarks/gradients.py                          # hydrogen, methane; both parts
    python benchmarks/gradients.py --reactors h2o2 --delays ''

Reactors: stoichiometric ignitions over 1.3 delays at rtol 1e-6 by `gas.integrate`, plain, with gradients=True, and then
backwards to all rates. Delays: d tau / d ln A of two methane ignitions by all rates, as a re-fit needs them: by
differences of 5 % in each A with Cantera's reactors, and by the adjoint (`differentiable_delays`). Both at rtol 1e-6,
atol 1e-12. One thread, CPU time, in turn.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import NamedTuple

import cantera as ct
import numpy as np
import torch
from ignition import steepest
from pairs import Sheet, done, in_turn, parsed, parser
from states import AIR
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delay_gradients import differentiable_delays
from combust.kinetics.reactors.ignition import ignition_delays

RTOL, ATOL, T_END = 1e-6, 1e-12, 0.5
CHANGE = 0.05  # of ln A, for differences
SMOKE = "--reactors h2o2 --cells 2 --delays h2o2 --rounds 2"


class Case(NamedTuple):
    """What burns, and how many reactors."""

    path: str
    fuel: str
    cells: int


CASES = {
    "h2o2": Case("h2o2.yaml", "H2:1", 64),
    "methane_cfd": Case("methane_cfd.yaml", "CH4:1", 8),
    "gri30": Case("gri30.yaml", "CH4:1", 8),
}


def reactors(sheet: Sheet, name: str, case: Case, rounds: int) -> None:
    """Plain, forward, and backward."""
    gas = Mechanism.load(case.path)
    T, p = torch.linspace(1300.0, 1700.0, case.cells, dtype=torch.float64), 2e5
    Y = gas.mixture(case.fuel, AIR, 1.0).unsqueeze(1).expand(-1, case.cells).contiguous()
    dt = 1.3 * ignition_delays(gas, T, p, Y, T_END)
    A = gas.parameters.A.clone().requires_grad_()

    def forward() -> Tensor:
        learning = gas.with_parameters(A=A)  # what leads from A to the rates serves one way back
        return learning.integrate(T, p, Y, dt, hold="uv", rtol=RTOL, atol=ATOL, gradients=True).T

    calls: dict[str, Callable[[], object]] = {
        "plain": lambda: gas.integrate(T, p, Y, dt, hold="uv", rtol=RTOL, atol=ATOL),
        "forward": forward,
        "both": lambda: torch.autograd.grad(forward().sum(), A),
    }
    seconds = {what: 1e3 * s / case.cells for what, s in in_turn(calls, rounds).items()}
    backward = seconds["both"] - seconds["forward"]
    sheet.ratio(f"{name}, {case.cells} ignitions: forward / plain", seconds["forward"], seconds["plain"], "ms/reactor")
    sheet.ratio(f"{name}, {case.cells} ignitions: backward / plain", backward, seconds["plain"], "ms/reactor")


def by_differences(gas: Mechanism, fuel: str, conditions: list[tuple[float, float]]) -> np.ndarray:
    """d ln tau / d ln A (conditions, reactions) with Cantera's reactors."""
    solution = gas.cantera(transport=False)

    def ln_delay(T: float, p: float) -> float:
        solution.TP = T, p
        solution.set_equivalence_ratio(1.0, fuel, AIR)
        reactor = ct.IdealGasReactor(solution, clone=False)
        net = ct.ReactorNet([reactor])
        net.rtol, net.atol = RTOL, ATOL
        times, temperatures = [0.0], [T]
        while net.time < T_END and reactor.T < T + 1000.0:
            net.step()
            times.append(net.time)
            temperatures.append(reactor.T)
        return math.log(steepest(np.array(times), np.array(temperatures)))

    found = []
    for at in conditions:
        middle, row = ln_delay(*at), []
        for i in range(solution.n_reactions):
            solution.set_multiplier(math.exp(CHANGE), i)
            row.append((ln_delay(*at) - middle) / CHANGE)
            solution.set_multiplier(1.0, i)
        found.append(row)
    return np.array(found)


def by_adjoint(gas: Mechanism, fuel: str, conditions: list[tuple[float, float]]) -> np.ndarray:
    """The same by `differentiable_delays`, of both limits of a falloff reaction at once."""
    old, ln_factor = gas.parameters, torch.zeros_like(gas.parameters.A, requires_grad=True)
    T, p = (torch.tensor(x, dtype=torch.float64) for x in zip(*conditions, strict=True))
    Y = gas.mixture(fuel, AIR, 1.0).unsqueeze(1).expand(-1, len(T)).contiguous()
    found = []
    for i in range(len(T)):
        factor, some = ln_factor.exp(), slice(i, i + 1)
        learning = gas.with_parameters(A=old.A * factor, A_low=old.A_low * factor)
        delay = differentiable_delays(learning, T[some], p[some], Y[:, some], T_END, rtol=RTOL, atol=ATOL)
        (slope,) = torch.autograd.grad(delay.log().sum(), ln_factor)
        found.append(slope.numpy())
    return np.array(found)


def delays(sheet: Sheet, name: str, case: Case, rounds: int) -> None:
    """Both ways to the derivatives of two delays, and how they agree."""
    gas, at = Mechanism.load(case.path), [(1400.0, 1e5), (1600.0, 10e5)]
    ways = {"differences": by_differences, "adjoint": by_adjoint}
    found = {way: f(gas, case.fuel, at) for way, f in ways.items()}
    off = np.linalg.norm(found["differences"] - found["adjoint"]) / np.linalg.norm(found["adjoint"])
    sheet.say(f"  {name}: differences lie {off:.1%} from the adjoint, in norm")
    calls = {way: lambda f=f: f(gas, case.fuel, at) for way, f in ways.items()}
    seconds = in_turn(calls, rounds)
    label = f"{name}, two delays by {found['adjoint'].shape[1]} rates: differences / adjoint"
    sheet.ratio(label, seconds["differences"], seconds["adjoint"], "s")


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--reactors", default="h2o2,gri30")
    made.add_argument("--cells", type=int, help="reactors, in the place of 64 and 8")
    made.add_argument("--delays", default="methane_cfd,gri30")
    made.add_argument("--rounds", type=int, default=5)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Both parts."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    sheet = Sheet("gradients")
    for name in filter(None, options.reactors.split(",")):
        case = CASES[name]
        reactors(sheet, name, case._replace(cells=options.cells or case.cells), options.rounds)
    for name in filter(None, options.delays.split(",")):
        delays(sheet, name, CASES[name], options.rounds)
    return done(sheet, options)


if __name__ == "__main__":
    main()
