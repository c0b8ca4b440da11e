"""The parts of a report card: what each needs, computes and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from combust.errors import DependencyError, DivergenceError
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import Reach, Reporter
from combust.report.pages import Picture
from combust.surrogates.judge import conditions, flames, pictures, reactors
from combust.surrogates.judge import report as pages
from combust.surrogates.judge import steps as one_step
from combust.surrogates.judge.conditions import Effort, Flame, Reactor
from combust.surrogates.judge.reactors import CvodeHistory
from combust.surrogates.model.model import Model
from combust.surrogates.origin import now
from combust.surrogates.provider.learned import Learned
from combust.surrogates.settings import Surrogate

COMPILE_FROM = 3000  # steps of reactors that win the minute of compiling back
SHORTER = (1, 2, 4)  # by which the step of a flame is divided where exact chemistry fails
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
    reporter: Reporter
    references: list[tuple[Reactor, CvodeHistory]] = field(default_factory=list)
    profiles: list[tuple[Flame, FlameProfile]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)  # parts that are finished, and when
    pictures: dict[str, Picture] = field(default_factory=dict)

    def progress(self, what: str) -> Reach:
        """Hears how far a piece of work is: done, total."""
        return self.reporter.of(what).reach

    def picture(self, name: str, path: Path, caption: str, draw: Any) -> None:
        """Draws one; without matplotlib a warning: the tables hold the same."""
        try:
            draw(path)
        except DependencyError as error:
            self.reporter.warn(f"no picture: {error}")
        else:
            self.pictures[name] = Picture(path, caption)


def compute(work: Work, parts: Sequence[str], coupling: bool) -> None:
    """The parts asked for, into work.found."""
    dt = conditions.step_of(work.model.card)
    if set(parts) & WITH_REACTORS:
        work.references = refer(work, conditions.mixtures(work.model.card, work.effort), dt, work.effort.steps)
        if not work.references:
            raise DivergenceError("no ignition within range.T_ignition has a delay that can be judged")
    if set(parts) & WITH_FLAMES:
        asked = conditions.flames(work.model.card, work.settings.range.T_fresh, work.effort)
        work.profiles = profiles(work, asked)
    if "reactors" in parts:
        judge_reactors(work, dt)
        work.made["reactors"] = now()
    if "flames" in parts:
        judge_flames(work, coupling)
        work.made["flames"] = now()
    if set(parts) & {"steps", "cost"}:
        judge_steps(work, parts, dt)
        work.made |= {part: now() for part in ("steps", "cost") if part in parts}
    if "speed" in parts:
        judge_speed(work)
        work.made["speed"] = now()
    if "ends" in parts:
        judge_ends(work, dt)
        work.made["ends"] = now()


def refer(
    work: Work, mixtures: Sequence[tuple[float, float]], dt: float, steps: int, longest: float = 0.0
) -> list[tuple[Reactor, CvodeHistory]]:
    """Reactors by CVODE, of mixtures (phi, p), for so many steps; for steps of `longest` as well, if that is given."""
    model, effort = work.model, work.effort
    span = (reactors.SHORTEST * max(dt, longest), effort.induction * dt)
    reach = work.progress("mixtures")
    made: list[Reactor] = []
    for k, found in enumerate(
        reactors.conditions_of(work.gas, work.settings, list(mixtures), model.hold, span, effort.temperatures)
    ):
        made += found
        if not found:
            phi, p = mixtures[k]
            work.reporter.say(f"no reactor at phi {phi:g}, {p:g} Pa: no delay between {span[0]:g} and {span[1]:g} s")
        reach(k + 1, len(mixtures))
    solution, reach, references = work.gas.cantera(), work.progress("reactors by CVODE"), []
    for k, at in enumerate(made):
        references.append((at, reactors.by_cvode(solution, work.settings, at, model.hold, steps * dt)))
        reach(k + 1, len(made))
    return references


def profiles(work: Work, asked: Sequence[Flame]) -> list[tuple[Flame, FlameProfile]]:
    """Cantera's free flames; one that fails is left out and said so."""
    reach, found = work.progress("flames by Cantera"), []
    for k, at in enumerate(asked):
        try:
            found.append((at, flames.profile_of(work.gas, work.settings, at)))
        except DivergenceError as error:
            work.reporter.say(f"flame {at} left out: {str(error).splitlines()[0]}")
        reach(k + 1, len(asked))
    return found


def judge_reactors(work: Work, dt: float) -> None:
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
        work.reporter.say(
            f"router {'on' if mode == 'router' else 'off'}, dt {step:.2g} s: {pages.delays(run)}"
            + (f"; end T within {burnt:.2f} K" if run["long"] else "")
            + f"; {run['seconds']:.0f} s"
        )
    if work.found["reactors"]:
        work.picture(
            "delays",
            work.folder / "delays.png",
            "Ignition delays: CVODE (lines), router on (filled), off.",
            lambda path: pictures.delays(path, work.found["reactors"]),
        )


def steps_of(work: Work, dt: float, longer: float) -> int:
    """Steps of a longer dt in which the latest ignition is over."""
    return max(100, int(1.5 * work.effort.induction * dt / longer))


def long_enough(references: Sequence[tuple[Reactor, CvodeHistory]], dt: float) -> list[tuple[Reactor, CvodeHistory]]:
    """Reactors whose delay is some steps of dt."""
    return [(at, found) for at, found in references if reactors.delay_of(found) >= 0.9 * reactors.SHORTEST * dt]


