"""Cost and error of direct chemistry beside Cantera's CVODE, on the same flame states in the same run.

    python benchmarks/integrator.py                       # hydrogen, dt 1 us
    python benchmarks/integrator.py --mech gri30.yaml --fuel CH4 --phi 0.7,0.85,1 --cells 1500
    python benchmarks/integrator.py --methods ros3,rodas3,rodas4 --rtol 1e-3,1e-4,1e-5

States are spread over free flames; the sources are those of the same flame moving over the grid. One thread, CPU
time of this thread, best of several calls. CVODE is Cantera's constant-volume reactor, one cell after the other, with
new states but one network; it has no transport source, so the line "split" gives ours without one as well. Errors are
the largest and the root mean square over a sample of cells, relative to T and in mass fractions, against CVODE at
1e-12.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.kinetics import integrate as ode
from combust.kinetics import thermo
from combust.kinetics.base import Chemistry, Result
from combust.kinetics.cvode import Cvode
from combust.kinetics.direct import Direct
from combust.kinetics.flame1d import free_flame
from combust.kinetics.mechanism import Mechanism

SAMPLE = 60  # cells with a 1e-12 reference
REPEATS = 10


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


def best(call: Callable[[], object]) -> float:
    """Seconds of the fastest call."""
    call()
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return min(times)


def advance(chemistry: Chemistry, x: States, dt: float) -> Result:
    return chemistry.advance(chemistry.begin(x.T, x.rhoY, dt, x.Q, x.Qh), x.Q, x.Qh)


def errors(result: Result, exact: Result) -> str:
    rho = exact.rhoY.sum(0)
    T = ((result.T - exact.T) / exact.T).abs()
    Y = ((result.rhoY - exact.rhoY) / rho).abs().amax(0)
    rms = [float(x.square().mean().sqrt()) for x in (T, Y)]
    return f"T {float(T.max()):.1e} ({rms[0]:.1e})  Y {float(Y.max()):.1e} ({rms[1]:.1e})"


def cvode_times(gas: Mechanism, x: States, dt: float, rtol: float, atol: float) -> float:
    """us per cell of Cantera's reactor network."""
    solution = gas.cantera()
    rows = [(float(T), float(c.sum()), c / c.sum()) for T, c in zip(x.T, x.rhoY.T.numpy(), strict=True)]
    solution.TDY = rows[0]
    reactor = ct.IdealGasReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = rtol, atol

    def run() -> None:
        for row in rows:
            solution.TDY = row
            reactor.syncState()
            network.initial_time = 0.0
            network.advance(dt)

    return best(run) / len(rows) * 1e6


def direct_times(direct: Direct, x: States, dt: float) -> tuple[float, float, float, float]:
    """us per cell of begin, first and second advance (sources 1 % different); share of cells that are active."""
    fresh: list[float] = []

    def begin() -> object:
        # a new provider: the old one keeps the rates of the last state
        new = Direct(direct.gas, direct.tolerance.rtol, direct.tolerance.atol, direct.method.name, direct.block)
        return new.begin(x.T, x.rhoY, dt, x.Q, x.Qh)

    def first() -> None:
        step = direct.begin(x.T, x.rhoY, dt, x.Q, x.Qh)
        for scale in (0.99, 1.0):
            start = time.thread_time()
            direct.advance(step, scale * x.Q, scale * x.Qh)
            fresh.append(time.thread_time() - start)

    begin_time = best(begin)
    best(first)
    step = direct.begin(x.T, x.rhoY, dt, x.Q, x.Qh)
    us = 1e6 / x.T.numel()
    return begin_time * us, min(fresh[::2]) * us, min(fresh[1::2]) * us, 1.0 - step.slow.numel() / x.T.numel()


def pieces(direct: Direct, x: States, dt: float) -> dict[str, float]:
    """us per cell of the kernels on one block of active cells."""
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
    return {name: best(call) / cells.numel() * 1e6 for name, call in calls.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mech", default="h2o2.yaml")
    parser.add_argument("--fuel", default="H2")
    parser.add_argument("--phi", default="0.5,0.75,1.0")
    parser.add_argument("--cells", type=int, default=12000)
    parser.add_argument("--dt", type=float, default=1e-6)
    parser.add_argument("--methods", default="ros3")
    parser.add_argument("--rtol", default="1e-4")
    parser.add_argument("--atol", type=float, default=1e-8)
    parser.add_argument("--block", type=int)
    parser.add_argument("--no-cvode", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    gas = Mechanism.load(options.mech)
    x = flame_states(gas, options.fuel, [float(p) for p in options.phi.split(",")], options.cells)
    some = x.pick(max(1, options.cells // SAMPLE))
    exact = Cvode(gas, 1e-12, 1e-20)
    references = {"flame": advance(exact, some, options.dt), "split": advance(exact, some.split(), options.dt)}
    tolerances = [float(r) for r in options.rtol.split(",")]
    print(f"{options.mech}, {x.T.numel()} cells, dt {options.dt:g} s, kernels {kernels.mode()}")
    slow = {}
    for rtol in [] if options.no_cvode else tolerances:
        few = some.split()
        slow[rtol] = cvode_times(gas, few, options.dt, rtol, options.atol)
        print(f"CVODE  rtol {rtol:g}: {slow[rtol]:.1f} us/cell   errors "
              f"{errors(advance(Cvode(gas, rtol, options.atol), few, options.dt), references['split'])}")  # fmt: skip
    for method in options.methods.split(","):
        for rtol in tolerances:
            direct = Direct(gas, rtol, options.atol, method=method, block=options.block)
            for name, states, sample in (("flame", x, some), ("split", x.split(), some.split())):
                begin, first, second, active = direct_times(direct, states, options.dt)
                print(f"{method:7s} rtol {rtol:g} {name}: begin {begin:.2f} + advance {first:.2f} + again {second:.2f} "
                      f"= {begin + first + second:.2f} us/cell, {active:.0%} active: "
                      f"{(begin + first + second) / active:.2f} us per active cell   errors "
                      f"{errors(advance(direct, sample, options.dt), references[name])}"
                      + (f"   CVODE / (begin + advance) {slow[rtol] / (begin + first):.1f}" if slow else ""),
                      flush=True)  # fmt: skip
                print("        ", advance(direct, states, options.dt).stats)
        print("         us per cell of a block:", {k: round(v, 2) for k, v in pieces(direct, x, options.dt).items()})


if __name__ == "__main__":
    main()
