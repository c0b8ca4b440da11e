"""combust verify: the report card of a learned chemistry, beside exact chemistry, where it was not trained."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cantera as ct
import torch

from combust import __version__, kernels
from combust.errors import ConfigError, DependencyError, DivergenceError, FileFormatError
from combust.interrupts import STOPPED, stoppable
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import Meter
from combust.report.numbers import finite, restored
from combust.report.pages import Picture, markdown
from combust.report.tables import outputs
from combust.surrogates import library
from combust.surrogates.judge import (
    card_conditions,
    card_flames,
    card_pictures,
    card_reactors,
    card_reference,
    card_speed,
    card_steps,
    card_targets,
    report_file,
)
from combust.surrogates.judge import report_card as pages
from combust.surrogates.judge.card_conditions import FULL, QUICK, Effort, Flame, Reactor
from combust.surrogates.judge.card_reference import Trajectory
from combust.surrogates.model.model import Model, files_of, settings_of
from combust.surrogates.model.source import mechanism
from combust.surrogates.origin import now
from combust.surrogates.provider.learned import Learned
from combust.surrogates.settings import Surrogate
from combust.timers import clock

MISSED = 1  # exit code: a target is
COMPILE_FROM = 3000  # steps of reactors that win the minute of compiling back
SHORTER = (1, 2, 4)  # by which the step of a flame is divided where exact chemistry fails
REPORT = ("report.md", "report.json")
PARTS = ("reactors", "flames", "steps", "cost", "speed", "ends")
WITH_REACTORS, WITH_FLAMES = {"reactors", "steps", "cost"}, {"flames", "steps", "cost", "speed"}


@dataclass
class Work:
    """What is judged, how much, and what was found so far."""

    model: Model
    path: Path  # of the model's files, without ending
    gas: Mechanism
    settings: Surrogate
    effort: Effort
    folder: Path
    meter: Meter
    references: list[tuple[Reactor, Trajectory]] = field(default_factory=list)
    profiles: list[tuple[Flame, FlameProfile]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)  # parts that are finished, and when
    pictures: dict[str, Picture] = field(default_factory=dict)

    def progress(self, what: str) -> Any:
        """A Meter's `reach` for a piece of work."""
        self.meter.what = what
        return self.meter.reach

    def picture(self, name: str, path: Path, caption: str, draw: Any) -> None:
        """Draws one; without matplotlib a warning: the tables hold the same."""
        try:
            draw(path)
        except DependencyError as error:
            print(f"warning: no picture: {error}", file=sys.stderr)
        else:
            self.pictures[name] = Picture(path, caption)


def verify(args: argparse.Namespace) -> int:
    """Writes report.md, report.json and pictures; 0 if all targets are met, 1 if not."""
    begin = time.monotonic()
    path = library.find(args.model)
    model = Model.load(path)
    stem = files_of(path)[0].with_suffix("")
    gas = mechanism(model.card, stem.parent)
    Learned(model, gas)  # refuses what cannot be used
    parts = chosen(getattr(args, "only", None))
    folder = Path(args.out) if args.out else report_file.usual_folder(stem)
    effort = QUICK if args.quick else FULL
    kept = earlier(folder / REPORT[1], model, effort) if getattr(args, "only", None) else {}
    report, numbers = outputs(folder, REPORT, args.force or bool(kept) and not set(parts) & set(kept["made"]))
    work = Work(model, stem, gas, settings_of(model), effort, folder, Meter("steps"))
    restore(work, kept, parts)
    kernels.set_mode("eager")
    stopped = False
    try:
        with stoppable():
            compute(work, parts, bool(getattr(args, "coupling", False)))
    except KeyboardInterrupt:
        stopped = True
    finally:
        work.meter.clear()
    work.found = heading(work, args, begin) | {"stopped": stopped, "made": work.made} | work.found
    work.found["seconds"] += kept.get("seconds", 0.0)
    missed = write(work, report, numbers)
    return STOPPED if stopped else MISSED if missed else 0


def earlier(numbers: Path, model: Model, effort: Effort) -> dict[str, Any]:
    """What an earlier report of the same weights and effort found, which `--only` adds to; {} where there is none."""
    try:
        found = report_file.read(numbers)
    except FileFormatError as error:
        if numbers.exists():
            print(f"warning: the earlier report is not kept: {error}", file=sys.stderr)
        return {}
    same = (found.get("model", {}).get("sha256"), found.get("effort")) == (
        model.card["weights"]["sha256"],
        json.loads(json.dumps(asdict(effort))),
    )
    return found if same and "made" in found else {}


