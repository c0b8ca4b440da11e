"""The stage of rounds: the network learns from the chain's own flows where its error is large, and trains on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from combust.chain.links.flows import case_of, toml_of, without_paths
from combust.chain.links.kinetics import write_toml
from combust.chain.links.learning import MODEL, SAMPLES, WEIGHTS, content_of_model, own_settings
from combust.chain.settings import Chain, Rounds, Variant
from combust.chain.stage import Stage, Work
from combust.errors import ConfigError, at
from combust.settings.config import override
from combust.settings.switch import Switches
from combust.settings.trees import tree
from combust.surrogates.rounds.settings import Explore, FlowCase, Learn

NAME, STATE = "learn", "learn.json"


def stages(settings: Chain, out: Path) -> tuple[Stage, ...]:
    """One, or none."""
    rounds = settings.learn
    if rounds is None:
        return ()
    named = sorted({one.flow for one in (*rounds.explore, *rounds.held_out)})
    for name in named:
        if name not in settings.flows:
            raise ConfigError(f"learn: {name} is no flow of this chain; there are {', '.join(settings.flows)}")
    cases = {name: without_paths(case_of(settings, name, False, out)) for name in named}
    own = {"rounds": tree(rounds), "cases": cases, "learned": tree(settings.learned).without("mechanism")}
    return (
        Stage(
            NAME, "rounds of learning from the flows", lambda work: learned(settings, work), own, (),
            ("reduce", "sample", "train"), {MODEL: content_of_model, WEIGHTS: None},
            check=lambda: check(settings), command=f"combust learn {out}/{NAME}/learn.toml --out DIR",
            size=f"{len(rounds.explore)} flows, {rounds.stop.rounds} rounds at most", seed=settings.learned.train.seed,
        ),
    )  # fmt: skip


def check(settings: Chain) -> None:
    """Raises ConfigError for changes of flows that cannot be, before stages before it take their time."""
    from combust.case.load import convert

    rounds = settings.learn
    assert rounds is not None
    for one in (*rounds.explore, *rounds.held_out):
        raw = case_of(settings, one.flow, False, Path("."))
        with at(f"learn: {one.flow}"):
            for text in one.set:
                override(raw, text, Switches(None))
            convert(raw, "case")


def learned(settings: Chain, work: Work) -> None:
    """Goes on from the last round that is whole, and within one from what is done."""
    from combust.surrogates.rounds.learn import learn

    own_settings(settings, work)
    asked = of_rounds(settings, work)
    again = work.resume and (work.folder / STATE).is_file()
    found = learn(asked, work.folder, resume=again, force=not again, reporter=work.reporter)
    work.reporter.say(f"    {found.reason}; the network of round {found.best} is kept")


def of_rounds(settings: Chain, work: Work) -> Learn:
    """The file that `combust learn` takes, and the cases that it names, written beside it."""
    rounds = settings.learn
    assert rounds is not None
    for name in {one.flow for one in (*rounds.explore, *rounds.held_out)}:
        text = toml_of(case_of(settings, name, False, work.out))
        (work.folder / f"{name}.toml").write_text(text, encoding="utf-8")

    # The file names what lies beside it, in a folder that takes another name when all is done.
    write_toml(work.folder / "learn.toml", msgspec.to_builtins(placed(rounds, work, Path())))
    return placed(rounds, work, work.folder)


def placed(rounds: Rounds, work: Work, folder: Path) -> Learn:
    """The rounds with the files of `folder`."""

    def cases(flows: tuple[Variant, ...]) -> tuple[FlowCase, ...]:
        return tuple(
            FlowCase(case=str(folder / f"{one.flow}.toml"), set=one.set, title=" ".join((one.flow, *one.set)))
            for one in flows
        )

    return Learn(
        config=str(folder / "learned.toml"), samples=str(work.out / "sample" / SAMPLES),
        model=str(work.out / "train" / "model"), select=rounds.select, train=rounds.train, stop=rounds.stop,
        explore=Explore(cases=cases(rounds.explore), held_out=cases(rounds.held_out), every=rounds.every),
    )  # fmt: skip