def reactor_run(
    work: Work, references: Sequence[tuple[Reactor, CvodeHistory]], mode: str, dt: float, count: int
) -> dict[str, Any]:
    """A batch of all reactors whose delays are long enough for the step."""
    on = mode == "router"
    chem = Learned(work.model, work.gas, fallback="direct" if on else "none", router=on, compile=count >= COMPILE_FROM)
    own = long_enough(references, dt)
    if not own:
        return {"mode": mode, "dt": dt, "steps": count, "long": False, "cases": [], "drift": 0.0, "Y_min": 0.0,
                "seconds": 0.0, "routes": {}}  # fmt: skip
    T, p = (torch.tensor([getattr(at, name) for at, _ in own], dtype=torch.float64) for name in ("T", "p"))
    Y = torch.tensor(reactors.stack(own))
    made = reactors.follow(chem, T, p, Y, dt, count, work.progress(f"steps of reactors, {mode}, dt {dt:.2g} s"))
    cases = [reactors.compare(work.gas, at, k, found, made) for k, (at, found) in enumerate(own)]
    return {
        "mode": mode, "dt": dt, "steps": count, "long": count == work.effort.steps, "cases": cases,
        "drift": made.drift, "Y_min": made.Y_min, "seconds": made.seconds,
        "routes": reactors.shares(made.routes),
    }  # fmt: skip


def judge_flames(work: Work, coupling: bool) -> None:
    """Every flame by exact chemistry, router on, router off, and in the network's splitting if asked for."""
    modes = [*flames.MODES, *(flames.CONTROLS if coupling else [])]
    work.found["flames"] = []
    for at, profile in work.profiles:
        work.found["flames"] += flame(work, at, profile, modes, "")


def flame(work: Work, at: Flame, profile: FlameProfile, modes: Sequence[str], head: str) -> list[dict[str, Any]]:
    """One flame by exact chemistry and others, with its picture, whose name begins with `head`; none if exact fails,
    with shorter steps too.
    """
    dt, rows = flames.time_step(profile, work.model.card["ranges"]["dt"]), []
    for shorter in SHORTER:
        exact = flame_run(work, at, profile, modes[0], dt / shorter)
        if not exact.failure:
            break
        work.reporter.say(f"{head}flame {at}, dt {dt / shorter:.2g} s: exact chemistry fails: {exact.failure}")
    else:
        work.reporter.say(f"{head}flame {at}: left out")
        return []
    runs = [exact]
    for mode in modes[1:]:
        runs.append(flame_run(work, at, profile, mode, dt / shorter))
        rows.append(flames.compare(work.gas, at, exact, runs[-1]) | {"dt": dt / shorter})
        work.reporter.say(f"{head}flame {at}, dt {dt / shorter:.2g} s, {pages.NAMES[mode]}: {pages.in_words(rows[-1])}")
    work.picture(
        f"{head}{at}",
        work.folder / pictures.file_name(str(at)),
        f"Flame, {at}: exact chemistry (lines), router on (dashed), off (dotted); behind, the routes.",
        lambda path: pictures.flame(path, work.gas, str(at), runs, list(rows[0]["peaks"])),
    )
    return rows


def flame_run(work: Work, at: Flame, profile: FlameProfile, mode: str, dt: float) -> flames.Run:
    """One flame by one chemistry."""
    reach = work.progress(f"steps of the flame {at}, {mode}")
    return flames.run(work.gas, work.settings, at, profile, work.path, mode, dt, work.effort.flame_steps, reach)


def judge_ends(work: Work, dt: float) -> None:
    """Reactors with the longest step, and flames, at the ends of phi and p."""
    card, effort = work.model.card, work.effort
    asked, longest = conditions.ends(card, work.settings.range.T_fresh, effort), max(dt, card["ranges"]["dt"][1])
    count = steps_of(work, dt, longest)
    references = refer(work, [(at.phi, at.p) for at in asked], dt, int(count * longest / dt) + 1, longest)
    run = reactor_run(work, references, "router", longest, count)
    work.reporter.say(f"{pages.END}router on, dt {longest:.2g} s: {pages.delays(run)}")
    work.found["ends"] = {"reactors": run, "flames": []}
    for at, profile in profiles(work, asked):
        work.found["ends"]["flames"] += flame(work, at, profile, flames.MODES[:2], pages.END)


def judge_speed(work: Work) -> None:
    """Learned beside exact chemistry in each flame, in turn; compiled where the whole card is asked for."""
    work.found["speed"] = one_step.machine() | {"flames": []}
    reach = work.progress("flames timed")
    for k, (at, profile) in enumerate(work.profiles):
        dt = flames.time_step(profile, work.model.card["ranges"]["dt"])
        found = one_step.of_flame(work.gas, work.settings, at, profile, work.path, dt, work.effort.all_flames)
        work.found["speed"]["flames"].append(found)
        reach(k + 1, len(work.profiles))
        work.reporter.say(
            f"flame {at}, dt {dt:.2g} s: "
            + (
                found["failure"]
                or (f"{found['learned']:.1f} us/cell, exact {found['exact']:.1f}: {found['ratio']:.2f} times as fast")
            )
        )


def judge_steps(work: Work, parts: Sequence[str], dt: float) -> None:
    """One-step errors and cost."""
    model = work.model
    T, p, Y = one_step.states(
        [(at.p, found) for at, found in work.references],
        [(at.p, found) for at, found in work.profiles],
        work.effort.rows,
    )
    rows = one_step.labelled(work.gas, model, T, p, Y, tuple(model.card["ranges"]["dt"]))
    if "steps" in parts:
        work.found["steps"] = one_step.errors(work.gas, model, rows)
    if "cost" in parts:
        work.found["cost"] = one_step.cost(model, work.gas, rows, dt, one_step.TIMED)
