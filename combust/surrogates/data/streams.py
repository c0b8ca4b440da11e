"""Trajectories that a learned chemistry is taught from: ignitions, extinctions, flames, and cells of flow runs.

Conditions are spread evenly over the range by a scrambled Sobol sequence (doi:10.1137/0719041 for the sequence). A
trajectory that does not burn or converge is left out and noted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cantera as ct
import numpy as np
from scipy.stats import qmc

from combust.errors import DivergenceError, first_line
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.flames.counterflow import counterflow_flame
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.psr import extinction
from combust.report.meter import Reach
from combust.surrogates.settings import Range, Surrogate

# States of an ignition: by CVODE's steps, even in time before it, even in time around it, to equilibrium.
STEPS, INDUCTION, AROUND, TAIL = 200, 40, 120, 40
RTOL, ATOL = 1e-8, 1e-16
LONGEST, AFTER = 2.0, 1e-2  # s: by when a reactor must have ignited; how long its tail is followed, at least
MAX_STEPS = 20_000
LEAST_RISE = 50.0  # K, below which nothing is said to burn
BURNT_SHARE, LARGEST_BURNT = 0.25, 0.5  # of the ignitions that start with burnt gas in them, and how much
FRONT, BEHIND, AHEAD = 350, 100, 30  # states of a flame
SLOPE, CURVE, MAX_POINTS = 0.1, 0.2, 1500  # a modest grid
STRAIN = (50.0, 500.0)  # 1/s, of counterflow flames
WIDTH = 0.02  # m between their jets
COOLED = (0.2, 0.8)  # mass flux of burner flames over that of the free flame
QUENCH = (0.3, 0.95)  # residence time of reactors that go out over that at extinction
QUENCHED, BRANCH = 150, 120  # states of a reactor that goes out, and of the burning branch
FAINT = 1e-14  # mass fraction that is round-off where a species has no more anywhere
KINDS = ("ignition", "extinction", "flame", "counterflow", "burner")
FLAMES = KINDS[2:]

Group = dict[str, Any]


@dataclass(frozen=True, eq=False)
class States:
    """States in a row, each of a group (trajectory)."""

    T: np.ndarray  # (rows,) K
    p: np.ndarray  # (rows,) Pa
    Y: np.ndarray  # (rows, species)
    group: np.ndarray  # (rows,)

    def __len__(self) -> int:
        return len(self.T)

    def rows(self, which: np.ndarray | slice) -> States:
        """Some of them."""
        return States(self.T[which], self.p[which], self.Y[which], self.group[which])

    @staticmethod
    def join(parts: list[States]) -> States:
        """All of several."""
        return States(*(np.concatenate([getattr(x, k) for x in parts]) for k in ("T", "p", "Y", "group")))


@dataclass(frozen=True)
class Condition:
    """What a trajectory is computed at; `more` in [0, 1) places what only its kind has."""

    kind: str
    phi: float
    p: float
    T: float
    more: float

    def __str__(self) -> str:
        return f"{self.kind}: phi {self.phi:.3g}, {self.p:.4g} Pa, {self.T:.0f} K"


def conditions(settings: Surrogate) -> list[Condition]:
    """Of all trajectories, kind after kind; the same for the same seed."""
    found = []
    for number, kind in enumerate(KINDS):
        count = getattr(settings.sample.trajectories, kind)
        if not count:
            continue
        sobol = qmc.Sobol(4, seed=np.random.default_rng([settings.sample.seed, number]))
        points = sobol.random_base2(math.ceil(math.log2(count)))[:count]
        found += [_condition(settings.range, kind, point) for point in points]
    return found


def _condition(within: Range, kind: str, point: np.ndarray) -> Condition:
    low, high = within.T_ignition if kind == "ignition" else within.T_fresh
    phi, p = (a * (b / a) ** x for (a, b), x in zip((within.phi, within.p), point[:2], strict=True))
    p = min(max(p, within.p[0]), within.p[1])  # round-off of the power
    return Condition(kind, float(phi), float(p), float(low + (high - low) * point[2]), float(point[3]))


def trajectories(
    gas: Mechanism, settings: Surrogate, progress: Reach | None = None
) -> tuple[States, list[Group], list[str]]:
    """States of all trajectories, what each is (kind, phi, p, T), and a note of each that failed.

    Raises DivergenceError where more than half of a kind failed, ConfigError for a mixture that makes no sense.
    """
    asked = conditions(settings)
    parts: list[States] = []
    groups: list[Group] = []
    notes: list[str] = []
    solution = gas.cantera()
    for number, condition in enumerate(asked):
        try:
            T, p, Y = KIND[condition.kind](gas, solution, settings, condition)
        except (DivergenceError, ct.CanteraError) as error:
            notes.append(f"{condition} left out: {first_line(error)}")
        else:
            Y = Y.clip(min=0.0)
            parts.append(States(T, p, Y / Y.sum(1, keepdims=True), np.full(len(T), len(groups))))
            groups.append({"kind": condition.kind, "phi": condition.phi, "p": condition.p, "T": condition.T})
        if progress is not None:
            progress(number + 1, len(asked))
    _require_enough(asked, groups, notes)
    found = States.join(parts)
    found.Y[:, found.Y.max(0) < FAINT] = 0.0  # round-off of a flame's solver in species that are not there
    return found, groups, notes


def _require_enough(asked: list[Condition], groups: list[Group], notes: list[str]) -> None:
    for kind in KINDS:
        want = sum(c.kind == kind for c in asked)
        have = sum(group["kind"] == kind for group in groups)
        if want and 2 * have < want:
            first = next(note for note in notes if note.startswith(kind))
            raise DivergenceError(
                f"{want - have} of {want} trajectories of kind {kind} failed; the first: {first}. Narrow range.phi, "
                f"range.p or range.T_fresh, or set sample.trajectories.{kind} = 0"
            )
    if not groups:
        raise DivergenceError("no trajectory at all: sample.trajectories asks for none; set ignition or flame above 0")


Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def _unburnt(solution: ct.Solution, settings: Surrogate, at: Condition) -> np.ndarray:
    """Sets the premixed gas; its Y."""
    solution.TP = at.T, at.p
    solution.set_equivalence_ratio(at.phi, settings.fuel, settings.oxidizer, basis="mole")
    solution.TP = at.T, at.p
    return solution.Y.copy()


def _burnt(solution: ct.Solution, at: Condition) -> np.ndarray:
    """Y in equilibrium at the enthalpy and pressure of the gas; DivergenceError if it is hardly hotter."""
    solution.equilibrate("HP")
    if solution.T - at.T < LEAST_RISE:
        raise DivergenceError(f"does not burn: equilibrium is at {solution.T:.0f} K")
    return solution.Y.copy()


def _ignition(gas: Mechanism, solution: ct.Solution, settings: Surrogate, at: Condition) -> Arrays:
    Y = _unburnt(solution, settings, at)
    burnt = _burnt(solution, at)
    share = LARGEST_BURNT * (at.more / BURNT_SHARE) if at.more < BURNT_SHARE else 0.0
    solution.TPY = at.T, at.p, (1 - share) * Y + share * burnt
    solution.equilibrate("HP")
    final = solution.T
    solution.TPY = at.T, at.p, (1 - share) * Y + share * burnt
    t, T, states = _ignite(solution, at.T, final)
    slope = np.diff(T) / np.diff(t)
    delay = t[int(slope.argmax()) + 1]
    thickness = (T.max() - T[0]) / slope.max()
    chosen = t[_spread(len(t), STEPS)]
    around = np.linspace(max(delay - 5 * thickness, 0.0), delay + 15 * thickness, AROUND)
    tail = np.geomspace(delay + 15 * thickness, max(t[-1], delay + 30 * thickness), TAIL)
    early = np.linspace(0.0, delay, INDUCTION)
    return _at(np.concatenate([chosen, early, around, tail]).clip(max=t[-1]), t, T, states, at.p)


def _ignite(solution: ct.Solution, start: float, final: float) -> Arrays:
    """All states of CVODE until long after the temperature has risen: t, T, Y."""
    network = ct.ReactorNet([ct.IdealGasConstPressureMoleReactor(solution, clone=False)])
    network.rtol, network.atol = RTOL, ATOL
    rows = [(0.0, solution.T, solution.Y.copy())]
    end = math.inf
    while network.time < end and len(rows) < MAX_STEPS:
        network.step()
        rows.append((network.time, solution.T, solution.Y.copy()))
        if end == math.inf and solution.T - start > 0.5 * (final - start):
            end = 3 * network.time + AFTER
        if end == math.inf and network.time > LONGEST:
            raise DivergenceError(f"does not ignite within {LONGEST:g} s")
    t, T, Y = zip(*rows, strict=True)
    return np.array(t), np.array(T), np.stack(Y)


def _at(x: np.ndarray, given: np.ndarray, T: np.ndarray, Y: np.ndarray, p: float) -> Arrays:
    """States at sorted places x, each once, between the given ones."""
    x = np.unique(x)
    Y1 = np.stack([np.interp(x, given, column) for column in Y.T], 1)
    return np.interp(x, given, T), np.full(len(x), p), Y1


def _spread(rows: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, rows - 1, min(rows, count)).round().astype(int))


def _extinction(gas: Mechanism, solution: ct.Solution, settings: Surrogate, at: Condition) -> Arrays:
    Y = _unburnt(solution, settings, at)
    found = extinction(gas, at.T, at.p, Y)
    chosen = _spread(len(found.curve_T), BRANCH)
    branch_T, branch_Y = found.curve_T.cpu().numpy()[chosen], found.curve_Y.cpu().numpy().T[chosen]
    tau = found.tau * (QUENCH[0] + (QUENCH[1] - QUENCH[0]) * at.more)
    T, out = _quench(solution, (at.T, at.p, Y), (found.T, at.p, found.Y.cpu().numpy()), tau)
    rows = _spread(len(T), QUENCHED)
    T, Y = np.concatenate([branch_T, T[rows]]), np.concatenate([branch_Y, out[rows]])
    return T, np.full(len(T), at.p), Y


def _quench(solution: ct.Solution, fresh: tuple, hot: tuple, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """A stirred reactor that goes out at residence time tau: T, Y of CVODE's steps."""
    solution.TPY = fresh
    inflow = ct.Reservoir(solution, clone=True)
    solution.TPY = hot
    reactor = ct.IdealGasConstPressureMoleReactor(solution, clone=False)
    flux = reactor.mass / tau
    devices = [ct.MassFlowController(inflow, reactor, mdot=flux)]
    devices.append(ct.MassFlowController(reactor, ct.Reservoir(solution, clone=True), mdot=flux))
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = RTOL, ATOL
    T, Y = [solution.T], [solution.Y.copy()]
    while network.time < 12 * tau and len(T) < MAX_STEPS:
        network.step()
        T.append(solution.T)
        Y.append(solution.Y.copy())
    return np.array(T), np.stack(Y)


