"""The C++ integrator: the order of its methods by fixed steps, and errors in proportion to the tolerance."""

import math
from pathlib import Path

import cantera as ct
import numpy as np
import pytest
import torch

from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import progress
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.native import library
from combust.kinetics.integrate.native.integrator import Rules, compiled_for
from combust.kinetics.integrate.reactor import ReactorIntegrator
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.mechanism.mechanism import Mechanism

ROOT = Path(__file__).resolve().parents[2]
FLAMES = ROOT / "tests/cases/flames"
METHANE = str(ROOT / "combust/reduction/library/methane_cfd.yaml")
USED = ("rodas3", "rodas4", "rodas5p")
ANY = 1e6  # a tolerance that every step is within
FIXED = Rules(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1e-35, progress.SLACK, 10**6)  # steps stay as long as the first

pytestmark = pytest.mark.skipif(library.library() is None, reason="no C++ compiler")


def ignition(gas, T0, X, count):
    """T, Y of an ignition at constant pressure, at CVODE's steps."""
    solution = gas.cantera(transport=False)
    solution.TPX = T0, ct.one_atm, X
    reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    rows = []
    while reactor.T < 2400.0:
        network.step()
        rows.append(np.append(reactor.T, solution.Y))
    z = torch.tensor(np.array(rows)[np.linspace(5, len(rows) - 1, count).astype(int)].T.copy())
    return z[0], z[1:]


def flame(gas, name, count):
    """T, Y of a free flame, evenly in T."""
    found = np.load(FLAMES / f"{name}.npz")
    assert tuple(found["species"]) == gas.species
    T = found["T"]
    some = np.unique(np.abs(np.linspace(T[0] + 50.0, T[-1] - 5.0, count)[:, None] - T).argmin(1))
    Y = found["Y"][:, some].clip(0.0)
    return torch.tensor(T[some]), torch.tensor(Y / Y.sum(0))


@pytest.fixture(scope="module")
def hydrogen():
    gas = Mechanism.load("h2o2.yaml")
    T, Y = ignition(gas, 1100.0, "H2:2, O2:1, N2:3.76", 60)
    some = (T > 1300.0) & (T < 2100.0)
    return gas, T[some], Y[:, some].contiguous()


@pytest.mark.parametrize("hold", ["flow", "hp", "uv"])
@pytest.mark.parametrize("name", USED)
def test_fixed_steps_have_the_order_of_the_method(hydrogen, name, hold):
    """Through a hydrogen ignition, whose fastest chemical time is 1e-8 s, from states of 1300 to 2100 K."""
    gas, T, Y = hydrogen
    rho, dt = gas.density(T, ct.one_atm, Y), 4e-6
    z = torch.cat([T.unsqueeze(0), rho * Y if hold == "flow" else Y])
    held = {"flow": None, "hp": torch.full_like(T, ct.one_atm), "uv": rho}[hold]
    native = compiled_for(gas.kinetics)

    def end(method, steps):
        job = z, torch.zeros_like(z), torch.full_like(T, dt), torch.full_like(T, dt / steps)
        path = native.integrate(hold, METHODS[method], ANY, ANY, FIXED, *job, held)
        assert bool((path.tries == steps).all()) and not bool(path.rejected.any())
        return path.z

    def error(steps):
        off = (end(name, steps) - exact).abs()
        worst = torch.maximum(off[0] / exact[0], off[1:].amax(0) / exact[1:].sum(0))
        return float(worst.square().mean().sqrt())

    exact = end("rodas5p", 4096)
    order = math.log2(error(8) / error(128)) / 4
    assert order > METHODS[name].order - 0.2, order
    theirs = CellIntegrator(gas, 1e-12, 1e-20, hold)(
        0, z[:, 0], torch.zeros_like(z[:, 0]), dt, None if held is None else float(held[0])
    )
    assert float(((theirs - exact[:, 0]).abs() / exact[:, 0].abs().clamp_min(1e-6 * float(rho[0]))).max()) < 1e-8


CASES = {
    "flame of hydrogen": ("h2o2.yaml", lambda gas: flame(gas, "H2_1", 12), 2e-5),
    "ignition of hydrogen": ("h2o2.yaml", lambda gas: ignition(gas, 1100.0, "H2:2, O2:1, N2:3.76", 12), 1e-5),
    "flame of methane": (METHANE, lambda gas: flame(gas, "CH4_0.9", 12), 5e-5),
    "ignition of methane": (METHANE, lambda gas: ignition(gas, 1500.0, "CH4:1, O2:2, N2:7.52", 12), 3e-5),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_are_in_proportion_to_the_tolerance(case):
    """At every rtol from 1e-3 to 1e-8 the error of many steps is between 0.003 and one tolerance, root mean square of
    all cells, no cell's more than three; it falls by the power 1 of rtol within 0.3.
    """
    path, states, dt = CASES[case]
    gas = Mechanism.load(path)
    T, Y = states(gas)
    p = torch.full_like(T, ct.one_atm)

    def end(method, rtol):
        own = ReactorIntegrator(gas, "hp", rtol, 1e-4 * rtol, method)
        batch = own.batch(T, p, Y, torch.full_like(T, dt))
        job = own.system, own.method, own.tolerance, batch.z, batch.s, batch.dt
        found = ode.integrate_cells(*job, own.first_steps(batch, own.rates(batch)), own.block, batch.fixed)
        assert not found.failed.numel()
        return found.z

    exact = end("rodas5p", 1e-10)
    for method in USED:
        logarithms, rtols = [], [10.0**-k for k in range(3, 8 if method == "rodas3" else 9)]
        for rtol in rtols:
            found = ode.Tolerance(rtol, 1e-4 * rtol).error(exact, end(method, rtol) - exact)
            rms = float(found.square().mean().sqrt())
            assert 3e-3 < rms < 1.0 and float(found.max()) < 3.0, (method, rtol, rms)
            logarithms.append(math.log10(rms * rtol))
        slope = float(np.polyfit(np.log10(rtols), logarithms, 1)[0])
        assert abs(slope - 1.0) < 0.3, (method, slope)
