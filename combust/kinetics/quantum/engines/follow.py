"""The way down from a saddle, both ways: points with energies and modes, for variational transition-state theory."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import BOHR, HARTREE_KJ
from combust.kinetics.quantum.elements import masses
from combust.kinetics.quantum.engines.curve import Curve, Local, curvature, settled
from combust.kinetics.quantum.engines.optimise import kept_gradient, kept_hessian
from combust.kinetics.quantum.engines.structure import Array, Engine, Pieces, Structure
from combust.kinetics.quantum.path import Point
from combust.kinetics.quantum.rates.checks import require_spin
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.vibrations import Modes, modes
from combust.report.meter import SILENT, Reporter

ENDED = "the way down "  # how notes of this begin
SLACK = 1.1  # of lengths, which come out a little other than asked
DIGITS = 9  # of places in angstrom
ALIKE = 0.01  # of the imaginary mode, between the record and the engine


def follow(
    engine: Engine, saddle: Record, step: float, points: int, pieces: Pieces, name: str, reporter: Reporter = SILENT
) -> Record:
    """The saddle's record with `points` points each way, about `step` [bohr u^1/2] apart, in the place of those it has.

    At each there are two gradients, one where the curve so far goes on, the other with second derivatives where that
    one pointed to. A side ends before a point where a mode across it is imaginary, which a note tells.

    Raises ConfigError where the engine has no such saddle or it does not go down from it, and for a record without an
    energy at the level of its geometry, DivergenceError.
    """
    way = Way(engine, saddle, step, pieces, name)
    progress = reporter.of("points of the way down")
    ended: dict[int, str] = {}
    for number in range(1, points + 1):
        going = [sign for sign in (1, -1) if sign not in ended]
        for done, sign in enumerate(going, 1):
            way.grow(sign * number)
            progress.reach(len(way.known) - 1, len(way.known) - 1 + len(going) * (points - number + 1) - done)
        ended |= {sign: told for sign in going if (told := way.split(sign * number))}
    progress.clear()
    notes = [one for one in saddle.notes if not one.startswith(ENDED)] + list(ended.values())
    return msgspec.structs.replace(saddle, path=way.points(), notes=tuple(notes))


def reaches(saddle: Record, step: float, points: int) -> bool:
    """Whether a record has that much of the way down both ways, as close or closer, or what there is of it."""
    if any(note.startswith(ENDED) for note in saddle.notes):
        return True
    s = [0.0, *(one.s for one in saddle.path)]
    close = all(b - a < step * SLACK for a, b in pairwise(sorted(s)))
    return close and min(max(s), -min(s)) * SLACK > points * step


class Way:
    """Points so far, by their number, which is 0 at the saddle and counts along its mode."""

    def __init__(self, engine: Engine, saddle: Record, step: float, pieces: Pieces, name: str) -> None:
        self.engine, self.saddle, self.step, self.pieces, self.name = engine, saddle, step, pieces, name
        own = saddle.electrons()
        self.roots = np.repeat(np.sqrt(masses(saddle.elements)), 3)
        mode = self.roots * np.array(saddle.mode).ravel()
        self.mode = mode / np.linalg.norm(mode)
        self.known = {0: self.top()}
        self.shift = own - self.known[0].energy
        self.bent = self.bend()

    def structure(self, x: Array) -> Structure:
        """At a mass-weighted place; pieces are found by places, so last digits are left out."""
        one = self.saddle
        made = Structure("saddle, the way down", one.elements, (), one.charge, one.multiplicity)
        return made.at(np.round((x / self.roots).reshape(-1, 3) * BOHR, DIGITS))

    def top(self) -> Local:
        """The saddle itself. Raises ConfigError where it is not the engine's."""
        x = self.roots * self.saddle.places.ravel() / BOHR
        here = Structure("saddle", self.saddle.elements, self.saddle.coordinates, self.saddle.charge,
                         self.saddle.multiplicity)  # fmt: skip
        energy, second = kept_hessian(self.engine, here, self.saddle.level, self.pieces, f"{self.name}_hessian")
        found = modes(here.elements, here.places, second).imaginary
        if len(found) != 1 or abs(found[0] / self.saddle.imaginary[0] - 1) > ALIKE:
            raise ConfigError(
                f"{self.saddle.species}: {self.engine.version} at {self.saddle.level} has imaginary modes of "
                f"{', '.join(f'{one:.0f}i' for one in found) or 'none'} cm-1 there, the record "
                f"{self.saddle.imaginary[0]:.0f}i: its saddle is another one"
            )
        return Local(here.elements, x, energy.value, np.zeros_like(x), self.weighted(second))

    def weighted(self, second: Array) -> Array:
        """Second derivatives by mass-weighted places."""
        found: Array = (second + second.T) / 2 / np.outer(self.roots, self.roots)
        return found

    def slope(self, x: Array, name: str) -> tuple[float, Array]:
        """Energy and mass-weighted gradient. Raises ConfigError where spins are mixed."""
        level = self.saddle.level
        energy, gradient = kept_gradient(self.engine, self.structure(x), level, self.pieces, f"{self.name}_path_{name}")
        require_spin(msgspec.structs.replace(self.saddle, s2={f"{level} on the way down": energy.s2}))
        return energy.value, gradient.ravel() / self.roots

    def bend(self) -> Array:
        """Curvature of the way at the saddle."""
        top = self.known[0]
        (one, ahead), (other, behind) = (
            self.slope(top.x + sign * self.step * self.mode, f"{sign:+03d}_try") for sign in (1, -1)
        )
        for sign, energy in ((1, one), (-1, other)):
            self.require_down(sign * self.step, energy, top.energy)
        return curvature(top, self.mode, ahead, behind, self.step)

    def ahead(self, number: int) -> Array:
        """Where the point of that number is sought: on, and then across to where the gradient there points."""
        h = self.step * np.sign(number)
        if abs(number) == 1:
            bent = float(self.bent @ self.bent)
            made: Array = self.known[0].x + h * (1 - bent * h**2 / 6) * self.mode + h**2 / 2 * self.bent
            return made
        curve = self.curve(self.known)
        place = curve.at(curve.s[0 if h < 0 else -1] + h)
        energy, slope = self.slope(place, f"{number:+03d}_try")
        near = self.known[number - int(np.sign(number))]
        with_it = {**self.known, number: replace(near, x=place, energy=energy, slope=slope)}
        found: Array = self.curve(with_it).x[0 if h < 0 else -1]
        return found

    def grow(self, number: int) -> None:
        """One more point."""
        x = self.ahead(number)
        energy, slope = self.slope(x, f"{number:+03d}_gradient")
        self.require_down(number * self.step, energy, self.known[number - int(np.sign(number))].energy)
        named = f"{self.name}_path_{number:+03d}_hessian"
        second = self.weighted(kept_hessian(self.engine, self.structure(x), self.saddle.level, self.pieces, named)[1])
        self.known[number] = Local(self.saddle.elements, x, energy, slope, second)

    def split(self, number: int) -> str:
        """Takes a point at an end away where a mode across the way is imaginary, and says so."""
        curve = self.curve(self.known)
        across = self.across(curve, 0 if number < 0 else len(curve.s) - 1)
        if not across.imaginary:
            return ""
        del self.known[number]
        return (f"{ENDED}ends before s = {number * self.step:.3g}, where a mode across it is imaginary "
                f"({across.imaginary[0]:.0f}i cm-1): it splits there")  # fmt: skip

    def require_down(self, s: float, energy: float, before: float) -> None:
        """Raises ConfigError."""
        if energy >= before:
            raise ConfigError(
                f"{self.saddle.species}: the way down rises by {HARTREE_KJ * (energy - before):.3g} kJ/mol to "
                f"s = {s:.3g} bohr u^1/2: steps are too long (cvt.step), or a minimum is near (fewer cvt.points)"
            )

    def curve(self, known: dict[int, Local]) -> Curve:
        """Through all points."""
        numbers = sorted(known)
        s = [number * self.step for number in numbers]
        return settled([known[number] for number in numbers], numbers.index(0), self.mode, s)

    def across(self, curve: Curve, place: int) -> Modes:
        """Modes across the way at a point, by its place on the curve."""
        one = self.known[sorted(self.known)[place]]
        along = (curve.tangents[place] / self.roots).reshape(-1, 3)
        second = one.second * np.outer(self.roots, self.roots)
        return modes(one.elements, self.structure(curve.x[place]).places, second, along)

    def points(self) -> tuple[Point, ...]:
        """As the record keeps them: energies count from its own, which another program may have made."""
        curve = self.curve(self.known)
        return tuple(
            Point(s=float(s), coordinates=self.structure(curve.x[i]).coordinates,
                  energy=float(curve.energies[i] + self.shift), frequencies=self.across(curve, i).frequencies)
            for i, s in enumerate(curve.s)
            if s != 0
        )  # fmt: skip
