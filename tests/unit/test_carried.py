"""What a closure carries with the gas: conservation, order, stiff sources, restarts, what is refused."""

import math
from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch
from test_view import with_problem

from combust.__main__ import main
from combust.cfd.closures import settings
from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.carried import Balance, Carrying, Quantity, quantities_of
from combust.errors import CombustError, ConfigError, DivergenceError
from validation.two_gases import MIRROR, OPEN, PERIODIC, WALL, inert, steps


class Passive(Carrying):
    """Rows `start(z, y, x)`; sources P - D f of given numbers, no eddies."""

    def __init__(self, start, production=0.0, destruction=0.0, wall=None, names=("a",), diffusivity=0.0):
        self.of, self.rates, self.wall, self.names = start, (production, destruction, diffusivity), wall, names

    @property
    def quantities(self):
        return tuple(Quantity(name) for name in self.names)

    def start(self, view):
        f = self.of(*view.grid.centres).expand(view.grid.layout.n)
        return torch.stack([f] * len(self.names)).clone()

    def update(self, view):
        zero = torch.zeros(view.grid.layout.n, dtype=torch.float64)
        return EddyFields(zero, zero, zero)

    def balance(self, view, values):
        return Balance(*(rate(values) if callable(rate) else torch.full_like(values, rate) for rate in self.rates))

    def at_walls(self, view):
        return None if self.wall is None else torch.full((len(self.names), 1, 1, 1), self.wall, dtype=torch.float64)


def carrying(flow, closure):
    """The flow with a closure that begins now."""
    with_problem(flow, closure=closure)
    flow.current.carried_names = flow.scheme.carrier.names
    flow.current.carried = flow.scheme.carrier.begin(flow.diagnostics.view())
    flow.diagnostics = type(flow.diagnostics)(flow)
    return flow


def mixing(**numerics):
    """Two gases of densities 5 : 1 that a shear flow stirs, between a wall and a mirror, in stretched cells."""

    def start(builder, fields):
        q, u = fields
        z, y, x = builder.grid.centres
        share = 0.5 + 0.4 * torch.sin(2 * math.pi * x / 0.1) * torch.cos(math.pi * y / 0.1)
        q[1], q[2] = share, 1.0 - share
        z, y, x = builder.grid.face_points(2)
        return q, (u[0], u[1], 1.0 + torch.cos(math.pi * y / 0.1) + 0 * x)

    y = {"lower": 0, "upper": 0.1, "cells": 10, "ratio": 1.1}
    return inert(
        {"x": {"lower": 0, "upper": 0.1, "cells": 12}, "y": y},
        {"x": PERIODIC, "y_low": WALL, "y_high": MIRROR}, start, numerics=numerics,
    )  # fmt: skip


def amount(flow, name="a"):
    return float((flow.field("density") * flow.field(name) * np.asarray(flow.grid.volume)).sum())


@pytest.mark.parametrize("numerics", [{}, {"coupling": "strang"}, {"sweeps": 1}, {"reconstruction": "central"}])
def test_what_is_passive_is_conserved_and_stays_between_its_bounds(numerics):
    flow = carrying(mixing(**numerics), Passive(lambda z, y, x: ((x < 0.04) & (y > 0.02)).double(), diffusivity=1e-6))
    before = amount(flow)
    steps(flow, 8, 1.5e-3)
    assert abs(amount(flow) / before - 1) < 1e-12
    assert flow.field("a").min() > -1e-12 and flow.field("a").max() < 1 + 1e-6
    assert flow.quantity("turbulence_held") == 0 or flow.field("a").min() >= 0
    assert flow.quantity("max(a)") == flow.field("a").max()


def test_a_constant_stays_constant_whatever_the_density_does():
    flow = steps(carrying(mixing(), Passive(lambda z, y, x: 0.3 + 0 * x * y)), 8, 1.5e-3)
    np.testing.assert_allclose(flow.field("a"), 0.3, rtol=1e-12)


