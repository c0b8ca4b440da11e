"""Rate constants from molecular dynamics: trajectories of known rates, boxes of ReaxFF, a kill, another program."""

from __future__ import annotations

import gzip
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.cli.rate import draw
from combust.kinetics.constants.rate import rate
from combust.kinetics.dynamics import lammps
from combust.kinetics.dynamics.run import md
from combust.kinetics.trajectories.events import contracted, history
from combust.kinetics.trajectories.molecules import species
from combust.kinetics.trajectories.network import network
from combust.kinetics.trajectories.rates import Rate, rates
from validation import synthetic_trajectories as made
from validation.report import ROOT, Report, chosen

TITLE = "Rate constants from molecular dynamics"
RUNS = 2000
RAW = 100  # of these also without persistence, for the number of raw events
EXPECTED = {"3 events": 9.8e-12, "10 events": 35e-12, "30 events": 115e-12, "100 events": 385e-12}  # s
K = 1e10  # m3/kmol/s of OH + H2 => H2O + H; twice that back
NOISE = made.Noise(0.12e12, 0.004e12)
LEAST = 8  # frames of 5 fs: 40 fs
FRAMES = 100_000
BOX = {"H2": 24, "OH": 8}
DENSITY, LENGTH, SEEDS = 91.0, 8e-12, 3
TEMPERATURES = (2000.0, 2500.0, 3000.0, 3500.0)
PICTURE = "trajectories_rate.png"
PARTS = (*EXPECTED, "two of a kind", "speed", "box", "kill", "peer")
OUTSIDE = {"box": "LAMMPS", "kill": "LAMMPS", "peer": "ReacNetGenerator"}
SMOKE = {"RUNS": 4, "RAW": 2, "FRAMES": 200, "EXPECTED": {"3 events": 9.8e-12}, "OUTSIDE": {},
         "PARTS": ("3 events", "two of a kind", "speed")}  # fmt: skip

