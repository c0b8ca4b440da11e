"""An atom and a diatomic on a surface in closed form, as an engine; its way over the saddle and its modes are known.

In mass-weighted Jacobi coordinates, x = mu_R^1/2 R and y = mu_r^1/2 r, turned by ANGLE about the saddle into u and w,
V = HEIGHT / cosh(STEEP u)^2 + K(u) (w - bend u^2)^2 / 2 + B(u) (1 - cos gamma).
Without `bend` the way is w = 0, its length u.
"""

import numpy as np

from combust.kinetics.quantum.constants import BOHR
from combust.kinetics.quantum.elements import masses
from combust.kinetics.quantum.engines.structure import Energy
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.vibrations import PER_ROOT, modes

ELEMENTS = ("O", "H", "H")
A, B, C = masses(ELEMENTS)
LONG, SHORT = A * (B + C) / (A + B + C), B * C / (B + C)  # reduced masses, u
R, r = 2.9, 1.7  # bohr, of the saddle
HEIGHT, STEEP, ANGLE = 0.01, 1.4, 2.3  # hartree, 1/(bohr u^1/2), rad
STRETCH, BEND = (0.24, 0.6), (0.02, -2.0)  # constants at the saddle and how they fall with u
LEVEL = "hf/model"


def turned(x, y):
    """u and w."""
    x, y = x - np.sqrt(LONG) * R, y - np.sqrt(SHORT) * r
    return np.cos(ANGLE) * x + np.sin(ANGLE) * y, np.cos(ANGLE) * y - np.sin(ANGLE) * x


def lengths(u):
    """R and r on the way down, w = 0."""
    return R + np.cos(ANGLE) * u / np.sqrt(LONG), r + np.sin(ANGLE) * u / np.sqrt(SHORT)


def falls(constant, u):
    return constant[0] * np.exp(-constant[1] * u)


def hill(u):
    return HEIGHT / np.cosh(STEEP * u) ** 2


class Surface:
    """The engine, in bohr inside; gradients by complex steps, second derivatives by differences of them."""

    version = "model"

    def __init__(self, bend=0.0):
        self.bend, self.calls = bend, 0

    def value(self, q):
        """V of Cartesian places [bohr], real or complex."""
        u, w = turned(*self.jacobi(q))
        across = falls(STRETCH, u) * (w - self.bend * u**2) ** 2 / 2
        return hill(u) + across + falls(BEND, u) * (1 + self.cosine(q))  # gamma is 180 degrees on a line

    def jacobi(self, q):
        """x and y."""
        long, short = self.vectors(q)
        return np.sqrt(LONG) * np.sqrt(np.sum(long**2)), np.sqrt(SHORT) * np.sqrt(np.sum(short**2))

    def cosine(self, q):
        """Of the angle between both."""
        long, short = self.vectors(q)
        return np.sum(long * short) / np.sqrt(np.sum(long**2) * np.sum(short**2))

    def vectors(self, q):
        q = q.reshape(3, 3)
        return q[0] - (B * q[1] + C * q[2]) / (B + C), q[2] - q[1]

    def slope(self, q):
        """dV/dq, exact."""
        return np.array([self.value(q + 1e-30j * row).imag / 1e-30 for row in np.eye(9)])

    def energy(self, structure, level):
        return Energy(float(self.value(structure.places.ravel() / BOHR)), 0.0)

    def gradient(self, structure, level):
        self.calls += 1
        return self.energy(structure, level), self.slope(structure.places.ravel() / BOHR).reshape(3, 3)

    def hessian(self, structure, level):
        q, h = structure.places.ravel() / BOHR, 1e-4
        near, far = ([self.slope(q + d * e) - self.slope(q - d * e) for e in np.eye(9)] for d in (h, 2 * h))
        return self.energy(structure, level), (8 * np.array(near) - np.array(far)) / (12 * h)


def saddle(surface):
    """Its record; the mode goes to larger u."""
    rows = rounded(at(0.0, 0.0))
    here = Record(species="saddle", level=LEVEL, elements=ELEMENTS, coordinates=rows, energies={})
    energy, second = surface.hessian(here, LEVEL)
    found = modes(ELEMENTS, here.places, second)
    sign = np.sign(np.sum(found.mode * (at(0.01, 0.0) - at(0.0, 0.0))))
    return Record(
        species="saddle", level=LEVEL, elements=ELEMENTS, coordinates=rows, energies={LEVEL: energy.value},
        frequencies=found.frequencies, imaginary=found.imaginary, mode=rounded(sign * found.mode), s2={LEVEL: 0.0},
    )  # fmt: skip


def rounded(x):
    """As records have it."""
    return tuple(map(tuple, x.tolist()))


def at(u, w):
    """Places [angstrom] of O, H, H on a line."""
    x = np.sqrt(LONG) * R + np.cos(ANGLE) * u - np.sin(ANGLE) * w
    y = np.sqrt(SHORT) * r + np.sin(ANGLE) * u + np.cos(ANGLE) * w
    a, b = x / np.sqrt(LONG), y / np.sqrt(SHORT)
    first = a - C * b / (B + C)
    return BOHR * np.array([(0, 0, 0), (0, 0, first), (0, 0, first + b)])


def exact(u):
    """Wave numbers across the way [cm-1] and the moment of inertia [u bohr2], in closed form.

    A bend in straight displacements lengthens R and r, on a slope too: a term with dV/du beside that of B.
    """
    a, b = lengths(u)
    moment = LONG * a**2 + SHORT * b**2
    p, q = np.sqrt(SHORT) * b / np.sqrt(moment), -np.sqrt(LONG) * a / np.sqrt(moment)
    slope = -2 * STEEP * np.tanh(STEEP * u) * hill(u)
    lengthened = np.cos(ANGLE) * p**2 / (np.sqrt(LONG) * a) + np.sin(ANGLE) * q**2 / (np.sqrt(SHORT) * b)
    bend = slope * lengthened + falls(BEND, u) * moment / (LONG * a**2 * SHORT * b**2)
    return PER_ROOT * np.sqrt(np.array([bend, bend, falls(STRETCH, u)])), moment
