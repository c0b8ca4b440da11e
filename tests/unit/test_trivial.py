"""Problems with nothing to solve: uniform, still, symmetric gas and single cells, burning or not, by every solver.

Uniform gas follows Cantera's reactors: of constant volume to 1e-6, and of constant pressure to second order in dt, for
what leaves an open domain carries the enthalpy of mid-step.
"""

import numpy as np
import pytest
import torch

from combust.cfd.initial.fields import constant_velocity
from combust.errors import ConfigError
from validation import vessels
from validation.two_gases import OPEN as OUT
from validation.two_gases import PERIODIC as ROUND
from validation.two_gases import WALL as FIXED
from validation.two_gases import inert, steps
from validation.vessels import CLOSED, DT, OPEN, OPENED, PERIODIC, PROVIDERS, WALL, advance, asymmetry, errors, vessel

torch.set_num_threads(1)
[PETSC] = PROVIDERS["petsc"]


@pytest.mark.parametrize("solver", ["torch", "petsc"])
@pytest.mark.parametrize("dt", [1e-7, 1e-9])
def test_uniform_gas_steps_however_short_the_step(dt, solver):
    """The right-hand side of the pressure is all round-off: it asks for no velocity, and ends no run."""
    if solver == "petsc":
        pytest.importorskip("petsc4py")
    for cells in ((4, 4), (16, 16)):
        flow = vessel(cells, f"x={WALL}, y={WALL}", f"numerics.pressure.solver='{solver}'", start=1200.0)
        steps(flow, 4, dt)
        assert flow.quantity("speed_max") < 1e-14 and max(flow.scheme.iterations) <= 1
        assert flow.quantity("T_max") - flow.quantity("T_min") < 1e-9


SHORT = ("one cell", "one cell along", "2-D")


def some(shapes, everywhere):
    """Shapes by the first provider, one of them by all; the long ones are slow."""
    pairs = [(name, "direct") for name in shapes] + [(everywhere, p) for p in PROVIDERS if p != "direct"]
    quick = {(name, "direct") for name in SHORT}
    return [pytest.param(*pair, marks=() if pair in quick else pytest.mark.slow) for pair in pairs]


@pytest.mark.parametrize(("shape", "provider"), some(CLOSED, "2-D"))
def test_a_closed_domain_is_a_reactor_of_constant_volume(shape, provider):
    if provider == "petsc":
        pytest.importorskip("petsc4py")
    cells, sides = CLOSED[shape]
    flow = advance(vessel(cells, sides, *PROVIDERS[provider]))
    T_error, p_error = errors(flow)
    assert T_error < 1e-6 and p_error < 1e-6
    assert flow.quantity("T_max") > 2900.0 and flow.quantity("speed_max") < 1e-5
    # CVODE lets mass fractions drift within its tolerance; the batched methods keep mass to round-off.
    assert abs(flow.quantity("mass_error")) < (1e-8 if provider == "cvode" else 1e-13)


@pytest.mark.parametrize(("shape", "provider"), some(OPENED, "2-D"))
def test_an_open_domain_is_a_reactor_of_constant_pressure(shape, provider):
    if provider == "petsc":
        pytest.importorskip("petsc4py")
    cells, sides = OPENED[shape]
    flow = advance(vessel(cells, sides, *PROVIDERS[provider]))
    T_error, p_error = errors(flow)
    assert T_error < 6e-5 and p_error < 1e-12
    assert flow.quantity("T_max") - flow.quantity("T_min") < 1e-5


@pytest.mark.slow
def test_an_open_domain_converges_to_the_reactor():
    found = [errors(advance(vessel(*OPENED["one cell"]), dt=DT / n))[0] for n in (1, 2, 4)]
    assert found[2] < 3e-6 and found[0] > 2.5 * found[1] > 2.5**2 * found[2]


@pytest.mark.slow
def test_the_vessel_that_failed_burns():
    """uniform_vessel.toml as it stands, in half its time step: the step of the file is too long for its ignition."""
    flow = advance(vessel((4, 4), f"x={WALL}, y={WALL}", start=1200.0), 1.5e-4, 5e-7)
    T_error, p_error = errors(flow, 1.5e-4, 1200.0)
    assert T_error < 1e-6 and p_error < 1e-6


