"""Rounds of learning beside their controls: what new states of flows buy that other training does not.

What each training found is kept beside the page; a training that is kept is not made again unless it is named:

    python -m validation rounds                  # goes on where it was stopped
    python -m validation rounds --only seed1-C   # that one anew
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from combust import kernels
from combust.case.load import load as load_case
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import ALONE
from combust.run.build import build
from combust.surrogates.data.sample import sample
from combust.surrogates.data.sample_set import SPLITS, SampleSet
from combust.surrogates.model.model import Model
from combust.surrogates.rounds.explore import Visits, explore
from combust.surrogates.rounds.learn import learn
from combust.surrogates.rounds.measure import measured
from combust.surrogates.rounds.settings import FlowCase
from combust.surrogates.settings import load
from combust.surrogates.training.train import train
from validation.report import Report

TITLE = "Rounds of learning beside their controls"
SEEDS, ROUNDS = (0, 1, 2), 2
ROWS, MORE, EPOCHS, AGAIN = 8000, 3000, 40, 12  # rows, of another seed of the sampler, epochs first and in a round
CELLS, STEPS, EVERY = 64, 60, 4
SMOKE: dict[str, Any] = {
    "SEEDS": (0,), "ROUNDS": 1, "ROWS": 500, "MORE": 200, "EPOCHS": 1, "AGAIN": 1, "STEPS": 3, "EVERY": 2, "CELLS": 24,
}  # fmt: skip
ARMS = {
    "base": "the first network",
    "loop": "round 1",
    "A": "A: as many steps of training, no new rows",
    "B": "B: as many new rows by the old sampler",
    "C": "C: from nothing, old and new rows, all epochs",
    "D": "D: end states of the new rows shuffled",
}
HALVED, WORSE = 0.5, 1.5  # of the exact share in round 1; how much worse A and B should be

CONFIG = """
title = "H2/air, small"
mechanism = "h2o2.yaml"
fuel = "H2:1"
oxidizer = "O2:1, N2:3.76"
[range]
p = [9e4, 1.2e5]
T = [280.0, 2800.0]
phi = [0.45, 1.0]
dt = [2e-7, 4e-6]
T_fresh = [300.0, 450.0]
T_ignition = [1000.0, 1400.0]
[sample]
rows = {rows}
slow = 0.15
trajectories = {{ ignition = 12, flame = 10, extinction = 0, counterflow = 0, burner = 0 }}
streams = {{ base = 0.5, perturbed = 0.25, mixed = 0.25, evolved = 0.0, multiscale = 0.0 }}
labels = {{ audit = 20 }}
held_out = 0.0
validation = 0.3
[network]
width = 64
depth = 2
[train]
epochs = {epochs}
patience = 1000
batch = 256
rate = 3e-3
device = "cpu"
"""
CASE = """
title = "planar flame"
mesh = {{ kind = "uniform", cells = [{cells}], lower = [0.0], upper = [{length}] }}
gas = {{ mechanism = "h2o2.yaml", pressure = 101325.0 }}
chemistry = {{ kind = "direct" }}
boundary = {{ x_low = {{ kind = "inflow", velocity = "flame-speed" }}, x_high = {{ kind = "outflow" }} }}
numerics = {{ dt = 2e-6, compile = "off" }}
stop = {{ steps = {steps} }}
[initial]
kind = "flame"
fuel = "H2:1"
oxidizer = "O2:1, N2:3.76"
phi = 0.6
position = {front}
"""
EXPLORED = (("initial.phi=0.5",), ("initial.phi=0.8", "numerics.dt=1.2e-6"))
HELD_OUT = (("initial.phi=0.6",), ("initial.phi=0.7", "initial.temperature=400.0", "numerics.dt=1.2e-6"))
OUTSIDE = ("initial.phi=0.6", "gas.pressure=303975.0", "numerics.dt=1e-6")


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Trainings that are named or not kept yet, then the page of all that are kept."""
    page(report, report.resumed(names(), only, Study(report).perform, str))


def names() -> list[str]:
    """Of all trainings, in the order in which they need each other."""
    return ["exact", *(f"seed{seed}-{arm}" for seed in SEEDS for arm in ARMS)]


