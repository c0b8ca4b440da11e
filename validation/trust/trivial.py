"""Members of the kind "solvers on trivial problems"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from combust.cfd.lowmach.flow import ReactingFlow
from combust.errors import CombustError
from validation.trust import Member
from validation.two_gases import steps
from validation.vessels import (
    CLOSED,
    DT,
    END,
    OPEN,
    OPENED,
    PERIODIC,
    PROVIDERS,
    SOLVER,
    WALL,
    advance,
    asymmetry,
    errors,
    hot_spot,
    vessel,
)

KIND = (
    "A problem with nothing to solve is solved: uniform, still and symmetric gas and single cells, burning or not, by "
    "every solver and provider of chemistry, with the end states of Cantera's reactors."
)
BURNING = {f"{name}, closed": found for name, found in CLOSED.items()} | {
    f"{name}, open": found for name, found in OPENED.items()}  # fmt: skip
AIR = "initial={kind='uniform', composition='O2:0.21, N2:0.79', temperature=300}"
SOLVERS, UNIFORM, STEPS = ("torch", "petsc"), (4, 16), (1e-7, 1e-8, 1e-9)  # cells a side, s
TWO = ("2-D, closed", "2-D, open")  # by every provider
STILL = ((1,), (5,), (4, 3), (3, 2, 4))
SPOT = 10  # steps of a hot spot
SIDES = (WALL, OPEN, PERIODIC)
SMOKE = {
    "SOLVERS": SOLVERS[:1],
    "UNIFORM": (4,),
    "STEPS": STEPS[:1],
    "BURNING": {"one cell, open": ((1,), f"x={OPEN}")},
    "TWO": (),
    "STILL": STILL[1:2],
    "SIDES": SIDES[:1],
    "END": 2e-6,
    "SPOT": 1,
}


def members() -> Iterator[Member]:
    for solver, cells, dt in product(SOLVERS, UNIFORM, STEPS):
        yield _tried(
            f"uniform_vessel.toml, {cells} x {cells} cells, 4 steps of {dt:g} s, {solver}",
            "runs, at rest",
            lambda c=cells, d=dt, s=solver: _uniform(c, d, s),
        )  # type: ignore[misc]
    burning = [(name, "direct") for name in BURNING]
    burning += [(name, other) for other in PROVIDERS if other != "direct" for name in TWO]
    for name, provider in burning:
        right = "pressure, to 6e-5 at this dt" if "open" in name else "volume, to 1e-6"
        yield _tried(
            f"{name}, through ignition, {provider}",
            f"Cantera's reactor of constant {right}",
            lambda n=name, p=provider: _burnt(n, p),
        )  # type: ignore[misc]
    yield _tried("one cell, open: dt halved twice", "the error falls by 2.5 or more at each", _halved)
    for cells, side in product(STILL, SIDES):
        yield _tried(
            f"still air, cells = {list(cells)}, sides {side}",
            "still: at most 1e-15 m/s",
            lambda c=cells, s=side: _still(c, s),
        )  # type: ignore[misc]
    for side, (solver, limit) in product(SIDES, (("torch", 1e-11), ("petsc", 1e-7))):
        yield _tried(
            f"symmetric hot spot, sides {side}, {solver}",
            f"symmetric to {limit:g}",
            lambda s=side, o=solver, m=limit: _symmetric(s, o, m),
        )  # type: ignore[misc]


def _tried(what: str, right: str, call: Callable[[], tuple[str, bool]]) -> Member:
    try:
        return Member(what, right, *call())
    except CombustError as error:
        return Member(what, right, str(error), False)


def _uniform(cells: int, dt: float, solver: str) -> tuple[str, bool]:
    flow = steps(vessel((cells, cells), f"x={WALL}, y={WALL}", f"{SOLVER}='{solver}'", start=1200.0), 4, dt)
    speed = flow.quantity("speed_max")
    return f"{speed:.0e} m/s, {max(flow.scheme.iterations)} iterations", speed < 1e-14


def _end(name: str, provider: str, dt: float = DT) -> ReactingFlow:
    cells, sides = BURNING[name]
    return advance(vessel(cells, sides, *PROVIDERS[provider]), END, dt)


def _burnt(name: str, provider: str) -> tuple[str, bool]:
    flow = _end(name, provider)
    T_error, p_error = errors(flow)
    limit = 1e-6 if flow.scheme.closed else 6e-5
    return f"T {T_error:.1e}, p {p_error:.1e}", T_error < limit and p_error < limit


def _halved() -> tuple[str, bool]:
    found = [errors(_end("one cell, open", "direct", DT / n))[0] for n in (1, 2, 4)]
    return ", ".join(f"{e:.1e}" for e in found), found[0] > 2.5 * found[1] > 2.5**2 * found[2]


def _still(cells: tuple[int, ...], side: str) -> tuple[str, bool]:
    flow = steps(vessel(cells, ", ".join(f"{n}={side}" for n in "xyz"[: len(cells)]), AIR), 3, 1e-4)
    speed = flow.quantity("speed_max")
    return f"{speed:.0e} m/s", speed < 1e-15


def _symmetric(side: str, solver: str, limit: float) -> tuple[str, bool]:
    found = asymmetry(steps(hot_spot((8, 8), f"x={side}, y={side}", f"{SOLVER}='{solver}'"), SPOT, 2e-7))
    return ", ".join(f"{k} {v:.0e}" for k, v in found.items()), max(found.values()) < limit
