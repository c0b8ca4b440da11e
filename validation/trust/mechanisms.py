"""Ways to write a mechanism, all phases of Cantera's wheel, misread numbers, and the time that loading takes."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cantera as ct
import numpy as np
import torch

from combust.errors import MechanismError
from combust.kinetics.mechanism import guard
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import production as rates
from combust.kinetics.rates import thermo
from combust.reduction.submechanism import Parent
from tests import mechanism_members
from validation.agreement import rate_error
from validation.trust import Member

KIND = (
    "A mechanism is read as Cantera means it (rates to 1e-10 of the larger direction, production rates to 1e-10 of the "
    "sum of their terms, at 200 random states), or refused by name; what is misread is noticed when it is loaded."
)
RATES, SECONDS, STATES = 1e-10, 5.0, 200
INPUTS = Path(__file__).parents[2] / "tests" / "faults" / "inputs"
FAULTS = ("tsang_B0_two", "case_efficiency", "case_collider", "case_reactant", "null_net")
PHASE = re.compile(r"^- name: (.+)\n  thermo: (ideal-gas|plasma)$", re.MULTILINE)
HEXANE = "example_data/n-hexane-NUIG-2015.yaml"
LARGE = (HEXANE, ("NC6H14", "O2", "N2"), 436)  # file, where a part of it begins, species of the part
WAYS, FLOATS = None, None  # how many ways to write, and floats to falsify; all
FILES = "**/*.yaml"  # of Cantera's folder
TYPES = ("special_rates", "pressure_rates", "falloff_rates", "linear_burke_rates")
LOAD = """
import sys, time, torch, warnings
warnings.simplefilter("ignore")
import cantera as ct
from combust.kinetics import Mechanism
begin = time.process_time()
if sys.argv[2] == "cantera":
    ct.Solution(sys.argv[1], transport_model=None)
else:
    Mechanism.load(sys.argv[1])
print(time.process_time() - begin)
"""
SMOKE = {
    "FAULTS": FAULTS[:1],
    "TYPES": TYPES[:1],
    "FILES": "h2o2.yaml",
    "STATES": 2,
    "WAYS": 2,
    "FLOATS": 2,
    "LARGE": ("gri30.yaml", ("CH4", "O2", "N2"), 20),
    "_seconds": lambda path, how: _seconds_here(path, how),
}


def members() -> Iterator[Member]:
    """Inputs of the fault folder, ways to write, phases of the wheel, names of phases, falsified numbers, times."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name in FAULTS:
            yield _rates(f"{name}.yaml", INPUTS / f"{name}.yaml")
        for name in mechanism_members.members()[:WAYS]:
            yield _rates(name, mechanism_members.write(name, Path(folder)))
        yield from _wheel()
        yield from _phases()
        yield from _falsified()
        yield from _times(Path(folder))


def _rates(name: str, path: str | Path, phase: str | None = None, **options: Any) -> Member:
    try:
        error = _error(Mechanism.load(path, phase, **options))
    except MechanismError as refused:
        return Member(name, f"Cantera's rates to {RATES:g}", f"refused: {str(refused)[:80]}", False)
    return Member(name, f"Cantera's rates to {RATES:g}", f"{error:.1e}", error <= RATES)


def _error(gas: Mechanism, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    T, p = rng.uniform(300, 3000, STATES), ct.one_atm * 10 ** rng.uniform(-2, 2, STATES)
    return rate_error(gas, T, p, rng.dirichlet(np.full(len(gas.species), 0.5), STATES).T)


def _wheel() -> Iterator[Member]:
    """Every gas phase that comes with Cantera."""
    folder = Path(ct.__file__).parent / "data"
    for file in sorted(folder.glob(FILES)):
        for phase, model in PHASE.findall(file.read_text(encoding="utf-8")):
            name = f"{file.relative_to(folder)}, phase {phase}"
            if model == "ideal-gas":
                yield _rates(name, file, phase, ions="neutral")
            else:
                yield _refused(name, "refused: a plasma", str(file), phase)


def _refused(name: str, right: str, path: str, phase: str | None = None, says: str = "not covered") -> Member:
    try:
        Mechanism.load(path, phase)
    except MechanismError as error:
        text = " ".join(str(error).rpartition("/")[2].split())
        return Member(name, right, f"refused: {text[:90]}", says in str(error))
    return Member(name, right, "loaded", False)


def _phases() -> Iterator[Member]:
    file = "nDodecane_Reitz.yaml"
    found = Mechanism.load(file).name
    yield Member(f"{file} without a phase", "nDodecane_IG, the first ideal gas", found, found == "nDodecane_IG")
    yield _refused(f"{file}, phase nDodecane_RK", "refused: Redlich-Kwong", file, "nDodecane_RK", "Redlich-Kwong")
    yield _refused(f"{file}, phase gas", "refused, its phases named", file, "gas", "nDodecane_RK, nDodecane_IG")
    file = "gri30_ion.yaml"
    yield _refused(file, "refused: ions would diffuse like neutrals", file, None, "--ions neutral")


def _falsified() -> Iterator[Member]:
    """Every float that the rates of each type are made of, changed by 1 % alone."""
    for name in TYPES:
        gas = Mechanism.load(Path(__file__).parents[2] / "tests" / "unit" / f"{name}.yaml")
        solution, tried, missed = gas.cantera(), 0, []
        for path, x in _tensors(gas.kinetics._replace(pattern=())):
            if x.dtype != torch.float64 or path[-1] in ("shift", "multiplier"):
                continue
            for i in range(x.numel())[:FLOATS]:
                new = x.clone()
                new.view(-1)[i] = new.view(-1)[i] * 1.01 + 0.003
                wrong = _replaced(gas.kinetics, path, new)
                if _felt(gas, wrong):
                    tried += 1
                    if not _noticed(wrong, solution, gas):
                        missed.append(f"{'.'.join(map(str, path))}[{i}]")
        right = "each noticed that changes a rate or a property by more than 1e-5"
        said = f"{tried} tried, missed: {', '.join(missed) or 'none'}"
        yield Member(f"{name}.yaml with one number off by 1 %", right, said, not missed and tried > 50)


def _tensors(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], torch.Tensor]]:
    if isinstance(data, torch.Tensor):
        yield path, data
    elif isinstance(data, tuple):
        for place, part in zip(getattr(data, "_fields", range(len(data))), data, strict=True):
            yield from _tensors(part, (*path, place))