class Study:
    """Files of the study, and how each training is made from those before it."""

    def __init__(self, report: Report) -> None:
        self.runs, self.say = report.runs, report.progress
        self.runs.mkdir(parents=True, exist_ok=True)
        self.config, self.case = self.runs / "small.toml", self.runs / "flame.toml"
        self.config.write_text(CONFIG.format(rows=ROWS, epochs=EPOCHS), encoding="utf-8")
        length = CELLS * 7.5e-5
        self.case.write_text(CASE.format(cells=CELLS, length=length, front=0.4 * length, steps=STEPS), encoding="utf-8")

    def flow(self, changes: Sequence[str]) -> FlowCase:
        return FlowCase(case=str(self.case), set=tuple(changes))

    def perform(self, name: str) -> dict[str, Any]:
        begin = time.process_time()
        found = self.exact() if name == "exact" else self.arm(*name.removeprefix("seed").split("-"))
        return found | {"cpu": time.process_time() - begin}

    def arm(self, seed: str, arm: str) -> dict[str, Any]:
        make: dict[str, Callable[[int], dict[str, Any]]] = {
            "base": self.base, "loop": self.loop, "A": self.alone, "B": self.sampled, "C": self.anew,
            "D": self.shuffled,
        }  # fmt: skip
        return make[arm](int(seed))

    # --- rows -------------------------------------------------------------------------------------------------------

    def samples(self, which: str, changes: Sequence[str] = ()) -> Path:
        """A sample set, made once."""
        path = self.runs / f"{which}.h5"
        if not path.is_file():
            begin = time.process_time()
            sample(self.config, path, changes=changes, force=True)
            self.say(f"{which}: {time.process_time() - begin:.0f} s of CPU")
        return path

    @property
    def first(self) -> Path:
        return self.samples("first")

    def added(self, seed: int) -> Path:
        return self.runs / f"seed{seed}-loop" / "round_1" / "rows.h5"

    # --- trainings ----------------------------------------------------------------------------------------------------

    def base(self, seed: int) -> dict[str, Any]:
        return self.trained(f"seed{seed}-base", [self.first], seed, EPOCHS, None)

    def loop(self, seed: int) -> dict[str, Any]:
        """By `combust learn`, all rounds; the first one is that of the controls."""
        folder, first = self.runs / f"seed{seed}-loop", self.model(f"seed{seed}-base")
        text = [
            f'config = "{self.seeded(seed)}"', f'samples = "{self.first}"', f'model = "{first}"',
            "[explore]", f"every = {EVERY}",
            f"cases = [{self.inline(EXPLORED)}]", f"held_out = [{self.inline(HELD_OUT)}]",
            "[train]", f"epochs = {AGAIN}",
            "[stop]", f"rounds = {ROUNDS}", "exact_share = 0.0",
        ]  # fmt: skip
        path = folder.with_suffix(".toml")
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        again = (folder / "learn.json").is_file()
        found = learn(path, folder, resume=again, force=False)
        report = self.judged(folder / "round_1" / "model" if len(found.records) > 1 else first)
        rounds = [[one.exact_share, one.error, one.added, dict(one.cpu), one.step_cpu] for one in found.records]
        return report | {"rows": found.records[-1].rows, "rounds": rounds, "reason": found.reason}

    def alone(self, seed: int) -> dict[str, Any]:
        """As many steps of training as the round had."""
        old = int((SampleSet.read(self.first).split == 0).sum())
        epochs = round(AGAIN * (1 + len(SampleSet.read(self.added(seed))) / old))
        return self.trained(f"seed{seed}-A", [self.first], seed, epochs, seed)

    def sampled(self, seed: int) -> dict[str, Any]:
        more = SampleSet.read(self.samples("more", (f"sample.rows={MORE}", "sample.seed=1")))
        own = np.flatnonzero(more.split == SPLITS.index("train"))[: len(SampleSet.read(self.added(seed)))]
        path = self.runs / f"seed{seed}-B.h5"
        more.rows(own).write(path)
        return self.trained(f"seed{seed}-B", [self.first, path], seed, AGAIN, seed) | {"new": len(own)}

    def anew(self, seed: int) -> dict[str, Any]:
        return self.trained(f"seed{seed}-C", [self.first, self.added(seed)], seed, EPOCHS + AGAIN, None)

    def shuffled(self, seed: int) -> dict[str, Any]:
        rows, path = SampleSet.read(self.added(seed)), self.runs / f"seed{seed}-D.h5"
        order = np.random.default_rng(seed).permutation(len(rows))
        replace(rows, T1=rows.T1[order], Y1=rows.Y1[order]).write(path)
        return self.trained(f"seed{seed}-D", [self.first, path], seed, AGAIN, seed)

    def trained(self, name: str, sources: list[Path], seed: int, epochs: int, init: int | None) -> dict[str, Any]:
        """A network, judged; `init`: of which seed's first network it starts, at half the rate."""
        settings = load(self.config, [f"train.seed={seed}", f"train.epochs={epochs}"])
        start = None if init is None else self.model(f"seed{init}-base")
        if start is not None:
            settings = load(self.config, [f"train.seed={seed}", f"train.epochs={epochs}", "train.rate=1.5e-3"])
        begin = time.process_time()
        train(settings, self.runs / name, samples=sources, init=start, force=True)
        spent = time.process_time() - begin
        return self.judged(self.model(name)) | {"training": spent}

    def model(self, name: str) -> Path:
        return self.runs / name / "model"

    def seeded(self, seed: int) -> Path:
        path = self.runs / f"small_{seed}.toml"
        text = CONFIG.format(rows=ROWS, epochs=EPOCHS) + f"seed = {seed}\n"
        path.write_text(text, encoding="utf-8")
        return path

    def inline(self, flows: Sequence[Sequence[str]]) -> str:
        sets = (", ".join(f"'{change}'" for change in changes) for changes in flows)
        return ", ".join(f'{{ case = "{self.case}", set = [{each}] }}' for each in sets)

    # --- judging ------------------------------------------------------------------------------------------------------

    def judged(self, path: Path) -> dict[str, Any]:
        """By flows of which nothing was harvested, and one outside of every range."""
        model = Model.load(path)
        visits: list[Visits] = [explore(self.flow(changes), path, EVERY) for changes in HELD_OUT]
        found = measured(model, Mechanism.load(load(self.config).mechanism), visits)
        beyond = explore(self.flow(OUTSIDE), path, EVERY)
        return {
            "exact": found.exact_share, "of_all": found.exact_of_all, "error": found.error, "within": found.within,
            "step_cpu": found.step_cpu, "speeds": [one.speed for one in visits], "outside": beyond.exact_share,
            "outside_speed": beyond.speed, "weights": Model.load(path).card["weights"]["sha256"][:8],
        }  # fmt: skip

    def exact(self) -> dict[str, Any]:
        """The same flows with exact chemistry."""
        speeds, spent, steps = [], 0.0, 0
        for changes in (*HELD_OUT, OUTSIDE):
            with kernels.using("eager"):
                config = load_case(str(self.case), changes)
                flow = build(config, ALONE)
                begin = time.process_time()
                for _ in range(STEPS):
                    flow.advance(config.numerics.dt or 1e-6)
                if changes != OUTSIDE:
                    spent, steps = spent + time.process_time() - begin, steps + STEPS
            speeds.append(flow.quantity("flame_speed"))
        return {"speeds": speeds[:-1], "outside_speed": speeds[-1], "step_cpu": spent / steps}


