"""Axisymmetric meshes: exact flows and diffusion around the axis, conservation, the planar flame, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import j0, j1, jn_zeros
from test_view import with_problem

from combust import kernels
from combust.__main__ import main
from combust.case.load import convert, load
from combust.cfd.closures.base import Rates
from combust.cfd.closures.dynamic_smagorinsky import DynamicSmagorinsky
from combust.cfd.closures.smagorinsky import Smagorinsky
from combust.cfd.initial.fields import stack
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid
from combust.errors import ConfigError
from combust.kinetics.flames.free import compute_or_load
from combust.parallel import Communicator
from combust.run import build as case
from validation.two_gases import CASES, MIRROR, OPEN, PERIODIC, SLIP, VISCOSITY, WALL, inert

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def eager():
    """Grids of a few hundred cells: compiling takes longer than it saves."""
    with kernels.using("eager"):
        yield


def cylinder(nx, nr, length, radius, inner=0.0, ratio=1.0):
    """The mesh of a pipe."""
    return {
        "kind": "axisymmetric",
        "x": {"lower": 0.0, "upper": length, "cells": nx},
        "y": {"lower": inner, "upper": radius, "cells": nr, "ratio": ratio},
    }


def sides(x, high):
    return {"x": x, "y_low": MIRROR, "y_high": high}


def points(flow, axis):
    """x and r of the faces normal to an axis."""
    _, r, x = flow.grid.face_points(axis)
    return x, r


def density(flow):
    return float(flow.field("rho").mean())


def orders(errors):
    return [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]


# --- viscosity ------------------------------------------------------------------------------------------------------


def pipe(nr, ratio=1.0):
    """A pipe with a body force that keeps Poiseuille's profile; the largest departure from it in the end, relative."""
    R, force = 1e-3, 0.5

    class Push:
        def rates(self, view, t, dt):
            shape = view.grid.layout.n
            return Rates(momentum=(None, None, torch.full((*shape[:2], shape[2] + 1), force, dtype=torch.float64)))

    def profile(r):
        return force / (4 * VISCOSITY) * (R**2 - r**2)

    def start(builder, fields):
        q, u = fields
        _, r, _ = builder.grid.face_points(2)
        u[2].copy_(profile(r).expand_as(u[2]))
        return q, u

    flow = with_problem(
        inert(cylinder(4, nr, 1e-3, R, ratio=ratio), sides(PERIODIC, WALL), start=start), sources=(Push(),)
    )
    time = 0.3 * R**2 * density(flow) / VISCOSITY
    for _ in range(40):
        flow.advance(time / 40)
    exact = profile(flow.grid.centres[1].numpy())
    assert np.abs(flow.field("u")[1]).max() < 1e-10 * exact.max()
    return np.abs(flow.field("u")[0] - exact).max() / exact.max()


def test_hagen_poiseuille():
    errors = [pipe(n) for n in (6, 12, 24)]
    assert errors[-1] < 2e-3 and min(orders(errors)) > 1.9, errors


