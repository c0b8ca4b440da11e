"""Cost of the burning branch of a stirred reactor, to its extinction, beside a loop over Cantera's reactor.

    python benchmarks/stirred.py                                   # methane with GRI-3.0, n-dodecane (Reitz)
    python benchmarks/stirred.py --mechs h2o2.yaml --rounds 9

Inflow of phi 1 with air at 300 K, 1 atm. Ours is the continuation from equilibrium to the turning point (`extinction`);
the loop shortens the residence time of Cantera's reactor by --shorter from 1 s on, each to its steady state, until the
reactor is out, and knows the extinction time to that step. One thread, CPU time, in turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import cantera as ct
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from states import AIR, FUELS, PHASES
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.psr import extinction

T_IN, P = 300.0, ct.one_atm
OUT = T_IN + 200.0  # K: below, nothing burns
FIRST, LAST = 1.0, 1e-7  # s: residence times of the loop
SMOKE = "--mechs h2o2.yaml --shorter 0.5 --rounds 2"


class Last(NamedTuple):
    """The last burning state of the loop, and how many it found."""

    tau: float  # s
    T: float  # K
    states: int


def by_cantera(gas: Mechanism, Y: Tensor, shorter: float) -> Last:
    """Steady states at residence times that fall by `shorter`, each from the one before."""
    solution = gas.cantera(transport=False)
    solution.TPY = T_IN, P, Y.numpy()
    upstream, downstream = ct.Reservoir(solution, clone=True), ct.Reservoir(solution, clone=True)
    solution.equilibrate("HP")
    reactor = ct.IdealGasReactor(solution, clone=False, volume=1.0)
    tau, found = FIRST, Last(0.0, 0.0, 0)
    inlet = ct.MassFlowController(upstream, reactor, mdot=lambda _: reactor.mass / tau)
    _outlet = ct.PressureController(reactor, downstream, primary=inlet, K=0.01)  # named: nothing else keeps it
    network = ct.ReactorNet([reactor])
    while tau > LAST:
        network.initial_time = 0.0
        network.advance_to_steady_state()
        if reactor.T < OUT:
            break
        found = Last(tau, reactor.T, found.states + 1)
        tau *= 1.0 - shorter
    return found


def branch(sheet: Sheet, mech: str, shorter: float, rounds: int) -> None:
    """What both find, and what they take."""
    gas = Mechanism.load(mech, PHASES.get(mech))
    Y, stem = gas.mixture(FUELS[mech], AIR, 1.0), Path(mech).stem
    ours, last = extinction(gas, T_IN, P, Y), by_cantera(gas, Y, shorter)
    sheet.say(f"  {stem}: out at {ours.tau:.4g} s, {ours.T:.0f} K, after {len(ours.curve_tau)} states; Cantera's burns "
              f"at {last.tau:.4g} s, {last.T:.0f} K, the last of {last.states} states")  # fmt: skip
    seconds = in_turn(
        {"combust": lambda: extinction(gas, T_IN, P, Y), "Cantera": lambda: by_cantera(gas, Y, shorter)}, rounds
    )
    sheet.ratio(f"{stem}, to extinction: Cantera / combust", seconds["Cantera"], seconds["combust"], "s")


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--mechs", default="gri30.yaml,nDodecane_Reitz.yaml")
    made.add_argument("--shorter", type=float, default=0.1)
    made.add_argument("--rounds", type=int, default=5)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Of each mechanism."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    sheet = Sheet("stirred")
    for mech in options.mechs.split(","):
        branch(sheet, mech, options.shorter, options.rounds)
    return done(sheet, options)


if __name__ == "__main__":
    main()
