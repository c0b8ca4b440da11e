"""What a step asks of other ranks, counted on 1 to 8 of them, and what follows for thousands."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from combust.cfd.mesh.block import choose_dims, split
from combust.cfd.pressure.multigrid.hierarchy import DEEP, FIRST, Direction, hierarchy
from combust.cfd.pressure.substructure import CELLS_PER_RANK
from combust.kinetics.providers.balance import overlaps, plan
from combust.parallel import ALONE, Communicator, all_or_none, world
from combust.profiling.command import profile
from combust.report.charts import drawing
from validation.report import ROOT, Report, chosen

TITLE = "Beyond one node: counts and a model"
RANKS = (1, 2, 4, 8)
HOW = ("weak", "strong")
EDGE = {"2-D": 24, "3-D": 10}  # cells of a direction and rank (weak), twice as many in all (strong)
SIDE = 6.283185307179586e-3
CHANGES = {
    "2-D": ["mesh.lower=[0.0,0.0]", f"mesh.upper=[{SIDE},{SIDE}]",
            'boundary={x={kind="periodic"},y={kind="periodic"}}'],
    "3-D": [],
}  # fmt: skip
COMMON = ["device=cpu", "numerics.compile=off", "numerics.dt_max=5e-7"]
SOLVERS = ("multigrid", "torch")  # of the pressure: that of processors, and that of devices
MANY = (8, 64, 512, 1000, 4096, 10000)
STEPS, WARM = 2, 1
SMOKE = {
    "RANKS": (1,),
    "HOW": ("weak",),
    "EDGE": {"2-D": 4, "3-D": 4},
    "STEPS": 1,
    "WARM": 0,
    "MANY": (8, 1000),
    "LAUNCHED": False,
}


class Machine(NamedTuple):
    """What a message and a cell take, as stated: no figure of it was measured on such a machine.

    solver : of the pressure
    latency [s] of a message, and of each of the log2(P) stages of a call of all ranks;  rate : bytes/s of a rank
    cell [s], host [s] : of a step, each cell and whatever the cells;  cells : of a rank, where scaling is weak
    """

    name: str
    solver: str
    latency: float
    rate: float
    cell: float
    host: float
    cells: int


# A core of a node of 64 with 25 GB/s to the others: cost of a cell as in docs/performance.md (hydrogen, 3-D, two
# sweeps, one core). A GPU with 25 GB/s of its own: a cell takes what its bytes take at 2 TB/s, the host 20 us for each
# of 40 waits. On both the host takes 5 us for each operation.
CORE = Machine("core", "multigrid", 1.5e-6, 25e9 / 64, 10.5e-6, 0.0, 32**3)
GPU = Machine("GPU", "torch", 3e-6, 25e9, 0.0, 40 * 20e-6, 160**3)
MEMORY, LAUNCH = 2e12, 5e-6
TOTAL = 1000**3  # cells, where scaling is strong


class Counts(NamedTuple):
    """Of a step and rank, the most of any rank.

    shape : cells of a rank along (x, y, z);  blocks : ranks so;  halo, pressure : messages and bytes of these phases
    operations : calls of kernels and of torch;  touched : bytes that these read and write at least
    """

    ranks: int
    shape: tuple[int, ...]
    blocks: tuple[int, ...]
    halo: tuple[float, float]
    pressure: tuple[float, float]
    messages: float
    sent: float
    reductions: float
    iterations: float
    operations: float
    touched: float
    pooled: float


def mesh(kind: str, ranks: int, weak: bool) -> list[int]:
    """Cells along x, y (and z): doubled in turn, x first, as ranks double."""
    d, edge = (2 if kind == "2-D" else 3), EDGE[kind]
    if not weak:
        return [2 * edge] * d
    doublings = round(math.log2(ranks))
    return [edge * 2 ** (doublings // d + (a < doublings % d)) for a in range(d)]


def counted(ranks: int) -> dict[str, Counts]:
    """Profiles all cases on so many ranks, by mpirun where there are several."""
    if ranks == 1:
        return profiles(ALONE)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts.json"
        command = [
            str(ROOT / "scripts" / "mpirun.sh"),
            "-n",
            str(ranks),
            sys.executable,
            "-m",
            "validation.scaling",
            str(out),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-2000:]}")
        return read(json.loads(out.read_text()))


def profiles(comm: Communicator) -> dict[str, Counts]:
    """The same on the ranks of `comm` (collective): of each case, in a plane and in a box, weak and strong."""
    found = {}
    for kind in EDGE:
        for how in HOW:
            cells = mesh(kind, comm.size, how == "weak")
            for solver in SOLVERS:
                changes = [f"mesh.cells={cells}", f"numerics.pressure.solver={solver}", *CHANGES[kind], *COMMON]
                report = profile(ROOT / "cases" / "tgv_reacting.toml", comm, changes, STEPS, WARM)
                found[f"{kind}, {how}, {solver}"] = counts(json.loads(json.dumps(report.tree())), cells)
    return found


def read(tree: dict[str, Any]) -> dict[str, Counts]:
    """Counts of JSON, by case: its lists are tuples."""
    return {
        name: Counts(**{key: tuple(x) if isinstance(x, list) else x for key, x in row.items()})
        for name, row in tree.items()
    }


def counts(tree: dict[str, Any], cells: Sequence[int]) -> Counts:
    """What the model needs of a profile's numbers."""
    phases = {p["name"]: p["counts"] for p in tree["phases"]} | {"all": tree["total"]["counts"]}

    def of(name: str, what: str) -> float:
        over = phases.get(name, {}).get(what, [0.0])
        return float(over["most"] if isinstance(over, dict) else over[-1])

    blocks = tuple(tree["blocks"])
    shape = tuple(-(-n // p) for n, p in zip([*cells, 1][:3], blocks, strict=True))
    return Counts(
        tree["ranks"], shape, blocks, (of("halo", "messages"), of("halo", "sent")),
        (of("pressure", "messages"), of("pressure", "sent")), of("all", "messages"), of("all", "sent"),
        of("all", "reductions"), tree["iterations"], of("all", "operations") + of("all", "kernels"),
        of("all", "touched"), tree["pooled"],
    )  # fmt: skip


# --- the model --------------------------------------------------------------------------------------------------


class Law(NamedTuple):
    """How the counts of a step and rank grow.

    swaps : messages of halos per cut direction;  per_face : bytes of halos per cell of the cut faces' areas
    iterations : of the pressure, each of the solver in torch with two messages per cut direction and a solve of the
        separable problem, each of multigrid with a cycle
    solves : of that problem beside the iterations;  reductions : calls that all ranks make together
    """

    solver: str
    swaps: float
    per_face: float
    iterations: float
    solves: float
    reductions: float


def cut_faces(blocks: Sequence[int], shape: Sequence[int]) -> list[int]:
    """Cells of a face of a block normal to each cut direction."""
    return [math.prod(shape) // n for n, p in zip(shape, blocks, strict=True) if p > 1]


def traded(blocks: Sequence[int], shape: Sequence[int]) -> tuple[float, float]:
    """Messages and bytes of a rank in one solve of the separable problem: of the cut directions one is solved by all
    ranks along it, if it is long enough; the others are traded for pencils and back, but the last stays a pencil.
    """
    cut = [a for a in (2, 1, 0) if blocks[a] > 1]  # z, y, x, as arrays have them
    together = [a for a in cut if shape[a] >= CELLS_PER_RANK * blocks[a]][-1:]
    pencils = [a for a in cut if a not in together]
    messages = size = 0.0
    for a in pencils:
        times = 2 if a == pencils[-1] and not together else 4
        messages += times * (blocks[a] - 1)
        size += times * 8.0 * math.prod(shape) * (1.0 - 1.0 / blocks[a])
    for a in together:
        messages += blocks[a] - 1
        size += (blocks[a] - 1) * 8.0 * 2 * blocks[a] * math.prod(shape) / shape[a]
    return messages, size


class Cycles(NamedTuple):
    """Messages and bytes of a rank: of a cycle with the exchange of its answer, and of what a solve takes once, the
    ghosts and unions of its operators and the exchange for the residual at its end.
    """

    each: tuple[float, float]
    once: tuple[float, float]


def cycled(blocks: Sequence[int], shape: Sequence[int]) -> Cycles:
    """Of the multigrid in a periodic square or cube, by its own account of its levels."""
    first = [
        Direction(np.linspace(0.0, 1.0, n * p + 1), tuple(split(n * p, p)), ("periodic", "periodic"))
        for n, p in zip(reversed(shape), reversed(blocks), strict=True)
    ]
    levels, steps = hierarchy((first[0], first[1], first[2]))
    each, once, own = np.zeros(2), np.zeros(2), [max(np.diff(d.parts)) for d in levels[0]]
    for number, (level, step) in enumerate(zip(levels, steps, strict=False)):
        cut = [a for a in range(3) if level[a].ranks > 1]
        if not cut:
            break
        deep = FIRST if number == 0 else DEEP
        padded = [n + 2 * (deep + 1) * (a in cut) for a, n in enumerate(own)]
        faces = sum(math.prod(padded) / padded[a] for a in cut)
        each += 2 * len(cut), 2 * 4 * deep * faces
        once += 2 * len(cut), 2 * 3 * 4 * (deep + 1) * faces
        if number == 0:
            each += 2 * len(cut), 2 * 4 * faces
            once += 2 * len(cut), 2 * 8 * faces
        own = [-(-n // 2) if step.starts[a].size <= level[a].cells else n for a, n in enumerate(own)]
        for axis, factor in step.joined:
            each += factor - 1, 4 * math.prod(own) * (factor - 1)
            once += factor - 1, 3 * 4 * math.prod(n + 1 for n in own) * (factor - 1)
            own[axis] *= factor
    return Cycles((each[0], each[1]), (once[0], once[1]))


def of_iterations(known: Law, blocks: Sequence[int], shape: Sequence[int]) -> tuple[float, float]:
    """Messages and bytes of a rank in a step's iterations, without solves of the separable problem."""
    if known.solver == "multigrid":
        cycles = cycled(blocks, shape)
        return tuple(known.iterations * a + b for a, b in zip(cycles.each, cycles.once, strict=True))  # type: ignore[return-value]
    faces = cut_faces(blocks, shape)
    return known.iterations * 2 * len(faces), known.iterations * 2 * 8.0 * sum(faces)


def solves_of(known: Law) -> float:
    """Solves of the separable problem in a step."""
    return known.solves + (known.iterations if known.solver == "torch" else 0.0)


def law(found: Sequence[Counts], solver: str) -> Law:
    """That of the runs on several ranks: the largest number of each."""
    several = [c for c in found if c.ranks > 1]
    if not several:
        return Law(solver, 0.0, 0.0, found[0].iterations, 0.0, 0.0)
    cuts = [sum(p > 1 for p in c.blocks) for c in several]
    swaps = max(c.halo[0] / cut for c, cut in zip(several, cuts, strict=True))
    per_face = max(c.halo[1] / sum(cut_faces(c.blocks, c.shape)) for c in several)
    solves = 0.0
    for c in several:
        own = Law(solver, 0.0, 0.0, c.iterations, 0.0, 0.0)
        beside = (c.pressure[0] - of_iterations(own, c.blocks, c.shape)[0]) / traded(c.blocks, c.shape)[0]
        solves = max(solves, beside - solves_of(own))
    most = max(c.iterations for c in several)
    return Law(solver, swaps, per_face, most, solves, max(c.reductions for c in several))


def messages(known: Law, blocks: Sequence[int], shape: Sequence[int]) -> float:
    """Of a step and rank, by the law."""
    cut = sum(p > 1 for p in blocks)
    beside = solves_of(known) * traded(blocks, shape)[0]
    return known.swaps * cut + of_iterations(known, blocks, shape)[0] + beside


def terms(on: Machine, known: Law, blocks: Sequence[int], shape: Sequence[int], lists: float) -> dict[str, float]:
    """Seconds of a step by what they go to. lists : seconds that lists of all ranks take, per rank in them."""
    ranks, area, cut = math.prod(blocks), sum(cut_faces(blocks, shape)), sum(p > 1 for p in blocks)
    each, size = traded(blocks, shape)
    solves, (planes, bytes_of_planes) = solves_of(known), of_iterations(known, blocks, shape)
    return {
        "cells": on.cell * math.prod(shape),
        "host": on.host,
        "halo": known.swaps * cut * on.latency + known.per_face * area / on.rate,
        "iterations": planes * on.latency + bytes_of_planes / on.rate,
        "pencils": solves * (each * on.latency + size / on.rate),
        "reductions": known.reductions * math.ceil(math.log2(max(ranks, 1))) * on.latency,
        "lists of ranks": ranks * (lists + 16.0 / on.rate),
    }


def divided(cells: Sequence[int], ranks: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ranks along (x, y, z) as a run cuts such a box, and cells of the largest block."""
    x, y, z = [*cells, 1][:3]
    blocks = tuple(reversed(choose_dims(ranks, (z, y, x), (True, True, True))))
    return blocks, tuple(-(-n // p) for n, p in zip((x, y, z), blocks, strict=True))


def seconds_of_lists(ranks: int) -> float:
    """What the plan of who gives cells to whom takes of a rank, per rank in its lists: measured here."""
    random = np.random.default_rng(1)
    work = random.integers(1000, 4000, ranks)
    begin = time.process_time()
    for _ in range(10):
        gives, takes = plan(work, work // 3)
        overlaps(gives, takes, ranks // 2)
        overlaps(takes, gives, ranks // 2)
    return (time.process_time() - begin) / (10 * ranks)


# --- the page ---------------------------------------------------------------------------------------------------


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Counts, the law that they follow, and what it says of many ranks."""
    runs = {str(ranks): ranks for ranks in RANKS}
    kept = report.kept()
    for name in chosen(runs, only):
        kept[name] = {case: c._asdict() for case, c in counted(runs[name]).items()}
        report.keep(kept, runs)
        report.progress(f"{name} rank(s) counted")
    found = {name: read(kept[name]) for name in runs}
    laws = {
        (kind, solver): law(
            [c for of in found.values() for case, c in of.items() if case[:3] == kind and case.endswith(solver)], solver
        )
        for kind in EDGE
        for solver in SOLVERS
    }
    said_counts(report, found, laws)
    volume = found[str(RANKS[0])]["3-D, weak, torch"]
    calls = LAUNCH * volume.operations
    core = CORE._replace(host=calls)
    gpu = GPU._replace(cell=volume.touched / math.prod(volume.shape) / MEMORY, host=GPU.host + calls)
    said_model(report, {solver: laws["3-D", solver] for solver in SOLVERS}, (core, gpu), seconds_of_lists(MANY[-1]))


def said_counts(report: Report, found: dict[str, dict[str, Counts]], laws: dict[tuple[str, str], Law]) -> None:
    """What was counted, beside the messages of the law."""
    report.text(
        "`tgv_reacting` (hydrogen, 9 species, periodic; two sweeps, exact chemistry), in a plane and in a box, by "
        f"`combust profile`: of a step and rank, mean of {STEPS} steps, the most of any. The pressure by multigrid, as "
        "processors have it, and by conjugate gradients in torch, as devices do. Law: messages by the model below."
    )
    rows = []
    for case, c in ((case, of[case]) for case in found[str(RANKS[0])] for of in found.values()):
        kind, how, solver = case.split(", ")
        rows.append([kind, how, solver, c.ranks, " x ".join(map(str, c.blocks)), " x ".join(map(str, c.shape)),
                     f"{c.messages:.1f}", f"{messages(laws[kind, solver], c.blocks, c.shape):.1f}",
                     f"{c.sent / 1e3:.0f}",
                     f"{c.reductions:.1f}", f"{c.iterations:.1f}", f"{c.pooled:.0f}", f"{c.operations:.0f}",
                     f"{c.touched / math.prod(c.shape) / 1e3:.1f}"])  # fmt: skip
    report.table(["case", "scaling", "pressure", "ranks", "blocks", "cells of one", "messages", "law", "kB sent",
                  "reductions", "iterations", "cells moved", "operations", "kB touched per cell"], rows)  # fmt: skip


def said_model(report: Report, laws: dict[str, Law], machines: Sequence[Machine], lists: float) -> None:
    """Weak and strong scaling in three directions, in milliseconds a step."""
    for solver, known in laws.items():
        report.text(
            f"Law in 3-D, {solver}: {known.swaps:.0f} messages of halos a direction that is cut, {known.per_face:.0f} "
            f"bytes for each cell of a cut face, {known.iterations:.1f} iterations and {known.solves:.1f} "
            f"direct solves beside them, {known.reductions:.0f} reductions."
        )
    report.text(f"A list of ranks takes {1e9 * lists:.0f} ns of each, measured here.")
    curves = {}
    for on in machines:
        known = laws[on.solver]
        report.text(
            f"{on.name}, stated: {1e6 * on.latency:g} us a message and for each of log2(ranks) stages of a reduction, "
            f"{on.rate / 1e9:.3g} GB/s, {1e6 * on.cell:.3g} us a cell, {1e3 * on.host:.3g} ms of the host a step."
        )
        for how in HOW:
            rows, times = [], []
            for ranks in MANY:
                blocks, shape = sizes(on, how, ranks)
                each = terms(on, known, blocks, shape, lists)
                total = sum(each.values())
                times.append(total)
                rows.append([how, ranks, " x ".join(map(str, shape)), *(f"{1e3 * t:.3g}" for t in each.values()),
                             f"{1e3 * total:.4g}", f"{100 * efficiency(on, shape, total):.0f} %"])  # fmt: skip
            curves[f"{on.name}, {how}"] = times
            columns = [f"{on.name}, ms", "ranks", "cells of one", *each, "step", "cells' share"]
            report.table(columns, rows)
    draw(report.pictures / "scaling.png", curves)
    report.parts.append("![Seconds of a step over ranks, weak and strong](../pictures/scaling.png)")


def sizes(on: Machine, how: str, ranks: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Blocks and cells of a rank."""
    edge = round((on.cells * ranks if how == "weak" else TOTAL) ** (1.0 / 3.0))
    return divided([edge] * 3, ranks)


def efficiency(on: Machine, shape: Sequence[int], total: float) -> float:
    """The share of a step that goes to cells."""
    return on.cell * math.prod(shape) / total


def draw(path: Path, curves: dict[str, list[float]]) -> None:
    """Seconds of a step over ranks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with drawing(path, (7.0, 4.2)) as figure:
        axes = figure.subplots()
        for name, times in curves.items():
            axes.loglog(MANY, times, "o-" if "weak" in name else "s--", label=name)
        axes.set_xlabel("ranks")
        axes.set_ylabel("seconds a step")
        axes.legend()


if __name__ == "__main__":  # the part of one rank
    ranks_of_all = world()
    with all_or_none(ranks_of_all):
        of_all = profiles(ranks_of_all)
        if ranks_of_all.is_root:
            Path(sys.argv[1]).write_text(json.dumps({case: c._asdict() for case, c in of_all.items()}))