def test_decaying_rings_between_mirrors():
    """Free decay of slow rings of vorticity, u_r = sin(kx) J1(br), u_x = b/k cos(kx) J0(br): both components, the hoop
    stress and the pressure.
    """
    R, L = 1e-3, 1.5e-3
    b, k = jn_zeros(1, 1)[0] / R, 2 * math.pi / L

    def error(n):
        def start(builder, fields):
            q, u = fields
            _, r, x = builder.grid.face_points(2)
            u[2].copy_(1e-7 * b / k * torch.cos(k * x) * torch.as_tensor(j0(b * r.numpy())).expand_as(u[2]))
            _, r, x = builder.grid.face_points(1)
            u[1].copy_(1e-7 * torch.sin(k * x) * torch.as_tensor(j1(b * r.numpy())).expand_as(u[1]))
            return q, u

        flow = inert(cylinder(n + n // 2, n, L, R), sides(PERIODIC, SLIP), start=start)
        nu = VISCOSITY / density(flow)
        time = 0.7 / (nu * (b**2 + k**2))
        for _ in range(20):
            flow.advance(time / 20)
        decay = 1e-7 * math.exp(-0.7)
        scheme = flow.scheme
        ux, ur = (scheme.block_faces(flow.current.u)[a].numpy() for a in (2, 1))
        x, r = points(flow, 2)
        exact_x = decay * b / k * np.cos(k * x.numpy()) * j0(b * r.numpy())
        x, r = points(flow, 1)
        exact_r = decay * np.sin(k * x.numpy()) * j1(b * r.numpy())
        return np.abs(ux - exact_x).max() / decay, np.abs(ur - exact_r).max() / decay

    found = [error(n) for n in (8, 16, 32)]
    for component in zip(*found, strict=True):
        assert min(orders(component)) > 1.8, found


# --- diffusion ------------------------------------------------------------------------------------------------------


def test_a_gaussian_on_the_axis_spreads():
    """Faint heat around a point of the axis: the heat equation's solution in space."""
    R, s0 = 1e-3, 1.6e-4

    def error(n):
        def gauss(x, r, s, height):
            return height * torch.exp(-((x - R) ** 2 + r**2) / (2 * s**2))

        def start(builder, fields):
            _, r, x = builder.grid.centres
            T = 300.0 + gauss(x, r, s0, 1e-3)
            return stack(builder.grid, T, fields[0][1:]), fields[1]

        flow = inert(cylinder(2 * n, n, 2 * R, R), sides(SLIP, SLIP), start=start)
        alpha = VISCOSITY / (0.7 * density(flow))
        time = s0**2 / (2 * alpha)
        for _ in range(20):
            flow.advance(time / 20)
        s = math.sqrt(s0**2 + 2 * alpha * time)
        _, r, x = flow.grid.centres
        exact = gauss(x, r, s, 1e-3 * (s0 / s) ** 3).numpy()
        T = flow.field("T") - 300.0
        return np.abs(T - T.min() - exact).max() / exact.max()

    errors = [error(n) for n in (10, 20, 40)]
    assert errors[-1] < 5e-3 and min(orders(errors)) > 1.8, errors


# --- conservation, geometry -----------------------------------------------------------------------------------------


def test_volumes_and_sides_are_those_of_the_revolution():
    flow = inert(cylinder(4, 5, 2e-3, 1e-3, inner=4e-4, ratio=1.2), {"x": SLIP, "y": SLIP})
    assert float(flow.grid.volume.sum()) == pytest.approx(math.pi * (1e-6 - 1.6e-7) * 2e-3, rel=1e-13)
    ends = {a: [float(end.sum()) for end in flow.scheme.filler.areas[a]] for a in (1, 2)}
    assert ends[1] == pytest.approx([2 * math.pi * 4e-4 * 2e-3, 2 * math.pi * 1e-3 * 2e-3], rel=1e-13)
    assert ends[2] == pytest.approx([math.pi * (1e-6 - 1.6e-7)] * 2, rel=1e-13)


KERNEL = [
    "mesh={kind='axisymmetric', x={lower=0,upper=1.12e-3,cells=16}, y={lower=0,upper=0.6e-3,cells=9,ratio=1.04}}",
    "initial.centre=[5e-4,0]", "initial.radius=2e-4",
    "boundary={x={kind='wall'}, y_low={kind='symmetry'}, y_high={kind='wall'}}", "numerics.compile=off", "device=cpu",
]  # fmt: skip


def test_a_kernel_in_a_closed_cylinder_keeps_what_it_has():
    flow = case.Builder(load(CASES / "kernel.toml", KERNEL), Communicator()).flow()
    for _ in range(20):
        flow.advance(8e-7)
    assert flow.quantity("p0") > 101400 and flow.quantity("speed_max") > 0.1
    for name in ("mass_error", "element_error", "enthalpy_error"):
        assert abs(flow.quantity(name)) < 1e-12, name
    assert flow.quantity("eos_drift") < 2e-3


def test_a_planar_flame_is_the_planar_flame(monkeypatch):
    """Uniform in r: the numbers of the flame in a plane."""
    folder = CASES.parent / "tests" / "cases" / "flames"

    def stored(mechanism, T, p, fuel, oxidizer, phi, **_):
        return compute_or_load(folder / f"H2_{phi:g}.npz", lambda: None)

    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", stored)
    x = "x={lower=0,upper=0.001575,cells=64}"
    found = []
    for mesh in (f"{{kind='axisymmetric',{x},y={{lower=0,upper=2e-4,cells=4}}}}",
                 f"{{kind='stretched',{x},y={{lower=0,upper=2e-4,cells=4}}}}"):  # fmt: skip
        changes = [f"mesh={mesh}", "initial.position=0.0008", "numerics.compile=off", "device=cpu",
                   "boundary.y={kind='symmetry'}"]  # fmt: skip
        flow = case.Builder(load(CASES / "flame1d_h2.toml", changes), Communicator()).flow()
        for _ in range(5):
            flow.advance(5e-7)
        found.append([flow.field("T"), flow.field("u")[0], flow.field("Y_H"), np.array(flow.quantity("flame_speed"))])
        assert np.abs(flow.field("u")[1]).max() < 1e-8
    for round_, plane in zip(*found, strict=True):
        np.testing.assert_allclose(round_, plane, rtol=1e-8, atol=1e-10 * np.abs(plane).max())


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes, message", [
    (["boundary.y_low={kind='wall'}"], r"boundary.y_low: is the axis .*symmetry"),
    (["gas.gravity=[0,-9.81,0]"], "gas.gravity: acts along x only"),
    (["turbulence.kind=dynamic-smagorinsky"], "turbulence: mesh.kind"),
    (["mesh.y.lower=-1e-4"], "the distance from the axis is not negative"),
    (["boundary={x={kind='wall'},y={kind='periodic'}}", "mesh.y.lower=1e-4"], "r is not periodic"),
])  # fmt: skip
def test_what_does_not_go_with_an_axis(changes, message):
    with pytest.raises(ConfigError, match=message):
        load(CASES / "kernel.toml", [*KERNEL, *changes])