def _flame(gas: Mechanism, solution: ct.Solution, settings: Surrogate, at: Condition) -> Arrays:
    found = free_flame(
        gas, at.T, at.p, settings.fuel, settings.oxidizer, at.phi, slope=SLOPE, curve=CURVE, max_points=MAX_POINTS
    )
    return _of_profile(found.x, found.T, found.Y.T, at.p)


def _burner(gas: Mechanism, solution: ct.Solution, settings: Surrogate, at: Condition) -> Arrays:
    mixture = (at.T, at.p, settings.fuel, settings.oxidizer, at.phi)
    free = free_flame(gas, *mixture, slope=SLOPE, curve=CURVE, max_points=MAX_POINTS)
    flux = float(free.rho[0] * free.u[0]) * (COOLED[0] + (COOLED[1] - COOLED[0]) * at.more)
    found = burner_flame(gas, *mixture, flux, slope=SLOPE, curve=CURVE, max_points=MAX_POINTS)
    return _of_profile(found.x, found.T, found.Y.T, at.p)


def _counterflow(gas: Mechanism, solution: ct.Solution, settings: Surrogate, at: Condition) -> Arrays:
    """Only where the local equivalence ratio is in the range: the rest is nearly fuel or oxidizer."""
    strain = STRAIN[0] * (STRAIN[1] / STRAIN[0]) ** at.more
    density = []
    for stream in (settings.fuel, settings.oxidizer):
        solution.TPX = at.T, at.p, stream
        density.append(solution.density)
    flux = density[0] * strain * WIDTH / 2
    found = counterflow_flame(
        gas, at.p, settings.fuel, at.T, flux, settings.oxidizer, at.T, flux * math.sqrt(density[1] / density[0]),
        width=WIDTH, slope=SLOPE, curve=CURVE, max_points=MAX_POINTS,
    )  # fmt: skip
    x = np.linspace(found.x[0], found.x[-1], 20 * FRONT)
    solution.set_equivalence_ratio(1.0, settings.fuel, settings.oxidizer)
    Z0 = solution.mixture_fraction(settings.fuel, settings.oxidizer)
    Z = np.interp(x, found.x, found.mixture_fraction).clip(0.0, 1.0 - 1e-9)
    phi = Z / (1 - Z) * (1 - Z0) / Z0
    inside = x[(phi >= settings.range.phi[0]) & (phi <= settings.range.phi[1])]
    if not len(inside):
        raise DivergenceError("nowhere within range.phi")
    return _at(inside[_spread(len(inside), FRONT)], found.x, found.T, found.Y.T, at.p)


