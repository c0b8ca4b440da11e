"""Cost and error of direct chemistry beside Cantera's CVODE, on the same flame states in the same run.

    python benchmarks/integrator.py                       # hydrogen, dt 1 us
    python benchmarks/integrator.py --mech gri30.yaml --fuel CH4 --phi 0.7,0.85,1 --cells 1500
    python benchmarks/integrator.py --methods ros3,rodas3,rodas4 --rtol 1e-3,1e-4,1e-5

States are spread over free flames; the sources are those of the same flame moving over the grid. One thread, CPU
time of this thread, all in turn, medians. CVODE is Cantera's constant-volume reactor, one cell after the other, with
new states but one network; it has no transport source, so the line "split" gives ours without one as well. Errors are
the largest and the root mean square over a sample of cells, relative to T and in mass fractions, against CVODE at
1e-12.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from states import restarted
from torch import Tensor

from combust import kernels
from combust.kinetics.flames.free import free_flame
from combust.kinetics.integrate import cells as ode
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Chemistry, Result
from combust.kinetics.providers.cvode import Cvode
from combust.kinetics.providers.direct import Direct
from combust.kinetics.rates import thermo

SAMPLE = 60  # cells with a 1e-12 reference
SMOKE = "--cells 60 --phi 1.0 --rounds 2"


class States(NamedTuple):
    """Cells and the transport rates that carry the flame along."""

    T: Tensor
    rhoY: Tensor
    Q: Tensor
    Qh: Tensor

    def pick(self, every: int) -> States:
        """Every n-th cell."""
        return States(*(x[..., ::every].contiguous() for x in self))

    def split(self) -> States:
        """The same without transport."""
        return States(self.T, self.rhoY, torch.zeros_like(self.Q), torch.zeros_like(self.Qh))


def flame_states(gas: Mechanism, fuel: str, phis: list[float], cells: int) -> States:
    """Cells over free flames at several equivalence ratios, 3 thicknesses ahead to 7 behind."""
    parts = []
    for phi in phis:
        flame = free_flame(gas, 300.0, 101325.0, f"{fuel}:1", "O2:0.21, N2:0.79", phi)
        middle = flame.x[np.gradient(flame.T, flame.x).argmax()]
        x = middle + np.linspace(-3.0, 7.0, cells // len(phis)) * flame.thermal_thickness
        T = torch.tensor(np.interp(x, flame.x, flame.T))
        Y = torch.tensor(np.array([np.interp(x, flame.x, row) for row in flame.Y]))
        rhoY = gas.density(T, 101325.0, Y) * Y
        drift = torch.tensor(flame.speed * np.gradient(rhoY.numpy(), x, axis=1))
        heating = torch.tensor(flame.speed * np.gradient(T.numpy(), x))
        rho_cp = (rhoY * thermo.cp_mass(gas.thermo, T)).sum(0)
        Qh = rho_cp * heating + (thermo.h_mass(gas.thermo, T) * drift).sum(0)
        parts.append((T, rhoY, drift - Direct(gas).rates(T, rhoY), Qh))
    return States(*(torch.cat(x, -1) for x in zip(*parts, strict=True)))


def advance(chemistry: Chemistry, x: States, dt: float) -> Result:
    return chemistry.advance(chemistry.begin(x.T, x.rhoY, dt, x.Q, x.Qh), x.Q, x.Qh)


def errors(result: Result, exact: Result) -> str:
    rho = exact.rhoY.sum(0)
    T = ((result.T - exact.T) / exact.T).abs()
    Y = ((result.rhoY - exact.rhoY) / rho).abs().amax(0)
    rms = [float(x.square().mean().sqrt()) for x in (T, Y)]
    return f"T {float(T.max()):.1e} ({rms[0]:.1e})  Y {float(Y.max()):.1e} ({rms[1]:.1e})"


def cvode_call(gas: Mechanism, x: States, dt: float, rtol: float, atol: float) -> Callable[[], None]:
    """All cells by Cantera's reactor network."""
    solution = gas.cantera()
    rows = [(float(T), float(c.sum()), c / c.sum()) for T, c in zip(x.T, x.rhoY.T.numpy(), strict=True)]
    solution.TDY = rows[0]
    reactor = ct.IdealGasReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = rtol, atol

    def run() -> None:
        for row in rows:
            solution.TDY = row
            restarted(reactor, network, dt)

    return run