OH, H2, H2O, H, O = (
    species(*one) for one in (("OH", [(0, 1)]), ("HH", [(0, 1)]), ("OHH", [(0, 1), (0, 2)]), ("H", []), ("O", []))
)
FORWARD = tuple(sorted((OH, H2))), tuple(sorted((H2O, H)))
PAIR = (OH, OH), tuple(sorted((H2O, O)))


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Parts that are asked for, else all whose programs are here; the page of what is kept."""
    found = report.kept()
    for part in chosen(PARTS, only):
        if part in OUTSIDE and not only and part in found and not there(part):
            continue
        start = time.process_time()
        found[part] = measure(part, report)
        found[part]["cpu"] = round(time.process_time() - start, 1)
        report.keep(found, PARTS)
        report.progress(f"{part}: {found[part]['cpu']:g} s of CPU")
    counting(report, found)
    for part, show in (("speed", speed_text), ("box", box_text), ("kill", kill_text), ("peer", peer_text)):
        if part in found:
            show(report, found[part])


def there(part: str) -> bool:
    """Whether the program of a part is installed."""
    if part == "peer":
        return peer_program() is not None
    return bool(os.environ.get("COMBUST_LAMMPS") or shutil.which("lmp"))


def measure(part: str, report: Report) -> dict[str, Any]:
    """A part, by its name."""
    if part in EXPECTED:
        return coverage(EXPECTED[part], 100 + list(EXPECTED).index(part))
    if part == "two of a kind":
        return two_of_a_kind()
    if part == "speed":
        return speed()
    return {"box": box, "kill": kill, "peer": peer}[part](report)


def coverage(duration: float, seed: int) -> dict[str, Any]:
    """RUNS trajectories of one length: how often the interval of k holds the truth, what is lost and what is left."""
    rng = np.random.default_rng(seed)
    events = true = lost = spurious = covered = flickers = raw = of_raw = 0
    for i in range(RUNS):
        one = made.simulate(rng, made.gas(4, 20, 6, 2), {made.FORWARD: K, made.REVERSE: 2 * K}, duration, NOISE)
        found = contracted(history(one.changes, LEAST), LEAST)
        rate = rates(found, made.FRAME, made.VOLUME, [FORWARD])[FORWARD]
        result = made.compare(one, found)
        events += sum(name == made.FORWARD for _, name in one.truth)
        true, lost, spurious = true + len(one.truth), lost + result.lost, spurious + result.spurious
        covered += rate.low <= K <= rate.high
        if i < RAW:
            raw += len(history(one.changes, 0).events) - len(one.truth)
            of_raw += result.spurious
            flickers += one.flickers
    return {"runs": RUNS, "events": events / RUNS, "covered": covered / RUNS, "lost": lost / true,
            "flickers": flickers / RAW, "raw": raw / RAW,
            "removed": 1 - of_raw / raw, "spurious": spurious / RUNS}  # fmt: skip


def two_of_a_kind() -> dict[str, Any]:
    """OH + OH => H2O + O: k of all runs over the truth."""
    rng, total = np.random.default_rng(7), Rate(0, 0.0)
    for _ in range(RUNS // 4):
        one = made.simulate(rng, made.gas(12, 0, 0, 0), {made.PAIR: 3 * K}, 20e-12, None)
        total += rates(contracted(history(one.changes, LEAST), LEAST), made.FRAME, made.VOLUME, [PAIR])[PAIR]
    return {"runs": RUNS // 4, "count": total.count, "ratio": total.k / (3 * K)}


READER = """
import resource, sys
from pathlib import Path
from combust.kinetics.trajectories.bonds import Hysteresis, changes
from combust.kinetics.trajectories.events import contracted, history
from combust.kinetics.trajectories.formats.reading import Given, sources
source = sources([Path(sys.argv[1])], [Given(("H", "O"), 2500.0, 0.2e-15, 3.4e-27)])[0]
found = changes(source.frames(1.45), Hysteresis(0.6, 0.3), "long")
contracted(history(found, 200), 200)
used = resource.getrusage(resource.RUSAGE_SELF)
print(len(found.step), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


def speed() -> dict[str, Any]:
    """CPU and peak of memory of a process that reads and counts a table of FRAMES frames, and one of a hundredth."""
    (size, changed, cpu, peak), (_, _, start, least) = (read_long(count) for count in (FRAMES, FRAMES // 100))
    return {"frames": FRAMES, "bytes": size, "changes": changed, "child": cpu - start, "peak": peak, "least": least}


def read_long(count: int) -> tuple[int, int, float, int]:
    """Bytes, changes of bonds, CPU [s] and peak of memory [bytes] for a table of `count` frames of 64 atoms."""
    fixture = ROOT / "tests" / "data" / "trajectories" / "h2_oh.reaxff.gz"
    parts = gzip.decompress(fixture.read_bytes()).decode().split("# Timestep")[1:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long"
        with path.open("w") as file:
            for i in range(count):  # to and fro, so that bonds go on changing as they did
                turn = i % (2 * len(parts) - 2)
                part = parts[turn if turn < len(parts) else 2 * len(parts) - 2 - turn]
                file.write(f"# Timestep {25 * i}{part[part.index(chr(10)) :]}")
        words = [sys.executable, "-c", READER, str(path)]
        changed, cpu, peak = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        return path.stat().st_size, int(changed), float(cpu), int(peak)


def folders(report: Report) -> Path:
    """Of the boxes: made, or continued where some are there."""
    where = report.runs / "box"
    for T in TEMPERATURES:
        for seed in range(1, SEEDS + 1):
            folder = where / f"T{T:g}_seed{seed}"
            md(BOX, T, DENSITY, LENGTH, folder, seed=seed, resume=(folder / "md.json").is_file())
            report.progress(f"{folder.name} is there")
    return where


def box(report: Report) -> dict[str, Any]:
    """Boxes of ReaxFF at four temperatures."""
    where = folders(report)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "ReaxFF boxes"
        record = network([where], out, mechanism="h2o2.yaml", benchmark="OH + H2 <=> H2O + H").record
        draw(report.pictures / PICTURE, rate("OH + H2 = H2O + H", records=[out], T=np.linspace(800, 3500, 28)))
    rows = [
        {"equation": one.equation, "by_persistence": list(one.by_persistence), "stable": one.stable,
         "factor": one.counting,
         "law": [one.law.A * 1e3, one.law.E / 8314.46, one.law.error_ER] if one.law else None,
         "at": [[r.T, r.count, *(x and x * 1e3 for x in (r.k, r.low, r.high, r.mechanism))] for r in one.at]}
        for one in record.reactions if len(one.reactants) == 2
    ][:8]  # fmt: skip
    return {"lammps": lammps.find().version, "time": sum(t.time for t in record.trajectories), "reactions": rows,
            "table": list(record.counting.table), "events": list(record.events), "recrossed": list(record.recrossed),
            "model": record.benchmark.factor, "warnings": list(record.warnings),
            "runs": len(record.trajectories), "seen": sum(one.count > 0 for one in record.reactions)}  # fmt: skip


def kill(report: Report) -> dict[str, Any]:
    """A run that is killed three times, beside one that is not: digests of all segments."""
    words = [sys.executable, "-m", "combust", "md", "H2:24,OH:8", "--T", "2500", "--density", "91", "--time", "0.4ps",
             "--segment", "0.05ps", "--out"]  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        whole = md(BOX, 2500.0, DENSITY, 0.4e-12, Path(name) / "whole", segment=0.05e-12).record
        kills, folder = 0, Path(name) / "killed" / "T2500_seed1"
        while kills < 3:
            child = subprocess.Popen([*words, str(folder.parent), "--resume"], stdout=subprocess.DEVNULL)
            before = len(list(folder.glob("trajectory_*")))
            while child.poll() is None and len(list(folder.glob("trajectory_*"))) < before + 2:
                time.sleep(0.2)
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                kills += 1
            child.wait()
        record = md(BOX, 2500.0, DENSITY, 0.4e-12, folder, segment=0.05e-12, resume=True).record
        return {"kills": kills, "segments": len(record.segments),
                "same": sum(a == b for a, b in zip(whole.segments, record.segments, strict=True))}  # fmt: skip


def peer_program() -> str | None:
    """ReacNetGenerator, $COMBUST_RNG or on the path."""
    return os.environ.get("COMBUST_RNG") or shutil.which("reacnetgenerator")


def peer(report: Report) -> dict[str, Any]:
    """ReacNetGenerator's counts of one of the boxes, without its hidden Markov model, beside these."""
    folder = report.runs / "box" / "T2500_seed1"
    program = peer_program()
    assert program is not None, "peer: install reacnetgenerator, or name it by COMBUST_RNG"
    with tempfile.TemporaryDirectory() as name:
        last = -1
        with (Path(name) / "bonds").open("w") as file:
            for path in sorted(folder.glob("trajectory_*.txt")):
                for part in path.read_text().split("# Timestep ")[1:]:
                    if (step := int(part.split("\n", 1)[0])) > last:
                        file.write(f"# Timestep {part}")
                        last = step
        words = [program, "--type", "bond", "-i", "bonds", "-a", "H", "O", "--nohmm", "--nproc", "1"]
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, cwd=name, check=True, capture_output=True)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows = [line.split(" ", 1) for line in (Path(name) / "bonds.reactionabcd").read_text().splitlines()]
        ask = "from importlib.metadata import version; print('ReacNetGenerator', version('reacnetgenerator'))"
        asked = [str(Path(program).parent / "python"), "-c", ask]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        own = time.process_time()
        record = network([folder], Path(name) / "own", mechanism="h2o2.yaml").record
        own = time.process_time() - own
    wanted = "[H][H]+[H][O]->[H]+[H][O][H]", "[H][O]+[H][H]->[H]+[H][O][H]", "[H][H]+[H][O]->[H][O][H]+[H]"
    forward = next((one for one in record.reactions if one.equation == "H2 + OH => H + H2O"), None)
    return {"version": version, "reactions": len(rows), "events": sum(int(n) for n, _ in rows),
            "direct": sum(int(n) for n, text in rows if text in wanted),
            "cpu_peer": end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime, "cpu_own": own,
            "own_reactions": sum(one.count > 0 for one in record.reactions),
            "own_events": sum(one.count for one in record.reactions),
            "own_direct": forward.count if forward else 0}  # fmt: skip


def counting(report: Report, found: dict[str, Any]) -> None:
    """Table and targets of the trajectories of known rates."""
    report.text(
        "Trajectories of OH + H2 <=> H2O + H in a box of 68 atoms, made by Gillespie's method with known rates "
        f"(k = {K * 1e3:.3g} cm3/mol/s), with flicker: bonds that break, and pairs that meet, for "
        f"{NOISE.short * 1e15:g} fs on average, and exchanges that take {NOISE.exchange * 1e15:g} fs, the new bond "
        "first or the old one gone first. "
        "Frames are 5 fs apart, persistence and passage times 40 fs. Covered: runs whose 95 % interval holds k. Exact "
        "intervals are conservative. Raw: events without persistence that are none, of the first "
        f"{RAW} runs. Lost: of the events that happened, both ways."
    )
    rows = []
    for part in EXPECTED:
        if (one := found.get(part)) is not None:
            rows.append((part, one["runs"], f"{one['events']:.2f}", f"{100 * one['covered']:.1f} %",
                         f"{one['raw']:.0f}", f"{100 * one['removed']:.2f} %",
                         f"{100 * one['lost']:.2f} %"))  # fmt: skip
            report.target(f"{part}: covered", one["covered"], 0.94, at_least=True)
            report.target(f"{part}: flicker removed", one["removed"], 0.95, at_least=True)
            report.target(f"{part}: events lost", one["lost"], 0.02)
    head = ("length for about", "runs", "events on average", "covered", "raw flicker a run", "removed", "lost")
    report.table(head, rows)
    if (one := found.get("two of a kind")) is not None:
        error = 1 / math.sqrt(max(one["count"], 1))
        report.text(
            f"OH + OH => H2O + O, {one['runs']} runs, {one['count']} events in all: k over the truth "
            f"{one['ratio']:.3f}, standard error of counting {error:.3f}. A count of n^2 pairs, or of n (n - 1) / 2, "
            "would show as 0.9 or 2."
        )
        report.target("two of a kind: k over the truth, less one, in standard errors", (one["ratio"] - 1) / error, 3.0)


def speed_text(report: Report, one: dict[str, Any]) -> None:
    report.text(
        f"A table of bond orders of {one['frames']} frames of 64 atoms ({one['bytes'] / 1e6:.0f} MB, {one['changes']} "
        f"changes of bonds) is read and counted in {one['child']:.0f} s of CPU; the process takes "
        f"{one['peak'] / 1e6:.0f} MB at its peak, {one['least'] / 1e6:.0f} MB for a hundredth of the frames."
    )
    report.target("seconds of CPU for that table", one["child"], 120.0)


def box_text(report: Report, one: dict[str, Any]) -> None:
    """Rates, stability and the error of the forces of the boxes."""
    report.text(
        f"`combust md` with LAMMPS {one['lammps']}: 24 H2 and 8 OH, 91 kg/m3, ffield.reax.cho, {one['runs']} "
        f"trajectories, {one['time'] * 1e12:.0f} ps in all; counted by `combust network` beside h2o2.yaml. "
        f"{one['seen']} reactions seen; those of two reactants with most events:"
    )
    rows = []
    for reaction in one["reactions"]:
        for T, n, k, low, high, mechanism in reaction["at"]:
            ratio = f"{k / mechanism:.2g} [{low / mechanism:.2g}, {high / mechanism:.2g}]" if mechanism and n else ""
            rows.append(
                (reaction["equation"], f"{T:g}", n, f"{k:.3g}" if n else "", f"{low:.3g}", f"{high:.3g}", ratio)
            )
    report.table(("reaction", "T [K]", "events", "k [cm3/mol/s]", "95 % from", "to", "k / mechanism"), rows)
    times = [f"{t * 1e15:g}" for t in one["table"]]
    report.table(("events, persistence [fs]", *times, "stable"), [
        ("all, before contraction", *one["events"], ""), ("led back to the same", *one["recrossed"], ""),
        *((r["equation"], *r["by_persistence"], "yes" if r["stable"] else "no") for r in one["reactions"]),
    ])  # fmt: skip
    first = one["reactions"][0]
    law = first["law"]
    if law:
        report.text(
            f"{first['equation']}: k = {law[0]:.2g} exp(-{law[1]:.0f} K / T), E/R +- {law[2]:.0f} K (one sigma)."
        )
    report.text(f"Error of the forces by OH + H2 <=> H2O + H: a factor {one['model']:.2g}. " + " ".join(
        f"Warning: {line}." for line in one["warnings"]))  # fmt: skip
    report.text(f"![OH + H2 in the boxes, beside h2o2.yaml and published values](../pictures/{PICTURE})")
    n = dict(zip(times, first["by_persistence"], strict=True))
    report.target(f"{first['equation']}: change of the count from 40 to 160 fs, in sqrt(N)",
                  (n["160"] - n["40"]) / math.sqrt(n["40"]), 1.0)  # fmt: skip


def kill_text(report: Report, one: dict[str, Any]) -> None:
    report.text(
        f"A box run of {one['segments']} segments, {one['kills']} times ended by SIGKILL and resumed: {one['same']} of "
        f"{one['segments']} segments and states have the digests of a run that nothing stopped."
    )
    report.target("segments that differ after kills", one["segments"] - one["same"], 0)


def peer_text(report: Report, one: dict[str, Any]) -> None:
    report.text(
        f"{one['version']} without its hidden Markov model on the first box at 2500 K, 8 ps: {one['events']} events of "
        f"{one['reactions']} reactions, H2 + OH => H2O + H among them {one['direct']} times, as it passes through "
        f"molecules that last a frame or two; {one['cpu_peer']:.1f} s of CPU. `combust network`: {one['own_events']} "
        f"events of {one['own_reactions']} reactions, that one {one['own_direct']} times; {one['cpu_own']:.1f} s."
    )