def _of_profile(x: np.ndarray, T: np.ndarray, Y: np.ndarray, p: float) -> Arrays:
    """Evenly across the front, with what lies before and behind."""
    share = (T - T[0]) / (T.max() - T[0])
    begin, end = x[int((share > 1e-3).argmax())], x[int((share > 0.95).argmax())]
    end = min(end + 0.5 * (end - begin), x[-1])
    begin = max(begin - 0.05 * (end - begin), x[0])
    places = [np.linspace(x[0], begin, AHEAD), np.linspace(begin, end, FRONT)]
    places.append(end + (x[-1] - end) * np.linspace(0, 1, BEHIND) ** 2)
    return _at(np.concatenate(places), x, T, Y, p)


KIND: dict[str, Callable[[Mechanism, ct.Solution, Surrogate, Condition], Arrays]] = {
    "ignition": _ignition,
    "extinction": _extinction,
    "flame": _flame,
    "counterflow": _counterflow,
    "burner": _burner,
}


def splits(groups: list[Group], held_out: float, validation: float, seed: int) -> np.ndarray:
    """0 train, 1 validation, 2 test of each group: shares of all, in each kind about alike.

    At least one each for test and validation if there are three groups, and always one for training.
    """
    rng = np.random.default_rng([seed, 100])
    split = np.zeros(len(groups), np.int8)
    rest = np.concatenate(
        [rng.permutation([i for i, g in enumerate(groups) if g["kind"] == kind]).astype(int) for kind in KINDS]
    )
    for number, share in ((2, held_out), (1, validation)):
        count = min(max(round(share * len(groups)), int(share > 0)), len(rest) - 1, len(groups) // 2)
        if count > 0 and len(groups) > 2:
            chosen = ((np.arange(count) + 0.5) * len(rest) / count).astype(int)
            split[rest[chosen]] = number
            rest = np.delete(rest, chosen)
    return split
