"""Trajectories of known rate constants: molecules of OH, H2, H2O and H that react as Gillespie has it, with flicker.

Only bonds are made, no places: OH + H2 <=> H2O + H (and OH + OH => H2O + O where that is asked for). An exchange takes
some femtoseconds, in which the new bond may form before the old one breaks or after. Bonds flicker, and pairs that are
none meet; both last some femtoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from combust.kinetics.dynamics.settings import AVOGADRO
from combust.kinetics.trajectories.bonds import Changes, lasting
from combust.kinetics.trajectories.events import History

FRAME = 5e-15  # s
VOLUME = (15e-10) ** 3  # m3
FORWARD, REVERSE, PAIR = "OH + H2 => H2O + H", "H2O + H => OH + H2", "OH + OH => H2O + O"


Span = tuple[float, list[tuple[int, int]]]
"""Until when, and the bonds that are there."""
Flips = tuple[np.ndarray, np.ndarray]
"""When (flips,) [s], and of which atoms (flips, 2), a bond changes."""


@dataclass
class Noise:
    """Flicker of each bond and meetings of each pair of molecules [1/s], mean durations, and time of an exchange [s].

    More of them in all than ten times the reactions, as in a ReaxFF box.
    """

    flicker: float = 0.3e12
    meeting: float = 0.01e12
    short: float = 6e-15
    exchange: float = 8e-15


@dataclass
class Made:
    """A trajectory:  truth : (frame, reaction) of all that happened;  changes : what would be read of its file"""

    truth: list[tuple[int, str]]
    changes: Changes
    flickers: int


@dataclass
class Gas:
    """Molecules as lists of atoms: oh (O, H), h2 (H, H), h2o (O, H, H), h (H,), o (O,)."""

    elements: tuple[str, ...]
    oh: list[tuple[int, int]] = field(default_factory=list)
    h2: list[tuple[int, int]] = field(default_factory=list)
    h2o: list[tuple[int, int, int]] = field(default_factory=list)
    h: list[int] = field(default_factory=list)
    o: list[int] = field(default_factory=list)

    @property
    def bonds(self) -> list[tuple[int, int]]:
        """Pairs of atoms."""
        return [*self.oh, *self.h2, *((o, a) for o, a, _ in self.h2o), *((o, b) for o, _, b in self.h2o)]


NEAR = 20  # frames between an event and what it is counted as


@dataclass
class Compared:
    """Events of a trajectory beside what was counted:  lost : not counted;  spurious : counted, did not happen"""

    lost: int
    spurious: int


def compare(trajectory: Made, found: History) -> Compared:
    """Each event of the truth takes the nearest of its reaction that is left."""
    left: dict[str, list[int]] = {}
    total = 0
    for event in found.events:
        sides = [sorted(kind.formula for kind in found.kinds(side)) for side in (event.reactants, event.products)]
        if sides[0] != sides[1]:
            left.setdefault(str(sides), []).append(event.step)
            total += 1
    met = 0
    for step, name in trajectory.truth:
        key = str([sorted(side.split(" + ")) for side in name.split(" => ")])
        steps = left.get(key, [])
        best = min(steps, key=lambda other: abs(other - step), default=None)
        if best is not None and abs(best - step) <= NEAR:
            steps.remove(best)
            met += 1
    return Compared(len(trajectory.truth) - met, total - met)


def gas(oh: int, h2: int, h2o: int, h: int) -> Gas:
    """So many molecules."""
    made, atoms = Gas(()), list[str]()

    def add(*elements: str) -> list[int]:
        atoms.extend(elements)
        return list(range(len(atoms) - len(elements), len(atoms)))

    made.oh = [(a, b) for a, b in (add("O", "H") for _ in range(oh))]
    made.h2 = [(a, b) for a, b in (add("H", "H") for _ in range(h2))]
    made.h2o = [(a, b, c) for a, b, c in (add("O", "H", "H") for _ in range(h2o))]
    made.h = [add("H")[0] for _ in range(h)]
    made.elements = tuple(atoms)
    return made


def simulate(rng: np.random.Generator, start: Gas, k: dict[str, float], time: float, noise: Noise | None) -> Made:
    """Direct method (Gillespie 1977, doi:10.1021/j100540a008) for `time` [s];  k [m3/kmol/s] of the reactions."""
    n, now = len(start.elements), 0.0
    c = {name: value / (VOLUME * AVOGADRO) for name, value in k.items()}
    flips: list[tuple[float, int, int]] = []
    truth: list[tuple[int, str]] = []
    spans: list[Span] = []
    first = list(start.bonds)
    while True:
        weights = {
            FORWARD: c.get(FORWARD, 0.0) * len(start.oh) * len(start.h2),
            REVERSE: c.get(REVERSE, 0.0) * len(start.h2o) * len(start.h),
            PAIR: c.get(PAIR, 0.0) * len(start.oh) * (len(start.oh) - 1),
        }
        total = sum(weights.values())
        wait = rng.exponential(1 / total) if total > 0 else np.inf
        spans.append((min(now + wait, time), list(start.bonds)))
        now += wait
        if now >= time:
            break
        name = next(iter(rng.choice(list(weights), 1, p=[w / total for w in weights.values()])))
        broken, formed = react(rng, start, str(name))
        apart = rng.exponential(noise.exchange) * (1 if rng.random() < 0.5 else -1) if noise else 0.0
        flips += [(now, *formed), (now + apart, *broken)]
        truth.append((frame(now), str(name)))
    when, which = np.array([at for at, _, _ in flips]), np.array([two for _, *two in flips], int).reshape(-1, 2)
    if noise is None:
        return Made(truth, changes(start.elements, first, (when, which), time), 0)
    more, pairs = flicker(rng, n, spans, time, noise)
    both = np.concatenate([when, more]), np.concatenate([which, pairs])
    return Made(truth, changes(start.elements, first, both, time), len(more) // 2)


def react(rng: np.random.Generator, now: Gas, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Changes `now`; the bond that broke and the one that formed."""
    if name == FORWARD:
        o, a = now.oh.pop(rng.integers(len(now.oh)))
        b, left = rng.permutation(now.h2.pop(rng.integers(len(now.h2)))).tolist()
        now.h2o.append((o, a, b))
        now.h.append(left)
        return (b, left), (o, b)
    if name == REVERSE:
        o, *two = now.h2o.pop(rng.integers(len(now.h2o)))
        a, b = rng.permutation(two).tolist()
        atom = now.h.pop(rng.integers(len(now.h)))
        now.oh.append((o, a))
        now.h2.append((b, atom))
        return (o, b), (b, atom)
    o, a = now.oh.pop(rng.integers(len(now.oh)))
    other, b = now.oh.pop(rng.integers(len(now.oh)))
    now.h2o.append((o, a, b))
    now.o.append(other)
    return (other, b), (o, b)


