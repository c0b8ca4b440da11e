"""Smagorinsky's closure: Couette flow, dissipation, restarts."""

import numpy as np
import pytest
import torch
from test_view import Even, with_problem

from combust.case.load import load
from combust.cfd.closures import settings
from combust.cfd.closures.smagorinsky import Smagorinsky
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run import build as case
from validation.two_gases import PERIODIC, WALL, inert, steps

CHANGES = ["mesh.cells=[24,24]", "device=cpu", "numerics.compile=off", "output.fields.names=['u','nu_t']"]
MODEL = "turbulence={kind='smagorinsky', constant=0.2}"


def test_couette_flow_has_the_eddy_viscosity_of_its_shear():
    """Between plates that slide, in a stretched grid: (C delta)^2 U/h, in the field that a case may write."""
    h, speed = 1e-3, 0.01
    flow = inert(
        {"x": {"lower": 0, "upper": 4e-4, "cells": 4}, "y": {"lower": 0, "upper": h, "cells": 10, "ratio": 1.1}},
        {"x": PERIODIC, "y_low": WALL, "y_high": {"kind": "wall", "velocity": (speed, 0.0, 0.0)}},
        lambda builder, fields: (fields[0], sheared(builder, speed / h)),
    )
    model = Smagorinsky(0.17, 0.7, 0.7)
    found = with_problem(flow, closure=model).field("nu_t")
    width = np.sqrt(1e-4 * np.diff(flow.grid.faces[1]))
    np.testing.assert_allclose(found[0, :, 1], (0.17 * width) ** 2 * speed / h, rtol=1e-6)


def sheared(builder, rate):
    """u = rate y on faces."""
    u = [None, None, None]
    _, y, x = builder.grid.face_points(2)
    u[2] = rate * y + 0 * x
    _, y, x = builder.grid.face_points(1)
    u[1] = 0 * y + 0 * x
    return tuple(u)


def vortices(*changes):
    return case.build(load("cases/taylor_green_2d.toml", [*CHANGES, *changes]), Communicator())


def test_vortices_lose_what_the_model_takes():
    """dK/dt = -int (mu + rho nu_t) 2 S:S dV, to the accuracy of its integral; without the model they lose far less."""
    laminar, model = vortices(), vortices(MODEL)
    count, dt = 10, 4e-5
    lost, expected = [], 0.0
    for flow in (laminar, model):
        start = flow.quantity("kinetic_energy")
        for i in range(count + 1):
            view = flow.diagnostics.view()
            g = view.gradients
            strain = 0.5 * (g + g.transpose(0, 1))
            nu_t = torch.as_tensor(flow.field("nu_t")) if flow is model else 0.0
            mu = flow.scheme.inner(flow.current.coefficients.viscosity) + view.rho * nu_t
            rate = float((2 * mu * (strain**2).sum((0, 1)) * flow.grid.volume).sum())
            expected += (flow is model) * rate * dt * (0.5 if i in (0, count) else 1.0)
            if i < count:
                flow.advance(dt)
        lost.append(start - flow.quantity("kinetic_energy"))
    assert lost[1] > 3 * lost[0] > 0
    assert lost[1] == pytest.approx(expected, rel=0.02)


def test_without_eddies_the_flow_is_laminar_to_the_last_bit():
    """At rest, and in motion with a constant of zero."""
    rest = ["boundary={x={kind='wall'}, y={kind='wall'}}", "mesh.cells=[10,8]", "mesh.upper=[1.12e-3,0.96e-3]"]
    box = [*rest, "chemistry={kind='none'}", "output={fields={names=['T']}, series={quantities=['T_max']}}",
           "initial={kind='uniform', temperature=300.0, composition='O2:1'}"]  # fmt: skip
    still = [case.build(load("cases/kernel.toml", [*box, *more]), Communicator()) for more in ([], [MODEL])]
    moving = [vortices(), with_problem(vortices(), closure=Smagorinsky(0.0, 0.7, 0.7))]
    for pair, dt in ((still, 1e-6), (moving, 4e-5)):
        for flow in pair:
            steps(flow, 3, dt)
        for name, (array, _) in pair[0].state().items():
            assert np.array_equal(array, pair[1].state()[name][0]), name


@pytest.mark.parametrize("coupling", ["sdc", "strang"])
def test_restart_is_bitwise(coupling):
    """From a checkpoint's arrays alone: eddies are found anew from the same state."""
    hot = ["gas.transport='mixture-averaged'", f"numerics.coupling={coupling}", MODEL, "mesh.cells=[12,10]"]
    whole, again = (vortices(*hot) for _ in range(2))
    steps(whole, 3, 2e-5)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    again.restore(saved.__getitem__)
    again.time, again.step, again.dt = whole.time, whole.step, whole.dt
    assert np.array_equal(again.field("nu_t"), whole.field("nu_t")) and whole.field("nu_t").max() > 0
    for flow in (whole, again):
        steps(flow, 2, 2e-5)
    for name, (array, _) in whole.state().items():
        assert np.array_equal(array, again.state()[name][0]), name


def test_a_closed_box_keeps_mass_and_enthalpy():
    flow = case.build(
        load("cases/kernel.toml", ["mesh.cells=[16,12]", "mesh.upper=[1.12e-3,0.96e-3]", "initial.centre=[5e-4,4e-4]",
                                   "initial.radius=2e-4", "numerics.compile=off", MODEL]), Communicator())  # fmt: skip
    steps(flow, 3, 4e-7)
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    assert abs(flow.quantity("enthalpy_error")) < 1e-12 and flow.quantity("eos_drift") < 1e-3
    assert flow.quantity("max(nu_t)") > 0


def test_the_table_of_a_case():
    assert settings.NoTurbulence().build() is None
    assert settings.Smagorinsky().build() == Smagorinsky(0.17, 0.7, 0.7)
    flow = vortices("turbulence={kind='smagorinsky', schmidt=0.5}")
    assert flow.scheme.problem.closure == Smagorinsky(0.17, 0.7, 0.5)
    with pytest.raises(ConfigError, match="turbulence.constant"):
        load("cases/taylor_green_2d.toml", ["turbulence={kind='smagorinsky', constant=-1}"])
    with pytest.raises(ConfigError, match='"nu_t" needs a turbulence closure'):
        vortices().field("nu_t")
    with pytest.raises(ConfigError, match='"k_t" needs a turbulence closure that says the energy of its eddies'):
        with_problem(vortices(), closure=Even(1.0, 1.0, 1.0)).field("k_t")


def test_the_viscosity_that_closures_see_is_that_of_the_gas():
    flow = vortices()
    steps(flow, 2, 1e-5)
    view = flow.diagnostics.view()
    assert torch.equal(view.kinematic_viscosity, torch.as_tensor(flow.field("viscosity") / flow.field("rho")))
    s = flow.current
    fresh = flow.scheme.view(s.u, s.q, s.U, s.p0, 0.0, 0.0)
    assert torch.equal(fresh.kinematic_viscosity, view.kinematic_viscosity)
