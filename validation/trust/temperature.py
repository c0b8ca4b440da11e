"""Temperature from enthalpy over all that the data hold, and temperatures beyond them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import cantera as ct
import numpy as np
import torch

from combust.errors import StateError
from combust.kinetics.gas import data_range
from combust.kinetics.mechanism import reactions
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import temperature as inverse
from combust.kinetics.rates.thermo import Thermo, h_mass, thermo_from_cantera
from validation.trust import Member

KIND = (
    "The temperature of an enthalpy is found wherever the thermodynamic data hold one, to 1e-10, whatever their "
    "polynomials do beyond; energies that belong to no temperature are refused; leaving the data is said."
)
PHASE = re.compile(r"^- name: (.+)\n  thermo: ideal-gas$", re.MULTILINE)
FILES, REACTORS = "**/*.yaml", ("h2o2.yaml", "gri30.yaml", "SiF4_NH3_mec.yaml", "airNASA9.yaml")  # of Cantera's folder
SMOKE = {"FILES": "h2o2.yaml", "REACTORS": ("h2o2.yaml",), "POINTS": 3, "DATABASE": "h2o2.yaml"}
DATABASE = "nasa_gas.yaml"
POINTS, CLOSE = 20, 1e-10


def members() -> Iterator[Member]:
    """All species of all gas phases of the wheel and of its NASA database, pure and mixed; what is beyond."""
    warnings.simplefilter("ignore")
    folder = Path(ct.__file__).parent / "data"
    for file in sorted(folder.glob(FILES)):
        for phase in PHASE.findall(file.read_text(encoding="utf-8")):
            gas = ct.Solution(str(file), phase, transport_model=None)
            yield from _phase(f"{file.relative_to(folder)}, phase {phase}", gas)
    species = ct.Species.list_from_file(DATABASE)
    yield from _phase(DATABASE, ct.Solution(thermo="ideal-gas", species=species))
    yield from _turning()
    for path in REACTORS:
        yield from _reactors(Mechanism.load(path))


def _phase(name: str, gas: ct.Solution) -> Iterator[Member]:
    data, limits = thermo_from_cantera(gas), torch.tensor(reactions.temperature_limits(gas))
    limits = limits.clamp(1.0, inverse.T_END)
    where, n, rng = inverse.ranges(data, limits), gas.n_species, np.random.default_rng(0)
    worst = {"pure": 0.0, "mixed": 0.0}
    try:
        for k in range(n):
            Y = torch.zeros(n, POINTS, dtype=torch.float64)
            Y[k] = 1.0
            T = torch.linspace(float(limits[0, k]), float(limits[1, k]), POINTS, dtype=torch.float64)
            worst["pure"] = max(worst["pure"], _error(data, where, T, Y))
        low, high = float(limits[0].max()), float(limits[1].min())
        T = torch.tensor(rng.uniform(low, high, 200))
        Y = torch.tensor(rng.dirichlet(np.full(n, 0.3), 200).T)
        worst["mixed"] = _error(data, where, T, Y) if low < high else 0.0
    except StateError as error:
        yield Member(f"{name}: {n} species", "found to 1e-10", f"refused: {str(error)[:90]}", False)
        return
    said = ", ".join(f"{kind} {error:.1e}" for kind, error in worst.items())
    tried = f"{name}: {n} species pure at {POINTS} temperatures of their data, 200 mixtures"
    yield Member(tried, f"found to {CLOSE:g}", said, max(worst.values()) <= CLOSE)


def _reactors(gas: Mechanism) -> Iterator[Member]:
    """Pure species at temperatures of their data, each in a reactor for 1e-15 s."""
    (low, high), n = gas.T_limits, len(gas.species)
    T = (low[:, None] + (high - low)[:, None] * torch.linspace(0, 1, POINTS, dtype=torch.float64)).reshape(-1)
    Y = torch.eye(n, dtype=torch.float64).repeat_interleave(POINTS, 1)
    for hold in ("hp", "uv"):
        change = float((gas.integrate(T, 1e5, Y, 1e-15, hold=hold).T / T - 1).abs().max())
        tried = f"{gas.path}: {n} species pure, reactors at constant {' and '.join(hold)}"
        yield Member(tried, "T stays within 1e-3 over 1e-15 s", f"{change:.1e}", change <= 1e-3)


def _error(data: Thermo, where: inverse.Ranges, T: torch.Tensor, Y: torch.Tensor) -> float:
    found = inverse.solve_temperature(data, where, (Y * h_mass(data, T)).sum(0), Y)
    return float((found / T - 1).abs().max())


def _turning() -> Iterator[Member]:
    """Heat capacities that turn negative beyond the data, as those of silane in common files."""
    high, low = (4.22, 9e-3, -3e-6, 0, 0, 2112.4, -2.8638), (1.45, 0.01399, -4.23e-6, -2.36e-9, 1.37e-12, 3113.4, 12.34)
    silane = ct.Species("SIH4", {"Si": 1, "H": 4})
    silane.thermo = ct.NasaPoly2(300.0, 2000.0, ct.one_atm, [1000.0, *high, *low])
    gas = ct.Solution(thermo="ideal-gas", species=[silane])
    yield from _phase("a polynomial whose heat capacity is negative from 3411 K on", gas)
    data, limits = thermo_from_cantera(gas), torch.tensor(reactions.temperature_limits(gas))
    where, Y = inverse.ranges(data, limits), torch.ones(1, 1, dtype=torch.float64)
    for T, right in ((120.0, "120 K"), (3300.0, "3300 K")):
        found = float(inverse.solve_temperature(data, where, h_mass(data, torch.tensor([T], dtype=Y.dtype))[0], Y))
        yield Member(f"the same at {T:g} K, beyond its data", right, f"{found:.6g} K", abs(found / T - 1) <= CLOSE)
    try:
        said = f"{float(inverse.solve_temperature(data, where, torch.tensor([1e9], dtype=Y.dtype), Y)):g} K"
    except StateError as error:
        said = str(error)
    named = "in cell (0,) belongs to no" in said
    yield Member("the same at 1e9 J/kg", "refused with cell and range", said[:110], named)
    beyond = data_range.excess(limits, torch.tensor([250.0, 2500.0], dtype=Y.dtype), Y.expand(1, 2))
    yield Member("the same at 250 and 2500 K in a reactor", "50 K below, 500 K above", str(beyond.reshape(-1).tolist()),
                 beyond.reshape(-1).tolist() == [50.0, 500.0])  # fmt: skip
