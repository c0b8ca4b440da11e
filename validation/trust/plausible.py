"""Numbers that are returned although there is nothing they could be the number of."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cantera as ct

from combust.__main__ import main
from combust.errors import CombustError
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.flames.counterflow import counterflow_flame
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.flames.plausible import FreshGas, require_free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from validation.trust import Member

KIND = (
    "A number is returned only where there is such a thing: a flame that burns, fits its domain and is a deflagration; "
    "a burner or counterflow flame that a second grid shows too; a low-Mach flow whose step is stable and whose gas "
    "enters at its inflows. All else is refused or said, with the reason, by API and verbs alike, and no row takes "
    "others with it."
)
AIR, ATM, H2 = "O2:0.21, N2:0.79", 101325.0, "h2o2.yaml"
ROOT = Path(__file__).resolve().parents[2]
MIXTURE = [H2, "--fuel", "H2"]
CASE, DATA = ROOT / "cases" / "flame1d_h2.toml", ROOT / "tests" / "unit" / "experiments" / "chaumeix_2007.yaml"

PHIS, HOT, IGNITING = (0.05, 0.2, 20.0), (900.0, 950.0), (1000.0, 1025.0, 1050.0)  # K
BURNERS, LIFTED, OUT = (1.0, 1.9), (2.0, 2.05, 10.0), (15.0, 30.0)  # kg/m2/s


def members() -> Iterator[Member]:
    """All of them solved, not read from a cache of earlier flames."""
    with tempfile.TemporaryDirectory() as folder, _cache(folder):
        yield from free_flames()
        yield from profiles()
        yield from stabilised()
        for part in VERBS:
            yield from part(Path(folder))
        yield from cases(Path(folder))


@contextlib.contextmanager
def _cache(folder: str) -> Iterator[None]:
    before = os.environ.get("COMBUST_CACHE")
    os.environ["COMBUST_CACHE"] = folder
    try:
        yield
    finally:
        os.environ.pop("COMBUST_CACHE")
        if before is not None:
            os.environ["COMBUST_CACHE"] = before


def refused(tried: str, attempt: Callable[[], Any], *words: str) -> Member:
    """Right where the attempt ends in an error of combust that says all of the words."""
    try:
        outcome, holds = f"returned {attempt()}", False
    except CombustError as error:
        outcome, holds = str(error), all(word in str(error) for word in words)
    return Member(tried, f"refused: {', '.join(words)}", outcome, holds)


def near(tried: str, attempt: Callable[[], float], value: float, who: str, within: float = 5e-3) -> Member:
    """Right where the number is within a share of `value`."""
    try:
        found = attempt()
        outcome, holds = f"{found:.5g}", abs(found / value - 1) <= within
    except CombustError as error:
        outcome, holds = str(error), False
    return Member(tried, f"{value:.5g} ({who})", outcome, holds)


def speed(fuel: str = "H2:1", oxidizer: str = AIR, phi: float = 1.0, T: float = 300.0, p: float = ATM,
          width: float = 0.02) -> float:  # fmt: skip
    """m/s, with h2o2.yaml."""
    return free_flame(H2, T, p, fuel, oxidizer, phi, width=width, refine="extrapolated").speed


def free_flames() -> Iterator[Member]:
    for fuel in ("N2:1", "AR:1", "H2O:1"):
        yield refused(f"free flame of {fuel} in air", lambda fuel=fuel: speed(fuel), "does not burn")
    for O2 in (0.001, 0.01):
        yield refused(f"free flame of H2 in {100 * O2:g} % O2",
                      lambda O2=O2: speed(oxidizer=f"O2:{O2}, N2:{1 - O2}"), "does not burn")  # fmt: skip
    for phi in PHIS:
        yield refused(f"free flame of H2/air, phi {phi:g}", lambda phi=phi: speed(phi=phi), "phi")
    yield near("free flame of H2/air, 300 K", speed, 2.3296, "Cantera on 1521 points, extrapolated")
    for T in HOT:
        other = speed(T=T, width=0.04)
        yield near(f"free flame of H2/air, {T:g} K", lambda T=T: speed(T=T), other, "on a domain twice as wide")
    for T in IGNITING:
        yield refused(f"free flame of H2/air, {T:g} K", lambda T=T: speed(T=T), "ignites by itself after", "on its way")
    if IGNITING:
        yield refused("free flame of H2/air, 1100 K, 20 atm", lambda: speed(T=1100.0, p=20 * ATM), "ignites by itself")


def profiles() -> Iterator[Member]:
    """Solutions that a solver might return, judged by their profiles alone."""
    flame = free_flame(H2, 300.0, ATM, "H2:1", AIR, 1.0, slope=0.1, curve=0.2)
    solution = ct.Solution(H2)
    solution.TP = 300.0, ATM
    solution.set_equivalence_ratio(1.0, "H2:1", AIR)
    fresh = FreshGas.of("free flame", Mechanism.load(H2), solution)
    front = (flame.T > 400.0) & (flame.T < 2000.0)
    cut = replace(flame, x=flame.x[front], T=flame.T[front], u=flame.u[front], Y=flame.Y[:, front])
    cold = replace(flame, T=300.0 + 0.1 * (flame.T - 300.0))
    made: tuple[tuple[str, FlameProfile, str], ...] = (
        ("the solution stays cold", cold, "the solution reaches"),
        ("the flame runs backwards", replace(flame, u=-flame.u), "its speed would be"),
        ("the domain cuts the flame off", cut, "does not fit its domain"),
        ("the fresh gas is supersonic", replace(flame, u=200 * flame.u), "unburnt gas would move"),
        ("the burnt gas is supersonic", replace(flame, u=100 * flame.u), "burnt gas would move"),
    )
    for what, profile, word in made:
        yield refused(f"profile: {what}", lambda profile=profile: require_free_flame(fresh, profile), word)


def stabilised() -> Iterator[Member]:
    free = 2.3296 * 0.8506
    for flux in BURNERS:
        yield near(f"burner flame of H2/air at {flux:g} kg/m2/s: burnt T [K]",
                   lambda flux=flux: burner_flame(H2, 300.0, ATM, "H2:1", AIR, 1.0, flux).burnt_temperature,
                   cooled(flux), "enthalpy that the burner leaves, at equilibrium", 0.03)  # fmt: skip
    for flux in LIFTED:
        yield refused(f"burner flame of H2/air at {flux:g} kg/m2/s (free flame: {free:.3f})",
                      lambda flux=flux: burner_flame(H2, 300.0, ATM, "H2:1", AIR, 1.0, flux), "flux")  # fmt: skip
    jets = (H2, ATM, "H2:1, N2:1", 300.0)
    for flux in OUT:
        yield refused(f"counterflow flame of H2/N2 and air at {flux:g} kg/m2/s",
                      lambda flux=flux: counterflow_flame(*jets, flux, AIR, 300.0, 2 * flux), "is out")  # fmt: skip


def cooled(flux: float) -> float:
    """Equilibrium [K] of the mixture less the heat that the burner takes."""
    flame = burner_flame(H2, 300.0, ATM, "H2:1", AIR, 1.0, flux)
    solution = ct.Solution(H2)
    solution.TP = 300.0, ATM
    solution.set_equivalence_ratio(1.0, "H2:1", AIR)
    solution.equilibrate("HP")
    solution.HP = solution.enthalpy_mass - flame.heat_to_burner / flux, ATM
    solution.equilibrate("HP")
    return float(solution.T)


def said(tried: str, arguments: Sequence[str], code: int, *words: str) -> Member:
    """Right where the verb ends with the code and says all of the words."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        found = main(list(arguments))
    lines = [line for line in text.getvalue().splitlines() if any(word in line for word in words)]
    holds = found == code and all(word in text.getvalue() for word in words)
    return Member(tried, f"exit {code}: {', '.join(words)}", f"exit {found}: {' / '.join(lines)[:600]}", holds)


