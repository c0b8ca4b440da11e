"""Free flames whose printed speed is held against one extrapolated from grids with twice the points."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from combust.kinetics.flames.free import FlameProfile, compute_or_load, free_flame
from combust.kinetics.flames.store import file_of
from combust.kinetics.mechanism.mechanism import Mechanism
from validation.reference import AIR, halved, query_of
from validation.trust import Member

KIND = (
    "A flame speed is the number that is asked for: by default within 0.5 % (--refine extrapolated), converged within "
    "0.1 % of the speed extrapolated from grids with twice the points, and no further off than the error printed "
    "beside it allows; each converged flame takes less than 5 minutes of one core."
)
ATM = 101325.0
AMMONIA = "example_data/ammonia-CO-H2-Alzueta-2023.yaml"
DEFAULT, CONVERGED, SECONDS = 5e-3, 1e-3, 300.0


@dataclass(frozen=True)
class Flame:
    """Fuel in air at 300 K; p in atm."""

    mechanism: str
    fuel: str
    phi: float
    p: float

    def __str__(self) -> str:
        mechanism = self.mechanism.rpartition("/")[2].removesuffix(".yaml")
        return f"{self.fuel} in air, phi {self.phi:g}, {self.p:g} atm, {mechanism}"

    def solved(self, refine: str) -> FlameProfile:
        return free_flame(self.mechanism, 300.0, self.p * ATM, self.fuel, AIR, self.phi, refine=refine)  # type: ignore


FLAMES = (
    Flame("h2o2.yaml", "H2:1", 1.0, 1.0),
    Flame("h2o2.yaml", "H2:1", 0.5, 1.0),
    Flame("methane_cfd.yaml", "CH4:1", 1.15, 3.0),
    Flame("methane_cfd.yaml", "CH4:1", 1.0, 20.0),
    Flame("gri30.yaml", "CH4:1", 0.75, 1.0),
    Flame("gri30.yaml", "C2H4:1", 1.0, 1.0),
    Flame("gri30.yaml", "C2H4:1", 0.8, 5.0),
    Flame("gri30.yaml", "CO:1, H2:1", 0.8, 5.0),
    Flame(AMMONIA, "NH3:0.7, H2:0.3", 1.1, 1.0),
    Flame("h2o2.yaml", "H2:1", 0.6, 10.0),
)

FINE = "converged"
SMOKE = {"FLAMES": FLAMES[:1], "FINE": "extrapolated"}


def members() -> Iterator[Member]:
    """Each flame as the default gives it, and converged."""
    for flame in FLAMES:
        begin = time.process_time()
        fine = flame.solved(FINE)
        spent = time.process_time() - begin
        exact = reference(flame, fine)
        right = f"{exact:.5f} m/s (Cantera on {2 * len(fine.x) - 1} points and half of them, extrapolated)"
        quick = flame.solved("extrapolated")
        for name, found, limit in (("default", quick, DEFAULT), ("converged", fine, CONVERGED)):
            error = found.speed / exact - 1
            own = found.grid_speed / exact - 1
            outcome = (
                f"{found.speed:.5f} m/s, {100 * error:+.3f} %; printed error {100 * found.speed_error:.2g} %; "
                f"own of {len(found.x)} points {100 * own:+.2f} %"
            )
            honest = abs(error) <= max(found.speed_error, CONVERGED)
            yield Member(f"{flame}: {name}", right, outcome, abs(error) <= limit and honest and spent < SECONDS)


def reference(flame: Flame, fine: FlameProfile) -> float:
    """Speed [m/s] extrapolated from the grid of `fine`, and from that with every interval cut in two once more."""
    gas = Mechanism.load(flame.mechanism)
    query = query_of(gas, 300.0, flame.p * ATM, flame.fuel, flame.phi, fine)
    finest = compute_or_load(file_of("reference", query), partial(halved, query, gas, fine))
    return 2 * finest.grid_speed - fine.grid_speed
