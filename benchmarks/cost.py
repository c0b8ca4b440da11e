"""What exact chemistry costs against the number of species, 10 to 1268, and of cells, 1 to a million.

    python benchmarks/cost.py                                    # all mechanisms; cells of three of them
    python benchmarks/cost.py --mech n-hexane --cells ''         # one; without the second part

States of a constant-pressure ignition (phi 1, air, 1300 K, 1 atm) at CVODE's steps. The parts of a step are timed in
C++, eight cells side by side (benchmarks/parts.cpp); a whole step of rodas5p is one Jacobian, its factors, 8 rates and
8 solves. 1 us: `gas.integrate` beside Cantera's CVODE, cell by cell, beyond 200 species with its adaptive
preconditioner; in turn. Parts of n-hexane's mechanism are its species of up to so many carbon atoms. CPU time, one
thread. --keep also draws docs/pictures/cost.png.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from pairs import FOLDER, Sheet, done, in_turn, parsed, parser
from states import AIR, PHASES, restarted
from torch import Tensor

from combust import kernels, machine_code
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.native import integrator, library, structure, tables
from combust.kinetics.integrate.reactor import ReactorIntegrator
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.machine import peak_memory
from combust.reduction.submechanism import Parent
from combust.report.charts import drawing

METHOD = "rodas5p"  # of `gas.integrate`
HEXANE = "example_data/n-hexane-NUIG-2015.yaml"
DT, T_START = 1e-6, 1300.0
RTOL, ATOL = (1e-4, 1e-6), 1e-4  # atol over rtol
DENSE = 200  # species, beyond which CVODE gets its preconditioner
MANY = 200_000  # cells whose memory is measured: beyond 65536 at a time it grows with inputs and results alone
COUNTS = tuple(10**i for i in range(7))
PICTURE = FOLDER.parent / "pictures" / "cost.png"
SMOKE = "--mech h2o2 --cells h2o2 --most 10 --compilations 0 --rounds 2"


class Case(NamedTuple):
    """A mechanism: its file, the fuel, and of a part the most carbon atoms of a species."""

    path: str
    fuel: str
    carbons: int | None = None


CASES = {
    "h2o2": Case("h2o2.yaml", "H2:1"),
    "methane_cfd": Case("methane_cfd.yaml", "CH4:1"),
    "ammonia": Case("example_data/ammonia-CO-H2-Alzueta-2023.yaml", "NH3:1"),
    "gri30": Case("gri30.yaml", "CH4:1"),
    "n-dodecane": Case("nDodecane_Reitz.yaml", "c12h26:1"),
    "n-hexane, to C2": Case(HEXANE, "C2H6:1", 2),
    "n-hexane, to C3": Case(HEXANE, "C3H8:1", 3),
    "n-hexane, to C4": Case(HEXANE, "C4H10:1", 4),
    "n-hexane, to C5": Case(HEXANE, "NC5H12:1", 5),
    "n-hexane": Case(HEXANE, "NC6H14:1"),
}


def load(case: Case, folder: Path) -> Mechanism:
    """The mechanism, or the part of it, written into a folder."""
    gas = Mechanism.load(case.path, PHASES.get(case.path))
    if case.carbons is None:
        return gas
    few = [k for k, s in enumerate(gas.cantera().species()) if s.composition.get("C", 0) <= case.carbons]
    parent = Parent(gas)
    file = folder / f"c{case.carbons}.yaml"
    file.write_text(parent.yaml(parent.keep(few), {"of": gas.path}), encoding="utf-8")
    return Mechanism.load(str(file))


def network(gas: Mechanism, adaptive: bool, rtol: float) -> tuple[ct.Solution, ct.Reactor, ct.ReactorNet]:
    """Cantera's constant-pressure reactor in the state of the solution."""
    solution = gas.cantera(transport=False)
    kind = ct.IdealGasConstPressureMoleReactor if adaptive else ct.IdealGasConstPressureReactor
    reactor = kind(solution, clone=False)
    net = ct.ReactorNet([reactor])
    net.rtol, net.atol = rtol, ATOL * rtol
    if adaptive:
        net.preconditioner = ct.AdaptivePreconditioner()
    return solution, reactor, net