def flamespeeds(folder: Path) -> Iterator[Member]:
    nothing = ["flamespeed", H2, "--fuel", "N2", "--out", str(folder / "a")]
    yield said("flamespeed, fuel N2", nothing, 3, "does not burn")
    table = folder / "b" / "flamespeed.csv"
    yield said("flamespeed, phi 0.05 and 1", ["flamespeed", *MIXTURE, "--phi", "0.05,1", "--out", str(table.parent)], 3,
               "1 of 2 flames were not found")  # fmt: skip
    yield rows(table, "flame_speed_m_per_s")


def delays(folder: Path) -> Iterator[Member]:
    table = folder / "c" / "ignite.csv"
    yield said("ignite, 1200 K and 30000 K", ["ignite", *MIXTURE, "--T", "1200,30000", "--out", str(table.parent)], 3,
               "1 of 2 reactors failed")  # fmt: skip
    yield rows(table, "delay_s")


def experiments(folder: Path) -> Iterator[Member]:
    data = folder / "data.yaml"
    text = DATA.read_text()
    data.write_text(text.replace("1164.97 kelvin", "5500 kelvin"))
    table = folder / "d" / "validate.csv"
    yield said("validate, one of 5 points at 5500 K", ["validate", H2, str(data), "--out", str(table.parent)], 3,
               "1 points could not be simulated")  # fmt: skip
    yield rows(table, "delay_simulated_s")


def rows(table: Path, column: str) -> Member:
    """One row failed, and says why; the others hold numbers."""
    found = list(csv.DictReader(table.open())) if table.is_file() else []
    good = [row for row in found if not row["reason"] and row[column] not in ("", "nan")]
    bad = [row for row in found if row["reason"] and row[column] == "nan"]
    outcome = f"{len(good)} rows with a number, {len(bad)} with a reason: {bad[0]['reason'][:200] if bad else ''}"
    return Member(f"{table.name} of these", "one row with a reason, the others with numbers", outcome,
                  len(bad) == 1 and len(good) == len(found) - 1 > 0)  # fmt: skip


def cases(folder: Path) -> Iterator[Member]:
    def check(tried: str, code: int, word: str, *changes: str) -> Member:
        sets = [argument for change in changes for argument in ("--set", change)]
        return said(f"check: {tried}", ["check", str(CASE), "--out", str(folder / "run"), *sets], code, word)

    yield check("initial flame of N2", 3, "does not burn", 'initial.fuel="N2:1"')
    yield check("inflow directed outwards", 2, "boundary.x_low", "boundary.x_low.velocity=-1.0")
    yield check("a fixed step above the stable one", 0, "numerics.dt", "numerics.dt=1e-3")
    yield check("an inflow at 250 m/s", 0, "Mach", "boundary.x_low.velocity=250.0")
    if IGNITING:
        yield check("initial flame at 1050 K", 3, "ignites by itself", "initial.temperature=1050.0")


VERBS = (flamespeeds, delays, experiments)
SMOKE = {"PHIS": PHIS[:1], "HOT": (), "IGNITING": (), "BURNERS": BURNERS[:1], "LIFTED": LIFTED[-1:], "OUT": OUT[-1:],
         "VERBS": VERBS[:1]}  # fmt: skip