def test_fourth_order_differences_conserve_and_keep_constants():
    box = {"cells": (8, 8), "lower": (0, 0), "upper": (0.1, 0.1)}

    def start(builder, fields):
        q, u = fields
        z, y, x = builder.grid.centres
        q[1] = 0.5 + 0.2 * torch.sin(2 * math.pi * x / 0.1) * torch.cos(2 * math.pi * y / 0.1)
        q[2] = 1.0 - q[1]
        z, y, x = builder.grid.face_points(2)
        return q, (u[0], u[1], 1.0 + torch.sin(2 * math.pi * y / 0.1) + 0 * x)

    numerics = {"order": 4, "reconstruction": "central"}
    flow = inert(box, {"x": PERIODIC, "y": PERIODIC}, start, numerics=numerics)
    carrying(flow, Passive(lambda z, y, x: 1.0 + torch.sin(20 * math.pi * x) * torch.cos(20 * math.pi * y)))
    before = amount(flow)
    steps(flow, 5, 2e-3)
    assert abs(amount(flow) / before - 1) < 1e-12
    one = steps(carrying(flow, Passive(lambda z, y, x: 0.7 + 0 * x * y)), 3, 2e-3)
    np.testing.assert_allclose(one.field("a"), 0.7, rtol=1e-12)


def wave(n, diffusivity=0.0):
    """Error of a sine that is carried half around, and diffused: mean of its modulus."""
    L = 0.1
    flow = inert({"cells": (n,), "lower": (0,), "upper": (L,)}, {"x": PERIODIC}, velocity=(1.0,), viscosity=1e-12)
    carrying(flow, Passive(lambda z, y, x: 2.0 + torch.sin(2 * math.pi * x / L), diffusivity=diffusivity))
    steps(flow, n, 0.5 * L / n)
    x = np.asarray(flow.grid.centres[2])
    k = 2 * math.pi / L
    return np.abs(flow.field("a") - 2.0 - np.sin(k * (x - L / 2)) * math.exp(-diffusivity * k * k * L / 2)).mean()


@pytest.mark.parametrize("diffusivity", [0.0, 1e-3])
def test_order_of_transport(diffusivity):
    errors = [wave(n, diffusivity) for n in (32, 64)]
    assert math.log2(errors[0] / errors[1]) > 1.8, errors


def test_decay_is_of_second_order_and_positive_for_any_step():
    """f' = -c f^(3/2): f = f0 / (1 + c sqrt(f0) t / 2)^2."""
    errors = []
    for count in (8, 16):
        flow = inert({"cells": (4,), "lower": (0,), "upper": (0.1,)}, {"x": PERIODIC})
        closure = Passive(lambda z, y, x: 4.0 + 0 * x, destruction=lambda f: 3.0 * f.sqrt())
        steps(carrying(flow, closure), count, 1.0 / count)
        errors.append(abs(flow.field("a")[0, 0, 0] - 4.0 / (1 + 3.0) ** 2))
    assert errors[1] < 2e-3 and math.log2(errors[0] / errors[1]) > 1.7, errors
    steps(flow, 3, 1e4)
    assert 0 <= flow.field("a").min() < 1e-6


@pytest.mark.parametrize("nu, count", [(1e-3, 60), (1e-5, 40)])
def test_sources_that_diffusion_balances_rest_whatever_the_step(nu, count):
    """nu f'' = D f - P, f = 0 at both walls, as the matrix of the cells has it; destruction is slower, and faster, than
    diffusion between cells. A longer step leaves it where it is.
    """
    h, n, D, P = 0.05, 16, 40.0, 80.0
    flow = inert({"cells": (n,), "lower": (-h,), "upper": (h,)}, {"x": WALL}, viscosity=nu * 20.31)
    flow = steps(carrying(flow, Passive(lambda z, y, x: 1.0 + 0 * x, P, D, wall=0.0)), count, 0.025)
    rest = flow.field("a")
    nu, w = float((flow.field("viscosity") / flow.field("density")).max()), 2 * h / n
    A = np.diag(np.full(n, D + 2 * nu / w**2)) - nu / w**2 * (np.eye(n, k=1) + np.eye(n, k=-1))
    A[0, 0] = A[-1, -1] = D + 3 * nu / w**2
    np.testing.assert_allclose(rest[0, 0], np.linalg.solve(A, np.full(n, P)), rtol=1e-5)
    np.testing.assert_allclose(steps(flow, 2, 0.5).field("a"), rest, rtol=1e-5)


def test_restart_is_bitwise_and_one_without_begins_anew():
    closure = Passive(lambda z, y, x: 1.0 + x * y / 0.01, 0.1, 2.0, wall=0.5, names=("a", "b"), diffusivity=1e-5)
    whole, again = (carrying(mixing(), closure) for _ in range(2))
    steps(whole, 3, 1e-3)
    saved = {name: array.copy() for name, (array, _) in whole.state().items()}
    assert {"a", "b"} <= set(saved)
    again.time, again.step, again.dt = whole.time, whole.step, whole.dt
    again.restore(saved.__getitem__)
    for flow in (whole, again):
        steps(flow, 2, 1e-3)
    for name, (array, _) in whole.state().items():
        assert np.array_equal(array, again.state()[name][0]), name
    del saved["b"]
    again.restore(saved.__getitem__)
    x, y = np.asarray(again.grid.centres[2]), np.asarray(again.grid.centres[1])
    np.testing.assert_array_equal(again.field("b"), 1.0 + x * y / 0.01)


