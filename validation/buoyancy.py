"""Buoyancy against exact solutions: a light cylinder set free, and Rayleigh-Taylor waves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import solve_banded

from combust.cfd.initial.fields import Fields, stack
from combust.run.build import Builder
from validation.report import Report, percent
from validation.two_gases import MIRROR, OPEN, SLIP, inert, steps

TITLE = "Buoyancy: a light cylinder set free, and Rayleigh-Taylor waves"
G = 9.81
LIGHT = 1.013e7 / (8314.46261815324 * 300.0)  # kg/m3; the heavy gas has 5 times as much
CELLS = (16, 32, 64, 128)
SMOKE = {"CELLS": (8,)}
RADIUS, EDGE, BOX = 0.01, 0.004, 0.1  # of the cylinder and of the square around it [m]
WAVE, INTERFACE = 0.1, 0.01  # length of the wave and half thickness of its interface [m]


def mixed(grid, lightness: torch.Tensor) -> torch.Tensor:  # noqa: ANN001
    """(T, Y) at 300 K where 1/rho goes from the heavy gas's to the light one's as `lightness` from 0 to 1."""
    return stack(grid, 300.0, torch.stack([1 - lightness, lightness]))


# --- a light cylinder -----------------------------------------------------------------------------------------------


def lift(outer: float, inner: float, radius: float, edge: float, box: float) -> float:
    """Upward acceleration [m/s2] at the centre of a light cylinder in a square of gas at rest with p' = 0 on its sides.

    1/rho = outer + (inner - outer) (1 - tanh((r - radius)/edge))/2. At once p = f(r) cos theta, and
    div(grad p / rho) = div((1 - rho_a/rho) g) is an equation in r, solved on a fine grid. Far away f = A/r; the square
    adds the dipole's images, (-1)^m at (m, n) box, whose gradient at the centre is
    A/box^2 (-pi^2/3 + 2 sum (-1)^m (pi / sinh pi m)^2): it moves light gas 2 rho_a/(rho_a + rho) times as fast as the
    gas around (G. K. Batchelor, An Introduction to Fluid Dynamics, https://doi.org/10.1017/CBO9780511800955).
    """
    n, far = 20000, 20 * radius
    h = far / n
    r, face = (np.arange(n) + 0.5) * h, np.arange(n + 1) * h
    sigma = [outer + (inner - outer) * 0.5 * (1 - np.tanh((s - radius) / edge)) for s in (r, face)]
    weight = face * sigma[1] / h**2
    main = -(weight[:-1] + weight[1:]) / r - sigma[0] / r**2
    main[-1] += weight[-1] / r[-1] - sigma[0][-1] / h / far  # f' = -f/r
    bands = np.zeros((3, n))
    bands[0, 1:], bands[1], bands[2, :-1] = weight[1:-1] / r[:-1], main, weight[1:-1] / r[1:]
    f = solve_banded((1, 1), bands, G / outer * np.gradient(sigma[0], h))
    m = np.arange(1, 20)
    images = -(np.pi**2) / 3 + 2 * float(((-1.0) ** m * (np.pi / np.sinh(np.pi * m)) ** 2).sum())
    follow = 2 / (1 + outer / inner)
    return float(-G * (1 - inner / outer) - inner * f[0] / r[0] - outer * f[-1] * far / box**2 * images * follow)


def cylinder(cells: int) -> tuple[float, np.ndarray]:
    """Acceleration at the centre over that of `lift`, and the upward velocities after one short step."""

    def start(builder: Builder, fields: Fields) -> Fields:
        y, x = builder.grid.centres[1], builder.grid.centres[2]
        return mixed(builder.grid, 0.5 * (1 - torch.tanh((torch.sqrt(x**2 + y**2) - RADIUS) / EDGE))), fields[1]

    half, dt = 0.5 * BOX, 1e-5
    mesh = {"cells": (cells, cells), "lower": (-half, -half), "upper": (half, half)}
    flow = inert(mesh, {"x": OPEN, "y": OPEN}, start, viscosity=1e-9, schmidt=1e9, gravity=(0.0, -G, 0.0), ambient={})
    rise = steps(flow, 1, dt).field("u")[1][0]
    middle = slice(cells // 2 - 1, cells // 2 + 1)
    return float(rise[middle, middle].mean() / dt / lift(0.2 / LIGHT, 1 / LIGHT, RADIUS, EDGE, BOX)), rise


# --- Rayleigh-Taylor waves ------------------------------------------------------------------------------------------


def growth(
    profile: Callable[[np.ndarray], np.ndarray], k: float, height: float, viscosity: float, n: int = 300
) -> tuple[float, np.ndarray, np.ndarray]:
    """Rate [1/s], y and velocity of the fastest wave k on gas of density profile(y), |y| < height, slip walls.

    gamma^2 (k^2 rho - D rho D) w + gamma mu (D^2 - k^2)^2 w = g k^2 rho' w: linear theory of incompressible gas of one
    viscosity mu that does not diffuse (S. Chandrasekhar, Hydrodynamic and Hydromagnetic Stability, 1961, chapter X).
    Its limits are sqrt(A g k) and, roughly, sqrt(A g k / psi + nu^2 k^4) - nu k^2 of R. E. Duff, F. H. Harlow and
    C. W. Hirt, Phys. Fluids 5 (1962) 417, https://doi.org/10.1063/1.1706634.
    """
    h = 2 * height / n
    face = -height + np.arange(n + 1) * h
    y, rho = face[1:-1], profile(face[:-1] + 0.5 * h)
    A = np.diag(k**2 * profile(y) + (rho[1:] + rho[:-1]) / h**2)
    A -= np.diag(rho[1:-1] / h**2, 1) + np.diag(rho[1:-1] / h**2, -1)
    beside = np.ones(n - 2) / h**2
    L = np.diag(np.full(n - 1, -2 / h**2 - k**2)) + np.diag(beside, 1) + np.diag(beside, -1)
    fall, drag = np.diag(G * k**2 * (rho[1:] - rho[:-1]) / h), viscosity * L @ L
    inverse, none = np.linalg.inv(A), np.zeros((n - 1, n - 1))
    values, vectors = np.linalg.eig(np.block([[none, np.eye(n - 1)], [inverse @ fall, -inverse @ drag]]))
    best = int(values.real.argmax())
    w = vectors[: n - 1, best].real
    return float(values[best].real), y, w / w[np.abs(w).argmax()]


def rayleigh_taylor(cells: int, viscosity: float) -> tuple[float, float]:
    """(growth rate that the flow of `cells` a wave shows over that of linear theory, the latter [1/s])."""
    k, height = 2 * np.pi / WAVE, WAVE

    def profile(y: np.ndarray) -> np.ndarray:
        return LIGHT * (3 + 2 * np.tanh(y / INTERFACE))

    rate, at, w = growth(profile, k, height, viscosity)

    def start(builder: Builder, fields: Fields) -> Fields:
        """The wave itself, of 1/1000 radian: density and velocities."""

        def shape(points: torch.Tensor, of: np.ndarray = w) -> np.ndarray:
            return np.interp(points.numpy(), at, of, 0, 0)

        grid, amplitude = builder.grid, 1e-3 / k
        y, x = grid.centres[1], grid.centres[2].numpy()
        moles = LIGHT / profile(y.numpy() - amplitude * shape(y) * np.cos(k * x))
        (_, yv, xv), (_, yu, xu) = grid.face_points(1), grid.face_points(2)
        v = rate * amplitude * shape(yv) * np.cos(k * xv.numpy())
        u = -rate * amplitude / k * shape(yu, np.gradient(w, at)) * np.sin(k * xu.numpy())
        return mixed(grid, torch.as_tensor((moles - 0.2) / 0.8)), (None, torch.as_tensor(v), torch.as_tensor(u))

    flow = inert({"cells": (cells // 2, 2 * cells), "lower": (0, -height), "upper": (0.5 * WAVE, height)},
                 {"x": MIRROR, "y": SLIP}, start, viscosity=max(viscosity, 1e-12), schmidt=1e9 if viscosity else 1.0,
                 gravity=(0.0, -G, 0.0))  # fmt: skip
    dt, speeds = 1.6 / cells / rate, []
    for part in (0.5, 1.0):
        steps(flow, round(part / rate / dt), dt)
        speeds.append(float(np.abs(flow.field("u")[1]).max()))
    return float(np.log(speeds[1] / speeds[0]) / (round(1.0 / rate / dt) * dt) / rate), rate


def run(report: Report) -> None:
    report.text("""
        Two gases of molar mass 5 and 1 at 300 K that hardly diffuse. A light cylinder (radius 10 mm, tanh edge of 4 mm)
        in a square of 100 mm with outflow on all sides is set free: acceleration at its centre over that of potential
        flow with the images of the square. Rayleigh-Taylor waves of 100 mm on a tanh interface of 10 mm between slip
        walls: growth rate from 0.5 to 1.5 e-foldings over that of linear theory of the same profile, without friction
        and with one that takes 29 % off.""")
    rows, last = [], {}
    for cells in CELLS:
        found = {"cylinder": cylinder(cells)[0], **{
            f"mu = {mu:g} Pa s": rayleigh_taylor(cells, mu)[0] for mu in (0.0, 0.02)}}  # fmt: skip
        rows.append([cells, *(percent(value - 1) for value in found.values())])
        last = found
        report.progress(f"{cells} cells: {found}")
    report.table(["cells a side, a wave", *(f"error, {name}" for name in last)], rows)
    for name, value in last.items():
        report.target(f"{name}: error at {CELLS[-1]} cells", abs(value - 1), 0.002 if name == "cylinder" else 0.001)