# --- the page ---------------------------------------------------------------------------------------------------------


def page(report: Report, kept: dict[str, Any]) -> None:
    """Tables and verdicts of what is kept."""
    report.text(
        f"Hydrogen in air, one network of 64 x 2 on {ROWS} rows of reactors and flames ({EPOCHS} epochs), then "
        f"{ROUNDS} round(s) of `combust learn` ({AGAIN} epochs each) that explore planar flames of phi 0.5 and 0.8. "
        "Judged by flames that were never harvested: phi 0.6 at 300 K, and phi 0.7 at 400 K. Exact: cells of those "
        "that are not slow; error: of the network's own step there, 90 % quantile, in units of what the router allows; "
        "speed: largest departure from exact chemistry in the same flow; 3 atm: exact share at a pressure outside "
        "every range. Median of the seeds, and their range. What each training found is in rounds.json beside this "
        "page; a second call goes on with what is missing."
    )
    if missing := [name for name in names() if name not in kept]:
        report.text(f"**Not run yet**: {', '.join(missing)}.")
    report.table(
        ["training", "seeds", "exact", "error", "within", "speed", "ms a step", "3 atm", "CPU of training [s]"],
        [row(arm, words, kept) for arm, words in ARMS.items() if of(arm, kept)],
    )
    rounds(report, kept)
    verdicts(report, kept)