def test_what_is_lost_is_named():
    flow = carrying(mixing(), Passive(lambda z, y, x: 1.0 + 0 * x * y))
    steps(flow, 1, 1e-3)
    flow.current.carried[:, :, 4, 5] = math.nan
    with pytest.raises(DivergenceError, match="not finite.*: a at cell"):
        steps(flow, 1, 1e-3)


def test_wrong_answers_are_named():
    for closure, error, text in (
        (Passive(lambda z, y, x: -1.0 + 0 * x * y), CombustError, "Passive.start: a: is -1"),
        (Passive(lambda z, y, x: 1.0 + 0 * x * y, destruction=-1.0), CombustError, "balance: destruction: a: is -1"),
        (Passive(lambda z, y, x: 1.0 + 0 * x * y, production=lambda f: f[..., 1:]), ConfigError, "production: has sha"),
    ):
        with pytest.raises(error, match=text):
            steps(carrying(mixing(), closure), 1, 1e-3)


def test_eddies_that_nothing_carries_are_told():
    """By the kinds, as their closures are."""
    for closure in (*get_args(settings.Turbulence), partial(settings.DynamicSmagorinsky, average="lagrangian")):
        kind = closure()
        assert kind.INFLOWS == any(q.given for q in quantities_of(kind.build())), kind
    box, given = {"cells": (8,), "lower": (0,), "upper": (0.1,)}, {**STREAM, "turbulence": {"k": 1.0}}
    for kind in ("none", "dynamic-smagorinsky"):
        with pytest.raises(ConfigError, match=f'boundary.x_low.turbulence: turbulence.kind = "{kind}" has no use'):
            inert(box, {"x_low": given, "x_high": OPEN}, turbulence={"kind": kind})


STREAM = {"kind": "inflow", "velocity": 2.0}


def test_an_inflow_says_what_it_brings():
    box = {"cells": (8,), "lower": (0,), "upper": (0.1,)}
    for table, text in (
        ({}, r"boundary.x_low.turbulence is missing: the closure carries k_t, epsilon_t"),
        ({"turbulence": {"k": 1.0}}, r"boundary.x_low.turbulence: give length, epsilon or omega"),
        ({"turbulence": {"length": 1.0}}, "intensity or k"),
        ({"turbulence": {"k": 1.0, "omega": 1.0, "length": 1.0}}, "length and omega say the same"),
    ):
        with pytest.raises(ConfigError, match=text):
            inert(box, {"x_low": {**STREAM, **table}, "x_high": OPEN}, turbulence={"kind": "k-epsilon"})
    given = {**STREAM, "turbulence": {"intensity": 0.1, "length": 0.01}}
    flow = inert(box, {"x_low": given, "x_high": OPEN}, velocity=(2.0,), turbulence={"kind": "k-epsilon"})
    k, g = 1.5 * 0.04, flow.grid.layout.g[2]
    for row, value in ((0, k), (1, 0.09**0.75 * k**1.5 / 0.01)):
        np.testing.assert_allclose(flow.current.carried[row, 0, 0, :g], value, rtol=1e-12)
    steps(flow, 4, 1e-3)
    assert flow.current.carried[0, 0, 0, -1] == flow.current.carried[0, 0, 0, -1 - g]


def test_a_run_goes_on_with_a_closure_that_carries(tmp_path, capsys, caplog):
    """From a checkpoint of none: what it carries begins anew, and the run says so."""
    case = ["cases/taylor_green_2d.toml", "--set", "mesh.cells=[8,8]", "--set", "numerics.compile=off"]
    first, then = str(tmp_path / "first"), str(tmp_path / "then")
    assert main(["run", *case, "--out", first, "--steps", "2"]) == 0
    (checkpoint,) = (tmp_path / "first").glob("checkpoint_*.h5")
    closure = ["--set", 'turbulence={kind="k-equation", initial={k=0.1}}']
    capsys.readouterr()
    arguments = ["run", *case, *closure, "--out", then, "--steps", "4", "--restart", str(checkpoint)]
    assert main(arguments) == 2
    assert "turbulence.kind: none, now k-equation" in capsys.readouterr().err
    assert main([*arguments, "--change"]) == 0
    assert "the checkpoint has no k_t: what the closure carries begins anew" in caplog.text