@pytest.mark.parametrize("z, r, message", [
    ([0.0, 1.0], [-1.0, 0.0, 1.0], "y begins at -1"), ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], "this has 2 in z"),
])  # fmt: skip
def test_a_grid_refuses_what_is_no_revolution(z, r, message):
    faces = np.array(z), np.array(r), np.array([0.0, 1.0])
    block = Block.create(Communicator(), (len(z) - 1, 2, 1), (False,) * 3)
    with pytest.raises(ConfigError, match=message):
        Grid(block, faces, axisymmetric=True)
    assert not Grid(block, faces).axisymmetric


def test_volumes_are_of_the_revolution_whatever_z_is():
    block = Block.create(Communicator(), (1, 2, 1), (False,) * 3)
    grid = Grid(block, (np.array([0.0, 0.3]), np.array([0.5, 1.0, 2.0]), np.array([0.0, 2.0])), axisymmetric=True)
    exact = [2.0 * math.pi * (1.0 - 0.25), 2.0 * math.pi * (4.0 - 1.0)]
    np.testing.assert_allclose(grid.volume.flatten(), exact, rtol=1e-14)


def test_a_kernel_off_the_axis_is_a_ring_which_is_said_at_the_start(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = []
    for changes in (KERNEL, [*KERNEL, "initial.centre=[5e-4,3e-4]"]):
        words = ["run", str(CASES / "kernel.toml"), "--steps", "2", "--force", "--set", "output.fields.every={steps=1}"]
        assert main(words + [word for change in changes for word in ("--set", change)]) == 0
        found.append(capsys.readouterr().err.count("off the axis of an axisymmetric mesh: the kernel is a ring"))
    assert found == [0, 1]
    flow = case.Builder(load(CASES / "kernel.toml", [*KERNEL, "initial.centre=[5e-4,3e-4]"]), Communicator()).flow()
    assert "lies 0.0003 m off the axis" in flow.concerns()["ring"]


def test_uniform_in_x_and_y_has_another_identity():
    def identity(kind):
        mesh = {"x": {"lower": 0.0, "upper": 1.0, "cells": 4}, "y": {"lower": 0.0, "upper": 1.0, "cells": 4}}
        raw = {"mesh": {"kind": kind, **mesh}, "gas": {"mechanism": "h2o2.yaml"}, "chemistry": {"kind": "none"},
               "initial": {"kind": "uniform", "composition": "N2:1", "temperature": 300.0},
               "boundary": sides(WALL, WALL), "stop": {"steps": 1}, "device": "cpu"}  # fmt: skip
        return case.Builder(convert(raw, "case"), Communicator()).identity["mesh"]

    assert identity("axisymmetric") != identity("stretched")


def test_gradients_have_the_hoop_strain():
    """u = -2 a x, v = a r: exact to round-off, without divergence; nu_t of Smagorinsky is (C D)^2 a sqrt(12)."""
    a = 40.0

    def start(builder, fields):
        _, _, x = builder.grid.face_points(2)
        _, r, _ = builder.grid.face_points(1)
        n = builder.grid.layout.n
        return fields[0], (None, (a * r).expand(1, n[1] + 1, n[2]).clone(), (-2 * a * x).expand(1, n[1], -1).clone())

    flow = inert(cylinder(5, 6, 1e-3, 2e-3), sides(OPEN, OPEN), start)
    closure = Smagorinsky(0.17, 0.7, 0.7)
    u = start(flow, (None,))[1]
    view = replace(with_problem(flow, closure=closure).diagnostics.view(), u=flow.scheme.filler.pad_faces(u))
    g = view.gradients[:, :, :, 1:-1, 1:-1]
    for i, j, value in ((0, 0, a), (1, 1, a), (2, 2, -2 * a), (1, 2, 0.0), (2, 1, 0.0), (0, 1, 0.0), (1, 0, 0.0)):
        np.testing.assert_allclose(g[i, j], value, atol=1e-9)
    ratio = closure.update(view).viscosity / (0.17 * view.filter_width) ** 2
    np.testing.assert_allclose(ratio[:, 1:-1, 1:-1], a * np.sqrt(12), rtol=1e-9)


def test_a_closure_that_filters_along_the_axes_is_refused_from_python_too():
    flow = inert(cylinder(4, 4, 1e-3, 1e-3), sides(PERIODIC, WALL))
    with pytest.raises(ConfigError, match="problem.closure: DynamicSmagorinsky does not go with an axisymmetric grid"):
        with_problem(flow, closure=DynamicSmagorinsky())