@pytest.mark.parametrize(("cells", "kind"), [
    ((1,), "none"), ((5,), "none"), ((4, 3), "direct"), ((3, 2, 4), "none")])  # fmt: skip
def test_still_gas_stays_as_it_is(cells, kind):
    """Air that does not react, open, closed and periodic."""
    names = "xyz"[: len(cells)]
    for side in (WALL, OPEN, PERIODIC):
        flow = vessel(cells, ", ".join(f"{n}={side}" for n in names), f"chemistry={{kind='{kind}'}}",
                      "initial={kind='uniform', composition='O2:0.21, N2:0.79', temperature=300}")  # fmt: skip
        T, density = flow.field("T"), flow.field("density")
        steps(steps(flow, 2, 1e-3), 2, 1e-9)
        assert flow.quantity("speed_max") < 1e-15 and flow.quantity("eos_drift") < 1e-12
        np.testing.assert_allclose(flow.field("T"), T, rtol=1e-14)
        np.testing.assert_allclose(flow.field("density"), density, rtol=1e-14)


@pytest.mark.parametrize("cells", [(1, 1), (2, 5), (6, 4)])
def test_moving_gas_moves_on(cells):
    """Through periodic sides of any number of cells, at one velocity."""
    upper = tuple(0.01 * n for n in cells)

    def drift(builder, fields):
        return fields[0], constant_velocity(builder.grid, (0.0, -2.0 if cells[1] > 1 else 0.0, 3.0))

    mesh = {"cells": cells, "lower": (0, 0), "upper": upper}
    flow = steps(inert(mesh, {"x": ROUND, "y": ROUND}, drift), 5, 1e-3)
    u, v, _ = flow.field("u")
    assert np.abs(u - 3.0).max() < 1e-13 and np.abs(v - (-2.0 if cells[1] > 1 else 0.0)).max() < 1e-13


def test_one_cell_between_an_inflow_and_an_outflow_is_a_stirred_vessel():
    """Its content follows exp(-t/tau) to second order in dt, whatever direction the one cell stands in."""
    stream = {"kind": "inflow", "velocity": 0.2, "composition": "LIGHT:1", "temperature": 300.0}
    found = []
    for cells, low, high, rest in (((1,), "x_low", "x_high", {}), ((4, 1), "y_low", "y_high", {"x": FIXED})):
        mesh = {"cells": cells, "lower": (0,) * len(cells), "upper": (0.01,) * len(cells)}
        flow = steps(inert(mesh, {low: stream, high: OUT, **rest}), 50, 1e-3)  # of tau = 50 ms
        found.append(float(flow.field("X_HEAVY").max()))
        assert abs(flow.quantity("mass_error")) < 1e-12
    assert found == pytest.approx([np.exp(-1.0)] * 2, rel=3e-3)


SOLVERS = {"torch": (("numerics.pressure.solver='torch'",), 1e-11, 1e-11), "auto": ((), 1e-11, 1e-7),
           "petsc": ((PETSC,), 1e-11, 1e-7), "cvode": (("chemistry.kind='cvode'",), 1e-4, 1e-3)}  # fmt: skip


@pytest.mark.parametrize(
    ("sides", "solver"),
    [
        (OPEN, "torch"),
        (PERIODIC, "torch"),
        (OPEN, "auto"),
        *(pytest.param(*rest, marks=pytest.mark.slow) for rest in ((WALL, "torch"), (OPEN, "petsc"), (OPEN, "cvode"))),
    ],
)
def test_symmetric_gas_stays_symmetric(sides, solver):
    """To round-off; with multigrid, whose colours a mirror trades, and PETSc p and u to the solver's tolerance, with
    CVODE all to the tolerance of its steps.
    """
    if solver == "petsc":
        pytest.importorskip("petsc4py")
    changes, scalars, flow_limit = SOLVERS[solver]
    flow = vessels.hot_spot((8, 8), f"x={sides}, y={sides}", *changes)
    steps(flow, 10, 2e-7)
    found = asymmetry(flow)
    assert found["T"] < scalars and found["p"] < flow_limit and found["u"] < flow_limit
    assert flow.quantity("speed_max") > 0.05


def test_a_mesh_without_cells_is_refused():
    with pytest.raises(ConfigError, match="mesh.cells"):
        vessel((0,), f"x={WALL}")