def ignition(gas: Mechanism, fuel: str, cells: int) -> tuple[Tensor, Tensor]:
    """T (cells,), Y (species, cells), in random order so that neighbours are no easier than in a flow."""
    solution, reactor, net = network(gas, len(gas.species) > DENSE, 1e-6)
    solution.TP = T_START, ct.one_atm
    solution.set_equivalence_ratio(1.0, fuel, AIR)
    reactor.syncState()
    T, Y = [T_START], [solution.Y.copy()]
    while net.time < 1.0 and (T[-1] < T_START + 400 or T[-1] - T[-2] > 1e-3):
        net.step()
        T.append(reactor.T)
        Y.append(solution.Y.copy())
    pick = np.random.default_rng(0).permutation(np.arange(cells) * len(T) // cells)
    rows = np.maximum(np.array(Y)[pick].T, 0.0)
    return torch.tensor(np.array(T)[pick]), torch.tensor(rows / rows.sum(0))


def by_cvode(gas: Mechanism, T: Tensor, Y: Tensor, rtol: float) -> Callable[[], None]:
    """All cells over DT, one after the other."""
    solution, reactor, net = network(gas, len(gas.species) > DENSE, rtol)
    rows = [(float(t), ct.one_atm, y) for t, y in zip(T, Y.T.numpy(), strict=True)]

    def run() -> None:
        for row in rows:
            solution.TPY = row
            restarted(reactor, net, DT)

    return run


def by_us(gas: Mechanism, T: Tensor, Y: Tensor, rtol: float) -> Callable[[], object]:
    """All cells over DT."""
    return lambda: gas.integrate(T, ct.one_atm, Y, DT, rtol=rtol, atol=ATOL * rtol)


def compiled(source: Path, folder: Path, lanes: int = library.LANES) -> Path:
    """A file of C++ compiled as the integrator is; `folder` has the integrator's sources."""
    made = folder / f"{source.stem}.so"
    command = [
        *machine_code.compiler(),
        *machine_code.FLAGS,
        f"-DLANES={lanes}",
        "-I",
        str(folder),
        "-o",
        str(made),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return made


def parts_library(folder: Path) -> ctypes.CDLL:
    """benchmarks/parts.cpp and the integrator, compiled."""
    code = ctypes.CDLL(str(compiled(Path(__file__).with_name("parts.cpp"), folder)))
    pointer, real, whole = ctypes.c_void_p, ctypes.c_double, ctypes.c_int64
    code.cost_parts.argtypes = [pointer, whole, pointer, real, real, whole, pointer]
    code.cost_parts.restype = None
    return code


def parts(code: ctypes.CDLL, gas: Mechanism, T: Tensor, Y: Tensor, rounds: int) -> dict[str, float]:
    """us a cell of rates, Jacobian, factors and a solve, and kB a cell that a thread works in; medians."""
    native = integrator.compiled_for(gas.kinetics)
    if native is None:
        raise SystemExit("no C++ compiler")
    lanes = torch.cat([T[:8].unsqueeze(0), Y[:, :8]]).contiguous()
    repeats = max(20, 1_000_000 // len(gas.species) ** 2)
    found = np.zeros((rounds, 5))
    for row in found:
        code.cost_parts(ctypes.byref(native.made), METHODS[METHOD].stages, lanes.data_ptr(), ct.one_atm, 1e7, repeats,
                        row.ctypes.data)  # fmt: skip
    median = np.median(found, axis=0)
    names = ("rates", "Jacobian", "factors", "a solve")
    return dict(zip(names, (1e6 / 8 * median[:4]).tolist(), strict=True)) | {"kB a cell": median[4] / 8e3}


def whole_steps(gas: Mechanism, T: Tensor, Y: Tensor) -> tuple[Callable[[], object], int]:
    """The steps of all cells over DT, and how many they are, refused ones included."""
    own = ReactorIntegrator(gas, "hp", RTOL[1], ATOL * RTOL[1])
    batch = own.batch(T, torch.full_like(T, ct.one_atm), Y, torch.full_like(T, DT))
    first = own.first_steps(batch, own.rates(batch))
    job = own.system, own.method, own.tolerance, batch.z, batch.s, batch.dt, first, own.block, batch.fixed
    path = ode.integrate_cells(*job)
    return lambda: ode.integrate_cells(*job), path.steps + path.rejected


def against_species(sheet: Sheet, name: str, folder: Path, code: ctypes.CDLL, rounds: int) -> None:
    """The row of a mechanism, and its ratio to CVODE."""
    case = CASES[name]
    gas = load(case, folder)
    n = len(gas.species)
    T, Y = ignition(gas, case.fuel, min(2000, max(32, 40_000 // n)))
    few = slice(0, max(3, min(100, 8000 // n)))
    path, steps = whole_steps(gas, T, Y)
    calls = {f"1 us, {rtol:.0e}": by_us(gas, T, Y, rtol) for rtol in RTOL}
    calls |= {"steps": path, "CVODE, 1e-06": by_cvode(gas, T[few], Y[:, few], RTOL[1])}
    seconds = in_turn(calls, rounds)
    per_cell = {"CVODE, 1e-06": len(T[few]), "steps": steps}
    cost = {what: 1e6 * s / per_cell.get(what, len(T)) for what, s in seconds.items()}
    label = f"species: {name}"
    sheet.ratio(f"{label}, {n}: 1 us at rtol 1e-06, CVODE / combust", cost["CVODE, 1e-06"], cost["1 us, 1e-06"],
                "us/cell")  # fmt: skip
    known = tables.tables_of(gas.kinetics)
    made = in_turn({"tables": lambda: tables_anew(gas)}, rounds)["tables"]
    row = {"species": n, "reactions": len(gas.kinetics.rates.A)} | parts(code, gas, T, Y, rounds)
    memory = row.pop("kB a cell")
    row |= {"a step": cost["steps"]} | {what: cost[what] for what in cost if what != "steps"}
    row = {key: value if isinstance(value, int) else float(np.median(value)) for key, value in row.items()}
    row |= {
        "entries of J": entries_of_jacobian(known),
        "of factors": int(known["matrix_entries"]),
        "dense": (n + 1) ** 2,
    }
    row |= {"kB a cell": memory, "tables [s]": float(np.median(made))}
    sheet.phases(label, row, "us/cell")
    print("   ", {key: float(f"{value:.4g}") for key, value in row.items()}, flush=True)


def tables_anew(gas: Mechanism) -> dict[str, tables.Value]:
    """As for a mechanism that is met for the first time."""
    structure._made.cache_clear()
    return tables.tables_of(gas.kinetics)


def entries_of_jacobian(known: dict[str, tables.Value]) -> int:
    """Those with a term of their own, the diagonal, and the border: rows and columns of the sum of moles and of T."""
    n, terms = int(known["species"]), np.diff(known["term_start"]) > 0
    inner = {*np.asarray(known["term_place"])[terms].tolist(), *np.asarray(known["diagonal_place"])[:n].tolist()}
    return len(inner) + 2 * n + 2 * (n + 2)


def against_cells(sheet: Sheet, name: str, most: int, folder: Path, rounds: int) -> None:
    """The row of a mechanism over numbers of cells, and the memory of many."""
    case = CASES[name]
    gas = load(case, folder)
    some, row, rtol = ignition(gas, case.fuel, 1000), {}, RTOL[0]
    for count in (c for c in COUNTS if c <= most):
        pick = torch.arange(count) % 1000
        T, Y = some[0][pick], some[1][:, pick].contiguous()
        seconds = in_turn({"ours": by_us(gas, T, Y, rtol)}, rounds, least=0.02 if count < 1000 else 0.0)["ours"]
        spread = sheet.cost(f"cells: {name}, {count}: 1 us at rtol {rtol:.0e}", 1e6 * seconds / count, "us/cell")
        row[f"{count:.0e}"] = spread.median
        print(f"    {name}, {count}: {spread.median:.4g} us a cell", flush=True)
    few = slice(0, 100 if len(gas.species) < 40 else 30)
    theirs = 1e6 * in_turn({"theirs": by_cvode(gas, some[0][few], some[1][:, few], rtol)}, rounds)["theirs"]
    row["CVODE"] = float(np.median(theirs / len(some[0][few])))
    if most >= MANY:
        row["bytes a cell"] = memory_of(name, MANY)
    sheet.phases(f"cells: {name}", row, "us/cell")


def memory_of(name: str, cells: int) -> int:
    """Bytes a cell that the peak memory of a new process grows by in a call."""
    command = [sys.executable, __file__, "--memory", name, "--most", str(cells)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def grown(case: Case, cells: int, folder: Path) -> int:
    """The same in this process; a call of few cells comes first."""
    gas = load(case, folder)
    some = ignition(gas, case.fuel, 1000)
    pick = torch.arange(cells) % 1000
    T, Y = some[0][pick], some[1][:, pick].contiguous()
    by_us(gas, *(x[..., :1000].contiguous() for x in (T, Y)), RTOL[0])()
    before = peak_memory()
    by_us(gas, T, Y, RTOL[0])()
    return (peak_memory() - before) // cells


def compilation(sheet: Sheet, folder: Path, rounds: int) -> None:
    """The C++ code, which serves all mechanisms, compiled as at its first use."""

    def of_children() -> float:
        times = os.times()
        return times.children_user + times.children_system

    kinds = {f"{n} cells side by side": n for n in (library.LANES, integrator.NARROW)}
    calls = {name: lambda n=n: compiled(folder / library.code().main, folder, n) for name, n in kinds.items()}
    for name, seconds in in_turn(calls, rounds, of_children).items():
        sheet.cost(f"compilation, {name}", seconds, "s")


def draw(to: Path, found: dict[str, dict[str, float]]) -> None:
    """Cost over species and over cells, from rows of `against_species` and `against_cells`."""
    rows = {
        over: {k.partition(": ")[2]: v for k, v in found.items() if k.startswith(over)} for over in ("species", "cells")
    }
    with drawing(to, (9.0, 3.8)) as figure:
        left, right = figure.subplots(1, 2)
        by_size = sorted(rows["species"].values(), key=lambda row: row["species"])
        for what in ("rates", "Jacobian", "factors", "a solve", "a step", "1 us, 1e-06", "CVODE, 1e-06"):
            style = "--k" if what.startswith("CVODE") else "-"
            left.plot([r["species"] for r in by_size], [r[what] for r in by_size], style, marker="o", ms=3, label=what)
        left.set_xlabel("species")
        left.set_ylabel("us per cell, one core")
        for i, (name, row) in enumerate(rows["cells"].items()):
            points = {float(count): cost for count, cost in row.items() if count[0].isdigit()}
            right.plot(list(points), list(points.values()), "-o", ms=3, color=f"C{i}", label=name)
            right.axhline(row["CVODE"], ls="--", lw=0.8, color=f"C{i}")
        right.set_xlabel("cells (1 us at rtol 1e-4; dashed: CVODE, one by one)")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.legend(frameon=False, fontsize=7)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--mech", default=";".join(CASES), help="of the cost against species, parted by ;")
    made.add_argument("--cells", default="h2o2;methane_cfd;gri30", help="of the cost against cells")
    made.add_argument("--most", type=int, default=COUNTS[-1], help="cells")
    made.add_argument("--memory", help="only prints the bytes a cell of a mechanism, with as many cells")
    made.add_argument("--compilations", type=int, default=5)
    made.add_argument("--rounds", type=int, default=5)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """All rows."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    if options.memory:
        with tempfile.TemporaryDirectory() as name:
            print(grown(CASES[options.memory], options.most, Path(name)))
        return Sheet("cost", quiet=True)
    sheet = Sheet("cost")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in library.code().texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        if options.compilations:
            compilation(sheet, folder, options.compilations)
        code = parts_library(folder) if options.mech else None
        for mech in filter(None, options.mech.split(";")):
            against_species(sheet, mech, folder, code, options.rounds)
        for mech in filter(None, options.cells.split(";")):
            against_cells(sheet, mech, options.most, folder, options.rounds)
    if options.keep and not options.smoke:
        draw(PICTURE, {label: part["phases"] for label, part in json.loads(sheet.keep().read_text())["phases"].items()})
    return done(sheet, options)


if __name__ == "__main__":
    main()