def flicker(rng: np.random.Generator, atoms: int, spans: Sequence[Span], time: float, noise: Noise) -> Flips:
    """Short breaks of bonds that are there, and short bonds of pairs that have none; two flips each."""
    ends = np.array([end for end, _ in spans])
    bonds = np.array([bonds for _, bonds in spans])  # (spans, bonds, 2): reactions keep their number
    at = rng.uniform(0, time, rng.poisson(noise.flicker * bonds.shape[1] * time))
    broken = bonds[np.searchsorted(ends, at), rng.integers(bonds.shape[1], size=len(at))]
    met = rng.uniform(0, time, rng.poisson(noise.meeting * atoms**2 / 8 * time))
    pairs = rng.integers(atoms, size=(len(met), 2))
    there = bonds[np.searchsorted(ends, met)]
    same = ((there == pairs[:, None]) | (there == pairs[:, None, ::-1])).all(-1).any(-1)
    use = ~same & (pairs[:, 0] != pairs[:, 1])
    begin, which = np.concatenate([at, met[use]]), np.concatenate([broken, pairs[use]])
    return np.concatenate([begin, begin + rng.exponential(noise.short, len(begin))]), np.concatenate([which, which])


def frame(time: float) -> int:
    """The first frame from that time on."""
    return int(np.ceil(time / FRAME))


def changes(elements: tuple[str, ...], first: Sequence[tuple[int, int]], flips: Flips, time: float) -> Changes:
    """What is read of it: steps are frames, two flips between two frames are not seen."""
    n, end = len(elements), int(time / FRAME)
    step = np.maximum(np.ceil(flips[0] / FRAME), 1).astype(np.int64)
    pair = flips[1].min(1) * n + flips[1].max(1)
    seen, count = np.unique(np.stack([step, pair], 1)[step <= end], axis=0, return_counts=True)
    step, pair = seen[count % 2 == 1].T
    start = np.array(sorted(min(two) * n + max(two) for two in first), np.int64)
    return Changes(elements, 0, end, end + 1, 1, start, step, pair, lasting(step, pair), VOLUME)


def table_text(found: Changes) -> str:
    """The same as a file of `fix reaxff/bonds`, types H and O, a step of FRAME."""
    n, bonds, at = len(found.elements), set(found.start.tolist()), 0
    lines = []
    for step in range(found.end + 1):
        while at < len(found.step) and found.step[at] == step:
            bonds ^= {int(found.pair[at])}
            at += 1
        near: list[list[int]] = [[] for _ in range(n)]
        for pair in sorted(bonds):
            i, j = divmod(pair, n)
            near[i].append(j)
            near[j].append(i)
        lines += [f"# Timestep {step}", "#", f"# Number of particles {n}", "#",
                  "# Max number of bonds per atom 3 with coarse bond order cutoff 0.300",
                  "# Particle connection table and bond orders",
                  "# id type nb id_1...id_nb mol bo_1...bo_nb abo nlp q"]  # fmt: skip
        for i, some in enumerate(near):
            kind = 1 if found.elements[i] == "H" else 2
            ids, orders = " ".join(str(j + 1) for j in some), " ".join("0.9" for _ in some)
            row = f" {i + 1} {kind} {len(some)} {ids} 0 {orders} {0.9 * len(some):.3f} 0.000 0.000"
            lines.append(row.replace("  ", " "))
        lines.append("# ")
    return "\n".join(lines) + "\n"