def of(arm: str, kept: dict[str, Any]) -> list[dict[str, Any]]:
    """What the seeds gave."""
    return [kept[f"seed{seed}-{arm}"] for seed in SEEDS if f"seed{seed}-{arm}" in kept]


def row(arm: str, words: str, kept: dict[str, Any]) -> list[str]:
    """Of the table."""
    found, right = of(arm, kept), kept["exact"]["speeds"]
    speed = [max(abs(a / b - 1) for a, b in zip(one["speeds"], right, strict=True)) for one in found]
    training = [one["training"] for one in found if "training" in one]
    return [
        words, str(len(found)), spread([100 * one["exact"] for one in found], "%"),
        spread([one["error"] for one in found]),
        spread([100 * one["within"] for one in found], "%"), spread([100 * x for x in speed], "%"),
        spread([1e3 * one["step_cpu"] for one in found]), spread([100 * one["outside"] for one in found], "%"),
        spread(training) if training else ""]  # fmt: skip


def spread(values: Sequence[float], unit: str = "") -> str:
    """Median (lowest to highest)."""
    unit = f" {unit}" if unit else ""
    return f"{median(values):.3g} ({min(values):.3g} to {max(values):.3g}){unit}"


def rounds(report: Report, kept: dict[str, Any]) -> None:
    """Each round of each seed, its cost and when it has paid."""
    lines, exact = [], kept.get("exact", {}).get("step_cpu", float("nan"))
    for seed in SEEDS:
        if f"seed{seed}-loop" not in kept:
            continue
        first, spent = kept[f"seed{seed}-loop"]["rounds"][0], 0.0
        for number, (share, error, added, cpu, step) in enumerate(kept[f"seed{seed}-loop"]["rounds"]):
            spent += sum(cpu.values()) if number else 0.0
            saved = first[4] - step
            pays = f"{spent / saved:.3g}" if number and saved > 0 else "never" if number else ""
            against = f"{spent / (exact - step):.3g}" if number and exact > step else "never" if number else ""
            phases = [f"{cpu.get(name, 0.0):.1f}" for name in ("explore", "label", "train", "judge")]
            lines.append([str(seed), str(number), str(added), f"{100 * share:.2f} %", f"{error:.3g}", *phases,
                          f"{1e3 * step:.2f}", pays, against])  # fmt: skip
    if lines:
        report.text("## Rounds")
        report.text(
            "CPU seconds of exploring, labels, training (with calibration) and judging; *pays after*: steps of the "
            "held-out flows until the rounds have saved what they cost, judging included, against the first network "
            "and against "
            f"exact chemistry ({1e3 * exact:.2f} ms a step)."
        )
        report.table(
            ["seed", "round", "rows added", "exact", "error", "explore", "label", "train", "judge", "ms a step",
             "pays after", "against exact"], lines)  # fmt: skip


def verdicts(report: Report, kept: dict[str, Any]) -> None:
    """Whether a round halves the exact share, and whether its new states are what does it."""
    if not of("loop", kept) or not of("base", kept):
        report.target("trainings of the loop", 0, 1, at_least=True)
        return
    mid = {arm: median(one["exact"] for one in of(arm, kept)) for arm in ARMS if of(arm, kept)}
    report.target("exact share after round 1 over that before", mid["loop"] / max(mid["base"], 1e-9), HALVED)
    for arm in ("A", "B"):
        if arm in mid:
            ratio = mid[arm] / max(mid["loop"], 1e-9)
            report.target(f"exact share of control {arm} over that of round 1", ratio, WORSE, at_least=True)
    if "D" in mid:
        gain = (mid["base"] - mid["D"]) / max(mid["base"] - mid["loop"], 1e-9)
        report.target("share of the gain that shuffled end states keep", max(gain, 0.0), 0.2)