def _replaced(data: Any, path: tuple[Any, ...], new: torch.Tensor) -> Any:
    if not path:
        return new
    place, *rest = path
    if isinstance(place, str):
        return data._replace(**{place: _replaced(getattr(data, place), tuple(rest), new)})
    return (*data[:place], _replaced(data[place], tuple(rest), new), *data[place + 1 :])


def _felt(gas: Mechanism, wrong: Any) -> bool:
    X = torch.tensor(guard.amounts(len(gas.species)))
    T = torch.tensor([1000.0, 1500.0, 2200.0], dtype=torch.float64)
    C = X[:, None] * torch.tensor([1e4, 1e5, 2e6]) / (thermo.GAS_CONSTANT * T)
    one, other = (
        torch.cat([*rates.rates_of_progress(kin, T, C), thermo.h_RT(kin.thermo, T), thermo.s_R(kin.thermo, T)])
        for kin in (gas.kinetics, wrong)
    )
    n = gas.rates.order.shape[0]
    larger = torch.maximum(one[:n].abs(), one[n : 2 * n].abs()) + 1e-200
    scale = torch.cat([larger, larger, one[2 * n :].abs().clamp(min=1.0)])
    return bool((((other - one).abs() / scale).nan_to_num(nan=1.0) > 1e-5).any())


def _noticed(wrong: Any, solution: ct.Solution, gas: Mechanism) -> bool:
    try:
        guard.require_rates(wrong, solution, gas.species)
    except MechanismError:
        return True
    return False


def _times(folder: Path) -> Iterator[Member]:
    """n-hexane, and two parts of it as `combust reduce` writes them, one with transport data that are made up."""
    file, begin, count = LARGE
    parent = Parent(Mechanism.load(file))
    part = parent.keep(_neighbours(parent, begin, count))
    skeleton = folder / "skeleton.yaml"
    skeleton.write_text(parent.yaml(part, {}), encoding="utf-8")
    tried = {
        f"{Path(file).stem}, {len(parent.gas.species)} species": file, f"a part of it, {part}": str(skeleton),
        f"the same with transport data, {part}": str(_with_transport(skeleton)),
    }  # fmt: skip
    for name, path in tried.items():
        ours, floor = _seconds(path, "combust"), _seconds(path, "cantera")
        said = f"{ours:.1f} s, of which Cantera reads for {floor:.1f} s"
        yield Member(f"loading {name}", f"{SECONDS:g} s of a core", said, ours <= SECONDS)


def _seconds(path: str, how: str) -> float:
    """Of the processor, in a process that has not read the file before."""
    command = [sys.executable, "-c", LOAD, path, how]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _seconds_here(path: str, how: str) -> float:
    """The same in this process."""
    said = io.StringIO()
    with patch.object(sys, "argv", ["-c", path, how]), contextlib.redirect_stdout(said):
        exec(LOAD, {})
    return float(said.getvalue())


def _neighbours(parent: Parent, begin: tuple[str, ...], count: int) -> list[int]:
    """Species by how near they are to the fuel, the most connected ones first."""
    users: dict[int, list[int]] = {}
    for i, who in enumerate(parent.participants):
        for k in who:
            users.setdefault(k, []).append(i)
    found = [parent.gas.index(name) for name in begin]
    for k in found:  # grows while it is walked through
        near = set().union(*(parent.participants[i] for i in users.get(k, ()))) - set(found)
        found += sorted(near, key=lambda j: -len(users[j]))[:4]
        if len(found) >= count:
            break
    return found[:count]


def _with_transport(path: Path) -> Path:
    solution = ct.Solution(str(path))
    species = solution.species()
    for s in species:
        atoms, heavy = sum(s.composition.values()), sum(n for e, n in s.composition.items() if e != "H")
        shape = "atom" if atoms == 1 else "linear" if atoms == 2 else "nonlinear"
        s.transport = ct.GasTransportData(
            geometry=shape, diameter=(2.5 + 0.4 * heavy) * 1e-10, well_depth=(60 + 60 * heavy) * ct.boltzmann
        )
    whole = ct.Solution(thermo="ideal-gas", kinetics="gas", species=species, reactions=solution.reactions(), name="gas")
    made = path.with_name("transport.yaml")
    whole.write_yaml(made)
    key = "    kinetics: bulk\n"
    made.write_text(made.read_text().replace(key, f"{key}    transport: mixture-averaged\n", 1))
    return made
