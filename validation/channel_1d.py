"""Averaged flow in a channel as equations of one dimension: own solutions of k-epsilon and k-omega SST in wall units.

Half a channel of height 2, h = 1, u_tau = 1, density 1, nu = 1/Re_tau, driven by a force of 1: the shear is 1 - y.
Finite volumes, wall at y = 0, mirror at y = 1; iterated until nothing changes by more than 1e-9 of itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from scipy.optimize import brentq

Array = NDArray[np.float64]
KAPPA, E = 0.41, 9.8
SETTLED, MOST = 1e-9, 60_000


@dataclass(frozen=True)
class Profile:
    """A steady channel: U, k and epsilon or omega at the centres y of cells, in wall units of h = 1."""

    y: Array
    width: Array
    U: Array
    k: Array
    scale: Array
    nu_t: Array

    @property
    def bulk(self) -> float:
        """Mean of U."""
        return float((self.U * self.width).sum() / self.width.sum())

    @property
    def centre(self) -> float:
        """U on the centre line, where its slope is zero."""
        return float(self.U[-1] + 0.125 * (self.U[-1] - self.U[-2]))


def log_law_bulk(Re_tau: float) -> float:
    """Mean over the channel of the logarithmic law, ln(E y+)/kappa."""
    return (math.log(E * Re_tau) - 1.0) / KAPPA


class Cells:
    """Cells between faces from the wall, y = 0, to the mirror, y = 1."""

    def __init__(self, faces: Array):
        self.width, self.y = np.diff(faces), 0.5 * (faces[1:] + faces[:-1])
        self.between = np.diff(self.y)

    def at_faces(self, f: Array) -> Array:
        """Between cells, linear."""
        w = self.width
        return (f[:-1] * w[1:] + f[1:] * w[:-1]) / (w[1:] + w[:-1])

    def slope(self, f: Array, at_wall: float | None) -> Array:
        """At centres: the slopes at both faces, each midway between the two places it comes from, interpolated there.

        at_wall : what f is at the wall, None: its slope is zero
        """
        y, first = self.y, 0.0 if at_wall is None else at_wall
        places = np.concatenate([[0.0 if at_wall is None else 0.5 * y[0]], 0.5 * (y[1:] + y[:-1]), [1.0]])
        low = 0.0 if at_wall is None else (f[0] - first) / y[0]
        slopes = np.concatenate([[low], np.diff(f) / self.between, [0.0]])
        share = (y - places[:-1]) / np.diff(places)
        return (1 - share) * slopes[:-1] + share * slopes[1:]

    def solved(
        self, diffusivity: Array, wall: float, source: Array, sink: Array, old: Array, dt: Array | float,
        fixed: dict[int, float] | None = None,
    ) -> Array:  # fmt: skip
        """f of (f - old)/dt = d/dy(D df/dy) + source - sink f; wall : D over the distance at the wall, where f is 0."""
        n, across = len(self.y), self.at_faces(diffusivity) / self.between
        lower, upper, diagonal = np.zeros(n), np.zeros(n), np.zeros(n)
        lower[1:], upper[:-1] = -across, -across
        diagonal[:-1] += across
        diagonal[1:] += across
        diagonal[0] += wall
        diagonal += self.width * (sink + 1.0 / dt)
        right = self.width * (source + old / dt)
        for i, value in (fixed or {}).items():
            lower[i] = upper[i] = 0.0
            diagonal[i], right[i] = 1.0, value
        banded = np.zeros((3, n))
        banded[0, 1:], banded[1], banded[2, :-1] = upper[:-1], diagonal, lower[1:]
        return np.asarray(solve_banded((1, 1), banded, right))


def k_epsilon(faces: Array, Re_tau: float) -> Profile:
    """The standard model with wall functions: the first cell is where epsilon and the production of k follow the law.

    Launder & Spalding 1974, doi:10.1016/0045-7825(74)90029-2: u* = C_mu^(1/4) k^(1/2), shear u* kappa U/ln(E u* y/nu)
    """
    c_mu, c_1, c_2, sigma_k, sigma_e = 0.09, 1.44, 1.92, 1.0, 1.3
    cells, nu = Cells(faces), 1.0 / Re_tau
    y = cells.y
    U, k, e = np.log(E * y * Re_tau) / KAPPA, (1 - 0.8 * y) / 0.3, 1.0 / (KAPPA * y)
    for _ in range(MOST):
        before = np.concatenate([U, k, e])
        nu_t = c_mu * k * k / e
        star = c_mu**0.25 * math.sqrt(k[0])
        friction = star * KAPPA / math.log(E * star * y[0] / nu)
        dt = 0.5 * k / e
        U = cells.solved(nu + nu_t, friction, np.ones_like(y), np.zeros_like(y), U, 10 * dt)
        production = nu_t * cells.slope(U, 0.0) ** 2
        production[0] = friction * U[0] * star / (KAPPA * y[0])
        rate = e / k
        k = cells.solved(nu + nu_t / sigma_k, 0.0, production, rate, k, dt)
        wall_e = c_mu**0.75 * k[0] ** 1.5 / (KAPPA * y[0])
        e = cells.solved(nu + nu_t / sigma_e, 0.0, c_1 * production * rate, c_2 * rate, e, dt, {0: wall_e})
        if np.abs(np.concatenate([U, k, e]) / before - 1).max() < SETTLED:
            break
    return Profile(y, cells.width, U, k, e, c_mu * k * k / e)


def heat(faces: Array, flow: Profile, Re_tau: float, prandtl: float, turbulent: float, conductance: float) -> Array:
    """T at the centres of such a flow with 1 at the wall and 0 at y = 1, and last its slope at the wall times nu/Pr.

    conductance : heat over the difference of T from the wall to the first centre
    """
    cells = Cells(faces)
    diffusivity = 1.0 / Re_tau / prandtl + flow.nu_t / turbulent
    resists = np.concatenate([
        [1.0 / conductance], cells.between / cells.at_faces(diffusivity), [0.5 * cells.width[-1] / diffusivity[-1]],
    ])  # fmt: skip
    return np.concatenate([1.0 - np.cumsum(resists)[:-1] / resists.sum(), [1.0 / resists.sum()]])


def log_conductance(y: float, k: float, Re_tau: float, prandtl: float, turbulent: float) -> float:
    """Of a first cell in the logarithmic layer, by T+ = Pr_t (ln(E y*)/kappa + P), y* of C_mu^(1/4) k^(1/2).

    P of Jayatilleke, Prog. Heat Mass Transfer 1 (1969) 193
    """
    star, ratio = 0.09**0.25 * math.sqrt(k), prandtl / turbulent
    resists = 9.24 * (ratio**0.75 - 1.0) * (1.0 + 0.28 * math.exp(-0.007 * ratio))
    return star / (turbulent * (math.log(E * star * y * Re_tau) / KAPPA + resists))


def blended_conductance(y: float, k: float, U: float, Re_tau: float, prandtl: float, turbulent: float) -> float:
    """The same of a first cell anywhere: conduction and the logarithmic law, the fourth root of the sum of powers."""
    y_plus, _ = blended(U * y * Re_tau)
    star, ratio = max(y_plus / (y * Re_tau), 0.09**0.25 * math.sqrt(k)), prandtl / turbulent
    resists = 9.24 * (ratio**0.75 - 1.0) * (1.0 + 0.28 * math.exp(-0.007 * ratio))
    log = max(math.log(star * y * Re_tau) + 5.2 * KAPPA, 1.0) / KAPPA
    turbulence = star / (turbulent * max(log + resists, 1.0 / KAPPA))
    return float(((1.0 / (Re_tau * prandtl * y)) ** 4 + turbulence**4) ** 0.25)


def blended(product: float) -> tuple[float, float]:
    """y+ and u+ of y+ u+, by u+ = (y+^-4 + log^-4)^(-1/4) with log = ln(y+)/kappa + 5.2, at least 1/kappa."""

    def law(y: float) -> float:
        log = max(math.log(y) + 5.2 * KAPPA, 1.0) / KAPPA
        return float((y**-4 + log**-4) ** -0.25)

    y = brentq(
        lambda y: y * law(y) / product - 1.0, 0.5 * product**0.5, 2.0 * product**0.5 + product, xtol=1e-300, rtol=1e-14
    )
    return y, law(y)


def sst(faces: Array, Re_tau: float, automatic: bool = False) -> Profile:
    """k-omega SST, down to the wall: k = 0 there, and omega = 6 nu/(beta_1 y^2) in the viscous sublayer.

    automatic : the first cell obeys the blended laws of sublayer and logarithmic layer, with one shear from there to
        the wall; what differences make of 1/y^2 is taken out of omega elsewhere
    Menter, Kuntz, Langtry, Turbulence, Heat and Mass Transfer 4 (2003) 625
    """
    cells, nu = Cells(faces), 1.0 / Re_tau
    y, star, a_1 = cells.y, 0.09, 0.31
    U = np.minimum(y * Re_tau, np.log(1 + E * y * Re_tau) / KAPPA)
    k, w = 3.0 * np.minimum(1.0, (y * Re_tau / 20.0) ** 2), 6 * nu / (0.075 * y**2) + 1.0 / (0.3 * KAPPA * y)
    viscous_w = 6 * nu / (0.075 * y**2)
    flux = np.concatenate([[0.0], np.diff(viscous_w) / cells.between, [0.0]])
    excess = np.maximum(nu * (np.diff(flux) / cells.width - 6 * viscous_w / y**2), 0.0)
    excess[0] = excess[-1] = 0.0

    def wall(U: Array, k: Array, w: Array) -> tuple[float, Array, float]:
        """Friction over U, modulus of strain, omega of the first cell."""
        strain = np.abs(cells.slope(U, 0.0))
        if not automatic:
            return nu / y[0], strain, float(viscous_w[0])
        y_plus, u_plus = blended(U[0] * y[0] / nu)
        u_tau = y_plus * nu / y[0]
        strain[0] = u_tau**2 / (nu + k[0] / w[0])
        log_w = max(u_tau, star**0.25 * math.sqrt(k[0])) / (math.sqrt(star) * KAPPA * y[0])
        return u_tau**2 / U[0], strain, math.hypot(viscous_w[0], log_w)

    for _ in range(MOST):
        before = np.concatenate([U, k, w])
        crossed = 2 * 0.856 * cells.slope(k, 0.0) * cells.slope(w, None) / w
        root, viscous = np.sqrt(k) / (star * w * y), 500 * nu / (y**2 * w)
        first = np.minimum(np.maximum(root, viscous), 4 * 0.856 * k / (np.maximum(crossed, 1e-10) * y**2))
        F1, F2 = np.tanh(first**4), np.tanh(np.maximum(2 * root, viscous) ** 2)

        def blend(inner: float, outer: float, F1: Array = F1) -> Array:
            return F1 * inner + (1 - F1) * outer

        friction, strain, _ = wall(U, k, w)
        nu_t = a_1 * k / np.maximum(a_1 * w, strain * F2)
        dt = 2.0 / w
        U = cells.solved(nu + nu_t, friction, np.ones_like(y), np.zeros_like(y), U, 20.0 * dt + 1e-3)
        _, strain, first_w = wall(U, k, w)
        nu_t = a_1 * k / np.maximum(a_1 * w, strain * F2)
        production = np.minimum(nu_t * strain**2, 10 * star * k * w)
        k = cells.solved(nu + blend(0.85, 1.0) * nu_t, nu / y[0], production, star * w, k, dt)
        more = (1 - F1) * crossed
        kept = (y * np.sqrt(strain / nu) < 3.0) & (2 * viscous_w > w) & (not automatic)
        fixed = {i: float(viscous_w[i]) for i in np.flatnonzero(kept)} | {0: first_w}
        beta, lost = blend(0.075, 0.0828), np.maximum(-more, 0) / w
        if automatic:
            lost = lost + excess * np.sqrt(np.minimum(viscous_w / w, 1.0)) / w
        w = cells.solved(
            nu + blend(0.5, 0.856) * nu_t, 0.0, blend(5 / 9, 0.44) * strain**2 + np.maximum(more, 0),
            beta * w + lost, w, dt, fixed,
        )  # fmt: skip
        if np.abs(np.concatenate([U, k, w]) / before - 1).max() < SETTLED:
            break
    return Profile(y, cells.width, U, k, w, nu_t)


def faces_by_ratio(cells: int, first: float) -> Array:
    """Of cells that grow by one ratio from the wall; first : width of the first."""
    low, high = 1.0, 2.0
    for _ in range(200):
        ratio = 0.5 * (low + high)
        total = first * (cells if ratio == 1.0 else (ratio**cells - 1) / (ratio - 1))
        low, high = (ratio, high) if total < 1.0 else (low, ratio)
    faces = np.concatenate([[0.0], np.cumsum(first * ratio ** np.arange(cells))])
    return np.asarray(faces / faces[-1])


def faces_up_to(first: float, ratio: float, widest: float) -> Array:
    """Of cells that grow by this ratio from the wall until they are `widest`, or like the first if it is wider."""
    widths = [first]
    while sum(widths) < 1.0:
        widths.append(max(min(widths[-1] * ratio, widest), first))
    faces = np.concatenate([[0.0], np.cumsum(widths)])
    return np.asarray(faces / faces[-1])