def direct_calls(direct: Direct, x: States, dt: float) -> dict[str, Callable[[], object]]:
    """A step's begin, with one advance, and with a second (sources 1 % different)."""

    def begun() -> Any:
        # a new provider: the old one keeps the rates of the last state
        new = Direct(direct.gas, direct.tolerance.rtol, direct.tolerance.atol, direct.method.name, direct.block)
        return new, new.begin(x.T, x.rhoY, dt, x.Q, x.Qh)

    def advanced(*scales: float) -> None:
        new, step = begun()
        for scale in scales:
            new.advance(step, scale * x.Q, scale * x.Qh)

    return {"begin": begun, "one": lambda: advanced(1.0), "two": lambda: advanced(0.99, 1.0)}


def pieces(direct: Direct, x: States, dt: float, rounds: int) -> dict[str, float]:
    """us per cell of torch's kernels, which keep their factors, on one block of active cells."""
    os.environ["COMBUST_NATIVE"] = "0"
    step = direct.begin(x.T, x.rhoY, dt, x.Q, x.Qh)
    cells, _, at = max(step.blocks, key=lambda b: b[1])
    system, z, s = direct.system, at.z, torch.cat([x.Qh[None], x.Q])[:, cells]
    shift = 1.0 / (direct.method.gamma * at.step)
    A = ode.linearise_kernel(*system, z, s, None, shift)[3]
    calls: dict[str, Callable[[], object]] = {
        "rates": lambda: ode.evaluate(system, z, s),
        "Jacobian": lambda: ode.linearise_kernel(*system, z, s, None, shift),
        "factors": lambda: ode.factor_kernel(at.form, A),
        "step": lambda: ode.rosenbrock_step(system, direct.method, direct.tolerance, at, s),
        "correction": lambda: ode.correction_step(direct.method, direct.tolerance, at, 0.01 * s),
    }
    found = in_turn(calls, rounds, least=0.01)
    del os.environ["COMBUST_NATIVE"]
    return {name: float(np.median(s)) / cells.numel() * 1e6 for name, s in found.items()}


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--mech", default="h2o2.yaml")
    made.add_argument("--fuel", default="H2")
    made.add_argument("--phi", default="0.5,0.75,1.0")
    made.add_argument("--cells", type=int, default=12000)
    made.add_argument("--dt", type=float, default=1e-6)
    made.add_argument("--methods", default="ros3")
    made.add_argument("--rtol", default="1e-4")
    made.add_argument("--atol", type=float, default=1e-8)
    made.add_argument("--block", type=int)
    made.add_argument("--rounds", type=int, default=9)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """All methods at all tolerances."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    sheet, gas = Sheet("integrator"), Mechanism.load(options.mech)
    x = flame_states(gas, options.fuel, [float(p) for p in options.phi.split(",")], options.cells)
    some = x.pick(max(1, options.cells // SAMPLE))
    exact = Cvode(gas, 1e-12, 1e-20)
    references = {"flame": advance(exact, some, options.dt), "split": advance(exact, some.split(), options.dt)}
    print(f"{options.mech}, {x.T.numel()} cells, dt {options.dt:g} s, kernels {kernels.mode()}")
    for rtol in (float(r) for r in options.rtol.split(",")):
        few = some.split()
        peer = cvode_call(gas, few, options.dt, rtol, options.atol)
        print(f"CVODE  rtol {rtol:g}: errors "
              f"{errors(advance(Cvode(gas, rtol, options.atol), few, options.dt), references['split'])}")  # fmt: skip
        for method in options.methods.split(","):
            direct = Direct(gas, rtol, options.atol, method=method, block=options.block)
            for name, states, sample in (("flame", x, some), ("split", x.split(), some.split())):
                calls = direct_calls(direct, states, options.dt) | {"CVODE": peer}
                cells = {"CVODE": few.T.numel()}
                cost = {n: 1e6 * s / cells.get(n, x.T.numel()) for n, s in in_turn(calls, options.rounds).items()}
                label = f"{options.mech}, {method}, rtol {rtol:g}, {name}"
                said = errors(advance(direct, sample, options.dt), references[name])
                slow = direct.begin(states.T, states.rhoY, options.dt, states.Q, states.Qh).slow
                active = 1.0 - slow.numel() / len(x.T)
                begin, one, two = (float(np.median(cost[n])) for n in ("begin", "one", "two"))
                print(f"{label}: begin {begin:.2f} + advance {one - begin:.2f} + again {two - one:.2f} = {two:.2f} "
                      f"us/cell, {active:.0%} active   errors {said}", flush=True)  # fmt: skip
                sheet.ratio(f"{label}: CVODE / (begin + advance)", cost["CVODE"], cost["one"], "us/cell")
                print("        ", advance(direct, states, options.dt).stats)
            told = pieces(direct, x, options.dt, options.rounds)
            print("         us per cell of a block:", {k: round(v, 2) for k, v in told.items()})
    return done(sheet, options)


if __name__ == "__main__":
    main()