def restore(work: Work, kept: dict[str, Any], parts: Sequence[str]) -> None:
    """Parts and pictures of an earlier report that are not asked for now."""
    if not kept:
        return
    old = [part for part in kept["made"] if part not in parts]
    work.found |= {part: restored(kept[part]) for part in old}
    work.made |= {part: kept["made"][part] for part in old}
    work.pictures |= {
        name: Picture(work.folder / file, caption)
        for name, (file, caption) in kept["pictures"].items()
        if pages.part_of(name) in old
    }
    work.meter.say(f"kept of an earlier report of these weights: {', '.join(old) or 'nothing'}")


def write(work: Work, report: Path, numbers: Path) -> int:
    """Both files, and the targets on the terminal; how many were missed."""
    judged = pages.targets(work.found)
    work.found["targets"] = [asdict(t) | {"met": t.met} for t in judged]
    work.found["pictures"] = {name: [p.path.name, p.caption] for name, p in work.pictures.items()}
    numbers.write_text(json.dumps(finite(work.found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    text = markdown(f"Report card: {work.model.name}", pages.sections(work.found, judged, work.pictures))
    report.write_text(text, encoding="utf-8")
    if judged:
        print(pages.lines(pages.target_table(judged)))
    for sentence in card_targets.conclusions(judged):
        print(f"- {sentence}")
    missed = sum(not t.met for t in judged)
    stopped = "stopped: only what was finished is judged; " if work.found["stopped"] else ""
    verdict = f"{len(judged) - missed} of {len(judged)} targets met" if judged else "no target was judged"
    print(f"{stopped}{verdict}, {clock(work.found['seconds'])}")
    print(f"report:  {report} (and .json)")
    return missed


def chosen(only: str | None) -> list[str]:
    """Parts of the card. Raises ConfigError for an unknown one."""
    asked = list(PARTS) if only is None else only.split(",")
    for name in asked:
        if name not in PARTS:
            raise ConfigError(f"--only {name}: unknown; known: {', '.join(PARTS)}")
    return asked


def heading(work: Work, args: argparse.Namespace, begin: float) -> dict[str, Any]:
    """What was judged, by what, when."""
    card = work.model.card
    return {
        "model": {
            "name": work.model.name, "title": card.get("title", ""), "fuel": card["fuel"], "oxidizer": card["oxidizer"],
            "sha256": card["weights"]["sha256"], "mechanism": card["mechanism"]["path"],
            "mechanism_sha256": work.gas.sha256, "ranges": card["ranges"],
        },
        "quick": bool(args.quick), "effort": asdict(work.effort),
        "date": now(),
        "versions": {"combust": __version__, "cantera": ct.__version__, "torch": torch.__version__},
        "seconds": time.monotonic() - begin,
        "trained": {"errors": card.get("errors"), "router": card.get("router"), "training": card.get("training")},
    }  # fmt: skip


def compute(work: Work, parts: Sequence[str], coupling: bool) -> None:
    """The parts asked for, into work.found."""
    dt = card_conditions.step_of(work.model.card)
    if set(parts) & WITH_REACTORS:
        work.references = refer(work, card_conditions.mixtures(work.model.card, work.effort), dt, work.effort.steps)
        if not work.references:
            raise DivergenceError("no ignition within range.T_ignition has a delay that can be judged")
    if set(parts) & WITH_FLAMES:
        asked = card_conditions.flames(work.model.card, work.settings.range.T_fresh, work.effort)
        work.profiles = profiles(work, asked)
    if "reactors" in parts:
        reactors(work, dt)
        work.made["reactors"] = now()
    if "flames" in parts:
        flames(work, coupling)
        work.made["flames"] = now()
    if set(parts) & {"steps", "cost"}:
        steps(work, parts, dt)
        work.made |= {part: now() for part in ("steps", "cost") if part in parts}
    if "speed" in parts:
        speed(work)
        work.made["speed"] = now()
    if "ends" in parts:
        ends(work, dt)
        work.made["ends"] = now()


def refer(
    work: Work, mixtures: Sequence[tuple[float, float]], dt: float, steps: int, longest: float = 0.0
) -> list[tuple[Reactor, Trajectory]]:
    """Reactors by CVODE, of mixtures (phi, p), for so many steps; for steps of `longest` as well, if that is given."""
    model, effort = work.model, work.effort
    span = (card_reference.SHORTEST * max(dt, longest), effort.induction * dt)
    tell = work.progress("mixtures")
    made: list[Reactor] = []
    for k, found in enumerate(
        card_reference.reactors(work.gas, work.settings, list(mixtures), model.hold, span, effort.temperatures)
    ):
        made += found
        if not found:
            phi, p = mixtures[k]
            work.meter.say(f"no reactor at phi {phi:g}, {p:g} Pa: no delay between {span[0]:g} and {span[1]:g} s")
        tell(k + 1, len(mixtures))
    solution, tell, references = work.gas.cantera(), work.progress("reactors by CVODE"), []
    for k, at in enumerate(made):
        references.append((at, card_reference.trajectory(solution, work.settings, at, model.hold, steps * dt)))
        tell(k + 1, len(made))
    return references


def profiles(work: Work, asked: Sequence[Flame]) -> list[tuple[Flame, FlameProfile]]:
    """Cantera's free flames; one that fails is left out and said so."""
    tell, found = work.progress("flames by Cantera"), []
    for k, at in enumerate(asked):
        try:
            found.append((at, card_flames.profile_of(work.gas, work.settings, at)))
        except DivergenceError as error:
            work.meter.say(f"flame {at} left out: {str(error).splitlines()[0]}")
        tell(k + 1, len(asked))
    return found


def reactors(work: Work, dt: float) -> None:
    """Router on and off at the usual step, router on at the largest."""
    largest = work.model.card["ranges"]["dt"][1]
    effort = work.effort
    runs = [("router", dt, effort.steps), ("network", dt, effort.steps)]
    if largest > 1.5 * dt and long_enough(work.references, largest):
        runs.append(("router", largest, steps_of(work, dt, largest)))
    work.found["reactors"] = []
    for mode, step, count in runs:
        run = reactor_run(work, work.references, mode, step, count)
        work.found["reactors"].append(run)
        burnt = pages.worst(abs(c["burnt_error"]) for c in run["cases"])
        work.meter.say(
            f"router {'on' if mode == 'router' else 'off'}, dt {step:.2g} s: {pages.delays(run)}"
            + (f"; end T within {burnt:.2f} K" if run["long"] else "")
            + f"; {run['seconds']:.0f} s"
        )
    if work.found["reactors"]:
        work.picture(
            "delays",
            work.folder / "delays.png",
            "Ignition delays: CVODE (lines), router on (filled), off.",
            lambda path: card_pictures.delays(path, work.found["reactors"]),
        )


def steps_of(work: Work, dt: float, longer: float) -> int:
    """Steps of a longer dt in which the latest ignition is over."""
    return max(100, int(1.5 * work.effort.induction * dt / longer))


def long_enough(references: Sequence[tuple[Reactor, Trajectory]], dt: float) -> list[tuple[Reactor, Trajectory]]:
    """Reactors whose delay is some steps of dt."""
    return [
        (at, found) for at, found in references if card_reference.delay_of(found) >= 0.9 * card_reference.SHORTEST * dt
    ]


def reactor_run(
    work: Work, references: Sequence[tuple[Reactor, Trajectory]], mode: str, dt: float, count: int
) -> dict[str, Any]:
    """A batch of all reactors whose delays are long enough for the step."""
    on = mode == "router"
    chem = Learned(work.model, work.gas, fallback="direct" if on else "none", router=on, compile=count >= COMPILE_FROM)
    own = long_enough(references, dt)
    if not own:
        return {"mode": mode, "dt": dt, "steps": count, "long": False, "cases": [], "drift": 0.0, "Y_min": 0.0,
                "seconds": 0.0, "routes": {}}  # fmt: skip
    T, p = (torch.tensor([getattr(at, name) for at, _ in own], dtype=torch.float64) for name in ("T", "p"))
    Y = torch.tensor(card_reference.stack(own))
    made = card_reactors.follow(chem, T, p, Y, dt, count, work.progress(f"steps of reactors, {mode}, dt {dt:.2g} s"))
    cases = [card_reactors.compare(work.gas, at, k, found, made) for k, (at, found) in enumerate(own)]
    return {
        "mode": mode, "dt": dt, "steps": count, "long": count == work.effort.steps, "cases": cases,
        "drift": made.drift, "Y_min": made.Y_min, "seconds": made.seconds,
        "routes": card_reactors.shares(made.routes),
    }  # fmt: skip


def flames(work: Work, coupling: bool) -> None:
    """Every flame by exact chemistry, router on, router off, and in the network's splitting if asked for."""
    modes = [*card_flames.MODES, *(card_flames.CONTROLS if coupling else [])]
    work.found["flames"] = []
    for at, profile in work.profiles:
        work.found["flames"] += flame(work, at, profile, modes, "")


def flame(work: Work, at: Flame, profile: FlameProfile, modes: Sequence[str], head: str) -> list[dict[str, Any]]:
    """One flame by exact chemistry and others, with its picture, whose name begins with `head`; none if exact fails,
    with shorter steps too.
    """
    dt, rows = card_flames.time_step(profile, work.model.card["ranges"]["dt"]), []
    for shorter in SHORTER:
        exact = flame_run(work, at, profile, modes[0], dt / shorter)
        if not exact.failure:
            break
        work.meter.say(f"{head}flame {at}, dt {dt / shorter:.2g} s: exact chemistry fails: {exact.failure}")
    else:
        work.meter.say(f"{head}flame {at}: left out")
        return []
    runs = [exact]
    for mode in modes[1:]:
        runs.append(flame_run(work, at, profile, mode, dt / shorter))
        rows.append(card_flames.compare(work.gas, at, exact, runs[-1]) | {"dt": dt / shorter})
        work.meter.say(f"{head}flame {at}, dt {dt / shorter:.2g} s, {pages.NAMES[mode]}: {pages.in_words(rows[-1])}")
    work.picture(
        f"{head}{at}",
        work.folder / card_pictures.file_name(str(at)),
        f"Flame, {at}: exact chemistry (lines), router on (dashed), off (dotted); behind, the routes.",
        lambda path: card_pictures.flame(path, work.gas, str(at), runs, list(rows[0]["peaks"])),
    )
    return rows


def flame_run(work: Work, at: Flame, profile: FlameProfile, mode: str, dt: float) -> card_flames.Run:
    """One flame by one chemistry."""
    tell = work.progress(f"steps of the flame {at}, {mode}")
    return card_flames.run(work.gas, work.settings, at, profile, work.path, mode, dt, work.effort.flame_steps, tell)


def ends(work: Work, dt: float) -> None:
    """Reactors with the longest step, and flames, at the ends of phi and p."""
    card, effort = work.model.card, work.effort
    asked, longest = card_conditions.ends(card, work.settings.range.T_fresh, effort), max(dt, card["ranges"]["dt"][1])
    count = steps_of(work, dt, longest)
    references = refer(work, [(at.phi, at.p) for at in asked], dt, int(count * longest / dt) + 1, longest)
    run = reactor_run(work, references, "router", longest, count)
    work.meter.say(f"{pages.END}router on, dt {longest:.2g} s: {pages.delays(run)}")
    work.found["ends"] = {"reactors": run, "flames": []}
    for at, profile in profiles(work, asked):
        work.found["ends"]["flames"] += flame(work, at, profile, card_flames.MODES[:2], pages.END)


def speed(work: Work) -> None:
    """Learned beside exact chemistry in each flame, in turn; compiled where the whole card is asked for."""
    work.found["speed"] = card_speed.machine() | {"flames": []}
    tell = work.progress("flames timed")
    for k, (at, profile) in enumerate(work.profiles):
        dt = card_flames.time_step(profile, work.model.card["ranges"]["dt"])
        found = card_speed.of_flame(work.gas, work.settings, at, profile, work.path, dt, work.effort.all_flames)
        work.found["speed"]["flames"].append(found)
        tell(k + 1, len(work.profiles))
        work.meter.say(
            f"flame {at}, dt {dt:.2g} s: "
            + (
                found["failure"]
                or (f"{found['learned']:.1f} us/cell, exact {found['exact']:.1f}: {found['ratio']:.2f} times as fast")
            )
        )


def steps(work: Work, parts: Sequence[str], dt: float) -> None:
    """One-step errors and cost."""
    model = work.model
    T, p, Y = card_steps.states(
        [(at.p, found) for at, found in work.references],
        [(at.p, found) for at, found in work.profiles],
        work.effort.rows,
    )
    rows = card_steps.labelled(work.gas, model, T, p, Y, tuple(model.card["ranges"]["dt"]))
    if "steps" in parts:
        work.found["steps"] = card_steps.judge(work.gas, model, rows)
    if "cost" in parts:
        work.found["cost"] = card_steps.cost(model, work.gas, rows, dt, card_steps.TIMED)
