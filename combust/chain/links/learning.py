"""Stages of learned chemistry: states and exact end states, a network, its report card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from combust.chain.digests import of_text
from combust.chain.links.kinetics import MECHANISM, write_toml
from combust.chain.settings import Chain
from combust.chain.stage import Stage, Work
from combust.errors import ConfigError, FileFormatError
from combust.settings.trees import tree
from combust.surrogates.settings import Surrogate

SAMPLES, MODEL = "samples.h5", "model.json"
WEIGHTS = "model.safetensors"
OF_SAMPLES = ("fuel", "oxidizer", "range", "sample", "phase", "ions")  # what of the settings the rows hang on
PASSING = (
    "written",
    "training",
    "versions",
    "sampler",
    "config",
    "title",
    "rounds",
)  # of a card: what no result hangs on


def stages(settings: Chain, out: Path) -> tuple[Stage, ...]:
    """sample, train."""
    own = tree(settings.learned).without("mechanism")
    rows, trained = own.only(*OF_SAMPLES), own.without("sample")
    sample, shape = settings.learned.sample, settings.learned.network
    return (
        Stage(
            "sample", "states and exact end states", lambda work: sampled(settings, work), rows, (), ("reduce",),
            {SAMPLES: content_of_samples}, command=f"combust sample {out}/sample/learned.toml --out FILE",
            size=f"{sample.rows} rows", seed=sample.seed,
        ),
        Stage(
            "train", "a network of them", lambda work: train(settings, work), trained, parent(settings),
            ("reduce", "sample"),
            {MODEL: content_of_model, WEIGHTS: None},
            command=f"combust train {out}/train/learned.toml --samples {out}/sample/{SAMPLES} --out DIR",
            size=f"{settings.learned.train.epochs} epochs, {shape.depth} layers of {shape.width}",
            seed=settings.learned.train.seed,
        ),
    )  # fmt: skip


def last(settings: Chain) -> str:
    """The stage whose network is judged and flows."""
    return "train" if settings.learn is None else "learn"


def card(settings: Chain, out: Path) -> Stage:
    """verify."""
    own = settings.verify
    asked = " --quick" * own.quick + (f" --only {','.join(own.only)}" if own.only else "")
    return Stage(
        "verify", "the report card of the network", lambda work: verify(settings, work), tree(own), (),
        ("reduce", last(settings)), {"report.json": numbers_of_card}, check=lambda: check_parts(settings),
        command=f"combust verify {out}/{last(settings)}/model --out DIR{asked}",
    )  # fmt: skip


def parent(settings: Chain) -> tuple[str, ...]:
    """The two files of the model that training starts from, if there is one. Raises FileFormatError."""
    from combust.surrogates import library

    init = settings.learned.train.init
    return tuple(str(library.find(init).with_suffix(end)) for end in (".json", ".safetensors")) if init else ()


def reduced(out: Path) -> str:
    """The mechanism that is learned and flows."""
    return str(out / "reduce" / MECHANISM)


def own_settings(settings: Chain, work: Work) -> Surrogate:
    """With the reduced mechanism, and written as a file for the verbs."""
    own = msgspec.structs.replace(
        settings.learned, mechanism=reduced(work.out), title=settings.learned.title or settings.title
    )
    write_toml(work.folder / "learned.toml", msgspec.to_builtins(own))
    return own


def sampled(settings: Chain, work: Work) -> None:
    """Goes on from what is labelled already. Each row is integrated by itself, so that threads change no digit."""
    import torch

    from combust.surrogates.data.sample import sample

    path = work.folder / SAMPLES
    again = work.resume and (path.with_name(path.name + ".parts") / "key").is_file()
    own = own_settings(settings, work)
    before = torch.get_num_threads()
    torch.set_num_threads(work.cores)
    try:
        made = sample(own, path, resume=again, force=not again, reporter=work.reporter)
    finally:
        torch.set_num_threads(before)
    work.reporter.say(f"    {len(made.samples)} rows")


def train(settings: Chain, work: Work) -> None:
    """Goes on from the last epoch."""
    from combust.surrogates.training.job import CHECKPOINT
    from combust.surrogates.training.train import train as trained

    again = work.resume and (work.folder / CHECKPOINT).is_file()
    trained(
        own_settings(settings, work), work.folder, samples=work.out / "sample" / SAMPLES, resume=again,
        force=not again, reporter=work.reporter,
    )  # fmt: skip


def verify(settings: Chain, work: Work) -> None:
    """Part by part, so that a killed one goes on. Missed targets are for the report to show, not a failure."""
    from combust.interrupts import Stopped
    from combust.surrogates.judge.parts import PARTS
    from combust.surrogates.judge.verify import verify as verified

    model, missing = work.out / last(settings) / "model", [*(settings.verify.only or PARTS)]
    if work.resume:
        missing = [part for part in missing if part not in parts_of(work.folder / "report.json")]
    for part in missing:
        found = verified(
            model, work.folder, quick=settings.verify.quick, only=[part], force=True, reporter=work.reporter
        )
        if found.stopped:
            raise Stopped("stopped")
        work.reporter.say(f"    {part}: {len(found.targets) - found.missed} of {len(found.targets)} targets met")


def check_parts(settings: Chain) -> None:
    """Raises ConfigError for a part of the card that there is not."""
    from combust.surrogates.judge.parts import PARTS

    for name in settings.verify.only or ():
        if name not in PARTS:
            raise ConfigError(f"verify.only: {name}: unknown; known: {', '.join(PARTS)}")


def parts_of(report: Path) -> list[str]:
    """Those of a report card that are finished; none where it is not whole."""
    from combust.surrogates.judge import card

    try:
        found = card.read(report)
    except FileFormatError:
        return []
    return [] if found["stopped"] else list(found["made"])


def content_of_samples(path: Path) -> str:
    """As the file has it of itself: rows and what they are of."""
    import h5py

    with h5py.File(path, "r", locking="best-effort") as file:
        return of_text(str(file.attrs["content"]))


def content_of_model(path: Path) -> str:
    """The card but for dates, times and texts."""
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return of_text({name: value for name, value in card.items() if name not in PASSING})


def numbers_of_card(path: Path) -> str:
    """Errors of reactors and flames: what does not hang on the machine's speed."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    flames = [
        [flame[name] for name in ("phi", "p", "T", "mode", "speed", "burnt_T", "peaks")]
        for flame in found.get("flames", [])
    ]
    reactors = [run["cases"] for run in found.get("reactors", [])]
    return of_text([reactors, flames])
